//! What the OpenID Foundation's test plans for providers ask for: Basic, Form Post (the same by another way), Config and RP-initiated
//! log-out. Each test says which of their modules it stands for. As there, the clients are confidential and come without PKCE.

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use kimbai_core::realm::PkcePolicy;
use kimbai_keyring::JwtKind;
use serde_json::{Map, Value, json};

use super::openid::{change, claims, userinfo};
use super::walk::{Walk, walk, walk_on};
use crate::fixture::{
    Answer, App, Browser, CALLBACK, CHALLENGE, OTHER, POST_APP, Sandbox, VERIFIER, WEB, encode, form,
};

const BYE: &str = "http://localhost:8080/";
/// The way of the Basic profile, and that of the Form Post profile.
const MODES: [&str; 2] = ["", "form_post"];

/// A sandbox whose clients need no PKCE, and may be sent away after log-out.
async fn start() -> Sandbox {
    let sandbox = Sandbox::start().await;
    for app in [&WEB, &POST_APP, &OTHER] {
        change(&sandbox, app, |metadata| {
            metadata.pkce = Some(PkcePolicy::Optional);
            metadata.post_logout_redirect_uris = vec![BYE.to_owned()];
        })
        .await;
    }
    sandbox
}

/// The parameters of a request for `openid`, with these instead or beside.
fn parameters<'a>(changes: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let mut all = vec![
        ("response_type", "code"),
        ("client_id", WEB.client_id),
        ("redirect_uri", CALLBACK),
        ("scope", "openid"),
        ("state", "a state"),
        ("nonce", "a nonce"),
    ];
    all.retain(|(name, _)| !changes.iter().any(|(of, _)| of == name));
    all.extend(changes);
    all
}

async fn ask(browser: &mut Browser, changes: &[(&str, &str)]) -> Walk {
    let request = format!("{}?{}", browser.at.authorize, encode(&parameters(changes)));
    walk(browser, &request).await
}

async fn redeem(sandbox: &Sandbox, app: &App, code: &str) -> Answer {
    let form = [("grant_type", "authorization_code"), ("code", code), ("redirect_uri", CALLBACK)];
    sandbox.standard.token(app, &form).await
}

/// The tokens that a request leads to, and the claims of the ID token.
async fn tokens(sandbox: &Sandbox, browser: &mut Browser, changes: &[(&str, &str)]) -> (Answer, Map<String, Value>) {
    let found = ask(browser, changes).await;
    let tokens = redeem(sandbox, &WEB, found.code()).await.expect(200);
    let claims = claims(sandbox, JwtKind::Id, &tokens.member("id_token")).await;
    (tokens, claims)
}

/// oidcc-server, oidcc-server-client-secret-post, oidcc-idtoken-signature, oidcc-idtoken-unsigned.
#[tokio::test]
async fn the_code_flow_ends_in_an_id_token_that_the_jwk_set_verifies() {
    let sandbox = start().await;
    let at = &sandbox.standard;
    let keys = at.get("/jwks").await.expect(200).json();
    for (app, mode) in [(&WEB, MODES[0]), (&WEB, MODES[1]), (&POST_APP, MODES[0]), (&POST_APP, MODES[1])] {
        let mut browser = Browser::new(at);
        let found = ask(&mut browser, &[("client_id", app.client_id), ("response_mode", mode)]).await;
        assert_eq!((found.parameter("state"), found.parameter("iss")), ("a state", at.issuer.as_str()));
        let tokens = redeem(&sandbox, app, found.code()).await.expect(200);
        assert_eq!((tokens.member("token_type").as_str(), tokens.header("cache-control")), ("Bearer", "no-store"));
        let jwt = tokens.member("id_token");
        let header = jwt.split('.').next().unwrap();
        let header: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header).unwrap()).unwrap();
        assert_eq!(header["alg"], "RS256", "signed, and with what every client reads");
        let named = keys["keys"].as_array().unwrap().iter().filter(|key| key["kid"] == header["kid"]).count();
        assert_eq!(named, 1);
        let says = claims(&sandbox, JwtKind::Id, &jwt).await;
        assert_eq!(
            (&says["iss"], &says["aud"], &says["nonce"]),
            (&json!(at.issuer), &json!(app.client_id), &json!("a nonce"))
        );
        assert!(!says.contains_key("azp"), "there is one audience");
        assert!(
            says["exp"].as_u64() > says["iat"].as_u64() && says["sub"].as_str().is_some_and(|sub| sub.len() <= 255)
        );
        let hash = digest(&SHA256, tokens.member("access_token").as_bytes());
        assert_eq!(says["at_hash"], json!(URL_SAFE_NO_PAD.encode(&hash.as_ref()[..16])));
    }
}

