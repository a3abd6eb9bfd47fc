//! The flags that set what is configured: a few for every command that needs the store, some more for what serves.

use std::path::PathBuf;

use clap::Args;

use super::keys::{self, Entry};
use super::origin::{Origin, masked};
use super::reading::Given;
use super::value::LogFormat;
use super::{Config, Problems, Surroundings};

/// Where the configuration and the store are; for every command that needs them.
#[derive(Debug, Clone, Args)]
pub(crate) struct DataArgs {
    /// The configuration file [default: kimbai.toml, if it is there].
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// This server's own directory; the embedded store is in it [default: kimbai-data].
    #[arg(long, value_name = "DIR")]
    data: Option<String>,
    /// The store: `sqlite:DIR` or `postgres://user@host/database` [default: embedded, in the data directory].
    #[arg(long, value_name = "URL")]
    store: Option<String>,
}

/// Where a store is carried to.
#[derive(Debug, Clone, Args)]
pub(crate) struct TargetArgs {
    /// The configuration file [default: kimbai.toml, if it is there].
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The database: `postgres://user@host/database` [default: the configured store].
    #[arg(long, value_name = "URL")]
    to: Option<String>,
}

impl TargetArgs {
    /// The configuration with these flags over it.
    ///
    /// # Errors
    /// All that is wrong with it.
    pub(crate) fn config(&self) -> Result<Config, Problems> {
        let to = self.to.iter().map(|url| Given::of_text(&keys::STORE_URL.entry, url, &Origin::Flag("--to")));
        Config::load(self.config.as_deref(), to.collect(), Surroundings::of_this_process())
    }
}

/// All flags of what serves, and of what checks that it could.
#[derive(Debug, Clone, Args)]
pub(crate) struct ServeArgs {
    #[command(flatten)]
    data: DataArgs,
    /// Answer on this address; may be repeated [default: 127.0.0.1:4500].
    #[arg(long, value_name = "ADDR:PORT")]
    listen: Vec<String>,
    /// Answer the operator on this address; empty for nowhere [default: 127.0.0.1:4501].
    #[arg(long, value_name = "ADDR:PORT")]
    operator: Option<String>,
    /// What to log on standard error: error, warn, info, debug, trace, or a filter [default: info].
    #[arg(long, value_name = "LEVEL")]
    log: Option<String>,
    /// How to write the log [default: text on a terminal, else json].
    #[arg(long, value_name = "FORMAT")]
    log_format: Option<LogFormat>,
}

impl DataArgs {
    /// The configuration with these flags over it.
    ///
    /// # Errors
    /// All that is wrong with it.
    pub(crate) fn config(&self) -> Result<Config, Problems> {
        Config::load(self.config.as_deref(), self.given(), Surroundings::of_this_process())
    }

    /// These flags as a shell takes them, each after a space: for a command that must find the same store.
    pub(crate) fn repeated(&self) -> String {
        let config = self.config.as_ref().map(|path| format!(" --config {}", quoted(&path.to_string_lossy())));
        let data = self.data.as_ref().map(|directory| format!(" --data {}", quoted(directory)));
        // A password is not repeated: what is printed is kept.
        let store = self.store.as_ref().map(|url| format!(" --store {}", quoted(&masked(url))));
        [config, data, store].into_iter().flatten().collect()
    }

    fn given(&self) -> Vec<Given> {
        let of = |entry, text: &Option<String>| text.as_ref().map(|text| given(entry, text));
        [of(&keys::DATA_DIRECTORY.entry, &self.data), of(&keys::STORE_URL.entry, &self.store)]
            .into_iter()
            .flatten()
            .collect()
    }
}

impl ServeArgs {
    /// Those that say where the configuration and the store are.
    pub(crate) const fn data(&self) -> &DataArgs {
        &self.data
    }

    /// The configuration with these flags over it.
    ///
    /// # Errors
    /// All that is wrong with it.
    pub(crate) fn config(&self) -> Result<Config, Problems> {
        Config::load(self.data.config.as_deref(), self.given(), Surroundings::of_this_process())
    }

    fn given(&self) -> Vec<Given> {
        let mut all = self.data.given();
        if !self.listen.is_empty() {
            // An address has no comma, so that a list in one flag is as good as several flags.
            all.push(given(&keys::LISTEN_PUBLIC.entry, &self.listen.join(",")));
        }
        let format = self.log_format.and_then(|format| clap::ValueEnum::to_possible_value(&format));
        let format = format.map(|format| format.get_name().to_owned());
        for (entry, text) in [
            (&keys::LISTEN_OPERATOR.entry, &self.operator),
            (&keys::LOG_LEVEL.entry, &self.log),
            (&keys::LOG_FORMAT.entry, &format),
        ] {
            all.extend(text.iter().map(|text| given(entry, text)));
        }
        all
    }
}

fn given(entry: &'static Entry, text: &str) -> Given {
    Given::of_text(entry, text, &Origin::Flag(entry.flag.unwrap_or_default()))
}

/// A word as a shell takes it for one.
fn quoted(word: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'.' | b'_' | b'-');
    if !word.is_empty() && word.bytes().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}
