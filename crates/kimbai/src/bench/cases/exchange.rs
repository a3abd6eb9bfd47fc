//! Exchanges of legacy tokens, the first of each and repeated ones, and what a legacy token opens.

use anyhow::{Context, ensure};
use bytes::Bytes;
use http::StatusCode;
use serde::Deserialize;

use super::grants::Grant;
use super::{Shed, Worker};
use crate::bench::connection::{Answer, Template};

/// The legacy tokens of one connection: its own, so that each is exchanged first by a known request.
#[derive(Debug, Default)]
pub(super) struct LegacyTokens {
    numbers: Vec<u32>,
    /// So many were exchanged, from the front.
    exchanged: usize,
    /// What was given for the last ones, and not used since.
    waiting: Vec<(u32, Grant)>,
    /// How often one was asked for.
    turn: usize,
}

/// As many wait on each connection, where it has twice as many.
const WAITING_MAX: usize = 128;
/// 2^31 - 1, as the platform has it.
const EXPIRES_IN_S: u64 = 2_147_483_647;
const DIGITS: usize = 64;

#[derive(Deserialize)]
struct ExchangeAnswer<'a> {
    #[serde(borrow)]
    token: Exchanged<'a>,
}

#[derive(Deserialize)]
struct Exchanged<'a> {
    access_token: &'a str,
    refresh_token: &'a str,
    created_time: u64,
    expires_in: u64,
    token_type: &'a str,
}

#[derive(Deserialize)]
struct ShopAnswer {
    shop: Shop,
}

#[derive(Deserialize)]
struct Shop {
    name: String,
}

impl LegacyTokens {
    /// Those of a connection, of so many in all.
    fn of_connection(number: u32, connections: u32, total: u32) -> Self {
        let step = usize::try_from(connections).unwrap_or(usize::MAX);
        Self { numbers: (number..total).step_by(step).collect(), ..Self::default() }
    }

    /// One that was not exchanged before.
    fn fresh(&mut self) -> anyhow::Result<u32> {
        let fresh = self.numbers.len() - self.waiting.len();
        ensure!(self.exchanged < fresh, "all legacy tokens were exchanged: give more with --legacy-tokens");
        let number = self.numbers.get(self.exchanged).copied().context("no legacy tokens")?;
        self.exchanged += 1;
        Ok(number)
    }

    fn any(&mut self) -> anyhow::Result<u32> {
        self.turn = self.turn.wrapping_add(1);
        let place = self.turn % self.numbers.len().max(1);
        self.numbers.get(place).copied().context("no legacy tokens")
    }

    fn waiting(&mut self) -> anyhow::Result<&(u32, Grant)> {
        self.turn = self.turn.wrapping_add(1);
        let place = self.turn % self.waiting.len().max(1);
        self.waiting.get(place).context("nothing was exchanged")
    }
}

impl Worker {
    /// Takes this connection's share of the legacy tokens.
    pub(in crate::bench) fn share_legacy_tokens(&mut self, connections: u32, total: u32) {
        self.legacy_tokens = LegacyTokens::of_connection(self.number, connections, total);
    }

    /// Exchanges some, so that they can be asked for again.
    pub(in crate::bench) async fn exchange_some(&mut self) -> anyhow::Result<()> {
        let count = self.legacy_tokens.numbers.len();
        let last: Vec<u32> =
            self.legacy_tokens.numbers.iter().rev().take(WAITING_MAX.min(count / 2)).copied().collect();
        for number in last {
            let grant = self.exchanged(number).await?;
            self.legacy_tokens.waiting.push((number, grant));
        }
        Ok(())
    }

    pub(super) async fn exchange_legacy_token(&mut self) -> anyhow::Result<()> {
        let number = self.legacy_tokens.fresh()?;
        self.exchanged(number).await.map(drop)
    }

    pub(super) async fn exchange_again(&mut self) -> anyhow::Result<()> {
        let (number, Grant { access_token, refresh_token }) = self.legacy_tokens.waiting()?;
        let (number, expected) = (*number, (access_token.clone(), refresh_token.clone()));
        let Grant { access_token, refresh_token } = self.exchanged(number).await?;
        ensure!((access_token, refresh_token) == expected, "expected the same pair of tokens again");
        Ok(())
    }