/// oidcc-response-type-missing.
#[tokio::test]
async fn a_request_without_a_response_type_is_told_so_with_its_state() {
    let sandbox = start().await;
    for mode in MODES {
        let found = ask(&mut Browser::new(&sandbox.standard), &[("response_type", ""), ("response_mode", mode)]).await;
        assert_eq!((found.parameter("error"), found.parameter("state")), ("invalid_request", "a state"));
    }
}

/// oidcc-userinfo-get, oidcc-userinfo-post-header, oidcc-userinfo-post-body.
#[tokio::test]
async fn userinfo_answers_a_get_and_a_post_with_the_token_in_header_or_body() {
    let sandbox = start().await;
    let at = &sandbox.standard;
    let (tokens, id) = tokens(&sandbox, &mut Browser::new(at), &[]).await;
    let token = tokens.member("access_token");
    let bearer = format!("Bearer {token}");
    for answer in [
        userinfo(&sandbox, &token).await,
        at.call("POST", "/userinfo").header("authorization", &bearer).send().await,
        at.post("/userinfo", &[("access_token", &token)]).await,
    ] {
        assert_eq!(answer.expect(200).json()["sub"], id["sub"]);
    }
}

/// oidcc-ensure-request-without-nonce-succeeds-for-code-flow.
#[tokio::test]
async fn the_code_flow_needs_no_nonce() {
    let sandbox = start().await;
    let (_, id) = tokens(&sandbox, &mut Browser::new(&sandbox.standard), &[("nonce", "")]).await;
    assert!(!id.contains_key("nonce"));
}

/// oidcc-scope-profile, -email, -address, -phone, -all, oidcc-ensure-other-scope-order-succeeds.
#[tokio::test]
async fn each_scope_gives_its_claims_in_their_types_at_userinfo() {
    let sandbox = start().await;
    let mut browser = Browser::new(&sandbox.standard);
    let profile = vec!["birthdate", "gender", "name", "preferred_username", "zoneinfo", "locale"];
    let email = vec!["email", "email_verified"];
    let (address, phone) = (vec!["address"], vec!["phone_number", "phone_number_verified"]);
    let all = [profile.clone(), email.clone(), address.clone(), phone.clone()].concat();
    for (scope, mut expect) in [
        ("openid profile", profile),
        ("openid email", email.clone()),
        ("openid address", address),
        ("openid phone", phone),
        ("openid profile email address phone", all),
        ("email openid", email),
    ] {
        let (tokens, id) = tokens(&sandbox, &mut browser, &[("scope", scope)]).await;
        let info = userinfo(&sandbox, &tokens.member("access_token")).await.expect(200).json();
        let mut names: Vec<_> = info.as_object().unwrap().keys().map(String::as_str).collect();
        expect.push("sub");
        expect.sort_unstable();
        names.sort_unstable();
        assert_eq!(names, expect, "{scope}");
        for (name, value) in info.as_object().unwrap() {
            let fits = match name.as_str() {
                "email_verified" | "phone_number_verified" => value.is_boolean(),
                "address" => value.is_object(),
                _ => value.is_string(),
            };
            assert!(fits, "{name}: {value}");
            assert!(name == "sub" || !id.contains_key(name), "an ID token beside an access token has none of them");
        }
    }
}

