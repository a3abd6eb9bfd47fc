//! The target of the form that asks for which organization it shall be: reads the choice, and nothing else that was posted.
//!
//! Whether the user belongs to it is looked at with the next step: what is posted is a wish.

use axum::body::Body;
use axum::response::Response;
use http::Method;
use kimbai_core::authorize::AuthorizationRequest;
use kimbai_core::organization::is_label;
use kimbai_core::token::RequestFault;
use kimbai_engine::{EngineError, FormBinding, SignedIn};

use super::error_page;
use super::render::{begin_again, way_back};
use crate::dialects::standard::error::EndpointError;
use crate::dialects::standard::request::{self, FormKinds, read_form};
use crate::explanation;
use crate::http::cookie::Cookies;
use crate::http::form::Form;
use crate::http::reply::HttpFault;
use crate::site::Call;

enum Choice {
    /// The organization of this label.
    Organization(String),
    /// Another account.
    AnotherAccount,
}

struct Posted {
    request: AuthorizationRequest,
    choice: Choice,
    continuation: Option<String>,
}

/// Goes on with the organization that was chosen, or to the log-in page. A form that is stale leads back to the authorization
/// endpoint.
pub(super) async fn organization(call: Call, body: Body) -> Response {
    let posted = match read(&call, body).await {
        Ok(posted) => posted,
        Err(error) => return error_page::unreadable(&call, &error),
    };
    let engine = &call.site.engine;
    let signed_in = match engine.signed_in(&call.realm, Cookies::read(&call.headers, &call.realm).session).await {
        Ok(Some(signed_in)) => signed_in,
        Ok(None) => return begin_again(&call, &posted.request, posted.continuation.as_deref()),
        Err(failure) => return error_page::failed(&call, &failure),
    };
    match settle(&call, &posted, &signed_in).await {
        Ok(response) => response,
        Err(failure) => error_page::failed(&call, &failure),
    }
}

async fn settle(call: &Call, posted: &Posted, signed_in: &SignedIn) -> Result<Response, EngineError> {
    let Posted { request, choice, continuation } = posted;
    let (binding, now) = (FormBinding::Organization(&signed_in.secret), call.site.engine.now());
    let interaction = match call.realm.check_continuation(continuation.as_deref(), binding, request, now) {
        Ok(interaction) => interaction,
        Err(fault) => {
            let mut response = begin_again(call, request, continuation.as_deref());
            response.extensions_mut().insert(explanation::form(fault));
            return Ok(response);
        }
    };
    let progress = match choice {
        Choice::AnotherAccount => interaction.progress.wants_another(now),
        Choice::Organization(label) => match call.site.engine.organization_by_label(&call.realm, label).await? {
            Some(organization) => interaction.progress.acts_for(organization.number),
            // The page did not offer it: it is shown again.
            None => interaction.progress,
        },
    };
    Ok(way_back(call, request, &interaction.at(progress)))
}

async fn read(call: &Call, body: Body) -> Result<Posted, EndpointError> {
    if call.method != Method::POST {
        return Err(HttpFault::Method("POST").into());
    }
    let request = request::authorization(&Form::decode(call.query())?);
    let mut form = read_form(&call.headers, body, FormKinds::Urlencoded).await?;
    let choice = match (form.take("organization")?, form.take("account")?.as_deref()) {
        (None, Some("another")) => Choice::AnotherAccount,
        (_, Some(_)) => return Err(RequestFault::Parameter("account").into()),
        (Some(label), None) if is_label(&label) => Choice::Organization(label),
        (Some(_), None) => return Err(RequestFault::Parameter("organization").into()),
        (None, None) => return Err(RequestFault::Missing("organization").into()),
    };
    Ok(Posted { request, choice, continuation: form.take("continuation")? })
}
