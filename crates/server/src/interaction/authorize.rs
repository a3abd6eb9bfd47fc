//! The authorization endpoint (RFC 6749 section 3.1).

use axum::body::Body;
use axum::response::Response;
use http::Method;
use kimbai_core::authorize::{AuthorizationRequest, Parameter};

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
        Ok(request) if call.method == Method::POST && !is_malformed(&request) => {
            reply::see_other(&render::authorize_url(&call, &request))
        }
        Ok(request) => answer(&call, &request).await,
        Err(error) => error_page::unreadable(&call, &error),
    }
}

async fn read(call: &Call, body: Body) -> Result<AuthorizationRequest, EndpointError> {
    let form = match call.method {
        Method::GET => Form::decode(call.query())?,
        Method::POST => {
            Form::decode(call.query())?.joined(read_form(&call.headers, body, FormKinds::Urlencoded).await?)?
        }
        // HEAD among them: a GET may open a grant, and HEAD must not (RFC 9110 section 9.2.1).
        _ => return Err(HttpFault::Method("GET, POST").into()),
    };
    Ok(request::authorization(&form))
}

async fn answer(call: &Call, request: &AuthorizationRequest) -> Response {
    let engine = &call.site.engine;
    let cookies = Cookies::read(&call.headers, &call.realm);
    let signed_in = match engine.signed_in(&call.realm, cookies.session).await {
        Ok(signed_in) => signed_in,
        Err(failure) => return error_page::failed(call, &failure),
    };
    match engine.authorize(&call.realm, request, signed_in.as_ref(), None).await {
        Ok(authorized) => render::authorized(call, request, signed_in.as_ref(), &authorized),
        Err(failure) => error_page::failed(call, &failure),
    }
}

/// A repeated parameter cannot be carried through a redirect; it is refused at once.
fn is_malformed(request: &AuthorizationRequest) -> bool {
    request.parameters().into_iter().any(|(_, parameter)| *parameter == Parameter::Malformed)
}
