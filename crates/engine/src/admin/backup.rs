//! Backups: a copy of the store while it serves, and how far it has come.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use serde::{Deserialize, Serialize};

use super::{AdminError, Administration, Command, Order};

/// Writes a copy of the store into a new file. The master key is not in it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Backup {
    /// The file, with an absolute path: the server need not be where the operator is.
    pub file: PathBuf,
}

/// A backup that was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackupWritten {
    /// Its size.
    pub bytes: u64,
}

/// How far the backup that is being written has come.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BackupLook {}

/// How far a backup has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackupState {
    /// Bytes that were copied.
    pub done_bytes: u64,
    /// Bytes to be copied, as far as is known.
    pub all_bytes: u64,
}

impl Command for Backup {
    const NAME: &'static str = "backup";
    const ORDER: Order = Order::Free;
    type Reply = BackupWritten;

    async fn run(self, administration: &Administration) -> Result<BackupWritten, AdminError> {
        if !self.file.is_absolute() {
            return Err(AdminError::Invalid(vec![format!("{} is no absolute path", self.file.display())]));
        }
        let store = &administration.engine.store;
        let written = store.backup(self.file, Arc::clone(&administration.backup)).await?;
        let done = written.map_err(|error| AdminError::Failed(error.to_string()))?;
        Ok(BackupWritten { bytes: done.bytes })
    }
}

impl Command for BackupLook {
    const NAME: &'static str = "backup_look";
    const ORDER: Order = Order::Free;
    type Reply = BackupState;

    async fn run(self, administration: &Administration) -> Result<BackupState, AdminError> {
        let progress = &administration.backup;
        let (done, all) = (&progress.done_bytes, &progress.all_bytes);
        Ok(BackupState { done_bytes: done.load(Ordering::Relaxed), all_bytes: all.load(Ordering::Relaxed) })
    }
}
