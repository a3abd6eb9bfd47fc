//! What a store of many live grants takes on disk and in memory, and how long it takes to open.
//!
//! `cargo bench -p kimbai-store --bench million -- [GRANTS] [DIRECTORY]`

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a measurement prints, and stops at the first failure"
)]

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use kimbai_core::grant::{
    CodeBinding, LogIn, Opening, Redemption, Rotation, Seen, ShortDigest, Start, State, Terms, Verdict,
};
use kimbai_core::number::{AttemptId, ClientNumber, GrantId, OrganizationNumber, RealmNumber, UserNumber};
use kimbai_core::scope::ScopeSet;
use kimbai_store::sqlite::{Location, LogLimits, Options, SqliteStore, restore};
use kimbai_store::{BackupProgress, Change, Clock, Ledger, Registry, Upkeep};
use tokio::task::JoinSet;

const TERMS: Terms = Terms { access_lifetime_s: 3_600, idle_lifetime_s: Some(30 * 86_400), sealing_key: 0 };
const REALM: RealmNumber = RealmNumber(1);
const USERS: u64 = 200_000;
const CLIENTS: u64 = 50;

fn main() {
    let mut arguments = std::env::args().skip(1).filter(|argument| !argument.starts_with("--"));
    let grants: u64 = arguments.next().map_or(1_000_000, |grants| grants.parse().unwrap());
    let temporary = tempfile::tempdir().unwrap();
    let directory = arguments.next().map_or(temporary.path().to_path_buf(), PathBuf::from);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(measure(&directory, grants));
}

async fn measure(directory: &Path, grants: u64) {
    let home = directory.join("store");
    let store = Arc::new(open(&home, Options::default()));
    load(&store, grants).await;
    store.close();
    drop(store);
    sizes(&home);

    let start = Instant::now();
    let store = Arc::new(open(&home, Options::default()));
    println!("{{\"case\":\"open_after_close\",\"ms\":{:.1}}}", millis(start));
    let memory = resident_kib();
    look_up(&store, grants).await;
    println!("{{\"case\":\"memory_after_a_million_look_ups\",\"kib\":{},\"before_kib\":{memory}}}", resident_kib());
    rotate_all(&store, grants).await;
    println!(
        "{{\"case\":\"memory_after_rotations\",\"kib\":{},\"anonymous_kib\":{}}}",
        resident_kib(),
        anonymous_kib()
    );
    let start = Instant::now();
    let done = store.backup(directory.join("copy.db"), Arc::default()).await.unwrap().unwrap();
    println!("{{\"case\":\"backup\",\"ms\":{:.1},\"bytes\":{}}}", millis(start), done.bytes);
    store.close();
    drop(store);
    sizes(&home);
    let start = Instant::now();
    restore(&directory.join("copy.db"), &directory.join("restored"), &BackupProgress::default()).unwrap();
    println!("{{\"case\":\"restore\",\"ms\":{:.1}}}", millis(start));
    killed(directory, grants).await;
}

/// Opens what is there of a store that was killed when its log was full.
async fn killed(directory: &Path, grants: u64) {
    let (home, copy) = (directory.join("store"), directory.join("killed"));
    let log = LogLimits { copy_bytes: 1 << 40, wait_bytes: 1 << 40 };
    let store = Arc::new(open(&home, Options { log }));
    while store.figures().log_bytes < 250 << 20 {
        rotate_all(&store, grants.min(20_000)).await;
    }
    std::fs::create_dir(&copy).unwrap();
    for name in ["kimbai.db", "kimbai.db-wal"] {
        std::fs::copy(home.join(name), copy.join(name)).unwrap();
    }
    let log_bytes = store.figures().log_bytes;
    store.close();
    let start = Instant::now();
    drop(open(&copy, Options::default()));
    println!("{{\"case\":\"open_after_kill\",\"log_bytes\":{log_bytes},\"ms\":{:.1}}}", millis(start));
}

fn open(directory: &Path, options: Options) -> SqliteStore {
    SqliteStore::open(Location::Directory(directory.to_path_buf()), Clock::default(), options).unwrap()
}

async fn load(store: &Arc<SqliteStore>, grants: u64) {
    for slice in 0..CLIENTS {
        let client_id = format!("client-{slice}");
        store.change(vec![Change::PutClient { realm: REALM, client_id, metadata: "{}".into() }]).await.unwrap();
    }
    let mut opened = JoinSet::new();
    for number in 0..grants {
        if opened.len() >= 1_000 {
            opened.join_next().await.unwrap().unwrap();
        }
        opened.spawn(activate(Arc::clone(store), number));
    }
    opened.join_all().await;
}

/// Some thousands a day, as they come.
fn id(number: u64) -> GrantId {
    GrantId(((1_790_000_000 + number * 2) << 32) | (spread(number) >> 32))
}

/// All 64 bits, for what is random in a real store.
const fn spread(number: u64) -> u64 {
    (number + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15)
}

fn client(number: u64) -> ClientNumber {
    ClientNumber(1 + u32::try_from(spread(number) % CLIENTS).unwrap())
}

