//! How many log-ins of partners one source has behind the wall at once.
//!
//! What opens waits for its turn in the password pool, what does not open waits for nothing: many at once would tell by their times
//! which was which. So an attempt takes one of its source's places before its envelope is looked at, and keeps it until its answer
//! has left: whatever comes of them, a source has as many in as many delays. A source is remembered while it has somebody inside.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::realm::Realm;
use crate::source::Source;

/// What one thread of the password pool hashes within the delay of a failed log-in: 8 times some 25 ms stay below 250 ms.
pub const LOG_INS_AT_ONCE: usize = 8;
/// So many more of a source wait for a place.
pub const LOG_INS_WAITING_MAX: usize = 64;

/// The places of a realm's log-ins.
#[derive(Debug, Default)]
pub(crate) struct LogInPlaces(Mutex<HashMap<Source, Line>>);

/// Those of one source.
#[derive(Debug)]
struct Line {
    places: Arc<Semaphore>,
    /// How many have one or wait for one.
    inside: usize,
}

/// A place of a source, or one in the line before them.
#[derive(Debug)]
pub struct LogInPlace {
    // Given back before it is counted out.
    _permit: Option<OwnedSemaphorePermit>,
    _inside: Inside,
}

/// One of those inside.
#[derive(Debug)]
struct Inside {
    places: Arc<LogInPlaces>,
    source: Source,
}

impl LogInPlaces {
    /// The next place of this source; none: too many wait.
    async fn enter(self: &Arc<Self>, source: Source) -> Option<LogInPlace> {
        let places = self.line_up(source)?;
        let inside = Inside { places: Arc::clone(self), source };
        // It is never closed.
        let permit = places.acquire_owned().await.ok();
        Some(LogInPlace { _permit: permit, _inside: inside })
    }

    fn line_up(&self, source: Source) -> Option<Arc<Semaphore>> {
        let mut sources = self.sources();
        let line = sources
            .entry(source)
            .or_insert_with(|| Line { places: Arc::new(Semaphore::new(LOG_INS_AT_ONCE)), inside: 0 });
        if line.inside >= LOG_INS_AT_ONCE + LOG_INS_WAITING_MAX {
            return None;
        }
        line.inside += 1;
        Some(Arc::clone(&line.places))
    }

    fn sources(&self) -> MutexGuard<'_, HashMap<Source, Line>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        let mut sources = self.places.sources();
        let Entry::Occupied(mut line) = sources.entry(self.source) else { return };
        line.get_mut().inside -= 1;
        if line.get().inside == 0 {
            line.remove();
        }
    }
}

impl Realm {
    /// A place behind the wall for a log-in from this source, when it is its turn; none: too many of it wait already.
    pub async fn log_in_place(&self, source: Source) -> Option<LogInPlace> {
        self.log_in_places.enter(source).await
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
        let (places, here, there) = (Arc::new(LogInPlaces::default()), source("192.0.2.1"), source("192.0.2.2"));
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
        while places.sources()[&here].inside < LOG_INS_AT_ONCE + LOG_INS_WAITING_MAX {
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
        let (places, here) = (Arc::new(LogInPlaces::default()), source("192.0.2.1"));
        let (one, other) = (places.enter(here).await, places.enter(here).await);
        drop(one);
        assert_eq!(places.sources().len(), 1);
        drop(other);
        assert!(places.sources().is_empty());
    }
}
