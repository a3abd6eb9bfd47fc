//! A backup: a copy of the database as of one moment, in a file that has its name once it is whole and durable.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

use rusqlite::backup::Backup;
use rusqlite::{Connection, ErrorCode};

use super::connection::{self, Role};
use crate::{BackupDone, BackupError, BackupProgress};

/// Copies the database into `to`.
pub(super) fn copy(from: &Path, to: &Path, progress: &BackupProgress) -> Result<BackupDone, BackupError> {
    let part = Part::new(to)?;
    copy_pages(from, &part.path).map_err(|error| part.failed(&error))?;
    let done = part.keep()?;
    for bytes in [&progress.all_bytes, &progress.done_bytes] {
        bytes.store(done.bytes, Ordering::Relaxed);
    }
    Ok(done)
}

fn copy_pages(from: &Path, to: &Path) -> rusqlite::Result<()> {
    let source = connection::connect(from, Role::Reader)?;
    let mut target = Connection::open(to)?;
    // What is half written is removed; nothing of it need be restored.
    target.pragma_update_and_check(None, "journal_mode", "OFF", |_| Ok(()))?;
    target.pragma_update(None, "synchronous", "OFF")?;
    // One step is one snapshot, whatever is written meanwhile.
    Backup::new(&source, &mut target)?.step(-1)?;
    target.pragma_update_and_check(None, "locking_mode", "EXCLUSIVE", |_| Ok(()))?;
    target.pragma_update_and_check(None, "journal_mode", "DELETE", |_| Ok(()))
}

/// The file of a copy that is not whole; it is removed unless it is kept.
struct Part {
    path: PathBuf,
    to: PathBuf,
}

impl Part {
    fn new(to: &Path) -> Result<Self, BackupError> {
        if to.symlink_metadata().is_ok() {
            return Err(BackupError::Exists(to.to_path_buf()));
        }
        let mut path = to.as_os_str().to_owned();
        path.push(".part");
        let path = PathBuf::from(path);
        // Another one's rest, which nobody writes any more.
        drop(std::fs::remove_file(&path));
        OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)
            .map_err(|error| write_failed(to, &error))?;
        Ok(Self { path, to: to.to_path_buf() })
    }

    /// Makes the file durable and gives it its name.
    fn keep(self) -> Result<BackupDone, BackupError> {
        let named = || {
            let file = File::open(&self.path)?;
            file.sync_all()?;
            std::fs::rename(&self.path, &self.to)?;
            let directory = self.to.parent().filter(|directory| !directory.as_os_str().is_empty());
            File::open(directory.unwrap_or(Path::new(".")))?.sync_all()?;
            file.metadata().map(|file| file.len())
        };
        let bytes = named().map_err(|error| write_failed(&self.to, &error))?;
        Ok(BackupDone { bytes })
    }

    fn failed(&self, error: &rusqlite::Error) -> BackupError {
        if error.sqlite_error_code() == Some(ErrorCode::DiskFull) {
            return BackupError::Full(self.to.clone());
        }
        BackupError::Write { path: self.to.clone(), reason: error.to_string() }
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        // Nothing is there where it was kept.
        drop(std::fs::remove_file(&self.path));
    }
}

fn write_failed(path: &Path, error: &io::Error) -> BackupError {
    if error.kind() == io::ErrorKind::StorageFull {
        return BackupError::Full(path.to_path_buf());
    }
    BackupError::Write { path: path.to_path_buf(), reason: error.to_string() }
}
