//! Validation of an authorization request against its client.

use std::sync::Arc;

use crate::client::{Client, GrantType};
use crate::grant::{CodeBinding, ShortDigest};
use crate::pkce::{ChallengeError, CodeChallenge};
use crate::realm::{PkcePolicy, RealmSettings};
use crate::redirect_uri::is_registered;
use crate::scope::{OPENID, ScopeError, ScopeSet, ScopeTable};

use super::openid::LogInTerms;
use super::response_type::{ResponseType, default_mode};

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
#[expect(
    missing_docs,
    reason = "each is the parameter of that name: RFC 6749 section 4.1.1, RFC 7636 section 4.3, OpenID Connect Core section 3.1.2.1; \
              orgid names the organization for which the user acts"
)]
pub struct AuthorizationRequest {
    pub client_id: Parameter,
    pub redirect_uri: Parameter,
    pub response_type: Parameter,
    pub response_mode: Parameter,
    pub scope: Parameter,
    pub state: Parameter,
    pub code_challenge: Parameter,
    pub code_challenge_method: Parameter,
    pub nonce: Parameter,
    pub prompt: Parameter,
    pub max_age: Parameter,
    pub display: Parameter,
    pub ui_locales: Parameter,
    pub claims: Parameter,
    pub acr_values: Parameter,
    pub orgid: Parameter,
    pub login_hint: Parameter,
    pub id_token_hint: Parameter,
    pub request: Parameter,
    pub request_uri: Parameter,
}

/// The name of the parameter that names an organization.
const ORGID: &str = "orgid";

impl AuthorizationRequest {
    /// The parameters that go from page to page, by name, in the order in which we write them. What is a secret or names a person
    /// is not among them: it stands in no URL of ours.
    #[must_use]
    pub fn carried(&self) -> [(&'static str, &Parameter); 16] {
        [
            ("client_id", &self.client_id),
            ("redirect_uri", &self.redirect_uri),
            ("response_type", &self.response_type),
            ("response_mode", &self.response_mode),
            ("scope", &self.scope),
            ("state", &self.state),
            ("code_challenge", &self.code_challenge),
            ("code_challenge_method", &self.code_challenge_method),
            ("nonce", &self.nonce),
            ("prompt", &self.prompt),
            ("max_age", &self.max_age),
            ("display", &self.display),
            ("ui_locales", &self.ui_locales),
            ("claims", &self.claims),
            ("acr_values", &self.acr_values),
            (ORGID, &self.orgid),
        ]
    }

    /// The parameters that the first pass reads and drops.
    #[must_use]
    pub fn dropped(&self) -> [(&'static str, &Parameter); 4] {
        [
            ("login_hint", &self.login_hint),
            ("id_token_hint", &self.id_token_hint),
            ("request", &self.request),
            ("request_uri", &self.request_uri),
        ]
    }

    /// The first of its parameters that is there twice or is not UTF-8.
    #[must_use]
    pub fn malformed(&self) -> Option<&'static str> {
        let mut parameters = self.carried().into_iter().chain(self.dropped());
        // The last one is unknown to realms without organizations, and what is unknown is ignored.
        parameters.find(|(name, value)| **value == Parameter::Malformed && *name != ORGID).map(|(name, _)| name)
    }
}

/// How an authorization response travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ResponseMode {
    /// In the query of the redirect URI (RFC 6749 section 4.1.2).
    #[default]
    Query,
    /// In its fragment (OAuth 2.0 Multiple Response Types section 2.1).
    Fragment,
    /// In the body of a form that a page posts (OAuth 2.0 Form Post Response Mode).
    FormPost,
}

impl ResponseMode {
    /// Every mode.
    pub const ALL: [Self; 3] = [Self::Query, Self::Fragment, Self::FormPost];

    /// Its name in a request.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Query => "query",
            Self::Fragment => "fragment",
            Self::FormPost => "form_post",
        }
    }

    fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mode| mode.name() == name)
    }
}

/// Where an authorization response goes, and what it repeats.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResponseTarget {
    /// A redirect URI of the client.
    pub redirect_uri: String,
    /// As it came.
    pub state: Option<String>,
    /// How it travels.
    pub mode: ResponseMode,
}

