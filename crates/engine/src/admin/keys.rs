//! The master key: replaced by a new one, under which every key of the store is sealed anew.
//!
//! The new key is written beside the old one first, and takes its place after the store has changed: whenever the process ends, the
//! file that fits the store is there, and the next start finds it.

use kimbai_keyring::{KeyFile, MasterKey, RealmKeyring};
use kimbai_store::{Change, StoreError};
use serde::{Deserialize, Serialize};

use super::{AdminError, Administration, Command};
use crate::engine::until_known;
use crate::setup::{CHECK_VALUE, check_value, stored_key};

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
        let (old, new) = (engine.master(), MasterKey::generate());
        let mut changes = vec![Change::SetMeta { key: CHECK_VALUE.to_owned(), value: check_value(&new) }];
        for realm in engine.store.realms().await? {
            for key in engine.store.keys(realm.number).await? {
                let (number, usage) = (key.number, key.usage.clone());
                let sealed = RealmKeyring::seal_anew(&old, &new, realm.number, &stored_key(key))
                    .map_err(|error| AdminError::Failed(format!("realm {}: {error}", realm.name)))?;
                changes.push(Change::ReplaceKey { realm: realm.number, usage, number, sealed });
            }
        }
        let keys = changes.len() - 1;
        let failed = |error: std::io::Error| {
            AdminError::Failed(format!("cannot write beside {}: {error}", file.path().display()))
        };
        file.stage(&new).map_err(failed)?;
        until_known(|| engine.store.change(changes.clone())).await.map_err(|error| match error {
            StoreError::Unknown => AdminError::Failed(
                "it is not known whether the new key is in use: stop kimbai and start it again, it finds out"
                    .to_owned(),
            ),
            StoreError::NotDone | StoreError::Unreadable(_) | StoreError::Taken => error.into(),
        })?;
        engine.put_master(new);
        file.promote().map_err(|error| {
            let path = file.path().display();
            AdminError::Failed(format!("the new key is in use, and stays in {path}.next until the next start: {error}"))
        })?;
        Ok(MasterKeyRotated { keys, file: file.path().display().to_string() })
    }
}
