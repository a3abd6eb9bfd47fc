//! An app that exchanges legacy tokens: where it sends them, and what it asks for. The legacy tokens are the bench's own.

use anyhow::Context as _;
use http::HeaderValue;
use http::header::{ACCEPT, AUTHORIZATION};
use serde_json::json;
use url::Url;

use super::apps::{LEGACY_TOKEN_SHOP, legacy_token};
use super::connection::Template;

/// Where a realm exchanges, and for what.
#[derive(Debug)]
pub(super) struct ExchangePaths {
    /// On the host of the organization whose the legacy tokens are.
    pub(super) exchange: &'static str,
    /// What legacy tokens open.
    pub(super) resource: &'static str,
    pub(super) scopes: &'static [&'static str],
}

/// The app, ready to be driven.
#[derive(Debug)]
pub(super) struct Exchange {
    at_shop: Template,
    at_issuer: Template,
    /// The same in every exchange.
    pub(super) body: String,
}

impl Exchange {
    pub(super) fn new(
        paths: &ExchangePaths,
        issuer: &Url,
        (client_id, client_secret): (&str, &str),
    ) -> anyhow::Result<Self> {
        let host = format!("{LEGACY_TOKEN_SHOP}.{}", issuer.host_str().unwrap_or_default());
        let mut shop = issuer.clone();
        shop.set_host(Some(&host)).with_context(|| format!("the organization's host {host}"))?;
        let with_accept = |template: Template| template.with(ACCEPT, HeaderValue::from_static("application/json"));
        let asked = json!({ "client_id": client_id, "secret_key": client_secret, "scopes": paths.scopes });
        Ok(Self {
            at_shop: with_accept(Template::json(&shop.join(paths.exchange)?)?),
            at_issuer: with_accept(Template::get(&issuer.join(paths.resource)?)?),
            body: json!({ "token_exchange": asked }).to_string(),
        })
    }

    /// An exchange of the legacy token of this number.
    pub(super) fn exchange(&self, number: u32) -> anyhow::Result<Template> {
        Ok(self.at_shop.clone().with(AUTHORIZATION, bearer(number)?))
    }

    /// The resource, opened with the legacy token of this number.
    pub(super) fn resource(&self, number: u32) -> anyhow::Result<Template> {
        Ok(self.at_issuer.clone().with(AUTHORIZATION, bearer(number)?))
    }
}

fn bearer(number: u32) -> anyhow::Result<HeaderValue> {
    HeaderValue::from_str(&format!("Bearer {}", legacy_token(number))).context("Authorization")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exchange_goes_to_the_shops_host_and_the_resource_to_the_issuers() {
        let paths = ExchangePaths { exchange: "admin/exchange", resource: "com/shop", scopes: &["openid", "org"] };
        let issuer = Url::parse("http://localhost:4604").unwrap();
        let exchange = Exchange::new(&paths, &issuer, ("app", "secret")).unwrap();
        assert_eq!(exchange.exchange(7).unwrap().to_string(), "POST /admin/exchange");
        assert_eq!(exchange.resource(7).unwrap().to_string(), "GET /com/shop");
        let shown = format!("{:?} {:?}", exchange.at_shop, exchange.at_issuer);
        assert!(shown.contains("demo-shop.localhost:4604") && shown.contains("\"localhost:4604"), "{shown}");
        let asked = r#"{"token_exchange":{"client_id":"app","scopes":["openid","org"],"secret_key":"secret"}}"#;
        assert_eq!(exchange.body, asked);
        assert_ne!(bearer(7).unwrap(), bearer(8).unwrap());
    }
}