/// One client has few redirect URIs; each grant has its own challenge.
fn binding(number: u64) -> CodeBinding {
    let redirect_uri = ShortDigest::of(&client(number).0.to_be_bytes());
    CodeBinding { redirect_uri, code_challenge: ShortDigest::of(&number.to_be_bytes()) }
}

async fn activate(store: Arc<SqliteStore>, number: u64) {
    let opening = Opening {
        id: id(number),
        client: client(number),
        user: UserNumber(1 + u32::try_from((spread(number) >> 20) % USERS).unwrap()),
        organization: OrganizationNumber::NONE,
        client_epoch: 0,
        user_epoch: 0,
        scope: ScopeSet(0b111_1111),
        auth_time_s: 1_790_000_000,
        log_in: LogIn::NONE,
        start: Start::Code { binding: binding(number), lifetime_s: 60 },
        absolute_lifetime_s: 365 * 86_400,
    };
    store.open(REALM, opening, AttemptId(spread(number))).await.unwrap();
    let redemption = Redemption { client: opening.client, binding: binding(number), terms: TERMS };
    store.redeem(REALM, opening.id, redemption, AttemptId(spread(number) ^ 1)).await.unwrap();
}

/// A million look-ups by four threads.
async fn look_up(store: &Arc<SqliteStore>, grants: u64) {
    let cpu = cpu_time();
    let tasks: Vec<_> = (0..4)
        .map(|task| {
            let store = Arc::clone(store);
            tokio::spawn(async move {
                for number in 0..250_000 {
                    let number = spread(number * 4 + task) % grants;
                    assert!(store.lookup(REALM, id(number)).await.unwrap().seen.is_some());
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    println!("{{\"case\":\"look_up\",\"cpu_us\":{:.2}}}", cpu_time().saturating_sub(cpu).as_secs_f64());
}

/// Each of so many grants once, spread over all of them, 256 at a time; says how fast.
async fn rotate_all(store: &Arc<SqliteStore>, count: u64) {
    let (start, cpu) = (Instant::now(), cpu_time());
    let tasks: Vec<_> = (0..256)
        .map(|task| {
            let store = Arc::clone(store);
            tokio::spawn(async move {
                for number in (task..count).step_by(256) {
                    let number = number.wrapping_mul(618_033_989) % count;
                    let look = store.lookup(REALM, id(number)).await.unwrap();
                    rotate(&store, number, &look.seen.unwrap()).await;
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let counted = f64::from(u32::try_from(count).unwrap());
    println!(
        "{{\"case\":\"look_up_and_rotate\",\"count\":{count},\"per_s\":{:.0},\"cpu_us\":{:.2},\"log_bytes\":{}}}",
        counted / start.elapsed().as_secs_f64(),
        cpu_time().saturating_sub(cpu).as_secs_f64() * 1e6 / counted,
        store.figures().log_bytes
    );
}

async fn rotate(store: &SqliteStore, number: u64, seen: &Seen) {
    let State::Active(active) = seen.grant.state else { panic!("not active") };
    let (generation, rotated_low) = (active.generation, active.rotated.low_bits());
    let rotation = Rotation { client: seen.grant.client, generation, rotated_low, terms: TERMS };
    let attempt = AttemptId(spread(number) ^ u64::from(generation.number()) << 8);
    let outcome = store.rotate(REALM, seen.grant.id, rotation, attempt).await.unwrap();
    assert!(matches!(outcome.verdict, Verdict::Done(_)));
}

/// Bytes of each table and index.
fn sizes(home: &Path) {
    let database = rusqlite::Connection::open(home.join("kimbai.db")).unwrap();
    let sql = "SELECT name, pgsize, unused, ncell FROM dbstat WHERE aggregate = TRUE ORDER BY pgsize DESC LIMIT 4";
    let mut statement = database.prepare(sql).unwrap();
    let mut rows = statement.query([]).unwrap();
    while let Some(row) = rows.next().unwrap() {
        let (name, bytes): (String, i64) = (row.get(0).unwrap(), row.get(1).unwrap());
        let (unused, cells): (i64, i64) = (row.get(2).unwrap(), row.get(3).unwrap());
        println!("{{\"case\":\"size\",\"of\":\"{name}\",\"bytes\":{bytes},\"unused\":{unused},\"cells\":{cells}}}");
    }
    let bytes = std::fs::metadata(home.join("kimbai.db")).unwrap().len();
    println!("{{\"case\":\"size\",\"of\":\"file\",\"bytes\":{bytes}}}");
}

fn resident_kib() -> u64 {
    status("VmRSS:")
}

/// Without what is mapped from files.
fn anonymous_kib() -> u64 {
    status("RssAnon:")
}

fn status(name: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with(name)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// CPU time of this process, from the operating system, in steps of 10 ms.
fn cpu_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let (_, numbers) = stat.rsplit_once(')').unwrap();
    let ticks: u64 = numbers.split_whitespace().skip(11).take(2).map(|ticks| ticks.parse::<u64>().unwrap()).sum();
    Duration::from_millis(ticks * 10)
}

fn millis(start: Instant) -> f64 {
    start.elapsed().max(Duration::from_micros(1)).as_secs_f64() * 1e3
}
