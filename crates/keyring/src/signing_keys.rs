//! The signing keys of one realm: all of them one value, sealed into one row of the store.
//!
//! One value, so that a change of them is one comparison: of two servers that change them at once, one is told to look again.

use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kimbai_core::number::RealmNumber;
use kimbai_core::signing::SigningAlgorithm;
use kimbai_core::time::Micros;
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize as _, Zeroizing};

use crate::jwk::jwk_set;
use crate::master_key::MasterKey;
use crate::realm_keyring::{KeyUsage, KeyringError, context};
use crate::rotation::{KeyState, KeyTimes, RotationPolicy, is_over, signer, state};
use crate::sign::{JwtKind, SigningKey};
use crate::verify::{JwtFault, VerifiedJwt, verify};

/// A realm has so many keys of one algorithm at most, from the next ones to those that are kept.
pub const KEYS_OF_ALGORITHM_MAX: usize = 32;

/// The signing keys of one realm, in the order of their making.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct SigningKeySet {
    keys: Vec<HeldKey>,
}

#[derive(Clone)]
struct HeldKey {
    key: Arc<SigningKey>,
    times: KeyTimes,
}

impl PartialEq for HeldKey {
    /// A key is told by its name, which is a digest of its public half.
    fn eq(&self, other: &Self) -> bool {
        (self.key.kid(), self.times) == (other.key.kid(), other.times)
    }
}

impl Eq for HeldKey {}

/// A key, as an operator sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SigningKeyFacts {
    /// Its name in headers.
    pub kid: String,
    /// What it signs with.
    pub algorithm: SigningAlgorithm,
    /// Since when it is there, and from when on it signs.
    pub times: KeyTimes,
    /// Where it is in its life.
    pub state: KeyState,
}

/// Why a key is not added.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AddKeyError {
    /// The realm has it already.
    #[error("the realm has this key already")]
    Known,
    /// There are as many keys of its algorithm as there may be.
    #[error(
        "the realm has {KEYS_OF_ALGORITHM_MAX} keys of this algorithm; former ones go when the tokens that they signed are over"
    )]
    TooMany,
}

/// What is stored.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredSet {
    keys: Vec<StoredSigningKey>,
}

#[derive(Serialize, Deserialize)]
struct StoredSigningKey {
    #[serde(flatten)]
    times: KeyTimes,
    /// The key in base64.
    pkcs8: String,
}

impl Drop for StoredSigningKey {
    fn drop(&mut self) {
        self.pkcs8.zeroize();
    }
}

impl SigningKeySet {
    /// Opens the stored keys of a realm. Keys that were parsed before are taken over from there.
    ///
    /// # Errors
    /// [`KeyringError`]: a wrong master key, or a value that this version cannot read.
    pub fn open(
        master: &MasterKey,
        realm: RealmNumber,
        sealed: &[u8],
        parsed_before: &Self,
    ) -> Result<Self, KeyringError> {
        let json = master.unwrap(&context(realm, KeyUsage::Signing), sealed)?;
        let stored: StoredSet = serde_json::from_slice(&json).map_err(|_| KeyringError::Unreadable)?;
        let keys = stored.keys.iter().map(|stored| {
            let pkcs8 = Zeroizing::new(STANDARD.decode(&stored.pkcs8).map_err(|_| KeyringError::Unreadable)?);
            let before = parsed_before.keys.iter().find(|held| held.key.pkcs8() == pkcs8.as_slice());
            let key = match before {
                Some(held) => Arc::clone(&held.key),
                None => Arc::new(SigningKey::from_pkcs8(pkcs8).map_err(|_| KeyringError::Unreadable)?),
            };
            Ok(HeldKey { key, times: stored.times })
        });
        Ok(Self { keys: keys.collect::<Result<_, KeyringError>>()? })
    }

    /// The keys, sealed for the store.
    #[must_use]
    pub fn seal(&self, master: &MasterKey, realm: RealmNumber) -> Vec<u8> {
        let stored = |held: &HeldKey| StoredSigningKey { times: held.times, pkcs8: STANDARD.encode(held.key.pkcs8()) };
        let set = StoredSet { keys: self.keys.iter().map(stored).collect() };
        // Numbers and strings are always written.
        let json = Zeroizing::new(serde_json::to_vec(&set).unwrap_or_default());
        master.wrap(&context(realm, KeyUsage::Signing), &json)
    }

    /// Whether no key was needed yet.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Whether there is a key of this algorithm.
    #[must_use]
    pub fn has(&self, algorithm: SigningAlgorithm) -> bool {
        self.of(algorithm).next().is_some()
    }

    /// The key that signs with this algorithm now.
    #[must_use]
    pub fn signer(&self, algorithm: SigningAlgorithm, now: Micros) -> Option<&Arc<SigningKey>> {
        let place = signer(&self.times(algorithm), now)?;
        self.of(algorithm).nth(place).map(|held| &held.key)
    }

