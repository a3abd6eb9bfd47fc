//! The platform in the sandbox: two partners with a client and a person each, and a resource server that may introspect.

use std::collections::BTreeMap;

use kimbai_core::client::{AuthenticationMethod, GrantType};
use kimbai_core::realm::{FailureLimits, PartnerSettings, RealmSettings};
use kimbai_engine::DEMO_KEYS;
use kimbai_keyring::CipherKey;

use super::{NAME, PARTNERS, path, settings};
use crate::dialects::standard::endpoint_url;
use crate::sandbox::demo::{DemoClient, DemoPartner, DemoUser, Registration};

/// What the sandbox registers for the realm at this issuer.
#[must_use]
pub fn registration(issuer: &str) -> Registration {
    // As with rate limits: tests fail as often as they like.
    let partners = Some(PartnerSettings { failure_limits: FailureLimits::Off, ..PARTNERS });
    let settings = RealmSettings { partners, ..settings("TCONNECT", issuer) };
    let [demo_key, other_key] = DEMO_KEYS.map(|key| CipherKey::new(key).to_hex().to_string());
    let demo = DemoClient {
        client_id: "fMLgZltRRtetnsOHXgxsHQ".into(),
        client_secret: Some("hUFhGJIqz746zcxsYVtrwhkveDuEfcYd".into()),
        token_endpoint_auth_method: AuthenticationMethod::PartnerEnvelope,
        redirect_uris: Vec::new(),
        scopes: Vec::new(),
        grant_types: vec![GrantType::Password, GrantType::RefreshToken],
        client_name: "Demo Partner".into(),
        consent: None,
        resource_server: false,
        partner: Some(DemoPartner::new("DEMO", demo_key)),
    };
    let other = DemoClient {
        client_id: "T3RoZXJQYXJ0bmVyMDAwMQ".into(),
        client_secret: Some("0therPartnerSecret0123456789abcd".into()),
        client_name: "Other Partner".into(),
        partner: Some(DemoPartner::new("OTHER", other_key)),
        ..demo.clone()
    };
    let resource_server = DemoClient {
        client_id: "tconnect-api".into(),
        client_secret: Some("demo-tconnect-api-secret-0123456".into()),
        token_endpoint_auth_method: AuthenticationMethod::ClientSecretBasic,
        grant_types: Vec::new(),
        client_name: "Open API".into(),
        resource_server: true,
        partner: None,
        ..demo.clone()
    };
    let url = |name| endpoint_url(&settings, path(&settings, name));
    let mut platform = BTreeMap::from([("login", url("log_in")), ("refresh", url("refresh")), ("qr", url("qr"))]);
    platform.extend(settings.paths.jwks.as_ref().map(|path| ("jwks", endpoint_url(&settings, path))));
    Registration::new(NAME, settings, vec![demo, other, resource_server]).with_platform(platform).with_people(people())
}

/// The two that log in here, beside the people of every realm.
fn people() -> Vec<DemoUser> {
    let demo = DemoUser {
        username: "demo@yourdomain.vn",
        password: "Password#123",
        name: "Lê Minh Khôi",
        email: "demo@yourdomain.vn",
        sub: "101",
        gender: "male",
        birthdate: "1992-04-30",
        middle_name: None,
        memberships: BTreeMap::new(),
    };
    let other = DemoUser {
        username: "other@yourdomain.vn",
        password: "Password#456",
        name: "Phạm Thùy Dung",
        email: "other@yourdomain.vn",
        sub: "102",
        gender: "female",
        birthdate: "1994-11-20",
        middle_name: None,
        memberships: BTreeMap::new(),
    };
    vec![demo, other]
}
