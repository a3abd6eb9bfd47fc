//! Migrations: numbered SQL files, applied forwards, each in one transaction, each remembered with its digest.
//!
//! A schema of a newer version is refused, and so is one whose migrations read otherwise than ours.

use kimbai_core::grant::ShortDigest;
use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};

use super::OpenError;
use crate::Clock;

/// A numbered change of the schema.
#[derive(Debug, Clone, Copy)]
pub(super) struct Migration {
    pub(super) number: u32,
    pub(super) name: &'static str,
    pub(super) sql: &'static str,
}

/// All of them, in order.
pub(super) const ALL: &[Migration] = &[
    Migration { number: 1, name: "ledger_and_registry", sql: include_str!("migrations/0001_ledger_and_registry.sql") },
    Migration { number: 2, name: "administration", sql: include_str!("migrations/0002_administration.sql") },
    Migration { number: 3, name: "openid", sql: include_str!("migrations/0003_openid.sql") },
    Migration { number: 4, name: "organizations", sql: include_str!("migrations/0004_organizations.sql") },
    Migration { number: 5, name: "memberships", sql: include_str!("migrations/0005_memberships.sql") },
    Migration { number: 6, name: "legacy_tokens", sql: include_str!("migrations/0006_legacy_tokens.sql") },
];

/// Brings the schema to the last of these migrations.
pub(super) fn migrate(connection: &mut Connection, migrations: &[Migration], clock: &Clock) -> Result<(), OpenError> {
    connection.execute_batch(
        "CREATE TABLE IF NOT EXISTS migrations (
            number  INTEGER NOT NULL PRIMARY KEY,
            name    TEXT    NOT NULL,
            digest  BLOB    NOT NULL,
            applied INTEGER NOT NULL
        ) STRICT",
    )?;
    let found = recognise(connection, migrations)?;
    for migration in migrations.iter().filter(|migration| migration.number > found) {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        transaction.execute_batch(migration.sql)?;
        transaction.execute(
            "INSERT INTO migrations (number, name, digest, applied) VALUES (?1, ?2, ?3, ?4)",
            params![migration.number, migration.name, digest(migration), clock.now().0],
        )?;
        transaction.commit()?;
    }
    Ok(())
}

/// The number of the last migration that was applied, if all of them are ours.
pub(super) fn recognise(connection: &Connection, migrations: &[Migration]) -> Result<u32, OpenError> {
    let known = migrations.last().map_or(0, |migration| migration.number);
    let found: u32 = connection.query_row("SELECT coalesce(max(number), 0) FROM migrations", [], |row| row.get(0))?;
    if found > known {
        return Err(OpenError::NewerSchema { found, known });
    }
    let mut applied = connection.prepare("SELECT digest FROM migrations WHERE number = ?1")?;
    for migration in migrations.iter().filter(|migration| migration.number <= found) {
        let applied: Option<[u8; 16]> = applied.query_row([migration.number], |row| row.get(0)).optional()?;
        if applied != Some(digest(migration)) {
            return Err(OpenError::OtherSchema { number: migration.number });
        }
    }
    Ok(found)
}

