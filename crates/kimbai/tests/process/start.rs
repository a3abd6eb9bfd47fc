//! How it starts, and how it says that it cannot.

use std::net::TcpListener;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::BINARY;
use crate::fixture::{Call, Start, say};

#[tokio::test]
async fn it_answers_soon_after_its_start() {
    let data = tempfile::tempdir().unwrap();
    let data = data.path().join("data");
    for (what, data) in [("in memory", None), ("on new data", Some(&data)), ("on its data", Some(&data))] {
        let mut best = Duration::MAX;
        for _ in 0..if what == "on new data" { 1 } else { 3 } {
            let start = Start::new(data.map(std::path::PathBuf::as_path));
            let begun = Instant::now();
            let sandbox = start.start();
            sandbox.send(sandbox.marketplace(), &Call::post("/sc/oauth2/token", &[])).await.expect(400);
            best = best.min(begun.elapsed());
            sandbox.terminate();
            assert!(sandbox.wait().status.success());
        }
        say(&format!("{what}, the sandbox answered {:.0} ms after its start", best.as_secs_f64() * 1e3));
        // What it is on an idle machine is measured elsewhere; this one may be busy.
        assert!(best < Duration::from_secs(2), "{what}: {best:?}");
    }
}

#[tokio::test]
async fn a_busy_port_is_named_and_nothing_is_left_behind() {
    let place = tempfile::tempdir().unwrap();
    let data = place.path().join("data");
    for (offset, address) in [(0, "127.0.0.1"), (2, "127.0.0.1"), (9, "127.0.0.1"), (2, "::1")] {
        let start = Start::new(Some(&data));
        let port = start.port_base + offset;
        let Ok(_busy) = TcpListener::bind((address, port)) else { continue };
        let ended = start.try_start().err().unwrap();
        assert_eq!(ended.status.code(), Some(1), "{ended:?}");
        let expected = format!(
            "error: port {port} is in use on {address}: stop what listens there, or choose others with --port-base\n"
        );
        assert_eq!(ended.stderr, expected);
        assert_eq!(ended.stdout, "");
        assert!(!data.exists(), "nothing is made before all ports are taken");
    }
}

