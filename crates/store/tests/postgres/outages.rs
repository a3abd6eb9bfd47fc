//! What becomes of verbs while connections, standbys and servers fail.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use kimbai_core::grant::{EndReason, Revocation, State, Verdict};
use kimbai_core::number::{AttemptId, Generation};
use kimbai_postgres_fixture::{Database, Server, Stop, Version};
use kimbai_store::postgres::Options;
use kimbai_store::{Ledger, LogInKey, LogInLimits, Registry, SessionId, StoreError, Upkeep};

use crate::scene::{Scene, active, databases, done, forms, open, rotate, until};

const LIMITS: LogInLimits = LogInLimits {
    free_failures: 5,
    first_delay_s: 1,
    lock_failures: 10,
    lock_s: 900,
    source_failures: 100,
    source_window_s: 900,
    keys_max: 1_000,
};

fn options(deadline_s: u64) -> Options {
    Options { lanes: 2, pool: 2, deadline: Duration::from_secs(deadline_s), ..Options::default() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn connections_that_are_cut_under_load_lose_no_verb_and_fork_no_chain() {
    for (statements, database) in forms() {
        let scene = Scene::new(&database, Options { statements, ..options(20) }).await;
        let rows = scene.activated(64).await;
        let cuts = async {
            let mut cut = 0;
            let mut ticks = tokio::time::interval(Duration::from_millis(150));
            while cut < 10 {
                ticks.tick().await;
                let pids = database.sql(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                     WHERE datname = current_database() AND application_name = 'kimbai' AND query LIKE 'WITH t AS%'",
                );
                cut += usize::from(!pids.is_empty());
            }
        };
        let mut cuts = std::pin::pin!(cuts);
        let mut rows = rows;
        let mut round = 1;
        loop {
            let rotations = join_all(rows.iter().map(|seen| rotate(&scene.store, scene.realm, seen, round)));
            let outcomes = tokio::select! {
                biased;
                () = &mut cuts => break,
                outcomes = rotations => outcomes,
            };
            for (row, outcome) in rows.iter_mut().zip(outcomes) {
                let next = done(&outcome.unwrap());
                assert_eq!(Some(active(&next).generation), active(row).generation.next(), "{statements:?}");
                *row = next;
            }
            round += 1;
        }
        // The last round may have been carried out or not; never twice.
        let looks = join_all(rows.iter().map(|row| scene.store.lookup(scene.realm, row.grant.id))).await;
        for (row, look) in rows.iter().zip(looks) {
            let (known, now) =
                (active(row).generation.number(), active(&look.unwrap().seen.unwrap()).generation.number());
            assert!(now == known || now == known + 1, "{statements:?}: {known} became {now}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotation_that_its_standby_does_not_have_is_not_answered_until_it_has() {
    for_each_version(async |server| {
        let database = server.fresh_database();
        let scene = Scene::new(&database, options(60)).await;
        let first = scene.activated(1).await.remove(0);
        wait_for_standby(server).await;
        let mut rotation = Box::pin(rotate(&scene.store, scene.realm, &first, 9));
        cancelled_thrice(&database, &mut rotation).await;
        assert_eq!(database.sql("SELECT generation FROM kimbai.grants"), "2", "it is visible, and not answered");
        wait_for_no_standby(server);
        let seen = done(&rotation.await.unwrap());
        assert_eq!((active(&seen).generation.number(), seen.grant.attempt.0), (2, 9));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revocation_that_its_standby_does_not_have_is_not_answered_until_it_has() {
    for_each_version(async |server| {
        let database = server.fresh_database();
        // What the role is told to be spared is the only sign.
        server.sql("postgres", "ALTER ROLE kimbai SET client_min_messages = error");
        let scene = Scene::new(&database, options(60)).await;
        let id = scene.activated(1).await.remove(0).grant.id;
        wait_for_standby(server).await;
        let grant = Revocation::Grant(EndReason::RevokedByClient);
        let revoke = |revocation, attempt| scene.store.revoke(scene.realm, id, revocation, AttemptId(attempt));
        let mut revocation = revoke(grant, 9);
        cancelled_thrice(&database, &mut revocation).await;
        assert_eq!(database.sql("SELECT state FROM kimbai.grants"), "2", "it is visible, and not answered");
        drop(revocation);
        // Another attempt, as after a restart, finds the grant ended, which is as little durable.
        for revocation in [grant, Revocation::AccessThrough(Generation::FIRST)] {
            cancelled_thrice(&database, &mut revoke(revocation, 10)).await;
        }
        let again = revoke(grant, 11);
        wait_for_no_standby(server);
        let seen = again.await.unwrap().seen.unwrap();
        assert!(matches!(seen.grant.state, State::Ended { reason: EndReason::RevokedByClient, .. }), "{seen:?}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retry_is_not_answered_from_a_rotation_that_its_standby_does_not_have() {
    for_each_version(async |server| {
        let database = server.fresh_database();
        let scene = Scene::new(&database, options(60)).await;
        let first = scene.activated(1).await.remove(0);
        wait_for_standby(server).await;
        cancelled_thrice(&database, &mut Box::pin(rotate(&scene.store, scene.realm, &first, 9))).await;
        let mut retry = Box::pin(rotate(&scene.store, scene.realm, &first, 10));
        cancelled_thrice(&database, &mut retry).await;
        wait_for_no_standby(server);
        match retry.await.unwrap().verdict {
            Verdict::Refused(Some(seen)) => {
                assert_eq!((active(&seen).generation.number(), seen.grant.attempt), (2, AttemptId(9)));
            }
            verdict @ (Verdict::Done(_) | Verdict::Refused(None)) => panic!("{verdict:?}"),
        }
    })
    .await;
}

/// On a server of one's own, of each version under test.
async fn for_each_version(test: impl AsyncFn(&Server)) {
    for version in Version::under_test() {
        test(&Server::start(*version, &[])).await;
    }
}

/// From now on no commit is durable.
async fn wait_for_standby(server: &Server) {
    server.sql("postgres", "ALTER SYSTEM SET synchronous_standby_names = 'nobody'");
    server.sql("postgres", "SELECT pg_reload_conf()");
    until("the standby is waited for", || server.sql("postgres", "SHOW synchronous_standby_names") == "nobody").await;
}

fn wait_for_no_standby(server: &Server) {
    server.sql("postgres", "ALTER SYSTEM RESET synchronous_standby_names");
    server.sql("postgres", "SELECT pg_reload_conf()");
}

/// Waits until waits for the standby were cancelled three times, in which nothing is answered. A cancelled wait says no more
/// than a warning; the commit stands here, and would be lost with this server.
async fn cancelled_thrice<T: std::fmt::Debug>(database: &Database<'_>, verb: &mut (impl Future<Output = T> + Unpin)) {
    let cancelled = async {
        for _ in 0..3 {
            let cancel = "SELECT count(pg_cancel_backend(pid)) FROM pg_stat_activity \
                 WHERE datname = current_database() AND wait_event = 'SyncRep'";
            until("somebody waits for the standby", || database.sql(cancel) != "0").await;
        }
    };
    tokio::select! {
        answer = verb => panic!("answered without a standby: {answer:?}"),
        () = cancelled => {}
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_on_an_overtaken_timeline_is_not_asked_and_one_of_another_cluster_is() {
    for_each_version(async |server| {
        let database = server.fresh_database();
        let scene = Scene::new(&database, options(2)).await;
        let rows = scene.activated(1).await;
        server.stop(Stop::Fast);
        let (data, old) = (server.data_directory(), server.data_directory().with_extension("old"));
        let run = |program: &str, arguments: &[&std::ffi::OsStr]| {
            assert!(Command::new(program).args(arguments).status().unwrap().success(), "{program}");
        };
        run("cp", &["-a".as_ref(), data.as_os_str(), old.as_os_str()]);
        std::fs::write(data.join("standby.signal"), "").unwrap();
        server.start_again();
        assert_eq!(server.sql("postgres", "SELECT pg_promote()"), "t");
        until("the new timeline is served", || scene.store.is_ready()).await;
        let rotated = done(&rotate(&scene.store, scene.realm, &rows[0], 5).await.unwrap());
        assert_eq!(active(&rotated).generation.number(), 2);

        server.stop(Stop::Fast);
        run("rm", &["-r".as_ref(), data.as_os_str()]);
        run("mv", &[old.as_os_str(), data.as_os_str()]);
        server.start_again();
        assert_eq!(database.sql("SELECT generation FROM kimbai.grants"), "1", "the old server is up");
        assert_eq!(scene.store.lookup(scene.realm, rows[0].grant.id).await, Err(StoreError::NotDone));
        assert_eq!(rotate(&scene.store, scene.realm, &rows[0], 6).await, Err(StoreError::NotDone));
        assert!(!scene.store.is_ready());
        assert_eq!(database.sql("SELECT generation FROM kimbai.grants"), "1", "nothing was written there");

        server.stop(Stop::Fast);
        make_another_cluster(&data);
        let moved = scene.store.now();
        server.start_again();
        until("the other cluster is served", || scene.store.is_ready()).await;
        assert!(scene.store.available_since() > moved, "retries are counted from the move");
        let rotated = done(&rotate(&scene.store, scene.realm, &rows[0], 7).await.unwrap());
        assert_eq!(active(&rotated).generation.number(), 2);
    })
    .await;
}

/// Gives the cluster of a server that has stopped another number, as if it had been made anew and had got the same data:
/// in its control file, which ends with a checksum, and at the head of each file of its log.
#[expect(clippy::indexing_slicing, reason = "a test stops at the first surprise")]
fn make_another_cluster(data: &Path) {
    let file = data.join("global/pg_control");
    let mut control = std::fs::read(&file).unwrap();
    let is_sum = |end: &usize| crc32c(&control[..*end]).to_le_bytes() == control[*end..*end + 4];
    let end = (64..control.len() - 4).step_by(4).find(is_sum).unwrap();
    control[0] ^= 1;
    let sum = crc32c(&control[..end]);
    control[end..end + 4].copy_from_slice(&sum.to_le_bytes());
    std::fs::write(file, &control).unwrap();
    for entry in std::fs::read_dir(data.join("pg_wal")).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            let mut log = std::fs::read(&path).unwrap();
            log[24..32].copy_from_slice(&control[..8]);
            std::fs::write(path, log).unwrap();
        }
    }
}

fn crc32c(bytes: &[u8]) -> u32 {
    let step = |sum: u32, byte: &u8| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| if sum & 1 == 1 { (sum >> 1) ^ 0x82f6_3b78 } else { sum >> 1 })
    };
    !bytes.iter().fold(u32::MAX, step)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn while_no_commit_ends_no_server_is_ready_and_retries_are_counted_from_the_end() {
    for_each_version(async |server| {
        let database = server.fresh_database();
        let scene = Scene::new(&database, options(2)).await;
        let idle = open(&database, options(2)).await;
        let first = scene.activated(1).await.remove(0);
        until("both are ready", || scene.store.is_ready() && idle.is_ready()).await;
        wait_for_standby(server).await;
        let begun = Instant::now();
        assert_eq!(rotate(&scene.store, scene.realm, &first, 9).await, Err(StoreError::Unknown));
        until("both know", || !scene.store.is_ready() && !idle.is_ready()).await;
        assert!(begun.elapsed() < Duration::from_secs(8), "after {:?}", begun.elapsed());
        let look = idle.lookup(scene.realm, first.grant.id).await.unwrap();
        assert_eq!(active(&look.seen.unwrap()).generation.number(), 1, "look-ups are answered");
        until("it has taken long", || begun.elapsed() > Duration::from_secs(7)).await;
        let end = idle.now();
        wait_for_no_standby(server);
        until("both are ready again", || scene.store.is_ready() && idle.is_ready()).await;
        for store in [&*scene.store, &idle] {
            let (since, now) = (store.available_since(), store.now());
            assert!(since > end && since < now, "since {since:?}, and {now:?} now");
            assert_eq!(store.figures().outages, 0);
        }
        assert!(matches!(
            rotate(&idle, scene.realm, &first, 10).await.unwrap().verdict,
            Verdict::Refused(Some(seen)) if active(&seen).generation.number() == 2
        ));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frozen_server_is_not_ready_within_seconds() {
    for_each_version(async |server| {
        let database = server.fresh_database();
        let scene = Scene::new(&database, options(2)).await;
        until("it is ready", || scene.store.is_ready()).await;
        server.pause();
        let begun = Instant::now();
        until("it is known", || !scene.store.is_ready()).await;
        assert!(begun.elapsed() < Duration::from_secs(6), "after {:?}", begun.elapsed());
        server.resume();
        until("it is ready again", || scene.store.is_ready()).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_but_verbs_is_answered_either_before_its_standby_has_it() {
    for_each_version(async |server| {
        let database = server.fresh_database();
        let scene = Scene::new(&database, options(60)).await;
        let (store, realm) = (&scene.store, scene.realm);
        let id = SessionId([1; 16]);
        store.put_session(realm, id, scene.user, 0).await.unwrap();
        wait_for_standby(server).await;
        // What must not be repeated is of unknown outcome. A lane may wait as well, for its own sake.
        let cancelled = async {
            let cancel = "SELECT count(pg_cancel_backend(pid)) FROM pg_stat_activity WHERE datname = current_database() \
                 AND wait_event = 'SyncRep' AND query NOT LIKE '%pg_logical_emit_message%'";
            until("somebody waits for the standby", || database.sql(cancel) != "0").await;
        };
        let [account, source] = [LogInKey([1; 16]), LogInKey([2; 16])];
        let (counted, ()) = tokio::join!(store.count_log_in(realm, account, source, LIMITS), cancelled);
        assert_eq!(counted, Err(StoreError::Unknown));
        // What may be is, and answered when the standby has what it finds done.
        let mut removed = Box::pin(store.remove_session(realm, id));
        cancelled_thrice(&database, &mut removed).await;
        assert_eq!(database.sql("SELECT count(*) FROM kimbai.sessions"), "0", "it is visible, and not answered");
        wait_for_no_standby(server);
        assert_eq!(removed.await, Ok(()));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn verbs_wait_for_a_server_that_restarts_and_find_it_again() {
    for_each_version(async |server| {
        let database = server.fresh_database();
        let scene = Scene::new(&database, options(30)).await;
        let rows = scene.activated(20).await;
        let before = scene.store.available_since();
        server.stop(Stop::Immediate);
        until("the outage is known", || !scene.store.is_ready()).await;
        let (outcomes, ()) =
            tokio::join!(join_all(rows.iter().map(|seen| rotate(&scene.store, scene.realm, seen, 3))), async {
                server.start_again();
            });
        for outcome in outcomes {
            assert_eq!(active(&done(&outcome.unwrap())).generation.number(), 2);
        }
        assert!(scene.store.available_since() > before, "retries are counted from the outage's end");
        assert!(scene.store.is_ready());
        assert_eq!(scene.store.figures().outages, 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_verb_that_a_frozen_server_has_is_unknown_and_its_repetition_succeeds() {
    for_each_version(async |server| {
        let database = server.fresh_database();
        let scene = Scene::new(&database, options(3)).await;
        let rows = scene.activated(1).await;
        server.pause();
        assert_eq!(rotate(&scene.store, scene.realm, &rows[0], 5).await, Err(StoreError::Unknown));
        server.resume();
        let mut outcome = Err(StoreError::NotDone);
        while outcome.is_err() {
            outcome = rotate(&scene.store, scene.realm, &rows[0], 5).await;
        }
        let outcome = outcome.unwrap();
        assert!(matches!(outcome.verdict, Verdict::Done(_)), "{outcome:?}");
        assert_eq!(active(&done(&outcome)).generation.number(), 2);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_store_takes_nothing_and_finishes_what_it_has() {
    for database in databases() {
        let scene = Scene::new(&database, options(5)).await;
        let rows = scene.activated(50).await;
        let mut rotations = Box::pin(join_all(rows.iter().map(|seen| rotate(&scene.store, scene.realm, seen, 3))));
        // All of them are in the queue once they were asked for.
        assert!(futures_util::poll!(&mut rotations).is_pending());
        let (outcomes, ()) = tokio::join!(rotations, scene.store.close());
        for outcome in outcomes {
            assert_eq!(active(&done(&outcome.unwrap())).generation.number(), 2);
        }
        assert_eq!(rotate(&scene.store, scene.realm, &rows[0], 4).await, Err(StoreError::NotDone));
        assert!(!scene.store.is_ready());
    }
}