/// oidcc-display-page, -popup, oidcc-ui-locales, oidcc-claims-locales, oidcc-ensure-request-with-acr-values-succeeds,
/// oidcc-ensure-request-with-unknown-parameter-succeeds, oidcc-ensure-request-with-valid-pkce-succeeds.
#[tokio::test]
async fn what_may_be_asked_for_and_need_not_be_done_stops_nothing() {
    let sandbox = start().await;
    for mode in MODES {
        for (name, value) in [
            ("display", "page"),
            ("display", "popup"),
            ("display", "hologram"),
            ("ui_locales", "se"),
            ("ui_locales", "en vi"),
            ("claims_locales", "se"),
            ("acr_values", "1 2"),
            ("extra", "foobar"),
        ] {
            let mut browser = Browser::new(&sandbox.standard);
            let found = ask(&mut browser, &[(name, value), ("response_mode", mode)]).await;
            assert!(found.pages.starts_with('l'), "{name}={value}: {}", found.pages);
            let tokens = redeem(&sandbox, &WEB, found.code()).await.expect(200);
            let id = claims(&sandbox, JwtKind::Id, &tokens.member("id_token")).await;
            assert_eq!(id["acr"], "1", "{name}={value}");
        }
    }
    let mut browser = Browser::new(&sandbox.standard);
    let found = ask(&mut browser, &[("code_challenge", CHALLENGE), ("code_challenge_method", "S256")]).await;
    redeem(&sandbox, &WEB, found.code()).await.refused(400, "invalid_grant");
    let right = [
        ("grant_type", "authorization_code"),
        ("code", found.code()),
        ("redirect_uri", CALLBACK),
        ("code_verifier", VERIFIER),
    ];
    sandbox.standard.token(&WEB, &right).await.expect(200);
}

/// oidcc-prompt-login.
#[tokio::test]
async fn prompt_login_authenticates_the_same_person_anew() {
    let sandbox = start().await;
    let mut browser = Browser::new(&sandbox.standard);
    let (_, first) = tokens(&sandbox, &mut browser, &[]).await;
    sandbox.clock.advance_s(2);
    let again = ask(&mut browser, &[("prompt", "login")]).await;
    assert_eq!(again.pages, "l");
    let second = redeem(&sandbox, &WEB, again.code()).await.expect(200);
    let second = claims(&sandbox, JwtKind::Id, &second.member("id_token")).await;
    assert_eq!(first["sub"], second["sub"]);
    assert!(second["auth_time"].as_u64() > first["auth_time"].as_u64());
}

/// oidcc-prompt-none-not-logged-in, oidcc-prompt-none-logged-in.
#[tokio::test]
async fn prompt_none_shows_nothing_with_a_session_or_without() {
    let sandbox = start().await;
    for mode in MODES {
        let mut browser = Browser::new(&sandbox.standard);
        let refused = ask(&mut browser, &[("prompt", "none"), ("response_mode", mode)]).await;
        let expect = ("", "login_required", "a state", "");
        let (pages, error) = (refused.pages.as_str(), refused.parameter("error"));
        assert_eq!((pages, error, refused.parameter("state"), refused.parameter("code")), expect);
        let (_, first) = tokens(&sandbox, &mut browser, &[]).await;
        sandbox.clock.advance_s(2);
        let silent = ask(&mut browser, &[("prompt", "none"), ("response_mode", mode)]).await;
        assert_eq!(silent.pages, "");
        let second = redeem(&sandbox, &WEB, silent.code()).await.expect(200);
        let second = claims(&sandbox, JwtKind::Id, &second.member("id_token")).await;
        assert_eq!((&first["sub"], &first["auth_time"]), (&second["sub"], &second["auth_time"]));
    }
}

/// oidcc-max-age-1, oidcc-max-age-10000.
#[tokio::test]
async fn max_age_authenticates_anew_when_the_log_in_is_older_and_leaves_it_else() {
    let sandbox = start().await;
    let mut browser = Browser::new(&sandbox.standard);
    let (_, first) = tokens(&sandbox, &mut browser, &[]).await;
    sandbox.clock.advance_s(2);
    let lenient = ask(&mut browser, &[("max_age", "10000")]).await;
    assert_eq!(lenient.pages, "");
    let lenient = redeem(&sandbox, &WEB, lenient.code()).await.expect(200);
    let lenient = claims(&sandbox, JwtKind::Id, &lenient.member("id_token")).await;
    assert_eq!(lenient["auth_time"], first["auth_time"]);
    let strict = ask(&mut browser, &[("max_age", "1")]).await;
    assert_eq!(strict.pages, "l");
    let strict = redeem(&sandbox, &WEB, strict.code()).await.expect(200);
    let strict = claims(&sandbox, JwtKind::Id, &strict.member("id_token")).await;
    assert_eq!(strict["sub"], first["sub"]);
    assert!(strict["auth_time"].as_u64() > first["auth_time"].as_u64());
    assert!(sandbox.engine.now().as_unix_s() - u32::try_from(strict["auth_time"].as_u64().unwrap()).unwrap() <= 60);
}

