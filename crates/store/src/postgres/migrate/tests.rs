//! Migrations on both servers: once, forwards, wholly or not at all, and by one process at a time.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;

use kimbai_postgres_fixture::{Database, Server, Version};

use super::*;

const FIRST: Migration = Migration {
    number: 1,
    name: "first",
    sql: "CREATE TABLE kimbai.a (x integer); INSERT INTO kimbai.a VALUES (7)",
    oldest: 1,
};
const EXPAND: Migration =
    Migration { number: 2, name: "expand", sql: "ALTER TABLE kimbai.a ADD COLUMN y integer;", oldest: 1 };
const CONTRACT: Migration =
    Migration { number: 3, name: "contract", sql: "ALTER TABLE kimbai.a DROP COLUMN x;", oldest: 2 };

fn databases() -> impl Iterator<Item = Database<'static>> {
    Version::under_test().iter().map(|version| Server::shared(*version).fresh_database())
}

fn url(url: &str) -> StoreUrl {
    url.parse().unwrap()
}

/// As a process would that knows these migrations.
async fn prepared(at: &StoreUrl, migrations: &[Migration]) -> Result<(), OpenError> {
    let connector = Connector::new(at)?;
    let connected = connector.connect(Role::General).await.map_err(|failure| connector.unreachable(&failure))?;
    prepare_for(&connector, &connected.client, migrations).await
}

async fn migrated(at: &StoreUrl, migrations: &[Migration]) -> Result<Vec<u32>, OpenError> {
    let connector = Connector::new(at)?;
    let connected = connector.connect(Role::General).await.map_err(|failure| connector.unreachable(&failure))?;
    let mut steps = Vec::new();
    apply(&connector, &connected.client, migrations, |planned| steps.push(planned.number)).await?;
    Ok(steps)
}

#[tokio::test]
async fn migrations_are_applied_once_and_forwards() {
    for database in databases() {
        let at = url(&database.url());
        prepared(&at, &[FIRST]).await.unwrap();
        prepared(&at, &[FIRST]).await.unwrap();
        let error = prepared(&at, &[FIRST, EXPAND]).await.unwrap_err();
        assert!(matches!(error, OpenError::OlderSchema { found: 1, needed: 2 }), "{error:?}");
        assert!(error.to_string().contains("run `kimbai migrate`"), "{error}");
        assert_eq!(migrated(&at, &[FIRST, EXPAND]).await.unwrap(), [2]);
        assert_eq!(migrated(&at, &[FIRST, EXPAND]).await.unwrap(), [0; 0]);
        assert_eq!(database.sql("SELECT x, y FROM kimbai.a"), "7|");
        assert_eq!(database.sql("SELECT number, name, oldest FROM kimbai.migrations"), "1|first|1\n2|expand|1");
    }
}

#[tokio::test]
async fn an_older_version_works_on_a_newer_schema_that_allows_it() {
    for database in databases() {
        let at = url(&database.url());
        migrated(&at, &[FIRST, EXPAND]).await.unwrap();
        prepared(&at, &[FIRST]).await.unwrap();
        assert_eq!(migrated(&at, &[FIRST]).await.unwrap(), [0; 0], "nothing is taken back");
        assert_eq!(migrated(&at, &[FIRST, EXPAND, CONTRACT]).await.unwrap(), [3]);
        prepared(&at, &[FIRST, EXPAND]).await.unwrap();
        for refused in [prepared(&at, &[FIRST]).await, migrated(&at, &[FIRST]).await.map(drop)] {
            let error = refused.unwrap_err();
            assert!(matches!(error, OpenError::NewerSchema { found: 3, oldest: 2, known: 1 }), "{error:?}");
        }
    }
}

#[tokio::test]
async fn a_migration_is_applied_wholly_or_not() {
    for database in databases() {
        let at = url(&database.url());
        let broken = Migration { sql: "CREATE TABLE kimbai.b (x integer); INSERT INTO nowhere VALUES (1)", ..FIRST };
        let error = prepared(&at, &[broken]).await.unwrap_err();
        assert!(error.to_string().contains("nowhere"), "{error}");
        assert_eq!(database.sql("SELECT count(*) FROM pg_namespace WHERE nspname = 'kimbai'"), "0");
        prepared(&at, &[FIRST]).await.unwrap();
        let broken = Migration { number: 2, ..broken };
        migrated(&at, &[FIRST, broken]).await.unwrap_err();
        assert_eq!(database.sql("SELECT to_regclass('kimbai.b') IS NULL, max(number) FROM kimbai.migrations"), "t|1");
        assert_eq!(migrated(&at, &[FIRST, EXPAND]).await.unwrap(), [2]);
    }
}

#[tokio::test]
async fn an_empty_database_gets_its_schema_whole_or_not_at_all() {
    for database in databases() {
        let at = url(&database.url());
        let broken = Migration { sql: "INSERT INTO nowhere VALUES (1)", ..EXPAND };
        prepared(&at, &[FIRST, broken]).await.unwrap_err();
        assert_eq!(database.sql("SELECT count(*) FROM pg_namespace WHERE nspname = 'kimbai'"), "0");
        prepared(&at, &[FIRST, EXPAND]).await.unwrap();
        assert_eq!(database.sql("SELECT number, name, oldest FROM kimbai.migrations"), "1|first|1\n2|expand|1");
    }
}

