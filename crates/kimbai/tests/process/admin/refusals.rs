//! What is refused: how it is said, with which status, and that nothing was done.

use std::fmt::Write as _;
use std::fs;

use super::{AN_PASSWORD, Place, WEB_SECRET, each_way};
use crate::fixture::Start;

#[test]
fn an_apply_file_that_is_half_right_changes_nothing_and_every_mistake_is_named() {
    each_way(|place| {
        let before = place.standing();
        place.write(
            "half.toml",
            "[realms.main.clients.good]\nscope = 'orders.read'\n[realms.main.clients.bad]\nscope = 'no.such.scope'\n\
             [realms.main.clients.worse]\ntoken_endpoint_auth_method = 'tea'\n[realms.main.users.short]\npassword = 'short'\n\
             [realms.main.lifetimes]\ncode_s = 601\n[realms.other]\ndialect = 'klingon'\n",
        );
        let error = place.refused(&["apply", "--yes", "half.toml"], 2);
        for mistake in ["realms.main: lifetimes.code_s: ", "realms.other: issuer is missing"] {
            assert!(error.contains(mistake), "{mistake}: {error}");
        }
        let plan = place.run(&["apply", "--plan", "half.toml"]);
        assert_eq!((plan.code, plan.stdout.as_str(), plan.stderr.as_str()), (1, "", error.as_str()));
        place.write(
            "half.toml",
            &fs::read_to_string(place.path().join("half.toml")).unwrap().replace("code_s = 601", "code_s = 60"),
        );
        let error = place.refused(&["apply", "--yes", "half.toml"], 2);
        for mistake in [
            "realms.main.clients.bad: scope: the scope is unknown",
            "realms.main.clients.worse: unknown variant `tea`",
            "realms.main.users.short: password: it has 8 characters at least",
            "realms.other: issuer is missing",
        ] {
            assert!(error.contains(mistake), "{mistake}: {error}");
        }
        assert_eq!(error.lines().filter(|line| line.starts_with("error: realms.")).count(), 4, "{error}");
        assert!(!error.contains("clients.good") && !error.contains("'short'"), "{error}");
        assert_eq!(place.standing(), before);
        place.write("syntax.toml", "[realms.main.clients.good]\nscope = orders.read\n");
        let error = place.refused(&["apply", "--yes", "manifest.toml", "syntax.toml"], 2);
        assert!(error.starts_with("error: syntax.toml:2:9: "), "{error}");
        let error = place.refused(&["apply", "--yes", "manifest.toml", "manifest.toml"], 2);
        assert!(error.contains("realms.main.display_name: manifest.toml gives it too"), "{error}");
        assert_eq!(place.standing(), before);
    });
}

#[test]
fn times_beyond_their_limits_are_named_and_those_at_their_limits_are_applied() {
    let place = Place::new();
    let cases = [
        (
            "lifetimes.access_token_s",
            "2147483647",
            "2147483648",
            "lifetimes.access_token_s: it is at most 2147483647 s",
        ),
        ("lifetimes.retry_confidential_s", "86400", "86401", "lifetimes.retry_confidential_s: a retry gets the same"),
        ("service.access_token_s", "2147483647", "2147483648", "service: a lifetime is at most 2147483647 s"),
        ("service.refresh_absolute_s", "2147483647", "4294967295", "service: a lifetime is at most 2147483647 s"),
        (
            "exchange.retry_s",
            "2592000",
            "2592001",
            "exchange.retry_s: the same pair is given again for at most 2592000",
        ),
        (
            "exchange.legacy_tokens",
            "{ end_at_s = 1000000000 }",
            "{ end_at_s = 604800 }",
            "exchange.legacy_tokens.end_at_s: it is a second since 1970",
        ),
    ];
    let manifest = |value: fn(&(&'static str, &'static str, &'static str, &'static str)) -> &'static str| {
        let mut text = String::new();
        for (number, case) in cases.iter().enumerate() {
            let (key, value) = (case.0, value(case));
            writeln!(text, "[realms.r{number}]\nissuer = 'https://r{number}.test'\ndialect = 'haravan'").unwrap();
            writeln!(text, "host_suffix = '.r{number}.test'\n{key} = {value}").unwrap();
        }
        text
    };
    place.write("beyond.toml", &manifest(|case| case.2));
    let error = place.refused(&["apply", "--yes", "beyond.toml"], 2);
    for (number, (_, _, _, mistake)) in cases.iter().enumerate() {
        assert!(error.contains(&format!("realms.r{number}: {mistake}")), "{mistake}: {error}");
    }
    place.write("at.toml", &manifest(|case| case.1));
    place.ok(&["apply", "--yes", "at.toml"]);
}

