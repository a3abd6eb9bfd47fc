//! From the start of the process to its first right answer, on a directory with all the grants of the run.

use anyhow::Context;
use serde::Serialize;

use super::Bench;
use super::cases::{Case, Worker};
use super::figures;
use super::report::{self, milliseconds, progress};
use super::server_process::{End, ServerProcess};

#[derive(Debug, Serialize)]
struct StartReport {
    case: &'static str,
    grants: u32,
    /// After a clean stop, each time.
    clean_ms: Vec<f64>,
    /// After a kill amid refreshes: what stands in the log is copied first.
    killed_ms: f64,
    /// The log that the killed process left behind.
    log_mb: f64,
}

const CASE: &str = "start";
const CLEAN_STARTS: usize = 3;

/// Runs it; prints a line, and leaves a server that runs.
pub(super) async fn run(bench: &mut Bench, mut workers: Vec<Worker>) -> anyhow::Result<Vec<Worker>> {
    let mut clean_ms = Vec::new();
    for _ in 0..CLEAN_STARTS {
        clean_ms.push(start(bench, &mut workers, End::Clean).await?);
    }
    // Something must stand in the log.
    for worker in &mut workers {
        worker.iterate(Case::Refresh).await?;
    }
    let log_mb = figures::data_size(server(bench)?.data())?.wal_mb;
    let killed_ms = start(bench, &mut workers, End::Kill).await?;
    let log_mb = (log_mb * 10.0).round() / 10.0;
    progress(&format!("{CASE}: {clean_ms:?} ms after a clean stop, {killed_ms} ms after a kill"));
    report::print(&StartReport { case: CASE, grants: bench.args.grants, clean_ms, killed_ms, log_mb })?;
    Ok(workers)
}

async fn start(bench: &mut Bench, workers: &mut [Worker], end: End) -> anyhow::Result<f64> {
    for worker in &mut *workers {
        worker.connection().close();
    }
    let begin = server(bench)?.restart(end)?;
    let worker = workers.first_mut().context("no connections")?;
    worker.iterate(Case::Refresh).await?;
    Ok(milliseconds(begin.elapsed()))
}

fn server(bench: &mut Bench) -> anyhow::Result<&mut ServerProcess> {
    bench.servers.as_mut().context("the case `start` needs a server of our own")?.alone_mut()
}
