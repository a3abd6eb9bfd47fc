//! `GET /ecom/v1/customers/profile`: a sample of the platform's Open APIs, opened by a Bearer token with the scope `user_profile`.

use axum::response::Response;
use http::header::AUTHORIZATION;
use http::{HeaderMap, Method, StatusCode};
use kimbai_core::secret::Secret;
use kimbai_core::token::TokenRefusal;
use kimbai_engine::{Introspection, UserClaims};
use serde::Serialize;
use serde_json::Value;

use super::{error, response};
use crate::explanation;
use crate::http::reply::HttpFault;
use crate::site::Call;

const SCOPE: &str = "user_profile";

/// A person, as far as the sample knows one: the platform's own members are not published.
#[derive(Serialize)]
struct Profile<'a> {
    id: Value,
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<&'a str>,
}

/// The profile of the person whose token is presented.
pub(super) async fn profile(call: Call) -> Response {
    if !matches!(call.method, Method::GET | Method::HEAD) {
        return error::fault(HttpFault::Method("GET, HEAD"), call.realm.settings.error_form);
    }
    let Some(token) = bearer(&call.headers) else { return error::no_bearer() };
    let (engine, realm) = (&call.site.engine, &call.realm);
    let facts = match engine.verify_access_token(realm, &token).await {
        Ok(Introspection::Active(facts)) => facts,
        Ok(Introspection::Inactive(inactive)) => {
            return error::bearer(StatusCode::UNAUTHORIZED, explanation::inactive(inactive));
        }
        Err(failure) => return error::render(error::failed(&failure)),
    };
    if !realm.scopes.parse(SCOPE).is_ok_and(|needed| facts.scope.contains(needed)) {
        return error::bearer(StatusCode::FORBIDDEN, explanation::refusal(TokenRefusal::ScopeNotGranted));
    }
    let Some(user) = facts.user else {
        return error::bearer(StatusCode::FORBIDDEN, explanation::refusal(TokenRefusal::ScopeNotGranted));
    };
    match engine.user_claims(realm, user).await {
        Ok(UserClaims { sub, name, email, .. }) => {
            response::data(Profile { id: response::customer_id(&sub), name: &name, email: email.as_deref() })
        }
        Err(failure) => error::render(error::failed(&failure)),
    }
}

/// The token of the one `Authorization: Bearer` header (RFC 6750 section 2.1).
pub(super) fn bearer(headers: &HeaderMap) -> Option<Secret> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return None };
    let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| Secret::new(token.to_owned()))
}
