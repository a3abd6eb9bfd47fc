//! What is round the exchange: codes that the super-app asks for, the consent sheet, the sample resource, and why a signature was
//! refused.

use kimbai_core::organization::{MembershipSettings, ServiceSettings, SingleRole};
use serde_json::{Value, json};

use crate::fixture::tini::{GRAPHQL, REST, REST_V1, TINI_APP, TINI_HOST, TINI_INTERNAL, query, signed_field};
use crate::fixture::{Answer, At, Sandbox, encode};

const GET: &str = "get_auth_access_token";
const AUTH_CODE: &str = "/tiniapp/api/auth-code";
const PROFILE: &str = "/ecom/v1/customers/profile";
const SHEET: &str = "/sandbox/tini/consent";

/// An access token of `an` for the super-app.
async fn host_token(at: &At, scopes: &[&str]) -> String {
    let code = at.mint(&json!({"client_id": TINI_HOST.client_id, "user": "an", "scopes": scopes})).await.member("code");
    let form = [("grant_type", "authorization_code"), ("code", code.as_str())];
    at.call("POST", at.token).basic(&TINI_HOST).form(&form).send().await.expect(200).member("access_token")
}

async fn auth_code(at: &At, token: &str, body: &Value) -> Answer {
    let call = at.call("POST", AUTH_CODE).header("content-type", "application/json");
    call.header("authorization", &format!("Bearer {token}")).body(body.to_string().as_bytes()).send().await
}

fn exchanged(tokens: &Answer) -> Value {
    tokens.clone().expect(200).json()["data"][GET].clone()
}

#[tokio::test]
async fn the_super_app_gets_a_code_for_what_the_person_gave() {
    let sandbox = Sandbox::start().await;
    let at = sandbox.tini().await;
    let token = host_token(&at, &["tini:auth_code"]).await;
    let asked = ["offline", "user_profile", "wallet"];
    let body = json!({"client_id": TINI_APP.client_id, "scopes": asked, "granted": ["offline", "wallet"]});
    let answer = auth_code(&at, &token, &body).await.expect(200).json();
    assert_eq!(answer["authErrorScopes"], json!({"user_profile": 2, "wallet": 1}));
    assert_eq!(answer["authSuccessScopes"], json!(["offline"]));
    let code = answer["authCode"].as_str().unwrap();
    let tokens = exchanged(&at.exchange(&sandbox, &TINI_APP, GET, ("code", code)).await);
    assert_eq!(tokens["scopes"], json!(["offline"]));
    // The person is the one whose token it was.
    let me = json!({ "access_token": tokens["access_token"] }).to_string();
    let me = at.with_headers(&format!("{REST}/me"), &TINI_APP, sandbox.now_ms(), &me).await.expect(200).json();
    assert_eq!(me["data"]["customer_id"], 1);

    let asks = json!({"client_id": TINI_APP.client_id, "scopes": ["user_profile"]});
    let url = auth_code(&at, &token, &asks).await.expect(200).member("consentUrl");
    let path = url.strip_prefix(&at.issuer).unwrap();
    assert!(path.starts_with(SHEET), "{url}");
    at.call("GET", path).header("accept", "text/html").send().await.expect(200);
    let refused = json!({"client_id": TINI_APP.client_id, "scopes": ["user_profile"], "granted": []});
    assert_eq!(auth_code(&at, &token, &refused).await.expect(200).json()["authCode"], Value::Null);
    // The platform's own apps ask nobody.
    let internal = json!({"client_id": TINI_INTERNAL.client_id, "scopes": ["offline", "user_profile"]});
    let answer = auth_code(&at, &token, &internal).await.expect(200).json();
    assert_eq!(
        (answer["authSuccessScopes"].clone(), answer["authCode"].is_string()),
        (json!(["offline", "user_profile"]), true)
    );
}

