//! Access tokens that are JWTs (RFC 9068): what they say, and that all holds for them that holds for sealed ones.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use kimbai_core::audience::{AccessTokenFormat, AudienceDefinition};
use kimbai_core::client::{GrantType, SubjectType};
use kimbai_core::secret::Secret;
use kimbai_core::signing::SigningAlgorithm;
use kimbai_engine::Introspection;
use kimbai_keyring::JwtKind;
use kimbai_store::Activity;
use serde_json::{Value, json};

use super::openid::{ALL, change, claims, code, userinfo};
use crate::fixture::{App, Browser, OTHER, POST_APP, SERVICE, Sandbox, WEB, encode, metadata, mutations, new_client};

const ORDERS: &str = "https://orders.example.vn";

/// The web app gets JWTs, signed with this algorithm.
pub(super) async fn with_jwts(sandbox: &Sandbox, app: &App, algorithm: SigningAlgorithm) {
    change(sandbox, app, |metadata| {
        metadata.access_token_format = Some(AccessTokenFormat::Jwt);
        metadata.id_token_signed_response_alg = Some(algorithm);
    })
    .await;
}

/// A resource of these scopes beyond the standard realm.
async fn audience(sandbox: &Sandbox, name: &str, access_token_format: AccessTokenFormat) {
    let realm = sandbox.realm(&sandbox.standard);
    let mut settings = realm.settings.clone();
    let (audience, scopes) = (name.to_owned(), vec!["orders.read".to_owned(), "orders.write".to_owned()]);
    settings.audiences = vec![AudienceDefinition { audience, scopes, access_token_format }];
    sandbox.engine.put_realm(&realm.name, &settings).await.unwrap();
}

fn part(jwt: &str, number: usize) -> Value {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(jwt.split('.').nth(number).unwrap()).unwrap()).unwrap()
}

fn is_jwt(token: &str) -> bool {
    token.matches('.').count() == 2
}

#[tokio::test]
async fn an_access_token_is_a_jwt_for_a_client_that_is_registered_so() {
    let sandbox = Sandbox::start().await;
    let at = &sandbox.standard;
    let mut browser = Browser::new(at);
    let opaque = at.redeem(&WEB, &code(&mut browser, &[("scope", ALL)]).await).await.expect(200);
    assert!(!is_jwt(&opaque.member("access_token")), "by default it is sealed");
    for algorithm in SigningAlgorithm::ALL {
        with_jwts(&sandbox, &WEB, algorithm).await;
        let tokens = at.redeem(&WEB, &code(&mut browser, &[("scope", ALL)]).await).await.expect(200);
        let jwt = tokens.member("access_token");
        let header = part(&jwt, 0);
        assert_eq!((&header["typ"], &header["alg"]), (&json!("at+jwt"), &json!(algorithm.name())));
        let access = claims(&sandbox, JwtKind::Access, &jwt).await;
        let id = claims(&sandbox, JwtKind::Id, &tokens.member("id_token")).await;
        assert_eq!((&access["iss"], &access["aud"]), (&json!(at.issuer), &json!(at.issuer)));
        for same in ["sub", "auth_time", "acr", "iat", "exp"] {
            assert_eq!(access[same], id[same], "{same}");
        }
        assert_eq!((&access["client_id"], &access["scope"]), (&json!(WEB.client_id), &json!(tokens.member("scope"))));
        assert_eq!(access["exp"].as_u64().unwrap() - access["iat"].as_u64().unwrap(), 3_600);
        let mut names: Vec<_> = access.keys().map(String::as_str).collect();
        names.sort_unstable();
        let expect = ["acr", "aud", "auth_time", "client_id", "exp", "iat", "iss", "jti", "scope", "sub"];
        assert_eq!(names, expect, "nothing else of the user or the grant is in it");
        assert!(!is_jwt(&tokens.member("refresh_token")));
    }
}

