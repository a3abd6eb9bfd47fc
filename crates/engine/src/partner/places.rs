//! How many log-ins of partners one source has behind the wall at once.
//!
//! What opens waits for its turn in the password pool, what does not open waits for nothing: many at once would tell by their times
//! which was which. So an attempt takes one of its source's places before its envelope is looked at, and keeps it until its answer
//! has left: whatever comes of them, a source has as many in as many delays. A source is remembered while it has somebody inside.
//!
//! Who waits for a place is in hand all the while. So of all sources together no more wait than leave room for others.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::realm::Realm;
use crate::source::Source;

/// What one thread of the password pool hashes within the delay of a failed log-in: 8 times some 25 ms stay below 250 ms.
pub const LOG_INS_AT_ONCE: usize = 8;
/// So many more of a source wait for a place.
pub const LOG_INS_WAITING_MAX: usize = 64;
/// So many wait for a place altogether: half of what a realm has in hand at once, so that its refreshes find room.
pub const LOG_INS_WAITING_IN_ALL_MAX: usize = 256;

/// Places by key: so many at once have one of the same key, and so many more wait for it.
#[derive(Debug)]
pub(crate) struct Places<K> {
    at_once: usize,
    waiting_max: usize,
    /// For those who wait, of whatever key.
    seats: Semaphore,
    lines: Mutex<HashMap<K, Line>>,
}

/// Those of one key.
#[derive(Debug)]
struct Line {
    places: Arc<Semaphore>,
    /// How many have one or wait for one.
    inside: usize,
}

/// A place, until it is dropped.
#[derive(Debug)]
pub(crate) struct Place<K: Copy + Eq + Hash> {
    // Given back before it is counted out.
    _permit: Option<OwnedSemaphorePermit>,
    _inside: Inside<K>,
}

/// One of those inside.
#[derive(Debug)]
struct Inside<K: Copy + Eq + Hash> {
    places: Arc<Places<K>>,
    key: K,
}

impl<K: Copy + Eq + Hash> Places<K> {
    /// Those of a realm's log-ins, by their source.
    pub(crate) fn of_log_ins() -> Self {
        Self::new(LOG_INS_AT_ONCE, LOG_INS_WAITING_MAX, LOG_INS_WAITING_IN_ALL_MAX)
    }

    fn new(at_once: usize, waiting_max: usize, waiting_in_all_max: usize) -> Self {
        Self { at_once, waiting_max, seats: Semaphore::new(waiting_in_all_max), lines: Mutex::default() }
    }

    /// One at once, and as many more as come: whoever asks was let in by something that has a bound.
    pub(crate) fn in_turn() -> Self {
        Self::new(1, Semaphore::MAX_PERMITS, Semaphore::MAX_PERMITS)
    }

    /// The next place of this key; none: too many wait.
    pub(crate) async fn enter(self: &Arc<Self>, key: K) -> Option<Place<K>> {
        let places = self.line_up(key)?;
        let inside = Inside { places: Arc::clone(self), key };
        // None is free while others stand in line: nobody overtakes them.
        if let Ok(permit) = Arc::clone(&places).try_acquire_owned() {
            return Some(Place { _permit: Some(permit), _inside: inside });
        }
        let _seat = self.seats.try_acquire().ok()?;
        // It is never closed.
        let permit = places.acquire_owned().await.ok();
        Some(Place { _permit: permit, _inside: inside })
    }

    fn line_up(&self, key: K) -> Option<Arc<Semaphore>> {
        let mut lines = self.lines();
        let new = || Line { places: Arc::new(Semaphore::new(self.at_once)), inside: 0 };
        let line = lines.entry(key).or_insert_with(new);
        if line.inside >= self.at_once + self.waiting_max {
            return None;
        }
        line.inside += 1;
        Some(Arc::clone(&line.places))
    }

