//! The standard realm in the sandbox: a web app, a single-page app, and a service.

use kimbai_core::client::{AuthenticationMethod, ConsentPolicy, GrantType};
use kimbai_core::scope::ScopeDefinition;

use super::{NAME, openid_scopes, settings};
use crate::sandbox::demo::{DemoClient, Registration};

const CALLBACK: &str = "http://localhost:8080/callback";

/// What the sandbox registers for the realm at this issuer.
#[must_use]
pub fn registration(issuer: &str) -> Registration {
    let beside = [
        ScopeDefinition::new(
            "offline_access",
            "Truy cập cả khi bạn không trực tuyến",
            "Keep access while you are away",
        ),
        ScopeDefinition::new("orders.read", "Xem đơn hàng của bạn", "See your orders"),
        ScopeDefinition::new("orders.write", "Đặt và sửa đơn hàng thay bạn", "Place and change orders for you"),
    ];
    let scopes = openid_scopes().into_iter().chain(beside).collect();
    let all = ["openid", "profile", "email", "phone", "address", "offline_access", "orders.read", "orders.write"]
        .map(Into::into)
        .to_vec();
    let code_and_refresh = vec![GrantType::AuthorizationCode, GrantType::RefreshToken];
    let web = DemoClient {
        client_id: "demo-web".into(),
        client_secret: Some("demo-web-secret-0123456789abcdef".into()),
        token_endpoint_auth_method: AuthenticationMethod::ClientSecretBasic,
        redirect_uris: vec![CALLBACK.to_owned()],
        scopes: all,
        grant_types: code_and_refresh.clone(),
        client_name: "Demo Web".into(),
        consent: None,
        resource_server: false,
        partner: None,
    };
    let single_page = DemoClient {
        client_id: "demo-spa".into(),
        client_secret: None,
        token_endpoint_auth_method: AuthenticationMethod::None,
        client_name: "Demo SPA".into(),
        consent: Some(ConsentPolicy::Remembered),
        ..web.clone()
    };
    let service = DemoClient {
        client_id: "demo-service".into(),
        client_secret: Some("demo-service-secret-0123456789ab".into()),
        redirect_uris: Vec::new(),
        scopes: ["orders.read", "orders.write"].map(Into::into).to_vec(),
        grant_types: vec![GrantType::ClientCredentials],
        client_name: "Demo Service".into(),
        resource_server: true,
        ..web.clone()
    };
    Registration::new(NAME, settings("Kimbai", issuer, scopes), vec![web, single_page, service])
}