#[tokio::test]
async fn a_leaked_secret_of_the_super_app_speaks_for_nobody() {
    let sandbox = Sandbox::start().await;
    let at = sandbox.tini().await;
    let body = json!({"client_id": TINI_APP.client_id, "scopes": ["offline"], "granted": ["offline"]});
    let call =
        || at.call("POST", AUTH_CODE).header("content-type", "application/json").body(body.to_string().as_bytes());
    call().basic(&TINI_HOST).send().await.enveloped(401, "invalid_token");
    call().send().await.enveloped(401, "invalid_token");
    auth_code(&at, "no token", &body).await.enveloped(401, "invalid_token");
    // A token without the scope, and one of the app itself.
    let narrow = host_token(&at, &["user_profile"]).await;
    auth_code(&at, &narrow, &body).await.enveloped(403, "insufficient_scope");
    let code = at.tini_code(&TINI_APP, &["offline"]).await;
    let tokens = exchanged(&at.exchange(&sandbox, &TINI_APP, GET, ("code", &code)).await);
    auth_code(&at, tokens["access_token"].as_str().unwrap(), &body).await.enveloped(403, "insufficient_scope");
    let host = host_token(&at, &["tini:auth_code"]).await;
    for (member, value, reason) in [
        ("client_id", json!("nobody"), "invalid_client"),
        ("client_id", json!(TINI_HOST.client_id), "invalid_client"),
        ("client_id", json!(1), "invalid_request"),
        ("scopes", json!("offline"), "invalid_request"),
        ("scopes", json!(vec!["a"; 65]), "invalid_request"),
        ("user", json!("binh"), "invalid_request"),
    ] {
        let mut wrong = body.clone();
        wrong[member] = value;
        auth_code(&at, &host, &wrong).await.enveloped(400, reason);
    }
    let list = json!([TINI_APP.client_id, ["offline"], null]);
    auth_code(&at, &host, &list).await.enveloped(400, "invalid_request");
}

#[tokio::test]
async fn the_sheet_plays_the_super_app_with_a_switch_for_each_scope() {
    let sandbox = Sandbox::start().await;
    let at = sandbox.tini().await;
    let path = format!("{SHEET}?client_id={}&scopes=offline,user_profile%20wallet", TINI_APP.client_id);
    let page = at.call("GET", &path).header("accept-language", "en").send().await.expect(200);
    for shown in [
        "Vé Xem Phim",
        "name=\"granted\" value=\"offline\"",
        "value=\"user_profile\"",
        "sheet-confirm",
        "Trần Quỳnh Chi",
    ] {
        assert!(page.body.contains(shown), "{shown}: {}", page.body);
    }
    assert!(!page.body.contains("value=\"wallet\""), "{}", page.body);
    let form = [
        ("client_id", TINI_APP.client_id),
        ("scopes", "offline user_profile wallet"),
        ("user", "binh"),
        ("granted", "offline"),
        ("decision", "allow"),
    ];
    let result = at.post(SHEET, &form).await.expect(200);
    let text = result.body.split("id=\"sheet-result\">").nth(1).unwrap().split("</code>").next().unwrap();
    let given: Value =
        serde_json::from_str(&text.replace("&#34;", "\"")).unwrap_or_else(|error| panic!("{error}: {text}"));
    assert_eq!(given["authErrorScopes"], json!({"user_profile": 2, "wallet": 1}));
    let code = given["authCode"].as_str().unwrap();
    let body = json!({ "code": code }).to_string();
    let tokens = at.with_headers(&format!("{REST}/auth/token"), &TINI_APP, sandbox.now_ms(), &body).await.expect(200);
    assert_eq!(tokens.json()["data"]["customer"], json!({"id": 2, "name": "Nguyễn Hòa Bình"}));
    // A no gives nothing of what is switched on; what is neither yes nor no is refused.
    let decided =
        |decision: &'static str| form.map(|(name, value)| (name, if name == "decision" { decision } else { value }));
    let denied = at.post(SHEET, &decided("deny")).await.expect(200);
    assert!(denied.body.contains("&#34;authCode&#34;: null"), "{}", denied.body);
    at.post(SHEET, &decided("maybe")).await.refused(400, "invalid_request");
    at.post(SHEET, form.split_last().unwrap().1).await.refused(400, "invalid_request");
    // The sheet's own form comes without an origin, for a page of ours has no referrer.
    let from =
        |site, origin| at.call("POST", SHEET).header("sec-fetch-site", site).header("origin", origin).form(&form);
    from("same-origin", "null").send().await.expect(200);
    // Another site's page may not, be it of the same machine.
    for site in ["cross-site", "same-site", "none"] {
        from(site, "null").send().await.refused(400, "invalid_request");
    }
    for origin in ["https://evil.test", "null"] {
        let foreign = at.call("POST", SHEET).header("origin", origin).form(&form);
        foreign.send().await.refused(400, "invalid_request");
    }
    for wrong in ["?client_id=nobody", "", "?client_id=a&client_id=b"] {
        at.get(&format!("{SHEET}{wrong}")).await.refused(400, "invalid_request");
    }
}

