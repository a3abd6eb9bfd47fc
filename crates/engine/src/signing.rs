//! Signing keys: the one that signs, all that verify, and the JWK Set that says so.
//!
//! Made when one is needed for the first time, rotated by age, changed by command. What is in memory is what the store holds, some
//! seconds old where other servers change it: that is enough for a key that follows in its time, and who presents a token of a key
//! that is not known here makes us look.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use kimbai_core::number::RealmNumber;
use kimbai_core::signing::SigningAlgorithm;
use kimbai_core::time::Micros;
use kimbai_keyring::{
    AddKeyError, JwtFault, JwtKind, KeyStart, KeyUsage, KeyringError, MasterKey, RotationPolicy, SigningKey,
    SigningKeySet, StoredKey, VerifiedJwt,
};
use kimbai_store::{Change, StoreError};
use tokio::sync::Mutex;
use tokio::time::{Instant, interval_at};

use crate::engine::{About, Engine, until_known};
use crate::error::EngineError;
use crate::realm::Realm;
use crate::setup::{expect_master, stored_key};

/// Tokens of unknown keys make us look into the store ten times a second at most.
const LOOKS_APART: Duration = Duration::from_millis(100);
/// So often is a change begun anew because another server was first.
const TRIES_MAX: u32 = 8;

/// The signing keys of a realm in memory; a realm that is read anew goes on with them.
pub(crate) struct RealmSigning {
    keys: RwLock<Arc<SigningKeys>>,
    /// Keys that were made and are not stored yet; held while more are made, so that nobody makes them twice.
    spare: Mutex<Vec<Arc<SigningKey>>>,
    /// When the keys were last looked for because of a token of an unknown one.
    last_look: Mutex<Option<Instant>>,
    /// Whether a key cannot be followed because too many are kept; it is said once.
    is_crowded: AtomicBool,
}

/// The signing keys of a realm as they were read.
#[derive(Debug, Default)]
pub(crate) struct SigningKeys {
    pub(crate) set: SigningKeySet,
    document: Arc<JwkSetDocument>,
}

/// A JWK Set (RFC 7517 section 5), made once for each change of the keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JwkSetDocument {
    /// The set, as JSON.
    pub json: Bytes,
    /// What changes with it: an entity tag (RFC 9110 section 8.8.3), in its quotes.
    pub etag: String,
}

/// What becomes of a token of an unknown key that comes just after somebody looked for another one.
#[derive(Debug, Clone, Copy)]
enum TooSoon {
    /// It waits for the next look.
    Wait,
    /// It is judged by what is known.
    GoWithout,
}

