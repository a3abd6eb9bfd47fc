//! What waits for the writer: tasks with an answer, and audit events without one. Both are bounded.
//!
//! A sleeping writer is woken once; while it is busy nobody wakes it, so that a batch costs few calls of the kernel.

use std::mem;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use kimbai_core::time::Micros;
use tokio::sync::oneshot;

use super::backup::Order;
use super::fault::Fault;
use super::writer::Hand;
use crate::{AuditEvent, StoreError, StoreFigures};

/// So many tasks may wait; one more is answered [`StoreError::NotDone`] at once.
pub(super) const WAITING_MAX: usize = 4_096;
/// So many tasks make one batch at most.
pub(super) const BATCH_MAX: usize = 512;
/// So many audit events may wait; what comes beyond is dropped and counted.
pub(super) const EVENTS_MAX: usize = 4_096;

/// One thing the writer does within a batch.
pub(super) trait Task: Send {
    /// How what it did is undone when it fails.
    fn undo(&self) -> Undo;
    /// Does it; the answer stays here until the batch is committed.
    fn run(&mut self, hand: &mut Hand<'_>) -> Result<(), Failed>;
    /// It was rolled back alone, or the batch was: keeps this as its answer.
    fn fail(&mut self, fault: Fault);
    /// Answers: what came of it if its batch was committed.
    fn settle(self: Box<Self>, end: Result<(), StoreError>);
}

/// How a task is undone without its batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Undo {
    /// It changes something in one statement at most, which is carried out or not.
    Statement,
    /// It is several statements, and needs a savepoint.
    Savepoint,
}

/// A task failed; its fault.
pub(super) struct Failed(pub(super) Fault);

/// A task made of a closure.
pub(super) struct Work<T, F> {
    todo: Option<F>,
    undo: Undo,
    result: Result<T, StoreError>,
    reply: oneshot::Sender<Result<T, StoreError>>,
}

