//! What a run says: one JSON line a case on stdout, for programs; progress and a table on stderr, for people.
//! The order and the names of the members are part of the command's contract.

use std::io::Write as _;
use std::time::Duration;

use anyhow::Context;
use serde::Serialize;

use super::histogram::Histogram;
use super::load::Measured;

/// One case, in the order in which the members are printed. A figure that could not be taken is null.
#[derive(Clone, Debug, Serialize)]
pub(super) struct CaseReport {
    pub(super) case: String,
    /// Right answers in the measured time.
    pub(super) requests: u64,
    pub(super) requests_per_s: f64,
    pub(super) p50_ms: Option<f64>,
    pub(super) p99_ms: Option<f64>,
    pub(super) p999_ms: Option<f64>,
    /// Wrong answers, those of the warm-up included.
    pub(super) errors: u64,
    /// CPU time of the server processes a request.
    pub(super) server_cpu_us: Option<f64>,
    /// CPU time of a database's processes a request; null without a database.
    pub(super) store_cpu_us: Option<f64>,
    /// Megabytes (of 1,048,576 bytes) of memory the server processes hold at the end of the case.
    pub(super) rss_mb: Option<f64>,
    /// The data directory's size at the end of the case; the database's, if there is one.
    pub(super) disk_mb: Option<f64>,
    /// The part of it that is write-ahead log.
    pub(super) wal_mb: Option<f64>,
    /// What the disk under the data directory does when nothing else uses it.
    pub(super) fdatasync_per_s: Option<f64>,
    /// The data directory's largest size since the server started, preparation included.
    pub(super) disk_mb_max: Option<f64>,
    /// The write-ahead log's largest size since then.
    pub(super) wal_mb_max: Option<f64>,
}

impl CaseReport {
    #[expect(clippy::cast_precision_loss, reason = "counts of requests are far below 2^52")]
    pub(super) fn new(case: &str, measured: &Measured, seconds: u32) -> Self {
        let requests = measured.histogram.count();
        let cpu_us = |cpu: Duration| cpu.as_secs_f64() * 1e6 / requests as f64;
        let taken = measured.cpu.filter(|_| requests > 0);
        Self {
            case: case.to_owned(),
            requests,
            requests_per_s: requests as f64 / f64::from(seconds),
            p50_ms: quantile_ms(&measured.histogram, 500),
            p99_ms: quantile_ms(&measured.histogram, 990),
            p999_ms: quantile_ms(&measured.histogram, 999),
            errors: measured.errors,
            server_cpu_us: taken.map(|taken| cpu_us(taken.servers)),
            store_cpu_us: taken.and_then(|taken| taken.database).map(cpu_us),
            rss_mb: None,
            disk_mb: None,
            wal_mb: None,
            fdatasync_per_s: None,
            disk_mb_max: None,
            wal_mb_max: None,
        }
    }

    /// With as many digits as mean something.
    pub(super) fn rounded(mut self) -> Self {
        for tenths in [
            &mut self.server_cpu_us,
            &mut self.store_cpu_us,
            &mut self.rss_mb,
            &mut self.disk_mb,
            &mut self.wal_mb,
            &mut self.fdatasync_per_s,
            &mut self.disk_mb_max,
            &mut self.wal_mb_max,
        ] {
            *tenths = tenths.map(|value| (value * 10.0).round() / 10.0);
        }
        self.requests_per_s = (self.requests_per_s * 10.0).round() / 10.0;
        self
    }
}

/// Prints a report as a JSON line.
pub(super) fn print(report: &impl Serialize) -> anyhow::Result<()> {
    let line = serde_json::to_string(report).context("report")?;
    let mut stdout = std::io::stdout().lock();
    writeln!(stdout, "{line}").and_then(|()| stdout.flush()).context("stdout")
}

/// A quantile in milliseconds, to the microsecond.
pub(super) fn quantile_ms(histogram: &Histogram, per_mille: u64) -> Option<f64> {
    histogram.quantile(per_mille).map(milliseconds)
}

