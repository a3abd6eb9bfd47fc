//! The master key: replaced, wrong, missing, and half replaced.

use std::fs;

use super::{Place, each_way};
use crate::BINARY;

#[test]
fn a_master_key_that_is_wrong_or_missing_is_named_and_nothing_is_changed() {
    let (place, other) = (Place::with_realm(), Place::new());
    let key = place.data().join("master.key");
    let right = fs::read(&key).unwrap();
    let wrong = fs::read_to_string(other.data().join("master.key")).unwrap();
    for (content, expect) in [
        (Some(wrong.as_str()), "kimbai-data/master.key is not the master key of this store"),
        (Some("no key"), "kimbai-data/master.key: the master key is not 32 bytes in base64"),
        (None, "kimbai-data/master.key is missing: put the master key of this store back"),
    ] {
        match content {
            Some(content) => fs::write(&key, content).unwrap(),
            None => fs::remove_file(&key).unwrap(),
        }
        for words in [["user", "list"].as_slice(), &["master-key", "rotate"], &["apply", "--yes", "manifest.toml"]] {
            let error = place.refused(words, 1);
            assert!(error.contains(expect), "{error}");
            assert!(!error.contains(wrong.trim_end()), "{error}");
        }
        assert_eq!(fs::read_to_string(&key).ok().as_deref(), content, "the key is as it was found");
    }
    let given =
        place.command(BINARY).args(["user", "list"]).env("KIMBAI_MASTER_KEY", wrong.trim_end()).output().unwrap();
    let stderr = String::from_utf8(given.stderr).unwrap();
    assert_eq!(given.status.code(), Some(1));
    assert!(
        stderr.contains("the master key does not fit this store") && !stderr.contains(wrong.trim_end()),
        "{stderr}"
    );
    fs::write(&key, right).unwrap();
    place.ok(&["user", "list"]);
}

#[test]
fn a_rotation_that_was_cut_short_is_finished_by_the_next_command() {
    let place = Place::with_realm();
    let (key, next) = (place.data().join("master.key"), place.data().join("master.key.next"));
    let old = fs::read(&key).unwrap();
    place.ok(&["master-key", "rotate"]);
    // As if it had ended between the store's change and the file's.
    let new = fs::read(&key).unwrap();
    fs::write(&key, &old).unwrap();
    place.refused(&["user", "list"], 1);
    fs::write(&next, &new).unwrap();
    place.ok(&["user", "list"]);
    assert_eq!((fs::read(&key).unwrap(), next.exists()), (new.clone(), false));
    // And as if it had ended before the store's change.
    fs::write(&next, old).unwrap();
    place.ok(&["user", "list"]);
    assert_eq!(fs::read(&key).unwrap(), new);
}

#[test]
fn the_master_key_is_replaced_and_everything_works_on() {
    each_way(|place| {
        let before = place.standing();
        let expected = "kimbai-data/master.key is a new master key; 3 keys of the store are sealed under it\nBackups made before need the old \
                        one.\n";
        assert_eq!(place.ok(&["master-key", "rotate"]), expected);
        let reply = place.json(&["master-key", "rotate"]);
        assert_eq!(reply, serde_json::json!({"keys": 3, "file": "kimbai-data/master.key"}));
        assert_eq!(place.standing(), before);
        assert_eq!(place.run(&["apply", "--plan", "manifest.toml"]).code, 0, "the secrets are the same");
    });
}
