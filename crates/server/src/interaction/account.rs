//! The target of the form that asks which account it shall be: reads the choice, and nothing else that was posted.

use axum::body::Body;
use axum::response::Response;
use http::Method;
use kimbai_core::authorize::AuthorizationRequest;
use kimbai_core::token::RequestFault;
use kimbai_engine::FormBinding;

use super::error_page;
use super::render::{begin_again, way_back};
use crate::dialects::standard::error::EndpointError;
use crate::dialects::standard::request::{self, FormKinds, read_form};
use crate::explanation;
use crate::http::cookie::Cookies;
use crate::http::form::Form;
use crate::http::reply::HttpFault;
use crate::site::Call;

#[derive(Debug, Clone, Copy)]
enum Choice {
    Continue,
    Another,
}

struct Posted {
    request: AuthorizationRequest,
    choice: Choice,
    continuation: Option<String>,
}

/// Goes on with the account in use, or to the log-in page. A form that is stale leads back to the authorization endpoint.
pub(super) async fn account(call: Call, body: Body) -> Response {
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
    let (binding, now) = (FormBinding::Account(&signed_in.secret), engine.now());
    match call.realm.check_continuation(posted.continuation.as_deref(), binding, &posted.request, now) {
        Ok(interaction) => {
            let progress = match posted.choice {
                Choice::Continue => interaction.progress.chose(signed_in.user()),
                Choice::Another => interaction.progress.wants_another(now),
            };
            way_back(&call, &posted.request, &interaction.at(progress))
        }
        Err(fault) => {
            let mut response = begin_again(&call, &posted.request, posted.continuation.as_deref());
            response.extensions_mut().insert(explanation::form(fault));
            response
        }
    }
}

async fn read(call: &Call, body: Body) -> Result<Posted, EndpointError> {
    if call.method != Method::POST {
        return Err(HttpFault::Method("POST").into());
    }
    let request = request::authorization(&Form::decode(call.query())?);
    let mut form = read_form(&call.headers, body, FormKinds::Urlencoded).await?;
    let choice = match form.take("account")?.as_deref() {
        Some("continue") => Choice::Continue,
        Some("another") => Choice::Another,
        Some(_) => return Err(RequestFault::Parameter("account").into()),
        None => return Err(RequestFault::Missing("account").into()),
    };
    Ok(Posted { request, choice, continuation: form.take("continuation")? })
}
