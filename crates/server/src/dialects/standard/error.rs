//! Errors on the wire: each fact has one code, one status, one text (RFC 6749 sections 4.1.2.1 and 5.2).
//!
//! What the client may know is fixed by the code; what a refusal was about goes to the log, and in the sandbox to
//! `/sandbox/requests`. A realm may add `error_hint` and `status_code`, which integrations of older fosite servers read.

use axum::response::Response;
use http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};
use kimbai_core::authorize::AuthorizeError;
use kimbai_core::client::ClientAuthenticationError;
use kimbai_core::pkce::ChallengeError;
use kimbai_core::realm::ErrorForm;
use kimbai_core::token::{Inactive, Refusal, RequestFault, TokenRefusal};
use kimbai_engine::{EngineError, Throttled, TokenError};
use serde::Serialize;

use crate::explanation;
use crate::http::front::Reason;
use crate::http::reply::{self, HttpFault};
use crate::site::{Call, Site};

const TOO_MANY_REQUESTS: &str = "Too many requests in a short time; ask again later.";

/// Why an endpoint does not answer as it was asked to.
#[derive(Debug, Clone)]
pub(crate) enum EndpointError {
    Http(HttpFault),
    Token(TokenError),
}

impl From<HttpFault> for EndpointError {
    fn from(fault: HttpFault) -> Self {
        Self::Http(fault)
    }
}

impl From<TokenError> for EndpointError {
    fn from(error: TokenError) -> Self {
        Self::Token(error)
    }
}

impl From<TokenRefusal> for EndpointError {
    fn from(refusal: TokenRefusal) -> Self {
        Self::Token(refusal.into())
    }
}

impl From<RequestFault> for EndpointError {
    fn from(fault: RequestFault) -> Self {
        TokenRefusal::Malformed(fault).into()
    }
}

/// An error as the client sees it.
#[derive(Debug, Clone)]
pub(crate) struct WireError {
    pub(crate) status: StatusCode,
    pub(crate) error: &'static str,
    pub(crate) description: &'static str,
    pub(crate) hint: Option<String>,
}

#[derive(Serialize)]
struct Body<'a> {
    error: &'a str,
    error_description: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_verbose: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_hint: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status_code: Option<u16>,
}

/// Renders the error of an endpoint.
pub(crate) fn endpoint(call: &Call, error: &EndpointError) -> Response {
    let form = call.realm.settings.error_form;
    match error {
        EndpointError::Http(fault) => self::fault(&call.site, *fault),
        EndpointError::Token(TokenError::Refused(refusal)) => {
            if let TokenRefusal::Grant(refusal) = refusal {
                call.site.metrics.count_grant_refusal(*refusal);
            }
            let mut response = render(&refused(*refusal, form), form);
            if response.status() == StatusCode::UNAUTHORIZED {
                let challenge = format!("Basic realm=\"{}\"", call.realm.name);
                let challenge = HeaderValue::from_str(&challenge).unwrap_or(HeaderValue::from_static("Basic"));
                response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
            }
            response.extensions_mut().insert(explanation::refusal(*refusal));
            response
        }
        EndpointError::Token(TokenError::Throttled(throttled)) => self::throttled(*throttled, form),
        EndpointError::Token(TokenError::Failed(failure)) => failed(failure, form),
    }
}

/// Renders what is wrong with a request before its endpoint looks at it.
pub(crate) fn fault(site: &Site, fault: HttpFault) -> Response {
    plain_fault(fault, site.realm().map_or(ErrorForm::Standard, |realm| realm.settings.error_form))
}

/// The same in a given form, where there is no realm.
pub(crate) fn plain_fault(fault: HttpFault, form: ErrorForm) -> Response {
    let (error, description) = match fault {
        HttpFault::NotFound => ("not_found", "There is nothing at this path."),
        HttpFault::Misdirected => ("invalid_request", "No realm of this server has this host."),
        HttpFault::Method(_) => ("invalid_request", "This endpoint does not have this method."),
        HttpFault::ContentType(_) => ("invalid_request", "This endpoint does not read this content type."),
        HttpFault::Body(_) => ("invalid_request", "The body is too large, too slow or incomplete."),
        HttpFault::Headers => ("invalid_request", "The request has too many or too long headers."),
        HttpFault::Throttled(_) => ("temporarily_unavailable", TOO_MANY_REQUESTS),
        HttpFault::Overloaded => ("temporarily_unavailable", "The server cannot answer now; ask again."),
    };
    let wire = WireError { status: fault.status(), error, description, hint: Some(fault.to_string()) };
    let mut response = fault.with_header(render(&wire, form));
    response.extensions_mut().insert(explanation::fault(fault));
    response
}

