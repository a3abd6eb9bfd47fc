//! `kimbai backup`: a copy of the store in a new file, while a server serves or without one.

use std::path::PathBuf;
use std::pin::pin;

use anyhow::{Context as _, bail};
use clap::Args;
use kimbai_engine::admin::{Backup, BackupLook, BackupWritten};

use super::Place;
use super::progress::Progress;
use crate::config::MasterKeySource;

/// Writes a copy of the store into a new file.
#[derive(Debug, Args)]
#[command(after_help = "\
The master key is not in it: keep a copy of that apart. `kimbai restore` makes a store from a backup.

Examples:
  kimbai backup /backup/kimbai-2026-01-31.db
  kimbai backup --json /backup/kimbai.db")]
pub(crate) struct BackupArgs {
    /// The file, which must not be there yet.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    place: Place,
}

pub(super) async fn run(BackupArgs { file, place }: BackupArgs) -> anyhow::Result<()> {
    // The server that writes it stands in another directory.
    let file = std::path::absolute(&file).with_context(|| format!("cannot find {}", file.display()))?;
    let config = place.config()?;
    let key = match &config.master_key {
        MasterKeySource::Given(_) => "in KIMBAI_MASTER_KEY".to_owned(),
        MasterKeySource::File(path) => format!("in {}", std::path::absolute(path)?.display()),
    };
    let reach = super::reach::Reach::open(&config).await?;
    let mut progress = Progress::new("copied");
    let mut backup = pin!(reach.run(Backup { file: file.clone() }));
    let written = loop {
        tokio::select! {
            written = &mut backup => break written?,
            () = progress.tick() => {
                // How far it has come is of no importance, the backup itself tells what is wrong.
                if let Ok(state) = reach.run(BackupLook {}).await {
                    progress.show(state.done_bytes, state.all_bytes);
                }
            }
        }
    };
    progress.end();
    if !file.exists() {
        bail!(
            "the server wrote it, but {} is not there for you: the server sees another file system at this place (systemd's \
             PrivateTmp does that to /tmp); name a directory that both see",
            file.display()
        );
    }
    place.say(&written, |BackupWritten { bytes }| {
        let file = file.display();
        format!("{file}: {bytes} bytes\nThe master key is not in it, and nothing can be read without: it is {key}\n")
    })
}
