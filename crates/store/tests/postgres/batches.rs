//! What batches of several servers do to each other, and one member to the others.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use kimbai_core::grant::{Seen, Verdict};
use kimbai_core::number::AttemptId;
use kimbai_postgres_fixture::{Database, Server, Version};
use kimbai_store::postgres::{Options, PostgresStore, Statements};
use kimbai_store::{Ledger, StoreError};
use tokio_postgres::NoTls;

use crate::scene::{Scene, active, databases, done, forms, open, rotate, until};

fn options(statements: Statements) -> Options {
    Options { statements, lanes: 1, pool: 2, ..Options::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn equal_ids_wait_for_each_other_and_one_of_them_wins() {
    for (statements, database) in forms() {
        let scene = Scene::new(&database, options(statements)).await;
        let first = &scene.activated(1).await[0];
        let rotations = (1..=100).map(|attempt| rotate(&scene.store, scene.realm, first, attempt));
        let outcomes: Vec<_> = join_all(rotations).await.into_iter().map(Result::unwrap).collect();
        let is_done = |verdict: &Verdict| matches!(verdict, Verdict::Done(_));
        let winner = outcomes.iter().position(|outcome| is_done(&outcome.verdict)).unwrap();
        for (place, outcome) in outcomes.iter().enumerate() {
            let (Verdict::Done(seen) | Verdict::Refused(Some(seen))) = &outcome.verdict else { panic!("no row") };
            assert_eq!(is_done(&outcome.verdict), place == winner, "{statements:?}");
            assert_eq!(seen.grant.attempt, AttemptId(u64::try_from(winner).unwrap() + 1), "{statements:?}");
            assert_eq!(active(seen).generation.number(), 2, "{statements:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_row_is_never_the_one_from_before_the_winner() {
    for (statements, database) in forms() {
        let scene = Scene::new(&database, options(statements)).await;
        let other = open(&database, options(statements)).await;
        let mut seen = scene.activated(1).await.remove(0);
        for round in 1..=100 {
            let next = active(&seen).generation.next().unwrap();
            let outcomes = tokio::join!(
                rotate(&scene.store, scene.realm, &seen, round * 2),
                rotate(&other, scene.realm, &seen, round * 2 + 1)
            );
            let outcomes = [outcomes.0.unwrap(), outcomes.1.unwrap()];
            let rows = outcomes.map(|outcome| match outcome.verdict {
                Verdict::Done(seen) | Verdict::Refused(Some(seen)) => seen,
                Verdict::Refused(None) => panic!("no row"),
            });
            assert_eq!(rows[0], rows[1], "{statements:?}, round {round}");
            assert_eq!(active(&rows[0]).generation, next);
            seen = rows[0].clone();
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn servers_that_rotate_the_same_grants_in_opposite_orders_have_no_deadlock() {
    for (statements, database) in forms() {
        let scene = Scene::new(&database, Options { lanes: 2, ..options(statements) }).await;
        let other = open(&database, Options { lanes: 2, ..options(statements) }).await;
        let rows = scene.activated(200).await;
        let reversed: Vec<_> = rows.iter().rev().cloned().collect();
        let (here, there) = tokio::join!(contend(&scene.store, &scene, &rows), contend(&other, &scene, &reversed));
        let ids = rows.iter().map(|seen| scene.store.lookup(scene.realm, seen.grant.id));
        let ends = join_all(ids).await.into_iter().map(|look| active(&look.unwrap().seen.unwrap()).generation.number());
        assert_eq!(ends.map(|generation| generation - 1).sum::<u32>(), here + there, "{statements:?}");
        assert!(here + there >= 200 * 20, "of each round one succeeds");
        until("the counts are written", || {
            database.sql("SELECT xact_commit > 0, deadlocks FROM pg_stat_database WHERE datname = current_database()")
                == "t|0"
        })
        .await;
    }
}

/// Twenty rounds over all of these, with what is known of them afterwards; how many rotations succeeded.
async fn contend(store: &PostgresStore, scene: &Scene, rows: &[Seen]) -> u32 {
    let mut rows = rows.to_vec();
    let mut succeeded = 0;
    for round in 0..20 {
        let attempts = (0_u64..).map(|n| n + round * 1_000 + (std::ptr::from_ref(store).addr() as u64) * 100_000);
        let rotations = rows.iter().zip(attempts).map(|(seen, attempt)| rotate(store, scene.realm, seen, attempt));
        let outcomes = join_all(rotations).await;
        for (row, outcome) in rows.iter_mut().zip(outcomes) {
            *row = match outcome.unwrap().verdict {
                Verdict::Done(seen) => {
                    succeeded += 1;
                    seen
                }
                Verdict::Refused(seen) => seen.unwrap(),
            };
        }
    }
    succeeded
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_somebody_holds_keeps_nobody_else_waiting_for_long() {
    for (statements, database) in forms() {
        let scene = Scene::new(&database, Options { deadline: Duration::from_secs(4), ..options(statements) }).await;
        let rows = scene.activated(50).await;
        let (holder, connection) = tokio_postgres::connect(&database.url(), NoTls).await.unwrap();
        tokio::spawn(connection);
        let place = "SELECT id FROM kimbai.grants ORDER BY id OFFSET 24 LIMIT 1";
        let hold = format!("BEGIN; SELECT FROM kimbai.grants WHERE id = ({place}) FOR UPDATE");
        holder.batch_execute(&hold).await.unwrap();
        let (start, attempt) = (Instant::now(), 7);
        let rotations = rows.iter().enumerate().map(async |(place, seen)| {
            let outcome = rotate(&scene.store, scene.realm, seen, attempt).await;
            (place, outcome, start.elapsed())
        });
        for (place, outcome, time) in join_all(rotations).await {
            if place == 24 {
                outcome.unwrap_err();
            } else {
                done(&outcome.unwrap());
                assert!(time < Duration::from_secs(3), "{statements:?}: {place} waited {time:?}");
            }
        }
        // While it is being tried again, others wait no more than a moment.
        let start = Instant::now();
        let (again, others) = tokio::join!(
            rotate(&scene.store, scene.realm, &rows[24], attempt),
            join_all(rows.iter().take(20).map(|seen| scene.store.lookup(scene.realm, seen.grant.id)))
        );
        again.unwrap_err();
        for look in others {
            assert!(look.unwrap().seen.is_some());
        }
        assert!(start.elapsed() < Duration::from_secs(5));
        holder.batch_execute("ROLLBACK").await.unwrap();
        assert_eq!(
            active(&done(&rotate(&scene.store, scene.realm, &rows[24], attempt).await.unwrap())).generation.number(),
            2
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_rows_that_somebody_holds_keep_nobody_else_waiting_for_long() {
    for database in databases() {
        let scene = Scene::new(&database, options(Statements::Batched)).await;
        let rows = scene.activated(220).await;
        let (holder, connection) = tokio_postgres::connect(&database.url(), NoTls).await.unwrap();
        tokio::spawn(connection);
        holder.batch_execute("BEGIN; SELECT FROM kimbai.grants WHERE id % 11 <> 0 FOR UPDATE").await.unwrap();
        for attempt in [7, 8] {
            let (start, store) = (Instant::now(), &scene.store);
            let rotations = rows.iter().enumerate().map(async |(place, seen)| {
                let outcome = rotate(store, scene.realm, seen, attempt).await;
                (place, outcome, start.elapsed())
            });
            let mut held = 0;
            for (place, outcome, time) in join_all(rotations).await {
                match outcome {
                    Ok(_) => assert!(time < Duration::from_secs(4), "{place} waited {time:?}"),
                    Err(_) => held += 1,
                }
            }
            assert_eq!(held, 200);
        }
        holder.batch_execute("ROLLBACK").await.unwrap();
        done(&rotate(&scene.store, scene.realm, &rows[1], 9).await.unwrap());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotation_whose_row_cannot_be_read_back_is_unknown() {
    for (statements, database) in forms() {
        let scene = Scene::new(&database, options(statements)).await;
        let rows = scene.activated(2).await;
        database.sql("UPDATE kimbai.grants SET auth_time_s = -1 WHERE id = (SELECT min(id) FROM kimbai.grants)");
        let rotation = |seen| rotate(&scene.store, scene.realm, seen, 9);
        let (unreadable, other) = tokio::join!(rotation(&rows[0]), rotation(&rows[1]));
        assert_eq!(unreadable, Err(StoreError::Unknown));
        done(&other.unwrap());
        assert_eq!(database.sql("SELECT string_agg(generation::text, ' ') FROM kimbai.grants"), "2 2");
        let look = scene.store.lookup(scene.realm, rows[0].grant.id).await;
        assert!(matches!(look, Err(StoreError::Unreadable(_))), "{look:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_that_the_database_refuses_fails_alone() {
    for (statements, database) in forms() {
        let scene = Scene::new(&database, options(statements)).await;
        database.sql(
            "CREATE FUNCTION kimbai.refuse_some() RETURNS trigger LANGUAGE plpgsql AS \
             $$ BEGIN IF new.attempt = 13 THEN RAISE EXCEPTION USING ERRCODE = '22023'; END IF; RETURN new; END $$; \
             CREATE TRIGGER refuse BEFORE INSERT OR UPDATE ON kimbai.grants FOR EACH ROW \
             EXECUTE FUNCTION kimbai.refuse_some()",
        );
        let openings = (1..=30).map(|id| scene.store.open(scene.realm, scene.opening(id), AttemptId(id)));
        for (id, outcome) in (1..).zip(join_all(openings).await) {
            match outcome {
                Ok(outcome) => assert_eq!(done(&outcome).grant.attempt, AttemptId(id)),
                Err(_) => assert_eq!(id, 13, "{statements:?}"),
            }
        }
        let refused = scene.store.lookup(scene.realm, scene.opening(13).id).await.unwrap();
        assert_eq!(refused.seen, None, "{statements:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rotations_are_heap_only_updates() {
    for version in Version::under_test() {
        // A transaction of another test, though in another database, would keep dead rows from being reused.
        let server = Server::start(*version, &[]);
        rotates_heap_only(&server.fresh_database()).await;
    }
}

async fn rotates_heap_only(database: &Database<'_>) {
    let scene = Scene::new(database, options(Statements::Batched)).await;
    let mut rows = scene.activated(500).await;
    // A full table finds its room first.
    for round in 0..10 {
        rows = all_rotated(&scene, &rows, 50 + round).await;
    }
    let count = "SELECT n_tup_upd, n_tup_hot_upd FROM pg_stat_user_tables WHERE relname = 'grants'";
    until("the counts are written", || updates(&database.sql(count)).0 >= 500 * 11).await;
    let before = updates(&database.sql(count));
    for round in 0..8 {
        rows = all_rotated(&scene, &rows, 100 + round).await;
    }
    until("the counts are written", || updates(&database.sql(count)).0 >= before.0 + 4_000).await;
    let after = updates(&database.sql(count));
    let (all, heap_only) = (after.0 - before.0, after.1 - before.1);
    assert!(heap_only * 100 >= all * 95, "{heap_only} of {all}");
}

async fn all_rotated(scene: &Scene, rows: &[Seen], attempt: u64) -> Vec<Seen> {
    let rotations = rows.iter().map(|seen| rotate(&scene.store, scene.realm, seen, attempt));
    join_all(rotations).await.iter().map(|outcome| done(outcome.as_ref().unwrap())).collect()
}

fn updates(counts: &str) -> (u64, u64) {
    let (all, heap_only) = counts.split_once('|').unwrap();
    (all.parse().unwrap(), heap_only.parse().unwrap())
}
