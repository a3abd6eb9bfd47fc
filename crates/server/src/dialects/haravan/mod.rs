//! Haravan: an accounts server in the manner of `IdentityServer4`, whose people act for shops.
//!
//! Translates and decides nothing: it is the standard dialect with other data. Sources: the platform's public documentation of its
//! Omni APIs, its SDKs, and `IdentityServer4`, whose paths and answers they show.

pub mod demo;
mod error;
mod shop;
#[cfg(test)]
mod tests;
mod token_exchange;

use std::num::NonZeroU32;

use kimbai_core::authorize::ResponseType;
use kimbai_core::exchange::{ExchangeErrors, ExchangeSettings, LegacyTokens};
use kimbai_core::organization::{MembershipSettings, ServiceSettings, SingleRole};
use kimbai_core::realm::{
    AuthorizationResponseForm, ConsentForm, EndpointPaths, ErrorForm, IdTokenClaims, Lifetimes, PkcePolicy, RateLimits,
    RealmSettings, TokenShape,
};
use kimbai_core::scope::ScopeDefinition;
use kimbai_core::signing::{SigningAlgorithm, SigningSettings};

use super::{FaultForm, Reach, Routes, standard};
use crate::interaction;
use crate::metrics::Endpoint;

/// The dialect's name in a realm's settings.
pub const NAME: &str = "haravan";

/// The scope of what an app does for a shop by itself, and the role that may allow it.
const SERVICE_SCOPE: &str = "grant_service";
const SERVICE_ROLE: &str = "admin";
/// As long as the platform's services live: "never", in signed 32-bit seconds.
const SERVICE_LIFETIME_S: u32 = i32::MAX.cast_unsigned();

/// The platform's own paths by their names in the settings, with its values.
const PATHS: [(&str, &str); 3] =
    [("logout", "/account/logout"), ("token_exchange", "/admin/token_exchange.json"), ("shop", "/com/shop.json")];

/// What shops' hosts end in.
const HOST_SUFFIX: &str = ".myharavan.com";
/// The scopes that the platform demands of every exchange.
const EXCHANGE_SCOPES: &str = "openid profile email org userinfo grant_service";
/// How long the answer to an exchange may be asked for again, in seconds: a week.
const EXCHANGE_RETRY_S: u32 = 7 * 86_400;
/// So many requests a minute from one source; a script that exchanges the tokens of a thousand shops takes two minutes.
const SOURCE_PER_MINUTE: u32 = 600;

/// The settings of a realm that speaks this dialect, with the platform's values.
#[must_use]
pub fn settings(display_name: &str, issuer: &str, scopes: Vec<ScopeDefinition>) -> RealmSettings {
    let standard = standard::settings(display_name, issuer, scopes);
    RealmSettings {
        dialect: NAME.to_owned(),
        paths: EndpointPaths {
            authorize: "/connect/authorize".to_owned(),
            token: "/connect/token".to_owned(),
            revoke: "/connect/revocation".to_owned(),
            introspect: "/connect/introspect".to_owned(),
            userinfo: Some("/connect/userinfo".to_owned()),
            end_session: Some("/connect/endsession".to_owned()),
            jwks: Some("/.well-known/openid-configuration/jwks".to_owned()),
            platform: PATHS.map(|(name, path)| (name.to_owned(), path.to_owned())).into(),
        },
        // A person's token is not refreshed; a service's end is in `service`.
        lifetimes: Lifetimes { code_s: 300, access_token_s: 86_400, refresh_idle_s: None, ..standard.lifetimes },
        pkce: PkcePolicy::Optional,
        error_form: ErrorForm::OnlyBadRequest,
        token_shape: TokenShape::Hex,
        consent_form: ConsentForm::Full,
        signing: SigningSettings { algorithms: vec![SigningAlgorithm::Rs256], ..SigningSettings::default() },
        response_types: vec![ResponseType::Code, ResponseType::CodeIdToken],
        membership: Some(MembershipSettings { scope: "org".to_owned(), single_role: SingleRole::List }),
        service: Some(ServiceSettings {
            scope: SERVICE_SCOPE.to_owned(),
            role: SERVICE_ROLE.to_owned(),
            access_token_s: SERVICE_LIFETIME_S,
            refresh_absolute_s: SERVICE_LIFETIME_S,
        }),
        // The platform's own instructions have clients decode the ID token and look for the role in it.
        id_token_claims: IdTokenClaims::OfScopes,
        authorization_response: AuthorizationResponseForm::WithSessionState,
        rate_limits: rate_limits(standard.rate_limits),
        host_suffix: Some(HOST_SUFFIX.to_owned()),
        exchange: Some(ExchangeSettings {
            mandatory_scopes: EXCHANGE_SCOPES.to_owned(),
            retry_s: EXCHANGE_RETRY_S,
            // Calls, webhooks and scripts move over one by one: both tokens are needed in between.
            legacy_tokens: LegacyTokens::Keep,
            errors: ExchangeErrors::Json,
        }),
        ..standard
    }
}

