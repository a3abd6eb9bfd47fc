//! The log-in form's target: reads name and password, and nothing else that was posted.

use axum::body::Body;
use axum::response::Response;
use http::header::{RETRY_AFTER, SET_COOKIE};
use http::{Method, StatusCode};
use kimbai_core::authorize::AuthorizationRequest;
use kimbai_core::number::UserNumber;
use kimbai_core::secret::Secret;
use kimbai_engine::{Authorized, BrowserSecret, EngineError, FormBinding, FormFault, Interaction, LogInRefusal, Visit};
use kimbai_pages::LoginError;

use super::error_page;
use super::render::{LogInForm, authorized, log_in_page, retry_after, way_back};
use crate::dialects::standard::error::EndpointError;
use crate::dialects::standard::request::{self, FormKinds, read_form};
use crate::explanation;
use crate::http::cookie::{Cookies, set_session};
use crate::http::form::Form;
use crate::http::reply::HttpFault;
use crate::site::Call;

struct Posted {
    request: AuthorizationRequest,
    username: String,
    password: Secret,
    continuation: Option<String>,
}

/// Logs in and leads back to the authorization endpoint.
pub(super) async fn log_in(call: Call, body: Body) -> Response {
    let posted = match read(&call, body).await {
        Ok(posted) => posted,
        Err(error) => return error_page::unreadable(&call, &error),
    };
    let (browser, interaction) = match form_browser(&call, &posted) {
        Ok(shown_to) => shown_to,
        Err(fault) => return again_with_fresh_form(&call, &posted, fault).await,
    };
    let credentials = (posted.username.as_str(), &posted.password);
    match call.site.engine.log_in(&call.realm, credentials, &browser, call.source).await {
        Ok(signed_in) => {
            if let Err(failure) = end_previous_session(&call, signed_in.user()).await {
                return error_page::failed(&call, &failure);
            }
            let progress = interaction.progress.logged_in(signed_in.user(), signed_in.view.authenticated);
            let mut response = way_back(&call, &posted.request, &interaction.at(progress));
            if let Some(cookie) = set_session(&call.realm, &signed_in.secret) {
                response.headers_mut().append(SET_COOKIE, cookie);
            }
            response
        }
        Err(refusal) => again(&call, &posted, (interaction, &refusal)).await,
    }
}

/// The session that this log-in replaces in the browser ends with it.
async fn end_previous_session(call: &Call, user: UserNumber) -> Result<(), EngineError> {
    match Cookies::read(&call.headers, &call.realm).session {
        Some(previous) => call.site.engine.replace_session(&call.realm, &previous, user).await,
        None => Ok(()),
    }
}

async fn read(call: &Call, body: Body) -> Result<Posted, EndpointError> {
    if call.method != Method::POST {
        return Err(HttpFault::Method("POST").into());
    }
    let request = request::authorization(&Form::decode(call.query())?);
    let mut form = read_form(&call.headers, body, FormKinds::Urlencoded).await?;
    Ok(Posted {
        request,
        username: form.take("username")?.unwrap_or_default(),
        password: Secret::new(form.take("password")?.unwrap_or_default()),
        continuation: form.take("continuation")?,
    })
}

/// The browser that the form was shown to, if it is this one, and what the form carried.
fn form_browser(call: &Call, posted: &Posted) -> Result<(BrowserSecret, Interaction), FormFault> {
    let browser = Cookies::read(&call.headers, &call.realm).browser.ok_or(FormFault::OtherBrowser)?;
    let continuation = posted.continuation.as_deref();
    let now = call.site.engine.now();
    let binding = FormBinding::LogIn(&browser);
    let interaction = call.realm.check_continuation(continuation, binding, &posted.request, now)?;
    Ok((browser, interaction))
}

async fn again(call: &Call, posted: &Posted, (carried, refusal): (Interaction, &LogInRefusal)) -> Response {
    let (status, error, wait_s) = match refusal {
        LogInRefusal::Wrong => (StatusCode::OK, LoginError::WrongPassword, None),
        LogInRefusal::Wait(wait_s) => {
            (StatusCode::TOO_MANY_REQUESTS, LoginError::Throttled { wait_s: (*wait_s).into() }, Some(*wait_s))
        }
        LogInRefusal::Locked(wait_s) => {
            (StatusCode::TOO_MANY_REQUESTS, LoginError::Locked { wait_s: (*wait_s).into() }, Some(*wait_s))
        }
        LogInRefusal::Busy => (StatusCode::SERVICE_UNAVAILABLE, LoginError::Busy, Some(1)),
        LogInRefusal::Failed(failure) => return error_page::failed(call, failure),
    };
    let form = LogInForm { username: &posted.username, error: Some(error), status };
    let mut response = show(call, posted, Some(carried), &form).await;
    if let Some(wait_s) = wait_s {
        response.headers_mut().insert(RETRY_AFTER, retry_after(wait_s));
    }
    response.extensions_mut().insert(explanation::log_in(refusal));
    response
}

async fn again_with_fresh_form(call: &Call, posted: &Posted, fault: FormFault) -> Response {
    let status = StatusCode::BAD_REQUEST;
    let form = LogInForm { username: &posted.username, error: Some(LoginError::StaleForm), status };
    let carried = call.realm.hints(posted.continuation.as_deref(), &posted.request, call.site.engine.now());
    let mut response = show(call, posted, carried, &form).await;
    response.extensions_mut().insert(explanation::form(fault));
    response
}

/// Shows the form again for its request, which is validated anew.
async fn show(call: &Call, posted: &Posted, carried: Option<Interaction>, form: &LogInForm<'_>) -> Response {
    let visit = Visit { interaction: carried, ..Visit::default() };
    match call.site.engine.authorize(&call.realm, &posted.request, visit).await {
        Ok(Authorized::LogIn(client, interaction)) => log_in_page(call, &posted.request, (&client, &interaction), form),
        Ok(other) => authorized(call, &posted.request, None, &other),
        Err(failure) => error_page::failed(call, &failure),
    }
}
