//! Connections: how each is opened, and the proof of the log that a writer's needs.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, Result, ffi};

use super::OpenError;

/// Bytes of a page; a frame of the log is one page with a head.
pub(super) const PAGE_BYTES: u64 = 4_096;
/// Bytes of a frame in the log.
pub(super) const FRAME_BYTES: u64 = PAGE_BYTES + 24;

/// What a connection is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Writer,
    Reader,
    Copier,
}

/// The files of a store in a directory.
#[derive(Debug, Clone)]
pub(super) struct Files {
    directory: PathBuf,
}

impl Files {
    pub(super) fn new(directory: PathBuf) -> Self {
        Self { directory }
    }

    pub(super) fn database(&self) -> PathBuf {
        self.directory.join("kimbai.db")
    }

    pub(super) fn log(&self) -> PathBuf {
        self.directory.join("kimbai.db-wal")
    }

    /// Makes directory and files for their owner alone, and locks them for this process.
    pub(super) fn make(&self) -> std::result::Result<DirectoryLock, OpenError> {
        let lock = self.lock()?;
        // SQLite gives its log the permissions of the database.
        drop(open_or_make(&self.database())?);
        Ok(lock)
    }

    /// Makes the directory, if it is not there, and locks it for this process.
    pub(super) fn lock(&self) -> std::result::Result<DirectoryLock, OpenError> {
        let is_new = !self.directory.exists();
        let made = DirBuilder::new().recursive(true).mode(0o700).create(&self.directory);
        made.map_err(failed(&self.directory))?;
        let path = self.directory.join("kimbai.lock");
        let lock = open_or_make(&path)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(OpenError::Locked { directory: self.directory.clone() }),
            Err(TryLockError::Error(source)) => return Err(OpenError::Files { path, source }),
        }
        let lock = DirectoryLock(lock);
        // A new directory is durable once the one it stands in is; SQLite flushes only its own.
        for directory in self.directory.ancestors().take(2).filter(|path| is_new && path.is_dir()) {
            File::open(directory).and_then(|directory| directory.sync_all()).map_err(failed(directory))?;
        }
        Ok(lock)
    }
}

/// A directory held by this process, until this is dropped.
#[derive(Debug)]
pub(super) struct DirectoryLock(File);

impl Drop for DirectoryLock {
    /// Closing would not do: a process that was just forked has the file open as well, until it becomes another program.
    fn drop(&mut self) {
        if let Err(error) = self.0.unlock() {
            tracing::warn!(%error, "the lock of the data directory is released only when this process ends");
        }
    }
}

fn open_or_make(path: &Path) -> std::result::Result<File, OpenError> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).mode(0o600).open(path).map_err(failed(path))
}

fn failed(path: &Path) -> impl FnOnce(std::io::Error) -> OpenError {
    let path = path.to_path_buf();
    move |source| OpenError::Files { path, source }
}

/// Opens a connection on a database file.
pub(super) fn connect(path: &Path, role: Role) -> Result<Connection> {
    // Each connection is used by one thread at a time, so that SQLite's own locks of it are not needed.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY)?;
    settle_plans(&connection)?;
    match role {
        Role::Writer => {
            connection.pragma_update(None, "page_size", PAGE_BYTES.cast_signed())?;
            let mode: String = connection.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))?;
            if mode != "wal" {
                return Err(without_log());
            }
            connection.pragma_update(None, "synchronous", "FULL")?;
            connection.pragma_update(None, "cache_size", -CACHE_KIB)?;
            connection.pragma_update(None, "temp_store", "MEMORY")?;
        }
        // Without a mapping of the file, whose pages would count as ours: 180 MB a reader at a million grants, for 2 us
        // less of a look-up and nothing less where rotations empty a reader's cache after each batch (measured).
        Role::Reader => {
            connection.pragma_update(None, "query_only", true)?;
            connection.pragma_update(None, "cache_size", -READER_CACHE_KIB)?;
        }
        Role::Copier => connection.pragma_update(None, "synchronous", "FULL")?,
    }
    connection.pragma_update_and_check(None, "wal_autocheckpoint", 0, |row| row.get::<_, i64>(0))?;
    Ok(connection)
}

/// Opens a database that lives as long as its connection.
pub(super) fn connect_memory() -> Result<Connection> {
    let connection = Connection::open_in_memory()?;
    settle_plans(&connection)?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    Ok(connection)
}

/// Some network file systems have no shared memory.
fn without_log() -> rusqlite::Error {
    let text = "this file system cannot hold the database's log; use a local one";
    rusqlite::Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_CANTOPEN), Some(text.to_owned()))
}

/// A statement keeps its plan whatever is bound to it: otherwise a look-up was planned anew each time, 50 us instead of
/// 4 (measured).
fn settle_plans(connection: &Connection) -> Result<()> {
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true).map(drop)
}

/// How a checkpoint goes about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Checkpoint {
    /// Copies what it can without making anyone wait.
    Passive,
    /// Copies all, and the next write starts the log anew.
    Restart,
    /// Copies all, and the file is empty afterwards.
    Truncate,
}

/// Copies the log into the database; true if all of it was.
pub(super) fn checkpoint(connection: &Connection, how: Checkpoint) -> Result<bool> {
    let sql = match how {
        Checkpoint::Passive => "PRAGMA wal_checkpoint(PASSIVE)",
        Checkpoint::Restart => "PRAGMA wal_checkpoint(RESTART)",
        Checkpoint::Truncate => "PRAGMA wal_checkpoint(TRUNCATE)",
    };
    let (busy, frames, copied) = connection
        .query_row(sql, [], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?, row.get::<_, i64>(2)?)))?;
    Ok(busy == 0 && frames == copied && (how != Checkpoint::Truncate || frames == 0))
}

const BUSY: Duration = Duration::from_secs(1);
const STATEMENTS: usize = 96;
const CACHE_KIB: i64 = 16 * 1024;
const READER_CACHE_KIB: i64 = 2 * 1024;
