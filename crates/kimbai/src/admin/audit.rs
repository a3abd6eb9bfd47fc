//! `kimbai audit`: what happened in a realm.

use clap::{Args, Subcommand};
use kimbai_engine::admin::{AuditLine, AuditList};

use super::duration::{self, Seconds};
use super::output::{self, or_dash};
use super::{InRealm, Limit};

/// Shows what happened.
#[derive(Debug, Args)]
pub(crate) struct AuditArgs {
    #[command(subcommand)]
    command: AuditCommand,
}

#[derive(Debug, Subcommand)]
enum AuditCommand {
    /// Lists what happened in a realm, newest first.
    #[command(after_help = "\
Examples:
  kimbai audit list --since 24h
  kimbai audit list --user an --limit 1000 --json
  kimbai audit list --grant 6a1f02c3d4e5f607")]
    List(List),
}

#[derive(Debug, Args)]
struct List {
    /// Only what concerns this grant.
    #[arg(long, value_name = "GRANT")]
    grant: Option<String>,
    /// Only what concerns this user.
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    /// Only what concerns this client.
    #[arg(long, value_name = "ID")]
    client: Option<String>,
    /// Only what is not older: 90s, 15m, 24h, 7d.
    #[arg(long, value_name = "DURATION", value_parser = duration::parse)]
    since: Option<Seconds>,
    #[command(flatten)]
    realm: InRealm,
    #[command(flatten)]
    limit: Limit,
}

pub(super) async fn run(args: AuditArgs) -> anyhow::Result<()> {
    let AuditCommand::List(List { grant, user, client, since, realm: InRealm { realm, place }, limit }) = args.command;
    let since_s = since.map(|since| since.0);
    let list = AuditList { realm, grant, user, client, since_s, limit: limit.limit };
    let lines = place.reach().await?.run(list).await?;
    place.say(&lines, |lines| {
        let row = |line: &AuditLine| {
            let or_dash = |value: &Option<String>| or_dash(value.as_deref());
            let (at, event) = (line.at.clone(), line.event.clone());
            [at, event, or_dash(&line.username), or_dash(&line.client_id), or_dash(&line.grant), or_dash(&line.source)]
        };
        let rows: Vec<_> = lines.iter().map(row).collect();
        output::table(["AT", "EVENT", "USER", "CLIENT", "GRANT", "SOURCE"], &rows)
    })
}
