//! Signing keys on the command line: what is printed, and that no output and no log holds a private key.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use serde_json::Value;

use super::{Place, each_way};

/// RFC 8410 section 10.3.
const PEM: &str = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n-----END PRIVATE KEY-----\n";

fn list(place: &Place, words: &[&str]) -> Vec<Value> {
    serde_json::from_value(place.json(words)).unwrap()
}

fn of<'a>(keys: &'a [Value], algorithm: &str) -> Vec<(&'a str, &'a str)> {
    let of_algorithm = keys.iter().filter(|key| key["algorithm"] == algorithm);
    of_algorithm.map(|key| (key["kid"].as_str().unwrap(), key["state"].as_str().unwrap())).collect()
}

#[test]
fn keys_are_listed_rotated_retired_and_imported() {
    each_way(|place| {
        let none = "There are no signing keys yet: they are made when the first one is needed.\n";
        assert_eq!(place.ok(&["key", "list"]), none);
        let made = list(place, &["key", "rotate"]);
        assert_eq!(made.iter().map(|key| key["state"].as_str().unwrap()).collect::<Vec<_>>(), ["signing"; 3]);
        let table = place.ok(&["key", "rotate", "--algorithm", "ES256"]);
        let lines: Vec<Vec<&str>> = table.lines().map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(lines[0], ["KID", "ALGORITHM", "STATE", "MADE", "SIGNS", "FROM", "KEPT", "UNTIL"]);
        assert_eq!((lines[3][1], lines[3][2]), ("ES256", "next"));
        assert!(table.ends_with(&format!("ES256 signs with {} from {} on.\n", lines[3][0], lines[3][4])), "{table}");
        let keys = list(place, &["key", "retire", lines[3][0]]);
        assert_eq!(keys, made, "the next one is gone");
        let signing = of(&keys, "EdDSA")[0].0;
        let keys = list(place, &["key", "retire", signing]);
        assert!(of(&keys, "EdDSA").len() == 1 && of(&keys, "EdDSA")[0].0 != signing, "{keys:?}");
        place.write("ed25519.pem", PEM);
        let imported = place.json(&["key", "import", "--key", "file:ed25519.pem", "--at-once"]);
        assert_eq!((&imported["algorithm"], &imported["state"]), (&"EdDSA".into(), &"signing".into()));
        // The next command's clock may be some milliseconds behind.
        let keys =
            (0..100).map(|_| list(place, &["key", "list"])).find(|keys| of(keys, "EdDSA")[1].1 == "signing").unwrap();
        assert_eq!(of(&keys, "EdDSA")[1].0, imported["kid"].as_str().unwrap());
        assert_eq!(of(&keys, "EdDSA")[0].1, "former");
        let keys = list(place, &["key", "rotate", "--emergency"]);
        assert_eq!(keys.iter().map(|key| key["state"].as_str().unwrap()).collect::<Vec<_>>(), ["signing"; 3]);
        assert!(keys.iter().all(|key| !made.contains(key)), "each is a new one");
        let events = place.json(&["audit", "list"]).to_string();
        for event in ["signing_key_imported", "signing_keys_rotated_in_emergency", "signing_key_retired"] {
            assert!(events.contains(event), "{events}");
        }
        assert!(!place.ok(&["export", "--hashes"]).contains("PRIVATE"));
    });
}

#[test]
fn a_key_is_imported_from_standard_input_or_a_variable_and_never_from_the_command_line() {
    each_way(|place| {
        let imported = place.json_with(&["key", "import", "--key", "-"], PEM);
        assert_eq!(imported["state"], "signing", "there was none before it");
        let again = place.refused_with(&["key", "import", "--key", "-"], PEM, 1);
        assert!(again.contains("the realm has this key already"), "{again}");
        let refused = place.refused(&["key", "import", "--key", "MC4CAQAwBQYDK2Vw"], 2);
        assert!(refused.contains("can be read by every user of this machine"), "{refused}");
        assert!(!refused.contains("MC4CAQ"), "{refused}");
        place.write("public.pem", &PEM.replace("PRIVATE", "RSA PRIVATE"));
        let refused = place.refused(&["key", "import", "--key", "file:public.pem"], 2);
        assert!(refused.contains("openssl pkcs8 -topk8 -nocrypt"), "{refused}");
    });
}

#[test]
fn an_unknown_algorithm_or_key_is_refused_with_what_there_is() {
    let place = Place::with_realm();
    assert!(place.refused(&["key", "rotate", "--algorithm", "HS256"], 2).contains("write one of: RS256, ES256, EdDSA"));
    assert!(place.refused(&["key", "retire", "nothing"], 1).contains("realm main has no signing key nothing"));
}

#[test]
fn no_log_of_a_server_holds_a_private_key() {
    let mut place = Place::with_realm();
    place.serve("kimbai-data");
    place.ok_with(&["key", "import", "--key", "-"], PEM);
    place.ok(&["key", "rotate"]);
    let log = place.stop();
    assert!(!log.contains("MC4CAQ") && !log.contains("BEGIN PRIVATE"), "{log}");
}

#[test]
fn a_key_whose_name_begins_with_a_hyphen_is_taken_for_a_name() {
    let place = Place::with_realm();
    for kid in ["-h7lsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs", "--7lsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"] {
        let refused = place.refused(&["key", "retire", kid, "--realm", "main"], 1);
        assert!(refused.contains(&format!("realm main has no signing key {kid}")), "{refused}");
    }
}

/// The names of the keys that a running server publishes.
fn published(place: &Place) -> Vec<String> {
    let mut stream = TcpStream::connect(&place.server.as_ref().unwrap().address).unwrap();
    stream.write_all(b"GET /jwks HTTP/1.1\r\nHost: localhost:4500\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    let set: Value = serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {body}"));
    set["keys"].as_array().unwrap().iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn what_commands_do_is_in_the_jwk_set_of_a_running_server_at_once_and_after_its_restart() {
    let mut place = Place::with_realm();
    place.serve("kimbai-data");
    let kids = |keys: Vec<Value>| keys.iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect::<Vec<_>>();
    let sorted = |mut kids: Vec<String>| {
        kids.sort();
        kids
    };
    let first = published(&place);
    assert_eq!((first.len(), sorted(first.clone())), (3, sorted(kids(list(&place, &["key", "list"])))));
    for (words, expect) in [(vec!["key", "rotate"], 6), (vec!["key", "rotate", "--emergency"], 3)] {
        let told = kids(list(&place, &words));
        assert_eq!((told.len(), sorted(published(&place))), (expect, sorted(told)));
    }
    let last = published(&place);
    assert!(first.iter().all(|kid| !last.contains(kid)));
    place.stop();
    let alone = kids(list(&place, &["key", "rotate", "--algorithm", "EdDSA"]));
    place.serve("kimbai-data");
    assert_eq!((alone.len(), sorted(published(&place))), (4, sorted(alone)));
}
