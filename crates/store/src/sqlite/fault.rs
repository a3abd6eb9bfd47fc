//! What went wrong in a statement, and what follows from it: for its member alone, or for the whole batch and the
//! connection.

use rusqlite::ErrorCode;

use crate::StoreError;

/// A failure inside one task of the writer or one read.
#[derive(Debug)]
pub(super) enum Fault {
    Sqlite(rusqlite::Error),
    Store(StoreError),
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

impl Fault {
    /// Whether the connection it happened on must not be used again.
    pub(super) fn ends_connection(&self) -> bool {
        match self {
            Self::Store(_) => false,
            Self::Sqlite(error) => ends_connection(error),
        }
    }

    /// What its own caller is told, once what the statement did has been rolled back.
    pub(super) fn answer(self) -> StoreError {
        let error = match self {
            Self::Store(error) => return error,
            Self::Sqlite(error) => error,
        };
        let unreadable = matches!(
            error,
            rusqlite::Error::FromSqlConversionFailure(..)
                | rusqlite::Error::IntegralValueOutOfRange(..)
                | rusqlite::Error::InvalidColumnType(..)
        );
        match error.sqlite_error_code() {
            Some(ErrorCode::ConstraintViolation) => StoreError::Taken,
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => StoreError::Unreadable(error.to_string()),
            _ if unreadable => StoreError::Unreadable(error.to_string()),
            _ => {
                tracing::error!(%error, "a statement of the store failed");
                StoreError::NotDone
            }
        }
    }
}

/// Whether nothing more may be done on a connection: what it believes of the disk is no longer true.
pub(super) fn ends_connection(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(
            ErrorCode::SystemIoFailure
                | ErrorCode::DiskFull
                | ErrorCode::ReadOnly
                | ErrorCode::CannotOpen
                | ErrorCode::OutOfMemory
                | ErrorCode::FileLockingProtocolFailed
                | ErrorCode::NotADatabase
        )
    )
}
