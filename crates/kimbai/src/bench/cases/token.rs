//! Requests to the token endpoint (RFC 6749 sections 4.1.3, 4.4 and 6), and the floor, which looks like one.

use std::borrow::Cow;

use anyhow::{Context, bail, ensure};
use bytes::Bytes;
use http::StatusCode;
use serde::Deserialize;

use super::{Shed, Worker};
use crate::bench::connection::Answer;
use crate::bench::realms::ProofKey;
use crate::bench::target::{CODE_CHALLENGE, CODE_VERIFIER, Endpoint};

/// The tokens of one grant as last issued.
#[derive(Debug, Default)]
pub(super) struct Grant {
    pub(super) access_token: String,
    pub(super) refresh_token: String,
}

#[derive(Deserialize)]
struct TokenAnswer<'a> {
    #[serde(borrow)]
    access_token: Cow<'a, str>,
    #[serde(borrow)]
    token_type: Cow<'a, str>,
    expires_in: u64,
    #[serde(borrow)]
    refresh_token: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct CodeAnswer {
    code: String,
}

/// As long as a refresh request of ours.
const FLOOR_FORM: &str = "grant_type=refresh_token&refresh_token=\
    AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

impl Worker {
    pub(super) async fn floor(&mut self) -> anyhow::Result<()> {
        let target = self.target();
        let answer = self.post(&target.floor, FLOOR_FORM).await?;
        ensure!(answer.status == StatusCode::OK, "expected status 200: {answer}");
        let fixed: serde_json::Value =
            serde_json::from_slice(&answer.body).with_context(|| format!("expected JSON: {answer}"))?;
        ensure!(fixed.get("access_token").is_some(), "expected the fixed JSON with `access_token`: {answer}");
        Ok(())
    }

    pub(super) async fn client_credentials(&mut self) -> anyhow::Result<()> {
        let target = self.target();
        let answer = self.post(&target.token_of_service, "grant_type=client_credentials").await?;
        let tokens = tokens(&answer)?;
        ensure!(tokens.refresh_token.is_none(), "expected no refresh token (RFC 6749 section 4.4.3): {answer}");
        Ok(())
    }

    /// Rotates the grant whose turn it is. After a wrong answer the same token is presented again at its next turn,
    /// as a client does that does not know what happened.
    pub(super) async fn refresh(&mut self) -> anyhow::Result<()> {
        let target = self.target();
        let turn = self.next_turn();
        let grant = self.grants.get(turn).context("no grants")?;
        let form = format!("grant_type=refresh_token&refresh_token={}", encoded(&grant.refresh_token));
        let answer = self.post(&target.token, &form).await?;
        let next = grant_of(&answer)?;
        let grant = self.grants.get_mut(turn).context("no grants")?;
        ensure!(next.refresh_token != grant.refresh_token, "expected another refresh token: {answer}");
        ensure!(next.access_token != grant.access_token, "expected another access token: {answer}");
        *grant = next;
        Ok(())
    }

    /// Presents a refresh token that nobody issued.
    pub(in crate::bench) async fn present_forged_token(&mut self) -> anyhow::Result<()> {
        let target = self.target();
        let answer = self.post(&target.token, FLOOR_FORM).await?;
        let refused =
            answer.status == StatusCode::BAD_REQUEST && answer.body.windows(13).any(|w| w == b"invalid_grant");
        ensure!(refused, "expected status 400, invalid_grant: {answer}");
        Ok(())
    }

    /// Makes a grant without the pages, by the sandbox's own endpoint and a token request.
    pub(in crate::bench) async fn mint(&mut self) -> anyhow::Result<()> {
        let target = self.target();
        let mut wish = serde_json::json!({
            "client_id": target.client_id,
            "user": target.user.username,
            "scopes": target.scopes,
            "redirect_uri": target.redirect_uri,
        });
        if let (Some(signing), Some(wish)) = (&target.signing, wish.as_object_mut()) {
            wish.insert("client_id".to_owned(), signing.client_id.as_str().into());
            wish.remove("redirect_uri");
        } else if let (ProofKey::S256, Some(wish)) = (target.proof_key, wish.as_object_mut()) {
            wish.insert("code_challenge".to_owned(), CODE_CHALLENGE.into());
        }
        let answer = self.connection.exchange(&target.sandbox_code, Bytes::from(wish.to_string())).await?;
        if answer.status != StatusCode::OK {
            bail!("a code could not be had from the sandbox: {answer}");
        }
        let CodeAnswer { code } =
            serde_json::from_slice(&answer.body).with_context(|| format!("expected a code: {answer}"))?;
        let grant = match &target.signing {
            Some(signing) => self.exchange(signing, &code).await?,
            None => grant_of(&self.redeem(&code).await?)?,
        };
        self.grants.push(grant);
        Ok(())
    }

