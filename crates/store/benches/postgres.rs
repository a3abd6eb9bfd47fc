//! How many durable rotations a second the store carries out on PostgreSQL, and what each costs in CPU time, here and in
//! PostgreSQL, by the form of the statements, the number of lanes and what is in flight. `fsync` is on; nothing else on
//! the machine should work.
//!
//! `cargo bench -p kimbai-store --bench postgres -- [SECONDS] [GRANTS]`

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a measurement prints, and stops at the first failure"
)]

use std::sync::Arc;
use std::time::{Duration, Instant};

use kimbai_core::grant::{
    CodeBinding, LogIn, Opening, Redemption, Rotation, Seen, ShortDigest, Start, State, Terms, Verdict,
};
use kimbai_core::number::{AttemptId, ClientNumber, GrantId, OrganizationNumber, RealmNumber, UserNumber};
use kimbai_core::scope::ScopeSet;
use kimbai_postgres_fixture::{Server, Version};
use kimbai_store::Ledger;
use kimbai_store::postgres::{Options, PostgresStore, Statements};
use kimbai_store::suite::{put_client, put_realm, put_user};
use tokio::task::JoinSet;

const TERMS: Terms = Terms { access_lifetime_s: 3_600, idle_lifetime_s: Some(30 * 86_400), sealing_key: 0 };
const BINDING: CodeBinding = CodeBinding { redirect_uri: ShortDigest([7; 16]), code_challenge: ShortDigest::ABSENT };
const REALM: RealmNumber = RealmNumber(1);
const CLIENT: ClientNumber = ClientNumber(1);

fn main() {
    let mut arguments = std::env::args().skip(1).filter(|argument| !argument.starts_with("--"));
    let seconds: u64 = arguments.next().map_or(3, |seconds| seconds.parse().unwrap());
    let grants: u64 = arguments.next().map_or(10_000, |grants| grants.parse().unwrap());
    let version = *Version::under_test().last().unwrap();
    let server = Server::start(version, &[("fsync", "on"), ("max_wal_size", "4GB"), ("shared_buffers", "512MB")]);
    let database = server.fresh_database();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut rows = None;
        for statements in [Statements::Batched, Statements::Single] {
            for lanes in [1, 2, 4, 8] {
                let options = Options { statements, lanes, ..Options::default() };
                let store = Arc::new(PostgresStore::open(&database.url().parse().unwrap(), options).await.unwrap());
                let mut grants = match rows.take() {
                    Some(rows) => rows,
                    None => fill(&store, grants).await,
                };
                for in_flight in [64, 256] {
                    print!("{{\"version\":{},\"statements\":\"{statements:?}\",\"lanes\":{lanes},", version.major());
                    grants = rotations(&server, &store, grants, in_flight, Duration::from_secs(seconds)).await;
                }
                rows = Some(grants);
                store.close().await;
            }
        }
    });
    println!(
        "{}",
        database.sql("SELECT n_tup_upd, n_tup_hot_upd, n_dead_tup FROM pg_stat_user_tables WHERE relname = 'grants'")
    );
}

async fn fill(store: &Arc<PostgresStore>, grants: u64) -> Vec<Seen> {
    assert_eq!(put_realm(&**store, "realm").await, REALM);
    put_client(&**store, REALM, "client").await;
    put_user(&**store, REALM, "user").await;
    let (mut rows, mut chains) = (Vec::new(), JoinSet::new());
    for number in 0..grants {
        if chains.len() >= 1_000 {
            rows.extend(chains.join_next().await.map(Result::unwrap));
        }
        chains.spawn(open(Arc::clone(store), GrantId((1_790_000_000 + number) << 32)));
    }
    rows.extend(chains.join_all().await);
    rows
}

/// So many tasks, each with its share of the grants, rotate without a pause.
async fn rotations(
    server: &Server,
    store: &Arc<PostgresStore>,
    rows: Vec<Seen>,
    in_flight: usize,
    time: Duration,
) -> Vec<Seen> {
    let before = store_batches(store);
    let (start, cpu, server_cpu) = (Instant::now(), cpu_time(), server.cpu_time());
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
    let elapsed = start.elapsed().as_secs_f64();
    let (cpu, server_cpu) = (cpu_time().saturating_sub(cpu), server.cpu_time().saturating_sub(server_cpu));
    let batches = store_batches(store) - before;
    times.sort_unstable();
    let count = f64::from(u32::try_from(times.len()).unwrap());
    let [p50, p99] = [50, 99].map(|percent| times.get(times.len() * percent / 100).unwrap().as_micros());
    println!(
        "\"in_flight\":{in_flight},\"per_s\":{:.0},\"cpu_us\":{:.2},\"postgres_cpu_us\":{:.2},\"batch\":{:.1},\
         \"p50_us\":{p50},\"p99_us\":{p99}}}",
        count / elapsed,
        cpu.as_secs_f64() * 1e6 / count,
        server_cpu.as_secs_f64() * 1e6 / count,
        count / f64::from(u32::try_from(batches).unwrap()),
    );
    rows
}

fn store_batches(store: &PostgresStore) -> u64 {
    kimbai_store::Upkeep::figures(store).batches
}

async fn rotate(
    store: Arc<PostgresStore>,
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

async fn open(store: Arc<PostgresStore>, id: GrantId) -> Seen {
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
