//! What the command line says of itself: completions, manual pages, help.

use std::collections::BTreeSet;
use std::fs;
use std::process::{Command, Output, Stdio};

use crate::BINARY;

const GROUPS: [&str; 10] =
    ["apply", "export", "client", "user", "grant", "audit", "backup", "restore", "migrate", "copy"];

#[test]
fn completions_are_made_for_each_shell_and_bash_takes_them() {
    for shell in ["bash", "zsh", "fish"] {
        let script = run(&["completions", shell]);
        for word in GROUPS.iter().chain(&["rotate-secret", "master-key", "serve", "sandbox"]) {
            assert!(script.contains(word), "{shell}: {word}");
        }
        assert!(!script.contains("bench-server"), "{shell}: it is for `bench` alone");
    }
    let script = run(&["completions", "bash"])
        + "\nCOMP_WORDS=(kimbai client ro); COMP_CWORD=2; _kimbai kimbai ro client; echo \"${COMPREPLY[@]}\"\n";
    let place = tempfile::tempdir().unwrap();
    let file = place.path().join("completions.bash");
    fs::write(&file, script).unwrap();
    let Output { status, stdout, stderr } =
        Command::new("bash").arg("-eu").arg(&file).stdin(Stdio::null()).output().unwrap();
    assert!(status.success() && stderr.is_empty(), "{}", String::from_utf8_lossy(&stderr));
    assert_eq!(String::from_utf8(stdout).unwrap(), "rotate-secret\n");
}

#[test]
fn the_manual_has_a_page_for_each_command_with_its_examples() {
    let place = tempfile::tempdir().unwrap();
    let pages = place.path().join("new/pages");
    assert_eq!(run(&["man", pages.to_str().unwrap()]), "");
    let names: BTreeSet<_> =
        fs::read_dir(&pages).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    for name in [
        "kimbai.1",
        "kimbai-apply.1",
        "kimbai-client-rotate-secret.1",
        "kimbai-master-key-rotate.1",
        "kimbai-migrate.1",
        "kimbai-copy.1",
    ] {
        assert!(names.contains(name), "{name}: {names:?}");
    }
    assert!(
        names.len() > 30 && !names.iter().any(|name| name.contains("help") || name.contains("bench-server")),
        "{names:?}"
    );
    let page = fs::read_to_string(pages.join("kimbai-client-rotate-secret.1")).unwrap();
    assert!(page.contains("kimbai client rotate\\-secret web"), "{page}");
    let again = Command::new(BINARY).args(["man", "/proc/nowhere"]).output().unwrap();
    assert_eq!(again.status.code(), Some(1));
    assert!(String::from_utf8(again.stderr).unwrap().starts_with("error: cannot write into /proc/nowhere: "));
}

#[test]
fn help_says_the_exit_statuses_once() {
    assert!(run(&["--help"]).contains("Exit status: 0 when"));
    for group in GROUPS {
        let help = run(&[group, "--help"]);
        assert!(help.contains(&format!("Usage: kimbai {group}")) && !help.contains("Exit status: 0 when"), "{help}");
    }
}

fn run(words: &[&str]) -> String {
    let Output { status, stdout, stderr } = Command::new(BINARY).args(words).output().unwrap();
    assert!(status.success() && stderr.is_empty(), "{words:?}: {}", String::from_utf8_lossy(&stderr));
    String::from_utf8(stdout).unwrap()
}
