//! The realms that can be driven: what the bench must know of each beyond the registration that a server hands out,
//! and, for `--url`, the demo registrations themselves as the sandbox's contract fixes them.

use anyhow::bail;

/// What a realm needs from its driver.
#[derive(Debug)]
pub(super) struct Realm {
    pub(super) name: &'static str,
    /// Asked for in every authorization; holds the one that brings a refresh token.
    pub(super) scopes: &'static [&'static str],
    pub(super) proof_key: ProofKey,
    /// Whether `client_id` stands in the body beside a Basic header.
    pub(super) client_id_beside_basic: bool,
    /// The app that signs its requests, in a realm where apps do.
    pub(super) signing: Option<DemoClient>,
    pub(super) demo: Demo,
}

/// Whether PKCE is used (RFC 7636).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ProofKey {
    S256,
    None,
}

/// Paths and registrations of the sandbox.
#[derive(Debug)]
pub(super) struct Demo {
    pub(super) authorize: &'static str,
    pub(super) token: &'static str,
    pub(super) introspect: &'static str,
    pub(super) app: DemoClient,
    pub(super) service: DemoClient,
    pub(super) redirect_uri: &'static str,
}

/// A registered client of the sandbox; its secret is published with it.
#[derive(Debug)]
pub(super) struct DemoClient {
    pub(super) client_id: &'static str,
    pub(super) client_secret: &'static str,
    pub(super) token_endpoint_auth_method: &'static str,
}

pub(super) const DEMO_USERNAME: &str = "an";
pub(super) const DEMO_PASSWORD: &str = "kimbai-demo";

/// The realm of a name.
///
/// # Errors
/// Names the known ones.
pub(super) fn find(name: &str) -> anyhow::Result<&'static Realm> {
    let Some(realm) = REALMS.iter().find(|realm| realm.name == name) else {
        let known: Vec<&str> = REALMS.iter().map(|realm| realm.name).collect();
        bail!("unknown realm `{name}`: the bench knows {}", known.join(", "));
    };
    Ok(realm)
}

const TINI_HOST: DemoClient = DemoClient {
    client_id: "tini-host",
    client_secret: "demo-tini-host-secret-0123456789",
    token_endpoint_auth_method: "client_secret_basic",
};

static REALMS: [Realm; 3] = [
    Realm {
        name: "standard",
        scopes: &["orders.read", "orders.write", "offline_access"],
        proof_key: ProofKey::S256,
        client_id_beside_basic: false,
        signing: None,
        demo: Demo {
            authorize: "authorize",
            token: "token",
            introspect: "introspect",
            app: DemoClient {
                client_id: "demo-web",
                client_secret: "demo-web-secret-0123456789abcdef",
                token_endpoint_auth_method: "client_secret_basic",
            },
            service: DemoClient {
                client_id: "demo-service",
                client_secret: "demo-service-secret-0123456789ab",
                token_endpoint_auth_method: "client_secret_basic",
            },
            redirect_uri: "http://localhost:8080/callback",
        },
    },
    Realm {
        name: "marketplace",
        scopes: &["offline", "product", "order", "inventory"],
        proof_key: ProofKey::None,
        client_id_beside_basic: true,
        signing: None,
        demo: Demo {
            authorize: "sc/oauth2/auth",
            token: "sc/oauth2/token",
            introspect: "sc/oauth2/introspect",
            app: DemoClient {
                client_id: "7590139168389961",
                client_secret: "tfSl0c6VFv3fAB_z9F-m22IhEnmwq6ew",
                token_endpoint_auth_method: "client_secret_basic",
            },
            service: DemoClient {
                client_id: "3750000000000017",
                client_secret: "demo-inhouse-secret-0123456789ab",
                token_endpoint_auth_method: "client_secret_post",
            },
            redirect_uri: "https://example.com/tiki/callback",
        },
    },
    Realm {
        name: "tini",
        scopes: &["offline", "user_profile"],
        proof_key: ProofKey::None,
        client_id_beside_basic: false,
        signing: Some(DemoClient {
            client_id: "RLCKb7Ae9kx4DXtXsCWjnDXtggFnM43W",
            client_secret: "EhjGcsUUuRSJTHiYPbW5fxzyaKEx0JuAZIKRQ4HnIfNFidB2kMg6locQbTIEz3Vf",
            token_endpoint_auth_method: "request_signature",
        }),
        demo: Demo {
            authorize: "oauth2/auth",
            token: "oauth2/token",
            introspect: "oauth2/introspect",
            app: TINI_HOST,
            service: TINI_HOST,
            redirect_uri: "http://localhost:8080/callback",
        },
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_realm_is_refused_with_the_known_ones() {
        assert_eq!(find("marketplace").unwrap().name, "marketplace");
        assert_eq!(
            find("haravan").unwrap_err().to_string(),
            "unknown realm `haravan`: the bench knows standard, marketplace, tini"
        );
    }
}