/// Renders that the client has used its allowance up. Section 5.2 has no code for it; that of section 4.1.2.1 says it best.
fn throttled(throttled: Throttled, form: ErrorForm) -> Response {
    let wire = WireError {
        status: StatusCode::TOO_MANY_REQUESTS,
        error: "temporarily_unavailable",
        description: TOO_MANY_REQUESTS,
        hint: Some(throttled.to_string()),
    };
    let mut response = render(&wire, form);
    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(throttled.wait_s));
    response.extensions_mut().insert(explanation::throttled(throttled));
    response
}

/// Renders a failure of ours: the client may ask again.
pub(crate) fn failed(failure: &EngineError, form: ErrorForm) -> Response {
    let (status, error, description) = match failure {
        EngineError::Store(_) => {
            (StatusCode::SERVICE_UNAVAILABLE, "temporarily_unavailable", "The server cannot answer now; ask again.")
        }
        EngineError::Stored(_) => {
            tracing::error!(error = failure as &dyn std::error::Error, "what is stored cannot be used");
            (StatusCode::SERVICE_UNAVAILABLE, "server_error", "The server cannot answer this request.")
        }
    };
    let mut response = render(&WireError { status, error, description, hint: None }, form);
    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
    response.extensions_mut().insert(explanation::failure(failure));
    response
}

pub(crate) fn render(wire: &WireError, form: ErrorForm) -> Response {
    let with_hint = form == ErrorForm::WithHint;
    let body = Body {
        error: wire.error,
        error_description: wire.description,
        error_verbose: with_hint.then_some(wire.description),
        error_hint: wire.hint.as_deref().filter(|_| with_hint),
        status_code: with_hint.then_some(wire.status.as_u16()),
    };
    reply::json(wire.status, serde_json::to_string(&body).unwrap_or_default())
}

pub(crate) fn refused(refusal: TokenRefusal, form: ErrorForm) -> WireError {
    let wire =
        |status, error, description, hint: &str| WireError { status, error, description, hint: Some(hint.to_owned()) };
    let bad = StatusCode::BAD_REQUEST;
    match refusal {
        TokenRefusal::Malformed(fault) => {
            let description = "A parameter is missing, repeated or malformed.";
            wire(bad, "invalid_request", description, &fault.to_string())
        }
        TokenRefusal::Client(error) => client(error, form),
        TokenRefusal::UnsupportedGrantType => wire(
            bad,
            "unsupported_grant_type",
            "This server does not have this grant type.",
            "The grant types are authorization_code, refresh_token and client_credentials.",
        ),
        TokenRefusal::UnauthorizedClient => wire(
            bad,
            "unauthorized_client",
            "The client may not do this.",
            "The client is not registered for this grant, or the token was issued to another client.",
        ),
        TokenRefusal::Scope(error) => {
            let hint = format!("Scopes are separated by single spaces: {error}.");
            wire(bad, "invalid_scope", "The scope is unknown or malformed.", &hint)
        }
        TokenRefusal::ScopeNotGranted => wire(
            bad,
            "invalid_scope",
            "The scope is beyond what was granted.",
            "Ask for the scopes that the client is registered for and the user agreed to, or fewer.",
        ),
        TokenRefusal::ScopeNotNarrowed => wire(
            bad,
            "invalid_scope",
            "The scope cannot be narrowed.",
            "Leave the parameter out: a token of this realm has the whole scope of its grant.",
        ),
        TokenRefusal::Grant(refusal) => grant(refusal),
    }
}

/// One answer for every code or refresh token that does not work: a stranger learns nothing from it.
fn grant(refusal: Refusal) -> WireError {
    match refusal {
        Refusal::Forged
        | Refusal::Unknown
        | Refusal::Expired
        | Refusal::Revoked
        | Refusal::OtherClient
        | Refusal::RedirectUri
        | Refusal::Verifier
        | Refusal::CodeSpent
        | Refusal::Reused
        | Refusal::Spent
        | Refusal::GenerationRevoked
        | Refusal::StoreWentBack
        | Refusal::ClientEnded
        | Refusal::UserEnded
        | Refusal::MembershipEnded
        | Refusal::RoleEnded
        | Refusal::ScopeRetired
        | Refusal::LastGeneration => WireError {
            status: StatusCode::BAD_REQUEST,
            error: "invalid_grant",
            description: "The code or refresh token is invalid, expired, revoked or was issued for something else.",
            hint: Some("Let the user authorize the app again.".to_owned()),
        },
    }
}

