//! `kimbai sign`: what is signed, step by step, and a request that is ready to send. For integrators who look for the one byte
//! that differs.

mod haravan;
mod tini;

use std::path::Path;

use clap::{Args, Subcommand};
use kimbai_engine::admin::PlainSecret;

use crate::admin::secret_of_reference;
use crate::config::{Origin, Problem, Problems};

/// Signs a request as a platform or its clients do, and shows each step.
#[derive(Debug, Args)]
pub(crate) struct SignArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Signs as a Tiki Tini App does: prints the canonical string, the payload, the signature and a curl line.
    #[command(after_help = tini::HELP)]
    Tini(tini::TiniArgs),
    /// Signs the query with which Haravan sends a shop back to an app that it allowed.
    #[command(after_help = haravan::CALLBACK_HELP)]
    HaravanCallback(haravan::CallbackArgs),
    /// Signs the query with which Haravan's admin opens an app.
    #[command(after_help = haravan::LAUNCH_HELP)]
    HaravanLaunch(haravan::LaunchArgs),
    /// Signs the body of a webhook as Haravan does.
    #[command(after_help = haravan::WEBHOOK_HELP)]
    HaravanWebhook(haravan::WebhookArgs),
}

pub(crate) fn run(args: &SignArgs) -> anyhow::Result<()> {
    match &args.what {
        What::Tini(args) => tini::run(args),
        What::HaravanCallback(args) => haravan::callback(args),
        What::HaravanLaunch(args) => haravan::launch(args),
        What::HaravanWebhook(args) => haravan::webhook(args),
    }
}

/// The secret behind `env:NAME` or `file:PATH`; any other text is one itself.
fn secret(text: &str) -> anyhow::Result<PlainSecret> {
    match secret_of_reference(text, Path::new("")) {
        Some(Ok(secret)) => Ok(secret),
        None if text.is_empty() => {
            Err(wrong("--secret", "it is empty", "is the variable set that the shell put there?"))
        }
        Some(Err(reason)) => Err(wrong("--secret", &reason, "name a variable that is set or a file you may read")),
        None => Ok(PlainSecret::new(text.to_owned())),
    }
}

/// A text as a shell takes it for one word.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

fn wrong(option: &'static str, message: &str, advice: &str) -> anyhow::Error {
    Problems::new(vec![Problem::new(Origin::Flag(option), message.to_owned(), advice)]).into()
}
