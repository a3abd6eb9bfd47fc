//! A realm's settings, as the registry keeps them.
//!
//! What differs between the platforms and is not their wire is data here: lifetimes, paths, the form of errors, the shape of
//! tokens. Defaults of a platform stand in its dialect's folder.

mod partners;

use std::collections::{BTreeMap, HashSet};
use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};

use crate::audience::{self, AudienceDefinition, AudienceError};
use crate::authorize::ResponseType;
use crate::client::only_code;
use crate::exchange::{ExchangeSettings, ExchangeSettingsError};
use crate::organization::{self, MembershipSettings, ServiceSettings};
use crate::redirect_uri::{UriError, check_web_uri};
use crate::scope::{OPENID, ScopeDefinition, ScopeSet, ScopeTable, ScopeTableError};
use crate::signing::{SigningAlgorithm, SigningSettings, SigningSettingsError};
use crate::token::Payload;

pub use self::partners::{FailureLimits, PartnerSettings, RefreshTokenFormat};

/// The settings of one realm.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RealmSettings {
    /// Its name as people read it on pages.
    pub display_name: String,
    /// Its issuer identifier (RFC 8414 section 2): an http(s) URL without query and fragment.
    pub issuer: String,
    /// Further hosts, `name` or `name:port`, whose requests are answered like those to the issuer's host. The issuer is the same on
    /// all of them.
    #[serde(default)]
    pub further_hosts: Vec<String>,
    /// The dialect it speaks, by the name of the dialect's folder.
    pub dialect: String,
    /// The paths of its endpoints.
    pub paths: EndpointPaths,
    /// Its scopes; the position is the number, so that the list only ever grows.
    pub scopes: Vec<ScopeDefinition>,
    /// The scope that asks for a refresh token; several with spaces between them are synonyms. Empty: there are none.
    pub offline_scope: String,
    /// How long codes, tokens and grants live.
    pub lifetimes: Lifetimes,
    /// The least number of characters of `state`; below it the error is `invalid_state`. 0: `state` may be absent.
    pub state_length_min: usize,
    /// Whether confidential clients must use PKCE; a client may say otherwise. Public ones always must.
    pub pkce: PkcePolicy,
    /// How `token_type` is spelt; compared without case (RFC 6749 section 5.1).
    pub token_type: TokenTypeSpelling,
    /// The form of error answers.
    pub error_form: ErrorForm,
    /// How tokens are spelt.
    pub token_shape: TokenShape,
    /// Whether the consent page lets a person leave scopes out.
    pub consent_form: ConsentForm,
    /// On which listener introspection is answered.
    #[serde(default)]
    pub introspection: IntrospectionListener,
    /// In which header the dialect's own resources take an access token.
    #[serde(default)]
    pub bearer_header: BearerHeader,
    /// How many requests it takes a minute; none: any number.
    #[serde(default)]
    pub rate_limits: Option<RateLimits>,
    /// Whether clients may sign their requests instead of showing their secrets.
    #[serde(default)]
    pub request_signatures: RequestSignatures,
    /// Its signing keys.
    #[serde(default)]
    pub signing: SigningSettings,
    /// What authorization responses may carry; a client opts in to more than `code`.
    #[serde(default = "only_code")]
    pub response_types: Vec<ResponseType>,
    /// The resources beyond its own.
    #[serde(default)]
    pub audiences: Vec<AudienceDefinition>,
    /// What its refresh tokens are.
    #[serde(default, skip_serializing_if = "RefreshTokenFormat::is_opaque")]
    pub refresh_token_format: RefreshTokenFormat,
    /// Its clients are partners, and this is what holds for them; none: there are no partners, and nobody gets tokens for a password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partners: Option<PartnerSettings>,
    /// What hosts of organizations end in, such as `.shops.example.vn`: one label before it names the organization, on the port of the
    /// issuer. None: organizations have no hosts.
    #[serde(default)]
    pub host_suffix: Option<String>,
    /// How tokens of an older system are exchanged; none: they are not.
    #[serde(default)]
    pub exchange: Option<ExchangeSettings>,
    /// Whether users act for organizations; none: there are none.
    #[serde(default)]
    pub membership: Option<MembershipSettings>,
    /// Whether grants may be services', which live longer; none: they may not.
    #[serde(default)]
    pub service: Option<ServiceSettings>,
    /// What ID tokens say of the user.
    #[serde(default)]
    pub id_token_claims: IdTokenClaims,
    /// What authorization responses say besides what they are for.
    #[serde(default)]
    pub authorization_response: AuthorizationResponseForm,
}

