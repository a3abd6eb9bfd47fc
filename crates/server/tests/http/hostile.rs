//! Nasty bytes in every parameter, header and cookie of every endpoint: no failure, no reflection, nothing internal.

use serde_json::json;

use crate::fixture::exchange::{EXCHANGE, SCOPES, SHOP, body};
use crate::fixture::haravan::{LOGIN_SCOPE, Person};
use crate::fixture::{Answer, At, Browser, FORMS, PASSWORD, Sandbox, basic, form};

/// What is put everywhere. None of it may come back as it is, nor make us fail.
const NASTY: [&[u8]; 22] = [
    b"",
    b" ",
    b"\0",
    b"\r\nx-injected: 1\r\n\r\n<script>",
    b"\xff\xfe\xfd",
    b"\xc0\xaf..\xc0\xaf",
    b"\xed\xa0\x80",
    "\u{202e}\u{feff}\u{fffd}é".as_bytes(),
    b"<script>alert(1)</script>",
    b"\"><svg onload=alert(1)>",
    b"'; DROP TABLE grants; --",
    b"' OR '1'='1",
    b"${jndi:ldap://evil.test/x}{{7*7}}#{7*7}%{7*7}",
    b"../../../../etc/passwd",
    b"%",
    b"%00%0d%0a%zz%",
    b"&=&=;=?#/@:",
    b"-1",
    b"99999999999999999999999999",
    b"1e300",
    b"[]{}\"\\",
    b"%s%n%x",
];

const PARAMETERS: [&str; 22] = [
    "grant_type",
    "code",
    "redirect_uri",
    "code_verifier",
    "refresh_token",
    "scope",
    "client_id",
    "client_secret",
    "token",
    "token_type_hint",
    "response_type",
    "response_mode",
    "state",
    "code_challenge",
    "code_challenge_method",
    "username",
    "password",
    "continuation",
    "decision",
    "organization",
    "account",
    "orgid",
];

fn encoded(bytes: &[u8]) -> String {
    form_urlencoded::byte_serialize(bytes).collect()
}

/// `parameters` without `name`, and then `name` with these bytes.
fn with(parameters: &[(&str, &str)], name: &str, bytes: &[u8]) -> String {
    let kept: Vec<_> = parameters.iter().filter(|(of, _)| *of != name).copied().collect();
    format!("{}&{name}={}", crate::fixture::encode(&kept), encoded(bytes))
}

#[track_caller]
fn harmless(answer: &Answer, what: &str) {
    assert!(answer.status < 500, "{what}: {answer:?}");
    assert!(!answer.headers.contains_key("x-injected"), "{what}: {answer:?}");
    let body = answer.body.to_lowercase();
    for never in
        ["<script", "<svg onload", "panicked", ".rs:", "sqlite", "rusqlite", "select ", "stack backtrace", "/root"]
    {
        assert!(!body.contains(never), "{what}: {never} in {answer:?}");
    }
    if body.starts_with('{') {
        let _ = answer.json();
    }
}

async fn post(at: &At, path: &str, body: &str, header: Option<&str>) -> Answer {
    let call = at.call("POST", path).header("content-type", "application/x-www-form-urlencoded");
    let call = match header {
        Some(header) => call.header("authorization", header),
        None => call,
    };
    call.body(body.as_bytes()).send().await
}

#[tokio::test]
async fn nasty_bytes_in_any_parameter_of_the_clients_endpoints_are_harmless() {
    let sandbox = Sandbox::start().await;
    for at in sandbox.both() {
        let header = basic(at.app().client_id, at.app().client_secret);
        for grant_type in ["authorization_code", "refresh_token", "client_credentials"] {
            let right = [("grant_type", grant_type), ("code", "x"), ("refresh_token", "x"), ("token", "x")];
            for name in PARAMETERS.into_iter().take(10) {
                for nasty in NASTY {
                    let body = with(&right, name, nasty);
                    for path in [at.token, at.revoke, at.introspect] {
                        let answer = post(at, path, &body, Some(&header)).await;
                        harmless(&answer, &format!("{path} {body}"));
                    }
                    let in_query = post(at, &format!("{}?{body}", at.token), "", None).await;
                    harmless(&in_query, &body);
                }
            }
        }
    }
    sandbox.operator.get("/healthz").await.expect(200);
}

