//! The authorization endpoint (RFC 6749 section 3.1).

use axum::body::Body;
use axum::response::Response;
use http::Method;
use kimbai_core::authorize::{AuthorizationRequest, Parameter};
use kimbai_engine::{EngineError, FormBinding, Interaction, Visit};

use super::{error_page, render};
use crate::dialects::standard::error::EndpointError;
use crate::dialects::standard::request::{self, FormKinds, read_form};
use crate::http::cookie::Cookies;
use crate::http::form::Form;
use crate::http::reply::{self, HttpFault};
use crate::site::Call;

/// GET shows what is to be done next; POST leads to its own GET, because a cross-site POST brings no Lax cookie.
pub(super) async fn authorize(call: Call, body: Body) -> Response {
    match read(&call, body).await {
        Ok((request, _)) if call.method == Method::POST => match posted(&call, &request).await {
            Ok(Some(location)) => reply::see_other(&location),
            Ok(None) => answer(&call, &request, None).await,
            Err(failure) => error_page::failed(&call, &failure),
        },
        Ok((request, continuation)) => answer(&call, &request, continuation.as_deref()).await,
        Err(error) => error_page::unreadable(&call, &error),
    }
}

async fn read(call: &Call, body: Body) -> Result<(AuthorizationRequest, Option<String>), EndpointError> {
    let mut form = match call.method {
        Method::GET => Form::decode(call.query())?,
        Method::POST => {
            Form::decode(call.query())?.joined(read_form(&call.headers, body, FormKinds::Urlencoded).await?)?
        }
        // HEAD among them: a GET may open a grant, and HEAD must not (RFC 9110 section 9.2.1).
        _ => return Err(HttpFault::Method("GET, POST").into()),
    };
    // One that is repeated is none: the request is then seen for the first time.
    let continuation = form.take("continuation").ok().flatten();
    Ok((request::authorization(&form), continuation))
}

/// Where a posted request goes on as a GET. None for one that must be refused at once, because not all of it can go there: a
/// repeated parameter, a request object, a wrong hint. A right hint goes along in the continuation.
async fn posted(call: &Call, request: &AuthorizationRequest) -> Result<Option<String>, EngineError> {
    let is_whole = request.malformed().is_none()
        && request.request == Parameter::Absent
        && request.request_uri == Parameter::Absent;
    let has_hint = request.login_hint != Parameter::Absent || request.id_token_hint != Parameter::Absent;
    let url = render::authorize_url(call, request);
    match request.client_id.value().and_then(|client_id| call.realm.client(client_id)).filter(|_| is_whole) {
        Some(client) if has_hint => {
            let engine = &call.site.engine;
            let Ok(interaction) = engine.begin(&call.realm, request, &client).await? else { return Ok(None) };
            let continuation = call.realm.continuation(FormBinding::Anybody, request, &interaction, engine.now());
            Ok(Some(format!("{url}&continuation={continuation}")))
        }
        Some(_) => Ok(Some(url)),
        None => Ok(is_whole.then_some(url)),
    }
}

async fn answer(call: &Call, request: &AuthorizationRequest, continuation: Option<&str>) -> Response {
    let engine = &call.site.engine;
    let cookies = Cookies::read(&call.headers, &call.realm);
    let signed_in = match engine.signed_in(&call.realm, cookies.session).await {
        Ok(signed_in) => signed_in,
        Err(failure) => return error_page::failed(call, &failure),
    };
    let interaction = carried(call, &cookies, request, continuation);
    let visit = Visit { signed_in: signed_in.as_ref(), interaction, decision: None };
    match engine.authorize(&call.realm, request, visit).await {
        Ok(authorized) => render::authorized(call, request, signed_in.as_ref(), &authorized),
        Err(failure) => error_page::failed(call, &failure),
    }
}

/// What the step before carried here. Of what does not count the request's hints alone are kept: it is seen for the first time.
fn carried(
    call: &Call,
    cookies: &Cookies,
    request: &AuthorizationRequest,
    continuation: Option<&str>,
) -> Option<Interaction> {
    let (realm, now) = (&call.realm, call.site.engine.now());
    let check = |browser| realm.check_continuation(continuation, FormBinding::Return(browser), request, now).ok();
    cookies.browser.as_ref().and_then(check).or_else(|| realm.hints(continuation, request, now))
}
