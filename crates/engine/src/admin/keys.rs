//! The master key: replaced by a new one, under which every key of the store is sealed anew.
//!
//! The new key is written beside the old one first, and takes its place after the store has changed: whenever the process ends, the
//! file that fits the store is there, and the next start finds it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use kimbai_core::number::RealmNumber;
use kimbai_keyring::{KeyFile, MasterKey, RealmKeyring};
use kimbai_store::{Change, StoreError};
use serde::{Deserialize, Serialize};

use super::{AdminError, Administration, Command};
use crate::engine::{About, Store, until_known};
use crate::setup::{CHECK_VALUE, SetupError, check_value, expect_master, fits, stored_key};

/// Where the master key of an installation is kept.
#[derive(Debug)]
pub enum MasterKeyHome {
    /// In a file that we may replace.
    File(KeyFile),
    /// Somewhere we cannot write.
    Given,
}

/// Replaces the master key.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MasterKeyRotate {}

/// What was sealed anew.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct MasterKeyRotated {
    /// How many keys of realms.
    pub keys: usize,
    /// Where the new master key is.
    pub file: String,
}

impl Command for MasterKeyRotate {
    const NAME: &'static str = "master_key_rotate";
    type Reply = MasterKeyRotated;

    async fn run(self, administration: &Administration) -> Result<MasterKeyRotated, AdminError> {
        let MasterKeyHome::File(file) = administration.master_key.as_ref() else {
            let text = "the master key is given by the environment, where it cannot be replaced: put it into a file, name the \
                        file in kimbai.toml ([master_key] file), start again, and rotate it then";
            return Err(AdminError::Invalid(vec![text.to_owned()]));
        };
        let engine = &administration.engine;
        let (old, new) = (engine.master(), Arc::new(MasterKey::generate()));
        let failed = |error: std::io::Error| {
            AdminError::Failed(format!("cannot write beside {}: {error}", file.path().display()))
        };
        // Whoever reads keys meanwhile waits: what is read is opened with the key under which it was sealed.
        let reading = engine.reading.lock().await;
        let mut sealed = Sealed::prepare(&*engine.store, (&old, &new)).await?;
        file.stage(&new).map_err(failed)?;
        sealed.store(&*engine.store, (&old, &new)).await?;
        engine.put_master(Arc::clone(&new));
        let promoted = file.promote();
        // Whatever is left to do, the new key is the store's.
        let late = sealed.seal_late(&*engine.store, (&old, &new)).await;
        drop(reading);
        for realm in engine.realms() {
            engine.record(&realm, "master_key_rotated", About::default());
        }
        late?;
        promoted.map_err(|error| {
            let path = file.path().display();
            AdminError::Failed(format!("the new key is in use, and stays in {path}.next until the next start: {error}"))
        })?;
        Ok(MasterKeyRotated { keys: sealed.keys.len(), file: file.path().display().to_string() })
    }
}

/// A key of a realm: whose, what for, which.
type KeyName = (RealmNumber, String, u8);

/// What seals the keys of a store under another master key, and makes that the store's.
struct Sealed {
    keys: BTreeSet<KeyName>,
    changes: Vec<Change>,
}

impl Sealed {
    /// Seals all keys that there are.
    async fn prepare(store: &dyn Store, (old, new): (&MasterKey, &MasterKey)) -> Result<Self, AdminError> {
        let expected = match expect_master(store, old).await {
            Err(SetupError::MasterKey(_)) => {
                let text = "another server replaced the master key meanwhile: see which one fits";
                return Err(AdminError::Failed(text.to_owned()));
            }
            expected => expected?,
        };
        let set = Change::SetMeta { key: CHECK_VALUE.to_owned(), value: check_value(new) };
        let mut sealed = Self { keys: BTreeSet::new(), changes: vec![expected, set] };
        let changes = sealed.more(store, (old, new)).await?;
        sealed.changes.extend(changes);
        Ok(sealed)
    }

    /// Carries it out. Begun anew when one of the keys changed meanwhile: signing keys follow each other while a server runs.
    async fn store(&mut self, store: &dyn Store, keys: (&MasterKey, &MasterKey)) -> Result<(), AdminError> {
        for _ in 0..TRIES_MAX {
            match settled(until_known(|| store.change(self.changes.clone())).await, store, keys.1).await? {
                Settled::Sealed => return Ok(()),
                Settled::Changed => *self = Self::prepare(store, keys).await?,
            }
        }
        Err(AdminError::Unavailable("its keys change all the time".to_owned()))
    }