/// oidcc-id-token-hint, oidcc-login-hint.
#[tokio::test]
async fn hints_name_the_person_and_stand_in_no_url_of_ours() {
    let sandbox = start().await;
    let mut browser = Browser::new(&sandbox.standard);
    let (tokens, first) = tokens(&sandbox, &mut browser, &[]).await;
    let hint = tokens.member("id_token");
    let silent = ask(&mut browser, &[("prompt", "none"), ("id_token_hint", &hint)]).await;
    let second = redeem(&sandbox, &WEB, silent.code()).await.expect(200);
    assert_eq!(claims(&sandbox, JwtKind::Id, &second.member("id_token")).await["sub"], first["sub"]);
    let mut stranger = Browser::new(&sandbox.standard);
    let request = format!("/authorize?{}", encode(&parameters(&[("id_token_hint", &hint), ("login_hint", "binh")])));
    let shown = stranger.get(&request).await.expect(200);
    assert!(shown.body.contains("value=\"binh\"") && !shown.body.contains(&hint), "{}", shown.body);
    assert!(!form(&shown).action.contains("hint"));
}

/// oidcc-codereuse.
#[tokio::test]
async fn a_code_that_is_reused_at_once_is_refused() {
    let sandbox = start().await;
    let found = ask(&mut Browser::new(&sandbox.standard), &[]).await;
    let tokens = redeem(&sandbox, &WEB, found.code()).await.expect(200);
    redeem(&sandbox, &WEB, found.code()).await.refused(400, "invalid_grant");
    // The loser of a race does not kill the winner.
    userinfo(&sandbox, &tokens.member("access_token")).await.expect(200);
}

/// oidcc-codereuse-30seconds.
#[tokio::test]
async fn a_code_that_is_reused_after_30_seconds_is_refused_and_its_tokens_are_revoked() {
    let sandbox = start().await;
    let found = ask(&mut Browser::new(&sandbox.standard), &[("scope", "openid offline_access")]).await;
    let tokens = redeem(&sandbox, &WEB, found.code()).await.expect(200);
    userinfo(&sandbox, &tokens.member("access_token")).await.expect(200);
    sandbox.clock.advance_s(30);
    redeem(&sandbox, &WEB, found.code()).await.refused(400, "invalid_grant");
    userinfo(&sandbox, &tokens.member("access_token")).await.expect(401);
    sandbox.standard.refresh(&WEB, &tokens.member("refresh_token")).await.refused(400, "invalid_grant");
}

/// oidcc-ensure-registered-redirect-uri, oidcc-redirect-uri-query-added, oidcc-ensure-redirect-uri-in-authorization-request.
#[tokio::test]
async fn a_redirect_uri_that_is_not_registered_ends_on_a_page() {
    let sandbox = start().await;
    for wrong in ["https://evil.test/", "http://localhost:8080/callback?x=y", "http://localhost:8080/callback/"] {
        let mut browser = Browser::new(&sandbox.standard);
        let found = ask(&mut browser, &[("redirect_uri", wrong)]).await;
        assert_eq!((found.last.status, found.last.header("location"), found.response.len()), (400, "", 0), "{wrong}");
    }
    // The demo app has two: which of them it is must be said.
    let found = ask(&mut Browser::new(&sandbox.standard), &[("redirect_uri", "")]).await;
    assert_eq!((found.last.status, found.response.len()), (400, 0));
}

/// oidcc-ensure-post-request-succeeds.
#[tokio::test]
async fn a_posted_request_succeeds() {
    let sandbox = start().await;
    for mode in MODES {
        let mut browser = Browser::new(&sandbox.standard);
        let parameters = parameters(&[("response_mode", mode)]);
        // From another site, so that no cookie comes along.
        let first = sandbox.standard.post("/authorize", &parameters).await;
        let found = walk_on(&mut browser, first).await;
        assert_eq!(found.parameter("state"), "a state");
        redeem(&sandbox, &WEB, found.code()).await.expect(200);
    }
}

