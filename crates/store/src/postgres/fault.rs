//! What went wrong with a statement, and what follows from it: for its verb alone, or for the connection.
//!
//! Source: PostgreSQL's documentation, "PostgreSQL Error Codes".

use tokio_postgres::Error;
use tokio_postgres::error::{Severity, SqlState};

use crate::StoreError;

/// What follows from an error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fault {
    /// The connection must not be used again, and nobody knows what was done.
    Lost,
    /// Nothing was done; it may be tried again at once.
    Again,
    /// Nothing was done: somebody else held a lock on the row for too long.
    Locked,
    /// Nothing was done, and nothing else would come of trying again.
    Refused(StoreError),
}

impl Fault {
    /// What follows from this error of a statement.
    pub(super) fn of(error: &Error) -> Self {
        let Some(said) = error.as_db_error() else {
            tracing::warn!(%error, "a connection to PostgreSQL was lost");
            return Self::Lost;
        };
        let code = said.code();
        let ends = matches!(said.parsed_severity(), Some(Severity::Fatal | Severity::Panic))
            || code.code().starts_with("08")
            || LOST.contains(code);
        if ends {
            tracing::warn!(
                code = code.code(),
                "PostgreSQL ended a connection, or cannot be used over it: {}",
                said.message()
            );
            return Self::Lost;
        }
        if *code == SqlState::LOCK_NOT_AVAILABLE {
            return Self::Locked;
        }
        if AGAIN.contains(code) {
            return Self::Again;
        }
        tracing::error!(code = code.code(), "PostgreSQL refused a statement: {}", said.message());
        Self::Refused(StoreError::NotDone)
    }
}

/// The server stops or has become a standby, or the connection has lost its prepared statements.
const LOST: [SqlState; 6] = [
    SqlState::ADMIN_SHUTDOWN,
    SqlState::CRASH_SHUTDOWN,
    SqlState::CANNOT_CONNECT_NOW,
    SqlState::READ_ONLY_SQL_TRANSACTION,
    SqlState::INVALID_SQL_STATEMENT_NAME,
    SqlState::FEATURE_NOT_SUPPORTED,
];

const AGAIN: [SqlState; 3] =
    [SqlState::T_R_SERIALIZATION_FAILURE, SqlState::T_R_DEADLOCK_DETECTED, SqlState::QUERY_CANCELED];
