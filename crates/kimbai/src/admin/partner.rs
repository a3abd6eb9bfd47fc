//! `kimbai partner`: partners of a realm, and the keys of their envelopes. A partner is a client: `kimbai client` shows the rest of it.

use clap::{Args, Subcommand};
use kimbai_core::client::{AnswerForm, IvLayout, KeySpelling};
use kimbai_engine::admin::{
    ClientManifest, Enabled, PartnerAdd, PartnerAdded, PartnerList, PartnerManifest, PartnerRotateKey,
    PartnerSetActivity, PartnerView, PlainSecret, RotatedKey, Said,
};
use serde_json::{Map, Value, json};

use super::client::{GivenSecret, name};
use super::duration::{self, Seconds};
use super::grant::{Of, standing};
use super::output::{self, or_dash};
use super::{InRealm, secret};
use crate::envelope::{Spelling, iv_layout};

/// Makes, lists and disables partners, and gives them new keys.
#[derive(Debug, Args)]
pub(crate) struct PartnerArgs {
    #[command(subcommand)]
    command: PartnerCommand,
}

#[derive(Debug, Subcommand)]
enum PartnerCommand {
    /// Makes a partner and the client that it is; without --key and --secret these are made, and printed once.
    #[command(after_help = "\
Examples:
  kimbai partner add SHOP --client-id fMLgZltRRtetnsOHXgxsHQ --realm tconnect
  kimbai partner add SHOP --client-id shop --key file:shop.key --secret file:shop.secret --realm tconnect
  kimbai partner add SHOP --client-id shop --iv zero --key-spelling ascii --encrypted-answers --realm tconnect")]
    Add(Add),
    /// Lists the partners of a realm.
    #[command(after_help = "Examples:\n  kimbai partner list\n  kimbai partner list --realm tconnect --json")]
    List(InRealm),
    /// Gives a partner a new key; the one it has stays live for a while, so that no call fails.
    #[command(after_help = "\
Examples:
  kimbai partner rotate-key SHOP --realm tconnect
  kimbai partner rotate-key SHOP --overlap 7d --key file:new.key --realm tconnect
  kimbai partner rotate-key SHOP --overlap 0s --realm tconnect  # the old one has leaked")]
    RotateKey(RotateKey),
    /// Disables a partner, which is its client: all that it was issued ends at once.
    #[command(after_help = "Examples:\n  kimbai partner disable SHOP --realm tconnect")]
    Disable(One),
    /// Enables a partner; what ended when it was disabled stays ended.
    #[command(after_help = "Examples:\n  kimbai partner enable SHOP --realm tconnect")]
    Enable(One),
}

#[derive(Debug, Args)]
struct One {
    /// What its requests name it by.
    #[arg(value_name = "CODE")]
    partner_code: String,
    #[command(flatten)]
    realm: InRealm,
}

#[derive(Debug, Args)]
struct Add {
    #[command(flatten)]
    one: One,
    /// The `client_id` of the client that it is.
    #[arg(long, value_name = "ID")]
    client_id: String,
    /// The name that people read.
    #[arg(long, value_name = "TEXT")]
    name: Option<String>,
    /// Where the initialisation vector is: `prepended` to each envelope, or nowhere, because it is always `zero` or these 32 digits.
    #[arg(long, value_name = "LAYOUT", default_value = "prepended", value_parser = iv_layout)]
    iv: IvLayout,
    /// How the key is spelt: `hex` is 64 digits, `ascii` is 32 characters that are the bytes of the key.
    #[arg(long, value_enum, value_name = "SPELLING", default_value = "hex")]
    key_spelling: Spelling,
    /// It is answered in envelopes, too.
    #[arg(long)]
    encrypted_answers: bool,
    #[command(flatten)]
    key: GivenKey,
    #[command(flatten)]
    secret: GivenSecret,
}

#[derive(Debug, Args)]
struct RotateKey {
    #[command(flatten)]
    one: One,
    /// How long what it has stays live: 90s, 15m, 24h, 7d.
    #[arg(long, value_name = "DURATION", default_value = "24h", value_parser = duration::parse)]
    overlap: Seconds,
    #[command(flatten)]
    key: GivenKey,
}

#[derive(Args)]
struct GivenKey {
    /// The key of its envelopes: `env:NAME`, `file:PATH`, or - for standard input [default: one is made].
    #[arg(long, value_name = "SOURCE")]
    key: Option<String>,
}

impl std::fmt::Debug for GivenKey {
    // As with a secret: who gives the key itself is told not to.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("GivenKey")
    }
}

impl GivenKey {
    fn read(&self) -> anyhow::Result<Option<PlainSecret>> {
        self.key.as_deref().map(|text| secret::of_option("--key", text)).transpose()
    }
}

