//! The cases: one checked request (or pair of requests) each, and what a connection keeps from one to the next.
//! Every answer is read and compared; a fast wrong answer is an error, not a request.

mod code;
mod introspect;
mod signed;
mod token;

use std::fmt;
use std::net::Ipv4Addr;
use std::sync::Arc;

use http::StatusCode;
use http::header::RETRY_AFTER;

use super::connection::{Answer, Connection};
use super::realms::Realm;
use super::target::Target;
use code::Browser;
use token::Grant;

/// The server had no room for a request and said so: 503 with `Retry-After` (RFC 9110 section 10.2.3).
#[derive(Clone, Copy, Debug)]
pub(super) struct Shed;

impl fmt::Display for Shed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the server had no room: 503 with Retry-After")
    }
}

impl std::error::Error for Shed {}

impl Shed {
    /// Whether this answer is one.
    pub(super) fn is(answer: &Answer) -> bool {
        answer.status == StatusCode::SERVICE_UNAVAILABLE && answer.headers.contains_key(RETRY_AFTER)
    }
}

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
#[value(rename_all = "snake_case")]
pub(super) enum Case {
    /// The same HTTP stack answering a form with fixed JSON.
    Floor,
    /// An access token for a service.
    ClientCredentials,
    /// A durable rotation.
    Refresh,
    /// The state of a live access token.
    Introspect,
    /// Authorization with session and remembered consent, then the token request.
    Code,
    /// A durable rotation by a signed request over GraphQL.
    RefreshGraphql,
    /// A durable rotation by a signed request of generation 4.
    RefreshRest,
    /// A request that another secret signed.
    WrongSignature,
}

impl Case {
    pub(super) const ALL: [Self; 8] = [
        Self::Floor,
        Self::ClientCredentials,
        Self::Refresh,
        Self::Introspect,
        Self::Code,
        Self::RefreshGraphql,
        Self::RefreshRest,
        Self::WrongSignature,
    ];

    /// Whether a realm has it: one whose app signs has the signed requests alone.
    pub(super) fn is_of(self, realm: &Realm) -> bool {
        let is_signed = matches!(self, Self::RefreshGraphql | Self::RefreshRest | Self::WrongSignature);
        self == Self::Floor || is_signed == realm.signing.is_some()
    }

    pub(super) fn needs_grants(self) -> bool {
        matches!(self, Self::Refresh | Self::Introspect | Self::RefreshGraphql | Self::RefreshRest)
    }

    pub(super) fn needs_session(self) -> bool {
        self == Self::Code
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Floor => "floor",
            Self::ClientCredentials => "client_credentials",
            Self::Refresh => "refresh",
            Self::Introspect => "introspect",
            Self::Code => "code",
            Self::RefreshGraphql => "refresh_graphql",
            Self::RefreshRest => "refresh_rest",
            Self::WrongSignature => "wrong_signature",
        })
    }
}

/// A prime: it shares no divisor with a number of grants, so that all of them are visited.
const STRIDE: u64 = 2_654_435_761;
/// How far one worker is ahead of the one before it, so that they do not walk side by side.
const TURNS_APART: u64 = 7_919;

/// One connection with its grants and its browser session.
#[derive(Debug)]
pub(super) struct Worker {
    number: u32,
    target: Arc<Target>,
    connection: Connection,
    grants: Vec<Grant>,
    /// How often a grant was asked for.
    turn: u64,
    browser: Option<Browser>,
}

impl Worker {
    pub(super) fn new(number: u32, target: Arc<Target>) -> Self {
        let connection = target.connection();
        let turn = u64::from(number) * TURNS_APART;
        Self { number, target, connection, grants: Vec::new(), turn, browser: None }
    }

    /// A worker that comes from a loopback address of its own.
    pub(super) fn from_source(number: u32, target: Arc<Target>, source: Ipv4Addr) -> Self {
        let connection = target.connection().coming_from(source);
        Self { connection, ..Self::new(number, target) }
    }

    pub(super) fn number(&self) -> u32 {
        self.number
    }

    pub(super) fn target(&self) -> Arc<Target> {
        Arc::clone(&self.target)
    }

    pub(super) fn connection(&mut self) -> &mut Connection {
        &mut self.connection
    }

    /// Once through a case.
    pub(super) async fn iterate(&mut self, case: Case) -> anyhow::Result<()> {
        match case {
            Case::Floor => self.floor().await,
            Case::ClientCredentials => self.client_credentials().await,
            Case::Refresh => self.refresh().await,
            Case::Introspect => self.introspect().await,
            Case::Code => self.code().await,
            Case::RefreshGraphql => self.refresh_over_graphql().await,
            Case::RefreshRest => self.refresh_by_rest().await,
            Case::WrongSignature => self.present_wrong_signature().await,
        }
    }

    /// The place of the grant whose turn it is: each once in a round, and neighbours far from one another, because
    /// nobody's clients come in the order in which the store keeps their grants.
    fn next_turn(&mut self) -> usize {
        self.turn = self.turn.wrapping_add(1);
        let grants = u64::try_from(self.grants.len()).unwrap_or(u64::MAX).max(1);
        usize::try_from(self.turn.wrapping_mul(STRIDE) % grants).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum as _;

    use super::super::realms;
    use super::token::Grant;
    use super::*;

    #[test]
    fn a_round_visits_every_grant_once_and_neighbours_apart() {
        let target = Arc::new(Target::at_url(realms::find("standard").unwrap(), "http://localhost:1").unwrap());
        for grants in [1, 2, 156, 157, 15_625] {
            let mut worker = Worker::new(3, Arc::clone(&target));
            worker.grants = (0..grants).map(|_| Grant::default()).collect();
            let mut turns: Vec<usize> = (0..grants).map(|_| worker.next_turn()).collect();
            let steps = turns.iter().zip(turns.iter().skip(1)).filter(|(a, b)| a.abs_diff(**b) <= 1).count();
            assert!(grants < 3 || steps == 0, "{grants}: {steps} neighbours came one after another");
            turns.sort_unstable();
            assert_eq!(turns, (0..grants).collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_case_is_chosen_by_the_name_it_is_reported_with() {
        for case in Case::ALL {
            assert_eq!(case.to_possible_value().unwrap().get_name(), case.to_string());
        }
        assert_eq!(Case::value_variants(), Case::ALL);
    }
}
