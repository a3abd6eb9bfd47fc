//! What is asked on a terminal, which `script` plays.

use std::io::Write as _;
use std::process::Output;

use super::Place;

/// Runs a command on a terminal and types this; what the terminal showed.
fn on_terminal(place: &Place, words: &str, variables: &[(&str, &str)], typed: &str) -> (i32, String) {
    let mut command = place.command("script");
    let line = format!("{} {words}", crate::BINARY);
    command.args(["--quiet", "--return", "--echo", "never", "--command", &line, "/dev/null"]);
    let mut child = command.envs(variables.iter().copied()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(typed.as_bytes()).unwrap();
    let Output { status, stdout, .. } = child.wait_with_output().unwrap();
    (status.code().unwrap(), String::from_utf8(stdout).unwrap().replace("\r\n", "\n"))
}

#[test]
fn apply_shows_the_plan_in_colours_and_does_what_was_agreed_to() {
    let place = Place::new();
    for (typed, is_agreed) in [("n\n", false), ("\n", false), ("yess\n", false), ("y\n", true)] {
        let (code, shown) = on_terminal(&place, "apply manifest.toml", &[], typed);
        assert!(
            shown.starts_with("\u{1b}[32m+ realm main\u{1b}[0m\n\u{1b}[32m+ client jobs in main\u{1b}[0m\n"),
            "{shown:?}"
        );
        assert!(shown.contains("Apply these 4 changes? [y/N] "), "{shown:?}");
        assert_eq!(code, i32::from(!is_agreed), "{shown}");
        assert_eq!(shown.contains("nothing was changed"), !is_agreed, "{shown:?}");
        assert_eq!(shown.contains("Done: 4 added, 0 changed, 0 removed."), is_agreed, "{shown:?}");
    }
    assert_eq!(place.run(&["apply", "--plan", "manifest.toml"]).code, 0);
}

#[test]
fn no_color_is_heeded() {
    let place = Place::new();
    let (code, shown) = on_terminal(&place, "apply --plan manifest.toml", &[("NO_COLOR", "1")], "");
    assert_eq!(code, 2);
    assert!(shown.starts_with("+ realm main\n") && !shown.contains('\u{1b}'), "{shown:?}");
}

#[test]
fn a_password_is_asked_for_twice_and_not_shown() {
    let place = Place::with_realm();
    for (typed, code, expect) in [
        ("first password\nother password\n", 1, "these are two different passwords; nothing was changed"),
        ("first password\nfirst password\n", 0, "username  binh"),
    ] {
        let (ended, shown) = on_terminal(&place, "user add binh", &[], typed);
        assert_eq!(ended, code, "{shown}");
        assert!(
            shown.contains("New password for binh: ") && shown.contains("Again: ") && shown.contains(expect),
            "{shown:?}"
        );
        assert!(!shown.contains("first password"), "{shown:?}");
    }
}
