//! Introspection (RFC 7662) of access tokens that live, one grant's after another's.

use std::borrow::Cow;

use anyhow::{Context, ensure};
use http::StatusCode;
use serde::Deserialize;

use super::Worker;
use super::token::encoded;
use crate::bench::apps::App;

#[derive(Deserialize)]
struct IntrospectionAnswer<'a> {
    active: bool,
    #[serde(borrow)]
    client_id: Option<Cow<'a, str>>,
}

impl Worker {
    pub(super) async fn introspect(&mut self, app: App) -> anyhow::Result<()> {
        let target = self.target();
        let form = format!("token={}", encoded(&self.grants(app).next()?.access_token));
        let answer = self.post(&target.oauth()?.introspect, &form).await?;
        ensure!(answer.status == StatusCode::OK, "expected status 200: {answer}");
        let state: IntrospectionAnswer<'_> =
            serde_json::from_slice(&answer.body).with_context(|| format!("expected JSON: {answer}"))?;
        ensure!(state.active, "expected an active token: {answer}");
        let client_id = target.oauth()?.client(app)?.client_id.as_str();
        ensure!(state.client_id.as_deref() == Some(client_id), "expected the client's id: {answer}");
        Ok(())
    }
}
