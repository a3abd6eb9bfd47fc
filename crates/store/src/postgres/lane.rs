//! A lane: one connection that carries out verbs, a batch at a time.
//!
//! A batch goes out at once: one statement for each kind of verb in it, each its own transaction. What such a statement
//! did not change is looked at by a later one. What fails in company is sent again alone. No answer leaves before all of
//! the batch is known to be durable; where that is not known, all of it is sent again, as the same attempts.

use std::collections::HashSet;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::TryStreamExt;
use futures_util::future::join_all;
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_postgres::{Error, Row};

use super::backoff::Backoff;
use super::batch::{APART_MAX, Batch, Parcel, Setback, Step};
use super::connect::{Connected, Failure, Role};
use super::fault::Fault;
use super::statements::{Form, Prepared, Value};
use super::watch::{Server, Timeline};
use super::{OpenError, Shared, Statements};

/// Serves the queue until it is closed, over one connection after another.
pub(super) async fn run(shared: Arc<Shared>) {
    let mut backoff = Backoff::default();
    while !shared.is_closing() {
        match Lane::open(&shared).await {
            Ok(lane) => {
                shared.watch.lane_opened();
                backoff.reset();
                let end = lane.serve().await;
                shared.watch.lane_closed();
                if matches!(end, Ok(Closed)) {
                    return;
                }
            }
            // What a store that is being closed does not get is no loss.
            Err(error) if !shared.is_closing() => tracing::warn!(%error, "no connection for verbs"),
            Err(_) => return,
        }
        tokio::select! {
            () = backoff.next() => {}
            () = shared.closed() => {}
        }
    }
}

/// The queue is closed and empty.
struct Closed;

/// The connection must not be used again, and nobody knows what became of what was sent.
#[derive(Debug)]
struct Lost;

/// Whether a step had anything to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sent {
    Some,
    Nothing,
}

/// One connection with its statements.
struct Lane<'s> {
    shared: &'s Shared,
    connected: Connected,
    prepared: Prepared,
    server: Server,
}

impl<'s> Lane<'s> {
    async fn open(shared: &'s Shared) -> Result<Self, OpenError> {
        let connected = shared.connector.connect(Role::Lane).await;
        let connected = connected.map_err(|failure| shared.connector.unreachable(&failure))?;
        let opening = async {
            let timeline = shared.watch.measure(&connected.client).await?;
            connected.client.batch_execute(lock(shared.options.statements)).await?;
            Ok::<_, Error>((timeline, Prepared::new(&connected.client).await?))
        };
        match timeout(SILENCE, opening).await {
            Ok(Ok((Timeline::Latest(server), prepared))) => Ok(Self { shared, connected, prepared, server }),
            Ok(Ok((Timeline::Overtaken, _))) => Err(shared.connector.unreachable(&Failure::Overtaken)),
            Ok(Err(error)) => Err(shared.connector.unreachable(&error.into())),
            Err(_) => Err(shared.connector.unreachable(&Failure::Silent)),
        }
    }

    async fn serve(&self) -> Result<Closed, Lost> {
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut keys = HashSet::new();
        loop {
            tokio::select! {
                biased;
                _ = ticks.tick() => self.patiently(self.check()).await?,
                verbs = self.shared.queue.batch(&mut keys) => {
                    let Some((verbs, _turn)) = verbs else { return Ok(Closed) };
                    self.carry_out(Batch::new(verbs)).await?;
                }
            }
        }
    }

    /// Whether this is still the server to ask, and whether its commits end. Plans are made anew, because a table that has grown since wants others.
    async fn check(&self) -> Result<(), Lost> {
        let client = &self.connected.client;
        let (measured, discarded) =
            tokio::join!(self.shared.watch.measure(client), client.batch_execute("DISCARD PLANS"));
        match (measured, discarded) {
            (Ok(Timeline::Latest(server)), Ok(())) if server == self.server => self.try_commit().await,
            (Ok(Timeline::Latest(_)), Ok(())) => Err(Lost),
            (Ok(Timeline::Overtaken), _) => {
                tracing::error!("a server was asked that another one has overtaken; it is left");
                Err(Lost)
            }
            (Err(error), _) | (_, Err(error)) => {
                tracing::warn!(%error, "a server cannot be asked any more");
                Err(Lost)
            }
        }
    }

    /// A commit that changes nothing, where nobody knows whether commits end.
    async fn try_commit(&self) -> Result<(), Lost> {
        let Some(_trial) = self.shared.watch.trial() else { return Ok(()) };
        let (sent, warnings) = (Instant::now(), self.connected.heard.warnings());
        self.execute(BARRIER).await?;
        if self.connected.heard.warnings() == warnings {
            self.shared.watch.committed(sent);
        }
        Ok(())
    }

    async fn carry_out(&self, mut batch: Batch) -> Result<(), Lost> {
        let (start, size, before) = (Instant::now(), batch.len(), self.shared.watch.own_time());
        let warnings = self.connected.heard.warnings();
        let end = self.patiently(self.work(&mut batch)).await;
        if end.is_err() || self.connected.heard.warnings() != warnings {
            batch.put_back(&self.shared.queue);
            return end;
        }
        self.shared.figures.count(size, start.elapsed());
        if batch.has_committed() {
            self.shared.watch.committed(start);
        }
        if let Some(now) = batch.time() {
            self.shared.watch.correct(before, now, self.shared.watch.own_time());
        }
        batch.answer(&self.shared.queue);
        Ok(())
    }