pub(super) fn milliseconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e6).round() / 1e3
}

/// A rate, to the tenth.
#[expect(clippy::cast_precision_loss, reason = "counts of requests are far below 2^52")]
pub(super) fn per_s(count: u64, time: Duration) -> f64 {
    (count as f64 / time.as_secs_f64() * 10.0).round() / 10.0
}

/// A table of all cases, with each one's cost above the floor of the same run.
pub(super) fn table(reports: &[CaseReport]) -> String {
    let floor = reports.iter().find(|report| report.case == "floor").and_then(|report| report.server_cpu_us);
    let number = |value: Option<f64>, digits| value.map_or_else(|| "-".to_owned(), |value| format!("{value:.digits$}"));
    let mut lines = vec![format!(
        "\n{:<20} {:>10} {:>8} {:>8} {:>8} {:>11} {:>12} {:>12} {:>7}",
        "case", "requests/s", "p50 ms", "p99 ms", "p999 ms", "cpu us/req", "above floor", "database us", "errors"
    )];
    for report in reports {
        let above = floor.zip(report.server_cpu_us).filter(|_| report.case != "floor").map(|(floor, cpu)| cpu - floor);
        lines.push(format!(
            "{:<20} {:>10.0} {:>8} {:>8} {:>8} {:>11} {:>12} {:>12} {:>7}",
            report.case,
            report.requests_per_s,
            number(report.p50_ms, 3),
            number(report.p99_ms, 3),
            number(report.p999_ms, 3),
            number(report.server_cpu_us, 1),
            number(above, 1),
            number(report.store_cpu_us, 1),
            report.errors
        ));
    }
    lines.join("\n")
}

/// A line for the person who waits.
pub(super) fn progress(line: &str) {
    // A closed stderr must not end a run.
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}

#[cfg(test)]
mod tests {
    use super::super::servers::CpuTaken;
    use super::*;

    const NOTHING: CpuTaken = CpuTaken { servers: Duration::ZERO, database: None };

    fn report(case: &str, cpu: u64) -> CaseReport {
        let mut histogram = Histogram::new();
        for _ in 0..3000 {
            histogram.record(Duration::from_millis(2));
        }
        let servers = Duration::from_micros(cpu * 3000 + 150);
        let cpu = Some(CpuTaken { servers, database: None });
        let measured = Measured { workers: Vec::new(), histogram, errors: 1, cpu };
        CaseReport::new(case, &measured, 7).rounded()
    }

    #[test]
    fn a_line_has_the_members_of_the_contract_in_order() {
        let mut report = report("refresh", 20);
        report.rss_mb = Some(12.3);
        let line = serde_json::to_string(&report).unwrap();
        assert_eq!(
            line,
            "{\"case\":\"refresh\",\"requests\":3000,\"requests_per_s\":428.6,\"p50_ms\":2.015,\"p99_ms\":2.015,\
             \"p999_ms\":2.015,\"errors\":1,\"server_cpu_us\":20.1,\"store_cpu_us\":null,\"rss_mb\":12.3,\
             \"disk_mb\":null,\"wal_mb\":null,\"fdatasync_per_s\":null,\"disk_mb_max\":null,\"wal_mb_max\":null}"
        );
    }

    #[test]
    fn the_table_shows_the_cost_above_the_floor() {
        let table = table(&[report("floor", 8), report("refresh", 21)]);
        let last = table.lines().last().unwrap().split_whitespace().collect::<Vec<_>>();
        assert_eq!(last, ["refresh", "429", "2.015", "2.015", "2.015", "21.1", "13.0", "-", "1"]);
    }

    #[test]
    fn a_case_without_requests_has_no_figures_a_request() {
        let measured = Measured { workers: Vec::new(), histogram: Histogram::new(), errors: 0, cpu: Some(NOTHING) };
        let report = CaseReport::new("code", &measured, 1);
        assert!(report.server_cpu_us.is_none() && report.p50_ms.is_none());
    }
}
