//! Backups: whole, of one moment, while verbs go on, and nothing left of one that does not come to its end.

#![expect(clippy::unwrap_used, clippy::panic, reason = "tests stop at the first surprise")]

mod grants;

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use grants::{REALM, activate, rotate};
use kimbai_core::grant::{Grant, State};
use kimbai_core::number::GrantId;
use kimbai_store::sqlite::{Location, LogLimits, Options, RestoreError, SqliteStore, restore};
use kimbai_store::{AuditEvent, BackupDone, BackupError, BackupProgress, Clock, Ledger, Registry, StoreError, Upkeep};
use rusqlite::{Connection, OpenFlags};

struct Home {
    directory: tempfile::TempDir,
    store: Arc<SqliteStore>,
}

impl Home {
    fn new() -> Self {
        Self::with(Options::default())
    }

    fn with(options: Options) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let location = Location::Directory(directory.path().join("store"));
        let store = Arc::new(SqliteStore::open(location, Clock::default(), options).unwrap());
        Self { directory, store }
    }

    fn to(&self) -> PathBuf {
        self.directory.path().join("copy.db")
    }

    async fn backup(&self) -> Result<BackupDone, BackupError> {
        self.store.backup(self.to(), Arc::default()).await.unwrap()
    }

    /// What lies beside the store.
    fn files(&self) -> Vec<String> {
        names(self.directory.path())
    }

    /// Makes the database some megabytes large.
    async fn fill(&self) {
        for _ in 0..20 {
            for _ in 0..4_000 {
                let (event, source) = ("filling".into(), Some("x".repeat(100)));
                self.store.record(AuditEvent { realm: REALM, event, grant: None, client: None, user: None, source });
            }
            self.store.draw_realm_number().await.unwrap();
        }
    }
}

fn names(directory: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        directory.read_dir().unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort_unstable();
    names
}

fn read(path: &Path) -> Connection {
    Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap()
}

fn generation(copy: &Connection, id: GrantId) -> u32 {
    let column = (id.0 ^ (1 << 63)).cast_signed();
    copy.query_row("SELECT generation FROM grants WHERE id = ?1", [column], |row| row.get(0)).unwrap()
}

