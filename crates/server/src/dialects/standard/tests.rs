//! The wire as files: every error body, redirect and token answer of a dialect, to be read and reviewed whole.

use std::fmt::Write as _;
use std::sync::Arc;

use http_body_util::BodyExt as _;
use kimbai_core::authorize::{AuthorizeError, ResponseMode, ResponseTarget};
use kimbai_core::client::{AuthenticationMethod, ClientAuthenticationError};
use kimbai_core::number::{ClientNumber, Generation, GrantId};
use kimbai_core::pkce::ChallengeError;
use kimbai_core::realm::{AuthorizationResponseForm, RealmSettings};
use kimbai_core::scope::ScopeError;
use kimbai_core::token::{Pointer, Refusal, RequestFault, TokenKind, TokenRefusal};
use kimbai_engine::admin::Wire as _;
use kimbai_engine::{AuthorizationCode, Engine, GrantedCode, IssuedToken, Realm, TokenAnswer};
use kimbai_keyring::{MasterKey, SealedToken};
use kimbai_store::Clock;
use kimbai_store::sqlite::{Location, Options, SqliteStore};

use super::{demo, error, response};
use crate::dialects::Dialects;

const ISSUER: &str = "http://localhost:4600";
const REDIRECT_URI: &str = "https://example.com/callback";

#[tokio::test]
async fn the_wire_of_the_standard_dialect() {
    let realm = realm("standard", &demo::registration(ISSUER).settings).await;
    assert_eq!(errors(&realm).await, include_str!("vectors/errors.txt"));
    assert_eq!(redirects(&realm), include_str!("vectors/redirects.txt"));
    assert_eq!(tokens(&realm).await, include_str!("vectors/tokens.txt"));
}

#[tokio::test]
async fn a_realm_of_the_defaults_is_an_openid_provider_whose_first_scope_is_the_one_it_always_had() {
    let settings = Dialects.defaults("standard", "Main", ISSUER).unwrap();
    let names: Vec<_> = settings.scopes.iter().map(|scope| scope.name.as_str()).collect();
    assert_eq!(names, ["offline_access", "openid", "profile", "email", "phone", "address"]);
    let realm = realm("main", &settings).await;
    assert!(realm.is_openid(realm.scopes.parse("openid").unwrap()));
    for other in ["marketplace", "tini"] {
        let settings = Dialects.defaults(other, "Other", ISSUER).unwrap();
        assert!(settings.scopes.iter().all(|scope| scope.name != "openid"), "{other}");
    }
}

/// A realm with these settings, over a store in memory.
pub(crate) async fn realm(name: &str, settings: &RealmSettings) -> Arc<Realm> {
    let store = SqliteStore::open(Location::Memory, Clock::default(), Options::default()).unwrap();
    let engine = Engine::new(Arc::new(store), MasterKey::generate()).with_demo_people();
    engine.load().await.unwrap();
    engine.put_realm(name, settings).await.unwrap()
}

/// Every refusal of a token request, with its status and body.
pub(crate) async fn errors(realm: &Realm) -> String {
    let form = realm.settings.error_form;
    let mut text = String::new();
    for refusal in refusals() {
        let response = error::render(&error::refused(refusal, form), form);
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        writeln!(text, "{refusal:?}\n    expect {status} {}", String::from_utf8_lossy(&body)).unwrap();
    }
    text
}

/// Every redirect with an error or a code.
pub(crate) fn redirects(realm: &Realm) -> String {
    let target = |uri: &str, state: Option<&str>, mode| {
        let (redirect_uri, state) = (uri.to_owned(), state.map(str::to_owned));
        ResponseTarget { redirect_uri, state, mode }
    };
    let mut text = String::new();
    for refused in refused_requests() {
        let target = target(REDIRECT_URI, Some("a b&c"), ResponseMode::Query);
        let location = response::authorize_error(realm, &target, refused).location();
        writeln!(text, "{refused:?}\n    expect 303 {location}").unwrap();
    }
    let form = realm.settings.authorization_response;
    let session_state = (form == AuthorizationResponseForm::WithSessionState).then(|| "STATE.SALT".to_owned());
    for (uri, state, mode) in [
        (REDIRECT_URI, Some("trạng thái"), ResponseMode::Query),
        (REDIRECT_URI, None, ResponseMode::Query),
        ("https://example.com/?tenant=1", None, ResponseMode::Query),
        ("https://example.com/?tenant=1", Some("a b&c"), ResponseMode::Fragment),
    ] {
        let target = target(uri, state, mode);
        let granted = GrantedCode {
            target,
            code: AuthorizationCode::new(&token(realm, TokenKind::Code), None),
            id_token: None,
            scope: realm.offline,
            session_state: session_state.clone(),
        };
        let location = response::code(realm, &granted).location().replace(granted.code.expose(), "CODE");
        writeln!(text, "code for {uri} {state:?} {}\n    expect 303 {location}", mode.name()).unwrap();
    }
    text
}

