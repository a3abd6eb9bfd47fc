//! A realm of OAuth: its endpoints and clients, with the requests to them prepared.

use std::collections::BTreeMap;

use anyhow::{Context, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use form_urlencoded::byte_serialize;
use http::HeaderValue;
use http::header::{ACCEPT, AUTHORIZATION};
use kimbai_core::signing::SigningAlgorithm;
use serde::Deserialize;
use serde_json::{Value, json};
use url::Url;

use super::apps::{App, OPENID_SCOPES, openid_client_id};
use super::connection::Template;
use super::exchange::{Exchange, ExchangePaths};
use super::openid::OpenId;
use super::realms::{self, DemoClient, OAuthApps, ProofKey};
use super::signing::Signing;
use super::target::{Endpoint, User, parse_url};

/// The pair of RFC 7636 appendix B. What a driver proves with need not be secret, and a digest for each request would
/// be the driver's cost, not the server's.
pub(super) const CODE_VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
pub(super) const CODE_CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

/// A realm as the server describes it, or the sandbox's contract.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Registration {
    pub(super) name: String,
    pub(super) issuer: String,
    #[serde(default)]
    endpoints: Endpoints,
    #[serde(default)]
    clients: Vec<RegisteredClient>,
    #[serde(default)]
    users: Vec<RegisteredUser>,
}

#[derive(Clone, Debug, Deserialize)]
struct RegisteredUser {
    #[serde(flatten)]
    user: User,
    sub: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
struct Endpoints {
    authorize: Option<String>,
    token: Option<String>,
    introspect: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
struct RegisteredClient {
    client_id: String,
    client_secret: Option<String>,
    token_endpoint_auth_method: String,
    #[serde(default)]
    redirect_uris: Vec<String>,
    #[serde(default)]
    grant_types: Vec<String>,
}

/// A realm of OAuth, ready to be driven.
#[derive(Debug)]
pub(super) struct OAuth {
    pub(super) user: User,
    /// The apps that are registered here, but for the one that signs.
    clients: BTreeMap<App, AppClient>,
    pub(super) proof_key: ProofKey,
    /// Without a query.
    authorize_url: Url,
    pub(super) authorize: Template,
    pub(super) floor: Endpoint,
    pub(super) token_of_service: Endpoint,
    pub(super) introspect: Endpoint,
    pub(super) sandbox_code: Template,
    /// The app that signs, in a realm that has one.
    pub(super) signing: Option<Signing>,
    /// The app that exchanges legacy tokens, in a realm that has one.
    pub(super) exchange: Option<Exchange>,
    /// What is read of an OpenID provider, in a realm that is one.
    pub(super) openid: Option<OpenId>,
}

/// A client of the code and refresh grants.
#[derive(Debug)]
pub(super) struct AppClient {
    pub(super) client_id: String,
    pub(super) redirect_uri: String,
    pub(super) scopes: &'static [&'static str],
    pub(super) token: Endpoint,
}

impl OAuth {
    pub(super) fn new(apps: &OAuthApps, registration: &Registration) -> anyhow::Result<Self> {
        let issuer = parse_url(&registration.issuer)?;
        let at_issuer = |path: &str| parse_url(&format!("{}/{path}", registration.issuer.trim_end_matches('/')));
        let endpoints = &registration.endpoints;
        let app = registration.client("authorization_code")?;
        let service = match (&apps.signing, &apps.exchange) {
            (None, None) => registration.client("client_credentials")?,
            (Some(_), _) | (_, Some(_)) => app,
        };
        let signing = apps.signing.as_ref().map(|_| registration.signing(&issuer, apps)).transpose()?;
        let exchange = apps.exchange.as_ref().map(|paths| app.exchange(paths, &issuer)).transpose()?;
        let authorize_url = endpoint_url(&issuer, endpoints.authorize.as_deref(), "authorize")?;
        let token = endpoint_url(&issuer, endpoints.token.as_deref(), "token")?;
        let introspect = endpoint_url(&issuer, endpoints.introspect.as_deref(), "introspect")?;
        let mut clients = BTreeMap::from([(App::Plain, app.to_app(apps.scopes, &token, apps)?)]);
        for algorithm in SigningAlgorithm::ALL.into_iter().filter(|_| apps.openid.is_some()) {
            let client_id = openid_client_id(algorithm);
            if let Some(client) = registration.clients.iter().find(|client| client.client_id == client_id) {
                clients.insert(App::OpenId(algorithm), client.to_app(&OPENID_SCOPES, &token, apps)?);
            }
        }
        let RegisteredUser { user, sub } = registration.users.first().cloned().unwrap_or_else(RegisteredUser::demo);
        let openid = apps.openid.as_ref().map(|paths| OpenId::new(paths, &registration.issuer, &sub)).transpose()?;
        Ok(Self {
            user,
            clients,
            proof_key: apps.proof_key,
            authorize: Template::get(&authorize_url)?.with(ACCEPT, HeaderValue::from_static("text/html")),
            authorize_url,
            floor: app.endpoint(&at_issuer("floor")?, apps)?,
            token_of_service: service.endpoint(&token, apps)?,
            introspect: service.endpoint(&introspect, apps)?,
            sandbox_code: Template::json(&at_issuer("sandbox/code")?)?,
            signing,
            exchange,
            openid,
        })
    }

