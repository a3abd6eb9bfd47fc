//! `kimbai serve`: the server.

use std::fmt::Write as _;
use std::io::Write as _;
use std::net::SocketAddr;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use clap::Args;
use kimbai_engine::admin::Wire as _;
use kimbai_engine::{Engine, SetupError};
use kimbai_server::Serving;
use kimbai_server::admin::OperatorSocket;
use kimbai_server::dialects::{Dialects, standard};
use kimbai_server::http::listener::Listener;
use kimbai_server::http::proxies::{ForwardingHeader, TrustedProxies};
use kimbai_server::http::socket::SocketListener;
use kimbai_server::http::tls::Tls;
use kimbai_server::metrics::Metrics;
use kimbai_server::operator::Operator;
use kimbai_store::StoreError;

use crate::boot::{self, Running};
use crate::config::{Config, DataArgs, ProxyHeader, ServeArgs, StorePlace};
use crate::doctor::data::is_open_to_all;
use crate::installation::{Absent, Installation, socket};

/// The realm that a new installation has.
const FIRST_REALM: &str = "main";

/// Runs the server.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  kimbai serve                                  everything by default: ./kimbai-data, http://localhost:4500
  kimbai serve --config /etc/kimbai/kimbai.toml
  kimbai serve --data /var/lib/kimbai --listen 0.0.0.0:8080 --log-format json

Ends with 0 after SIGTERM or SIGINT, with 1 when it cannot start, with 2 when its configuration is wrong.")]
pub(crate) struct ServeCommand {
    #[command(flatten)]
    args: ServeArgs,
}

pub(crate) fn run(command: &ServeCommand) -> anyhow::Result<()> {
    let config = command.args.config()?;
    boot::log_to_stderr(&config.log.level, config.log.format)?;
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(serve(&config, command.args.data()))
}

async fn serve(config: &Config, data: &DataArgs) -> anyhow::Result<()> {
    // Ports are taken before anything is made, so that a busy one leaves nothing behind.
    let public = boot::bind_each(&config.listen.public, "listen.public").await?;
    let operator = boot::bind_each(config.listen.operator.as_slice(), "listen.operator").await?;
    let tls = config.tls.as_ref().map(|files| Tls::load(&files.certificate, &files.private_key)).transpose()?;
    if let Some(file) = config.url_file.as_deref().filter(|file| may_be_read_by_all(file)) {
        tracing::warn!(file = %file.display(), "everybody may read the file with the store's URL: chmod o= it");
    }
    let mut running = Running::new()?;
    let installation = Installation::open(config, Absent::Make).await?;
    let (engine, administration) = (Arc::clone(&installation.engine), Arc::clone(&installation.administration));
    let is_new = make_first_realm(config, &engine).await?;
    let metrics = Arc::new(Metrics::default());
    let serving = Arc::new(Serving::new(Arc::clone(&engine), Arc::clone(&metrics), proxies(config)));
    if let Err(error) = serving.refresh() {
        tracing::error!(%error, "not all realms are served; mend them with `kimbai apply`");
    }
    let on_tcp = Operator::new(Arc::clone(&engine), Arc::clone(&metrics), serving.sites());
    let operator_too = Operator::new(Arc::clone(&engine), metrics, serving.sites());
    let socket = socket(&config.data);
    let following = (Arc::clone(&administration), Arc::clone(&serving));
    let store = config.store.name();
    let on_socket = OperatorSocket { operator: operator_too, administration, serving: Arc::clone(&serving), store };
    running.serve(operator, on_tcp);
    running.serve(vec![SocketListener::bind(&socket).await.context("the operator's socket")?], on_socket);
    running.heed_hang_ups(tls.as_ref())?;
    let public = public.into_iter().map(|listener| match &tls {
        Some(tls) => Listener::Tls(listener, Arc::clone(tls)),
        None => Listener::Tcp(listener),
    });
    let connections_max = boot::connections_within_descriptors(config.connections_max);
    running.serve_at_most(connections_max, public.collect(), serving.sites());
    running.sweep(Arc::clone(&engine));
    running.follow(following.0, following.1);
    running.tend_signing_keys(Arc::clone(&engine));
    announce(config, &engine, is_new.then_some(data))?;
    running.until_told_to_stop().await?;
    engine.close().await;
    Ok(())
}

fn may_be_read_by_all(file: &Path) -> bool {
    std::fs::metadata(file).is_ok_and(|metadata| is_open_to_all(metadata.mode()))
}

/// Makes the realm of a new installation; false where there is one, also where another server was first.
async fn make_first_realm(config: &Config, engine: &Engine) -> anyhow::Result<bool> {
    if !engine.is_vacant().await? {
        if engine.realms().is_empty() {
            // Another server has made one since this one read the store.
            engine.load().await?;
        }
        return Ok(false);
    }
    let issuer = first_issuer(config);
    let settings = Dialects.defaults(standard::NAME, "Kimbai", &issuer).context("no standard dialect")?;
    match engine.make_realm(FIRST_REALM, &settings).await {
        Ok(_) => Ok(true),
        Err(SetupError::Store(StoreError::Taken)) => {
            engine.load().await?;
            Ok(false)
        }
        Err(error) => Err(error.into()),
    }
}

fn proxies(config: &Config) -> TrustedProxies {
    config.proxies.as_ref().map_or_else(TrustedProxies::default, |proxies| {
        let header = match proxies.header {
            ProxyHeader::Forwarded => ForwardingHeader::Forwarded,
            ProxyHeader::XForwardedFor => ForwardingHeader::XForwardedFor,
        };
        TrustedProxies::new(proxies.trusted.clone(), header)
    })
}

/// Where clients find a new installation: on this machine, at the first port.
fn first_issuer(config: &Config) -> String {
    let scheme = if config.tls.is_some() { "https" } else { "http" };
    let default_port = if config.tls.is_some() { 443 } else { 80 };
    match config.listen.public.first().map_or(default_port, SocketAddr::port) {
        port if port == default_port => format!("{scheme}://localhost"),
        port => format!("{scheme}://localhost:{port}"),
    }
}

/// Says what answers where; of a new installation, also which commands are next, with the flags that find it again.
fn announce(config: &Config, engine: &Engine, new: Option<&DataArgs>) -> anyhow::Result<()> {
    let mut out = String::new();
    for realm in engine.realms() {
        writeln!(out, "realm {:<12} {}", realm.name, realm.settings.issuer)?;
    }
    for address in &config.listen.public {
        writeln!(out, "listening          {address}")?;
    }
    if let Some(address) = config.listen.operator {
        writeln!(out, "operator           http://{address}/healthz  /readyz  /metrics")?;
    }
    writeln!(out, "data               {}", config.data.display())?;
    if let StorePlace::Postgres(url) = &config.store {
        writeln!(out, "store              {url}")?;
    }
    if let Some(flags) = new.map(DataArgs::repeated) {
        writeln!(out, "\n{NEW_INSTALLATION}\n")?;
        for command in NEXT_COMMANDS {
            writeln!(out, "  {command}{flags}")?;
        }
    }
    let mut stdout = std::io::stdout();
    stdout.write_all(out.as_bytes())?;
    Ok(stdout.flush()?)
}

const NEW_INSTALLATION: &str = "This is a new installation. Its master key was made: keep a copy of it, apart from backups. Add a user and a client:";
const NEXT_COMMANDS: [&str; 2] = [
    "kimbai user add an --name Ảnh",
    "kimbai client add my-app --redirect-uri http://localhost:8080/callback --scope offline_access",
];
