//! Hours of everything at once, at a rate that the machine bears, with a look at the server process every ten seconds.
//! What grows with time and not with the number of grants is a leak: memory, descriptors and log must be flat.

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use serde::Serialize;
use tokio::task::JoinSet;

use super::Bench;
use super::cases::{Case, Worker};
use super::figures;
use super::forms;
use super::open_loop::{Asker, Offered, Schedule, offer};
use super::prepare;
use super::report::{self, progress};
use super::server_process::ServerProcess;

/// What some connections do during a soak.
#[derive(Clone, Copy, Debug)]
enum Part {
    Refresh,
    Introspect,
    /// Authorization and token request, on a new connection each time.
    Code,
    /// A refresh token that nobody issued, on a new connection each time.
    ForgedToken,
    /// Through the pages, with a browser that nobody knows.
    LogIn,
}

/// Part, connections, times a second.
const PARTS: [(Part, u32, f64); 5] = [
    (Part::Refresh, 32, 1_000.0),
    (Part::Introspect, 16, 500.0),
    (Part::Code, 4, 20.0),
    (Part::ForgedToken, 4, 100.0),
    (Part::LogIn, 2, 1.0),
];
const SAMPLE_EVERY: Duration = Duration::from_secs(10);
/// How much more the mean of the last quarter may be than that of the second.
const GROWTH: f64 = 1.1;
const RSS_SLACK_MB: f64 = 2.0;
const DESCRIPTORS_SLACK: f64 = 8.0;
/// The log is copied from this size on, so that it goes up and down by as much.
const LOG_SLACK_MB: f64 = 64.0;

#[derive(Debug, Serialize)]
struct SoakReport {
    case: &'static str,
    seconds: u32,
    answers: u64,
    shed: u64,
    unsent: u64,
    errors: u64,
    samples: usize,
    rss_mb: Trend,
    descriptors: Trend,
    log_mb: Trend,
    log_mb_max: f64,
}

/// Means of the second and the last quarter of the samples.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
struct Trend {
    second_quarter: f64,
    last_quarter: f64,
    flat: bool,
}

#[derive(Debug)]
struct Soaker {
    worker: Worker,
    part: Part,
}

impl Asker for Soaker {
    async fn ask(&mut self) -> anyhow::Result<()> {
        let worker = &mut self.worker;
        match self.part {
            Part::Refresh => worker.iterate(Case::Refresh).await,
            Part::Introspect => worker.iterate(Case::Introspect).await,
            Part::Code => {
                worker.connection().close();
                worker.iterate(Case::Code).await
            }
            Part::ForgedToken => {
                worker.connection().close();
                worker.present_forged_token().await
            }
            Part::LogIn => {
                worker.connection().close();
                forms::log_in(worker).await
            }
        }
    }
}

/// Runs it; prints a line.
///
/// # Errors
/// Wrong answers, or a figure that is not flat.
pub(super) async fn run(bench: &Bench, seconds: u32) -> anyhow::Result<()> {
    let server = bench.servers.as_ref().context("--soak needs a server of our own")?.first();
    let mut parts = Vec::new();
    for (part, connections, per_s) in PARTS {
        parts.push((soakers(bench, part, connections).await?, per_s));
    }
    let (begin, length) = (Instant::now(), Duration::from_secs(seconds.into()));
    let mut running = JoinSet::new();
    for (soakers, per_s) in parts {
        running.spawn(offer(soakers, Schedule { begin, length, per_s }));
    }
    let samples = sample(server, begin + length).await?;
    let mut all = Offered::new();
    while let Some(offered) = running.join_next().await {
        all.add(&offered.context("a part's task")??.1);
    }
    let series = |of: fn(&Sample) -> f64| samples.iter().map(of).collect::<Vec<_>>();
    let report = SoakReport {
        case: "soak",
        seconds,
        answers: all.good.count(),
        shed: all.shed.count(),
        unsent: all.unsent,
        errors: all.errors,
        samples: samples.len(),
        rss_mb: Trend::of(&series(|sample| sample.rss_mb), RSS_SLACK_MB)?,
        descriptors: Trend::of(&series(|sample| sample.descriptors), DESCRIPTORS_SLACK)?,
        log_mb: Trend::of(&series(|sample| sample.log_mb), LOG_SLACK_MB)?,
        log_mb_max: tenths(server.highest().wal_mb),
    };
    report::print(&report)?;
    ensure!(report.errors == 0, "{} answers were not the right ones (see above)", report.errors);
    let is_flat = report.rss_mb.flat && report.descriptors.flat && report.log_mb.flat;
    ensure!(is_flat, "not flat: the last quarter's mean is above {GROWTH} times the second's and its slack");
    Ok(())
}

async fn soakers(bench: &Bench, part: Part, connections: u32) -> anyhow::Result<Vec<Soaker>> {
    let workers = bench.workers(connections);
    let workers = match part {
        Part::Refresh | Part::Introspect => prepare::mint(workers, bench.args.grants.max(connections)).await?,
        Part::Code => prepare::log_in(workers).await?,
        Part::ForgedToken | Part::LogIn => workers,
    };
    Ok(workers.into_iter().map(|worker| Soaker { worker, part }).collect())
}

#[derive(Clone, Copy, Debug)]
struct Sample {
    rss_mb: f64,
    descriptors: f64,
    log_mb: f64,
}

async fn sample(server: &ServerProcess, end: Instant) -> anyhow::Result<Vec<Sample>> {
    let mut samples = Vec::new();
    let mut ticks = tokio::time::interval(SAMPLE_EVERY);
    ticks.tick().await;
    while Instant::now() + SAMPLE_EVERY <= end {
        ticks.tick().await;
        let process = server.process_id();
        let descriptors = f64::from(u32::try_from(figures::descriptors(process)?)?);
        let log_mb = figures::data_size(server.data())?.wal_mb;
        let sample = Sample { rss_mb: figures::resident_mb(process)?, descriptors, log_mb };
        progress(&format!("{:.1} MB, {descriptors} descriptors, log {log_mb:.1} MB", sample.rss_mb));
        samples.push(sample);
    }
    Ok(samples)
}

impl Trend {
    fn of(samples: &[f64], slack: f64) -> anyhow::Result<Self> {
        let quarter = samples.len() / 4;
        ensure!(quarter > 0, "{} samples are too few to see a trend", samples.len());
        #[expect(clippy::cast_precision_loss, reason = "samples are few")]
        let mean = |from: usize| samples.iter().skip(from).take(quarter).sum::<f64>() / quarter as f64;
        let (second, last) = (mean(quarter), mean(samples.len() - quarter));
        let flat = last <= second * GROWTH + slack;
        Ok(Self { second_quarter: tenths(second), last_quarter: tenths(last), flat })
    }
}

fn tenths(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trend_compares_the_last_quarter_with_the_second() {
        let trend = |samples: &[f64]| Trend::of(samples, 2.0).unwrap();
        let settled = trend(&[1.0, 1.0, 20.0, 20.0, 21.0, 90.0, 24.0, 24.0]);
        assert_eq!(settled, Trend { second_quarter: 20.0, last_quarter: 24.0, flat: true });
        assert!(!trend(&[1.0, 1.0, 20.0, 20.0, 21.0, 21.0, 24.1, 24.1]).flat);
        assert!(Trend::of(&[1.0; 3], 2.0).is_err());
    }
}
