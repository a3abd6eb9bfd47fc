//! An honest client: it presents the last refresh token that it was given, at whatever server, and asks again with the same
//! one if it was told to come back later or the answer did not come. It must never be refused.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::super::visit::{App, CALLBACK, VERIFIER, introspection};
use super::servers::Person;
use crate::fixture::{Answer, Call, Connection};

/// Nothing keeps a store or all servers away for so long here.
const PATIENCE: Duration = Duration::from_secs(50);
/// An answer comes within the deadline of the store, 5 s, whatever the store does.
const ANSWER_MAX: Duration = Duration::from_secs(8);
/// Soon, so that there is always something under way; a real one would wait for what `Retry-After` says.
const PAUSE: Duration = Duration::from_millis(20);

/// One grant as its client knows it.
#[derive(Debug)]
pub(super) struct Client {
    number: usize,
    host: String,
    /// What is presented next.
    refresh_token: String,
    access_token: String,
    /// What was presented before, the latest last.
    spent: VecDeque<String>,
    /// Refreshes that were acknowledged.
    pub(super) rotations: u64,
    /// Requests that were made again.
    pub(super) repetitions: u64,
}

/// Connections to all servers, one after the other.
pub(super) struct Route {
    connections: Vec<Connection>,
    next: usize,
}

impl Route {
    /// Begins at another server for each number.
    pub(super) fn over(ports: &[u16], number: usize) -> Self {
        Self { connections: ports.iter().map(|port| Connection::to(*port)).collect(), next: number }
    }

    pub(super) fn next(&mut self) -> &mut Connection {
        self.next = (self.next + 1) % self.connections.len();
        &mut self.connections[self.next]
    }
}

impl Client {
    /// Gets its first tokens for a code of this person, at this port.
    pub(super) async fn begin(person: &Person, number: usize, port: u16) -> Self {
        let code = person.code(port).await;
        let sent = Connection::to(port).send(&redemption(&code).header("host", &person.host)).await;
        let tokens = sent.unwrap_or_else(|broken| panic!("client {number}: {broken:?}")).expect(200);
        Self {
            number,
            host: person.host.clone(),
            refresh_token: tokens.member("refresh_token"),
            access_token: tokens.member("access_token"),
            spent: VecDeque::new(),
            rotations: 0,
            repetitions: 0,
        }
    }

    /// Refreshes once; asks as often as it takes.
    pub(super) async fn refresh(&mut self, route: &mut Route) {
        let begun = Instant::now();
        loop {
            let sent = Instant::now();
            match route.next().send(&self.refreshment()).await {
                Ok(answer) if answer.status == 503 => {
                    assert!(answer.header("retry-after").parse::<u32>().is_ok(), "{answer:?}");
                    assert!(sent.elapsed() < ANSWER_MAX, "{:?} for {answer:?}", sent.elapsed());
                }
                Ok(answer) => return self.advance(&answer),
                Err(_) => {}
            }
            self.repetitions += 1;
            assert!(begun.elapsed() < PATIENCE, "client {} has lost its patience", self.number);
            pause().await;
        }
    }

    /// Refreshes once, and takes nothing but an answer.
    pub(super) async fn refresh_at_once(&mut self, route: &mut Route) {
        let sent = route.next().send(&self.refreshment()).await;
        self.advance(&sent.unwrap_or_else(|broken| panic!("client {}: {broken:?}", self.number)));
    }

    /// What was acknowledged last is what each server says, and has one successor, whoever is asked for it.
    pub(super) async fn check(&mut self, ports: &[u16]) {
        for port in ports {
            // The acknowledged successor was never presented: a retry gives exactly it again.
            if let Some(previous) = self.spent.back() {
                let again = self.ask(*port, App::WEB.refresh(previous)).await.expect(200);
                assert_eq!(again.member("refresh_token"), self.refresh_token, "client {} has forked", self.number);
            }
        }
        let mut successors = Vec::new();
        for port in ports {
            successors.push(self.ask(*port, App::WEB.refresh(&self.refresh_token)).await);
        }
        let tokens = |answer: &Answer| ["refresh_token", "access_token"].map(|name| answer.member(name));
        let first = successors[0].clone();
        self.advance(&first);
        assert!(successors.iter().all(|answer| tokens(answer) == tokens(&first)), "client {} has forked", self.number);
        for port in ports {
            let introspected = self.ask(*port, introspection(&self.access_token)).await.expect(200);
            assert!(introspected.body.contains("\"active\":true"), "client {}: {introspected:?}", self.number);
        }
    }

    async fn ask(&self, port: u16, call: Call) -> Answer {
        let sent = Connection::to(port).send(&call.header("host", &self.host)).await;
        sent.unwrap_or_else(|broken| panic!("client {} at {port}: {broken:?}", self.number))
    }

    fn refreshment(&self) -> Call {
        App::WEB.refresh(&self.refresh_token).header("host", &self.host)
    }

    /// Takes an acknowledged successor.
    #[track_caller]
    fn advance(&mut self, answer: &Answer) {
        let Self { number, rotations, .. } = self;
        assert_eq!(answer.status, 200, "client {number} is refused after {rotations} rotations: {answer:?}");
        let next = answer.member("refresh_token");
        assert!(next != self.refresh_token && !self.spent.contains(&next), "client {number} goes in circles");
        self.spent.push_back(std::mem::replace(&mut self.refresh_token, next));
        if self.spent.len() > 4 {
            self.spent.pop_front();
        }
        self.access_token = answer.member("access_token");
        self.rotations += 1;
    }
}

/// The request that makes tokens of a code.
pub(super) fn redemption(code: &str) -> Call {
    let form =
        [("grant_type", "authorization_code"), ("code", code), ("redirect_uri", CALLBACK), ("code_verifier", VERIFIER)];
    Call::post(App::WEB.token, &form).by(App::WEB.client)
}

#[expect(clippy::disallowed_methods, reason = "a client that was refused for now waits before it asks again")]
async fn pause() {
    tokio::time::sleep(PAUSE).await;
}
