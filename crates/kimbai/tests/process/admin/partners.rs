//! `kimbai partner`: what it prints, once, and what it never prints.

use super::{Place, each_way};

const REALM: &str = "[realms.tconnect]\nissuer = \"http://localhost:4700\"\ndialect = \"tconnect\"\n";
const KEY: &str = "a0a1a2a3a4a5a6a7a8a9aaabacadaeafb0b1b2b3b4b5b6b7b8b9babbbcbdbebf";

fn in_realm<'a>(words: &[&'a str]) -> Vec<&'a str> {
    [&["partner"], words, &["--realm", "tconnect"]].concat()
}

fn is_key(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[test]
fn a_partner_is_made_listed_given_another_key_and_disabled() {
    each_way(|place: &Place| {
        place.ok_with(&["apply", "--yes", "-"], REALM);
        let printed = place.ok(&in_realm(&["add", "SHOP", "--client-id", "shop", "--name", "Chợ"]));
        let lines: Vec<_> = printed.lines().collect();
        assert_eq!(lines[..3], ["partner_code  SHOP", "client_id     shop", "client_name   Chợ"], "{printed}");
        assert_eq!(lines[9], "Its key was made. It is not shown again:", "{printed}");
        assert!(is_key(lines[10]) && lines[12] == "Its secret was made. It is not shown again:", "{printed}");
        let table = "PARTNER  CLIENT  STATUS   IV         ANSWERS  KEYS\n\
                     SHOP     shop    enabled  prepended  plain    until it is replaced\n";
        assert_eq!(place.ok(&in_realm(&["list"])), table);
        let given = place.json_with(&in_realm(&["rotate-key", "SHOP", "--key", "-"]), &format!("{KEY}\n"));
        assert!(given["key"].is_null() && given["previous_ends"].is_string(), "{given}");
        let listed = place.json(&in_realm(&["list"]));
        assert_eq!(listed[0]["keys_end"], serde_json::json!([null, given["previous_ends"]]));
        let made = place.ok(&in_realm(&["rotate-key", "SHOP", "--overlap", "0s"]));
        assert!(
            made.starts_with("partner SHOP has a new key; the one before ends ")
                && is_key(made.lines().last().unwrap())
        );
        let disabled = place.ok(&in_realm(&["disable", "SHOP"]));
        assert_eq!(disabled, "partner SHOP is disabled; with it ended 0 grants\n");
        assert!(place.ok(&in_realm(&["list"])).contains(" disabled "));
        assert_eq!(place.ok(&in_realm(&["enable", "SHOP"])), "partner SHOP is enabled\n");
        let ascii =
            ["add", "ALSO", "--client-id", "also", "--iv", "zero", "--key-spelling", "ascii", "--encrypted-answers"];
        let also = place.json(&in_realm(&ascii));
        assert_eq!(
            (&also["partner"]["iv"], &also["partner"]["answers"]),
            (&"zero".into(), &"encrypted".into()),
            "{also}"
        );
        assert_eq!(also["key"].as_str().map(str::len), Some(32), "{also}");
        let audit = place.ok(&["audit", "list", "--realm", "tconnect"]);
        assert_eq!(audit.matches("partner_key_rotated").count(), 2, "{audit}");
    });
}

#[test]
fn a_file_that_names_no_key_has_one_made_and_printed_once() {
    let place = Place::with_realm();
    let shop = "[realms.tconnect.clients.shop]\npartner = { partner_code = \"SHOP\" }\n";
    let printed = place.ok_with(&["apply", "--yes", "-"], &format!("{REALM}{shop}"));
    let (_, keys) =
        printed.split_once("\nThese keys of partners' envelopes were made. They are not shown again:\n").unwrap();
    let row: Vec<_> = keys.lines().nth(1).unwrap().split_whitespace().collect();
    assert!(row[..2] == ["tconnect", "SHOP"] && is_key(row[2]), "{printed}");
    place.write("shop.key", &format!("{KEY}\n"));
    let with_key = shop.replace(" }", ", key = \"file:shop.key\" }");
    let planned = place.run_with(&["apply", "--plan", "-"], &format!("{REALM}{with_key}"));
    assert_eq!(
        (planned.code, planned.stdout.as_str()),
        (2, "~ client shop in tconnect\n    partner.key: the one before it works for 86400 s more\n")
    );
    let applied = place.json_with(&["apply", "--yes", "-"], &format!("{REALM}{with_key}"));
    assert!(applied.get("made_keys").is_none(), "{applied}");
    assert!(!place.standing().to_string().contains(KEY));
}

#[test]
fn what_is_no_partner_is_refused_and_a_key_is_not_repeated() {
    let place = Place::with_realm();
    place.ok_with(&["apply", "--yes", "-"], REALM);
    place.write("short.key", "0001\n");
    for (words, code, expect) in [
        (&["add", "SHOP", "--client-id", "shop", "--key", KEY][..], 2, "can be read by every user of this machine"),
        (&["add", "SHOP", "--client-id", "shop", "--key", "file:short.key"], 2, "partner.key: a key is 64"),
        (&["add", "SHOP", "--client-id", "shop", "--key", "file:nowhere.key"], 2, "nowhere.key cannot be read"),
        (&["add", "MỘT", "--client-id", "shop"], 2, "printable ASCII"),
        (&["rotate-key", "SHOP"], 1, "realm tconnect has no partner SHOP"),
        (&["disable", "SHOP"], 1, "realm tconnect has no partner SHOP"),
    ] {
        let said = place.refused(&in_realm(words), code);
        assert!(said.contains(expect) && !said.contains(&KEY[8..]), "{words:?}: {said}");
    }
    let elsewhere = place.refused(&["partner", "add", "SHOP", "--client-id", "shop", "--realm", "main"], 2);
    assert!(elsewhere.contains("need a realm that has partners"), "{elsewhere}");
}
