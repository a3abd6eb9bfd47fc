//! How many requests a minute a realm takes from one source, and from one client that has proven itself.
//!
//! An allowance fills again evenly (GCRA, by governor and its monotonic clock). What is remembered is bounded: beyond so many sources
//! those that come later share allowances, so that neither memory grows nor anybody is without a limit.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, Hash, RandomState};
use std::num::NonZeroU32;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use governor::clock::{Clock as _, DefaultClock};
use governor::nanos::Nanos;
use governor::state::keyed::ShrinkableKeyedStateStore;
use governor::state::{InMemoryState, NotKeyed, StateStore};
use governor::{Quota, RateLimiter};
use kimbai_core::number::ClientNumber;
use kimbai_core::realm::RateLimits;

use crate::source::Source;

/// So many sources, and so many clients, have an allowance of their own.
const KEYS_MAX: usize = 100_000;
/// So many allowances all others share.
const SHARED: usize = 1_024;
/// A full table is looked through for allowances that have filled again, at most so often.
const SWEEP_EVERY: Duration = Duration::from_secs(1);

/// The rates of a realm.
#[derive(Debug)]
pub(crate) struct RateLimiters {
    sources: Limiter<Source>,
    clients: Limiter<ClientNumber>,
}

/// An allowance is used up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too many requests in a short time, wait {wait_s} s")]
pub struct Throttled {
    /// Seconds until one more is allowed, rounded up.
    pub wait_s: u32,
}

impl RateLimiters {
    pub(crate) fn new(limits: RateLimits) -> Self {
        Self {
            sources: Limiter::new(limits.source_per_minute, KEYS_MAX),
            clients: Limiter::new(limits.client_per_minute, KEYS_MAX),
        }
    }

    pub(crate) fn admit_source(&self, source: Source) -> Result<(), Throttled> {
        self.sources.admit(source)
    }

    pub(crate) fn admit_client(&self, client: ClientNumber) -> Result<(), Throttled> {
        self.clients.admit(client)
    }
}

#[derive(Debug)]
struct Limiter<K: Hash + Eq + Copy> {
    rates: RateLimiter<K, Bounded<K>, DefaultClock>,
    keys_max: usize,
    swept: Mutex<Option<Instant>>,
}

impl<K: Hash + Eq + Copy> Limiter<K> {
    fn new(per_minute: NonZeroU32, keys_max: usize) -> Self {
        let clock = DefaultClock::default();
        let rates = RateLimiter::new(Quota::per_minute(per_minute), Bounded::new(keys_max), clock);
        Self { rates, keys_max, swept: Mutex::default() }
    }

    fn admit(&self, key: K) -> Result<(), Throttled> {
        if self.rates.len() >= self.keys_max && self.is_sweep_due() {
            self.rates.retain_recent();
        }
        self.rates.check_key(&key).map_err(|not_until| {
            let wait = not_until.wait_time_from(self.rates.clock().now());
            let whole = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
            Throttled { wait_s: u32::try_from(whole.max(1)).unwrap_or(u32::MAX) }
        })
    }

    fn is_sweep_due(&self) -> bool {
        let mut swept = self.swept.lock().unwrap_or_else(PoisonError::into_inner);
        let is_due = swept.is_none_or(|swept| swept.elapsed() >= SWEEP_EVERY);
        if is_due {
            *swept = Some(Instant::now());
        }
        is_due
    }
}

/// The allowances: those of keys, up to a number, and those that all other keys share.
#[derive(Debug)]
struct Bounded<K> {
    keys_max: usize,
    own: Mutex<HashMap<K, InMemoryState>>,
    shared: Vec<InMemoryState>,
    /// Random: nobody can choose whom to share with.
    hasher: RandomState,
}

impl<K: Hash + Eq> Bounded<K> {
    fn new(keys_max: usize) -> Self {
        let shared = (0..SHARED).map(|_| InMemoryState::default()).collect();
        Self { keys_max, own: Mutex::default(), shared, hasher: RandomState::new() }
    }

