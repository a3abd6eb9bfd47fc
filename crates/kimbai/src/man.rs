//! `kimbai man`: the manual, a page for each command, from what `--help` says.

use std::fs;
use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;

use crate::completions::shown;

/// Writes the manual, a page for each command.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  kimbai man /usr/local/share/man/man1
  kimbai man pages && man pages/kimbai-apply.1")]
pub(crate) struct ManArgs {
    /// The directory of the pages, which is made if it is not there.
    #[arg(value_name = "DIR")]
    directory: PathBuf,
}

pub(crate) fn run(args: &ManArgs) -> anyhow::Result<()> {
    let directory = &args.directory;
    let write = || {
        fs::create_dir_all(directory)?;
        clap_mangen::generate_to(shown().disable_help_subcommand(true), directory)
    };
    write().with_context(|| format!("cannot write into {}", directory.display()))
}
