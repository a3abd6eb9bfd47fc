//! Requests to the token endpoint (RFC 6749 sections 4.1.3, 4.4 and 6), and the floor, which looks like one.

use std::borrow::Cow;

use anyhow::{Context, bail, ensure};
use bytes::Bytes;
use http::StatusCode;
use serde::Deserialize;

use super::grants::Grant;
use super::{Shed, Worker, id_token};
use crate::bench::apps::App;
use crate::bench::connection::Answer;
use crate::bench::oauth::CODE_VERIFIER;
use crate::bench::realms::ProofKey;
use crate::bench::target::Endpoint;

#[derive(Deserialize)]
struct TokenAnswer<'a> {
    #[serde(borrow)]
    access_token: Cow<'a, str>,
    #[serde(borrow)]
    token_type: Cow<'a, str>,
    expires_in: u64,
    #[serde(borrow)]
    refresh_token: Option<Cow<'a, str>>,
    #[serde(borrow)]
    id_token: Option<Cow<'a, str>>,
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
        let answer = self.post(target.floor(), FLOOR_FORM).await?;
        ensure!(answer.status == StatusCode::OK, "expected status 200: {answer}");
        let fixed: serde_json::Value =
            serde_json::from_slice(&answer.body).with_context(|| format!("expected JSON: {answer}"))?;
        ensure!(fixed.get("access_token").is_some(), "expected the fixed JSON with `access_token`: {answer}");
        Ok(())
    }

    pub(super) async fn client_credentials(&mut self) -> anyhow::Result<()> {
        let target = self.target();
        let answer = self.post(&target.oauth()?.token_of_service, "grant_type=client_credentials").await?;
        let tokens = tokens(&answer)?;
        ensure!(tokens.refresh_token.is_none(), "expected no refresh token (RFC 6749 section 4.4.3): {answer}");
        Ok(())
    }

    /// Rotates the grant whose turn it is. After a wrong answer the same token is presented again at its next turn,
    /// as a client does that does not know what happened.
    pub(super) async fn refresh(&mut self, app: App) -> anyhow::Result<()> {
        let target = self.target();
        let grant = self.grants(app).next()?;
        let form = format!("grant_type=refresh_token&refresh_token={}", encoded(&grant.refresh_token));
        let answer = self.post(&target.oauth()?.client(app)?.token, &form).await?;
        let next = grant_of(&answer, app)?;
        self.grants(app).rotate_to(next).with_context(|| answer.to_string())
    }

    /// Presents a refresh token that nobody issued.
    pub(in crate::bench) async fn present_forged_token(&mut self) -> anyhow::Result<()> {
        let target = self.target();
        let answer = self.post(&target.oauth()?.client(App::Plain)?.token, FLOOR_FORM).await?;
        let refused =
            answer.status == StatusCode::BAD_REQUEST && answer.body.windows(13).any(|w| w == b"invalid_grant");
        ensure!(refused, "expected status 400, invalid_grant: {answer}");
        Ok(())
    }

    /// Makes a grant without the pages: of a partner by its log-in, of others by the sandbox's own endpoint and a token request.
    pub(in crate::bench) async fn mint(&mut self, app: App) -> anyhow::Result<()> {
        let grant = match app {
            App::Partner(algorithm) => self.mint_in_envelope(algorithm).await?,
            App::Signing => {
                let code = self.sandbox_code(app).await?;
                self.exchange(&code).await?
            }
            App::Plain | App::OpenId(_) => {
                let code = self.sandbox_code(app).await?;
                grant_of(&self.redeem(app, &code).await?, app)?
            }
        };
        self.grants(app).push(grant);
        Ok(())
    }

    async fn sandbox_code(&mut self, app: App) -> anyhow::Result<String> {
        let target = self.target();
        let oauth = target.oauth()?;
        let wish = Bytes::from(oauth.wish(app)?.to_string());
        let answer = self.connection.exchange(&oauth.sandbox_code, wish).await?;
        if answer.status != StatusCode::OK {
            bail!("a code could not be had from the sandbox: {answer}");
        }
        let CodeAnswer { code } =
            serde_json::from_slice(&answer.body).with_context(|| format!("expected a code: {answer}"))?;
        Ok(code)
    }

    /// Presents an authorization code.
    pub(super) async fn redeem(&mut self, app: App, code: &str) -> anyhow::Result<Answer> {
        let target = self.target();
        let oauth = target.oauth()?;
        let client = oauth.client(app)?;
        let mut form = format!(
            "grant_type=authorization_code&code={}&redirect_uri={}",
            encoded(code),
            encoded(&client.redirect_uri)
        );
        if oauth.proof_key == ProofKey::S256 {
            form.push_str("&code_verifier=");
            form.push_str(CODE_VERIFIER);
        }
        self.post(&client.token, &form).await
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

/// The tokens of an answer that has both, and the ID token that is due to the app.
pub(super) fn grant_of(answer: &Answer, app: App) -> anyhow::Result<Grant> {
    let tokens = tokens(answer)?;
    id_token::check(tokens.id_token.as_deref(), app).with_context(|| answer.to_string())?;
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
    use kimbai_core::signing::SigningAlgorithm;

    use super::*;

    fn answer(status: StatusCode, body: &'static str) -> Answer {
        Answer { status, headers: HeaderMap::new(), body: Bytes::from_static(body.as_bytes()) }
    }

    #[test]
    fn only_whole_token_responses_are_right() {
        let right =
            r#"{"access_token":"a","token_type":"bearer","expires_in":1,"refresh_token":"r\u002f","scope":"x"}"#;
        assert_eq!(grant_of(&answer(StatusCode::OK, right), App::Plain).unwrap().refresh_token, "r/");
        assert!(tokens(&answer(StatusCode::CREATED, right)).is_err());
        let without_id_token = grant_of(&answer(StatusCode::OK, right), App::OpenId(SigningAlgorithm::Es256));
        assert!(without_id_token.is_err());
        for wrong in [
            r#"{"access_token":"","token_type":"bearer","expires_in":1,"refresh_token":"r"}"#,
            r#"{"access_token":"a","token_type":"mac","expires_in":1,"refresh_token":"r"}"#,
            r#"{"access_token":"a","token_type":"bearer","expires_in":0,"refresh_token":"r"}"#,
            r#"{"access_token":"a","token_type":"bearer","expires_in":1}"#,
            r#"{"access_token":"a","expires_in":1,"refresh_token":"r"}"#,
            r#"{"error":"invalid_grant"}"#,
            "",
        ] {
            assert!(grant_of(&answer(StatusCode::OK, wrong), App::Plain).is_err(), "{wrong}");
        }
    }
}
