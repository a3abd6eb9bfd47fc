//! `kimbai legacy-token`: tokens of an older system, which apps exchange for grants.

use std::fs::File;
use std::io::{self, BufRead, BufReader};

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};
use kimbai_engine::admin::{
    GivenLegacyToken, LEGACY_TOKENS_MAX, LegacyTokenEnd, LegacyTokenList, LegacyTokenPut, LegacyTokenView,
    LegacyTokensEnd, LegacyTokensPut, PlainSecret,
};

use super::output::{self, or_dash};
use super::{InRealm, Slice, secret};

/// Makes tokens of an older system known, lists and ends them.
#[derive(Debug, Args)]
pub(crate) struct LegacyTokenArgs {
    #[command(subcommand)]
    command: LegacyTokenCommand,
}

#[derive(Debug, Subcommand)]
enum LegacyTokenCommand {
    /// Makes the tokens of a file known, a line each: shop, `client_id`, user and token, with spaces between them. A repetition changes
    /// nothing.
    #[command(after_help = "\
Examples:
  kimbai legacy-token import legacy-tokens.txt
  export-tokens | kimbai legacy-token import - --realm haravan
  kimbai legacy-token import legacy-tokens.txt --revive     # after a restore")]
    Import(Import),
    /// Makes one token known.
    #[command(after_help = "\
Examples:
  kimbai legacy-token add --shop demo-shop --client 00112233445566778899aabbccddeeff --user an --token file:token")]
    Add(Add),
    /// Lists the legacy tokens of a shop by their digests.
    #[command(after_help = "Examples:\n  kimbai legacy-token list demo-shop")]
    List(List),
    /// Ends a legacy token, or all of a shop; what they were exchanged for lives on.
    #[command(after_help = "\
Examples:
  kimbai legacy-token end 00112233445566778899aabbccddeeff
  kimbai legacy-token end --shop demo-shop --client 00112233445566778899aabbccddeeff")]
    End(End),
}

#[derive(Debug, Args)]
struct Import {
    /// The file, or - for standard input. Empty lines and those that begin with # are passed over.
    #[arg(value_name = "FILE")]
    file: String,
    /// Tokens that are known already live again where a restore, or a client or user that was disabled, has ended them; those that were
    /// ended one by one do not.
    #[arg(long)]
    revive: bool,
    #[command(flatten)]
    realm: InRealm,
}

#[derive(Args)]
struct Add {
    /// The shop that it opens.
    #[arg(long, value_name = "LABEL")]
    shop: String,
    /// The client that holds it.
    #[arg(long, value_name = "ID")]
    client: String,
    /// The user for whom it acts.
    #[arg(long, value_name = "NAME")]
    user: String,
    /// The token: `env:NAME`, `file:PATH`, or - for standard input.
    #[arg(long, value_name = "SOURCE")]
    token: String,
    /// A token that is known already lives again, as with import.
    #[arg(long)]
    revive: bool,
    #[command(flatten)]
    realm: InRealm,
}

impl std::fmt::Debug for Add {
    // Who gives the token itself is told not to, and it is shown nowhere.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Add")
    }
}

#[derive(Debug, Args)]
struct List {
    /// The shop's label.
    #[arg(value_name = "SHOP")]
    shop: String,
    #[command(flatten)]
    realm: InRealm,
    #[command(flatten)]
    slice: Slice,
}

#[derive(Debug, Args)]
struct End {
    /// The token's digest: 32 hex digits.
    #[arg(value_name = "DIGEST", required_unless_present = "shop", conflicts_with = "shop")]
    token: Option<String>,
    /// All tokens of this shop.
    #[arg(long, value_name = "LABEL")]
    shop: Option<String>,
    /// Only those that this client holds.
    #[arg(long, value_name = "ID", requires = "shop")]
    client: Option<String>,
    #[command(flatten)]
    realm: InRealm,
}

pub(super) async fn run(args: LegacyTokenArgs) -> anyhow::Result<()> {
    match args.command {
        LegacyTokenCommand::Import(args) => import(args).await,
        LegacyTokenCommand::Add(args) => add(args).await,
        LegacyTokenCommand::List(args) => list(args).await,
        LegacyTokenCommand::End(args) => end(args).await,
    }
}

async fn import(Import { file, revive, realm: InRealm { realm, place } }: Import) -> anyhow::Result<()> {
    let source: Box<dyn BufRead> = match file.as_str() {
        "-" => Box::new(io::stdin().lock()),
        path => Box::new(BufReader::new(File::open(path).with_context(|| format!("cannot read {path}"))?)),
    };
    let reach = place.reach().await?;
    let mut all = LegacyTokensPut { known: 0, exchangeable: 0 };
    let (mut first_line, mut tokens) = (1, Vec::new());
    let mut lines = (1_u32..).zip(source.lines());
    loop {
        let next = lines.next();
        if let Some((line, text)) = &next {
            let text = text.as_ref().map_err(|error| anyhow::anyhow!("{file}, line {line}: {error}"))?;
            // Mistakes are named by their lines: a slice is of lines that follow each other.
            match given(text).with_context(|| format!("{file}, line {line}"))? {
                Some(token) => tokens.push(token),
                None if tokens.is_empty() => first_line = line + 1,
                None => {
                    put(&reach, (realm.clone(), revive), (first_line, &mut tokens), &mut all).await?;
                    first_line = line + 1;
                }
            }
        }
        let is_full = tokens.len() == LEGACY_TOKENS_MAX;
        if (is_full || next.is_none()) && !tokens.is_empty() {
            let count = u32::try_from(tokens.len()).unwrap_or(u32::MAX);
            put(&reach, (realm.clone(), revive), (first_line, &mut tokens), &mut all).await?;
            first_line += count;
        }
        if next.is_none() {
            return place.say(&all, known);
        }
    }
}

