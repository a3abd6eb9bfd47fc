//! From an empty store to clients and users that come and go: what each command prints, for a person and as JSON.

use serde_json::{Value, json};

use super::{AN_PASSWORD, Place, WEB_SECRET, each_way};

#[test]
fn a_manifest_is_planned_applied_once_and_then_there_is_nothing_to_do() {
    let place = Place::new();
    let planned = place.run(&["apply", "--plan", "manifest.toml"]);
    let plan = "+ realm main\n+ client jobs in main\n+ client web in main\n+ user an in main\n";
    assert_eq!((planned.code, planned.stdout.as_str(), planned.stderr.as_str()), (2, plan, ""));
    let planned = place.run(&["apply", "--plan", "manifest.toml", "--json"]);
    let steps: Value = serde_json::from_str(&planned.stdout).unwrap();
    let step =
        |kind: &str, name: &str| json!({"action": "add", "kind": kind, "realm": "main", "name": name, "changes": []});
    let all = json!([step("realm", "main"), step("client", "jobs"), step("client", "web"), step("user", "an")]);
    assert_eq!((planned.code, steps), (2, all));
    let applied = place.ok(&["apply", "--yes", "manifest.toml"]);
    let (done, made) = applied.strip_prefix(plan).unwrap().split_once("\n\n").unwrap();
    assert_eq!(done, "Done: 4 added, 0 changed, 0 removed.");
    let lines: Vec<_> = made.lines().collect();
    assert_eq!(lines[..2], ["These client secrets were made. They are not shown again:", "REALM  CLIENT  SECRET"]);
    let words: Vec<_> = lines[2].split_whitespace().collect();
    assert_eq!((words[..2].to_vec(), words[2].len(), lines.len()), (vec!["main", "jobs"], 43, 3));
    assert_eq!(place.ok(&["apply", "--yes", "manifest.toml"]), "Nothing to do: everything is as the files say.\n");
    assert_eq!(place.ok(&["apply", "--plan", "manifest.toml"]), "Nothing to do: everything is as the files say.\n");
    assert_eq!(place.json(&["apply", "--plan", "manifest.toml"]), json!([]));
    assert_eq!(place.json(&["apply", "--yes", "manifest.toml"]), json!({"steps": [], "made_secrets": []}));
}

#[test]
fn a_change_names_its_keys_with_what_was_and_will_be_but_no_secret() {
    each_way(|place| {
        place.write(
            "changes.toml",
            "[realms.main.lifetimes]\ncode_s = 30\n[realms.main.clients.web]\nclient_secret = 'another-secret-of-22-characters'\n\
             client_name = 'Chợ'\n[realms.main.users.an]\npassword = 'another password'\ndisabled = true\n",
        );
        place.write("more.json", "{\"realms\": {\"main\": {\"clients\": {\"jobs\": {\"disabled\": true}}}}}");
        let expected = "~ realm main\n    lifetimes.code_s: 60 -> 30\n~ client jobs in main\n    disabled: false -> true\n\
                        ~ client web in main\n    client_name: \"Chợ Quê trên mạng\" -> \"Chợ\"\n    client_secret\n~ user an in main\n    \
                        password\n    disabled: false -> true\n";
        let planned = place.run(&["apply", "--plan", "changes.toml", "more.json"]);
        assert_eq!((planned.code, planned.stdout.as_str(), planned.stderr.as_str()), (2, expected, ""));
        let applied = place.ok(&["apply", "--yes", "changes.toml", "more.json"]);
        assert_eq!(applied, format!("{expected}Done: 0 added, 4 changed, 0 removed.\n"));
        assert_eq!(place.run(&["apply", "--plan", "changes.toml", "more.json"]).code, 0);
        place.write("less.toml", "[realms.main.clients.web]\n");
        assert_eq!(place.run(&["apply", "--plan", "less.toml"]).code, 0, "what is not named stays");
        let pruned = place.ok(&["apply", "--yes", "--prune", "less.toml"]);
        assert_eq!(pruned, "- client jobs in main\nDone: 0 added, 0 changed, 1 removed.\n");
    });
}

#[test]
fn what_is_exported_changes_nothing_when_it_is_applied_and_makes_the_same_elsewhere() {
    each_way(|place| {
        place.write(
            "more.toml",
            "[realms.main]\npkce = 'optional'\n[realms.main.lifetimes]\ncode_s = 30\n[realms.main.clients.spa]\n\
             token_endpoint_auth_method = 'none'\nredirect_uris = ['https://app.example.vn/cb']\nlifetimes = { retry_s = 10 }\n\
             disabled = true\n[realms.main.users.'bình.minh@example.vn']\npassword = 'bình minh 123'\ndisabled = true\n\
             [realms.second]\nissuer = 'https://second.example.vn'\ndialect = 'marketplace'\n",
        );
        place.ok(&["apply", "--yes", "more.toml"]);
        for (format, hashes) in [("toml", ""), ("toml", "--hashes"), ("json", ""), ("json", "--hashes")] {
            let words: Vec<_> =
                ["export", "--format", format, hashes].into_iter().filter(|word| !word.is_empty()).collect();
            let exported = place.ok(&words);
            assert!(!exported.contains(WEB_SECRET) && !exported.contains(AN_PASSWORD));
            assert_eq!(exported.contains("hash:") && exported.contains("$argon2id$"), !hashes.is_empty());
            let again = place.ok_with(&["apply", "--plan", "-"], &exported);
            assert_eq!(again, "Nothing to do: everything is as the files say.\n", "{exported}");
            let elsewhere = Place::new();
            if !hashes.is_empty() {
                // A hash of a client's secret fits the keys that made it: taken elsewhere, the client could never authenticate.
                let refused = elsewhere.run_with(&["apply", "--yes", "-"], &exported);
                assert!(refused.code == 2 && refused.stderr.contains("fits no secret here"), "{refused:?}");
                continue;
            }
            let applied: Value = elsewhere.json_with(&["apply", "--yes", "-"], &exported);
            assert_eq!(applied["made_secrets"].as_array().unwrap().len(), 2);
            assert_eq!(elsewhere.ok(&["export", "--format", format]), place.ok(&["export", "--format", format]));
        }
        let one = place.json(&["export", "--realm", "second"]);
        assert_eq!(one["realms"].as_object().unwrap().keys().collect::<Vec<_>>(), ["second"]);
        assert_eq!(
            place.ok(&["export", "--realm", "second", "--format", "json"]),
            place.ok(&["export", "--realm", "second", "--json"])
        );
    });
}

