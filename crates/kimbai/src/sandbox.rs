//! `kimbai sandbox`: the platforms on this machine, offline.

mod authority;
mod own_apps;

use std::fmt::Write as _;
use std::io::Write as _;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context as _;
use clap::Args;
use kimbai_core::realm::RequestSignatures;
use kimbai_server::http::listener::Listener;
use kimbai_server::http::sites::Sites;
use kimbai_server::metrics::Metrics;
use kimbai_server::operator::Operator;
use kimbai_server::sandbox::SandboxRealm;
use kimbai_server::sandbox::demo::Registration;
use kimbai_server::sandbox::shown::Shown;
use kimbai_server::{Audience, Site};
use kimbai_store::Clock;
use serde::Serialize;

use self::authority::Authority;
use crate::boot::{self, Running};
use crate::config::LogFormat;

const OPERATOR_OFFSET: u16 = 9;

/// Runs the platforms on this machine, offline, with demo apps and people.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  kimbai sandbox
  kimbai sandbox --port-base 5600 --data demo-data
  kimbai sandbox --tini-timestamp-window off
  kimbai sandbox --json > sandbox.json")]
pub(crate) struct SandboxArgs {
    /// The first of ten ports: realms from here on, the operator's listener on the last.
    #[arg(long, default_value_t = 4600)]
    port_base: u16,
    /// Listen on this address instead of the two loopback addresses; the operator's port stays on them.
    #[arg(long, value_name = "ADDR")]
    listen: Option<IpAddr>,
    /// Keep everything in this directory instead of in memory.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Register the apps and people of this file too, for the realms above: TOML or JSON, as `kimbai apply` takes it. May be repeated.
    #[arg(long, value_name = "FILE")]
    apply: Vec<PathBuf>,
    /// How far the timestamps of signed requests may be from now in the Tini realm, in seconds, or `off`: any.
    #[arg(long, value_name = "SECONDS", value_parser = timestamp_window)]
    tini_timestamp_window: Option<RequestSignatures>,
    /// Speak https, under a throw-away authority that is printed: some clients refuse http.
    #[arg(long)]
    tls: bool,
    /// Print one JSON document on the first line of standard output instead of the table.
    #[arg(long)]
    json: bool,
    /// What to log on standard error: error, warn, info, debug, trace, or a filter.
    #[arg(long, value_name = "LEVEL", default_value = "info")]
    log: String,
}

#[derive(Serialize)]
struct Document<'a> {
    realms: Vec<&'a Registration>,
    operator: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    authority: Option<&'a Authority>,
}

pub(crate) fn run(args: &SandboxArgs) -> anyhow::Result<()> {
    boot::log_to_stderr(&args.log, LogFormat::Text)?;
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(serve(args))
}

async fn serve(args: &SandboxArgs) -> anyhow::Result<()> {
    let mut realms = boot::registrations(if args.tls { "https" } else { "http" }, args.port_base)?;
    for (_, realm) in realms.iter_mut().filter(|(_, realm)| !realm.settings.request_signatures.are_refused()) {
        realm.settings.request_signatures = args.tini_timestamp_window.unwrap_or(realm.settings.request_signatures);
    }
    let manifest = own_apps::read(&args.apply, &realms)?;
    let operator_port = args.port_base + OPERATOR_OFFSET;
    let addresses = boot::addresses(args.listen);
    // All ports are taken before anything is made, so that a busy one leaves nothing behind.
    let mut listeners = Vec::new();
    for (port, _) in &realms {
        listeners.push(boot::bind(&addresses, *port).await?);
    }
    // The operator is on this machine, wherever the realms are.
    let operator_listeners = boot::bind(&boot::addresses(None), operator_port).await?;
    let clock = Clock::default();
    let engine = boot::engine(args.data.as_deref(), &clock, realms.iter().map(|(_, realm)| realm)).await?;
    own_apps::apply(&engine, manifest, &mut realms).await?;
    let authority = args.tls.then(|| Authority::make(args.listen)).transpose()?;
    let tls = authority.as_ref().map(Authority::tls).transpose()?;
    let metrics = Arc::new(Metrics::default());
    let neighbours: Vec<_> =
        realms.iter().map(|(_, realm)| (realm.settings.display_name.clone(), realm.issuer.clone())).collect();
    let mut running = Running::new()?;
    let sites = Arc::new(Sites::default());
    let operator = Operator::new(Arc::clone(&engine), Arc::clone(&metrics), Arc::clone(&sites));
    running.serve(operator_listeners, operator);
    for ((_, registration), listeners) in realms.iter().zip(listeners) {
        let realm = engine.realm(registration.name).context("a realm is missing")?;
        let sandbox = Arc::new(SandboxRealm::new(registration.clone(), neighbours.clone(), clock.clone()));
        let site = Site::new(Arc::clone(&engine), &realm, metrics.realm(&realm.name), Audience::Sandbox(sandbox));
        let site = site.context("a realm names an unknown dialect")?;
        sites.put([Arc::clone(&site)])?;
        let listeners = listeners.into_iter().map(|listener| match &tls {
            Some(tls) => Listener::Tls(listener, Arc::clone(tls)),
            None => Listener::Tcp(listener),
        });
        running.serve(listeners.collect(), site);
    }
    running.sweep(Arc::clone(&engine));
    running.tend_signing_keys(engine);
    let operator = format!("http://localhost:{operator_port}");
    let realms: Vec<_> = realms.iter().map(|(_, realm)| realm).collect();
    announce(&Document { realms, operator, authority: authority.as_ref() }, args.json)?;
    running.until_told_to_stop().await
}

