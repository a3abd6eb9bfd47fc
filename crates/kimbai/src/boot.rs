//! From nothing to answering: store, engine, realms, listeners.

use std::io::{ErrorKind, IsTerminal};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use kimbai_engine::Engine;
use kimbai_engine::admin::Administration;
use kimbai_keyring::{KeyFile, MasterKey};
use kimbai_server::Serving;
use kimbai_server::http::listener::{CONNECTIONS_MAX, Listener, Service, serve};
use kimbai_server::http::tls::Tls;
use kimbai_server::sandbox::demo::Registration;
use kimbai_store::Clock;
use kimbai_store::sqlite::{Location, Options, SqliteStore};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::config::LogFormat;
use crate::installation;

/// The master key's name in a data directory.
pub(crate) const MASTER_KEY_FILE: &str = "master.key";
const SWEEP_EVERY: Duration = Duration::from_millis(200);
const FOLLOW_EVERY: Duration = Duration::from_secs(5);
const TEND_KEYS_EVERY: Duration = Duration::from_secs(1);
/// What is being answered when the process is told to stop has so long to finish.
const STOP_MAX: Duration = Duration::from_secs(10);

/// The realms of a sandbox at their ports: each port, and what is registered there.
pub(crate) fn registrations(scheme: &str, port_base: u16) -> anyhow::Result<Vec<(u16, Registration)>> {
    use kimbai_server::dialects::{haravan, marketplace, oneid, standard, tini};
    let port = |offset: u16| port_base.checked_add(offset).context("--port-base is too large: ten ports are needed");
    let issuer = |port: u16| format!("{scheme}://localhost:{port}");
    let (standard, tini, marketplace, haravan, oneid) = (port(0)?, port(1)?, port(2)?, port(4)?, port(5)?);
    port(9)?;
    Ok(vec![
        (standard, standard::demo::registration(&issuer(standard))),
        (tini, tini::demo::registration(&issuer(tini))),
        (marketplace, marketplace::demo::registration(&issuer(marketplace))),
        (haravan, haravan::demo::registration(&issuer(haravan))),
        // The platform's issuer ends in a slash, and clients compare it character by character.
        (oneid, oneid::demo::registration(&format!("{}/", issuer(oneid)))),
    ])
}

/// An engine over a store in memory, or in a directory with its master key beside it, with these realms in it.
pub(crate) async fn engine(
    data: Option<&Path>,
    clock: &Clock,
    realms: impl Iterator<Item = &Registration>,
) -> anyhow::Result<Arc<Engine>> {
    let (store, master) = match data {
        Some(directory) => {
            let store =
                SqliteStore::open(Location::Directory(directory.to_owned()), clock.clone(), Options::default())?;
            let master = installation::key_in_file(&KeyFile::new(directory.join(MASTER_KEY_FILE)), &store).await?;
            (store, master)
        }
        None => (SqliteStore::open(Location::Memory, clock.clone(), Options::default())?, MasterKey::generate()),
    };
    let engine = Arc::new(Engine::new(Arc::new(store), master).with_demo_people());
    engine.load().await?;
    for realm in realms {
        realm.install(&engine).await?;
    }
    Ok(engine)
}

/// The addresses to listen on: the one given, or this machine's two loopback addresses.
pub(crate) fn addresses(listen: Option<IpAddr>) -> Vec<IpAddr> {
    listen.map_or_else(|| vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()], |address| vec![address])
}

/// Takes a port on all addresses. A machine without IPv6 goes without.
pub(crate) async fn bind(addresses: &[IpAddr], port: u16) -> anyhow::Result<Vec<TcpListener>> {
    let mut listeners = Vec::new();
    for address in addresses {
        match TcpListener::bind(SocketAddr::new(*address, port)).await {
            Ok(listener) => listeners.push(listener),
            Err(error) if error.kind() == ErrorKind::AddrInUse => {
                bail!("port {port} is in use on {address}: stop what listens there, or choose others with --port-base")
            }
            // EADDRNOTAVAIL or EAFNOSUPPORT: the other loopback address is enough.
            Err(error) if address.is_ipv6() && addresses.len() > 1 => {
                tracing::debug!(%error, port, "no IPv6");
            }
            Err(error) => return Err(error).with_context(|| format!("cannot listen on {address} port {port}")),
        }
    }
    Ok(listeners)
}

