//! Upkeep: what an operator does to a store as a whole, and what is measured of it.

use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;

use crate::ledger::Answer;

/// What concerns a store as a whole.
pub trait Upkeep: Send + Sync {
    /// Writes a copy of everything as of one moment into a new file, while the store goes on serving, in steps of a few
    /// milliseconds. The file has its name once it is whole and durable, and not before. Dropping the answer ends it.
    ///
    /// The outer error says that the store could not take the order, the inner one why there is no copy.
    fn backup(&self, to: PathBuf, progress: Arc<BackupProgress>) -> Answer<'_, Result<BackupDone, BackupError>>;

    /// What has been measured since the start.
    fn figures(&self) -> StoreFigures;

    /// Finishes what waits and closes everything, within about the time that a caller waits for an answer; every later call is
    /// answered [`crate::StoreError::NotDone`].
    fn close(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>>;
}

/// How far a backup has come, written by the store and read by whoever shows it.
#[derive(Debug, Default)]
pub struct BackupProgress {
    /// Bytes copied so far.
    pub done_bytes: std::sync::atomic::AtomicU64,
    /// Bytes to be copied, as far as is known.
    pub all_bytes: std::sync::atomic::AtomicU64,
}

/// A finished backup.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BackupDone {
    /// Its size.
    pub bytes: u64,
}

/// Why there is no backup. Nothing is left at the file's place.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The file is there already.
    #[error("{} exists already; choose another name", .0.display())]
    Exists(PathBuf),
    /// The store has no file to copy.
    #[error("a store in memory has nothing to back up")]
    Memory,
    /// The store is in a database that has its own backups.
    #[error(
        "the store is in PostgreSQL, whose own tools back it up: pg_dump of the database, or a base backup with its log \
         archived; keep the master key apart from it, because without the key nobody can use what is in it"
    )]
    Elsewhere,
    /// Another one is being written.
    #[error("another backup is being written; wait for its end")]
    Busy,
    /// The store failed, or was closed, before the copy was whole.
    #[error("the store failed or was stopped before {} was whole; nothing was kept of it", .0.display())]
    Interrupted(PathBuf),
    /// The disk of the copy is full.
    #[error("the disk of {} is full; nothing was kept of the backup", .0.display())]
    Full(PathBuf),
    /// The file could not be made or written.
    #[error("cannot write {}: {reason}", path.display())]
    Write {
        /// Which file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
}

/// What a store measures. Counters count from the start.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StoreFigures {
    /// Transactions that were committed.
    pub batches: u64,
    /// Batches by the number of their verbs and changes: at most 1, 2, 4, … 512.
    pub batch_sizes: [u64; 10],
    /// All verbs and changes in them.
    pub batch_size_sum: u64,
    /// Batches by the time from taking them to their flush: at most 64 us, 128 us, … (each bound twice the one before), and the
    /// last for all that took longer.
    pub batch_times: [u64; 16],
    /// All that time, in microseconds.
    pub batch_time_sum_us: u64,
    /// What waits for the writer now.
    pub waiting: u64,
    /// What was turned away because too much waited.
    pub turned_away: u64,
    /// Bytes in the log now; 0 where the log is PostgreSQL's.
    pub log_bytes: u64,
    /// Bytes of the database file, or of the whole database on PostgreSQL, which is asked once a minute.
    pub database_bytes: u64,
    /// Audit events that were dropped because the store did not keep up.
    pub events_dropped: u64,
    /// Times that the store failed and had to prove its log.
    pub outages: u64,
}