#[tokio::test]
async fn nasty_bytes_in_any_parameter_of_the_pages_are_harmless() {
    let sandbox = Sandbox::start().await;
    for at in sandbox.both() {
        let mut signed_in = Browser::new(at);
        let _ = signed_in.log_in().await;
        let right = signed_in.parameters(&[("decision", "allow")]);
        let query = crate::fixture::encode(&right);
        for name in PARAMETERS.into_iter().skip(2) {
            for nasty in NASTY {
                let changed = with(&right, name, nasty);
                for cookie in [signed_in.cookie(), String::new()] {
                    let call = at.call("GET", &format!("{}?{changed}", at.authorize)).header("cookie", &cookie);
                    harmless(&call.send().await, &changed);
                    for step in FORMS {
                        for (target, body) in [
                            (format!("{}{step}?{changed}", at.authorize), ""),
                            (format!("{}{step}?{query}", at.authorize), changed.as_str()),
                        ] {
                            let call = at.call("POST", &target).header("cookie", &cookie);
                            let call = call.header("content-type", "application/x-www-form-urlencoded");
                            harmless(&call.body(body.as_bytes()).send().await, &format!("{target} {body}"));
                        }
                    }
                }
                let posted = post(at, at.authorize, &changed, None).await;
                harmless(&posted, &changed);
                let callback = at.get(&format!("/sandbox/callback?{changed}")).await;
                harmless(&callback, &changed);
            }
        }
        let list = at.call("GET", "/sandbox/requests").header("accept", "text/html").send().await.expect(200);
        harmless(&list, "/sandbox/requests");
    }
}

#[tokio::test]
async fn nasty_bytes_as_a_parameters_name_or_path_are_harmless() {
    let sandbox = Sandbox::start().await;
    for at in sandbox.both() {
        for nasty in NASTY {
            let name = encoded(nasty);
            for body in [format!("{name}=x&grant_type=refresh_token"), name.clone(), format!("{name}={name}={name}")] {
                for path in [at.token, at.revoke, at.introspect, at.authorize] {
                    harmless(&post(at, path, &body, None).await, &body);
                }
                harmless(&at.get(&format!("{}?{body}", at.authorize)).await, &body);
                harmless(&at.get(&format!("/sandbox/callback?{body}")).await, &body);
            }
            let path = percent_encoding::percent_encode(nasty, percent_encoding::NON_ALPHANUMERIC).to_string();
            for path in [format!("/{path}"), format!("/assets/{path}"), format!("{}/{path}", at.authorize)] {
                let call = at.call("GET", &path).header("accept", "text/html");
                harmless(&call.send().await, &path);
            }
        }
    }
}

#[tokio::test]
async fn nasty_bytes_in_any_header_or_cookie_are_harmless() {
    let sandbox = Sandbox::start().await;
    for at in sandbox.both() {
        let request = Browser::new(at).request(&[]);
        let names = [
            "authorization",
            "cookie",
            "accept",
            "accept-language",
            "origin",
            "x-request-id",
            "user-agent",
            "content-type",
            "x-forwarded-for",
            "forwarded",
            "referer",
            "if-none-match",
            "range",
            "expect",
        ];
        for nasty in NASTY.into_iter().filter(|nasty| !nasty.iter().any(|byte| matches!(byte, 0 | b'\r' | b'\n'))) {
            for name in names {
                for value in [nasty.to_vec(), [b"Basic ", nasty].concat()] {
                    let seller = "/integration/v2/sellers/me";
                    for (method, path) in [
                        ("POST", at.token),
                        ("POST", at.authorize),
                        ("GET", &request),
                        ("GET", "/sandbox/requests"),
                        ("GET", seller),
                    ] {
                        let call = at.call(method, path).header_bytes(name, &value);
                        harmless(&call.send().await, &format!("{method} {path} {name}: {value:?}"));
                    }
                }
            }
            for kind in ["browser", "session"] {
                let cookie = [format!("kimbai-{}-{kind}=", at.name).as_bytes(), nasty].concat();
                let answer = at.call("GET", &request).header_bytes("cookie", &cookie).send().await;
                harmless(&answer, kind);
                assert!(answer.expect(200).body.contains("id=\"password\""));
            }
        }
    }
}

#[tokio::test]
async fn nasty_bytes_at_the_hosts_of_shops_are_harmless() {
    let sandbox = Sandbox::start().await;
    let shops = sandbox.shops().await;
    let right = body(&SCOPES).to_string();
    let send = async |headers: &[(&str, &[u8])], path: &str, body: &[u8]| {
        let method = if path == EXCHANGE { "POST" } else { "GET" };
        let mut call = shops.at.call(method, path).without_host();
        for (name, value) in headers {
            call = call.header_bytes(name, value);
        }
        call.body(body).send().await
    };
    let host = shops.host("demo-shop");
    let base = [("host", host.as_bytes()), ("content-type", b"application/json")];
    let bearer = format!("Bearer {}", shops.demo);
    for nasty in NASTY {
        let is_header = !nasty.iter().any(|byte| matches!(byte, 0 | b'\r' | b'\n'));
        for path in [EXCHANGE, SHOP] {
            for name in ["authorization", "x-haravan-access-token", "x-kimbai-shop", "content-type"] {
                for value in [nasty.to_vec(), [b"Bearer ", nasty].concat()].iter().filter(|_| is_header) {
                    let headers = [&base[..1], &[(name, value.as_slice())]].concat();
                    harmless(&send(&headers, path, right.as_bytes()).await, &format!("{path} {name}: {value:?}"));
                }
            }
            if is_header {
                let label = [nasty, b".localhost:", shops.at.address.port().to_string().as_bytes()].concat();
                harmless(&send(&[("host", &label)], path, b"").await, &format!("{path} host {nasty:?}"));
            }
        }
        let headers = [&base[..], &[("authorization", bearer.as_bytes())]].concat();
        let text = String::from_utf8_lossy(nasty);
        for name in ["client_id", "secret_key", "scopes"] {
            for value in [json!(text), json!([text]), json!({ text.as_ref(): text })] {
                let mut changed = body(&SCOPES);
                changed["token_exchange"][name] = value;
                harmless(&send(&headers, EXCHANGE, changed.to_string().as_bytes()).await, &changed.to_string());
            }
        }
        harmless(&send(&headers, EXCHANGE, nasty).await, &format!("{nasty:?}"));
    }
    shops.exchange(&SCOPES).await.expect(200);
}

