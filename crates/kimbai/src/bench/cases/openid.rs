//! What clients of OpenID Connect read: the claims of a user, the provider's metadata and its keys (OpenID Connect Core section 5.3,
//! Discovery section 4, RFC 7517 section 5).

use std::borrow::Cow;

use anyhow::{Context, ensure};
use bytes::Bytes;
use http::StatusCode;
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::{Shed, Worker};
use crate::bench::apps::App;
use crate::bench::connection::{Answer, Template};
use crate::bench::openid::OpenId;
use crate::bench::target::Target;

#[derive(Deserialize)]
struct Claims<'a> {
    #[serde(borrow)]
    sub: Cow<'a, str>,
}

#[derive(Deserialize)]
struct Metadata<'a> {
    #[serde(borrow)]
    issuer: Cow<'a, str>,
}

#[derive(Deserialize)]
struct JwkSet {
    keys: Vec<IgnoredAny>,
}

impl Worker {
    /// Asks who the user of the grant is whose turn it is.
    pub(super) async fn userinfo(&mut self, app: App) -> anyhow::Result<()> {
        let target = self.target();
        let openid = openid(&target)?;
        let template = openid.userinfo(&self.grants(app).next()?.access_token)?;
        let answer = self.get(&template).await?;
        let claims: Claims<'_> = json(&answer)?;
        ensure!(claims.sub == openid.subject, "expected the subject {}: {answer}", openid.subject);
        Ok(())
    }

    pub(super) async fn discovery(&mut self) -> anyhow::Result<()> {
        let target = self.target();
        let openid = openid(&target)?;
        let answer = self.get(&openid.discovery).await?;
        let metadata: Metadata<'_> = json(&answer)?;
        ensure!(metadata.issuer == openid.issuer, "expected the issuer {}: {answer}", openid.issuer);
        Ok(())
    }

    pub(super) async fn jwks(&mut self) -> anyhow::Result<()> {
        let target = self.target();
        let answer = self.get(&openid(&target)?.jwks).await?;
        let set: JwkSet = json(&answer)?;
        ensure!(!set.keys.is_empty(), "expected keys: {answer}");
        Ok(())
    }

    async fn get(&mut self, template: &Template) -> anyhow::Result<Answer> {
        let answer = self.connection.exchange(template, Bytes::new()).await?;
        if Shed::is(&answer) { Err(Shed.into()) } else { Ok(answer) }
    }
}

fn openid(target: &Target) -> anyhow::Result<&OpenId> {
    target.oauth()?.openid.as_ref().context("the realm is no OpenID provider")
}

fn json<'a, T: Deserialize<'a>>(answer: &'a Answer) -> anyhow::Result<T> {
    ensure!(answer.status == StatusCode::OK, "expected status 200: {answer}");
    serde_json::from_slice(&answer.body).with_context(|| format!("not the JSON that was expected: {answer}"))
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;

    use super::*;

    #[test]
    fn only_a_good_answer_with_what_was_asked_for_is_right() {
        let answer = |status, body: &'static str| Answer {
            status,
            headers: HeaderMap::new(),
            body: Bytes::from_static(body.as_bytes()),
        };
        let right = answer(StatusCode::OK, r#"{"sub":"\u0031","name":"An","issuer":"i","keys":[{"kty":"EC"}]}"#);
        assert_eq!(json::<Claims<'_>>(&right).unwrap().sub, "1");
        assert_eq!(json::<Metadata<'_>>(&right).unwrap().issuer, "i");
        assert_eq!(json::<JwkSet>(&right).unwrap().keys.len(), 1);
        let refused = answer(StatusCode::UNAUTHORIZED, r#"{"sub":"1"}"#);
        assert!(json::<Claims<'_>>(&refused).is_err());
        let other = answer(StatusCode::OK, r#"{"error":"invalid_token"}"#);
        assert!(json::<Claims<'_>>(&other).is_err() && json::<JwkSet>(&other).is_err());
    }
}
