//! How Haravan signs what it sends to an app: the callback of the older OAuth, the launch from its admin, and webhooks.
//!
//! An app verifies these; here they are made, so that it has something to verify. Sources: the platform's SDK for Python (callback),
//! its older one for Node.js (callback of generation 1), apps that take launches, and the page on webhooks.

use std::fmt::{self, Write as _};
use std::fs::File;
use std::io::Read;

use anyhow::ensure;
use clap::{Args, ValueEnum};
use kimbai_core::request_signature::{sign, sign_in_base64};

use super::{secret, wrong};
use crate::admin::print;

pub(super) const CALLBACK_HELP: &str = "\
Usual mistakes:
  the order        sorted by name here; a launch is signed as it came
  what is left out hmac and signature, and nothing else: state and locale are signed where they are sent
  encoding         names and values are signed decoded, not as the URL has them
  the form         64 lower-case hex digits; a webhook's signature is base64
  the SDK          the older one for Node.js takes generation 1: code, shop and timestamp with nothing between them

Examples:
  kimbai sign haravan-callback --secret hush --query 'code=a94a&shop=some-shop.myharavan.com&timestamp=1337178173'
  kimbai sign haravan-callback --generation 1 --secret env:APP_SECRET --query 'code=a94a&shop=some-shop.myharavan.com&timestamp=1337178173'";

pub(super) const LAUNCH_HELP: &str = "\
Usual mistakes:
  the order  as the parameters came; sorted ones are a callback's
  encoding   names and values are signed decoded, not as the URL has them
  the time   an app refuses a timestamp that is five minutes away: seconds since 1970, not milliseconds

Examples:
  kimbai sign haravan-launch --secret env:APP_SECRET --query 'orgid=200000000011&shop=demo-shop.myharavan.com&timestamp=1700000000'
  kimbai sign haravan-launch --secret file:app.secret --query \"orgid=1&shop=a.myharavan.com&timestamp=$(date +%s)\"";

pub(super) const WEBHOOK_HELP: &str = "\
Usual mistakes:
  the bytes  those that came: JSON that was parsed and written again has others, and a file often ends with a line break
  the form   base64 with padding, 44 characters; hex digits are a callback's and a launch's
  the hash   SHA-256; an old sample has SHA-1

Examples:
  kimbai sign haravan-webhook --secret env:APP_SECRET --body '{\"id\":1}'
  kimbai sign haravan-webhook --secret env:APP_SECRET --body file:order.json
  printf %s \"$body\" | kimbai sign haravan-webhook --secret env:APP_SECRET --body -";

/// What every signature takes.
#[derive(Args)]
pub(super) struct Key {
    /// The app's secret: `env:NAME`, `file:PATH`, or the secret itself where it is a demo's.
    #[arg(long, value_name = "SECRET")]
    secret: String,
}

#[derive(Args)]
pub(super) struct Query {
    /// The query as it stands in the URL, or the whole URL. An `hmac` in it is not signed, nor a callback's `signature`.
    #[arg(long, value_name = "QUERY")]
    query: String,
}

#[derive(Debug, Args)]
pub(super) struct CallbackArgs {
    #[command(flatten)]
    key: Key,
    #[command(flatten)]
    query: Query,
    /// How it is signed: all parameters (2), or the three that the older SDK for Node.js knows (1).
    #[arg(long, value_enum, default_value_t = Generation::Second)]
    generation: Generation,
}

#[derive(Debug, Args)]
pub(super) struct LaunchArgs {
    #[command(flatten)]
    key: Key,
    #[command(flatten)]
    query: Query,
}

#[derive(Args)]
pub(super) struct WebhookArgs {
    #[command(flatten)]
    key: Key,
    /// The body: itself, `file:PATH`, or `-` for standard input, signed byte for byte.
    #[arg(long, value_name = "BODY")]
    body: String,
}

// Secrets, codes and bodies are nobody's but the caller's.
impl fmt::Debug for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Key")
    }
}

impl fmt::Debug for Query {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Query")
    }
}

