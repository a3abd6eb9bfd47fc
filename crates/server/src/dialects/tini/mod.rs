//! Tiki Tini App: codes and refresh tokens exchanged by signed requests, over GraphQL and over three generations of REST.
//!
//! Translates and decides nothing. Sources: the platform's public documentation of 2021-05 to 2023-04 with its history, and what its
//! sample back ends send. Beside it stand the standard endpoints, by which the super-app itself signs people in.

mod auth_code;
pub mod demo;
mod error;
mod graphql;
mod profile;
mod request;
mod response;
mod rest;
mod sheet;
#[cfg(test)]
mod tests;

use kimbai_core::realm::{
    ConsentForm, EndpointPaths, ErrorForm, Lifetimes, RealmSettings, RequestSignatures, TokenShape, TokenTypeSpelling,
};
use kimbai_core::scope::ScopeDefinition;

use super::{FaultForm, Routes, standard};
use crate::metrics::Endpoint;
use crate::site::Audience;

/// The dialect's name in a realm's settings.
pub const NAME: &str = "tini";

/// The scope with which the super-app asks for codes.
const AUTH_CODE_SCOPE: &str = "tini:auth_code";

/// How far a timestamp may be from our time, in seconds: as the platform's sister product documents it.
const TIMESTAMP_WINDOW_S: u32 = 300;

/// The platform's paths by their names in the settings, with its own values.
const PATHS: [(&str, &str); 4] = [
    ("graphql", "/tiniapp/api/graphql/query"),
    ("open_api", "/tiniapp-open-api"),
    ("auth_code", "/tiniapp/api/auth-code"),
    ("profile", "/ecom/v1/customers/profile"),
];

/// The settings of a realm that speaks this dialect, with the platform's values.
#[must_use]
pub fn settings(display_name: &str, issuer: &str, scopes: Vec<ScopeDefinition>) -> RealmSettings {
    let standard = standard::settings(display_name, issuer, scopes);
    RealmSettings {
        dialect: NAME.to_owned(),
        paths: EndpointPaths {
            authorize: "/oauth2/auth".to_owned(),
            token: "/oauth2/token".to_owned(),
            revoke: "/oauth2/revoke".to_owned(),
            introspect: "/oauth2/introspect".to_owned(),
            userinfo: None,
            end_session: None,
            jwks: None,
            platform: PATHS.map(|(name, path)| (name.to_owned(), path.to_owned())).into(),
        },
        offline_scope: "offline".to_owned(),
        lifetimes: Lifetimes { code_s: 600, ..standard.lifetimes },
        token_type: TokenTypeSpelling::LowerCase,
        error_form: ErrorForm::Standard,
        token_shape: TokenShape::Halves,
        consent_form: ConsentForm::Partial,
        request_signatures: RequestSignatures::Within(TIMESTAMP_WINDOW_S),
        ..standard
    }
}

/// The scopes that the platform has.
#[must_use]
pub fn scopes() -> Vec<ScopeDefinition> {
    vec![
        ScopeDefinition::new("offline", "Truy cập cả khi bạn không trực tuyến", "Keep access while you are away"),
        ScopeDefinition::new("user_profile", "Xem tên và hồ sơ của bạn", "See your name and profile"),
        ScopeDefinition::new(AUTH_CODE_SCOPE, "Cấp quyền cho Tini App thay bạn", "Let Tini Apps in on your behalf"),
    ]
}

/// A path of the platform, as the realm's settings have it.
fn path<'a>(settings: &'a RealmSettings, name: &str) -> &'a str {
    let default = PATHS.iter().find(|(known, _)| *known == name).map_or("", |(_, path)| path);
    settings.paths.platform.get(name).map_or(default, String::as_str)
}

/// The standard endpoints, the platform's, and in the sandbox the super-app's consent sheet.
pub(crate) fn routes(settings: &RealmSettings, audience: &Audience) -> Routes {
    let open_api = path(settings, "open_api");
    let at = |path: &str| format!("{open_api}{path}");
    let routes = standard::routes(settings)
        .speaking(FaultForm(graphql::fault))
        .endpoint(path(settings, "graphql"), Endpoint::Token, graphql::query)
        .speaking(FaultForm(error::fault))
        .endpoint(&at("/api/v1/oauth/auth/token"), Endpoint::Token, rest::v1::token)
        .endpoint(&at("/api/v1/oauth/auth/token/refresh"), Endpoint::Token, rest::v1::refresh)
        .endpoint(&at("/api/v1/oauth/me"), Endpoint::Introspect, rest::v1::me)
        .endpoint(&at("/oauth/auth/token"), Endpoint::Token, rest::current::token)
        .endpoint(&at("/oauth/auth/token/refresh"), Endpoint::Token, rest::current::refresh)
        .endpoint(&at("/oauth/me"), Endpoint::Introspect, rest::current::me)
        .endpoint(path(settings, "auth_code"), Endpoint::Token, auth_code::auth_code)
        .endpoint(path(settings, "profile"), Endpoint::Resource, profile::profile);
    match audience {
        Audience::Production | Audience::Bench => routes,
        Audience::Sandbox(_) => routes.endpoint(sheet::PATH, Endpoint::Page, sheet::sheet),
    }
}
