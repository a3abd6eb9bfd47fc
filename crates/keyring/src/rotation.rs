//! The life of a signing key, as a pure function of times: published before it signs, kept after its successor took over.
//!
//! Nothing is stored but when a key was made and from when on it signs: a server that missed a change by some seconds, or slept over
//! it, comes to the same state as all others. Source: OpenID Connect Core section 10.1.1.

use kimbai_core::realm::{RealmSettings, RefreshTokenFormat};
use kimbai_core::time::Micros;
use serde::{Deserialize, Serialize};

/// So long may it take until every server has heard of a new key, and so far may their clocks be apart, in seconds.
const FOLLOWING_S: u32 = 10;
/// So long after they read the JWK Set do clients that meet an unknown key not read it again: openid-client 6 a minute, jose 30 s.
const CLIENTS_READ_APART_S: u32 = 60;
/// So far may clocks of clients be apart from ours, in seconds.
const SKEW_S: u32 = 300;

/// The times of a signing key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyTimes {
    /// When it was made, or imported.
    pub made: Micros,
    /// From then on it signs, until a later key does.
    pub signs_from: Micros,
    /// The longest life that a token was given while the key was here, in seconds.
    pub tokens_s: u32,
}

/// What a realm wants of its signing keys, in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RotationPolicy {
    /// So long is a key published before it signs.
    pub lead_s: u32,
    /// So long it signs; none: until an operator says otherwise.
    pub rotate_after_s: Option<u32>,
    /// The longest life of a token that it signs.
    pub tokens_s: u32,
}

/// From when on a new key signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyStart {
    /// After every cache of the JWK Set, and every client that does not read it again at once, has seen it.
    Published,
    /// At once.
    AtOnce,
}

/// Where a key is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyState {
    /// It is published, and does not sign yet.
    Next,
    /// It signs.
    Signing,
    /// Others sign; what it signed is verified with it until then.
    Former {
        /// When the last token that it signed is over, for the slowest clock.
        until: Micros,
    },
}

impl RotationPolicy {
    /// What these settings want. What a client read last may have come out of a cache, as old as the max-age allows, and the client
    /// may keep to it for a while.
    #[must_use]
    pub fn of(settings: &RealmSettings) -> Self {
        Self {
            lead_s: settings.signing.jwks_max_age_s.saturating_add(CLIENTS_READ_APART_S + FOLLOWING_S),
            rotate_after_s: settings.signing.rotate_after_s,
            tokens_s: longest_token_s(settings),
        }
    }

    /// The times of a key that is made now.
    #[must_use]
    pub const fn times(&self, start: KeyStart, now: Micros) -> KeyTimes {
        let signs_from = match start {
            KeyStart::Published => now.plus_s(self.lead_s),
            KeyStart::AtOnce => now,
        };
        KeyTimes { made: now, signs_from, tokens_s: self.tokens_s }
    }

    /// Whether the keys of one algorithm need a further one now, so that it is published for long enough before its turn. One whose
    /// turn is yet to come is waited for.
    #[must_use]
    pub fn is_due(&self, keys: &[KeyTimes], now: Micros) -> bool {
        let Some(rotate_after_s) = self.rotate_after_s else { return false };
        let last = keys.iter().map(|key| key.signs_from).max();
        // `last + rotate_after - lead <= now`, without going below zero.
        last.is_some_and(|last| last.plus_s(rotate_after_s) <= now.plus_s(self.lead_s))
    }
}

/// The longest life of a signed token, in seconds. An ID token is a hint for as long as the session that it names; a refresh token
/// that is a JWT is presented until it has been unused for too long, or, where that has no end, until its grant ends.
fn longest_token_s(settings: &RealmSettings) -> u32 {
    let lifetimes = &settings.lifetimes;
    let refresh_s = match settings.refresh_token_format {
        RefreshTokenFormat::Opaque => 0,
        RefreshTokenFormat::Jwt => lifetimes.refresh_idle_s.unwrap_or(lifetimes.refresh_absolute_s),
    };
    lifetimes.access_token_s.max(lifetimes.session_absolute_s).max(refresh_s)
}

