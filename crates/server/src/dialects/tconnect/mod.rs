//! TCONNECT: partners log people in and refresh their tokens by JSON in encrypted envelopes.
//!
//! Translates and decides nothing: how long failures take, how often partners may fail and how many grants they have are settings.
//! All that can be wrong with an envelope is one answer, see `wall.rs`. Source: the platform's public documents 1.1.0 to 1.2.0, and
//! what one public client of it sends.

pub mod demo;
mod error;
mod log_in;
mod mistake;
mod qr;
mod refresh;
mod request;
mod response;
#[cfg(test)]
mod tests;
mod wall;

use kimbai_core::realm::{
    EndpointPaths, FailureLimits, IntrospectionListener, Lifetimes, PartnerSettings, RealmSettings, RefreshTokenFormat,
};
use kimbai_core::signing::{SigningAlgorithm, SigningSettings};

use super::{FaultForm, Routes, standard};
use crate::metrics::Endpoint;

/// The dialect's name in a realm's settings.
pub const NAME: &str = "tconnect";

/// The platform's paths by their names in the settings, with its own values.
const PATHS: [(&str, &str); 3] =
    [("log_in", "/openapi/v1/auth/login"), ("refresh", "/openapi/v1/auth/refresh"), ("qr", "/openapi/v1/qr")];

/// What the platform's documents are silent about: a failed log-in takes as long as a slow hash on a busy machine, other failures as
/// long as a slow flush of the store.
const PARTNERS: PartnerSettings = PartnerSettings {
    grants_max: 50,
    live_grants_max: 1_000,
    failed_log_in_answer_ms: 250,
    failed_refresh_answer_ms: 25,
    failure_limits: FailureLimits::On,
};

/// The settings of a realm that speaks this dialect, with the platform's values.
#[must_use]
pub fn settings(display_name: &str, issuer: &str) -> RealmSettings {
    let standard = standard::settings(display_name, issuer, Vec::new());
    RealmSettings {
        dialect: NAME.to_owned(),
        paths: EndpointPaths {
            authorize: String::new(),
            token: String::new(),
            revoke: String::new(),
            introspect: "/introspect".to_owned(),
            userinfo: None,
            end_session: None,
            jwks: Some("/.well-known/jwks.json".to_owned()),
            platform: PATHS.map(|(name, path)| (name.to_owned(), path.to_owned())).into(),
        },
        offline_scope: String::new(),
        lifetimes: Lifetimes { access_token_s: 36_000, ..standard.lifetimes },
        introspection: IntrospectionListener::Operator,
        signing: SigningSettings { algorithms: vec![SigningAlgorithm::Rs256], ..standard.signing },
        refresh_token_format: RefreshTokenFormat::Jwt,
        partners: Some(PARTNERS),
        ..standard
    }
}

/// A path of the platform, as the realm's settings have it.
fn path<'a>(settings: &'a RealmSettings, name: &str) -> &'a str {
    let default = PATHS.iter().find(|(known, _)| *known == name).map_or("", |(_, path)| path);
    settings.paths.platform.get(name).map_or(default, String::as_str)
}

/// The platform's endpoints, and the keys by which its resources verify access tokens.
pub(crate) fn routes(settings: &RealmSettings) -> Routes {
    let elsewhere = FaultForm(error::fault);
    let routes = Routes::new(elsewhere)
        .endpoint(path(settings, "log_in"), Endpoint::Token, log_in::log_in)
        .endpoint(path(settings, "refresh"), Endpoint::Token, refresh::refresh)
        .endpoint(path(settings, "qr"), Endpoint::Resource, qr::qr);
    match &settings.paths.jwks {
        Some(path) => routes.endpoint(path, Endpoint::Metadata, standard::jwk_set).speaking(elsewhere),
        None => routes,
    }
}
