//! Ledger and registry in PostgreSQL: any number of servers on one database.
//!
//! Verbs of the ledger go in batches over a few connections of their own, the lanes; everything else goes over a pool.

mod audit;
mod backoff;
mod changes;
mod connect;
mod examine;
mod fault;
mod keeper;
mod locks;
mod log_in;
mod migrate;
mod parties;
mod pool;
mod realm_rows;
mod registry;
mod sessions;
mod sweep;
mod tls;
mod url;
mod watch;

use std::sync::Arc;
use std::time::Duration;

use self::audit::Journal;
use self::connect::{Connector, Role};
use self::keeper::Keeper;
pub use self::examine::{DatabaseFacts, examine};
pub use self::migrate::{MigrationPlan, PlannedMigration, migrate, plan_migration};
use self::pool::Pool;
pub use self::url::{StoreUrl, UrlError};
use self::watch::Watch;

/// How verbs are written as statements.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Statements {
    /// Each batch is one statement over arrays: for PostgreSQL itself.
    #[default]
    Batched,
    /// Each verb is a statement on one row, pipelined: for engines that speak PostgreSQL's protocol and shard.
    Single,
}

/// What may be set about a store.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// How verbs are written.
    pub statements: Statements,
    /// Connections for verbs.
    pub lanes: usize,
    /// Connections for everything else.
    pub pool: usize,
    /// So long a caller waits for an answer.
    pub deadline: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self { statements: Statements::Batched, lanes: 4, pool: 8, deadline: Duration::from_secs(5) }
    }
}

/// Why a store could not be opened; each says what to do.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Nobody answers, or not as a server that may be written.
    #[error("{place}: {reason}")]
    Unreachable {
        /// Host, port and database, without the password.
        place: String,
        /// Why, and what to do.
        reason: String,
    },
    /// The schema is older than this version needs.
    #[error("the database has schema {found}, this version needs {needed}: run `kimbai migrate`")]
    OlderSchema {
        /// The database's.
        found: u32,
        /// Ours.
        needed: u32,
    },
    /// The schema is newer and does not allow this version any more.
    #[error("the database has schema {found}, which needs a kimbai that knows schema {oldest}; this one knows {known}")]
    NewerSchema {
        /// The database's.
        found: u32,
        /// The oldest that it allows.
        oldest: u32,
        /// Ours.
        known: u32,
    },
    /// A migration was applied that reads otherwise than ours.
    #[error("the database's migration {number} is not the one of this version; it was made by another build")]
    OtherSchema {
        /// The migration's number.
        number: u32,
    },
    /// Anything else that PostgreSQL says.
    #[error("the database cannot be opened")]
    Postgres(#[source] tokio_postgres::Error),
}

impl From<tokio_postgres::Error> for OpenError {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Postgres(error)
    }
}

/// Ledger and registry in PostgreSQL.
pub struct PostgresStore {
    shared: Arc<Shared>,
}

/// What the lanes, the pool and all callers have in common.
struct Shared {
    connector: Connector,
    /// For everything that is not a verb.
    pool: Arc<Pool>,
    keeper: Arc<Keeper>,
    journal: Arc<Journal>,
    watch: Watch,
    options: Options,
}

impl PostgresStore {
    /// Connects, makes the schema in a database that has none, and starts the lanes.
    ///
    /// # Errors
    /// [`OpenError`].
    pub async fn open(url: &StoreUrl, options: Options) -> Result<Self, OpenError> {
        let connector = Connector::new(url)?;
        let first = connector.connect(Role::General).await.map_err(|failure| connector.unreachable(&failure))?;
        migrate::prepare(&connector, &first.client).await?;
        let watch = Watch::default();
        watch.measure(&first.client).await?;
        let pool = Arc::new(Pool::new(&connector, options.pool, options.deadline)?);
        let keeper = Keeper::start(connector.clone()).await?;
        let journal = Arc::new(Journal::new());
        tokio::spawn(Arc::clone(&journal).write(Arc::clone(&pool)));
        Ok(Self { shared: Arc::new(Shared { connector, pool, keeper, journal, watch, options }) })
    }

    /// Finishes what was sent and closes all connections; every later call is answered
    /// [`StoreError::NotDone`](crate::StoreError::NotDone).
    pub async fn close(&self) {
        self.shared.keeper.close();
        self.shared.journal.close().await;
        self.shared.pool.close();
    }

    fn pool(&self) -> &Pool {
        &self.shared.pool
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.keeper.close();
        self.journal.stop();
    }
}
