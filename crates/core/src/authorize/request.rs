//! Validation of an authorization request against its client.

use std::sync::Arc;

use crate::client::{Client, GrantType};
use crate::grant::{CodeBinding, ShortDigest};
use crate::pkce::{ChallengeError, CodeChallenge};
use crate::realm::{PkcePolicy, RealmSettings};
use crate::redirect_uri::is_registered;
use crate::scope::{ScopeError, ScopeSet, ScopeTable};

/// One parameter of a request. Empty counts as absent (RFC 6749 section 3.1).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Parameter {
    /// Not there, or empty.
    #[default]
    Absent,
    /// There, once.
    Once(String),
    /// There twice, or not UTF-8.
    Malformed,
}

impl Parameter {
    /// Its value, if it is there once.
    #[must_use]
    pub fn value(&self) -> Option<&str> {
        match self {
            Self::Once(value) => Some(value),
            Self::Absent | Self::Malformed => None,
        }
    }
}

/// The parameters of an authorization request that are read; others are ignored.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is the parameter of that name: RFC 6749 section 4.1.1, RFC 7636 section 4.3")]
pub struct AuthorizationRequest {
    pub client_id: Parameter,
    pub redirect_uri: Parameter,
    pub response_type: Parameter,
    pub response_mode: Parameter,
    pub scope: Parameter,
    pub state: Parameter,
    pub code_challenge: Parameter,
    pub code_challenge_method: Parameter,
}

impl AuthorizationRequest {
    /// Its parameters by name, in the order in which we write them.
    #[must_use]
    pub fn parameters(&self) -> [(&'static str, &Parameter); 8] {
        [
            ("client_id", &self.client_id),
            ("redirect_uri", &self.redirect_uri),
            ("response_type", &self.response_type),
            ("response_mode", &self.response_mode),
            ("scope", &self.scope),
            ("state", &self.state),
            ("code_challenge", &self.code_challenge),
            ("code_challenge_method", &self.code_challenge_method),
        ]
    }
}

/// A request that holds in every part.
#[derive(Debug, Clone)]
pub struct ValidRequest {
    /// The client that asks.
    pub client: Arc<Client>,
    /// Where the response goes.
    pub redirect_uri: String,
    /// The state to give back.
    pub state: Option<String>,
    /// What is asked for.
    pub scope: ScopeSet,
    /// What the code will be bound to.
    pub binding: CodeBinding,
}

/// Why a request is refused, and where that may be said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AuthorizeRefusal {
    /// On a page of ours: the redirect URI is not known to be the client's.
    Page(PageProblem),
    /// To the client, by redirect.
    Redirect {
        /// Where to.
        redirect_uri: String,
        /// The state to give back, such as it was.
        state: Option<String>,
        /// What is wrong.
        error: AuthorizeError,
    },
}

/// Why the client cannot be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PageProblem {
    /// There is no such client, it is disabled, or it is not named exactly once.
    #[error("the client is unknown")]
    Client,
    /// The redirect URI is missing, repeated, or not registered.
    #[error("the redirect_uri is not registered for this client")]
    RedirectUri,
}

/// What is wrong with a request whose client and redirect URI are right (RFC 6749 section 4.1.2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AuthorizeError {
    /// A parameter is there twice or is not UTF-8.
    #[error("the parameter {0} is repeated or malformed")]
    Malformed(&'static str),
    /// The client is not registered for the authorization code grant.
    #[error("the client may not use the authorization code grant")]
    UnauthorizedClient,
    /// The scope is malformed or unknown.
    #[error("{0}")]
    Scope(ScopeError),
    /// The client is not registered for a scope.
    #[error("the client is not registered for a scope it asks for")]
    ScopeNotRegistered,
    /// There is no response type.
    #[error("the response_type is missing")]
    ResponseTypeMissing,
    /// Another response type than `code`.
    #[error("the response_type is not code")]
    UnsupportedResponseType,
    /// Another response mode than `query`.
    #[error("the response_mode is not query")]
    UnsupportedResponseMode,
    /// The state is shorter than the realm demands.
    #[error("the state is missing or shorter than {0} characters")]
    State(usize),
    /// The PKCE parameters are wrong or missing.
    #[error("{0}")]
    Challenge(ChallengeError),
    /// The user said no.
    #[error("the user denied the request")]
    AccessDenied,
}

