//! Statements of everything that is not a verb: each alone on a connection of the pool, with the caller's deadline.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use deadpool_postgres::{Object, PoolError};
use tokio::time::{Instant, timeout_at};
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Row, Statement};

use super::backoff::Backoff;
use super::connect::{Connector, Heard};
use super::fault::Fault;
use super::watch::{Timeline, Watch};
use super::{OpenError, Options};
use crate::StoreError;

/// Connections for single statements and for changes of the registry.
pub(super) struct Pool {
    connections: deadpool_postgres::Pool,
    heard: Arc<Heard>,
    watch: Arc<Watch>,
    /// Of the connections that lie here unused.
    timeline: AtomicU32,
    deadline: Duration,
}

/// Whether a statement whose outcome is unknown may be sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Repetition {
    /// It reads, or says a second time what it said the first.
    Harmless,
    /// It counts or makes something.
    Never,
}

/// What a statement is given.
pub(super) type Parameters<'a> = &'a [&'a (dyn ToSql + Sync)];

impl Pool {
    /// No connections yet; how many, and how long each call may take, is in the options.
    ///
    /// # Errors
    /// [`OpenError::Unreachable`]: there is no runtime for it.
    pub(super) fn new(connector: &Connector, watch: Arc<Watch>, options: Options) -> Result<Self, OpenError> {
        let (connections, heard) = (connector.pool(options.pool)?, connector.heard_by_pool());
        let timeline = AtomicU32::new(watch.moves());
        Ok(Self { connections, heard, watch, timeline, deadline: options.deadline })
    }

    /// How many warnings any of its connections got so far.
    pub(super) fn warnings(&self) -> u64 {
        self.heard.warnings()
    }

    /// So long a caller waits.
    pub(super) const fn deadline(&self) -> Duration {
        self.deadline
    }

    /// No connection is given out any more.
    pub(super) fn close(&self) {
        self.connections.close();
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
            let queried = turn.within(connection.query(&statement, parameters)).await;
            if let Some((_, rows)) = turn.judge(connection, queried, repetition)? {
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
        Turn { ends: Instant::now() + self.deadline, backoff: None }
    }

    /// A connection, within the caller's deadline: one that cannot be made may be soon.
    pub(super) async fn connection(&self, turn: &mut Turn) -> Result<Connection, StoreError> {
        loop {
            turn.pause().await?;
            // What was connected before a fail-over may be connected to a server that was overtaken.
            let timeline = self.watch.moves();
            if self.timeline.swap(timeline, Ordering::AcqRel) != timeline {
                self.connections.retain(|_, _| false);
            }
            match turn.within(self.connections.get()).await {
                Ok(Ok(object)) => {
                    if self.is_latest(&object, turn).await {
                        return Ok(Connection(object));
                    }
                    Connection(object).discard();
                }
                Err(Late) => return Err(StoreError::NotDone),
                Ok(Err(PoolError::Closed | PoolError::NoRuntimeSpecified | PoolError::Timeout(_))) => {
                    return Err(StoreError::NotDone);
                }
                Ok(Err(PoolError::Backend(_) | PoolError::PostCreateHook(_))) => {}
            }
        }
    }

    /// Whether a new connection is to a server that no other has overtaken.
    async fn is_latest(&self, object: &Object, turn: &Turn) -> bool {
        let is_used = Object::metrics(object).recycled.is_some();
        is_used || matches!(turn.within(self.watch.measure(object)).await, Ok(Ok(Timeline::Latest(_))))
    }
}

/// What one caller may still wait for.
pub(super) struct Turn {
    ends: Instant,
    /// From the second attempt on.
    backoff: Option<Backoff>,
}

/// The caller's deadline has passed.
pub(super) struct Late;

impl Turn {
    /// Waits for this, until the deadline.
    pub(super) async fn within<T>(&self, future: impl Future<Output = T>) -> Result<T, Late> {
        timeout_at(self.ends, future).await.map_err(|_| Late)
    }

    /// What a connection answered; `None`: nothing that stands, so that it is to be tried again.
    pub(super) fn judge<T>(
        &self,
        connection: Connection,
        answer: Result<Result<T, Fault>, Late>,
        repetition: Repetition,
    ) -> Result<Option<(Connection, T)>, StoreError> {
        let fault = match answer {
            Ok(Ok(answer)) => return Ok(Some((connection, answer))),
            Ok(Err(fault)) => fault,
            // It may be answered yet, on this connection.
            Err(Late) => Fault::Lost,
        };
        let is_late = Instant::now() >= self.ends;
        if fault.ends_connection() {
            connection.discard();
        }
        match fault {
            Fault::Refused(error) => Err(error),
            Fault::Lost if repetition == Repetition::Never => Err(StoreError::Unknown),
            _ if is_late => Err(StoreError::NotDone),
            Fault::Lost | Fault::Unfit | Fault::Again | Fault::Locked => Ok(None),
        }
    }

    /// Waits before each attempt but the first.
    async fn pause(&mut self) -> Result<(), StoreError> {
        match &mut self.backoff {
            None => self.backoff = Some(Backoff::default()),
            Some(backoff) => {
                timeout_at(self.ends, backoff.next()).await.map_err(|_| StoreError::NotDone)?;
            }
        }
        Ok(())
    }
}

/// A connection of the pool; it goes back there.
pub(super) struct Connection(Object);

impl Connection {
    /// The statement, prepared once for each connection.
    pub(super) async fn prepare(&self, sql: &'static str) -> Result<Statement, Fault> {
        self.0.prepare_cached(sql).await.map_err(|error| Fault::of(&error))
    }

    /// What sends.
    pub(super) fn client(&self) -> &Client {
        &self.0
    }

    async fn query(&self, statement: &Statement, parameters: Parameters<'_>) -> Result<Vec<Row>, Fault> {
        self.0.query(statement, parameters).await.map_err(|error| Fault::of(&error))
    }

    /// Closes it: an answer may come on it that nobody waits for, or none ever.
    fn discard(self) {
        drop(Object::take(self.0));
    }
}

#[cfg(test)]
mod tests {
    use kimbai_postgres_fixture::{Server, Version};

    use super::super::connect::Role;
    use super::super::migrate;
    use super::*;

    #[tokio::test]
    async fn a_server_that_was_overtaken_is_not_asked() {
        for version in Version::under_test() {
            let database = Server::shared(*version).fresh_database();
            let connector = Connector::new(&database.url().parse().unwrap()).unwrap();
            let connected = connector.connect(Role::General).await.unwrap();
            migrate::prepare(&connector, &connected.client).await.unwrap();
            let watch = Arc::new(Watch::default());
            let options = Options { deadline: Duration::from_secs(1), ..Options::default() };
            let pool = Pool::new(&connector, Arc::clone(&watch), options).unwrap();
            let ask = async || pool.row("SELECT 1", &[]).await.map(|row| row.is_some());
            assert_eq!(ask().await, Ok(true));
            // Another server has taken over meanwhile, as a lane has seen.
            watch.overtake();
            assert_eq!(ask().await, Err(StoreError::NotDone));
        }
    }
}
