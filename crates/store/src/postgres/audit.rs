//! What an operator may want to know afterwards: audit events, written in batches by a task of their own, read newest
//! first.
//!
//! Who records one never waits. During an outage events are kept, up to a bound, and written afterwards; a batch whose
//! outcome is unknown is looked for before it is written again.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use kimbai_core::number::RealmNumber;
use kimbai_core::time::Micros;
use tokio::sync::{Notify, watch};
use tokio_postgres::types::ToSql;

use super::backoff::Backoff;
use super::fault::column;
use super::pool::{Pool, Repetition};
use crate::{AuditEvent, AuditFilter, StoreError};

/// The events that wait to be written.
pub(super) struct Journal {
    waiting: Mutex<Waiting>,
    bell: Notify,
    /// How many of those that were taken are written, or were given up.
    settled: watch::Sender<u64>,
    /// Whether the writer has ended.
    ended: watch::Sender<bool>,
    /// What keeps a batch that is sent again waiting for the end of its first sending: this journal's own number.
    lock_key: i64,
}

/// What became of some events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Written {
    Whole,
    /// The database does not take them, or not all of them.
    Refused,
    /// The journal is closed, and the database takes nothing.
    GivenUp,
}

/// Whether events may be there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sending {
    First,
    Again,
}

#[derive(Default)]
struct Waiting {
    events: VecDeque<(Micros, AuditEvent)>,
    taken: u64,
    dropped: u64,
    closed: bool,
}

impl Journal {
    pub(super) fn new() -> Self {
        Self {
            waiting: Mutex::default(),
            bell: Notify::new(),
            settled: watch::Sender::new(0),
            ended: watch::Sender::new(false),
            lock_key: RandomState::new().hash_one(0_u8).cast_signed(),
        }
    }

    /// Adds an event, or drops it when too many wait.
    pub(super) fn record(&self, at: Micros, event: AuditEvent) {
        let mut waiting = self.lock();
        if waiting.closed || waiting.events.len() >= EVENTS_MAX {
            waiting.drop_events(1);
            return;
        }
        waiting.events.push_back((at, event));
        waiting.taken += 1;
        drop(waiting);
        self.bell.notify_one();
    }

    /// How many were dropped since the start.
    pub(super) fn dropped(&self) -> u64 {
        self.lock().dropped
    }

