//! Latencies in buckets that grow with the value: 64 to each power of two, so a quantile is at most 1/64 too high.
//! Fixed in size (16 KiB), cheap to record, summed over connections at the end.
//! Knows nothing of requests.

use std::time::Duration;

/// Counts durations up to `LARGEST_NANOS`; longer ones are counted as that long.
#[derive(Clone, Debug)]
pub(super) struct Histogram {
    buckets: Vec<u64>,
    count: u64,
}

const STEP_BITS: u32 = 6;
const STEPS: u64 = 1 << STEP_BITS;
const LARGEST_NANOS: u64 = (1 << 37) - 1;

impl Histogram {
    pub(super) fn new() -> Self {
        Self { buckets: vec![0; bucket(LARGEST_NANOS) + 1], count: 0 }
    }

    pub(super) fn record(&mut self, duration: Duration) {
        let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX).min(LARGEST_NANOS);
        if let Some(count) = self.buckets.get_mut(bucket(nanos)) {
            *count += 1;
            self.count += 1;
        }
    }

    pub(super) fn add(&mut self, other: &Self) {
        for (mine, theirs) in self.buckets.iter_mut().zip(&other.buckets) {
            *mine += theirs;
        }
        self.count += other.count;
    }

    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// The smallest bound that `per_mille` of the recorded durations do not exceed; `None` when there are none.
    pub(super) fn quantile(&self, per_mille: u64) -> Option<Duration> {
        let rank = (self.count * per_mille).div_ceil(1000).max(1);
        let mut seen = 0;
        let index = self.buckets.iter().position(|count| {
            seen += count;
            seen >= rank
        })?;
        Some(Duration::from_nanos(upper_bound(index)))
    }
}

/// Values below 64 have a bucket each; above, the six bits after the leading one choose among 64.
fn bucket(nanos: u64) -> usize {
    let octave = nanos.checked_ilog2().unwrap_or(0).saturating_sub(STEP_BITS);
    let index = u64::from(octave) * STEPS + (nanos >> octave);
    usize::try_from(index).unwrap_or(usize::MAX)
}

fn upper_bound(index: usize) -> u64 {
    let index = u64::try_from(index).unwrap_or(u64::MAX);
    let octave = (index / STEPS).saturating_sub(1);
    (((index - octave * STEPS) + 1) << octave) - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_histogram_has_no_quantile() {
        assert_eq!(Histogram::new().quantile(500), None);
    }

    #[test]
    fn buckets_follow_one_another_and_hold_their_values() {
        for nanos in (0..5000).chain([1 << 20, (1 << 20) + 1, 123_456_789, LARGEST_NANOS - 1, LARGEST_NANOS]) {
            let index = bucket(nanos);
            assert!(upper_bound(index) >= nanos, "{nanos}");
            assert!(index == 0 || upper_bound(index - 1) < nanos, "{nanos}");
            assert!(upper_bound(index) - nanos <= nanos / 64, "{nanos}");
        }
    }

    #[test]
    fn quantiles_of_a_thousand_steps_are_where_they_belong() {
        let mut histogram = Histogram::new();
        for micros in 1..=1000 {
            histogram.record(Duration::from_micros(micros));
        }
        for (per_mille, expected) in [(0, 1), (500, 500), (990, 990), (999, 999), (1000, 1000)] {
            let (value, expected) = (histogram.quantile(per_mille).unwrap(), Duration::from_micros(expected));
            assert!(value >= expected && value <= expected + expected / 60, "{per_mille}: {value:?}");
        }
    }

    #[test]
    fn a_sum_counts_both_and_a_too_long_duration_is_kept_as_the_longest() {
        let (mut one, mut other) = (Histogram::new(), Histogram::new());
        one.record(Duration::from_millis(1));
        other.record(Duration::from_secs(100_000));
        one.add(&other);
        assert_eq!(one.count(), 2);
        assert_eq!(one.quantile(1000), Some(Duration::from_nanos(LARGEST_NANOS)));
    }
}
