//! The embedded store: one SQLite database in a directory, or in memory for tests and the sandbox.
//!
//! One thread writes, verbs and registry changes alike: what waits is one batch, one transaction, one flush, and no
//! answer leaves before it. Look-ups have connections of their own. A process owns its directory alone.

mod audit;
mod backup;
mod changes;
mod connection;
mod fault;
mod ledger;
mod legacy_tokens;
mod log;
mod log_in;
mod migrate;
mod organizations;
mod part;
mod parties;
mod queue;
mod readers;
mod realm_rows;
mod registry;
mod restore;
mod rows;
mod sessions;
mod sweep;
mod upkeep;
mod verbs;
mod writer;

use std::path::PathBuf;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use kimbai_core::time::Micros;
use rusqlite::{Connection, ErrorCode};
use tokio::sync::{Semaphore, watch};

use self::connection::{Checkpoint, DirectoryLock, Files, Role};
use self::fault::Fault;
use self::log::Log;
pub use self::log::LogLimits;
use self::queue::{Queue, Undo, Work};
use self::readers::Readers;
pub use self::restore::{RestoreError, Restored, restore};
use self::writer::Hand;
use crate::figures::Figures;
use crate::ledger::Answer;
use crate::{AuditEvent, Clock, StoreError, Versions};

/// "Kimb": what each of our databases bears in its head, since migration 2.
const APPLICATION_ID: u32 = u32::from_be_bytes(*b"Kimb");

/// Where the database is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// In memory, and gone with the store.
    Memory,
    /// `kimbai.db` in this directory, which is made if it is not there, for its owner alone.
    Directory(PathBuf),
}

/// What may be set about a store.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    /// The bounds of the log.
    pub log: LogLimits,
}

/// Why a store could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has it.
    #[error("{} is in use by another kimbai process; stop that one, or use another directory", directory.display())]
    Locked {
        /// The directory.
        directory: PathBuf,
    },
    /// A directory or file could not be made or opened.
    #[error("cannot open {}: is it there, and may this user write it?", path.display())]
    Files {
        /// Which one.
        path: PathBuf,
        /// The operating system's reason.
        source: std::io::Error,
    },
    /// Its schema is of a later version.
    #[error("the database has schema {found}, this version knows {known}; start the newer kimbai")]
    NewerSchema {
        /// The database's.
        found: u32,
        /// Ours.
        known: u32,
    },
    /// A migration was applied that reads otherwise than ours.
    #[error("the database's migration {number} is not the one of this version; it was made by another build")]
    OtherSchema {
        /// The migration's number.
        number: u32,
    },
    /// It may be read but not written.
    #[error("the database is read-only; give this user the right to write it")]
    ReadOnly,
    /// It is not a database, or a damaged one.
    #[error("the database is damaged or no database at all ({0}); restore a backup")]
    Corrupt(String),
    /// What an earlier process left in the log could not be copied.
    #[error("the log of an earlier run could not be copied into the database: another process is reading it")]
    LogInUse,
    /// Anything else that SQLite says.
    #[error("the database cannot be opened")]
    Sqlite(#[source] rusqlite::Error),
}

impl From<rusqlite::Error> for OpenError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::ReadOnly) => Self::ReadOnly,
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Self::Corrupt(error.to_string()),
            _ => Self::Sqlite(error),
        }
    }
}

/// Ledger and registry in SQLite; dropping it finishes what waits.
pub struct SqliteStore {
    shared: Arc<Shared>,
    writer: Mutex<Option<JoinHandle<()>>>,
    /// One backup at a time.
    backups: Arc<Semaphore>,
    /// Never told anything: nobody else changes the registry.
    versions: watch::Sender<Versions>,
}

/// What the writer and all callers have in common.
struct Shared {
    clock: Clock,
    queue: Queue,
    figures: Figures,
    home: Home,
    /// Counts outages: even while the store is reachable, odd while it is not.
    outages: AtomicU64,
    available_since: AtomicI64,
}

enum Home {
    Memory,
    Directory { files: Files, readers: Readers, log_frames: Arc<AtomicU64>, _lock: DirectoryLock },
}

