//! What is driven: one realm's endpoints and clients, with the requests to them prepared.
//! Made from the document that the server prints, or, for `--url`, from the sandbox's fixed registrations.

use anyhow::{Context, bail, ensure};
use kimbai_core::signing::SigningAlgorithm;
use serde::Deserialize;
use url::Url;

use super::apps::EDDSA_PARTNERS;
use super::connection::{Connection, Template};
use super::oauth::{OAuth, Registration};
use super::partner::{Partner, People};
use super::realms::{self, Realm};

/// The first line of the server process.
#[derive(Debug, Deserialize)]
pub(super) struct Document {
    realms: Vec<Registration>,
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
    apps: Apps,
}

/// How its apps ask.
#[derive(Debug)]
enum Apps {
    OAuth(Box<OAuth>),
    Partners(Box<Partner>),
}

impl Target {
    /// The realm as a server process of ours describes it.
    pub(super) fn of_document(realm: &'static Realm, document: &Document) -> anyhow::Result<Self> {
        let issuer = |name: &str| document.registration(name).and_then(|known| parse_url(&known.issuer));
        match &realm.apps {
            realms::Apps::OAuth(apps) => {
                let registration = document.registration(realm.name)?;
                let apps = Apps::OAuth(Box::new(OAuth::new(apps, registration)?));
                Ok(Self::new(parse_url(&registration.issuer)?, apps))
            }
            realms::Apps::Partners(demo) => {
                let (rs256, eddsa) = (issuer(realm.name)?, issuer(EDDSA_PARTNERS.0)?);
                let places = [(SigningAlgorithm::Rs256, rs256.clone()), (SigningAlgorithm::EdDsa, eddsa)];
                let partner = Partner::new(demo, &places, People::OfTheBench)?;
                Ok(Self::new(rs256, Apps::Partners(Box::new(partner))))
            }
        }
    }

    /// The realm of a running sandbox, by the registrations of its contract.
    pub(super) fn at_url(realm: &'static Realm, url: &str) -> anyhow::Result<Self> {
        let base = url.trim_end_matches('/');
        match &realm.apps {
            realms::Apps::OAuth(apps) => {
                let registration = Registration::of_sandbox(realm.name, apps, base);
                let apps = Apps::OAuth(Box::new(OAuth::new(apps, &registration)?));
                Ok(Self::new(parse_url(base)?, apps))
            }
            realms::Apps::Partners(demo) => {
                let issuer = parse_url(base)?;
                let places = [(SigningAlgorithm::Rs256, issuer.clone())];
                let partner = Partner::new(demo, &places, People::OfTheSandbox)?;
                Ok(Self::new(issuer, Apps::Partners(Box::new(partner))))
            }
        }
    }

    /// The same realm at another server, whose ports begin so far from the issuer's.
    pub(super) fn shifted(self, ports: i32) -> anyhow::Result<Self> {
        let port = u16::try_from(i32::from(self.port) + ports).context("another server's port")?;
        let apps = match self.apps {
            Apps::OAuth(oauth) => Apps::OAuth(oauth),
            Apps::Partners(partner) => Apps::Partners(Box::new(partner.shifted(ports)?)),
        };
        Ok(Self { port, apps, ..self })
    }

    /// A connection to its port, or to that of a realm beside it.
    pub(super) fn connection(&self, port: u16) -> Connection {
        // It was checked when the target was made.
        let host = self.issuer.host_str().unwrap_or_default().trim_matches(['[', ']']);
        Connection::new(host, port)
    }

    pub(super) const fn port(&self) -> u16 {
        self.port
    }

    /// A realm of OAuth.
    pub(super) fn oauth(&self) -> anyhow::Result<&OAuth> {
        match &self.apps {
            Apps::OAuth(oauth) => Ok(oauth),
            Apps::Partners(_) => bail!("the realm has partners alone"),
        }
    }

    /// Whether its apps are partners.
    pub(super) const fn is_of_partners(&self) -> bool {
        matches!(self.apps, Apps::Partners(_))
    }

    /// A realm of partners.
    pub(super) fn partner(&self) -> anyhow::Result<&Partner> {
        match &self.apps {
            Apps::Partners(partner) => Ok(partner),
            Apps::OAuth(_) => bail!("the realm has no partners"),
        }
    }

    /// The fixed answer that is measured against.
    pub(super) fn floor(&self) -> &Endpoint {
        match &self.apps {
            Apps::OAuth(oauth) => &oauth.floor,
            Apps::Partners(partner) => &partner.floor,
        }
    }

    fn new(issuer: Url, apps: Apps) -> Self {
        Self { port: issuer.port_or_known_default().unwrap_or_default(), issuer, apps }
    }
}

impl Document {
    fn registration(&self, name: &str) -> anyhow::Result<&Registration> {
        let registration = self.realms.iter().find(|known| known.name == name);
        registration.with_context(|| {
            let known: Vec<&str> = self.realms.iter().map(|known| known.name.as_str()).collect();
            format!("the server has no realm `{name}`: it has {}", known.join(", "))
        })
    }
}

