//! The clock of an embedded store: the system's, moved by what the sandbox was told to advance.
//!
//! The one place that reads the system clock for anything stored.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use kimbai_core::time::Micros;

/// A clock that can be advanced; clones share the offset.
#[derive(Debug, Clone, Default)]
pub struct Clock {
    offset_micros: Arc<AtomicI64>,
}

impl Clock {
    /// Now, in microseconds since 1970.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the system clock")]
    pub fn now(&self) -> Micros {
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let system = i64::try_from(since_1970.as_micros()).unwrap_or(i64::MAX);
        Micros(system.saturating_add(self.offset_micros.load(Ordering::Relaxed)))
    }

    /// Moves the clock by this many seconds; a negative number moves it back.
    pub fn advance_s(&self, seconds: i64) {
        self.offset_micros.fetch_add(seconds.saturating_mul(1_000_000), Ordering::Relaxed);
    }
}
