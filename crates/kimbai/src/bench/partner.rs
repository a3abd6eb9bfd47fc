//! A partner: where it sends its envelopes, and what is in them. As an integrator would: under the key that it was handed.

use anyhow::Context as _;
use http::header::ACCEPT;
use http::{HeaderName, HeaderValue};
use kimbai_core::client::{IvLayout, KeySpelling};
use kimbai_core::signing::SigningAlgorithm;
use kimbai_keyring::{CipherKey, Envelope};
use serde_json::{Value, json};
use url::Url;

use super::apps::{CHEAP_PASSWORD, cheap_person, person};
use super::connection::Template;
use super::realms::{DEMO_PASSWORD, DemoPartner};
use super::target::Endpoint;

/// A partner, ready to be driven.
#[derive(Debug)]
pub(super) struct Partner {
    demo: &'static DemoPartner,
    key: CipherKey,
    /// Whoever has it is nobody here.
    other_key: CipherKey,
    pub(super) floor: Endpoint,
    places: Vec<Place>,
    people: People,
}

/// Who is logged in where a log-in is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum People {
    /// The demo person, each time.
    OfTheSandbox,
    /// Another one each time: a person has only so many grants.
    OfTheBench,
}

/// One realm that the partner is registered in.
#[derive(Debug)]
pub(super) struct Place {
    /// What signs its tokens.
    pub(super) algorithm: SigningAlgorithm,
    pub(super) port: u16,
    pub(super) log_in: Template,
    pub(super) refresh: Template,
}

impl Partner {
    pub(super) fn new(
        demo: &'static DemoPartner,
        places: &[(SigningAlgorithm, Url)],
        people: People,
    ) -> anyhow::Result<Self> {
        let place = |(algorithm, issuer): &(SigningAlgorithm, Url)| {
            let code = HeaderValue::from_static(demo.partner_code);
            let at = |path: &str| {
                let template = Template::json(&issuer.join(path)?)?;
                anyhow::Ok(template.with(HeaderName::from_static("partner-code"), code.clone()))
            };
            anyhow::Ok(Place {
                algorithm: *algorithm,
                port: issuer.port_or_known_default().unwrap_or_default(),
                log_in: at("/openapi/v1/auth/login")?,
                refresh: at("/openapi/v1/auth/refresh")?,
            })
        };
        let (_, first) = places.first().context("no realm of partners")?;
        let floor = Template::form(&first.join("/floor")?)?;
        let floor = floor.with(ACCEPT, HeaderValue::from_static("application/json"));
        Ok(Self {
            floor: Endpoint { template: floor, credentials: String::new() },
            demo,
            key: CipherKey::new(KeySpelling::Hex.read(demo.key).context("the demo partner's key")?),
            other_key: CipherKey::generate(),
            places: places.iter().map(place).collect::<Result<_, _>>()?,
            people,
        })
    }

    /// The same at another server, whose ports begin so far from the issuers'.
    pub(super) fn shifted(mut self, ports: i32) -> anyhow::Result<Self> {
        for place in &mut self.places {
            place.port = u16::try_from(i32::from(place.port) + ports).context("another server's port")?;
        }
        Ok(self)
    }

    /// The realm that signs so.
    pub(super) fn place(&self, algorithm: SigningAlgorithm) -> anyhow::Result<&Place> {
        let found = self.places.iter().find(|place| place.algorithm == algorithm);
        found.with_context(|| format!("no realm of partners signs with {} here", algorithm.name()))
    }

    /// The body of a log-in that costs what one costs.
    pub(super) fn measured_log_in(&self, number: u32) -> String {
        match self.people {
            People::OfTheSandbox => self.log_in(self.demo.username, self.demo.password),
            People::OfTheBench => self.log_in(&person(number), DEMO_PASSWORD),
        }
    }

    /// The body of a log-in whose password costs next to nothing.
    pub(super) fn cheap_log_in(&self, number: u32) -> String {
        self.log_in(&cheap_person(number), CHEAP_PASSWORD)
    }

    fn log_in(&self, username: &str, password: &str) -> String {
        let client = &self.demo.client;
        let payload = json!({
            "username": username,
            "password": password,
            "client_id": client.client_id,
            "client_secret": client.client_secret,
        });
        body(&self.key, &payload)
    }

    /// The body of a refresh.
    pub(super) fn refresh(&self, refresh_token: &str) -> String {
        body(&self.key, &json!({ "refresh_token": refresh_token }))
    }

    /// The same under another key.
    pub(super) fn wrong(&self, refresh_token: &str) -> String {
        body(&self.other_key, &json!({ "refresh_token": refresh_token }))
    }
}

fn body(key: &CipherKey, payload: &Value) -> String {
    let envelope = Envelope::seal(key, IvLayout::Prepended, payload.to_string().as_bytes());
    format!("{{\"data\":\"{}\"}}", envelope.to_hex())
}
