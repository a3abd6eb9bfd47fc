//! How many grants a person has at one partner: integrators log in anew on each 401 and never refresh.
//!
//! Nobody is logged out for it: what ends are grants whose access token has expired, oldest first.

use kimbai_core::client::Client;
use kimbai_core::grant::{EndReason, Revocation, Seen, State};
use kimbai_core::number::UserNumber;
use kimbai_core::time::Micros;
use kimbai_store::{GrantsOf, StoreError};

use super::log_in::PartnerRefusal;
use crate::engine::{About, Engine, until_known};
use crate::realm::Realm;
use crate::token::audit_event;

/// So many grants are read at once.
const SLICE: u32 = 500;
/// So many are ended by one log-in at most; the next one goes on.
const ENDED_MAX: usize = 64;

/// The grants of a person at a partner that have tokens, oldest first, and how many there may be.
#[derive(Debug)]
pub(super) struct Crowd {
    grants: Vec<Seen>,
    grants_max: usize,
    live_grants_max: usize,
}

impl Crowd {
    /// Whether there is room for one more live grant.
    pub(super) fn room(&self, now: Micros) -> Result<(), PartnerRefusal> {
        let expiries = self.grants.iter().filter_map(access_expiry_s).filter(|expiry_s| *expiry_s > now.as_unix_s());
        let live = expiries.clone().count();
        match expiries.min() {
            Some(first) if live >= self.live_grants_max => {
                Err(PartnerRefusal::TooManyGrants { wait_s: first.saturating_sub(now.as_unix_s()).max(1) })
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Those that end now that there is one more.
    fn surplus(self, now: Micros) -> impl Iterator<Item = Seen> {
        let surplus = (self.grants.len() + 1).saturating_sub(self.grants_max).min(ENDED_MAX);
        let has_expired = move |seen: &Seen| access_expiry_s(seen).is_some_and(|expiry_s| expiry_s <= now.as_unix_s());
        self.grants.into_iter().filter(has_expired).take(surplus)
    }
}

impl Engine {
    pub(super) async fn crowd(&self, realm: &Realm, partner: &Client, user: UserNumber) -> Result<Crowd, StoreError> {
        let limit = |limit: u32| usize::try_from(limit).unwrap_or(usize::MAX);
        let (grants_max, live_grants_max) = realm
            .settings
            .partners
            .map_or((usize::MAX, usize::MAX), |partners| (limit(partners.grants_max), limit(partners.live_grants_max)));
        let (mut grants, mut after) = (Vec::new(), None);
        loop {
            let of = GrantsOf::Active(user, partner.number);
            let slice = self.store.grants(realm.number, of, after, SLICE).await?;
            grants.extend(slice.grants.into_iter().filter(|seen| seen.standing.supports(&seen.grant)));
            after = slice.next;
            if after.is_none() {
                grants.sort_by_key(|seen| seen.grant.opened);
                return Ok(Crowd { grants, grants_max, live_grants_max });
            }
        }
    }

    /// Ends those that are too many; one that was refreshed meanwhile stays.
    pub(super) async fn thin_out(&self, realm: &Realm, crowd: Crowd, now: Micros) -> Result<(), StoreError> {
        for seen in crowd.surplus(now) {
            let (attempt, revocation) = (Self::attempt(), Revocation::Expired(EndReason::SessionEnded));
            let look = until_known(|| self.store.revoke(realm.number, seen.grant.id, revocation, attempt)).await?;
            if look.seen.is_some_and(|seen| seen.grant.attempt == attempt) {
                let about = About { seen: Some(&seen), ..About::default() };
                self.record(realm, audit_event(EndReason::SessionEnded), about);
            }
        }
        Ok(())
    }
}

/// When the access token of a grant expires that has one.
const fn access_expiry_s(seen: &Seen) -> Option<u32> {
    match seen.grant.state {
        State::Active(active) => Some(active.access_expiry_s),
        State::Code { .. } | State::Ended { .. } => None,
    }
}