/// Which of the keys of one algorithm signs: of those whose turn has come the last one. Before the turn of the first one it is the
/// first one: there is no other.
pub(crate) fn signer(keys: &[KeyTimes], now: Micros) -> Option<usize> {
    let order = |(place, key): &(usize, &KeyTimes)| (key.signs_from, *place);
    let begun = keys.iter().enumerate().filter(|(_, key)| key.signs_from <= now).max_by_key(order);
    begun.or_else(|| keys.iter().enumerate().min_by_key(order)).map(|(place, _)| place)
}

/// The state of one of the keys of one algorithm.
pub(crate) fn state(keys: &[KeyTimes], place: usize, now: Micros) -> Option<KeyState> {
    let key = keys.get(place)?;
    if signer(keys, now) == Some(place) {
        return Some(KeyState::Signing);
    }
    if key.signs_from > now {
        return Some(KeyState::Next);
    }
    // Of two that begin at one moment the later one signs.
    let follows = |(other, times): &(usize, &KeyTimes)| (times.signs_from, *other) > (key.signs_from, place);
    let successor = keys.iter().enumerate().filter(follows).map(|(_, times)| times.signs_from).min();
    let ended = successor.unwrap_or(now).max(key.signs_from);
    Some(KeyState::Former { until: ended.plus_s(key.tokens_s).plus_s(SKEW_S) })
}

