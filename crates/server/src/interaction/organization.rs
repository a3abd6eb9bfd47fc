//! The target of the form that asks for which organization it shall be: reads the choice, and nothing else that was posted.
//!
//! What is posted is a wish: it counts if it is one of the user's organizations. Whether it is enough is looked at with the next step.

use axum::body::Body;
use axum::response::Response;
use http::Method;
use kimbai_core::authorize::{AuthorizationRequest, Decision};
use kimbai_core::organization::is_label;
use kimbai_core::token::RequestFault;
use kimbai_engine::{EngineError, FormBinding, SignedIn, Visit};

use super::error_page;
use super::render::{authorized, begin_again, way_back};
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
    /// None: the app shall have nothing.
    Deny,
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
        Choice::Organization(label) => {
            let memberships = call.site.engine.memberships(&call.realm, signed_in.user()).await?;
            match memberships.iter().find(|membership| membership.organization.label == *label) {
                Some(membership) => interaction.progress.acts_for(membership.organization.number),
                // The page did not offer it: it is shown again.
                None => interaction.progress,
            }
        }
        Choice::Deny => {
            let (interaction, decision) = (Some(interaction), Some(Decision::Deny));
            let visit = Visit { signed_in: Some(signed_in), interaction, decision };
            let answer = call.site.engine.authorize(&call.realm, request, visit).await?;
            return Ok(authorized(call, request, Some(signed_in), &answer));
        }
    };
    Ok(way_back(call, request, &interaction.at(progress)))
}

async fn read(call: &Call, body: Body) -> Result<Posted, EndpointError> {
    if call.method != Method::POST {
        return Err(HttpFault::Method("POST").into());
    }
    let request = request::authorization(&Form::decode(call.query())?);
    let mut form = read_form(&call.headers, body, FormKinds::Urlencoded).await?;
    let (label, account, decision) = (form.take("organization")?, form.take("account")?, form.take("decision")?);
    let choice = match (label, account.as_deref(), decision.as_deref()) {
        (None, Some("another"), None) => Choice::AnotherAccount,
        (None, None, Some("deny")) => Choice::Deny,
        (_, Some(_), _) => return Err(RequestFault::Parameter("account").into()),
        (_, None, Some(_)) => return Err(RequestFault::Parameter("decision").into()),
        (Some(label), None, None) if is_label(&label) => Choice::Organization(label),
        (Some(_), None, None) => return Err(RequestFault::Parameter("organization").into()),
        (None, None, None) => return Err(RequestFault::Missing("organization").into()),
    };
    Ok(Posted { request, choice, continuation: form.take("continuation")? })
}
