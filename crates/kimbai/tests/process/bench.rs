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
fn cases_of_openid_connect_and_the_log_in_are_answered_rightly() {
    let cases = ["code_es256", "refresh_eddsa", "refresh_rs256", "userinfo", "discovery", "jwks", "login"];
    let chosen = cases.iter().flat_map(|case| ["--case", case]);
    let words = "bench --connections 6 --seconds 1 --grants 12";
    let output = Command::new(BINARY).args(words.split(' ')).args(chosen).output().unwrap();
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{stderr}");
    let reports: Vec<Value> = stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(reports.iter().map(|report| report["case"].as_str().unwrap()).collect::<Vec<_>>(), cases);
    for report in &reports {
        assert_eq!(report["errors"], 0, "{report}");
        assert!(report["requests"].as_u64() > Some(0), "{report}");
    }
    assert!(stderr.contains("minted 12 of 12 grants"), "each app has as many: {stderr}");
}

#[test]
fn cases_of_partners_are_answered_rightly() {
    let words = "bench --realm tconnect --connections 6 --seconds 1 --grants 12";
    let output = Command::new(BINARY).args(words.split(' ')).output().unwrap();
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{stderr}");
    let reports: Vec<Value> = stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let cases = ["floor", "refresh", "refresh_eddsa", "login", "wrong_envelope"];
    assert_eq!(reports.iter().map(|report| report["case"].as_str().unwrap()).collect::<Vec<_>>(), cases);
    for report in &reports {
        assert_eq!(report["errors"], 0, "{report}");
        assert!(report["requests"].as_u64() > Some(0), "{report}");
    }
}

#[test]
fn exchanges_of_legacy_tokens_are_answered_rightly_and_a_repeated_one_with_the_same_pair() {
    let cases = ["refresh", "exchange", "exchange_retry", "legacy_lookup"];
    let chosen = cases.iter().flat_map(|case| ["--case", case]);
    let words = "bench --realm haravan --connections 4 --seconds 1 --grants 8 --legacy-tokens 40000";
    let output = Command::new(BINARY).args(words.split(' ')).args(chosen).output().unwrap();
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{stderr}");
    let reports: Vec<Value> = stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(reports.iter().map(|report| report["case"].as_str().unwrap()).collect::<Vec<_>>(), cases);
    for report in &reports {
        assert_eq!(report["errors"], 0, "{report}");
        assert!(report["requests"].as_u64() > Some(0), "{report}");
    }
}

#[test]
fn an_exchange_without_a_legacy_token_that_is_new_is_an_error_and_says_what_to_do() {
    let words = "bench --realm haravan --case exchange --connections 1 --seconds 1 --grants 1 --legacy-tokens";
    let run = |legacy_tokens: &str| Command::new(BINARY).args(words.split(' ')).arg(legacy_tokens).output().unwrap();
    for (legacy_tokens, expect) in
        [("2", "all legacy tokens were exchanged: give more with --legacy-tokens"), ("1", "--legacy-tokens")]
    {
        let output = run(legacy_tokens);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && stderr.contains(expect), "{stderr}");
    }
}

#[test]
fn a_case_whose_clients_a_sandbox_does_not_have_is_refused_before_it_is_asked() {
    for (realm, case) in [
        ("standard", "floor"),
        ("standard", "code_es256"),
        ("standard", "refresh_eddsa"),
        ("standard", "refresh_rs256"),
        ("standard", "userinfo"),
        ("haravan", "exchange"),
        ("haravan", "legacy_lookup"),
    ] {
        let words = format!("bench --url http://localhost:1 --realm {realm} --case {case}");
        let output = Command::new(BINARY).args(words.split(' ')).output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && output.stdout.is_empty());
        let expect = format!("the case `{case}` needs the server that `kimbai bench` starts itself, not one at --url");
        assert!(stderr.contains(&expect), "{stderr}");
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
