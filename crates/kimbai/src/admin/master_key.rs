//! `kimbai master-key`: the key under which every other key of the store is sealed.

use clap::{Args, Subcommand};
use kimbai_engine::admin::{MasterKeyRotate, MasterKeyRotated};

use super::Place;
use super::output::count;

/// Replaces the key under which all other keys of the store are sealed.
#[derive(Debug, Args)]
pub(crate) struct MasterKeyArgs {
    #[command(subcommand)]
    command: MasterKeyCommand,
}

#[derive(Debug, Subcommand)]
enum MasterKeyCommand {
    /// Makes a new master key and seals all keys of the store under it. Tokens and secrets stay what they are.
    #[command(after_help = "\
Backups that were made before need the old key: keep it as long as you keep them.

Examples:
  cp kimbai-data/master.key /safe/master.key.until-2026-01-31
  kimbai master-key rotate")]
    Rotate(Place),
}

pub(super) async fn run(args: MasterKeyArgs) -> anyhow::Result<()> {
    let MasterKeyCommand::Rotate(place) = args.command;
    let rotated = place.reach().await?.run(MasterKeyRotate {}).await?;
    place.say(&rotated, |MasterKeyRotated { keys, file }| {
        let keys = count(*keys, "key");
        format!("{file} is a new master key; {keys} of the store are sealed under it\nBackups made before need the old one.\n")
    })
}
