//! The platform in the sandbox: an app, two shops, and who works in them.

use std::collections::BTreeMap;

use kimbai_core::client::{AuthenticationMethod, GrantType};
use kimbai_core::realm::RealmSettings;
use kimbai_core::scope::ScopeDefinition;

use super::{NAME, path, settings};
use crate::dialects::standard::endpoint_url;
use crate::sandbox::demo::{DemoClient, DemoLegacyToken, DemoOrganization, DemoUser, Registration, people};

const CLIENT_ID: &str = "00112233445566778899aabbccddeeff";
/// Every name below it is this machine's (RFC 6761 section 6.3).
const HOST_SUFFIX: &str = ".localhost";

/// What the sandbox registers for the realm at this issuer.
#[must_use]
pub fn registration(issuer: &str) -> Registration {
    let settings = settings("Haravan", issuer, scopes());
    let app = DemoClient {
        client_id: CLIENT_ID.into(),
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
    let platform =
        ["logout", "token_exchange", "shop"].map(|name| (name, endpoint_url(&settings, path(&settings, name))));
    let settings = RealmSettings { host_suffix: Some(HOST_SUFFIX.to_owned()), ..settings };
    let registration = Registration::new(NAME, settings, vec![app]).with_platform(platform.into());
    let legacy_tokens = legacy_tokens();
    Registration { users: users(), organizations: organizations(issuer), legacy_tokens, ..registration }
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
        host: format!("{label}{HOST_SUFFIX}:{port}"),
    };
    vec![
        shop("demo-shop", "200000001001", "Tiệm Hoa Ngọc Ảnh", "florist"),
        shop("other-shop", "200000001002", "Sách Cũ Quỳnh Chi", "books"),
    ]
}

/// One token of the older system a shop, each as long as the platform's own: 388 bytes in base64url.
fn legacy_tokens() -> Vec<DemoLegacyToken> {
    let of = |organization, username, token| DemoLegacyToken { organization, client_id: CLIENT_ID, username, token };
    vec![of("demo-shop", "an", DEMO_SHOP_TOKEN), of("other-shop", "chi", OTHER_SHOP_TOKEN)]
}

/// Random, published, and the same at every start.
const DEMO_SHOP_TOKEN: &str = concat!(
    "WY-yKqwlAlxSubNXVLrJs7A7fdEn8CinTC92a70Bs9wMb2RZQ4a9v8Te692HCnB87_HK9uw7_7kmyDzsr58xXJ1ihwPJv_SdoA_z",
    "RdNB83H7M7Agwpt-gAwUeFftOvX8nJofhf0nF5weZxpuFhJmxnRvVVSYl4tYKTrziqBr5XdghNg1dgdafZdypY1oxL8dDkd63L2P",
    "xCS1cqKDlxkp3e4Qie2j2T4mvlk_6UoI-b15NdiTNKU4yJUbtgOFlf979GO0yZT_9rPgX3SrnphqaJTlqwF0TDwJ6q9kgpPGIedp",
    "SgHqSDPJGKBZ9qy3emYh1I-DlXnFA9JKoeDTX_UQHQjNgFeqFM43hBrlWDwtquzSmVxEBRilnvRp56ZJ0ecDB1oTvaHH33N8AFW4",
    "zg98FfF3BCothO2bdST7TOYgOlaW__i9cU_vityJi-cJ7Jovfvt7-fwaaJoJmNHrrHtwA6lDTCoxH5ZsF8ZBDGHUn4HMzNtVDZ88",
    "E2TwqTlMCD1_nXLQWA",
);

/// Another one.
const OTHER_SHOP_TOKEN: &str = concat!(
    "bBD5tRvOljMK7b2ZpHmfBMl-zrEEwzmpPMRChfJZRT5Lih2Quq6Ntun2jjya-ZUoKuprZQ9Kaca4otf0qZ3T168dbhBZEz_ipFzR",
    "h3-470J0MMQdicK_n8o8gLW3zz6pzLdvW45qIz4dbFxwQtbvtf2IsxiTBaf2RcBaQv57-_yHdgkObh3DUZy2Dr7OJdw8wJwivRgt",
    "dluErnlZUAiGI-6dsK-LzIMU2xU8wkDDoNPQ2KjTK9eUHE91n4yRlaSxqpL3-qrLAijUVXmi3TKJoDRB_wXUfQHao1RCJ87gRwn8",
    "PGUgPh3xgcs-vNXq-LxEA8goRZWhOOT0428JLAci9KOx-6lO_DgmmuMSMFSUWi4-vFjRrIj9L34q5EqnRKp424DjKc8yAwYdzZrj",
    "hpsxVUd3gsrtXxiauNmJyVUBCim-JyE39qT2Vi6a14ecCzefgwA87hxUQkZvPUN2TcaBotm0mlqGof5oDXzkcXRTjlHZvHQDvvza",
    "5emkc5Zt8A6qQC0w1Q",
);
