//! How many durable rotations a second the store carries out, and what each costs in CPU time, all threads together.
//!
//! `cargo bench -p kimbai-store --bench rotate -- [SECONDS] [GRANTS] [LOG_MIB] [DIRECTORY]`

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a measurement prints, and stops at the first failure"
)]

use std::fs::File;
use std::io::{Seek, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use kimbai_core::grant::{
    CodeBinding, LogIn, Opening, Redemption, Rotation, Seen, ShortDigest, Start, State, Terms, Verdict,
};
use kimbai_core::number::{AttemptId, ClientNumber, GrantId, OrganizationNumber, RealmNumber, UserNumber};
use kimbai_core::scope::ScopeSet;
use kimbai_store::sqlite::{Location, LogLimits, Options, SqliteStore};
use kimbai_store::suite::{put_client, put_user};
use kimbai_store::{Clock, Ledger};
use tokio::task::JoinSet;

const TERMS: Terms = Terms { access_lifetime_s: 3_600, idle_lifetime_s: Some(30 * 86_400), sealing_key: 0 };
const BINDING: CodeBinding = CodeBinding { redirect_uri: ShortDigest([7; 16]), code_challenge: ShortDigest::ABSENT };
const REALM: RealmNumber = RealmNumber(1);
const CLIENT: ClientNumber = ClientNumber(1);

fn main() {
    let mut arguments = std::env::args().skip(1).filter(|argument| !argument.starts_with("--"));
    let seconds: u64 = arguments.next().map_or(3, |seconds| seconds.parse().unwrap());
    let grants: u64 = arguments.next().map_or(10_000, |grants| grants.parse().unwrap());
    let log = arguments.next().map_or(LogLimits::default(), |mib| {
        let copy_bytes = mib.parse::<u64>().unwrap() << 20;
        LogLimits { copy_bytes, wait_bytes: copy_bytes * 4 }
    });
    let temporary = tempfile::tempdir().unwrap();
    let directory = arguments.next().map_or(temporary.path().to_path_buf(), PathBuf::from);
    println!("{{\"case\":\"disk\",\"fdatasync_per_s\":{:.0}}}", flushes_per_s(&directory));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(measure(&directory, Options { log }, grants, Duration::from_secs(seconds)));
}

async fn measure(directory: &Path, options: Options, grants: u64, time: Duration) {
    let store = SqliteStore::open(Location::Directory(directory.join("store")), Clock::default(), options);
    let store = Arc::new(store.unwrap());
    put_client(&*store, REALM, "client").await;
    put_user(&*store, REALM, "user").await;
    let (mut rows, mut chains) = (Vec::new(), JoinSet::new());
    for number in 0..grants {
        if chains.len() >= 1_000 {
            rows.extend(chains.join_next().await.map(Result::unwrap));
        }
        chains.spawn(open(Arc::clone(&store), GrantId((1_790_000_000 + number) << 32)));
    }
    rows.extend(chains.join_all().await);
    for in_flight in [1, 64, 256] {
        rows = rotations(&store, rows, in_flight, time).await;
    }
    look_ups(&store, &rows, time).await;
    store.close();
}

/// So many tasks, each with its share of the grants, rotate without a pause.
async fn rotations(store: &Arc<SqliteStore>, rows: Vec<Seen>, in_flight: usize, time: Duration) -> Vec<Seen> {
    let (start, cpu) = (Instant::now(), cpu_time());
    let mut shares: Vec<Vec<Seen>> = (0..in_flight).map(|_| Vec::new()).collect();
    rows.into_iter().enumerate().for_each(|(n, row)| shares.get_mut(n % in_flight).unwrap().push(row));
    let tasks: Vec<_> =
        shares.into_iter().map(|share| tokio::spawn(rotate(Arc::clone(store), share, start, time))).collect();
    let (mut rows, mut times) = (Vec::new(), Vec::new());
    for task in tasks {
        let (share, taken) = task.await.unwrap();
        rows.extend(share);
        times.extend(taken);
    }
    let (elapsed, cpu) = (start.elapsed().as_secs_f64(), cpu_time().saturating_sub(cpu));
    times.sort_unstable();
    let count = f64::from(u32::try_from(times.len()).unwrap());
    let [p50, p99] = [50, 99].map(|percent| times.get(times.len() * percent / 100).unwrap().as_micros());
    println!(
        "{{\"case\":\"rotate\",\"in_flight\":{in_flight},\"per_s\":{:.0},\"cpu_us\":{:.2},\"p50_us\":{p50},\"p99_us\":{p99}}}",
        count / elapsed,
        cpu.as_secs_f64() * 1e6 / count,
    );
    rows
}

async fn rotate(
    store: Arc<SqliteStore>,
    mut share: Vec<Seen>,
    start: Instant,
    time: Duration,
) -> (Vec<Seen>, Vec<Duration>) {
    let mut times = Vec::new();
    let mut attempt = share.first().map_or(0, |seen| seen.grant.id.0);
    while start.elapsed() < time {
        for seen in &mut share {
            let State::Active(active) = seen.grant.state else { panic!("not active") };
            let rotation = Rotation {
                client: CLIENT,
                generation: active.generation,
                rotated_low: active.rotated.low_bits(),
                terms: TERMS,
            };
            attempt += 1;
            let sent = Instant::now();
            let outcome = store.rotate(REALM, seen.grant.id, rotation, AttemptId(attempt)).await.unwrap();
            times.push(sent.elapsed());
            let Verdict::Done(next) = outcome.verdict else { panic!("refused") };
            *seen = next;
            if start.elapsed() >= time {
                break;
            }
        }
    }
    (share, times)
}

async fn look_ups(store: &Arc<SqliteStore>, rows: &[Seen], time: Duration) {
    let (start, cpu) = (Instant::now(), cpu_time());
    let mut count = 0_u32;
    while start.elapsed() < time {
        for seen in rows.iter().step_by(7) {
            let look = store.lookup(REALM, seen.grant.id).await.unwrap();
            assert_eq!(look.seen.as_ref(), Some(seen));
            count += 1;
        }
    }
    let cpu_us = cpu_time().saturating_sub(cpu).as_secs_f64() * 1e6 / f64::from(count);
    println!(
        "{{\"case\":\"lookup\",\"per_s\":{:.0},\"cpu_us\":{cpu_us:.2}}}",
        f64::from(count) / start.elapsed().as_secs_f64()
    );
}

async fn open(store: Arc<SqliteStore>, id: GrantId) -> Seen {
    let opening = Opening {
        id,
        client: CLIENT,
        user: UserNumber(1),
        organization: OrganizationNumber::NONE,
        client_epoch: 0,
        user_epoch: 0,
        scope: ScopeSet(7),
        auth_time_s: 1_790_000_000,
        log_in: LogIn::NONE,
        start: Start::Code { binding: BINDING, lifetime_s: 60 },
        absolute_lifetime_s: 365 * 86_400,
    };
    store.open(REALM, opening, AttemptId(1)).await.unwrap();
    let redemption = Redemption { client: CLIENT, binding: BINDING, terms: TERMS };
    let outcome = store.redeem(REALM, id, redemption, AttemptId(2)).await.unwrap();
    let Verdict::Done(seen) = outcome.verdict else { panic!("refused") };
    seen
}

/// CPU time of this process, from the operating system, in steps of 10 ms.
fn cpu_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let (_, numbers) = stat.rsplit_once(')').unwrap();
    let ticks: u64 = numbers.split_whitespace().skip(11).take(2).map(|ticks| ticks.parse::<u64>().unwrap()).sum();
    Duration::from_millis(ticks * 10)
}

fn flushes_per_s(directory: &Path) -> f64 {
    let mut file = File::create(directory.join("flush")).unwrap();
    file.write_all(&vec![1; 1 << 20]).unwrap();
    file.sync_all().unwrap();
    let start = Instant::now();
    let mut count = 0_u32;
    while start.elapsed() < Duration::from_millis(500) {
        file.rewind().unwrap();
        file.write_all(&[2; 4_096]).unwrap();
        file.sync_data().unwrap();
        count += 1;
    }
    f64::from(count) / start.elapsed().as_secs_f64()
}