/// Why a JWT is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JwtError {
    /// It is not one of the realm's.
    #[error("{0}")]
    Fault(#[from] JwtFault),
    /// We failed: whether it is one is not known.
    #[error("the server failed")]
    Failed(#[from] EngineError),
}

impl SigningKeys {
    /// The key whose turn it is at this moment.
    pub(crate) fn signer(&self, algorithm: SigningAlgorithm, moment: Micros) -> Result<&Arc<SigningKey>, EngineError> {
        let signer = self.set.signer(algorithm, moment);
        signer.ok_or_else(|| EngineError::Stored(format!("there is no key for {}", algorithm.name())))
    }
}

impl Engine {
    /// The key that signs with this algorithm now. When the realm needs one for the first time, the keys of all its algorithms are
    /// made, which takes up to 340 ms.
    ///
    /// # Errors
    /// [`EngineError`]: the store failed, or the realm's settings do not name this algorithm.
    pub async fn signer(&self, realm: &Realm, algorithm: SigningAlgorithm) -> Result<Arc<SigningKey>, EngineError> {
        self.keys_for(realm, algorithm).await?.signer(algorithm, self.now()).cloned()
    }

    /// The keys of a realm, with some of this algorithm among them.
    pub(crate) async fn keys_for(
        &self,
        realm: &Realm,
        algorithm: SigningAlgorithm,
    ) -> Result<Arc<SigningKeys>, EngineError> {
        if !realm.settings.signing.algorithms.contains(&algorithm) {
            return Err(EngineError::Stored(format!("the realm has no keys for {}", algorithm.name())));
        }
        self.keys_at_hand(realm).await
    }

    /// The realm's JWK Set. It has keys of all algorithms of the realm: what a client keeps of it shall be good for its first token.
    ///
    /// # Errors
    /// [`EngineError`]: keys had to be made, and the store failed.
    pub async fn jwk_set(&self, realm: &Realm) -> Result<Arc<JwkSetDocument>, EngineError> {
        Ok(Arc::clone(&self.keys_at_hand(realm).await?.document))
    }

    /// Verifies a JWT of one kind that this realm made.
    ///
    /// # Errors
    /// [`JwtError`].
    pub async fn verify_jwt(&self, realm: &Realm, kind: JwtKind, token: &str) -> Result<VerifiedJwt, JwtError> {
        let arrived = Instant::now();
        let verify = || realm.signing.keys().set.verify(kind, &realm.settings.issuer, token);
        match verify() {
            // Another server may have made the key just now.
            Err(JwtFault::UnknownKey(_)) => {
                let too_soon = match kind {
                    JwtKind::Id | JwtKind::Access | JwtKind::UserInfo => TooSoon::Wait,
                    // Those of partners come in envelopes: waiting would tell that theirs opened.
                    JwtKind::Refresh => TooSoon::GoWithout,
                };
                match (self.look(realm, arrived, too_soon).await, kind) {
                    // What cannot be opened here, because another server replaced the master key, is not known here. That does for a
                    // hint; whether an access token lives must not be guessed.
                    (Ok(()), _) | (Err(EngineError::Stored(_)), JwtKind::Id) => Ok(verify()?),
                    (Err(error), _) => Err(error.into()),
                }
            }
            verified => Ok(verified?),
        }
    }

    /// Reads the keys of a realm anew, unless somebody else did since this moment. Ten times a second at most, however many ask: who
    /// comes while one looks waits for the next look, and all of them share it, or goes without.
    async fn look(&self, realm: &Realm, arrived: Instant, too_soon: TooSoon) -> Result<(), EngineError> {
        let mut last = realm.signing.last_look.lock().await;
        let is_known = |begun: Instant| match too_soon {
            TooSoon::Wait => begun >= arrived,
            TooSoon::GoWithout => begun + LOOKS_APART > arrived,
        };
        if last.is_some_and(is_known) {
            return Ok(());
        }
        if let Some(begun) = *last {
            interval_at(begun + LOOKS_APART, LOOKS_APART).tick().await;
        }
        *last = Some(Instant::now());
        self.reread_signing_keys(realm).await
    }

    /// Looks after the keys of all realms that have any: makes those that follow by age, forgets those whose tokens are over. What
    /// fails is tried again by the next call.
    pub async fn tend_signing_keys(&self) {
        for realm in self.realms() {
            if let Err(error) = self.tend(&realm).await {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(error, realm = realm.name, "cannot look after the signing keys");
            }
        }
    }

    async fn tend(&self, realm: &Realm) -> Result<(), EngineError> {
        let (policy, algorithms) = (RotationPolicy::of(&realm.settings), &realm.settings.signing.algorithms);
        let mut tidied = realm.signing.keys().set.clone();
        if tidied.is_empty() {
            return Ok(());
        }
        let is_crowded = !tidied.crowded(algorithms, &policy, self.now()).is_empty();
        if is_crowded && !realm.signing.is_crowded.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                realm = realm.name,
                "signing keys follow each other so fast that too many are kept: the last one goes on until one is over"
            );
        }
        realm.signing.is_crowded.store(is_crowded, Ordering::Relaxed);
        let due = tidied.due(algorithms, &policy, self.now());
        if due.is_empty() && !tidied.tidy(&policy, self.now()) {
            return Ok(());
        }
        let mut spare = realm.signing.spare.lock().await;
        make(&due, &mut spare).await?;
        let added = self
            .change_signing_keys(realm, |set, now| {
                set.tidy(&policy, now);
                // Another server may have been first.
                let due = set.due(algorithms, &policy, now);
                Ok::<_, EngineError>(add_due(set, &due, &spare, (&policy, now)))
            })
            .await?;
        spare.retain(|key| !added.contains(&key.algorithm()));
        if !added.is_empty() {
            self.record(realm, "signing_keys_rotated", About::default());
        }
        Ok(())
    }

    /// The realm's keys, made now where an algorithm has none.
    async fn keys_at_hand(&self, realm: &Realm) -> Result<Arc<SigningKeys>, EngineError> {
        let algorithms = &realm.settings.signing.algorithms;
        let missing = |keys: &SigningKeys| {
            algorithms.iter().copied().filter(|algorithm| !keys.set.has(*algorithm)).collect::<Vec<_>>()
        };
        let keys = realm.signing.keys();
        if missing(&keys).is_empty() {
            return Ok(keys);
        }
        let mut spare = realm.signing.spare.lock().await;
        // Who waited for the lock, or missed what another server did, finds them made.
        self.reread_signing_keys(realm).await?;
        let wanted = missing(&realm.signing.keys());
        if wanted.is_empty() {
            return Ok(realm.signing.keys());
        }
        make(&wanted, &mut spare).await?;
        let policy = RotationPolicy::of(&realm.settings);
        let added = self
            .change_signing_keys(realm, |set, now| {
                let absent: Vec<_> = wanted.iter().copied().filter(|algorithm| !set.has(*algorithm)).collect();
                Ok::<_, EngineError>(add_due(set, &absent, &spare, (&policy, now)))
            })
            .await?;
        spare.retain(|key| !added.contains(&key.algorithm()));
        if !added.is_empty() {
            self.record(realm, "signing_keys_made", About::default());
        }
        Ok(realm.signing.keys())
    }

    /// Changes the keys of a realm as they stand in the store, and takes the outcome over. Begun anew when another server was first.
    pub(crate) async fn change_signing_keys<T, E: From<EngineError>>(
        &self,
        realm: &Realm,
        mut change: impl FnMut(&mut SigningKeySet, Micros) -> Result<T, E> + Send,
    ) -> Result<T, E> {
        let store = |error: StoreError| E::from(EngineError::Store(error));
        for _ in 0..TRIES_MAX {
            let (master, standing) = self.signing_row(realm).await.map_err(store)?;
            let mut set = open(&master, realm.number, standing.as_ref(), &realm.signing.keys().set)?;
            let before = set.clone();
            let changed = change(&mut set, self.now())?;
            if set == before {
                self.reread_signing_keys(realm).await?;
                return Ok(changed);
            }
            let sealed = set.seal(&master, realm.number);
            let (number, usage) = (realm.number, KeyUsage::Signing.name().to_owned());
            let put = if let Some(StoredKey { number: place, sealed: standing, .. }) = standing {
                Change::ReplaceKey { realm: number, usage, number: place, standing, sealed: sealed.clone() }
            } else {
                Change::AddKey { realm: number, usage, sealed: sealed.clone() }
            };
            // What is sealed under a master key that was replaced could not be opened by anybody.
            let expected = expect_master(&*self.store, &master).await.map_err(EngineError::from)?;
            let put = vec![expected, put];
            let is_ours = match until_known(|| self.store.change(put.clone())).await {
                Ok(()) => true,
                // Another server was first, or it was an earlier sending of ours: the row says.
                Err(StoreError::Changed) => {
                    let (_, stands) = self.signing_row(realm).await.map_err(store)?;
                    stands.is_some_and(|row| row.sealed == sealed)
                }
                Err(error) => return Err(store(error)),
            };
            if is_ours {
                self.reread_signing_keys(realm).await?;
                return Ok(changed);
            }
        }
        Err(store(StoreError::NotDone))
    }

    /// Reads the keys of a realm anew.
    pub(crate) async fn reread_signing_keys(&self, realm: &Realm) -> Result<(), EngineError> {
        let _reading = self.reading.lock().await;
        let row = self.read_signing_row(realm).await?;
        let set = open(&self.master(), realm.number, row.as_ref(), &realm.signing.keys().set)?;
        realm.signing.put(set);
        Ok(())
    }

    /// The row of a realm's signing keys, and the master key that it is sealed under.
    async fn signing_row(&self, realm: &Realm) -> Result<(Arc<MasterKey>, Option<StoredKey>), StoreError> {
        let _reading = self.reading.lock().await;
        Ok((self.master(), self.read_signing_row(realm).await?))
    }

    async fn read_signing_row(&self, realm: &Realm) -> Result<Option<StoredKey>, StoreError> {
        let keys: Vec<_> = self.store.keys(realm.number).await?.into_iter().map(stored_key).collect();
        Ok(row(&keys).cloned())
    }
}

