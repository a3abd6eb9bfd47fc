//! What holds of the command line as a whole.

use std::collections::{BTreeMap, BTreeSet};

use clap::{Command, CommandFactory as _};

use crate::Arguments;

/// Commands that a person gives, by their words.
fn leaves() -> Vec<(String, Command)> {
    let mut found = Vec::new();
    let mut root = Arguments::command();
    root.build();
    collect("", &root, &mut found);
    assert!(found.len() > 25, "{}", found.len());
    found
}

fn collect(path: &str, command: &Command, found: &mut Vec<(String, Command)>) {
    let path = format!("{path} {}", command.get_name());
    let mut below = command.get_subcommands().filter(|command| !command.is_hide_set() && command.get_name() != "help");
    let mut is_leaf = true;
    for command in &mut below {
        is_leaf = false;
        collect(&path, command, found);
    }
    if is_leaf {
        found.push((path.trim().to_owned(), command.clone()));
    }
}

#[test]
fn the_command_line_is_sound() {
    Arguments::command().debug_assert();
}

#[test]
fn every_command_says_what_it_does_and_has_examples_of_itself() {
    for (path, command) in leaves() {
        assert!(command.get_about().is_some(), "{path} says nothing of itself");
        let help = command.get_after_help().unwrap_or_else(|| panic!("{path} has no examples")).to_string();
        let examples = help.split_once("Examples:\n").unwrap_or_else(|| panic!("{path} has no examples")).1;
        assert!(examples.contains(&path), "{path} is in none of its examples");
        for argument in command.get_arguments() {
            assert!(argument.get_help().is_some(), "{path} {} is not explained", argument.get_id());
        }
    }
}

#[test]
fn every_example_is_a_command_line_that_is_understood() {
    let mut tried = 0;
    for (path, command) in leaves() {
        let help = command.get_after_help().unwrap().to_string();
        for line in help.split_once("Examples:\n").unwrap().1.lines().filter(|line| line.starts_with("  ")) {
            for part in line.split(" && ").flat_map(|part| part.split(" | ")).map(str::trim) {
                if let Some(words) = words(part) {
                    Arguments::command()
                        .try_get_matches_from(&words)
                        .unwrap_or_else(|error| panic!("{path}: {part}: {error}"));
                    tried += 1;
                }
            }
        }
    }
    assert!(tried > 40, "{tried}");
}

/// The words of a call of ours, as a shell would cut it, without where its output goes and what it says of itself.
fn words(line: &str) -> Option<Vec<String>> {
    if !line.starts_with("kimbai ") {
        return None;
    }
    // Two spaces are before a remark.
    let line = line.split("  ").next()?.split(" > ").next()?;
    let mut words = vec![String::new()];
    let mut is_quoted = false;
    for character in line.chars() {
        match character {
            '"' | '\'' => is_quoted = !is_quoted,
            ' ' if !is_quoted => words.push(String::new()),
            character => words.last_mut()?.push(character),
        }
    }
    Some(words)
}

/// Options that concern one command alone, though others have the same name for the like of it.
const OWN: [(&str, &str); 23] = [
    ("kimbai sign tini", "body"),
    ("kimbai sign tini", "generation"),
    ("kimbai sign tini", "secret"),
    ("kimbai sign tini", "url"),
    ("kimbai sign haravan-callback", "generation"),
    ("kimbai sign haravan-callback", "secret"),
    ("kimbai sign haravan-launch", "secret"),
    ("kimbai sign haravan-webhook", "secret"),
    ("kimbai sandbox", "data"),
    ("kimbai sandbox", "json"),
    ("kimbai sandbox", "listen"),
    ("kimbai sandbox", "log"),
    ("kimbai key import", "key"),
    ("kimbai partner add", "client-id"),
    ("kimbai bench", "realm"),
    ("kimbai bench", "store"),
    ("kimbai export", "realm"),
    ("kimbai legacy-token add", "client"),
    ("kimbai legacy-token add", "revive"),
    ("kimbai legacy-token add", "shop"),
    ("kimbai legacy-token add", "user"),
    ("kimbai legacy-token end", "client"),
    ("kimbai legacy-token end", "shop"),
];

#[test]
fn an_option_means_the_same_in_every_command() {
    let mut meanings: BTreeMap<String, BTreeMap<(String, String), Vec<String>>> = BTreeMap::new();
    for (path, command) in leaves() {
        for argument in command.get_arguments() {
            let Some(long) = argument.get_long().filter(|long| !["help", "version"].contains(long)) else { continue };
            let names = argument.get_value_names().unwrap_or_default();
            let value = names.iter().map(clap::builder::Str::as_str).collect::<Vec<_>>().join(" ");
            let help = argument.get_help().map(ToString::to_string).unwrap_or_default();
            if !OWN.contains(&(path.as_str(), long)) {
                meanings.entry(long.to_owned()).or_default().entry((value, help)).or_default().push(path.clone());
            }
        }
    }
    let several: Vec<_> = meanings.iter().filter(|(_, meanings)| meanings.len() > 1).collect();
    assert!(several.is_empty(), "{several:#?}");
    let shorts: BTreeSet<_> = leaves()
        .iter()
        .flat_map(|(_, command)| command.get_arguments().filter_map(clap::Arg::get_short).collect::<Vec<_>>())
        .collect();
    assert_eq!(shorts.into_iter().collect::<String>(), "h");
}
