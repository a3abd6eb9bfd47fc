//! OneID: what its clients send and how: multipart forms, pages of other origins, the profile and its misspelt header.

use std::num::NonZeroU32;

use kimbai_core::realm::{BearerHeader, RateLimits};
use kimbai_store::StoreError;
use serde_json::{Value, json};

use super::oneid::{ALL, tokens};
use crate::fixture::{Answer, At, CALLBACK, ONEID_APP, ONEID_WEB, POST_APP, Sandbox, VERIFIER};

const PROFILE: &str = "/user-management/user-info";
const ORIGIN: &str = "http://localhost:8080";

/// The parts of a form as curl's `--form` sends them.
fn multipart(parts: &[(&str, &str)]) -> String {
    let part = |(name, value): &(&str, &str)| {
        format!("--XyZ\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
    };
    parts.iter().map(part).collect::<String>() + "--XyZ--\r\n"
}

async fn post(at: &At, content_type: &str, body: &str) -> Answer {
    at.call("POST", at.token).header("content-type", content_type).body(body.as_bytes()).send().await
}

const MULTIPART: &str = "multipart/form-data; boundary=XyZ";

#[tokio::test]
async fn the_platforms_own_curl_line_works_as_a_multipart_form() {
    let sandbox = Sandbox::start().await;
    let at = &sandbox.oneid;
    let code = at.code(&ONEID_APP, "openid offline").await;
    let exchange = multipart(&[
        ("grant_type", "authorization_code"),
        ("code", &code),
        ("code_verifier", VERIFIER),
        ("client_id", "1mg"),
        ("redirect_uri", CALLBACK),
    ]);
    let refresh_token = post(at, MULTIPART, &exchange).await.expect(200).member("refresh_token");
    let refresh = multipart(&[
        ("grant_type", "refresh_token"),
        ("refresh_token", &refresh_token),
        ("client_id", "1mg"),
        ("redirect_uri", "https://your-home-page"),
    ]);
    let answer = post(at, MULTIPART, &refresh).await.expect(200);
    assert!(answer.json()["id_token"].is_string(), "{answer:?}");
    let revoke = multipart(&[("token", &answer.member("refresh_token")), ("client_id", "1mg")]);
    let call = at.call("POST", at.revoke).header("content-type", MULTIPART);
    call.body(revoke.as_bytes()).send().await.expect(200);
}

#[tokio::test]
async fn a_multipart_form_that_is_not_a_form_is_refused_as_any_other_request() {
    let sandbox = Sandbox::start().await;
    let at = &sandbox.oneid;
    let refresh_token = tokens(at, &ONEID_APP, "offline").await.member("refresh_token");
    let fields = [
        ("grant_type", "refresh_token"),
        ("refresh_token", refresh_token.as_str()),
        ("client_id", ONEID_APP.client_id),
    ];
    let right = multipart(&fields);
    let as_file = right.replace("name=\"refresh_token\"", "name=\"refresh_token\"; filename=\"token.txt\"");
    for (content_type, body) in [
        (MULTIPART, multipart(&[&fields[..], &fields[..1]].concat())),
        (MULTIPART, as_file.clone()),
        (MULTIPART, as_file.replace("filename=\"token.txt\"", "filename*=UTF-8''token.txt")),
        (MULTIPART, right.replace("name=\"refresh_token\"", "filename=\"x\"")),
        (MULTIPART, right.replace("--XyZ--", "")),
        (MULTIPART, right.replace("\r\n\r\n", "\r\n")),
        ("multipart/form-data", right.clone()),
        ("multipart/form-data; boundary=", right.clone()),
        ("multipart/form-data; boundary=other", right.clone()),
    ] {
        post(at, content_type, &body).await.refused(400, "invalid_request");
    }
    let padded = |bytes: usize| {
        let with = |padding: &str| multipart(&[&fields[..2], &[("x", padding)]].concat());
        with(&"x".repeat(bytes - with("").len()))
    };
    post(at, MULTIPART, &padded(65_536)).await.refused(401, "invalid_client");
    post(at, MULTIPART, &padded(65_537)).await.refused(413, "invalid_request");
    post(at, "multipart/mixed; boundary=XyZ", &right).await.refused(415, "invalid_request");
    post(at, MULTIPART, &right).await.expect(200);
}

#[tokio::test]
async fn pages_of_a_clients_origin_may_read_token_discovery_keys_userinfo_and_the_profile() {
    let sandbox = Sandbox::start().await;
    let at = &sandbox.oneid;
    let tokens = tokens(at, &ONEID_APP, ALL).await;
    let bearer = format!("Bearer {}", tokens.member("access_token"));
    for (origin, allowed) in [(ORIGIN, ORIGIN), ("https://evil.test", ""), ("null", "")] {
        for (path, method) in [
            (at.token, "POST"),
            (at.revoke, "POST"),
            ("/.well-known/openid-configuration", "GET"),
            ("/.well-known/jwks.json", "GET"),
            ("/userinfo", "GET"),
            (PROFILE, "GET"),
        ] {
            let preflight = at.call("OPTIONS", path).header("origin", origin);
            let preflight = preflight.header("access-control-request-method", method).send().await.expect(204);
            assert_eq!(preflight.header("access-control-allow-origin"), allowed, "{path} {origin}");
            let form = [("grant_type", "refresh_token"), ("refresh_token", "x"), ("client_id", "1mg"), ("token", "x")];
            let call = at.call(method, path).header("origin", origin);
            let call = if method == "POST" { call.form(&form) } else { call.header("authorization", &bearer) };
            let answer = call.send().await;
            assert_eq!(answer.header("access-control-allow-origin"), allowed, "{path} {origin}: {answer:?}");
            assert!(!answer.headers.contains_key("access-control-allow-credentials"));
        }
        let authorize = at.call("OPTIONS", at.authorize).header("origin", origin).send().await;
        assert_eq!(authorize.header("access-control-allow-origin"), "", "{authorize:?}");
    }
    let preflight = at.call("OPTIONS", PROFILE).header("origin", ORIGIN).send().await;
    assert_eq!(preflight.header("access-control-allow-headers"), "authorization, authentication, content-type");
}

async fn profile(at: &At, header: &str, value: &str) -> Answer {
    at.call("GET", PROFILE).header(header, value).send().await
}

#[tokio::test]
async fn the_profile_has_the_platforms_fields_in_an_envelope() {
    let sandbox = Sandbox::start().await;
    let at = &sandbox.oneid;
    let access_token = tokens(at, &ONEID_APP, ALL).await.member("access_token");
    let answer = profile(at, "authorization", &format!("bearer {access_token}")).await.expect(200);
    assert_eq!(answer.header("cache-control"), "no-store");
    let expect = json!({
        "data": {
            "full_name": "Đặng Thị Ngọc Ảnh", "email": "an@example.vn", "phone_number": "+84900000000",
            "dob": "1990-02-14", "gender": 2, "nationality": "VN",
            "identity_documents": [
                {
                    "identity_number": "079000000001", "identity_type": "CCCD",
                    "issue_place": "Cục Cảnh sát quản lý hành chính về trật tự xã hội", "issue_date": "2021-04-25",
                },
                {
                    "identity_number": "Z0000001", "identity_type": "HC",
                    "issue_place": "Cục Cảnh sát quản lý hành chính về trật tự xã hội", "issue_date": "2021-04-25",
                },
            ],
            "addresses": [{
                "city": "Thành phố Hồ Chí Minh", "commune": "Phường Bến Nghé", "address": "1 Lê Lợi", "type": 1,
                "district": "Quận 1",
            }],
        },
        "meta": { "code": 200 },
    });
    assert_eq!(answer.json(), expect);
    // The UserInfo endpoint is another one, and knows nothing of papers.
    let bearer = format!("Bearer {access_token}");
    let userinfo = at.call("GET", "/userinfo").header("authorization", &bearer).send().await.expect(200);
    assert!(!userinfo.body.contains("079000000001") && userinfo.json()["sub"] == "1", "{userinfo:?}");
}

#[tokio::test]
async fn a_field_of_the_profile_without_its_scope_is_absent() {
    let sandbox = Sandbox::start().await;
    let at = &sandbox.oneid;
    for (scope, expect) in [
        ("openid", &[][..]),
        ("profile", &["dob", "full_name", "gender", "nationality"]),
        ("email", &["email"]),
        ("phone", &["phone_number"]),
        ("address", &["addresses"]),
        ("identity", &["identity_documents"]),
    ] {
        let access_token = tokens(at, &ONEID_APP, scope).await.member("access_token");
        let answer = profile(at, "authorization", &format!("Bearer {access_token}")).await.expect(200).json();
        let fields: Vec<_> = answer["data"].as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(fields, expect, "{scope}");
        assert_eq!(answer["meta"], json!({ "code": 200 }));
    }
}

#[tokio::test]
async fn the_misspelt_header_is_a_setting() {
    let sandbox = Sandbox::start().await;
    let at = &sandbox.oneid;
    let bearer = format!("bearer {}", tokens(at, &ONEID_APP, "profile").await.member("access_token"));
    profile(at, "authentication", &bearer).await.expect(200);
    let both = at.call("GET", PROFILE).header("authentication", &bearer).header("authorization", &bearer);
    assert_eq!(both.send().await.expect(400).json()["meta"]["code"], 4_000_001);
    let twice = at.call("GET", PROFILE).header("authentication", &bearer).header("authentication", &bearer);
    assert_eq!(twice.send().await.expect(400).json()["meta"]["code"], 4_000_001);
    // The endpoints of the protocol know one spelling.
    at.call("GET", "/userinfo").header("authentication", &bearer).send().await.expect(401);
    let mut settings = sandbox.realm(at).settings.clone();
    settings.bearer_header = BearerHeader::Authorization;
    sandbox.engine.put_realm(at.name, &settings).await.unwrap();
    profile(at, "authentication", &bearer).await.expect(401);
    profile(at, "authorization", &bearer).await.expect(200);
}

#[tokio::test]
async fn errors_of_the_profile_are_in_its_meta() {
    let sandbox = Sandbox::start().await;
    let at = &sandbox.oneid;
    let tokens = tokens(at, &ONEID_APP, "offline profile").await;
    let of_nobody = at.token(&POST_APP, &[("grant_type", "client_credentials")]).await.expect(200);
    let refused = |answer: Answer, status: u16, code: u32| {
        let json: Value = answer.clone().expect(status).json();
        assert_eq!(json["meta"]["code"], code, "{answer:?}");
        assert!(json.get("data").is_none() && json["meta"]["message"].is_string(), "{answer:?}");
        assert_eq!(answer.header("cache-control"), "no-store");
    };
    let none = at.get(PROFILE).await;
    assert_eq!(none.header("www-authenticate"), "Bearer realm=\"oneid\"");
    refused(none, 401, 4_010_001);
    for token in [
        "x",
        &tokens.member("refresh_token"),
        &sandbox.standard.tokens(&crate::fixture::WEB).await.member("access_token"),
    ] {
        let answer = profile(at, "authorization", &format!("Bearer {token}")).await;
        assert_eq!(answer.header("www-authenticate"), "Bearer realm=\"oneid\", error=\"invalid_token\"");
        refused(answer, 401, 4_010_001);
    }
    refused(profile(at, "authorization", "Basic YTpi").await, 401, 4_010_001);
    let bearer = format!("Bearer {}", of_nobody.member("access_token"));
    refused(profile(at, "authorization", &bearer).await, 403, 4_030_001);
    let posted = at.post(PROFILE, &[]).await;
    assert_eq!(posted.header("allow"), "GET, HEAD, OPTIONS");
    refused(posted, 405, 4_050_001);
    let bearer = format!("Bearer {}", tokens.member("access_token"));
    sandbox.clock.advance_s(3_600);
    refused(profile(at, "authorization", &bearer).await, 401, 4_010_001);
}

#[tokio::test]
async fn what_is_refused_before_the_profile_is_looked_at_is_refused_in_its_form() {
    let sandbox = Sandbox::start().await;
    let at = &sandbox.oneid;
    let with_headers = |path| (0..101).fold(at.call("GET", path), |call, n| call.header(&format!("x-{n}"), "x"));
    let answer = with_headers(PROFILE).send().await.expect(431);
    assert_eq!(answer.json()["meta"]["code"], 4_310_001, "{answer:?}");
    assert_eq!(with_headers("/userinfo").send().await.expect(431).json()["error"], "invalid_request");
    let mut settings = sandbox.realm(at).settings.clone();
    let one = NonZeroU32::MIN;
    settings.rate_limits = Some(RateLimits { source_per_minute: one, client_per_minute: one });
    sandbox.engine.put_realm(at.name, &settings).await.unwrap();
    at.get(PROFILE).await.expect(401);
    let answer = at.get(PROFILE).await.expect(429);
    assert_eq!(answer.json()["meta"]["code"], 4_290_001, "{answer:?}");
    assert!(answer.header("retry-after").parse::<u32>().unwrap() > 0);
}

#[tokio::test]
async fn the_profile_is_where_the_realm_has_it() {
    let sandbox = Sandbox::start().await;
    let listener = sandbox.beside_oneid("other-path", |settings| {
        settings.paths.platform = [("user_info".to_owned(), "/me".to_owned())].into();
    });
    let at = listener.await;
    at.get("/me").await.expect(401);
    at.get(PROFILE).await.expect(404);
}

#[tokio::test]
async fn a_profile_that_the_store_cannot_give_now_is_asked_for_again() {
    let sandbox = Sandbox::start().await;
    let at = &sandbox.oneid;
    let bearer = format!("Bearer {}", tokens(at, &ONEID_WEB, "profile").await.member("access_token"));
    sandbox.store.fail(Some(StoreError::NotDone));
    let answer = profile(at, "authorization", &bearer).await.expect(503);
    assert_eq!((answer.header("retry-after"), &answer.json()["meta"]["code"]), ("1", &json!(5_000_001)));
    sandbox.store.fail(None);
    profile(at, "authorization", &bearer).await.expect(200);
}
