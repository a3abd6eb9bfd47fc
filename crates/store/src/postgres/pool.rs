//! Statements of everything that is not a verb: each alone on a connection of the pool, with the caller's deadline.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit, watch};
use tokio::time::{Instant, MissedTickBehavior, interval, timeout_at};
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Row, Statement};

use super::Options;
use super::backoff::Backoff;
use super::connect::{Connected, Connector, Failure, Role};
use super::fault::Fault;
use super::seldom::Seldom;
use super::watch::{Server, Timeline, Watch};
use crate::StoreError;

/// Connections for single statements and for changes of the registry.
pub(super) struct Pool {
    connector: Connector,
    watch: Arc<Watch>,
    /// One for each connection that may be open.
    permits: Semaphore,
    /// Those that nobody uses. What was used last is used again first.
    idle: Mutex<Vec<Pooled>>,
    /// Held by each open connection too.
    open: Arc<()>,
    /// Whether none is open because none can be made.
    failing: watch::Sender<bool>,
    said: Seldom,
    deadline: Duration,
}

/// A connection and what is known of it.
struct Pooled {
    connected: Connected,
    /// Which one is at its other end: one that was overtaken since must not be asked.
    server: Server,
    statements: Mutex<HashMap<&'static str, Statement>>,
    _open: Arc<()>,
}

/// Whether a statement whose outcome is unknown may be sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Repetition {
    /// It reads, or nobody cares how often it is carried out.
    Harmless,
    /// It says a second time what it said the first, and may find its own work done, which a barrier then makes durable.
    Idempotent,
    /// It counts or makes something.
    Never,
}

