//! Ledger and registry in PostgreSQL: any number of servers on one database.
//!
//! Verbs of the ledger go in batches over a few connections of their own, the lanes; everything else goes over a pool.

mod advice;
mod audit;
mod backoff;
mod batch;
mod changes;
mod connect;
mod examine;
mod fault;
mod keeper;
mod lane;
mod ledger;
mod legacy_tokens;
mod lists;
mod locks;
mod log_in;
mod migrate;
mod opened;
mod organizations;
mod parties;
mod pool;
mod queue;
mod realm_rows;
mod registry;
mod rowless;
mod rows;
mod seldom;
mod sessions;
mod statements;
mod sweep;
mod tls;
mod upkeep;
mod url;
mod verb;
mod watch;

use std::mem;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch::Sender;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout, timeout_at};

use self::audit::Journal;
use self::connect::{Connector, Failure, Role};
pub use self::examine::{DatabaseFacts, DatabaseUse, examine};
use self::keeper::Keeper;
pub use self::migrate::{MigrationPlan, PlannedMigration, migrate, plan_migration};
pub(crate) use self::opened::{Opened, explain};
use self::pool::Pool;
use self::queue::Queue;
pub use self::url::{StoreUrl, UrlError};
use self::watch::Watch;
use crate::figures::Figures;

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
    /// Connections for verbs. Batches need few of them, single statements many: each waits for its own commit.
    pub lanes: usize,
    /// Connections for everything else.
    pub pool: usize,
    /// So long a caller waits for an answer.
    pub deadline: Duration,
    /// What the process is that opens it.
    pub process: ProcessRole,
}

/// What a process is to the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ProcessRole {
    /// One of the servers: it may be the one that sweeps.
    #[default]
    Server,
    /// A command, gone in a moment: servers beside it do what must be done all the time.
    Command,
}

impl Default for Options {
    fn default() -> Self {
        let (deadline, process) = (Duration::from_secs(5), ProcessRole::Server);
        Self { statements: Statements::Batched, lanes: 4, pool: 8, deadline, process }
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
    /// The role of the URL may not do what every server does.
    #[error(
        "the role of the store's URL lacks {}: make it the owner of the schema kimbai and of all in it, or grant it SELECT, \
         INSERT, UPDATE, DELETE on the tables and EXECUTE on the functions", .0.join(", ")
    )]
    Rights(Vec<String>),
    /// Anything else that PostgreSQL says.
    #[error("the database cannot be opened")]
    Postgres(#[source] tokio_postgres::Error),
}

impl From<tokio_postgres::Error> for OpenError {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Postgres(error)
    }
}

/// Ledger and registry in PostgreSQL; dropping it lets the lanes finish what waits.
pub struct PostgresStore {
    shared: Arc<Shared>,
    lanes: Mutex<Vec<JoinHandle<()>>>,
}

/// What the lanes, the pool and all callers have in common.
struct Shared {
    connector: Connector,
    /// For everything that is not a verb.
    pool: Arc<Pool>,
    keeper: Arc<Keeper>,
    journal: Arc<Journal>,
    queue: Queue,
    watch: Arc<Watch>,
    figures: Figures,
    options: Options,
    /// Turns true once.
    closing: Sender<bool>,
}

impl PostgresStore {
    /// Connects, makes the schema in a database that has none, and starts the lanes.
    ///
    /// # Errors
    /// [`OpenError`].
    pub async fn open(url: &StoreUrl, options: Options) -> Result<Self, OpenError> {
        let connector = Connector::new(url)?;
        let first = connector.connect(Role::General).await.map_err(|failure| connector.unreachable(&failure))?;
        in_time(&connector, MIGRATION_MAX, migrate::prepare(&connector, &first.client)).await?;
        in_time(&connector, ANSWER_MAX, examine::rights(&first.client)).await?;
        let watch = Arc::new(Watch::default());
        in_time(&connector, ANSWER_MAX, async { Ok(watch.measure(&first.client).await?) }).await?;
        let pool = Pool::new(&connector, Arc::clone(&watch), options);
        let started = async { pool.start().await.map_err(|failure| connector.unreachable(&failure)) };
        in_time(&connector, ANSWER_MAX, started).await?;
        let keeper = Keeper::start(connector.clone(), Arc::clone(&watch), options.process).await?;
        let journal = Arc::new(Journal::new());
        tokio::spawn(Arc::clone(&journal).write(Arc::clone(&pool)));
        let (queue, figures, closing) = (Queue::new(options.statements), Figures::default(), Sender::new(false));
        let shared = Shared { connector, pool, keeper, journal, queue, watch, figures, options, closing };
        let shared = Arc::new(shared);
        let lanes = (0..options.lanes.max(1)).map(|_| tokio::spawn(lane::run(Arc::clone(&shared)))).collect();
        Ok(Self { shared, lanes: Mutex::new(lanes) })
    }

    /// Finishes what was sent and closes all connections; every later call is answered
    /// [`StoreError::NotDone`](crate::StoreError::NotDone).
    pub async fn close(&self) {
        self.shared.close();
        let ends = Instant::now() + self.shared.options.deadline;
        let lanes = mem::take(&mut *self.lanes.lock().unwrap_or_else(PoisonError::into_inner));
        let lanes = async {
            for mut lane in lanes {
                // One that waits for a standby must not hold the end of the process up; its callers do not know its end.
                if timeout_at(ends, &mut lane).await.is_err() {
                    lane.abort();
                }
            }
            self.shared.queue.clear();
        };
        // Events that are not written by then are counted as lost.
        let (_, ()) = tokio::join!(timeout_at(ends, self.shared.journal.close()), lanes);
        self.shared.pool.close();
    }

    fn pool(&self) -> &Pool {
        &self.shared.pool
    }
}

/// A server may take a connection and then say nothing.
async fn in_time<T>(
    connector: &Connector,
    most: Duration,
    step: impl Future<Output = Result<T, OpenError>>,
) -> Result<T, OpenError> {
    timeout(most, step).await.unwrap_or_else(|_| Err(connector.unreachable(&Failure::Silent)))
}

impl Drop for PostgresStore {
    fn drop(&mut self) {
        self.shared.close();
    }
}

impl Shared {
    fn close(&self) {
        self.closing.send_replace(true);
        self.queue.close();
        self.keeper.close();
        self.journal.stop();
    }

    fn is_closing(&self) -> bool {
        *self.closing.borrow()
    }

    /// Waits until the store is closed.
    async fn closed(&self) {
        let mut closing = self.closing.subscribe();
        // The sender is here.
        drop(closing.wait_for(|closing| *closing).await);
    }
}

const ANSWER_MAX: Duration = Duration::from_secs(15);
/// Another process may be migrating, for which the server waits a minute.
const MIGRATION_MAX: Duration = Duration::from_secs(90);
