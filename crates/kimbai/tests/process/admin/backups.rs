//! Backups and what is made of them.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use serde_json::json;

use super::{Place, each_way_embedded};

#[test]
fn a_backup_is_restored_elsewhere_with_everything_in_it() {
    each_way_embedded(|place| {
        let said = place.ok(&["backup", "backup.db"]);
        let file = place.path().join("backup.db");
        let metadata = fs::metadata(&file).unwrap();
        let expected = format!(
            "{}: {} bytes\nThe master key is not in it, and nothing can be read without: it is in {}\n",
            file.display(),
            metadata.len(),
            place.data().join("master.key").display()
        );
        assert_eq!(said, expected);
        assert_eq!(metadata.permissions().mode() & 0o777, 0o600);
        assert_eq!(
            place.json(&["backup", "second.db"]),
            json!({"bytes": fs::metadata(place.path().join("second.db")).unwrap().len()})
        );
        place.ok(&["client", "remove", "web"]);
        let said = place.ok(&["restore", "backup.db", "--data", "elsewhere"]);
        let (head, rest) = said.split_once(" bytes. What came later is lost.\n").unwrap();
        assert!(head.starts_with("elsewhere is the store as of 20"), "{said}");
        let expected = "All grants, sessions and tokens of before have ended: everybody logs in again.\n\
                        Put the master key of that store at elsewhere/master.key now: nothing can be read without it.\n";
        assert_eq!(rest, expected);
        let error = place.refused(&["client", "list", "--data", "elsewhere"], 1);
        assert!(error.contains("elsewhere/master.key is missing"), "{error}");
        fs::copy(place.data().join("master.key"), place.path().join("elsewhere/master.key")).unwrap();
        let list = place.json(&["client", "list", "--data", "elsewhere"]);
        let clients: Vec<_> =
            list.as_array().unwrap().iter().map(|client| client["client_id"].as_str().unwrap()).collect();
        assert_eq!(clients, ["jobs", "web"]);
        assert_eq!(place.run(&["apply", "--plan", "manifest.toml", "--data", "elsewhere"]).code, 0);
    });
}

#[test]
fn a_restore_goes_beside_a_master_key_and_says_the_moment_as_json() {
    each_way_embedded(|place| {
        place.ok(&["backup", "backup.db"]);
        fs::create_dir(place.path().join("elsewhere")).unwrap();
        fs::copy(place.data().join("master.key"), place.path().join("elsewhere/master.key")).unwrap();
        let reply = place.json(&["restore", "backup.db", "--data", "elsewhere"]);
        assert!(
            reply["bytes"].as_u64().unwrap() > 50_000 && reply["moment"].as_str().unwrap().starts_with("20"),
            "{reply}"
        );
        assert_eq!(place.ok(&["user", "list", "--data", "elsewhere"]), place.ok(&["user", "list"]));
    });
}

#[test]
fn what_is_no_whole_backup_or_no_place_for_one_is_refused_and_nothing_is_left() {
    let place = Place::with_realm();
    place.ok(&["backup", "backup.db"]);
    let whole = fs::read(place.path().join("backup.db")).unwrap();
    fs::write(place.path().join("cut.db"), &whole[..whole.len() - 4_096]).unwrap();
    let mut damaged = whole;
    damaged[20_000..30_000].fill(0x5a);
    fs::write(place.path().join("damaged.db"), damaged).unwrap();
    fs::write(place.path().join("foreign.db"), "SQLite format 3\0 and nothing else").unwrap();
    for (file, expect) in [
        ("none.db", "cannot read none.db: is it there"),
        ("cut.db", "cut.db is cut: it has "),
        ("damaged.db", "damaged.db is damaged"),
        ("foreign.db", "foreign.db is no backup of kimbai"),
        ("manifest.toml", "manifest.toml is no backup of kimbai"),
        ("kimbai-data/kimbai.db", "kimbai-data/kimbai.db is a store's own database"),
    ] {
        let error = place.refused(&["restore", file, "--data", "elsewhere"], 1);
        assert!(error.contains(expect), "{file}: {error}");
        assert!(!place.path().join("elsewhere/kimbai.db").exists(), "{file}");
    }
    let before = place.standing();
    let error = place.refused(&["restore", "backup.db"], 1);
    assert!(error.contains("kimbai-data has ") && error.contains("restore into a new directory"), "{error}");
    assert_eq!(place.standing(), before);
    place.ok(&["restore", "backup.db", "--data", "elsewhere"]);
}

#[test]
fn a_backup_overwrites_nothing_and_leaves_nothing_when_it_fails() {
    each_way_embedded(|place| {
        place.write("precious.db", "precious");
        let before = fs::read_dir(place.path()).unwrap().count();
        for (file, expect) in [
            ("precious.db", "precious.db exists already; choose another name"),
            ("no/such/directory.db", "no/such/directory.db"),
            ("kimbai-data", "kimbai-data exists already; choose another name"),
        ] {
            let error = place.refused(&["backup", file], 1);
            assert!(error.contains(expect), "{error}");
        }
        assert_eq!(fs::read_to_string(place.path().join("precious.db")).unwrap(), "precious");
        assert_eq!(fs::read_dir(place.path()).unwrap().count(), before);
    });
}
