//! `kimbai export`: what stands, in the form that `kimbai apply` reads.

use anyhow::Context as _;
use clap::{Args, ValueEnum};
use kimbai_engine::admin::{Export, ExportSecrets, Manifest};

use super::Place;
use super::manifest::name_nulls;
use super::output::{self, Form};

/// Writes realms, clients and users in the form that `apply` reads.
#[derive(Debug, Args)]
#[command(after_help = "\
Secrets cannot be read back. With --hashes, the file is for this installation: hashes of client secrets, and sealed keys of partners,
fit its keys alone, and are refused elsewhere. Without, clients that are made from the export get new secrets and partners new keys,
and users have no password.

Examples:
  kimbai export > kimbai-realms.toml
  kimbai export --realm main --format json
  kimbai export --hashes > with-hashes.toml")]
pub(crate) struct ExportArgs {
    /// Only this realm; may be repeated.
    #[arg(long = "realm", value_name = "NAME")]
    realms: Vec<String>,
    /// What to write.
    #[arg(long, value_enum, value_name = "FORMAT", default_value = "toml", conflicts_with = "json")]
    format: Format,
    /// Write the hashes of secrets and the sealed keys as well. Passwords can be guessed against theirs: keep the file as you keep
    /// secrets.
    #[arg(long)]
    hashes: bool,
    #[command(flatten)]
    place: Place,
}

/// What an export is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Toml,
    Json,
}

pub(super) async fn run(args: ExportArgs) -> anyhow::Result<()> {
    let secrets = if args.hashes { ExportSecrets::Hashes } else { ExportSecrets::LeftOut };
    let manifest = args.place.reach().await?.run(Export { realms: args.realms, secrets }).await?;
    output::print(&match (args.place.form(), args.format) {
        (Form::Json, _) | (_, Format::Json) => serde_json::to_string_pretty(&manifest)? + "\n",
        (Form::Text, Format::Toml) => toml_text(&manifest)?,
    })
}

fn toml_text(manifest: &Manifest) -> anyhow::Result<String> {
    let mut value = serde_json::to_value(manifest)?;
    name_nulls(&mut value);
    toml::to_string_pretty(&value).context("this cannot be written as TOML; export it with --format json")
}
