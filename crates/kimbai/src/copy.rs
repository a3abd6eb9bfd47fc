//! `kimbai copy`: an embedded store carried over to PostgreSQL, for whoever outgrows one machine.

use std::fmt::Write as _;
use std::io::{IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use clap::Args;
use kimbai_store::postgres::StoreUrl;
use kimbai_store::{Copied, CopyProgress, CopyStep, copy};
use serde_json::{Value as Json, json};
use tokio::time::{Duration, Instant};

use crate::admin::print;
use crate::boot::{self, MASTER_KEY_FILE};
use crate::config::{StorePlace, TargetArgs};
use crate::store_mark;

/// Copies an embedded store into an empty PostgreSQL database.
#[derive(Debug, Args)]
#[command(after_help = "\
No server may run on the embedded store. Everything is copied in one transaction, and compared before it is committed: all tokens,
secrets and sessions go on working. Every server on the database needs the master key of the old store. The old store is not started
again: both would go on issuing tokens.

Examples:
  kimbai copy --from sqlite:/var/lib/kimbai --to postgres://kimbai@db.example.vn/kimbai
  kimbai copy --from sqlite:kimbai-data --config /etc/kimbai/kimbai.toml --json")]
pub(crate) struct CopyArgs {
    /// The embedded store: sqlite: and its directory.
    #[arg(long, value_name = "URL", value_parser = directory)]
    from: PathBuf,
    #[command(flatten)]
    target: TargetArgs,
    /// Print one JSON document.
    #[arg(long)]
    json: bool,
}

fn directory(text: &str) -> Result<PathBuf, String> {
    let directory = text.strip_prefix("sqlite:").filter(|directory| !directory.is_empty());
    directory.map(PathBuf::from).ok_or_else(|| "write sqlite: and the directory of the store".to_owned())
}

pub(crate) fn run(args: &CopyArgs) -> anyhow::Result<()> {
    boot::warnings_to_stderr();
    let config = args.target.config()?;
    let StorePlace::Postgres(url) = &config.store else {
        bail!("a copy goes to PostgreSQL: name the database with --to postgres://user@host/database, or in store.url");
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut progress = Progress::new();
    let copied = runtime.block_on(copy(&args.from, url, |at| progress.show(at)));
    progress.end();
    let copied = copied?;
    // Whoever starts the old store by mistake is told.
    store_mark::write(&args.from, &config.store)
        .context("everything was copied; but the old store is not marked as copied")?;
    print(&if args.json { document(&copied).to_string() + "\n" } else { text(&args.from, url, &copied)? })
}

fn document(copied: &Copied) -> Json {
    let tables = copied.tables.iter().map(|(table, rows)| ((*table).to_owned(), json!(rows)));
    json!({ "tables": Json::Object(tables.collect()) })
}

fn text(from: &Path, to: &StoreUrl, copied: &Copied) -> Result<String, std::fmt::Error> {
    let mut out = format!("{to} has all of {} now; each row was compared:\n", from.display());
    for (table, rows) in &copied.tables {
        writeln!(out, "  {rows:>10} {table}")?;
    }
    let key = from.join(MASTER_KEY_FILE);
    writeln!(
        out,
        "Its master key is that of the old store ({}, if it was not kept elsewhere): give it to every server.",
        key.display()
    )?;
    writeln!(
        out,
        "The old store is not started again ({} keeps it from that): both would go on issuing tokens.",
        store_mark::file(from).display()
    )?;
    Ok(out)
}

/// How far it has come, on standard error: a line that changes on a terminal, else a line every few seconds.
struct Progress {
    is_terminal: bool,
    /// When the next line is due.
    next: Instant,
}

impl Progress {
    fn new() -> Self {
        let is_terminal = std::io::stderr().is_terminal();
        Self { is_terminal, next: Instant::now() + every(is_terminal) }
    }

    fn show(&mut self, at: CopyProgress) {
        if Instant::now() < self.next {
            return;
        }
        self.next = Instant::now() + every(self.is_terminal);
        let line = line(at);
        write(&if self.is_terminal { format!("\r{line}\u{1b}[K") } else { line + "\n" });
    }

    /// Takes the line away.
    fn end(&self) {
        if self.is_terminal {
            write("\r\u{1b}[K");
        }
    }
}

const fn every(is_terminal: bool) -> Duration {
    if is_terminal { Duration::from_millis(200) } else { Duration::from_secs(5) }
}

fn line(CopyProgress { step, table, rows, all }: CopyProgress) -> String {
    let verb = match step {
        CopyStep::Copying => "copied",
        CopyStep::Comparing => "compared",
    };
    let percent = rows.saturating_mul(100).checked_div(all).unwrap_or_default().min(100);
    format!("{table}: {verb} {rows} of {all} rows ({percent} %)")
}

fn write(text: &str) {
    // Nobody is left to tell when standard error is closed.
    let _ = std::io::stderr().write_all(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_is_in_rows_and_percent() {
        for (step, rows, all, expect) in [
            (CopyStep::Copying, 0, 0, "grants: copied 0 of 0 rows (0 %)"),
            (CopyStep::Copying, 499_999, 1_000_000, "grants: copied 499999 of 1000000 rows (49 %)"),
            (CopyStep::Comparing, 3, 3, "grants: compared 3 of 3 rows (100 %)"),
        ] {
            assert_eq!(line(CopyProgress { step, table: "grants", rows, all }), expect);
        }
    }
}