    /// All statements of a batch.
    async fn work(&self, batch: &mut Batch) -> Result<(), Lost> {
        for step in Step::ALL {
            match step {
                Step::ChangeAlone => self.change_alone(batch).await?,
                Step::Change | Step::Look | Step::LookAlone => drop(self.step(batch, step).await?),
            }
        }
        if batch.rests_on_earlier() {
            self.execute(BARRIER).await?;
        }
        Ok(())
    }

    /// What goes out in a step, if anything does.
    async fn step(&self, batch: &mut Batch, step: Step) -> Result<Sent, Lost> {
        let parcels = batch.parcels(step, self.shared.options.statements);
        if parcels.is_empty() {
            return Ok(Sent::Nothing);
        }
        let sent = join_all(parcels.into_iter().map(|parcel| self.send(parcel))).await;
        sent.into_iter().collect::<Result<(), _>>()?;
        Ok(Sent::Some)
    }

    /// Those that go alone, a few at a time: where many rows are locked, the batch does not wait for each of them.
    async fn change_alone(&self, batch: &mut Batch) -> Result<(), Lost> {
        if batch.parcels(Step::ChangeAlone, self.shared.options.statements).is_empty() {
            return Ok(());
        }
        self.execute(LOCK_ALONE).await?;
        let mut is_patient = true;
        while self.step(batch, Step::ChangeAlone).await? == Sent::Some {
            if is_patient && batch.locked() >= APART_MAX {
                is_patient = false;
                self.execute(LOCK_AMONG_MANY).await?;
            }
        }
        self.execute(lock(self.shared.options.statements)).await
    }

    /// One statement, and what came of it.
    async fn send(&self, mut parcel: Parcel<'_>) -> Result<(), Lost> {
        match self.query(&parcel).await {
            Ok(rows) => parcel.take(&rows),
            Err(error) => match Fault::of(&error) {
                Fault::Lost | Fault::Unfit => return Err(Lost),
                Fault::Again => parcel.fail(&Setback::Again),
                Fault::Locked => parcel.fail(&Setback::Locked),
                Fault::Refused(error) => parcel.fail(&Setback::Refused(error)),
            },
        }
        Ok(())
    }

    async fn query(&self, parcel: &Parcel<'_>) -> Result<Vec<Row>, Error> {
        let statement = self.prepared.statement(parcel.kind, parcel.form);
        // The verbs side by side, as the statement's arrays want them; of one verb alone these are its parameters.
        let mut columns: Vec<Vec<Value>> = parcel.kind.parameters().iter().map(|_| Vec::new()).collect();
        for verb in parcel.verbs() {
            let mut next = columns.iter_mut();
            verb.values(&mut |value| {
                if let Some(column) = next.next() {
                    column.push(value);
                }
            });
        }
        let rows = match parcel.form {
            Form::Rows => self.connected.client.query_raw(statement, columns).await?,
            Form::Row => self.connected.client.query_raw(statement, columns.concat()).await?,
        };
        rows.try_collect().await
    }

    async fn execute(&self, sql: &str) -> Result<(), Lost> {
        self.connected.client.batch_execute(sql).await.map_err(|error| {
            tracing::warn!(%error, "a connection to PostgreSQL was lost");
            Lost
        })
    }

    /// Waits as long as it takes, if the server answers others meanwhile and is still the one to ask: a commit may wait
    /// for its standby. A server that has stopped without a word is left.
    async fn patiently<T>(&self, work: impl Future<Output = Result<T, Lost>>) -> Result<T, Lost> {
        let mut work = pin!(work);
        loop {
            if let Ok(done) = timeout(SILENCE, &mut work).await {
                return done;
            }
            let probe = async {
                let probe = self.shared.connector.connect(Role::General).await.ok()?;
                let timeline = self.shared.watch.measure(&probe.client).await.ok()?;
                (timeline == Timeline::Latest(self.server)).then_some(())
            };
            tokio::select! {
                biased;
                done = &mut work => return done,
                probed = timeout(SILENCE, probe) => if !matches!(probed, Ok(Some(()))) {
                    tracing::warn!("PostgreSQL has not answered for {} s", SILENCE.as_secs());
                    return Err(Lost);
                },
            }
        }
    }
}

/// So often a lane asks whether this is still the server to ask.
const TICK: Duration = Duration::from_secs(1);
/// So long a server may say nothing before another connection is tried.
const SILENCE: Duration = Duration::from_secs(10);
/// How long the statements of a batch wait for a lock: all verbs of one kind together, or each by itself.
const fn lock(statements: Statements) -> &'static str {
    match statements {
        Statements::Batched => LOCK,
        Statements::Single => LOCK_ALONE,
    }
}

/// As in the settings of a lane. Locks are held for one commit by those who play by these rules.
const LOCK: &str = "SET lock_timeout = '500ms'";
/// Verbs of other grants wait behind it.
const LOCK_ALONE: &str = "SET lock_timeout = '50ms'";
/// Others wait behind many of them.
const LOCK_AMONG_MANY: &str = "SET lock_timeout = '1ms'";
/// A transaction that changes nothing, and is durable like any other only after all that were committed before it.
const BARRIER: &str = "SELECT pg_logical_emit_message(true, 'kimbai', '')";