/// oidcc-request-uri-unsigned-supported-correctly-or-rejected-as-unsupported,
/// oidcc-unsigned-request-object-supported-correctly-or-rejected-as-unsupported, oidcc-ensure-request-object-with-redirect-uri.
#[tokio::test]
async fn request_objects_are_refused_by_their_names_and_followed_nowhere() {
    let sandbox = start().await;
    let at = &sandbox.standard;
    let discovery = at.get("/.well-known/openid-configuration").await.expect(200).json();
    assert_eq!(
        (&discovery["request_parameter_supported"], &discovery["request_uri_parameter_supported"]),
        (&json!(false), &json!(false))
    );
    let inside = json!({ "redirect_uri": "https://evil.test/", "scope": "openid email" }).to_string();
    let object = format!("{}.{}.", URL_SAFE_NO_PAD.encode(r#"{"alg":"none"}"#), URL_SAFE_NO_PAD.encode(inside));
    for (name, value, expect) in [
        ("request", object.as_str(), "request_not_supported"),
        ("request_uri", "https://example.com/request.jwt", "request_uri_not_supported"),
    ] {
        for mode in MODES {
            let found = ask(&mut Browser::new(at), &[(name, value), ("response_mode", mode)]).await;
            assert_eq!((found.parameter("error"), found.parameter("state")), (expect, "a state"));
        }
        let unregistered = ask(&mut Browser::new(at), &[(name, value), ("redirect_uri", "https://evil.test/")]).await;
        assert_eq!((unregistered.last.status, unregistered.last.header("location")), (400, ""));
    }
}

/// oidcc-claims-essential.
#[tokio::test]
async fn an_essential_claim_comes_from_userinfo_without_its_scope() {
    let sandbox = start().await;
    let asked = r#"{"userinfo":{"name":{"essential":true}}}"#;
    let (tokens, id) = tokens(&sandbox, &mut Browser::new(&sandbox.standard), &[("claims", asked)]).await;
    let info = userinfo(&sandbox, &tokens.member("access_token")).await.expect(200).json();
    assert_eq!((&info["name"], info.get("email")), (&json!("Đặng Thị Ngọc Ảnh"), None));
    assert!(!id.contains_key("name"));
}

/// oidcc-refresh-token.
#[tokio::test]
async fn a_refresh_gives_a_new_id_token_of_the_same_log_in_and_is_for_its_client_alone() {
    let sandbox = start().await;
    let at = &sandbox.standard;
    let changes = [("scope", "openid offline_access"), ("prompt", "consent")];
    let (before, first) = tokens(&sandbox, &mut Browser::new(at), &changes).await;
    let refresh_token = before.member("refresh_token");
    at.refresh(&OTHER, &refresh_token).await.refused(400, "invalid_grant");
    sandbox.clock.advance_s(1);
    let after = at.refresh(&WEB, &refresh_token).await.expect(200);
    let second = claims(&sandbox, JwtKind::Id, &after.member("id_token")).await;
    for same in ["iss", "sub", "aud", "auth_time", "acr"] {
        assert_eq!(first[same], second[same], "{same}");
    }
    assert!(second["iat"].as_u64() > first["iat"].as_u64());
    assert!(!second.contains_key("azp") && !second.contains_key("nonce"));
    assert_ne!(before.member("access_token"), after.member("access_token"));
    userinfo(&sandbox, &after.member("access_token")).await.expect(200);
}

/// oidcc-discovery-endpoint-verification.
#[tokio::test]
async fn the_discovery_document_has_what_it_must_and_its_urls_answer() {
    let sandbox = start().await;
    let at = &sandbox.standard;
    let document = at.get("/.well-known/openid-configuration").await.expect(200);
    assert_eq!(document.header("content-type"), "application/json;charset=UTF-8");
    let says = document.json();
    assert_eq!(says["issuer"], at.issuer);
    for (endpoint, method) in [
        ("authorization_endpoint", "GET"),
        ("token_endpoint", "POST"),
        ("userinfo_endpoint", "GET"),
        ("jwks_uri", "GET"),
        ("end_session_endpoint", "GET"),
        ("revocation_endpoint", "POST"),
        ("introspection_endpoint", "POST"),
    ] {
        let path = says[endpoint].as_str().unwrap().strip_prefix(&at.issuer).unwrap();
        let status = at.call(method, path).send().await.status;
        assert!(status < 500 && !matches!(status, 404 | 405), "{endpoint}: {status}");
    }
    let lists = |member: &str, value: &str| says[member].as_array().unwrap().contains(&json!(value));
    for (member, value) in [
        ("response_types_supported", "code"),
        ("response_modes_supported", "form_post"),
        ("subject_types_supported", "public"),
        ("id_token_signing_alg_values_supported", "RS256"),
        ("scopes_supported", "openid"),
        ("token_endpoint_auth_methods_supported", "client_secret_basic"),
        ("token_endpoint_auth_methods_supported", "client_secret_post"),
        ("claims_supported", "sub"),
        ("claims_supported", "email"),
        ("grant_types_supported", "authorization_code"),
    ] {
        assert!(lists(member, value), "{member}: {value}");
    }
    assert!(!lists("id_token_signing_alg_values_supported", "none"));
    let keys = at.get("/jwks").await.expect(200).json()["keys"].as_array().unwrap().clone();
    let kids: std::collections::HashSet<_> = keys.iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect();
    assert_eq!(kids.len(), keys.len());
    for key in &keys {
        assert_eq!(key["use"], "sig");
        for private in ["d", "p", "q", "dp", "dq", "qi", "oth", "k"] {
            assert!(key.get(private).is_none(), "{private}");
        }
    }
}

/// Where a log-out request leads, once the page that may ask was answered.
async fn log_out(browser: &mut Browser, changes: &[(&str, &str)]) -> (&'static str, Answer) {
    let answer = browser.get(&format!("/logout?{}", encode(changes))).await;
    if !answer.body.contains("id=\"logout-confirm\"") {
        return ("at once", answer);
    }
    let shown = form(&answer);
    let fields = [("continuation", shown.continuation.as_str()), ("logout", "logout")];
    ("asked", browser.post(&shown.action, &fields).await)
}

/// oidcc-rp-initiated-logout, -no-state, -no-params, -no-post-logout-redirect-uri, -only-state, -no-id-token-hint.
#[tokio::test]
async fn a_log_out_that_may_be_done_ends_the_session_and_leads_back_where_that_was_asked_for() {
    let sandbox = start().await;
    for (has_hint, target, state, expect) in [
        (true, BYE, "s", ("at once", "http://localhost:8080/?state=s")),
        (true, BYE, "", ("at once", "http://localhost:8080/")),
        (true, "", "", ("at once", "")),
        (true, "", "s", ("at once", "")),
        (false, "", "", ("asked", "")),
        (false, "", "s", ("asked", "")),
    ] {
        let mut browser = Browser::new(&sandbox.standard);
        let (tokens, _) = tokens(&sandbox, &mut browser, &[]).await;
        let hint = if has_hint { tokens.member("id_token") } else { String::new() };
        let changes = [("id_token_hint", hint.as_str()), ("post_logout_redirect_uri", target), ("state", state)];
        let (how, answer) = log_out(&mut browser, &changes).await;
        assert_eq!((how, answer.header("location")), expect, "{has_hint} {target} {state}");
        let silent = ask(&mut browser, &[("prompt", "none")]).await;
        assert_eq!(silent.parameter("error"), "login_required", "logged out");
    }
}

/// oidcc-rp-initiated-logout-bad-id-token-hint, -modified-id-token-hint, -bad-post-logout-redirect-uri,
/// -query-added-to-post-logout-redirect-uri, and -no-id-token-hint with a target.
#[tokio::test]
async fn a_log_out_that_cannot_be_believed_leads_nowhere_and_logs_nobody_out() {
    let sandbox = start().await;
    let mut browser = Browser::new(&sandbox.standard);
    let (tokens, _) = tokens(&sandbox, &mut browser, &[]).await;
    let hint = tokens.member("id_token");
    let (head, tail) = hint.split_at(hint.len() - 20);
    let modified = format!("{head}{}", tail.chars().rev().collect::<String>());
    let query_added = format!("{BYE}?foo=bar");
    for (hint, target) in [
        ("bad", BYE),
        (modified.as_str(), BYE),
        (hint.as_str(), "https://evil.test/"),
        (hint.as_str(), query_added.as_str()),
        ("", BYE),
    ] {
        let changes = [("id_token_hint", hint), ("post_logout_redirect_uri", target), ("state", "s")];
        let answer = browser.get(&format!("/logout?{}", encode(&changes))).await;
        assert_eq!((answer.status, answer.header("location")), (400, ""), "{hint} {target}");
        ask(&mut browser, &[("prompt", "none")]).await.code();
    }
}
