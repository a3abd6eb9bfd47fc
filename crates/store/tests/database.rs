//! What is SQLite's own: the files, who may open them, the bounds of log and database, a batch and its members.

#![expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]

mod grants;

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use grants::{CLIENT, REALM, activate, opening, rotate, rotation};
use kimbai_core::grant::{Grant, Seen, State, Verdict};
use kimbai_core::number::{AttemptId, Generation, GrantId, UserNumber};
use kimbai_store::sqlite::{Location, LogLimits, OpenError, Options, SqliteStore};
use kimbai_store::suite::put_client;
use kimbai_store::{AuditEvent, AuditFilter, Change, Clock, GrantsOf, Ledger, Registry, SessionId, StoreError, Upkeep};
use tokio::task::JoinSet;

struct Home {
    directory: tempfile::TempDir,
    clock: Clock,
}

impl Home {
    fn new() -> Self {
        Self { directory: tempfile::tempdir().unwrap(), clock: Clock::default() }
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("data/store")
    }

    fn file(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    fn open(&self, options: Options) -> Result<SqliteStore, OpenError> {
        SqliteStore::open(Location::Directory(self.path()), self.clock.clone(), options)
    }

    fn store(&self) -> SqliteStore {
        self.open(Options::default()).unwrap()
    }

    fn database(&self) -> rusqlite::Connection {
        rusqlite::Connection::open(self.file("kimbai.db")).unwrap()
    }
}

#[tokio::test]
async fn what_was_stored_is_there_after_reopening() {
    let home = Home::new();
    let (grant, client) = {
        let store = home.store();
        let client = put_client(&store, REALM, "client").await;
        store.record(event("stored"));
        (rotate(&store, &activate(&store, 1).await).await, client)
    };
    assert!(!home.file("kimbai.db-wal").exists(), "a clean stop leaves no log");
    let store = home.store();
    assert_eq!(store.lookup(REALM, grant.id).await.unwrap().seen.map(|seen| seen.grant), Some(grant.clone()));
    assert_eq!(store.clients(REALM).await.unwrap()[0].number, client);
    assert_eq!(store.audit(REALM, AuditFilter::default(), 9).await.unwrap()[0].1, event("stored"));
    assert_eq!(put_client(&store, REALM, "another").await.0, client.0 + 1);
    rotate(&store, &grant).await;
}

#[tokio::test]
async fn files_are_their_owners_alone() {
    let home = Home::new();
    let store = home.store();
    activate(&store, 1).await;
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&home.path()), 0o700);
    for name in ["kimbai.db", "kimbai.db-wal", "kimbai.db-shm", "kimbai.lock"] {
        assert_eq!(mode(&home.file(name)), 0o600, "{name}");
    }
}

#[tokio::test]
async fn a_directory_has_one_process() {
    let home = Home::new();
    let store = home.store();
    let error = home.open(Options::default()).err().unwrap();
    assert!(matches!(error, OpenError::Locked { .. }), "{error:?}");
    assert!(error.to_string().contains("in use by another kimbai process"), "{error}");
    drop(store);
    home.store();
}

#[tokio::test]
async fn other_schemas_and_other_files_are_refused() {
    let home = Home::new();
    drop(home.store());
    home.database().execute_batch("INSERT INTO migrations VALUES (1000000, 'x', x'00', 0)").unwrap();
    let error = home.open(Options::default()).err().unwrap();
    assert!(matches!(error, OpenError::NewerSchema { found: 1_000_000, .. }), "{error:?}");
    home.database().execute_batch("DELETE FROM migrations WHERE number = 1000000").unwrap();
    drop(home.store());
    home.database().execute_batch("UPDATE migrations SET digest = zeroblob(16) WHERE number = 1").unwrap();
    let error = home.open(Options::default()).err().unwrap();
    assert!(matches!(error, OpenError::OtherSchema { number: 1 }), "{error:?}");

    std::fs::write(home.file("kimbai.db"), [b'x'; 8_192]).unwrap();
    let error = home.open(Options::default()).err().unwrap();
    assert!(matches!(error, OpenError::Corrupt(_)), "{error:?}");

    let error = SqliteStore::open(Location::Directory("/proc/kimbai".into()), Clock::default(), Options::default());
    let error = error.err().unwrap();
    assert!(error.to_string().contains("/proc/kimbai"), "{error}");
}

#[test]
fn a_database_that_is_cut_is_damaged() {
    let home = Home::new();
    drop(home.store());
    let whole = std::fs::read(home.file("kimbai.db")).unwrap();
    // Within the schema, and so that all of its pages but the last are there.
    for bytes in [6_000, whole.len() - 4_096] {
        std::fs::write(home.file("kimbai.db"), &whole[..bytes]).unwrap();
        let error = home.open(Options::default()).err().unwrap();
        assert!(matches!(error, OpenError::Corrupt(_)), "{error:?} of {bytes} bytes");
        assert!(error.to_string().contains("restore a backup"), "{error}");
    }
    std::fs::write(home.file("kimbai.db"), &whole).unwrap();
    home.store();
}

