//! A realm's settings, as the registry keeps them.
//!
//! What differs between the platforms and is not their wire is data here: lifetimes, paths, the form of errors, the shape of
//! tokens. Defaults of a platform stand in its dialect's folder.

use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};

use crate::scope::ScopeDefinition;

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
    /// The scope that asks for a refresh token; empty: there are none.
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
    /// How many requests it takes a minute; none: any number.
    #[serde(default)]
    pub rate_limits: Option<RateLimits>,
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

/// Where a realm's endpoints are, below its host. The log-in and consent forms post to `{authorize}/login` and `/consent`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EndpointPaths {
    /// RFC 6749 section 3.1.
    pub authorize: String,
    /// RFC 6749 section 3.2.
    pub token: String,
    /// RFC 7009.
    pub revoke: String,
    /// RFC 7662.
    pub introspect: String,
}

/// Lifetimes in seconds; a client may only shorten them.
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
    /// How long a retried refresh gets the same answer, for clients that prove themselves. 0: never.
    pub retry_confidential_s: u32,
    /// The same for public clients.
    pub retry_public_s: u32,
    /// Of a browser session that is not used.
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
    /// Beside them `error_hint`, `error_verbose` and `status_code`, as Ory's fosite wrote them before 2020.
    WithHint,
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

/// How the 64 bytes of a sealed token are spelt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenShape {
    /// 86 base64url characters.
    Whole,
    /// Two halves of 43 base64url characters with a dot between them.
    Halves,
}

/// Whether the consent page lets a person leave scopes out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConsentForm {
    /// All or nothing.
    Full,
    /// Each scope may be left out, except the one that asks for a refresh token.
    Partial,
}
