//! What is driven: one realm's endpoints and clients, with the requests to them prepared.
//! Made from the document that the server prints, or, for `--url`, from the sandbox's fixed registrations.

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
use super::connection::{Connection, Template};
use super::exchange::{Exchange, ExchangePaths};
use super::openid::OpenId;
use super::realms::{self, DemoClient, ProofKey, Realm};
use super::signing::Signing;

/// The pair of RFC 7636 appendix B. What a driver proves with need not be secret, and a digest for each request would
/// be the driver's cost, not the server's.
pub(super) const CODE_VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
pub(super) const CODE_CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

/// The first line of the server process.
#[derive(Debug, Deserialize)]
pub(super) struct Document {
    realms: Vec<Registration>,
}

#[derive(Clone, Debug, Deserialize)]
struct Registration {
    name: String,
    issuer: String,
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

/// A person who logs in.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct User {
    pub(super) username: String,
    pub(super) password: String,
}

/// An endpoint as one client posts to it: everything but the parameters of the case.
#[derive(Clone, Debug)]
pub(super) struct Endpoint {
    pub(super) template: Template,
    /// Credentials that stand in the body, with a leading `&`; often empty.
    pub(super) credentials: String,
}

/// A realm, ready to be driven.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) issuer: Url,
    /// Where it is reached: the issuer's port, or another server's that stands in for it.
    port: u16,
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

impl Target {
    /// The realm as a server process of ours describes it.
    pub(super) fn of_document(realm: &Realm, document: &Document) -> anyhow::Result<Self> {
        let registration = document.realms.iter().find(|known| known.name == realm.name);
        let registration = registration.with_context(|| {
            let known: Vec<&str> = document.realms.iter().map(|known| known.name.as_str()).collect();
            format!("the server has no realm `{}`: it has {}", realm.name, known.join(", "))
        })?;
        Self::new(realm, registration)
    }

    /// The realm of a running sandbox, by the registrations of its contract.
    pub(super) fn at_url(realm: &Realm, url: &str) -> anyhow::Result<Self> {
        let base = url.trim_end_matches('/');
        let endpoint = |path: &str| Some(format!("{base}/{path}"));
        let registration = Registration {
            name: realm.name.to_owned(),
            issuer: base.to_owned(),
            endpoints: Endpoints {
                authorize: endpoint(realm.demo.authorize),
                token: endpoint(realm.demo.token),
                introspect: endpoint(realm.demo.introspect),
            },
            clients: [
                Some(RegisteredClient::demo(&realm.demo.app, "authorization_code", &[realm.demo.redirect_uri])),
                Some(RegisteredClient::demo(&realm.demo.service, "client_credentials", &[])),
                realm.signing.as_ref().map(|app| RegisteredClient::demo(app, "authorization_code", &[])),
            ]
            .into_iter()
            .flatten()
            .collect(),
            users: Vec::new(),
        };
        Self::new(realm, &registration)
    }

    /// The same realm at another server, whose ports begin so far from the issuer's.
    pub(super) fn shifted(self, ports: i32) -> anyhow::Result<Self> {
        let port = u16::try_from(i32::from(self.port) + ports).context("another server's port")?;
        Ok(Self { port, ..self })
    }

