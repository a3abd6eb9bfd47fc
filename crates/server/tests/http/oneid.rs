//! OneID: what a server must do so that the platform's clients work with it unchanged, line by line.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use kimbai_core::client::{ClientMetadata, GrantType};
use kimbai_keyring::JwtKind;
use serde_json::{Map, Value, json};
use tokio::task::JoinSet;

use crate::fixture::{
    Answer, App, At, Browser, CALLBACK, NATIVE, ONEID_APP, ONEID_WEB, PASSWORD, Sandbox, VERIFIER, encode, form,
    metadata, new_client,
};

pub(super) const ALL: &str = "openid offline offline_access profile email phone address identity";
const HOUR_S: i64 = 3_600;
const DAY_S: i64 = 24 * HOUR_S;

/// The claims of a JWT of the realm, whose signature is verified.
async fn claims(sandbox: &Sandbox, jwt: &str) -> Map<String, Value> {
    let realm = sandbox.realm(&sandbox.oneid);
    let verified = sandbox.engine.verify_jwt(&realm, JwtKind::Id, jwt).await.unwrap();
    verified.current(sandbox.engine.now()).unwrap()
}

/// The tokens of a grant with this scope.
pub(super) async fn tokens(at: &At, app: &App, scope: &str) -> Answer {
    at.redeem(app, &at.code(app, scope).await).await.expect(200)
}

#[tokio::test]
async fn the_issuer_is_the_same_everywhere_with_its_slash() {
    let sandbox = Sandbox::start().await;
    let at = &sandbox.oneid;
    assert!(at.issuer.ends_with('/'), "{}", at.issuer);
    let document = at.get("/.well-known/openid-configuration").await.expect(200).json();
    assert_eq!(document["issuer"], at.issuer);
    let mut browser = Browser::new(at);
    let shown = browser.consent_page().await;
    let answer = browser.allow(&shown).await.expect(303);
    assert_eq!(answer.parameter("iss"), at.issuer);
    let tokens = at.redeem(&ONEID_WEB, &answer.parameter("code")).await.expect(200);
    assert_eq!(claims(&sandbox, &tokens.member("id_token")).await["iss"], at.issuer);
    let refused = browser.get(&browser.request(&[("scope", "nowhere")])).await.redirected("invalid_scope");
    assert_eq!(refused.parameter("iss"), at.issuer);
}

#[tokio::test]
async fn every_endpoint_of_the_platform_is_where_discovery_says() {
    let sandbox = Sandbox::start().await;
    let at = &sandbox.oneid;
    let document = at.get("/.well-known/openid-configuration").await.expect(200).json();
    for (member, path) in [
        ("authorization_endpoint", "/oauth2/auth"),
        ("token_endpoint", "/oauth2/token"),
        ("revocation_endpoint", "/oauth2/revoke"),
        ("end_session_endpoint", "/oauth2/sessions/logout"),
        ("userinfo_endpoint", "/userinfo"),
        ("jwks_uri", "/.well-known/jwks.json"),
    ] {
        assert_eq!(document[member], format!("http://{}{path}", at.host), "{member}");
    }
    assert!(document.get("introspection_endpoint").is_none(), "{document}");
    for method in ["none", "client_secret_post", "client_secret_basic"] {
        assert!(document["token_endpoint_auth_methods_supported"].as_array().unwrap().contains(&json!(method)));
    }
    assert_eq!(document["code_challenge_methods_supported"], json!(["S256"]));
    let keys = at.get("/.well-known/jwks.json").await.expect(200).json();
    assert!(keys["keys"].as_array().unwrap().iter().any(|key| key["alg"] == "RS256"), "{keys}");
    at.get("/userinfo").await.expect(401);
    at.get("/user-management/user-info").await.expect(401);
}

