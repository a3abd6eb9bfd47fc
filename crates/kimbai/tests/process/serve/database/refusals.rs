//! What is wrong with a database: said with its place and what to do, and nothing is made.

use std::net::TcpListener;

use super::{database, databases, place_on, refusal};
use crate::BINARY;

#[test]
fn what_is_wrong_with_a_database_is_said_with_what_to_do_and_nothing_is_made() {
    let database = database();
    database.sql("CREATE ROLE weak LOGIN PASSWORD 'not-a-secret'");
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let (url, name) = (database.url(), database.name());
    let at = |port| format!("127.0.0.1:{port}/{name}: ");
    let port = database.server().port();
    for (url, place, expect) in [
        (url.replace("not-a-secret", "geheim"), at(port), "give the right password"),
        (url.replace(name, "nowhere"), format!("127.0.0.1:{port}/nowhere: "), "create the database"),
        (url.replace("kimbai:", "weak:"), at(port), "GRANT CREATE ON DATABASE"),
        (url.clone() + "?sslmode=require", at(port), "sslmode"),
        (database.url_by_port(closed), at(closed), "start PostgreSQL"),
        (
            database.url_by_port(silent.local_addr().unwrap().port()) + "?connect_timeout=1",
            at(silent.local_addr().unwrap().port()),
            "is it PostgreSQL",
        ),
    ] {
        let place_of = place_on(&url);
        for words in [["serve"].as_slice(), &["migrate"], &["user", "list"]] {
            let ended = place_of.run(&[&[BINARY], words].concat(), "");
            let text = refusal(&ended, 1);
            if words[0] == "user" && text.starts_with("there is no store in ") {
                // Who may only not create can see that there is none.
                continue;
            }
            assert!(text.starts_with(&place) && text.contains(expect), "{words:?}: {text}");
            assert!(!text.contains("geheim"), "{text}");
        }
        assert!(!place_of.path("kimbai-data/master.key").exists() && !place_of.path("kimbai-data/kimbai.db").exists());
    }
    assert_eq!(database.sql("SELECT count(*) FROM pg_namespace WHERE nspname = 'kimbai'"), "0");
    database.sql("DROP ROLE weak");
}

#[tokio::test]
async fn an_empty_database_is_no_store_for_a_command_and_stays_empty() {
    for database in databases() {
        let place = place_on(&database.url());
        for words in [["user", "list"].as_slice(), &["apply", "--yes", "-"], &["master-key", "rotate"]] {
            let ended = place.run(&[&[BINARY], words].concat(), "");
            let text = refusal(&ended, 1);
            assert!(text.starts_with("there is no store in postgresql://kimbai:***@127.0.0.1:"), "{text}");
            assert!(text.contains("make one with `kimbai serve`"), "{text}");
        }
        assert!(!place.path("kimbai-data").exists());
        assert_eq!(database.sql("SELECT count(*) FROM pg_namespace WHERE nspname = 'kimbai'"), "0");
        // A schema alone has no master key yet.
        place.ok(&["migrate"], "");
        let ended = place.run(&[BINARY, "user", "list"], "");
        assert!(refusal(&ended, 1).starts_with("there is no store in "));
        place.serve(&[]).await.stop().await;
        assert_eq!(place.ok(&["user", "list"], "").lines().count(), 1);
    }
}

