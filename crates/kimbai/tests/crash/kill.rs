//! Kill -9 under load, again and again on the same data.

use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use crate::chain::Chain;
use crate::fixture::{Connection, Sandbox, Start, say};
use crate::random::Random;
use crate::visitor::Visitor;

const CHAINS: usize = 24;
/// So many chains have nothing under way when the server dies, which shows whether it remembers what it said last.
const RESTING: usize = 4;

#[derive(Default)]
struct Run {
    kills: u32,
    kills_at_start: u32,
    /// Acknowledged refreshes.
    rotations: u64,
    /// Requests whose answer did not come.
    open: u64,
    reuses: u32,
    loaded: Duration,
    starting: Duration,
}

#[tokio::test]
#[ignore = "run by ./test crash"]
async fn what_was_acknowledged_survives_a_kill_and_no_chain_forks() {
    let kills = if std::env::var_os("KIMBAI_TEST_LONG").is_some_and(|long| long == "1") { 1_000 } else { 100 };
    let mut random = Random::seeded();
    let data = tempfile::tempdir().unwrap();
    let start = Start::new(Some(&data.path().join("data")));
    let (mut sandbox, mut run) = (start.start(), Run::default());
    let (mut chains, mut visitor) = (begin(&sandbox).await, Visitor::default());
    while run.kills < kills {
        (chains, visitor) = load(sandbox, (chains, visitor), &mut run, &mut random).await;
        sandbox = restart(&start, &mut run, &mut random).await;
        let port = sandbox.marketplace();
        chains = check(chains, port).await;
        let (redeemed, revoked) = visitor.check(port, 3).await;
        let victim = usize::try_from(random.within(0..CHAINS as u64)).unwrap();
        if chains[victim].check_reuse(port).await {
            run.reuses += 1;
            chains[victim] = Chain::begin(victim, &mut Connection::to(port)).await;
        }
        if run.kills.is_multiple_of(10) {
            run.report(redeemed, revoked);
        }
    }
    finish(sandbox, &start, chains, visitor).await;
    assert!(run.rotations > u64::from(kills) * 20, "that was no load: {} rotations", run.rotations);
    assert!(run.open > u64::from(kills), "hardly a request was under way at a kill: {}", run.open);
}

/// Lets all of them go on until the server is killed, 50 to 400 ms from now.
async fn load(
    sandbox: Sandbox,
    (chains, visitor): (Vec<Chain>, Visitor),
    run: &mut Run,
    random: &mut Random,
) -> (Vec<Chain>, Visitor) {
    let before: u64 = chains.iter().map(|chain| chain.rotations).sum();
    let port = sandbox.marketplace();
    let mut running = JoinSet::new();
    let visiting = tokio::spawn(visitor.run(port));
    let first_to_rest = random.within(0..CHAINS as u64);
    for chain in chains {
        let is_resting = (chain.number as u64 + first_to_rest) % (CHAINS as u64) < RESTING as u64;
        let rotations_max = if is_resting { random.within(0..20) } else { u64::MAX };
        running.spawn(chain.run(port, rotations_max));
    }
    let moment = Duration::from_millis(random.within(50..400));
    live(moment).await;
    sandbox.kill();
    run.kills += 1;
    run.loaded += moment;
    let mut chains = running.join_all().await;
    chains.sort_by_key(|chain| chain.number);
    run.rotations += chains.iter().map(|chain| chain.rotations).sum::<u64>() - before;
    run.open += chains.iter().map(|chain| u64::from(chain.is_open)).sum::<u64>();
    (chains, visiting.await.unwrap())
}

#[expect(clippy::disallowed_methods, reason = "a random moment is what is wanted")]
async fn live(moment: Duration) {
    tokio::time::sleep(moment).await;
}

/// Starts the server on its data again; every fifth time it is killed while it starts.
async fn restart(start: &Start, run: &mut Run, random: &mut Random) -> Sandbox {
    if random.within(0..5) == 0 {
        kill_while_starting(start, random).await;
        run.kills_at_start += 1;
    }
    let begun = Instant::now();
    let sandbox = start.start();
    run.starting += begun.elapsed();
    sandbox
}

async fn kill_while_starting(start: &Start, random: &mut Random) {
    let mut child = start.command().spawn().unwrap();
    live(Duration::from_millis(random.within(0..60))).await;
    child.kill().unwrap();
    child.wait().unwrap();
}

async fn begin(sandbox: &Sandbox) -> Vec<Chain> {
    let mut connection = Connection::to(sandbox.marketplace());
    let mut chains = Vec::new();
    for number in 0..CHAINS {
        chains.push(Chain::begin(number, &mut connection).await);
    }
    chains
}

async fn check(chains: Vec<Chain>, port: u16) -> Vec<Chain> {
    let mut checking = JoinSet::new();
    for mut chain in chains {
        checking.spawn(async move {
            chain.check(port).await;
            chain
        });
    }
    let mut chains = checking.join_all().await;
    chains.sort_by_key(|chain| chain.number);
    chains
}

/// A clean stop keeps all of it too; then each chain is ended by its own old token.
async fn finish(sandbox: Sandbox, start: &Start, chains: Vec<Chain>, mut visitor: Visitor) {
    sandbox.terminate();
    let ended = sandbox.wait();
    assert!(ended.status.success() && ended.stdout.is_empty(), "{ended:?}");
    let sandbox = start.start();
    let port = sandbox.marketplace();
    let chains = check(check(chains, port).await, port).await;
    visitor.check(port, 300).await;
    for chain in chains {
        assert!(chain.check_reuse(port).await);
    }
}

impl Run {
    fn report(&self, redeemed: usize, revoked: usize) {
        let Self { kills, kills_at_start, rotations, open, reuses, loaded, starting } = self;
        #[expect(clippy::cast_precision_loss, reason = "counts of a test")]
        let per_s = *rotations as f64 / loaded.as_secs_f64();
        say(&format!(
            "{kills} kills under load, {kills_at_start} at start; {rotations} rotations acknowledged ({per_s:.0}/s), \
             {open} unanswered; {redeemed} codes redeemed, {revoked} grants revoked, {reuses} reuses refused; \
             a start takes {:.0} ms",
            starting.as_secs_f64() * 1e3 / f64::from(*kills)
        ));
    }
}