    /// Verifies a JWT of one kind that a key of this realm signed in the name of this issuer.
    ///
    /// # Errors
    /// [`JwtFault`].
    pub fn verify(&self, kind: JwtKind, issuer: &str, token: &str) -> Result<VerifiedJwt, JwtFault> {
        let find = |kid: &str| self.keys.iter().find(|held| held.key.kid() == kid).map(|held| &*held.key);
        verify(token, kind, issuer, find)
    }

    /// The public halves of all keys, as a JWK Set.
    #[must_use]
    pub fn jwk_set(&self) -> String {
        jwk_set(self.keys.iter().map(|held| held.key.jwk()))
    }

    /// The algorithms of these that need a further key now.
    #[must_use]
    pub fn due(&self, algorithms: &[SigningAlgorithm], policy: &RotationPolicy, now: Micros) -> Vec<SigningAlgorithm> {
        let is_due = |algorithm: &SigningAlgorithm| {
            let times = self.times(*algorithm);
            times.is_empty() || (times.len() < KEYS_OF_ALGORITHM_MAX && policy.is_due(&times, now))
        };
        algorithms.iter().copied().filter(is_due).collect()
    }

    /// The algorithms of these that need a further key now, and have no room for one.
    #[must_use]
    pub fn crowded(
        &self,
        algorithms: &[SigningAlgorithm],
        policy: &RotationPolicy,
        now: Micros,
    ) -> Vec<SigningAlgorithm> {
        let is_crowded = |algorithm: &SigningAlgorithm| {
            let times = self.times(*algorithm);
            times.len() >= KEYS_OF_ALGORITHM_MAX && policy.is_due(&times, now)
        };
        algorithms.iter().copied().filter(is_crowded).collect()
    }

    /// Each key, as an operator sees it.
    #[must_use]
    pub fn facts(&self, now: Micros) -> Vec<SigningKeyFacts> {
        let of = |algorithm: SigningAlgorithm| {
            let times = self.times(algorithm);
            let facts = |(place, held): (usize, &HeldKey)| {
                let kid = held.key.kid().to_owned();
                state(&times, place, now).map(|state| SigningKeyFacts { kid, algorithm, times: held.times, state })
            };
            self.of(algorithm).enumerate().filter_map(facts).collect::<Vec<_>>()
        };
        SigningAlgorithm::ALL.into_iter().flat_map(of).collect()
    }

    /// Adds a key.
    ///
    /// # Errors
    /// [`AddKeyError`].
    pub fn add(&mut self, key: &Arc<SigningKey>, times: KeyTimes) -> Result<(), AddKeyError> {
        if self.keys.iter().any(|held| held.key.kid() == key.kid()) {
            return Err(AddKeyError::Known);
        }
        if self.of(key.algorithm()).count() >= KEYS_OF_ALGORITHM_MAX {
            return Err(AddKeyError::TooMany);
        }
        self.keys.push(HeldKey { key: Arc::clone(key), times });
        Ok(())
    }

    /// Forgets one key, at once; whether it was there.
    pub fn remove(&mut self, kid: &str) -> bool {
        let before = self.keys.len();
        self.keys.retain(|held| held.key.kid() != kid);
        self.keys.len() < before
    }

    /// Forgets all keys of an algorithm, at once.
    pub fn remove_all(&mut self, algorithm: SigningAlgorithm) {
        self.keys.retain(|held| held.key.algorithm() != algorithm);
    }

    /// Forgets the keys whose tokens are all over, and notes how long tokens live now; whether anything changed.
    pub fn tidy(&mut self, policy: &RotationPolicy, now: Micros) -> bool {
        let mut is_changed = false;
        for held in &mut self.keys {
            is_changed |= held.times.tokens_s < policy.tokens_s;
            held.times.tokens_s = held.times.tokens_s.max(policy.tokens_s);
        }
        let mut over = Vec::new();
        for algorithm in SigningAlgorithm::ALL {
            let times = self.times(algorithm);
            let is_over =
                |(place, held): (usize, &HeldKey)| is_over(&times, place, now).then(|| held.key.kid().to_owned());
            over.extend(self.of(algorithm).enumerate().filter_map(is_over));
        }
        for kid in over {
            is_changed |= self.remove(&kid);
        }
        is_changed
    }

    fn of(&self, algorithm: SigningAlgorithm) -> impl Iterator<Item = &HeldKey> {
        self.keys.iter().filter(move |held| held.key.algorithm() == algorithm)
    }

    fn times(&self, algorithm: SigningAlgorithm) -> Vec<KeyTimes> {
        self.of(algorithm).map(|held| held.times).collect()
    }
}

impl fmt::Debug for SigningKeySet {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_list().entries(self.keys.iter().map(|held| &held.key)).finish()
    }
}

#[cfg(test)]
mod tests;
