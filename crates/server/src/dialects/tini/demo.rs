//! The platform in the sandbox: a Tini App, one of the platform's own, and the super-app.

use std::collections::BTreeMap;

use kimbai_core::client::{AuthenticationMethod, ConsentPolicy, GrantType};

use super::{AUTH_CODE_SCOPE, NAME, path, scopes, settings};
use crate::dialects::standard::endpoint_url;
use crate::sandbox::demo::{DemoClient, Registration};

/// What the sandbox registers for the realm at this issuer.
#[must_use]
pub fn registration(issuer: &str) -> Registration {
    let settings = settings("Tiki Tini App", issuer, scopes());
    let app = DemoClient {
        client_id: "RLCKb7Ae9kx4DXtXsCWjnDXtggFnM43W".into(),
        client_secret: Some("EhjGcsUUuRSJTHiYPbW5fxzyaKEx0JuAZIKRQ4HnIfNFidB2kMg6locQbTIEz3Vf".into()),
        token_endpoint_auth_method: AuthenticationMethod::RequestSignature,
        redirect_uris: Vec::new(),
        scopes: ["offline", "user_profile"].map(Into::into).to_vec(),
        grant_types: vec![GrantType::AuthorizationCode, GrantType::RefreshToken],
        client_name: "Vé Xem Phim".into(),
        consent: Some(ConsentPolicy::Always),
        resource_server: false,
        partner: None,
    };
    let internal = DemoClient {
        client_id: "tini-internal".into(),
        client_secret: Some("demo-tini-internal-secret-012345".into()),
        client_name: "Tiki Xu".into(),
        consent: Some(ConsentPolicy::Never),
        ..app.clone()
    };
    let host = DemoClient {
        client_id: "tini-host".into(),
        client_secret: Some("demo-tini-host-secret-0123456789".into()),
        token_endpoint_auth_method: AuthenticationMethod::ClientSecretBasic,
        redirect_uris: vec!["http://localhost:8080/callback".to_owned()],
        scopes: ["offline", "user_profile", AUTH_CODE_SCOPE].map(Into::into).to_vec(),
        client_name: "Super App".into(),
        ..internal.clone()
    };
    let open_api = path(&settings, "open_api").to_owned();
    let url = |path: &str| endpoint_url(&settings, path);
    let platform = BTreeMap::from([
        ("graphql", url(path(&settings, "graphql"))),
        ("open_api_token", url(&format!("{open_api}/oauth/auth/token"))),
        ("open_api_refresh", url(&format!("{open_api}/oauth/auth/token/refresh"))),
        ("open_api_me", url(&format!("{open_api}/oauth/me"))),
        ("auth_code", url(path(&settings, "auth_code"))),
        ("profile", url(path(&settings, "profile"))),
        ("consent", url(super::sheet::PATH)),
    ]);
    Registration::new(NAME, settings, vec![app, internal, host]).with_platform(platform)
}
