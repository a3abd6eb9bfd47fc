//! `kimbai restore`: a store from a backup, in a directory of its own. No server is asked: there is none yet.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use anyhow::bail;
use clap::Args;
use kimbai_store::BackupProgress;
use kimbai_store::sqlite::{self, Restored};
use serde_json::json;

use super::Place;
use super::progress::Progress;
use crate::config::{MasterKeySource, StorePlace};

/// Makes a store from a backup, in a directory that is missing or empty.
#[derive(Debug, Args)]
#[command(after_help = "\
The directory may hold the store's master.key, and nothing else. All grants, sessions and tokens of the backup have ended in the
restored store, since nobody knows which of them were revoked after it was made: everybody logs in again. Legacy tokens have ended too: `kimbai legacy-token import FILE
--revive` brings them back, and with them those that were ended after the backup was made; end these again.

Examples:
  kimbai restore /backup/kimbai-2026-01-31.db --data restored-data
  cp /safe/master.key restored-data/ && kimbai serve --data restored-data")]
pub(crate) struct RestoreArgs {
    /// The backup.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    place: Place,
}

pub(super) async fn run(RestoreArgs { file, place }: RestoreArgs) -> anyhow::Result<()> {
    let config = place.config()?;
    if let StorePlace::Postgres(url) = &config.store {
        bail!(
            "{} is of an embedded store, and {url} is PostgreSQL: restore it into a directory (--store sqlite:DIR), then `kimbai copy`; \
             a database is restored by PostgreSQL's own tools (docs/operate.md)",
            file.display()
        );
    }
    let directory = config.data;
    let copied = Arc::new(BackupProgress::default());
    let mut progress = Progress::new("restored");
    let mut restoring = tokio::task::spawn_blocking({
        let (directory, copied) = (directory.clone(), Arc::clone(&copied));
        move || sqlite::restore(&file, &directory, &copied)
    });
    let restored = loop {
        tokio::select! {
            restored = &mut restoring => break restored?,
            () = progress.tick() => {
                let (done, all) = (&copied.done_bytes, &copied.all_bytes);
                progress.show(done.load(Ordering::Relaxed), all.load(Ordering::Relaxed));
            }
        }
    };
    progress.end();
    let Restored { bytes, moment } = restored?;
    let reply = json!({ "bytes": bytes, "moment": moment.to_rfc3339() });
    place.say(&reply, |_| {
        let (directory, moment) = (directory.display(), moment.to_rfc3339());
        let key = match &config.master_key {
            MasterKeySource::Given(_) => "KIMBAI_MASTER_KEY must be the master key of that store".to_owned(),
            MasterKeySource::File(path) if path.exists() => {
                format!("{} must be the master key of that store", path.display())
            }
            MasterKeySource::File(path) => format!("Put the master key of that store at {} now", path.display()),
        };
        format!(
            "{directory} is the store as of {moment}: {bytes} bytes. What came later is lost.\n\
             All grants, sessions and tokens of before have ended: everybody logs in again.\n\
             {key}: nothing can be read without it.\n"
        )
    })
}
