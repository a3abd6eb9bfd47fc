//! Counting log-in attempts: delay, lock, source, and everything at once.

use std::sync::Arc;

use tokio::task::JoinSet;

use super::Subject;
use super::scene::Scene;
use crate::{LogInKey, LogInLimits, LogInVerdict};

const LIMITS: LogInLimits = LogInLimits {
    free_failures: 5,
    first_delay_s: 1,
    lock_failures: 10,
    lock_s: 900,
    source_failures: 100,
    source_window_s: 900,
    keys_max: 1_000,
};
const ACCOUNT: LogInKey = LogInKey([1; 16]);
const SOURCE: LogInKey = LogInKey([2; 16]);

pub(super) async fn failures_are_delayed_and_then_locked(subject: Subject) {
    let scene = Scene::new(subject).await;
    for _ in 0..5 {
        assert_eq!(count(&scene, ACCOUNT, SOURCE).await, LogInVerdict::Allowed);
    }
    for delay_s in [1, 2, 4, 8, 16] {
        // Refused attempts are not counted, however many there are.
        for _ in 0..3 {
            assert_eq!(count(&scene, ACCOUNT, SOURCE).await, LogInVerdict::Wait { wait_s: delay_s });
        }
        scene.clock.advance_s(i64::from(delay_s));
        assert_eq!(count(&scene, ACCOUNT, SOURCE).await, LogInVerdict::Allowed, "after {delay_s} s");
    }
    assert_eq!(failures(&scene, ACCOUNT).await, 10);
    scene.clock.advance_s(30);
    assert_eq!(count(&scene, ACCOUNT, SOURCE).await, LogInVerdict::Locked { wait_s: 870 });
    scene.clock.advance_s(870);
    assert_eq!(failures(&scene, ACCOUNT).await, 0);
    assert_eq!(count(&scene, ACCOUNT, SOURCE).await, LogInVerdict::Allowed, "it starts anew");
    assert_eq!(failures(&scene, ACCOUNT).await, 1);
}

pub(super) async fn a_success_forgets_the_failures_of_its_account(subject: Subject) {
    let scene = Scene::new(subject).await;
    let other = LogInKey([3; 16]);
    for account in [ACCOUNT, ACCOUNT, other, ACCOUNT] {
        assert_eq!(count(&scene, account, SOURCE).await, LogInVerdict::Allowed);
    }
    scene.store.clear_log_in(scene.realm, ACCOUNT, SOURCE).await.unwrap();
    assert_eq!(failures(&scene, ACCOUNT).await, 0);
    assert_eq!(failures(&scene, other).await, 1);
    assert_eq!(failures(&scene, SOURCE).await, 3, "this one is taken back, the failures before it are not");
    let elsewhere = kimbai_core::number::RealmNumber(scene.realm.0 + 1);
    assert_eq!(scene.store.log_in_count(elsewhere, SOURCE).await.unwrap().failures, 0);
}

pub(super) async fn a_source_is_locked_for_its_window(subject: Subject) {
    let scene = Scene::new(subject).await;
    for account in 0..100 {
        assert_eq!(count(&scene, LogInKey([account + 10; 16]), SOURCE).await, LogInVerdict::Allowed);
        scene.clock.advance_s(1);
    }
    assert!(matches!(count(&scene, ACCOUNT, SOURCE).await, LogInVerdict::Locked { wait_s: 780..=800 }));
    assert_eq!(count(&scene, ACCOUNT, LogInKey([4; 16])).await, LogInVerdict::Allowed, "from elsewhere it may");
    scene.clock.advance_s(800);
    assert_eq!(count(&scene, ACCOUNT, SOURCE).await, LogInVerdict::Allowed);
    assert_eq!(failures(&scene, SOURCE).await, 1);
}

pub(super) async fn two_hundred_attempts_at_once_are_two_hundred_attempts(subject: Subject) {
    let limits = LogInLimits { free_failures: 1_000, lock_failures: 1_000, source_failures: 1_000, ..LIMITS };
    let (scene, allowed) = at_once(subject, limits).await;
    assert_eq!(allowed, 200);
    assert_eq!((failures(&scene, ACCOUNT).await, failures(&scene, SOURCE).await), (200, 200));
}

pub(super) async fn delays_hold_against_attempts_at_once(subject: Subject) {
    let (scene, allowed) = at_once(subject, LogInLimits { first_delay_s: 60, ..LIMITS }).await;
    assert_eq!(allowed, 5);
    assert_eq!(failures(&scene, ACCOUNT).await, 5);
}

pub(super) async fn the_keys_of_a_realm_are_bounded(subject: Subject) {
    let scene = Scene::new(subject).await;
    let limits = LogInLimits { keys_max: 10, source_window_s: 5_000, ..LIMITS };
    for account in 0..30 {
        let key = LogInKey([account + 10; 16]);
        let verdict = scene.store.count_log_in(scene.realm, key, SOURCE, limits).await.unwrap();
        assert_eq!(verdict, LogInVerdict::Allowed);
        scene.clock.advance_s(1);
    }
    let mut kept = Vec::new();
    for account in 0..30 {
        if failures(&scene, LogInKey([account + 10; 16])).await > 0 {
            kept.push(account);
        }
    }
    assert_eq!(kept, (21..30).collect::<Vec<u8>>(), "those whose time ends first are forgotten");
    assert_eq!(failures(&scene, SOURCE).await, 30);
}

pub(super) async fn a_clock_set_back_locks_nobody_out_for_longer(subject: Subject) {
    let scene = Scene::new(subject).await;
    for _ in 0..5 {
        count(&scene, ACCOUNT, SOURCE).await;
    }
    scene.clock.advance_s(-100_000);
    assert_eq!(count(&scene, ACCOUNT, SOURCE).await, LogInVerdict::Wait { wait_s: 1 });
}

async fn at_once(subject: Subject, limits: LogInLimits) -> (Arc<Scene>, usize) {
    let scene = Arc::new(Scene::new(subject).await);
    let mut attempts = JoinSet::new();
    for _ in 0..200 {
        let scene = Arc::clone(&scene);
        attempts.spawn(async move { scene.store.count_log_in(scene.realm, ACCOUNT, SOURCE, limits).await.unwrap() });
    }
    let verdicts = attempts.join_all().await;
    let allowed = verdicts.into_iter().filter(|verdict| *verdict == LogInVerdict::Allowed).count();
    (scene, allowed)
}

async fn count(scene: &Scene, account: LogInKey, source: LogInKey) -> LogInVerdict {
    scene.store.count_log_in(scene.realm, account, source, LIMITS).await.unwrap()
}

async fn failures(scene: &Scene, key: LogInKey) -> u32 {
    scene.store.log_in_count(scene.realm, key).await.unwrap().failures
}