    fn lines(&self) -> MutexGuard<'_, HashMap<K, Line>> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Copy + Eq + Hash> Drop for Inside<K> {
    fn drop(&mut self) {
        let mut lines = self.places.lines();
        let Entry::Occupied(mut line) = lines.entry(self.key) else { return };
        line.get_mut().inside -= 1;
        if line.get().inside == 0 {
            line.remove();
        }
    }
}

/// A place of a source's log-ins behind the wall.
#[derive(Debug)]
pub struct LogInPlace(#[expect(dead_code, reason = "kept until it is dropped")] Place<Source>);

impl Realm {
    /// A place behind the wall for a log-in from this source, when it is its turn; none: too many of it wait already.
    pub async fn log_in_place(&self, source: Source) -> Option<LogInPlace> {
        self.log_in_places.enter(source).await.map(LogInPlace)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(text: &str) -> Source {
        Source::new(text.parse().unwrap())
    }

    #[tokio::test]
    async fn a_source_has_eight_places_and_a_line_of_sixty_four_and_others_have_theirs() {
        let (places, here, there) = (Arc::new(Places::of_log_ins()), source("192.0.2.1"), source("192.0.2.2"));
        let mut inside = Vec::new();
        for _ in 0..LOG_INS_AT_ONCE {
            inside.push(places.enter(here).await.unwrap());
        }
        let waiting: Vec<_> = (0..LOG_INS_WAITING_MAX)
            .map(|_| {
                let places = Arc::clone(&places);
                tokio::spawn(async move { places.enter(here).await })
            })
            .collect();
        while places.lines()[&here].inside < LOG_INS_AT_ONCE + LOG_INS_WAITING_MAX {
            tokio::task::yield_now().await;
        }
        assert!(places.enter(here).await.is_none());
        assert!(places.enter(there).await.is_some());
        assert!(!waiting.iter().any(tokio::task::JoinHandle::is_finished));
        // Who gives up leaves the line; who leaves makes room for the next.
        waiting[0].abort();
        drop(inside.pop());
        let mut waiting = waiting.into_iter();
        assert!(waiting.next().unwrap().await.unwrap_err().is_cancelled());
        inside.push(waiting.next().unwrap().await.unwrap().unwrap());
        tokio::task::yield_now().await;
        assert!(!waiting.any(|waiting| waiting.is_finished()));
        drop(inside);
    }

    #[tokio::test]
    async fn a_source_without_anybody_inside_is_not_remembered() {
        let (places, here) = (Arc::new(Places::of_log_ins()), source("192.0.2.1"));
        let (one, other) = (places.enter(here).await, places.enter(here).await);
        drop(one);
        assert_eq!(places.lines().len(), 1);
        drop(other);
        assert!(places.lines().is_empty());
    }

    #[tokio::test]
    async fn of_all_sources_no_more_wait_than_leave_room_for_others_and_a_free_place_is_had_all_the_same() {
        let places = Arc::new(Places::new(1, 64, 3));
        let sources: Vec<_> = (1..=5).map(|last| source(&format!("192.0.2.{last}"))).collect();
        let mut inside = Vec::new();
        for source in sources.iter().take(4) {
            inside.push(places.enter(*source).await.unwrap());
        }
        let waiting: Vec<_> = sources
            .iter()
            .take(3)
            .map(|source| {
                let (places, source) = (Arc::clone(&places), *source);
                tokio::spawn(async move { places.enter(source).await })
            })
            .collect();
        while places.seats.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        assert!(places.enter(sources[3]).await.is_none(), "a fourth would wait");
        assert!(places.enter(sources[4]).await.is_some(), "this one need not");
        // Whoever was turned away has left its line.
        assert_eq!(places.lines()[&sources[3]].inside, 1);
        drop(inside);
        for one in waiting {
            assert!(one.await.unwrap().is_some());
        }
        assert_eq!((places.seats.available_permits(), places.lines().len()), (3, 0));
    }
}