#[tokio::test]
async fn another_spelling_of_an_applied_migration_is_refused() {
    for database in databases() {
        let at = url(&database.url());
        prepared(&at, &[FIRST]).await.unwrap();
        let other = Migration { sql: "CREATE TABLE kimbai.c (x integer);", ..FIRST };
        for migrations in [&[other][..], &[other, EXPAND]] {
            let error = prepared(&at, migrations).await.unwrap_err();
            assert!(matches!(error, OpenError::OtherSchema { number: 1 }), "{error:?}");
            migrated(&at, migrations).await.unwrap_err();
        }
        database.sql("INSERT INTO kimbai.migrations (number, name, digest, oldest) VALUES (3, 'x', '', 1)");
        let error = migrated(&at, &[FIRST, EXPAND]).await.unwrap_err();
        assert!(matches!(error, OpenError::OtherSchema { number: 2 }), "one is missing: {error:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_that_start_at_once_make_one_schema() {
    for database in databases() {
        let starts: Vec<_> = (0..8)
            .map(|_| {
                let at = url(&database.url());
                tokio::spawn(async move { prepared(&at, ALL).await })
            })
            .collect();
        for start in starts {
            start.await.unwrap().unwrap();
        }
        assert_eq!(database.sql("SELECT count(*) FROM kimbai.migrations"), ALL.len().to_string());
    }
}

#[tokio::test]
async fn a_plan_says_what_would_be_done_and_does_nothing() {
    for database in databases() {
        let at = url(&database.url());
        let planned = |step: &Migration| PlannedMigration { number: step.number, name: step.name, oldest: step.oldest };
        let due: Vec<_> = ALL.iter().map(planned).collect();
        let needed = u32::try_from(due.len()).unwrap();
        let plan = MigrationPlan { found: 0, needed, due };
        assert_eq!(plan_migration(&at).await.unwrap(), plan);
        assert_eq!(database.sql("SELECT count(*) FROM pg_namespace WHERE nspname = 'kimbai'"), "0");
        let mut steps = Vec::new();
        assert_eq!(migrate(&at, |step| steps.push(*step)).await.unwrap(), plan);
        assert_eq!(steps, plan.due);
        let nothing = MigrationPlan { found: needed, needed, due: Vec::new() };
        assert_eq!(plan_migration(&at).await.unwrap(), nothing);
        assert_eq!(migrate(&at, |_| panic!("nothing is due")).await.unwrap(), nothing);
    }
}

#[tokio::test]
async fn a_schema_needs_a_right_or_an_owner() {
    for database in databases() {
        let role = format!("poor_{}", database.name());
        database.sql(&format!("CREATE ROLE {role} LOGIN PASSWORD 'poor'"));
        let at = url(&database.url().replace("kimbai:not-a-secret", &format!("{role}:poor")));
        let error = prepared(&at, ALL).await.unwrap_err().to_string();
        assert!(error.contains("GRANT CREATE ON DATABASE"), "{error}");
        database.sql("CREATE SCHEMA kimbai");
        let error = prepared(&at, ALL).await.unwrap_err().to_string();
        assert!(error.contains("owner of the schema kimbai"), "{error}");
        assert_eq!(database.sql("SELECT count(*) FROM pg_tables WHERE schemaname = 'kimbai'"), "0");
        database.sql(&format!("ALTER SCHEMA kimbai OWNER TO {role}"));
        prepared(&at, ALL).await.unwrap();
        database.sql(&format!("DROP OWNED BY {role}; DROP ROLE {role}"));
    }
}

#[tokio::test]
async fn what_is_wrong_is_said_with_what_to_do() {
    for database in databases() {
        let right = database.url();
        let name = format!("/{}", database.name());
        let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let cases = [
            (right.replace("not-a-secret", "wrong"), "give the right password"),
            (right.replace("kimbai:", "nobody:"), "give the right password"),
            (right.replace(&name, "/nowhere"), "create the database"),
            (database.url_by_port(closed), "start PostgreSQL, or name its host and port"),
            (database.url_by_port(not_postgres()), "is it PostgreSQL that listens there"),
            ("postgres:///x?host=/nowhere".to_owned(), "there is no such socket"),
        ];
        for (wrong, advice) in cases {
            let error = prepared(&url(&wrong), ALL).await.unwrap_err();
            assert!(matches!(error, OpenError::Unreachable { .. }), "{error:?}");
            assert!(error.to_string().contains(advice), "{wrong}: {error}");
            assert!(!error.to_string().contains("secret"), "{error}");
        }
        for (setting, back, advice) in [
            ("CONNECTION LIMIT 0", "CONNECTION LIMIT -1", "raise max_connections"),
            ("SET default_transaction_read_only = on", "RESET default_transaction_read_only", "name the primary"),
        ] {
            database.sql(&format!("ALTER DATABASE {} {setting}", database.name()));
            let error = prepared(&url(&right), ALL).await.unwrap_err().to_string();
            assert!(error.contains(advice), "{error}");
            database.server().sql("postgres", &format!("ALTER DATABASE {} {back}", database.name()));
        }
        prepared(&url(&right), ALL).await.unwrap();
    }
}

/// The port of something that answers as a web server does.
fn not_postgres() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        let (mut connection, _) = listener.accept().unwrap();
        let _ = connection.read(&mut [0; 1_024]);
        let _ = connection.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
    });
    port
}

#[test]
fn migrations_are_numbered_without_gaps() {
    let numbers: Vec<u32> = ALL.iter().map(|migration| migration.number).collect();
    assert_eq!(numbers, (1..=u32::try_from(ALL.len()).unwrap()).collect::<Vec<_>>());
    for migration in ALL {
        assert!(migration.oldest <= migration.number, "{migration:?}");
        assert!(!migration.name.contains('\''), "{migration:?}");
    }
}
