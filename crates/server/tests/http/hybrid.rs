//! The hybrid flow: an ID token beside the code, for clients that opt in, in realms that allow it.

use aws_lc_rs::digest::{Algorithm, SHA256, SHA512, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use kimbai_core::authorize::ResponseType;
use kimbai_core::signing::SigningAlgorithm;
use kimbai_keyring::JwtKind;
use serde_json::json;

use super::openid::{algorithm, change, claims, code};
use crate::fixture::{Answer, Browser, CALLBACK, SPA, Sandbox, WEB, form};

const SCOPE: &str = "openid email";
const NONCE: &str = "n-0S6_WzA2Mj";

/// A realm that answers with ID tokens, and a web app that asks for them.
async fn allowed(sandbox: &Sandbox) {
    let realm = sandbox.realm(&sandbox.standard);
    let mut settings = realm.settings.clone();
    settings.response_types.push(ResponseType::CodeIdToken);
    sandbox.engine.put_realm(&realm.name, &settings).await.unwrap();
    change(sandbox, &WEB, |metadata| metadata.response_types.push(ResponseType::CodeIdToken)).await;
}

/// A browser that is logged in and has agreed to all that is asked for here.
async fn settled(sandbox: &Sandbox) -> Browser {
    let mut browser = Browser::new(&sandbox.standard);
    code(&mut browser, &[("scope", SCOPE)]).await;
    browser
}

fn request(browser: &Browser, changes: &[(&str, &str)]) -> String {
    let hybrid = [("response_type", "code id_token"), ("scope", SCOPE), ("nonce", NONCE)];
    let kept = hybrid.iter().filter(|(name, _)| !changes.iter().any(|(of, _)| of == name));
    browser.request(&kept.chain(changes).copied().collect::<Vec<_>>())
}

/// A parameter of the fragment that an answer leads to.
fn in_fragment(answer: &Answer, name: &str) -> String {
    let location = answer.header("location");
    assert!(location.starts_with(&format!("{CALLBACK}#")), "{location}");
    let mut pairs = form_urlencoded::parse(location.split_once('#').unwrap().1.as_bytes());
    pairs.find(|(of, _)| of == name).map(|(_, value)| value.into_owned()).unwrap_or_default()
}

fn half_hash(function: &'static Algorithm, text: &str) -> String {
    let hash = digest(function, text.as_bytes());
    URL_SAFE_NO_PAD.encode(&hash.as_ref()[..hash.as_ref().len() / 2])
}

#[tokio::test]
async fn a_client_that_opts_in_gets_an_id_token_that_vouches_for_the_code() {
    let sandbox = Sandbox::start().await;
    allowed(&sandbox).await;
    let at = &sandbox.standard;
    let mut browser = settled(&sandbox).await;
    for (alg, function) in [("RS256", &SHA256), ("ES256", &SHA256), ("EdDSA", &SHA512)] {
        let signing = SigningAlgorithm::ALL.into_iter().find(|algorithm| algorithm.name() == alg);
        change(&sandbox, &WEB, |metadata| metadata.id_token_signed_response_alg = signing).await;
        let answer = browser.get(&request(&browser, &[])).await.expect(303);
        assert_eq!(answer.header("cache-control"), "no-store");
        let (code, front) = (in_fragment(&answer, "code"), in_fragment(&answer, "id_token"));
        assert_eq!(
            (in_fragment(&answer, "state").as_str(), in_fragment(&answer, "iss")),
            ("AbCDeFgH", at.issuer.clone())
        );
        assert_eq!(in_fragment(&answer, "access_token"), "");
        assert_eq!(algorithm(&front), alg);
        let front = claims(&sandbox, JwtKind::Id, &front).await;
        assert_eq!((&front["iss"], &front["aud"]), (&json!(at.issuer), &json!(WEB.client_id)));
        assert_eq!((&front["nonce"], &front["c_hash"]), (&json!(NONCE), &json!(half_hash(function, &code))));
        assert!(!front.contains_key("at_hash") && front["exp"].as_u64() > front["iat"].as_u64());
        // The ID token of the token endpoint says the same of the log-in (OpenID Connect Core section 3.3.3.6).
        let tokens = at.redeem(&WEB, &code).await.expect(200);
        assert_eq!(algorithm(&tokens.member("id_token")), alg);
        let back = claims(&sandbox, JwtKind::Id, &tokens.member("id_token")).await;
        for same in ["iss", "sub", "aud", "nonce", "auth_time", "acr", "amr", "sid"] {
            assert_eq!(front[same], back[same], "{same}");
        }
        assert!(back.contains_key("at_hash") && !back.contains_key("c_hash"));
    }
}

#[tokio::test]
async fn a_code_and_its_id_token_are_posted_where_a_form_is_asked_for() {
    let sandbox = Sandbox::start().await;
    allowed(&sandbox).await;
    let mut browser = settled(&sandbox).await;
    let shown = browser.get(&request(&browser, &[("response_mode", "form_post")])).await.expect(200);
    assert!(shown.body.contains(&format!("<form method=\"post\" action=\"{CALLBACK}\">")), "{}", shown.body);
    for name in ["code", "id_token", "state", "iss"] {
        assert_eq!(shown.body.matches(&format!("name=\"{name}\"")).count(), 1, "{name}");
    }
}

#[tokio::test]
async fn what_the_hybrid_flow_must_not_is_refused_in_the_fragment() {
    let sandbox = Sandbox::start().await;
    let mut browser = settled(&sandbox).await;
    let refused = browser.get(&request(&browser, &[])).await.expect(303);
    assert_eq!(in_fragment(&refused, "error"), "unsupported_response_type", "the realm does not allow it");
    allowed(&sandbox).await;
    for (changes, error) in [
        (vec![("response_mode", "query")], "invalid_request"),
        (vec![("nonce", "")], "invalid_request"),
        (vec![("scope", "email")], "invalid_request"),
        (vec![("code_challenge", ""), ("code_challenge_method", "")], "invalid_request"),
        (vec![("code_challenge_method", "plain")], "invalid_request"),
        (vec![("response_type", "code id_token token")], "unsupported_response_type"),
        (vec![("response_type", "id_token")], "unsupported_response_type"),
        (vec![("response_type", "code token")], "unsupported_response_type"),
        (vec![("client_id", SPA.client_id)], "unauthorized_client"),
        (vec![("prompt", "none"), ("max_age", "0")], "login_required"),
    ] {
        // Time passes, so that the log-in is older than none at all.
        sandbox.clock.advance_s(1);
        let refused = browser.get(&request(&browser, &changes)).await.expect(303);
        assert_eq!(in_fragment(&refused, "error"), error, "{changes:?}");
        assert_eq!(in_fragment(&refused, "state"), "AbCDeFgH");
        assert!(in_fragment(&refused, "code").is_empty() && in_fragment(&refused, "id_token").is_empty());
    }
    // Another redirect URI is told nothing at all, as ever.
    let elsewhere = browser.get(&request(&browser, &[("redirect_uri", "https://evil.test/")])).await;
    assert_eq!((elsewhere.status, elsewhere.header("location")), (400, ""));
}

#[tokio::test]
async fn the_code_of_the_hybrid_flow_wants_its_verifier() {
    let sandbox = Sandbox::start().await;
    allowed(&sandbox).await;
    let at = &sandbox.standard;
    let mut browser = settled(&sandbox).await;
    let answer = browser.get(&request(&browser, &[])).await.expect(303);
    let code = in_fragment(&answer, "code");
    let without = [("grant_type", "authorization_code"), ("code", code.as_str()), ("redirect_uri", CALLBACK)];
    at.token(&WEB, &without).await.refused(400, "invalid_grant");
    at.redeem(&WEB, &code).await.expect(200);
}

#[tokio::test]
async fn openid_cannot_be_unticked_where_the_response_has_an_id_token() {
    let sandbox = Sandbox::start().await;
    allowed(&sandbox).await;
    let mut browser = Browser::new(&sandbox.standard);
    let shown = browser.get(&request(&browser, &[])).await.expect(200);
    let next = browser.post_log_in(&form(&shown), "an", crate::fixture::PASSWORD).await.expect(303);
    let shown = browser.get(next.header("location")).await.expect(200);
    let ticks = |scope: &str| shown.body.contains(&format!("name=\"scope\" value=\"{scope}\""));
    assert!(ticks("email") && !ticks("openid"), "{}", shown.body);
    let answer = browser.decide(&form(&shown), "allow", &[]).await.expect(303);
    let id_token = claims(&sandbox, JwtKind::Id, &in_fragment(&answer, "id_token")).await;
    assert_eq!(id_token["nonce"], NONCE);
}

#[tokio::test]
async fn discovery_lists_the_hybrid_flow_where_the_realm_allows_it() {
    let sandbox = Sandbox::start().await;
    let at = &sandbox.standard;
    let listed = || async {
        at.get("/.well-known/openid-configuration").await.expect(200).json()["response_types_supported"].clone()
    };
    assert_eq!(listed().await, json!(["code"]));
    allowed(&sandbox).await;
    assert_eq!(listed().await, json!(["code", "code id_token"]));
}
