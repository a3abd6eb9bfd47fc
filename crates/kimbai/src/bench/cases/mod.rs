//! The cases: one checked request (or pair of requests) each, and what a connection keeps from one to the next.
//! Every answer is read and compared; a fast wrong answer is an error, not a request.

mod code;
mod introspect;
mod token;

use std::fmt;
use std::sync::Arc;

use super::connection::Connection;
use super::target::Target;
use code::Browser;
use token::Grant;

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
}

impl Case {
    pub(super) const ALL: [Self; 5] =
        [Self::Floor, Self::ClientCredentials, Self::Refresh, Self::Introspect, Self::Code];

    pub(super) fn needs_grants(self) -> bool {
        matches!(self, Self::Refresh | Self::Introspect)
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
        })
    }
}

/// One connection with its grants and its browser session.
#[derive(Debug)]
pub(super) struct Worker {
    number: u32,
    target: Arc<Target>,
    connection: Connection,
    grants: Vec<Grant>,
    /// Whose turn it is among the grants.
    turn: usize,
    browser: Option<Browser>,
}

impl Worker {
    pub(super) fn new(number: u32, target: Arc<Target>) -> Self {
        let connection = target.connection();
        Self { number, target, connection, grants: Vec::new(), turn: 0, browser: None }
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
        }
    }

    /// The place of the grant whose turn it is; none when the worker has none.
    fn next_turn(&mut self) -> usize {
        self.turn = (self.turn + 1) % self.grants.len().max(1);
        self.turn
    }
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum as _;

    use super::*;

    #[test]
    fn a_case_is_chosen_by_the_name_it_is_reported_with() {
        for case in Case::ALL {
            assert_eq!(case.to_possible_value().unwrap().get_name(), case.to_string());
        }
        assert_eq!(Case::value_variants(), Case::ALL);
    }
}
