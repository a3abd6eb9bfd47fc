//! The one writer: takes what waits as one batch, one transaction, one flush, and answers after it.
//!
//! After a failed flush or write its connection is closed, and nothing is taken until a fresh one has proven the log:
//! otherwise what was answered as not done could come back as committed.

use std::time::{Duration, Instant};

use kimbai_core::number::{AttemptId, GrantId, RealmNumber};
use kimbai_core::time::Micros;
use rusqlite::{Connection, Result, Statement, params};

use super::connection::{self, Checkpoint, Role};
use super::fault::{Fault, ends_connection};
use super::log::Log;
use super::queue::{BATCH_MAX, Failed, Next, Patience, Task, Undo};
use super::verbs::{Verb, Verbs};
use super::{Home, Shared, backup};
use crate::{AuditEvent, Clock, StoreError};

/// What a task works with.
pub(super) struct Hand<'c> {
    pub(super) connection: &'c Connection,
    pub(super) clock: &'c Clock,
    pub(super) verbs: Verbs<'c>,
}

impl Hand<'_> {
    /// The store's time, for this verb.
    pub(super) fn verb(&self, realm: RealmNumber, id: GrantId, attempt: AttemptId) -> Verb {
        Verb { realm, id, attempt, now: self.clock.now() }
    }
}

/// Serves the queue until it is closed.
pub(super) fn run(shared: &Shared, connection: Connection, mut log: Option<Log>) {
    let _stopped = Stopped(shared);
    let mut connection = connection;
    loop {
        match serve(shared, &mut connection, log.as_mut()) {
            Ok(()) => {
                // The helper's connection is closed first, so that nothing stands in the way.
                drop(log);
                return finish(shared, &connection);
            }
            Err(error) => tracing::error!(%error, "the store failed; nothing is taken until its log is proven"),
        }
        // Closed before the fresh one is opened: what it believes of the log is not true any more.
        drop(connection);
        let Some(fresh) = recover(shared) else { return };
        connection = fresh;
        shared.recovered();
    }
}

/// Serves the queue on one connection; an error says that the connection must not be used again.
fn serve(shared: &Shared, connection: &mut Connection, log: Option<&mut Log>) -> Result<()> {
    if let Some(log) = &log {
        log.watch(connection).inspect_err(|_| shared.failed())?;
    }
    let batch = Batch::new(connection, &shared.clock).inspect_err(|_| shared.failed())?;
    let (tasks, events) = (Vec::with_capacity(BATCH_MAX), Vec::new());
    let mut worker = Worker { shared, connection, batch, log, tasks, events };
    loop {
        match worker.turn(Patience::Endless)? {
            Next::Batch | Next::Nothing => {}
            Next::Backup(order) => backup::carry_out(*order, &mut worker)?,
            Next::End => return Ok(()),
        }
    }
}

/// The writer on one connection.
pub(super) struct Worker<'c> {
    shared: &'c Shared,
    pub(super) connection: &'c Connection,
    batch: Batch<'c>,
    log: Option<&'c mut Log>,
    tasks: Vec<Box<dyn Task>>,
    events: Vec<(Micros, AuditEvent)>,
}

impl Worker<'_> {
    /// The store's time.
    pub(super) fn now(&self) -> Micros {
        self.shared.clock.now()
    }

    /// Takes what is next, and carries it out if it is a batch.
    pub(super) fn turn(&mut self, patience: Patience) -> Result<Next> {
        let next = self.shared.queue.take(&mut self.tasks, &mut self.events, patience);
        if matches!(next, Next::Batch) {
            self.carry_out()?;
            if let Some(log) = &mut self.log {
                log.tend(self.connection, &self.shared.queue).inspect_err(|_| self.shared.failed())?;
            }
        }
        Ok(next)
    }

    fn carry_out(&mut self) -> Result<()> {
        let (shared, start) = (self.shared, Instant::now());
        let Err(error) = self.batch.commit(&mut self.tasks, &self.events) else {
            shared.figures.count(self.tasks.len(), start.elapsed());
            self.events.clear();
            self.tasks.drain(..).for_each(|task| task.settle(Ok(())));
            return Ok(());
        };
        if matches!(shared.home, Home::Memory) {
            // There is no other copy to go back to; what failed is rolled back.
            tracing::error!(%error, "a batch in memory failed");
            self.events.clear();
            self.batch.abandon();
            self.tasks.drain(..).for_each(|task| task.settle(Err(StoreError::NotDone)));
            return Ok(());
        }
        // Before the answers: whoever has one must not find the store open.
        shared.failed();
        shared.queue.put_back(&mut self.events);
        self.tasks.drain(..).for_each(|task| task.settle(Err(StoreError::Unknown)));
        Err(error)
    }
}

