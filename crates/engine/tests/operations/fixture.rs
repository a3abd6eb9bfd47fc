//! A realm with clients and people over a store in memory, and the requests that tests make of it.

use std::net::IpAddr;
use std::sync::{Arc, LazyLock};

use kimbai_core::client::{
    AuthenticationMethod, BasicCredentials, ClientCredentials, ClientMetadata, GrantType, SecretRepetition,
};
use kimbai_core::grant::{CodeBinding, ShortDigest};
use kimbai_core::number::UserNumber;
use kimbai_core::pkce::CodeChallenge;
use kimbai_core::realm::{
    ClientLifetimes, ConsentForm, EndpointPaths, ErrorForm, Lifetimes, PkcePolicy, RealmSettings, TokenShape,
};
use kimbai_core::scope::{ScopeDefinition, ScopeSet};
use kimbai_core::secret::Secret;
use kimbai_core::token::{Refusal, TokenGrant, TokenRefusal, TokenRequest};
use kimbai_engine::{
    Engine, Introspection, NewClient, NewUser, Realm, Source, TokenAnswer, TokenError, TokenFacts, UserClaims,
};
use kimbai_keyring::{MasterKey, SealedToken, hash_password};
use kimbai_store::sqlite::{Location, Options, SqliteStore};
use kimbai_store::{AuditEvent, Clock, Registry as _};

pub(crate) const REDIRECT_URI: &str = "https://example.com/tiki/callback";
pub(crate) const PASSWORD: &str = "kimbai-demo";
/// RFC 7636 appendix B.
pub(crate) const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
pub(crate) const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

/// Hashing is slow on purpose: once for all tests.
pub(crate) static PASSWORD_HASH: LazyLock<String> = LazyLock::new(|| hash_password(PASSWORD).unwrap());

pub(crate) struct Fixture {
    pub(crate) engine: Arc<Engine>,
    pub(crate) store: Arc<SqliteStore>,
    pub(crate) clock: Clock,
    pub(crate) realm: Arc<Realm>,
    pub(crate) an: UserNumber,
    /// The text of the master key.
    pub(crate) master: String,
}

impl Fixture {
    /// Confidential clients without PKCE, a state of eight characters.
    pub(crate) async fn marketplace() -> Self {
        Self::new("marketplace", &marketplace()).await
    }

    /// PKCE for everyone, no state demanded.
    pub(crate) async fn standard() -> Self {
        Self::new("standard", &standard()).await
    }

    pub(crate) async fn new(name: &str, settings: &RealmSettings) -> Self {
        let clock = Clock::default();
        let store = SqliteStore::open(Location::Memory, clock.clone(), Options::default()).unwrap();
        let (store, key) = (Arc::new(store), MasterKey::generate());
        let master = key.to_text().to_string();
        let engine = Arc::new(Engine::new(store.clone(), key));
        engine.load().await.unwrap();
        let realm = fill(&engine, name, settings).await;
        let an = engine.user_by_name(&realm, "an").await.unwrap().unwrap().0;
        Self { engine, store, clock, realm, an, master }
    }

    /// Another realm over the same store, with the same clients and people.
    pub(crate) async fn beside(&self, name: &str, settings: &RealmSettings) -> Self {
        let realm = fill(&self.engine, name, settings).await;
        let an = self.engine.user_by_name(&realm, "an").await.unwrap().unwrap().0;
        let (engine, store, clock) = (self.engine.clone(), self.store.clone(), self.clock.clone());
        Self { engine, store, clock, realm, an, master: self.master.clone() }
    }

    /// The same realm after its settings were changed.
    pub(crate) async fn changed(self, change: impl FnOnce(&mut RealmSettings)) -> Self {
        let mut settings = self.realm.settings.clone();
        change(&mut settings);
        let realm = self.engine.put_realm(&self.realm.name, &settings).await.unwrap();
        Self { realm, ..self }
    }

    pub(crate) fn scope(&self, scope: &str) -> ScopeSet {
        if scope.is_empty() { ScopeSet::EMPTY } else { self.realm.scopes.parse(scope).unwrap() }
    }