    /// Presents an authorization code.
    pub(super) async fn redeem(&mut self, code: &str) -> anyhow::Result<Answer> {
        let target = self.target();
        let mut form = format!(
            "grant_type=authorization_code&code={}&redirect_uri={}",
            encoded(code),
            encoded(&target.redirect_uri)
        );
        if target.proof_key == ProofKey::S256 {
            form.push_str("&code_verifier=");
            form.push_str(CODE_VERIFIER);
        }
        self.post(&target.token, &form).await
    }

    /// Posts a form; [`Shed`] is an error of its own.
    pub(super) async fn post(&mut self, endpoint: &Endpoint, form: &str) -> anyhow::Result<Answer> {
        let body = format!("{form}{}", endpoint.credentials);
        let answer = self.connection.exchange(&endpoint.template, Bytes::from(body)).await?;
        if Shed::is(&answer) { Err(Shed.into()) } else { Ok(answer) }
    }
}

/// As a value of a form.
pub(super) fn encoded(value: &str) -> String {
    form_urlencoded::byte_serialize(value.as_bytes()).collect()
}

/// The tokens of an answer that has both.
pub(super) fn grant_of(answer: &Answer) -> anyhow::Result<Grant> {
    let tokens = tokens(answer)?;
    let refresh_token = tokens.refresh_token.filter(|token| !token.is_empty());
    let refresh_token = refresh_token.with_context(|| format!("expected a refresh token: {answer}"))?.into_owned();
    Ok(Grant { access_token: tokens.access_token.into_owned(), refresh_token })
}

/// A successful answer (RFC 6749 section 5.1).
fn tokens(answer: &Answer) -> anyhow::Result<TokenAnswer<'_>> {
    ensure!(answer.status == StatusCode::OK, "expected status 200: {answer}");
    let tokens: TokenAnswer<'_> =
        serde_json::from_slice(&answer.body).with_context(|| format!("expected a token response: {answer}"))?;
    ensure!(tokens.token_type.eq_ignore_ascii_case("bearer"), "expected the token type Bearer: {answer}");
    ensure!(tokens.expires_in > 0, "expected a token that lives: {answer}");
    ensure!(!tokens.access_token.is_empty(), "expected an access token: {answer}");
    Ok(tokens)
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;

    use super::*;

    fn answer(status: StatusCode, body: &'static str) -> Answer {
        Answer { status, headers: HeaderMap::new(), body: Bytes::from_static(body.as_bytes()) }
    }

    #[test]
    fn only_whole_token_responses_are_right() {
        let right =
            r#"{"access_token":"a","token_type":"bearer","expires_in":1,"refresh_token":"r\u002f","scope":"x"}"#;
        assert_eq!(grant_of(&answer(StatusCode::OK, right)).unwrap().refresh_token, "r/");
        assert!(tokens(&answer(StatusCode::CREATED, right)).is_err());
        for wrong in [
            r#"{"access_token":"","token_type":"bearer","expires_in":1,"refresh_token":"r"}"#,
            r#"{"access_token":"a","token_type":"mac","expires_in":1,"refresh_token":"r"}"#,
            r#"{"access_token":"a","token_type":"bearer","expires_in":0,"refresh_token":"r"}"#,
            r#"{"access_token":"a","token_type":"bearer","expires_in":1}"#,
            r#"{"access_token":"a","expires_in":1,"refresh_token":"r"}"#,
            r#"{"error":"invalid_grant"}"#,
            "",
        ] {
            assert!(grant_of(&answer(StatusCode::OK, wrong)).is_err(), "{wrong}");
        }
    }
}
