//! The ledger: where grants live. Few verbs, each atomic on one row, each durable before its answer.
//!
//! Time in a verb is the store's, and comes back with the outcome; callers pass durations. Each verb is one conditional update whose
//! condition holds all that must hold; the row comes back with the standing of its parties, read with it.

use std::future::Future;
use std::pin::Pin;

use kimbai_core::grant::{Look, Opening, Outcome, PartyStanding, Redemption, Revocation, Rotation, Seen};
use kimbai_core::number::{AttemptId, ClientNumber, GrantId, OrganizationNumber, RealmNumber, UserNumber};
use kimbai_core::time::Micros;

use crate::StoreError;

/// What a verb promises.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

/// Grants, and the standing of their clients and users.
///
/// Every verb: [`StoreError::NotDone`] when it was certainly not carried out, [`StoreError::Unknown`] when it may have been; the
/// caller may then repeat it with the same attempt, and a repetition that finds its own attempt in the row is a success.
pub trait Ledger: Send + Sync {
    /// Inserts a grant as [`Opening::start`] says. An id that is taken is a refusal with the row that has it. The legacy token that an
    /// exchange comes from knows from the same moment on that the exchange was opened.
    fn open(&self, realm: RealmNumber, opening: Opening, attempt: AttemptId) -> Answer<'_, Outcome>;

    /// `Code -> Active(1)`, on the whole condition of `redemption`.
    fn redeem(
        &self,
        realm: RealmNumber,
        id: GrantId,
        redemption: Redemption,
        attempt: AttemptId,
    ) -> Answer<'_, Outcome>;

    /// `Active(n) -> Active(n + 1)`, on the whole condition of `rotation`.
    fn rotate(&self, realm: RealmNumber, id: GrantId, rotation: Rotation, attempt: AttemptId) -> Answer<'_, Outcome>;

    /// Ends a grant or its access tokens; the row as it stands afterwards. Nothing to revoke is no refusal.
    fn revoke(&self, realm: RealmNumber, id: GrantId, revocation: Revocation, attempt: AttemptId) -> Answer<'_, Look>;

    /// The row as it stands, with the standing of its parties.
    fn lookup(&self, realm: RealmNumber, id: GrantId) -> Answer<'_, Look>;

    /// The same, and what the registry knows of the grant's user, as it is stored; nothing if there is no grant or no such user.
    fn lookup_with_claims(&self, realm: RealmNumber, id: GrantId) -> Answer<'_, (Look, Option<String>)>;

    /// The standing of the client of a row-less token, and whether the token was denied.
    fn lookup_rowless(&self, realm: RealmNumber, client: ClientNumber, token: [u8; 16]) -> Answer<'_, RowlessLook>;

    /// Puts a row-less token on the deny list until it expires; beyond `per_client_max` entries the client's epoch grows instead.
    /// Answers the client's standing afterwards. A token that has expired needs no denial.
    fn deny_rowless(
        &self,
        realm: RealmNumber,
        client: ClientNumber,
        token: [u8; 16],
        expiry_s: u32,
        per_client_max: u32,
    ) -> Answer<'_, PartyStanding>;

    /// Grants that are not over, in the order of their ids, from the first one after `after` on, at most `limit`, with the
    /// standing of their parties. A store reads so many rows for an answer and no more: it may have fewer grants, also none, and
    /// says where to go on.
    fn grants(&self, realm: RealmNumber, of: GrantsOf, after: Option<GrantId>, limit: u32) -> Answer<'_, GrantSlice>;

    /// Deletes what has been over for `retention_s` seconds among the next `rows_max` grants after `cursor`, and as many old
    /// sessions, denials, log-in counts and audit events; walks the primary key, in one short transaction.
    fn sweep(&self, cursor: Option<(RealmNumber, GrantId)>, rows_max: u32, retention_s: u32) -> Answer<'_, SweepStep>;

    /// This server's idea of the store's time, for what is verified without the store.
    fn now(&self) -> Micros;

    /// Since when the store has been reachable without a break, by its own clock: the end of the last outage, or the start.
    fn available_since(&self) -> Micros;

    /// Whether the store would take a verb now.
    fn is_ready(&self) -> bool;
}

/// Whose grants are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GrantsOf {
    /// All of the realm.
    Realm,
    /// Those that a user gave.
    User(UserNumber),
    /// Those that a client was given.
    Client(ClientNumber),
    /// Those that a user gave to a client and that have tokens: neither codes nor those that have ended.
    Active(UserNumber, ClientNumber),
    /// Those that were given for an organization.
    Organization(OrganizationNumber),
}

/// Some of the grants that are asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrantSlice {
    /// In the order of their ids.
    pub grants: Vec<Seen>,
    /// After which one to go on; `None`: there are no more.
    pub next: Option<GrantId>,
}

/// What a look for a row-less token found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RowlessLook {
    /// The store's time.
    pub now: Micros,
    /// The standing of the token's client.
    pub client: PartyStanding,
    /// Whether the token was revoked.
    pub denied: bool,
}

/// How far a sweep came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SweepStep {
    /// Where to go on; `None` when the table's end was reached.
    pub cursor: Option<(RealmNumber, GrantId)>,
    /// How many rows of any table were deleted.
    pub deleted: u32,
}
