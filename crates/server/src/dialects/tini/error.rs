//! Errors on the wire: four pairs of reason and message for all that is wrong with a request (`platform-api/exchange-auth-token`).
//!
//! The caller learns no more; why a signature does not fit stands in the log, and in the sandbox at `/sandbox/requests`.

use axum::response::Response;
use http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};
use kimbai_core::client::{ClientAuthenticationError, ClientCredentials};
use kimbai_core::realm::ErrorForm;
use kimbai_core::request_signature::SignatureFault;
use kimbai_core::token::{Inactive, Refusal, TokenRefusal};
use kimbai_engine::{EngineError, TokenError};
use serde::Serialize;

use super::request::Unsigned;
use crate::explanation;
use crate::http::front::Reason;
use crate::http::reply::{self, HttpFault};
use crate::site::Call;

/// What a request brings, by which its refusal is named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Credential {
    Code,
    RefreshToken,
    AccessToken,
}

/// An error as the caller sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct WireError {
    pub(super) status: StatusCode,
    pub(super) reason: &'static str,
    pub(super) message: &'static str,
    /// When to ask again, in seconds.
    pub(super) wait_s: Option<u32>,
}

/// An error, and why, for the log.
#[derive(Debug)]
pub(super) struct Refused {
    pub(super) wire: WireError,
    pub(super) why: Reason,
}

#[derive(Serialize)]
struct Envelope<'a> {
    data: (),
    error: Body<'a>,
}

#[derive(Serialize)]
struct Body<'a> {
    code: u16,
    reason: &'a str,
    message: &'a str,
}

impl WireError {
    const fn new(status: StatusCode, reason: &'static str, message: &'static str) -> Self {
        Self { status, reason, message, wait_s: None }
    }

    const fn signature() -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid_signature", "invalid signature")
    }

    pub(super) const fn credential(credential: Credential) -> Self {
        let (reason, message) = match credential {
            Credential::Code => ("invalid_code", "invalid auth code"),
            Credential::RefreshToken => ("invalid_token", "invalid refresh token"),
            Credential::AccessToken => ("invalid_token", "invalid access token"),
        };
        Self::new(StatusCode::BAD_REQUEST, reason, message)
    }
}

/// Renders an error in the platform's envelope.
pub(super) fn render(refused: Refused) -> Response {
    let WireError { status, reason, message, wait_s } = refused.wire;
    let body = Envelope { data: (), error: Body { code: status.as_u16(), reason, message } };
    let mut response = reply::json(status, serde_json::to_string(&body).unwrap_or_default());
    if let Some(wait_s) = wait_s {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(wait_s));
    }
    response.extensions_mut().insert(refused.why);
    response
}

/// What is wrong with the HTTP of a request, in the envelope.
pub(super) fn fault(fault: HttpFault, _form: ErrorForm) -> Response {
    fault.with_header(render(http(fault)))
}

pub(super) fn http(fault: HttpFault) -> Refused {
    let (reason, message) = match fault {
        HttpFault::NotFound => ("not_found", "not found"),
        HttpFault::Misdirected => ("invalid_request", "no realm of this server has this host"),
        HttpFault::Method(_) => ("method_not_allowed", "method not allowed"),
        HttpFault::ContentType(_) => ("unsupported_media_type", "the content type is not application/json"),
        HttpFault::Body(_) => ("invalid_request", "the body is too large, too slow or incomplete"),
        HttpFault::Headers => ("invalid_request", "too many or too long headers"),
        HttpFault::Throttled(_) => ("too_many_requests", "too many requests"),
        HttpFault::Overloaded => ("unavailable", "the server cannot answer now"),
    };
    let why = match fault {
        HttpFault::ContentType(_) => Reason { explanation: "Send application/json.", ..explanation::fault(fault) },
        HttpFault::NotFound
        | HttpFault::Misdirected
        | HttpFault::Method(_)
        | HttpFault::Body(_)
        | HttpFault::Headers
        | HttpFault::Throttled(_)
        | HttpFault::Overloaded => explanation::fault(fault),
    };
    Refused { wire: WireError::new(fault.status(), reason, message), why }
}

/// A request without a signature that could be checked.
pub(super) fn unsigned(unsigned: Unsigned) -> Refused {
    let (mistake, advice) = match unsigned {
        Unsigned::Body => ("a body that is not one JSON object", "Send an object with each member once."),
        Unsigned::Missing => {
            ("no signature", "Send X-Tiniapp-Client-Id, -Timestamp and -Signature; generation 2 has them in the body.")
        }
        Unsigned::Headers => ("a header missing, empty or given twice", "Send each of the three headers once."),
        Unsigned::Both => ("signatures of two versions", "Send the headers, or the members of the body, not both."),
        Unsigned::Members => (
            "client_id, timestamp or signature of a wrong type, the timestamp as a string perhaps",
            "Send the timestamp as a JSON number.",
        ),
        Unsigned::Timestamp => {
            ("a timestamp that is no whole number", "Send milliseconds since 1970 in decimal digits.")
        }
    };
    let why = Reason { name: "unsigned", detail: unsigned.to_string(), mistake, explanation: advice };
    Refused { wire: WireError::signature(), why }
}