    /// Waits until all that was recorded before is written.
    ///
    /// # Errors
    /// [`StoreError::NotDone`]: it takes too long.
    async fn flushed(&self, most: Duration) -> Result<(), StoreError> {
        let taken = self.lock().taken;
        let mut settled = self.settled.subscribe();
        let written = settled.wait_for(|settled| *settled >= taken);
        match tokio::time::timeout(most, written).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(StoreError::NotDone),
        }
    }

    /// Nothing more is taken; the writer writes what waits, if the database takes it, and ends.
    pub(super) fn stop(&self) {
        self.lock().closed = true;
        self.bell.notify_one();
    }

    /// Stops, and waits for the writer's end.
    pub(super) async fn close(&self) {
        self.stop();
        let mut ended = self.ended.subscribe();
        drop(ended.wait_for(|ended| *ended).await);
    }

    /// Writes what comes until the journal is closed.
    pub(super) async fn write(self: Arc<Self>, pool: Arc<Pool>) {
        let mut batch = Vec::new();
        while self.next(&mut batch).await {
            let lost = self.write_batch(&pool, &batch).await;
            if lost > 0 {
                self.lock().drop_events(count_of(lost));
            }
            self.settled.send_modify(|settled| *settled += count_of(batch.len()));
            batch.clear();
        }
        self.ended.send_replace(true);
    }

    /// Takes what waits; false: nothing ever will.
    async fn next(&self, batch: &mut Vec<(Micros, AuditEvent)>) -> bool {
        loop {
            let closed = {
                let mut waiting = self.lock();
                let count = waiting.events.len().min(BATCH_MAX);
                batch.extend(waiting.events.drain(..count));
                waiting.closed
            };
            if !batch.is_empty() || closed {
                return !batch.is_empty();
            }
            self.bell.notified().await;
        }
    }

    /// Writes a batch, for as long as it takes; answers how many of its events are lost. One that the database refuses does
    /// not take the others with it.
    async fn write_batch(&self, pool: &Pool, batch: &[(Micros, AuditEvent)]) -> usize {
        let mut pieces = vec![batch];
        let mut lost = 0;
        while let Some(piece) = pieces.pop() {
            match (self.write_piece(pool, piece).await, piece.len()) {
                (Written::Whole, _) => {}
                (Written::Refused, 0 | 1) => lost += piece.len(),
                (Written::Refused, count) => {
                    let (first, second) = piece.split_at(count / 2);
                    pieces.extend([second, first]);
                }
                (Written::GivenUp, count) => {
                    return lost + count + pieces.iter().map(|piece| piece.len()).sum::<usize>();
                }
            }
        }
        lost
    }

    async fn write_piece(&self, pool: &Pool, piece: &[(Micros, AuditEvent)]) -> Written {
        let columns = Columns::of(piece);
        let mut backoff = Backoff::default();
        let mut sending = Sending::First;
        loop {
            match columns.insert(pool, self.lock_key, sending).await {
                Ok(()) => return Written::Whole,
                Err(StoreError::NotDone) => {}
                Err(StoreError::Unknown) => sending = Sending::Again,
                Err(error @ (StoreError::Unreadable(_) | StoreError::Taken | StoreError::Changed)) => {
                    if piece.len() == 1 {
                        tracing::error!(%error, "an audit event cannot be stored");
                    }
                    return Written::Refused;
                }
            }
            if self.lock().closed {
                return Written::GivenUp;
            }
            backoff.next().await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    fn drop_events(&mut self, count: u64) {
        let before = self.dropped;
        self.dropped += count;
        // Loud, but not once for each of a flood.
        if before.checked_ilog2() != self.dropped.checked_ilog2() {
            tracing::warn!(dropped = self.dropped, "audit events were dropped: the store does not keep up");
        }
    }
}

/// A batch as the statement takes it.
#[derive(Default)]
struct Columns {
    realms: Vec<i32>,
    instants: Vec<i64>,
    events: Vec<String>,
    grants: Vec<Option<i64>>,
    clients: Vec<Option<i32>>,
    users: Vec<Option<i32>>,
    sources: Vec<Option<String>>,
}

impl Columns {
    fn of(batch: &[(Micros, AuditEvent)]) -> Self {
        let mut columns = Self::default();
        for (at, AuditEvent { realm, event, grant, client, user, source }) in batch {
            columns.realms.push(realm.0.cast_signed());
            columns.instants.push(at.0);
            columns.events.push(storable(event));
            columns.grants.push(grant.map(u64::cast_signed));
            columns.clients.push(client.map(u32::cast_signed));
            columns.users.push(user.map(u32::cast_signed));
            columns.sources.push(source.as_deref().map(storable));
        }
        columns
    }

    async fn insert(&self, pool: &Pool, lock: i64, sending: Sending) -> Result<(), StoreError> {
        let Self { realms, instants, events, grants, clients, users, sources } = self;
        let may_be_there = sending == Sending::Again;
        let parameters: [&(dyn ToSql + Sync); 9] =
            [&lock, &may_be_there, realms, instants, events, grants, clients, users, sources];
        pool.rows(INSERT, &parameters, Repetition::Never).await.map(drop)
    }
}

/// PostgreSQL keeps no NUL; one text must not keep the events beside it from being stored.
fn storable(text: &str) -> String {
    text.replace('\0', "\u{FFFD}")
}

/// The newest events of a realm that pass the filter, among them all that was recorded before.
pub(super) async fn newest(
    pool: &Pool,
    journal: &Journal,
    realm: RealmNumber,
    filter: AuditFilter,
    limit: u32,
) -> Result<Vec<(Micros, AuditEvent)>, StoreError> {
    journal.flushed(pool.deadline()).await?;
    let since = filter.since.map_or(i64::MIN, |since| since.0);
    let grant = filter.grant.map(u64::cast_signed);
    let [client, user] = [filter.client, filter.user].map(|number| number.map(u32::cast_signed));
    let parameters: [&(dyn ToSql + Sync); 6] =
        [&realm.0.cast_signed(), &i64::from(limit), &since, &grant, &client, &user];
    let rows = pool.rows(statement_of(&filter), &parameters, Repetition::Harmless).await?;
    let event = |row| {
        let number = |index| Ok(column::<Option<i32>>(row, index)?.map(i32::cast_unsigned));
        let event = AuditEvent {
            realm,
            event: Cow::Owned(column(row, 1)?),
            grant: column::<Option<i64>>(row, 2)?.map(i64::cast_unsigned),
            client: number(3)?,
            user: number(4)?,
            source: column(row, 5)?,
        };
        Ok((Micros(column(row, 0)?), event))
    };
    rows.iter().map(event).collect()
}

/// The statement that goes by what is rarest: a grant has the fewest events, then a user.
const fn statement_of(filter: &AuditFilter) -> &'static str {
    match filter {
        AuditFilter { grant: Some(_), .. } => OF_GRANT,
        AuditFilter { user: Some(_), .. } => OF_USER,
        AuditFilter { client: Some(_), .. } => OF_CLIENT,
        AuditFilter { grant: None, user: None, client: None, .. } => OF_REALM,
    }
}

