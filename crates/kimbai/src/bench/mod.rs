//! `kimbai bench`: what a request costs, on this machine, over loopback.
//! It starts a server process of its own (or drives `--url`), keeps a number of connections busy one request at a
//! time each, checks every answer, and prints one JSON line a case on stdout; everything else goes to stderr.
//! It knows the server only by its wire: nothing in here calls the engine.

pub(crate) mod apps;
mod cases;
mod connection;
mod cookies;
pub(crate) mod cores;
mod database;
mod exchange;
mod figures;
mod forms;
mod high_water;
mod histogram;
mod html;
mod load;
mod log_in_flood;
mod oauth;
mod open_loop;
mod openid;
mod overload;
mod partner;
mod prepare;
mod realms;
mod report;
mod selection;
mod server_process;
mod servers;
mod signing;
mod soak;
mod start;
mod target;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use tokio::signal::unix::{SignalKind, signal};

use apps::App;
use cases::{Case, Needs, Worker};
use cores::Cores;
use database::Database;
use load::Measured;
use realms::Realm;
use report::{CaseReport, progress};
use selection::Selection;
use server_process::ServerProcess;
use servers::Servers;
use target::Target;

/// Measures throughput, latency and the server's CPU time per request.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  kimbai bench
  kimbai bench --case refresh --seconds 30 --connections 128
  kimbai bench --realm tini --case refresh_graphql --case wrong_signature
  kimbai bench --realm tconnect
  kimbai bench --realm haravan --case legacy_lookup --legacy-tokens 1000000
  kimbai bench --url http://localhost:4600
  kimbai bench --store postgres://localhost/bench --servers 2")]
