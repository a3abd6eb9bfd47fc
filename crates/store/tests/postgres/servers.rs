//! Many servers on one database: what one does to the registry, another sees, and neither is in the other's way.

use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use kimbai_core::grant::{EndReason, Revocation};
use kimbai_core::number::{AttemptId, ClientNumber, RealmNumber};
use kimbai_postgres_fixture::{Database, Server, Stop, Version};
use kimbai_store::postgres::{Options, PostgresStore};
use kimbai_store::suite::{put_client, put_realm, put_user};
use kimbai_store::{
    Activity, AuditEvent, AuditFilter, BackupError, Change, Ledger, LogInKey, LogInLimits, LogInVerdict, Registry,
    StoreError, Upkeep, Versions,
};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::scene::{self, Scene};

const REALM: RealmNumber = RealmNumber(1);

fn servers() -> impl Iterator<Item = &'static Server> {
    Version::under_test().iter().map(|version| Server::shared(*version))
}

async fn store_on(database: &Database<'_>) -> PostgresStore {
    scene::open(database, Options::default()).await
}

/// Whose callers wait two seconds.
async fn impatient_store_on(database: &Database<'_>) -> PostgresStore {
    let options = Options { deadline: Duration::from_secs(2), ..Options::default() };
    scene::open(database, options).await
}

/// Waits until the version of the realm is this one.
async fn reach(versions: &mut watch::Receiver<Versions>, realm: RealmNumber, version: u64, most: Duration) {
    let reached = versions.wait_for(|versions| versions.0.get(&realm) == Some(&version));
    timeout(most, reached).await.unwrap().unwrap();
}

const AT_ONCE: Duration = Duration::from_secs(1);
const SOON: Duration = Duration::from_secs(5);

