//! Signing keys by command: listed, followed by new ones, replaced in an emergency, imported.

use std::sync::Arc;

use kimbai_core::signing::SigningAlgorithm;
use kimbai_core::time::Micros;
use kimbai_keyring::{AddKeyError, KeyStart, KeyState, RotationPolicy, SigningKey, SigningKeyFacts, SigningKeySet};
use serde::{Deserialize, Serialize};

use super::manifest::PlainSecret;
use super::{AdminError, Administration, Command, Order};
use crate::engine::About;
use crate::realm::Realm;
use crate::signing::make;

/// The signing keys of a realm.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyList {
    /// Absent: the only one.
    pub realm: Option<String>,
}

/// Has each of these keys followed by a new one.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyRotate {
    /// Absent: the only one.
    pub realm: Option<String>,
    /// Whose keys; absent: those of all algorithms of the realm.
    pub algorithm: Option<SigningAlgorithm>,
    /// How.
    pub rotation: Rotation,
}

/// How a key is followed by a new one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rotation {
    /// The new one is published first, and signs when every cache has seen it; the old one is kept while what it signed is valid.
    Planned,
    /// The new one signs at once, and the old ones are gone at once: what they signed is refused.
    Emergency,
}

/// Forgets a key at once: what it signed is refused. One that signs is replaced by a new one that signs at once, if the realm still
/// signs with its algorithm.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyRetire {
    /// Its realm; absent: the only one.
    pub realm: Option<String>,
    /// Its name in headers.
    pub kid: String,
}

/// Adds a key that was made elsewhere.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyImport {
    /// Its realm; absent: the only one.
    pub realm: Option<String>,
    /// The private key: PKCS#8 in PEM.
    pub key: PlainSecret,
    /// From when on it signs.
    pub start: KeyStart,
}

/// A signing key. Times are in RFC 3339.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SigningKeyView {
    /// Its name in headers: the thumbprint of its public half (RFC 7638).
    pub kid: String,
    /// What it signs with.
    pub algorithm: SigningAlgorithm,
    /// Where it is in its life.
    pub state: SigningKeyState,
    /// When it was made or imported.
    pub made: String,
    /// From when on it signs, or signed.
    pub signs_from: String,
    /// Of a former one: when it goes.
    pub until: Option<String>,
}

/// Where a signing key is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SigningKeyState {
    /// It is published, and signs later.
    Next,
    /// It signs.
    Signing,
    /// It signs no more, and what it signed is still verified.
    Former,
}

impl SigningKeyView {
    fn of(facts: SigningKeyFacts) -> Self {
        let (state, until) = match facts.state {
            KeyState::Next => (SigningKeyState::Next, None),
            KeyState::Signing => (SigningKeyState::Signing, None),
            KeyState::Former { until } => (SigningKeyState::Former, Some(until.to_rfc3339())),
        };
        let SigningKeyFacts { kid, algorithm, times, .. } = facts;
        let (made, signs_from) = (times.made.to_rfc3339(), times.signs_from.to_rfc3339());
        Self { kid, algorithm, state, made, signs_from, until }
    }
}

impl Command for KeyList {
    const NAME: &'static str = "key_list";
    const ORDER: Order = Order::Free;
    type Reply = Vec<SigningKeyView>;

    async fn run(self, administration: &Administration) -> Result<Vec<SigningKeyView>, AdminError> {
        let realm = administration.realm(self.realm.as_deref())?;
        administration.engine.reread_signing_keys(&realm).await?;
        Ok(standing(administration, &realm))
    }
}

impl Command for KeyRotate {
    const NAME: &'static str = "key_rotate";
    // One change of the store's row of keys, which is checked there; and it may be an emergency.
    const ORDER: Order = Order::Free;
    type Reply = Vec<SigningKeyView>;

    async fn run(self, administration: &Administration) -> Result<Vec<SigningKeyView>, AdminError> {
        let engine = &administration.engine;
        let realm = administration.realm(self.realm.as_deref())?;
        let of_realm = &realm.settings.signing.algorithms;
        // In an emergency also the keys of algorithms that the realm had before.
        let gone = |algorithm: &SigningAlgorithm| {
            self.rotation == Rotation::Emergency && self.algorithm.is_none() && !of_realm.contains(algorithm)
        };
        let algorithms = match self.algorithm {
            None => of_realm.clone(),
            Some(algorithm) if of_realm.contains(&algorithm) => vec![algorithm],
            Some(algorithm) => return Err(unknown(&realm, algorithm)),
        };
        if self.rotation == Rotation::Emergency {
            // One that was made before may be in wrong hands as well.
            let also_gone = SigningAlgorithm::ALL.into_iter().filter(gone);
            realm.signing.forget_spare(&algorithms.iter().copied().chain(also_gone).collect::<Vec<_>>()).await;
        }
        let new = made(&algorithms).await?;
        let policy = RotationPolicy::of(&realm.settings);
        let rotate = |set: &mut SigningKeySet, now: Micros| {
            for algorithm in SigningAlgorithm::ALL.into_iter().filter(gone) {
                set.remove_all(algorithm);
            }
            for key in &new {
                let start = match self.rotation {
                    Rotation::Emergency => {
                        set.remove_all(key.algorithm());
                        KeyStart::AtOnce
                    }
                    Rotation::Planned if set.has(key.algorithm()) => KeyStart::Published,
                    Rotation::Planned => KeyStart::AtOnce,
                };
                set.add(key, policy.times(start, now)).map_err(not_added)?;
            }
            Ok::<_, AdminError>(())
        };
        engine.change_signing_keys(&realm, rotate).await?;
        let event = match self.rotation {
            Rotation::Planned => "signing_keys_rotated",
            Rotation::Emergency => "signing_keys_rotated_in_emergency",
        };
        engine.record(&realm, event, About::default());
        Ok(standing(administration, &realm))
    }
}

