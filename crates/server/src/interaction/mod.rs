//! What people do in a browser: the authorization endpoint, the log-in form, the choice of an account and of an organization, the
//! consent form, log-out, and what pages refer to.
//!
//! Pages and forms carry the request and a sealed continuation; each step validates the request anew and posts only its own
//! decision. There is no stored interaction.

mod account;
mod authorize;
mod consent;
mod error_page;
mod log_in;
mod log_out;
mod organization;
mod render;
mod respond;

use axum::body::Body;
use axum::response::Response;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderValue, Method};
use kimbai_core::realm::RealmSettings;
use kimbai_pages::{ASSETS_PATH, Caching, asset};

pub(crate) use error_page::{fault_at, wants_page};
pub(crate) use log_out::log_out;

use crate::dialects::standard::error;
use crate::dialects::{Place, Reach, Routes};
use crate::http::reply::HttpFault;
use crate::metrics::Endpoint;
use crate::site::Call;

/// Adds what people use to a dialect's endpoints; in a realm without an authorization endpoint, what pages refer to alone.
pub(crate) fn routes(mut routes: Routes, settings: &RealmSettings) -> Routes {
    let authorize = &settings.paths.authorize;
    if !authorize.is_empty() {
        routes = routes
            .endpoint(authorize, Endpoint::Authorize, authorize::authorize)
            .endpoint(&format!("{authorize}/login"), Endpoint::Page, log_in::log_in)
            .endpoint(&format!("{authorize}/account"), Endpoint::Page, account::account)
            .endpoint(&format!("{authorize}/organization"), Endpoint::Page, organization::organization)
            .endpoint(&format!("{authorize}/consent"), Endpoint::Page, consent::consent);
    }
    if let Some(end_session) = &settings.paths.end_session {
        routes = routes.endpoint(end_session, Endpoint::Page, log_out);
    }
    routes.router =
        routes.router.route(&format!("{ASSETS_PATH}{{name}}"), axum::routing::any(assets)).fallback(not_found);
    routes
}

/// Style sheet, fonts and icons.
async fn assets(call: Call) -> Response {
    if !matches!(call.method, Method::GET | Method::HEAD) {
        return error::fault(&call.site, HttpFault::Method("GET, HEAD"));
    }
    let name = call.uri.path().strip_prefix(ASSETS_PATH).unwrap_or_default();
    let Some(asset) = asset(name) else { return fault_at(&call, Endpoint::Page, HttpFault::NotFound) };
    let mut response = Response::new(Body::from(asset.bytes));
    let caching = match asset.caching {
        Caching::Immutable => "public, max-age=31536000, immutable",
        Caching::Brief => "public, max-age=3600",
    };
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(asset.content_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static(caching));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// What is at no path: a page for people, an error for programs.
async fn not_found(call: Call) -> Response {
    // Not the form of the path's place: that may be one of the operator's listener.
    if wants_page(&call.headers) {
        return fault_at(&call, Endpoint::Other, HttpFault::NotFound);
    }
    let place = Place { endpoint: Endpoint::Other, faults: call.site.elsewhere, reach: Reach::OrganizationsToo };
    call.site.fault(place, HttpFault::NotFound)
}
