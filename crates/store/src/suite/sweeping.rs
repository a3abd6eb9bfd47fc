//! Sweeping: what is over goes, everything else stays, and each step is small.

use std::borrow::Cow;

use kimbai_core::grant::{EndReason, Revocation};
use kimbai_core::number::RealmNumber;

use super::Subject;
use super::scene::{CODE_S, Scene, TERMS, done};
use crate::{AuditEvent, AuditFilter, GrantsOf, LogInKey, LogInLimits, SessionId};

const DAY_S: u32 = 86_400;

pub(super) async fn a_sweep_deletes_only_what_is_over(subject: Subject) {
    let scene = Scene::new(subject).await;
    let (code, ended, active) = (scene.opened().await, scene.activated().await, scene.activated().await);
    let revocation = Revocation::Grant(EndReason::RevokedByClient);
    scene.store.revoke(scene.realm, ended.id, revocation, scene.attempt()).await.unwrap();
    let expect = async |steps: &str, retention_s, left: [bool; 3]| {
        sweep_all(&scene, 100, retention_s).await;
        let mut there = [false; 3];
        for (there, id) in there.iter_mut().zip([code.id, ended.id, active.id]) {
            *there = scene.row(id).await.is_some();
        }
        assert_eq!(there, left, "{steps}");
    };
    expect("nothing is over for an hour", 3_600, [true; 3]).await;
    scene.clock.advance_s(i64::from(CODE_S));
    expect("the code has ended, but not for an hour", 3_600, [true; 3]).await;
    scene.clock.advance_s(3_600 - i64::from(CODE_S) + 1);
    expect("the revoked one ended an hour ago", 3_600, [true, false, true]).await;
    scene.clock.advance_s(i64::from(CODE_S));
    expect("so did the code", 3_600, [false, false, true]).await;
    scene.clock.advance_s(i64::from(TERMS.idle_lifetime_s.unwrap()) - 3_600 - 2 * i64::from(CODE_S));
    expect("the refresh token still works", 0, [false, false, true]).await;
    done(scene.rotate(&active).await);
    scene.clock.advance_s(i64::from(TERMS.idle_lifetime_s.unwrap()));
    expect("it was used, and has ended now", 3_600, [false, false, true]).await;
    expect("nothing is kept longer", 0, [false; 3]).await;
}

pub(super) async fn a_sweep_goes_through_the_whole_table(subject: Subject) {
    let scene = Scene::new(subject).await;
    let mut kept = Vec::new();
    for number in 0..103 {
        let grant = scene.activated().await;
        if number % 3 == 0 {
            let revocation = Revocation::Grant(EndReason::RevokedByClient);
            scene.store.revoke(scene.realm, grant.id, revocation, scene.attempt()).await.unwrap();
        } else {
            kept.push(grant.id);
        }
    }
    let other = RealmNumber(u32::MAX);
    done(scene.store.open(other, scene.opening(), scene.attempt()).await.unwrap());
    scene.clock.advance_s(i64::from(CODE_S));
    let (steps, deleted) = sweep_all(&scene, 10, 0).await;
    assert_eq!(deleted, 36, "35 of this realm and one of the other");
    assert_eq!(steps, 11, "ten rows a step");
    kept.sort_unstable();
    let left = scene.store.grants(scene.realm, GrantsOf::User(scene.user), None, 1_000).await.unwrap().grants;
    assert_eq!(left.into_iter().map(|seen| seen.grant.id).collect::<Vec<_>>(), kept);
}

pub(super) async fn a_sweep_deletes_old_sessions_denials_counts_and_events(subject: Subject) {
    let scene = Scene::new(subject).await;
    let (store, realm) = (&scene.store, scene.realm);
    let [old, used] = [SessionId([1; 16]), SessionId([2; 16])];
    for id in [old, used] {
        store.put_session(realm, id, scene.user, 0).await.unwrap();
    }
    let expiry_s = store.now().as_unix_s() + DAY_S;
    store.deny_rowless(realm, scene.client, [1; 16], expiry_s, 10).await.unwrap();
    store.deny_rowless(realm, scene.client, [2; 16], expiry_s + 10 * DAY_S, 10).await.unwrap();
    let limits = LogInLimits {
        free_failures: 5,
        first_delay_s: 1,
        lock_failures: 10,
        lock_s: 900,
        source_failures: 100,
        source_window_s: 900,
        keys_max: 1_000,
    };
    store.count_log_in(realm, LogInKey([1; 16]), LogInKey([2; 16]), limits).await.unwrap();
    let event =
        |event| AuditEvent { realm, event: Cow::Borrowed(event), grant: None, client: None, user: None, source: None };
    store.record(event("old"));
    scene.clock.advance_s(i64::from(6 * DAY_S));
    store.touch_session(realm, used).await.unwrap();
    scene.clock.advance_s(i64::from(DAY_S));
    assert_eq!(sweep_all(&scene, 100, 0).await.1, 4, "a session, a denial and two counts");
    assert_eq!(store.session(realm, old).await.unwrap(), None);
    assert!(store.session(realm, used).await.unwrap().is_some());
    assert!(!store.lookup_rowless(realm, scene.client, [1; 16]).await.unwrap().denied);
    assert!(store.lookup_rowless(realm, scene.client, [2; 16]).await.unwrap().denied);

    scene.clock.advance_s(i64::from(83 * DAY_S));
    store.record(event("new"));
    store.touch_session(realm, used).await.unwrap();
    assert_eq!(sweep_all(&scene, 100, 0).await.1, 2, "the other denial, and the event of 90 days ago");
    let events = store.audit(realm, AuditFilter::default(), 10).await.unwrap();
    assert_eq!(events.into_iter().map(|(_, event)| event.event).collect::<Vec<_>>(), ["new"]);
}

/// Sweeps to the end of the table; how many steps it took, and how many rows went.
async fn sweep_all(scene: &Scene, rows_max: u32, retention_s: u32) -> (u32, u32) {
    let (mut cursor, mut steps, mut deleted) = (None, 0, 0);
    loop {
        let step = scene.store.sweep(cursor, rows_max, retention_s).await.unwrap();
        steps += 1;
        deleted += step.deleted;
        cursor = step.cursor;
        if cursor.is_none() {
            return (steps, deleted);
        }
    }
}
