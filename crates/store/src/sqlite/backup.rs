//! A backup: a copy of the database as of one moment, in a file that has its name once it is whole and durable.
//!
//! The writer copies on its own connection, a few pages at a time between two batches: what it changes meanwhile is
//! changed in the copy as well. A copy through another connection would start anew with each batch.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use kimbai_core::time::Micros;
use rusqlite::Connection;
use rusqlite::backup::{Backup, Progress, StepResult};
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::connection::PAGE_BYTES;
use super::fault::Fault;
use super::part::{Part, Unwritten};
use super::queue::{Next, Patience};
use super::realm_rows;
use super::writer::Worker;
use crate::{BackupDone, BackupError, BackupProgress};

/// The meta value that only a backup has: its moment, in microseconds since 1970 as eight bytes.
pub(super) const MARK: &str = "backup";

/// What the writer needs for a backup. Dropping it ends the backup, and nothing is left.
pub(super) struct Order {
    target: Target,
    progress: Arc<BackupProgress>,
    reply: oneshot::Sender<Result<Copied, Unwritten>>,
}

/// The copy, its file, and the right to be the only one.
struct Target {
    connection: Connection,
    part: Part,
    _only: OwnedSemaphorePermit,
}

/// A copy that has all pages, but neither a mark nor a name, and need not be durable.
pub(super) struct Copied {
    target: Target,
    moment: Micros,
}

impl Order {
    /// Makes the file, and says where the copy arrives.
    pub(super) fn new(
        to: PathBuf,
        progress: Arc<BackupProgress>,
        only: OwnedSemaphorePermit,
    ) -> Result<(Self, oneshot::Receiver<Result<Copied, Unwritten>>), BackupError> {
        if to.symlink_metadata().is_ok() {
            return Err(BackupError::Exists(to));
        }
        let prepared = Part::new(&to).and_then(|part| Ok((part.connect()?, part)));
        let (connection, part) = prepared.map_err(|error| error.of_backup(to))?;
        let (reply, answer) = oneshot::channel();
        Ok((Self { target: Target { connection, part, _only: only }, progress, reply }, answer))
    }
}

/// Copies all pages, and carries out what else waits between two steps; an error is the store's.
pub(super) fn carry_out(order: Order, worker: &mut Worker<'_>) -> rusqlite::Result<()> {
    // In this order: what is left undone is cleared away before whoever waits hears of it.
    let Order { reply, progress, mut target } = order;
    let copied = match Backup::new(worker.connection, &mut target.connection) {
        Ok(backup) => loop {
            let step = backup.step(STEP_PAGES);
            show(&progress, backup.progress());
            match step {
                Ok(StepResult::Done) => break Ok(worker.now()),
                Ok(StepResult::More) => {}
                // Somebody else works on the file that we have just made.
                Ok(_) => break Err(Unwritten::Other("the file is locked".to_owned())),
                Err(error) => break Err(error.into()),
            }
            if reply.is_closed() || matches!(worker.turn(Patience::None)?, Next::End) {
                return Ok(());
            }
        },
        Err(error) => Err(error.into()),
    };
    // Whoever asked for it may be gone: then the copy goes as well.
    drop(reply.send(copied.map(|moment| Copied { target, moment })));
    Ok(())
}

impl Copied {
    /// Marks the copy, makes it durable and gives it its name.
    pub(super) fn finish(self) -> Result<BackupDone, Unwritten> {
        let Target { connection, part, _only } = self.target;
        realm_rows::set_meta(&connection, MARK, &self.moment.0.to_be_bytes()).map_err(|fault| match fault {
            Fault::Sqlite(error) => error.into(),
            Fault::Store(error) => Unwritten::Other(error.to_string()),
        })?;
        let bytes = part.keep(connection)?;
        Ok(BackupDone { bytes })
    }
}

fn show(shown: &BackupProgress, progress: Progress) {
    let bytes = |pages: i32| u64::try_from(pages).unwrap_or(0) * PAGE_BYTES;
    shown.all_bytes.store(bytes(progress.pagecount), Ordering::Relaxed);
    shown.done_bytes.store(bytes(progress.pagecount.saturating_sub(progress.remaining)), Ordering::Relaxed);
}

/// Pages of one step: about a millisecond.
const STEP_PAGES: i32 = 256;
