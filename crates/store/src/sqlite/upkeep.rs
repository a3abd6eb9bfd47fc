//! Upkeep on SQLite: what is measured, and the order for a backup.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::connection::FRAME_BYTES;
use super::{Home, SqliteStore, backup};
use crate::ledger::Answer;
use crate::{BackupDone, BackupError, BackupProgress, StoreError, StoreFigures, Upkeep};

impl Upkeep for SqliteStore {
    fn backup(&self, to: PathBuf, progress: Arc<BackupProgress>) -> Answer<'_, Result<BackupDone, BackupError>> {
        Box::pin(async move {
            let Home::Directory { files, .. } = &self.shared.home else { return Ok(Err(BackupError::Memory)) };
            let from = files.database();
            let copy = tokio::task::spawn_blocking(move || backup::copy(&from, &to, &progress));
            copy.await.map_err(|_| StoreError::NotDone)
        })
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