#[tokio::test]
async fn a_backup_is_one_whole_file_with_a_mark() {
    let home = Home::new();
    home.fill().await;
    let grant = rotate(&home.store, &activate(&home.store, 7).await).await;
    let progress = Arc::new(BackupProgress::default());
    let before = home.store.now();
    let done = home.store.backup(home.to(), Arc::clone(&progress)).await.unwrap().unwrap();
    assert_eq!(home.files(), ["copy.db", "store"]);
    let file = std::fs::metadata(home.to()).unwrap();
    assert_eq!((file.permissions().mode() & 0o777, file.len()), (0o600, done.bytes));
    for bytes in [&progress.done_bytes, &progress.all_bytes] {
        assert!(bytes.load(Ordering::Relaxed).abs_diff(done.bytes) <= 64 << 10, "{progress:?} of {done:?}");
    }
    let head = std::fs::read(home.to()).unwrap();
    assert_eq!(head[18..20], [1, 1], "it says of itself that it has no log");
    assert_eq!(head[68..72], *b"Kimb");

    let copy = read(&home.to());
    let whole: String = copy.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(whole, "ok");
    assert_eq!(generation(&copy, grant.id), 2);
    let mark = |connection: &Connection| {
        connection.query_row("SELECT value FROM meta WHERE key = 'backup'", [], |row| row.get::<_, [u8; 8]>(0))
    };
    let moment = i64::from_be_bytes(mark(&copy).unwrap());
    assert!((before.0..=home.store.now().0).contains(&moment));
    let own = read(&home.directory.path().join("store/kimbai.db"));
    assert_eq!(mark(&own), Err(rusqlite::Error::QueryReturnedNoRows), "only the copy has it");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_backup_under_load_comes_to_its_end_and_is_of_one_moment() {
    // Small, so that the log is copied and started anew while the backup is under way.
    let log = LogLimits { copy_bytes: 1 << 20, wait_bytes: 4 << 20 };
    let home = Home::with(Options { log });
    home.fill().await;
    let stop = Arc::new(AtomicBool::new(false));
    // Both of a pair are rotated in turn, so that in each moment they are at most one apart.
    let pairs: Vec<_> = (1..=32_u64)
        .map(|pair| {
            let (store, stop) = (Arc::clone(&home.store), Arc::clone(&stop));
            tokio::spawn(async move {
                let mut first = activate(&store, pair << 32).await;
                let mut second = activate(&store, (pair << 32) + 1).await;
                while !stop.load(Ordering::Relaxed) {
                    first = rotate(&store, &first).await;
                    second = rotate(&store, &second).await;
                }
                (first, second)
            })
        })
        .collect();
    while home.store.figures().batches < 100 {
        tokio::task::yield_now().await;
    }
    let before = home.store.figures().batches;
    home.backup().await.unwrap();
    let after = home.store.figures().batches;
    assert!(after > before, "verbs went on: {before} batches before it, {after} after it");
    stop.store(true, Ordering::Relaxed);
    let copy = read(&home.to());
    let whole: String = copy.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(whole, "ok");
    for pair in pairs {
        let (first, second) = pair.await.unwrap();
        let (copied, other) = (generation(&copy, first.id), generation(&copy, second.id));
        assert!(matches!(copied.checked_sub(other), Some(0 | 1)), "{copied} and {other} are not of one moment");
        assert!(copied <= number(&first));
    }
}

fn number(grant: &Grant) -> u32 {
    let State::Active(active) = grant.state else { panic!("{grant:?}") };
    active.generation.number()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_step_of_a_backup_keeps_a_verb_waiting_for_milliseconds() {
    let home = Home::new();
    home.fill().await;
    let mut grant = activate(&home.store, 1).await;
    let (store, to) = (Arc::clone(&home.store), home.to());
    let copying = tokio::spawn(async move { store.backup(to, Arc::default()).await });
    let mut slowest = Duration::ZERO;
    let mut during = 0;
    while !copying.is_finished() {
        let sent = Instant::now();
        grant = rotate(&home.store, &grant).await;
        slowest = slowest.max(sent.elapsed());
        during += 1;
    }
    copying.await.unwrap().unwrap().unwrap();
    assert!(during > 1, "{during} rotations were made meanwhile");
    // A step is about a millisecond; what is beyond it is the flush of a busy machine.
    assert!(slowest < Duration::from_millis(500), "one took {slowest:?}");
}

#[tokio::test]
async fn what_stands_in_the_way_of_a_backup_is_named_and_stays_as_it_is() {
    let home = Home::new();
    std::fs::write(home.to(), "mine").unwrap();
    let error = home.backup().await.unwrap_err();
    assert!(matches!(&error, BackupError::Exists(path) if *path == home.to()), "{error:?}");
    assert_eq!(std::fs::read(home.to()).unwrap(), b"mine");
    assert_eq!(home.files(), ["copy.db", "store"]);

    let nowhere = home.directory.path().join("nowhere/copy.db");
    let error = home.store.backup(nowhere.clone(), Arc::default()).await.unwrap().unwrap_err();
    assert!(matches!(&error, BackupError::Write { path, .. } if *path == nowhere), "{error:?}");
    assert!(error.to_string().contains("No such file or directory"), "{error}");
    assert_eq!(home.files(), ["copy.db", "store"]);

    let memory = SqliteStore::open(Location::Memory, Clock::default(), Options::default()).unwrap();
    let error = memory.backup(home.to(), Arc::default()).await.unwrap().unwrap_err();
    assert!(matches!(error, BackupError::Memory), "{error:?}");
}

#[tokio::test]
async fn the_rest_of_a_backup_that_was_killed_is_not_in_the_way() {
    let home = Home::new();
    let grant = activate(&home.store, 1).await;
    for end in ["", "-wal", "-journal"] {
        std::fs::write(home.directory.path().join(format!("copy.db.part{end}")), "rest").unwrap();
    }
    home.backup().await.unwrap();
    assert_eq!(home.files(), ["copy.db", "store"]);
    assert_eq!(generation(&read(&home.to()), grant.id), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn there_is_one_backup_at_a_time() {
    let home = Home::new();
    home.fill().await;
    let progress = Arc::new(BackupProgress::default());
    let mut first = home.store.backup(home.to(), Arc::clone(&progress));
    // It is under way once it was asked for its answer.
    tokio::select! {
        biased;
        done = &mut first => panic!("{done:?} at once"),
        () = tokio::task::yield_now() => {}
    }
    let second = home.store.backup(home.directory.path().join("other.db"), Arc::default()).await.unwrap();
    assert!(matches!(second, Err(BackupError::Busy)), "{second:?}");
    first.await.unwrap().unwrap();
    home.store.backup(home.directory.path().join("other.db"), Arc::default()).await.unwrap().unwrap();
    assert_eq!(home.files(), ["copy.db", "other.db", "store"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nothing_is_left_of_a_backup_when_the_store_is_closed_or_its_caller_goes() {
    let home = Home::new();
    home.fill().await;
    for end in [End::CallerGoes, End::StoreCloses] {
        let progress = Arc::new(BackupProgress::default());
        let (store, to, shown) = (Arc::clone(&home.store), home.to(), Arc::clone(&progress));
        let copying = tokio::spawn(async move { store.backup(to, shown).await });
        while progress.done_bytes.load(Ordering::Relaxed) == 0 {
            std::hint::spin_loop();
        }
        match end {
            End::CallerGoes => {
                copying.abort();
                assert!(copying.await.unwrap_err().is_cancelled());
                // It ends between two batches: this is answered in a later one.
                let start = Instant::now();
                while home.files() != ["store"] {
                    home.store.draw_realm_number().await.unwrap();
                    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", home.files());
                }
            }
            End::StoreCloses => {
                home.store.close();
                let answer = copying.await.unwrap().unwrap();
                assert!(matches!(answer, Err(BackupError::Interrupted(_))), "{answer:?}");
            }
        }
        assert_eq!(home.files(), ["store"]);
    }
    let answer = home.store.backup(home.to(), Arc::default()).await;
    assert!(matches!(answer, Err(StoreError::NotDone)), "{answer:?}");
    assert_eq!(home.files(), ["store"]);
}

enum End {
    CallerGoes,
    StoreCloses,
}

#[test]
fn a_full_disk_keeps_nothing_of_a_backup() {
    // A disk of its own, which is there for this process alone.
    let disk = tempfile::tempdir().unwrap();
    let inner = "mount -t tmpfs -o size=1m none \"$1\" && \
        exec env KIMBAI_TEST_DISK=\"$1\" \"$2\" --exact --ignored --nocapture a_backup_on_a_small_disk";
    let status = Command::new("unshare")
        .args(["--user", "--map-root-user", "--mount", "sh", "-c", inner, "sh"])
        .arg(disk.path())
        .arg(std::env::current_exe().unwrap())
        .status()
        .unwrap();
    assert!(status.success(), "see above; without the right to mount, allow user namespaces");
}

#[tokio::test]
#[ignore = "a_full_disk_keeps_nothing_of_a_backup runs it, on a disk of one megabyte"]
async fn a_backup_on_a_small_disk() {
    let disk = PathBuf::from(std::env::var_os("KIMBAI_TEST_DISK").unwrap());
    let home = Home::new();
    home.fill().await;
    let mut grant = activate(&home.store, 1).await;
    let to = disk.join("copy.db");
    for _ in 0..2 {
        let error = home.store.backup(to.clone(), Arc::default()).await.unwrap().unwrap_err();
        assert!(matches!(&error, BackupError::Full(path) if *path == to), "{error:?}");
        assert!(names(&disk).is_empty());
        assert!(home.store.is_ready(), "it is the copy's disk that is full");
        grant = rotate(&home.store, &grant).await;
    }
    home.backup().await.unwrap();
    let error = restore(&home.to(), &disk.join("store"), &BackupProgress::default()).unwrap_err();
    assert!(matches!(error, RestoreError::Full(_)), "{error:?}");
    assert_eq!(names(&disk.join("store")), ["kimbai.lock"]);
}