fn digest(migration: &Migration) -> [u8; 16] {
    ShortDigest::of(migration.sql.as_bytes()).0
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO: [Migration; 2] = [
        Migration { number: 1, name: "first", sql: "CREATE TABLE a (x INTEGER); INSERT INTO a VALUES (7);" },
        Migration { number: 2, name: "second", sql: "ALTER TABLE a ADD COLUMN y INTEGER;" },
    ];

    fn applied(connection: &Connection) -> Vec<u32> {
        let mut statement = connection.prepare("SELECT number FROM migrations ORDER BY number").unwrap();
        statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    }

    #[test]
    fn migrations_are_applied_once_and_forwards() {
        let (mut connection, clock) = (Connection::open_in_memory().unwrap(), Clock::default());
        migrate(&mut connection, &TWO[..1], &clock).unwrap();
        assert_eq!(applied(&connection), [1]);
        for _ in 0..2 {
            migrate(&mut connection, &TWO, &clock).unwrap();
            assert_eq!(applied(&connection), [1, 2]);
        }
        let kept: u32 = connection.query_row("SELECT x FROM a WHERE y IS NULL", [], |row| row.get(0)).unwrap();
        assert_eq!(kept, 7);
        let error = migrate(&mut connection, &TWO[..1], &clock).unwrap_err();
        assert!(matches!(error, OpenError::NewerSchema { found: 2, known: 1 }), "{error:?}");
    }

    #[test]
    fn a_migration_is_applied_wholly_or_not() {
        let (mut connection, clock) = (Connection::open_in_memory().unwrap(), Clock::default());
        let broken = Migration { sql: "CREATE TABLE b (x INTEGER); INSERT INTO nowhere VALUES (1);", ..TWO[1] };
        migrate(&mut connection, &[TWO[0], broken], &clock).unwrap_err();
        assert_eq!(applied(&connection), [1]);
        assert!(connection.prepare("SELECT * FROM b").is_err());
        migrate(&mut connection, &TWO, &clock).unwrap();
    }

    #[test]
    fn another_spelling_of_an_applied_migration_is_refused() {
        let (mut connection, clock) = (Connection::open_in_memory().unwrap(), Clock::default());
        migrate(&mut connection, &TWO, &clock).unwrap();
        let other = Migration { sql: "CREATE TABLE c (x INTEGER);", ..TWO[0] };
        let error = migrate(&mut connection, &[other, TWO[1]], &clock).unwrap_err();
        assert!(matches!(error, OpenError::OtherSchema { number: 1 }), "{error:?}");
    }

    #[test]
    fn the_first_schema_is_brought_to_the_last_with_all_that_is_in_it() {
        let (mut connection, clock) = (Connection::open_in_memory().unwrap(), Clock::default());
        migrate(&mut connection, &ALL[..1], &clock).unwrap();
        let fill = "INSERT INTO audit (realm, at, event, grant) VALUES (1, 5, 'old', 7), (1, 6, 'new', NULL);
            INSERT INTO consents VALUES (1, 2, 3, 4, 5);
            INSERT INTO sessions VALUES (1, x'00', 2, 0, 5, 5);
            INSERT INTO clients VALUES
                (1, 1, 'web', '{\"client_name\":\"Sổ\",\"secret_digests\":[[7,255],[0,1]],\"scope\":\"a\"}'),
                (1, 2, 'spa', '{\"secret_digests\":[],\"scope\":\"\"}'),
                (1, 3, 'new', '{ \"secrets\": [{\"digest\":[1]}] }');";
        connection.execute_batch(fill).unwrap();
        migrate(&mut connection, ALL, &clock).unwrap();
        let count = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, u32>(0)).unwrap();
        assert_eq!(count("SELECT count(*) FROM audit INDEXED BY audit_of_grant WHERE realm = 1 AND grant = 7"), 1);
        assert_eq!(count("SELECT count(*) FROM audit INDEXED BY audit_of_realm WHERE realm = 1 AND at >= 5"), 2);
        assert_eq!(count("SELECT count(*) FROM consents INDEXED BY consents_of_client WHERE realm = 1"), 1);
        assert_eq!(count("SELECT count(*) FROM sessions INDEXED BY sessions_of_user WHERE realm = 1"), 1);
        let metadata = |number: u32| -> String {
            connection.query_row("SELECT metadata FROM clients WHERE number = ?1", [number], |row| row.get(0)).unwrap()
        };
        let secrets = r#""secrets":[{"digest":[7,255]},{"digest":[0,1]}]"#;
        assert_eq!(metadata(1), format!(r#"{{"client_name":"Sổ","scope":"a",{secrets}}}"#));
        assert_eq!(metadata(2), r#"{"scope":"","secrets":[]}"#);
        assert_eq!(metadata(3), r#"{ "secrets": [{"digest":[1]}] }"#, "as it was");
        assert_eq!(count("PRAGMA application_id"), super::super::APPLICATION_ID);
        let whole: String = connection.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
        assert_eq!(whole, "ok");
    }

    #[test]
    fn migrations_are_numbered_without_gaps() {
        let numbers: Vec<u32> = ALL.iter().map(|migration| migration.number).collect();
        assert_eq!(numbers, (1..=u32::try_from(ALL.len()).unwrap()).collect::<Vec<_>>());
    }
}