/// A request that the engine refused.
pub(super) fn token(call: &Call, credentials: &ClientCredentials, error: &TokenError, brought: Credential) -> Refused {
    match error {
        TokenError::Refused(TokenRefusal::Client(error)) => {
            Refused { wire: WireError::signature(), why: signature(call, credentials, *error) }
        }
        TokenError::Refused(TokenRefusal::Grant(refusal)) => {
            call.site.metrics.count_grant_refusal(*refusal);
            credential(brought, explanation::refusal(TokenRefusal::Grant(*refusal)))
        }
        TokenError::Refused(
            refusal @ (TokenRefusal::Malformed(_)
            | TokenRefusal::UnsupportedGrantType
            | TokenRefusal::UnauthorizedClient
            | TokenRefusal::Scope(_)
            | TokenRefusal::ScopeNotGranted
            | TokenRefusal::ScopeNotNarrowed),
        ) => credential(brought, explanation::refusal(*refusal)),
        TokenError::Throttled(throttled) => {
            let wire = WireError::new(StatusCode::TOO_MANY_REQUESTS, "too_many_requests", "too many requests");
            let wire = WireError { wait_s: Some(throttled.wait_s), ..wire };
            Refused { wire, why: explanation::throttled(*throttled) }
        }
        TokenError::Failed(failure) => failed(failure),
    }
}

/// A token that a client asked about and that does not work.
pub(super) fn inactive(call: &Call, inactive: Inactive) -> Refused {
    if let Inactive::Refused(refusal) = inactive {
        call.site.metrics.count_grant_refusal(refusal);
    }
    credential(Credential::AccessToken, explanation::inactive(inactive))
}

/// A resource that wants a Bearer token and was shown none (RFC 6750 section 3.1).
pub(super) fn no_bearer() -> Response {
    let mut response = bearer(StatusCode::UNAUTHORIZED, explanation::inactive(OTHER_TOKEN));
    response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"tini\""));
    response
}

/// A resource that a Bearer token does not open (RFC 6750 section 3.1).
pub(super) fn bearer(status: StatusCode, why: Reason) -> Response {
    let (reason, message, challenge) = if status == StatusCode::FORBIDDEN {
        ("insufficient_scope", "insufficient scope", "Bearer realm=\"tini\", error=\"insufficient_scope\"")
    } else {
        ("invalid_token", "invalid access token", "Bearer realm=\"tini\", error=\"invalid_token\"")
    };
    let wire = WireError::new(status, reason, message);
    let mut response = render(Refused { wire, why });
    response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
    response
}

/// A request of the super-app that is wrong in itself.
pub(super) fn request(reason: &'static str, message: &'static str, detail: String) -> Refused {
    let why = Reason { name: reason, detail, mistake: message, explanation: "See docs/integrate-tini.md." };
    Refused { wire: WireError::new(StatusCode::BAD_REQUEST, reason, message), why }
}

/// A failure of ours: the caller may ask again.
pub(super) fn failed(failure: &EngineError) -> Refused {
    if let EngineError::Stored(_) = failure {
        tracing::error!(error = failure as &dyn std::error::Error, "what is stored cannot be used");
    }
    let wire = WireError::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", "the server cannot answer now");
    Refused { wire: WireError { wait_s: Some(1), ..wire }, why: explanation::failure(failure) }
}

fn credential(brought: Credential, why: Reason) -> Refused {
    Refused { wire: WireError::credential(brought), why }
}

/// Why a signature was refused: the string that was expected, and the usual mistake that made another one. An unknown client costs
/// as much as a known one.
fn signature(call: &Call, credentials: &ClientCredentials, error: ClientAuthenticationError) -> Reason {
    let known = explanation::refusal(TokenRefusal::Client(error));
    let Some(signed) = &credentials.signed else { return known };
    let explained = call.site.engine.explain_signature(&call.realm, signed);
    let expected = explained.expected;
    // Of a right signature nothing is wrong but what the error says.
    let is_wrong =
        matches!(error, ClientAuthenticationError::Signature(SignatureFault::Mismatch | SignatureFault::Timestamp));
    match explained.recognised.filter(|_| is_wrong) {
        Some((mistake, signed)) => Reason {
            name: "invalid_signature",
            detail: format!("{error}: {}; expected a signature over {expected}; signed was {signed}", mistake.name()),
            mistake: mistake.name(),
            explanation: mistake.advice(),
        },
        None => Reason {
            name: "invalid_signature",
            detail: format!("{error}; expected a signature over {expected}"),
            ..known
        },
    }
}

/// That a token was issued for something else, as the log has it.
pub(super) const OTHER_TOKEN: Inactive = Inactive::Refused(Refusal::Forged);