#[tokio::test]
async fn a_signed_access_token_opens_what_a_sealed_one_opens() {
    let sandbox = Sandbox::start().await;
    let at = &sandbox.standard;
    let mut browser = Browser::new(at);
    let opaque = at.redeem(&WEB, &code(&mut browser, &[("scope", ALL)]).await).await.expect(200);
    with_jwts(&sandbox, &WEB, SigningAlgorithm::Es256).await;
    let tokens = at.redeem(&WEB, &code(&mut browser, &[("scope", ALL)]).await).await.expect(200);
    let jwt = tokens.member("access_token");
    let info = userinfo(&sandbox, &jwt).await.expect(200);
    assert_eq!(info.body, userinfo(&sandbox, &opaque.member("access_token")).await.expect(200).body);
    assert_eq!(at.post("/userinfo", &[("access_token", &jwt)]).await.expect(200).body, info.body);
    let facts = at.introspected(&jwt).await;
    let says = claims(&sandbox, JwtKind::Access, &jwt).await;
    assert_eq!(facts["active"], true);
    for same in ["sub", "iss", "client_id", "scope", "iat", "exp"] {
        assert_eq!(facts[same], says[same], "{same}");
    }
}

#[tokio::test]
async fn the_jti_of_a_signed_access_token_opens_nothing_by_itself() {
    let sandbox = Sandbox::start().await;
    let at = &sandbox.standard;
    with_jwts(&sandbox, &POST_APP, SigningAlgorithm::EdDsa).await;
    let rowless = at.token(&POST_APP, &[("grant_type", "client_credentials")]).await.expect(200);
    let granted = at.tokens(&POST_APP).await;
    for tokens in [rowless, granted] {
        let jwt = tokens.member("access_token");
        let jti = part(&jwt, 1)["jti"].as_str().unwrap().to_owned();
        assert_eq!(jti.len(), 86);
        assert!(at.works(&jwt).await && !at.works(&jti).await);
        userinfo(&sandbox, &jti).await.expect(401);
        at.as_client(&POST_APP, at.revoke, &[("token", &jti)]).await.expect(200);
        assert!(at.works(&jwt).await, "nothing was revoked by it");
        at.refresh(&POST_APP, &jti).await.refused(400, "invalid_grant");
        at.redeem(&POST_APP, &jti).await.refused(400, "invalid_grant");
    }
}

#[tokio::test]
async fn a_retried_refresh_gets_the_same_signed_access_token() {
    let sandbox = Sandbox::start().await;
    let at = &sandbox.standard;
    for algorithm in SigningAlgorithm::ALL {
        with_jwts(&sandbox, &WEB, algorithm).await;
        let first = at.tokens(&WEB).await.member("refresh_token");
        let next = at.refresh(&WEB, &first).await.expect(200);
        sandbox.clock.advance_s(100);
        let again = at.refresh(&WEB, &first).await.expect(200);
        let (one, other) = (next.member("access_token"), again.member("access_token"));
        assert_eq!(part(&one, 1), part(&other, 1), "jti, iat, exp, sub, scope and all else");
        // An ECDSA signature is random.
        assert_eq!(one == other, algorithm != SigningAlgorithm::Es256);
        assert_eq!(next.member("refresh_token"), again.member("refresh_token"));
        assert!(again.json()["expires_in"].as_u64() < next.json()["expires_in"].as_u64());
    }
}

#[tokio::test]
async fn a_narrowed_refresh_says_in_the_jwt_what_is_left() {
    let sandbox = Sandbox::start().await;
    let at = &sandbox.standard;
    with_jwts(&sandbox, &WEB, SigningAlgorithm::EdDsa).await;
    let first = at.tokens(&WEB).await.member("refresh_token");
    let form = [("grant_type", "refresh_token"), ("refresh_token", first.as_str()), ("scope", "orders.read")];
    let narrowed = at.token(&WEB, &form).await.expect(200).member("access_token");
    assert_eq!(part(&narrowed, 1)["scope"], "orders.read");
    assert_eq!(at.introspected(&narrowed).await["scope"], "orders.read");
}

