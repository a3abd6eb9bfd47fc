//! The platform in the sandbox: an app, two shops, and who works in them.

use std::collections::BTreeMap;

use kimbai_core::client::{AuthenticationMethod, GrantType};
use kimbai_core::scope::ScopeDefinition;

use super::{NAME, path, settings};
use crate::dialects::standard::endpoint_url;
use crate::sandbox::demo::{DemoClient, DemoOrganization, DemoUser, Registration, people};

/// What the sandbox registers for the realm at this issuer.
#[must_use]
pub fn registration(issuer: &str) -> Registration {
    let settings = settings("Haravan", issuer, scopes());
    let app = DemoClient {
        client_id: "00112233445566778899aabbccddeeff".into(),
        client_secret: Some("00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff".into()),
        token_endpoint_auth_method: AuthenticationMethod::ClientSecretPost,
        redirect_uris: ["install/login", "install/grandservice"]
            .map(|path| format!("http://localhost:8080/{path}"))
            .to_vec(),
        scopes: scopes().into_iter().map(|scope| scope.name.into()).collect(),
        grant_types: vec![GrantType::AuthorizationCode, GrantType::RefreshToken],
        client_name: "Giao Hàng Nhanh Tay".into(),
        consent: None,
        // The realm has no other client to try introspection with.
        resource_server: true,
    };
    let log_out = [("logout", endpoint_url(&settings, path(&settings, "logout")))];
    let registration = Registration::new(NAME, settings, vec![app]).with_platform(log_out.into());
    Registration { users: users(), organizations: organizations(issuer), ..registration }
}

/// The platform's scopes, and those of its interfaces that the app uses.
fn scopes() -> Vec<ScopeDefinition> {
    let of_interfaces = [
        ("com.read_products", "Xem sản phẩm của cửa hàng", "See the shop's products"),
        ("com.write_products", "Sửa sản phẩm của cửa hàng", "Change the shop's products"),
        ("com.read_orders", "Xem đơn hàng của cửa hàng", "See the shop's orders"),
        ("web.write_script_tags", "Thêm mã vào trang web của cửa hàng", "Add scripts to the shop's web pages"),
    ];
    let of_interfaces = of_interfaces.map(|(name, vi, en)| ScopeDefinition::new(name, vi, en));
    super::scopes().into_iter().chain(of_interfaces).collect()
}

/// The people of every realm, with the platform's identifiers, and what they are in which shop.
fn users() -> Vec<DemoUser> {
    let places = [
        ("an", "200000000001", "Thị Ngọc", BTreeMap::from([("demo-shop", vec!["admin"])])),
        ("binh", "200000000002", "Hòa", BTreeMap::from([("demo-shop", vec![])])),
        ("chi", "200000000003", "Quỳnh", BTreeMap::from([("demo-shop", vec!["admin"]), ("other-shop", vec!["admin"])])),
    ];
    let mut users = people();
    for (username, sub, middle_name, memberships) in places {
        if let Some(user) = users.iter_mut().find(|user| user.username == username) {
            *user = DemoUser { sub, middle_name: Some(middle_name), memberships, ..user.clone() };
        }
    }
    users
}

fn organizations(issuer: &str) -> Vec<DemoOrganization> {
    let port = issuer.rsplit_once(':').map_or("", |(_, port)| port);
    let shop = |label, org_id, name, category| DemoOrganization {
        label,
        org_id,
        name,
        category,
        host: format!("{label}.localhost:{port}"),
    };
    vec![
        shop("demo-shop", "200000001001", "Tiệm Hoa Ngọc Ảnh", "florist"),
        shop("other-shop", "200000001002", "Sách Cũ Quỳnh Chi", "books"),
    ]
}
