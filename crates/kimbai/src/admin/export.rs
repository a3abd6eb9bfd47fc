//! `kimbai export`: what stands, in the form that `kimbai apply` reads.

use anyhow::Context as _;
use clap::{Args, ValueEnum};
use kimbai_engine::admin::{Export, ExportSecrets, Manifest};
use serde_json::Value;

use super::Place;
use super::output::{self, Form};

/// Writes realms, clients and users in the form that `apply` reads.
#[derive(Debug, Args)]
#[command(after_help = "\
Secrets cannot be read back. Without --hashes, clients that are made from the export get new secrets, and users have no password.

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
    /// Write the hashes of secrets as well. Passwords can be guessed against theirs: keep the file as you keep secrets.
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
    let value = serde_json::to_value(manifest)?;
    if let Some(path) = null(&value) {
        anyhow::bail!("{path} is null, which TOML cannot say; export it with --format json");
    }
    toml::to_string_pretty(manifest).context("this cannot be written as TOML; export it with --format json")
}

/// Where there is a null.
fn null(value: &Value) -> Option<String> {
    let below = |(name, value): (String, &Value)| {
        null(value).map(|path| if path.is_empty() { name } else { format!("{name}.{path}") })
    };
    match value {
        Value::Null => Some(String::new()),
        Value::Object(members) => members.iter().map(|(name, value)| (name.clone(), value)).find_map(below),
        Value::Array(elements) => {
            elements.iter().enumerate().map(|(number, value)| (number.to_string(), value)).find_map(below)
        }
        Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_null_is_found_by_its_path() {
        assert_eq!(null(&json!({"a": {"b": [1, {"c": null}]}})).as_deref(), Some("a.b.1.c"));
        assert_eq!(null(&json!({"a": [1, "x", true]})), None);
    }
}
