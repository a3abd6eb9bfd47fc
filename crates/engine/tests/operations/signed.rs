//! Clients that sign their requests: whose signature is taken, what of their secrets is stored, and codes that the platform's own app
//! asks for.

use std::collections::BTreeMap;

use kimbai_core::authorize::ScopeWithheld;
use kimbai_core::client::{
    AuthenticationMethod, ClientAuthenticationError, ClientCredentials, ClientMetadata, ConsentPolicy, GrantType,
};
use kimbai_core::realm::RequestSignatures;
use kimbai_core::request_signature::{Covered, Mistake, SignatureFault, SignedRequest, SigningInput, payload, sign};
use kimbai_core::token::{Inactive, Refusal, TokenGrant, TokenRefusal};
use kimbai_engine::admin::{ClientRotateSecret, Export, ExportSecrets, Plan, Prune};
use kimbai_engine::{AppCode, AppCodeError, AppCodeRequest, Introspection, NewClient, TokenAnswer, TokenError};
use kimbai_store::{Activity, Registry as _};
use serde_json::json;

use crate::administration::{administration, apply};
use crate::fixture::{Answered as _, Fixture, code_grant, marketplace, secret, secret_of, source};

const SCOPE: &str = "offline order product";

/// A realm with two apps that sign, one of the platform's own that does, and the platform's app.
async fn realm() -> Fixture {
    with_apps(Fixture::new("apps", &settings()).await).await
}

fn settings() -> kimbai_core::realm::RealmSettings {
    kimbai_core::realm::RealmSettings { request_signatures: RequestSignatures::Within(300), ..marketplace() }
}

async fn with_apps(fixture: Fixture) -> Fixture {
    let web = fixture.realm.client("web").unwrap().metadata.clone();
    let host = ClientMetadata { secrets: Vec::new(), consent: Some(ConsentPolicy::Never), ..web.clone() };
    let app = ClientMetadata {
        token_endpoint_auth_method: AuthenticationMethod::RequestSignature,
        redirect_uris: Vec::new(),
        grant_types: vec![GrantType::AuthorizationCode, GrantType::RefreshToken],
        consent: None,
        ..host.clone()
    };
    let internal = ClientMetadata { consent: Some(ConsentPolicy::Never), ..app.clone() };
    for (client_id, metadata) in [("app", app.clone()), ("rival", app), ("internal", internal), ("host", host)] {
        let client_secret = Some(secret(&secret_of(client_id)));
        let client = NewClient { client_id: client_id.to_owned(), client_secret, metadata };
        fixture.engine.put_client(&fixture.realm, client).await.unwrap();
    }
    fixture
}

fn signed(fixture: &Fixture, client_id: &str, by: &str, off_ms: i64) -> ClientCredentials {
    let fields = BTreeMap::from([("code".to_owned(), json!("a code"))]);
    let timestamp_ms = fixture.engine.now().as_unix_ms() + off_ms;
    let input = SigningInput { client_id: client_id.to_owned(), timestamp_ms, covered: Covered::Fields(fields) };
    let signature = sign(by.as_bytes(), payload(&input.canonical()).as_bytes());
    let signed = Some(Box::new(SignedRequest { input, signature }));
    ClientCredentials { signed, ..ClientCredentials::default() }
}

async fn ask(fixture: &Fixture, client_id: &str, grant: TokenGrant) -> Result<TokenAnswer, TokenError> {
    fixture.ask_as(signed(fixture, client_id, &secret_of(client_id), 0), grant, source(1)).await
}

fn request(client_id: &str, scopes: &[&str], granted: Option<&[&str]>) -> AppCodeRequest {
    let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    AppCodeRequest { client_id: client_id.to_owned(), scopes: owned(scopes), granted: granted.map(owned) }
}