/// A token answer with a refresh token, and one without.
pub(crate) async fn tokens(realm: &Realm) -> String {
    let issued = |kind| IssuedToken::from(token(realm, kind));
    let (access_token, refresh_token) = (issued(TokenKind::Access), issued(TokenKind::Refresh));
    let scope = realm.offline;
    let mut text = String::new();
    for refresh_token in [Some(&refresh_token), None] {
        let (access_token, refresh_token) = (access_token.clone(), refresh_token.cloned());
        let answer = TokenAnswer {
            access_token,
            refresh_token,
            id_token: None,
            expires_in_s: 3_600,
            refresh_expires_in_s: 0,
            scope,
            user: None,
            note: None,
        };
        let response = response::token(realm, &answer);
        let mut headers: Vec<_> = response.headers().iter().map(|(name, value)| format!("{name}: {value:?}")).collect();
        headers.sort();
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        let body = String::from_utf8_lossy(&body).replace(answer.access_token.expose(), "ACCESS");
        let body = match &answer.refresh_token {
            Some(refresh_token) => body.replace(refresh_token.expose(), "REFRESH"),
            None => body,
        };
        writeln!(text, "expect {status} {body}\n    {}", headers.join("\n    ")).unwrap();
    }
    text
}

fn token(realm: &Realm, kind: TokenKind) -> SealedToken {
    let pointer = Pointer {
        grant: GrantId(1),
        generation: Generation::CODE,
        time: 1,
        client: ClientNumber(1),
        issued_at_s: 1,
        scope: realm.offline,
    };
    realm.keyring.seal(kind, &pointer, realm.keyring.sealing_keys().newest).unwrap()
}

fn refusals() -> Vec<TokenRefusal> {
    let (basic, post) = (AuthenticationMethod::ClientSecretBasic, AuthenticationMethod::ClientSecretPost);
    let mut all = vec![
        TokenRefusal::Malformed(RequestFault::Missing("grant_type")),
        TokenRefusal::Malformed(RequestFault::Repeated("code")),
        TokenRefusal::Malformed(RequestFault::Parameter("scope")),
        TokenRefusal::Malformed(RequestFault::Body),
        TokenRefusal::Malformed(RequestFault::TooMany),
        TokenRefusal::Client(ClientAuthenticationError::Missing),
        TokenRefusal::Client(ClientAuthenticationError::Header),
        TokenRefusal::Client(ClientAuthenticationError::TwoClients),
        TokenRefusal::Client(ClientAuthenticationError::Refused),
        TokenRefusal::Client(ClientAuthenticationError::Method { registered: basic, used: post }),
        TokenRefusal::Client(ClientAuthenticationError::Method { registered: post, used: basic }),
        TokenRefusal::Client(ClientAuthenticationError::SeveralMethods { registered: basic }),
        TokenRefusal::UnsupportedGrantType,
        TokenRefusal::UnauthorizedClient,
        TokenRefusal::Scope(ScopeError::Malformed),
        TokenRefusal::Scope(ScopeError::Unknown),
        TokenRefusal::ScopeNotGranted,
        TokenRefusal::ScopeNotNarrowed,
    ];
    let grants = [
        Refusal::Forged,
        Refusal::Unknown,
        Refusal::Expired,
        Refusal::Revoked,
        Refusal::OtherClient,
        Refusal::RedirectUri,
        Refusal::Verifier,
        Refusal::CodeSpent,
        Refusal::Reused,
        Refusal::Spent,
        Refusal::GenerationRevoked,
        Refusal::StoreWentBack,
        Refusal::ClientEnded,
        Refusal::UserEnded,
        Refusal::MembershipEnded,
        Refusal::RoleEnded,
        Refusal::ScopeRetired,
        Refusal::LastGeneration,
    ];
    all.extend(grants.map(TokenRefusal::Grant));
    all
}

fn refused_requests() -> Vec<AuthorizeError> {
    vec![
        AuthorizeError::Malformed("scope"),
        AuthorizeError::UnauthorizedClient,
        AuthorizeError::Scope(ScopeError::Malformed),
        AuthorizeError::Scope(ScopeError::Unknown),
        AuthorizeError::ScopeMissing,
        AuthorizeError::ScopeNotRegistered,
        AuthorizeError::ResponseTypeMissing,
        AuthorizeError::UnsupportedResponseType,
        AuthorizeError::ResponseTypeNotRegistered,
        AuthorizeError::OpenIdMissing,
        AuthorizeError::UnsupportedResponseMode,
        AuthorizeError::QueryMode,
        AuthorizeError::NonceMissing,
        AuthorizeError::State(8),
        AuthorizeError::Challenge(ChallengeError::Method),
        AuthorizeError::Challenge(ChallengeError::Challenge),
        AuthorizeError::Challenge(ChallengeError::Missing),
        AuthorizeError::AccessDenied,
        AuthorizeError::NotAMember,
        AuthorizeError::RoleMissing,
        AuthorizeError::InteractionRequired,
        AuthorizeError::PromptNone,
        AuthorizeError::IdTokenHint,
        AuthorizeError::RequestObject,
        AuthorizeError::RequestUri,
        AuthorizeError::AuthenticationContext,
        AuthorizeError::LogInRequired,
        AuthorizeError::ConsentRequired,
    ]
}