/// What a statement is given.
pub(super) type Parameters<'a> = &'a [&'a (dyn ToSql + Sync)];

impl Pool {
    /// No connections yet; how many, and how long each call may take, is in the options.
    pub(super) fn new(connector: &Connector, watch: Arc<Watch>, options: Options) -> Arc<Self> {
        let pool = Arc::new(Self {
            connector: connector.clone(),
            watch,
            permits: Semaphore::new(options.pool.max(1)),
            idle: Mutex::default(),
            open: Arc::default(),
            failing: watch::Sender::new(false),
            said: Seldom::new(),
            deadline: options.deadline,
        });
        tokio::spawn(mend(Arc::downgrade(&pool), pool.failing.subscribe()));
        pool
    }

    /// Makes the first connection.
    ///
    /// # Errors
    /// Why there is none.
    pub(super) async fn start(&self) -> Result<(), Failure> {
        let first = self.connect().await?;
        self.idle().push(first);
        Ok(())
    }

    /// Whether no connection is open because none can be made.
    pub(super) fn is_failing(&self) -> bool {
        *self.failing.borrow()
    }

    /// So long a caller waits.
    pub(super) const fn deadline(&self) -> Duration {
        self.deadline
    }

    /// No connection is given out any more.
    pub(super) fn close(&self) {
        self.permits.close();
        self.idle().clear();
    }

    /// The rows of a statement in a transaction of its own.
    ///
    /// # Errors
    /// [`StoreError`]; a harmless repetition leaves no outcome unknown.
    pub(super) async fn rows(
        &self,
        sql: &'static str,
        parameters: Parameters<'_>,
        repetition: Repetition,
    ) -> Result<Vec<Row>, StoreError> {
        let mut turn = self.turn();
        loop {
            let connection = self.connection(&mut turn).await?;
            let prepared = turn.within(connection.prepare(sql)).await;
            let Some((connection, statement)) = turn.judge(connection, prepared, Repetition::Harmless)? else {
                continue;
            };
            let queried = turn.within(connection.query(&statement, parameters, repetition)).await;
            let Some((connection, rows)) = turn.judge(connection, queried, repetition)? else { continue };
            if !turn.is_repetition {
                return Ok(rows);
            }
            let barred = turn.within(connection.barrier()).await;
            if turn.judge(connection, barred, repetition)?.is_some() {
                return Ok(rows);
            }
        }
    }

    /// The row of a statement that answers one at most.
    pub(super) async fn row(&self, sql: &'static str, parameters: Parameters<'_>) -> Result<Option<Row>, StoreError> {
        Ok(self.rows(sql, parameters, Repetition::Harmless).await?.into_iter().next())
    }

    /// The one row of a statement that must not be repeated.
    pub(super) async fn row_once(&self, sql: &'static str, parameters: Parameters<'_>) -> Result<Row, StoreError> {
        let row = self.rows(sql, parameters, Repetition::Never).await?.into_iter().next();
        row.ok_or_else(|| StoreError::Unreadable("a statement of the store answered no row".to_owned()))
    }

    /// A turn of one caller, which ends at its deadline.
    pub(super) fn turn(&self) -> Turn {
        Turn { ends: Instant::now() + self.deadline, backoff: None, is_repetition: false }
    }

    /// A connection, within the caller's deadline: one that cannot be made may be soon.
    pub(super) async fn connection(&self, turn: &mut Turn) -> Result<Connection<'_>, StoreError> {
        loop {
            turn.pause().await?;
            let Ok(Ok(permit)) = turn.within(self.permits.acquire()).await else { return Err(turn.too_late()) };
            let pooled = match self.take_idle() {
                Some(pooled) => Ok(pooled),
                None => turn.within(self.connect()).await.unwrap_or(Err(Failure::Silent)),
            };
            match pooled {
                Ok(pooled) => {
                    self.failing.send_if_modified(|failing| std::mem::replace(failing, false));
                    return Ok(Connection { pooled: Some(pooled), pool: self, _permit: permit });
                }
                Err(failure) => self.failed(&failure),
            }
        }
    }

    async fn connect(&self) -> Result<Pooled, Failure> {
        let connected = self.connector.connect(Role::General).await?;
        match self.watch.measure(&connected.client).await? {
            Timeline::Overtaken => Err(Failure::Overtaken),
            Timeline::Latest(server) => {
                Ok(Pooled { connected, server, statements: Mutex::default(), _open: Arc::clone(&self.open) })
            }
        }
    }

    /// One that lies unused, and may be used.
    fn take_idle(&self) -> Option<Pooled> {
        let latest = self.watch.latest();
        let mut idle = self.idle();
        idle.retain(|pooled| Some(pooled.server) == latest && !pooled.connected.client.is_closed());
        idle.pop()
    }

    fn failed(&self, failure: &Failure) {
        let error = self.connector.unreachable(failure);
        if self.said.is_due(&error.to_string()) {
            tracing::warn!(%error, "no connection for what is not a verb");
        }
        if Arc::strong_count(&self.open) == 1 {
            self.failing.send_replace(true);
        }
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Pooled>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Tries again while no connection can be made, whether or not anybody asks for one: who is told that the store is not
/// ready does not ask.
async fn mend(pool: Weak<Pool>, mut failing: watch::Receiver<bool>) {
    let mut ticks = interval(MEND_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while failing.wait_for(|failing| *failing).await.is_ok() {
        ticks.tick().await;
        let Some(pool) = pool.upgrade() else { return };
        if pool.permits.is_closed() {
            return;
        }
        drop(pool.connection(&mut pool.turn()).await);
    }
}

/// What one caller may still wait for.
pub(super) struct Turn {
    ends: Instant,
    /// From the second attempt on.
    backoff: Option<Backoff>,
    /// Whether it may have been carried out already.
    is_repetition: bool,
}

/// The caller's deadline has passed.
pub(super) struct Late;

impl Turn {
    /// Waits for this, until the deadline.
    pub(super) async fn within<T>(&self, future: impl Future<Output = T>) -> Result<T, Late> {
        timeout_at(self.ends, future).await.map_err(|_| Late)
    }

    /// What a connection answered; `None`: nothing that stands, so that it is to be tried again.
    pub(super) fn judge<'p, T>(
        &mut self,
        connection: Connection<'p>,
        answer: Result<Result<T, Fault>, Late>,
        repetition: Repetition,
    ) -> Result<Option<(Connection<'p>, T)>, StoreError> {
        let fault = match answer {
            Ok(Ok(answer)) => return Ok(Some((connection, answer))),
            Ok(Err(fault)) => fault,
            // It may be answered yet, on this connection.
            Err(Late) => Fault::Lost,
        };
        if fault.ends_connection() {
            connection.discard();
        }
        match (fault, repetition) {
            (Fault::Refused(error), _) => return Err(error),
            (Fault::Lost, Repetition::Never) => return Err(StoreError::Unknown),
            (Fault::Lost, Repetition::Idempotent) => self.is_repetition = true,
            (Fault::Lost, Repetition::Harmless) | (Fault::Unfit | Fault::Again | Fault::Locked, _) => {}
        }
        if Instant::now() >= self.ends { Err(self.too_late()) } else { Ok(None) }
    }

    /// Waits before each attempt but the first.
    async fn pause(&mut self) -> Result<(), StoreError> {
        match &mut self.backoff {
            None => self.backoff = Some(Backoff::default()),
            Some(backoff) => {
                let paused = timeout_at(self.ends, backoff.next()).await;
                paused.map_err(|_| self.too_late())?;
            }
        }
        Ok(())
    }

    const fn too_late(&self) -> StoreError {
        if self.is_repetition { StoreError::Unknown } else { StoreError::NotDone }
    }
}

/// A connection of the pool; it goes back there.
pub(super) struct Connection<'p> {
    pooled: Option<Pooled>,
    pool: &'p Pool,
    _permit: SemaphorePermit<'p>,
}

impl Connection<'_> {
    /// The statement, prepared once for each connection.
    pub(super) async fn prepare(&self, sql: &'static str) -> Result<Statement, Fault> {
        let pooled = self.pooled()?;
        if let Some(statement) = pooled.statements().get(sql) {
            return Ok(statement.clone());
        }
        let statement = pooled.connected.client.prepare(sql).await.map_err(|error| Fault::of(&error))?;
        pooled.statements().insert(sql, statement.clone());
        Ok(statement)
    }

    /// What sends.
    pub(super) fn client(&self) -> Result<&Client, Fault> {
        Ok(&self.pooled()?.connected.client)
    }

    /// How many warnings came on it so far.
    pub(super) fn warnings(&self) -> u64 {
        self.pooled.as_ref().map_or(0, |pooled| pooled.connected.heard.warnings())
    }

    async fn query(
        &self,
        statement: &Statement,
        parameters: Parameters<'_>,
        repetition: Repetition,
    ) -> Result<Vec<Row>, Fault> {
        let warnings = self.warnings();
        let rows = self.client()?.query(statement, parameters).await.map_err(|error| Fault::of(&error))?;
        // A wait for the standby that was cancelled ends in success and a warning.
        if repetition != Repetition::Harmless && self.warnings() != warnings {
            return Err(Fault::Lost);
        }
        Ok(rows)
    }

    /// Waits until all that was committed before is durable, as a change of its own would be.
    async fn barrier(&self) -> Result<(), Fault> {
        let warnings = self.warnings();
        self.client()?.batch_execute(BARRIER).await.map_err(|error| Fault::of(&error))?;
        if self.warnings() == warnings { Ok(()) } else { Err(Fault::Lost) }
    }

    /// Closes it: an answer may come on it that nobody waits for, or none ever.
    fn discard(mut self) {
        self.pooled = None;
    }

    fn pooled(&self) -> Result<&Pooled, Fault> {
        self.pooled.as_ref().ok_or(Fault::Unfit)
    }
}