#[tokio::test]
async fn a_schema_that_this_version_does_not_work_on_is_left_alone() {
    let database = database();
    let place = place_on(&database.url());
    place.serve(&[]).await.stop().await;
    let before = database.sql("SELECT string_agg(name, ',' ORDER BY number) FROM kimbai.migrations");
    for (change, undo, expect) in [
        (
            "INSERT INTO kimbai.migrations (number, name, digest, oldest) VALUES (99, 'future', '\\x00', 98)",
            "DELETE FROM kimbai.migrations WHERE number = 99",
            "the database has schema 99, which needs a kimbai that knows schema 98; this one knows ",
        ),
        (
            "UPDATE kimbai.migrations SET digest = digest || '\\x00' WHERE number = 1",
            "UPDATE kimbai.migrations SET digest = substr(digest, 1, length(digest) - 1) WHERE number = 1",
            "the database's migration 1 is not the one of this version",
        ),
    ] {
        database.sql(change);
        for words in [["serve"].as_slice(), &["migrate"], &["migrate", "--dry-run"], &["user", "list"]] {
            let ended = place.run(&[&[BINARY], words].concat(), "");
            assert!(refusal(&ended, 1).contains(expect), "{words:?}: {ended:?}");
        }
        database.sql(undo);
    }
    // One that allows us is worked on.
    database.sql("INSERT INTO kimbai.migrations (number, name, digest, oldest) VALUES (99, 'future', '\\x00', 1)");
    place.serve(&[]).await.stop().await;
    database.sql("DELETE FROM kimbai.migrations WHERE number = 99");
    assert_eq!(database.sql("SELECT string_agg(name, ',' ORDER BY number) FROM kimbai.migrations"), before);
}

#[test]
fn a_migration_is_planned_done_and_then_there_is_nothing_to_do() {
    for database in databases() {
        let place = place_on(&database.url());
        let planned = place.run(&[BINARY, "migrate", "--dry-run"], "");
        assert_eq!(planned.status.code(), Some(2), "{planned:?}");
        assert!(planned.stdout.contains(" would be brought from schema 0 to "), "{planned:?}");
        assert_eq!(database.sql("SELECT count(*) FROM pg_namespace WHERE nspname = 'kimbai'"), "0");
        let done = place.json(&["migrate"], "");
        assert_eq!((&done["found"], &done["due"][0]["name"]), (&0.into(), &"ledger_and_registry".into()));
        for words in [["migrate"].as_slice(), &["migrate", "--dry-run"]] {
            let said = place.ok(words, "");
            assert!(said.ends_with(&format!(" has schema {}: there is nothing to do\n", done["needed"])), "{said}");
        }
    }
    let embedded = super::Place::new();
    assert!(embedded.ok(&["migrate"], "").contains("there is nothing to do"));
}

#[tokio::test]
async fn too_few_connections_are_said_with_what_to_change() {
    let database = database();
    let place = place_on(&database.url());
    place.ok(&["migrate"], "");
    let limit = |limit: i32| {
        let change = format!("ALTER DATABASE {} CONNECTION LIMIT {limit}", database.name());
        database.server().sql("postgres", &change);
    };
    for most in [0, 1, 2] {
        limit(most);
        let ended = place.run(&[BINARY, "serve"], "");
        // What it logs while it tries comes first.
        let text = ended.stderr.lines().last().unwrap_or_default();
        let expect = "raise max_connections, or lower store.lanes and store.pool";
        assert!(
            ended.status.code() == Some(1) && text.starts_with("error: ") && text.contains(expect),
            "{most}: {ended:?}"
        );
    }
    limit(-1);
    place.serve(&[]).await.stop().await;
}

#[tokio::test]
async fn a_backup_file_neither_comes_from_postgresql_nor_goes_to_it() {
    let database = database();
    let place = place_on(&database.url());
    let mut server = Some(place.serve(&[]).await);
    for _ in ["beside a server", "without one"] {
        let ended = place.run(&[BINARY, "backup", "backup.db"], "");
        let text = refusal(&ended, 1);
        assert!(text.contains("pg_dump") && !place.path("backup.db").exists(), "{text}");
        if let Some(server) = server.take() {
            server.stop().await;
        }
    }
    let ended = place.run(&[BINARY, "restore", "backup.db"], "");
    let text = refusal(&ended, 1);
    assert!(text.contains("`kimbai copy`") && text.contains("PostgreSQL's own tools"), "{text}");
}
