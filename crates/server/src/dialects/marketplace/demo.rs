//! The platform in the sandbox: a public app that serves many sellers, and an in-house app.

use kimbai_core::client::{AuthenticationMethod, GrantType};
use kimbai_core::scope::ScopeDefinition;

use super::{NAME, settings};
use crate::sandbox::demo::{DemoClient, Registration};

/// What the sandbox registers for the realm at this issuer.
#[must_use]
pub fn registration(issuer: &str) -> Registration {
    let scopes = vec![
        ScopeDefinition::new("offline", "Truy cập cả khi bạn không trực tuyến", "Keep access while you are away"),
        ScopeDefinition::new("product", "Xem và cập nhật sản phẩm của bạn", "See and update your products"),
        ScopeDefinition::new("order", "Xem và xử lý đơn hàng của bạn", "See and process your orders"),
        ScopeDefinition::new("inventory", "Xem kho hàng của bạn", "See your warehouses"),
        ScopeDefinition::new(
            "multichannel",
            "Đồng bộ với các kênh bán hàng khác",
            "Synchronise with your other sales channels",
        ),
        ScopeDefinition::new("all", "Thông tin cơ bản về sản phẩm và đơn hàng", "Basic access to products and orders"),
    ];
    let public_app = DemoClient {
        client_id: "7590139168389961".into(),
        client_secret: Some("tfSl0c6VFv3fAB_z9F-m22IhEnmwq6ew".into()),
        token_endpoint_auth_method: AuthenticationMethod::ClientSecretBasic,
        redirect_uris: vec![
            "https://example.com/tiki/callback".to_owned(),
            "http://localhost:8080/callback".to_owned(),
        ],
        scopes: ["offline", "product", "order", "inventory"].map(Into::into).to_vec(),
        grant_types: vec![GrantType::AuthorizationCode, GrantType::RefreshToken],
        client_name: "Sổ Bán Hàng".into(),
        consent: None,
        resource_server: false,
        partner: None,
    };
    let in_house_app = DemoClient {
        client_id: "3750000000000017".into(),
        client_secret: Some("demo-inhouse-secret-0123456789ab".into()),
        token_endpoint_auth_method: AuthenticationMethod::ClientSecretPost,
        redirect_uris: Vec::new(),
        scopes: ["product", "order", "inventory"].map(Into::into).to_vec(),
        grant_types: vec![GrantType::ClientCredentials],
        client_name: "Kho Nội Bộ".into(),
        consent: None,
        // The realm has no other resource server to try introspection with.
        resource_server: true,
        partner: None,
    };
    Registration::new(NAME, settings("Tiki Marketplace", issuer, scopes), vec![public_app, in_house_app])
}
