//! `kimbai grant`: what users have given to clients.

use clap::{Args, Subcommand};
use kimbai_engine::admin::{GrantList, GrantRevoke, GrantShow, GrantView};

use super::output::{self, count, or_dash};
use super::reach::Reach;
use super::{InRealm, Slice};

/// Lists and revokes grants: what users have given to clients.
#[derive(Debug, Args)]
pub(crate) struct GrantArgs {
    #[command(subcommand)]
    command: GrantCommand,
}

#[derive(Debug, Subcommand)]
enum GrantCommand {
    /// Lists the grants that are not over, oldest first.
    #[command(after_help = "\
Examples:
  kimbai grant list --user an
  kimbai grant list --client web --limit 1000 --json
  kimbai grant list --shop demo-shop")]
    List(List),
    /// Shows a grant, also one that is over since less than a day.
    #[command(after_help = "Examples:\n  kimbai grant show 6a1f02c3d4e5f607")]
    Show(One),
    /// Ends a grant and all of its tokens, at once.
    #[command(after_help = "Examples:\n  kimbai grant revoke 6a1f02c3d4e5f607")]
    Revoke(One),
}

#[derive(Debug, Args)]
struct List {
    /// Only what concerns this user.
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    /// Only what concerns this client.
    #[arg(long, value_name = "ID")]
    client: Option<String>,
    /// Only what is installed in this shop.
    #[arg(long, value_name = "LABEL")]
    shop: Option<String>,
    #[command(flatten)]
    realm: InRealm,
    #[command(flatten)]
    slice: Slice,
}

#[derive(Debug, Args)]
struct One {
    /// The grant: 16 hex digits.
    #[arg(value_name = "GRANT")]
    grant: String,
    #[command(flatten)]
    realm: InRealm,
}

pub(super) async fn run(args: GrantArgs) -> anyhow::Result<()> {
    match args.command {
        GrantCommand::List(args) => list(args).await,
        GrantCommand::Show(One { grant, realm: InRealm { realm, place } }) => {
            let grant = place.reach().await?.run(GrantShow { realm, grant }).await?;
            place.say(&grant, grant_text)
        }
        GrantCommand::Revoke(One { grant, realm: InRealm { realm, place } }) => {
            let grant = place.reach().await?.run(GrantRevoke { realm, grant }).await?;
            place.say(&grant, |grant| {
                let GrantView { grant, username, client_id, state, legacy_token, .. } = grant;
                let what = format!("{}'s to {client_id}", output::plain(username));
                let mut said = format!("grant {grant} ({what}) is over, and all of its tokens with it: {state}\n");
                if let Some(digest) = legacy_token {
                    said.push_str("The legacy token that it was exchanged for still works, and may be exchanged again; end it by\n  ");
                    said.extend(["kimbai legacy-token end ", digest, "\n"]);
                }
                said
            })
        }
    }
}

async fn list(args: List) -> anyhow::Result<()> {
    let List { user, client, shop, realm: InRealm { realm, place }, slice } = args;
    let list = GrantList { realm, user, client, organization: shop, after: slice.after, limit: slice.limit.limit };
    let grants = place.reach().await?.run(list).await?;
    place.say(&grants, |grants| {
        let row = |grant: &GrantView| {
            let (id, user, client) = (grant.grant.clone(), grant.username.clone(), grant.client_id.clone());
            let state = if grant.stands { grant.state.clone() } else { format!("{} (dead)", grant.state) };
            [id, user, client, state, grant.opened.clone(), grant.ends.clone(), or_dash(Some(&grant.scope))]
        };
        let heads = ["GRANT", "USER", "CLIENT", "STATE", "OPENED", "ENDS", "SCOPE"];
        let table = output::table(heads, &grants.iter().map(row).collect::<Vec<_>>());
        let end = grants.last().map(|grant| grant.grant.as_str());
        table + &slice.limit.more(grants.len(), end)
    })
}

fn grant_text(grant: &GrantView) -> String {
    let stands = if grant.stands { "yes" } else { "no: it is over, or its client or user was disabled since" };
    output::facts(&[
        ("grant", grant.grant.clone()),
        ("user", grant.username.clone()),
        ("client", grant.client_id.clone()),
        ("shop", or_dash(grant.organization.as_deref())),
        ("scope", or_dash(Some(&grant.scope))),
        ("state", grant.state.clone()),
        ("stands", stands.to_owned()),
        ("refreshed", grant.generation.saturating_sub(1).to_string()),
        ("opened", grant.opened.clone()),
        ("ends", grant.ends.clone()),
        ("at the latest", grant.absolute_end.clone()),
        ("legacy token", or_dash(grant.legacy_token.as_deref())),
    ])
}

/// Whose grants are counted.
pub(super) enum Of {
    Client(String),
    User(String),
}

/// How many grants of a client or user stand, in words. What ends them must not wait for it: where they cannot be counted, the
/// words say so.
pub(super) async fn standing(reach: &Reach, realm: Option<String>, of: Of) -> String {
    let (user, client) = match of {
        Of::Client(client_id) => (None, Some(client_id)),
        Of::User(username) => (Some(username), None),
    };
    let list = GrantList { realm, user, client, organization: None, after: None, limit: COUNTED_MAX };
    let Ok(grants) = reach.run(list).await else { return "its grants, which could not be counted,".to_owned() };
    let standing = grants.iter().filter(|grant| grant.stands).count();
    let is_all = u32::try_from(grants.len()).is_ok_and(|length| length < COUNTED_MAX);
    if is_all { count(standing, "grant") } else { format!("more than {}", count(standing, "grant")) }
}

/// Beyond so many grants it is "more than".
const COUNTED_MAX: u32 = 500;
