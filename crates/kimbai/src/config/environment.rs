//! `KIMBAI_…`: every key, by environment. A name that is no key is an error, as it is in the file.

use std::ffi::OsString;

use super::keys::{self, Entry};
use super::nearest::nearest;
use super::origin::Origin;
use super::problem::Problem;
use super::reading::Given;

/// What our variables begin with.
pub(crate) const PREFIX: &str = "KIMBAI_";
/// Those of our tests, examples and tools, which mean nothing to the server.
const OTHERS: [&str; 6] =
    ["KIMBAI_SCREENSHOTS", "KIMBAI_BIN", "KIMBAI_TOOLS", "KIMBAI_URL", "KIMBAI_STANDARD_URL", "KIMBAI_TINI_URL"];
const TEST_PREFIX: &str = "KIMBAI_TEST_";
/// What Kubernetes sets for a service that is named `kimbai`.
const SERVICE_PREFIXES: [&str; 2] = ["KIMBAI_SERVICE_", "KIMBAI_PORT"];

/// What these variables give, and what is wrong with them.
pub(super) fn read(variables: impl Iterator<Item = (OsString, OsString)>) -> (Vec<Given>, Vec<Problem>) {
    let (mut given, mut problems) = (Vec::new(), Vec::new());
    let mut ours: Vec<_> = variables
        .map(|(name, value)| (name.to_string_lossy().into_owned(), value))
        .filter(|(name, _)| name.starts_with(PREFIX) && !name.starts_with(TEST_PREFIX))
        .filter(|(name, _)| !OTHERS.contains(&name.as_str()))
        .filter(|(name, _)| !SERVICE_PREFIXES.iter().any(|prefix| name.starts_with(prefix)))
        .collect();
    // The system gives them in no order; errors have one.
    ours.sort();
    for (name, value) in ours {
        let origin = Origin::Variable(name.clone());
        match (keys::ALL.into_iter().find(|entry| entry.variable() == name), value.into_string()) {
            (Some(entry), Ok(text)) => given.push(Given::of_text(entry, &text, &origin)),
            (Some(_), Err(_)) => problems.push(Problem::new(origin, "this is not UTF-8", "give it as UTF-8")),
            (None, _) => problems.push(Problem::new(origin, "unknown variable", advice(&name))),
        }
    }
    (given, problems)
}

fn advice(name: &str) -> String {
    let known: Vec<_> = keys::ALL.into_iter().map(Entry::variable).collect();
    let known: Vec<_> = known.iter().map(String::as_str).collect();
    // All of them begin alike; only the rest is compared.
    let rest = |name| str::strip_prefix(name, PREFIX).unwrap_or_default();
    let rests: Vec<_> = known.iter().map(|name| rest(name)).collect();
    match nearest(rest(name), &rests) {
        Some(rest) => format!("did you mean {PREFIX}{rest}?"),
        None => format!("unset it; known are {}", known.join(", ")),
    }
}