    /// A code of `an` for a client, bound to the redirect URI and, for the public client, to the challenge.
    pub(crate) async fn code(&self, client_id: &str, scope: &str) -> SealedToken {
        let challenge = (client_id == "spa").then_some(CHALLENGE);
        self.code_bound_to(client_id, scope, binding(Some(REDIRECT_URI), challenge)).await
    }

    pub(crate) async fn code_bound_to(&self, client_id: &str, scope: &str, binding: CodeBinding) -> SealedToken {
        let client = self.realm.client(client_id).unwrap();
        let (_, epoch) = self.engine.user_by_name(&self.realm, "an").await.unwrap().unwrap();
        let what = (self.scope(scope), binding);
        self.engine.mint_code(&self.realm, &client, (self.an, epoch), what).await.unwrap()
    }

    pub(crate) async fn ask(&self, client_id: &str, grant: TokenGrant) -> Result<TokenAnswer, TokenError> {
        self.ask_as(credentials(client_id), grant, source(1)).await
    }

    pub(crate) async fn ask_as(
        &self,
        credentials: ClientCredentials,
        grant: TokenGrant,
        source: Source,
    ) -> Result<TokenAnswer, TokenError> {
        self.engine.token(&self.realm, &TokenRequest { credentials, grant }, source).await
    }

    pub(crate) async fn redeem(&self, client_id: &str, code: &SealedToken) -> Result<TokenAnswer, TokenError> {
        let verifier = (client_id == "spa").then_some(VERIFIER);
        self.ask(client_id, code_grant(code.expose(), Some(REDIRECT_URI), verifier)).await
    }

    /// What `an` gets for a fresh code of this client.
    pub(crate) async fn log_in(&self, client_id: &str) -> TokenAnswer {
        let code = self.code(client_id, "offline order product").await;
        self.redeem(client_id, &code).await.unwrap()
    }

    pub(crate) async fn refresh(&self, client_id: &str, token: &SealedToken) -> Result<TokenAnswer, TokenError> {
        self.ask(client_id, refresh_grant(token, None)).await
    }

    pub(crate) async fn credentials_grant(
        &self,
        client_id: &str,
        scope: Option<&str>,
    ) -> Result<TokenAnswer, TokenError> {
        self.ask(client_id, TokenGrant::ClientCredentials { scope: scope.map(str::to_owned) }).await
    }

    pub(crate) async fn revoke(&self, client_id: &str, token: &str) -> Result<(), TokenError> {
        self.engine.revoke(&self.realm, &credentials(client_id), &secret(token), source(1)).await
    }

    /// What the resource server is told of a token.
    pub(crate) async fn facts(&self, token: &SealedToken) -> Option<TokenFacts> {
        match self.introspect("resource", token.expose()).await.unwrap() {
            Introspection::Active(facts) => Some(facts),
            Introspection::Inactive(_) => None,
        }
    }

    pub(crate) async fn works(&self, token: &SealedToken) -> bool {
        self.facts(token).await.is_some()
    }

    pub(crate) async fn introspect(&self, client_id: &str, token: &str) -> Result<Introspection, TokenError> {
        self.engine.introspect(&self.realm, &credentials(client_id), &secret(token)).await
    }

    /// The newest events, newest first, once there are so many of this one: events follow their answers a little later.
    pub(crate) async fn audit(&self, event: &str, count: usize) -> Vec<AuditEvent> {
        for _ in 0..10_000 {
            let all = self.store.audit(self.realm.number, 10_000).await.unwrap();
            let found: Vec<_> = all.into_iter().map(|(_, found)| found).filter(|found| found.event == event).collect();
            if found.len() >= count {
                assert_eq!(found.len(), count, "{event}");
                return found;
            }
        }
        panic!("{event} was not recorded {count} times");
    }

    /// Asserts that an event has not been recorded, after one that was recorded later.
    pub(crate) async fn assert_not_audited(&self, event: &str) {
        let binh = self.engine.set_user_active(&self.realm, "binh", true).await.unwrap();
        assert!(binh.is_some());
        let _ = self.audit("user_enabled", 1).await;
        let _ = self.audit(event, 0).await;
    }
}