impl fmt::Debug for WebhookArgs {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("WebhookArgs")
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Generation {
    #[value(name = "1")]
    First,
    #[value(name = "2")]
    Second,
}

pub(super) fn callback(args: &CallbackArgs) -> anyhow::Result<()> {
    print(&signed_callback(args)?)
}

pub(super) fn launch(args: &LaunchArgs) -> anyhow::Result<()> {
    print(&signed_launch(args)?)
}

pub(super) fn webhook(args: &WebhookArgs) -> anyhow::Result<()> {
    print(&signed_webhook(args)?)
}

fn signed_callback(args: &CallbackArgs) -> anyhow::Result<String> {
    let parameters = args.query.parameters(&["hmac", "signature"])?;
    let (message, name) = match args.generation {
        Generation::First => (unseparated(&parameters)?, "signature"),
        Generation::Second => {
            let mut sorted: Vec<_> = parameters.iter().collect();
            sorted.sort_by(|one, other| one.name.cmp(&other.name));
            (joined(sorted), "hmac")
        }
    };
    shown_query(&message, name, &parameters, &args.key)
}

fn signed_launch(args: &LaunchArgs) -> anyhow::Result<String> {
    let parameters = args.query.parameters(&["hmac"])?;
    shown_query(&joined(parameters.iter()), "hmac", &parameters, &args.key)
}

fn signed_webhook(args: &WebhookArgs) -> anyhow::Result<String> {
    let body = body(&args.body)?;
    let signature = sign_in_base64(secret(&args.key.secret)?.expose().as_bytes(), &body);
    Ok(format!(
        "message    {}\nbytes      {}\nsignature  {signature}\n\nX-Haravan-HmacSha256: {signature}\n",
        visible(&String::from_utf8_lossy(&body)),
        body.len()
    ))
}

/// What is signed, the signature, and the query with it.
fn shown_query(message: &str, name: &str, parameters: &[Parameter], key: &Key) -> anyhow::Result<String> {
    let signature = sign(secret(&key.secret)?.expose().as_bytes(), message.as_bytes());
    let mut text = format!("message    {}\nsignature  {signature}\n\n", visible(message));
    for Parameter { written, .. } in parameters {
        write!(text, "{written}&")?;
    }
    writeln!(text, "{name}={signature}")?;
    Ok(text)
}

/// One parameter of a query.
#[derive(Debug)]
struct Parameter {
    /// As it stands in the URL.
    written: String,
    /// Decoded, as value too.
    name: String,
    value: String,
}

/// More is no query of the platform's.
const PARAMETERS_MAX: usize = 100;

impl Query {
    /// The parameters that are signed, in their order: all but those of these names.
    fn parameters(&self, left_out: &[&str]) -> anyhow::Result<Vec<Parameter>> {
        let given = self.query.split('#').next().unwrap_or_default();
        let is_url = ["http://", "https://"].iter().any(|scheme| given.starts_with(scheme));
        let query = match (is_url, given.split_once('?')) {
            (true, Some((_, query))) | (false, Some(("", query))) => query,
            (true, None) => "",
            (false, _) => given,
        };
        let parts = query.split('&').filter(|part| !part.is_empty());
        let is_signed = |parameter: &Parameter| !left_out.contains(&parameter.name.as_str());
        let parameters: Vec<_> = parts.filter_map(Parameter::read).filter(is_signed).collect();
        let refused = |message: &str| wrong("--query", message, "give it as name=value&name=value, in quotation marks");
        ensure!(!parameters.is_empty(), refused("nothing in it is signed"));
        ensure!(parameters.len() <= PARAMETERS_MAX, refused(&format!("it has more than {PARAMETERS_MAX} parameters")));
        let mut names: Vec<_> = parameters.iter().map(|parameter| &parameter.name).collect();
        names.sort_unstable();
        if let Some([name, _]) = names.array_windows().find(|[one, other]| one == other) {
            return Err(refused(&format!("{name} stands in it twice, and nobody signs that alike")));
        }
        Ok(parameters)
    }
}

impl Parameter {
    fn read(written: &str) -> Option<Self> {
        let (name, value) = form_urlencoded::parse(written.as_bytes()).next()?;
        Some(Self { written: written.to_owned(), name: name.into_owned(), value: value.into_owned() })
    }
}

/// Generation 2, and a launch: with `&` between.
fn joined<'a>(parameters: impl IntoIterator<Item = &'a Parameter>) -> String {
    let parts: Vec<_> = parameters.into_iter().map(|Parameter { name, value, .. }| format!("{name}={value}")).collect();
    parts.join("&")
}

/// Generation 1: these three, with nothing between.
fn unseparated(parameters: &[Parameter]) -> anyhow::Result<String> {
    let mut message = String::new();
    for name in ["code", "shop", "timestamp"] {
        let Some(parameter) = parameters.iter().find(|parameter| parameter.name == name) else {
            return Err(wrong("--query", &format!("{name} is missing"), "generation 1 signs code, shop and timestamp"));
        };
        write!(message, "{name}={}", parameter.value)?;
    }
    Ok(message)
}

/// A longer body is the wrong file; in bytes.
const BODY_BYTES_MAX: u64 = 16 * 1024 * 1024;

fn body(text: &str) -> anyhow::Result<Vec<u8>> {
    let read = match (text, text.strip_prefix("file:")) {
        ("-", _) => whole(std::io::stdin()),
        (_, Some(path)) => File::open(path).and_then(whole),
        (_, None) => return Ok(text.as_bytes().to_vec()),
    };
    let refused = |message: &str| wrong("--body", message, "name a file that you may read, or - for standard input");
    let body = read.map_err(|error| refused(&format!("it cannot be read: {error}")))?;
    let is_short = u64::try_from(body.len()).is_ok_and(|length| length <= BODY_BYTES_MAX);
    ensure!(is_short, refused(&format!("it has more than {BODY_BYTES_MAX} bytes")));
    Ok(body)
}

fn whole(source: impl Read) -> std::io::Result<Vec<u8>> {
    let mut body = Vec::new();
    source.take(BODY_BYTES_MAX + 1).read_to_end(&mut body)?;
    Ok(body)
}

/// A message on one line: a line break at its end is often the byte that differs.
fn visible(message: &str) -> String {
    let escaped = |character: char| {
        if character.is_control() { character.escape_default().to_string() } else { character.to_string() }
    };
    message.chars().map(escaped).collect()
}

#[cfg(test)]
mod tests;