#[tokio::test]
async fn the_sample_resource_wants_its_scope() {
    let sandbox = Sandbox::start().await;
    let at = sandbox.tini().await;
    let access = async |scopes: &[&str]| {
        let code = at.tini_code(&TINI_APP, scopes).await;
        let tokens = exchanged(&at.exchange(&sandbox, &TINI_APP, GET, ("code", &code)).await);
        tokens["access_token"].as_str().unwrap().to_owned()
    };
    let ask =
        async |token: &str| at.call("GET", PROFILE).header("authorization", &format!("Bearer {token}")).send().await;
    let profile = ask(&access(&["user_profile"]).await).await.expect(200).json();
    let expect = json!({"data": {"id": 1, "name": "Đặng Thị Ngọc Ảnh", "email": "an@example.vn"}, "error": null});
    assert_eq!(profile, expect);
    let refused = ask(&access(&["offline"]).await).await.enveloped(403, "insufficient_scope");
    assert!(refused.header("www-authenticate").contains("insufficient_scope"));
    ask("no token").await.enveloped(401, "invalid_token");
    at.get(PROFILE).await.enveloped(401, "invalid_token");
}

/// The newest request of the realm that was refused for its signature.
async fn explained(at: &At) -> Value {
    let requests = at.get("/sandbox/requests").await.expect(200).json();
    let requests = requests.as_array().unwrap();
    requests.iter().find(|request| request["path"] != "/sandbox/requests").unwrap().clone()
}

