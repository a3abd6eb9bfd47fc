//! A flood of log-ins beside people's apps: what refreshes pay for it.
//! Each guess names another person and comes from one of many sources, so that it meets the hash and not a lock.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, ensure};
use bytes::Bytes;
use http::StatusCode;
use serde::Serialize;

use super::Bench;
use super::cases::{Case, Shed, Worker};
use super::forms::{self, FilledIn};
use super::open_loop::{Asker, Schedule, Steady, offer};
use super::report::{self, per_s, progress, quantile_ms};
use super::target::User;

#[derive(Debug, Serialize)]
struct FloodReport {
    case: &'static str,
    /// Offered with and without the flood.
    refresh_per_s: f64,
    /// All since they were due.
    p50_ms_alone: Option<f64>,
    p99_ms_alone: Option<f64>,
    p50_ms: Option<f64>,
    p99_ms: Option<f64>,
    refreshes_shed: u64,
    log_ins_per_s: f64,
    /// Passwords that were checked.
    checked_per_s: f64,
    checked_p99_ms: Option<f64>,
    shed_per_s: f64,
    /// Since it was sent.
    shed_p99_ms: Option<f64>,
    errors: u64,
}

const CASE: &str = "log_in_flood";
const REFRESHES_PER_S: f64 = 2_000.0;
const LOG_INS_PER_S: f64 = 1_000.0;
/// Each may fail a hundred times before it is locked.
const SOURCES: u32 = 1_000;
/// Stands in the filled-in form where each attempt writes another name.
const NAME: &str = "nobody-of-the-bench";

/// Runs it; prints a line.
pub(super) async fn run(bench: &Bench) -> anyhow::Result<()> {
    let seconds = bench.seconds();
    let workers = bench.workers_with_grants(bench.args.connections).await?;
    let strangers = strangers(bench).await?;
    let schedule = |per_s| Schedule { begin: Instant::now(), length: seconds, per_s };
    let refreshing = |workers: Vec<Worker>| -> Vec<Steady> {
        workers.into_iter().map(|worker| Steady { worker, case: Case::Refresh }).collect()
    };
    progress(&format!("{CASE}: {REFRESHES_PER_S} refreshes/s alone, {} s", bench.args.seconds));
    let (workers, alone) = offer(refreshing(workers), schedule(REFRESHES_PER_S)).await?;
    progress(&format!("{CASE}: and {LOG_INS_PER_S} log-ins/s beside them, {} s", bench.args.seconds));
    let beside = tokio::spawn(offer(strangers, schedule(LOG_INS_PER_S)));
    let (_, flooded) = offer(workers, schedule(REFRESHES_PER_S)).await?;
    let (_, log_ins) = beside.await.context("the flood's task")??;
    report::print(&FloodReport {
        case: CASE,
        refresh_per_s: REFRESHES_PER_S,
        p50_ms_alone: quantile_ms(&alone.good, 500),
        p99_ms_alone: quantile_ms(&alone.good, 990),
        p50_ms: quantile_ms(&flooded.good, 500),
        p99_ms: quantile_ms(&flooded.good, 990),
        refreshes_shed: flooded.shed.count(),
        log_ins_per_s: per_s(log_ins.sent(), seconds),
        checked_per_s: per_s(log_ins.good.count(), seconds),
        checked_p99_ms: quantile_ms(&log_ins.good, 990),
        shed_per_s: per_s(log_ins.shed.count(), seconds),
        shed_p99_ms: quantile_ms(&log_ins.shed, 990),
        errors: alone.errors + flooded.errors + log_ins.errors,
    })?;
    ensure!(alone.errors + flooded.errors + log_ins.errors == 0, "there were wrong answers (see above)");
    Ok(())
}

/// Someone at the log-in page who guesses.
#[derive(Debug)]
struct Stranger {
    worker: Worker,
    form: FilledIn,
    attempts: u32,
}

impl Asker for Stranger {
    async fn ask(&mut self) -> anyhow::Result<()> {
        self.attempts += 1;
        let name = format!("nobody-{}-{}", self.worker.number(), self.attempts);
        let body = self.form.body.replacen(NAME, &name, 1);
        let answer = self.worker.connection().exchange(&self.form.template, Bytes::from(body)).await?;
        if Shed::is(&answer) {
            return Err(Shed.into());
        }
        ensure!(answer.status == StatusCode::OK, "expected the form again: {answer}");
        Ok(())
    }
}

async fn strangers(bench: &Bench) -> anyhow::Result<Vec<Stranger>> {
    let user = User { username: NAME.to_owned(), password: "a guess".to_owned() };
    let mut strangers = Vec::new();
    for (number, target) in (0..SOURCES).zip(bench.targets.iter().cycle()) {
        let source = Ipv4Addr::from_bits(Ipv4Addr::new(127, 1, 0, 1).to_bits() + number);
        let mut worker = Worker::from_source(number, Arc::clone(target), source);
        let form = forms::fill_in(&mut worker, &user).await?;
        ensure!(form.body.contains(NAME), "the log-in form has no place for a name");
        strangers.push(Stranger { worker, form, attempts: 0 });
    }
    Ok(strangers)
}
