//! What waits for a lane: verbs in the order of their coming, bounded, and at most one for each grant in a batch.

use std::collections::{HashSet, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::verb::{Key, Verb};

/// So many verbs may wait; one more is not taken.
pub(super) const WAITING_MAX: usize = 4_096;
/// So many verbs make one batch at most.
pub(super) const BATCH_MAX: usize = 512;

/// The queue of all lanes.
#[derive(Default)]
pub(super) struct Queue {
    waiting: Mutex<Waiting>,
    bell: Notify,
}

#[derive(Default)]
struct Waiting {
    verbs: VecDeque<Box<Verb>>,
    turned_away: u64,
    closed: bool,
}

impl Queue {
    /// Adds a verb, which is dropped where none is taken: it will not be carried out.
    pub(super) fn push(&self, verb: Box<Verb>) {
        let mut waiting = self.lock();
        if waiting.closed {
            return;
        }
        if waiting.verbs.len() >= WAITING_MAX {
            waiting.turned_away += 1;
            return;
        }
        waiting.verbs.push_back(verb);
        drop(waiting);
        self.bell.notify_one();
    }

    /// Puts back what was sent and must be sent again, before all others.
    pub(super) fn put_back(&self, verbs: impl DoubleEndedIterator<Item = Box<Verb>>) {
        let mut waiting = self.lock();
        for verb in verbs.rev() {
            waiting.verbs.push_front(verb);
        }
        drop(waiting);
        self.bell.notify_one();
    }

    /// The next batch, once there is one; `None` when the queue is closed and empty.
    pub(super) async fn batch(&self, keys: &mut HashSet<Key>) -> Option<Vec<Box<Verb>>> {
        loop {
            let rung = self.bell.notified();
            let (batch, more, closed) = self.take(keys);
            if !batch.is_empty() {
                if more {
                    self.bell.notify_one();
                }
                return Some(batch);
            }
            if closed && !more {
                // For the other lanes.
                self.bell.notify_one();
                return None;
            }
            rung.await;
        }
    }

    /// Moves a batch out: the first ones that are still wanted and of different grants, all of them sent from now on.
    fn take(&self, keys: &mut HashSet<Key>) -> (Vec<Box<Verb>>, bool, bool) {
        keys.clear();
        let mut waiting = self.lock();
        let mut batch = Vec::with_capacity(waiting.verbs.len().min(BATCH_MAX));
        for _ in 0..waiting.verbs.len() {
            let Some(verb) = waiting.verbs.pop_front() else { break };
            if !verb.is_wanted() {
                continue;
            }
            if batch.len() >= BATCH_MAX || !keys.insert(verb.key) {
                waiting.verbs.push_back(verb);
            } else if verb.send() {
                batch.push(verb);
            }
        }
        (batch, !waiting.verbs.is_empty(), waiting.closed)
    }

    /// The lanes finish what waits and end; nothing more is taken.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.bell.notify_one();
    }

    /// Drops what waits: nobody will carry it out.
    pub(super) fn clear(&self) {
        let verbs = std::mem::take(&mut self.lock().verbs);
        drop(verbs);
    }

    /// How many wait now, and how many were turned away since the start.
    pub(super) fn figures(&self) -> (usize, u64) {
        let waiting = self.lock();
        (waiting.verbs.len(), waiting.turned_away)
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
