//! How a Tiki Tini App signs its requests: each step, and a line of curl.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use clap::{Args, ValueEnum};
use kimbai_core::request_signature::{Covered, SigningInput, payload, sign};
use kimbai_store::Clock;
use serde_json::{Value, json};

use super::{quoted, secret, wrong};
use crate::admin::print;

pub(super) const HELP: &str = "\
The canonical string holds the code or token: it is for your eyes.

Examples:
  kimbai sign tini --generation graphql --client-id RLCKb7Ae9kx4DXtXsCWjnDXtggFnM43W --secret env:APP_SECRET --body '{\"code\":\"x\"}'
  kimbai sign tini --generation 2 --client-id my-app --secret file:app.secret --body '{\"refresh_token\":\"x\"}'
  kimbai sign tini --generation 4 --client-id my-app --secret env:APP_SECRET --body '{\"code\":\"x\"}' | tail -n 1 | sh
  kimbai sign tini --generation 3 --client-id my-app --secret env:APP_SECRET --timestamp 1620621619569 --path '/order?id=1'";

#[derive(Args)]
pub(super) struct TiniArgs {
    /// The generation of the exchange: over GraphQL, or REST of 2021-06 (2, 3) and of 2021-07 (4).
    #[arg(long, value_enum)]
    generation: Generation,
    /// The app's key, which is its `client_id`.
    #[arg(long, value_name = "ID")]
    client_id: String,
    /// The app's secret: `env:NAME`, `file:PATH`, or the secret itself where it is a demo's.
    #[arg(long, value_name = "SECRET")]
    secret: String,
    /// When it is signed, in milliseconds since 1970 [default: now].
    #[arg(long, value_name = "MS", value_parser = clap::value_parser!(i64).range(0..))]
    timestamp: Option<i64>,
    /// A POST of this JSON: over GraphQL and in generation 2 the object without `client_id`, `timestamp` and `signature`, which are
    /// added; in 3 and 4 signed byte for byte.
    #[arg(long, value_name = "JSON", required_unless_present = "path", conflicts_with = "path")]
    body: Option<String>,
    /// A GET of this path with its query, in generation 3 and 4.
    #[arg(long, value_name = "PATH")]
    path: Option<String>,
    /// Where the curl line sends it.
    #[arg(long, value_name = "URL", default_value = "http://localhost:4601")]
    url: String,
}

impl std::fmt::Debug for TiniArgs {
    // Secret and body are nobody's but the caller's.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "TiniArgs({:?})", self.generation)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Generation {
    Graphql,
    #[value(name = "2")]
    Second,
    #[value(name = "3")]
    Third,
    #[value(name = "4")]
    Fourth,
}

pub(super) fn run(args: &TiniArgs) -> anyhow::Result<()> {
    let secret = secret(&args.secret)?;
    let timestamp_ms = args.timestamp.unwrap_or_else(|| Clock::default().now().as_unix_ms());
    print(&steps(args, secret.expose(), timestamp_ms)?)
}

/// The steps of a signature, and the request.
fn steps(args: &TiniArgs, secret: &str, timestamp_ms: i64) -> anyhow::Result<String> {
    let input = SigningInput { client_id: args.client_id.clone(), timestamp_ms, covered: covered(args)? };
    let canonical = input.canonical();
    let payload = payload(&canonical);
    let signature = sign(secret.as_bytes(), payload.as_bytes());
    let mut text = String::new();
    writeln!(text, "canonical  {}", String::from_utf8_lossy(&canonical))?;
    writeln!(text, "payload    {payload}")?;
    writeln!(text, "signature  {signature}\n")?;
    writeln!(text, "{}", curl(args, &input, &signature)?)?;
    Ok(text)
}

/// What the signature covers besides client and timestamp.
fn covered(args: &TiniArgs) -> anyhow::Result<Covered> {
    match (args.generation, &args.body, &args.path) {
        (Generation::Graphql | Generation::Second, Some(body), _) => Ok(Covered::Fields(fields(body)?)),
        (Generation::Third | Generation::Fourth, Some(body), _) => Ok(Covered::Bytes(body.clone().into_bytes())),
        (Generation::Third | Generation::Fourth, None, Some(path)) if path.starts_with('/') => {
            Ok(Covered::Bytes(path.clone().into_bytes()))
        }
        (Generation::Third | Generation::Fourth, None, _) => {
            Err(wrong("--path", "it does not begin with a slash", "give the path and query below the base URL"))
        }
        (Generation::Graphql | Generation::Second, None, _) => {
            Err(wrong("--path", "only generations 3 and 4 sign a GET", "give --body, or another --generation"))
        }
    }
}