async fn fill(engine: &Engine, name: &str, settings: &RealmSettings) -> Arc<Realm> {
    let realm = engine.put_realm(name, settings).await.unwrap();
    for client in clients() {
        engine.put_client(&realm, client).await.unwrap();
    }
    for (username, sub) in [("an", "1"), ("binh", "2"), ("chi", "3")] {
        let claims = UserClaims { sub: sub.to_owned(), name: username.to_owned(), email: None };
        let user = NewUser { username: username.to_owned(), password_hash: PASSWORD_HASH.clone(), claims };
        engine.put_user(&realm, user).await.unwrap();
    }
    realm
}

pub(crate) fn marketplace() -> RealmSettings {
    RealmSettings {
        display_name: "Marketplace".to_owned(),
        issuer: "http://localhost:4602".to_owned(),
        dialect: "marketplace".to_owned(),
        paths: EndpointPaths {
            authorize: "/auth".to_owned(),
            token: "/token".to_owned(),
            revoke: "/revoke".to_owned(),
            introspect: "/introspect".to_owned(),
        },
        scopes: ["offline", "order", "product", "inventory"].map(scope_definition).to_vec(),
        offline_scope: "offline".to_owned(),
        lifetimes: Lifetimes {
            code_s: 600,
            access_token_s: 3_600,
            refresh_idle_s: Some(30 * 86_400),
            refresh_absolute_s: 365 * 86_400,
            retry_confidential_s: 86_400,
            retry_public_s: 30,
            session_idle_s: 28_800,
            session_absolute_s: 604_800,
        },
        state_length_min: 8,
        pkce: PkcePolicy::Optional,
        error_form: ErrorForm::WithHint,
        token_shape: TokenShape::Halves,
        consent_form: ConsentForm::Full,
    }
}

pub(crate) fn standard() -> RealmSettings {
    let lifetimes = Lifetimes { code_s: 60, ..marketplace().lifetimes };
    RealmSettings {
        display_name: "Standard".to_owned(),
        issuer: "http://localhost:4600".to_owned(),
        dialect: "standard".to_owned(),
        lifetimes,
        state_length_min: 0,
        pkce: PkcePolicy::Required,
        error_form: ErrorForm::Standard,
        token_shape: TokenShape::Whole,
        consent_form: ConsentForm::Partial,
        ..marketplace()
    }
}

pub(crate) fn scope_definition(name: &str) -> ScopeDefinition {
    let (description_vi, description_en) = (String::new(), String::new());
    ScopeDefinition { name: name.to_owned(), description_vi, description_en, retired: false }
}

/// `web` (basic), `post`, `other` (basic), `spa` (public), `in-house` (post, client credentials), `resource` (may introspect).
fn clients() -> Vec<NewClient> {
    use AuthenticationMethod::{ClientSecretBasic, ClientSecretPost, None as Public};
    let with_code = vec![GrantType::AuthorizationCode, GrantType::RefreshToken];
    let with_all = [with_code.clone(), vec![GrantType::ClientCredentials]].concat();
    let credentials = vec![GrantType::ClientCredentials];
    [
        ("web", ClientSecretBasic, with_all.clone()),
        ("post", ClientSecretPost, with_all.clone()),
        ("other", ClientSecretBasic, with_all),
        ("spa", Public, with_code),
        ("in-house", ClientSecretPost, credentials.clone()),
        ("resource", ClientSecretBasic, credentials),
    ]
    .map(|(client_id, method, grant_types)| NewClient {
        client_id: client_id.to_owned(),
        client_secret: (method != Public).then(|| secret(&secret_of(client_id))),
        metadata: metadata(method, grant_types, client_id == "resource"),
    })
    .into()
}