impl SqliteStore {
    /// Opens the store, makes or migrates it, and starts its writer.
    ///
    /// # Errors
    /// [`OpenError`]: why it could not be opened, and what to do about it.
    pub fn open(location: Location, clock: Clock, options: Options) -> Result<Self, OpenError> {
        let (mut connection, home, log) = match location {
            Location::Memory => (connection::connect_memory()?, Home::Memory, None),
            Location::Directory(directory) => {
                let files = Files::new(directory);
                let lock = files.make()?;
                let connection = connection::connect(&files.database(), Role::Writer)?;
                if !connection::checkpoint(&connection, Checkpoint::Truncate)? {
                    return Err(OpenError::LogInUse);
                }
                let thread = |source| OpenError::Files { path: files.database(), source };
                let log_frames = Arc::default();
                let log = Log::new(&files, options.log, Arc::clone(&log_frames)).map_err(thread)?;
                let readers = Readers::new(files.database());
                (connection, Home::Directory { files, readers, log_frames, _lock: lock }, Some(log))
            }
        };
        migrate::migrate(&mut connection, migrate::ALL, &clock)?;
        let available_since = AtomicI64::new(clock.now().0);
        let (queue, figures, outages) = (Queue::default(), Figures::default(), AtomicU64::new(0));
        let shared = Arc::new(Shared { clock, queue, figures, home, outages, available_since });
        let for_writer = Arc::clone(&shared);
        let writer = thread::Builder::new()
            .name("kimbai-writer".to_owned())
            .spawn(move || writer::run(&for_writer, connection, log))
            .map_err(|source| OpenError::Files { path: PathBuf::from("the writer's thread"), source })?;
        let backups = Arc::new(Semaphore::new(1));
        Ok(Self { shared, writer: Mutex::new(Some(writer)), backups, versions: watch::Sender::default() })
    }

    /// Finishes what waits, copies the log and ends the writer; every later call is answered [`StoreError::NotDone`].
    pub fn close(&self) {
        self.shared.queue.close();
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take();
        if writer.is_some_and(|writer| writer.join().is_err()) {
            tracing::error!("the writer of the store ended in a panic");
        }
    }

    /// A verb: one statement changes something, so that it needs no savepoint.
    fn verb<T, F>(&self, work: F) -> Answer<'_, T>
    where
        T: Send + 'static,
        F: FnOnce(&mut Hand<'_>) -> Result<T, Fault> + Send + 'static,
    {
        Box::pin(async move { self.send(Undo::Statement, work).await })
    }

    /// A change of several statements: all of them are carried out, or none.
    fn savepoint<T, F>(&self, work: F) -> Answer<'_, T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection, Micros) -> Result<T, Fault> + Send + 'static,
    {
        Box::pin(async move { self.send(Undo::Savepoint, move |hand| work(hand.connection, hand.clock.now())).await })
    }

    /// A read of what is durable.
    fn read<T, F>(&self, work: F) -> Answer<'_, T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection, Micros) -> Result<T, Fault> + Send + 'static,
    {
        Box::pin(async move {
            let Home::Directory { readers, .. } = &self.shared.home else {
                return self.send(Undo::Statement, move |hand| work(hand.connection, hand.clock.now())).await;
            };
            let outages = self.shared.outages.load(Ordering::Acquire);
            if !outages.is_multiple_of(2) {
                return Err(StoreError::NotDone);
            }
            let result = readers.read(|connection| work(connection, self.shared.clock.now()));
            // What was read while the log was in doubt must not be served.
            if self.shared.outages.load(Ordering::Acquire) == outages {
                result.map_err(Fault::answer)
            } else {
                Err(StoreError::NotDone)
            }
        })
    }

    async fn send<T, F>(&self, undo: Undo, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&mut Hand<'_>) -> Result<T, Fault> + Send + 'static,
    {
        let (task, answer) = Work::task(undo, work);
        self.shared.queue.push(task).map_err(|_| StoreError::NotDone)?;
        answer.await.unwrap_or(Err(StoreError::Unknown))
    }

    fn record_event(&self, event: AuditEvent) {
        self.shared.queue.push_event(self.shared.clock.now(), event);
    }
}

impl Drop for SqliteStore {
    fn drop(&mut self) {
        self.close();
    }
}

impl Shared {
    /// Nothing is taken any more, and what waits was certainly not done.
    fn failed(&self) {
        if self.is_ready() {
            self.outages.fetch_add(1, Ordering::AcqRel);
        }
        for task in self.queue.refuse() {
            task.settle(Err(StoreError::NotDone));
        }
    }

    fn recovered(&self) {
        self.available_since.store(self.clock.now().0, Ordering::Release);
        self.outages.fetch_add(1, Ordering::AcqRel);
        self.queue.accept();
    }

    fn is_ready(&self) -> bool {
        self.outages.load(Ordering::Acquire).is_multiple_of(2)
    }
}
