//! A client with one log-in: it keeps the last refresh token that it was given, and presents it until it is given the
//! next.

use std::collections::VecDeque;

use serde_json::json;

use crate::fixture::{Answer, Call, Connection, IN_HOUSE, SELLER};

pub(crate) const TOKEN: &str = "/sc/oauth2/token";

/// One grant as its client knows it.
#[derive(Debug)]
pub(crate) struct Chain {
    pub(crate) number: usize,
    /// What is presented next: the last that was acknowledged.
    pub(crate) refresh_token: String,
    access_token: String,
    /// What was presented before, the latest last.
    spent: VecDeque<String>,
    /// Refreshes that were acknowledged.
    pub(crate) rotations: u64,
    /// Whether an answer was awaited when the connection broke.
    pub(crate) is_open: bool,
}

impl Chain {
    /// A log-in without pages.
    pub(crate) async fn begin(number: usize, connection: &mut Connection) -> Self {
        let code = connection.send(&mint()).await.unwrap().expect(200).member("code");
        let tokens = connection.send(&redeem(&code)).await.unwrap().expect(200);
        Self {
            number,
            refresh_token: tokens.member("refresh_token"),
            access_token: tokens.member("access_token"),
            spent: VecDeque::new(),
            rotations: 0,
            is_open: false,
        }
    }

    /// Refreshes again and again, until the connection breaks or it has done so often enough.
    pub(crate) async fn run(mut self, port: u16, rotations_max: u64) -> Self {
        let mut connection = Connection::to(port);
        for _ in 0..rotations_max {
            let Ok(answer) = connection.send(&refresh(&self.refresh_token)).await else {
                self.is_open = true;
                break;
            };
            self.advance(&answer);
        }
        self
    }

    /// Takes an acknowledged successor.
    #[track_caller]
    pub(crate) fn advance(&mut self, answer: &Answer) {
        assert_eq!(answer.status, 200, "chain {} is lost after {} rotations: {answer:?}", self.number, self.rotations);
        let next = answer.member("refresh_token");
        assert!(next != self.refresh_token && !self.spent.contains(&next), "chain {} goes in circles", self.number);
        self.spent.push_back(std::mem::replace(&mut self.refresh_token, next));
        if self.spent.len() > 4 {
            self.spent.pop_front();
        }
        self.access_token = answer.member("access_token");
        self.rotations += 1;
    }

    /// After a restart: what was acknowledged works, and has one successor, whoever asks for it.
    pub(crate) async fn check(&mut self, port: u16) {
        let (mut one, mut other) = (Connection::to(port), Connection::to(port));
        if !self.is_open
            && let Some(previous) = self.spent.back()
        {
            // The acknowledged successor was never presented: a retry gives exactly it again.
            let again = one.send(&refresh(previous)).await.unwrap().expect(200);
            assert_eq!(again.member("refresh_token"), self.refresh_token, "chain {} has forked", self.number);
            assert_eq!(again.member("access_token"), self.access_token, "chain {} has forked", self.number);
        }
        let call = refresh(&self.refresh_token);
        let (first, second) = tokio::join!(one.send(&call), other.send(&call));
        let (first, second) = (first.unwrap(), second.unwrap());
        let number = self.number;
        assert_eq!(first.status, 200, "chain {number} is lost after {} rotations: {first:?}", self.rotations);
        let tokens = |answer: &Answer| ["refresh_token", "access_token"].map(|name| answer.member(name));
        assert_eq!(tokens(&first), tokens(&second.expect(200)), "chain {number} has forked");
        self.advance(&first);
        self.is_open = false;
    }

    /// The token of two generations ago is refused, and ends the grant. Whether there is one.
    pub(crate) async fn check_reuse(&self, port: u16) -> bool {
        let Some(old) = self.spent.iter().rev().nth(1) else { return false };
        let mut connection = Connection::to(port);
        for token in [old, &self.refresh_token] {
            let refused = connection.send(&refresh(token)).await.unwrap().expect(400);
            assert_eq!(refused.member("error"), "invalid_grant", "chain {}: {refused:?}", self.number);
        }
        assert!(!is_active(&mut connection, &self.access_token).await, "chain {}", self.number);
        true
    }
}

/// A code without pages.
pub(crate) fn mint() -> Call {
    Call::json("/sandbox/code", &json!({"client_id": SELLER.0, "user": "an", "scopes": ["offline", "order"]}))
}

pub(crate) fn redeem(code: &str) -> Call {
    Call::post(TOKEN, &[("grant_type", "authorization_code"), ("code", code)]).by(SELLER)
}

pub(crate) fn refresh(refresh_token: &str) -> Call {
    Call::post(TOKEN, &[("grant_type", "refresh_token"), ("refresh_token", refresh_token)]).by(SELLER)
}

pub(crate) fn revoke(token: &str) -> Call {
    Call::post("/sc/oauth2/revoke", &[("token", token)]).by(SELLER)
}

pub(crate) fn introspect(token: &str) -> Call {
    let (client_id, client_secret) = IN_HOUSE;
    let form = [("token", token), ("client_id", client_id), ("client_secret", client_secret)];
    Call::post("/sc/oauth2/introspect", &form)
}

/// What the realm's resource server is told.
pub(crate) async fn is_active(connection: &mut Connection, token: &str) -> bool {
    let answer = connection.send(&introspect(token)).await.unwrap().expect(200);
    answer.body != r#"{"active":false}"#
}
