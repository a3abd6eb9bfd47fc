//! The write-ahead log and its bounds: a helper copies most of it, the writer the rest, and beyond a limit writes wait.
//!
//! Left to another thread alone the log grows without bound under load, because new frames always stand behind it.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use rusqlite::{Connection, Result};

use super::connection::{self, Checkpoint, FRAME_BYTES, Files, Role};

/// When the log is copied into the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogLimits {
    /// From this size on a helper copies; then the writer copies the rest and starts the log anew.
    pub copy_bytes: u64,
    /// At this size writes wait until all is copied.
    pub wait_bytes: u64,
}

impl Default for LogLimits {
    fn default() -> Self {
        Self { copy_bytes: 64 << 20, wait_bytes: 256 << 20 }
    }
}

/// The log of one writer's connection.
pub(super) struct Log {
    limits: LogLimits,
    path: PathBuf,
    frames: Arc<AtomicU64>,
    copier: Sender<()>,
    copied: Arc<AtomicBool>,
    copying: bool,
}

impl Log {
    /// Watches the log of this database; starts the helper, which ends with this value.
    pub(super) fn new(files: &Files, limits: LogLimits) -> std::io::Result<Self> {
        let (copier, orders) = channel();
        let copied = Arc::new(AtomicBool::new(false));
        let (database, done) = (files.database(), Arc::clone(&copied));
        thread::Builder::new().name("kimbai-copier".to_owned()).spawn(move || copy(&database, &orders, &done))?;
        let frames = Arc::new(AtomicU64::new(0));
        Ok(Self { limits, path: files.log(), frames, copier, copied, copying: false })
    }

    /// Counts the frames that this connection writes.
    pub(super) fn watch(&self, connection: &mut Connection) -> Result<()> {
        self.frames.store(0, Ordering::Relaxed);
        let frames = Arc::clone(&self.frames);
        connection.wal_hook(Some(move |_: &mut rusqlite::hooks::Wal, in_log: i32| {
            frames.store(u64::try_from(in_log).unwrap_or(0), Ordering::Relaxed);
            Ok(())
        }))
    }

    /// Between two batches: has the log copied, or copies it.
    pub(super) fn tend(&mut self, connection: &Connection) -> Result<()> {
        let bytes = self.frames.load(Ordering::Relaxed) * FRAME_BYTES;
        if bytes < self.limits.copy_bytes {
            return Ok(());
        }
        if bytes >= self.limits.wait_bytes {
            return self.start_anew(connection);
        }
        if !self.copying {
            self.copied.store(false, Ordering::Release);
            self.copying = self.copier.send(()).is_ok();
        } else if self.copied.load(Ordering::Acquire) {
            return self.start_anew(connection);
        }
        Ok(())
    }

    fn start_anew(&mut self, connection: &Connection) -> Result<()> {
        // The file keeps its size when the log starts anew, which makes its writes cheaper; but not any size.
        let file_bytes = std::fs::metadata(&self.path).map_or(0, |file| file.len());
        let large = file_bytes > self.limits.copy_bytes.saturating_mul(2);
        let how = if large { Checkpoint::Truncate } else { Checkpoint::Restart };
        if connection::checkpoint(connection, how)? {
            self.frames.store(0, Ordering::Relaxed);
        }
        // A helper that is still at work has nothing left to copy.
        self.copying = self.copying && !self.copied.load(Ordering::Acquire);
        Ok(())
    }
}

/// The helper: one passive copy for each order, on a connection of its own.
fn copy(database: &std::path::Path, orders: &Receiver<()>, done: &AtomicBool) {
    let mut kept = None;
    while orders.recv().is_ok() {
        let connection = match kept.take() {
            Some(connection) => Ok(connection),
            None => connection::connect(database, Role::Copier),
        };
        let copied = connection.and_then(|connection| {
            connection::checkpoint(&connection, Checkpoint::Passive)?;
            Ok(connection)
        });
        match copied {
            Ok(connection) => kept = Some(connection),
            // The writer copies all of it then, and finds the cause itself.
            Err(error) => tracing::warn!(%error, "the helper could not copy the log"),
        }
        done.store(true, Ordering::Release);
    }
}
