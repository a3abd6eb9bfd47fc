//! `kimbai envelope`: seals and opens the envelopes of a partner API, from standard input to standard output. For integrators whose own
//! code and the platform disagree about a byte.

use std::io::{self, Read as _};
use std::path::Path;

use anyhow::Context as _;
use clap::{Args, Subcommand, ValueEnum};
use kimbai_core::client::{FixedIv, IV_BYTES, IvLayout, KeySpelling};
use kimbai_engine::admin::PlainSecret;
use kimbai_keyring::{CipherKey, Envelope, EnvelopeFault};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::admin::{note, print, print_bytes, secret_of_reference};
use crate::config::{Origin, Problem, Problems};

/// Seals and opens the envelopes of a partner API: AES-256-CBC in hex digits.
#[derive(Debug, Args)]
pub(crate) struct EnvelopeArgs {
    #[command(subcommand)]
    command: EnvelopeCommand,
}

#[derive(Debug, Subcommand)]
enum EnvelopeCommand {
    /// Encrypts standard input, without one line break at its end, and prints hex digits.
    #[command(after_help = SEAL_HELP)]
    Seal(Seal),
    /// Decrypts hex digits, or a body {"data": …}, of standard input, and prints the payload and a line break.
    #[command(after_help = OPEN_HELP)]
    Open(Common),
}

const SEAL_HELP: &str = "\
A key on the command line can be read by every user of this machine: a real one belongs into a file or into KIMBAI_KEY_HEX.

Examples:
  echo '{\"refresh_token\":\"x\"}' | kimbai envelope seal --key-file partner.key
  echo '{\"refresh_token\":\"x\"}' | kimbai envelope seal --key-file partner.key --json > body.json
  echo '{}' | kimbai envelope seal --key-hex 000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f --explain";

const OPEN_HELP: &str = "\
There is no integrity in such an envelope: what opens need not be what was sealed.

Examples:
  cat body.json | kimbai envelope open --key-file partner.key --explain
  cat digits.txt | kimbai envelope open --key-file partner.key --key-spelling ascii --iv zero";

#[derive(Debug, Args)]
struct Seal {
    #[command(flatten)]
    common: Common,
    /// Print one JSON document.
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
struct Common {
    /// The key: 64 hex digits. One of --key-hex, --key-file and the variable `KIMBAI_KEY_HEX` is needed.
    #[arg(long, value_name = "DIGITS")]
    key_hex: Option<String>,
    /// The file that the key is in, on one line.
    #[arg(long, value_name = "PATH", conflicts_with = "key_hex")]
    key_file: Option<String>,
    /// How the key is spelt: `hex` is 64 digits, `ascii` is 32 characters that are the bytes of the key.
    #[arg(long, value_enum, value_name = "SPELLING", default_value = "hex", conflicts_with = "key_hex")]
    key_spelling: Spelling,
    /// Where the initialisation vector is: `prepended` to each envelope, or nowhere, because it is always `zero` or these 32 digits.
    #[arg(long, value_name = "LAYOUT", default_value = "prepended", value_parser = iv_layout)]
    iv: IvLayout,
    /// Show the parts of the envelope on standard error.
    #[arg(long)]
    explain: bool,
}

impl std::fmt::Debug for Common {
    // The key is nobody's but the caller's.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Common({:?}, {:?})", self.key_spelling, self.iv)
    }
}

/// How a key is spelt on a command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Spelling {
    Hex,
    Ascii,
}

impl From<Spelling> for KeySpelling {
    fn from(spelling: Spelling) -> Self {
        match spelling {
            Spelling::Hex => Self::Hex,
            Spelling::Ascii => Self::Ascii,
        }
    }
}

/// Reads where the initialisation vector is.
///
/// # Errors
/// How to say it.
pub(crate) fn iv_layout(text: &str) -> Result<IvLayout, String> {
    match text {
        "prepended" => Ok(IvLayout::Prepended),
        "zero" => Ok(IvLayout::Zero),
        digits => FixedIv::try_from(digits.to_owned())
            .map(IvLayout::Fixed)
            .map_err(|_| "write prepended, zero, or 32 hex digits".to_owned()),
    }
}

