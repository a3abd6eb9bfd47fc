//! The locks that all servers on one database share: advisory ones, by number.
//!
//! Those of log-in keys are by one number of 64 bits; these are by two of 32 and never meet them.

use tokio_postgres::{Client, Error};

/// What one server at a time does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lock {
    /// Migrates the schema.
    Migration = 1,
    /// Changes the registry.
    Registry = 2,
    /// Sweeps.
    Sweep = 3,
}

impl Lock {
    /// Both numbers of the lock.
    pub(super) const fn key(self) -> [i32; 2] {
        [CLASS, self as i32]
    }

    /// Waits for the lock; the session has it until it releases it or ends.
    pub(super) async fn take(self, client: &Client) -> Result<(), Error> {
        let [class, lock] = self.key();
        client.execute("SELECT pg_advisory_lock($1, $2)", &[&class, &lock]).await.map(drop)
    }

    /// Takes the lock if nobody has it; whether this session has it now.
    pub(super) async fn try_take(self, client: &Client) -> Result<bool, Error> {
        let [class, lock] = self.key();
        client.query_one("SELECT pg_try_advisory_lock($1, $2)", &[&class, &lock]).await?.try_get(0)
    }

    /// Gives it back.
    pub(super) async fn release(self, client: &Client) -> Result<(), Error> {
        let [class, lock] = self.key();
        client.execute("SELECT pg_advisory_unlock($1, $2)", &[&class, &lock]).await.map(drop)
    }
}

/// "Kimb", so that another program in the same database is unlikely to use the same numbers.
const CLASS: i32 = i32::from_be_bytes(*b"Kimb");
