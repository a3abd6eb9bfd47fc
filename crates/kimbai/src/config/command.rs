//! `kimbai config`: whether the configuration is right, and what it comes to.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{ErrorKind, Write as _};

use clap::{Args, Subcommand};
use kimbai_server::http::tls::Tls;
use serde_json::{Value as Json, json};

use super::keys::{self, Entry};
use super::{Config, MasterKeySource, Problem, Problems, ServeArgs};

/// Checks the configuration, or shows it.
#[derive(Debug, Args)]
pub(crate) struct ConfigArgs {
    #[command(subcommand)]
    command: ConfigCommand,
}

#[derive(Debug, Subcommand)]
enum ConfigCommand {
    /// Says what is wrong with the configuration; ends with status 2 if anything is.
    #[command(after_help = "Examples:\n  kimbai config check\n  kimbai config check --config /etc/kimbai/kimbai.toml")]
    Check {
        #[command(flatten)]
        serve: ServeArgs,
    },
    /// Shows every key, its value, and where that comes from; secrets are masked.
    #[command(after_help = "Examples:\n  kimbai config print\n  kimbai config print --json --listen 0.0.0.0:8080")]
    Print {
        #[command(flatten)]
        serve: ServeArgs,
        /// Print one JSON document.
        #[arg(long)]
        json: bool,
    },
}

pub(crate) fn run(args: &ConfigArgs) -> anyhow::Result<()> {
    let text = match &args.command {
        ConfigCommand::Check { serve } => check(&serve.config()?)?,
        ConfigCommand::Print { serve, json: true } => document(&serve.config()?).to_string() + "\n",
        ConfigCommand::Print { serve, json: false } => table(&serve.config()?)?,
    };
    let mut stdout = std::io::stdout();
    stdout.write_all(text.as_bytes())?;
    Ok(stdout.flush()?)
}

/// Also opens the files that are named, and makes a pair of certificate and key, as `serve` would.
fn check(config: &Config) -> Result<String, Problems> {
    let mut named: Vec<(&Entry, _)> = Vec::new();
    if let Some(tls) = &config.tls {
        named.push((&keys::TLS_CERTIFICATE_FILE.entry, &tls.certificate));
        named.push((&keys::TLS_PRIVATE_KEY_FILE.entry, &tls.private_key));
    }
    if let MasterKeySource::File(path) = &config.master_key {
        named.push((&keys::MASTER_KEY_FILE.entry, path));
    }
    let mut problems = Vec::new();
    for (entry, path) in named {
        match File::open(path) {
            // It is made with the store.
            Err(error) if error.kind() == ErrorKind::NotFound && entry.name == keys::MASTER_KEY_FILE.entry.name => {}
            Err(error) => {
                let message = format!("{}: {} cannot be read: {error}", entry.name, path.display());
                problems.push(Problem::new(config.origin(entry), message, "name a file that this user may read"));
            }
            Ok(_) => {}
        }
    }
    if let (Some(tls), []) = (&config.tls, problems.as_slice())
        && let Err(error) = Tls::load(&tls.certificate, &tls.private_key)
    {
        let origin = config.origin(&keys::TLS_CERTIFICATE_FILE.entry);
        problems.push(Problem::new(origin, error.to_string(), "`serve` would not start with it"));
    }
    Problems::unless_empty(problems)?;
    Ok(match &config.file {
        Some(file) => format!("ok: {}\n", file.display()),
        None => "ok: there is no kimbai.toml here; the defaults hold\n".to_owned(),
    })
}

fn document(config: &Config) -> Json {
    let settings = config.settings.iter().map(|setting| {
        let origin = setting.origin.to_string();
        json!({"key": setting.entry.name, "value": setting.shown, "origin": origin})
    });
    let settings: Vec<_> = settings.collect();
    json!({"file": config.file, "settings": settings})
}

/// Values as the file would have them.
fn table(config: &Config) -> Result<String, std::fmt::Error> {
    let rows = config.settings.iter().map(|setting| {
        let shown = setting.shown.as_ref().map_or_else(|| "-".to_owned(), Json::to_string);
        (setting.entry.name, shown, setting.origin.to_string())
    });
    let rows: Vec<_> = rows.collect();
    let width = |texts: &mut dyn Iterator<Item = &str>| texts.map(|text| text.chars().count()).max().unwrap_or(0);
    let names = width(&mut rows.iter().map(|(name, ..)| *name));
    let values = width(&mut rows.iter().map(|(_, value, _)| value.as_str()));
    let mut out = String::new();
    for (name, value, origin) in &rows {
        writeln!(out, "{name:<names$}  {value:<values$}  {origin}")?;
    }
    Ok(out)
}