fn event(event: &'static str) -> AuditEvent {
    AuditEvent { realm: REALM, event: event.into(), grant: None, client: None, user: None, source: None }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_on_one_server_is_known_to_the_others_at_once() {
    for server in servers() {
        let database = server.fresh_database();
        let (one, other) = (store_on(&database).await, store_on(&database).await);
        let realm = put_realm(&one, "realm").await;
        let mut versions = other.versions();
        reach(&mut versions, realm, 1, AT_ONCE).await;
        put_client(&one, realm, "client").await;
        reach(&mut versions, realm, 2, AT_ONCE).await;
        put_user(&one, realm, "user").await;
        let another = put_realm(&one, "another").await;
        reach(&mut versions, another, 1, AT_ONCE).await;
        assert_eq!(versions.borrow().0[&realm], 2, "users are kept by no server");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_whose_notification_is_lost_is_known_within_five_seconds() {
    for server in servers() {
        let database = server.fresh_database();
        let (one, other) = (store_on(&database).await, store_on(&database).await);
        let realm = put_realm(&one, "realm").await;
        let mut versions = other.versions();
        reach(&mut versions, realm, 1, AT_ONCE).await;
        database.sql("UPDATE kimbai.realms SET version = version + 1");
        reach(&mut versions, realm, 2, SOON).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_whose_connections_were_cut_hears_of_changes_again() {
    for server in servers() {
        let database = server.fresh_database();
        let (one, other) = (store_on(&database).await, store_on(&database).await);
        let realm = put_realm(&one, "realm").await;
        let mut versions = other.versions();
        reach(&mut versions, realm, 1, AT_ONCE).await;
        database.sql(&format!(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{}' AND pid <> pg_backend_pid()",
            database.name()
        ));
        // The pool takes connections that are open, and those of the lanes come back by themselves.
        let client = put_client(&one, realm, "client").await;
        reach(&mut versions, realm, 2, SOON).await;
        assert_eq!(other.client(realm, "client".to_owned()).await.unwrap().unwrap().number, client);
        put_client(&other, realm, "another").await;
        reach(&mut versions, realm, 3, SOON).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_on_two_servers_at_once_are_each_whole() {
    for server in servers() {
        let database = server.fresh_database();
        let (one, other) = (store_on(&database).await, store_on(&database).await);
        let realm = put_realm(&one, "realm").await;
        let change = async |store: &PostgresStore, from: u32| {
            for number in from..from + 50 {
                let (client_id, username) = (format!("client {number}"), format!("user {number}"));
                let (metadata, password_hash, claims) = ("{}".to_owned(), String::new(), "{}".to_owned());
                let client = Change::PutClient { realm, client_id, metadata };
                store.change(vec![client, Change::PutUser { realm, username, password_hash, claims }]).await.unwrap();
            }
        };
        tokio::join!(change(&one, 0), change(&other, 50));
        let numbers: Vec<u32> = other.clients(realm).await.unwrap().iter().map(|client| client.number.0).collect();
        assert_eq!(numbers, (1..=100).collect::<Vec<_>>());
        assert_eq!(one.users(realm, None, 200).await.unwrap().len(), 100);
        assert_eq!(database.sql("SELECT version FROM kimbai.realms"), "101");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn log_ins_on_two_servers_are_counted_one_by_one_and_none_waits_for_another_in_a_circle() {
    let limits = LogInLimits {
        free_failures: 1_000,
        first_delay_s: 1,
        lock_failures: 150,
        lock_s: 900,
        source_failures: 1_000,
        source_window_s: 900,
        keys_max: 1_000,
    };
    for server in servers() {
        let database = server.fresh_database();
        let (one, other) = (store_on(&database).await, store_on(&database).await);
        let realm = put_realm(&one, "realm").await;
        let stores = [Arc::new(one), Arc::new(other)];
        let keys = [LogInKey([1; 16]), LogInKey([200; 16])];
        let mut attempts = JoinSet::new();
        for number in 0..200 {
            let store = Arc::clone(&stores[number % 2]);
            // An account's and a source's key lie either way round.
            let (account, source) = if number / 2 % 2 == 0 { (keys[0], keys[1]) } else { (keys[1], keys[0]) };
            attempts.spawn(async move { store.count_log_in(realm, account, source, limits).await.unwrap() });
        }
        let verdicts = attempts.join_all().await;
        let allowed = verdicts.iter().filter(|verdict| **verdict == LogInVerdict::Allowed).count();
        assert_eq!(allowed, 150);
        for key in keys {
            assert_eq!(stores[0].log_in_count(realm, key).await.unwrap().failures, 150);
        }
        assert_eq!(database.sql("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"), "0");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_server_sweeps_and_another_does_when_it_stops() {
    for server in servers() {
        let database = server.fresh_database();
        let one = ended(&database, 4).await;
        let other = store_on(&database).await;
        let first = one.sweep(None, 2, 0).await.unwrap();
        assert_eq!(first.deleted, 2);
        let cursor = first.cursor;
        assert!(cursor.is_some());
        let idle = other.sweep(cursor, 2, 0).await.unwrap();
        assert_eq!((idle.cursor, idle.deleted), (cursor, 0), "it is not its turn");
        one.close().await;
        let deadline = Instant::now() + Duration::from_secs(6);
        while other.sweep(cursor, 2, 0).await.unwrap().deleted == 0 {
            assert!(Instant::now() < deadline, "nobody sweeps");
            tokio::task::yield_now().await;
        }
        assert_eq!(database.sql("SELECT count(*) FROM kimbai.grants"), "0");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sweep_waits_for_nobody() {
    for server in servers() {
        let database = server.fresh_database();
        let store = ended(&database, 3).await;
        let mut holder = Holder::of(&database, "SELECT FROM kimbai.grants ORDER BY id LIMIT 1 FOR UPDATE");
        let asked = Instant::now();
        let step = store.sweep(None, 10, 0).await.unwrap();
        assert_eq!((step.deleted, step.cursor), (2, None));
        assert!(asked.elapsed() < Duration::from_secs(1));
        holder.let_go();
        assert_eq!(store.sweep(None, 10, 0).await.unwrap().deleted, 1);
    }
}

/// A store with so many grants that have ended.
async fn ended(database: &Database<'_>, count: u64) -> Arc<PostgresStore> {
    let scene = Scene::new(database, Options::default()).await;
    let end = Revocation::Grant(EndReason::RevokedByClient);
    for seen in scene.activated(count).await {
        scene.store.revoke(scene.realm, seen.grant.id, end, AttemptId(9)).await.unwrap();
    }
    scene.store
}

/// A transaction of somebody else that holds a lock.
struct Holder {
    stop: Option<mpsc::Sender<()>>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Holder {
    fn of(database: &Database<'_>, sql: &'static str) -> Self {
        let config: tokio_postgres::Config = database.url().parse().unwrap();
        let (stop, stopped) = mpsc::channel();
        let (ready, is_ready) = mpsc::channel();
        let thread = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
            let client = runtime.block_on(async {
                let (client, connection) = config.connect(tokio_postgres::NoTls).await.unwrap();
                tokio::spawn(connection);
                client.batch_execute(&format!("BEGIN; {sql}")).await.unwrap();
                client
            });
            ready.send(()).unwrap();
            let _ = stopped.recv();
            runtime.block_on(client.batch_execute("ROLLBACK")).unwrap();
        });
        is_ready.recv().unwrap();
        Self { stop: Some(stop), thread: Some(thread) }
    }

    fn let_go(&mut self) {
        self.stop.take();
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_waits_for_a_lock_no_longer_than_its_caller() {
    for server in servers() {
        let database = server.fresh_database();
        let store = impatient_store_on(&database).await;
        let realm = put_realm(&store, "realm").await;
        let mut holder = Holder::of(&database, "LOCK TABLE kimbai.clients");
        let change = Change::PutClient { realm, client_id: "a".to_owned(), metadata: "{}".to_owned() };
        let asked = Instant::now();
        let answer = store.change(vec![change.clone()]).await.unwrap_err();
        assert!(asked.elapsed() < Duration::from_secs(4), "{:?}", asked.elapsed());
        assert!(matches!(answer, StoreError::NotDone | StoreError::Unknown), "{answer:?}");
        holder.let_go();
        store.change(vec![change]).await.unwrap();
        assert_eq!(store.client(realm, "a".to_owned()).await.unwrap().unwrap().number, ClientNumber(1));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_with_a_nul_is_found_nowhere_and_put_nowhere() {
    for server in servers() {
        let database = server.fresh_database();
        let store = store_on(&database).await;
        let realm = put_realm(&store, "realm").await;
        let user = put_user(&store, realm, "b").await;
        let nul = || "a\0".to_owned();
        assert_eq!(store.client(realm, nul()).await, Ok(None));
        assert_eq!(store.user_by_name(realm, nul()).await, Ok(None));
        assert_eq!(store.users(realm, Some(nul()), 10).await.unwrap()[0].number, user);
        assert!(store.users(realm, Some("b\0".to_owned()), 10).await.unwrap().is_empty());
        let off = Change::SetUserActivity { realm, user, activity: Activity::Disabled };
        for put in [
            Change::PutClient { realm, client_id: nul(), metadata: "{}".to_owned() },
            Change::PutUser { realm, username: nul(), password_hash: String::new(), claims: String::new() },
            Change::PutRealm { number: RealmNumber(9), name: nul(), settings: String::new() },
        ] {
            let answer = store.change(vec![off.clone(), put]).await;
            let Err(StoreError::Unreadable(text)) = answer else { panic!("{answer:?}") };
            assert!(text.contains("NUL"), "{text}");
        }
        assert!(store.user(realm, user).await.unwrap().unwrap().standing.active, "all or nothing");
        store.record(AuditEvent { source: Some(nul()), ..event("with a NUL") });
        store.record(event("beside it"));
        let events = store.audit(REALM, AuditFilter::default(), 10).await.unwrap();
        assert_eq!(events.len(), 2);
        assert_eq!(events[1].1.source.as_deref(), Some("a\u{FFFD}"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_use_of_keys_has_256_numbers() {
    for server in servers() {
        let database = server.fresh_database();
        let store = store_on(&database).await;
        let add = |usage: &str| Change::AddKey { realm: REALM, usage: usage.to_owned(), sealed: vec![1] };
        store.change(vec![add("seal"); 256]).await.unwrap();
        let answer = store.change(vec![add("sign"), add("seal")]).await;
        let Err(StoreError::Unreadable(text)) = answer else { panic!("{answer:?}") };
        assert!(text.contains("256"), "{text}");
        let keys = store.keys(REALM).await.unwrap();
        assert_eq!((keys.len(), keys[255].number), (256, 255));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_the_standby_has_not_confirmed_is_unknown() {
    for version in Version::under_test() {
        let server = Server::start(*version, &[]);
        let database = server.fresh_database();
        let store = store_on(&database).await;
        let realm = put_realm(&store, "realm").await;
        server.sql("postgres", "ALTER SYSTEM SET synchronous_standby_names = 'nobody'");
        server.sql("postgres", "SELECT pg_reload_conf()");
        let cancel = async {
            // A lane may wait as well, for its own sake.
            let waiting = "SELECT count(pg_cancel_backend(pid)) FROM pg_stat_activity \
                 WHERE wait_event = 'SyncRep' AND query NOT LIKE '%pg_logical_emit_message%'";
            while server.sql("postgres", waiting) == "0" {
                tokio::task::yield_now().await;
            }
        };
        let change = Change::PutClient { realm, client_id: "a".to_owned(), metadata: "{}".to_owned() };
        let (answer, ()) = tokio::join!(store.change(vec![change]), cancel);
        assert_eq!(answer, Err(StoreError::Unknown));
        assert!(store.client(realm, "a".to_owned()).await.unwrap().is_some(), "it may be there all the same");
        server.sql("postgres", "ALTER SYSTEM RESET synchronous_standby_names");
        server.sql("postgres", "SELECT pg_reload_conf()");
        put_client(&store, realm, "b").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn events_of_an_outage_are_kept_up_to_a_bound_and_written_afterwards() {
    for version in Version::under_test() {
        let server = Server::start(*version, &[]);
        let database = server.fresh_database();
        let store = impatient_store_on(&database).await;
        store.record(event("before"));
        store.audit(REALM, AuditFilter::default(), 1).await.unwrap();
        server.stop(Stop::Fast);
        store.record(event("first"));
        let asked = Instant::now();
        assert_eq!(store.audit(REALM, AuditFilter::default(), 1).await, Err(StoreError::NotDone));
        assert_eq!(store.realms().await, Err(StoreError::NotDone));
        assert!(asked.elapsed() < Duration::from_secs(8), "each caller waits for its deadline");
        assert_eq!(store.figures().events_dropped, 0);
        for _ in 0..5_000 {
            store.record(event("more"));
        }
        let dropped = store.figures().events_dropped;
        assert!((300..1_000).contains(&dropped), "{dropped}");
        server.start_again();
        let deadline = Instant::now() + Duration::from_secs(10);
        let written = loop {
            match store.audit(REALM, AuditFilter::default(), 10_000).await {
                Ok(events) => break events,
                Err(error) => assert!(Instant::now() < deadline, "{error}"),
            }
        };
        assert_eq!(written.len() as u64, 5_002 - dropped);
        assert_eq!((&written[written.len() - 2].1, &written[written.len() - 1].1), (&event("first"), &event("before")));
        store.record(event("last"));
        store.close().await;
        assert_eq!(database.sql("SELECT event FROM kimbai.audit ORDER BY number DESC LIMIT 1"), "last");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frozen_database_keeps_no_caller_longer_than_its_deadline() {
    for version in Version::under_test() {
        let server = Server::start(*version, &[]);
        let database = server.fresh_database();
        let store = impatient_store_on(&database).await;
        let realm = put_realm(&store, "realm").await;
        server.pause();
        let asked = Instant::now();
        let change = Change::PutClient { realm, client_id: "a".to_owned(), metadata: "{}".to_owned() };
        let (read, changed) = tokio::join!(store.realms(), store.change(vec![change]));
        assert_eq!(read, Err(StoreError::NotDone));
        assert!(matches!(changed, Err(StoreError::NotDone | StoreError::Unknown)), "{changed:?}");
        assert!(asked.elapsed() < Duration::from_secs(4), "{:?}", asked.elapsed());
        server.resume();
        assert_eq!(store.realms().await.unwrap().len(), 1);
        put_client(&store, realm, "b").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_is_left_to_the_database() {
    let server = servers().next().unwrap();
    let database = server.fresh_database();
    let store = store_on(&database).await;
    let answer = store.backup("kimbai.backup".into(), Arc::default()).await.unwrap();
    assert!(matches!(answer, Err(BackupError::Elsewhere)), "{answer:?}");
    let text = answer.unwrap_err().to_string();
    assert!(text.contains("pg_dump") && text.contains("master key"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_the_database_refuses_takes_no_other_with_it() {
    for server in servers() {
        let database = server.fresh_database();
        let store = store_on(&database).await;
        database.sql("ALTER TABLE kimbai.audit ADD CHECK (event <> 'bad')");
        for name in ["a", "bad", "b", "c", "bad", "d"] {
            store.record(event(name));
        }
        let found = store.audit(REALM, AuditFilter::default(), 10).await.unwrap();
        let found: Vec<_> = found.iter().rev().map(|(_, event)| &*event.event).collect();
        assert_eq!(found, ["a", "b", "c", "d"]);
        assert_eq!(store.figures().events_dropped, 2);
    }
}