#[tokio::test]
async fn a_signed_access_token_ends_with_its_revocation_grant_client_user_and_time() {
    let sandbox = Sandbox::start().await;
    let at = &sandbox.standard;
    let realm = sandbox.realm(at);
    with_jwts(&sandbox, &WEB, SigningAlgorithm::EdDsa).await;
    let revoke = async |token: &str| at.as_client(&WEB, at.revoke, &[("token", token)]).await.expect(200);

    let tokens = at.tokens(&WEB).await;
    at.as_client(&OTHER, at.revoke, &[("token", &tokens.member("access_token"))])
        .await
        .refused(400, "unauthorized_client");
    assert!(at.works(&tokens.member("access_token")).await);
    revoke(&tokens.member("access_token")).await;
    assert!(!at.works(&tokens.member("access_token")).await);
    let next = at.refresh(&WEB, &tokens.member("refresh_token")).await.expect(200);
    assert!(at.works(&next.member("access_token")).await);
    revoke(&next.member("refresh_token")).await;
    assert!(!at.works(&next.member("access_token")).await);

    let tokens = at.tokens(&WEB).await.member("access_token");
    sandbox.engine.set_user_activity(&realm, "an", Activity::Disabled).await.unwrap();
    assert!(!at.works(&tokens).await);
    sandbox.engine.set_user_activity(&realm, "an", Activity::Enabled).await.unwrap();
    assert!(!at.works(&tokens).await, "a higher epoch");

    let tokens = at.tokens(&WEB).await.member("access_token");
    sandbox.engine.set_client_activity(&realm, WEB.client_id, Activity::Disabled).await.unwrap();
    assert!(!at.works(&tokens).await);
    sandbox.engine.set_client_activity(&realm, WEB.client_id, Activity::Enabled).await.unwrap();
    assert!(!at.works(&tokens).await);

    let tokens = at.tokens(&WEB).await.member("access_token");
    sandbox.clock.advance_s(3_599);
    assert!(at.works(&tokens).await);
    sandbox.clock.advance_s(1);
    assert!(!at.works(&tokens).await);
    userinfo(&sandbox, &tokens).await.expect(401);
    revoke(&tokens).await;
}

#[tokio::test]
async fn a_client_that_speaks_for_itself_gets_a_jwt_that_can_be_denied_however_it_is_signed() {
    let sandbox = Sandbox::start().await;
    let at = &sandbox.standard;
    with_jwts(&sandbox, &POST_APP, SigningAlgorithm::Es256).await;
    let ask =
        async || at.token(&POST_APP, &[("grant_type", "client_credentials")]).await.expect(200).member("access_token");
    let (jwt, other) = (ask().await, ask().await);
    let says = claims(&sandbox, JwtKind::Access, &jwt).await;
    assert_eq!((&says["sub"], &says["client_id"]), (&json!(POST_APP.client_id), &json!(POST_APP.client_id)));
    assert!(!says.contains_key("auth_time") && !says.contains_key("acr"), "there is no user");
    assert_ne!(part(&jwt, 1)["jti"], part(&other, 1)["jti"]);
    // The same claims under another signature are the same token.
    let realm = sandbox.realm(at);
    let signer = sandbox.engine.signer(&realm, SigningAlgorithm::Es256).await.unwrap();
    let again = signer.sign(JwtKind::Access, &serde_json::to_vec(&Value::Object(says)).unwrap()).unwrap();
    assert!(again.expose() != jwt && at.works(again.expose()).await);
    at.as_client(&POST_APP, at.revoke, &[("token", &jwt)]).await.expect(200);
    assert!(!at.works(&jwt).await && !at.works(again.expose()).await && at.works(&other).await);
    userinfo(&sandbox, &other).await.expect(403);
}

#[tokio::test]
async fn an_audience_gets_jwts_that_name_it_and_a_client_may_still_want_sealed_ones() {
    let sandbox = Sandbox::start().await;
    let at = &sandbox.standard;
    audience(&sandbox, ORDERS, AccessTokenFormat::Jwt).await;
    let mut browser = Browser::new(at);
    for (scope, expect) in [
        ("orders.read", Some(json!(ORDERS))),
        ("orders.read offline_access", Some(json!(ORDERS))),
        ("openid orders.read", Some(json!([at.issuer, ORDERS]))),
        ("openid email", None),
    ] {
        let token =
            at.redeem(&WEB, &code(&mut browser, &[("scope", scope)]).await).await.expect(200).member("access_token");
        assert_eq!(is_jwt(&token), expect.is_some(), "{scope}");
        if let Some(expect) = expect {
            assert_eq!(part(&token, 1)["aud"], expect, "{scope}");
        }
        // What is for others alone opens nothing of ours; what is for us too does, if it has the scope.
        let status = if scope.contains("openid") { 200 } else { 401 };
        userinfo(&sandbox, &token).await.expect(status);
        assert!(at.works(&token).await);
    }
    let rowless = at.token(&SERVICE, &[("grant_type", "client_credentials")]).await.expect(200).member("access_token");
    assert_eq!(part(&rowless, 1)["aud"], ORDERS);
    change(&sandbox, &WEB, |metadata| metadata.access_token_format = Some(AccessTokenFormat::Opaque)).await;
    let token = at
        .redeem(&WEB, &code(&mut browser, &[("scope", "orders.read")]).await)
        .await
        .expect(200)
        .member("access_token");
    assert!(!is_jwt(&token));
    userinfo(&sandbox, &token).await.expect(401);
    assert_eq!(at.introspected(&token).await["aud"], json!([ORDERS]));
}

