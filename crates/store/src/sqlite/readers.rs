//! Connections that read while the writer writes: one for each read at work, kept for the next.
//!
//! A read is done at once on the thread that asks: a point look-up takes microseconds. None keeps a snapshot.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use rusqlite::Connection;

use super::connection::{self, Role};
use super::fault::Fault;

/// The readers of one database file.
pub(super) struct Readers {
    database: PathBuf,
    idle: Mutex<Vec<Connection>>,
}

impl Readers {
    pub(super) fn new(database: PathBuf) -> Self {
        Self { database, idle: Mutex::new(Vec::new()) }
    }

    /// Reads on an idle connection, or on a new one.
    pub(super) fn read<T>(&self, work: impl FnOnce(&Connection) -> Result<T, Fault>) -> Result<T, Fault> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let connection = match idle {
            Some(connection) => connection,
            None => connection::connect(&self.database, Role::Reader)?,
        };
        let result = work(&connection);
        if !result.as_ref().is_err_and(Fault::ends_connection) {
            let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
            if idle.len() < IDLE_MAX {
                idle.push(connection);
            }
        }
        result
    }
}

const IDLE_MAX: usize = 64;
