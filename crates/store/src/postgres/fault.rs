//! What an error of PostgreSQL means for the caller of a statement.
//!
//! By SQLSTATE, never by the text, which is in the server's language.

use tokio_postgres::error::Severity;
use tokio_postgres::{Error, Row};

use super::advice::{advice, chain};
use super::seldom::Seldom;
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
            "23505" if database.constraint().is_some_and(|constraint| NAMES.contains(&constraint)) => {
                Self::Refused(StoreError::Taken)
            }
            "23514" if database.constraint() == Some("a_key_has_one_of_256_numbers") => {
                Self::Refused(StoreError::Unreadable("the realm has used all 256 numbers of these keys".to_owned()))
            }
            "22021" => Self::Refused(StoreError::Unreadable(
                "PostgreSQL does not keep a text with a NUL character in it: leave the character out".to_owned(),
            )),
            // Raised by our own functions.
            "KB003" => Self::Refused(StoreError::Taken),
            "KB002" => Self::Refused(StoreError::Changed),
            "KB001" => Self::Refused(StoreError::Unreadable(database.message().to_owned())),
            _ if code.starts_with("08") => Self::Lost,
            _ if code.starts_with("22") || code.starts_with("23") => {
                Self::Refused(StoreError::Unreadable(database.message().to_owned()))
            }
            // A full disk or a lacking right fails every verb alike.
            _ => {
                if FAILED.is_due(code) {
                    let advice = advice(database.code()).unwrap_or("its own log may say more");
                    tracing::error!(code, "a statement of the store failed: {}: {advice}", database.message());
                }
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

static FAILED: Seldom = Seldom::new();

/// Where somebody may be told that a name is taken.
const NAMES: [&str; 5] = [
    "realms_name_key",
    "clients_realm_client_id_key",
    "users_realm_username_key",
    "organizations_realm_org_id_key",
    "organizations_realm_label_key",
];
