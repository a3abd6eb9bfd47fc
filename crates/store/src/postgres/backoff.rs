//! How long to wait before the next attempt to reach a server: longer each time, and not all at the same moment.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use tokio::time::Instant;

/// The waits between attempts that fail.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    failures: u32,
}

impl Backoff {
    /// Waits before the next attempt: about 50 ms at first, about a second in the end, half as long to one and a half times.
    pub(super) async fn next(&mut self) {
        let base = FIRST.saturating_mul(1 << self.failures.min(DOUBLINGS_MAX)).min(LONGEST);
        self.failures = self.failures.saturating_add(1);
        // Seeded anew each time; nothing depends on its quality.
        let thousandths = u32::try_from(RandomState::new().hash_one(0_u8) % 1_000).unwrap_or(0);
        let wait = base / 2 + base * thousandths / 1_000;
        tokio::time::sleep_until(Instant::now() + wait).await;
    }

    /// An attempt succeeded.
    pub(super) fn reset(&mut self) {
        self.failures = 0;
    }
}

const FIRST: Duration = Duration::from_millis(50);
const LONGEST: Duration = Duration::from_secs(1);
const DOUBLINGS_MAX: u32 = 5;