    fn own(&self) -> std::sync::MutexGuard<'_, HashMap<K, InMemoryState>> {
        self.own.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Hash + Eq + Copy> StateStore for Bounded<K> {
    type Key = K;

    fn measure_and_replace<T, F, E>(&self, key: &K, decide: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let mut own = self.own();
        if own.len() < self.keys_max || own.contains_key(key) {
            return own.entry(*key).or_default().measure_and_replace(&NotKeyed::NonKey, decide);
        }
        drop(own);
        let index = usize::try_from(self.hasher.hash_one(key) % SHARED as u64).unwrap_or(0);
        match self.shared.get(index) {
            Some(shared) => shared.measure_and_replace(&NotKeyed::NonKey, decide),
            // The index is below the length.
            None => decide(None).map(|(decided, _)| decided),
        }
    }
}

impl<K: Hash + Eq + Copy> ShrinkableKeyedStateStore<K> for Bounded<K> {
    fn retain_recent(&self, drop_below: Nanos) {
        self.own().retain(|_, state| {
            // Refused on purpose: the state is only looked at.
            let looked = state.measure_and_replace(&NotKeyed::NonKey, Err::<((), Nanos), _>);
            looked.is_err_and(|full_again| full_again.is_some_and(|full_again| full_again > drop_below))
        });
    }

    fn len(&self) -> usize {
        self.own().len()
    }

    fn is_empty(&self) -> bool {
        self.own().is_empty()
    }
}

#[cfg(test)]
mod tests {
    use governor::clock::FakeRelativeClock;
    use governor::middleware::NoOpMiddleware;

    use super::*;

    fn per_minute(count: u32) -> NonZeroU32 {
        NonZeroU32::new(count).unwrap()
    }

    type AtFakeTime = RateLimiter<u32, Bounded<u32>, FakeRelativeClock, NoOpMiddleware<Nanos>>;

    fn at(clock: &FakeRelativeClock, count: u32, keys_max: usize) -> AtFakeTime {
        RateLimiter::new(Quota::per_minute(per_minute(count)), Bounded::new(keys_max), clock.clone())
    }

    #[test]
    fn one_beyond_the_allowance_is_told_how_long_to_wait() {
        let limiter = Limiter::new(per_minute(3), 10);
        for _ in 0..3 {
            assert_eq!(limiter.admit(1), Ok(()));
        }
        let Err(Throttled { wait_s }) = limiter.admit(1) else { panic!("a fourth") };
        assert!((1..=20).contains(&wait_s), "{wait_s}");
        assert_eq!(limiter.admit(2), Ok(()), "another has its own");
    }

    #[test]
    fn an_allowance_fills_again_evenly() {
        let clock = FakeRelativeClock::default();
        let limiter = at(&clock, 3, 10);
        let admitted = || (0..10).filter(|_| limiter.check_key(&1).is_ok()).count();
        assert_eq!(admitted(), 3);
        clock.advance(Duration::from_secs(20));
        assert_eq!(admitted(), 1);
        clock.advance(Duration::from_mins(10));
        assert_eq!(admitted(), 3);
    }

    #[test]
    fn beyond_the_last_key_memory_stays_and_nobody_is_without_a_limit() {
        const OWN: u32 = 500;
        let all = OWN + u32::try_from(SHARED).unwrap();
        let limiter = Limiter::new(per_minute(2), OWN as usize);
        let admitted = |key: u32| (0..10).filter(|_| limiter.admit(key).is_ok()).count();
        for key in 0..OWN {
            assert_eq!(admitted(key), 2);
        }
        // Ten times as many as there are allowances, own and shared.
        let later = OWN..OWN + 10 * all;
        let admitted_later: usize = later.map(admitted).sum();
        assert_eq!(limiter.rates.len(), OWN as usize);
        assert!(admitted_later <= 2 * SHARED, "{admitted_later}");
        assert!(admitted_later >= SHARED, "those that come later are not shut out: {admitted_later}");
        for key in 0..OWN {
            assert_eq!(admitted(key), 0, "{key} has its allowance back");
        }
    }

    #[test]
    fn a_key_whose_allowance_is_full_again_makes_room() {
        let clock = FakeRelativeClock::default();
        let limiter = at(&clock, 2, 3);
        for key in 0..3 {
            assert!(limiter.check_key(&key).is_ok());
        }
        clock.advance(Duration::from_secs(59));
        for _ in 0..2 {
            assert!(limiter.check_key(&0).is_ok());
        }
        clock.advance(Duration::from_secs(2));
        limiter.retain_recent();
        assert_eq!(limiter.len(), 1);
        assert!(limiter.check_key(&7).is_ok());
        assert_eq!(limiter.len(), 2);
    }
}