#[tokio::test]
async fn json_is_one_line_and_nothing_follows_on_stdout() {
    let sandbox = Start { log: "debug", ..Start::new(None) }.start();
    let (base, document) = (sandbox.port_base, sandbox.document.clone());
    sandbox.send(sandbox.marketplace(), &Call::get("/")).await.expect(200);
    sandbox.send(base, &Call::get("/nothing")).await.expect(404);
    sandbox.terminate();
    let ended = sandbox.wait();
    assert_eq!(ended.stdout, "");
    assert!(ended.stderr.contains("/nothing"), "logs go to stderr: {}", ended.stderr);
    let document: Value = serde_json::from_str(&document).unwrap();
    assert_eq!(document["operator"], format!("http://localhost:{}", base + 9));
    let mut realms = document["realms"].as_array().unwrap().clone();
    legacy_tokens(&realms[4].as_object_mut().unwrap().remove("legacy_tokens").unwrap());
    let names: Vec<_> = realms.iter().map(|realm| realm["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["standard", "tini", "marketplace", "tconnect", "haravan", "oneid"]);
    assert_eq!(realms[0], standard(base));
    assert_eq!(realms[1], tini(base + 1));
    assert_eq!(realms[2], marketplace(base + 2));
    assert_eq!(realms[3], tconnect(base + 3));
    assert_eq!(realms[4], haravan(base + 4));
    assert_eq!(realms[5], oneid(base + 5));
}

fn tconnect(port: u16) -> Value {
    let base = format!("http://localhost:{port}");
    let partner = |names: [&str; 3], secret: &str, key: &str| {
        let [client_id, client_name, partner_code] = names;
        json!({
            "client_id": client_id, "client_secret": secret, "client_name": client_name, "scopes": [], "redirect_uris": [],
            "token_endpoint_auth_method": "partner_envelope", "grant_types": ["password", "refresh_token"],
            "partner_code": partner_code, "envelope_key": key,
        })
    };
    let demo = partner(
        ["fMLgZltRRtetnsOHXgxsHQ", "Demo Partner", "DEMO"],
        "hUFhGJIqz746zcxsYVtrwhkveDuEfcYd",
        "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
    );
    let other = partner(
        ["T3RoZXJQYXJ0bmVyMDAwMQ", "Other Partner", "OTHER"],
        "0therPartnerSecret0123456789abcd",
        "202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f",
    );
    let resource_server = json!({
        "client_id": "tconnect-api", "client_secret": "demo-tconnect-api-secret-0123456", "client_name": "Open API",
        "scopes": [], "redirect_uris": [], "token_endpoint_auth_method": "client_secret_basic", "grant_types": [],
    });
    let person = |username: &str, password: &str, name: &str, sub: &str| json!({ "username": username, "password": password, "name": name, "email": username, "sub": sub });
    let mut users = vec![
        person("demo@yourdomain.vn", "Password#123", "Lê Minh Khôi", "101"),
        person("other@yourdomain.vn", "Password#456", "Phạm Thùy Dung", "102"),
    ];
    users.extend(people().as_array().unwrap().iter().cloned());
    let endpoints = json!({
        "login": format!("{base}/openapi/v1/auth/login"), "refresh": format!("{base}/openapi/v1/auth/refresh"),
        "qr": format!("{base}/openapi/v1/qr"), "jwks": format!("{base}/.well-known/jwks.json"),
    });
    json!({
        "name": "tconnect", "issuer": base, "endpoints": endpoints, "clients": [demo, other, resource_server],
        "users": users,
    })
}

/// One a shop, as long as the platform's own.
#[track_caller]
fn legacy_tokens(found: &Value) {
    let of = |token: &Value| ["shop", "client_id", "username"].map(|name| token[name].as_str().unwrap().to_owned());
    let client_id = "00112233445566778899aabbccddeeff";
    let expect = [["demo-shop", client_id, "an"], ["other-shop", client_id, "chi"]];
    assert_eq!(found.as_array().unwrap().iter().map(of).collect::<Vec<_>>(), expect);
    for token in found.as_array().unwrap() {
        let token = token["token"].as_str().unwrap();
        let is_base64url = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        assert!(token.len() == 518 && token.bytes().all(is_base64url), "{token}");
    }
}

#[tokio::test]
async fn the_printed_exchange_works_as_it_stands_and_the_legacy_tokens_are_the_same_at_every_start() {
    let documents: [Value; 2] = std::array::from_fn(|_| {
        let sandbox = Start::new(None).start();
        let document = serde_json::from_str(&sandbox.document).unwrap();
        sandbox.terminate();
        sandbox.wait();
        document
    });
    let [first, second] = documents.map(|document| document["realms"][4]["legacy_tokens"].clone());
    assert_eq!((first.as_array().map(Vec::len), &first), (Some(2), &second));
    let sandbox = Start::new(None).start();
    let page = sandbox.send(sandbox.port_base + 4, &Call::get("/")).await.expect(200);
    let page = page.body.replace("&quot;", "\"").replace("&#34;", "\"").replace("&#39;", "'").replace("&#x27;", "'");
    let command = page.split("legacy_token=").nth(1).expect("the command is on the page");
    let command = format!("legacy_token={}", command.split("</").next().unwrap());
    let output = Command::new("sh").args(["-c", &command]).output().unwrap();
    let answer: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {command}: {}", String::from_utf8_lossy(&output.stdout)));
    assert_eq!(answer["token"]["expires_in"], 2_147_483_647);
    assert_eq!(answer["token"]["refresh_token"].as_str().unwrap().len(), 64);
}

fn haravan(port: u16) -> Value {
    let issuer = format!("http://localhost:{port}");
    let mut endpoints =
        endpoints(&issuer, ["/connect/authorize", "/connect/token", "/connect/revocation", "/connect/introspect"]);
    for (name, path) in
        [("logout", "/account/logout"), ("token_exchange", "/admin/token_exchange.json"), ("shop", "/com/shop.json")]
    {
        endpoints[name] = format!("{issuer}{path}").into();
    }
    let redirect_uris = json!([
        "http://localhost:8080/install/login",
        "http://localhost:8080/install/grandservice",
        format!("{issuer}/sandbox/callback"),
    ]);
    let scopes = [
        "openid",
        "profile",
        "email",
        "org",
        "userinfo",
        "grant_service",
        "wh_api",
        "offline_access",
        "com.read_products",
        "com.write_products",
        "com.read_orders",
        "web.write_script_tags",
    ];
    let mut users = people();
    for (place, (sub, shops)) in [
        ("200000000001", json!({"demo-shop": ["admin"]})),
        ("200000000002", json!({"demo-shop": []})),
        ("200000000003", json!({"demo-shop": ["admin"], "other-shop": ["admin"]})),
    ]
    .into_iter()
    .enumerate()
    {
        users[place]["sub"] = sub.into();
        users[place]["shops"] = shops;
    }
    let shop = |label: &str, org_id: &str, name: &str| json!({"label": label, "org_id": org_id, "name": name, "host": format!("{label}.localhost:{port}")});
    json!({
        "name": "haravan", "issuer": issuer, "endpoints": endpoints, "users": users,
        "shops": [
            shop("demo-shop", "200000001001", "Tiệm Hoa Ngọc Ảnh"),
            shop("other-shop", "200000001002", "Sách Cũ Quỳnh Chi"),
        ],
        "clients": [{
            "client_id": "00112233445566778899aabbccddeeff",
            "client_secret": "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff",
            "token_endpoint_auth_method": "client_secret_post", "redirect_uris": redirect_uris, "scopes": scopes,
            "grant_types": ["authorization_code", "refresh_token"], "client_name": "Giao Hàng Nhanh Tay",
        }],
    })
}

fn oneid(port: u16) -> Value {
    let base = format!("http://localhost:{port}");
    let scopes = ["openid", "offline", "offline_access", "profile", "email", "phone", "address", "identity"];
    let app = json!({
        "client_id": "1mg", "token_endpoint_auth_method": "none", "scopes": scopes, "client_name": "1MG",
        "redirect_uris": ["http://localhost:8080/callback", format!("{base}/sandbox/callback")],
        "grant_types": ["authorization_code", "refresh_token"],
    });
    let mut web = app.clone();
    for (member, value) in [
        ("client_id", "1mg-web"),
        ("client_secret", "demo-oneid-secret-0123456789abcd"),
        ("token_endpoint_auth_method", "client_secret_post"),
        ("client_name", "1MG Web"),
    ] {
        web[member] = value.into();
    }
    let endpoints = json!({
        "authorize": format!("{base}/oauth2/auth"), "token": format!("{base}/oauth2/token"),
        "revoke": format!("{base}/oauth2/revoke"), "user_info": format!("{base}/user-management/user-info"),
    });
    json!({
        "name": "oneid", "issuer": format!("{base}/"), "endpoints": endpoints, "clients": [app, web],
        "users": people(),
    })
}

fn tini(port: u16) -> Value {
    let issuer = format!("http://localhost:{port}");
    let redirect_uris = json!(["http://localhost:8080/callback", format!("{issuer}/sandbox/callback")]);
    let grant_types = ["authorization_code", "refresh_token"];
    let scopes = ["offline", "user_profile"];
    let mut endpoints = endpoints(&issuer, ["/oauth2/auth", "/oauth2/token", "/oauth2/revoke", "/oauth2/introspect"]);
    for (name, path) in [
        ("graphql", "/tiniapp/api/graphql/query"),
        ("open_api_token", "/tiniapp-open-api/oauth/auth/token"),
        ("open_api_refresh", "/tiniapp-open-api/oauth/auth/token/refresh"),
        ("open_api_me", "/tiniapp-open-api/oauth/me"),
        ("auth_code", "/tiniapp/api/auth-code"),
        ("profile", "/ecom/v1/customers/profile"),
        ("consent", "/sandbox/tini/consent"),
    ] {
        endpoints[name] = format!("{issuer}{path}").into();
    }
    json!({
        "name": "tini",
        "issuer": issuer,
        "endpoints": endpoints,
        "clients": [
            {"client_id": "RLCKb7Ae9kx4DXtXsCWjnDXtggFnM43W",
             "client_secret": "EhjGcsUUuRSJTHiYPbW5fxzyaKEx0JuAZIKRQ4HnIfNFidB2kMg6locQbTIEz3Vf",
             "token_endpoint_auth_method": "request_signature", "redirect_uris": [], "scopes": scopes,
             "grant_types": grant_types, "client_name": "Vé Xem Phim"},
            {"client_id": "tini-internal", "client_secret": "demo-tini-internal-secret-012345",
             "token_endpoint_auth_method": "request_signature", "redirect_uris": [], "scopes": scopes,
             "grant_types": grant_types, "client_name": "Tiki Xu"},
            {"client_id": "tini-host", "client_secret": "demo-tini-host-secret-0123456789",
             "token_endpoint_auth_method": "client_secret_basic", "redirect_uris": redirect_uris,
             "scopes": ["offline", "user_profile", "tini:auth_code"], "grant_types": grant_types,
             "client_name": "Super App"},
        ],
        "users": people(),
    })
}

fn standard(port: u16) -> Value {
    let issuer = format!("http://localhost:{port}");
    let redirect_uris = json!(["http://localhost:8080/callback", format!("{issuer}/sandbox/callback")]);
    let scopes = ["openid", "profile", "email", "phone", "address", "offline_access", "orders.read", "orders.write"];
    let grant_types = ["authorization_code", "refresh_token"];
    json!({
        "name": "standard",
        "issuer": issuer,
        "endpoints": endpoints(&issuer, ["/authorize", "/token", "/revoke", "/introspect"]),
        "clients": [
            {"client_id": "demo-web", "client_secret": "demo-web-secret-0123456789abcdef",
             "token_endpoint_auth_method": "client_secret_basic", "redirect_uris": redirect_uris, "scopes": scopes,
             "grant_types": grant_types, "client_name": "Demo Web"},
            {"client_id": "demo-spa", "token_endpoint_auth_method": "none", "redirect_uris": redirect_uris,
             "scopes": scopes, "grant_types": grant_types, "client_name": "Demo SPA"},
            {"client_id": "demo-service", "client_secret": "demo-service-secret-0123456789ab",
             "token_endpoint_auth_method": "client_secret_basic", "redirect_uris": [],
             "scopes": ["orders.read", "orders.write"], "grant_types": ["client_credentials"],
             "client_name": "Demo Service"},
        ],
        "users": people(),
    })
}

fn marketplace(port: u16) -> Value {
    let issuer = format!("http://localhost:{port}");
    let callback = format!("{issuer}/sandbox/callback");
    let paths = ["/sc/oauth2/auth", "/sc/oauth2/token", "/sc/oauth2/revoke", "/sc/oauth2/introspect"];
    json!({
        "name": "marketplace",
        "issuer": issuer,
        "endpoints": endpoints(&issuer, paths),
        "clients": [
            {"client_id": "7590139168389961", "client_secret": "tfSl0c6VFv3fAB_z9F-m22IhEnmwq6ew",
             "token_endpoint_auth_method": "client_secret_basic",
             "redirect_uris": ["https://example.com/tiki/callback", "http://localhost:8080/callback", callback],
             "scopes": ["offline", "product", "order", "inventory"],
             "grant_types": ["authorization_code", "refresh_token"], "client_name": "Sổ Bán Hàng"},
            {"client_id": "3750000000000017", "client_secret": "demo-inhouse-secret-0123456789ab",
             "token_endpoint_auth_method": "client_secret_post", "redirect_uris": [],
             "scopes": ["product", "order", "inventory"], "grant_types": ["client_credentials"],
             "client_name": "Kho Nội Bộ"},
        ],
        "users": people(),
    })
}

fn endpoints(issuer: &str, [authorize, token, revoke, introspect]: [&str; 4]) -> Value {
    let url = |path: &str| format!("{issuer}{path}");
    json!({"authorize": url(authorize), "token": url(token), "revoke": url(revoke), "introspect": url(introspect)})
}

fn people() -> Value {
    let person = |username: &str, name: &str, sub: &str| {
        let email = format!("{username}@example.vn");
        json!({"username": username, "password": "kimbai-demo", "name": name, "email": email, "sub": sub})
    };
    json!([
        person("an", "Đặng Thị Ngọc Ảnh", "1"),
        person("binh", "Nguyễn Hòa Bình", "2"),
        person("chi", "Trần Quỳnh Chi", "3")
    ])
}

#[test]
fn a_wrong_command_line_is_explained() {
    for (words, expect) in [
        (vec!["--no-such-flag"], "unexpected argument '--no-such-flag' found"),
        (vec!["sandbox", "--no-such-flag"], "unexpected argument '--no-such-flag' found"),
        (vec!["sandbox", "--port-base", "70000"], "70000 is not in 0..=65535"),
        (vec!["sandbox", "--listen", "nowhere"], "invalid value 'nowhere' for '--listen <ADDR>'"),
        (vec!["bench", "--case", "tea"], "invalid value 'tea' for '--case <NAME>'"),
        (vec!["tea"], "unrecognized subcommand 'tea'"),
        (vec![], "Usage: kimbai <COMMAND>"),
    ] {
        let (code, stdout, stderr) = run(&words);
        assert_eq!((code, stdout.as_str()), (Some(2), ""), "{words:?}: {stderr}");
        assert!(stderr.contains(expect) && stderr.contains("--help"), "{words:?}: {stderr}");
        let is_about_a_value = expect.contains("70000") || expect.starts_with("invalid value");
        assert!(is_about_a_value || stderr.contains("Usage: kimbai"), "{words:?}: {stderr}");
    }
    for words in [["--help"].as_slice(), &["sandbox", "--help"], &["bench", "--help"]] {
        let (code, stdout, stderr) = run(words);
        assert_eq!((code, stderr.as_str()), (Some(0), ""), "{words:?}");
        assert!(stdout.contains("Usage: kimbai"), "{words:?}: {stdout}");
        assert!(!stdout.contains("bench-server"), "it is for `bench` alone: {stdout}");
    }
}

#[test]
fn ports_beyond_the_last_and_unknown_log_levels_are_clear_errors() {
    for base in ["65527", "65530", "65535"] {
        let (code, stdout, stderr) = run(&["sandbox", "--port-base", base]);
        assert_eq!((code, stdout.as_str()), (Some(1), ""), "{stderr}");
        assert_eq!(stderr, "error: --port-base is too large: ten ports are needed\n");
    }
    let (code, _, stderr) = run(&["sandbox", "--log", "kimbai=loud"]);
    assert_eq!(code, Some(1));
    assert!(stderr.starts_with("error: --log: not a level or filter"), "{stderr}");
}

fn run(words: &[&str]) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } = Command::new(BINARY).args(words).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (status.code(), text(stdout), text(stderr))
}
