//! `GET /integration/v2/sellers/me`: the resource that the platform's own sample opens with a Bearer token (RFC 6750).

use axum::response::Response;
use http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use kimbai_core::secret::Secret;
use kimbai_engine::{EngineError, Introspection, TokenFacts};
use serde::Serialize;

use crate::dialects::standard::error;
use crate::explanation;
use crate::http::reply::{self, HttpFault};
use crate::site::Call;

/// The seller that a token speaks for, with the members of the platform's document.
#[derive(Serialize)]
struct Seller<'a> {
    id: u32,
    sid: String,
    name: &'a str,
    active: u8,
    logo: &'static str,
    operation_models: [&'static str; 1],
    can_update_product: u8,
    registration_status: &'static str,
    live_at: &'static str,
}

const UNAUTHORIZED: &str =
    r#"{"success":false,"error":{"status_code":401,"message":"Unauthorized","message_code":"INVALID_TOKEN"}}"#;

/// The seller of the presented token.
pub(super) async fn me(call: Call) -> Response {
    if !matches!(call.method, Method::GET | Method::HEAD) {
        return error::fault(&call.site, HttpFault::Method("GET, HEAD"));
    }
    let Some(token) = bearer(&call.headers) else { return unauthorized("Bearer realm=\"marketplace\"") };
    match call.site.engine.verify_access_token(&call.realm, &token).await {
        Ok(Introspection::Active(facts)) => match seller(&call, &facts).await {
            Ok(body) => reply::json(StatusCode::OK, body),
            Err(failure) => error::failed(&failure, call.realm.settings.error_form),
        },
        Ok(Introspection::Inactive(inactive)) => {
            let mut response = unauthorized("Bearer realm=\"marketplace\", error=\"invalid_token\"");
            response.extensions_mut().insert(explanation::inactive(inactive));
            response
        }
        Err(failure) => error::failed(&failure, call.realm.settings.error_form),
    }
}

/// The user's shop; for an in-house app the app's own.
async fn seller(call: &Call, facts: &TokenFacts) -> Result<String, EngineError> {
    let (id, name) = match facts.user {
        Some(user) => (user.0, call.site.engine.user_name(&call.realm, user).await?),
        None => (facts.client.number.0, facts.client.metadata.client_name.clone()),
    };
    let seller = Seller {
        id,
        sid: format!("{id:08X}"),
        name: &name,
        active: 1,
        logo: "",
        operation_models: ["drop_ship"],
        can_update_product: 1,
        registration_status: "completed",
        live_at: "2020-01-01 00:00:00",
    };
    serde_json::to_string(&seller).map_err(|error| EngineError::Stored(error.to_string()))
}

/// The token of the one `Authorization: Bearer` header (RFC 6750 section 2.1).
fn bearer(headers: &HeaderMap) -> Option<Secret> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return None };
    let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| Secret::new(token.to_owned()))
}

fn unauthorized(challenge: &'static str) -> Response {
    let mut response = reply::json(StatusCode::UNAUTHORIZED, UNAUTHORIZED);
    response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
    response
}