#[test]
fn what_may_not_be_written_is_named() {
    // The right to write whatever its mode is what root has, and this test may be run by root: so the file system is
    // read-only, for one process alone.
    let home = Home::new();
    drop(home.store());
    let inner = "mount --bind \"$1\" \"$1\" && mount -o remount,bind,ro \"$1\" && \
        exec env KIMBAI_TEST_STORE=\"$1\" \"$2\" --exact --ignored --nocapture a_read_only_store_is_refused";
    let status = Command::new("unshare")
        .args(["--user", "--map-root-user", "--mount", "sh", "-c", inner, "sh"])
        .arg(home.path())
        .arg(std::env::current_exe().unwrap())
        .status()
        .unwrap();
    assert!(status.success(), "see above; without the right to mount, allow user namespaces");
}

#[test]
#[ignore = "what_may_not_be_written_is_named runs it, on a read-only file system"]
fn a_read_only_store_is_refused() {
    let directory = PathBuf::from(std::env::var_os("KIMBAI_TEST_STORE").unwrap());
    let error = SqliteStore::open(Location::Directory(directory), Clock::default(), Options::default()).err().unwrap();
    assert!(matches!(&error, OpenError::Files { path, .. } if path.ends_with("kimbai.lock")), "{error:?}");
    assert!(error.to_string().contains("may this user write it?"), "{error}");
}

