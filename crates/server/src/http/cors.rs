//! Cross-origin requests: only from origins that a client registered, never with credentials, never `null`.
//!
//! A preflight names no client, so that any origin of any enabled client passes it; the real answer goes only to its own client's.

use axum::response::Response;
use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_MAX_AGE,
    ORIGIN, VARY,
};
use http::{HeaderMap, HeaderValue, StatusCode};
use kimbai_core::client::Client;
use kimbai_engine::Realm;
use url::{Origin, Url};

use super::reply;

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
    let allowed = headers.contains_key(ORIGIN)
        && realm.clients().iter().any(|client| client.standing.active && has_origin(client, headers));
    allow(response, headers, allowed)
}

/// Lets the origin of this client read an answer.
#[must_use]
pub fn allow_client(response: Response, headers: &HeaderMap, client: Option<&Client>) -> Response {
    let allowed = client.is_some_and(|client| has_origin(client, headers));
    allow(response, headers, allowed)
}

fn allow(mut response: Response, request: &HeaderMap, allowed: bool) -> Response {
    if let Some(origin) = request.get(ORIGIN) {
        response.headers_mut().insert(VARY, HeaderValue::from_static("Origin"));
        if allowed {
            response.headers_mut().insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        }
    }
    response
}

fn has_origin(client: &Client, headers: &HeaderMap) -> bool {
    let Some(origin) = headers.get(ORIGIN).and_then(|origin| origin.to_str().ok()) else { return false };
    let metadata = &client.metadata;
    metadata.allowed_origins.iter().any(|allowed| allowed == origin)
        || metadata.redirect_uris.iter().any(|uri| origin_of(uri).as_deref() == Some(origin))
}

/// The origin of an http(s) URI, as browsers write it.
#[must_use]
pub fn origin_of(uri: &str) -> Option<String> {
    let url = Url::parse(uri).ok().filter(|url| matches!(url.scheme(), "http" | "https"))?;
    match url.origin() {
        origin @ Origin::Tuple(..) => Some(origin.ascii_serialization()),
        Origin::Opaque(_) => None,
    }
}