async fn code(fixture: &Fixture, client_id: &str) -> String {
    let an = fixture.engine.user_by_name(&fixture.realm, "an").await.unwrap().unwrap();
    let scopes = ["offline", "order"];
    match fixture.engine.app_code_for(&fixture.realm, an, &request(client_id, &scopes, Some(&scopes))).await.unwrap() {
        AppCode::Settled(Some(code), _) => code.expose().to_owned(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_signed_request_redeems_and_refreshes_as_any_other() {
    let fixture = realm().await;
    let tokens = ask(&fixture, "app", code_grant(&code(&fixture, "app").await, None, None)).await.unwrap();
    assert_eq!(tokens.user, Some(fixture.an));
    let refresh = crate::fixture::refresh_grant(&tokens.refresh_token.unwrap(), None);
    let again = ask(&fixture, "app", refresh.clone()).await.unwrap();
    let retried = ask(&fixture, "app", refresh).await.unwrap();
    assert_eq!(again.refresh_token.unwrap().expose(), retried.refresh_token.unwrap().expose());
}

#[tokio::test]
async fn a_code_of_another_app_with_a_right_signature_is_refused_and_stays_usable() {
    let fixture = realm().await;
    let code = code(&fixture, "app").await;
    let stolen = ask(&fixture, "rival", code_grant(&code, None, None)).await;
    assert_eq!(stolen.refusal(), Refusal::OtherClient);
    ask(&fixture, "app", code_grant(&code, None, None)).await.unwrap();
}

#[tokio::test]
async fn the_signature_is_checked_before_anything_of_the_code() {
    let fixture = realm().await;
    let code = code(&fixture, "app").await;
    let fault = |fault| TokenRefusal::Client(ClientAuthenticationError::Signature(fault));
    let right = secret_of("app");
    for (client_id, by, off_ms, expect) in [
        ("app", "a-guess-0123456789abcdef", 0, fault(SignatureFault::Mismatch)),
        ("app", "", 0, fault(SignatureFault::Mismatch)),
        ("app", &right, 360_000, fault(SignatureFault::Timestamp)),
        ("app", &right, -360_000, fault(SignatureFault::Timestamp)),
        ("nobody", &right, 0, TokenRefusal::Client(ClientAuthenticationError::Refused)),
        ("nobody", "", 0, TokenRefusal::Client(ClientAuthenticationError::Refused)),
        ("web", &secret_of("web"), 0, fault(SignatureFault::Mismatch)),
    ] {
        for presented in [code.as_str(), "no code at all"] {
            let credentials = signed(&fixture, client_id, by, off_ms);
            let refused = fixture.ask_as(credentials, code_grant(presented, None, None), source(1)).await;
            assert_eq!(refused.refused(), expect, "{client_id} {off_ms} {presented}");
        }
    }
    ask(&fixture, "app", code_grant(&code, None, None)).await.unwrap();
}

#[tokio::test]
async fn the_window_is_a_setting_of_the_realm() {
    let fixture = realm().await;
    let old = |fixture: &Fixture| signed(fixture, "app", &secret_of("app"), -1_000_000_000);
    let refusal = async |fixture: &Fixture, credentials| {
        fixture.ask_as(credentials, code_grant("no code", None, None), source(1)).await.refused()
    };
    let signature = |fault| TokenRefusal::Client(ClientAuthenticationError::Signature(fault));
    assert_eq!(refusal(&fixture, old(&fixture)).await, signature(SignatureFault::Timestamp));
    let fixture = fixture.changed(|settings| settings.request_signatures = RequestSignatures::AnyTime).await;
    assert_eq!(refusal(&fixture, old(&fixture)).await, TokenRefusal::Grant(Refusal::Forged));
    let fixture = fixture.changed(|settings| settings.request_signatures = RequestSignatures::Refused).await;
    let now = signed(&fixture, "app", &secret_of("app"), 0);
    assert_eq!(refusal(&fixture, now).await, signature(SignatureFault::NotTaken));
}

#[tokio::test]
async fn a_secret_that_signs_is_sealed_and_any_other_is_not_kept() {
    let fixture = realm().await;
    let stored = |client_id: &'static str| fixture.store.client(fixture.realm.number, client_id.to_owned());
    let app = stored("app").await.unwrap().unwrap().metadata;
    assert!(app.contains("\"sealed\":\"") && !app.contains(&secret_of("app")), "{app}");
    let host = stored("host").await.unwrap().unwrap().metadata;
    assert!(!host.contains("sealed"), "{host}");
}

#[tokio::test]
async fn during_a_rotation_both_secrets_sign_and_afterwards_the_new_one() {
    let fixture = realm().await;
    let client_id = "app".to_owned();
    let rotate = ClientRotateSecret { realm: None, client_id, overlap_s: 100, client_secret: None };
    let made = administration(&fixture.engine).run(rotate).await.unwrap().client_secret.unwrap();
    let is_taken = async |by: &str| {
        let asked = fixture.ask_as(signed(&fixture, "app", by, 0), code_grant("no code", None, None), source(1)).await;
        matches!(asked.refused(), TokenRefusal::Grant(_))
    };
    assert!(is_taken(&secret_of("app")).await && is_taken(made.expose()).await);
    fixture.clock.advance_s(100);
    assert!(!is_taken(&secret_of("app")).await && is_taken(made.expose()).await);
}

#[tokio::test]
async fn a_client_that_signs_is_applied_and_not_by_a_hash() {
    let fixture = realm().await;
    let operator = administration(&fixture.engine);
    let of_app = |app: serde_json::Value| json!({"realms": {"apps": {"clients": {"new": app}}}});
    let new = json!({"token_endpoint_auth_method": "request_signature", "scope": "order"});
    let applied = apply(&operator, of_app(new)).await.unwrap();
    assert_eq!(applied.made_secrets.len(), 1);
    let made = applied.made_secrets[0].client_secret.expose().to_owned();
    let asked = fixture.ask_as(signed(&fixture, "new", &made, 0), code_grant("no", None, None), source(1)).await;
    assert_eq!(asked.refused(), TokenRefusal::Grant(Refusal::Forged));
    let exported = operator.run(Export { realms: Vec::new(), secrets: ExportSecrets::Hashes }).await.unwrap();
    let plan = Plan { manifest: exported.clone(), prune: Prune::Keep };
    let steps = operator.run(plan).await.unwrap();
    assert!(steps.is_empty(), "{steps:?}");
    let mut moved = serde_json::to_value(exported).unwrap();
    let clients = moved["realms"]["apps"]["clients"].as_object_mut().unwrap();
    let of_web = clients["web"]["client_secret"].clone();
    clients["app"]["client_secret"] = of_web;
    let refused = apply(&operator, moved).await.unwrap_err().to_string();
    assert!(refused.contains("not a hash"), "{refused}");
}

#[tokio::test]
async fn an_app_is_told_of_its_own_access_tokens_alone() {
    let fixture = realm().await;
    let tokens = ask(&fixture, "app", code_grant(&code(&fixture, "app").await, None, None)).await.unwrap();
    let told = async |client_id: &str, token: &str| {
        let credentials = signed(&fixture, client_id, &secret_of(client_id), 0);
        fixture.engine.own_access_token(&fixture.realm, &credentials, &secret(token)).await.unwrap()
    };
    let access = tokens.access_token.expose();
    assert!(matches!(told("app", access).await, Introspection::Active(facts) if facts.user == Some(fixture.an)));
    let others = told("rival", access).await;
    assert!(matches!(others, Introspection::Inactive(Inactive::Refused(Refusal::OtherClient))), "{others:?}");
    for token in [tokens.refresh_token.unwrap().expose(), "no token"] {
        assert!(matches!(told("app", token).await, Introspection::Inactive(Inactive::Refused(Refusal::Forged))));
    }
}

#[tokio::test]
async fn the_platforms_app_asks_in_the_name_of_the_person_whose_token_it_shows() {
    let fixture = realm().await;
    let ask = async |token: &str, request: AppCodeRequest| {
        fixture.engine.app_code(&fixture.realm, (&secret(token), "product"), &request).await
    };
    let host = fixture.log_in("host").await;
    let host = host.access_token.expose();
    let (offline, both) = (["offline"], ["offline", "order"]);
    match ask(host, request("app", &both, Some(&offline))).await.unwrap() {
        AppCode::Settled(Some(code), consent) => {
            assert_eq!(consent.scope, fixture.scope("offline"));
            assert_eq!(consent.withheld, [("order".to_owned(), ScopeWithheld::Refused)]);
            let grant = code_grant(code.expose(), None, None);
            let tokens = self::ask(&fixture, "app", grant).await.unwrap();
            assert_eq!((tokens.user, tokens.scope), (Some(fixture.an), fixture.scope("offline")));
        }
        other => panic!("{other:?}"),
    }
    assert!(matches!(ask(host, request("app", &both, None)).await, Ok(AppCode::AskConsent(_))));
    assert!(matches!(ask(host, request("app", &both, Some(&[]))).await, Ok(AppCode::Settled(None, _))));
    assert!(matches!(ask(host, request("internal", &both, None)).await, Ok(AppCode::Settled(Some(_), _))));
    for client_id in ["nobody", "web", "host"] {
        assert!(
            matches!(ask(host, request(client_id, &both, Some(&both))).await, Err(AppCodeError::App)),
            "{client_id}"
        );
    }
    // Another client's token, the host's without the scope, the host's own without a person, and none.
    let web = fixture.log_in("web").await.access_token;
    let all = request("app", &both, Some(&both));
    assert!(matches!(ask(web.expose(), all.clone()).await, Err(AppCodeError::NotFirstParty(_))));
    let narrow = fixture.redeem("host", &fixture.code("host", "order").await).await.unwrap().access_token;
    assert!(matches!(ask(narrow.expose(), all.clone()).await, Err(AppCodeError::NotFirstParty(_))));
    let own = fixture.credentials_grant("host", Some(SCOPE)).await.unwrap().access_token;
    assert!(matches!(ask(own.expose(), all.clone()).await, Err(AppCodeError::Nobody)));
    assert!(matches!(ask("no token", all.clone()).await, Err(AppCodeError::Token(_))));
    fixture.engine.set_user_activity(&fixture.realm, "an", Activity::Disabled).await.unwrap();
    assert!(matches!(ask(host, all).await, Err(AppCodeError::Token(_))));
}

#[tokio::test]
async fn a_wrong_signature_is_explained_without_what_is_secret() {
    let fixture = realm().await;
    let mut credentials = signed(&fixture, "app", &secret_of("app"), 0);
    let request = credentials.signed.as_mut().unwrap();
    let canonical = request.input.canonical();
    request.signature = sign(secret_of("app").as_bytes(), &canonical);
    let explained = fixture.engine.explain_signature(&fixture.realm, request);
    let (mistake, signed) = explained.recognised.unwrap();
    assert_eq!((mistake, signed.as_str()), (Mistake::NotEncoded, explained.expected.as_str()));
    assert!(signed.contains("[6 characters, ") && !signed.contains("a code"), "{signed}");
    request.input.client_id = "nobody".to_owned();
    assert_eq!(fixture.engine.explain_signature(&fixture.realm, request).recognised, None);
}
