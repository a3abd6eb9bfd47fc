//! How many connections one source may hold of a listener's: a part of them, so that one alone cannot shut out all others.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use kimbai_engine::Source;

/// The connections that each source holds.
#[derive(Debug)]
pub(super) struct Shares {
    each_max: u32,
    held: Mutex<HashMap<Source, u32>>,
}

/// One connection of a source, until it is dropped.
#[derive(Debug)]
pub(super) struct Share {
    shares: Arc<Shares>,
    source: Source,
}

impl Shares {
    /// Of so many connections a source may hold an eighth, and one at least.
    pub(super) fn of(connections_max: u32) -> Arc<Self> {
        Arc::new(Self { each_max: (connections_max / 8).max(1), held: Mutex::default() })
    }

    /// One more for this source; `None` when it holds all that it may.
    pub(super) fn take(self: &Arc<Self>, source: Source) -> Option<Share> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let count = held.entry(source).or_insert(0);
        if *count >= self.each_max {
            return None;
        }
        *count += 1;
        Some(Share { shares: Arc::clone(self), source })
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut held = self.shares.held.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = held.get_mut(&self.source) {
            *count -= 1;
            if *count == 0 {
                held.remove(&self.source);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_source_holds_an_eighth_of_the_connections_and_leaves_the_rest_to_others() {
        let source = |text: &str| Source::new(text.parse().unwrap());
        let shares = Shares::of(16);
        let first = shares.take(source("192.0.2.1")).unwrap();
        let _second = shares.take(source("192.0.2.1")).unwrap();
        assert!(shares.take(source("192.0.2.1")).is_none());
        assert!(shares.take(source("192.0.2.2")).is_some());
        drop(first);
        assert!(shares.take(source("192.0.2.1")).is_some());
        assert_eq!(shares.held.lock().unwrap().len(), 1, "nothing is kept of who holds none");
        let _one = shares.take(source("2001:db8::1")).unwrap();
        let _two = shares.take(source("2001:db8::ffff")).unwrap();
        assert!(shares.take(source("2001:db8::2")).is_none(), "a network of 64 bits is one source");
        assert!(Shares::of(1).take(source("192.0.2.1")).is_some());
    }
}
