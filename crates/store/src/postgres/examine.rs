//! What a database says of itself, for whoever is to operate it: nothing is changed, and nothing is judged.

use tokio::time::Instant;
use tokio_postgres::Client;

use super::connect::{Connector, Role};
use super::fault::column;
use super::{OpenError, PostgresStore, StoreUrl};
use crate::{Clock, StoreError};

/// What a database says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatabaseFacts {
    /// The version of the server, as `server_version_num`: 150019 is 15.19.
    pub version: u32,
    /// The server's `fsync`.
    pub fsync: bool,
    /// The server's `full_page_writes`.
    pub full_page_writes: bool,
    /// What `synchronous_commit` the role and the database get; sessions of a store raise `off` to `on`.
    pub synchronous_commit: String,
    /// The server's `synchronous_standby_names`.
    pub synchronous_standby_names: String,
    /// Standbys that are connected.
    pub standbys: u32,
    /// Those of them that commits may wait for; nothing if the role may not see it, which needs `pg_monitor`.
    pub standbys_waited_for: Option<u32>,
    /// How many connections the role can have on the database, whatever others take.
    pub connections_max: u32,
    /// How many connections the server has now, of anybody.
    pub connections: u32,
    /// How many of them are Kimbai's on this database, of this role.
    pub connections_of_kimbai: u32,
    /// How far the database's clock is ahead of this machine's, in microseconds.
    pub clock_ahead_us: i64,
    /// How long an answer takes, in microseconds: so exact is the difference of the clocks.
    pub round_trip_us: i64,
    /// Whether the role may make the schema.
    pub may_create: bool,
    /// Rights on what is in the schema that the role lacks, each as `SELECT on grants`.
    pub missing_rights: Vec<String>,
}

/// What it takes to measure a database from beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DatabaseUse {
    /// The number of a process that serves one of the store's connections, on the database's machine.
    pub backend: u32,
    /// The size of the database, without the log that its server keeps for all of them.
    pub bytes: u64,
}

impl PostgresStore {
    /// Asks what it takes to measure the database.
    ///
    /// # Errors
    /// The store failed.
    pub async fn database_use(&self) -> Result<DatabaseUse, StoreError> {
        let row = self.pool().row_once("SELECT pg_backend_pid(), pg_database_size(current_database())", &[]).await?;
        let (backend, bytes): (i32, i64) = (column(&row, 0)?, column(&row, 1)?);
        Ok(DatabaseUse { backend: backend.cast_unsigned(), bytes: bytes.cast_unsigned() })
    }
}

/// Asks a database about itself.
///
/// # Errors
/// [`OpenError`]: it cannot be reached.
pub async fn examine(url: &StoreUrl) -> Result<DatabaseFacts, OpenError> {
    let connector = Connector::new(url)?;
    let connected = connector.connect(Role::General).await.map_err(|failure| connector.unreachable(&failure))?;
    let client = &connected.client;
    let (clock_ahead_us, round_trip_us) = clock(client).await?;
    let row = client.query_one(SETTINGS, &[]).await?;
    let read = || -> Result<DatabaseFacts, StoreError> {
        let count = |index| column::<i64>(&row, index).map(|count| u32::try_from(count).unwrap_or_default());
        Ok(DatabaseFacts {
            version: count(0)?,
            fsync: column(&row, 1)?,
            full_page_writes: column(&row, 2)?,
            synchronous_commit: column(&row, 3)?,
            synchronous_standby_names: column(&row, 4)?,
            standbys: count(5)?,
            standbys_waited_for: column::<Option<i64>>(&row, 10)?.map(|count| u32::try_from(count).unwrap_or_default()),
            connections_max: count(6)?,
            connections: count(7)?,
            connections_of_kimbai: count(8)?,
            may_create: column(&row, 9)?,
            clock_ahead_us,
            round_trip_us,
            missing_rights: Vec::new(),
        })
    };
    let mut facts =
        read().map_err(|error| OpenError::Unreachable { place: url.place().to_owned(), reason: error.to_string() })?;
    facts.missing_rights = missing_rights(client).await?;
    Ok(facts)
}

