//! The languages are alike: every text exists in both, with the same variables, and every text is used.

#![expect(clippy::unwrap_used, reason = "in a test a panic is the report")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// Key to variables, of all files of a language.
fn texts(language: &str) -> BTreeMap<String, BTreeSet<String>> {
    let mut texts = BTreeMap::<String, BTreeSet<String>>::new();
    let mut key = String::new();
    for line in read_all(&Path::new("locales").join(language)).lines() {
        if let Some((name, _)) = line.split_once(" =").filter(|_| line.starts_with(|c: char| c.is_ascii_lowercase())) {
            name.clone_into(&mut key);
            assert!(texts.insert(key.clone(), BTreeSet::new()).is_none(), "{language}: {key} is there twice");
        }
        let variables = line.split('$').skip(1).map(|rest| {
            rest.split(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != '-').next().unwrap().to_owned()
        });
        texts.entry(key.clone()).or_default().extend(variables);
    }
    texts.retain(|key, _| !key.is_empty());
    texts
}

fn read_all(directory: &Path) -> String {
    let mut entries: Vec<_> = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    entries.iter().map(|path| fs::read_to_string(path).unwrap() + "\n").collect()
}

#[test]
fn every_text_exists_in_both_languages_with_the_same_variables() {
    let (vi, en) = (texts("vi"), texts("en"));
    assert!(vi.len() > 80, "the files were read");
    assert_eq!(vi, en);
}

#[test]
fn every_text_that_a_page_asks_for_exists_and_every_text_is_asked_for() {
    let sources = read_all(Path::new("templates")) + &read_all(Path::new("src"));
    let mut asked = BTreeSet::new();
    for call in ["text.of(\"", "text.count(\""] {
        asked.extend(sources.split(call).skip(1).map(|rest| rest.split('"').next().unwrap().to_owned()));
    }
    // The error page puts its keys together: problem and part.
    let parts = ["-title", "-what", "-next", "-developer"];
    let (of_problems, plain): (BTreeSet<_>, BTreeSet<_>) = texts("vi")
        .into_keys()
        .partition(|key| parts.iter().any(|part| key.starts_with("error-") && key.ends_with(part)));
    let mut plain = plain;
    plain.extend(of_problems.iter().filter(|key| *key == "error-for-developer").cloned());
    assert_eq!(asked, plain);
    for problem in kimbai_pages::Problem::ALL {
        let name = format!("{problem:?}");
        let key = name.chars().fold(String::new(), |key, c| {
            if c.is_uppercase() { key + "-" + &c.to_lowercase().to_string() } else { key + &c.to_string() }
        });
        for part in parts {
            assert!(of_problems.contains(&format!("error{key}{part}")), "error{key}{part}");
        }
    }
    assert_eq!(of_problems.len(), kimbai_pages::Problem::ALL.len() * parts.len() + 1);
}
