//! Requests that an app signs, over GraphQL and by REST, and one that somebody else signed.

use anyhow::{Context, ensure};
use bytes::Bytes;
use http::StatusCode;
use serde_json::Value;

use super::grants::Grant;
use super::{Shed, Worker};
use crate::bench::apps::App;
use crate::bench::connection::{Answer, Template};

/// As long as one of ours.
const NO_TOKEN: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

impl Worker {
    /// Rotates the grant whose turn it is, over GraphQL.
    pub(super) async fn refresh_over_graphql(&mut self) -> anyhow::Result<()> {
        let target = self.target();
        let signing = target.oauth()?.signing.as_ref().context("no app signs here")?;
        self.rotate(|refresh_token| Ok((signing.graphql.clone(), signing.refresh_over_graphql(refresh_token)))).await
    }

    /// Rotates the grant whose turn it is, by REST.
    pub(super) async fn refresh_by_rest(&mut self) -> anyhow::Result<()> {
        let target = self.target();
        let signing = target.oauth()?.signing.as_ref().context("no app signs here")?;
        self.rotate(|refresh_token| signing.refresh(refresh_token)).await
    }

    /// Presents what another secret signed.
    pub(super) async fn present_wrong_signature(&mut self) -> anyhow::Result<()> {
        let target = self.target();
        let signing = target.oauth()?.signing.as_ref().context("no app signs here")?;
        let (template, body) = signing.wrong(NO_TOKEN)?;
        let answer = self.send(&template, body).await?;
        let refused = answer.body.windows(17).any(|text| text == b"invalid_signature");
        ensure!(
            answer.status == StatusCode::BAD_REQUEST && refused,
            "expected status 400, invalid_signature: {answer}"
        );
        Ok(())
    }

    /// Exchanges a code that the sandbox made for the app.
    pub(super) async fn exchange(&mut self, code: &str) -> anyhow::Result<Grant> {
        let target = self.target();
        let signing = target.oauth()?.signing.as_ref().context("no app signs here")?;
        let (template, body) = signing.exchange(code)?;
        grant_of(&self.send(&template, body).await?)
    }

    async fn rotate(&mut self, request: impl FnOnce(&str) -> anyhow::Result<(Template, String)>) -> anyhow::Result<()> {
        let (template, body) = request(&self.grants(App::Signing).next()?.refresh_token)?;
        let answer = self.send(&template, body).await?;
        let next = grant_of(&answer)?;
        self.grants(App::Signing).rotate_to(next).with_context(|| answer.to_string())
    }

    async fn send(&mut self, template: &Template, body: String) -> anyhow::Result<Answer> {
        let answer = self.connection.exchange(template, Bytes::from(body)).await?;
        if Shed::is(&answer) { Err(Shed.into()) } else { Ok(answer) }
    }
}

/// The tokens of an answer, which has them in `data` or, over GraphQL, one level below.
fn grant_of(answer: &Answer) -> anyhow::Result<Grant> {
    ensure!(answer.status == StatusCode::OK, "expected status 200: {answer}");
    let json: Value = serde_json::from_slice(&answer.body).with_context(|| format!("expected JSON: {answer}"))?;
    let data = json.get("data").with_context(|| format!("expected data: {answer}"))?;
    let tokens = data.get("refresh_auth_access_token").unwrap_or(data);
    let text = |name: &str| {
        let text = tokens.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
        text.map(str::to_owned).with_context(|| format!("expected {name}: {answer}"))
    };
    ensure!(
        tokens.get("expires_in").and_then(Value::as_u64).is_some_and(|left| left > 0),
        "expected a lifetime: {answer}"
    );
    Ok(Grant { access_token: text("access_token")?, refresh_token: text("refresh_token")? })
}
