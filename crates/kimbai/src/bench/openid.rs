//! The endpoints of OpenID Connect that are read: `UserInfo`, discovery and keys.

use anyhow::Context;
use http::HeaderValue;
use http::header::{ACCEPT, AUTHORIZATION};
use url::Url;

use super::connection::Template;

/// An OpenID provider, ready to be driven.
#[derive(Debug)]
pub(super) struct OpenId {
    /// As its documents must name it.
    pub(super) issuer: String,
    /// Of the person who logs in.
    pub(super) subject: String,
    pub(super) discovery: Template,
    pub(super) jwks: Template,
    userinfo: Template,
}

/// Where a realm has them, below its issuer.
#[derive(Debug)]
pub(super) struct OpenIdPaths {
    pub(super) discovery: &'static str,
    pub(super) jwks: &'static str,
    pub(super) userinfo: &'static str,
}

impl OpenId {
    pub(super) fn new(paths: &OpenIdPaths, issuer: &str, subject: &str) -> anyhow::Result<Self> {
        let at = |path: &str| {
            let url = format!("{}/{path}", issuer.trim_end_matches('/'));
            let url = Url::parse(&url).with_context(|| format!("`{url}` is not a URL"))?;
            anyhow::Ok(Template::get(&url)?.with(ACCEPT, HeaderValue::from_static("application/json")))
        };
        Ok(Self {
            issuer: issuer.to_owned(),
            subject: subject.to_owned(),
            discovery: at(paths.discovery)?,
            jwks: at(paths.jwks)?,
            userinfo: at(paths.userinfo)?,
        })
    }

    /// A request with an access token (RFC 6750 section 2.1).
    pub(super) fn userinfo(&self, access_token: &str) -> anyhow::Result<Template> {
        let bearer = HeaderValue::from_str(&format!("Bearer {access_token}")).context("Authorization")?;
        Ok(self.userinfo.clone().with(AUTHORIZATION, bearer))
    }
}