    /// Seals the keys that another server made after they were read, and before the new master key was the store's; since then none
    /// can be made under the old one.
    async fn seal_late(&mut self, store: &dyn Store, keys: (&MasterKey, &MasterKey)) -> Result<(), AdminError> {
        let mut tries = tokio::time::interval(LATE_AGAIN);
        for _ in 0..TRIES_MAX {
            tries.tick().await;
            let known = self.keys.clone();
            let sealed = match self.more(store, keys).await {
                Ok(late) if late.is_empty() => return Ok(()),
                Ok(late) => until_known(|| store.change(late.clone())).await.map_err(AdminError::from),
                Err(error) => Err(error),
            };
            if sealed.is_ok() {
                return Ok(());
            }
            self.keys = known;
        }
        let text = "the new key is in use, but what another server made meanwhile could not be sealed under it: its realm is left out";
        Err(AdminError::Failed(text.to_owned()))
    }

    /// What seals the keys that were not sealed yet.
    async fn more(
        &mut self,
        store: &dyn Store,
        (old, new): (&MasterKey, &MasterKey),
    ) -> Result<Vec<Change>, AdminError> {
        let mut changes = Vec::new();
        for realm in store.realms().await? {
            for key in store.keys(realm.number).await? {
                let (number, usage, standing) = (key.number, key.usage.clone(), key.sealed.clone());
                if !self.keys.insert((realm.number, usage.clone(), number)) {
                    continue;
                }
                let sealed = RealmKeyring::seal_anew(old, new, realm.number, &stored_key(key))
                    .map_err(|error| AdminError::Failed(format!("realm {}: {error}", realm.name)))?;
                changes.push(Change::ReplaceKey { realm: realm.number, usage, number, standing, sealed });
            }
        }
        Ok(changes)
    }
}

/// So often is it begun anew.
const TRIES_MAX: u32 = 8;
/// After what failed is tried again.
const LATE_AGAIN: Duration = Duration::from_millis(250);

/// What came of sealing all keys anew.
#[derive(Debug, PartialEq, Eq)]
enum Settled {
    /// They are sealed under the new key.
    Sealed,
    /// A key changed meanwhile, or the master key did, and none was sealed.
    Changed,
}

/// Whether the store is sealed under the new key. Where it is not known whether the change was carried out, the store knows.
async fn settled(stored: Result<(), StoreError>, store: &dyn Store, new: &MasterKey) -> Result<Settled, AdminError> {
    match stored {
        Ok(()) => Ok(Settled::Sealed),
        // An earlier sending of unknown outcome may have been the one that was first.
        Err(unsure @ (StoreError::Unknown | StoreError::Changed)) => match fits(store, new).await {
            Ok(true) => Ok(Settled::Sealed),
            Ok(false) if unsure == StoreError::Changed => Ok(Settled::Changed),
            Ok(false) => Err(StoreError::NotDone.into()),
            Err(_) => Err(AdminError::Failed(
                "it is not known whether the new key is in use, and the store cannot be asked: restart the server before you do \
                 anything else, it finds out"
                    .to_owned(),
            )),
        },
        Err(error @ (StoreError::NotDone | StoreError::Unreadable(_) | StoreError::Taken)) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use kimbai_store::sqlite::{Location, Options, SqliteStore};
    use kimbai_store::{Clock, Registry as _};

    use super::*;

    #[tokio::test]
    async fn a_rotation_of_unknown_outcome_is_done_where_the_new_key_fits_and_not_where_the_old_one_does() {
        let store = SqliteStore::open(Location::Memory, Clock::default(), Options::default()).unwrap();
        let (old, new) = (MasterKey::generate(), MasterKey::generate());
        let unknown = || Err(StoreError::Unknown);
        store.init_meta(CHECK_VALUE, check_value(&old)).await.unwrap();
        assert_eq!(settled(unknown(), &store, &new).await, Err(StoreError::NotDone.into()));
        assert_eq!(settled(Err(StoreError::Changed), &store, &new).await, Ok(Settled::Changed));
        let value = check_value(&new);
        store.change(vec![Change::SetMeta { key: CHECK_VALUE.to_owned(), value }]).await.unwrap();
        assert_eq!(settled(unknown(), &store, &new).await, Ok(Settled::Sealed));
        assert_eq!(settled(Err(StoreError::Changed), &store, &new).await, Ok(Settled::Sealed));
        assert_eq!(settled(Err(StoreError::NotDone), &store, &new).await, Err(StoreError::NotDone.into()));
        store.close();
        let told = settled(unknown(), &store, &new).await.unwrap_err().to_string();
        assert!(told.contains("restart the server before you do anything else"), "{told}");
    }
}