/// What ID tokens say of the user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IdTokenClaims {
    /// The claims that were asked for by name: what the scopes give is at the `UserInfo` endpoint (OpenID Connect Core section 5.4).
    #[default]
    Requested,
    /// What the scopes give, too.
    OfScopes,
}

/// What an authorization response says besides its code or ID token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AuthorizationResponseForm {
    /// `state` and `iss`.
    #[default]
    Standard,
    /// Beside them `scope` and `session_state`, as `IdentityServer4` has them.
    WithSessionState,
}

/// Whether a client may prove itself by a signature over its request, and how old that may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RequestSignatures {
    /// It may not.
    #[default]
    Refused,
    /// Its timestamp is at most so many seconds from our time, either way.
    Within(u32),
    /// Whatever its timestamp is: so that the examples of a document can be replayed.
    AnyTime,
}

impl RequestSignatures {
    /// Whether there are none.
    #[must_use]
    pub const fn are_refused(&self) -> bool {
        matches!(self, Self::Refused)
    }
}

/// How many requests a minute a realm takes. As many may come at once; then the allowance fills again evenly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RateLimits {
    /// From one source (an IPv4 address, an IPv6 /64), at all endpoints but metadata and what pages are made of.
    pub source_per_minute: NonZeroU32,
    /// From one client that has proven itself, at the token, revocation and introspection endpoints. Public clients prove nothing and
    /// are counted by source alone: else a stranger could use their allowance up.
    pub client_per_minute: NonZeroU32,
}