/// Takes each of these addresses, which `key` of the configuration names.
#[expect(clippy::wildcard_enum_match_arm, reason = "the kinds of I/O errors are open-ended")]
pub(crate) async fn bind_each(addresses: &[SocketAddr], key: &str) -> anyhow::Result<Vec<TcpListener>> {
    let mut listeners = Vec::new();
    for address in addresses {
        let advice = |error: &std::io::Error| match error.kind() {
            ErrorKind::AddrInUse => format!("{address} is in use: stop what listens there, or choose another ({key})"),
            ErrorKind::PermissionDenied => {
                format!("this user may not listen on {address}: take a port above 1023, or grant CAP_NET_BIND_SERVICE")
            }
            ErrorKind::AddrNotAvailable => format!("this machine does not have the address {address} ({key})"),
            // Whatever else it is, the cause says.
            _ => format!("cannot listen on {address} ({key})"),
        };
        let bound = TcpListener::bind(address).await;
        listeners.push(bound.map_err(|error| {
            let advice = advice(&error);
            anyhow::Error::new(error).context(advice)
        })?);
    }
    Ok(listeners)
}

/// Raises the limit of descriptors as far as this user may, and answers how many connections fit below it: `wanted`, or fewer.
pub(crate) fn connections_within_descriptors(wanted: u32) -> u32 {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, ..limit };
    let current = if setrlimit(Resource::Nofile, raised).is_ok() { limit.maximum } else { limit.current };
    // Unlimited is `None`.
    let Some(current) = current else { return wanted };
    let fitting = u32::try_from(current.saturating_sub(DESCRIPTORS_KEPT)).unwrap_or(u32::MAX).max(1);
    if fitting < wanted {
        tracing::warn!(descriptors = current, connections = fitting, "raise the limit of descriptors (ulimit -n)");
    }
    fitting.min(wanted)
}

/// For the store, the operator, and what is being accepted.
const DESCRIPTORS_KEPT: u64 = 256;

/// Everything that runs until the process is told to stop.
pub(crate) struct Running {
    tasks: JoinSet<()>,
    stop: watch::Sender<bool>,
    interrupt: Signal,
    terminate: Signal,
}