/// Checks a request in the order that stands at the head of [`crate::authorize`].
///
/// # Errors
/// [`AuthorizeRefusal`]: the first thing that is wrong.
pub fn validate(
    request: &AuthorizationRequest,
    client: Option<Arc<Client>>,
    settings: &RealmSettings,
    scopes: &ScopeTable,
) -> Result<ValidRequest, AuthorizeRefusal> {
    let page = |problem| Err(AuthorizeRefusal::Page(problem));
    let Some(client) = client.filter(|client| client.standing.active) else { return page(PageProblem::Client) };
    let Some(redirect_uri) = redirect_uri(request, &client) else { return page(PageProblem::RedirectUri) };
    let state = request.state.value().map(str::to_owned);
    match validate_rest(request, &client, settings, scopes) {
        Ok((scope, code_challenge)) => {
            let sent = request.redirect_uri.value();
            let binding = CodeBinding {
                redirect_uri: sent.map_or(ShortDigest::ABSENT, |uri| ShortDigest::of(uri.as_bytes())),
                code_challenge: CodeChallenge::digest(code_challenge),
            };
            Ok(ValidRequest { client, redirect_uri, state, scope, binding })
        }
        Err(error) => Err(AuthorizeRefusal::Redirect { redirect_uri, state, error }),
    }
}

/// The requested one if it is registered; the only registered one if none is requested (RFC 6749 section 3.1.2.3).
fn redirect_uri(request: &AuthorizationRequest, client: &Client) -> Option<String> {
    let registered = &client.metadata.redirect_uris;
    match &request.redirect_uri {
        Parameter::Once(requested) => is_registered(registered, requested).then(|| requested.clone()),
        Parameter::Absent => match registered.as_slice() {
            [only] => Some(only.clone()),
            _ => None,
        },
        Parameter::Malformed => None,
    }
}

fn validate_rest(
    request: &AuthorizationRequest,
    client: &Client,
    settings: &RealmSettings,
    scopes: &ScopeTable,
) -> Result<(ScopeSet, Option<CodeChallenge>), AuthorizeError> {
    if let Some((name, _)) = request.parameters().into_iter().find(|(_, value)| **value == Parameter::Malformed) {
        return Err(AuthorizeError::Malformed(name));
    }
    if !client.may_use(GrantType::AuthorizationCode) {
        return Err(AuthorizeError::UnauthorizedClient);
    }
    let scope = match request.scope.value() {
        Some(scope) => scopes.parse(scope).map_err(AuthorizeError::Scope)?,
        None => client.scope.intersection(scopes.live()),
    };
    if !client.scope.contains(scope) {
        return Err(AuthorizeError::ScopeNotRegistered);
    }
    match request.response_type.value() {
        Some("code") => {}
        Some(_) => return Err(AuthorizeError::UnsupportedResponseType),
        None => return Err(AuthorizeError::ResponseTypeMissing),
    }
    if !matches!(request.response_mode.value(), None | Some("query")) {
        return Err(AuthorizeError::UnsupportedResponseMode);
    }
    if request.state.value().map_or(0, |state| state.chars().count()) < settings.state_length_min {
        return Err(AuthorizeError::State(settings.state_length_min));
    }
    let challenge = CodeChallenge::parse(request.code_challenge.value(), request.code_challenge_method.value())
        .map_err(AuthorizeError::Challenge)?;
    match (challenge, client.pkce) {
        (None, PkcePolicy::Required) => Err(AuthorizeError::Challenge(ChallengeError::Missing)),
        _ => Ok((scope, challenge)),
    }
}
