//! `KIMBAI_…`: every key, by environment. A name that is no key is an error, as it is in the file.

use std::ffi::OsString;

use super::keys::{self, Entry};
use super::nearest::nearest;
use super::origin::Origin;
use super::problem::Problem;
use super::reading::Given;

/// What our variables begin with.
pub(crate) const PREFIX: &str = "KIMBAI_";
/// Those of our tests, examples and tools, and of commands that read no configuration.
pub(super) const OTHERS: [&str; 12] = [
    "KIMBAI_URL",
    "KIMBAI_STANDARD_URL",
    "KIMBAI_TINI_URL",
    "KIMBAI_TCONNECT_URL",
    "KIMBAI_HARAVAN_URL",
    "KIMBAI_ONEID_URL",
    "KIMBAI_PORT_BASE",
    "KIMBAI_KEY_HEX",
    "KIMBAI_BIN",
    "KIMBAI_TOOLS",
    "KIMBAI_SCREENSHOTS",
    "KIMBAI_TIMING",
];
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::{Path, PathBuf};

    use super::*;

    /// Where people are told of variables, and where they are set.
    const TOLD: [&str; 8] =
        ["tools", "examples", "docs", "deploy", "tests-browser", "test", "README.md", "CONTRIBUTING.md"];

    fn files(within: PathBuf) -> Vec<PathBuf> {
        match fs::read_dir(&within) {
            Ok(entries) => entries.flat_map(|entry| files(entry.unwrap().path())).collect(),
            Err(_) => vec![within],
        }
    }

    fn names(text: &str) -> impl Iterator<Item = String> {
        let rests = text.split(PREFIX).skip(1);
        let is_inside = |letter: char| letter.is_ascii_uppercase() || letter == '_';
        rests
            .map(move |rest| rest.chars().take_while(|letter| is_inside(*letter)).collect())
            .map(|rest: String| format!("{PREFIX}{rest}"))
    }

    #[test]
    fn what_our_pages_tools_and_examples_set_stops_no_command_in_the_same_shell() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let texts =
            TOLD.iter().flat_map(|place| files(root.join(place))).filter_map(|file| fs::read_to_string(file).ok());
        let named: BTreeSet<_> = texts.flat_map(|text| names(&text).collect::<Vec<_>>()).collect();
        assert!(OTHERS.iter().all(|other| named.contains(*other)), "{named:?}");
        let foreign = named.into_iter().filter(|name| !keys::ALL.into_iter().any(|entry| entry.variable() == *name));
        let (given, problems) = read(foreign.map(|name| (name.into(), "x".into())));
        assert!(given.is_empty() && problems.is_empty(), "{problems:?}");
    }
}