#[test]
fn what_has_no_value_is_exported_and_applied_in_both_forms() {
    each_way(|place| {
        let endless = "[realms.main]\nunset = ['lifetimes.refresh_idle_s']\n[realms.main.clients.web]\nunset = ['client_uri']\n\
                       logo_uri = 'https://example.vn/logo.png'\n";
        let applied = place.ok_with(&["apply", "--yes", "-"], endless);
        assert!(applied.contains("lifetimes.refresh_idle_s: 2592000 -> null\n"), "{applied}");
        for format in ["toml", "json"] {
            let exported = place.ok(&["export", "--format", format]);
            assert_eq!(place.run_with(&["apply", "--plan", "-"], &exported).code, 0, "{exported}");
        }
        let applied = place.ok_with(&["apply", "--yes", "-"], "[realms.main.clients.web]\nunset = ['logo_uri']\n");
        assert!(applied.contains("logo_uri: \"https://example.vn/logo.png\" -> null\n"), "{applied}");
    });
}

#[test]
fn users_are_made_listed_in_slices_given_passwords_disabled_and_enabled() {
    each_way(|place| {
        let add = ["user", "add", "Bình", "--name", "Nguyễn Hòa Bình", "--email", "binh@example.vn", "--sub", "2"];
        let added = place.ok_with(&add, "bình minh 123\n");
        let expected =
            "username  bình\nsub       2\nname      Nguyễn Hòa Bình\nemail     binh@example.vn\nstatus    enabled\n";
        assert_eq!(added, expected);
        place.write("chi.password", "quỳnh chi 123");
        let chi = place.json(&["user", "add", "chi", "--password", "file:chi.password"]);
        assert_eq!((&chi["user"]["name"], &chi["user"]["email"]), (&json!("chi"), &Value::Null));
        assert_eq!(chi["user"]["sub"].as_str().unwrap().len(), 32);
        let list = place.ok(&["user", "list", "--limit", "2"]);
        let expected = "\
USER  STATUS   SUB  EMAIL            NAME
an    enabled  1    an@example.vn    Đặng Thị Ngọc Ảnh
bình  enabled  2    binh@example.vn  Nguyễn Hòa Bình
There may be more: --after bình
";
        assert_eq!(list, expected);
        let rest: Vec<Value> = serde_json::from_value(place.json(&["user", "list", "--after", "bình"])).unwrap();
        assert_eq!(rest, [chi["user"].clone()]);
        let changed = place.ok_with(&["user", "passwd", "chi"], "another password\n");
        assert_eq!(changed, "user chi has a new password; all browser sessions of the user ended, grants go on\n");
        assert_eq!(place.json_with(&["user", "passwd", "chi", "--password", "-"], "yet another one"), Value::Null);
        let disabled = place.ok(&["user", "disable", "chi"]);
        assert_eq!(disabled, "user chi is disabled; with it ended 0 grants and all browser sessions\n");
        assert_eq!(place.json(&["user", "disable", "an"])["status"], "disabled");
        assert_eq!(place.ok(&["user", "enable", "chi"]), "user chi is enabled\n");
        assert_eq!(place.json(&["user", "enable", "an"])["status"], "enabled");
    });
}

#[test]
fn what_was_done_is_audited_and_can_be_asked_for_by_who_and_when() {
    each_way(|place| {
        place.ok(&["client", "disable", "web"]);
        place.ok(&["user", "disable", "an"]);
        let events = |words: &[&str]| -> Vec<String> {
            let lines = place.json(&[&["audit", "list"], words].concat());
            lines.as_array().unwrap().iter().map(|line| line["event"].as_str().unwrap().to_owned()).collect()
        };
        let all = events(&["--since", "1h"]);
        let newest = events(&["--limit", "1"]);
        if place.database.is_none() {
            assert_eq!(all, ["user_disabled", "client_disabled", "applied"]);
            assert_eq!(newest, ["user_disabled"]);
        } else {
            // Commands that work on the database themselves reckon its time, each for itself: milliseconds apart on a busy machine.
            let mut sorted = all.clone();
            sorted.sort_unstable();
            assert_eq!(sorted, ["applied", "client_disabled", "user_disabled"]);
            assert_eq!(newest, all[..1]);
        }
        assert_eq!(events(&["--user", "an"]), ["user_disabled"]);
        assert_eq!(events(&["--client", "web"]), ["client_disabled"]);
        assert_eq!(events(&["--grant", "0123456789abcdef"]), [""; 0]);
        let table = place.ok(&["audit", "list"]);
        let lines: Vec<Vec<&str>> = table.lines().map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(lines[0], ["AT", "EVENT", "USER", "CLIENT", "GRANT", "SOURCE"]);
        assert_eq!(lines[1][1..], ["user_disabled", "an", "-", "-", "-"]);
        assert_eq!(lines[2][1..], ["client_disabled", "-", "web", "-", "-"]);
    });
}