#[tokio::test]
async fn there_is_no_rotation_after_the_last_generation() {
    let home = Home::new();
    let grant = {
        let store = home.store();
        activate(&store, 1).await
    };
    home.database().execute("UPDATE grants SET generation = ?1", [Generation::MAX.number() - 1]).unwrap();
    let store = home.store();
    let State::Active(active) = grant.state else { panic!("{grant:?}") };
    let active =
        kimbai_core::grant::Active { generation: Generation::new(Generation::MAX.number() - 1).unwrap(), ..active };
    let last = rotate(&store, &Grant { state: State::Active(active), ..grant }).await;
    let outcome = store.rotate(REALM, last.id, rotation(&last), AttemptId(9)).await.unwrap();
    let Verdict::Refused(Some(Seen { grant, .. })) = outcome.verdict else { panic!("{outcome:?}") };
    assert_eq!(grant, last);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_log_stays_bounded_under_writes() {
    let home = Home::new();
    let limits = LogLimits { copy_bytes: 256 << 10, wait_bytes: 1 << 20 };
    let store = Arc::new(home.open(Options { log: limits }).unwrap());
    let mut chains = JoinSet::new();
    for id in 1..=64 {
        let store = Arc::clone(&store);
        chains.spawn(async move {
            let mut grant = activate(&store, id << 32).await;
            for _ in 0..300 {
                grant = rotate(&store, &grant).await;
                assert!(store.lookup(REALM, grant.id).await.unwrap().seen.is_some());
            }
        });
    }
    let mut largest = 0;
    while !chains.is_empty() {
        drop(tokio::time::timeout(std::time::Duration::from_millis(1), chains.join_next()).await.map(Option::unwrap));
        largest = largest.max(std::fs::metadata(home.file("kimbai.db-wal")).unwrap().len());
    }
    // One batch may lie beyond the limit: of 64 grants, each in a page of its own.
    assert!(largest <= limits.wait_bytes + (1 << 20), "the log grew to {largest} bytes");
    assert!(largest >= limits.copy_bytes, "the log was never copied: {largest} bytes");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn space_is_used_again() {
    let home = Home::new();
    let store = Arc::new(home.store());
    let mut sizes = Vec::new();
    for round in 0..8_u64 {
        let mut opened = JoinSet::new();
        for number in 0..2_000 {
            let store = Arc::clone(&store);
            opened.spawn(async move { activate(&store, (round * 10_000 + number) << 32).await });
        }
        opened.join_all().await;
        home.clock.advance_s(700);
        let mut cursor = None;
        loop {
            cursor = store.sweep(cursor, 500, 0).await.unwrap().cursor;
            if cursor.is_none() {
                break;
            }
        }
        let pages: i64 = home.database().query_row("PRAGMA page_count", [], |row| row.get(0)).unwrap();
        sizes.push(pages);
    }
    assert!(sizes[7] <= sizes[1] + sizes[1] / 10, "pages after each round: {sizes:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_batch_does_not_fail_for_one_member() {
    let home = Home::new();
    let store = Arc::new(home.store());
    let mut changes = JoinSet::new();
    for number in 0..200_u8 {
        let store = Arc::clone(&store);
        // Two of each session, and a grant beside them.
        changes.spawn(async move {
            activate(&store, u64::from(number) + 1).await;
            store.put_session(REALM, SessionId([number / 2; 16]), UserNumber(1), 0).await.map(drop)
        });
    }
    let answers = changes.join_all().await;
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 100);
    assert_eq!(answers.iter().filter(|answer| **answer == Err(StoreError::Taken)).count(), 100);
    assert_eq!(store.grants(REALM, GrantsOf::Client(CLIENT), None, 1_000).await.unwrap().grants.len(), 200);
}

#[tokio::test]
async fn a_change_that_fails_leaves_nothing_behind() {
    let home = Home::new();
    let store = home.store();
    let add = || Change::AddKey { realm: REALM, usage: "seal".into(), sealed: vec![] };
    store.change((0..=u8::MAX).map(|_| add()).collect()).await.unwrap();
    assert_eq!(store.keys(REALM).await.unwrap().last().unwrap().number, u8::MAX);
    let answer = store.change(vec![add()]).await;
    assert!(matches!(answer, Err(StoreError::Unreadable(_))), "{answer:?}");
    let next: u32 = home.database().query_row("SELECT next FROM counters", [], |row| row.get(0)).unwrap();
    assert_eq!(next, 256, "the number it had drawn was given back");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_comes_beyond_the_queue_is_certainly_not_done() {
    let home = Home::new();
    let store = Arc::new(home.store());
    let mut opened = JoinSet::new();
    for id in 1..=30_000 {
        let store = Arc::clone(&store);
        opened.spawn(async move { (id, store.open(REALM, opening(id), AttemptId(id)).await.map(drop)) });
    }
    let answers = opened.join_all().await;
    let turned_away = answers.iter().filter(|(_, answer)| answer.is_err()).count() as u64;
    assert_eq!(store.figures().turned_away, turned_away);
    assert!(answers.iter().any(|(_, answer)| *answer == Err(StoreError::NotDone)), "30,000 at once are too many");
    for (id, answer) in answers {
        let there = store.lookup(REALM, GrantId(id)).await.unwrap().seen.is_some();
        assert_eq!(there, answer.is_ok(), "{id}: {answer:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_list_reads_20_000_rows_for_an_answer_and_says_where_to_go_on() {
    let home = Home::new();
    let store = Arc::new(home.store());
    for few in 0..5 {
        let mut opened = JoinSet::new();
        for id in 1..=4_000 {
            let store = Arc::clone(&store);
            let id = few * 4_000 + id;
            opened.spawn(async move { store.open(REALM, opening(id), AttemptId(id)).await.unwrap() });
        }
        opened.join_all().await;
    }
    home.clock.advance_s(61);
    store.open(REALM, opening(30_000), AttemptId(1)).await.unwrap();
    for of in [GrantsOf::Realm, GrantsOf::Client(CLIENT), GrantsOf::User(UserNumber(1))] {
        let first = store.grants(REALM, of, None, 10).await.unwrap();
        assert_eq!((first.grants.len(), first.next), (0, Some(GrantId(20_000))), "all of them are over");
        let last = store.grants(REALM, of, first.next, 10).await.unwrap();
        assert_eq!((last.grants.len(), last.next), (1, None));
    }
}

#[tokio::test]
async fn events_beyond_their_queue_are_dropped_and_counted() {
    let store = SqliteStore::open(Location::Memory, Clock::default(), Options::default()).unwrap();
    for _ in 0..100_000 {
        store.record(event("flood"));
    }
    store.draw_realm_number().await.unwrap();
    let stored = store.audit(REALM, AuditFilter::default(), u32::MAX).await.unwrap().len() as u64;
    assert_eq!(stored + store.figures().events_dropped, 100_000);
}

#[tokio::test]
async fn a_store_measures_what_it_does() {
    let home = Home::new();
    let store = home.store();
    let before = store.figures();
    rotate(&store, &activate(&store, 1).await).await;
    let after = store.figures();
    // Each of the three was answered before the next was sent.
    assert_eq!((after.batches - before.batches, after.batch_size_sum - before.batch_size_sum), (3, 3));
    assert_eq!(after.batch_sizes[0] - before.batch_sizes[0], 3);
    assert_eq!(after.batch_times.iter().sum::<u64>(), after.batches);
    assert!(after.batch_time_sum_us > before.batch_time_sum_us);
    assert!(after.log_bytes > before.log_bytes);
    assert_eq!(after.log_bytes, std::fs::metadata(home.file("kimbai.db-wal")).unwrap().len() / 4_120 * 4_120);
    assert_eq!(after.database_bytes, std::fs::metadata(home.file("kimbai.db")).unwrap().len());
    assert_eq!((after.waiting, after.turned_away, after.events_dropped, after.outages), (0, 0, 0, 0));
}

#[tokio::test]
async fn a_closed_store_takes_nothing() {
    for location in [Location::Memory, Location::Directory(tempfile::tempdir().unwrap().path().join("store"))] {
        let store = SqliteStore::open(location, Clock::default(), Options::default()).unwrap();
        let grant = activate(&store, 1).await;
        assert!(store.is_ready());
        assert!(store.available_since() <= store.now());
        store.close();
        store.close();
        assert!(!store.is_ready());
        let answer = store.rotate(REALM, grant.id, rotation(&grant), AttemptId(3)).await;
        assert_eq!(answer, Err(StoreError::NotDone));
        assert_eq!(store.lookup(REALM, grant.id).await, Err(StoreError::NotDone));
        assert_eq!(store.draw_realm_number().await, Err(StoreError::NotDone));
    }
}

fn event(event: &'static str) -> AuditEvent {
    AuditEvent { realm: REALM, event: event.into(), grant: Some(7), client: None, user: None, source: None }
}
