//! What is registered of a client, and what cannot be registered (RFC 7591 section 2; names are its names).

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use crate::audience::AccessTokenFormat;
use crate::authorize::ResponseType;
use crate::grant::PartyStanding;
use crate::number::ClientNumber;
use crate::realm::{ClientLifetimes, Lifetimes, PkcePolicy, RealmSettings};
use crate::redirect_uri::{UriError, check_origin, check_redirect_uri, origin_of};
use crate::scope::{ScopeError, ScopeSet, ScopeTable};
use crate::signing::SigningAlgorithm;
use crate::token::Payload;

use super::partner::{self, Partner};
use super::presentation::{self, LogInPage, web_uris};

/// How a client authenticates at the token endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AuthenticationMethod {
    /// Not at all: a public client (RFC 6749 section 2.1).
    None,
    /// `Authorization: Basic` (RFC 6749 section 2.3.1).
    ClientSecretBasic,
    /// `client_id` and `client_secret` in the body.
    ClientSecretPost,
    /// A signature over the request, made with the secret.
    RequestSignature,
    /// An envelope that opens under a key of the partner's; beside it, where a person logs in, `client_id` and `client_secret`.
    PartnerEnvelope,
}

impl AuthenticationMethod {
    /// Its registered name (RFC 7591 section 2); those of the signature and the envelope are ours, for no RFC has them.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::ClientSecretBasic => "client_secret_basic",
            Self::ClientSecretPost => "client_secret_post",
            Self::RequestSignature => "request_signature",
            Self::PartnerEnvelope => "partner_envelope",
        }
    }
}

/// A grant a client may be registered for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GrantType {
    /// RFC 6749 section 4.1.
    AuthorizationCode,
    /// RFC 6749 section 6.
    RefreshToken,
    /// RFC 6749 section 4.4.
    ClientCredentials,
    /// RFC 6749 section 4.3, for partners alone.
    Password,
}

/// When a person is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConsentPolicy {
    /// Once for the same or fewer scopes.
    Remembered,
    /// Every time: whoever holds the redirect URI cannot be told from another app (RFC 8252 section 8.6).
    Always,
    /// Never: a first-party client.
    Never,
}

/// Whether a client that authenticates by header may repeat its secret in the body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SecretRepetition {
    /// One method a request (RFC 6749 section 2.3).
    #[default]
    Refused,
    /// The same secret in both places is taken as the registered method.
    Tolerated,
}

/// Whether clients can tell by the subject that a user is the same (OpenID Connect Core section 8).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SubjectType {
    /// One subject for all clients.
    #[default]
    Public,
    /// One for each sector.
    Pairwise,
}

/// A client secret under a key of the keyring.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecretDigest(pub [u8; 32]);

/// A client secret that the realm's keyring sealed, and can read again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SealedSecret(pub String);

/// A client's secret as it is stored, and until when it is one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClientSecret {
    /// What is compared.
    pub digest: SecretDigest,
    /// The secret itself, where signatures are checked with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sealed: Option<SealedSecret>,
    /// In seconds since 1970; absent: until it is replaced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends_s: Option<u32>,
}

impl ClientSecret {
    /// A secret that stays until it is replaced.
    #[must_use]
    pub const fn lasting(digest: SecretDigest) -> Self {
        Self { digest, sealed: None, ends_s: None }
    }

    /// Whether it counts at this second since 1970.
    #[must_use]
    pub fn is_live(&self, now_s: u32) -> bool {
        self.ends_s.is_none_or(|end| now_s < end)
    }
}