/// A request that holds in every part.
#[derive(Debug, Clone)]
pub struct ValidRequest {
    /// The client that asks.
    pub client: Arc<Client>,
    /// Where the response goes.
    pub target: ResponseTarget,
    /// What is asked for.
    pub scope: ScopeSet,
    /// What the response carries.
    pub response_type: ResponseType,
    /// What the code will be bound to.
    pub binding: CodeBinding,
    /// What it says of the log-in.
    pub terms: LogInTerms,
    /// By what it names the organization for which the user acts.
    pub orgid: Option<String>,
}

/// Why a request is refused, and where that may be said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AuthorizeRefusal {
    /// On a page of ours: the redirect URI is not known to be the client's.
    Page(PageProblem),
    /// To the client, by redirect.
    Redirect {
        /// Where to.
        target: ResponseTarget,
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
    /// There is no scope, in a realm in which all scopes together make a service: nobody means that by silence.
    #[error("the scope is missing")]
    ScopeMissing,
    /// The client is not registered for a scope.
    #[error("the client is not registered for a scope it asks for")]
    ScopeNotRegistered,
    /// There is no response type.
    #[error("the response_type is missing")]
    ResponseTypeMissing,
    /// Another response type than the realm has.
    #[error("the response_type is none that this realm has")]
    UnsupportedResponseType,
    /// The client is not registered for the response type.
    #[error("the client is not registered for this response_type")]
    ResponseTypeNotRegistered,
    /// An ID token is asked for without the scope that gives it (OpenID Connect Core section 3.1.2.1).
    #[error("the response_type has an id_token and the scope has no openid")]
    OpenIdMissing,
    /// Another response mode than those there are.
    #[error("the response_mode is none of query, fragment and form_post")]
    UnsupportedResponseMode,
    /// A token is to travel in a query (OAuth 2.0 Multiple Response Types section 5).
    #[error("the response_type has an id_token, which does not travel in a query")]
    QueryMode,
    /// The ID token of the response would repeat no nonce (OpenID Connect Core section 3.3.2.11).
    #[error("the response_type has an id_token and there is no nonce")]
    NonceMissing,
    /// The state is shorter than the realm demands.
    #[error("the state is missing or shorter than {0} characters")]
    State(usize),
    /// The PKCE parameters are wrong or missing.
    #[error("{0}")]
    Challenge(ChallengeError),
    /// The user said no.
    #[error("the user denied the request")]
    AccessDenied,
    /// There is a request object (OpenID Connect Core section 6.1).
    #[error("request objects are not supported")]
    RequestObject,
    /// There is a reference to a request object (section 6.2).
    #[error("references to request objects are not supported")]
    RequestUri,
    /// `prompt` has `none` beside other values.
    #[error("the prompt none stands beside another value")]
    PromptNone,
    /// The ID token hint is not one of ours, or was altered.
    #[error("the id_token_hint is not an ID token of this issuer")]
    IdTokenHint,
    /// An authentication context is insisted on that we do not have (section 5.5.1.1).
    #[error("an essential acr was asked for that cannot be met")]
    AuthenticationContext,
    /// Nobody is logged in, or not recently enough, or another user, and no page may be shown or would help.
    #[error("the user is not logged in as the request demands")]
    LogInRequired,
    /// The organization that is asked for, or was chosen, is none of the user's.
    #[error("the user does not belong to the organization")]
    NotAMember,
    /// The user has not the role that a scope takes, in the organization.
    #[error("the user does not have the role in the organization that a scope takes")]
    RoleMissing,
    /// The user must choose an organization, and no page may be shown.
    #[error("the user must choose an organization")]
    InteractionRequired,
    /// The user must be asked, and no page may be shown.
    #[error("the user has not consented")]
    ConsentRequired,
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
    let (mode, _) = response_mode(request);
    let target = ResponseTarget { redirect_uri, state: request.state.value().map(str::to_owned), mode };
    match validate_rest(request, &client, settings, scopes) {
        Ok(Rest { scope, response_type, code_challenge, terms }) => {
            let sent = request.redirect_uri.value();
            let binding = CodeBinding {
                redirect_uri: sent.map_or(ShortDigest::ABSENT, |uri| ShortDigest::of(uri.as_bytes())),
                code_challenge: CodeChallenge::digest(code_challenge),
            };
            let orgid = request.orgid.value().map(str::to_owned);
            Ok(ValidRequest { client, target, scope, response_type, binding, terms, orgid })
        }
        Err(error) => Err(AuthorizeRefusal::Redirect { target, error }),
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

/// How the response travels, and what is wrong with the way that was asked for: an error goes where the response would have gone.
fn response_mode(request: &AuthorizationRequest) -> (ResponseMode, Result<(), AuthorizeError>) {
    let default = default_mode(request.response_type.value().unwrap_or_default());
    match request.response_mode.value().map(ResponseMode::named) {
        None => (default, Ok(())),
        Some(None) => (default, Err(AuthorizeError::UnsupportedResponseMode)),
        Some(Some(ResponseMode::Query)) if default != ResponseMode::Query => (default, Err(AuthorizeError::QueryMode)),
        Some(Some(mode)) => (mode, Ok(())),
    }
}

/// What is right of a request besides its client and redirect URI.
struct Rest {
    scope: ScopeSet,
    response_type: ResponseType,
    code_challenge: Option<CodeChallenge>,
    terms: LogInTerms,
}

fn validate_rest(
    request: &AuthorizationRequest,
    client: &Client,
    settings: &RealmSettings,
    scopes: &ScopeTable,
) -> Result<Rest, AuthorizeError> {
    if let Some(name) = request.malformed() {
        return Err(AuthorizeError::Malformed(name));
    }
    if settings.membership.is_some() && request.orgid == Parameter::Malformed {
        return Err(AuthorizeError::Malformed(ORGID));
    }
    if request.request != Parameter::Absent {
        return Err(AuthorizeError::RequestObject);
    }
    if request.request_uri != Parameter::Absent {
        return Err(AuthorizeError::RequestUri);
    }
    if !client.may_use(GrantType::AuthorizationCode) {
        return Err(AuthorizeError::UnauthorizedClient);
    }
    let scope = match request.scope.value() {
        Some(scope) => scopes.parse(scope).map_err(AuthorizeError::Scope)?,
        None if settings.service.is_some() => return Err(AuthorizeError::ScopeMissing),
        None => client.scope.intersection(scopes.live()),
    };
    if !client.allowed.contains(scope) {
        return Err(AuthorizeError::ScopeNotRegistered);
    }
    let response_type = response_type(request, client, settings)?;
    let is_openid = scopes.parse(OPENID).is_ok_and(|openid| scope.contains(openid));
    if response_type == ResponseType::CodeIdToken && !is_openid {
        return Err(AuthorizeError::OpenIdMissing);
    }
    let (_, mode) = response_mode(request);
    mode?;
    if request.state.value().map_or(0, |state| state.chars().count()) < settings.state_length_min {
        return Err(AuthorizeError::State(settings.state_length_min));
    }
    let code_challenge = CodeChallenge::parse(request.code_challenge.value(), request.code_challenge_method.value())
        .map_err(AuthorizeError::Challenge)?;
    if code_challenge.is_none() && client.pkce == PkcePolicy::Required {
        return Err(AuthorizeError::Challenge(ChallengeError::Missing));
    }
    let terms = LogInTerms::read(request, client, (scope, scopes))?;
    if terms.nonce.is_none() && response_type == ResponseType::CodeIdToken {
        return Err(AuthorizeError::NonceMissing);
    }
    Ok(Rest { scope, response_type, code_challenge, terms })
}

fn response_type(
    request: &AuthorizationRequest,
    client: &Client,
    settings: &RealmSettings,
) -> Result<ResponseType, AuthorizeError> {
    let name = request.response_type.value().ok_or(AuthorizeError::ResponseTypeMissing)?;
    let known = ResponseType::named(name).filter(|named| settings.response_types.contains(named));
    let response_type = known.ok_or(AuthorizeError::UnsupportedResponseType)?;
    if client.metadata.response_types.contains(&response_type) {
        Ok(response_type)
    } else {
        Err(AuthorizeError::ResponseTypeNotRegistered)
    }
}
