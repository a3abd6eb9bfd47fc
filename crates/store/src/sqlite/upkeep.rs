//! Upkeep on SQLite: what is measured, and the order for a backup.

use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::backup::Order;
use super::connection::FRAME_BYTES;
use super::{Home, SqliteStore};
use crate::ledger::Answer;
use crate::{BackupDone, BackupError, BackupProgress, StoreError, StoreFigures, Upkeep};

impl Upkeep for SqliteStore {
    fn backup(&self, to: PathBuf, progress: Arc<BackupProgress>) -> Answer<'_, Result<BackupDone, BackupError>> {
        Box::pin(async move {
            if matches!(self.shared.home, Home::Memory) {
                return Ok(Err(BackupError::Memory));
            }
            let Ok(only) = Arc::clone(&self.backups).try_acquire_owned() else { return Ok(Err(BackupError::Busy)) };
            let (order, copied) = match Order::new(to.clone(), progress, only) {
                Ok(prepared) => prepared,
                Err(error) => return Ok(Err(error)),
            };
            self.shared.queue.push_backup(Box::new(order)).map_err(|_| StoreError::NotDone)?;
            // An order that is dropped was not carried out to its end.
            let Ok(copied) = copied.await else { return Ok(Err(BackupError::Interrupted(to))) };
            // Flushing takes as long as the disk does: the writer does not wait for it.
            let finished = tokio::task::spawn_blocking(|| copied?.finish()).await;
            let Ok(finished) = finished else { return Ok(Err(BackupError::Interrupted(to))) };
            Ok(finished.map_err(|error| error.of_backup(to)))
        })
    }

    fn close(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(async { Self::close(self) })
    }

    fn figures(&self) -> StoreFigures {
        let mut figures = self.shared.figures.read();
        self.shared.queue.measure(&mut figures);
        figures.outages = self.shared.outages.load(Ordering::Acquire).div_ceil(2);
        if let Home::Directory { files, log_frames, .. } = &self.shared.home {
            figures.log_bytes = log_frames.load(Ordering::Relaxed) * FRAME_BYTES;
            figures.database_bytes = std::fs::metadata(files.database()).map_or(0, |file| file.len());
        }
        figures
    }
}
