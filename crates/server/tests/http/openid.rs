//! OpenID Connect on the standard realm: discovery, ID tokens, userinfo.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use kimbai_core::client::{ClientMetadata, ConsentPolicy, SubjectType};
use kimbai_core::signing::SigningAlgorithm;
use kimbai_engine::NewClient;
use kimbai_keyring::JwtKind;
use serde_json::{Map, Value, json};

use crate::fixture::{Answer, App, Browser, CALLBACK, OTHER, PASSWORD, Sandbox, WEB, encode, form, mutations};

pub(super) const ALL: &str = "openid profile email phone address offline_access orders.read";

/// A code by way of all pages, asked for with these parameters.
pub(super) async fn code(browser: &mut Browser, changes: &[(&str, &str)]) -> String {
    let mut answer = browser.get(&browser.request(changes)).await;
    for _ in 0..3 {
        if answer.status == 303 {
            let location = answer.header("location").to_owned();
            if location.starts_with(CALLBACK) {
                return answer.parameter("code");
            }
            answer = browser.get(&location).await;
        } else if answer.body.contains("id=\"login\"") {
            answer = browser.post_log_in(&form(&answer), "an", PASSWORD).await;
        } else {
            let scopes: Vec<_> = ALL.split(' ').collect();
            answer = browser.decide(&form(&answer), "allow", &scopes).await;
        }
    }
    answer.expect(303).parameter("code")
}

/// The claims of a JWT of the standard realm, whose signature is verified.
pub(super) async fn claims(sandbox: &Sandbox, kind: JwtKind, jwt: &str) -> Map<String, Value> {
    let realm = sandbox.realm(&sandbox.standard);
    sandbox.engine.verify_jwt(&realm, kind, jwt).await.unwrap().current(sandbox.engine.now()).unwrap()
}

pub(super) fn algorithm(jwt: &str) -> String {
    let header: Value =
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(jwt.split('.').next().unwrap()).unwrap()).unwrap();
    header["alg"].as_str().unwrap().to_owned()
}

/// Registers a client of the standard realm anew, with a change.
pub(super) async fn change(sandbox: &Sandbox, app: &App, change: impl FnOnce(&mut ClientMetadata)) {
    let realm = sandbox.realm(&sandbox.standard);
    let mut metadata = realm.client(app.client_id).unwrap().metadata.clone();
    change(&mut metadata);
    let client = NewClient { client_id: app.client_id.to_owned(), client_secret: None, metadata };
    sandbox.engine.put_client(&realm, client).await.unwrap();
}

pub(super) async fn userinfo(sandbox: &Sandbox, access_token: &str) -> Answer {
    let bearer = format!("Bearer {access_token}");
    sandbox.standard.call("GET", "/userinfo").header("authorization", &bearer).send().await
}

#[tokio::test]
async fn discovery_is_one_document_at_both_places_with_an_entity_tag() {
    let sandbox = Sandbox::start().await;
    let at = &sandbox.standard;
    let document = at.get("/.well-known/openid-configuration").await.expect(200);
    assert_eq!(document.body, at.get("/.well-known/oauth-authorization-server").await.expect(200).body);
    let metadata = document.json();
    for (member, path) in
        [("userinfo_endpoint", "/userinfo"), ("end_session_endpoint", "/logout"), ("jwks_uri", "/jwks")]
    {
        assert_eq!(metadata[member], format!("{}{path}", at.issuer));
    }
    assert_eq!(metadata["id_token_signing_alg_values_supported"], json!(["RS256", "ES256", "EdDSA"]));
    assert_eq!(metadata["subject_types_supported"], json!(["public", "pairwise"]));
    assert_eq!(metadata["request_uri_parameter_supported"], json!(false));
    assert_eq!(metadata["claims_parameter_supported"], json!(true));
    assert!(metadata["claims_supported"].as_array().unwrap().contains(&json!("phone_number")));
    let etag = document.header("etag").to_owned();
    let again = at.call("GET", "/.well-known/openid-configuration").header("if-none-match", &etag).send().await;
    assert_eq!((again.status, again.body.as_str()), (304, ""));
    // A realm without the scope is no OpenID provider, and neither is one without keys.
    let mut settings = sandbox.realm(at).settings.clone();
    settings.scopes[0].retired = true;
    sandbox.engine.put_realm(at.name, &settings).await.unwrap();
    at.get("/.well-known/openid-configuration").await.expect(404);
    let plain = at.get("/.well-known/oauth-authorization-server").await.expect(200);
    assert!(plain.json().get("id_token_signing_alg_values_supported").is_none());
    sandbox.marketplace.get("/.well-known/openid-configuration").await.expect(404);
    let plain = sandbox.marketplace.get("/.well-known/oauth-authorization-server").await.expect(200);
    assert!(plain.json().get("id_token_signing_alg_values_supported").is_none());
}

