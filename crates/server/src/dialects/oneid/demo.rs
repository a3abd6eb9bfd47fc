//! The platform in the sandbox: a partner's native or single-page app, and the same partner's web app.

use kimbai_core::client::{AuthenticationMethod, ConsentPolicy, GrantType, LogInPage};
use kimbai_core::realm::{BearerHeader, RealmSettings};

use super::{NAME, USER_INFO, USER_INFO_PATH, scopes, settings};
use crate::dialects::standard::endpoint_url;
use crate::sandbox::demo::{DemoClient, Registration};

/// What the sandbox registers for the realm at this issuer.
#[must_use]
pub fn registration(issuer: &str) -> Registration {
    let app = DemoClient {
        client_id: "1mg".into(),
        client_secret: None,
        token_endpoint_auth_method: AuthenticationMethod::None,
        redirect_uris: vec!["http://localhost:8080/callback".to_owned()],
        scopes: ["openid", "offline", "offline_access", "profile", "email", "phone", "address", "identity"]
            .map(Into::into)
            .to_vec(),
        grant_types: vec![GrantType::AuthorizationCode, GrantType::RefreshToken],
        client_name: "1MG".into(),
        consent: Some(ConsentPolicy::Remembered),
        resource_server: false,
        partner: None,
    };
    let web = DemoClient {
        client_id: "1mg-web".into(),
        client_secret: Some("demo-oneid-secret-0123456789abcd".into()),
        token_endpoint_auth_method: AuthenticationMethod::ClientSecretPost,
        client_name: "1MG Web".into(),
        consent: None,
        // The realm has no other one to try introspection with, on the operator's listener.
        resource_server: true,
        ..app.clone()
    };
    // The platform's document has the header with this name, and so have programs that were written by it.
    let settings =
        RealmSettings { bearer_header: BearerHeader::AuthenticationToo, ..settings("VinID OneID", issuer, scopes()) };
    let dress = LogInPage {
        background_uri: Some(endpoint_url(&settings, "/assets/demo-background.svg")),
        hotline: Some("1900 6900".to_owned()),
        support_email: Some("hotro@example.vn".to_owned()),
    };
    let user_info = [(USER_INFO, endpoint_url(&settings, USER_INFO_PATH))];
    let registration = Registration::new(NAME, settings, vec![app, web]).with_platform(user_info.into());
    Registration { log_in_page: dress, ..registration }
}
