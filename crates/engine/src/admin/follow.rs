//! Following what other servers changed, their master key included.

use std::sync::Arc;

use kimbai_store::Versions;
use tokio::sync::watch;

use super::{Administration, MasterKeyHome};
use crate::engine::Store;
use crate::setup::{SetupError, fits};

impl Administration {
    /// Reads anew what other servers have changed by now. When one of them replaced the master key, the new one is taken over as soon
    /// as it is where this server's is kept; until then realms are served as they are in memory.
    ///
    /// # Errors
    /// [`SetupError`]: not all could be read; called again, it tries again.
    pub async fn follow(&self, now: &Versions) -> Result<(), SetupError> {
        match self.engine.follow(now).await {
            Err(SetupError::MasterKey(_)) if self.adopt().await? => self.engine.follow(now).await,
            Err(SetupError::MasterKey(_)) => Err(SetupError::MasterKeyReplaced(self.place_of_key())),
            done => done,
        }
    }

    /// Moves when another process may have changed the registry.
    #[must_use]
    pub fn versions(&self) -> watch::Receiver<Versions> {
        self.engine.store.versions()
    }

    /// The same, with what stands in the store this very moment: a command must not go by what was.
    pub(super) async fn catch_up(&self) -> Result<(), SetupError> {
        let now = self.engine.store.read_versions().await?;
        match self.follow(&now).await {
            Err(error @ (SetupError::Store(_) | SetupError::MasterKey(_) | SetupError::MasterKeyReplaced(_))) => {
                Err(error)
            }
            // A realm that cannot be read is no reason to refuse what may mend it.
            Err(error) => {
                tracing::error!(error = &error as &dyn std::error::Error, "a realm stays as it was");
                Ok(())
            }
            Ok(()) => Ok(()),
        }
    }

    /// Takes over the master key that fits the store, if it is there.
    async fn adopt(&self) -> Result<bool, SetupError> {
        // A rotation of our own puts its key itself.
        let _turn = self.turn.lock().await;
        let store: &dyn Store = &*self.engine.store;
        if fits(store, &self.engine.master()).await? {
            return Ok(true);
        }
        let MasterKeyHome::File(file) = self.master_key.as_ref() else { return Ok(false) };
        // What cannot be read is none that fits.
        for key in [file.read(), file.read_staged()].into_iter().flatten().flatten() {
            if fits(store, &key).await? {
                self.engine.put_master(Arc::new(key));
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn place_of_key(&self) -> String {
        match self.master_key.as_ref() {
            MasterKeyHome::File(file) => format!("at {}", file.path().display()),
            MasterKeyHome::Given => "into KIMBAI_MASTER_KEY, and start this server again".to_owned(),
        }
    }
}