/// The members that are signed beside those that are added.
fn fields(body: &str) -> anyhow::Result<BTreeMap<String, Value>> {
    let fields: BTreeMap<String, Value> = serde_json::from_str(body).map_err(|error| {
        let place = format!("it is no JSON object, at column {}", error.column());
        wrong("--body", &place, "give the object that is signed, in quotation marks of the shell")
    })?;
    match ADDED.iter().find(|name| fields.contains_key(**name)) {
        Some(name) => Err(wrong("--body", &format!("{name} is added"), "leave it out")),
        None => Ok(fields),
    }
}

/// What is added to the members.
const ADDED: [&str; 3] = ["client_id", "timestamp", "signature"];
const OPEN_API: &str = "/tiniapp-open-api";
const GRAPHQL: &str = "/tiniapp/api/graphql/query";

/// The request on one line.
fn curl(args: &TiniArgs, input: &SigningInput, signature: &str) -> anyhow::Result<String> {
    let base = args.url.trim_end_matches('/');
    let (client_id, timestamp) = (&input.client_id, input.timestamp_ms);
    let post = |path: &str, headers: &str, body: &str| {
        let url = quoted(&format!("{base}{path}"));
        format!("curl -s {url} -H 'Content-Type: application/json'{headers} --data-raw {}", quoted(body))
    };
    let in_headers: String =
        [("Client-Id", client_id.as_str()), ("Timestamp", &timestamp.to_string()), ("Signature", signature)]
            .map(|(name, value)| format!(" -H {}", quoted(&format!("X-Tiniapp-{name}: {value}"))))
            .concat();
    match (&input.covered, args.generation) {
        (Covered::Fields(fields), Generation::Graphql) => {
            Ok(post(GRAPHQL, "", &json!({ "query": query(fields, input, signature)? }).to_string()))
        }
        (Covered::Fields(fields), generation) => {
            let mut members = fields.clone();
            let added = [Value::from(client_id.as_str()), timestamp.into(), signature.into()];
            members.extend(ADDED.map(str::to_owned).into_iter().zip(added));
            Ok(post(&endpoint(generation, fields.keys()), "", &serde_json::to_string(&members)?))
        }
        (Covered::Bytes(_), generation) => Ok(match (&args.body, &args.path) {
            (Some(body), _) => {
                let members: BTreeMap<String, Value> = serde_json::from_str(body).unwrap_or_default();
                post(&endpoint(generation, members.keys()), &in_headers, body)
            }
            (None, path) => {
                let path = path.as_deref().unwrap_or_default();
                format!("curl -sg {}{in_headers}", quoted(&format!("{base}{OPEN_API}{path}")))
            }
        }),
    }
}

/// The endpoint that takes what is sent; the base of all where it cannot be told.
fn endpoint<'a>(generation: Generation, mut names: impl Iterator<Item = &'a String>) -> String {
    let of = |name: &String| match name.as_str() {
        "code" => Some("/oauth/auth/token"),
        "refresh_token" => Some("/oauth/auth/token/refresh"),
        "access_token" => Some("/oauth/me"),
        _ => None,
    };
    let version = if generation == Generation::Fourth { "" } else { "/api/v1" };
    names.find_map(of).map_or_else(|| OPEN_API.to_owned(), |path| format!("{OPEN_API}{version}{path}"))
}

/// The platform's own query, newlines and all.
fn query(fields: &BTreeMap<String, Value>, input: &SigningInput, signature: &str) -> anyhow::Result<String> {
    let mut fields_iter = fields.iter();
    let (Some((name, Value::String(value))), None) = (fields_iter.next(), fields_iter.next()) else {
        return Err(wrong("--body", "GraphQL exchanges one code or refresh_token, a string", "give that alone"));
    };
    let field = match name.as_str() {
        "code" => "get_auth_access_token",
        "refresh_token" => "refresh_auth_access_token",
        _ => return Err(wrong("--body", "GraphQL exchanges a code or a refresh_token", "give one of them")),
    };
    // GraphQL's strings have the escapes of JSON.
    let (value, client_id) = (Value::from(value.as_str()), Value::from(input.client_id.as_str()));
    Ok(format!(
        "query {{\n  {field}(input: {{\n    {name}: {value}\n    client_id: {client_id}\n    timestamp: {}\n    signature: \
         \"{signature}\"\n  }}) {{\n    access_token\n    refresh_token\n    expires_in\n    scopes\n  }}\n}}",
        input.timestamp_ms
    ))
}

#[cfg(test)]
mod tests;
