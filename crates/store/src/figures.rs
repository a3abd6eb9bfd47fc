//! What is counted while the store works, without a lock.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::StoreFigures;

/// The counters of one store.
#[derive(Debug, Default)]
pub(crate) struct Figures {
    batches: AtomicU64,
    sizes: [AtomicU64; 10],
    size_sum: AtomicU64,
    times: [AtomicU64; 16],
    time_sum_us: AtomicU64,
}

impl Figures {
    /// Counts a batch that was committed: so many tasks, and how long it took.
    pub(crate) fn count(&self, tasks: usize, time: Duration) {
        let size = u64::try_from(tasks).unwrap_or(u64::MAX);
        let time_us = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        add(&self.batches, 1);
        add(&self.size_sum, size);
        add(&self.time_sum_us, time_us);
        bucket(&self.sizes, size, 1);
        bucket(&self.times, time_us, SHORTEST_US);
    }

    /// All of them, with what others count left at 0.
    pub(crate) fn read(&self) -> StoreFigures {
        StoreFigures {
            batches: load(&self.batches),
            batch_sizes: self.sizes.each_ref().map(load),
            batch_size_sum: load(&self.size_sum),
            batch_times: self.times.each_ref().map(load),
            batch_time_sum_us: load(&self.time_sum_us),
            ..StoreFigures::default()
        }
    }
}

/// Counts a value in the first bucket that holds it: at most `first`, twice that, and so on, and all others in the last.
fn bucket(buckets: &[AtomicU64], value: u64, first: u64) {
    let doublings = value.div_ceil(first).checked_next_power_of_two().unwrap_or(0).trailing_zeros();
    let place = usize::try_from(doublings).unwrap_or(usize::MAX).min(buckets.len().saturating_sub(1));
    if let Some(bucket) = buckets.get(place) {
        add(bucket, 1);
    }
}

fn add(counter: &AtomicU64, count: u64) {
    counter.fetch_add(count, Ordering::Relaxed);
}

fn load(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}

const SHORTEST_US: u64 = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_batch_is_in_one_bucket_of_size_and_one_of_time() {
        let figures = Figures::default();
        for (tasks, time_us) in
            [(0, 0), (1, 64), (2, 65), (3, 128), (4, 129), (256, 1 << 20), (257, (1 << 20) + 1), (512, u64::MAX)]
        {
            figures.count(tasks, Duration::from_micros(time_us.min(1 << 40)));
        }
        let read = figures.read();
        assert_eq!(read.batches, 8);
        assert_eq!(read.batch_sizes, [2, 1, 2, 0, 0, 0, 0, 0, 1, 2]);
        assert_eq!(read.batch_times, [2, 2, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2]);
        assert_eq!(read.batch_size_sum, 1 + 2 + 3 + 4 + 256 + 257 + 512);
    }
}
