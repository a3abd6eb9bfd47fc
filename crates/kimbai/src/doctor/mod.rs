//! `kimbai doctor`: what of this machine and this data would trouble a server, and what to change.
//! Each check looks at something, and a pure function of what it saw gives the verdict. Nothing is changed; a running
//! server is asked for its realms, a store without one is opened for a moment.

mod certificate;
pub(crate) mod data;
mod database;
mod machine;
mod ports;
mod realms;

use std::fmt::Write as _;
use std::io::Write as _;

use clap::Args;
use kimbai_store::Clock;
use serde::Serialize;
use serde_json::json;

use crate::boot;
use crate::config::{Config, DataArgs, Problems, StorePlace};
use crate::exit::ExitStatus;

/// Checks this machine, the data and the certificate; ends with status 1 if there is a problem.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  kimbai doctor\n  kimbai doctor --config /etc/kimbai/kimbai.toml --json")]
pub(crate) struct DoctorArgs {
    #[command(flatten)]
    data: DataArgs,
    /// Print one JSON document.
    #[arg(long)]
    json: bool,
}

/// What was looked at, and what is to be thought of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Check {
    name: &'static str,
    verdict: Verdict,
    found: String,
    /// What to change; of what is not ok.
    advice: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Verdict {
    Ok,
    /// It works, but not for long, or not well.
    Warning,
    /// A server would not start, or its secrets are open to others.
    Problem,
}

impl Check {
    fn ok(name: &'static str, found: impl Into<String>) -> Self {
        Self { name, verdict: Verdict::Ok, found: found.into(), advice: None }
    }

    fn warning(name: &'static str, found: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { name, verdict: Verdict::Warning, found: found.into(), advice: Some(advice.into()) }
    }

    fn problem(name: &'static str, found: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { verdict: Verdict::Problem, ..Self::warning(name, found, advice) }
    }
}

impl Verdict {
    fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Problem => "problem",
        }
    }
}

pub(crate) fn run(args: &DoctorArgs) -> anyhow::Result<ExitStatus> {
    boot::warnings_to_stderr();
    let checks = match args.data.config() {
        Ok(config) => all(&config),
        Err(problems) => vec![unreadable(&problems)],
    };
    let text = if args.json { json!({ "checks": checks }).to_string() + "\n" } else { table(&checks)? };
    let mut stdout = std::io::stdout();
    stdout.write_all(text.as_bytes())?;
    stdout.flush()?;
    let is_sound = checks.iter().all(|check| check.verdict != Verdict::Problem);
    Ok(if is_sound { ExitStatus::Done } else { ExitStatus::Failed })
}

fn all(config: &Config) -> Vec<Check> {
    let now_s = Clock::default().now().0 / 1_000_000;
    let server = data::server(&config.data);
    let mut checks = vec![configuration(config), data::directory(&config.data)];
    checks.push(data::master_key(config));
    checks.extend(config.url_file.as_deref().map(data::url_file));
    checks.push(server.check());
    let database = match &config.store {
        StorePlace::Postgres(url) => database::check(config, url),
        StorePlace::Sqlite(_) => Ok(Vec::new()),
    };
    match database {
        Ok(database) => {
            checks.extend(database);
            checks.push(realms::check(config, server));
        }
        // What is in it would be the same problem.
        Err(unreachable) => checks.push(unreachable),
    }
    checks.push(machine::space(&config.data));
    if matches!(config.store, StorePlace::Sqlite(_)) {
        checks.push(machine::flush(&config.data));
    }
    checks.push(machine::clock(&config.data, now_s));
    checks.push(certificate::check(config, now_s));
    checks.extend(ports::check(&config.listen, server));
    checks
}

fn configuration(config: &Config) -> Check {
    let file = config.file.as_ref().map(|file| file.display().to_string());
    Check::ok("configuration", file.unwrap_or_else(|| "there is no kimbai.toml here; the defaults hold".to_owned()))
}

/// Nothing else can be looked at: where it is would be a guess.
fn unreadable(problems: &Problems) -> Check {
    Check::problem("configuration", problems.to_string(), "mend it; then ask the doctor again")
}

fn table(checks: &[Check]) -> Result<String, std::fmt::Error> {
    let mut out = String::new();
    for Check { name, verdict, found, advice } in checks {
        writeln!(out, "{:<8} {name:<14} {found}", verdict.name())?;
        if let Some(advice) = advice {
            writeln!(out, "{:<23} {advice}", "")?;
        }
    }
    Ok(out)
}