#[tokio::test]
async fn discovery_changes_with_its_realm() {
    let sandbox = Sandbox::start().await;
    let at = &sandbox.standard;
    let before = at.get("/.well-known/openid-configuration").await.expect(200);
    let mut settings = sandbox.realm(at).settings.clone();
    settings.signing.algorithms = vec![SigningAlgorithm::Rs256];
    sandbox.engine.put_realm(at.name, &settings).await.unwrap();
    let after = at.get("/.well-known/openid-configuration").await.expect(200);
    assert_eq!(after.json()["id_token_signing_alg_values_supported"], json!(["RS256"]));
    assert_ne!(before.header("etag"), after.header("etag"));
}

#[tokio::test]
async fn an_id_token_comes_with_the_scope_openid_and_repeats_the_nonce_once() {
    let sandbox = Sandbox::start().await;
    let at = &sandbox.standard;
    let mut browser = Browser::new(at);
    let now_s = sandbox.engine.now().as_unix_s();
    let code = code(&mut browser, &[("scope", ALL), ("nonce", "n-0S6_WzA2Mj ậ")]).await;
    let tokens = at.redeem(&WEB, &code).await.expect(200);
    let first = claims(&sandbox, JwtKind::Id, &tokens.member("id_token")).await;
    assert_eq!((&first["iss"], &first["aud"]), (&json!(at.issuer), &json!(WEB.client_id)));
    assert_eq!((&first["nonce"], &first["acr"]), (&json!("n-0S6_WzA2Mj ậ"), &json!("1")));
    assert!(first["auth_time"].as_u64().unwrap() >= now_s.into());
    assert_eq!(first["exp"].as_u64().unwrap() - first["iat"].as_u64().unwrap(), 3_600);
    let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, tokens.member("access_token").as_bytes());
    assert_eq!(first["at_hash"], json!(URL_SAFE_NO_PAD.encode(&hash.as_ref()[..16])));
    assert!(!first.contains_key("name") && !first.contains_key("email"), "{first:?}");
    sandbox.clock.advance_s(100);
    let refreshed = at.refresh(&WEB, &tokens.member("refresh_token")).await.expect(200);
    let second = claims(&sandbox, JwtKind::Id, &refreshed.member("id_token")).await;
    for same in ["iss", "sub", "aud", "auth_time"] {
        assert_eq!(first[same], second[same], "{same}");
    }
    assert!(!second.contains_key("nonce"));
    assert!(second["iat"].as_u64() > first["iat"].as_u64());
    // A retry gets the same ID token, but for the signature of an algorithm that is random.
    let again = at.refresh(&WEB, &tokens.member("refresh_token")).await.expect(200);
    assert_eq!(again.member("id_token"), refreshed.member("id_token"));
}

#[tokio::test]
async fn there_is_no_id_token_without_the_scope_openid() {
    let sandbox = Sandbox::start().await;
    let at = &sandbox.standard;
    let mut browser = Browser::new(at);
    let code = code(&mut browser, &[("nonce", "n")]).await;
    assert!(!code.contains('.'), "no nonce is carried where nobody asks for it");
    let tokens = at.redeem(&WEB, &code).await.expect(200);
    assert!(tokens.json().get("id_token").is_none());
    let refused = userinfo(&sandbox, &tokens.member("access_token")).await.expect(403);
    assert_eq!(
        refused.header("www-authenticate"),
        r#"Bearer realm="standard", error="insufficient_scope", scope="openid""#
    );
}