pub(crate) struct BenchArgs {
    /// Only this case (may be repeated); without it all that are one closed loop.
    #[arg(long = "case", value_name = "NAME", value_enum)]
    cases: Vec<Selection>,
    /// Keep-alive connections, each with one request under way.
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=4096))]
    connections: u32,
    /// How long each case is measured, after one second of warm-up.
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=3600))]
    seconds: u32,
    /// Grants of its app that exist before a case begins that needs any; at least one a connection.
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    grants: u32,
    /// Legacy tokens that the server has, in a realm that exchanges them; the case `exchange` uses each once.
    #[arg(long, value_name = "N", default_value_t = 400_000, value_parser = clap::value_parser!(u32).range(2..=10_000_000))]
    legacy_tokens: u32,
    /// The realm to drive.
    #[arg(long, value_name = "NAME", default_value = "standard")]
    realm: String,
    /// Base URL of a realm of a running sandbox, instead of a server of our own (no figures of its process then).
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    /// An empty PostgreSQL database for the server, instead of a directory.
    #[arg(long, value_name = "URL", conflicts_with_all = ["url", "soak"])]
    store: Option<String>,
    /// How many servers share the database; each has its share of the connections.
    #[arg(long, value_name = "N", default_value_t = 1, requires = "store", value_parser = clap::value_parser!(u32).range(1..=8))]
    servers: u32,
    /// Gives the server the first core and the driver the others, so that neither takes from the other.
    #[arg(long, conflicts_with = "url")]
    cores_apart: bool,
    /// How many times the peak's rate `overload` offers.
    #[arg(long, value_name = "N", default_value_t = 5.0, value_parser = times_peak)]
    overload_times: f64,
    /// Instead of cases: everything at once for so long, and an error unless memory, descriptors and log stay flat.
    #[arg(long, value_name = "SECONDS", conflicts_with_all = ["url", "cases"], value_parser = clap::value_parser!(u32).range(80..=604_800))]
    soak: Option<u32>,
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
    ensure!(
        args.legacy_tokens / 2 >= args.connections,
        "--legacy-tokens ({}) must be at least twice --connections ({}): each has one to exchange and one to look up",
        args.legacy_tokens,
        args.connections
    );
    let cases = args.chosen_cases()?;
    let cores = if args.cores_apart { Cores::Apart } else { Cores::Shared };
    if cores == Cores::Apart {
        cores::leave_the_first().context("--cores-apart")?;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("tokio runtime")?;
    let (targets, servers, flushes) = if let Some(url) = &args.url {
        (vec![Arc::new(Target::at_url(realm, url)?)], None, None)
    } else {
        let database = args.store.as_deref().map(|url| runtime.block_on(Database::open(url))).transpose()?;
        let legacy_tokens =
            if realm.oauth().is_some_and(|apps| apps.exchange.is_some()) { args.legacy_tokens } else { 0 };
        let servers = Servers::start(cores, database, args.servers, legacy_tokens)?;
        progress("measuring the disk's flush rate for 1 s");
        let flushes = figures::fdatasync_per_s(servers.first().data(), Duration::from_secs(1))?;
        (targets(realm, &servers)?, Some(servers), Some(flushes))
    };
    let mut bench = Bench { args, targets, servers, flushes };
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

/// The realm at each of the servers.
fn targets(realm: &'static Realm, servers: &Servers) -> anyhow::Result<Vec<Arc<Target>>> {
    let first = servers.first();
    let at = |server: &ServerProcess| {
        let ports = i32::from(server.port_base()) - i32::from(first.port_base());
        Ok(Arc::new(Target::of_document(realm, first.document())?.shifted(ports)?))
    };
    servers.all().map(at).collect()
}

impl BenchArgs {
    fn chosen_cases(&self) -> anyhow::Result<Vec<Selection>> {
        let realm = realms::find(&self.realm)?;
        let fits = |case: &Selection| self.url.is_none() || !case.needs_own_server(realm);
        if let Some(case) = self.cases.iter().find(|case| !fits(case)) {
            bail!("the case `{case}` needs the server that `kimbai bench` starts itself, not one at --url");
        }
        ensure!(self.soak.is_none() || realm.is_whole(), "--soak drives the standard token endpoint");
        if let Some(case) = self.cases.iter().find(|case| !case.is_of(realm)) {
            bail!("the realm `{}` has no case `{case}`", realm.name);
        }
        ensure!(
            self.store.is_none() || !self.cases.contains(&Selection::Start),
            "the case `start` measures a store in a directory, not one at --store"
        );
        if !self.cases.is_empty() {
            return Ok(self.cases.clone());
        }
        Ok(Selection::loops().filter(fits).filter(|case| case.is_of(realm)).collect())
    }
}

fn times_peak(text: &str) -> Result<f64, String> {
    let times = text.parse().ok().filter(|times| (1.0..=100.0).contains(times));
    times.ok_or_else(|| "a number from 1 to 100".to_owned())
}

/// One run: what is driven, and what is known about its process.
struct Bench {
    args: BenchArgs,
    /// The realm at each server.
    targets: Vec<Arc<Target>>,
    servers: Option<Servers>,
    flushes: Option<f64>,
}

impl Bench {
    async fn run(&mut self, cases: &[Selection]) -> anyhow::Result<Vec<CaseReport>> {
        let mut reports = Vec::new();
        if let Some(seconds) = self.args.soak {
            soak::run(self, seconds).await?;
            return Ok(reports);
        }
        let mut prepared = Prepared::new(self.workers(self.args.connections));
        for case in cases {
            match case {
                Selection::Closed(case) => reports.push(self.closed_loop(*case, &mut prepared).await?),
                Selection::Start => {
                    prepared.mint(App::Plain, self.args.grants).await?;
                    prepared.workers = start::run(self, prepared.workers).await?;
                }
                Selection::Overload => overload::run(self).await?,
                Selection::LogInFlood => log_in_flood::run(self).await?,
            }
        }
        Ok(reports)
    }

    async fn closed_loop(&self, case: Case, prepared: &mut Prepared) -> anyhow::Result<CaseReport> {
        match case.needs(realms::find(&self.args.realm)?) {
            Needs::Nothing => {}
            Needs::Grants(app) => prepared.mint(app, self.args.grants).await?,
            Needs::Session(app) => prepared.log_in(app).await?,
            Needs::LogInForm => prepared.fill_in().await?,
            Needs::LegacyTokens => prepared.share_legacy_tokens(self.args.legacy_tokens),
            Needs::ExchangedTokens => prepared.exchange(self.args.legacy_tokens).await?,
        }
        progress(&format!("{case}: 1 s of warm-up, then {} s", self.args.seconds));
        let mut workers = std::mem::take(&mut prepared.workers);
        let idle = workers.split_off(workers.len().min(case.connections_max()));
        let measured = load::measure(workers, case, self.seconds(), self.servers.as_ref()).await?;
        let report = self.report(case, &measured).await?;
        report::print(&report)?;
        prepared.workers = measured.workers.into_iter().chain(idle).collect();
        Ok(report)
    }

    fn seconds(&self) -> Duration {
        Duration::from_secs(self.args.seconds.into())
    }

    fn workers(&self, connections: u32) -> Vec<Worker> {
        let targets = self.targets.iter().cycle();
        (0..connections).zip(targets).map(|(number, target)| Worker::new(number, Arc::clone(target))).collect()
    }

    /// Workers with new grants: as many as asked for, at least one each.
    async fn workers_with_grants(&self, connections: u32) -> anyhow::Result<Vec<Worker>> {
        prepare::mint(self.workers(connections), App::Plain, self.args.grants.max(connections)).await
    }

    async fn report(&self, case: Case, measured: &Measured) -> anyhow::Result<CaseReport> {
        let mut report = CaseReport::new(&case.to_string(), measured, self.args.seconds);
        report.fdatasync_per_s = self.flushes;
        let Some(servers) = &self.servers else { return Ok(report.rounded()) };
        report.rss_mb = Some(servers.resident_mb()?);
        if let Some(database) = servers.database() {
            report.disk_mb = Some(database.size_mb().await?);
        } else {
            let (size, highest) = (figures::data_size(servers.first().data())?, servers.first().highest());
            report.disk_mb = Some(size.all_mb);
            report.wal_mb = Some(size.wal_mb);
            report.disk_mb_max = Some(highest.all_mb);
            report.wal_mb_max = Some(highest.wal_mb);
        }
        Ok(report.rounded())
    }
}

/// The connections of the closed loops, and what they have.
struct Prepared {
    workers: Vec<Worker>,
    minted: BTreeSet<App>,
    logged_in: BTreeSet<App>,
    legacy_tokens: LegacyTokens,
}

/// What the connections have of legacy tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum LegacyTokens {
    None,
    Shared,
    Exchanged,
}

