//! The administration commands: a file for each group. They read what a person gives, ask for a command of the engine to be
//! carried out, beside a running server or alone, and show the reply. They decide nothing about what stands in the store.

mod apply;
mod audit;
mod backup;
mod client;
mod duration;
mod export;
mod grant;
mod key;
mod legacy_token;
pub(crate) mod manifest;
mod master_key;
mod output;
mod progress;
pub(crate) mod reach;
mod restore;
mod secret;
mod shop;
mod socket;
mod user;

use clap::{Args, Subcommand};
use serde::Serialize;

use self::output::Form;
pub(crate) use self::output::print;
use self::reach::Reach;
pub(crate) use self::secret::of_reference as secret_of_reference;
use crate::boot;
use crate::config::{Config, DataArgs, Problems};
use crate::exit::ExitStatus;

/// What an operator asks of a store, with a server or without.
#[derive(Debug, Subcommand)]
pub(crate) enum AdminCommand {
    /// Makes realms, clients and users as files say; shows the plan first.
    Apply(apply::ApplyArgs),
    /// Writes realms, clients and users in the form that `apply` reads.
    Export(export::ExportArgs),
    /// Makes, lists, disables and removes clients, and gives them new secrets.
    Client(client::ClientArgs),
    /// Makes, lists and disables users, and gives them new passwords.
    User(user::UserArgs),
    /// Lists the shops, and other organizations, of a realm.
    Shop(shop::ShopArgs),
    /// Makes tokens of an older system known, which apps exchange, lists and ends them.
    LegacyToken(legacy_token::LegacyTokenArgs),
    /// Lists and revokes grants: what users have given to clients.
    Grant(grant::GrantArgs),
    /// Lists, rotates, retires and imports the keys with which a realm signs JWTs.
    Key(key::KeyArgs),
    /// Shows what happened.
    Audit(audit::AuditArgs),
    /// Writes a copy of the store into a new file, while a server serves or without one.
    Backup(backup::BackupArgs),
    /// Makes a store from a backup, in a directory that is missing or empty.
    Restore(restore::RestoreArgs),
    /// Replaces the key under which all other keys of the store are sealed.
    MasterKey(master_key::MasterKeyArgs),
}

/// Where the store is, and how the answer is printed.
#[derive(Debug, Args)]
struct Place {
    #[command(flatten)]
    data: DataArgs,
    /// Print one JSON document.
    #[arg(long)]
    json: bool,
}

/// The same, for what concerns one realm.
#[derive(Debug, Args)]
struct InRealm {
    /// The realm; needed when there are several.
    #[arg(long, value_name = "NAME")]
    realm: Option<String>,
    #[command(flatten)]
    place: Place,
}

/// Which part of a list is shown.
#[derive(Debug, Args)]
struct Slice {
    /// Go on after this one, the last of an earlier list.
    #[arg(long, value_name = "LAST")]
    after: Option<String>,
    #[command(flatten)]
    limit: Limit,
}

/// How much of a list is shown.
#[derive(Debug, Args)]
struct Limit {
    /// Show so many at most.
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=LIMIT_MAX))]
    limit: u32,
}

/// More is for a program, which goes on with `--after`.
const LIMIT_MAX: i64 = 10_000;

/// Carries a command out.
///
/// # Errors
/// What the person is told.
pub(crate) fn run(command: AdminCommand) -> anyhow::Result<ExitStatus> {
    boot::warnings_to_stderr();
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
        let done = match command {
            AdminCommand::Apply(args) => return Box::pin(apply::run(args)).await,
            AdminCommand::Export(args) => Box::pin(export::run(args)).await,
            AdminCommand::Client(args) => Box::pin(client::run(args)).await,
            AdminCommand::User(args) => Box::pin(user::run(args)).await,
            AdminCommand::Shop(args) => Box::pin(shop::run(args)).await,
            AdminCommand::LegacyToken(args) => Box::pin(legacy_token::run(args)).await,
            AdminCommand::Grant(args) => Box::pin(grant::run(args)).await,
            AdminCommand::Key(args) => Box::pin(key::run(args)).await,
            AdminCommand::Audit(args) => Box::pin(audit::run(args)).await,
            AdminCommand::Backup(args) => Box::pin(backup::run(args)).await,
            AdminCommand::Restore(args) => Box::pin(restore::run(args)).await,
            AdminCommand::MasterKey(args) => Box::pin(master_key::run(args)).await,
        };
        done.map(|()| ExitStatus::Done)
    })
}

impl Limit {
    /// How to go on, if there may be more.
    fn more(&self, shown: usize, last: Option<&str>) -> String {
        match last {
            Some(last) if u32::try_from(shown).is_ok_and(|shown| shown == self.limit) => {
                format!("There may be more: --after {}\n", output::plain(last))
            }
            _ => String::new(),
        }
    }
}

impl Place {
    fn config(&self) -> Result<Config, Problems> {
        self.data.config()
    }

    async fn reach(&self) -> anyhow::Result<Reach> {
        Reach::open(&self.config()?).await
    }

    const fn form(&self) -> Form {
        if self.json { Form::Json } else { Form::Text }
    }

    /// Prints a reply: as JSON, or as a person reads it.
    fn say<T: Serialize>(&self, reply: &T, text: impl FnOnce(&T) -> String) -> anyhow::Result<()> {
        output::say(self.form(), reply, text)
    }
}
