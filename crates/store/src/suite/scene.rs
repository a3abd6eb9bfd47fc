//! What the cases start from: an empty store, one realm with one client and one user, and fresh numbers.

use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use kimbai_core::claims::RequestedClaims;
use kimbai_core::grant::{
    Active, CodeBinding, Grant, LogIn, Opening, Outcome, PartyStanding, Redemption, Rotation, Seen, ShortDigest, Start,
    State, Terms, Verdict,
};
use kimbai_core::number::{AttemptId, ClientNumber, GrantId, OrganizationNumber, RealmNumber, UserNumber};
use kimbai_core::scope::ScopeSet;

use crate::{Activity, Change, Clock, Ledger, Registry, Upkeep};

/// All traits of a store.
pub trait Store: Ledger + Registry + Upkeep + 'static {}

impl<T: Ledger + Registry + Upkeep + 'static> Store for T {}

/// The clock of a store, which the cases move.
pub trait StoreClock: Send + Sync {
    /// Moves it by this many seconds; a negative number moves it back.
    fn advance_s(&self, seconds: i64);
}

impl StoreClock for Clock {
    fn advance_s(&self, seconds: i64) {
        Self::advance_s(self, seconds);
    }
}

/// An empty store, and the clock by which it tells the time.
pub struct Subject {
    pub(super) store: Arc<dyn Store>,
    pub(super) clock: Arc<dyn StoreClock>,
    kept: Box<dyn Any + Send + Sync>,
}

impl Subject {
    /// A store, its clock, and what must live as long as it does, such as its directory.
    pub fn new(store: Arc<dyn Store>, clock: impl StoreClock + 'static, kept: impl Any + Send + Sync) -> Self {
        Self { store, clock: Arc::new(clock), kept: Box::new(kept) }
    }
}

pub(super) struct Scene {
    pub(super) store: Arc<dyn Store>,
    pub(super) clock: Arc<dyn StoreClock>,
    pub(super) realm: RealmNumber,
    pub(super) client: ClientNumber,
    pub(super) user: UserNumber,
    numbers: AtomicU64,
    _kept: Box<dyn Any + Send + Sync>,
}

pub(super) const BINDING: CodeBinding =
    CodeBinding { redirect_uri: ShortDigest([3; 16]), code_challenge: ShortDigest([4; 16]) };
pub(super) const TERMS: Terms = Terms { access_lifetime_s: 3_600, idle_lifetime_s: Some(86_400), sealing_key: 2 };
pub(super) const CODE_S: u32 = 60;
pub(super) const ABSOLUTE_S: u32 = 30 * 86_400;

impl Scene {
    pub(super) async fn new(Subject { store, clock, kept }: Subject) -> Self {
        let realm = put_realm(&*store, "realm").await;
        let client = put_client(&*store, realm, "client").await;
        let user = put_user(&*store, realm, "user").await;
        Self { store, clock, realm, client, user, numbers: AtomicU64::new(1), _kept: kept }
    }

    pub(super) fn attempt(&self) -> AttemptId {
        // Spread over all 64 bits: none of them may be lost in the store.
        AttemptId(self.number().wrapping_mul(0x9E37_79B9_7F4A_7C15))
    }

    pub(super) fn number(&self) -> u64 {
        self.numbers.fetch_add(1, Ordering::Relaxed)
    }

    pub(super) fn opening(&self) -> Opening {
        let random = u32::try_from(self.number()).unwrap();
        Opening {
            id: GrantId::new(self.store.now(), random),
            client: self.client,
            user: self.user,
            organization: OrganizationNumber::NONE,
            client_epoch: 0,
            user_epoch: 0,
            scope: ScopeSet(0x8000_0000_0000_0005),
            auth_time_s: self.store.now().as_unix_s(),
            log_in: LogIn {
                session: ShortDigest([9; 16]),
                requested: RequestedClaims::from_bits(0x8000_0001_4000_0002),
            },
            start: Start::Code { binding: BINDING, lifetime_s: CODE_S },
            absolute_lifetime_s: ABSOLUTE_S,
        }
    }

