//! Cross-origin requests: only from origins that a client registered, never with credentials, never `null`.
//!
//! A preflight names no client, so that any origin of any enabled client passes it; the real answer goes only to its own client's.

use super::reply;
use axum::response::Response;
use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ORIGIN, VARY,
};
use http::{HeaderMap, HeaderValue, StatusCode};
use kimbai_core::client::Client;
use kimbai_engine::Realm;

/// Answers a preflight.
#[must_use]
pub fn preflight(headers: &HeaderMap, realm: &Realm, methods: &'static str) -> Response {
    let mut response = allow_any_client(reply::empty(StatusCode::NO_CONTENT), headers, realm);
    if response.headers().contains_key(ACCESS_CONTROL_ALLOW_ORIGIN) {
        let headers = response.headers_mut();
        headers.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static(methods));
        headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static("authorization, content-type"));
        headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
    }
    response
}

/// Lets the origin of any enabled client read an answer.
#[must_use]
pub fn allow_any_client(response: Response, headers: &HeaderMap, realm: &Realm) -> Response {
    allow_if(response, headers, |origin| realm.has_origin(origin))
}

/// Lets the origin of this client read an answer.
#[must_use]
pub fn allow_client(response: Response, headers: &HeaderMap, client: Option<&Client>) -> Response {
    allow_if(response, headers, |origin| client.is_some_and(|client| client.origins.contains(origin)))
}

/// Lets the page that may read an answer read its `WWW-Authenticate` too.
#[must_use]
pub fn expose_challenge(mut response: Response) -> Response {
    if response.headers().contains_key(ACCESS_CONTROL_ALLOW_ORIGIN) {
        let exposed = HeaderValue::from_static("WWW-Authenticate");
        response.headers_mut().insert(ACCESS_CONTROL_EXPOSE_HEADERS, exposed);
    }
    response
}

fn allow_if(mut response: Response, request: &HeaderMap, is_allowed: impl FnOnce(&str) -> bool) -> Response {
    if let Some(origin) = request.get(ORIGIN) {
        response.headers_mut().insert(VARY, HeaderValue::from_static("Origin"));
        if origin.to_str().is_ok_and(is_allowed) {
            response.headers_mut().insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        }
    }
    response
}
