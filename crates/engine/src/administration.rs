//! Ending things: a client or user disabled, a consent withdrawn. What was issued before dies with the epoch, at once.

use kimbai_core::grant::EndReason;
use kimbai_core::number::UserNumber;

use crate::engine::{About, Engine};
use crate::error::EngineError;
use crate::log_in::normalised;
use crate::realm::Realm;

/// So many grants are read at a time when all of a consent end.
const SLICE: u32 = 256;

impl Engine {
    /// The user with this name, and its epoch. `None` without such a user, or when it is disabled.
    ///
    /// # Errors
    /// [`EngineError`]: the store failed.
    pub async fn user_by_name(&self, realm: &Realm, username: &str) -> Result<Option<(UserNumber, u32)>, EngineError> {
        let row = self.store.user_by_name(realm.number, normalised(username)).await?;
        Ok(row.filter(|row| row.standing.active).map(|row| (row.number, row.standing.epoch)))
    }

    /// Enables or disables a client; disabling ends all it was issued. False without such a client.
    ///
    /// # Errors
    /// [`EngineError`]: the store failed.
    pub async fn set_client_active(&self, realm: &Realm, client_id: &str, active: bool) -> Result<bool, EngineError> {
        let Some(client) = realm.client(client_id) else { return Ok(false) };
        let standing = self.store.set_client_active(realm.number, client.number, active).await?;
        if let Some(standing) = standing {
            realm.put_standing(client.number, standing);
        }
        let event = if active { "client_enabled" } else { "client_disabled" };
        self.record(realm, event, About { client: Some(client.number.0), ..About::default() });
        Ok(standing.is_some())
    }

    /// Enables or disables a user; disabling ends all that was issued in its name, and its sessions. `None` without such a user.
    ///
    /// # Errors
    /// [`EngineError`]: the store failed.
    pub async fn set_user_active(
        &self,
        realm: &Realm,
        username: &str,
        active: bool,
    ) -> Result<Option<UserNumber>, EngineError> {
        let Some(user) = self.store.user_by_name(realm.number, normalised(username)).await? else { return Ok(None) };
        self.store.set_user_active(realm.number, user.number, active).await?;
        let event = if active { "user_enabled" } else { "user_disabled" };
        self.record(realm, event, About { user: Some(user.number.0), ..About::default() });
        Ok(Some(user.number))
    }

    /// Withdraws what a user agreed to for a client, and ends the grants that stood on it; answers how many.
    ///
    /// # Errors
    /// [`EngineError`]: the store failed; called again, it goes on.
    pub async fn withdraw_consent(
        &self,
        realm: &Realm,
        user: UserNumber,
        client_id: &str,
    ) -> Result<usize, EngineError> {
        let Some(client) = realm.client(client_id) else { return Ok(0) };
        self.store.remove_consent(realm.number, user, client.number).await?;
        let (mut ended, mut limit) = (0, SLICE);
        loop {
            let ids = self.store.grants_of_user(realm.number, user, limit).await?;
            let reached_all = u32::try_from(ids.len()).is_ok_and(|count| count < limit);
            let ended_before = ended;
            for id in ids {
                let look = self.store.lookup(realm.number, id).await?;
                if look.seen.is_some_and(|seen| seen.grant.client == client.number) {
                    self.end(realm, id, EndReason::ConsentWithdrawn).await?;
                    ended += 1;
                }
            }
            if reached_all {
                let about = About { client: Some(client.number.0), user: Some(user.0), ..About::default() };
                self.record(realm, "consent_withdrawn", about);
                return Ok(ended);
            }
            if ended == ended_before {
                // A whole slice of other clients' grants: those of this one lie behind it.
                limit = limit.saturating_mul(2);
            }
        }
    }
}