#[test]
fn nothing_is_applied_that_nobody_agreed_to() {
    let place = Place::new();
    let error = place.refused(&["apply", "manifest.toml"], 2);
    let expected = "error: nobody can be asked whether to apply: this is not a terminal\n  = give --yes to apply without a question, or \
                    --plan to see what would change\n";
    assert_eq!(error, expected);
    assert_eq!(place.run_with(&["apply", "manifest.toml"], "y\n").code, 2, "a pipe is not a person");
    assert_eq!(place.json(&["export"])["realms"], serde_json::json!({}));
}

#[test]
fn what_is_not_there_or_is_there_already_is_named() {
    each_way(|place| {
        let before = place.standing();
        let (grant, spa) = ("0123456789abcdef", ["--public", "--redirect-uri", "https://a.vn/cb"]);
        let spa = |id: &'static str| [["client", "add", id].as_slice(), &spa].concat();
        for (words, code, expect) in [
            (spa("web"), 1, "realm main has a client web already"),
            (vec!["client", "show", "tea"], 1, "realm main has no client tea"),
            (vec!["client", "rotate-secret", "tea"], 1, "realm main has no client tea"),
            (vec!["client", "disable", "tea"], 1, "realm main has no client tea"),
            (vec!["client", "enable", "tea"], 1, "realm main has no client tea"),
            (vec!["client", "remove", "tea"], 1, "realm main has no client tea"),
            (vec!["user", "add", "an"], 1, "realm main has a user an already"),
            (vec!["user", "passwd", "tea"], 1, "realm main has no user tea"),
            (vec!["user", "disable", "tea"], 1, "realm main has no user tea"),
            (vec!["user", "enable", "tea"], 1, "realm main has no user tea"),
            (vec!["grant", "list", "--user", "tea"], 1, "realm main has no user tea"),
            (vec!["grant", "list", "--client", "tea"], 1, "realm main has no client tea"),
            (vec!["grant", "show", grant], 1, "realm main has no grant 0123456789abcdef"),
            (vec!["grant", "revoke", grant], 1, "realm main has no grant 0123456789abcdef"),
            (vec!["grant", "revoke", "tea"], 2, "\"tea\" is no grant: its id has 16 hex digits"),
            (vec!["audit", "list", "--user", "tea"], 1, "realm main has no user tea"),
        ] {
            let error = place.refused_with(&words, "a fine password", code);
            assert!(error.contains(expect), "{words:?}: {error}");
            assert!(!error.contains(WEB_SECRET) && !error.contains(AN_PASSWORD), "{words:?}: {error}");
        }
        assert_eq!(place.standing(), before);
    });
}