async fn put(
    reach: &super::reach::Reach,
    (realm, revive): (Option<String>, bool),
    (first_line, tokens): (u32, &mut Vec<GivenLegacyToken>),
    all: &mut LegacyTokensPut,
) -> anyhow::Result<()> {
    let put = LegacyTokenPut { realm, tokens: std::mem::take(tokens), first_line, revive };
    let LegacyTokensPut { known, exchangeable } = reach.run(put).await?;
    all.known += known;
    all.exchangeable += exchangeable;
    Ok(())
}

/// What a line says; nothing, if it is empty or a remark.
fn given(line: &str) -> anyhow::Result<Option<GivenLegacyToken>> {
    let line = line.trim();
    if line.is_empty() || line.starts_with('#') {
        return Ok(None);
    }
    let words: Vec<_> = line.split_ascii_whitespace().collect();
    let [shop, client_id, username, token] = words.as_slice() else {
        bail!("a line has four words: shop, client_id, user and token; this one has {}", words.len());
    };
    let [shop, client_id, username] = [shop, client_id, username].map(|word| (*word).to_owned());
    Ok(Some(GivenLegacyToken { shop, client_id, username, token: PlainSecret::new((*token).to_owned()) }))
}

async fn add(Add { shop, client, user, token, revive, realm: InRealm { realm, place } }: Add) -> anyhow::Result<()> {
    let token = secret::of_option("--token", &token)?;
    let given = GivenLegacyToken { shop, client_id: client, username: user, token };
    let put = LegacyTokenPut { realm, tokens: vec![given], first_line: 1, revive };
    let done = place.reach().await?.run(put).await?;
    place.say(&done, known)
}

fn known(done: &LegacyTokensPut) -> String {
    let may = format!("{} may be exchanged\n", counted(done.exchangeable));
    match done.known.saturating_sub(done.exchangeable) {
        0 => may,
        others => {
            may + &format!("{} may not: it has ended, or its user may not give what it asks for\n", counted(others))
        }
    }
}

fn counted(count: u32) -> String {
    output::count(usize::try_from(count).unwrap_or(usize::MAX), "legacy token")
}

async fn end(End { token, shop, client, realm: InRealm { realm, place } }: End) -> anyhow::Result<()> {
    let reach = place.reach().await?;
    if let Some(shop) = shop {
        let ended = reach.run(LegacyTokensEnd { realm, shop, client_id: client }).await?;
        return place.say(&ended, |done| format!("{} ended\n", counted(done.ended)));
    }
    let ended = reach.run(LegacyTokenEnd { realm, token: token.unwrap_or_default() }).await?;
    place.say(&ended, |ended| format!("legacy token {} has ended\n", ended.token))
}

async fn list(List { shop, realm: InRealm { realm, place }, slice }: List) -> anyhow::Result<()> {
    let list = LegacyTokenList { realm, shop, after: slice.after, limit: slice.limit.limit };
    let tokens = place.reach().await?.run(list).await?;
    place.say(&tokens, |tokens| {
        let row = |token: &LegacyTokenView| {
            let works = if token.works { "yes" } else { "no" }.to_owned();
            let (digest, client, user) = (token.token.clone(), token.client_id.clone(), token.username.clone());
            [
                digest,
                client,
                user,
                works,
                token.put.clone(),
                or_dash(token.ends.as_deref()),
                token.exchanges.to_string(),
            ]
        };
        let rows: Vec<_> = tokens.iter().map(row).collect();
        let table = output::table(["TOKEN", "CLIENT", "USER", "WORKS", "KNOWN SINCE", "ENDS", "EXCHANGES"], &rows);
        table + &slice.limit.more(tokens.len(), tokens.last().map(|token| token.token.as_str()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_names_shop_client_user_and_token() {
        let read = |line| given(line).map(|given| given.map(|given| (given.shop, given.token.expose().to_owned())));
        let expect = Some(("shop".to_owned(), "t0ken==".to_owned()));
        for line in ["shop app an t0ken==", "  shop\tapp  an t0ken==\r"] {
            assert_eq!(read(line).unwrap(), expect, "{line:?}");
        }
        for line in ["", "   ", "# shop app an token", "\r"] {
            assert_eq!(read(line).unwrap(), None, "{line:?}");
        }
        for line in ["shop", "shop app t0ken", "shop app an t0ken more"] {
            let error = read(line).unwrap_err().to_string();
            assert!(error.starts_with("a line has four words") && !error.contains("t0ken"), "{error}");
        }
    }
}
