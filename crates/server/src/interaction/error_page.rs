//! Errors that a person sees: answered in place, never by redirect.

use axum::response::Response;
use http::header::{ACCEPT, RETRY_AFTER};
use http::{HeaderMap, HeaderValue, StatusCode};
use kimbai_core::authorize::PageProblem;
use kimbai_engine::{EngineError, LogOutRefusal, TokenError};
use kimbai_pages::{ErrorPage, Problem};

use crate::dialects::standard::error::EndpointError;
use crate::explanation;
use crate::http::front::Reason;
use crate::http::reply::{self, HttpFault, PageSources};
use crate::metrics::Endpoint;
use crate::site::Call;

/// Whether whoever asks reads pages.
pub(crate) fn wants_page(headers: &HeaderMap) -> bool {
    headers.get(ACCEPT).and_then(|accept| accept.to_str().ok()).is_some_and(|accept| accept.contains("text/html"))
}

/// The page for a request that cannot go back to its client.
pub(super) fn problem(call: &Call, problem: PageProblem) -> Response {
    let (shown, error) = match problem {
        PageProblem::Client => (Problem::UnknownClient, "invalid_client"),
        PageProblem::RedirectUri => (Problem::RedirectUri, "invalid_request"),
    };
    page(call, StatusCode::BAD_REQUEST, (shown, error), explanation::problem(problem))
}

/// The page for a log-out request that is refused.
pub(super) fn log_out(call: &Call, refusal: LogOutRefusal) -> Response {
    let shown = match refusal {
        LogOutRefusal::RedirectUri => (Problem::RedirectUri, "invalid_request"),
        LogOutRefusal::Client => (Problem::UnknownClient, "invalid_client"),
        LogOutRefusal::Malformed | LogOutRefusal::Hint => (Problem::InvalidRequest, "invalid_request"),
    };
    page(call, StatusCode::BAD_REQUEST, shown, explanation::log_out(refusal))
}

/// What is wrong with the HTTP of a request at an endpoint: a page for people, an error for programs.
pub(crate) fn fault_at(call: &Call, endpoint: Endpoint, fault: HttpFault) -> Response {
    let for_people = match endpoint {
        Endpoint::Authorize | Endpoint::Page => true,
        Endpoint::Sandbox | Endpoint::Other => wants_page(&call.headers),
        Endpoint::Token
        | Endpoint::Revoke
        | Endpoint::Introspect
        | Endpoint::Metadata
        | Endpoint::Resource
        | Endpoint::Asset => false,
    };
    if for_people { fault_page(call, fault) } else { call.site.fault(call.site.place(call.uri.path()), fault) }
}

/// The page for what is wrong with the HTTP of a request.
pub(super) fn fault_page(call: &Call, fault: HttpFault) -> Response {
    let shown = match fault {
        HttpFault::NotFound => (Problem::NotFound, "not_found"),
        HttpFault::Misdirected => (Problem::UnknownHost, "invalid_request"),
        HttpFault::Method(_) => (Problem::MethodNotAllowed, "invalid_request"),
        HttpFault::ContentType(_) => (Problem::UnsupportedMediaType, "invalid_request"),
        HttpFault::Body(_) | HttpFault::Headers => (Problem::TooLarge, "invalid_request"),
        HttpFault::Throttled(_) => (Problem::TooManyRequests, "temporarily_unavailable"),
        HttpFault::Overloaded => (Problem::Unavailable, "temporarily_unavailable"),
    };
    fault.with_header(page(call, fault.status(), shown, explanation::fault(fault)))
}

/// The page for a form or query that cannot be read.
pub(super) fn unreadable(call: &Call, error: &EndpointError) -> Response {
    match error {
        EndpointError::Http(fault) => fault_page(call, *fault),
        EndpointError::Token(TokenError::Refused(refusal)) => {
            let shown = (Problem::InvalidRequest, "invalid_request");
            page(call, StatusCode::BAD_REQUEST, shown, explanation::refusal(*refusal))
        }
        EndpointError::Token(TokenError::Throttled(throttled)) => {
            fault_page(call, HttpFault::Throttled(throttled.wait_s))
        }
        EndpointError::Token(TokenError::Failed(failure)) => failed(call, failure),
    }
}

/// The page for a failure of ours.
pub(super) fn failed(call: &Call, failure: &EngineError) -> Response {
    if let EngineError::Stored(_) = failure {
        tracing::error!(error = failure as &dyn std::error::Error, "what is stored cannot be used");
    }
    let shown = (Problem::Unavailable, "temporarily_unavailable");
    let mut response = page(call, StatusCode::SERVICE_UNAVAILABLE, shown, explanation::failure(failure));
    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
    response
}

fn page(call: &Call, status: StatusCode, (problem, error): (Problem, &str), reason: Reason) -> Response {
    // What failed inside is for the log alone.
    let hint = status.is_client_error().then(|| reason.detail.clone());
    let html = kimbai_pages::error(&call.frame(), &ErrorPage { problem, error, hint: hint.as_deref(), back: None });
    let mut response = reply::page(status, html, &PageSources::default());
    response.extensions_mut().insert(reason);
    response
}
