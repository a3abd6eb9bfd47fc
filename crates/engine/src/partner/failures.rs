//! Who fails too often must wait: from one source in the name of one partner, and from one source altogether.
//!
//! What counts is what a caller shows before its envelope is looked at: where it comes from and which partner it names. Nothing
//! depends on whether the envelope opened: a limiter that asked that would tell it. And nothing counts anywhere else than at the
//! source, so that no stranger holds a partner. What is remembered is bounded: beyond so many what has not failed for longest is
//! forgotten, so that nobody waits for another's failures either.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use kimbai_core::realm::FailureLimits;
use kimbai_core::time::Micros;

use crate::engine::Engine;
use crate::rate_limit::Throttled;
use crate::realm::Realm;
use crate::source::Source;

/// So many failures a minute are free to a source in the name of one partner.
const PARTNER_FREE: usize = 20;
/// So many are free to it in whatever names: several partners may stand behind one address.
const SOURCE_FREE: usize = 100;
const WINDOW: Duration = Duration::from_mins(1);
/// Nobody waits longer.
const WAIT_MAX_S: u32 = 30;
/// So many keys are counted.
const KEYS_MAX: usize = 50_000;

/// Under what failures are counted.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Key {
    /// A source, in the name of the partner with this code; empty: no such name could be one.
    Partner(Source, Box<str>),
    /// A source, whatever it names.
    Source(Source),
}

impl Key {
    /// Those of a failure.
    fn both(source: Source, partner_code: Option<&str>) -> [Self; 2] {
        [Self::Partner(source, partner_code.unwrap_or_default().into()), Self::Source(source)]
    }

    const fn free(&self) -> usize {
        match self {
            Self::Partner(..) => PARTNER_FREE,
            Self::Source(_) => SOURCE_FREE,
        }
    }
}

/// The failures of a realm's partners.
#[derive(Debug)]
pub(crate) struct Failures {
    keys_max: usize,
    counts: Mutex<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    of: HashMap<Key, Count>,
    /// Them all in the order of their last failures, each by the number of that failure.
    order: BTreeMap<u64, Key>,
    /// The number of the last failure; they are counted from 1.
    latest: u64,
}

/// The failures under one key.
#[derive(Debug, Clone, Default)]
struct Count {
    /// When they were: the last ones, as many as are free.
    recent: VecDeque<Micros>,
    /// How many there were beyond those that are free, without a quiet minute between them.
    beyond: u32,
    /// Until when everybody waits.
    not_before: Option<Micros>,
    /// The number of the last one; 0: there was none.
    last: u64,
}

impl Count {
    /// How long an attempt at this moment must wait, in whole seconds.
    fn wait_s(&self, now: Micros) -> Option<u32> {
        let until = self.not_before.filter(|until| now < *until)?;
        let whole = until.since(now).as_millis().div_ceil(1_000);
        // The clock may have gone back.
        Some(u32::try_from(whole).unwrap_or(WAIT_MAX_S).clamp(1, WAIT_MAX_S))
    }

