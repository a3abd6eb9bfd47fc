//! What the tests start from: a store on a database of its own.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use kimbai_core::grant::{
    Active, CodeBinding, LogIn, Opening, Outcome, Redemption, Rotation, Seen, ShortDigest, Start, State, Terms, Verdict,
};
use kimbai_core::number::{AttemptId, ClientNumber, GrantId, OrganizationNumber, RealmNumber, UserNumber};
use kimbai_core::scope::ScopeSet;
use kimbai_postgres_fixture::{Database, Server, Version};
use kimbai_store::postgres::{Options, PostgresStore, Statements};
use kimbai_store::suite::{StoreClock, Subject, put_client, put_realm, put_user};
use kimbai_store::{Ledger, StoreError};
use tokio::runtime::Handle;
use tokio::task::block_in_place;

/// An empty store for the suite.
pub(crate) fn subject(version: Version, statements: Statements) -> Subject {
    let database = Arc::new(Server::shared(version).fresh_database());
    let options = Options { statements, lanes: 2, pool: 4, ..Options::default() };
    let store = Arc::new(block_in_place(|| Handle::current().block_on(open(&database, options))));
    let (for_clock, offset_us) = (Arc::clone(&store), AtomicI64::new(0));
    let clock = DatabaseClock { database: Arc::clone(&database), store: for_clock, offset_us };
    Subject::new(store, clock, database)
}

/// Opens a store on this database.
pub(crate) async fn open(database: &Database<'_>, options: Options) -> PostgresStore {
    PostgresStore::open(&database.url().parse().unwrap(), options).await.unwrap()
}

/// The database's clock, moved by writing its function anew.
struct DatabaseClock {
    database: Arc<Database<'static>>,
    store: Arc<PostgresStore>,
    offset_us: AtomicI64,
}

impl StoreClock for DatabaseClock {
    fn advance_s(&self, seconds: i64) {
        let offset_us = self.offset_us.fetch_add(seconds * 1_000_000, Ordering::SeqCst) + seconds * 1_000_000;
        self.database.sql(&format!(
            "CREATE OR REPLACE FUNCTION kimbai.now_us() RETURNS bigint LANGUAGE sql VOLATILE AS \
             $$ SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint + {offset_us} $$"
        ));
        // The store learns of it with its next answer.
        let look = self.store.lookup(RealmNumber(0), GrantId(0));
        block_in_place(|| Handle::current().block_on(look)).unwrap();
    }
}

/// Each form, with a database on each version.
pub(crate) fn forms() -> impl Iterator<Item = (Statements, Database<'static>)> {
    [Statements::Batched, Statements::Single]
        .into_iter()
        .flat_map(|statements| databases().map(move |database| (statements, database)))
}

/// One on each version under test.
pub(crate) fn databases() -> impl Iterator<Item = Database<'static>> {
    Version::under_test().iter().map(|version| Server::shared(*version).fresh_database())
}

/// Terms of every generation here.
pub(crate) const TERMS: Terms = Terms { access_lifetime_s: 3_600, idle_lifetime_s: Some(86_400), sealing_key: 2 };
const BINDING: CodeBinding = CodeBinding { redirect_uri: ShortDigest([3; 16]), code_challenge: ShortDigest([4; 16]) };

/// A store with a realm, a client and a user.
pub(crate) struct Scene {
    pub(crate) store: Arc<PostgresStore>,
    pub(crate) realm: RealmNumber,
    pub(crate) client: ClientNumber,
    pub(crate) user: UserNumber,
}

impl Scene {
    /// On a new database.
    pub(crate) async fn new(database: &Database<'_>, options: Options) -> Self {
        let store = Arc::new(open(database, options).await);
        let realm = put_realm(&*store, "realm").await;
        let client = put_client(&*store, realm, "client").await;
        let user = put_user(&*store, realm, "user").await;
        Self { store, realm, client, user }
    }

    /// The opening of a grant of this id.
    pub(crate) fn opening(&self, id: u64) -> Opening {
        Opening {
            id: GrantId(id),
            client: self.client,
            user: self.user,
            organization: OrganizationNumber::NONE,
            client_epoch: 0,
            user_epoch: 0,
            scope: ScopeSet(5),
            auth_time_s: 0,
            log_in: LogIn::NONE,
            start: Start::Code { binding: BINDING, lifetime_s: 60 },
            absolute_lifetime_s: 30 * 86_400,
        }
    }

    /// So many grants of the first generation.
    pub(crate) async fn activated(&self, count: u64) -> Vec<Seen> {
        let one = async |id| {
            let attempt = AttemptId(1);
            done(&self.store.open(self.realm, self.opening(id), attempt).await.unwrap());
            let redemption = Redemption { client: self.client, binding: BINDING, terms: TERMS };
            done(&self.store.redeem(self.realm, GrantId(id), redemption, attempt).await.unwrap())
        };
        join_all((1..=count).map(one)).await
    }
}

/// Rotates this generation over this store.
pub(crate) async fn rotate(
    store: &PostgresStore,
    realm: RealmNumber,
    seen: &Seen,
    attempt: u64,
) -> Result<Outcome, StoreError> {
    let rotation = Rotation {
        client: seen.grant.client,
        generation: active(seen).generation,
        rotated_low: active(seen).rotated.low_bits(),
        terms: TERMS,
    };
    store.rotate(realm, seen.grant.id, rotation, AttemptId(attempt)).await
}

#[track_caller]
pub(crate) fn done(outcome: &Outcome) -> Seen {
    match &outcome.verdict {
        Verdict::Done(seen) => seen.clone(),
        Verdict::Refused(row) => panic!("refused with {row:?}"),
    }
}

#[track_caller]
pub(crate) fn active(seen: &Seen) -> Active {
    match seen.grant.state {
        State::Active(active) => active,
        state @ (State::Code { .. } | State::Ended { .. }) => panic!("not active but {state:?}"),
    }
}

/// Waits until this holds.
pub(crate) async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    let mut ticks = tokio::time::interval(Duration::from_millis(20));
    while !holds() {
        assert!(start.elapsed() < Duration::from_secs(30), "{what}: not within 30 s");
        ticks.tick().await;
    }
}
