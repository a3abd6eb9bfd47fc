//! The first generation: `POST /tiniapp/api/graphql/query`, a real GraphQL endpoint with two root fields, both queries.
//!
//! What is wrong with a query itself is said in GraphQL's own form, what is wrong with a request in `errors` beside a field that is
//! null, with the reasons of the REST generations (GraphQL specification of October 2021, section 7).

mod document;
mod input_fields;
mod schema;

use std::sync::Arc;

use async_graphql::indexmap::IndexMap;
use async_graphql::{Request, ServerError, Value};
use axum::body::Body;
use axum::response::Response;
use http::header::RETRY_AFTER;
use http::{HeaderValue, StatusCode};
use kimbai_core::realm::ErrorForm;
use kimbai_keyring::parse_object;
use serde::Serialize;
use serde_json::json;

use self::document::Introspection;
use self::schema::{Asked, SCHEMA};
use super::error;
use crate::http::front::Reason;
use crate::http::json;
use crate::http::reply::{self, HttpFault};
use crate::site::{Audience, Call};

/// An answer names so many errors at most: a query of 64 KiB can be wrong in thousands of places.
const ERRORS_MAX: usize = 10;

/// The GraphQL endpoint.
pub(super) async fn query(call: Call, body: Body) -> Response {
    let body = match json::read(&call.method, &call.headers, body).await {
        Ok(body) => body,
        Err(fault) => return self::fault(fault, call.realm.settings.error_form),
    };
    // A list is not a request, nor many of them.
    let object = parse_object(&body).map(serde_json::Value::Object);
    let Some(mut request) = object.and_then(|object| serde_json::from_value::<Request>(object).ok()) else {
        return not_a_request();
    };
    let introspection = match call.site.audience {
        Audience::Sandbox(_) => Introspection::On,
        Audience::Production | Audience::Bench => Introspection::Off,
    };
    let keys = match document::check(&mut request, introspection) {
        Ok(keys) => keys,
        Err(error) => return answer(vec![error], Value::Null, None),
    };
    let asked = Arc::new(Asked::new(call));
    let response = SCHEMA.execute(request.data(Arc::clone(&asked))).await;
    answer(response.errors, document::in_order(response.data, &keys), asked.refused())
}

/// What is wrong with the HTTP of a request, as an error of GraphQL.
pub(super) fn fault(fault: HttpFault, _form: ErrorForm) -> Response {
    let refused = error::http(fault);
    let body = json!({
        "errors": [{
            "message": refused.wire.message,
            "extensions": { "reason": refused.wire.reason, "code": refused.wire.status.as_u16() },
        }],
    });
    let mut response = reply::json(refused.wire.status, body.to_string());
    response.extensions_mut().insert(refused.why);
    fault.with_header(response)
}

/// A body that is no GraphQL request at all.
fn not_a_request() -> Response {
    let body = json!({ "errors": [{ "message": "the body is not a JSON object with a query" }] });
    let mut response = reply::json(StatusCode::BAD_REQUEST, body.to_string());
    response.extensions_mut().insert(Reason {
        name: "invalid_request",
        detail: "the body is not a GraphQL request".to_owned(),
        mistake: "a body that is not one JSON object with a query",
        explanation: "Send {\"query\": \"…\"} with the quotation marks in the query escaped.",
    });
    response
}

/// An answer, its members in the order of the specification.
#[derive(Serialize)]
struct Answer<'a> {
    /// Absent where nothing was carried out (section 7.1.1).
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<Value>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    errors: &'a [ServerError],
}

/// Writes an answer: with status 200 whatever was refused, so that GraphQL clients read it; another one only when the caller may ask
/// again.
fn answer(mut errors: Vec<ServerError>, data: Value, refused: Option<error::Refused>) -> Response {
    errors.truncate(ERRORS_MAX);
    let data = match (data == Value::Null, errors.is_empty()) {
        (false, _) => Some(data),
        // The library makes null of an object without members.
        (true, true) => Some(Value::Object(IndexMap::new())),
        (true, false) => None,
    };
    let body = serde_json::to_string(&Answer { data, errors: &errors }).unwrap_or_default();
    let (status, wait_s) = match refused.as_ref().map(|refused| refused.wire) {
        Some(wire) if wire.wait_s.is_some() => (wire.status, wire.wait_s),
        Some(_) | None => (StatusCode::OK, None),
    };
    let mut response = reply::json(status, body);
    if let Some(wait_s) = wait_s {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(wait_s));
    }
    match (refused, errors.first()) {
        (Some(refused), _) => drop(response.extensions_mut().insert(refused.why)),
        (None, Some(error)) => drop(response.extensions_mut().insert(malformed(error))),
        (None, None) => {}
    }
    response
}

/// Of a query that is wrong in itself. Its error may quote it, so that the log has its place alone.
fn malformed(error: &ServerError) -> Reason {
    let place = error.locations.first().map(|place| format!(", at line {} column {}", place.line, place.column));
    Reason {
        name: "invalid_query",
        detail: format!("the query is malformed or not one of this schema{}", place.unwrap_or_default()),
        mistake: "a query that does not parse, or does not fit the schema",
        explanation: "See the errors of the answer.",
    }
}