/// The row of the signing keys: the first one, of two that two servers made at once.
fn row(keys: &[StoredKey]) -> Option<&StoredKey> {
    keys.iter().filter(|key| key.usage == KeyUsage::Signing.name()).min_by_key(|key| key.number)
}

fn open(
    master: &MasterKey,
    realm: RealmNumber,
    row: Option<&StoredKey>,
    parsed_before: &SigningKeySet,
) -> Result<SigningKeySet, EngineError> {
    let opened = row.map(|row| SigningKeySet::open(master, realm, &row.sealed, parsed_before)).transpose();
    Ok(opened.map_err(|error| EngineError::Stored(error.to_string()))?.unwrap_or_default())
}

/// Makes a key for each of these algorithms that no spare key is of, away from whoever answers requests.
pub(crate) async fn make(algorithms: &[SigningAlgorithm], spare: &mut Vec<Arc<SigningKey>>) -> Result<(), EngineError> {
    let is_spare = |algorithm: &SigningAlgorithm| spare.iter().any(|key| key.algorithm() == *algorithm);
    let wanted: Vec<_> = algorithms.iter().copied().filter(|algorithm| !is_spare(algorithm)).collect();
    let generate = move || wanted.into_iter().map(SigningKey::generate).collect::<Result<Vec<_>, _>>();
    let failed = |what: &dyn fmt::Display| EngineError::Stored(format!("no signing key can be made: {what}"));
    let made = tokio::task::spawn_blocking(generate).await.map_err(|error| failed(&error))?;
    spare.extend(made.map_err(|error| failed(&error))?.into_iter().map(Arc::new));
    Ok(())
}