impl Command for KeyRetire {
    const NAME: &'static str = "key_retire";
    const ORDER: Order = Order::Free;
    type Reply = Vec<SigningKeyView>;

    async fn run(self, administration: &Administration) -> Result<Vec<SigningKeyView>, AdminError> {
        let engine = &administration.engine;
        let realm = administration.realm(self.realm.as_deref())?;
        engine.reread_signing_keys(&realm).await?;
        let missing = || AdminError::NotFound(format!("realm {} has no signing key {}", realm.name, self.kid));
        let facts = |set: &SigningKeySet, now| set.facts(now).into_iter().find(|facts| facts.kid == self.kid);
        let found = facts(&realm.signing.keys().set, engine.now()).ok_or_else(missing)?;
        // Ready before it is known whether it is needed: the key may begin to sign meanwhile.
        let successor = match found.state {
            KeyState::Next | KeyState::Signing if realm.settings.signing.algorithms.contains(&found.algorithm) => {
                made(&[found.algorithm]).await?
            }
            KeyState::Former { .. } | KeyState::Next | KeyState::Signing => Vec::new(),
        };
        let policy = RotationPolicy::of(&realm.settings);
        let retire = |set: &mut SigningKeySet, now: Micros| {
            let found = facts(set, now).ok_or_else(missing)?;
            set.remove(&self.kid);
            if found.state == KeyState::Signing {
                for key in &successor {
                    set.add(key, policy.times(KeyStart::AtOnce, now)).map_err(not_added)?;
                }
            }
            Ok::<_, AdminError>(())
        };
        engine.change_signing_keys(&realm, retire).await?;
        engine.record(&realm, "signing_key_retired", About::default());
        Ok(standing(administration, &realm))
    }
}

impl Command for KeyImport {
    const NAME: &'static str = "key_import";
    const ORDER: Order = Order::Free;
    type Reply = SigningKeyView;

    async fn run(self, administration: &Administration) -> Result<SigningKeyView, AdminError> {
        let engine = &administration.engine;
        let realm = administration.realm(self.realm.as_deref())?;
        let key =
            SigningKey::from_pem(self.key.expose()).map_err(|error| AdminError::Invalid(vec![error.to_string()]))?;
        if !realm.settings.signing.algorithms.contains(&key.algorithm()) {
            return Err(unknown(&realm, key.algorithm()));
        }
        let (key, policy) = (Arc::new(key), RotationPolicy::of(&realm.settings));
        let add = |set: &mut SigningKeySet, now: Micros| {
            let start = if set.has(key.algorithm()) { self.start } else { KeyStart::AtOnce };
            set.add(&key, policy.times(start, now)).map_err(not_added)
        };
        engine.change_signing_keys(&realm, add).await?;
        engine.record(&realm, "signing_key_imported", About::default());
        let standing = standing(administration, &realm).into_iter().find(|view| view.kid == key.kid());
        standing.ok_or_else(|| AdminError::Unavailable("the keys were changed again meanwhile".to_owned()))
    }
}

/// The keys of a realm, as they were read last.
fn standing(administration: &Administration, realm: &Realm) -> Vec<SigningKeyView> {
    let facts = realm.signing.keys().set.facts(administration.engine.now());
    facts.into_iter().map(SigningKeyView::of).collect()
}

async fn made(algorithms: &[SigningAlgorithm]) -> Result<Vec<Arc<SigningKey>>, AdminError> {
    let mut keys = Vec::new();
    make(algorithms, &mut keys).await?;
    Ok(keys)
}

fn not_added(error: AddKeyError) -> AdminError {
    match error {
        AddKeyError::Known => AdminError::Exists(error.to_string()),
        AddKeyError::TooMany => AdminError::Invalid(vec![error.to_string()]),
    }
}

fn unknown(realm: &Realm, algorithm: SigningAlgorithm) -> AdminError {
    let names: Vec<_> = realm.settings.signing.algorithms.iter().map(|algorithm| algorithm.name()).collect();
    let (realm, known, asked) = (&realm.name, names.join(", "), algorithm.name());
    AdminError::Invalid(vec![format!(
        "realm {realm} does not sign with {asked}: name it in signing.algorithms, where there is: {known}"
    )])
}