    pub(super) fn client(&self, app: App) -> anyhow::Result<&AppClient> {
        self.clients.get(&app).with_context(|| format!("no client of {app:?} is registered here"))
    }

    /// What the sandbox is asked for when it is to make a code without pages.
    pub(super) fn wish(&self, app: App) -> anyhow::Result<Value> {
        if let (App::Signing, Some(signing)) = (app, &self.signing) {
            let wish = json!({ "client_id": signing.client_id, "user": self.user.username, "scopes": signing.scopes });
            return Ok(wish);
        }
        let client = self.client(app)?;
        let mut wish = json!({
            "client_id": client.client_id,
            "user": self.user.username,
            "scopes": client.scopes,
            "redirect_uri": client.redirect_uri,
        });
        if let (ProofKey::S256, Some(wish)) = (self.proof_key, wish.as_object_mut()) {
            wish.insert("code_challenge".to_owned(), CODE_CHALLENGE.into());
        }
        Ok(wish)
    }

    pub(super) fn authorize_url(&self, query: &str) -> Url {
        let mut url = self.authorize_url.clone();
        url.set_query(Some(query));
        url
    }
}

impl Registration {
    /// That of a running sandbox.
    pub(super) fn of_sandbox(name: &str, apps: &OAuthApps, base: &str) -> Self {
        let endpoint = |path: &str| Some(format!("{base}/{path}"));
        Self {
            name: name.to_owned(),
            issuer: base.to_owned(),
            endpoints: Endpoints {
                authorize: endpoint(apps.demo.authorize),
                token: endpoint(apps.demo.token),
                introspect: endpoint(apps.demo.introspect),
            },
            clients: [
                Some(RegisteredClient::demo(&apps.demo.app, "authorization_code", &[apps.demo.redirect_uri])),
                Some(RegisteredClient::demo(&apps.demo.service, "client_credentials", &[])),
                apps.signing.as_ref().map(|app| RegisteredClient::demo(app, "authorization_code", &[])),
            ]
            .into_iter()
            .flatten()
            .collect(),
            users: Vec::new(),
        }
    }
}

impl Registration {
    /// The first confidential client that may use a grant type.
    fn client(&self, grant_type: &str) -> anyhow::Result<&RegisteredClient> {
        let fits = |client: &&RegisteredClient| {
            client.token_endpoint_auth_method != SIGNATURE
                && client.client_secret.is_some()
                && client.grant_types.iter().any(|known| known == grant_type)
        };
        let client = self.clients.iter().find(fits);
        client.with_context(|| format!("realm `{}` has no client with a secret and {grant_type}", self.name))
    }
}

impl Registration {
    /// The first client that signs.
    fn signing(&self, issuer: &Url, apps: &OAuthApps) -> anyhow::Result<Signing> {
        let client = self.clients.iter().find(|client| client.token_endpoint_auth_method == SIGNATURE);
        let client = client.with_context(|| format!("realm `{}` has no client that signs", self.name))?;
        let secret = client.client_secret.as_deref().unwrap_or_default();
        Signing::new(issuer, (&client.client_id, secret), apps.scopes)
    }
}

impl RegisteredUser {
    /// The first of the sandbox's people.
    fn demo() -> Self {
        let user = User { username: realms::DEMO_USERNAME.to_owned(), password: realms::DEMO_PASSWORD.to_owned() };
        Self { user, sub: realms::DEMO_SUBJECT.to_owned() }
    }
}

/// The authentication method of clients that sign.
const SIGNATURE: &str = "request_signature";

impl RegisteredClient {
    fn demo(client: &DemoClient, grant_type: &str, redirect_uris: &[&str]) -> Self {
        Self {
            client_id: client.client_id.to_owned(),
            client_secret: Some(client.client_secret.to_owned()),
            token_endpoint_auth_method: client.token_endpoint_auth_method.to_owned(),
            redirect_uris: redirect_uris.iter().map(|&uri| uri.to_owned()).collect(),
            grant_types: vec![grant_type.to_owned()],
        }
    }

