//! Migrations: numbered SQL files, applied forwards, each in one transaction, each remembered with its digest. An empty
//! database gets all of them in one: whoever starts beside it, or after a crash, finds the schema whole or not at all.
//!
//! Each says which schema a kimbai must at least know to work on the database afterwards, so that servers of the
//! version before can go on beside newer ones. One process migrates at a time, under a lock of the database.

use kimbai_core::grant::ShortDigest;
use tokio_postgres::Client;

use super::connect::{Connector, Role};
use super::locks::Lock;
use super::{OpenError, StoreUrl};

/// A numbered change of the schema.
#[derive(Debug, Clone, Copy)]
struct Migration {
    number: u32,
    name: &'static str,
    sql: &'static str,
    /// The schema that a kimbai must at least know to work on the database once this is applied.
    oldest: u32,
}

/// All of them, in order.
const ALL: &[Migration] = &[
    Migration {
        number: 1,
        name: "ledger_and_registry",
        sql: include_str!("migrations/0001_ledger_and_registry.sql"),
        oldest: 1,
    },
    Migration { number: 2, name: "organizations", sql: include_str!("migrations/0002_organizations.sql"), oldest: 1 },
    // Who knows no organizations would write consents by a key that is gone.
    Migration { number: 3, name: "memberships", sql: include_str!("migrations/0003_memberships.sql"), oldest: 3 },
    Migration { number: 4, name: "legacy_tokens", sql: include_str!("migrations/0004_legacy_tokens.sql"), oldest: 3 },
];

/// A change of the schema that is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlannedMigration {
    /// Its number.
    pub number: u32,
    /// What it is about, in snake case.
    pub name: &'static str,
    /// Servers that know no schema of this number or later must be stopped before.
    pub oldest: u32,
}

/// What a migration would do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MigrationPlan {
    /// The schema of the database; 0: it has none.
    pub found: u32,
    /// The schema that this version needs.
    pub needed: u32,
    /// What is to be applied, in this order; nothing where the schema is as it should be.
    pub due: Vec<PlannedMigration>,
}

/// What [`migrate`] would do to a database; changes nothing.
///
/// # Errors
/// [`OpenError`]: it cannot be reached, or its schema is not one that this version could bring forward.
pub async fn plan_migration(url: &StoreUrl) -> Result<MigrationPlan, OpenError> {
    let connector = Connector::new(url)?;
    let connected = connector.connect(Role::General).await.map_err(|failure| connector.unreachable(&failure))?;
    let state = state(&connected.client).await.map_err(|error| connector.unreachable(&error.into()))?;
    Ok(decide(&state, ALL)?.into())
}

/// Brings the schema of a database to what this version needs; calls `progress` before each step. An empty database gets its
/// schema, whole or not at all. Of another one, what was applied before a failure stays applied.
///
/// # Errors
/// [`OpenError`]: why it could not.
pub async fn migrate(
    url: &StoreUrl,
    progress: impl FnMut(&PlannedMigration) + Send,
) -> Result<MigrationPlan, OpenError> {
    let connector = Connector::new(url)?;
    let connected = connector.connect(Role::General).await.map_err(|failure| connector.unreachable(&failure))?;
    apply(&connector, &connected.client, ALL, progress).await
}

/// Makes the schema in a database that has none, and refuses one that this version does not work on.
pub(super) async fn prepare(connector: &Connector, client: &Client) -> Result<(), OpenError> {
    prepare_for(connector, client, ALL).await
}

async fn prepare_for(connector: &Connector, client: &Client, migrations: &[Migration]) -> Result<(), OpenError> {
    let state = state(client).await.map_err(|error| connector.unreachable(&error.into()))?;
    let due = decide(&state, migrations)?;
    match due.found {
        _ if due.migrations.is_empty() => Ok(()),
        0 => apply(connector, client, migrations, |_| {}).await.map(drop),
        found => Err(OpenError::OlderSchema { found, needed: due.needed }),
    }
}

async fn apply(
    connector: &Connector,
    client: &Client,
    migrations: &[Migration],
    mut progress: impl FnMut(&PlannedMigration) + Send,
) -> Result<MigrationPlan, OpenError> {
    let failed = |error: tokio_postgres::Error| connector.unreachable(&error.into());
    // Another process may be at it, for as long as it takes within reason.
    client.batch_execute("SET lock_timeout = '60s'").await.map_err(failed)?;
    Lock::Migration.take(client).await.map_err(failed)?;
    let state = state(client).await.map_err(failed)?;
    let due = decide(&state, migrations)?;
    let plan = MigrationPlan::from(due.clone());
    if due.found == 0 {
        plan.due.iter().for_each(&mut progress);
        let all = due.migrations.iter().map(|migration| change(migration, state.has_schema));
        transaction(client, &all.collect::<String>()).await.map_err(failed)?;
    } else {
        for (migration, planned) in due.migrations.iter().zip(&plan.due) {
            progress(planned);
            transaction(client, &change(migration, state.has_schema)).await.map_err(failed)?;
        }
    }
    Lock::Migration.release(client).await.map_err(failed)?;
    Ok(plan)
}

