//! The closed loop: each connection asks, checks, and asks again until the time is over.
//! What happens in the first second warms caches and is not counted, except that a wrong answer is wrong then too.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context;
use tokio::task::JoinSet;

use super::cases::{Case, Worker};
use super::histogram::Histogram;
use super::report::progress;
use super::servers::{CpuTaken, Servers};

/// What a case showed, and the workers for the next one.
#[derive(Debug)]
pub(super) struct Measured {
    pub(super) workers: Vec<Worker>,
    /// One entry a right answer within the measured time.
    pub(super) histogram: Histogram,
    pub(super) errors: u64,
    pub(super) cpu: Option<CpuTaken>,
}

#[derive(Clone, Copy, Debug)]
struct Window {
    begin: Instant,
    end: Instant,
}

const WARM_UP: Duration = Duration::from_secs(1);
const ERRORS_SHOWN: u64 = 3;
/// A server that refuses everything must not be asked as fast as the machine can.
const PAUSE_AFTER_ERROR: Duration = Duration::from_millis(10);

/// Drives one case over all connections.
pub(super) async fn measure(
    workers: Vec<Worker>,
    case: Case,
    duration: Duration,
    servers: Option<&Servers>,
) -> anyhow::Result<Measured> {
    let begin = Instant::now() + WARM_UP;
    let window = Window { begin, end: begin + duration };
    let errors = Arc::new(AtomicU64::new(0));
    let mut running = JoinSet::new();
    for worker in workers {
        running.spawn(drive(worker, case, window, Arc::clone(&errors)));
    }
    let cpu = || servers.map(Servers::cpu_times).transpose();
    tokio::time::sleep_until(window.begin.into()).await;
    let before = cpu()?;
    tokio::time::sleep_until(window.end.into()).await;
    let after = cpu()?;

    let mut measured = Measured { workers: Vec::new(), histogram: Histogram::new(), errors: 0, cpu: None };
    while let Some(finished) = running.join_next().await {
        let (worker, histogram) = finished.context("a connection's task")?;
        measured.workers.push(worker);
        measured.histogram.add(&histogram);
    }
    measured.errors = errors.load(Ordering::Relaxed);
    measured.cpu = after.zip(before).map(|(after, before)| after.since(&before));
    Ok(measured)
}

async fn drive(mut worker: Worker, case: Case, window: Window, errors: Arc<AtomicU64>) -> (Worker, Histogram) {
    let mut histogram = Histogram::new();
    loop {
        let started = Instant::now();
        if started >= window.end {
            return (worker, histogram);
        }
        match worker.iterate(case).await {
            Ok(()) => {
                let ended = Instant::now();
                if ended >= window.begin && ended <= window.end {
                    histogram.record(ended - started);
                }
            }
            Err(error) => {
                if errors.fetch_add(1, Ordering::Relaxed) < ERRORS_SHOWN {
                    progress(&format!("{case}: wrong answer: {error:#}"));
                }
                #[expect(clippy::disallowed_methods, reason = "a broken server must not be hammered")]
                tokio::time::sleep(PAUSE_AFTER_ERROR).await;
            }
        }
    }
}