pub(crate) fn metadata(method: AuthenticationMethod, grants: Vec<GrantType>, resource_server: bool) -> ClientMetadata {
    let has_code = grants.contains(&GrantType::AuthorizationCode);
    ClientMetadata {
        client_name: "Sổ bán hàng".to_owned(),
        logo_uri: None,
        client_uri: None,
        token_endpoint_auth_method: method,
        secret_digests: Vec::new(),
        secret_repetition: SecretRepetition::Refused,
        redirect_uris: if has_code { vec![REDIRECT_URI.to_owned()] } else { Vec::new() },
        grant_types: grants,
        scope: "offline order product".to_owned(),
        consent: None,
        pkce: None,
        resource_server,
        lifetimes: ClientLifetimes::default(),
        allowed_origins: Vec::new(),
    }
}

pub(crate) fn secret(text: &str) -> Secret {
    Secret::new(text.to_owned())
}

pub(crate) fn secret_of(client_id: &str) -> String {
    format!("{client_id}-secret-0123456789abcdef")
}

pub(crate) fn basic(client_id: &str, client_secret: &str) -> ClientCredentials {
    let (client_id, client_secret) = (client_id.to_owned(), secret(client_secret));
    let basic = Some(BasicCredentials { client_id, client_secret });
    ClientCredentials { basic, client_id: None, client_secret: None }
}

/// What a client sends as it is registered.
pub(crate) fn credentials(client_id: &str) -> ClientCredentials {
    let by_body = |client_secret| ClientCredentials { basic: None, client_id: Some(client_id.to_owned()), client_secret };
    match client_id {
        "spa" => by_body(None),
        "post" | "in-house" => by_body(Some(secret(&secret_of(client_id)))),
        _ => basic(client_id, &secret_of(client_id)),
    }
}

pub(crate) fn code_grant(code: &str, redirect_uri: Option<&str>, code_verifier: Option<&str>) -> TokenGrant {
    let redirect_uri = redirect_uri.map(str::to_owned);
    TokenGrant::AuthorizationCode { code: secret(code), redirect_uri, code_verifier: code_verifier.map(secret) }
}

pub(crate) fn refresh_grant(token: &SealedToken, scope: Option<&str>) -> TokenGrant {
    TokenGrant::RefreshToken { refresh_token: secret(token.expose()), scope: scope.map(str::to_owned) }
}

pub(crate) fn binding(redirect_uri: Option<&str>, challenge: Option<&str>) -> CodeBinding {
    let challenge = challenge.and_then(|text| CodeChallenge::parse(Some(text), Some("S256")).unwrap());
    CodeBinding {
        redirect_uri: redirect_uri.map_or(ShortDigest::ABSENT, |uri| ShortDigest::of(uri.as_bytes())),
        code_challenge: CodeChallenge::digest(challenge),
    }
}

pub(crate) fn source(last: u8) -> Source {
    Source::new(IpAddr::from([192, 0, 2, last]))
}

/// Who is not `owner` and has its token: another client, an unknown one, and one that guesses the owner's secret.
pub(crate) fn strangers(owner: &str) -> [ClientCredentials; 4] {
    [
        credentials("other"),
        basic("nobody", &secret_of("nobody")),
        basic(owner, "a-guess-0123456789abcdef"),
        ClientCredentials { basic: None, client_id: Some(owner.to_owned()), client_secret: None },
    ]
}

pub(crate) trait Answered {
    /// Why a code or refresh token was refused.
    fn refusal(self) -> Refusal;
    /// What the whole request was refused for.
    fn refused(self) -> TokenRefusal;
}

impl<T: std::fmt::Debug> Answered for Result<T, TokenError> {
    fn refusal(self) -> Refusal {
        match self.refused() {
            TokenRefusal::Grant(refusal) => refusal,
            other => panic!("{other:?}"),
        }
    }

    fn refused(self) -> TokenRefusal {
        match self {
            Err(TokenError::Refused(refusal)) => refusal,
            other => panic!("{other:?}"),
        }
    }
}

/// The refresh token of an answer.
pub(crate) fn refresh_token(answer: &TokenAnswer) -> SealedToken {
    answer.refresh_token.clone().unwrap()
}

/// What of an answer must be the same when it is given again.
pub(crate) fn bytes(answer: &TokenAnswer) -> (String, Option<String>) {
    let refresh_token = answer.refresh_token.as_ref().map(|token| token.expose().to_owned());
    (answer.access_token.expose().to_owned(), refresh_token)
}