#[tokio::test]
async fn introspection_is_on_the_operators_listener_alone() {
    let sandbox = Sandbox::start().await;
    let at = &sandbox.oneid;
    let access_token = at.tokens(&ONEID_WEB).await.member("access_token");
    let asked = [("token", access_token.as_str())];
    at.as_client(&ONEID_WEB, "/oauth2/introspect", &asked).await.expect(404);
    let operator = &sandbox.operator;
    let answer = operator.as_client(&ONEID_WEB, "/realms/oneid/oauth2/introspect", &asked).await.expect(200).json();
    assert_eq!((&answer["active"], &answer["scope"]), (&json!(true), &json!("openid offline profile")));
    assert_eq!(answer["iss"], at.issuer);
    // The same realm's clients, the same rules: who proves nothing is told nothing.
    operator.post("/realms/oneid/oauth2/introspect", &asked).await.refused(401, "invalid_client");
    let wrong = App { client_secret: "wrong-secret-0123456789abc", ..ONEID_WEB };
    operator.as_client(&wrong, "/realms/oneid/oauth2/introspect", &asked).await.refused(401, "invalid_client");
    operator.get("/realms/oneid/oauth2/introspect").await.refused(405, "invalid_request");
    for elsewhere in ["/realms/oneid/oauth2/token", "/realms/nobody/oauth2/introspect", "/oauth2/introspect"] {
        let answer = operator.as_client(&ONEID_WEB, elsewhere, &asked).await;
        assert!(matches!(answer.status, 404 | 405), "{elsewhere}: {answer:?}");
    }
    // A token of this realm is nothing to another one, though both are asked at one listener.
    let standard = sandbox.standard.resource_server();
    let answer = operator.as_client(standard, "/realms/standard/introspect", &asked).await.expect(200);
    assert_eq!(answer.body, r#"{"active":false}"#);
}

#[tokio::test]
async fn the_code_exchange_answers_as_the_platform_documents_it() {
    let sandbox = Sandbox::start().await;
    let at = &sandbox.oneid;
    let code = at.code(&ONEID_APP, "openid offline profile").await;
    // Word for word: no secret, `client_id` in the body.
    let form = [
        ("grant_type", "authorization_code"),
        ("code", code.as_str()),
        ("code_verifier", VERIFIER),
        ("client_id", "1mg"),
        ("redirect_uri", CALLBACK),
    ];
    let json = at.post(at.token, &form).await.expect(200).json();
    let members: Vec<_> = json.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(members, ["access_token", "expires_in", "id_token", "refresh_token", "scope", "token_type"]);
    assert_eq!((&json["token_type"], &json["expires_in"]), (&json!("bearer"), &json!(3_600)));
    assert_eq!(json["scope"], "openid offline profile");
    for token in [&json["access_token"], &json["refresh_token"]] {
        let halves: Vec<_> = token.as_str().unwrap().split('.').map(str::len).collect();
        assert_eq!(halves, [43, 43], "{token}");
    }
}

#[tokio::test]
async fn pkce_is_required_of_public_clients_and_enforced_wherever_a_challenge_came() {
    let sandbox = Sandbox::start().await;
    let at = &sandbox.oneid;
    let mut browser = Browser::new(at);
    let without = [("code_challenge", ""), ("code_challenge_method", "")];
    let of_app = [("client_id", "1mg"), without[0], without[1]];
    browser.get(&browser.request(&of_app)).await.redirected("invalid_request");
    browser.get(&browser.request(&without)).await.expect(200);
    let plain = [("code_challenge", VERIFIER), ("code_challenge_method", "plain")];
    browser.get(&browser.request(&plain)).await.redirected("invalid_request");
    // A challenge without a method is the method plain.
    let unnamed = [("code_challenge", VERIFIER), ("code_challenge_method", "")];
    browser.get(&browser.request(&unnamed)).await.redirected("invalid_request");
    let code = at.code(&ONEID_APP, "openid").await;
    let redeem = async |app: &App, code: &str, verifier: &str| {
        let form = [("grant_type", "authorization_code"), ("code", code), ("redirect_uri", CALLBACK)];
        at.token(app, &[&form[..], &[("code_verifier", verifier)]].concat()).await
    };
    for wrong in ["", "short", &VERIFIER.replace('d', "ế"), &"x".repeat(43), &"x".repeat(129)] {
        redeem(&ONEID_APP, &code, wrong).await.refused(400, "invalid_grant");
    }
    redeem(&ONEID_APP, &code, VERIFIER).await.expect(200);
    let wanted = json!({ "client_id": "1mg-web", "user": "an", "scopes": ["openid"], "redirect_uri": CALLBACK });
    let without_challenge = at.mint(&wanted).await.member("code");
    redeem(&ONEID_WEB, &without_challenge, VERIFIER).await.refused(400, "invalid_grant");
    redeem(&ONEID_WEB, &without_challenge, "").await.expect(200);
}

#[tokio::test]
async fn a_refresh_rotates_and_brings_a_new_id_token_of_the_same_log_in() {
    let sandbox = Sandbox::start().await;
    let at = &sandbox.oneid;
    let first = tokens(at, &ONEID_APP, "openid offline").await;
    let before = claims(&sandbox, &first.member("id_token")).await;
    let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, first.member("access_token").as_bytes());
    assert_eq!(before["at_hash"], json!(URL_SAFE_NO_PAD.encode(&hash.as_ref()[..16])));
    let header = first.member("id_token").split('.').next().map(|part| URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap();
    assert_eq!(serde_json::from_slice::<Value>(&header).unwrap()["alg"], "RS256");
    sandbox.clock.advance_s(60);
    // As the platform's page has it, with a parameter that means nothing here.
    let old = first.member("refresh_token");
    let form = [
        ("grant_type", "refresh_token"),
        ("refresh_token", old.as_str()),
        ("client_id", "1mg"),
        ("redirect_uri", "https://your-home-page"),
    ];
    let second = at.post(at.token, &form).await.expect(200);
    let json = second.json();
    assert_eq!((&json["token_type"], &json["expires_in"]), (&json!("bearer"), &json!(3_600)));
    assert_ne!(second.member("refresh_token"), old);
    let after = claims(&sandbox, &second.member("id_token")).await;
    for same in ["iss", "sub", "aud", "auth_time"] {
        assert_eq!(before[same], after[same], "{same}");
    }
    assert_ne!((&before["iat"], &before["at_hash"]), (&after["iat"], &after["at_hash"]));
    assert!(!after.contains_key("nonce"));
}

#[tokio::test]
async fn a_refresh_token_lives_720_hours_from_its_last_use_and_a_grant_365_days() {
    let sandbox = Sandbox::start().await;
    let at = &sandbox.oneid;
    let mut refresh_token = tokens(at, &ONEID_WEB, "openid offline").await.member("refresh_token");
    let unused = tokens(at, &ONEID_WEB, "openid offline").await.member("refresh_token");
    for _ in 0..12 {
        sandbox.clock.advance_s(720 * HOUR_S - 60);
        refresh_token = at.refresh(&ONEID_WEB, &refresh_token).await.expect(200).member("refresh_token");
    }
    at.refresh(&ONEID_WEB, &unused).await.refused(400, "invalid_grant");
    sandbox.clock.advance_s(5 * DAY_S + HOUR_S);
    at.refresh(&ONEID_WEB, &refresh_token).await.refused(400, "invalid_grant");
}

#[tokio::test]
async fn offline_and_offline_access_are_synonyms_and_each_is_echoed_as_it_was_asked_for() {
    let sandbox = Sandbox::start().await;
    let at = &sandbox.oneid;
    for scope in ["openid offline", "openid offline_access", "openid offline offline_access", "openid"] {
        let tokens = tokens(at, &ONEID_APP, scope).await;
        assert_eq!(tokens.member("scope"), scope);
        let refresh_token = tokens.json()["refresh_token"].as_str().map(str::to_owned);
        assert_eq!(refresh_token.is_some(), scope.contains("offline"), "{scope}");
        if let Some(refresh_token) = refresh_token {
            assert_eq!(at.refresh(&ONEID_APP, &refresh_token).await.expect(200).member("scope"), scope);
        }
    }
}

#[tokio::test]
async fn a_client_that_is_registered_for_one_spelling_may_ask_for_the_other() {
    const ONE: App = App { client_id: "one-spelling", ..ONEID_WEB };
    let sandbox = Sandbox::start().await;
    let at = &sandbox.oneid;
    let with_code = vec![GrantType::AuthorizationCode, GrantType::RefreshToken];
    let client = new_client(&ONE, metadata(&ONE, with_code, "openid offline"));
    let _ = sandbox.engine.put_client(&sandbox.realm(at), client).await.unwrap();
    let mut browser = Browser::new(at);
    let asked = |scope| [("client_id", ONE.client_id), ("scope", scope)];
    let shown = browser.get(&browser.request(&asked("openid offline_access"))).await.expect(200);
    let next = browser.post_log_in(&form(&shown), "an", PASSWORD).await.expect(303);
    let consent = form(&browser.get(next.header("location")).await.expect(200));
    let answer = browser.decide(&consent, "allow", &["openid"]).await.expect(303);
    let tokens = at.redeem(&ONE, &answer.parameter("code")).await.expect(200);
    assert_eq!(tokens.member("scope"), "openid offline_access");
    at.refresh(&ONE, &tokens.member("refresh_token")).await.expect(200);
    // Nobody is asked again for what is the same.
    let again = browser.get(&browser.request(&asked("openid offline"))).await.expect(303);
    assert!(!again.parameter("code").is_empty());
    browser.get(&browser.request(&asked("openid phone"))).await.redirected("invalid_scope");
    // What is not asked for by name is what it is registered for, as it is spelt there.
    let silent = browser.request(&[("client_id", ONE.client_id), ("scope", ""), ("prompt", "none")]);
    let answer = browser.get(&silent).await.expect(303);
    assert_eq!(at.redeem(&ONE, &answer.parameter("code")).await.expect(200).member("scope"), "openid offline");
}

#[tokio::test]
async fn who_asks_in_both_spellings_is_asked_about_once_and_has_both() {
    let sandbox = Sandbox::start().await;
    let at = &sandbox.oneid;
    let mut browser = Browser::new(at);
    let request = browser.request(&[("scope", "openid offline offline_access")]);
    let shown = form(&browser.get(&request).await.expect(200));
    let next = browser.post_log_in(&shown, "an", PASSWORD).await.expect(303);
    let consent = browser.get(next.header("location")).await.expect(200);
    assert_eq!(consent.body.matches("Truy cập cả khi bạn không trực tuyến").count(), 1, "{consent:?}");
    let answer = browser.decide(&form(&consent), "allow", &["openid"]).await.expect(303);
    let tokens = at.redeem(&ONEID_WEB, &answer.parameter("code")).await.expect(200);
    assert_eq!(tokens.member("scope"), "openid offline offline_access");
}

#[tokio::test]
async fn a_client_authenticates_by_none_post_or_basic_as_it_is_registered() {
    const BASIC: App = App {
        client_id: "by-header",
        method: kimbai_core::client::AuthenticationMethod::ClientSecretBasic,
        ..ONEID_WEB
    };
    let sandbox = Sandbox::start().await;
    let at = &sandbox.oneid;
    let with_code = vec![GrantType::AuthorizationCode, GrantType::RefreshToken];
    let client = new_client(&BASIC, metadata(&BASIC, with_code, ALL));
    let _ = sandbox.engine.put_client(&sandbox.realm(at), client).await.unwrap();
    for app in [&ONEID_APP, &ONEID_WEB, &BASIC] {
        let refresh_token = tokens(at, app, "openid offline").await.member("refresh_token");
        at.refresh(app, &refresh_token).await.expect(200);
    }
    let form = [("grant_type", "refresh_token"), ("refresh_token", "x"), ("client_id", "1mg-web")];
    at.post(at.token, &form).await.refused(401, "invalid_client");
    at.call("POST", at.token).basic(&ONEID_WEB).form(&form).send().await.refused(401, "invalid_client");
}

#[tokio::test]
async fn redirect_uris_match_exactly_but_for_the_port_of_a_loopback_address() {
    let sandbox = Sandbox::start().await;
    let at = &sandbox.oneid;
    let mut browser = Browser::new(at);
    let mut ask = async |uri: &str| {
        let request = browser.request(&[("client_id", NATIVE.client_id), ("redirect_uri", uri)]);
        browser.get(&request).await.status
    };
    for (uri, status) in [
        ("com.example.native:/callback", 200),
        ("http://127.0.0.1:51004/callback", 200),
        ("http://[::1]:51004/callback", 200),
        ("http://localhost:51004/callback", 400),
        ("http://127.0.0.1:51004/callback/", 400),
        ("com.example.native:/callback/", 400),
        ("com.example.native://callback", 400),
        ("COM.EXAMPLE.NATIVE:/callback", 400),
    ] {
        assert_eq!(ask(uri).await, status, "{uri}");
    }
}

#[tokio::test]
async fn log_out_needs_a_hint_and_a_registered_address_to_lead_back() {
    let sandbox = Sandbox::start().await;
    let at = &sandbox.oneid;
    let mut browser = Browser::new(at);
    let code = browser.code().await;
    let id_token = at.redeem(&ONEID_WEB, &code).await.expect(200).member("id_token");
    let url = |parameters: &[(&str, &str)]| format!("/oauth2/sessions/logout?{}", encode(parameters));
    let bye = "http://localhost:8080/";
    // Whose address it is, is known by a hint or a name.
    browser.get(&url(&[("post_logout_redirect_uri", bye)])).await.page(400, "invalid_request");
    let named = [("post_logout_redirect_uri", bye), ("client_id", ONEID_WEB.client_id)];
    let asks = browser.get(&url(&named)).await.expect(200);
    assert!(asks.body.contains("id=\"logout-confirm\""), "{asks:?}");
    let elsewhere = [("id_token_hint", id_token.as_str()), ("post_logout_redirect_uri", "https://evil.test/")];
    browser.get(&url(&elsewhere)).await.page(400, "invalid_request");
    // A hint that has expired is one still.
    sandbox.clock.advance_s(2 * HOUR_S);
    let right = [("id_token_hint", id_token.as_str()), ("post_logout_redirect_uri", bye), ("state", "a b")];
    assert_eq!(browser.get(&url(&right)).await.expect(303).header("location"), format!("{bye}?state=a+b"));
    browser.get(&browser.request(&[("prompt", "none")])).await.redirected("login_required");
}

#[tokio::test]
async fn a_revoked_refresh_token_ends_its_grant() {
    let sandbox = Sandbox::start().await;
    let at = &sandbox.oneid;
    let tokens = tokens(at, &ONEID_APP, "openid offline").await;
    let refresh_token = tokens.member("refresh_token");
    at.as_client(&ONEID_APP, "/oauth2/revoke", &[("token", &refresh_token)]).await.expect(200);
    at.refresh(&ONEID_APP, &refresh_token).await.refused(400, "invalid_grant");
    let bearer = format!("bearer {}", tokens.member("access_token"));
    at.call("GET", "/userinfo").header("authorization", &bearer).send().await.expect(401);
}

#[tokio::test]
async fn several_tabs_that_refresh_at_once_stay_logged_in() {
    let sandbox = Sandbox::start().await;
    let at = &sandbox.oneid;
    let refresh_token = tokens(at, &ONEID_APP, "openid offline").await.member("refresh_token");
    let mut tabs = JoinSet::new();
    for _ in 0..8 {
        let (at, refresh_token) = (at.clone(), refresh_token.clone());
        tabs.spawn(async move { at.refresh(&ONEID_APP, &refresh_token).await });
    }
    let answers = tabs.join_all().await.into_iter();
    let next: Vec<_> = answers.map(|answer| answer.expect(200).member("refresh_token")).collect();
    assert!(next.iter().all(|token| *token == next[0]), "{next:?}");
    at.refresh(&ONEID_APP, &next[0]).await.expect(200);
}

#[tokio::test]
async fn a_state_or_a_nonce_of_the_platforms_length_is_taken() {
    let sandbox = Sandbox::start().await;
    let mut browser = Browser::new(&sandbox.oneid);
    browser.get(&browser.request(&[("state", "1234567")])).await.redirected("invalid_state");
    browser.get(&browser.request(&[("state", "12345678"), ("nonce", "12345678")])).await.expect(200);
}

#[tokio::test]
async fn what_a_client_registers_is_shown_on_its_pages() {
    let sandbox = Sandbox::start().await;
    let at = &sandbox.oneid;
    let realm = sandbox.realm(at);
    let standing = realm.client(ONEID_WEB.client_id).unwrap().metadata.clone();
    let mut changed = ClientMetadata {
        logo_uri: Some("https://logo.example.vn/1mg.png".to_owned()),
        policy_uri: Some("https://1mg.example.vn/privacy?a=1&b=2".to_owned()),
        tos_uri: Some("https://1mg.example.vn/terms".to_owned()),
        ..standing
    };
    changed.log_in_page.background_uri = Some("https://cdn.example.vn:8443/background.png".to_owned());
    changed.log_in_page.hotline = Some("+84 (28) 3812-3456".to_owned());
    let client =
        kimbai_engine::NewClient { client_id: ONEID_WEB.client_id.to_owned(), client_secret: None, metadata: changed };
    let _ = sandbox.engine.put_client(&realm, client).await.unwrap();
    let mut browser = Browser::new(at);
    let shown = browser.get(&browser.request(&[])).await.expect(200);
    let policy = shown.header("content-security-policy").to_owned();
    assert!(policy.contains("img-src 'self' https://logo.example.vn https://cdn.example.vn:8443;"), "{policy}");
    for text in [
        "class=\"backdrop\" src=\"https://cdn.example.vn:8443/background.png\"",
        "href=\"tel:+842838123456\"",
        "href=\"mailto:hotro@example.vn\"",
        "Cần giúp đỡ?",
    ] {
        assert!(shown.body.contains(text), "{text}: {shown:?}");
    }
    let in_english = browser.get(&browser.request(&[("ui_locales", "en")])).await.expect(200);
    assert!(in_english.body.contains("Need help?"), "{in_english:?}");
    let next = browser.post_log_in(&form(&shown), "an", PASSWORD).await.expect(303);
    let consent = browser.get(next.header("location")).await.expect(200);
    let policy = consent.header("content-security-policy");
    assert!(policy.contains("img-src 'self' https://logo.example.vn;"), "{policy}");
    for text in [
        "src=\"https://logo.example.vn/1mg.png\"",
        "id=\"consent-policy\" href=\"https://1mg.example.vn/privacy?a=1&#38;b=2\"",
        "id=\"consent-tos\" href=\"https://1mg.example.vn/terms\"",
    ] {
        assert!(consent.body.contains(text), "{text}: {consent:?}");
    }
}