    pub(super) fn connection(&self) -> Connection {
        // It was checked when the target was made.
        let host = self.issuer.host_str().unwrap_or_default().trim_matches(['[', ']']);
        Connection::new(host, self.port)
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

    fn new(realm: &Realm, registration: &Registration) -> anyhow::Result<Self> {
        let issuer = parse_url(&registration.issuer)?;
        let at_issuer = |path: &str| parse_url(&format!("{}/{path}", registration.issuer.trim_end_matches('/')));
        let endpoints = &registration.endpoints;
        let app = registration.client("authorization_code")?;
        let service = match (&realm.signing, &realm.exchange) {
            (None, None) => registration.client("client_credentials")?,
            (Some(_), _) | (_, Some(_)) => app,
        };
        let signing = realm.signing.as_ref().map(|_| registration.signing(&issuer, realm)).transpose()?;
        let exchange = realm.exchange.as_ref().map(|paths| app.exchange(paths, &issuer)).transpose()?;
        let authorize_url = endpoint_url(&issuer, endpoints.authorize.as_deref(), "authorize")?;
        let token = endpoint_url(&issuer, endpoints.token.as_deref(), "token")?;
        let introspect = endpoint_url(&issuer, endpoints.introspect.as_deref(), "introspect")?;
        let mut clients = BTreeMap::from([(App::Plain, app.to_app(realm.scopes, &token, realm)?)]);
        for algorithm in SigningAlgorithm::ALL.into_iter().filter(|_| realm.openid.is_some()) {
            let client_id = openid_client_id(algorithm);
            if let Some(client) = registration.clients.iter().find(|client| client.client_id == client_id) {
                clients.insert(App::OpenId(algorithm), client.to_app(&OPENID_SCOPES, &token, realm)?);
            }
        }
        let RegisteredUser { user, sub } = registration.users.first().cloned().unwrap_or_else(RegisteredUser::demo);
        let openid = realm.openid.as_ref().map(|paths| OpenId::new(paths, &registration.issuer, &sub)).transpose()?;
        Ok(Self {
            user,
            clients,
            proof_key: realm.proof_key,
            authorize: Template::get(&authorize_url)?.with(ACCEPT, HeaderValue::from_static("text/html")),
            authorize_url,
            floor: app.endpoint(&at_issuer("floor")?, realm)?,
            token_of_service: service.endpoint(&token, realm)?,
            introspect: service.endpoint(&introspect, realm)?,
            sandbox_code: Template::json(&at_issuer("sandbox/code")?)?,
            signing,
            exchange,
            openid,
            port: issuer.port_or_known_default().unwrap_or_default(),
            issuer,
        })
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
    fn signing(&self, issuer: &Url, realm: &Realm) -> anyhow::Result<Signing> {
        let client = self.clients.iter().find(|client| client.token_endpoint_auth_method == SIGNATURE);
        let client = client.with_context(|| format!("realm `{}` has no client that signs", self.name))?;
        let secret = client.client_secret.as_deref().unwrap_or_default();
        Signing::new(issuer, (&client.client_id, secret), realm.scopes)
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

    fn to_app(&self, scopes: &'static [&'static str], token: &Url, realm: &Realm) -> anyhow::Result<AppClient> {
        Ok(AppClient {
            client_id: self.client_id.clone(),
            redirect_uri: self.redirect_uris.first().context("the client has no redirect URI")?.clone(),
            scopes,
            token: self.endpoint(token, realm)?,
        })
    }

    fn exchange(&self, paths: &ExchangePaths, issuer: &Url) -> anyhow::Result<Exchange> {
        Exchange::new(paths, issuer, (&self.client_id, self.client_secret.as_deref().unwrap_or_default()))
    }

    /// Prepares posts to an endpoint with this client's authentication (RFC 6749 section 2.3.1).
    fn endpoint(&self, url: &Url, realm: &Realm) -> anyhow::Result<Endpoint> {
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
        let credentials = if realm.client_id_beside_basic { format!("&client_id={id}") } else { String::new() };
        Ok(Endpoint { template, credentials })
    }
}

fn parse_url(text: &str) -> anyhow::Result<Url> {
    let url = Url::parse(text).with_context(|| format!("`{text}` is not a URL"))?;
    ensure!(url.scheme() == "http" && url.has_host(), "`{text}`: the bench drives http:// only");
    Ok(url)
}

/// All requests of a worker go over one connection, so all endpoints must be on the issuer's host.
fn endpoint_url(issuer: &Url, text: Option<&str>, name: &str) -> anyhow::Result<Url> {
    let url = parse_url(text.with_context(|| format!("the realm has no {name} endpoint"))?)?;
    ensure!(url.origin() == issuer.origin(), "{name} endpoint {url} is on another host than the issuer {issuer}");
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOCUMENT: &str = r#"{"realms":[{"name":"tini","issuer":"http://localhost:1","more":1},
        {"name":"marketplace","issuer":"http://localhost:4602","endpoints":{"authorize":"http://localhost:4602/a",
        "token":"http://localhost:4602/t","revoke":"http://localhost:4602/r","introspect":"http://localhost:4602/i"},
        "clients":[{"client_id":"public","token_endpoint_auth_method":"none","grant_types":["authorization_code"]},
        {"client_id":"web","client_secret":"s3 cret","token_endpoint_auth_method":"client_secret_basic",
        "redirect_uris":["http://localhost:8080/callback"],"grant_types":["authorization_code","refresh_token"]},
        {"client_id":"job","client_secret":"x","token_endpoint_auth_method":"client_secret_post",
        "grant_types":["client_credentials"]}],"users":[{"username":"u","password":"p","name":"n","sub":"1"}]}],"operator":"x"}"#;

