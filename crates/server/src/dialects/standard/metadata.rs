//! Authorization server metadata (RFC 8414 section 2, RFC 9207 section 3).

use axum::response::Response;
use http::header::{CACHE_CONTROL, VARY};
use http::{HeaderValue, StatusCode};
use kimbai_core::realm::RealmSettings;
use serde::Serialize;
use url::Url;

use crate::http::reply;

const WELL_KNOWN: &str = "/.well-known/oauth-authorization-server";

#[derive(Serialize)]
struct Metadata<'a> {
    issuer: &'a str,
    authorization_endpoint: String,
    token_endpoint: String,
    revocation_endpoint: String,
    introspection_endpoint: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    jwks_uri: Option<String>,
    scopes_supported: Vec<&'a str>,
    response_types_supported: [&'static str; 1],
    response_modes_supported: [&'static str; 1],
    grant_types_supported: [&'static str; 3],
    token_endpoint_auth_methods_supported: [&'static str; 3],
    revocation_endpoint_auth_methods_supported: [&'static str; 3],
    introspection_endpoint_auth_methods_supported: [&'static str; 2],
    code_challenge_methods_supported: [&'static str; 1],
    authorization_response_iss_parameter_supported: bool,
}

/// Where the document is: the well-known part stands before the issuer's path (RFC 8414 section 3.1).
pub(super) fn path(issuer: &str) -> String {
    let issuer_path = Url::parse(issuer).map(|url| url.path().trim_end_matches('/').to_owned()).unwrap_or_default();
    format!("{WELL_KNOWN}{issuer_path}")
}

/// The document.
pub(super) fn document(settings: &RealmSettings) -> Response {
    let paths = &settings.paths;
    let url = |path: &str| endpoint_url(settings, path);
    let metadata = Metadata {
        issuer: &settings.issuer,
        authorization_endpoint: url(&paths.authorize),
        token_endpoint: url(&paths.token),
        revocation_endpoint: url(&paths.revoke),
        introspection_endpoint: url(&paths.introspect),
        jwks_uri: paths.jwks.as_deref().map(url),
        scopes_supported: settings.scopes.iter().filter(|scope| !scope.retired).map(|s| s.name.as_str()).collect(),
        response_types_supported: ["code"],
        response_modes_supported: ["query"],
        grant_types_supported: ["authorization_code", "refresh_token", "client_credentials"],
        token_endpoint_auth_methods_supported: ["client_secret_basic", "client_secret_post", "none"],
        revocation_endpoint_auth_methods_supported: ["client_secret_basic", "client_secret_post", "none"],
        introspection_endpoint_auth_methods_supported: ["client_secret_basic", "client_secret_post"],
        code_challenge_methods_supported: ["S256"],
        authorization_response_iss_parameter_supported: true,
    };
    let mut response = reply::json(StatusCode::OK, serde_json::to_string(&metadata).unwrap_or_default());
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=300"));
    // A cache keeps it for others too, and who may read it depends on the origin.
    response.headers_mut().insert(VARY, HeaderValue::from_static("Origin"));
    response
}

/// The URL of an endpoint: its path on the issuer's host.
pub(crate) fn endpoint_url(settings: &RealmSettings, path: &str) -> String {
    let origin = Url::parse(&settings.issuer).map(|url| url.origin().ascii_serialization()).unwrap_or_default();
    format!("{origin}{path}")
}