/// The statements of a transaction, kept for the connection's life.
struct Batch<'c> {
    hand: Hand<'c>,
    begin: Statement<'c>,
    commit: Statement<'c>,
    savepoint: Statement<'c>,
    release: Statement<'c>,
    undo: Statement<'c>,
    event: Statement<'c>,
}

impl<'c> Batch<'c> {
    fn new(connection: &'c Connection, clock: &'c Clock) -> Result<Self> {
        Ok(Self {
            hand: Hand { connection, clock, verbs: Verbs::new(connection)? },
            begin: connection.prepare("BEGIN IMMEDIATE")?,
            commit: connection.prepare("COMMIT")?,
            savepoint: connection.prepare("SAVEPOINT change")?,
            release: connection.prepare("RELEASE change")?,
            undo: connection.prepare("ROLLBACK TO change")?,
            event: connection.prepare(
                "INSERT INTO audit (realm, at, event, grant, client, user, source) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            )?,
        })
    }

    fn commit(&mut self, tasks: &mut [Box<dyn Task>], events: &[(Micros, AuditEvent)]) -> Result<()> {
        self.begin.raw_execute()?;
        for task in tasks {
            if let Err(Failed(fault)) = self.run(task.as_mut()) {
                // A full disk and its like end the transaction, not only the statement.
                match fault {
                    Fault::Sqlite(error) if ends_connection(&error) || self.hand.connection.is_autocommit() => {
                        return Err(error);
                    }
                    // Its statement may have changed the row before the look at it failed.
                    Fault::Sqlite(_) | Fault::Store(_) if task.undo() == Undo::Statement => {
                        task.fail(Fault::Store(StoreError::Unknown));
                    }
                    fault @ (Fault::Sqlite(_) | Fault::Store(_)) => task.fail(fault),
                }
            }
        }
        for (at, event) in events {
            let grant = event.grant.map(u64::cast_signed);
            self.event.execute(params![
                event.realm.0,
                at.0,
                event.event,
                grant,
                event.client,
                event.user,
                event.source
            ])?;
        }
        self.commit.raw_execute()?;
        Ok(())
    }

    fn run(&mut self, task: &mut dyn Task) -> std::result::Result<(), Failed> {
        if task.undo() == Undo::Statement {
            return task.run(&mut self.hand);
        }
        let failed = |error| Failed(Fault::Sqlite(error));
        self.savepoint.raw_execute().map_err(failed)?;
        let done = task.run(&mut self.hand);
        if done.is_err() && !self.hand.connection.is_autocommit() {
            self.undo.raw_execute().map_err(failed)?;
        }
        if !self.hand.connection.is_autocommit() {
            self.release.raw_execute().map_err(failed)?;
        }
        done
    }

    fn abandon(&mut self) {
        if !self.hand.connection.is_autocommit()
            && let Err(error) = self.hand.connection.execute_batch("ROLLBACK")
        {
            tracing::error!(%error, "a failed batch could not be rolled back");
        }
    }
}

/// Tries until a fresh connection has copied the whole log and emptied it; `None` when the store is closed meanwhile.
fn recover(shared: &Shared) -> Option<Connection> {
    let Home::Directory { files, .. } = &shared.home else { return None };
    let mut pause = PAUSE_MIN;
    loop {
        if shared.queue.sleep(pause) {
            return None;
        }
        let proven = connection::connect(&files.database(), Role::Writer)
            .and_then(|fresh| Ok((connection::checkpoint(&fresh, Checkpoint::Truncate)?, fresh)));
        match proven {
            Ok((true, fresh)) => return Some(fresh),
            Ok((false, _)) => tracing::warn!("the log could not be copied yet: it is in use"),
            Err(error) => tracing::warn!(%error, "the log could not be copied yet"),
        }
        pause = (pause * 2).min(PAUSE_MAX);
    }
}

/// A clean stop leaves an empty log.
fn finish(shared: &Shared, connection: &Connection) {
    if matches!(shared.home, Home::Memory) {
        return;
    }
    if let Err(error) = connection::checkpoint(connection, Checkpoint::Truncate) {
        tracing::warn!(%error, "the log was not copied at the end; the next start does it");
    }
}

/// However the writer ends, nobody waits for it in vain.
struct Stopped<'s>(&'s Shared);

impl Drop for Stopped<'_> {
    fn drop(&mut self) {
        self.0.failed();
    }
}

const PAUSE_MIN: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(1);
