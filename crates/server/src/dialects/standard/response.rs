//! Writing answers: tokens (RFC 6749 section 5.1), introspection (RFC 7662 section 2.2), authorization responses (section 4.1.2,
//! RFC 9207).

use axum::response::Response;
use http::StatusCode;
use kimbai_core::authorize::{AuthorizeError, ResponseMode, ResponseTarget};
use kimbai_core::realm::{ErrorForm, RealmSettings, TokenTypeSpelling};
use kimbai_core::token::TokenKind;
use kimbai_engine::{GrantedCode, Introspection, Realm, TokenAnswer, TokenFacts};
use serde::Serialize;
use url::form_urlencoded::Serializer;

use super::error;
use crate::http::reply;

/// Written by hand: it is the hot path, and nothing in it needs escaping (tokens are base64url, scope-tokens have no quotes).
pub(super) fn token(realm: &Realm, tokens: &TokenAnswer) -> Response {
    let mut body = String::with_capacity(384);
    body.push_str("{\"access_token\":\"");
    body.push_str(tokens.access_token.expose());
    body.push_str("\",\"token_type\":\"");
    body.push_str(token_type(&realm.settings));
    body.push_str("\",\"expires_in\":");
    body.push_str(&tokens.expires_in_s.to_string());
    if let Some(refresh_token) = &tokens.refresh_token {
        body.push_str(",\"refresh_token\":\"");
        body.push_str(refresh_token.expose());
        body.push('"');
    }
    if let Some(id_token) = &tokens.id_token {
        body.push_str(",\"id_token\":\"");
        body.push_str(id_token.expose());
        body.push('"');
    }
    body.push_str(",\"scope\":\"");
    body.push_str(&realm.scopes.render(tokens.scope));
    body.push_str("\"}");
    reply::json(StatusCode::OK, body)
}

pub(super) const fn token_type(settings: &RealmSettings) -> &'static str {
    match settings.token_type {
        TokenTypeSpelling::Capitalised => "Bearer",
        TokenTypeSpelling::LowerCase => "bearer",
    }
}

#[derive(Serialize)]
struct ActiveToken<'a> {
    active: bool,
    scope: &'a str,
    client_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    token_type: Option<&'static str>,
    sub: &'a str,
    iss: &'a str,
    /// Left out where it is the issuer alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    aud: Option<Vec<&'a str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    iat: Option<u32>,
    exp: u32,
    /// The partner that it was issued to, where the client is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    partner_code: Option<&'a str>,
    /// The organization for which it was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    orgid: Option<&'a str>,
}

/// The answer to an introspection request; a token that does not work is no more than that.
pub(super) fn introspection(realm: &Realm, introspection: &Introspection) -> Response {
    match introspection {
        Introspection::Active(facts) => reply::json(StatusCode::OK, active_token(realm, facts)),
        Introspection::Inactive(inactive) => {
            let mut response = reply::json(StatusCode::OK, r#"{"active":false}"#);
            response.extensions_mut().insert(error::inactive_reason(*inactive));
            response
        }
    }
}

fn active_token(realm: &Realm, facts: &TokenFacts) -> String {
    let is_access_token = facts.kind != TokenKind::Refresh;
    let is_for_others = facts.audience.iter().any(|name| **name != *realm.settings.issuer);
    let token = ActiveToken {
        active: true,
        scope: &realm.scopes.render(facts.scope),
        client_id: &facts.client.client_id,
        token_type: is_access_token.then_some(token_type(&realm.settings)),
        sub: &facts.subject,
        iss: &realm.settings.issuer,
        aud: is_for_others.then(|| facts.audience.iter().map(AsRef::as_ref).collect()),
        iat: facts.issued_at_s,
        exp: facts.expiry_s,
        partner_code: facts.client.partner().map(|partner| partner.partner_code.as_str()),
        orgid: facts.org_id.as_deref(),
    };
    serde_json::to_string(&token).unwrap_or_else(|_| r#"{"active":false}"#.to_owned())
}

/// An authorization response: its parameters, and where they go.
#[derive(Debug)]
pub(crate) struct AuthorizationResponse<'a> {
    pub(crate) target: &'a ResponseTarget,
    pub(crate) parameters: Vec<(&'static str, String)>,
}

/// The response that carries a code, and beside it an ID token where one was asked for.
pub(crate) fn code<'a>(realm: &Realm, granted: &'a GrantedCode) -> AuthorizationResponse<'a> {
    let GrantedCode { target, code, id_token, scope, session_state } = granted;
    let mut parameters = vec![("code", code.expose().to_owned())];
    parameters.extend(id_token.as_ref().map(|id_token| ("id_token", id_token.expose().to_owned())));
    if let Some(session_state) = session_state {
        parameters.push(("scope", realm.scopes.render(*scope)));
        parameters.push(("session_state", session_state.clone()));
    }
    AuthorizationResponse::new(realm, target, parameters)
}

/// The response that carries an error.
pub(crate) fn authorize_error<'a>(
    realm: &Realm,
    target: &'a ResponseTarget,
    refused: AuthorizeError,
) -> AuthorizationResponse<'a> {
    let wire = error::authorize(refused);
    let mut parameters = vec![("error", wire.error.to_owned()), ("error_description", wire.description.to_owned())];
    if let (ErrorForm::WithHint, Some(hint)) = (realm.settings.error_form, wire.hint) {
        parameters.push(("error_hint", hint));
    }
    AuthorizationResponse::new(realm, target, parameters)
}

impl<'a> AuthorizationResponse<'a> {
    fn new(realm: &Realm, target: &'a ResponseTarget, mut parameters: Vec<(&'static str, String)>) -> Self {
        parameters.extend(target.state.clone().map(|state| ("state", state)));
        parameters.push(("iss", realm.settings.issuer.clone()));
        Self { target, parameters }
    }

    /// The redirect URI with the parameters in its query; of a mode that has them elsewhere, in its fragment.
    pub(crate) fn location(&self) -> String {
        let redirect_uri = &self.target.redirect_uri;
        let separator = match self.target.mode {
            ResponseMode::Query if redirect_uri.contains('?') => '&',
            ResponseMode::Query => '?',
            ResponseMode::Fragment | ResponseMode::FormPost => '#',
        };
        let query = Serializer::new(String::new()).extend_pairs(&self.parameters).finish();
        format!("{redirect_uri}{separator}{query}")
    }
}