macro_rules! migrations_table {
    () => {
        "CREATE TABLE kimbai.migrations (
            number  integer     NOT NULL PRIMARY KEY,
            name    text        NOT NULL,
            digest  bytea       NOT NULL,
            -- The schema that a kimbai must know to work here once this is applied.
            oldest  integer     NOT NULL,
            applied timestamptz NOT NULL DEFAULT clock_timestamp()
        );"
    };
}

/// The schema itself where this is the first, the change, and that it was made.
fn change(migration: &Migration, has_schema: bool) -> String {
    let first = match (migration.number, has_schema) {
        (1, false) => concat!("CREATE SCHEMA kimbai;", migrations_table!()),
        (1, true) => migrations_table!(),
        _ => "",
    };
    let digest = digest(migration).map(|byte| format!("{byte:02x}")).concat();
    let Migration { number, name, sql, oldest } = migration;
    format!(
        "{first}\n{sql}\n;INSERT INTO kimbai.migrations (number, name, digest, oldest) \
         VALUES ({number}, '{name}', '\\x{digest}', {oldest});\n"
    )
}

async fn transaction(client: &Client, sql: &str) -> Result<(), tokio_postgres::Error> {
    let done = client.batch_execute(&format!("BEGIN;\n{sql}COMMIT")).await;
    if done.is_err() {
        // What failed has ended the transaction for all but its name; a connection that is gone needs nothing.
        drop(client.batch_execute("ROLLBACK").await);
    }
    done
}

/// What a database says of its schema.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct State {
    /// Whether the schema is there, perhaps empty.
    has_schema: bool,
    applied: Vec<Applied>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Applied {
    number: u32,
    digest: Vec<u8>,
    oldest: u32,
}

async fn state(client: &Client) -> Result<State, tokio_postgres::Error> {
    let there = "SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = 'kimbai'), EXISTS (SELECT FROM pg_class AS c \
         JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE n.nspname = 'kimbai' AND c.relname = 'migrations')";
    let there = client.query_one(there, &[]).await?;
    let (has_schema, has_table) = (there.try_get(0)?, there.try_get(1)?);
    let mut state = State { has_schema, applied: Vec::new() };
    if has_table {
        let sql = "SELECT number, digest, oldest FROM kimbai.migrations ORDER BY number";
        for row in client.query(sql, &[]).await? {
            let (number, oldest): (i32, i32) = (row.try_get(0)?, row.try_get(2)?);
            let (number, oldest) = (number.cast_unsigned(), oldest.cast_unsigned());
            state.applied.push(Applied { number, digest: row.try_get(1)?, oldest });
        }
    }
    Ok(state)
}

/// What is to be applied to a schema that is ours.
#[derive(Debug, Clone)]
struct Due {
    found: u32,
    needed: u32,
    migrations: Vec<Migration>,
}

impl From<Due> for MigrationPlan {
    fn from(due: Due) -> Self {
        let planned = |migration: &Migration| PlannedMigration {
            number: migration.number,
            name: migration.name,
            oldest: migration.oldest,
        };
        Self { found: due.found, needed: due.needed, due: due.migrations.iter().map(planned).collect() }
    }
}

fn decide(state: &State, migrations: &[Migration]) -> Result<Due, OpenError> {
    let known = migrations.last().map_or(0, |migration| migration.number);
    let found = state.applied.last().map_or(0, |applied| applied.number);
    let oldest = state.applied.iter().map(|applied| applied.oldest).max().unwrap_or(0);
    if oldest > known {
        return Err(OpenError::NewerSchema { found, oldest, known });
    }
    for migration in migrations.iter().filter(|migration| migration.number <= found) {
        let applied = state.applied.iter().find(|applied| applied.number == migration.number);
        if applied.is_none_or(|applied| applied.digest != digest(migration)) {
            return Err(OpenError::OtherSchema { number: migration.number });
        }
    }
    let due = migrations.iter().filter(|migration| migration.number > found).copied().collect();
    Ok(Due { found, needed: known, migrations: due })
}

fn digest(migration: &Migration) -> [u8; 16] {
    ShortDigest::of(migration.sql.as_bytes()).0
}

#[cfg(test)]
mod tests;
