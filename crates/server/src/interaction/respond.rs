//! Sending an authorization response to its client: by redirect, or by a page that posts it.

use axum::response::Response;
use http::StatusCode;
use kimbai_core::authorize::ResponseMode;
use kimbai_pages::FormPost;

use super::render::form_target;
use crate::dialects::standard::response::AuthorizationResponse;
use crate::http::reply::{self, PageSources, Script};
use crate::site::Call;

/// Sends a response to the client of this name.
pub(super) fn respond(call: &Call, client_name: &str, response: &AuthorizationResponse<'_>) -> Response {
    match response.target.mode {
        ResponseMode::Query | ResponseMode::Fragment => reply::see_other(&response.location()),
        ResponseMode::FormPost => form_post(call, client_name, response),
    }
}

fn form_post(call: &Call, client_name: &str, response: &AuthorizationResponse<'_>) -> Response {
    let action = response.target.redirect_uri.as_str();
    let parameters: Vec<_> = response.parameters.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let html = kimbai_pages::form_post(&call.frame(), &FormPost { action, parameters: &parameters, client_name });
    let form_target = form_target(action);
    reply::page(StatusCode::OK, html, &PageSources { form_target, script: Script::File, ..PageSources::default() })
}