#[test]
fn what_cannot_be_is_named_and_a_secret_in_the_wrong_place_is_not_repeated() {
    each_way(|place| {
        let before = place.standing();
        for (words, code, expect) in [
            (vec!["client", "list", "--realm", "tea"], 1, "no realm tea; there is: main"),
            (vec!["export", "--realm", "tea"], 1, "no realm tea; there is: main"),
            (vec!["client", "add", "x", "--scope", "tea"], 2, "realms.main.clients.x: scope: the scope is unknown"),
            (vec!["client", "add", "xạ", "--scope", "orders.read"], 2, "realms.main.clients.xạ: "),
            (vec!["client", "add", "x", "--public"], 2, "client_credentials needs a secret"),
            (
                vec!["client", "add", "x", "--redirect-uri", "javascript:alert(1)"],
                2,
                "redirect_uris: javascript:alert(1)",
            ),
            (
                vec!["client", "add", "x", "--secret", WEB_SECRET],
                2,
                "--secret: a secret on the command line can be read",
            ),
            (
                vec!["client", "add", "x", "--secret", "env:KIMBAI_TEST_NONE"],
                2,
                "--secret: the variable KIMBAI_TEST_NONE is not set",
            ),
            (vec!["client", "add", "x", "--secret", "file:none"], 2, "--secret: none cannot be read: No such file"),
            (
                vec!["user", "add", "x", "--password", AN_PASSWORD],
                2,
                "--password: a secret on the command line can be read",
            ),
            (
                vec!["client", "add", "x", "--public", "--secret", "-"],
                2,
                "the argument '--public' cannot be used with '--secret",
            ),
            (
                vec!["client", "rotate-secret", "web", "--overlap", "1w"],
                2,
                "write a number and a unit: 90s, 15m, 24h or 7d",
            ),
            (vec!["user", "list", "--limit", "0"], 2, "0 is not in 1..=10000"),
            (vec!["user", "list", "--limit", "10001"], 2, "10001 is not in 1..=10000"),
        ] {
            let error = place.refused_with(&words, "a fine password", code);
            assert!(error.contains(expect), "{words:?}: {error}");
            assert!(!error.contains(WEB_SECRET) && !error.contains(AN_PASSWORD), "{words:?}: {error}");
        }
        for (input, expect) in [("", "standard input is empty"), ("a b\nc d", "standard input has more than one line")]
        {
            assert_eq!(place.refused_with(&["user", "add", "x"], input, 1), format!("error: {expect}\n"));
        }
        let short = place.refused_with(&["user", "passwd", "an"], "bảy chữ", 2);
        assert_eq!(short, "error: password: it has 8 characters at least and 1024 bytes at most\n");
        let short = place.refused_with(&["client", "add", "x", "--secret", "-"], "twenty-one-characters", 2);
        assert!(short.contains("22 characters"), "{short}");
        assert_eq!(place.standing(), before);
    });
}

#[test]
fn among_several_realms_one_must_be_named() {
    each_way(|place| {
        place.ok_with(&["apply", "--yes", "-"], "[realms.second]\nissuer = 'https://second.example.vn'\n");
        for words in [
            ["client", "list"].as_slice(),
            &["client", "show", "web"],
            &["user", "list"],
            &["user", "disable", "an"],
            &["grant", "list"],
            &["audit", "list"],
        ] {
            let error = place.refused(words, 2);
            assert_eq!(error, "error: there are several realms, name one with --realm: main, second\n", "{words:?}");
            place.ok(&[words, &["--realm", "main"]].concat());
        }
        assert_eq!(place.json(&["user", "list", "--realm", "second"]), serde_json::json!([]));
    });
}

#[test]
fn an_empty_store_says_how_to_make_a_realm() {
    let place = Place::new();
    let error = place.refused(&["client", "list"], 1);
    assert_eq!(error, "error: there is no realm yet: make one with `kimbai apply`\n");
}

#[test]
fn a_mistyped_directory_is_not_made_into_a_store() {
    let place = Place::new();
    for words in [
        ["client", "list"].as_slice(),
        &["apply", "--yes", "manifest.toml"],
        &["export"],
        &["backup", "b.db"],
        &["master-key", "rotate"],
    ] {
        let error = place.refused(&[words, &["--data", "kimbai-dta"]].concat(), 1);
        assert!(error.contains("there is no store in kimbai-dta") && error.contains("kimbai serve"), "{error}");
        assert!(!place.path().join("kimbai-dta").exists());
    }
    let error = place.refused(&["client", "list", "--config", "none.toml"], 2);
    assert!(error.starts_with("error: none.toml: cannot be read"), "{error}");
}

#[tokio::test]
async fn a_directory_that_a_sandbox_has_is_left_alone() {
    let place = Place::new();
    let data = place.path().join("sandbox-data");
    let sandbox = Start::new(Some(&data)).start();
    for words in [["user", "list"].as_slice(), &["apply", "--yes", "manifest.toml"], &["backup", "b.db"]] {
        let error = place.refused(&[words, &["--data", "sandbox-data"]].concat(), 1);
        let expected = "error: sandbox-data is in use by a kimbai process that takes no commands: a sandbox, another command, or a server \
                        that is starting or stopping; wait for it, or stop it\n";
        assert_eq!(error, expected);
    }
    sandbox.terminate();
    assert!(sandbox.wait().status.success());
    // What a server that was killed leaves behind is no server.
    drop(std::os::unix::net::UnixListener::bind(data.join("kimbai.sock")).unwrap());
    place.ok(&["user", "list", "--data", "sandbox-data", "--realm", "standard"]);
}
