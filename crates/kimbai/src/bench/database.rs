//! The database under the servers: an empty one, and what its processes take where they run on this machine.

use std::sync::Arc;
use std::time::Duration;
use std::{fmt, fs};

use anyhow::{Context, ensure};
use kimbai_store::Registry as _;
use kimbai_store::postgres::{Options, PostgresStore, StoreUrl};

/// A PostgreSQL database that is the bench's own.
#[derive(Clone)]
pub(super) struct Database {
    url: String,
    store: Arc<PostgresStore>,
    /// The process that all of the database's others were started by; none on another machine.
    postmaster: Option<u32>,
}

/// `/proc` counts in hundredths on every Linux (`USER_HZ`).
const TICK: Duration = Duration::from_millis(10);
const MEGABYTE: f64 = 1_048_576.0;

impl fmt::Debug for Database {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Database")
    }
}

impl Database {
    /// Makes the schema in it.
    ///
    /// # Errors
    /// It cannot be opened, or holds realms: nobody's data is measured with.
    pub(super) async fn open(url: &str) -> anyhow::Result<Self> {
        let parsed: StoreUrl = url.parse().context("--store")?;
        let options = Options { lanes: 1, pool: 1, ..Options::default() };
        let store = PostgresStore::open(&parsed, options).await.context("--store")?;
        ensure!(
            store.realms().await?.is_empty(),
            "--store: the database holds realms already; give the bench one that is empty (`createdb NAME`)"
        );
        let backend = store.database_use().await?.backend;
        Ok(Self { url: url.to_owned(), store: Arc::new(store), postmaster: postmaster_of(backend) })
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// CPU time of all processes of its server so far, those that have ended included.
    pub(super) fn cpu_time(&self) -> Option<Duration> {
        let postmaster = self.postmaster?;
        let mut ticks = 0;
        for entry in fs::read_dir("/proc").ok()?.filter_map(Result::ok) {
            let Some(process) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
            let Some(stat) = Stat::of(process) else { continue };
            if process == postmaster {
                ticks += stat.own_ticks + stat.children_ticks;
            } else if stat.parent == postmaster {
                ticks += stat.own_ticks;
            }
        }
        Some(TICK * ticks)
    }

    /// The size of the database, without the log that its server keeps for all of them.
    pub(super) async fn size_mb(&self) -> anyhow::Result<f64> {
        #[expect(clippy::cast_precision_loss, reason = "databases are far below 2^52 bytes")]
        let bytes = self.store.database_use().await?.bytes as f64;
        Ok(bytes / MEGABYTE)
    }
}

/// The parent of a process of PostgreSQL on this machine.
fn postmaster_of(backend: u32) -> Option<u32> {
    let name = fs::read_to_string(format!("/proc/{backend}/comm")).ok()?;
    if name.trim_end() != "postgres" {
        return None;
    }
    Stat::of(backend).map(|stat| stat.parent)
}

/// What is read of `/proc/PID/stat` (proc(5)).
#[derive(Debug, PartialEq, Eq)]
struct Stat {
    parent: u32,
    own_ticks: u32,
    /// Of children that have ended and were waited for.
    children_ticks: u32,
}

impl Stat {
    fn of(process: u32) -> Option<Self> {
        Self::parse(&fs::read_to_string(format!("/proc/{process}/stat")).ok()?)
    }

    /// The second field, the program's name, may contain anything.
    fn parse(line: &str) -> Option<Self> {
        let fields: Vec<&str> = line.rsplit_once(')')?.1.split_ascii_whitespace().collect();
        let number = |place: usize| fields.get(place)?.parse::<u32>().ok();
        let both = |place: usize| number(place)?.checked_add(number(place + 1)?);
        Some(Self { parent: number(1)?, own_ticks: both(11)?, children_ticks: both(13)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_parent_stand_after_the_name_whatever_the_name() {
        let line = "42 (a) b) S 7 42 42 0 -1 4194304 100 0 0 0 250 50 7 5 20 0 4 0 100 1000 10";
        assert_eq!(Stat::parse(line), Some(Stat { parent: 7, own_ticks: 300, children_ticks: 12 }));
        assert_eq!(Stat::parse("42 (a) S 1"), None);
    }

    #[test]
    fn a_process_that_is_not_postgresqls_has_no_postmaster() {
        assert_eq!(postmaster_of(std::process::id()), None);
    }
}
