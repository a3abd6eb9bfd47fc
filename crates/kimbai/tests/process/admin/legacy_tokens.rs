//! Legacy tokens of shops: made known by a file or one by one, listed, ended; none of them is in any output, log or store.

use std::fs;

use serde_json::Value;

use super::{Place, each_way};

const SHOPS: &str = r#"
[realms.shops]
issuer = "http://localhost:4598"
dialect = "haravan"

[realms.shops.organizations.demo-shop]
org_id = "200000001001"

[realms.shops.organizations.other-shop]
org_id = "200000001002"

[realms.shops.clients.app]
redirect_uris = ["http://localhost:8080/callback"]
scope = "openid profile email org userinfo grant_service"
client_secret = "env:KIMBAI_TEST_WEB_SECRET"

[realms.shops.clients.other]
redirect_uris = ["http://localhost:8080/callback"]
scope = "openid profile email org userinfo grant_service"
client_secret = "env:KIMBAI_TEST_WEB_SECRET"

[realms.shops.clients.page]
redirect_uris = ["http://localhost:8080/callback"]
scope = "openid profile email org userinfo grant_service"
token_endpoint_auth_method = "none"

[realms.shops.users.binh]
password = "file:an.password"
memberships = { demo-shop = [] }

[realms.shops.users.chi]
password = "file:an.password"
memberships = { demo-shop = ["admin"], other-shop = ["admin"] }
"#;

const FIRST: &str = "legacy-not-a-secret-1";
const SECOND: &str = "legacy-not-a-secret-2";
const AT: [&str; 2] = ["--realm", "shops"];

fn with_shops(place: &Place) {
    place.write("shops.toml", SHOPS);
    place.ok(&["apply", "--yes", "shops.toml"]);
}

fn listed(place: &Place, shop: &str) -> Vec<Value> {
    place.json(&[&["legacy-token", "list", shop], &AT[..]].concat()).as_array().unwrap().clone()
}

#[test]
fn an_import_says_what_cannot_be_exchanged_and_refuses_what_never_could() {
    each_way(|place| {
        with_shops(place);
        place.write("tokens.txt", &format!("demo-shop app chi {FIRST}\ndemo-shop app binh {SECOND}\n"));
        let import = [&["legacy-token", "import", "tokens.txt"], &AT[..]].concat();
        let said = "1 legacy token may be exchanged\n1 legacy token may not: it has ended, or its user may not give what \
                    it asks for\n";
        assert_eq!(place.ok(&import), said, "binh is no admin");
        place.ok(&[&["legacy-token", "end", "--shop", "demo-shop"], &AT[..]].concat());
        for words in [import.clone(), [&import[..], &["--revive"]].concat()] {
            let said = place.ok(&words);
            assert!(said.starts_with("0 legacy tokens may be exchanged\n2 legacy tokens may not:"), "{said}");
        }
        for (line, expect) in [
            ("demo-shop app chi đây", "line 1: a legacy token is 1 to 4096 visible characters of ASCII"),
            ("demo-shop page chi token", "line 1: the client is public"),
        ] {
            place.write("tokens.txt", line);
            let said = place.refused(&import, 2);
            assert!(said.contains(expect), "{said}");
        }
    });
}

#[test]
fn legacy_tokens_are_imported_listed_and_ended() {
    each_way(|place| {
        with_shops(place);
        place.write(
            "tokens.txt",
            &format!("# shop client_id user token\n\ndemo-shop app chi {FIRST}\nother-shop app chi {SECOND}\n"),
        );
        let import = [&["legacy-token", "import", "tokens.txt"], &AT[..]].concat();
        for _ in 0..2 {
            assert_eq!(place.ok(&import), "2 legacy tokens may be exchanged\n");
        }
        let more = [
            &["legacy-token", "add", "--shop", "demo-shop", "--client", "app", "--user", "chi", "--token", "-"],
            &AT[..],
        ];
        assert_eq!(place.ok_with(&more.concat(), "third\n"), "1 legacy token may be exchanged\n");
        let demo = listed(place, "demo-shop");
        assert_eq!((demo.len(), listed(place, "other-shop").len()), (2, 1));
        let first = &demo[0];
        assert_eq!((first["client_id"].as_str(), first["username"].as_str()), (Some("app"), Some("chi")));
        assert!(first["works"] == true && first["exchanges"] == 0 && first["ends"].is_null());
        let digest = first["token"].as_str().unwrap();
        assert_eq!(
            place.ok(&[&["legacy-token", "end", digest], &AT[..]].concat()),
            format!("legacy token {digest} has ended\n")
        );
        place.ok(&import);
        let ended = &listed(place, "demo-shop")[0];
        assert!(ended["works"] == false && ended["ends"].is_string(), "an import brings none back: {ended}");
        let after = [&["legacy-token", "list", "demo-shop", "--after", digest], &AT[..]].concat();
        assert!(place.ok(&after).lines().count() == 2);
        let end = |more: &[&str]| place.ok(&[&["legacy-token", "end", "--shop", "demo-shop"], more, &AT[..]].concat());
        assert_eq!(end(&["--client", "other"]), "0 legacy tokens ended\n");
        assert_eq!(end(&["--client", "app"]), "1 legacy token ended\n");
        assert_eq!(end(&[]), "0 legacy tokens ended\n");
        assert!(listed(place, "demo-shop").iter().all(|token| token["works"] == false));
        assert_eq!(listed(place, "other-shop")[0]["works"], true);
    });
}