    pub(super) async fn look_legacy_token_up(&mut self) -> anyhow::Result<()> {
        let target = self.target();
        let exchange = target.oauth()?.exchange.as_ref().context("no app exchanges here")?;
        let template = exchange.resource(self.legacy_tokens.any()?)?;
        let answer = self.ask(&template, String::new()).await?;
        ensure!(answer.status == StatusCode::OK, "expected status 200: {answer}");
        let found: ShopAnswer =
            serde_json::from_slice(&answer.body).with_context(|| format!("expected a shop: {answer}"))?;
        ensure!(!found.shop.name.is_empty(), "expected a shop with a name: {answer}");
        Ok(())
    }

    async fn exchanged(&mut self, number: u32) -> anyhow::Result<Grant> {
        let target = self.target();
        let exchange = target.oauth()?.exchange.as_ref().context("no app exchanges here")?;
        let answer = self.ask(&exchange.exchange(number)?, exchange.body.clone()).await?;
        grant_of(&answer)
    }

    async fn ask(&mut self, template: &Template, body: String) -> anyhow::Result<Answer> {
        let answer = self.connection.exchange(template, Bytes::from(body)).await?;
        if Shed::is(&answer) { Err(Shed.into()) } else { Ok(answer) }
    }
}

/// The tokens of an exchange: two of 64 hex digits, for as long as the platform says.
fn grant_of(answer: &Answer) -> anyhow::Result<Grant> {
    ensure!(answer.status == StatusCode::OK, "expected status 200: {answer}");
    let ExchangeAnswer { token } =
        serde_json::from_slice(&answer.body).with_context(|| format!("expected exchanged tokens: {answer}"))?;
    let is_token = |text: &str| text.len() == DIGITS && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    ensure!(is_token(token.access_token) && is_token(token.refresh_token), "expected 64 digits each: {answer}");
    ensure!(token.token_type == "Bearer" && token.created_time > 0, "expected Bearer and a time: {answer}");
    ensure!(token.expires_in == EXPIRES_IN_S, "expected {EXPIRES_IN_S} seconds: {answer}");
    Ok(Grant { access_token: token.access_token.to_owned(), refresh_token: token.refresh_token.to_owned() })
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;

    use super::*;

    #[test]
    fn each_legacy_token_is_one_connections() {
        let mut all: Vec<u32> = (0..5).flat_map(|number| LegacyTokens::of_connection(number, 5, 13).numbers).collect();
        all.sort_unstable();
        assert_eq!(all, (0..13).collect::<Vec<_>>());
    }

    #[test]
    fn a_legacy_token_is_exchanged_first_once_and_those_that_wait_never() {
        let mut share = LegacyTokens::of_connection(1, 2, 8);
        let grant = Grant { access_token: "a".to_owned(), refresh_token: "r".to_owned() };
        share.waiting.push((7, grant));
        assert_eq!([share.fresh().unwrap(), share.fresh().unwrap(), share.fresh().unwrap()], [1, 3, 5]);
        assert!(share.fresh().unwrap_err().to_string().contains("--legacy-tokens"));
        assert_eq!([share.waiting().unwrap().0, share.waiting().unwrap().0], [7, 7]);
        let mut seen: Vec<_> = (0..4).map(|_| share.any().unwrap()).collect();
        seen.sort_unstable();
        assert_eq!(seen, [1, 3, 5, 7]);
        let mut none = LegacyTokens::default();
        assert!(none.fresh().is_err() && none.any().is_err() && none.waiting().is_err());
    }

    #[test]
    fn only_whole_exchanges_are_right() {
        let token = "0123456789abcdef".repeat(4);
        let right = format!(
            r#"{{"token":{{"access_token":"{token}","refresh_token":"{token}","created_time":1572407590,"expires_in":2147483647,"token_type":"Bearer"}}}}"#
        );
        let answer =
            |status, body: &str| Answer { status, headers: HeaderMap::new(), body: Bytes::from(body.to_owned()) };
        assert_eq!(grant_of(&answer(StatusCode::OK, &right)).unwrap().access_token, token);
        assert!(grant_of(&answer(StatusCode::CREATED, &right)).is_err());
        for (part, wrong) in [
            ("2147483647", "3600"),
            ("Bearer", "bearer"),
            ("1572407590", "0"),
            ("\"token\"", "\"tokens\""),
            ("0123", "012"),
            ("0123", "012g"),
        ] {
            assert!(grant_of(&answer(StatusCode::OK, &right.replacen(part, wrong, 1))).is_err(), "{wrong}");
        }
    }
}