impl Running {
    /// Nothing yet. From here on SIGINT and SIGTERM are heeded: whoever reads that all ports answer may send one.
    pub(crate) fn new() -> anyhow::Result<Self> {
        let (interrupt, terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        Ok(Self { tasks: JoinSet::new(), stop: watch::Sender::new(false), interrupt, terminate })
    }

    /// Serves on these listeners.
    pub(crate) fn serve<L: Into<Listener>, S: Service>(&mut self, listeners: Vec<L>, service: S) {
        self.serve_at_most(CONNECTIONS_MAX, listeners, service);
    }

    /// Serves so many connections at once on each of these listeners.
    pub(crate) fn serve_at_most<L: Into<Listener>, S: Service>(
        &mut self,
        connections_max: u32,
        listeners: Vec<L>,
        service: S,
    ) {
        let service = Arc::new(service);
        for listener in listeners {
            let listener: Listener = listener.into();
            self.tasks.spawn(serve(listener, connections_max, Arc::clone(&service), self.stop.subscribe()));
        }
    }

    /// Rereads a certificate when its files change, and on SIGHUP; without one SIGHUP changes nothing, and ends nothing.
    pub(crate) fn heed_hang_ups(&mut self, tls: Option<&Arc<Tls>>) -> anyhow::Result<()> {
        if let Some(tls) = tls {
            self.tasks.spawn(Arc::clone(tls).watch(self.stop.subscribe()));
        }
        let (mut hang_up, mut stop, tls) = (signal(SignalKind::hangup())?, self.stop.subscribe(), tls.cloned());
        self.tasks.spawn(async move {
            loop {
                tokio::select! {
                    _ = hang_up.recv() => if let Some(tls) = &tls {
                        tls.reload();
                    } else {
                        tracing::info!("SIGHUP: there is no certificate to reread");
                    },
                    () = async { drop(stop.wait_for(|stop| *stop).await) } => return,
                }
            }
        });
        Ok(())
    }

    /// Sweeps, a small step at a time.
    pub(crate) fn sweep(&mut self, engine: Arc<Engine>) {
        let mut stop = self.stop.subscribe();
        self.tasks.spawn(async move {
            let mut ticks = tokio::time::interval(SWEEP_EVERY);
            let mut cursor = None;
            loop {
                tokio::select! {
                    _ = ticks.tick() => {}
                    () = async { drop(stop.wait_for(|stop| *stop).await) } => return,
                }
                match engine.sweep_step(cursor).await {
                    Ok(next) => cursor = next,
                    Err(error) => tracing::warn!(error = &error as &dyn std::error::Error, "cannot sweep"),
                }
            }
        });
    }

    /// Follows what other servers and commands change in the store: at once when it says so, and what could not be followed a little
    /// later. Between two times it rests as long as the last one took.
    pub(crate) fn follow(&mut self, administration: Arc<Administration>, serving: Arc<Serving>) {
        let (mut stop, mut versions) = (self.stop.subscribe(), administration.versions());
        self.tasks.spawn(async move {
            let mut ticks = tokio::time::interval(FOLLOW_EVERY);
            loop {
                tokio::select! {
                    changed = versions.changed() => if changed.is_err() { return },
                    _ = ticks.tick() => {}
                    () = async { drop(stop.wait_for(|stop| *stop).await) } => return,
                }
                let (now, begun) = (versions.borrow_and_update().clone(), Instant::now());
                if now.0.is_empty() {
                    // Nobody else can have changed anything.
                    continue;
                }
                if let Err(error) = administration.follow(&now).await {
                    tracing::error!(
                        error = &error as &dyn std::error::Error,
                        "not all realms are as the store has them"
                    );
                }
                if let Err(error) = serving.refresh() {
                    tracing::error!(%error, "not all realms are served as they stand");
                }
                let told = tokio::time::timeout(begun.elapsed(), stop.wait_for(|stop| *stop)).await;
                if told.is_ok() {
                    return;
                }
            }
        });
    }

    /// Looks after the signing keys of all realms.
    pub(crate) fn tend_signing_keys(&mut self, engine: Arc<Engine>) {
        let mut stop = self.stop.subscribe();
        self.tasks.spawn(async move {
            let mut ticks = tokio::time::interval(TEND_KEYS_EVERY);
            loop {
                tokio::select! {
                    _ = ticks.tick() => engine.tend_signing_keys().await,
                    () = async { drop(stop.wait_for(|stop| *stop).await) } => return,
                }
            }
        });
    }

    /// Waits for SIGINT or SIGTERM, then stops accepting and lets what is being answered finish.
    pub(crate) async fn until_told_to_stop(mut self) -> anyhow::Result<()> {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
        self.stop.send_replace(true);
        let finished = async { while self.tasks.join_next().await.is_some() {} };
        let _ = tokio::time::timeout(STOP_MAX, finished).await;
        Ok(())
    }
}

/// Writes logs to standard error, from this level on. They never hold colours: what reads them may be a file.
pub(crate) fn log_to_stderr(filter: &str, format: LogFormat) -> anyhow::Result<()> {
    let filter = tracing_subscriber::EnvFilter::try_new(filter).context("--log: not a level or filter")?;
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(false);
    match format {
        LogFormat::Text => log.init(),
        LogFormat::Json => log.json().flatten_event(true).init(),
    }
    Ok(())
}

/// Writes warnings of a command to standard error: what it finds wrong and works around.
pub(crate) fn warnings_to_stderr() {
    let log = tracing_subscriber::fmt().with_max_level(tracing::Level::WARN).with_writer(std::io::stderr);
    log.with_ansi(false).without_time().with_target(false).init();
}

/// The bold of a terminal and its end; empty where the output is no terminal, or the person wants none (<https://no-color.org>).
pub(crate) fn bold(output: &impl IsTerminal) -> (&'static str, &'static str) {
    let is_unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    if output.is_terminal() && !is_unwanted { ("\u{1b}[1m", "\u{1b}[0m") } else { ("", "") }
}
