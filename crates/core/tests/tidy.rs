//! The house rules that a machine can check, over all crates: sizes, heads of modules, names of rooms, dialects alike.

#![expect(clippy::unwrap_used, reason = "in a test a panic is the report")]

use std::fs;
use std::path::{Path, PathBuf};

const LINES_MAX: usize = 600;
const NO_ROOMS: [&str; 6] = ["utils", "util", "helpers", "common", "misc", "shared"];

fn sources() -> Vec<PathBuf> {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut found = Vec::new();
    let mut folders = vec![crates.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    assert!(found.len() > 50, "the walk must have found the sources");
    found
}

#[test]
fn no_file_is_longer_than_600_lines() {
    for path in sources() {
        let lines = fs::read_to_string(&path).unwrap().lines().count();
        assert!(lines <= LINES_MAX, "{} has {lines} lines", path.display());
    }
}

#[test]
fn every_module_opens_with_what_it_is_for() {
    for path in sources() {
        let is_test = path.components().any(|part| part.as_os_str() == "tests") || path.ends_with("tests.rs");
        if !is_test {
            let text = fs::read_to_string(&path).unwrap();
            assert!(text.starts_with("//!"), "{} has no head", path.display());
        }
    }
}

#[test]
fn no_room_is_named_after_nothing() {
    for path in sources() {
        let name = path.file_stem().unwrap().to_str().unwrap();
        let folder = path.parent().unwrap().file_name().unwrap().to_str().unwrap();
        assert!(!NO_ROOMS.contains(&name) && !NO_ROOMS.contains(&folder), "{}", path.display());
    }
}

#[test]
fn every_dialect_has_the_files_that_its_siblings_have() {
    let dialects = Path::new(env!("CARGO_MANIFEST_DIR")).join("../server/src/dialects");
    let mut folders = 0;
    for entry in fs::read_dir(dialects).unwrap() {
        let folder = entry.unwrap().path();
        if folder.is_dir() {
            folders += 1;
            for file in ["mod.rs", "demo.rs", "tests.rs"] {
                assert!(folder.join(file).is_file(), "{} has no {file}", folder.display());
            }
        }
    }
    assert!(folders >= 2);
}