#[tokio::test]
async fn a_code_whose_nonce_was_changed_cut_off_or_swapped_redeems_nothing() {
    let sandbox = Sandbox::start().await;
    let at = &sandbox.standard;
    let mut browser = Browser::new(at);
    let mine = code(&mut browser, &[("scope", "openid"), ("nonce", "mine")]).await;
    let other = code(&mut browser, &[("scope", "openid"), ("nonce", "other")]).await;
    let plain = code(&mut browser, &[("scope", "openid")]).await;
    let (sealed, nonce) = mine.split_once('.').unwrap();
    let (_, others) = other.split_once('.').unwrap();
    for wrong in [
        sealed.to_owned(),
        format!("{sealed}."),
        format!("{sealed}.{others}"),
        format!("{sealed}.{nonce}."),
        format!("{sealed}.{nonce}.{nonce}"),
        format!("{plain}.{nonce}"),
    ] {
        at.redeem(&WEB, &wrong).await.refused(400, "invalid_grant");
    }
    for wrong in mutations(&mine) {
        at.redeem(&WEB, &wrong).await.refused(400, "invalid_grant");
    }
    for right in [mine, other, plain] {
        at.redeem(&WEB, &right).await.expect(200);
    }
}

#[tokio::test]
async fn a_client_says_which_algorithm_signs() {
    let sandbox = Sandbox::start().await;
    let at = &sandbox.standard;
    let mut browser = Browser::new(at);
    for (algorithm_wanted, expect) in [
        (None, "RS256"),
        (Some(SigningAlgorithm::Rs256), "RS256"),
        (Some(SigningAlgorithm::Es256), "ES256"),
        (Some(SigningAlgorithm::EdDsa), "EdDSA"),
    ] {
        change(&sandbox, &WEB, |metadata| {
            metadata.id_token_signed_response_alg = algorithm_wanted;
            metadata.userinfo_signed_response_alg = algorithm_wanted;
        })
        .await;
        let code = code(&mut browser, &[("scope", ALL)]).await;
        let tokens = at.redeem(&WEB, &code).await.expect(200);
        assert_eq!(algorithm(&tokens.member("id_token")), expect);
        claims(&sandbox, JwtKind::Id, &tokens.member("id_token")).await;
        let info = userinfo(&sandbox, &tokens.member("access_token")).await.expect(200);
        if algorithm_wanted.is_none() {
            assert_eq!(info.header("content-type"), "application/json;charset=UTF-8");
            continue;
        }
        assert_eq!((info.header("content-type"), algorithm(&info.body).as_str()), ("application/jwt", expect));
        let payload: Value =
            serde_json::from_slice(&URL_SAFE_NO_PAD.decode(info.body.split('.').nth(1).unwrap()).unwrap()).unwrap();
        assert_eq!((&payload["iss"], &payload["aud"]), (&json!(at.issuer), &json!(WEB.client_id)));
        assert_eq!(payload["email"], "an@example.vn");
    }
}

