//! Rotating: one successor of a generation, whatever comes at once, late, twice or with a clock that moved (RFC 9700
//! section 4.14.2).

use std::sync::Arc;

use kimbai_core::grant::{Opening, Rotation, Terms, Verdict};
use kimbai_core::number::{ClientNumber, Generation, GrantId};
use tokio::task::JoinSet;

use super::Subject;
use super::scene::{Scene, TERMS, active, done, refused};

pub(super) async fn one_of_a_hundred_rotations_of_a_generation_succeeds(subject: Subject) {
    let scene = Arc::new(Scene::new(subject).await);
    let grant = Arc::new(scene.activated().await);
    let mut race = JoinSet::new();
    for _ in 0..100 {
        let (scene, grant) = (Arc::clone(&scene), Arc::clone(&grant));
        race.spawn(async move { scene.rotate(&grant).await });
    }
    let (won, lost): (Vec<_>, Vec<_>) =
        race.join_all().await.into_iter().partition(|outcome| matches!(outcome.verdict, Verdict::Done(_)));
    assert_eq!((won.len(), lost.len()), (1, 99));
    let row = done(won[0].clone());
    assert_eq!(active(&row.grant).generation.number(), 2);
    for outcome in lost {
        assert_eq!(refused(outcome), row, "all of the others are refused with the same row");
    }
    assert_eq!(scene.row(grant.id).await, Some(row));
}

pub(super) async fn a_rotation_names_its_generation_and_time(subject: Subject) {
    let scene = Scene::new(subject).await;
    let first = scene.activated().await;
    let grant = done(scene.rotate(&first).await).grant;
    let right = scene.rotation(&grant);
    let next = right.generation.next().unwrap();
    for wrong in [
        scene.rotation(&first),
        Rotation { generation: next, ..right },
        Rotation { generation: Generation::CODE, ..right },
        Rotation { generation: Generation::MAX, ..right },
        // The right generation of a history that the store has lost.
        Rotation { rotated_low: right.rotated_low ^ 1, ..right },
        Rotation { rotated_low: right.rotated_low ^ (1 << 31), ..right },
    ] {
        let outcome = scene.store.rotate(scene.realm, grant.id, wrong, scene.attempt()).await.unwrap();
        assert_eq!(refused(outcome).grant, grant, "{wrong:?}");
    }
    let unknown = scene.store.rotate(scene.realm, GrantId(1), right, scene.attempt()).await.unwrap();
    assert_eq!(unknown.verdict, Verdict::Refused(None));
    let code = scene.opened().await;
    let outcome = scene.store.rotate(scene.realm, code.id, right, scene.attempt()).await.unwrap();
    assert_eq!(refused(outcome).grant, code);

    let attempt = scene.attempt();
    let outcome = scene.store.rotate(scene.realm, grant.id, right, attempt).await.unwrap();
    let expected = grant.rotate(&right, outcome.now, attempt).unwrap();
    assert_eq!(done(outcome).grant, expected);
}

pub(super) async fn another_client_does_not_rotate(subject: Subject) {
    let scene = Scene::new(subject).await;
    let grant = scene.activated().await;
    let other = Rotation { client: ClientNumber(scene.client.0 + 1), ..scene.rotation(&grant) };
    let outcome = scene.store.rotate(scene.realm, grant.id, other, scene.attempt()).await.unwrap();
    assert_eq!(refused(outcome).grant, grant);
    done(scene.rotate(&grant).await);
}

pub(super) async fn a_refresh_token_ends_when_it_lies_unused(subject: Subject) {
    let scene = Scene::new(subject).await;
    let grant = scene.activated().await;
    let idle_s = i64::from(TERMS.idle_lifetime_s.unwrap());
    scene.clock.advance_s(idle_s - 5);
    let grant = done(scene.rotate(&grant).await).grant;
    scene.clock.advance_s(idle_s);
    assert_eq!(refused(scene.rotate(&grant).await).grant, grant);
}

pub(super) async fn a_grant_ends_at_its_absolute_end(subject: Subject) {
    let scene = Scene::new(subject).await;
    let opening = Opening { absolute_lifetime_s: 100, ..scene.opening() };
    done(scene.store.open(scene.realm, opening, scene.attempt()).await.unwrap());
    let grant = done(scene.redeem(opening.id).await).grant;
    let endless = Terms { idle_lifetime_s: None, ..TERMS };
    let rotation = Rotation { terms: endless, ..scene.rotation(&grant) };
    scene.clock.advance_s(95);
    let grant = done(scene.store.rotate(scene.realm, grant.id, rotation, scene.attempt()).await.unwrap()).grant;
    assert_eq!(active(&grant).idle_end, grant.absolute_end);
    assert_eq!(active(&grant).access_expiry_s, grant.absolute_end.as_unix_s());
    scene.clock.advance_s(5);
    assert_eq!(refused(scene.rotate(&grant).await).grant, grant);
}

pub(super) async fn a_repeated_rotation_recognises_its_own_success(subject: Subject) {
    let scene = Scene::new(subject).await;
    let grant = scene.activated().await;
    let (rotation, attempt) = (scene.rotation(&grant), scene.attempt());
    let first = done(scene.store.rotate(scene.realm, grant.id, rotation, attempt).await.unwrap());
    scene.clock.advance_s(7);
    let again = done(scene.store.rotate(scene.realm, grant.id, rotation, attempt).await.unwrap());
    assert_eq!(again, first, "it changed nothing the second time");
    // Another attempt at the same generation is a stranger's.
    assert_eq!(refused(scene.rotate(&grant).await), first);
    let next = done(scene.rotate(&first.grant).await);
    let late = scene.store.rotate(scene.realm, grant.id, rotation, attempt).await.unwrap();
    assert_eq!(refused(late), next);
}

pub(super) async fn a_clock_moved_back_and_forth_keeps_the_rules(subject: Subject) {
    let scene = Scene::new(subject).await;
    let mut grant = scene.activated().await;
    let first = grant.clone();
    for step_s in [-3_600, 7_200, -10, -86_400, 80_000, 3_600] {
        scene.clock.advance_s(step_s);
        let (rotation, attempt) = (scene.rotation(&grant), scene.attempt());
        let outcome = scene.store.rotate(scene.realm, grant.id, rotation, attempt).await.unwrap();
        assert!(outcome.now.since(scene.store.now()).is_zero(), "the time is the store's");
        let expected = grant.rotate(&rotation, outcome.now, attempt).unwrap();
        grant = done(outcome).grant;
        assert_eq!(grant, expected, "after {step_s} s");
        assert_eq!(refused(scene.rotate(&first).await).grant, grant);
    }
}

pub(super) async fn many_chains_rotate_at_once_and_none_is_lost(subject: Subject) {
    let scene = Arc::new(Scene::new(subject).await);
    let mut chains = JoinSet::new();
    for _ in 0..100 {
        let scene = Arc::clone(&scene);
        chains.spawn(async move {
            let mut grant = scene.activated().await;
            for generation in 2..=20 {
                grant = done(scene.rotate(&grant).await).grant;
                assert_eq!(active(&grant).generation.number(), generation);
                assert_eq!(scene.row(grant.id).await.unwrap().grant, grant, "what was answered is there");
            }
        });
    }
    chains.join_all().await;
}