impl Prepared {
    fn new(workers: Vec<Worker>) -> Self {
        Self { workers, minted: BTreeSet::new(), logged_in: BTreeSet::new(), legacy_tokens: LegacyTokens::None }
    }

    async fn mint(&mut self, app: App, grants: u32) -> anyhow::Result<()> {
        if self.minted.insert(app) {
            self.workers = prepare::mint(std::mem::take(&mut self.workers), app, grants).await?;
        }
        Ok(())
    }

    async fn log_in(&mut self, app: App) -> anyhow::Result<()> {
        if self.logged_in.insert(app) {
            self.workers = prepare::log_in(std::mem::take(&mut self.workers), app).await?;
        }
        Ok(())
    }

    fn share_legacy_tokens(&mut self, total: u32) {
        if self.legacy_tokens == LegacyTokens::None {
            prepare::share_legacy_tokens(&mut self.workers, total);
            self.legacy_tokens = LegacyTokens::Shared;
        }
    }

    async fn exchange(&mut self, total: u32) -> anyhow::Result<()> {
        self.share_legacy_tokens(total);
        if self.legacy_tokens == LegacyTokens::Shared {
            self.workers = prepare::exchange(std::mem::take(&mut self.workers)).await?;
            self.legacy_tokens = LegacyTokens::Exchanged;
        }
        Ok(())
    }

    /// Anew each time: a form is good for an hour.
    async fn fill_in(&mut self) -> anyhow::Result<()> {
        self.workers = prepare::fill_in(std::mem::take(&mut self.workers)).await?;
        Ok(())
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
