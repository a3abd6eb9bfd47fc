//! Upkeep on PostgreSQL: what is measured. Its backups are PostgreSQL's own.

use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;

use super::PostgresStore;
use crate::ledger::Answer;
use crate::{BackupDone, BackupError, BackupProgress, StoreFigures, Upkeep};

impl Upkeep for PostgresStore {
    fn backup(&self, _: PathBuf, _: Arc<BackupProgress>) -> Answer<'_, Result<BackupDone, BackupError>> {
        Box::pin(async { Ok(Err(BackupError::Elsewhere)) })
    }

    fn close(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(Self::close(self))
    }

    fn figures(&self) -> StoreFigures {
        let (waiting, turned_away) = self.shared.queue.figures();
        StoreFigures {
            waiting: u64::try_from(waiting).unwrap_or(u64::MAX),
            turned_away,
            outages: self.shared.watch.outages(),
            // PostgreSQL's own log is for its own tools.
            log_bytes: 0,
            database_bytes: self.shared.keeper.database_bytes(),
            events_dropped: self.shared.journal.dropped(),
            ..self.shared.figures.read()
        }
    }
}