    pub(super) const fn redemption(&self) -> Redemption {
        Redemption { client: self.client, binding: BINDING, terms: TERMS }
    }

    pub(super) fn rotation(&self, grant: &Grant) -> Rotation {
        let active = active(grant);
        Rotation {
            client: self.client,
            generation: active.generation,
            rotated_low: active.rotated.low_bits(),
            terms: TERMS,
        }
    }

    pub(super) async fn opened(&self) -> Grant {
        let outcome = self.store.open(self.realm, self.opening(), self.attempt()).await.unwrap();
        done(outcome).grant
    }

    pub(super) async fn activated(&self) -> Grant {
        let id = self.opened().await.id;
        done(self.redeem(id).await).grant
    }

    pub(super) async fn redeem(&self, id: GrantId) -> Outcome {
        self.store.redeem(self.realm, id, self.redemption(), self.attempt()).await.unwrap()
    }

    pub(super) async fn rotate(&self, grant: &Grant) -> Outcome {
        let rotation = self.rotation(grant);
        self.store.rotate(self.realm, grant.id, rotation, self.attempt()).await.unwrap()
    }

    /// The standing of the client and the user.
    pub(super) async fn standing(&self) -> (PartyStanding, PartyStanding) {
        let client = self.store.clients(self.realm).await.unwrap()[0].standing;
        (client, self.store.user(self.realm, self.user).await.unwrap().unwrap().standing)
    }

    pub(super) async fn set_client(&self, activity: Activity) {
        let change = Change::SetClientActivity { realm: self.realm, client: self.client, activity };
        self.store.change(vec![change]).await.unwrap();
    }

    pub(super) async fn set_user(&self, activity: Activity) {
        let change = Change::SetUserActivity { realm: self.realm, user: self.user, activity };
        self.store.change(vec![change]).await.unwrap();
    }

    pub(super) async fn row(&self, id: GrantId) -> Option<Seen> {
        self.store.lookup(self.realm, id).await.unwrap().seen
    }
}

/// Makes a realm of this name; answers its number.
///
/// # Panics
/// The store fails.
pub async fn put_realm(store: &dyn Registry, name: &str) -> RealmNumber {
    let number = store.draw_realm_number().await.unwrap();
    let change = Change::PutRealm { number, name: name.to_owned(), settings: "{}".to_owned() };
    store.change(vec![change]).await.unwrap();
    number
}

/// Makes a client of this `client_id`; answers its number.
///
/// # Panics
/// The store fails.
pub async fn put_client(store: &dyn Registry, realm: RealmNumber, client_id: &str) -> ClientNumber {
    let change = Change::PutClient { realm, client_id: client_id.to_owned(), metadata: "{}".to_owned() };
    store.change(vec![change]).await.unwrap();
    store.client(realm, client_id.to_owned()).await.unwrap().unwrap().number
}

/// Makes a user of this name; answers its number.
///
/// # Panics
/// The store fails.
pub async fn put_user(store: &dyn Registry, realm: RealmNumber, username: &str) -> UserNumber {
    let (username, password_hash, claims) = (username.to_owned(), "hash".to_owned(), "{}".to_owned());
    let change = Change::PutUser { realm, username: username.clone(), password_hash, claims };
    store.change(vec![change]).await.unwrap();
    store.user_by_name(realm, username).await.unwrap().unwrap().number
}

#[track_caller]
pub(super) fn done(outcome: Outcome) -> Seen {
    match outcome.verdict {
        Verdict::Done(seen) => seen,
        Verdict::Refused(row) => panic!("refused with {row:?}"),
    }
}

#[track_caller]
pub(super) fn refused(outcome: Outcome) -> Seen {
    match outcome.verdict {
        Verdict::Refused(Some(seen)) => seen,
        Verdict::Refused(None) => panic!("refused without a row"),
        Verdict::Done(seen) => panic!("done: {seen:?}"),
    }
}

#[track_caller]
pub(super) fn active(grant: &Grant) -> Active {
    match grant.state {
        State::Active(active) => active,
        state @ (State::Code { .. } | State::Ended { .. }) => panic!("not active but {state:?}"),
    }
}