#[test]
fn an_import_brings_back_what_a_disabled_user_took_along_only_where_it_is_told_to() {
    each_way(|place| {
        with_shops(place);
        place.write("tokens.txt", &format!("demo-shop app chi {FIRST}\ndemo-shop app chi {SECOND}\n"));
        let import = |more: &[&str]| place.ok(&[&["legacy-token", "import", "tokens.txt"], more, &AT[..]].concat());
        let works = || listed(place, "demo-shop").iter().map(|token| token["works"] == true).collect::<Vec<_>>();
        import(&[]);
        let ended = listed(place, "demo-shop")[0]["token"].as_str().unwrap().to_owned();
        place.ok(&[&["legacy-token", "end", &ended], &AT[..]].concat());
        place.ok(&[&["user", "disable", "chi"], &AT[..]].concat());
        place.ok(&[&["user", "enable", "chi"], &AT[..]].concat());
        import(&[]);
        assert_eq!(works(), [false, false]);
        import(&["--revive"]);
        assert_eq!(works(), [false, true], "what was ended by itself stays ended");
    });
}

#[test]
fn what_cannot_be_imported_is_named_by_its_line_and_not_repeated() {
    let place = Place::with_realm();
    with_shops(&place);
    let import = |content: String, code| {
        place.write("tokens.txt", &content);
        place.refused(&[&["legacy-token", "import", "tokens.txt"], &AT[..]].concat(), code)
    };
    let good = format!("demo-shop app chi {FIRST}\n");
    for (line, code, expect) in [
        (format!("{FIRST} app chi demo-shop"), 2, "line 3: there is no such shop"),
        (format!("demo-shop {FIRST} chi app"), 2, "line 3: there is no such client"),
        (format!("demo-shop app {FIRST} chi"), 2, "line 3: there is no such user"),
        (format!("demo-shop app chi {}", "x".repeat(4_097)), 2, "line 3: a legacy token is 1 to 4096"),
        (format!("demo-shop app {SECOND}"), 1, "line 3"),
    ] {
        let said = import(format!("# remark\n{good}{line}\n"), code);
        assert!(said.contains(expect) && !said.contains("not-a-secret"), "{said}");
        assert!(listed(&place, "demo-shop").is_empty(), "all of a slice or none");
    }
    place.write("tokens.txt", &good);
    place.ok(&[&["legacy-token", "import", "tokens.txt"], &AT[..]].concat());
    let said = import(format!("other-shop app chi {FIRST}\n"), 2);
    assert!(said.contains("line 1: the token is known as that of another shop"), "{said}");
    for entry in fs::read_dir(place.data()).unwrap() {
        let bytes = fs::read(entry.unwrap().path()).unwrap_or_default();
        assert!(!bytes.windows(FIRST.len()).any(|window| window == FIRST.as_bytes()), "a token is stored");
    }
    for (digest, code) in [("x", 2), ("00112233445566778899aabbccddeeff", 1)] {
        place.refused(&[&["legacy-token", "end", digest], &AT[..]].concat(), code);
    }
    // Who gives the token itself is not shown it again.
    let said = place.refused(&[&["legacy-token", "end", FIRST], &AT[..]].concat(), 2);
    assert!(said.contains("this has 21 characters") && !said.contains(FIRST), "{said}");
    let both = ["legacy-token", "end", "00112233445566778899aabbccddeeff", "--shop", "demo-shop"];
    for wrong in [&both[..], &["legacy-token", "end"], &["legacy-token", "end", "--client", "app"]] {
        place.refused(wrong, 2);
    }
    place.refused(&[&["legacy-token", "list", "nowhere"], &AT[..]].concat(), 1);
}

#[test]
fn more_than_a_slice_is_imported_in_slices_and_mistakes_keep_their_lines() {
    let place = Place::with_realm();
    with_shops(&place);
    let mut lines: Vec<String> = (0..1_100).map(|number| format!("demo-shop app chi token-{number}")).collect();
    place.write("tokens.txt", &lines.join("\n"));
    let import = [&["legacy-token", "import", "tokens.txt"], &AT[..]].concat();
    assert_eq!(place.ok(&import), "1100 legacy tokens may be exchanged\n");
    lines[1_050] = "demo-shop app nobody token".to_owned();
    place.write("tokens.txt", &lines.join("\n"));
    assert!(place.refused(&import, 2).contains("line 1051: there is no such user"));
    let all = place.json(&[&["legacy-token", "list", "demo-shop", "--limit", "10000"], &AT[..]].concat());
    assert_eq!(all.as_array().unwrap().len(), 1_100);
}