/// Adds the spare keys of these algorithms: the first one of its algorithm signs at once, any other one in its time. Answers which.
fn add_due(
    set: &mut SigningKeySet,
    due: &[SigningAlgorithm],
    spare: &[Arc<SigningKey>],
    (policy, now): (&RotationPolicy, Micros),
) -> Vec<SigningAlgorithm> {
    let mut added = Vec::new();
    for key in spare.iter().filter(|key| due.contains(&key.algorithm())) {
        let start = if set.has(key.algorithm()) { KeyStart::Published } else { KeyStart::AtOnce };
        match set.add(key, policy.times(start, now)) {
            Ok(()) | Err(AddKeyError::Known) => added.push(key.algorithm()),
            Err(AddKeyError::TooMany) => {}
        }
    }
    added
}

impl RealmSigning {
    /// The keys as they were read last.
    pub(crate) fn keys(&self) -> Arc<SigningKeys> {
        Arc::clone(&self.keys.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Forgets the keys of these algorithms that were made and not stored.
    pub(crate) async fn forget_spare(&self, algorithms: &[SigningAlgorithm]) {
        self.spare.lock().await.retain(|key| !algorithms.contains(&key.algorithm()));
    }

    fn put(&self, set: SigningKeySet) {
        let keys = Arc::new(SigningKeys { document: Arc::new(JwkSetDocument::of(&set)), set });
        *self.keys.write().unwrap_or_else(PoisonError::into_inner) = keys;
    }

    /// Takes over the keys among those that were read of a realm.
    pub(crate) fn read(&self, master: &MasterKey, realm: RealmNumber, keys: &[StoredKey]) -> Result<(), KeyringError> {
        let before = self.keys();
        let set = row(keys).map(|row| SigningKeySet::open(master, realm, &row.sealed, &before.set)).transpose()?;
        self.put(set.unwrap_or_default());
        Ok(())
    }
}

impl Default for RealmSigning {
    fn default() -> Self {
        Self {
            keys: RwLock::default(),
            spare: Mutex::default(),
            last_look: Mutex::default(),
            is_crowded: AtomicBool::new(false),
        }
    }
}

impl fmt::Debug for RealmSigning {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.keys().fmt(formatter)
    }
}

impl JwkSetDocument {
    fn of(set: &SigningKeySet) -> Self {
        let json = set.jwk_set();
        let etag = format!("\"{}\"", URL_SAFE_NO_PAD.encode(digest(&SHA256, json.as_bytes())));
        Self { json: json.into(), etag }
    }
}

impl Default for JwkSetDocument {
    fn default() -> Self {
        Self::of(&SigningKeySet::default())
    }
}