/// What is registered of a client, as the registry keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClientMetadata {
    /// Its name as people read it.
    pub client_name: String,
    /// Its icon.
    #[serde(default)]
    pub logo_uri: Option<String>,
    /// Its home page.
    #[serde(default)]
    pub client_uri: Option<String>,
    /// Where it says what it does with what it learns of people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy_uri: Option<String>,
    /// Its terms of service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tos_uri: Option<String>,
    /// Whom to ask about it, as mail addresses mostly; shown to nobody but the operator.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub contacts: Vec<String>,
    /// Whose it is; shown to nobody but the operator.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// What it changes of the log-in page.
    #[serde(default, skip_serializing_if = "LogInPage::is_ours")]
    pub log_in_page: LogInPage,
    /// How it authenticates.
    pub token_endpoint_auth_method: AuthenticationMethod,
    /// Its secrets: one, two during a rotation, none for a public client.
    #[serde(default)]
    pub secrets: Vec<ClientSecret>,
    /// Whether the secret may stand in header and body at once.
    #[serde(default)]
    pub secret_repetition: SecretRepetition,
    /// Where its authorization responses may go.
    #[serde(default)]
    pub redirect_uris: Vec<String>,
    /// The grants it may use.
    pub grant_types: Vec<GrantType>,
    /// What its authorization responses may carry.
    #[serde(default = "only_code", skip_serializing_if = "is_only_code")]
    pub response_types: Vec<ResponseType>,
    /// The scopes it may ask for, with spaces between them.
    pub scope: String,
    /// When people are asked; absent: as its redirect URIs demand.
    #[serde(default)]
    pub consent: Option<ConsentPolicy>,
    /// Whether it must use PKCE, if not as the realm says. A public client always must.
    #[serde(default)]
    pub pkce: Option<PkcePolicy>,
    /// Whether it is a resource server of the realm and may introspect every token.
    #[serde(default)]
    pub resource_server: bool,
    /// What it shortens of the realm's lifetimes.
    #[serde(default)]
    pub lifetimes: ClientLifetimes,
    /// How long ago a user may have authenticated, in seconds, if a request does not say (OpenID Connect Registration section 2).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_max_age: Option<u32>,
    /// Whether its ID tokens must say when the user authenticated; ours always do (section 2).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub require_auth_time: bool,
    /// Whether its users have subjects of their own (OpenID Connect Core section 8); absent: public ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject_type: Option<SubjectType>,
    /// Whose host stands for the client's in pairwise subjects (section 8.1). It is not fetched: whoever registers a client answers
    /// for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sector_identifier_uri: Option<String>,
    /// What signs its ID tokens; absent: RS256, or what the realm has (OpenID Connect Registration section 2).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id_token_signed_response_alg: Option<SigningAlgorithm>,
    /// What its access tokens are; absent: as the audiences of their scopes want them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access_token_format: Option<AccessTokenFormat>,
    /// What signs its answers of the `UserInfo` endpoint; absent: they are JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub userinfo_signed_response_alg: Option<SigningAlgorithm>,
    /// Where a browser may be sent after log-out (OpenID Connect RP-Initiated Logout section 3.1).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub post_logout_redirect_uris: Vec<String>,
    /// Web origins beside those of its redirect URIs that may call the token endpoint.
    #[serde(default)]
    pub allowed_origins: Vec<String>,
    /// What it is beside a client, in a realm that has partners.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partner: Option<Partner>,
}

impl ClientMetadata {
    /// A client that has these and nothing else.
    #[must_use]
    pub fn new(
        client_name: String,
        token_endpoint_auth_method: AuthenticationMethod,
        grant_types: Vec<GrantType>,
    ) -> Self {
        Self {
            client_name,
            logo_uri: None,
            client_uri: None,
            policy_uri: None,
            tos_uri: None,
            contacts: Vec::new(),
            owner: None,
            log_in_page: LogInPage { background_uri: None, hotline: None, support_email: None },
            token_endpoint_auth_method,
            secrets: Vec::new(),
            secret_repetition: SecretRepetition::Refused,
            redirect_uris: Vec::new(),
            grant_types,
            response_types: only_code(),
            scope: String::new(),
            consent: None,
            pkce: None,
            resource_server: false,
            lifetimes: ClientLifetimes {
                access_token_s: None,
                refresh_idle_s: None,
                refresh_absolute_s: None,
                retry_s: None,
            },
            default_max_age: None,
            require_auth_time: false,
            subject_type: None,
            sector_identifier_uri: None,
            id_token_signed_response_alg: None,
            access_token_format: None,
            userinfo_signed_response_alg: None,
            post_logout_redirect_uris: Vec::new(),
            allowed_origins: Vec::new(),
            partner: None,
        }
    }
}

