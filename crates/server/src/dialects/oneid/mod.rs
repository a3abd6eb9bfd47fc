//! OneID (`vinid.net`): the standard dialect with other data, and the platform's profile resource.
//!
//! Source: the platform's public integration pages for PKCE clients, and Ory Hydra 1.x, which they describe.

pub mod demo;
#[cfg(test)]
mod tests;
mod user_info;

use kimbai_core::realm::{
    EndpointPaths, ErrorForm, IntrospectionListener, Lifetimes, PkcePolicy, RealmSettings, TokenShape,
    TokenTypeSpelling,
};
use kimbai_core::scope::ScopeDefinition;

use super::{FaultForm, Routes, standard};
use crate::metrics::Endpoint;

/// The dialect's name in a realm's settings.
pub const NAME: &str = "oneid";

/// The platform's own path, by its name in the settings, and where the platform has it.
const USER_INFO: &str = "user_info";
const USER_INFO_PATH: &str = "/user-management/user-info";

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
            userinfo: Some("/userinfo".to_owned()),
            end_session: Some("/oauth2/sessions/logout".to_owned()),
            jwks: Some("/.well-known/jwks.json".to_owned()),
            platform: [(USER_INFO.to_owned(), USER_INFO_PATH.to_owned())].into(),
        },
        offline_scope: "offline offline_access".to_owned(),
        lifetimes: Lifetimes {
            code_s: 600,
            access_token_s: 3_600,
            refresh_idle_s: Some(720 * 3_600),
            refresh_absolute_s: 365 * 86_400,
            ..standard.lifetimes
        },
        state_length_min: 8,
        pkce: PkcePolicy::Optional,
        token_type: TokenTypeSpelling::LowerCase,
        error_form: ErrorForm::WithHint,
        token_shape: TokenShape::Halves,
        introspection: IntrospectionListener::Operator,
        ..standard
    }
}

/// The scopes that the platform has.
#[must_use]
pub fn scopes() -> Vec<ScopeDefinition> {
    let offline =
        |name| ScopeDefinition::new(name, "Truy cập cả khi bạn không trực tuyến", "Keep access while you are away");
    vec![
        ScopeDefinition::new("openid", "Biết bạn là ai", "Know who you are"),
        offline("offline"),
        offline("offline_access"),
        ScopeDefinition::new("profile", "Xem tên và hồ sơ của bạn", "See your name and profile"),
        ScopeDefinition::new("email", "Xem địa chỉ thư điện tử của bạn", "See your mail address"),
        ScopeDefinition::new("phone", "Xem số điện thoại của bạn", "See your phone number"),
        ScopeDefinition::new("address", "Xem địa chỉ của bạn", "See your addresses"),
        ScopeDefinition::new("identity", "Xem giấy tờ tùy thân của bạn", "See your identity documents"),
    ]
}

/// The standard endpoints, where the realm's settings put them, and the profile.
pub(crate) fn routes(settings: &RealmSettings) -> Routes {
    let path = settings.paths.platform.get(USER_INFO).map_or(USER_INFO_PATH, String::as_str);
    let elsewhere = FaultForm::STANDARD;
    let routes = standard::routes(settings).speaking(FaultForm(user_info::fault));
    routes.endpoint(path, Endpoint::Resource, user_info::user_info).speaking(elsewhere)
}
