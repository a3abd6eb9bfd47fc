//! `POST /admin/token_exchange.json` at a shop's host: the shop's legacy token for an access and a refresh token.
//!
//! Source: the platform's document of 2019-10-30, "Token exchange"; its members and their order, its statuses and their words.

use std::fmt;

use axum::body::Body;
use axum::response::Response;
use http::StatusCode;
use http::header::AUTHORIZATION;
use kimbai_core::secret::Secret;
use kimbai_engine::{ExchangeRequest, ExchangedTokens};
use kimbai_keyring::parse_object;
use serde::Serialize;
use serde_json::{Map, Value};

use super::error::{self, Refused};
use super::shop::{self, Shop};
use crate::dialects::standard::bearer;
use crate::http::json;
use crate::http::reply;
use crate::site::Call;

/// What is wrong with the body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum BodyFault {
    #[error("the body is not one JSON object without repeated members")]
    NotAnObject,
    #[error("there is no object token_exchange in the body")]
    NoOuterObject,
    #[error("there is a client_secret and no secret_key")]
    ClientSecret,
    #[error("{0} is missing or not a string")]
    Member(&'static str),
    #[error("scopes is a string")]
    ScopesAsText,
    #[error("scopes is not an array of strings")]
    Scopes,
}

#[derive(Serialize)]
struct Envelope<'a> {
    token: Exchanged<'a>,
}

/// With the platform's members in the platform's order.
#[derive(Serialize)]
struct Exchanged<'a> {
    access_token: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<&'a str>,
    created_time: u32,
    expires_in: u32,
    token_type: &'static str,
}

/// The members of the body, as they came.
struct Members(Map<String, Value>);

impl fmt::Debug for Members {
    // One of them is a secret.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Members({})", self.0.len())
    }
}

/// Exchanges the legacy token of a shop.
pub(super) async fn token_exchange(call: Call, body: Body) -> Response {
    match exchanged(&call, body).await {
        Ok(tokens) => render(&tokens),
        Err(refused) => error::render(&call, &refused),
    }
}

/// The legacy token comes first: who has none learns nothing of apps.
async fn exchanged(call: &Call, body: Body) -> Result<ExchangedTokens, Refused> {
    let body = json::read(&call.method, &call.headers, body).await.map_err(Refused::Http)?;
    let Shop(label) = shop::named(call)?.ok_or(Refused::NotAtShop(shop::NotAtShop::Unnamed))?;
    let legacy = match bearer(&call.headers, &AUTHORIZATION) {
        Ok(Some(token)) => shop::legacy_token(call, &token, Some(&label)).await?,
        Ok(None) | Err(_) => return Err(shop::known(call, &label).await?.map_or(Refused::NoToken, Refused::NotAtShop)),
    };
    let request = request(&body).map_err(Refused::Body)?;
    let engine = &call.site.engine;
    engine.exchange(&call.realm, legacy, &request, call.source).await.map_err(Refused::Exchange)
}

fn request(body: &[u8]) -> Result<ExchangeRequest, BodyFault> {
    let mut outer = parse_object(body).ok_or(BodyFault::NotAnObject)?;
    let Some(Value::Object(members)) = outer.remove("token_exchange") else { return Err(BodyFault::NoOuterObject) };
    let mut members = Members(members);
    let client_id = members.text("client_id").ok_or(BodyFault::Member("client_id"))?;
    let has_client_secret = members.0.contains_key("client_secret");
    let missing = if has_client_secret { BodyFault::ClientSecret } else { BodyFault::Member("secret_key") };
    let client_secret = Secret::new(members.text("secret_key").ok_or(missing)?);
    let scopes = match members.0.remove("scopes") {
        Some(Value::Array(scopes)) => scopes,
        Some(Value::String(_)) => return Err(BodyFault::ScopesAsText),
        Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_)) | None => {
            return Err(BodyFault::Scopes);
        }
    };
    let name = |scope: Value| match scope {
        Value::String(name) => Ok(name),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => Err(BodyFault::Scopes),
    };
    let scopes = scopes.into_iter().map(name).collect::<Result<_, _>>()?;
    Ok(ExchangeRequest { client_id, client_secret, scopes })
}

impl Members {
    fn text(&mut self, name: &str) -> Option<String> {
        match self.0.remove(name)? {
            Value::String(text) => Some(text),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => None,
        }
    }
}

fn render(tokens: &ExchangedTokens) -> Response {
    let token = Exchanged {
        access_token: tokens.access_token.expose(),
        refresh_token: tokens.refresh_token.as_ref().map(kimbai_keyring::SealedToken::expose),
        created_time: tokens.created_s,
        expires_in: tokens.expires_in_s,
        token_type: "Bearer",
    };
    // Strings and numbers are always written.
    reply::json(StatusCode::OK, serde_json::to_string(&Envelope { token }).unwrap_or_default())
}