/// Refuses a role that lacks a right that verbs or changes need.
pub(super) async fn rights(client: &Client) -> Result<(), OpenError> {
    let missing = missing_rights(client).await?;
    if missing.is_empty() { Ok(()) } else { Err(OpenError::Rights(missing)) }
}

async fn missing_rights(client: &Client) -> Result<Vec<String>, OpenError> {
    let rows = client.query(MISSING_RIGHTS, &[]).await?;
    rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
}

/// The best of a few answers: the clock was read somewhere within its round trip.
async fn clock(client: &Client) -> Result<(i64, i64), OpenError> {
    let own = Clock::default();
    let mut best = (0, i64::MAX);
    for _ in 0..ANSWERS {
        let (before, begun) = (own.now().0, Instant::now());
        let row = client.query_one("SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint", &[]).await?;
        let round_trip = i64::try_from(begun.elapsed().as_micros()).unwrap_or(i64::MAX);
        let theirs: i64 = row.try_get(0)?;
        if round_trip < best.1 {
            best = (theirs.saturating_sub(before.saturating_add(round_trip / 2)), round_trip);
        }
    }
    Ok(best)
}

const ANSWERS: u32 = 5;

/// A session of a store raises `synchronous_commit`; what the role and the database say is what it would be without.
const SETTINGS: &str = "
    SELECT current_setting('server_version_num')::bigint,
           current_setting('fsync')::boolean,
           current_setting('full_page_writes')::boolean,
           (SELECT reset_val FROM pg_settings WHERE name = 'synchronous_commit'),
           current_setting('synchronous_standby_names'),
           (SELECT count(*) FROM pg_stat_replication),
           (SELECT min(most) FROM (
               SELECT current_setting('max_connections')::bigint - current_setting('superuser_reserved_connections')::bigint
                      - coalesce(current_setting('reserved_connections', true)::bigint, 0)
               UNION ALL SELECT datconnlimit FROM pg_database WHERE datname = current_database() AND datconnlimit >= 0
               UNION ALL SELECT rolconnlimit FROM pg_roles WHERE rolname = current_user AND rolconnlimit >= 0
           ) AS limits (most)),
           (SELECT coalesce(sum(numbackends), 0)::bigint FROM pg_stat_database),
           (SELECT count(*) FROM pg_stat_activity
             WHERE application_name = 'kimbai' AND datname = current_database() AND pid <> pg_backend_pid()),
           has_database_privilege(current_database(), 'CREATE'),
           (SELECT CASE WHEN bool_and(sync_state IS NOT NULL) THEN count(*) FILTER (WHERE sync_state IN ('sync', 'quorum')) END
              FROM pg_stat_replication)";

const MISSING_RIGHTS: &str = "
    SELECT wanted.privilege || ' on ' || relname
      FROM pg_class
      JOIN pg_namespace ON pg_namespace.oid = relnamespace AND nspname = 'kimbai'
     CROSS JOIN (VALUES ('SELECT'), ('INSERT'), ('UPDATE'), ('DELETE')) AS wanted (privilege)
     WHERE relkind IN ('r', 'p') AND (relname <> 'migrations' OR wanted.privilege = 'SELECT')
       AND NOT (has_schema_privilege(relnamespace, 'USAGE') AND has_table_privilege(pg_class.oid, wanted.privilege))
     UNION ALL
    SELECT 'EXECUTE on ' || proname
      FROM pg_proc
      JOIN pg_namespace ON pg_namespace.oid = pronamespace AND nspname = 'kimbai'
     WHERE NOT (has_schema_privilege(pronamespace, 'USAGE') AND has_function_privilege(pg_proc.oid, 'EXECUTE'))
     ORDER BY 1";