#[tokio::test]
async fn an_audience_introspects_the_tokens_that_are_for_it_and_no_others() {
    let sandbox = Sandbox::start().await;
    let at = &sandbox.standard;
    for format in [AccessTokenFormat::Opaque, AccessTokenFormat::Jwt] {
        audience(&sandbox, OTHER.client_id, format).await;
        let mut browser = Browser::new(at);
        let asked =
            async |token: &str| at.as_client(&OTHER, at.introspect, &[("token", token)]).await.expect(200).json();
        for (scope, expect) in
            [("orders.read offline_access", true), ("openid orders.read offline_access", true), ("openid", false)]
        {
            let tokens = at.redeem(&WEB, &code(&mut browser, &[("scope", scope)]).await).await.expect(200);
            let found = asked(&tokens.member("access_token")).await;
            assert_eq!(found["active"], expect, "{scope}");
            if !expect {
                assert_eq!(found, json!({ "active": false }));
            }
            if let Some(refresh_token) = tokens.json()["refresh_token"].as_str() {
                assert_eq!(asked(refresh_token).await, json!({ "active": false }), "refresh tokens are for us");
                let seen = at.introspected(refresh_token).await;
                assert_eq!((&seen["active"], seen.get("aud")), (&json!(true), None), "and name nobody else: {seen}");
            }
        }
        assert_eq!(asked("x").await, json!({ "active": false }));
    }
}

#[tokio::test]
async fn a_pairwise_subject_is_in_the_signed_access_token_too() {
    let sandbox = Sandbox::start().await;
    let at = &sandbox.standard;
    with_jwts(&sandbox, &WEB, SigningAlgorithm::EdDsa).await;
    change(&sandbox, &WEB, |metadata| metadata.subject_type = Some(SubjectType::Pairwise)).await;
    let mut browser = Browser::new(at);
    let tokens = at.redeem(&WEB, &code(&mut browser, &[("scope", ALL)]).await).await.expect(200);
    let id = claims(&sandbox, JwtKind::Id, &tokens.member("id_token")).await;
    assert_eq!(part(&tokens.member("access_token"), 1)["sub"], id["sub"]);
    assert!(id["sub"] != "1");
}

#[tokio::test]
async fn a_realm_that_publishes_no_keys_registers_no_client_with_signed_access_tokens() {
    let sandbox = Sandbox::start().await;
    let realm = sandbox.realm(&sandbox.marketplace);
    let app = App { client_id: "signed", ..OTHER };
    let mut metadata = metadata(&app, vec![GrantType::AuthorizationCode], "order");
    metadata.access_token_format = Some(AccessTokenFormat::Jwt);
    let refused = sandbox.engine.put_client(&realm, new_client(&app, metadata)).await.unwrap_err();
    assert!(refused.to_string().contains("access_token_format"), "{refused}");
}

#[tokio::test]
async fn a_signed_access_token_that_was_changed_anywhere_opens_nothing() {
    let sandbox = Sandbox::start().await;
    let at = &sandbox.standard;
    let realm = sandbox.realm(at);
    with_jwts(&sandbox, &WEB, SigningAlgorithm::EdDsa).await;
    let jwt = at.tokens(&WEB).await.member("access_token");
    let opens = async |token: String| {
        let found = sandbox.engine.verify_access_token(&realm, &Secret::new(token)).await.unwrap();
        matches!(found, Introspection::Active(_))
    };
    assert!(opens(jwt.clone()).await);
    for changed in mutations(&jwt) {
        assert!(!opens(changed.clone()).await, "{changed}");
    }
}

#[tokio::test]
async fn no_token_stands_in_a_url_of_the_userinfo_endpoint() {
    let sandbox = Sandbox::start().await;
    with_jwts(&sandbox, &WEB, SigningAlgorithm::EdDsa).await;
    let jwt = sandbox.standard.tokens(&WEB).await.member("access_token");
    sandbox.standard.get(&format!("/userinfo?{}", encode(&[("access_token", &jwt)]))).await.expect(401);
}
