//! Who fails too often must wait: by source, and by source and partner where the partner was proven.
//!
//! A stranger who knows a `Partner-Code` proves nothing and counts by source alone, so that nobody can lock a partner out from
//! elsewhere. An envelope that merely opens proves nothing either: one forged one of 256 does, and a limiter that counted it apart
//! would tell which. What is remembered is bounded: beyond so many those that come later share.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use kimbai_core::number::ClientNumber;
use kimbai_core::realm::FailureLimits;
use kimbai_core::time::Micros;

use crate::engine::Engine;
use crate::rate_limit::Throttled;
use crate::realm::Realm;
use crate::source::Source;

/// So many failures a minute are free.
const FREE: usize = 20;
const WINDOW: Duration = Duration::from_mins(1);
/// Nobody waits longer.
const WAIT_MAX_S: u32 = 30;
/// So many sources and pairs are counted each by itself.
const KEYS_MAX: usize = 50_000;
/// So many counts all others share.
const SHARED: usize = 1_024;
/// A full table is looked through for what is over, at most so often.
const SWEEP_EVERY: Duration = Duration::from_secs(1);

/// Under what a failure is counted: a source; with a partner, that partner alone from there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Key {
    source: Source,
    partner: Option<ClientNumber>,
}

/// The failures of a realm's partners.
#[derive(Debug)]
pub(crate) struct Failures {
    keys_max: usize,
    counts: Mutex<Counts>,
    /// Random: nobody can choose whom to share with.
    hasher: RandomState,
}

#[derive(Debug)]
struct Counts {
    own: HashMap<Key, Count>,
    shared: Vec<Count>,
    swept: Micros,
}

/// The failures under one key.
#[derive(Debug, Clone, Default)]
struct Count {
    /// When they were, the last twenty.
    recent: VecDeque<Micros>,
    /// How many there were beyond those that are free, without a quiet minute between them.
    beyond: u32,
    /// Until when everybody waits.
    not_before: Option<Micros>,
}

impl Count {
    /// How long an attempt at this moment must wait, in whole seconds.
    fn wait_s(&self, now: Micros) -> Option<u32> {
        let until = self.not_before.filter(|until| now < *until)?;
        let whole = until.since(now).as_millis().div_ceil(1_000);
        // The clock may have gone back.
        Some(u32::try_from(whole).unwrap_or(WAIT_MAX_S).clamp(1, WAIT_MAX_S))
    }

    fn add(&mut self, now: Micros) {
        if self.is_over(now) {
            *self = Self::default();
        }
        if self.beyond == 0 {
            self.recent.retain(|at| now.since(*at) < WINDOW);
        }
        self.recent.push_back(now);
        if self.recent.len() > FREE {
            self.recent.pop_front();
        }
        if self.recent.len() == FREE {
            let wait_s = 1_u32.checked_shl(self.beyond).map_or(WAIT_MAX_S, |wait_s| wait_s.min(WAIT_MAX_S));
            self.beyond = self.beyond.saturating_add(1).min(u32::BITS - 1);
            self.not_before = Some(now.plus_s(wait_s));
        }
    }

    /// Whether nothing of it counts any more: there was no failure for a minute, nor anybody who had to wait.
    fn is_over(&self, now: Micros) -> bool {
        let last = self.not_before.max(self.recent.back().copied());
        last.is_none_or(|last| now.since(last) >= WINDOW)
    }
}

impl Failures {
    pub(crate) fn new() -> Self {
        Self::bounded(KEYS_MAX)
    }

    fn bounded(keys_max: usize) -> Self {
        let (own, shared, swept) = (HashMap::new(), vec![Count::default(); SHARED], Micros::from_unix_s(0));
        Self { keys_max, counts: Mutex::new(Counts { own, shared, swept }), hasher: RandomState::new() }
    }

    /// Whether an attempt from this source at this partner may be made now.
    fn admit(&self, source: Source, partner: Option<ClientNumber>, now: Micros) -> Result<(), Throttled> {
        let mut counts = self.counts();
        let pair = partner.map(|_| Key { source, partner });
        let keys = [Some(Key { source, partner: None }), pair];
        let waits = keys.into_iter().flatten().filter_map(|key| self.count(&mut counts, key, now)?.wait_s(now));
        waits.max().map_or(Ok(()), |wait_s| Err(Throttled { wait_s }))
    }

    /// Counts a failure: of a partner that was proven, else of the source.
    fn add(&self, source: Source, proven: Option<ClientNumber>, now: Micros) {
        let mut counts = self.counts();
        let key = Key { source, partner: proven };
        if counts.own.len() < self.keys_max || counts.own.contains_key(&key) {
            counts.own.entry(key).or_default().add(now);
            return;
        }
        if now.since(counts.swept) >= SWEEP_EVERY {
            counts.swept = now;
            counts.own.retain(|_, count| !count.is_over(now));
        }
        if let Some(count) = self.shared(&mut counts, key) {
            count.add(now);
        }
    }