#[tokio::test]
async fn userinfo_gives_what_the_scope_gives_by_get_and_post() {
    let sandbox = Sandbox::start().await;
    let at = &sandbox.standard;
    let mut browser = Browser::new(at);
    for (scope, expect) in [
        ("openid", vec!["sub"]),
        ("openid email", vec!["email", "email_verified", "sub"]),
        ("openid profile", vec!["birthdate", "gender", "locale", "name", "preferred_username", "sub", "zoneinfo"]),
        ("openid phone address", vec!["address", "phone_number", "phone_number_verified", "sub"]),
    ] {
        let code = code(&mut browser, &[("scope", scope)]).await;
        let tokens = at.redeem(&WEB, &code).await.expect(200);
        let token = tokens.member("access_token");
        let info = userinfo(&sandbox, &token).await.expect(200);
        let members: Vec<_> = info.json().as_object().unwrap().keys().cloned().collect();
        assert_eq!(members, expect, "{scope}");
        let id_token = claims(&sandbox, JwtKind::Id, &tokens.member("id_token")).await;
        assert_eq!(info.json()["sub"], id_token["sub"]);
        assert_eq!(info.header("cache-control"), "no-store");
        let bearer = format!("bearer {token}");
        let head = at.call("HEAD", "/userinfo").header("authorization", &bearer).send().await.expect(200);
        assert_eq!(head.body, "");
        let empty = at.call("POST", "/userinfo").header("authorization", &bearer).send().await.expect(200);
        let in_form = at.post("/userinfo", &[("access_token", &token)]).await.expect(200);
        assert_eq!((&empty.body, &in_form.body), (&info.body, &info.body));
    }
}

