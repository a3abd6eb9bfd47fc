//! `kimbai shop`: the organizations of a realm. `kimbai apply` makes them and says who belongs to them.

use clap::{Args, Subcommand};
use kimbai_engine::admin::{OrganizationList, OrganizationView};

use super::output;
use super::{InRealm, Slice};

/// Lists the shops, and other organizations, of a realm.
#[derive(Debug, Args)]
pub(crate) struct ShopArgs {
    #[command(subcommand)]
    command: ShopCommand,
}

#[derive(Debug, Subcommand)]
enum ShopCommand {
    /// Lists the shops of a realm by label.
    #[command(after_help = "Examples:\n  kimbai shop list\n  kimbai shop list --limit 1000 --after demo-shop --json")]
    List(List),
}

#[derive(Debug, Args)]
struct List {
    #[command(flatten)]
    realm: InRealm,
    #[command(flatten)]
    slice: Slice,
}

pub(super) async fn run(ShopArgs { command: ShopCommand::List(args) }: ShopArgs) -> anyhow::Result<()> {
    let List { realm: InRealm { realm, place }, slice } = args;
    let list = OrganizationList { realm, after: slice.after, limit: slice.limit.limit };
    let shops = place.reach().await?.run(list).await?;
    place.say(&shops, |shops| {
        let row = |shop: &OrganizationView| {
            [shop.label.clone(), shop.org_id.clone(), shop.category.clone(), shop.name.clone()]
        };
        let rows: Vec<_> = shops.iter().map(row).collect();
        let table = output::table(["SHOP", "ORG_ID", "CATEGORY", "NAME"], &rows);
        table + &slice.limit.more(shops.len(), shops.last().map(|shop| shop.label.as_str()))
    })
}
