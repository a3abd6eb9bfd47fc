//! `kimbai bench`: what a request costs, on this machine, over loopback.
//! It starts a server process of its own (or drives `--url`), keeps a number of connections busy one request at a
//! time each, checks every answer, and prints one JSON line a case on stdout; everything else goes to stderr.
//! It knows the server only by its wire: nothing in here calls the engine.

mod cases;
mod connection;
mod cookies;
mod figures;
mod forms;
mod histogram;
mod html;
mod load;
mod prepare;
mod realms;
mod report;
mod server_process;
mod target;

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use tokio::signal::unix::{SignalKind, signal};

use cases::{Case, Worker};
use load::Measured;
use report::{CaseReport, progress};
use server_process::ServerProcess;
use target::Target;

/// Measures throughput, latency and the server's CPU time per request.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  kimbai bench
  kimbai bench --case refresh --seconds 30 --connections 128
  kimbai bench --url http://localhost:4600")]
pub(crate) struct BenchArgs {
    /// Only this case (may be repeated); without it all cases of the realm.
    #[arg(long = "case", value_name = "NAME", value_enum)]
    cases: Vec<Case>,
    /// Keep-alive connections, each with one request under way.
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=4096))]
    connections: u32,
    /// How long each case is measured, after one second of warm-up.
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=3600))]
    seconds: u32,
    /// Grants that exist before `refresh` and `introspect` begin; at least one a connection.
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    grants: u32,
    /// The realm to drive.
    #[arg(long, value_name = "NAME", default_value = "standard")]
    realm: String,
    /// Base URL of a realm of a running sandbox, instead of a server of our own (no figures of its process then).
    #[arg(long, value_name = "URL")]
    url: Option<String>,
}

/// Runs the cases; prints a JSON line each on stdout.
///
/// # Errors
/// Arguments that do not fit, a server that does not start, or any answer that was not the right one.
pub(crate) fn run(args: BenchArgs) -> anyhow::Result<()> {
    let realm = realms::find(&args.realm)?;
    ensure!(
        args.grants >= args.connections,
        "--grants ({}) must be at least --connections ({}): each connection refreshes grants of its own",
        args.grants,
        args.connections
    );
    let (target, server, flushes) = if let Some(url) = &args.url {
        (Target::at_url(realm, url)?, None, None)
    } else {
        let server = ServerProcess::start()?;
        progress("measuring the disk's flush rate for 1 s");
        let flushes = figures::fdatasync_per_s(server.data(), Duration::from_secs(1))?;
        (Target::of_document(realm, server.document())?, Some(server), Some(flushes))
    };
    let cases = args.chosen_cases()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("tokio runtime")?;
    let bench = Bench { args, target: Arc::new(target), server, flushes };
    let reports = runtime.block_on(async {
        tokio::select! {
            reports = bench.run(&cases) => reports,
            interrupted = interruption() => interrupted.and_then(|()| bail!("interrupted")),
        }
    })?;
    progress(&report::table(&reports));
    let errors: u64 = reports.iter().map(|report| report.errors).sum();
    ensure!(errors == 0, "{errors} answers were not the right ones (see above)");
    Ok(())
}

impl BenchArgs {
    fn chosen_cases(&self) -> anyhow::Result<Vec<Case>> {
        if self.url.is_some() && self.cases.contains(&Case::Floor) {
            bail!("the case `floor` needs the server that `kimbai bench` starts itself; a sandbox at --url has none");
        }
        if !self.cases.is_empty() {
            return Ok(self.cases.clone());
        }
        Ok(Case::ALL.into_iter().filter(|case| self.url.is_none() || *case != Case::Floor).collect())
    }
}

/// One run: what is driven, and what is known about its process.
struct Bench {
    args: BenchArgs,
    target: Arc<Target>,
    server: Option<ServerProcess>,
    flushes: Option<f64>,
}

impl Bench {
    async fn run(&self, cases: &[Case]) -> anyhow::Result<Vec<CaseReport>> {
        let mut workers: Vec<Worker> =
            (0..self.args.connections).map(|number| Worker::new(number, Arc::clone(&self.target))).collect();
        let (mut minted, mut logged_in) = (false, false);
        let mut reports = Vec::new();
        for case in cases.iter().copied() {
            if case.needs_grants() && !minted {
                workers = prepare::mint(workers, self.args.grants).await?;
                minted = true;
            }
            if case.needs_session() && !logged_in {
                workers = prepare::log_in(workers).await?;
                logged_in = true;
            }
            progress(&format!("{case}: 1 s of warm-up, then {} s", self.args.seconds));
            let seconds = Duration::from_secs(self.args.seconds.into());
            let measured = load::measure(workers, case, seconds, self.server.as_ref()).await?;
            let report = self.report(case, &measured)?;
            report.print()?;
            reports.push(report);
            workers = measured.workers;
        }
        Ok(reports)
    }

    fn report(&self, case: Case, measured: &Measured) -> anyhow::Result<CaseReport> {
        let mut report = CaseReport::new(&case.to_string(), measured, self.args.seconds);
        report.fdatasync_per_s = self.flushes;
        if let Some(server) = &self.server {
            report.rss_mb = Some(figures::resident_mb(server.process_id())?);
            let size = figures::data_size(server.data())?;
            report.disk_mb = Some(size.all_mb);
            report.wal_mb = Some(size.wal_mb);
        }
        Ok(report.rounded())
    }
}

/// Ends with the first interrupt, so that the server's guard runs and no process stays behind.
async fn interruption() -> anyhow::Result<()> {
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    tokio::select! {
        _ = interrupt.recv() => Ok(()),
        _ = terminate.recv() => Ok(()),
    }
}
