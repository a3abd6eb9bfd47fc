//! Tiki Marketplace (`open.tiki.vn`): the standard dialect with other data, and a sample of its seller API.
//!
//! Source: the platform's public documentation of its OAuth 2.0 flows, and what its integrations send.

pub mod demo;
mod seller;
#[cfg(test)]
mod tests;

use kimbai_core::realm::{
    ConsentForm, EndpointPaths, ErrorForm, Lifetimes, PkcePolicy, RealmSettings, TokenShape, TokenTypeSpelling,
};
use kimbai_core::scope::ScopeDefinition;

use super::{Routes, standard};
use crate::metrics::Endpoint;

/// The dialect's name in a realm's settings.
pub const NAME: &str = "marketplace";

/// The settings of a realm that speaks this dialect, with the platform's values.
#[must_use]
pub fn settings(display_name: &str, issuer: &str, scopes: Vec<ScopeDefinition>) -> RealmSettings {
    let standard = standard::settings(display_name, issuer, scopes);
    RealmSettings {
        dialect: NAME.to_owned(),
        paths: EndpointPaths {
            authorize: "/sc/oauth2/auth".to_owned(),
            token: "/sc/oauth2/token".to_owned(),
            revoke: "/sc/oauth2/revoke".to_owned(),
            introspect: "/sc/oauth2/introspect".to_owned(),
            userinfo: None,
            end_session: None,
            jwks: None,
            ..standard.paths
        },
        offline_scope: "offline".to_owned(),
        lifetimes: Lifetimes { code_s: 600, ..standard.lifetimes },
        state_length_min: 8,
        pkce: PkcePolicy::Optional,
        token_type: TokenTypeSpelling::LowerCase,
        error_form: ErrorForm::WithHint,
        token_shape: TokenShape::Halves,
        consent_form: ConsentForm::Full,
        ..standard
    }
}

/// The standard endpoints, where the realm's settings put them, and the sample resource.
pub(crate) fn routes(settings: &RealmSettings) -> Routes {
    standard::routes(settings).endpoint("/integration/v2/sellers/me", Endpoint::Resource, seller::me)
}
