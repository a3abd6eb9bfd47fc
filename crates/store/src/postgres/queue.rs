//! What waits for a lane: verbs in the order of their coming, bounded, and at most one for each grant in a batch.

use std::collections::{HashSet, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::timeout;

use super::Statements;
use super::batch::APART_MAX;
use super::verb::{Key, Verb};

/// So many verbs may wait; one more is not taken.
pub(super) const WAITING_MAX: usize = 4_096;

/// What batches look like.
struct Shape {
    /// So many verbs make one at most.
    batch_max: usize,
    /// So many are worth another lane.
    company: usize,
}

impl Shape {
    const fn of(statements: Statements) -> Self {
        match statements {
            Statements::Batched => Self { batch_max: 512, company: 64 },
            // Each verb is a commit: they are sooner done side by side than one after the other.
            Statements::Single => Self { batch_max: 16, company: 1 },
        }
    }
}

/// So long too few of them wait for a lane that is at work.
const PATIENCE: Duration = Duration::from_millis(2);

/// The queue of all lanes.
///
/// One lane carries out all there is, in larger batches than several would: a verb of a large batch costs less. Another one
/// joins in when so many wait that they make a batch of their own, or when those at work take long.
pub(super) struct Queue {
    shape: Shape,
    waiting: Mutex<Waiting>,
    bell: Notify,
}

#[derive(Default)]
struct Waiting {
    verbs: VecDeque<Verb>,
    /// Lanes that have a batch.
    busy: usize,
    /// Batches so far.
    taken: u64,
    turned_away: u64,
    closed: bool,
}

/// A batch that a lane has; dropped when it is done with it.
pub(super) struct Turn<'q>(&'q Queue);

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.lock().busy -= 1;
        self.0.bell.notify_one();
    }
}

/// What a lane gets that asks for a batch.
enum Taken {
    Batch(Vec<Verb>),
    /// There are too few, after so many batches.
    Few(u64),
    Nothing,
    End,
}

impl Queue {
    /// An empty queue.
    pub(super) fn new(statements: Statements) -> Self {
        Self { shape: Shape::of(statements), waiting: Mutex::default(), bell: Notify::new() }
    }

    /// Adds a verb, which is dropped where none is taken: it will not be carried out.
    pub(super) fn push(&self, verb: Verb) {
        let mut waiting = self.lock();
        if waiting.closed {
            return;
        }
        if waiting.verbs.len() >= WAITING_MAX {
            waiting.turned_away += 1;
            return;
        }
        waiting.verbs.push_back(verb);
        let count = waiting.verbs.len();
        // The first one that waits sets a lane's patience going; those after it do not wake anybody in vain.
        let wakes = waiting.busy == 0 || count == 1 || count >= self.shape.company;
        drop(waiting);
        if wakes {
            self.bell.notify_one();
        }
    }

    /// Puts back what was sent and must be sent again, before all others; but what is sent apart behind them, so that those
    /// whose rows stay locked are not all that is tried.
    pub(super) fn put_back(&self, verbs: impl Iterator<Item = Verb>) {
        let mut waiting = self.lock();
        let (apart, others): (Vec<_>, Vec<_>) = verbs.partition(|verb| verb.apart);
        waiting.verbs.extend(apart);
        for verb in others.into_iter().rev() {
            waiting.verbs.push_front(verb);
        }
        drop(waiting);
        self.bell.notify_one();
    }

    /// The next batch, once there is one; `None` when the queue is closed and empty.
    pub(super) async fn batch(&self, keys: &mut HashSet<Key>) -> Option<(Vec<Verb>, Turn<'_>)> {
        // The number of batches when the lane began to be patient.
        let mut patient_since = None;
        loop {
            let rung = self.bell.notified();
            match self.take(keys, patient_since) {
                Taken::Batch(batch) => return Some((batch, Turn(self))),
                Taken::Few(batches) => {
                    patient_since = timeout(PATIENCE, rung).await.is_err().then_some(batches);
                }
                Taken::Nothing => rung.await,
                Taken::End => {
                    // For the other lanes.
                    self.bell.notify_one();
                    return None;
                }
            }
        }
    }