    fn add(&mut self, free: usize, now: Micros) {
        if self.beyond == 0 {
            self.recent.retain(|at| now.since(*at) < WINDOW);
        }
        self.recent.push_back(now);
        if self.recent.len() > free {
            self.recent.pop_front();
        }
        if self.recent.len() == free {
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

impl Counts {
    fn add(&mut self, key: Key, (now, keys_max): (Micros, usize)) {
        while self.first().is_some_and(|first| first.is_over(now)) {
            self.forget_first();
        }
        if self.of.len() >= keys_max && !self.of.contains_key(&key) {
            self.forget_first();
        }
        let count = self.of.entry(key.clone()).or_default();
        count.add(key.free(), now);
        self.order.remove(&count.last);
        self.latest += 1;
        count.last = self.latest;
        self.order.insert(self.latest, key);
    }

    /// That of the key that has not failed for longest.
    fn first(&self) -> Option<&Count> {
        self.of.get(self.order.first_key_value()?.1)
    }

    fn forget_first(&mut self) {
        if let Some((_, key)) = self.order.pop_first() {
            self.of.remove(&key);
        }
    }
}

impl Default for Failures {
    fn default() -> Self {
        Self::bounded(KEYS_MAX)
    }
}

impl Failures {
    fn bounded(keys_max: usize) -> Self {
        Self { keys_max, counts: Mutex::default() }
    }

    /// Whether an attempt from this source in the name of this partner may be made now.
    fn admit(&self, source: Source, partner_code: Option<&str>, now: Micros) -> Result<(), Throttled> {
        let counts = self.counts();
        let waits = Key::both(source, partner_code).into_iter().filter_map(|key| counts.of.get(&key)?.wait_s(now));
        waits.max().map_or(Ok(()), |wait_s| Err(Throttled { wait_s }))
    }

    /// Counts a failure.
    fn add(&self, source: Source, partner_code: Option<&str>, now: Micros) {
        let mut counts = self.counts();
        for key in Key::both(source, partner_code) {
            counts.add(key, (now, self.keys_max));
        }
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Engine {
    /// Lets an attempt of this source in that names the partner with this code; asked before the envelope is looked at.
    ///
    /// # Errors
    /// [`Throttled`]: the source has failed too often, in this partner's name or altogether.
    pub fn admit_partner(&self, realm: &Realm, partner_code: Option<&str>, source: Source) -> Result<(), Throttled> {
        if has_limits(realm) { realm.failures.admit(source, partner_code, self.now()) } else { Ok(()) }
    }

    /// Counts a failed attempt of this source that named the partner with this code.
    pub fn count_failure(&self, realm: &Realm, partner_code: Option<&str>, source: Source) {
        if has_limits(realm) {
            realm.failures.add(source, partner_code, self.now());
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

    const PARTNER: Option<&str> = Some("DEMO");
    const OTHER: Option<&str> = Some("OTHER");

    #[test]
    fn after_twenty_failures_each_further_attempt_waits_longer_and_at_most_half_a_minute() {
        let (failures, here) = (Failures::default(), source("192.0.2.1"));
        for _ in 0..PARTNER_FREE {
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
    fn failures_in_one_partners_name_hold_that_name_from_there_and_nobody_else() {
        let (failures, here, there) = (Failures::default(), source("192.0.2.1"), source("192.0.2.2"));
        for _ in 0..PARTNER_FREE {
            failures.add(here, PARTNER, at(0));
        }
        assert!(failures.admit(here, PARTNER, at(0)).is_err());
        for (source, partner) in [(here, OTHER), (here, None), (there, PARTNER)] {
            assert_eq!(failures.admit(source, partner, at(0)), Ok(()));
        }
    }

    #[test]
    fn a_hundred_failures_in_whatever_names_hold_their_source_and_nobody_elsewhere() {
        let (failures, here, there) = (Failures::default(), source("192.0.2.1"), source("192.0.2.2"));
        for index in 0..SOURCE_FREE {
            assert_eq!(failures.admit(here, None, at(0)), Ok(()), "{index}");
            failures.add(here, Some(&format!("P{index}")), at(0));
        }
        for partner in [PARTNER, OTHER, None] {
            assert!(failures.admit(here, partner, at(0)).is_err());
            assert_eq!(failures.admit(there, partner, at(0)), Ok(()));
        }
    }

    #[test]
    fn nineteen_failures_a_minute_are_free_for_ever() {
        let (failures, here) = (Failures::default(), source("192.0.2.1"));
        for index in 0..200 {
            let now = at(index * 60 / 19 + index / 19);
            assert_eq!(failures.admit(here, None, now), Ok(()), "{index}");
            failures.add(here, None, now);
        }
    }

    #[test]
    fn beyond_the_last_key_what_has_not_failed_for_longest_is_forgotten_and_nobody_waits_for_others() {
        let failures = Failures::bounded(10);
        let stranger = |index: u32| Source::new(std::net::IpAddr::from(std::net::Ipv4Addr::from_bits(index)));
        // Two keys each.
        for index in 0..1_000 {
            for _ in 0..PARTNER_FREE {
                failures.add(stranger(index), PARTNER, at(0));
            }
            assert!(failures.admit(stranger(index), PARTNER, at(0)).is_err());
            assert_eq!(failures.admit(stranger(index + 1), PARTNER, at(0)), Ok(()));
        }
        let held = (0..1_000).filter(|index| failures.admit(stranger(*index), PARTNER, at(0)).is_err());
        assert_eq!(held.collect::<Vec<_>>(), [995, 996, 997, 998, 999]);
        let remembered = || {
            let counts = failures.counts();
            (counts.of.len(), counts.order.len())
        };
        assert_eq!(remembered(), (10, 10));
        failures.add(stranger(u32::MAX), None, at(100));
        assert_eq!(remembered(), (2, 2), "what is over makes room");
    }
}
