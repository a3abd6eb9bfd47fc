//! The write-ahead log and its bounds: a helper copies most of it, the writer the rest, and beyond a limit writes wait.
//!
//! Left to another thread alone the log grows without bound under load, because new frames always stand behind it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rusqlite::{Connection, Result};

use super::connection::{self, Checkpoint, FRAME_BYTES, Files, Role};
use super::queue::Queue;

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
        // The last batch lies beyond the limit: with it, the log stays below 256 MiB.
        Self { copy_bytes: 64 << 20, wait_bytes: 240 << 20 }
    }
}

/// The log of one writer's connection.
pub(super) struct Log {
    limits: LogLimits,
    path: PathBuf,
    frames: Arc<AtomicU64>,
    helper: Option<Helper>,
    copying: bool,
}

struct Helper {
    orders: Sender<()>,
    done: Receiver<()>,
    thread: JoinHandle<()>,
}

impl Log {
    /// Watches the log of this database and keeps the number of its frames in `frames`; starts the helper, which ends with
    /// this value.
    pub(super) fn new(files: &Files, limits: LogLimits, frames: Arc<AtomicU64>) -> std::io::Result<Self> {
        let ((orders, taken), (report, done)) = (channel(), channel());
        let database = files.database();
        let thread = thread::Builder::new().name("kimbai-copier".to_owned());
        let thread = thread.spawn(move || copy(&database, &taken, &report))?;
        let helper = Some(Helper { orders, done, thread });
        Ok(Self { limits, path: files.log(), frames, helper, copying: false })
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

    /// Between two batches: has the log copied, or copies it; beyond the limit until it has been, or the queue is
    /// closed.
    pub(super) fn tend(&mut self, connection: &Connection, queue: &Queue) -> Result<()> {
        if self.bytes() < self.limits.copy_bytes {
            return Ok(());
        }
        let Some(helper) = &self.helper else { return Ok(()) };
        if self.copying {
            self.copying = helper.done.try_recv().is_err();
            if !self.copying {
                self.start_anew(connection)?;
            }
        } else {
            self.copying = helper.orders.send(()).is_ok();
        }
        while self.bytes() >= self.limits.wait_bytes && !queue.is_closed() {
            if let Some(helper) = self.helper.as_ref().filter(|_| self.copying) {
                self.copying = helper.done.recv_timeout(WAIT).is_err_and(|error| error == RecvTimeoutError::Timeout);
            }
            self.start_anew(connection)?;
        }
        Ok(())
    }

    fn start_anew(&self, connection: &Connection) -> Result<()> {
        // The file keeps its size when the log starts anew, which makes its writes cheaper; but not any size.
        let file_bytes = std::fs::metadata(&self.path).map_or(0, |file| file.len());
        let large = file_bytes > self.limits.copy_bytes.saturating_mul(2);
        let how = if large { Checkpoint::Truncate } else { Checkpoint::Restart };
        if connection::checkpoint(connection, how)? {
            self.frames.store(0, Ordering::Relaxed);
        }
        Ok(())
    }

    fn bytes(&self) -> u64 {
        self.frames.load(Ordering::Relaxed) * FRAME_BYTES
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        if let Some(Helper { orders, thread, .. }) = self.helper.take() {
            drop(orders);
            drop(thread.join());
        }
    }
}

/// The helper: one passive copy for each order, on a connection of its own.
fn copy(database: &Path, orders: &Receiver<()>, done: &Sender<()>) {
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
        if done.send(()).is_err() {
            return;
        }
    }
}

/// How long the writer waits for the helper before it tries itself.
const WAIT: Duration = Duration::from_millis(5);