/// Why a realm cannot have these settings.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// The issuer is refused.
    #[error("issuer: {0}")]
    Issuer(UriError),
    /// The issuer has a query (RFC 8414 section 2).
    #[error("issuer: it has a query")]
    IssuerQuery,
    /// A path has a character that some program would read in another way, or does not begin with a slash.
    #[error("paths: {0:?} is not a path of segments of letters, digits and -._~, each after a slash")]
    Path(String),
    /// Two endpoints have one path.
    #[error("paths: two endpoints are at {0}")]
    SamePath(String),
    /// The scopes are refused.
    #[error("scopes: {0}")]
    Scopes(#[from] ScopeTableError),
    /// The scope that asks for a refresh token is not one of the realm's.
    #[error("offline_scope: the realm has no scope {0}")]
    OfflineScope(String),
    /// Codes would live too long (RFC 6749 section 4.1.2).
    #[error("lifetimes.code_s: a code lives from 1 to {CODE_LIFETIME_MAX_S} s")]
    CodeLifetime,
    /// Something would be over before it began.
    #[error("lifetimes.{0}: it is at least 1 s")]
    NoLifetime(&'static str),
    /// Clients that count in signed 32-bit seconds could not read it.
    #[error("lifetimes.{0}: it is at most {LIFETIME_MAX_S} s")]
    Lifetime(&'static str),
    /// A refresh token that was replaced would be answered for too long.
    #[error("lifetimes.{0}: a retry gets the same answer for at most {RETRY_MAX_S} s (24 hours)")]
    Retry(&'static str),
    /// The store ends a session that was not used for so long, whatever its realm says.
    #[error("lifetimes.session_idle_s: a session is unused for at most {SESSION_IDLE_MAX_S} s (7 days)")]
    SessionIdle,
    /// The signing settings are refused.
    #[error("signing.{0}")]
    Signing(#[from] SigningSettingsError),
    /// Every realm answers with codes, each type is named once, and a type with an ID token needs what makes one.
    #[error("response_types: {0}")]
    ResponseTypes(&'static str),
    /// Users cannot act for organizations in this way.
    #[error("membership: {0}")]
    Membership(&'static str),
    /// Grants cannot be services' in this way.
    #[error("service: {0}")]
    Service(&'static str),
    /// The audiences are refused.
    #[error("audiences: {0}")]
    Audiences(#[from] AudienceError),
    /// Partners ask elsewhere.
    #[error("paths: a realm of partners has no authorize, token and revoke: they are empty")]
    PartnerPaths,
    /// What holds for partners is refused.
    #[error("partners.{0}")]
    Partners(&'static str),
    /// A retry could not be answered alike.
    #[error(
        "refresh_token_format: JWTs need partners, paths.jwks and signing.algorithms that begin with RS256 or EdDSA"
    )]
    RefreshTokenFormat,
    /// The exchange is refused.
    #[error("exchange.{0}")]
    Exchange(#[from] ExchangeSettingsError),
}

/// RFC 6749 section 4.1.2.
const CODE_LIFETIME_MAX_S: u32 = 600;
/// No token and no session lives longer, in seconds: `expires_in` fits into signed 32 bits.
pub const LIFETIME_MAX_S: u32 = i32::MAX.cast_unsigned();
/// The longest time for which a retried refresh gets the same answer, in seconds.
const RETRY_MAX_S: u32 = 86_400;
/// The longest time for which a browser session may be unused, in seconds; stores delete those that were unused for longer.
pub const SESSION_IDLE_MAX_S: u32 = 7 * 86_400;
/// What the forms of the log-in, the consent, the account and the organization post to, below the authorization endpoint.
const FORM_PATHS: [&str; 4] = ["/login", "/consent", "/account", "/organization"];
/// Paths that every realm has.
const OWN_PATHS: [&str; 2] = ["/assets", WELL_KNOWN];
/// Where metadata is (RFC 8615). A JWK Set may be there too.
const WELL_KNOWN: &str = "/.well-known";

impl RealmSettings {
    /// Whether a realm can have these settings.
    ///
    /// # Errors
    /// [`SettingsError`]: what to change.
    pub fn check(&self) -> Result<(), SettingsError> {
        check_web_uri(&self.issuer).map_err(SettingsError::Issuer)?;
        if self.issuer.contains('?') {
            return Err(SettingsError::IssuerQuery);
        }
        self.paths.check(self.partners.as_ref())?;
        ScopeTable::new(self.scopes.clone())?;
        if let Some(unknown) = self.offline_names().find(|name| !self.scopes.iter().any(|scope| scope.name == *name)) {
            return Err(SettingsError::OfflineScope(unknown.to_owned()));
        }
        self.lifetimes.check()?;
        self.signing.check()?;
        self.check_response_types()?;
        if let Some(partners) = &self.partners {
            partners.check().map_err(SettingsError::Partners)?;
        }
        self.check_refresh_tokens()?;
        self.exchange.as_ref().map_or(Ok(()), |exchange| exchange.check(self))?;
        organization::check(self)?;
        Ok(audience::check(self)?)
    }

    /// Whether it has keys that sign, and publishes them.
    #[must_use]
    pub const fn signs(&self) -> bool {
        self.paths.jwks.is_some() && !self.signing.algorithms.is_empty()
    }

    /// Whether its access tokens may be JWTs: their `jti` says all that a long token says.
    #[must_use]
    pub const fn signs_access_tokens(&self) -> bool {
        self.signs() && matches!(self.token_shape.payload(), Payload::Long)
    }

    fn check_response_types(&self) -> Result<(), SettingsError> {
        let count = |of: ResponseType| self.response_types.iter().filter(|response_type| **response_type == of).count();
        let is_provider = self.signs() && self.scopes.iter().any(|scope| scope.name == OPENID && !scope.retired);
        match (count(ResponseType::Code), count(ResponseType::CodeIdToken)) {
            (1, 0) => Ok(()),
            (1, 1) if is_provider => Ok(()),
            (1, 1) => {
                Err(SettingsError::ResponseTypes("an ID token needs paths.jwks, signing.algorithms and a scope openid"))
            }
            (0, _) => Err(SettingsError::ResponseTypes("code is one of them")),
            _ => Err(SettingsError::ResponseTypes("one is named twice")),
        }
    }

    /// A retry gets the same refresh token to the byte: what signs it must sign the same thing alike. Clients that are no partners
    /// may ask for another algorithm.
    fn check_refresh_tokens(&self) -> Result<(), SettingsError> {
        let is_alike = |algorithm: &SigningAlgorithm| match algorithm {
            SigningAlgorithm::Rs256 | SigningAlgorithm::EdDsa => true,
            SigningAlgorithm::Es256 => false,
        };
        match self.refresh_token_format {
            RefreshTokenFormat::Jwt
                if self.partners.is_none()
                    || !self.signs()
                    || !self.signing.algorithms.first().is_some_and(is_alike) =>
            {
                Err(SettingsError::RefreshTokenFormat)
            }
            RefreshTokenFormat::Jwt | RefreshTokenFormat::Opaque => Ok(()),
        }
    }

    /// The names of the scopes that ask for a refresh token.
    pub fn offline_names(&self) -> impl Iterator<Item = &str> {
        self.offline_scope.split(' ').filter(|name| !name.is_empty())
    }

    /// The scopes that ask for a refresh token, without those that the realm has retired.
    #[must_use]
    pub fn offline(&self, scopes: &ScopeTable) -> ScopeSet {
        let sets = self.offline_names().filter_map(|name| scopes.parse(name).ok());
        sets.fold(ScopeSet::EMPTY, ScopeSet::union)
    }
}

impl EndpointPaths {
    fn check(&self, partners: Option<&PartnerSettings>) -> Result<(), SettingsError> {
        let forms = FORM_PATHS.map(|form| format!("{}{form}", self.authorize));
        let of_browsers = [&self.authorize, &self.token, &self.revoke];
        let of_browsers: Vec<_> = if partners.is_none() {
            of_browsers.into_iter().chain(&forms).collect()
        } else if of_browsers.iter().all(|path| path.is_empty()) {
            Vec::new()
        } else {
            return Err(SettingsError::PartnerPaths);
        };
        let mut taken = HashSet::new();
        let optional = [&self.userinfo, &self.end_session, &self.jwks];
        let own = optional.into_iter().flatten().chain(self.platform.values());
        for path in of_browsers.into_iter().chain([&self.introspect]).chain(own) {
            let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
            let is_segment =
                |segment: &str| !segment.is_empty() && !matches!(segment, "." | "..") && segment.bytes().all(is_plain);
            let is_path = path.strip_prefix('/').is_some_and(|path| path.split('/').all(is_segment));
            let is_jwks = || self.jwks.as_ref() == Some(path) && path.starts_with(WELL_KNOWN);
            let is_own = OWN_PATHS.iter().any(|own| path.starts_with(own)) && !is_jwks();
            if !is_path || is_own {
                return Err(SettingsError::Path(path.clone()));
            }
            if !taken.insert(path) {
                return Err(SettingsError::SamePath(path.clone()));
            }
        }
        Ok(())
    }
}

impl Lifetimes {
    fn check(&self) -> Result<(), SettingsError> {
        if !(1..=CODE_LIFETIME_MAX_S).contains(&self.code_s) {
            return Err(SettingsError::CodeLifetime);
        }
        if self.session_idle_s > SESSION_IDLE_MAX_S {
            return Err(SettingsError::SessionIdle);
        }
        let lifetimes = [
            ("access_token_s", self.access_token_s),
            ("refresh_idle_s", self.refresh_idle_s.unwrap_or(1)),
            ("refresh_absolute_s", self.refresh_absolute_s),
            ("session_idle_s", self.session_idle_s),
            ("session_absolute_s", self.session_absolute_s),
        ];
        let retries = [("retry_confidential_s", self.retry_confidential_s), ("retry_public_s", self.retry_public_s)];
        if let Some((name, _)) = lifetimes.iter().find(|(_, lifetime_s)| *lifetime_s == 0) {
            return Err(SettingsError::NoLifetime(name));
        }
        if let Some((name, _)) = lifetimes.iter().find(|(_, lifetime_s)| *lifetime_s > LIFETIME_MAX_S) {
            return Err(SettingsError::Lifetime(name));
        }
        match retries.iter().find(|(_, retry_s)| *retry_s > RETRY_MAX_S) {
            Some((name, _)) => Err(SettingsError::Retry(name)),
            None => Ok(()),
        }
    }
}

/// Where a realm's endpoints are, below its host. The forms post to `{authorize}/login`, `/account`,
/// `/organization` and `/consent`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EndpointPaths {
    /// RFC 6749 section 3.1. Empty in a realm of partners, as the next two are: it has none of them.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub authorize: String,
    /// RFC 6749 section 3.2.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub token: String,
    /// RFC 7009.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub revoke: String,
    /// RFC 7662.
    pub introspect: String,
    /// The `UserInfo` endpoint (OpenID Connect Core section 5.3); none: there is none.
    #[serde(default)]
    pub userinfo: Option<String>,
    /// The end session endpoint (OpenID Connect RP-Initiated Logout section 2); none: there is none.
    #[serde(default)]
    pub end_session: Option<String>,
    /// The JWK Set (RFC 7517 section 5); none: the realm publishes no keys.
    #[serde(default)]
    pub jwks: Option<String>,
    /// Those that the dialect has beside them, by the names that it gives them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub platform: BTreeMap<String, String>,
}

/// Lifetimes in seconds, each at most [`LIFETIME_MAX_S`]; a client may only shorten them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lifetimes {
    /// Of an authorization code, at most 600 (RFC 6749 section 4.1.2).
    pub code_s: u32,
    /// Of an access token.
    pub access_token_s: u32,
    /// Of an unused refresh token; none: until the grant's absolute end.
    pub refresh_idle_s: Option<u32>,
    /// Of a grant.
    pub refresh_absolute_s: u32,
    /// How long a retried refresh gets the same answer, for clients that prove themselves, at most 24 hours. 0: never.
    pub retry_confidential_s: u32,
    /// The same for public clients.
    pub retry_public_s: u32,
    /// Of a browser session that is not used, at most [`SESSION_IDLE_MAX_S`].
    pub session_idle_s: u32,
    /// Of a browser session.
    pub session_absolute_s: u32,
}

/// What a client shortens of its realm's lifetimes, in seconds; a longer value changes nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ClientLifetimes {
    /// Of an access token.
    pub access_token_s: Option<u32>,
    /// Of an unused refresh token.
    pub refresh_idle_s: Option<u32>,
    /// Of a grant.
    pub refresh_absolute_s: Option<u32>,
    /// How long a retried refresh gets the same answer. 0: never.
    pub retry_s: Option<u32>,
}

impl Lifetimes {
    /// The realm's lifetimes as a client has shortened them.
    #[must_use]
    pub fn shortened(self, client: &ClientLifetimes) -> Self {
        let shorter = |realm: u32, client: Option<u32>| client.map_or(realm, |client| client.min(realm));
        Self {
            access_token_s: shorter(self.access_token_s, client.access_token_s),
            refresh_idle_s: match (self.refresh_idle_s, client.refresh_idle_s) {
                (Some(realm), client) => Some(shorter(realm, client)),
                (None, client) => client,
            },
            refresh_absolute_s: shorter(self.refresh_absolute_s, client.refresh_absolute_s),
            retry_confidential_s: shorter(self.retry_confidential_s, client.retry_s),
            retry_public_s: shorter(self.retry_public_s, client.retry_s),
            ..self
        }
    }
}

/// Whether confidential clients must use PKCE.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PkcePolicy {
    /// Every client must (RFC 9700 section 2.1.1).
    Required,
    /// Public ones must; a challenge that comes is always enforced.
    Optional,
}

/// The form of error answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorForm {
    /// `error` and `error_description` (RFC 6749 section 5.2).
    Standard,
    /// The same, with status 400 also for a client that does not prove itself, as `IdentityServer4` has it.
    OnlyBadRequest,
    /// Beside them `error_hint`, `error_verbose` and `status_code`, as Ory's fosite wrote them before 2020.
    WithHint,
}

/// On which listener introspection (RFC 7662) is answered. The operator's answers it for every realm, below `/realms/{name}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IntrospectionListener {
    /// On the public one too.
    #[default]
    Public,
    /// On the operator's alone, as Ory Hydra does.
    Operator,
}

/// In which header a platform's own resources take an access token; the endpoints of the protocol take `Authorization` alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BearerHeader {
    /// `Authorization` (RFC 6750 section 2.1).
    #[default]
    Authorization,
    /// `Authentication` too, as a platform's document misspells it.
    AuthenticationToo,
}

/// How `token_type` is spelt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenTypeSpelling {
    /// `Bearer`, as RFC 6750 writes it.
    Capitalised,
    /// `bearer`, as fosite does.
    LowerCase,
}

/// How long a sealed token is, and how it is spelt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenShape {
    /// 64 bytes, as 86 base64url characters.
    Whole,
    /// 64 bytes, as two halves of 43 base64url characters with a dot between them.
    Halves,
    /// 32 bytes, as 64 hexadecimal digits in lower case. They have no room for a part of a grant's scope, nor for what there is no
    /// grant of; nor is there room in them for the claims of a JWT.
    Hex,
}

impl TokenShape {
    /// How much a token of this shape says.
    #[must_use]
    pub const fn payload(self) -> Payload {
        match self {
            Self::Whole | Self::Halves => Payload::Long,
            Self::Hex => Payload::Short,
        }
    }
}

/// Whether the consent page lets a person leave scopes out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConsentForm {
    /// All or nothing.
    Full,
    /// Each scope may be left out, except those that ask for a refresh token and for an ID token.
    Partial,
}

#[cfg(test)]
mod tests;
