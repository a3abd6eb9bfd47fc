//! Ending things: a client or user disabled, a consent withdrawn, a grant revoked. What was issued before dies at once.

use kimbai_core::client::Client;
use kimbai_core::grant::{EndReason, Revocation, Seen};
use kimbai_core::number::{GrantId, UserNumber};
use kimbai_store::{Activity, Change, GrantsOf, StoreError, UserRow};

use crate::engine::{About, Engine, until_known};
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
        let row = self.user_row(realm, username).await?;
        Ok(row.filter(|row| row.standing.active).map(|row| (row.number, row.standing.epoch)))
    }

    /// Enables or disables a client; disabling ends all it was issued. False without such a client.
    ///
    /// # Errors
    /// [`EngineError`]: the store failed.
    pub async fn set_client_activity(
        &self,
        realm: &Realm,
        client_id: &str,
        activity: Activity,
    ) -> Result<bool, EngineError> {
        let Some(client) = realm.client(client_id) else { return Ok(false) };
        let change = Change::SetClientActivity { realm: realm.number, client: client.number, activity };
        self.store.change(vec![change]).await?;
        self.refresh_client(realm, client_id).await?;
        let event = match activity {
            Activity::Enabled => "client_enabled",
            Activity::Disabled => "client_disabled",
        };
        self.record(realm, event, About { client: Some(client.number.0), ..About::default() });
        Ok(true)
    }

    /// Removes a client and all it was issued; its number is not used again.
    ///
    /// # Errors
    /// [`EngineError`]: the store failed.
    pub(crate) async fn remove_client(&self, realm: &Realm, client: &Client) -> Result<(), EngineError> {
        self.store.change(vec![Change::RemoveClient { realm: realm.number, client: client.number }]).await?;
        let reading = self.reading.lock().await;
        realm.remove_client(client.number);
        drop(reading);
        self.record(realm, "client_removed", About { client: Some(client.number.0), ..About::default() });
        Ok(())
    }

    /// Enables or disables a user; disabling ends all that was issued in its name, and its sessions. `None` without such a user.
    ///
    /// # Errors
    /// [`EngineError`]: the store failed.
    pub async fn set_user_activity(
        &self,
        realm: &Realm,
        username: &str,
        activity: Activity,
    ) -> Result<Option<UserNumber>, EngineError> {
        let Some(user) = self.user_row(realm, username).await? else { return Ok(None) };
        let change = Change::SetUserActivity { realm: realm.number, user: user.number, activity };
        self.store.change(vec![change]).await?;
        let event = match activity {
            Activity::Enabled => "user_enabled",
            Activity::Disabled => "user_disabled",
        };
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
        let (mut ended, mut after) = (0, None);
        loop {
            let slice = self.store.grants(realm.number, GrantsOf::User(user), after, SLICE).await?;
            for seen in slice.grants.iter().filter(|seen| seen.grant.client == client.number) {
                self.end(realm, seen.grant.id, EndReason::ConsentWithdrawn).await?;
                ended += 1;
            }
            after = slice.next;
            if after.is_none() {
                break;
            }
        }
        let about = About { client: Some(client.number.0), user: Some(user.0), ..About::default() };
        self.record(realm, "consent_withdrawn", about);
        Ok(ended)
    }

    /// Ends a grant by an operator's word; the row as it stands afterwards, `None` without such a grant.
    ///
    /// # Errors
    /// [`EngineError`]: the store failed; it may have been done.
    pub(crate) async fn revoke_grant(&self, realm: &Realm, id: GrantId) -> Result<Option<Seen>, EngineError> {
        let attempt = Self::attempt();
        let revocation = Revocation::Grant(EndReason::RevokedByOperator);
        let seen = until_known(|| self.store.revoke(realm.number, id, revocation, attempt)).await?.seen;
        if let Some(seen) = seen.as_ref().filter(|seen| seen.grant.attempt == attempt) {
            self.record(realm, "grant_revoked_by_operator", About { seen: Some(seen), ..About::default() });
        }
        Ok(seen)
    }

    pub(crate) async fn user_row(&self, realm: &Realm, username: &str) -> Result<Option<UserRow>, StoreError> {
        self.store.user_by_name(realm.number, normalised(username)).await
    }
}
