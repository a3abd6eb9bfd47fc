//! A database file in the making: beside the name it will have, for its owner alone, removed unless it is kept.
//!
//! It is no database before it has its name, so that it has neither a log nor a journal, and is flushed once at its end.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, ErrorCode};

use crate::BackupError;

/// Such a file.
pub(super) struct Part {
    path: PathBuf,
    to: PathBuf,
}

/// Why it could not be written.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unwritten {
    /// The disk is full.
    Full,
    /// Anything else.
    Other(String),
}

impl Part {
    /// Makes it, in the place of one that was left behind.
    pub(super) fn new(to: &Path) -> Result<Self, Unwritten> {
        let mut path = to.as_os_str().to_owned();
        path.push(".part");
        let path = PathBuf::from(path);
        remove(&path)?;
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
        Ok(Self { path, to: to.to_path_buf() })
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// A connection that writes it fast, and owns it alone.
    pub(super) fn connect(&self) -> Result<Connection, Unwritten> {
        let connection = Connection::open(&self.path)?;
        connection.pragma_update_and_check(None, "locking_mode", "EXCLUSIVE", |_| Ok(()))?;
        connection.pragma_update_and_check(None, "journal_mode", "OFF", |_| Ok(()))?;
        connection.pragma_update(None, "synchronous", "OFF")?;
        Ok(connection)
    }

    /// Makes it durable, one file without a log, and gives it its name; answers its size.
    pub(super) fn keep(self, connection: Connection) -> Result<u64, Unwritten> {
        // What was copied says of itself that it has a log.
        connection.pragma_update_and_check(None, "journal_mode", "DELETE", |_| Ok(()))?;
        connection.close().map_err(|(_, error)| error)?;
        let file = File::open(&self.path)?;
        file.sync_all()?;
        if self.to.symlink_metadata().is_ok() {
            return Err(Unwritten::Other("the file was made meanwhile".to_owned()));
        }
        std::fs::rename(&self.path, &self.to)?;
        let directory = self.to.parent().filter(|directory| !directory.as_os_str().is_empty());
        let named = File::open(directory.unwrap_or(Path::new("."))).and_then(|directory| directory.sync_all());
        // A name that may be gone after a power cut is none: what is answered as a failure must not look like a success.
        if let Err(error) = named {
            std::fs::remove_file(&self.to)?;
            return Err(error.into());
        }
        Ok(file.metadata()?.len())
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        // It has another name by now if it was kept.
        drop(remove(&self.path));
    }
}

/// Removes the file and what SQLite may have left beside it: a new file must not be taken for the one of an old log.
fn remove(path: &Path) -> io::Result<()> {
    for end in ["", "-wal", "-shm", "-journal"] {
        let mut path = path.as_os_str().to_owned();
        path.push(end);
        match std::fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
    }
    Ok(())
}

impl Unwritten {
    /// As the error of a backup into this file.
    pub(super) fn of_backup(self, path: PathBuf) -> BackupError {
        match self {
            Self::Full => BackupError::Full(path),
            Self::Other(reason) => BackupError::Write { path, reason },
        }
    }
}

impl From<io::Error> for Unwritten {
    fn from(error: io::Error) -> Self {
        let is_full = matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded);
        if is_full { Self::Full } else { Self::Other(error.to_string()) }
    }
}

impl From<rusqlite::Error> for Unwritten {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Self::Full,
            _ => Self::Other(error.to_string()),
        }
    }
}