pub(super) fn parse_url(text: &str) -> anyhow::Result<Url> {
    let url = Url::parse(text).with_context(|| format!("`{text}` is not a URL"))?;
    ensure!(url.scheme() == "http" && url.has_host(), "`{text}`: the bench drives http:// only");
    Ok(url)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::bench::apps::App;
    use crate::bench::oauth::CODE_CHALLENGE;

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
        let oauth = target.oauth().unwrap();
        let app = oauth.client(App::Plain).unwrap();
        assert_eq!((app.client_id.as_str(), oauth.user.username.as_str()), ("web", "u"));
        assert_eq!(app.token.template.to_string(), "POST /t");
        assert_eq!(app.token.credentials, "&client_id=web");
        assert!(oauth.openid.is_none() && oauth.client(App::OpenId(SigningAlgorithm::Es256)).is_err());
        assert_eq!(oauth.token_of_service.credentials, "&client_id=job&client_secret=x");
        assert_eq!(oauth.introspect.credentials, oauth.token_of_service.credentials);
        let missing = Target::of_document(realms::find("standard").unwrap(), &document).unwrap_err();
        assert_eq!(missing.to_string(), "the server has no realm `standard`: it has tini, marketplace");
    }

    #[test]
    fn the_benchs_own_clients_are_apps_of_an_openid_provider() {
        let (job, app) = (r#"{"client_id":"job","#, r#"{"client_id":"bench-es256","redirect_uris":["http://c/cb"],"#);
        let document = DOCUMENT.replace("marketplace", "standard").replace(job, app);
        let document: Document = serde_json::from_str(&document).unwrap();
        let target = Target::of_document(realms::find("standard").unwrap(), &document).unwrap();
        let (oauth, es256) = (target.oauth().unwrap(), App::OpenId(SigningAlgorithm::Es256));
        assert_eq!(oauth.client(es256).unwrap().client_id, "bench-es256");
        assert_eq!(
            oauth.wish(es256).unwrap(),
            json!({ "client_id": "bench-es256", "user": "u", "redirect_uri": "http://c/cb", "code_challenge": CODE_CHALLENGE,
                    "scopes": ["openid", "profile", "email", "offline_access"] })
        );
        assert_eq!(oauth.openid.as_ref().unwrap().subject, "1");
    }

    #[test]
    fn a_url_is_driven_with_the_demo_registrations() {
        let target = Target::at_url(realms::find("standard").unwrap(), "http://localhost:4600/").unwrap();
        let oauth = target.oauth().unwrap();
        let app = oauth.client(App::Plain).unwrap();
        assert_eq!((app.client_id.as_str(), app.token.template.to_string().as_str()), ("demo-web", "POST /token"));
        assert_eq!(oauth.sandbox_code.to_string(), "POST /sandbox/code");
        let openid = oauth.openid.as_ref().unwrap();
        assert_eq!((openid.issuer.as_str(), openid.subject.as_str()), ("http://localhost:4600", "1"));
        assert_eq!(openid.discovery.to_string(), "GET /.well-known/openid-configuration");
        assert_eq!(openid.userinfo("t").unwrap().to_string(), "GET /userinfo");
        for algorithm in SigningAlgorithm::ALL {
            assert!(oauth.client(App::OpenId(algorithm)).is_err(), "the sandbox has no client of the bench's");
        }
        assert!(Target::at_url(realms::find("standard").unwrap(), "https://localhost:4600").is_err());
        assert!(Target::at_url(realms::find("standard").unwrap(), "localhost").is_err());
    }

    #[test]
    fn a_partner_is_driven_in_the_realms_that_there_are() {
        let realm = realms::find("tconnect").unwrap();
        let places = |target: &Target| {
            [SigningAlgorithm::Rs256, SigningAlgorithm::EdDsa].map(|algorithm| {
                target.partner().unwrap().place(algorithm).ok().map(|place| (place.port, place.refresh.to_string()))
            })
        };
        let at = |port: u16| Some((port, "POST /openapi/v1/auth/refresh".to_owned()));
        let document: Document = serde_json::from_str(
            r#"{"realms":[{"name":"tconnect","issuer":"http://localhost:3"},{"name":"tconnect-eddsa","issuer":"http://localhost:8"}]}"#,
        )
        .unwrap();
        let target = Target::of_document(realm, &document).unwrap();
        assert_eq!(target.floor().template.to_string(), "POST /floor");
        assert_eq!((target.port(), places(&target)), (3, [at(3), at(8)]));
        let shifted = target.shifted(10).unwrap();
        assert_eq!((shifted.port(), places(&shifted)), (13, [at(13), at(18)]));
        let sandbox = Target::at_url(realm, "http://localhost:4603/").unwrap();
        assert_eq!(places(&sandbox), [at(4603), None]);
        assert!(sandbox.oauth().is_err());
    }
}
