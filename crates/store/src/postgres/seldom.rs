//! What would be said a hundred times a second is said now and then.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Remembers what was said last, and when.
#[derive(Debug)]
pub(super) struct Seldom(Mutex<Option<(String, Instant)>>);

impl Seldom {
    /// Nothing was said.
    pub(super) const fn new() -> Self {
        Self(Mutex::new(None))
    }

    /// Whether this is to be said: it is something else than the last time, or that was a while ago.
    pub(super) fn is_due(&self, what: &str) -> bool {
        self.is_due_at(what, Instant::now())
    }

    fn is_due_at(&self, what: &str, now: Instant) -> bool {
        let mut said = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_due = said.as_ref().is_none_or(|(last, when)| last != what || now.duration_since(*when) >= EVERY);
        if is_due {
            *said = Some((what.to_owned(), now));
        }
        is_due
    }
}

const EVERY: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_is_said_once_in_ten_seconds_and_something_else_at_once() {
        let (seldom, start) = (Seldom::new(), Instant::now());
        let said = [("a", 0), ("a", 1), ("b", 2), ("b", 11), ("b", 12), ("a", 13), ("a", 22)]
            .map(|(what, second)| seldom.is_due_at(what, start + Duration::from_secs(second)));
        assert_eq!(said, [true, false, true, false, true, true, false]);
    }
}