#[tokio::test]
async fn nasty_bytes_at_the_pages_of_shops_and_log_out_are_harmless() {
    let sandbox = Sandbox::start().await;
    let at = &sandbox.haravan().await;
    // A page is open that asks for the shop, with a continuation that is right.
    let mut chi = Person::new(at, "chi");
    let shown = chi.browser.get(&chi.request(LOGIN_SCOPE, &[])).await.expect(200);
    let logged_in = chi.browser.post_log_in(&form(&shown), "chi", PASSWORD).await.expect(303);
    let page = chi.browser.get(logged_in.header("location")).await.expect(200);
    let (asked, cookie) = (form(&page), chi.browser.cookie());
    let send = async |method: &'static str, path: &str, body: &str, cookie: &str| {
        let call = at.call(method, path).header("cookie", cookie);
        let call = call.header("content-type", "application/x-www-form-urlencoded");
        harmless(&call.body(body.as_bytes()).send().await, &format!("{method} {path} {body}"));
    };
    let right = [("continuation", asked.continuation.as_str()), ("organization", "demo-shop")];
    let of_log_out =
        ["id_token_hint", "client_id", "post_logout_redirect_uri", "state", "ui_locales", "request", "continuation"];
    for nasty in NASTY {
        for cookie in [cookie.as_str(), ""] {
            for name in ["continuation", "organization", "account", "decision", "orgid"] {
                let changed = with(&right, name, nasty);
                send("POST", &asked.action, &changed, cookie).await;
                send("POST", &format!("{}&{name}={}", asked.action, encoded(nasty)), &with(&right, "", b""), cookie)
                    .await;
            }
            for path in ["/account/logout", "/connect/endsession"] {
                for name in of_log_out {
                    let changed = with(&[], name, nasty);
                    send("GET", &format!("{path}?{changed}"), "", cookie).await;
                    send("POST", path, &changed, cookie).await;
                    send("POST", path, &format!("logout=1{changed}"), cookie).await;
                }
            }
        }
    }
    // Nothing of it logged the person out, nor chose a shop.
    let still = chi.browser.get(logged_in.header("location")).await.expect(200);
    assert!(still.body.contains("name=\"organization\""), "{}", still.body);
    let next = chi.choose(&page, "demo-shop").await.expect(303);
    assert!(chi.browser.get(next.header("location")).await.expect(200).body.contains("id=\"consent-allow\""));
}

#[tokio::test]
async fn nasty_json_to_the_sandbox_is_harmless() {
    let sandbox = Sandbox::start().await;
    let deep = "[".repeat(30_000);
    let deep_object = "{\"a\":".repeat(10_000);
    for at in sandbox.both() {
        for body in [
            "",
            "{",
            "[]",
            "null",
            "1e999",
            "\"\\ud800\"",
            "{\"advance_s\":1e300}",
            "{\"advance_s\":9223372036854775807}",
            "{\"advance_s\":-9223372036854775808}",
            "{\"advance_s\":9223372036854775808}",
            "{\"advance_s\":\"1\"}",
            "{\"advance_s\":1,\"advance_s\":2}",
            "{\"advance_s\":0,\"<script>\":1}",
            "{\"client_id\":\"<script>\",\"user\":\"an\",\"scopes\":[]}",
            "{\"client_id\":\"demo-web\",\"user\":\"\\u0000\",\"scopes\":[\"\"]}",
            "{\"client_id\":\"demo-web\",\"user\":\"an\",\"scopes\":[\"a b\"],\"code_challenge\":\"\\u0000\"}",
            &deep,
            &deep_object,
        ] {
            for path in ["/sandbox/code", "/sandbox/clock"] {
                let call = at.call("POST", path).header("content-type", "application/json");
                let answer = call.body(body.as_bytes()).send().await;
                assert!((400..500).contains(&answer.status), "{path} {body:.60}: {answer:?}");
                assert_eq!(answer.header("content-type"), "application/json;charset=UTF-8");
                assert!(!answer.body.contains("/root") && !answer.body.contains(".rs"), "{answer:?}");
            }
        }
    }
}
