//! An app that signs its requests: where it sends them, and how they are signed. As an integrator would: with the rules of the
//! platform's documents, and the time of each request.

use std::collections::BTreeMap;

use anyhow::Context as _;
use http::{HeaderName, HeaderValue};
use kimbai_core::request_signature::{Covered, SigningInput, payload, sign};
use kimbai_store::Clock;
use serde_json::{Value, json};
use url::Url;

use super::connection::Template;

/// An app that signs, ready to be driven.
#[derive(Debug)]
pub(super) struct Signing {
    pub(super) client_id: String,
    client_secret: String,
    pub(super) graphql: Template,
    exchange: Template,
    refresh: Template,
}

impl Signing {
    pub(super) fn new(issuer: &Url, client_id: &str, client_secret: &str) -> anyhow::Result<Self> {
        let at = |path: &str| Template::json(&issuer.join(path)?);
        Ok(Self {
            client_id: client_id.to_owned(),
            client_secret: client_secret.to_owned(),
            graphql: at("/tiniapp/api/graphql/query")?,
            exchange: at("/tiniapp-open-api/oauth/auth/token")?,
            refresh: at("/tiniapp-open-api/oauth/auth/token/refresh")?,
        })
    }

    /// An exchange of a code, generation 4.
    pub(super) fn exchange(&self, code: &str) -> anyhow::Result<(Template, String)> {
        self.in_headers(&self.exchange, &json!({ "code": code }).to_string(), &self.client_secret)
    }

    /// A refresh, generation 4.
    pub(super) fn refresh(&self, refresh_token: &str) -> anyhow::Result<(Template, String)> {
        self.in_headers(&self.refresh, &json!({ "refresh_token": refresh_token }).to_string(), &self.client_secret)
    }

    /// The same signed by somebody else.
    pub(super) fn wrong(&self, refresh_token: &str) -> anyhow::Result<(Template, String)> {
        self.in_headers(&self.refresh, &json!({ "refresh_token": refresh_token }).to_string(), "a guess of the secret")
    }

    /// A refresh over GraphQL, as the platform's document prints it.
    pub(super) fn refresh_over_graphql(&self, refresh_token: &str) -> String {
        let fields = BTreeMap::from([("refresh_token".to_owned(), Value::from(refresh_token))]);
        let input = self.input(Covered::Fields(fields));
        let signature = sign(self.client_secret.as_bytes(), payload(&input.canonical()).as_bytes());
        let query = format!(
            "query {{\n  refresh_auth_access_token(input: {{\n    refresh_token: \"{refresh_token}\"\n    client_id: \"{}\"\n    \
             timestamp: {}\n    signature: \"{signature}\"\n  }}) {{\n    access_token\n    refresh_token\n    expires_in\n    \
             scopes\n  }}\n}}",
            input.client_id, input.timestamp_ms
        );
        json!({ "query": query }).to_string()
    }

    fn in_headers(&self, template: &Template, body: &str, secret: &str) -> anyhow::Result<(Template, String)> {
        let input = self.input(Covered::Bytes(body.as_bytes().to_vec()));
        let signature = sign(secret.as_bytes(), payload(&input.canonical()).as_bytes());
        let mut template = template.clone();
        for (name, value) in [
            ("x-tiniapp-client-id", input.client_id),
            ("x-tiniapp-timestamp", input.timestamp_ms.to_string()),
            ("x-tiniapp-signature", signature),
        ] {
            template = template.with(HeaderName::from_static(name), HeaderValue::from_str(&value).context(name)?);
        }
        Ok((template, body.to_owned()))
    }

    fn input(&self, covered: Covered) -> SigningInput {
        SigningInput { client_id: self.client_id.clone(), timestamp_ms: Clock::default().now().as_unix_ms(), covered }
    }
}
