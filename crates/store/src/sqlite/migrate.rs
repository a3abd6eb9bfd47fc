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
pub(super) const ALL: &[Migration] = &[Migration {
    number: 1,
    name: "ledger_and_registry",
    sql: include_str!("migrations/0001_ledger_and_registry.sql"),
}];

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
    let known = migrations.last().map_or(0, |migration| migration.number);
    let found: u32 = connection.query_row("SELECT coalesce(max(number), 0) FROM migrations", [], |row| row.get(0))?;
    if found > known {
        return Err(OpenError::NewerSchema { found, known });
    }
    for migration in migrations {
        let digest = ShortDigest::of(migration.sql.as_bytes()).0;
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let applied: Option<[u8; 16]> = transaction
            .query_row("SELECT digest FROM migrations WHERE number = ?1", [migration.number], |row| row.get(0))
            .optional()?;
        match applied {
            Some(applied) if applied == digest => continue,
            Some(_) => return Err(OpenError::OtherSchema { number: migration.number }),
            None => {}
        }
        transaction.execute_batch(migration.sql)?;
        transaction.execute(
            "INSERT INTO migrations (number, name, digest, applied) VALUES (?1, ?2, ?3, ?4)",
            params![migration.number, migration.name, digest, clock.now().0],
        )?;
        transaction.commit()?;
    }
    Ok(())
}
