//! Following: what another server, or a command, changed in a store that several use is read anew, a realm at a time.
//!
//! Where a token dies needs no following: standing is read with each verb.

use kimbai_core::number::RealmNumber;
use kimbai_store::{StoreError, Versions};

use crate::engine::Engine;
use crate::setup::SetupError;

impl Engine {
    /// Reads anew each realm that is not in memory as of this version. A realm that cannot be read stays as it was, and the others
    /// are followed all the same.
    ///
    /// # Errors
    /// The first [`SetupError`], or the one about the master key; called again, it tries again what failed.
    pub async fn follow(&self, now: &Versions) -> Result<(), SetupError> {
        let mut done = Ok(());
        for (number, version) in &now.0 {
            let followed = self.follow_realm(*number, *version).await;
            if matches!(followed, Err(SetupError::MasterKey(_))) || done.is_ok() {
                done = followed;
            }
        }
        done
    }

    async fn follow_realm(&self, number: RealmNumber, version: u64) -> Result<(), SetupError> {
        let mut reading = self.reading.lock().await;
        if reading.0.get(&number) == Some(&version) {
            return Ok(());
        }
        let row = self.store.realms().await?.into_iter().find(|row| row.number == number);
        // One that is announced and not there yet is announced again.
        let row = row.ok_or(SetupError::Store(StoreError::NotDone))?;
        self.load_realm(row).await?;
        reading.0.insert(number, version);
        Ok(())
    }
}
