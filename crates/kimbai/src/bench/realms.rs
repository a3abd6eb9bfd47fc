//! The realms that can be driven: what the bench must know of each beyond the registration that a server hands out,
//! and, for `--url`, the demo registrations themselves as the sandbox's contract fixes them.

use anyhow::bail;

use super::exchange::ExchangePaths;
use super::openid::OpenIdPaths;

/// A realm, and how its apps ask.
#[derive(Debug)]
pub(super) struct Realm {
    pub(super) name: &'static str,
    pub(super) apps: Apps,
}

/// How the apps of a realm ask.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "there are five of them, all static")]
pub(super) enum Apps {
    /// By codes and forms, or by requests that they sign.
    OAuth(OAuthApps),
    /// By envelopes.
    Partners(DemoPartner),
}

/// What a realm of OAuth needs from its driver.
#[derive(Debug)]
pub(super) struct OAuthApps {
    /// Asked for in every authorization; holds the one that brings a refresh token.
    pub(super) scopes: &'static [&'static str],
    pub(super) proof_key: ProofKey,
    /// Whether `client_id` stands in the body beside a Basic header.
    pub(super) client_id_beside_basic: bool,
    /// The app that signs its requests, in a realm where apps do.
    pub(super) signing: Option<DemoClient>,
    /// Where legacy tokens are exchanged, in a realm that does.
    pub(super) exchange: Option<ExchangePaths>,
    /// Where an OpenID provider is asked.
    pub(super) openid: Option<OpenIdPaths>,
    pub(super) demo: Demo,
}

/// Whether PKCE is used (RFC 7636).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ProofKey {
    S256,
    None,
}

/// A partner of the sandbox, and the person whom it logs in; all of it is published.
#[derive(Debug)]
pub(super) struct DemoPartner {
    pub(super) partner_code: &'static str,
    /// The key of its envelopes in hex digits.
    pub(super) key: &'static str,
    pub(super) client: DemoClient,
    pub(super) username: &'static str,
    pub(super) password: &'static str,
}

impl Realm {
    /// Of its apps, if they are those of OAuth.
    pub(super) const fn oauth(&self) -> Option<&OAuthApps> {
        match &self.apps {
            Apps::OAuth(apps) => Some(apps),
            Apps::Partners(_) => None,
        }
    }

    /// Whether it has all that the standard one has, but for `OpenID` Connect.
    pub(super) fn is_whole(&self) -> bool {
        self.oauth().is_some_and(|apps| apps.signing.is_none() && apps.exchange.is_none())
    }

    /// Whether its apps send forms.
    pub(super) fn takes_forms(&self) -> bool {
        self.oauth().is_some_and(|apps| apps.signing.is_none())
    }
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
pub(super) const DEMO_SUBJECT: &str = "1";

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

const HARAVAN_APP: DemoClient = DemoClient {
    client_id: "00112233445566778899aabbccddeeff",
    client_secret: "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff",
    token_endpoint_auth_method: "client_secret_post",
};

const TINI_HOST: DemoClient = DemoClient {
    client_id: "tini-host",
    client_secret: "demo-tini-host-secret-0123456789",
    token_endpoint_auth_method: "client_secret_basic",
};

static REALMS: [Realm; 5] = [
    Realm {
        name: "standard",
        apps: Apps::OAuth(OAuthApps {
            scopes: &["orders.read", "orders.write", "offline_access"],
            proof_key: ProofKey::S256,
            client_id_beside_basic: false,
            signing: None,
            exchange: None,
            openid: Some(OpenIdPaths {
                discovery: ".well-known/openid-configuration",
                jwks: "jwks",
                userinfo: "userinfo",
            }),
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
        }),
    },
    Realm {
        name: "marketplace",
        apps: Apps::OAuth(OAuthApps {
            scopes: &["offline", "product", "order", "inventory"],
            proof_key: ProofKey::None,
            client_id_beside_basic: true,
            signing: None,
            exchange: None,
            openid: None,
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
        }),
    },
    Realm {
        name: "tini",
        apps: Apps::OAuth(OAuthApps {
            scopes: &["offline", "user_profile"],
            proof_key: ProofKey::None,
            client_id_beside_basic: false,
            signing: Some(DemoClient {
                client_id: "RLCKb7Ae9kx4DXtXsCWjnDXtggFnM43W",
                client_secret: "EhjGcsUUuRSJTHiYPbW5fxzyaKEx0JuAZIKRQ4HnIfNFidB2kMg6locQbTIEz3Vf",
                token_endpoint_auth_method: "request_signature",
            }),
            exchange: None,
            openid: None,
            demo: Demo {
                authorize: "oauth2/auth",
                token: "oauth2/token",
                introspect: "oauth2/introspect",
                app: TINI_HOST,
                service: TINI_HOST,
                redirect_uri: "http://localhost:8080/callback",
            },
        }),
    },
    Realm {
        name: "tconnect",
        apps: Apps::Partners(DemoPartner {
            partner_code: "DEMO",
            key: "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
            client: DemoClient {
                client_id: "fMLgZltRRtetnsOHXgxsHQ",
                client_secret: "hUFhGJIqz746zcxsYVtrwhkveDuEfcYd",
                token_endpoint_auth_method: "partner_envelope",
            },
            username: "demo@yourdomain.vn",
            password: "Password#123",
        }),
    },
    Realm {
        name: "haravan",
        apps: Apps::OAuth(OAuthApps {
            // Without `openid`: its ID tokens would be measured, not these tokens.
            scopes: &["grant_service", "offline_access", "com.write_products"],
            proof_key: ProofKey::None,
            client_id_beside_basic: false,
            signing: None,
            exchange: Some(ExchangePaths {
                exchange: "admin/token_exchange.json",
                resource: "com/shop.json",
                scopes: &[
                    "openid",
                    "profile",
                    "email",
                    "org",
                    "userinfo",
                    "grant_service",
                    "offline_access",
                    "com.write_products",
                ],
            }),
            openid: None,
            demo: Demo {
                authorize: "connect/authorize",
                token: "connect/token",
                introspect: "connect/introspect",
                app: HARAVAN_APP,
                service: HARAVAN_APP,
                redirect_uri: "http://localhost:8080/install/login",
            },
        }),
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_realm_is_refused_with_the_known_ones() {
        assert_eq!(find("marketplace").unwrap().name, "marketplace");
        assert_eq!(
            find("elsewhere").unwrap_err().to_string(),
            "unknown realm `elsewhere`: the bench knows standard, marketplace, tini, tconnect, haravan"
        );
    }
}