pub(crate) fn run(args: &EnvelopeArgs) -> anyhow::Result<()> {
    match &args.command {
        EnvelopeCommand::Seal(Seal { common, json }) => {
            let key = common.key()?;
            let payload = standard_input()?;
            let envelope = Envelope::seal(&key, common.iv, &payload);
            common.explain(&envelope, &payload);
            let digits = envelope.to_hex();
            print(&(if *json { json!({ "data": digits }).to_string() } else { digits } + "\n"))
        }
        EnvelopeCommand::Open(common) => {
            let key = common.key()?;
            let digits = digits(&standard_input()?)?;
            let (envelope, payload) = open(&digits, common.iv, &key).map_err(|fault| {
                wrong(Origin::Default, fault.to_string(), &mistake(fault, &digits, common.iv, &key))
            })?;
            common.explain(&envelope, &payload);
            if !is_object(&payload) {
                let why = mistake(EnvelopeFault::Padding, &digits, common.iv, &key);
                note(&format!("warning: what opened is no JSON object: {why}"));
            }
            print_bytes(&[payload.as_slice(), b"\n"].concat())
        }
    }
}

impl Common {
    /// The key, from the one place where it is.
    fn key(&self) -> anyhow::Result<CipherKey> {
        // The same key in two places is no contradiction.
        let is_set = std::env::var_os(KEY_VARIABLE)
            .is_some_and(|set| self.key_hex.as_ref().is_none_or(|given| !set.eq_ignore_ascii_case(given)));
        let option = self.key_hex.as_ref().map(|_| "--key-hex").or(self.key_file.as_ref().map(|_| "--key-file"));
        let (origin, read) = match (option, &self.key_hex, &self.key_file) {
            (Some(option), ..) if is_set => {
                let message = format!("{KEY_VARIABLE} is set too, and may be another key");
                return Err(wrong(Origin::Flag(option), message, "leave one of them out"));
            }
            (_, Some(digits), _) => (Origin::Flag("--key-hex"), Ok(PlainSecret::new(digits.clone()))),
            (_, None, Some(path)) => (Origin::Flag("--key-file"), referred(&format!("file:{path}"))),
            (_, None, None) => (Origin::Variable(KEY_VARIABLE.to_owned()), referred(&format!("env:{KEY_VARIABLE}"))),
        };
        let text = read.map_err(|reason| {
            wrong(origin.clone(), reason, &format!("give --key-file PATH, {KEY_VARIABLE}, or --key-hex DIGITS"))
        })?;
        let spelling = KeySpelling::from(self.key_spelling);
        let read = spelling.read(text.expose()).map(CipherKey::new);
        read.map_err(|error| wrong(origin, error.to_string(), "--key-spelling says how it is spelt: hex or ascii"))
    }

    fn explain(&self, envelope: &Envelope, payload: &[u8]) {
        if self.explain {
            note(&explained(envelope, self.iv, payload));
        }
    }
}

fn referred(reference: &str) -> Result<PlainSecret, String> {
    secret_of_reference(reference, Path::new("")).unwrap_or_else(|| Err("it says of no place".to_owned()))
}

/// What came, without one line break at its end.
fn standard_input() -> anyhow::Result<Zeroizing<Vec<u8>>> {
    let mut input = Zeroizing::new(Vec::new());
    io::stdin().take(INPUT_BYTES_MAX + 1).read_to_end(&mut input).context("cannot read standard input")?;
    for end in [b"\n", b"\r"] {
        if input.ends_with(end) {
            input.pop();
        }
    }
    let is_too_long = u64::try_from(input.len()).is_ok_and(|length| length > INPUT_BYTES_MAX);
    if is_too_long {
        let message = format!("standard input has more than {INPUT_BYTES_MAX} bytes");
        return Err(wrong(Origin::Default, message, "no server takes such an envelope"));
    }
    Ok(input)
}

/// The digits in what came: all of it, or the member `data` of a body.
fn digits(input: &[u8]) -> anyhow::Result<Vec<u8>> {
    if input.first() != Some(&b'{') {
        return Ok(input.to_vec());
    }
    let body: Value = serde_json::from_slice(input).map_err(|error| {
        let message = format!("the body is no JSON, at column {}", error.column());
        wrong(
            Origin::Default,
            message,
            "give {\"data\":\"…\"}, with the digits in quotation marks, or the digits alone",
        )
    })?;
    let data = body.get("data").and_then(Value::as_str).map(|digits| digits.as_bytes().to_vec());
    data.ok_or_else(|| {
        let message = "the body has no string \"data\"".to_owned();
        wrong(Origin::Default, message, "is this the payload, which is not encrypted yet?")
    })
}