    fn to_app(&self, scopes: &'static [&'static str], token: &Url, apps: &OAuthApps) -> anyhow::Result<AppClient> {
        Ok(AppClient {
            client_id: self.client_id.clone(),
            redirect_uri: self.redirect_uris.first().context("the client has no redirect URI")?.clone(),
            scopes,
            token: self.endpoint(token, apps)?,
        })
    }

    fn exchange(&self, paths: &ExchangePaths, issuer: &Url) -> anyhow::Result<Exchange> {
        Exchange::new(paths, issuer, (&self.client_id, self.client_secret.as_deref().unwrap_or_default()))
    }

    /// Prepares posts to an endpoint with this client's authentication (RFC 6749 section 2.3.1).
    fn endpoint(&self, url: &Url, apps: &OAuthApps) -> anyhow::Result<Endpoint> {
        let template = Template::form(url)?.with(ACCEPT, HeaderValue::from_static("application/json"));
        let id: String = byte_serialize(self.client_id.as_bytes()).collect();
        let secret: String = byte_serialize(self.client_secret.as_deref().unwrap_or_default().as_bytes()).collect();
        if self.token_endpoint_auth_method == "client_secret_post" {
            return Ok(Endpoint { template, credentials: format!("&client_id={id}&client_secret={secret}") });
        }
        ensure!(
            self.token_endpoint_auth_method == "client_secret_basic",
            "client {} authenticates by {}, which the bench does not speak",
            self.client_id,
            self.token_endpoint_auth_method
        );
        let basic = format!("Basic {}", STANDARD.encode(format!("{id}:{secret}")));
        let template = template.with(AUTHORIZATION, HeaderValue::from_str(&basic).context("Authorization")?);
        let credentials = if apps.client_id_beside_basic { format!("&client_id={id}") } else { String::new() };
        Ok(Endpoint { template, credentials })
    }
}

/// All requests of a worker go over one connection, so all endpoints must be on the issuer's host.
fn endpoint_url(issuer: &Url, text: Option<&str>, name: &str) -> anyhow::Result<Url> {
    let url = parse_url(text.with_context(|| format!("the realm has no {name} endpoint"))?)?;
    ensure!(url.origin() == issuer.origin(), "{name} endpoint {url} is on another host than the issuer {issuer}");
    Ok(url)
}