#[tokio::test]
async fn userinfo_refuses_as_rfc_6750_says() {
    let sandbox = Sandbox::start().await;
    let at = &sandbox.standard;
    let mut browser = Browser::new(at);
    let code = code(&mut browser, &[("scope", ALL)]).await;
    let tokens = at.redeem(&WEB, &code).await.expect(200);
    let token = tokens.member("access_token");
    let bearer = format!("Bearer {token}");
    let challenge = |answer: &Answer| answer.header("www-authenticate").to_owned();
    let none = at.get("/userinfo").await.expect(401);
    assert_eq!((challenge(&none).as_str(), none.body.as_str()), (r#"Bearer realm="standard""#, ""));
    let twice = at.call("POST", "/userinfo").header("authorization", &bearer).form(&[("access_token", &token)]);
    assert!(challenge(&twice.send().await.expect(400)).contains(r#"error="invalid_request""#));
    let headers = at.call("GET", "/userinfo").header("authorization", &bearer).header("authorization", &bearer);
    headers.send().await.expect(400);
    for wrong in ["x", &tokens.member("refresh_token"), &tokens.member("id_token")] {
        let refused = userinfo(&sandbox, wrong).await.expect(401);
        assert_eq!(challenge(&refused), r#"Bearer realm="standard", error="invalid_token""#);
    }
    // In the query a token is none (RFC 9700 section 4.3.2).
    at.get(&format!("/userinfo?access_token={token}")).await.expect(401);
    at.call("PUT", "/userinfo").send().await.expect(405);
    sandbox.clock.advance_s(3_600);
    userinfo(&sandbox, &token).await.expect(401);
}

#[tokio::test]
async fn userinfo_is_for_the_origins_of_the_tokens_own_client() {
    let sandbox = Sandbox::start().await;
    let at = &sandbox.standard;
    let mut browser = Browser::new(at);
    let code = code(&mut browser, &[("scope", ALL)]).await;
    let bearer = format!("Bearer {}", at.redeem(&WEB, &code).await.expect(200).member("access_token"));
    for (origin, expect) in [("http://localhost:8080", true), ("https://evil.test", false), ("null", false)] {
        let answer = at.call("GET", "/userinfo").header("authorization", &bearer).header("origin", origin).send().await;
        assert_eq!(answer.expect(200).headers.contains_key("access-control-allow-origin"), expect, "{origin}");
        let preflight = at.call("OPTIONS", "/userinfo").header("origin", origin).send().await;
        assert_eq!(preflight.expect(204).headers.contains_key("access-control-allow-origin"), expect, "{origin}");
        // A page must be able to read why it is refused.
        let refused = at.call("GET", "/userinfo").header("authorization", "Bearer x").header("origin", origin).send();
        let exposed = if expect { "WWW-Authenticate" } else { "" };
        assert_eq!(refused.await.expect(401).header("access-control-expose-headers"), exposed, "{origin}");
    }
}

#[tokio::test]
async fn a_pairwise_client_has_subjects_that_nobody_else_knows() {
    let sandbox = Sandbox::start().await;
    let at = &sandbox.standard;
    let mut browser = Browser::new(at);
    let public = code(&mut browser, &[("scope", ALL)]).await;
    let public = at.redeem(&WEB, &public).await.expect(200);
    let public_sub = claims(&sandbox, JwtKind::Id, &public.member("id_token")).await["sub"].clone();
    change(&sandbox, &WEB, |metadata| metadata.subject_type = Some(SubjectType::Pairwise)).await;
    let tokens = at.redeem(&WEB, &code(&mut browser, &[("scope", ALL)]).await).await.expect(200);
    let sub = claims(&sandbox, JwtKind::Id, &tokens.member("id_token")).await["sub"].clone();
    assert_ne!(sub, public_sub);
    assert_eq!(userinfo(&sandbox, &tokens.member("access_token")).await.json()["sub"], sub);
    assert_eq!(at.introspected(&tokens.member("access_token")).await["sub"], sub);
    let other_sector = "https://other.example/sector.json".to_owned();
    change(&sandbox, &WEB, |metadata| metadata.sector_identifier_uri = Some(other_sector)).await;
    let tokens = at.redeem(&WEB, &code(&mut browser, &[("scope", ALL)]).await).await.expect(200);
    assert_ne!(claims(&sandbox, JwtKind::Id, &tokens.member("id_token")).await["sub"], sub);
}

#[tokio::test]
async fn one_session_has_a_name_for_each_sector() {
    let sandbox = Sandbox::start().await;
    let at = &sandbox.standard;
    let mut browser = Browser::new(at);
    code(&mut browser, &[("scope", "openid")]).await;
    let mut sids = Vec::new();
    for (app, sector) in [
        (&WEB, None),
        (&OTHER, None),
        (&WEB, Some("https://a.example/sector.json")),
        (&OTHER, Some("https://a.example/sector.json")),
        (&OTHER, Some("https://b.example/sector.json")),
    ] {
        change(&sandbox, app, |metadata| {
            metadata.subject_type = sector.map(|_| SubjectType::Pairwise);
            metadata.sector_identifier_uri = sector.map(str::to_owned);
            metadata.consent = Some(ConsentPolicy::Never);
        })
        .await;
        let request = browser.request(&[("scope", "openid"), ("client_id", app.client_id)]);
        let code = browser.get(&request).await.expect(303).parameter("code");
        let id_token = at.redeem(app, &code).await.expect(200).member("id_token");
        sids.push((claims(&sandbox, JwtKind::Id, &id_token).await["sid"].clone(), id_token));
    }
    let same = |one: usize, other: usize| sids[one].0 == sids[other].0;
    assert!(same(0, 1) && !same(1, 2) && same(2, 3) && !same(3, 4) && !same(0, 4), "{sids:?}");
    // Each knows it by its own name.
    let last = format!("/logout?{}", encode(&[("id_token_hint", &sids[4].1)]));
    assert!(browser.get(&last).await.expect(200).body.contains("id=\"logged-out\""));
}

#[tokio::test]
async fn a_form_that_does_not_count_keeps_whom_the_request_named() {
    let sandbox = Sandbox::start().await;
    let at = &sandbox.standard;
    let mut browser = Browser::new(at);
    let tokens = at.redeem(&WEB, &code(&mut browser, &[("scope", ALL)]).await).await.expect(200);
    let hint = tokens.member("id_token");
    let request = |browser: &Browser| {
        browser.request(&[("scope", ALL), ("id_token_hint", &hint), ("login_hint", "an"), ("prompt", "consent")])
    };
    // The log-in form is an hour old, and Bình logs in with the fresh one.
    let mut other = Browser::new(at);
    let shown = other.get(&request(&other)).await.expect(200);
    sandbox.clock.advance_s(3_601);
    let again = other.post_log_in(&form(&shown), "binh", PASSWORD).await.expect(400);
    let next = other.post_log_in(&form(&again), "binh", PASSWORD).await.expect(303);
    assert_eq!(other.get(next.header("location")).await.expect(303).parameter("error"), "login_required");
    // The consent form was An's, and in another tab Bình has logged in since.
    let shown = form(&browser.get(&request(&browser)).await.expect(200));
    let elsewhere = browser.get(&browser.request(&[("prompt", "login")])).await.expect(200);
    browser.post_log_in(&form(&elsewhere), "binh", PASSWORD).await.expect(303);
    let back = browser.decide(&shown, "allow", &["email"]).await.expect(303).header("location").to_owned();
    assert!(!back.contains(&hint[..20]) && !back.contains("login_hint"), "{back}");
    let shown = browser.get(&back).await.expect(200);
    assert!(shown.body.contains("id=\"login\"") && shown.body.contains("value=\"an\""), "{}", shown.body);
}

#[tokio::test]
async fn an_id_token_hint_names_who_must_log_in_and_leaves_the_url() {
    let sandbox = Sandbox::start().await;
    let at = &sandbox.standard;
    let mut browser = Browser::new(at);
    let tokens = at.redeem(&WEB, &code(&mut browser, &[("scope", ALL)]).await).await.expect(200);
    let hint = tokens.member("id_token");
    // An expired hint is a hint.
    sandbox.clock.advance_s(3_700);
    let request = browser.request(&[("scope", ALL), ("id_token_hint", &hint), ("prompt", "none")]);
    assert!(!browser.get(&request).await.expect(303).parameter("code").is_empty());
    for wrong in [&format!("{hint}x"), &hint[..hint.len() - 4], &tokens.member("access_token")] {
        let request = browser.request(&[("id_token_hint", wrong), ("prompt", "none")]);
        assert_eq!(browser.get(&request).await.expect(303).parameter("error"), "invalid_request");
    }
    // Bình is here, An is asked for.
    let mut binh = Browser::new(at);
    let shown = binh.get(&binh.request(&[])).await.expect(200);
    binh.post_log_in(&form(&shown), "binh", PASSWORD).await.expect(303);
    assert_eq!(binh.get(&request).await.expect(303).parameter("error"), "login_required");
    let request = browser.request(&[("scope", ALL), ("id_token_hint", &hint)]);
    let shown = binh.get(&request).await.expect(200);
    assert!(shown.body.contains("id=\"login\"") && !shown.body.contains(&hint), "{}", shown.body);
    let posted = binh.parameters(&[("scope", ALL), ("id_token_hint", &hint)]);
    let next = binh.post(at.authorize, &posted).await.expect(303);
    assert!(!next.header("location").contains(&hint[..20]), "{next:?}");
    assert!(binh.get(next.header("location")).await.expect(200).body.contains("id=\"login\""));
    // Whoever logs in and is not An is told no, and not asked again.
    let next = binh.post_log_in(&form(&shown), "binh", PASSWORD).await.expect(303);
    assert_eq!(binh.get(next.header("location")).await.expect(303).parameter("error"), "login_required");
    let shown = binh.get(&request).await.expect(200);
    let next = binh.post_log_in(&form(&shown), "an", PASSWORD).await.expect(303);
    assert!(!binh.get(next.header("location")).await.expect(303).parameter("code").is_empty());
}

#[tokio::test]
async fn claims_that_are_asked_for_by_name_are_consented_to_and_come_where_they_were_asked_for() {
    let sandbox = Sandbox::start().await;
    let at = &sandbox.standard;
    let mut browser = Browser::new(at);
    let asked = r#"{"id_token":{"email":{"essential":true},"acr":null,"x":null},"userinfo":{"phone_number":null}}"#;
    let asking = [("scope", "openid offline_access"), ("claims", asked)];
    code(&mut browser, &[("scope", "openid offline_access")]).await;
    let silent = browser.request(&[asking[0], asking[1], ("prompt", "none")]);
    assert_eq!(browser.get(&silent).await.expect(303).parameter("error"), "consent_required");
    let shown = browser.get(&browser.request(&asking)).await.expect(200);
    for (scope, is_shown) in [("openid", true), ("email", true), ("phone", true), ("address", false)] {
        assert_eq!(shown.body.contains(&format!("<code>{scope}</code>")), is_shown, "{scope}: {}", shown.body);
    }
    let code = browser.decide(&form(&shown), "allow", &["email", "phone"]).await.expect(303).parameter("code");
    let mut tokens = at.redeem(&WEB, &code).await.expect(200);
    assert_eq!(tokens.member("scope"), "openid offline_access");
    for _ in 0..2 {
        let id_token = claims(&sandbox, JwtKind::Id, &tokens.member("id_token")).await;
        assert_eq!((&id_token["email"], id_token.get("phone_number")), (&json!("an@example.vn"), None));
        let info = userinfo(&sandbox, &tokens.member("access_token")).await.expect(200).json();
        assert_eq!((&info["phone_number"], info.get("email")), (&json!("+84900000000"), None));
        assert!(info.get("phone_number_verified").is_none(), "it was not asked for");
        tokens = at.refresh(&WEB, &tokens.member("refresh_token")).await.expect(200);
    }
    // Now it is remembered.
    assert!(!browser.get(&silent).await.expect(303).parameter("code").is_empty());
    // A token that was narrowed has lost them.
    let refresh_token = tokens.member("refresh_token");
    let narrowed = [("grant_type", "refresh_token"), ("refresh_token", &refresh_token), ("scope", "openid")];
    let narrowed = at.token(&WEB, &narrowed).await.expect(200);
    assert!(!claims(&sandbox, JwtKind::Id, &narrowed.member("id_token")).await.contains_key("email"));
    let info = userinfo(&sandbox, &narrowed.member("access_token")).await.expect(200).json();
    assert_eq!(info.as_object().unwrap().keys().collect::<Vec<_>>(), ["sub"]);
}

#[tokio::test]
async fn claims_that_are_asked_for_by_name_and_not_agreed_to_are_not_given() {
    let sandbox = Sandbox::start().await;
    let at = &sandbox.standard;
    let mut browser = Browser::new(at);
    let asked = r#"{"id_token":{"email":null},"userinfo":{"email":null,"phone_number":null}}"#;
    code(&mut browser, &[("scope", "openid")]).await;
    for scope in ["openid", "openid email profile"] {
        let request = browser.request(&[("scope", scope), ("claims", asked), ("prompt", "consent")]);
        let shown = browser.get(&request).await.expect(200);
        let code = browser.decide(&form(&shown), "allow", &["profile", "phone"]).await.expect(303).parameter("code");
        let tokens = at.redeem(&WEB, &code).await.expect(200);
        assert!(!claims(&sandbox, JwtKind::Id, &tokens.member("id_token")).await.contains_key("email"), "{scope}");
        let info = userinfo(&sandbox, &tokens.member("access_token")).await.expect(200).json();
        assert_eq!((&info["phone_number"], info.get("email")), (&json!("+84900000000"), None), "{scope}");
    }
}

#[tokio::test]
async fn who_unticks_a_scope_that_was_agreed_to_before_takes_it_back() {
    let sandbox = Sandbox::start().await;
    let mut browser = Browser::new(&sandbox.standard);
    let asking = ("scope", "openid email profile");
    code(&mut browser, &[asking]).await;
    let silently = [asking, ("prompt", "none")];
    let agreed = browser.get(&browser.request(&silently)).await.expect(303);
    assert!(!agreed.parameter("code").is_empty());
    let shown = browser.get(&browser.request(&[asking, ("prompt", "consent")])).await.expect(200);
    browser.decide(&form(&shown), "allow", &["profile"]).await.expect(303).parameter("code");
    for scope in ["openid email profile", "openid email"] {
        let asked = browser.get(&browser.request(&[("scope", scope), ("prompt", "none")])).await.expect(303);
        assert_eq!(asked.parameter("error"), "consent_required", "{scope}");
    }
    let rest = browser.get(&browser.request(&[("scope", "openid profile"), ("prompt", "none")])).await.expect(303);
    assert!(!rest.parameter("code").is_empty(), "what was not taken back is remembered");
}

#[tokio::test]
async fn a_client_gets_no_claims_of_scopes_that_it_is_not_registered_for() {
    let sandbox = Sandbox::start().await;
    let at = &sandbox.standard;
    let mut browser = Browser::new(at);
    let asked = r#"{"id_token":{"email":null},"userinfo":{"email":null,"phone_number":null,"address":null}}"#;
    let asking = [("scope", "openid"), ("claims", asked)];
    // Agreed to, and then taken from the client: the token that there is loses them too.
    let before = at.redeem(&WEB, &code(&mut browser, &asking).await).await.expect(200);
    let info = userinfo(&sandbox, &before.member("access_token")).await.expect(200).json();
    assert_eq!(info["email"], "an@example.vn");
    change(&sandbox, &WEB, |metadata| "openid".clone_into(&mut metadata.scope)).await;
    let request = browser.request(&[asking[0], asking[1], ("prompt", "none")]);
    let code = browser.get(&request).await.expect(303).parameter("code");
    let tokens = at.redeem(&WEB, &code).await.expect(200);
    assert!(!claims(&sandbox, JwtKind::Id, &tokens.member("id_token")).await.contains_key("email"));
    for access_token in [tokens.member("access_token"), before.member("access_token")] {
        let info = userinfo(&sandbox, &access_token).await.expect(200).json();
        assert_eq!(info.as_object().unwrap().keys().collect::<Vec<_>>(), ["sub"]);
    }
}

#[tokio::test]
async fn openid_cannot_be_unticked() {
    let sandbox = Sandbox::start().await;
    let at = &sandbox.standard;
    let mut browser = Browser::new(at);
    let next = browser.log_in().await;
    drop(next);
    let shown = browser.get(&browser.request(&[("scope", "openid profile"), ("nonce", "n")])).await.expect(200);
    let code = browser.decide(&form(&shown), "allow", &["profile"]).await.expect(303).parameter("code");
    let tokens = at.redeem(&WEB, &code).await.expect(200);
    assert_eq!(tokens.member("scope"), "openid profile");
    assert_eq!(claims(&sandbox, JwtKind::Id, &tokens.member("id_token")).await["nonce"], "n");
}

#[tokio::test]
async fn a_request_may_name_the_user_and_the_authentication_context() {
    let sandbox = Sandbox::start().await;
    let mut browser = Browser::new(&sandbox.standard);
    code(&mut browser, &[("scope", "openid")]).await;
    let insisted = r#"{"id_token":{"sub":{"value":"nobody"}}}"#;
    let request = browser.request(&[("scope", "openid"), ("claims", insisted), ("prompt", "none")]);
    assert_eq!(browser.get(&request).await.expect(303).parameter("error"), "login_required");
    let unmet = r#"{"id_token":{"acr":{"essential":true,"value":"9"}}}"#;
    let request = browser.request(&[("scope", "openid"), ("claims", unmet)]);
    assert_eq!(browser.get(&request).await.expect(303).parameter("error"), "unmet_authentication_requirements");
}

#[tokio::test]
async fn the_sandbox_shows_how_to_redeem_a_code_with_a_nonce_that_came_by_get_or_post() {
    let sandbox = Sandbox::start().await;
    let at = &sandbox.standard;
    let mut browser = Browser::new(at);
    let code = code(&mut browser, &[("scope", "openid"), ("nonce", "n")]).await;
    let by_get = at.get(&format!("/sandbox/callback?code={code}")).await.expect(200);
    let by_post = at.post("/sandbox/callback", &[("code", &code)]).await.expect(200);
    for page in [by_get, by_post] {
        assert!(page.body.contains(&format!("code={code}")) && page.body.contains(WEB.client_id), "{}", page.body);
    }
    at.call("PUT", "/sandbox/callback").send().await.expect(405);
}