fn open(digits: &[u8], iv: IvLayout, key: &CipherKey) -> Result<(Envelope, Zeroizing<Vec<u8>>), EnvelopeFault> {
    let envelope = Envelope::parse(digits, iv)?;
    let payload = envelope.open(key)?;
    Ok((envelope, payload))
}

/// What may have been done wrong where an envelope does not open, or does not open to a payload.
fn mistake(fault: EnvelopeFault, digits: &[u8], iv: IvLayout, key: &CipherKey) -> String {
    match fault {
        EnvelopeFault::Hex => match digits.iter().position(|byte| !byte.is_ascii_hexdigit()) {
            None => format!("{} digits are an odd number: was it cut?", digits.len()),
            Some(_) if digits.starts_with(b"0x") || digits.starts_with(b"0X") => {
                "0x is no digit of an envelope: leave it out".to_owned()
            }
            Some(_) if is_base64(digits) => "this looks like base64; the platform wants hex digits".to_owned(),
            Some(place) => format!("character {} is no hex digit", place + 1),
        },
        EnvelopeFault::Length => {
            let least = if iv == IvLayout::Prepended { 2 * IV_BYTES } else { IV_BYTES };
            format!(
                "its length in bytes is {}, and it takes {least} and any number of 16 more: was it cut?",
                digits.len() / 2
            )
        }
        EnvelopeFault::Padding => {
            let as_sealed = OTHERS.into_iter().find(|(other_iv, reading, _)| {
                reading.of(key).iter().any(|other| {
                    (*other_iv, other) != (iv, key)
                        && open(digits, *other_iv, other).is_ok_and(|(_, payload)| is_object(&payload))
                })
            });
            as_sealed
                .map_or("it was sealed under another key, or with another --iv, or changed".to_owned(), |(.., said)| {
                    said.to_owned()
                })
        }
    }
}

/// The usual mistakes of who seals, and what is said of them.
const OTHERS: [(IvLayout, Reading, &str); 4] = [
    (IvLayout::Prepended, Reading::Digits, "it opens with --iv prepended"),
    (IvLayout::Zero, Reading::Digits, "it opens with --iv zero"),
    (IvLayout::Prepended, Reading::Characters, CHARACTERS),
    (IvLayout::Zero, Reading::Characters, CHARACTERS),
];
const CHARACTERS: &str =
    "it was sealed under the first 32 of the key's hex digits, taken as characters: decode the digits";

/// How a key was read by who sealed.
#[derive(Debug, Clone, Copy)]
enum Reading {
    /// As the bytes that its digits stand for.
    Digits,
    /// As the bytes of the first digits themselves.
    Characters,
}

impl Reading {
    fn of(self, key: &CipherKey) -> Vec<CipherKey> {
        match self {
            Self::Digits => vec![key.clone()],
            Self::Characters => key.misread().into(),
        }
    }
}

fn is_base64(text: &[u8]) -> bool {
    let body = text.trim_ascii_end();
    !body.is_empty() && body.iter().all(|byte| byte.is_ascii_alphanumeric() || b"+/-_=".contains(byte))
}

fn is_object(payload: &[u8]) -> bool {
    serde_json::from_slice::<Value>(payload).is_ok_and(|value| value.is_object())
}

/// The parts of an envelope, each on a line.
fn explained(envelope: &Envelope, iv: IvLayout, payload: &[u8]) -> String {
    let place = match iv {
        IvLayout::Prepended => "before the cipher text",
        IvLayout::Zero | IvLayout::Fixed(_) => "not in the envelope",
    };
    let iv_digits: String = String::from(FixedIv(*envelope.iv()));
    let padding = envelope.ciphertext().len().saturating_sub(payload.len());
    let form = if is_object(payload) { "a JSON object" } else { "no JSON object" };
    format!(
        "iv       {iv_digits}, {place}\nblocks   {} of {IV_BYTES} bytes\npadding  {padding} bytes of {padding:02x}\npayload  {} \
         bytes, {form}",
        envelope.ciphertext().len() / IV_BYTES,
        payload.len()
    )
}

fn wrong(origin: Origin, message: String, advice: &str) -> anyhow::Error {
    Problems::new(vec![Problem::new(origin, message, advice)]).into()
}

/// Where the key may be, for a command line is visible to others.
const KEY_VARIABLE: &str = "KIMBAI_KEY_HEX";
/// No server takes more than a part of it.
const INPUT_BYTES_MAX: u64 = 1024 * 1024;

#[cfg(test)]
mod tests;
