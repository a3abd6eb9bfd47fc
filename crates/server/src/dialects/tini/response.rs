//! Writing answers: what is asked for in `data`, beside an `error` that is null.

use axum::response::Response;
use http::StatusCode;
use kimbai_core::scope::ScopeSet;
use kimbai_engine::{IssuedToken, Realm, TokenAnswer, UserClaims};
use serde::Serialize;
use serde_json::Value;

use crate::http::reply;

#[derive(Serialize)]
struct Envelope<T> {
    data: T,
    error: (),
}

/// Tokens, with the platform's members in the platform's order.
#[derive(Serialize)]
struct Tokens<'a> {
    access_token: &'a str,
    expires_in: u32,
    refresh_token: Option<&'a str>,
    scopes: Vec<&'a str>,
    token_type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    customer: Option<Customer<'a>>,
}

#[derive(Serialize)]
struct Customer<'a> {
    id: Value,
    name: &'a str,
}

#[derive(Serialize)]
struct Me<'a> {
    customer_id: Value,
    customer_name: &'a str,
    scopes: Vec<&'a str>,
}

/// Tokens; to whom a code is exchanged is also told of whom they speak.
pub(super) fn tokens(realm: &Realm, tokens: &TokenAnswer, customer: Option<&UserClaims>) -> Response {
    data(Tokens {
        access_token: tokens.access_token.expose(),
        expires_in: tokens.expires_in_s,
        refresh_token: tokens.refresh_token.as_ref().map(IssuedToken::expose),
        scopes: scopes(realm, tokens.scope),
        token_type: "bearer",
        customer: customer.map(|customer| Customer { id: customer_id(&customer.sub), name: &customer.name }),
    })
}

/// The person that an access token speaks for.
pub(super) fn me(realm: &Realm, scope: ScopeSet, customer: &UserClaims) -> Response {
    data(Me { customer_id: customer_id(&customer.sub), customer_name: &customer.name, scopes: scopes(realm, scope) })
}

/// Answers with this in `data`.
pub(super) fn data<T: Serialize>(data: T) -> Response {
    let body = serde_json::to_string(&Envelope { data, error: () }).unwrap_or_default();
    reply::json(StatusCode::OK, body)
}

/// The names of scopes, as the array that the platform writes.
pub(super) fn scopes(realm: &Realm, scope: ScopeSet) -> Vec<&str> {
    realm.scopes.definitions(scope).map(|scope| scope.name.as_str()).collect()
}

/// The platform's ids of people are integers. A subject that is no integer stays a string: no two people have one id.
pub(super) fn customer_id(subject: &str) -> Value {
    let number = subject.parse::<u64>().ok().filter(|number| number.to_string() == subject);
    number.map_or_else(|| Value::from(subject), Value::from)
}