fn rate_limits(standard: Option<RateLimits>) -> Option<RateLimits> {
    let (standard, source_per_minute) = (standard?, NonZeroU32::new(SOURCE_PER_MINUTE)?);
    Some(RateLimits { source_per_minute, ..standard })
}

/// The scopes that every app of the platform may have.
#[must_use]
pub fn scopes() -> Vec<ScopeDefinition> {
    vec![
        ScopeDefinition::new("openid", "Biết bạn là ai", "Know who you are"),
        ScopeDefinition::new("profile", "Xem tên và hồ sơ của bạn", "See your name and profile"),
        ScopeDefinition::new("email", "Xem địa chỉ thư điện tử của bạn", "See your mail address"),
        ScopeDefinition::new("org", "Biết cửa hàng và vai trò của bạn ở đó", "See your shop and your role there"),
        ScopeDefinition::new("userinfo", "Xem thông tin tài khoản của bạn", "See your account details"),
        ScopeDefinition::new(
            SERVICE_SCOPE,
            "Được cài đặt vào cửa hàng và làm việc lâu dài cho cửa hàng",
            "Be installed in the shop and keep working for it",
        ),
        ScopeDefinition::new(
            "wh_api",
            "Nhận thông báo khi dữ liệu cửa hàng thay đổi",
            "Be told when the shop's data change",
        ),
        ScopeDefinition::new(
            "offline_access",
            "Truy cập cả khi bạn không trực tuyến",
            "Keep access while you are away",
        ),
    ]
}

/// A path of the platform, as the realm's settings have it.
fn path<'a>(settings: &'a RealmSettings, name: &str) -> &'a str {
    let default = PATHS.iter().find(|(known, _)| *known == name).map_or("", |(_, path)| path);
    settings.paths.platform.get(name).map_or(default, String::as_str)
}

/// The standard endpoints, where the realm's settings put them, and the second place to log out at; at the hosts of shops too the
/// exchange and a sample of the platform's interfaces.
pub(crate) fn routes(settings: &RealmSettings) -> Routes {
    let routes = standard::routes(settings).speaking(FaultForm::STANDARD);
    let routes = routes.endpoint(path(settings, "logout"), Endpoint::Page, interaction::log_out);
    let Some(exchange) = &settings.exchange else { return routes };
    let faults = FaultForm(match exchange.errors {
        ExchangeErrors::Json => error::json_fault,
        ExchangeErrors::Text => error::text_fault,
    });
    routes
        .reaching(Reach::OrganizationsToo)
        .speaking(faults)
        .endpoint(path(settings, "token_exchange"), Endpoint::Token, token_exchange::token_exchange)
        .endpoint(path(settings, "shop"), Endpoint::Resource, shop::shop)
        .reaching(Reach::Realm)
}