    /// Moves a batch out: the first ones that are still wanted and of different grants, all of them sent from now on.
    fn take(&self, keys: &mut HashSet<Key>, patient_since: Option<u64>) -> Taken {
        keys.clear();
        let mut waiting = self.lock();
        let count = waiting.verbs.len();
        if count == 0 {
            return if waiting.closed { Taken::End } else { Taken::Nothing };
        }
        if waiting.busy > 0 && count < self.shape.company && patient_since != Some(waiting.taken) {
            return Taken::Few(waiting.taken);
        }
        let mut batch = Vec::with_capacity(count.min(self.shape.batch_max));
        let mut apart = 0;
        for _ in 0..count {
            let Some(verb) = waiting.verbs.pop_front() else { break };
            if !verb.is_wanted() {
                continue;
            }
            let is_full = batch.len() >= self.shape.batch_max || (verb.apart && apart >= APART_MAX);
            if is_full || keys.contains(&verb.key) {
                waiting.verbs.push_back(verb);
            } else if verb.send() {
                apart += usize::from(verb.apart);
                keys.insert(verb.key);
                batch.push(verb);
            }
        }
        if batch.is_empty() {
            // Nobody wanted any of them.
            return Taken::Nothing;
        }
        waiting.busy += 1;
        waiting.taken += 1;
        if !waiting.verbs.is_empty() {
            // Another lane's patience with what is left begins now.
            self.bell.notify_one();
        }
        Taken::Batch(batch)
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

#[cfg(test)]
mod tests {
    use kimbai_core::number::{AttemptId, GrantId, RealmNumber};

    use super::super::verb::{Abandoned, Stage, Wish};
    use super::*;
    use crate::StoreError;

    type Answer = tokio::sync::oneshot::Receiver<Result<super::super::verb::Found, StoreError>>;

    fn look(queue: &Queue, id: u64) -> (std::sync::Arc<Stage>, Answer) {
        let key = Key { realm: RealmNumber(1), id: GrantId(id) };
        let (verb, stage, answer) = Verb::new(key, Wish::Look, AttemptId(0));
        queue.push(verb);
        (stage, answer)
    }

    fn ids(taken: &Taken) -> Vec<u64> {
        let Taken::Batch(batch) = taken else { return Vec::new() };
        batch.iter().map(|verb| verb.key.id.0).collect()
    }

    #[test]
    fn verbs_of_one_grant_go_one_after_the_other_and_unwanted_ones_not_at_all() {
        let (queue, mut keys) = (Queue::new(Statements::Batched), HashSet::new());
        let mut waiting: Vec<_> = [7, 8, 7, 9, 7].into_iter().map(|id| look(&queue, id)).collect();
        drop(waiting.remove(3));
        assert_eq!(waiting[1].0.abandon(), Abandoned::Unsent);
        assert_eq!(ids(&queue.take(&mut keys, None)), [7]);
        drop(Turn(&queue));
        assert_eq!((waiting[0].0.abandon(), waiting[2].0.abandon()), (Abandoned::Sent, Abandoned::Unsent));
        assert_eq!(ids(&queue.take(&mut keys, None)), [7], "the third one: the second was given up");
        assert!(matches!(queue.take(&mut keys, None), Taken::Nothing));
    }

    #[test]
    fn another_lane_joins_in_when_there_is_enough_for_it_or_when_it_takes_long() {
        let (queue, mut keys) = (Queue::new(Statements::Batched), HashSet::new());
        let mut waiting = vec![look(&queue, 0)];
        assert_eq!(ids(&queue.take(&mut keys, None)), [0]);
        waiting.extend((1..=63).map(|id| look(&queue, id)));
        assert!(matches!(queue.take(&mut keys, None), Taken::Few(1)));
        assert!(matches!(queue.take(&mut keys, Some(0)), Taken::Few(1)), "another lane was at work meanwhile");
        waiting.push(look(&queue, 64));
        assert_eq!(ids(&queue.take(&mut keys, None)).len(), 64);
        waiting.push(look(&queue, 65));
        assert_eq!(ids(&queue.take(&mut keys, Some(2))), [65], "nobody else has been at work meanwhile");
    }

    #[test]
    fn verbs_of_locked_rows_go_a_few_at_a_time_and_take_turns() {
        let (queue, mut keys) = (Queue::new(Statements::Batched), HashSet::new());
        let waiting: Vec<_> = (0..18).map(|id| look(&queue, id)).collect();
        let Taken::Batch(mut verbs) = queue.take(&mut keys, None) else { panic!("none") };
        for verb in &mut verbs {
            verb.apart = verb.key.id.0 < 17;
        }
        queue.put_back(verbs.into_iter());
        drop(Turn(&queue));
        let first = queue.take(&mut keys, None);
        assert_eq!(ids(&first), [vec![17], (0..16).collect()].concat());
        let Taken::Batch(verbs) = first else { panic!("none") };
        queue.put_back(verbs.into_iter().skip(1));
        drop(Turn(&queue));
        assert_eq!(ids(&queue.take(&mut keys, None)), [vec![16], (0..15).collect()].concat());
        drop(waiting);
    }

    #[test]
    fn one_verb_beyond_the_most_is_not_taken() {
        let (queue, mut keys) = (Queue::new(Statements::Batched), HashSet::new());
        let mut waiting: Vec<_> = (0..=4_096).map(|id| look(&queue, id)).collect();
        assert_eq!(queue.figures(), (WAITING_MAX, 1));
        assert!(
            waiting
                .pop()
                .unwrap()
                .1
                .try_recv()
                .is_err_and(|error| error == tokio::sync::oneshot::error::TryRecvError::Closed)
        );
        assert_eq!(ids(&queue.take(&mut keys, None)).len(), 512);
    }
}
