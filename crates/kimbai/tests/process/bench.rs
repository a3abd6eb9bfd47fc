//! `kimbai bench`: what it prints.

use std::process::Command;

use kimbai_postgres_fixture::{Server, Version};
use serde_json::Value;

use crate::BINARY;
use crate::fixture::say;

#[test]
fn a_line_a_case_has_the_documented_members_and_no_errors() {
    let words = "bench --case floor --case refresh --connections 4 --seconds 1 --grants 16";
    let output = Command::new(BINARY).args(words.split(' ')).output().unwrap();
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{stderr}");
    let lines: Vec<&str> = stdout.lines().collect();
    assert_eq!(lines.len(), 2, "{stdout}");
    for (line, case) in lines.into_iter().zip(["floor", "refresh"]) {
        say(line);
        let report: Value = serde_json::from_str(line).unwrap();
        assert_eq!(members(line), MEMBERS, "{line}");
        assert_eq!((&report["case"], &report["errors"]), (&case.into(), &0.into()), "{line}");
        assert!(report["requests"].as_u64() > Some(0), "{line}");
        assert!(report["store_cpu_us"].is_null(), "there is no database process: {line}");
        for number in MEMBERS.iter().filter(|member| !["case", "store_cpu_us"].contains(member)) {
            assert!(report[number].as_f64().is_some_and(|number| number >= 0.0), "{number}: {line}");
        }
    }
}

#[test]
fn servers_on_one_database_are_measured_with_it_once() {
    let newest = *Version::under_test().last().unwrap();
    let database = Server::shared(newest).fresh_database();
    let words = "bench --case refresh --connections 4 --seconds 1 --grants 16 --servers 2 --store";
    let run = || Command::new(BINARY).args(words.split(' ')).arg(database.url()).output().unwrap();
    let output = run();
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{stderr}");
    let report: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!((members(&stdout), &report["errors"]), (MEMBERS.to_vec(), &0.into()), "{stdout}");
    for number in ["requests", "store_cpu_us", "disk_mb"] {
        assert!(report[number].as_f64().is_some_and(|number| number > 0.0), "{number}: {stdout}");
    }
    assert!(report["wal_mb"].is_null(), "the log is not the database's alone: {stdout}");
    let again = run();
    let stderr = String::from_utf8_lossy(&again.stderr);
    assert!(!again.status.success() && again.stdout.is_empty());
    assert!(stderr.contains("the database holds realms already"), "{stderr}");
}

/// The names of a flat object's members, as they stand in it.
fn members(line: &str) -> Vec<&str> {
    line.trim().trim_matches(['{', '}']).split(',').map(|member| member.split('"').nth(1).unwrap()).collect()
}

const MEMBERS: [&str; 15] = [
    "case",
    "requests",
    "requests_per_s",
    "p50_ms",
    "p99_ms",
    "p999_ms",
    "errors",
    "server_cpu_us",
    "store_cpu_us",
    "rss_mb",
    "disk_mb",
    "wal_mb",
    "fdatasync_per_s",
    "disk_mb_max",
    "wal_mb_max",
];
