//! What the tests start from: a store on a database of its own.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use kimbai_core::number::{GrantId, RealmNumber};
use kimbai_postgres_fixture::{Database, Server, Version};
use kimbai_store::Ledger;
use kimbai_store::postgres::{Options, PostgresStore, Statements};
use kimbai_store::suite::{StoreClock, Subject};
use tokio::runtime::Handle;
use tokio::task::block_in_place;

/// An empty store for the suite.
pub(crate) fn subject(statements: Statements) -> Subject {
    let database = Arc::new(Server::shared(version()).fresh_database());
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

/// The newest one under test; `KIMBAI_TEST_POSTGRES` names another.
pub(crate) fn version() -> Version {
    *Version::under_test().last().unwrap()
}
