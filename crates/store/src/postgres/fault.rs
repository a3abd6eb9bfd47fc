//! What an error of PostgreSQL means: for the caller of one statement, and for the operator who opens a database.
//!
//! By SQLSTATE, never by the text, which is in the server's language.

use std::error::Error as _;
use std::io;

use tokio_postgres::error::{Severity, SqlState};
use tokio_postgres::{Error, Row};

use super::connect::Failure;
use crate::StoreError;

/// A failure of a statement or of a whole transaction that was sent in one go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fault {
    /// The connection went, or the server is going: what was sent may have been carried out.
    Lost,
    /// This connection or server cannot be used any more: certainly not carried out, and another connection is needed.
    Unfit,
    /// Certainly not carried out, and a repetition may succeed: a deadlock.
    Again,
    /// Certainly not carried out: somebody else held a lock for too long. A repetition may succeed.
    Locked,
    /// Certainly not carried out, and this is what its caller is told.
    Refused(StoreError),
}

impl Fault {
    /// What this error means.
    pub(super) fn of(error: &Error) -> Self {
        let Some(database) = error.as_db_error() else { return Self::Lost };
        let code = database.code().code();
        if matches!(database.parsed_severity(), Some(Severity::Fatal | Severity::Panic)) {
            return Self::Lost;
        }
        match code {
            "40001" | "40P01" | "57014" => Self::Again,
            "55P03" => Self::Locked,
            // The server is read-only; or the connection, or whoever is between, has forgotten our statements, or the tables
            // have changed.
            "25006" | "26000" | "0A000" => Self::Unfit,
            "57P01" | "57P02" | "57P03" | "57P05" => Self::Lost,
            "23505" => Self::Refused(StoreError::Taken),
            "23514" if database.constraint() == Some("a_key_has_one_of_256_numbers") => {
                Self::Refused(StoreError::Unreadable("the realm has used all 256 numbers of these keys".to_owned()))
            }
            "22021" => Self::Refused(StoreError::Unreadable(
                "PostgreSQL does not keep a text with a NUL character in it: leave the character out".to_owned(),
            )),
            // Raised by our own functions.
            "KB002" => Self::Refused(StoreError::Changed),
            "KB001" => Self::Refused(StoreError::Unreadable(database.message().to_owned())),
            _ if code.starts_with("08") => Self::Lost,
            _ if code.starts_with("22") || code.starts_with("23") => {
                Self::Refused(StoreError::Unreadable(database.message().to_owned()))
            }
            _ => {
                tracing::error!(code, "a statement of the store failed: {}", database.message());
                Self::Refused(StoreError::NotDone)
            }
        }
    }

    /// What the caller of a single statement is told that is not sent again.
    pub(super) fn answer(self) -> StoreError {
        match self {
            Self::Lost => StoreError::Unknown,
            Self::Unfit | Self::Again | Self::Locked => StoreError::NotDone,
            Self::Refused(error) => error,
        }
    }

    /// Whether the connection it happened on must not be used again.
    pub(super) fn ends_connection(&self) -> bool {
        match self {
            Self::Lost | Self::Unfit => true,
            Self::Again | Self::Locked | Self::Refused(_) => false,
        }
    }
}

/// A column of a row.
///
/// # Errors
/// [`StoreError::Unreadable`]: it holds something else.
pub(super) fn column<'a, T: tokio_postgres::types::FromSql<'a>>(row: &'a Row, index: usize) -> Result<T, StoreError> {
    row.try_get(index).map_err(|error| StoreError::Unreadable(chain(&error)))
}

/// Why a database cannot be used, and what to do about it.
pub(super) fn explain(failure: &Failure) -> String {
    let Failure::Postgres(error) = failure else {
        return format!("{failure}: is it PostgreSQL that listens there, and does a firewall stop it?");
    };
    let advice = match error.code() {
        Some(code) => advice(code),
        None => Some(advice_without_code(error)),
    };
    match advice {
        Some(advice) => format!("{}: {advice}", chain(error)),
        None => chain(error),
    }
}

fn advice(code: &SqlState) -> Option<&'static str> {
    Some(match code.code() {
        "28P01" => "give the right password in the store's URL",
        "28000" => "let this role log in (CREATE ROLE … LOGIN), and this host in pg_hba.conf",
        "3D000" => "create the database (CREATE DATABASE … OWNER the role of the URL), or name another one",
        "42501" => {
            "let the role of the URL create in this database (GRANT CREATE ON DATABASE …), or make it the owner of the \
             schema kimbai and of all in it"
        }
        "42P06" | "42P07" => "something that is not Kimbai's is in the schema kimbai: use another database",
        "53300" => "raise max_connections, or lower store.lanes and store.pool of the servers",
        "53100" => "the disk of the database is full: make room on it",
        "53200" => "the database is out of memory: give it more, or lower max_connections",
        "57P03" => "the server is starting, stopping or in recovery: try again, or name the primary",
        "25006" => "the server is read-only or in recovery: name the primary, or all servers of the cluster",
        "55P03" => {
            "another kimbai is migrating the database, or somebody holds a lock on it: try again when it is done"
        }
        "22021" => "PostgreSQL keeps no text with a NUL character in it: change that text first",
        "0A000" | "42601" | "42883" => "PostgreSQL 15 to 18 are supported",
        _ => return None,
    })
}

fn advice_without_code(error: &Error) -> &'static str {
    let mut source = error.source();
    while let Some(cause) = source {
        if let Some(cause) = cause.downcast_ref::<io::Error>() {
            let kind = cause.kind();
            let advice = OF_THE_NETWORK.iter().find(|(known, _)| *known == kind);
            return advice.map_or(WHO, |(_, advice)| advice);
        }
        source = cause.source();
    }
    WHO
}

const OF_THE_NETWORK: [(io::ErrorKind, &str); 4] = [
    (io::ErrorKind::ConnectionRefused, "start PostgreSQL, or name its host and port"),
    (io::ErrorKind::NotFound, "there is no such socket: name the directory that it is in"),
    (
        io::ErrorKind::PermissionDenied,
        "this user may not open the socket, or the server is read-only or in recovery: name the primary",
    ),
    (io::ErrorKind::TimedOut, "nobody answers: is the host right, and does a firewall stop it?"),
];

const WHO: &str = "is it PostgreSQL that listens there, and does it speak TLS as the URL's sslmode wants it?";

/// The error and its causes in one line.
fn chain(error: &Error) -> String {
    let mut text = match error.as_db_error() {
        Some(database) => return database.message().to_owned(),
        None => error.to_string(),
    };
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
