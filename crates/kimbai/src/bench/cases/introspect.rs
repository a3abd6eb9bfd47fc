//! Introspection (RFC 7662) of access tokens that live, one grant's after another's.

use std::borrow::Cow;

use anyhow::{Context, ensure};
use http::StatusCode;
use serde::Deserialize;

use super::Worker;
use super::token::encoded;

#[derive(Deserialize)]
struct IntrospectionAnswer<'a> {
    active: bool,
    #[serde(borrow)]
    client_id: Option<Cow<'a, str>>,
}

impl Worker {
    pub(super) async fn introspect(&mut self) -> anyhow::Result<()> {
        let target = self.target();
        let turn = self.next_turn();
        let grant = self.grants.get(turn).context("no grants")?;
        let form = format!("token={}", encoded(&grant.access_token));
        let answer = self.post(&target.introspect, &form).await?;
        ensure!(answer.status == StatusCode::OK, "expected status 200: {answer}");
        let state: IntrospectionAnswer<'_> =
            serde_json::from_slice(&answer.body).with_context(|| format!("expected JSON: {answer}"))?;
        ensure!(state.active, "expected an active token: {answer}");
        ensure!(state.client_id.as_deref() == Some(target.client_id.as_str()), "expected the client's id: {answer}");
        Ok(())
    }
}