macro_rules! newest {
    ($condition:literal) => {
        concat!(
            "SELECT at, event, \"grant\", client, \"user\", source FROM kimbai.audit WHERE realm = $1 AND ",
            $condition,
            " AND at >= $3 ORDER BY at DESC, number DESC LIMIT $2"
        )
    };
}

// `$4`, `$5` and `$6` are bound in each of them.
const OF_GRANT: &str =
    newest!("\"grant\" = $4 AND ($5::integer IS NULL OR client = $5) AND ($6::integer IS NULL OR \"user\" = $6)");
const OF_USER: &str = newest!("\"user\" = $6 AND ($5::integer IS NULL OR client = $5) AND $4::bigint IS NULL");
const OF_CLIENT: &str = newest!("client = $5 AND $4::bigint IS NULL AND $6::integer IS NULL");
const OF_REALM: &str = newest!("$4::bigint IS NULL AND $5::integer IS NULL AND $6::integer IS NULL");

const INSERT: &str = "SELECT kimbai.record($1, $2, $3, $4, $5, $6, $7, $8, $9)::text";

fn count_of(events: usize) -> u64 {
    u64::try_from(events).unwrap_or(u64::MAX)
}

const EVENTS_MAX: usize = 4_096;
const BATCH_MAX: usize = 512;

#[cfg(test)]
mod tests {
    use kimbai_postgres_fixture::{Server, Version};

    use super::super::connect::{Connector, Role};
    use super::super::migrate;
    use super::*;

    #[tokio::test]
    async fn no_filter_reads_the_whole_table_or_sorts() {
        for version in Version::under_test() {
            let database = Server::shared(*version).fresh_database();
            let connector = Connector::new(&database.url().parse().unwrap()).unwrap();
            let client = connector.connect(Role::General).await.unwrap();
            migrate::prepare(&connector, &client.client).await.unwrap();
            let fill = "INSERT INTO kimbai.audit (realm, at, event, \"grant\", client, \"user\") \
                 SELECT 1, n, 'event', n / 10, n / 1000, n / 100 FROM generate_series(1, 100000) AS n; ANALYZE kimbai.audit";
            client.client.batch_execute(fill).await.unwrap();
            for (name, sql, index, parameters) in [
                ("grant", OF_GRANT, "audit_of_grant", "1, 10, 0, 7, NULL, NULL"),
                ("user", OF_USER, "audit_of_user", "1, 10, 0, NULL, NULL, 7"),
                ("client", OF_CLIENT, "audit_of_client", "1, 10, 0, NULL, 7, NULL"),
                ("realm", OF_REALM, "audit_of_realm", "1, 10, 0, NULL, NULL, NULL"),
            ] {
                let types = "integer, bigint, bigint, bigint, integer, integer";
                let prepare = format!("SET plan_cache_mode = force_generic_plan; PREPARE of_{name} ({types}) AS {sql}");
                client.client.batch_execute(&prepare).await.unwrap();
                let plan =
                    client.client.simple_query(&format!("EXPLAIN EXECUTE of_{name} ({parameters})")).await.unwrap();
                let plan = format!("{plan:?}");
                assert!(plan.contains(index), "{name}: {plan}");
                assert!(!plan.contains("Sort") && !plan.contains("Seq Scan"), "{name}: {plan}");
            }
        }
    }
}
