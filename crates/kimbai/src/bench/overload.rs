//! More than the server can do: what it still does, how soon it turns the rest away, and how soon it is as before.
//! The peak is a closed loop's; then refreshes come at a multiple of its rate, on schedule, over many connections.

use std::time::{Duration, Instant};

use anyhow::Context;
use serde::Serialize;

use super::Bench;
use super::cases::{Case, Worker};
use super::load;
use super::open_loop::{Offered, Schedule, Steady, offer};
use super::report::{self, milliseconds, per_s, progress, quantile_ms};

#[derive(Debug, Serialize)]
struct OverloadReport {
    case: &'static str,
    /// Of the closed loop, with `--connections`.
    peak_per_s: f64,
    /// As often as it was asked for, times the peak.
    due_per_s: f64,
    /// What the driver could send: connections that wait for an answer, and its own cores, are its limits.
    sent_per_s: f64,
    goodput_per_s: f64,
    goodput_of_peak: f64,
    /// Since it was due.
    good_p99_ms: Option<f64>,
    shed_per_s: f64,
    /// Since it was sent.
    shed_p50_ms: Option<f64>,
    shed_p99_ms: Option<f64>,
    errors: u64,
    /// p99 of a light load before.
    calm_p99_ms: Option<f64>,
    /// From the end of the overload until that of a quarter of a second was at most twice as high; null: not within the time looked.
    normal_after_ms: Option<f64>,
}

const CASE: &str = "overload";
const CROWD: u32 = 1_000;
const CALM_PER_S: f64 = 1_000.0;
const CALM: Duration = Duration::from_secs(3);
const WINDOW: Duration = Duration::from_millis(250);
const WINDOWS_MAX: u32 = 80;
const NORMAL_TIMES: f64 = 2.0;

/// Runs it; prints a line.
pub(super) async fn run(bench: &Bench) -> anyhow::Result<()> {
    let seconds = bench.seconds();
    let workers = bench.workers_with_grants(bench.args.connections).await?;
    progress(&format!("{CASE}: the peak, {} s", bench.args.seconds));
    let peak = load::measure(workers, Case::Refresh, seconds, bench.servers.as_ref()).await?;
    let peak_per_s = per_s(peak.histogram.count(), seconds);
    let (calm, before) = offer(refreshing(peak.workers), calm_for(CALM)).await?;
    let calm_p99_ms = quantile_ms(&before.good, 990);
    // Made now, so that its connections are fresh: what a thousand that open at once cost is another question.
    let crowd = bench.workers_with_grants(CROWD).await?;

    let due_per_s = peak_per_s * bench.args.overload_times;
    progress(&format!("{CASE}: {due_per_s:.0} refreshes/s are due for {} s", bench.args.seconds));
    let schedule = Schedule { begin: Instant::now(), length: seconds, per_s: due_per_s };
    let crowd = tokio::spawn(offer(refreshing(crowd), schedule));
    let end = schedule.begin + seconds;
    tokio::time::sleep_until(end.into()).await;
    let (normal_after, after) = until_normal(calm, calm_p99_ms, end).await?;
    let (_, offered) = crowd.await.context("the crowd's task")??;

    let goodput_per_s = per_s(offered.good.count(), seconds);
    report::print(&OverloadReport {
        case: CASE,
        peak_per_s,
        due_per_s,
        sent_per_s: per_s(offered.sent(), seconds),
        goodput_per_s,
        goodput_of_peak: (goodput_per_s / peak_per_s * 1e3).round() / 1e3,
        good_p99_ms: quantile_ms(&offered.good, 990),
        shed_per_s: per_s(offered.shed.count(), seconds),
        shed_p50_ms: quantile_ms(&offered.shed, 500),
        shed_p99_ms: quantile_ms(&offered.shed, 990),
        errors: peak.errors + before.errors + offered.errors + after,
        calm_p99_ms,
        normal_after_ms: normal_after.map(milliseconds),
    })
}

fn refreshing(workers: Vec<Worker>) -> Vec<Steady> {
    workers.into_iter().map(|worker| Steady { worker, case: Case::Refresh }).collect()
}

fn calm_for(length: Duration) -> Schedule {
    Schedule { begin: Instant::now(), length, per_s: CALM_PER_S }
}

/// How long after `end` a light load is served as it was before, and the wrong answers until then.
async fn until_normal(
    mut calm: Vec<Steady>,
    before_ms: Option<f64>,
    end: Instant,
) -> anyhow::Result<(Option<Duration>, u64)> {
    let mut errors = 0;
    for _ in 0..WINDOWS_MAX {
        let window: Offered;
        (calm, window) = offer(calm, calm_for(WINDOW)).await?;
        errors += window.errors;
        let is_served = window.errors + window.shed.count() + window.unsent == 0;
        let p99_ms = quantile_ms(&window.good, 990);
        let limit_ms = before_ms.map(|before| before * NORMAL_TIMES);
        if is_served && p99_ms.zip(limit_ms).is_some_and(|(now, limit)| now <= limit) {
            return Ok((Some(end.elapsed()), errors));
        }
    }
    Ok((None, errors))
}