#[tokio::test]
async fn the_sandbox_says_why_a_signature_was_refused_and_shows_no_code() {
    let sandbox = Sandbox::start().await;
    let at = sandbox.tini().await;
    let code = at.tini_code(&TINI_APP, &["offline"]).await;
    let now = sandbox.now_ms();
    let in_seconds = signed_field(&TINI_APP, now / 1_000, ("code", &code));
    let refused = at.graphql(&query(GET, ("code", &code), (TINI_APP.client_id, &now.to_string(), &in_seconds))).await;
    assert!(!refused.graphql_refused(GET, "invalid_signature").body.contains("seconds"));
    let said = explained(&at).await;
    assert_eq!((&said["path"], &said["mistake"]), (&json!(GRAPHQL), &json!("seconds for milliseconds")));
    let reason = said["reason"].as_str().unwrap();
    for part in
        [format!("\"timestamp\":{now}}}"), format!("\"timestamp\":{}}}", now / 1_000), "[87 characters, ".to_owned()]
    {
        assert!(reason.contains(&part), "{part}: {reason}");
    }
    assert!(!reason.contains(&code) && !reason.contains(TINI_APP.client_secret), "{reason}");

    // The HMAC over the string itself; a body without a signature; a signature nobody made; an unknown app.
    let body = json!({ "code": code }).to_string();
    let canonical = format!("{now}.{}.{body}", TINI_APP.client_id);
    let raw = kimbai_core::request_signature::sign(TINI_APP.client_secret.as_bytes(), canonical.as_bytes());
    let ask = async |client_id: &str, signature: &str| {
        let call = at.call("POST", &format!("{REST}/auth/token")).header("content-type", "application/json");
        let call = call.header("x-tiniapp-client-id", client_id).header("x-tiniapp-timestamp", &now.to_string());
        call.header("x-tiniapp-signature", signature)
            .body(body.as_bytes())
            .send()
            .await
            .enveloped(400, "invalid_signature");
        explained(&at).await
    };
    let said = ask(TINI_APP.client_id, &raw).await;
    assert_eq!(said["mistake"], "an HMAC over the string that was not encoded");
    for (client_id, mistake) in
        [(TINI_APP.client_id, "a signature that does not prove the client"), ("nobody", "an unknown client")]
    {
        let said = ask(client_id, &"0".repeat(64)).await;
        assert!(said["mistake"].as_str().unwrap().contains(mistake), "{said}");
        // What is no app's id may be a secret in the wrong place.
        let is_shown = said["reason"].as_str().unwrap().contains(&format!("{now}.{client_id}."));
        assert_eq!(is_shown, client_id == TINI_APP.client_id, "{said}");
        assert!(!said.to_string().contains(&code), "{said}");
    }
    at.json(&format!("{REST_V1}/auth/token"), r#"{"code":"x","client_id":"a","timestamp":"1","signature":"b"}"#)
        .await
        .expect(400);
    assert!(explained(&at).await["mistake"].as_str().unwrap().contains("as a string"));
}

#[tokio::test]
async fn the_super_app_signs_people_in_by_the_standard_endpoints() {
    let sandbox = Sandbox::start().await;
    let at = sandbox.tini().await;
    let metadata = at.get("/.well-known/oauth-authorization-server").await.expect(200).json();
    assert_eq!(metadata["token_endpoint"], format!("{}/oauth2/token", at.issuer));
    let request =
        encode(&[("response_type", "code"), ("client_id", TINI_APP.client_id), ("redirect_uri", "https://a.test/")]);
    at.call("GET", &format!("{}?{request}", at.authorize)).send().await.page(400, "invalid_request");
}

#[tokio::test]
async fn whoever_moves_the_clock_of_the_sandbox_goes_on_signing_by_the_machines() {
    let sandbox = Sandbox::start().await;
    let at = sandbox.tini().await;
    let code = at.tini_code(&TINI_APP, &["offline"]).await;
    let tokens = exchanged(&at.exchange(&sandbox, &TINI_APP, GET, ("code", &code)).await);
    let machine_ms = sandbox.now_ms();
    at.call("POST", "/sandbox/clock").body(br#"{"advance_s": 3601}"#).send().await.expect(200);
    let access = json!({ "access_token": tokens["access_token"] }).to_string();
    let refresh = json!({ "refresh_token": tokens["refresh_token"] }).to_string();
    for now_ms in [machine_ms, sandbox.now_ms()] {
        at.with_headers(&format!("{REST}/me"), &TINI_APP, now_ms, &access).await.enveloped(400, "invalid_token");
        at.with_headers(&format!("{REST}/auth/token/refresh"), &TINI_APP, now_ms, &refresh).await.expect(200);
    }
    for off_ms in [-360_000, 360_000, 1_800_000] {
        let refused = at.with_headers(&format!("{REST}/me"), &TINI_APP, machine_ms + off_ms, &access).await;
        refused.enveloped(400, "invalid_signature");
    }
}

#[tokio::test]
async fn a_code_for_an_app_inside_never_has_what_makes_a_service() {
    let sandbox = Sandbox::start().await;
    let at = sandbox.tini().await;
    let token = host_token(&at, &["tini:auth_code"]).await;
    let mut settings = sandbox.realm(&at).settings.clone();
    settings.membership =
        Some(MembershipSettings { scope: "tini:auth_code".to_owned(), single_role: SingleRole::List });
    settings.service = Some(ServiceSettings {
        scope: "user_profile".to_owned(),
        role: "admin".to_owned(),
        access_token_s: i32::MAX.cast_unsigned(),
        refresh_absolute_s: i32::MAX.cast_unsigned(),
    });
    sandbox.engine.put_realm(at.name, &settings).await.unwrap();
    for (app, granted) in [(&TINI_APP, json!(["offline", "user_profile"])), (&TINI_INTERNAL, Value::Null)] {
        let asked = ["offline", "user_profile"];
        let body = json!({"client_id": app.client_id, "scopes": asked, "granted": granted});
        let answer = auth_code(&at, &token, &body).await.expect(200).json();
        assert_eq!(
            (&answer["authSuccessScopes"], &answer["authErrorScopes"]),
            (&json!(["offline"]), &json!({"user_profile": 1})),
            "{answer}"
        );
    }
}