/// Whether a key may be forgotten.
pub(crate) fn is_over(keys: &[KeyTimes], place: usize, now: Micros) -> bool {
    matches!(state(keys, place, now), Some(KeyState::Former { until }) if until <= now)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    const POLICY: RotationPolicy = RotationPolicy { lead_s: 310, rotate_after_s: Some(1_000), tokens_s: 3_600 };

    fn settings() -> RealmSettings {
        let paths = json!({ "authorize": "/a", "token": "/t", "revoke": "/r", "introspect": "/i" });
        let lifetimes = json!({
            "code_s": 60, "access_token_s": 3_600, "refresh_idle_s": null, "refresh_absolute_s": 60,
            "retry_confidential_s": 60, "retry_public_s": 60, "session_idle_s": 60, "session_absolute_s": 60,
        });
        serde_json::from_value(json!({
            "display_name": "Realm", "issuer": "https://id.example.vn", "dialect": "standard", "paths": paths,
            "scopes": [], "offline_scope": "", "lifetimes": lifetimes, "state_length_min": 0, "pkce": "required",
            "token_type": "capitalised", "error_form": "standard", "token_shape": "whole", "consent_form": "full",
            "signing": { "jwks_max_age_s": 30 },
        }))
        .unwrap()
    }

    fn at(s: u32) -> Micros {
        Micros::from_unix_s(s)
    }

    fn key(signs_from_s: u32) -> KeyTimes {
        KeyTimes { made: at(0), signs_from: at(signs_from_s), tokens_s: 3_600 }
    }

    #[test]
    fn a_key_is_published_then_signs_and_is_kept_until_the_last_token_is_over() {
        let keys = [key(100), key(1_000)];
        let former = |until_s| Some(KeyState::Former { until: at(until_s) });
        for (now_s, first, second) in [
            (50, Some(KeyState::Signing), Some(KeyState::Next)), // there is no other yet
            (100, Some(KeyState::Signing), Some(KeyState::Next)),
            (999, Some(KeyState::Signing), Some(KeyState::Next)),
            (1_000, former(4_900), Some(KeyState::Signing)),
            (9_999, former(4_900), Some(KeyState::Signing)),
        ] {
            assert_eq!((state(&keys, 0, at(now_s)), state(&keys, 1, at(now_s))), (first, second), "{now_s}");
        }
        assert_eq!(state(&keys, 2, at(0)), None);
        for (now_s, expect) in [(999, false), (4_899, false), (4_900, true)] {
            assert_eq!((is_over(&keys, 0, at(now_s)), is_over(&keys, 1, at(now_s))), (expect, false), "{now_s}");
        }
    }

    #[test]
    fn several_keys_may_wait_for_their_turn_and_the_later_of_two_signs() {
        let keys = [key(10), key(30), key(20), key(20)];
        for (now_s, expect) in [(0, 0), (10, 0), (19, 0), (20, 3), (29, 3), (30, 1), (99, 1)] {
            assert_eq!(signer(&keys, at(now_s)), Some(expect), "{now_s}");
        }
        assert_eq!(signer(&[], at(0)), None);
        // Each is kept from the moment at which the next one took over.
        for (place, until_s) in [(0, 3_920), (2, 3_920), (3, 3_930)] {
            assert_eq!(state(&keys, place, at(99)), Some(KeyState::Former { until: at(until_s) }), "{place}");
        }
    }

    #[test]
    fn a_key_is_due_when_it_can_just_be_published_for_long_enough_before_its_turn() {
        for (keys, now_s, expect) in [
            (vec![], 9_999, false),
            (vec![key(100)], 789, false),
            (vec![key(100)], 790, true),
            (vec![key(100)], 50_000, true),
            (vec![key(100), key(1_100)], 1_100, false),
            (vec![key(1_100), key(100)], 1_789, false),
            (vec![key(1_100), key(100)], 1_790, true),
        ] {
            assert_eq!(POLICY.is_due(&keys, at(now_s)), expect, "{keys:?} {now_s}");
            assert!(!RotationPolicy { rotate_after_s: None, ..POLICY }.is_due(&keys, at(now_s)));
        }
    }

    #[test]
    fn a_new_key_is_published_until_the_client_that_is_slowest_to_read_it_has_it() {
        let settings = settings();
        let policy = RotationPolicy::of(&settings);
        // A max-age of 30 s, a minute in which clients do not read again, 10 s in which servers hear of it.
        let published = KeyTimes { made: at(5), signs_from: at(105), tokens_s: 3_600 };
        assert_eq!(policy.times(KeyStart::Published, at(5)), published);
        assert_eq!(policy.times(KeyStart::AtOnce, at(5)), KeyTimes { signs_from: at(5), ..published });
    }

    #[test]
    fn a_key_is_kept_for_the_longest_of_the_tokens_that_it_signs() {
        let mut settings = settings();
        assert_eq!(RotationPolicy::of(&settings).tokens_s, 3_600);
        (settings.lifetimes.refresh_idle_s, settings.lifetimes.refresh_absolute_s) = (Some(7_200), 86_400);
        assert_eq!(RotationPolicy::of(&settings).tokens_s, 3_600, "sealed ones are not signed");
        settings.refresh_token_format = RefreshTokenFormat::Jwt;
        assert_eq!(RotationPolicy::of(&settings).tokens_s, 7_200);
        settings.lifetimes.refresh_idle_s = None;
        assert_eq!(RotationPolicy::of(&settings).tokens_s, 86_400);
        settings.lifetimes.session_absolute_s = 100_000;
        assert_eq!(RotationPolicy::of(&settings).tokens_s, 100_000);
    }

    proptest! {
        /// Whoever has the set as it was before a rotation signs with a key that the set after it still has, and knows.
        #[test]
        fn no_token_that_is_alive_was_signed_by_a_key_that_is_over(
            mut starts_s in prop::collection::vec(0_u32..20_000, 1..8), signed_s in 0_u32..30_000, later_s in 0_u32..3_600,
        ) {
            starts_s.sort_unstable();
            let keys: Vec<_> = starts_s.into_iter().map(key).collect();
            let signer = signer(&keys, at(signed_s)).unwrap();
            prop_assert!(!is_over(&keys, signer, at(signed_s + later_s)));
        }

        #[test]
        fn at_each_moment_exactly_one_key_signs(
            starts_s in prop::collection::vec(0_u32..1_000, 1..8), now_s in 0_u32..1_000,
        ) {
            let keys: Vec<_> = starts_s.into_iter().map(key).collect();
            let signing = (0..keys.len()).filter(|place| state(&keys, *place, at(now_s)) == Some(KeyState::Signing));
            prop_assert_eq!(signing.count(), 1);
        }

        /// Rotated by age alone, every key is published for the whole lead before it signs.
        #[test]
        fn keys_that_follow_by_age_are_published_before_they_sign(rotate_after_s in 1_u32..2_000) {
            let policy = RotationPolicy { rotate_after_s: Some(rotate_after_s), ..POLICY };
            let mut keys = vec![policy.times(KeyStart::AtOnce, at(0))];
            for now_s in 1..4_000 {
                if policy.is_due(&keys, at(now_s)) {
                    keys.push(policy.times(KeyStart::Published, at(now_s)));
                }
                let signer = signer(&keys, at(now_s)).unwrap();
                prop_assert!(signer == 0 || keys[signer].made.plus_s(policy.lead_s) <= at(now_s));
            }
            prop_assert!(keys.len() > 1);
        }
    }
}
