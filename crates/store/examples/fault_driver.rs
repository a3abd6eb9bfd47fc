//! Rotates in a loop and says on stdout what was answered, so that a test can kill it, or let its disk fail, and look
//! afterwards.
//!
//! `fault_driver DIRECTORY CHAINS [BACKUP]`: a line `ok GRANT GENERATION` for each acknowledged rotation, `unknown GRANT
//! GENERATION ATTEMPT` and `not-done GRANT GENERATION ATTEMPT` for the others, `ready MICROS` whenever the store is
//! reachable (again). With a file for backups, one after the other is made of some megabytes: `backup whole` or `backup
//! interrupted` for each.

#![expect(clippy::print_stdout, clippy::unwrap_used, clippy::panic, reason = "a driver of tests prints and gives up")]

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use kimbai_core::grant::{
    CodeBinding, LogIn, Opening, Redemption, Rotation, Seen, ShortDigest, Start, State, Terms, Verdict,
};
use kimbai_core::number::{AttemptId, ClientNumber, GrantId, OrganizationNumber, RealmNumber, UserNumber};
use kimbai_core::scope::ScopeSet;
use kimbai_store::sqlite::{Location, LogLimits, Options, SqliteStore};
use kimbai_store::{AuditEvent, BackupError, Clock, Ledger, Registry, StoreError, Upkeep};

const REALM: RealmNumber = RealmNumber(1);
const CLIENT: ClientNumber = ClientNumber(1);
const BINDING: CodeBinding = CodeBinding { redirect_uri: ShortDigest::ABSENT, code_challenge: ShortDigest::ABSENT };
const TERMS: Terms = Terms { access_lifetime_s: 3_600, idle_lifetime_s: None, sealing_key: 0 };

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let directory = PathBuf::from(arguments.next().unwrap());
    let chains: u64 = arguments.next().unwrap().parse().unwrap();
    // Small, so that checkpoints are under way when the process dies.
    let log = LogLimits { copy_bytes: 1 << 20, wait_bytes: 4 << 20 };
    let store = SqliteStore::open(Location::Directory(directory), Clock::default(), Options { log });
    let store = Arc::new(store.unwrap_or_else(|error| panic!("{error}: {error:?}")));
    let mut tasks = Vec::new();
    for chain in 1..=chains {
        tasks.push(tokio::spawn(rotate(Arc::clone(&store), GrantId(chain))));
    }
    if let Some(to) = arguments.next() {
        tasks.push(tokio::spawn(back_up(Arc::clone(&store), PathBuf::from(to))));
    }
    let mut since = None;
    loop {
        if store.is_ready() && since != Some(store.available_since()) {
            since = Some(store.available_since());
            println!("ready {}", store.available_since().0);
        }
        if !store.is_ready() {
            // Nothing is read either, until the log is proven: a retry would be served from it.
            let look = store.lookup(REALM, GrantId(1)).await;
            assert!(look.is_err() || store.is_ready(), "{look:?} was read while the store was away");
        }
        assert!(!tasks.iter().any(tokio::task::JoinHandle::is_finished), "a chain broke");
        pause(Duration::from_millis(5)).await;
    }
}

#[expect(clippy::disallowed_methods, reason = "there is no event to wait for: it keeps asking")]
async fn pause(time: Duration) {
    tokio::time::sleep(time).await;
}

/// One backup after the other, of a database that takes some steps.
async fn back_up(store: Arc<SqliteStore>, to: PathBuf) {
    for _ in 0..20 {
        for _ in 0..2_000 {
            let (event, source) = ("filling".into(), Some("x".repeat(100)));
            store.record(AuditEvent { realm: REALM, event, grant: None, client: None, user: None, source });
        }
        // What is answered was stored after them.
        drop(store.draw_realm_number().await);
    }
    loop {
        match store.backup(to.clone(), Arc::default()).await {
            Ok(Ok(_)) => {
                println!("backup whole");
                std::fs::remove_file(&to).unwrap();
            }
            Ok(Err(BackupError::Interrupted(_))) => {
                println!("backup interrupted");
                assert!(!to.exists(), "something is left of it");
            }
            // Its own file could not be flushed, or the store takes nothing now.
            Ok(Err(BackupError::Write { .. } | BackupError::Full(_))) | Err(_) => {
                assert!(!to.exists(), "something is left of it");
                pause(Duration::from_millis(2)).await;
            }
            Ok(Err(error)) => panic!("{error}"),
        }
    }
}

/// One chain: rotates without end, and repeats an attempt of which it was not told what came of it.
async fn rotate(store: Arc<SqliteStore>, id: GrantId) {
    let mut seen = begin(&store, id).await;
    let mut attempt = u64::from(std::process::id()) << 32;
    loop {
        let State::Active(active) = seen.grant.state else { panic!("{seen:?}") };
        let rotation = Rotation {
            client: CLIENT,
            generation: active.generation,
            rotated_low: active.rotated.low_bits(),
            terms: TERMS,
        };
        let next = active.generation.next().unwrap().number();
        let mut uncertain = false;
        seen = loop {
            // What was certainly not done is tried as a new attempt: had it been done after all, that would be refused.
            attempt += u64::from(!uncertain);
            match store.rotate(REALM, id, rotation, AttemptId(attempt)).await {
                Ok(outcome) => match outcome.verdict {
                    Verdict::Done(seen) => break seen,
                    Verdict::Refused(row) => panic!("{rotation:?} of attempt {attempt} was refused with {row:?}"),
                },
                Err(StoreError::Unknown) => {
                    uncertain = true;
                    println!("unknown {} {next} {attempt}", id.0);
                }
                Err(StoreError::NotDone) => println!("not-done {} {next} {attempt}", id.0),
                Err(error) => panic!("{error}"),
            }
            pause(Duration::from_millis(2)).await;
        };
        println!("ok {} {next}", id.0);
    }
}

/// Goes on where an earlier process stopped, or opens the grant.
async fn begin(store: &SqliteStore, id: GrantId) -> Seen {
    let opening = Opening {
        id,
        client: CLIENT,
        user: UserNumber(1),
        organization: OrganizationNumber::NONE,
        client_epoch: 0,
        user_epoch: 0,
        scope: ScopeSet(1),
        auth_time_s: 0,
        log_in: LogIn::NONE,
        start: Start::Code { binding: BINDING, lifetime_s: 600 },
        absolute_lifetime_s: 86_400,
    };
    let redemption = Redemption { client: CLIENT, binding: BINDING, terms: TERMS };
    loop {
        if let Ok(look) = store.lookup(REALM, id).await
            && let Some(seen) = look.seen
            && matches!(seen.grant.state, State::Active(_))
        {
            return seen;
        }
        drop(store.open(REALM, opening, AttemptId(1)).await);
        drop(store.redeem(REALM, id, redemption, AttemptId(2)).await);
    }
}