    #[test]
    fn clients_are_taken_from_the_document() {
        let document: Document = serde_json::from_str(DOCUMENT).unwrap();
        let target = Target::of_document(realms::find("marketplace").unwrap(), &document).unwrap();
        let app = target.client(App::Plain).unwrap();
        assert_eq!((app.client_id.as_str(), target.user.username.as_str()), ("web", "u"));
        assert_eq!(app.token.template.to_string(), "POST /t");
        assert_eq!(app.token.credentials, "&client_id=web");
        assert!(target.openid.is_none() && target.client(App::OpenId(SigningAlgorithm::Es256)).is_err());
        assert_eq!(target.token_of_service.credentials, "&client_id=job&client_secret=x");
        assert_eq!(target.introspect.credentials, target.token_of_service.credentials);
        let missing = Target::of_document(realms::find("standard").unwrap(), &document).unwrap_err();
        assert_eq!(missing.to_string(), "the server has no realm `standard`: it has tini, marketplace");
    }

    #[test]
    fn the_benchs_own_clients_are_apps_of_an_openid_provider() {
        let (job, app) = (r#"{"client_id":"job","#, r#"{"client_id":"bench-es256","redirect_uris":["http://c/cb"],"#);
        let document = DOCUMENT.replace("marketplace", "standard").replace(job, app);
        let document: Document = serde_json::from_str(&document).unwrap();
        let target = Target::of_document(realms::find("standard").unwrap(), &document).unwrap();
        let es256 = App::OpenId(SigningAlgorithm::Es256);
        assert_eq!(target.client(es256).unwrap().client_id, "bench-es256");
        assert_eq!(
            target.wish(es256).unwrap(),
            json!({ "client_id": "bench-es256", "user": "u", "redirect_uri": "http://c/cb", "code_challenge": CODE_CHALLENGE,
                    "scopes": ["openid", "profile", "email", "offline_access"] })
        );
        assert_eq!(target.openid.unwrap().subject, "1");
    }

    #[test]
    fn a_url_is_driven_with_the_demo_registrations() {
        let target = Target::at_url(realms::find("standard").unwrap(), "http://localhost:4600/").unwrap();
        let app = target.client(App::Plain).unwrap();
        assert_eq!((app.client_id.as_str(), app.token.template.to_string().as_str()), ("demo-web", "POST /token"));
        assert_eq!(target.sandbox_code.to_string(), "POST /sandbox/code");
        let openid = target.openid.as_ref().unwrap();
        assert_eq!((openid.issuer.as_str(), openid.subject.as_str()), ("http://localhost:4600", "1"));
        assert_eq!(openid.discovery.to_string(), "GET /.well-known/openid-configuration");
        assert_eq!(openid.userinfo("t").unwrap().to_string(), "GET /userinfo");
        for algorithm in SigningAlgorithm::ALL {
            assert!(target.client(App::OpenId(algorithm)).is_err(), "the sandbox has no client of the bench's");
        }
        assert!(Target::at_url(realms::find("standard").unwrap(), "https://localhost:4600").is_err());
        assert!(Target::at_url(realms::find("standard").unwrap(), "localhost").is_err());
    }
}
