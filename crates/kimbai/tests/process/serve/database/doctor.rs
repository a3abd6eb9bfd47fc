//! `kimbai doctor` on PostgreSQL.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;

use kimbai_postgres_fixture::{Server, Version};
use serde_json::Value;

use super::{Place, databases, place_on};
use crate::BINARY;

/// By name.
fn checks(place: &Place) -> (Option<i32>, Value) {
    let ended = place.run(&[BINARY, "doctor", "--json"], "");
    assert!(!ended.stdout.contains("not-a-secret"), "{ended:?}");
    let document: Value = serde_json::from_str(&ended.stdout).unwrap();
    let checks = document["checks"].as_array().unwrap().iter();
    (ended.status.code(), checks.map(|check| (check["name"].as_str().unwrap().to_owned(), check.clone())).collect())
}

#[tokio::test]
async fn the_doctor_looks_at_the_database_before_and_after_the_first_start() {
    for database in databases() {
        let place = place_on(&database.url());
        let (code, before) = checks(&place);
        assert_eq!(code, Some(1), "the fixture's fsync is off: {before}");
        let problems: Vec<_> =
            before.as_object().unwrap().values().filter(|check| check["verdict"] == "problem").collect();
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert!(problems[0]["found"].as_str().unwrap().starts_with("fsync is off"), "{problems:?}");
        for (name, expect) in [
            ("database", &*format!("answers, PostgreSQL {}.", database.server().version().major())),
            ("schema", "there is none yet"),
            ("rights", "the role may do what a server does"),
            ("replication", "no standby is connected"),
            ("connections", " of 297 in use, 0 by kimbai"),
            ("database clock", " ms "),
            ("realms", "there is no store yet"),
        ] {
            assert!(before[name]["found"].as_str().unwrap().contains(expect), "{name}: {}", before[name]);
        }
        assert_eq!(database.sql("SELECT count(*) FROM pg_namespace WHERE nspname = 'kimbai'"), "0");
        let server = place.serve(&[]).await;
        let (_, beside) = checks(&place);
        assert_eq!(beside["server"]["found"], "is running with this data");
        assert!(
            beside["realms"]["found"].as_str().unwrap().starts_with("the master key opens them: main at "),
            "{beside}"
        );
        assert!(!beside["connections"]["found"].as_str().unwrap().contains(", 0 by kimbai"), "{beside}");
        server.stop().await;
        let other = place_on(&database.url());
        let (_, without_key) = checks(&other);
        assert_eq!(without_key["realms"]["verdict"], "problem", "{without_key}");
        database.sql("REVOKE UPDATE ON kimbai.grants FROM kimbai");
        let (_, weak) = checks(&place);
        assert_eq!(weak["rights"]["found"], "the role lacks UPDATE on grants");
        database.sql("DROP SCHEMA kimbai CASCADE");
    }
}

#[tokio::test]
async fn a_sound_database_and_a_sound_machine_end_with_0() {
    for version in Version::under_test() {
        let server = Server::start(*version, &[("fsync", "on")]);
        let database = server.fresh_database();
        let place = place_on(&database.url());
        place.write("store.url", &database.url());
        fs::set_permissions(place.path("store.url"), Permissions::from_mode(0o644)).unwrap();
        for is_running in [false, true] {
            let running = if is_running { Some(place.serve(&[]).await) } else { None };
            let (code, checks) = checks(&place);
            assert_eq!(code, Some(0), "{checks}");
            assert!(checks.get("store URL").is_none());
            if let Some(running) = running {
                running.stop().await;
            }
        }
        place.write("kimbai.toml", "[store]\nurl_file = 'store.url'\n");
        let (code, open) = checks(&place);
        assert_eq!((code, &open["store URL"]["verdict"]), (Some(0), &"warning".into()), "{open}");
        let ended = place.serve(&[]).await.stop().await;
        assert!(ended.stderr.contains("everybody may read the file with the store's URL"), "{}", ended.stderr);
    }
}

#[test]
fn a_database_that_cannot_be_reached_is_one_problem() {
    let database = super::database();
    let place = place_on(&database.url().replace("not-a-secret", "geheim"));
    let (code, checks) = checks(&place);
    let found = checks["database"]["found"].as_str().unwrap();
    assert!(found.contains("give the right password") && !found.contains("geheim"), "{found}");
    assert_eq!((code, checks.get("realms"), checks.get("schema")), (Some(1), None, None));
}