impl<T, F> Work<T, F>
where
    T: Send + 'static,
    F: FnOnce(&mut Hand<'_>) -> Result<T, Fault> + Send + 'static,
{
    /// The task, and where its answer arrives.
    pub(super) fn task(undo: Undo, work: F) -> (Box<dyn Task>, oneshot::Receiver<Result<T, StoreError>>) {
        let (reply, answer) = oneshot::channel();
        (Box::new(Self { todo: Some(work), undo, result: Err(StoreError::NotDone), reply }), answer)
    }
}

impl<T, F> Task for Work<T, F>
where
    T: Send + 'static,
    F: FnOnce(&mut Hand<'_>) -> Result<T, Fault> + Send + 'static,
{
    fn undo(&self) -> Undo {
        self.undo
    }

    fn run(&mut self, hand: &mut Hand<'_>) -> Result<(), Failed> {
        let Some(work) = self.todo.take() else { return Ok(()) };
        self.result = Ok(work(hand).map_err(Failed)?);
        Ok(())
    }

    fn fail(&mut self, fault: Fault) {
        self.result = Err(fault.answer());
    }

    fn settle(self: Box<Self>, end: Result<(), StoreError>) {
        // Nobody may be waiting any more: a verb that was sent is carried out all the same.
        drop(self.reply.send(end.and(self.result)));
    }
}

/// What the writer does next.
pub(super) enum Next {
    /// The batch it was given.
    Batch,
    /// A backup, until it is whole.
    Backup(Box<Order>),
    /// Nothing waits.
    Nothing,
    /// The queue is closed and empty.
    End,
}

/// Whether the writer waits for work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Patience {
    Endless,
    None,
}

/// The queue of one writer.
#[derive(Default)]
pub(super) struct Queue {
    waiting: Mutex<Waiting>,
    bell: Condvar,
}

#[derive(Default)]
struct Waiting {
    tasks: Vec<Box<dyn Task>>,
    events: Vec<(Micros, AuditEvent)>,
    backup: Option<Box<Order>>,
    events_dropped: u64,
    turned_away: u64,
    sleeping: bool,
    refusing: bool,
    closed: bool,
}

impl Queue {
    /// Adds a task; gives it back where none is taken.
    pub(super) fn push(&self, task: Box<dyn Task>) -> Result<(), Box<dyn Task>> {
        let mut waiting = self.lock();
        if waiting.refusing || waiting.closed {
            return Err(task);
        }
        if waiting.tasks.len() >= WAITING_MAX {
            waiting.turned_away += 1;
            return Err(task);
        }
        waiting.tasks.push(task);
        self.wake(waiting);
        Ok(())
    }

    /// Adds the order for a backup; gives it back where none is taken.
    pub(super) fn push_backup(&self, order: Box<Order>) -> Result<(), Box<Order>> {
        let mut waiting = self.lock();
        if waiting.refusing || waiting.closed || waiting.backup.is_some() {
            return Err(order);
        }
        waiting.backup = Some(order);
        self.wake(waiting);
        Ok(())
    }

    /// Adds an event, or drops it when too many wait.
    pub(super) fn push_event(&self, at: Micros, event: AuditEvent) {
        let mut waiting = self.lock();
        if waiting.events.len() >= EVENTS_MAX {
            waiting.events_dropped += 1;
            let dropped = waiting.events_dropped;
            drop(waiting);
            // Loud, but not once for each of a flood.
            if dropped.is_power_of_two() {
                tracing::warn!(dropped, "audit events were dropped: the store does not keep up");
            }
            return;
        }
        waiting.events.push((at, event));
        if !waiting.refusing {
            self.wake(waiting);
        }
    }

    /// Moves a batch of what waits out. A backup comes first, because under load there is always something that waits.
    pub(super) fn take(
        &self,
        tasks: &mut Vec<Box<dyn Task>>,
        events: &mut Vec<(Micros, AuditEvent)>,
        patience: Patience,
    ) -> Next {
        let mut waiting = self.lock();
        loop {
            if let Some(order) = waiting.backup.take() {
                return Next::Backup(order);
            }
            if !waiting.tasks.is_empty() || !waiting.events.is_empty() {
                break;
            }
            if waiting.closed {
                return Next::End;
            }
            if patience == Patience::None {
                return Next::Nothing;
            }
            waiting.sleeping = true;
            waiting = self.bell.wait(waiting).unwrap_or_else(PoisonError::into_inner);
            waiting.sleeping = false;
        }
        if waiting.tasks.len() <= BATCH_MAX {
            mem::swap(&mut waiting.tasks, tasks);
        } else {
            tasks.extend(waiting.tasks.drain(..BATCH_MAX));
        }
        mem::swap(&mut waiting.events, events);
        Next::Batch
    }

    /// From now on nothing is taken; what waits is handed out to be answered.
    pub(super) fn refuse(&self) -> Vec<Box<dyn Task>> {
        let mut waiting = self.lock();
        waiting.refusing = true;
        waiting.backup = None;
        mem::take(&mut waiting.tasks)
    }

    /// Tasks are taken again.
    pub(super) fn accept(&self) {
        self.lock().refusing = false;
    }

    /// Puts back the events of a batch that failed, before those that came meanwhile.
    pub(super) fn put_back(&self, events: &mut Vec<(Micros, AuditEvent)>) {
        let mut waiting = self.lock();
        events.append(&mut waiting.events);
        events.truncate(EVENTS_MAX);
        mem::swap(&mut waiting.events, events);
    }

    /// The writer finishes what waits and ends; nothing more is taken.
    pub(super) fn close(&self) {
        let mut waiting = self.lock();
        waiting.closed = true;
        drop(waiting);
        self.bell.notify_all();
    }

    /// Whether nothing is taken any more, ever.
    pub(super) fn is_closed(&self) -> bool {
        self.lock().closed
    }

    /// Sleeps this long, less when the queue is closed; true when it is.
    pub(super) fn sleep(&self, time: std::time::Duration) -> bool {
        let waiting = self.lock();
        let slept = self.bell.wait_timeout_while(waiting, time, |waiting| !waiting.closed);
        slept.unwrap_or_else(PoisonError::into_inner).0.closed
    }

    /// What waits now, and what was turned away or dropped since the start.
    pub(super) fn measure(&self, figures: &mut StoreFigures) {
        let waiting = self.lock();
        figures.waiting = u64::try_from(waiting.tasks.len()).unwrap_or(u64::MAX);
        figures.turned_away = waiting.turned_away;
        figures.events_dropped = waiting.events_dropped;
    }

    fn wake(&self, waiting: MutexGuard<'_, Waiting>) {
        let asleep = waiting.sleeping;
        drop(waiting);
        if asleep {
            self.bell.notify_one();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
