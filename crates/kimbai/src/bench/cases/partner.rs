//! Requests in envelopes: log-in, refresh, and an envelope that does not open.

use anyhow::{Context, ensure};
use bytes::Bytes;
use http::StatusCode;
use kimbai_core::signing::SigningAlgorithm;
use serde::Deserialize;

use super::grants::Grant;
use super::{Shed, Worker};
use crate::bench::apps::App;
use crate::bench::connection::{Answer, Template};

/// The five members of an answer, and no other.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TokenAnswer {
    access_token: String,
    expires_in: u64,
    refresh_token: String,
    refresh_expires_in: u64,
    token_type: String,
}

/// As long as one of ours, to the block.
const NO_TOKEN: [char; 700] = ['A'; 700];

impl Worker {
    /// Rotates the grant whose turn it is, in the realm that signs so.
    pub(super) async fn refresh_in_envelope(&mut self, algorithm: SigningAlgorithm) -> anyhow::Result<()> {
        let (target, app) = (self.target(), App::Partner(algorithm));
        let partner = target.partner()?;
        let place = partner.place(algorithm)?;
        let body = partner.refresh(&self.grants(app).next()?.refresh_token);
        let answer = self.post_envelope(place.port, &place.refresh, body).await?;
        let next = grant_of(&answer)?;
        self.grants(app).rotate_to(next).with_context(|| answer.to_string())
    }

    /// Logs a person in.
    pub(super) async fn log_in_in_envelope(&mut self) -> anyhow::Result<()> {
        let target = self.target();
        let partner = target.partner()?;
        let place = partner.place(SigningAlgorithm::Rs256)?;
        let body = partner.measured_log_in(self.log_in_number());
        grant_of(&self.post_envelope(place.port, &place.log_in, body).await?).map(drop)
    }

    /// Presents what another key sealed.
    pub(super) async fn present_wrong_envelope(&mut self) -> anyhow::Result<()> {
        let target = self.target();
        let partner = target.partner()?;
        let place = partner.place(SigningAlgorithm::Rs256)?;
        let body = partner.wrong(&NO_TOKEN.iter().collect::<String>());
        let answer = self.post_envelope(place.port, &place.refresh, body).await?;
        ensure!(answer.status == StatusCode::UNAUTHORIZED, "expected status 401: {answer}");
        Ok(())
    }

    /// Logs one of the bench's own people in, whose password costs little.
    pub(super) async fn mint_in_envelope(&mut self, algorithm: SigningAlgorithm) -> anyhow::Result<Grant> {
        let target = self.target();
        let partner = target.partner()?;
        let place = partner.place(algorithm)?;
        let body = partner.cheap_log_in(self.log_in_number());
        grant_of(&self.post_envelope(place.port, &place.log_in, body).await?)
    }

    /// Counts the log-ins, so that each is another person's.
    fn log_in_number(&mut self) -> u32 {
        self.log_ins = self.log_ins.wrapping_add(1);
        self.number.wrapping_mul(LOG_INS_APART).wrapping_add(self.log_ins)
    }

    async fn post_envelope(&mut self, port: u16, template: &Template, body: String) -> anyhow::Result<Answer> {
        let answer = self.connection_to(port).exchange(template, Bytes::from(body)).await?;
        if Shed::is(&answer) { Err(Shed.into()) } else { Ok(answer) }
    }
}

/// How far one connection is ahead of the one before it, so that people are shared out.
const LOG_INS_APART: u32 = 7_919;

fn grant_of(answer: &Answer) -> anyhow::Result<Grant> {
    ensure!(answer.status == StatusCode::OK, "expected status 200: {answer}");
    let tokens: TokenAnswer =
        serde_json::from_slice(&answer.body).with_context(|| format!("expected the five members: {answer}"))?;
    ensure!(tokens.token_type == "Bearer", "expected the token type Bearer: {answer}");
    ensure!(tokens.expires_in > 0 && tokens.refresh_expires_in > 0, "expected tokens that live: {answer}");
    let is_jwt = |token: &str| token.starts_with("eyJ") && token.split('.').count() == 3;
    ensure!(is_jwt(&tokens.access_token) && is_jwt(&tokens.refresh_token), "expected two JWTs: {answer}");
    Ok(Grant { access_token: tokens.access_token, refresh_token: tokens.refresh_token })
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;

    use super::*;

    #[test]
    fn only_two_jwts_in_the_five_members_are_right() {
        let answer = |status, body: &str| Answer {
            status,
            headers: HeaderMap::new(),
            body: Bytes::copy_from_slice(body.as_bytes()),
        };
        let right = r#"{"access_token":"eyJ.a.b","expires_in":1,"refresh_token":"eyJ.c.d","refresh_expires_in":1,"token_type":"Bearer"}"#;
        assert_eq!(grant_of(&answer(StatusCode::OK, right)).unwrap().refresh_token, "eyJ.c.d");
        assert!(grant_of(&answer(StatusCode::UNAUTHORIZED, right)).is_err());
        for (part, wrong) in [
            ("eyJ.a.b", "sealed"),
            ("eyJ.c.d", "eyJ.c"),
            ("Bearer", "bearer"),
            (r#""expires_in":1"#, r#""expires_in":0"#),
            (r#""expires_in":1"#, r#""expires_in":"1""#),
            (r#","refresh_expires_in":1"#, ""),
            (r#"{"access"#, r#"{"scope":"","access"#),
        ] {
            assert!(grant_of(&answer(StatusCode::OK, &right.replacen(part, wrong, 1))).is_err(), "{wrong}");
        }
    }
}
