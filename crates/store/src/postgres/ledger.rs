//! The ledger on PostgreSQL: verbs on one grant go over the lanes, everything else over the pool.

use kimbai_core::grant::{Look, Opening, Outcome, PartyStanding, Redemption, Revocation, Rotation};
use kimbai_core::number::{AttemptId, ClientNumber, GrantId, RealmNumber};
use kimbai_core::time::Micros;
use tokio::time::timeout;

use super::verb::{Abandoned, Found, Key, Verb, Wish};
use super::{PostgresStore, lists, parties, rowless};
use crate::ledger::Answer;
use crate::{GrantSlice, GrantsOf, Ledger, RowlessLook, StoreError, SweepStep};

impl Ledger for PostgresStore {
    fn open(&self, realm: RealmNumber, opening: Opening, attempt: AttemptId) -> Answer<'_, Outcome> {
        let key = Key { realm, id: opening.id };
        Box::pin(async move { Ok(self.carry_out(key, Wish::Open(opening), attempt).await?.outcome()) })
    }

    fn redeem(
        &self,
        realm: RealmNumber,
        id: GrantId,
        redemption: Redemption,
        attempt: AttemptId,
    ) -> Answer<'_, Outcome> {
        let key = Key { realm, id };
        Box::pin(async move { Ok(self.carry_out(key, Wish::Redeem(redemption), attempt).await?.outcome()) })
    }

    fn rotate(&self, realm: RealmNumber, id: GrantId, rotation: Rotation, attempt: AttemptId) -> Answer<'_, Outcome> {
        let key = Key { realm, id };
        Box::pin(async move { Ok(self.carry_out(key, Wish::Rotate(rotation), attempt).await?.outcome()) })
    }

    fn revoke(&self, realm: RealmNumber, id: GrantId, revocation: Revocation, attempt: AttemptId) -> Answer<'_, Look> {
        let wish = match revocation {
            Revocation::Grant(reason) => Wish::End(reason),
            Revocation::Expired(reason) => Wish::EndExpired(reason),
            Revocation::AccessThrough(generation) => Wish::EndAccess(generation),
        };
        Box::pin(async move { Ok(self.carry_out(Key { realm, id }, wish, attempt).await?.look()) })
    }

    fn lookup(&self, realm: RealmNumber, id: GrantId) -> Answer<'_, Look> {
        Box::pin(async move {
            let found = self.carry_out(Key { realm, id }, Wish::Look, AttemptId(0)).await;
            // A look does nothing, whether or not its end is known.
            found
                .map(Found::look)
                .map_err(|error| if error == StoreError::Unknown { StoreError::NotDone } else { error })
        })
    }

    fn lookup_with_claims(&self, realm: RealmNumber, id: GrantId) -> Answer<'_, (Look, Option<String>)> {
        Box::pin(async move {
            let look = self.lookup(realm, id).await?;
            let Some(seen) = &look.seen else { return Ok((look, None)) };
            let user = parties::user(self.pool(), realm, seen.grant.user).await?;
            Ok((look, user.map(|row| row.claims)))
        })
    }

    fn lookup_rowless(&self, realm: RealmNumber, client: ClientNumber, token: [u8; 16]) -> Answer<'_, RowlessLook> {
        Box::pin(rowless::look(self.pool(), realm, client, token))
    }

    fn deny_rowless(
        &self,
        realm: RealmNumber,
        client: ClientNumber,
        token: [u8; 16],
        expiry_s: u32,
        per_client_max: u32,
    ) -> Answer<'_, PartyStanding> {
        Box::pin(rowless::deny(self.pool(), (realm, client), (token, expiry_s), per_client_max))
    }

    fn grants(&self, realm: RealmNumber, of: GrantsOf, after: Option<GrantId>, limit: u32) -> Answer<'_, GrantSlice> {
        Box::pin(lists::grants(self.pool(), (realm, of), after, limit))
    }

    fn sweep(&self, cursor: Option<(RealmNumber, GrantId)>, rows_max: u32, retention_s: u32) -> Answer<'_, SweepStep> {
        Box::pin(self.shared.keeper.sweep(cursor, rows_max, retention_s))
    }

    fn now(&self) -> Micros {
        self.shared.watch.now()
    }

    fn available_since(&self) -> Micros {
        self.shared.watch.available_since()
    }

    fn is_ready(&self) -> bool {
        self.shared.watch.is_ready() && !self.pool().is_failing() && !self.shared.is_closing()
    }
}

impl PostgresStore {
    /// Has a verb carried out by one of the lanes, and waits for its end as long as its caller may.
    async fn carry_out(&self, key: Key, wish: Wish, attempt: AttemptId) -> Result<Found, StoreError> {
        let (verb, stage, answer) = Verb::new(key, wish, attempt);
        self.shared.queue.push(verb);
        match timeout(self.shared.options.deadline, answer).await {
            Ok(Ok(end)) => end,
            // Too late, or dropped by whoever had it.
            Ok(Err(_)) | Err(_) => Err(match stage.abandon() {
                Abandoned::Unsent => StoreError::NotDone,
                Abandoned::Sent => StoreError::Unknown,
            }),
        }
    }
}
