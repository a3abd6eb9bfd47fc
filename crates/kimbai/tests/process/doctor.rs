//! `kimbai doctor`: on a new machine, beside a server, and with what is wrong.

use std::fs::{self, Permissions};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::BINARY;
use crate::fixture::Start;

#[test]
fn a_machine_on_which_nothing_was_started_is_sound() {
    let place = tempfile::tempdir().unwrap();
    let (code, stdout, stderr) = doctor(place.path(), &[]);
    assert_eq!((code, stderr.as_str()), (0, ""), "{stdout}");
    let names: Vec<_> = stdout.lines().map(|line| line.get(9..23).unwrap().trim_end()).collect();
    let expect = [
        "configuration",
        "data",
        "master key",
        "server",
        "realms",
        "disk space",
        "disk flush",
        "clock",
        "certificate",
        "address",
        "address",
    ];
    assert_eq!(names, expect, "{stdout}");
    assert_eq!(fs::read_dir(place.path()).unwrap().count(), 1, "the doctor makes nothing");
}

#[tokio::test]
async fn a_running_server_is_seen_and_not_disturbed_and_its_open_files_are_a_problem() {
    let place = tempfile::tempdir().unwrap();
    let data = place.path().join("kimbai-data");
    let sandbox = Start::new(Some(&data)).start();
    let (code, checks) = checks(place.path());
    assert_eq!(code, 0, "{checks}");
    assert_eq!(checks["server"]["found"], "is running with this data");
    for name in ["data", "master key"] {
        let found = checks[name]["found"].as_str().unwrap();
        assert!(found.contains("their owner's alone") || found.contains("its owner's alone"), "{found}");
    }
    sandbox.terminate();
    assert!(sandbox.wait().status.success());
    fs::set_permissions(data.join("master.key"), Permissions::from_mode(0o644)).unwrap();
    let (code, checks) = self::checks(place.path());
    assert_eq!((code, &checks["server"]["found"]), (1, &Value::from("is not running with this data")));
    for name in ["data", "master key"] {
        assert_eq!(checks[name]["verdict"], "problem", "{checks}");
        assert!(checks[name]["advice"].as_str().unwrap().starts_with("chmod 600 "), "{checks}");
    }
}

#[test]
fn a_taken_address_and_a_wrong_configuration_are_problems() {
    let place = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    fs::write(place.path().join("kimbai.toml"), format!("[listen]\npublic = '{address}'\noperator = ''\n")).unwrap();
    let (code, stdout, _) = run(place.path(), &[]);
    assert_eq!(code, 1);
    let expect = format!("problem  address        {address} is taken by another program\n");
    assert!(stdout.contains(&expect), "{stdout}");
    fs::write(place.path().join("kimbai.toml"), "[listen]\npublik = ''\n").unwrap();
    let (code, stdout, _) = run(place.path(), &[]);
    assert_eq!(code, 1);
    assert!(stdout.starts_with("problem  configuration  kimbai.toml:2:1: unknown key `listen.publik`\n"), "{stdout}");
}

/// By name; of two addresses, the last.
fn checks(place: &Path) -> (i32, Value) {
    let (code, stdout, _) = doctor(place, &["--json"]);
    let document: Value = serde_json::from_str(&stdout).unwrap();
    let checks = document["checks"].as_array().unwrap().iter();
    (code, checks.map(|check| (check["name"].as_str().unwrap().to_owned(), check.clone())).collect())
}

/// With addresses that are free.
fn doctor(place: &Path, words: &[&str]) -> (i32, String, String) {
    let free = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    let [public, operator] = free.map(|listener| listener.local_addr().unwrap());
    fs::write(place.join("kimbai.toml"), format!("[listen]\npublic = '{public}'\noperator = '{operator}'\n")).unwrap();
    run(place, words)
}

fn run(place: &Path, words: &[&str]) -> (i32, String, String) {
    let mut command = Command::new(BINARY);
    let output = command.current_dir(place).arg("doctor").args(words).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}
