//! Log-ins that come and go: codes that are redeemed, grants that are revoked, each of them for good.

use super::chain::{is_active, mint, redeem, refresh, revoke};
use crate::fixture::{Call, Connection};

/// What was acknowledged, and the one step whose answer did not come.
#[derive(Debug, Default)]
pub(crate) struct Visitor {
    redeemed: Vec<Visit>,
    revoked: Vec<Visit>,
    open: Option<Open>,
}

#[derive(Debug)]
struct Visit {
    code: String,
    refresh_token: String,
    access_token: String,
}

#[derive(Debug)]
enum Open {
    Redemption { code: String },
    Revocation(Visit),
}

impl Visitor {
    /// Logs in and, every other time, revokes, until the connection breaks.
    pub(crate) async fn run(mut self, port: u16) -> Self {
        let mut connection = Connection::to(port);
        while self.visit(&mut connection).await.is_some() {}
        self
    }

    async fn visit(&mut self, connection: &mut Connection) -> Option<()> {
        let code = connection.send(&mint()).await.ok()?.expect(200).member("code");
        self.open = Some(Open::Redemption { code: code.clone() });
        let tokens = connection.send(&redeem(&code)).await.ok()?.expect(200);
        self.open = None;
        let visit =
            Visit { code, refresh_token: tokens.member("refresh_token"), access_token: tokens.member("access_token") };
        if self.redeemed.len() <= self.revoked.len() {
            self.redeemed.push(visit);
            return Some(());
        }
        let call = revoke(&visit.refresh_token);
        self.open = Some(Open::Revocation(visit));
        connection.send(&call).await.ok()?.expect(200);
        if let Some(Open::Revocation(visit)) = self.open.take() {
            self.revoked.push(visit);
        }
        Some(())
    }

    /// After a restart: the last that were acknowledged stand. How many of each there were.
    pub(crate) async fn check(&mut self, port: u16, last: usize) -> (usize, usize) {
        let mut connection = Connection::to(port);
        match self.open.take() {
            // A code cannot say whether it was this client that redeemed it: it works once, or not any more.
            Some(Open::Redemption { code }) => {
                let answer = connection.send(&redeem(&code)).await.unwrap();
                assert!(answer.status == 200 || answer.member("error") == "invalid_grant", "{answer:?}");
            }
            Some(Open::Revocation(visit)) => {
                connection.send(&revoke(&visit.refresh_token)).await.unwrap().expect(200);
                self.revoked.push(visit);
            }
            None => {}
        }
        for visit in self.redeemed.iter_mut().rev().take(last) {
            let tokens = connection.send(&refresh(&visit.refresh_token)).await.unwrap().expect(200);
            visit.refresh_token = tokens.member("refresh_token");
            check_refused(&mut connection, &redeem(&visit.code)).await;
        }
        for visit in self.revoked.iter().rev().take(last) {
            check_refused(&mut connection, &refresh(&visit.refresh_token)).await;
            check_refused(&mut connection, &redeem(&visit.code)).await;
            assert!(!is_active(&mut connection, &visit.access_token).await, "{visit:?}");
        }
        (self.redeemed.len(), self.revoked.len())
    }
}

async fn check_refused(connection: &mut Connection, call: &Call) {
    let refused = connection.send(call).await.unwrap();
    assert!(refused.status == 400 && refused.member("error") == "invalid_grant", "{call:?}: {refused:?}");
}