    /// The count under a key: its own, or the one that it shares when the table is full.
    fn count<'a>(&self, counts: &'a mut Counts, key: Key, now: Micros) -> Option<&'a Count> {
        if counts.own.contains_key(&key) {
            return counts.own.get(&key);
        }
        if counts.own.len() < self.keys_max {
            return None;
        }
        self.shared(counts, key).map(|count| &*count).filter(|count| !count.is_over(now))
    }

    fn shared<'a>(&self, counts: &'a mut Counts, key: Key) -> Option<&'a mut Count> {
        let index = usize::try_from(self.hasher.hash_one(key) % SHARED as u64).unwrap_or(0);
        counts.shared.get_mut(index)
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Engine {
    /// Lets an attempt of this source at the partner with this code in; asked before the envelope is looked at.
    ///
    /// # Errors
    /// [`Throttled`]: the source, or the partner from there, has failed too often.
    pub fn admit_partner(&self, realm: &Realm, partner_code: Option<&str>, source: Source) -> Result<(), Throttled> {
        if !has_limits(realm) {
            return Ok(());
        }
        let partner = partner_code.and_then(|code| realm.partner(code)).map(|client| client.number);
        realm.failures.admit(source, partner, self.now())
    }

    /// Counts a failed attempt: of the partner that it was proven to come from, else of the source alone.
    pub fn count_failure(&self, realm: &Realm, proven: Option<ClientNumber>, source: Source) {
        if has_limits(realm) {
            realm.failures.add(source, proven, self.now());
        }
    }
}

fn has_limits(realm: &Realm) -> bool {
    realm.settings.partners.is_some_and(|partners| partners.failure_limits == FailureLimits::On)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(text: &str) -> Source {
        Source::new(text.parse().unwrap())
    }

    fn at(second: u32) -> Micros {
        Micros::from_unix_s(1_000 + second)
    }

    const PARTNER: Option<ClientNumber> = Some(ClientNumber(1));
    const OTHER: Option<ClientNumber> = Some(ClientNumber(2));

    #[test]
    fn after_twenty_failures_each_further_attempt_waits_longer_and_at_most_half_a_minute() {
        let (failures, here) = (Failures::new(), source("192.0.2.1"));
        for _ in 0..FREE {
            assert_eq!(failures.admit(here, PARTNER, at(0)), Ok(()));
            failures.add(here, PARTNER, at(0));
        }
        let mut now = 0;
        for wait_s in [1, 2, 4, 8, 16, 30, 30, 30] {
            assert_eq!(failures.admit(here, PARTNER, at(now)), Err(Throttled { wait_s }));
            now += wait_s;
            assert_eq!(failures.admit(here, PARTNER, at(now)), Ok(()), "asking does not make it longer");
            failures.add(here, PARTNER, at(now));
        }
        let quiet = now + 30 + 60;
        assert_eq!(failures.admit(here, PARTNER, at(quiet)), Ok(()));
        failures.add(here, PARTNER, at(quiet));
        assert_eq!(failures.admit(here, PARTNER, at(quiet)), Ok(()), "a quiet minute forgives");
    }

    #[test]
    fn failures_of_a_proven_partner_hold_that_partner_from_there_and_nobody_else() {
        let (failures, here, there) = (Failures::new(), source("192.0.2.1"), source("192.0.2.2"));
        for _ in 0..FREE {
            failures.add(here, PARTNER, at(0));
        }
        assert!(failures.admit(here, PARTNER, at(0)).is_err());
        for (source, partner) in [(here, OTHER), (here, None), (there, PARTNER)] {
            assert_eq!(failures.admit(source, partner, at(0)), Ok(()));
        }
    }

    #[test]
    fn strangers_hold_their_own_source_and_no_partner_elsewhere() {
        let (failures, here, there) = (Failures::new(), source("192.0.2.1"), source("192.0.2.2"));
        for second in 0..20 {
            failures.add(here, None, at(second));
        }
        for partner in [PARTNER, OTHER, None] {
            assert!(failures.admit(here, partner, at(19)).is_err());
            assert_eq!(failures.admit(there, partner, at(19)), Ok(()));
        }
    }

    #[test]
    fn nineteen_failures_a_minute_are_free_for_ever() {
        let (failures, here) = (Failures::new(), source("192.0.2.1"));
        for index in 0..200 {
            let now = at(index * 60 / 19 + index / 19);
            assert_eq!(failures.admit(here, None, now), Ok(()), "{index}");
            failures.add(here, None, now);
        }
    }

    #[test]
    fn beyond_the_last_key_memory_stays_and_nobody_is_without_a_limit() {
        let failures = Failures::bounded(10);
        let stranger = |index: u32| Source::new(std::net::IpAddr::from(std::net::Ipv4Addr::from_bits(index)));
        for index in 0..10 + 20 * 2 * u32::try_from(SHARED).unwrap() {
            failures.add(stranger(index), None, at(0));
        }
        assert_eq!(failures.counts().own.len(), 10);
        let held = (10..1_010).filter(|index| failures.admit(stranger(*index), None, at(0)).is_err()).count();
        assert!(held > 500, "{held}");
        failures.add(stranger(u32::MAX), None, at(100));
        assert_eq!(failures.counts().own.len(), 0, "what is over makes room");
    }
}
