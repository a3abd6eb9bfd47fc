//! `kimbai key`: the keys with which a realm signs JWTs.

use std::fmt::Write as _;

use clap::{Args, Subcommand};
use kimbai_core::signing::SigningAlgorithm;
use kimbai_engine::admin::{KeyImport, KeyList, KeyRetire, KeyRotate, Rotation, SigningKeyState, SigningKeyView};
use kimbai_keyring::KeyStart;

use super::output::{self, or_dash};
use super::{InRealm, secret};

/// Lists, rotates, retires and imports the keys with which a realm signs JWTs.
#[derive(Debug, Args)]
pub(crate) struct KeyArgs {
    #[command(subcommand)]
    command: KeyCommand,
}

#[derive(Debug, Subcommand)]
enum KeyCommand {
    /// Lists the signing keys of a realm, and where each is in its life. They are made when the first one is needed.
    #[command(after_help = "\
Examples:
  kimbai key list
  kimbai key list --realm main --json")]
    List(InRealm),
    /// Has the signing keys followed by new ones. No client has to do anything, and no token becomes invalid.
    ///
    /// A new key is published first and signs when every cache of the JWK Set has seen it; the old one is kept while what it
    /// signed is valid. A realm does this by itself when a key has reached its age (`signing.rotate_after_s`).
    #[command(after_help = "\
Examples:
  kimbai key rotate
  kimbai key rotate --algorithm ES256
  kimbai key rotate --emergency     the keys are in wrong hands: new ones sign at once, what the old ones signed is refused")]
    Rotate(Rotate),
    /// Forgets a signing key at once: what it signed is refused. One that signs is replaced by a new one at once.
    #[command(after_help = "Examples:\n  kimbai key retire NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs")]
    Retire(Retire),
    /// Adds a signing key that was made elsewhere: RSA of 2048 to 4096 bits, P-256 or Ed25519, as PKCS#8 in PEM.
    #[command(after_help = "\
Examples:
  kimbai key import --key file:rsa.pem
  openssl genpkey -algorithm ed25519 | kimbai key import --key -
  kimbai key import --key file:old-server.pem --at-once  a key that clients know already")]
    Import(Import),
}

#[derive(Debug, Args)]
struct Rotate {
    /// Only the keys of this algorithm: `RS256`, `ES256` or `EdDSA`.
    #[arg(long, value_name = "ALG", value_parser = algorithm)]
    algorithm: Option<SigningAlgorithm>,
    /// The keys are compromised: new ones sign at once, and what the old ones signed is refused.
    #[arg(long)]
    emergency: bool,
    #[command(flatten)]
    realm: InRealm,
}

#[derive(Debug, Args)]
struct Retire {
    /// The key: its `kid`.
    #[arg(value_name = "KID", allow_hyphen_values = true)]
    kid: String,
    #[command(flatten)]
    realm: InRealm,
}

#[derive(Debug, Args)]
struct Import {
    /// The private key: `env:NAME`, `file:PATH`, or `-` for standard input.
    #[arg(long, value_name = "SOURCE")]
    key: String,
    /// Sign with it at once, without publishing it first.
    #[arg(long)]
    at_once: bool,
    #[command(flatten)]
    realm: InRealm,
}

pub(super) async fn run(args: KeyArgs) -> anyhow::Result<()> {
    match args.command {
        KeyCommand::List(InRealm { realm, place }) => {
            let keys = place.reach().await?.run(KeyList { realm }).await?;
            place.say(&keys, |keys| table(keys))
        }
        KeyCommand::Rotate(Rotate { algorithm, emergency, realm: InRealm { realm, place } }) => {
            let rotation = if emergency { Rotation::Emergency } else { Rotation::Planned };
            let keys = place.reach().await?.run(KeyRotate { realm, algorithm, rotation }).await?;
            place.say(&keys, |keys| table(keys))
        }
        KeyCommand::Retire(Retire { kid, realm: InRealm { realm, place } }) => {
            let keys = place.reach().await?.run(KeyRetire { realm, kid }).await?;
            place.say(&keys, |keys| table(keys))
        }
        KeyCommand::Import(Import { key, at_once, realm: InRealm { realm, place } }) => {
            let key = secret::text_of_option("--key", &key)?;
            let start = if at_once { KeyStart::AtOnce } else { KeyStart::Published };
            let key = place.reach().await?.run(KeyImport { realm, key, start }).await?;
            place.say(&key, |key| table(std::slice::from_ref(key)))
        }
    }
}

/// The keys, and what comes next.
fn table(keys: &[SigningKeyView]) -> String {
    if keys.is_empty() {
        return "There are no signing keys yet: they are made when the first one is needed.\n".to_owned();
    }
    let row = |key: &SigningKeyView| {
        let (kid, algorithm, state) = (key.kid.clone(), key.algorithm.name().to_owned(), state(key.state).to_owned());
        [kid, algorithm, state, key.made.clone(), key.signs_from.clone(), or_dash(key.until.as_deref())]
    };
    let heads = ["KID", "ALGORITHM", "STATE", "MADE", "SIGNS FROM", "KEPT UNTIL"];
    let mut text = output::table(heads, &keys.iter().map(row).collect::<Vec<_>>());
    for key in keys.iter().filter(|key| key.state == SigningKeyState::Next) {
        // Writing to a string does not fail.
        let _ = writeln!(text, "{} signs with {} from {} on.", key.algorithm.name(), key.kid, key.signs_from);
    }
    text
}

const fn state(state: SigningKeyState) -> &'static str {
    match state {
        SigningKeyState::Next => "next",
        SigningKeyState::Signing => "signing",
        SigningKeyState::Former => "former",
    }
}

fn algorithm(text: &str) -> Result<SigningAlgorithm, String> {
    let found = SigningAlgorithm::ALL.into_iter().find(|algorithm| algorithm.name() == text);
    found.ok_or_else(|| format!("write one of: {}", SigningAlgorithm::ALL.map(SigningAlgorithm::name).join(", ")))
}