fn timestamp_window(text: &str) -> Result<RequestSignatures, String> {
    match text {
        "off" => Ok(RequestSignatures::AnyTime),
        seconds => match seconds.parse() {
            Ok(seconds) => Ok(RequestSignatures::Within(seconds)),
            Err(_) => Err("a number of seconds, or off".to_owned()),
        },
    }
}

fn announce(document: &Document<'_>, as_json: bool) -> anyhow::Result<()> {
    let text = if as_json { serde_json::to_string(document)? + "\n" } else { table(document)? };
    let mut stdout = std::io::stdout();
    stdout.write_all(text.as_bytes())?;
    Ok(stdout.flush()?)
}

fn table(document: &Document<'_>) -> Result<String, std::fmt::Error> {
    let (bold, plain) = boot::bold(&std::io::stdout());
    let mut out = String::new();
    writeln!(
        out,
        "{bold}Kimbai sandbox{plain}: everything here is a demo, and gone when it stops unless you gave --data."
    )?;
    if let Some(authority) = document.authority {
        writeln!(out, "\n{bold}authority{plain}  gone when this stops; what trusts it for this shell:")?;
        for variable in ["CURL_CA_BUNDLE", "SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS", "REQUESTS_CA_BUNDLE"] {
            writeln!(out, "  export {variable}={}", authority.file().display())?;
        }
        write!(out, "{}", authority.pem)?;
    }
    for realm in &document.realms {
        writeln!(out, "\n{bold}{}{plain}  {}  (open it in a browser)", realm.name, realm.issuer)?;
        for client in &realm.clients {
            let secret = client.client_secret.as_ref().map_or("(public, PKCE)", Shown::text);
            let method = client.token_endpoint_auth_method.name();
            writeln!(out, "  client  {:<18} {secret:<34} {method}", client.client_id)?;
            if let Some(partner) = &client.partner {
                write!(out, "  partner {:<18} {}", partner.partner_code, partner.envelope_key.text())?;
                for (name, value) in partner.deviations() {
                    write!(out, "  {name}={value}")?;
                }
                writeln!(out)?;
            }
        }
        let people: Vec<_> = realm.users.iter().map(|user| format!("{} / {}", user.username, user.password)).collect();
        writeln!(out, "  people  {}", people.join(", "))?;
        if !realm.organizations.is_empty() {
            let hosts: Vec<_> = realm.organizations.iter().map(|shop| shop.host.as_str()).collect();
            writeln!(out, "  shops   {}", hosts.join(", "))?;
        }
        for (title, command) in realm.commands() {
            writeln!(out, "  # {title}")?;
            for line in command.lines() {
                writeln!(out, "  {line}")?;
            }
        }
    }
    writeln!(out, "\n{bold}operator{plain}  {}/healthz  /readyz  /metrics", document.operator)?;
    writeln!(out, "Why was a request refused? See /sandbox/requests on each realm. Stop with Ctrl-C.")?;
    Ok(out)
}

#[cfg(test)]
mod tests {
    use kimbai_core::client::{AnswerForm, IvLayout};
    use kimbai_server::dialects::tconnect;

    use super::*;

    #[test]
    fn the_table_has_what_partners_need() {
        let table = |realm: &Registration| {
            let operator = "http://localhost:4609".to_owned();
            table(&Document { realms: vec![realm], operator, authority: None }).unwrap()
        };
        let mut registration = tconnect::demo::registration("http://localhost:4603");
        let usual = table(&registration);
        let key = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
        assert!(usual.contains(&format!("  partner {:<18} {key}\n", "DEMO")), "{usual}");
        assert!(usual.contains(&format!("kimbai envelope seal --key-hex {key} --json |\n")), "{usual}");
        let demo = registration.clients.iter_mut().find_map(|client| client.partner.as_mut()).unwrap();
        (demo.iv, demo.answers) = (IvLayout::Zero, AnswerForm::Encrypted);
        let changed = table(&registration);
        assert!(changed.contains(&format!("{key}  iv=zero  answers=encrypted\n")), "{changed}");
    }
}