impl Drop for Connection<'_> {
    fn drop(&mut self) {
        if let Some(pooled) = self.pooled.take()
            && !self.pool.permits.is_closed()
        {
            self.pool.idle().push(pooled);
        }
    }
}

impl Pooled {
    fn statements(&self) -> MutexGuard<'_, HashMap<&'static str, Statement>> {
        self.statements.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A transaction that changes nothing, and is durable like any other only after all that were committed before it.
pub(super) const BARRIER: &str = "SELECT pg_logical_emit_message(true, 'kimbai', '')";
const MEND_EVERY: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use kimbai_postgres_fixture::{self as fixture, Version};

    use super::super::connect::Role;
    use super::super::migrate;
    use super::*;

    #[tokio::test]
    async fn a_server_that_was_overtaken_is_not_asked() {
        for version in Version::under_test() {
            let database = fixture::Server::shared(*version).fresh_database();
            let connector = Connector::new(&database.url().parse().unwrap()).unwrap();
            let connected = connector.connect(Role::General).await.unwrap();
            migrate::prepare(&connector, &connected.client).await.unwrap();
            let watch = Arc::new(Watch::default());
            let options = Options { deadline: Duration::from_secs(1), ..Options::default() };
            let pool = Pool::new(&connector, Arc::clone(&watch), options);
            let ask = async || pool.row("SELECT 1", &[]).await.map(|row| row.is_some());
            assert_eq!(ask().await, Ok(true));
            // Another server has taken over meanwhile, as a lane has seen.
            watch.overtake();
            assert_eq!(ask().await, Err(StoreError::NotDone));
        }
    }
}