fn client(error: ClientAuthenticationError, form: ErrorForm) -> WireError {
    let status = match form {
        ErrorForm::Standard | ErrorForm::WithHint => StatusCode::UNAUTHORIZED,
        ErrorForm::OnlyBadRequest => StatusCode::BAD_REQUEST,
    };
    let invalid_client = |hint: String| WireError {
        status,
        error: "invalid_client",
        description: "The client could not be authenticated.",
        hint: Some(hint),
    };
    match error {
        ClientAuthenticationError::SeveralMethods { .. } if form != ErrorForm::WithHint => WireError {
            status: StatusCode::BAD_REQUEST,
            error: "invalid_request",
            description: "The request uses more than one way to authenticate the client.",
            hint: Some(error.to_string()),
        },
        ClientAuthenticationError::Method { registered, .. }
        | ClientAuthenticationError::SeveralMethods { registered } => invalid_client(format!(
            "The app is registered for token endpoint authentication by {}: {error}.",
            registered.name()
        )),
        ClientAuthenticationError::Missing
        | ClientAuthenticationError::Header
        | ClientAuthenticationError::TwoClients
        | ClientAuthenticationError::Signature(_)
        | ClientAuthenticationError::Refused => {
            invalid_client("Send the client_id and secret in the way the app is registered for.".to_owned())
        }
    }
}

/// An authorization error as it stands in the redirect.
pub(crate) fn authorize(refused: AuthorizeError) -> WireError {
    let wire = |error, description| WireError {
        status: StatusCode::SEE_OTHER,
        error,
        description,
        hint: Some(format!("{}.", capitalised(&refused.to_string()))),
    };
    match refused {
        AuthorizeError::Malformed(_)
        | AuthorizeError::ResponseTypeMissing
        | AuthorizeError::UnsupportedResponseMode
        | AuthorizeError::OpenIdMissing
        | AuthorizeError::QueryMode
        | AuthorizeError::NonceMissing
        | AuthorizeError::PromptNone
        | AuthorizeError::IdTokenHint => wire("invalid_request", "A parameter is missing, repeated or malformed."),
        AuthorizeError::UnauthorizedClient | AuthorizeError::ResponseTypeNotRegistered => {
            wire("unauthorized_client", "The client may not use this grant.")
        }
        AuthorizeError::Scope(_) | AuthorizeError::ScopeMissing | AuthorizeError::ScopeNotRegistered => {
            wire("invalid_scope", "The scope is unknown, malformed or not the app's.")
        }
        AuthorizeError::UnsupportedResponseType => {
            wire("unsupported_response_type", "This server does not have this response type.")
        }
        AuthorizeError::State(_) => wire("invalid_state", "The state is missing or too short."),
        AuthorizeError::Challenge(ChallengeError::Method | ChallengeError::Challenge | ChallengeError::Missing) => {
            wire("invalid_request", "The client must use PKCE with the method S256.")
        }
        AuthorizeError::AccessDenied | AuthorizeError::NotAMember | AuthorizeError::RoleMissing => {
            wire("access_denied", "The user or the server said no.")
        }
        AuthorizeError::RequestObject => wire("request_not_supported", "This server does not read request objects."),
        AuthorizeError::RequestUri => wire("request_uri_not_supported", "This server does not fetch request objects."),
        AuthorizeError::AuthenticationContext => {
            wire("unmet_authentication_requirements", "The server cannot authenticate the user as it is asked to.")
        }
        AuthorizeError::LogInRequired => wire("login_required", "The user must log in."),
        AuthorizeError::InteractionRequired => wire("interaction_required", "The user must choose an organization."),
        AuthorizeError::ConsentRequired => wire("consent_required", "The user must be asked."),
    }
}

/// Why a token is inactive, for the log.
pub(super) fn inactive_reason(inactive: Inactive) -> Reason {
    explanation::inactive(inactive)
}

fn capitalised(text: &str) -> String {
    let mut characters = text.chars();
    characters.next().map(|first| first.to_uppercase().chain(characters).collect()).unwrap_or_default()
}
