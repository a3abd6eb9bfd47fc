//! The consent form's target: reads the decision, and nothing else that was posted.

use axum::body::Body;
use axum::response::Response;
use http::Method;
use kimbai_core::authorize::{AuthorizationRequest, Decision};
use kimbai_core::scope::ScopeSet;
use kimbai_core::token::RequestFault;
use kimbai_engine::{FormBinding, Visit};

use super::error_page;
use super::render::{authorized, begin_again};
use crate::dialects::standard::error::EndpointError;
use crate::dialects::standard::request::{self, FormKinds, read_form};
use crate::explanation;
use crate::http::cookie::Cookies;
use crate::http::form::Form;
use crate::http::reply::HttpFault;
use crate::site::Call;

struct Posted {
    request: AuthorizationRequest,
    decision: Decision,
    continuation: Option<String>,
}

/// Carries out a person's decision. A form that is stale leads back to the authorization endpoint, which shows a fresh one.
pub(super) async fn consent(call: Call, body: Body) -> Response {
    let posted = match read(&call, body).await {
        Ok(posted) => posted,
        Err(error) => return error_page::unreadable(&call, &error),
    };
    let engine = &call.site.engine;
    let cookies = Cookies::read(&call.headers, &call.realm);
    let signed_in = match engine.signed_in(&call.realm, cookies.session).await {
        Ok(Some(signed_in)) => signed_in,
        Ok(None) => return begin_again(&call, &posted.request, posted.continuation.as_deref()),
        Err(failure) => return error_page::failed(&call, &failure),
    };
    let binding = FormBinding::Consent(&signed_in.secret);
    let continuation = posted.continuation.as_deref();
    let interaction = match call.realm.check_continuation(continuation, binding, &posted.request, engine.now()) {
        Ok(interaction) => interaction,
        Err(fault) => {
            let mut response = begin_again(&call, &posted.request, posted.continuation.as_deref());
            response.extensions_mut().insert(explanation::form(fault));
            return response;
        }
    };
    let decision = Some(posted.decision);
    let visit = Visit { signed_in: Some(&signed_in), interaction: Some(interaction), decision };
    match engine.authorize(&call.realm, &posted.request, visit).await {
        Ok(answer) => authorized(&call, &posted.request, Some(&signed_in), &answer),
        Err(failure) => error_page::failed(&call, &failure),
    }
}

async fn read(call: &Call, body: Body) -> Result<Posted, EndpointError> {
    if call.method != Method::POST {
        return Err(HttpFault::Method("POST").into());
    }
    let request = request::authorization(&Form::decode(call.query())?);
    let mut form = read_form(&call.headers, body, FormKinds::Urlencoded).await?;
    let decision = match form.take("decision")?.as_deref() {
        Some("allow") => Decision::Allow { ticked: ticked(call, &form) },
        Some("deny") => Decision::Deny,
        Some(_) => return Err(RequestFault::Parameter("decision").into()),
        None => return Err(RequestFault::Missing("decision").into()),
    };
    Ok(Posted { request, decision, continuation: form.take("continuation")? })
}

/// The ticked scopes; only what was asked for can be among what is granted.
fn ticked(call: &Call, form: &Form) -> ScopeSet {
    let sets = form.all("scope").filter_map(|name| call.realm.scopes.parse(name).ok());
    sets.fold(ScopeSet::EMPTY, ScopeSet::union)
}