pub(super) async fn run(args: PartnerArgs) -> anyhow::Result<()> {
    match args.command {
        PartnerCommand::Add(args) => Box::pin(add(args)).await,
        PartnerCommand::List(InRealm { realm, place }) => {
            let partners = place.reach().await?.run(PartnerList { realm }).await?;
            place.say(&partners, |partners| table(partners))
        }
        PartnerCommand::RotateKey(args) => rotate_key(args).await,
        PartnerCommand::Disable(one) => disable(one).await,
        PartnerCommand::Enable(One { partner_code, realm: InRealm { realm, place } }) => {
            let enable = PartnerSetActivity { realm, partner_code, enabled: Enabled::Enabled };
            let partner = place.reach().await?.run(enable).await?;
            place.say(&partner, |partner| format!("partner {} is enabled\n", partner.partner_code))
        }
    }
}

async fn add(args: Add) -> anyhow::Result<()> {
    let (key, client_secret) = (args.key.read()?, args.secret.read()?);
    let One { partner_code, realm: InRealm { realm, place } } = args.one;
    let answers = if args.encrypted_answers { AnswerForm::Encrypted } else { AnswerForm::Plain };
    let settings = [
        ("partner_code", json!(partner_code)),
        ("iv", json!(args.iv)),
        ("key_spelling", json!(KeySpelling::from(args.key_spelling))),
        ("answers", json!(answers)),
    ];
    let settings = settings.map(|(key, value)| (key.to_owned(), value)).into_iter().collect();
    let metadata: Map<String, Value> =
        args.name.into_iter().map(|name| ("client_name".to_owned(), Value::from(name))).collect();
    let partner = Said::Given(PartnerManifest { key, settings, ..PartnerManifest::default() });
    let client = ClientManifest { client_secret, partner, metadata, ..ClientManifest::default() };
    let added = place.reach().await?.run(PartnerAdd { realm, client_id: args.client_id, client }).await?;
    place.say(&added, |PartnerAdded { partner, client_secret, key }| {
        facts(partner) + &made_text("key", key.as_ref()) + &made_text("secret", client_secret.as_ref())
    })
}

async fn rotate_key(args: RotateKey) -> anyhow::Result<()> {
    let key = args.key.read()?;
    let One { partner_code, realm: InRealm { realm, place } } = args.one;
    let rotate = PartnerRotateKey { realm, partner_code, overlap_s: args.overlap.0, key };
    let rotated = place.reach().await?.run(rotate).await?;
    place.say(&rotated, |RotatedKey { partner_code, key, previous_ends }| {
        let head = format!("partner {partner_code} has a new key; the one before ends {previous_ends}\n");
        head + &made_text("key", key.as_ref())
    })
}

async fn disable(One { partner_code, realm: InRealm { realm, place } }: One) -> anyhow::Result<()> {
    let reach = place.reach().await?;
    let partners = reach.run(PartnerList { realm: realm.clone() }).await?;
    let client_id =
        partners.into_iter().find(|partner| partner.partner_code == partner_code).map(|found| found.client_id);
    let ended = match client_id {
        Some(client_id) => standing(&reach, realm.clone(), Of::Client(client_id)).await,
        // The command says what is not there.
        None => String::new(),
    };
    let disable = PartnerSetActivity { realm, partner_code, enabled: Enabled::Disabled };
    let partner = reach.run(disable).await?;
    place.say(&partner, |partner| format!("partner {} is disabled; with it ended {ended}\n", partner.partner_code))
}

fn table(partners: &[PartnerView]) -> String {
    let row = |partner: &PartnerView| {
        let (code, client_id) = (partner.partner_code.clone(), partner.client_id.clone());
        [code, client_id, name(&partner.status), partner.iv.to_string(), name(&partner.answers), keys_text(partner)]
    };
    let heads = ["PARTNER", "CLIENT", "STATUS", "IV", "ANSWERS", "KEYS"];
    output::table(heads, &partners.iter().map(row).collect::<Vec<_>>())
}

fn facts(partner: &PartnerView) -> String {
    output::facts(&[
        ("partner_code", partner.partner_code.clone()),
        ("client_id", partner.client_id.clone()),
        ("client_name", partner.client_name.clone()),
        ("status", name(&partner.status)),
        ("iv", partner.iv.to_string()),
        ("key_spelling", name(&partner.key_spelling)),
        ("answers", name(&partner.answers)),
        ("keys", keys_text(partner)),
    ])
}

/// Until when each live key is one.
fn keys_text(partner: &PartnerView) -> String {
    let keys = partner.keys_end.iter().map(|end| match end {
        Some(end) => format!("until {end}"),
        None => "until it is replaced".to_owned(),
    });
    or_dash(Some(&keys.collect::<Vec<_>>().join(", ")))
}

fn made_text(what: &str, made: Option<&PlainSecret>) -> String {
    let Some(made) = made else { return String::new() };
    format!("\nIts {what} was made. It is not shown again:\n{}\n", made.expose())
}
