//! `POST /sandbox/code`: an authorization code without pages, for tests in CI.

use axum::body::Body;
use axum::response::Response;
use http::header::ORIGIN;
use http::{HeaderName, Method, StatusCode};
use kimbai_core::client::GrantType;
use kimbai_core::grant::{CodeBinding, ShortDigest};
use kimbai_core::pkce::CodeChallenge;
use kimbai_core::redirect_uri::{is_registered, origin_of};
use kimbai_core::scope::ScopeSet;
use kimbai_engine::{EngineError, Giver};
use serde::Deserialize;
use serde_json::json;

use crate::dialects::standard::error;
use crate::http::body;
use crate::http::reply::{self, HttpFault};
use crate::site::Call;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    client_id: String,
    user: String,
    scopes: Vec<String>,
    redirect_uri: Option<String>,
    code_challenge: Option<String>,
    /// The label of the organization for which the user acts; absent: the first that will do.
    shop: Option<String>,
}

pub(super) async fn code(call: Call, body: Body) -> Response {
    if call.method != Method::POST {
        return error::fault(&call.site, HttpFault::Method("POST"));
    }
    if is_foreign(&call) {
        return bad_json("another site's page may not do this");
    }
    let body = match body::read(body).await {
        Ok(body) => body,
        Err(fault) => return error::fault(&call.site, fault),
    };
    let wanted: Wanted = match serde_json::from_slice(&body) {
        Ok(wanted) => wanted,
        Err(error) => return bad_json(&error.to_string()),
    };
    match mint(&call, &wanted).await {
        Ok(Ok(code)) => reply::json(StatusCode::OK, json!({ "code": code }).to_string()),
        Ok(Err(text)) => bad_json(text),
        Err(failure) => error::failed(&failure, call.realm.settings.error_form),
    }
}

async fn mint(call: &Call, wanted: &Wanted) -> Result<Result<String, &'static str>, EngineError> {
    let realm = &call.realm;
    let Some(client) = realm.client(&wanted.client_id).filter(|client| client.may_use(GrantType::AuthorizationCode))
    else {
        return Ok(Err("client_id: no such client, or it does not use codes"));
    };
    let mut scope = ScopeSet::EMPTY;
    for name in &wanted.scopes {
        match realm.scopes.parse(name) {
            Ok(set) if client.allowed.contains(set) => scope = scope.union(set),
            Ok(_) | Err(_) => return Ok(Err("scopes: one of them is not the client's")),
        }
    }
    if let Some(uri) = &wanted.redirect_uri
        && !is_registered(&client.metadata.redirect_uris, uri)
    {
        return Ok(Err("redirect_uri: not registered for the client"));
    }
    let method = wanted.code_challenge.as_ref().map(|_| "S256");
    let Ok(challenge) = CodeChallenge::parse(wanted.code_challenge.as_deref(), method) else {
        return Ok(Err("code_challenge: 43 characters of base64url, as of S256"));
    };
    if challenge.is_none() && client.is_public() {
        return Ok(Err("code_challenge: a public client must use PKCE"));
    }
    let Some((user, user_epoch)) = call.site.engine.user_by_name(realm, &wanted.user).await? else {
        return Ok(Err("user: no such user"));
    };
    let shop = wanted.shop.as_deref();
    let Some(organization) = call.site.engine.organization_for(realm, user, (scope, shop)).await? else {
        return Ok(Err("shop: the user does not belong to it, or is no admin there"));
    };
    let giver = Giver { user, user_epoch, organization };
    let redirect_uri = wanted.redirect_uri.as_ref().map_or(ShortDigest::ABSENT, |uri| ShortDigest::of(uri.as_bytes()));
    let binding = CodeBinding { redirect_uri, code_challenge: CodeChallenge::digest(challenge) };
    let code = call.site.engine.mint_code(realm, &client, giver, (scope, binding)).await?;
    Ok(Ok(code.expose().to_owned()))
}

/// Whether a page of another origin sent it: any page that a developer visits could. Our own pages send `Origin: null`, for they have no
/// referrer (Fetch standard, "append a request `Origin` header"); `Sec-Fetch-Site` tells them apart (W3C Fetch Metadata).
pub(crate) fn is_foreign(call: &Call) -> bool {
    if let Some(site) = call.headers.get(SEC_FETCH_SITE) {
        return site.as_bytes() != b"same-origin";
    }
    let own = origin_of(&call.realm.settings.issuer);
    call.headers.get(ORIGIN).is_some_and(|origin| origin.to_str().ok() != own.as_deref())
}

pub(super) fn bad_json(text: &str) -> Response {
    let body = json!({ "error": "invalid_request", "error_description": text });
    reply::json(StatusCode::BAD_REQUEST, body.to_string())
}