/// What a client or realm has of which nothing else is said (RFC 7591 section 2).
pub(crate) fn only_code() -> Vec<ResponseType> {
    vec![ResponseType::Code]
}

/// Whether nothing need be said of it.
fn is_only_code(response_types: &[ResponseType]) -> bool {
    response_types == [ResponseType::Code]
}

/// Why a client cannot be registered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RegistrationError {
    /// A redirect URI is refused.
    #[error("redirect_uris: {uri}: {error}")]
    RedirectUri {
        /// The URI.
        uri: String,
        /// Why.
        error: UriError,
    },
    /// A link or image is refused.
    #[error("{member}: {error}")]
    WebUri {
        /// The member's name.
        member: &'static str,
        /// Why.
        error: UriError,
    },
    /// The realm does not have all of its scopes.
    #[error("scope: {0}")]
    Scope(ScopeError),
    /// What it was issued would be over before it began.
    #[error("lifetimes.{0}: it is at least 1 s")]
    NoLifetime(&'static str),
    /// Grants, redirect URIs and authentication method do not fit together.
    #[error("{0}")]
    Contradiction(&'static str),
}

/// A registered client, checked, with its standing as last heard of.
#[derive(Debug, Clone)]
pub struct Client {
    /// Its number in the realm.
    pub number: ClientNumber,
    /// Its `client_id`.
    pub client_id: String,
    /// What is registered of it.
    pub metadata: ClientMetadata,
    /// The scopes it is registered for, and has if it asks for none by name.
    pub scope: ScopeSet,
    /// The scopes it may ask for: those, and the realm's synonyms for the one that asks for a refresh token.
    pub allowed: ScopeSet,
    /// When people are asked.
    pub consent: ConsentPolicy,
    /// Whether it must use PKCE.
    pub pkce: PkcePolicy,
    /// How long its codes, tokens and grants live.
    pub lifetimes: Lifetimes,
    /// The web origins that may read its answers: those of its http(s) redirect URIs, and what it was allowed beside them.
    pub origins: HashSet<String>,
    /// Its standing as last heard of; the ledger knows better.
    pub standing: PartyStanding,
}

impl Client {
    /// Checks what is registered of a client against its realm.
    ///
    /// # Errors
    /// [`RegistrationError`]: what to change.
    pub fn register(
        number: ClientNumber,
        client_id: String,
        metadata: ClientMetadata,
        standing: PartyStanding,
        (settings, scopes): (&RealmSettings, &ScopeTable),
    ) -> Result<Self, RegistrationError> {
        check_sizes(&metadata)?;
        check_uris(&metadata)?;
        presentation::check(&metadata)?;
        check_grants(&metadata)?;
        check_client_credentials(&metadata, settings)?;
        partner::check(&metadata, settings)?;
        check_lifetimes(&metadata.lifetimes)?;
        check_algorithms(&metadata, settings)?;
        check_response_types(&metadata, settings)?;
        let scope = match metadata.scope.as_str() {
            "" => ScopeSet::EMPTY,
            scope => scopes.parse_registered(scope).map_err(RegistrationError::Scope)?,
        };
        let allowed = scope.with_synonyms(settings.offline(scopes));
        let is_public = metadata.token_endpoint_auth_method == AuthenticationMethod::None;
        let consent = metadata.consent.unwrap_or_else(|| default_consent(is_public, &metadata.redirect_uris));
        let pkce = if is_public { PkcePolicy::Required } else { metadata.pkce.unwrap_or(settings.pkce) };
        let lifetimes = settings.lifetimes.shortened(&metadata.lifetimes);
        let origins = metadata.redirect_uris.iter().filter_map(|uri| origin_of(uri));
        let origins = origins.chain(metadata.allowed_origins.iter().cloned()).collect();
        Ok(Self { number, client_id, metadata, scope, allowed, consent, pkce, lifetimes, origins, standing })
    }

    /// The sector whose clients know a user by one subject; none: by the public one (OpenID Connect Core section 8.1).
    #[must_use]
    pub fn sector(&self) -> Option<String> {
        match self.metadata.subject_type.unwrap_or_default() {
            SubjectType::Public => None,
            SubjectType::Pairwise => sector(&self.metadata),
        }
    }

    /// Whether it has no secret (RFC 6749 section 2.1).
    #[must_use]
    pub fn is_public(&self) -> bool {
        self.metadata.token_endpoint_auth_method == AuthenticationMethod::None
    }

    /// What it is beside a client, if it is a partner.
    #[must_use]
    pub const fn partner(&self) -> Option<&Partner> {
        self.metadata.partner.as_ref()
    }

    /// Whether it is registered for this grant.
    #[must_use]
    pub fn may_use(&self, grant_type: GrantType) -> bool {
        self.metadata.grant_types.contains(&grant_type)
    }
}

/// A list has so many members at most, and a text so many bytes.
const LIST_MAX: usize = 100;
const TEXT_BYTES_MAX: usize = 2_048;

fn check_sizes(metadata: &ClientMetadata) -> Result<(), RegistrationError> {
    let lists =
        [&metadata.redirect_uris, &metadata.allowed_origins, &metadata.post_logout_redirect_uris, &metadata.contacts];
    let links = web_uris(metadata).map(|(_, uri)| uri);
    let texts = [Some(&metadata.client_name), metadata.owner.as_ref()].into_iter().chain(links);
    if lists.iter().any(|list| list.len() > LIST_MAX) {
        return Err(RegistrationError::Contradiction("a list of URIs, origins or contacts has 100 members at most"));
    }
    let mut texts = lists.into_iter().flatten().chain(texts.flatten());
    if texts.any(|text| text.len() > TEXT_BYTES_MAX) {
        return Err(RegistrationError::Contradiction("a name, URI or origin has 2,048 bytes at most"));
    }
    Ok(())
}

fn check_uris(metadata: &ClientMetadata) -> Result<(), RegistrationError> {
    for uri in &metadata.redirect_uris {
        check_redirect_uri(uri).map_err(|error| RegistrationError::RedirectUri { uri: uri.clone(), error })?;
    }
    for uri in &metadata.post_logout_redirect_uris {
        let member = "post_logout_redirect_uris";
        check_redirect_uri(uri).map_err(|error| RegistrationError::WebUri { member, error })?;
    }
    for origin in &metadata.allowed_origins {
        let member = "allowed_origins";
        check_origin(origin).map_err(|error| RegistrationError::WebUri { member, error })?;
    }
    Ok(())
}

/// A short token has no room for what there is no grant of.
fn check_client_credentials(metadata: &ClientMetadata, settings: &RealmSettings) -> Result<(), RegistrationError> {
    let is_asked = metadata.grant_types.contains(&GrantType::ClientCredentials);
    match settings.token_shape.payload() {
        Payload::Short if is_asked => {
            Err(RegistrationError::Contradiction("client_credentials: tokens of the realm are too short for it"))
        }
        Payload::Short | Payload::Long => Ok(()),
    }
}

fn check_grants(metadata: &ClientMetadata) -> Result<(), RegistrationError> {
    let is_public = metadata.token_endpoint_auth_method == AuthenticationMethod::None;
    let has = |grant_type| metadata.grant_types.contains(&grant_type);
    let contradictions = [
        (is_public && !metadata.secrets.is_empty(), "a client without authentication has no secret"),
        (!is_public && metadata.secrets.is_empty(), "a client that authenticates by secret needs one"),
        (metadata.secrets.len() > 2, "a client has at most two live secrets"),
        (is_public && has(GrantType::ClientCredentials), "client_credentials needs a secret (RFC 6749 section 4.4)"),
        (is_public && metadata.resource_server, "a resource server needs a secret (RFC 7662 section 2.1)"),
        (
            // The codes of an app that signs come from the platform's own app, by no redirect.
            !signs(metadata) && has(GrantType::AuthorizationCode) == metadata.redirect_uris.is_empty(),
            "authorization_code and redirect_uris need each other",
        ),
        (
            has(GrantType::RefreshToken) && !has(GrantType::AuthorizationCode) && !has(GrantType::Password),
            "refresh_token needs authorization_code, or password where there are partners",
        ),
        (
            signs(metadata) && metadata.secrets.iter().any(|secret| secret.sealed.is_none()),
            "a client that signs its requests is given its secret itself, not a hash of it",
        ),
        (
            signs(metadata) && !metadata.redirect_uris.is_empty(),
            "a client that signs its requests has no redirect_uris: its codes come from the platform's own app",
        ),
        (
            metadata.subject_type == Some(SubjectType::Pairwise) && sector(metadata).is_none(),
            "pairwise subjects need a sector_identifier_uri, or redirect_uris that all have one host (OpenID Connect Core 8.1)",
        ),
    ];
    match contradictions.into_iter().find(|(holds, _)| *holds) {
        Some((_, text)) => Err(RegistrationError::Contradiction(text)),
        None => Ok(()),
    }
}

fn signs(metadata: &ClientMetadata) -> bool {
    metadata.token_endpoint_auth_method == AuthenticationMethod::RequestSignature
}

/// The host of the sector identifier, or the one host of all redirect URIs.
fn sector(metadata: &ClientMetadata) -> Option<String> {
    let host = |uri: &str| url::Url::parse(uri).ok()?.host_str().map(str::to_owned);
    if let Some(uri) = &metadata.sector_identifier_uri {
        return host(uri);
    }
    let mut hosts = metadata.redirect_uris.iter().map(|uri| host(uri));
    let first = hosts.next().flatten()?;
    hosts.all(|other| other.as_ref() == Some(&first)).then_some(first)
}

fn check_algorithms(metadata: &ClientMetadata, settings: &RealmSettings) -> Result<(), RegistrationError> {
    let asked = [metadata.id_token_signed_response_alg, metadata.userinfo_signed_response_alg];
    let has_all = asked.iter().flatten().all(|algorithm| settings.signing.algorithms.contains(algorithm));
    if metadata.access_token_format == Some(AccessTokenFormat::Jwt) && !settings.signs_access_tokens() {
        return Err(RegistrationError::Contradiction(
            "access_token_format: JWTs need the realm's paths.jwks and signing.algorithms, and a token_shape other than hex",
        ));
    }
    if has_all {
        Ok(())
    } else {
        Err(RegistrationError::Contradiction("the realm's signing.algorithms do not have one that it asks for"))
    }
}

fn check_response_types(metadata: &ClientMetadata, settings: &RealmSettings) -> Result<(), RegistrationError> {
    if metadata.response_types.is_empty() {
        return Err(RegistrationError::Contradiction("response_types: there is at least one"));
    }
    let has_all = metadata.response_types.iter().all(|response_type| settings.response_types.contains(response_type));
    if has_all {
        Ok(())
    } else {
        Err(RegistrationError::Contradiction("response_types: the realm's response_types do not have one of them"))
    }
}

/// Only retries may be given no time: that says that there are none.
fn check_lifetimes(lifetimes: &ClientLifetimes) -> Result<(), RegistrationError> {
    let lifetimes = [
        ("access_token_s", lifetimes.access_token_s),
        ("refresh_idle_s", lifetimes.refresh_idle_s),
        ("refresh_absolute_s", lifetimes.refresh_absolute_s),
    ];
    match lifetimes.into_iter().find(|(_, lifetime_s)| *lifetime_s == Some(0)) {
        Some((name, _)) => Err(RegistrationError::NoLifetime(name)),
        None => Ok(()),
    }
}

fn default_consent(is_public: bool, redirect_uris: &[String]) -> ConsentPolicy {
    if is_public && !redirect_uris.iter().all(|uri| uri.starts_with("https://")) {
        ConsentPolicy::Always
    } else {
        ConsentPolicy::Remembered
    }
}
