//! Following: what another server, or a command, changed in a store that several use is read anew, a realm at a time.
//!
//! Where a token dies needs no following: standing is read with each verb.

use std::collections::HashMap;

use kimbai_store::{StoreError, Versions};

use crate::engine::Engine;
use crate::setup::SetupError;

impl Engine {
    /// Reads anew each realm that is not in memory as of this version. A realm that cannot be read stays as it was, and the others
    /// are followed all the same.
    ///
    /// # Errors
    /// The first [`SetupError`]; called again, it tries again what failed. Without the master key no realm can be read: what comes
    /// after is not tried.
    pub async fn follow(&self, now: &Versions) -> Result<(), SetupError> {
        let mut reading = self.reading.lock().await;
        let due: Vec<_> = now.0.iter().filter(|(number, version)| reading.0.get(number) != Some(version)).collect();
        if due.is_empty() {
            return Ok(());
        }
        let mut rows: HashMap<_, _> = self.store.realms().await?.into_iter().map(|row| (row.number, row)).collect();
        let mut done = Ok(());
        for (number, version) in due {
            // One that is announced and not there yet is announced again.
            let followed = match rows.remove(number) {
                Some(row) => self.load_realm(row).await.map(drop),
                None => Err(SetupError::Store(StoreError::NotDone)),
            };
            match followed {
                Ok(()) => drop(reading.0.insert(*number, *version)),
                Err(error @ SetupError::MasterKey(_)) => return Err(error),
                Err(error) => done = done.and(Err(error)),
            }
        }
        done
    }
}
