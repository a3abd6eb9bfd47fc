//! Revoking: at once, for ever, and whatever else is on its way (RFC 7009).

use std::sync::Arc;

use kimbai_core::grant::{EndReason, Revocation, State, Verdict};
use kimbai_core::number::{Generation, GrantId};

use super::Subject;
use super::scene::{Scene, active, done, refused};

pub(super) async fn a_revocation_ends_the_grant_and_keeps_the_first_reason(subject: Subject) {
    let scene = Scene::new(subject).await;
    for reason in EndReason::ALL {
        for grant in [scene.opened().await, scene.activated().await] {
            let attempt = scene.attempt();
            let revocation = Revocation::Grant(reason);
            let look = scene.store.revoke(scene.realm, grant.id, revocation, attempt).await.unwrap();
            let ended = look.seen.unwrap();
            assert_eq!(ended.grant, grant.revoke(revocation, look.now, attempt));
            assert_eq!(ended.grant.state, State::Ended { reason, at: look.now });
            assert_eq!(refused(scene.redeem(grant.id).await), ended);

            scene.clock.advance_s(3);
            for other in EndReason::ALL {
                let again = Revocation::Grant(other);
                let look = scene.store.revoke(scene.realm, grant.id, again, scene.attempt()).await.unwrap();
                assert_eq!(look.seen.unwrap(), ended, "the first reason and its time stay");
            }
        }
    }
}

pub(super) async fn revoked_access_never_becomes_less(subject: Subject) {
    let scene = Scene::new(subject).await;
    let code = scene.opened().await;
    let through = |number| Revocation::AccessThrough(Generation::new(number).unwrap());
    let look = scene.store.revoke(scene.realm, code.id, through(1), scene.attempt()).await.unwrap();
    assert_eq!(look.seen.unwrap().grant, code, "a code has no access tokens");

    let mut grant = scene.activated().await;
    for (generation, expected) in [(1, 1), (0, 1), (5, 5), (3, 5), (5, 5)] {
        let attempt = scene.attempt();
        let look = scene.store.revoke(scene.realm, grant.id, through(generation), attempt).await.unwrap();
        let next = look.seen.unwrap().grant;
        assert_eq!(next, grant.revoke(through(generation), look.now, attempt));
        assert_eq!(active(&next).access_revoked_through.number(), expected);
        grant = next;
    }
    let grant = done(scene.rotate(&grant).await).grant;
    assert_eq!(active(&grant).access_revoked_through.number(), 5, "it is kept by a rotation");
}

pub(super) async fn a_grant_of_expired_access_ends_and_one_that_was_refreshed_does_not(subject: Subject) {
    let scene = Scene::new(subject).await;
    let revocation = Revocation::Expired(EndReason::SessionEnded);
    let revoke = async |id| scene.store.revoke(scene.realm, id, revocation, scene.attempt()).await.unwrap();
    let (code, grant, other) = (scene.opened().await, scene.activated().await, scene.activated().await);
    assert_eq!(revoke(code.id).await.seen.unwrap().grant, code, "a code has no access token");
    let lifetime_s = i64::from(active(&grant).access_expiry_s - active(&grant).rotated.as_unix_s());
    scene.clock.advance_s(lifetime_s - 5);
    assert_eq!(revoke(grant.id).await.seen.unwrap().grant, grant, "it lives");
    let refreshed = done(scene.rotate(&other).await).grant;
    scene.clock.advance_s(5);
    assert_eq!(revoke(other.id).await.seen.unwrap().grant, refreshed, "its next one lives");
    let look = revoke(grant.id).await;
    let ended = look.seen.unwrap();
    assert_eq!(ended.grant.state, State::Ended { reason: EndReason::SessionEnded, at: look.now });
    assert_eq!(refused(scene.rotate(&grant).await), ended);
    assert_eq!(revoke(grant.id).await.seen.unwrap(), ended, "the first time stays");
}

pub(super) async fn nothing_rotates_after_a_revocation_was_answered(subject: Subject) {
    let long = std::env::var_os("KIMBAI_TEST_LONG").is_some_and(|long| long == "1");
    let scene = Arc::new(Scene::new(subject).await);
    for round in 0..if long { 10_000 } else { 500 } {
        let grant = Arc::new(scene.activated().await);
        let rotating = tokio::spawn({
            let (scene, grant) = (Arc::clone(&scene), Arc::clone(&grant));
            async move { scene.rotate(&grant).await }
        });
        let revocation = Revocation::Grant(EndReason::RevokedByClient);
        let revoke = scene.store.revoke(scene.realm, grant.id, revocation, scene.attempt());
        if round % 2 == 0 {
            tokio::task::yield_now().await;
        }
        let ended = revoke.await.unwrap().seen.unwrap();
        assert!(matches!(ended.grant.state, State::Ended { .. }));
        assert_eq!(refused(scene.rotate(&grant).await), ended);
        // The rotation in the race was before the revocation, or it was refused.
        let raced = rotating.await.unwrap();
        if let Verdict::Done(seen) = &raced.verdict {
            assert_eq!(active(&seen.grant).generation.number(), 2);
            assert_eq!(refused(scene.rotate(&seen.grant).await), ended);
        } else {
            assert_eq!(refused(raced), ended);
        }
        assert_eq!(scene.row(grant.id).await, Some(ended));
    }
}

pub(super) async fn there_is_nothing_to_revoke_of_an_unknown_grant(subject: Subject) {
    let scene = Scene::new(subject).await;
    for revocation in [Revocation::Grant(EndReason::ConsentWithdrawn), Revocation::AccessThrough(Generation::FIRST)] {
        let look = scene.store.revoke(scene.realm, GrantId(77), revocation, scene.attempt()).await.unwrap();
        assert_eq!(look.seen, None);
    }
}
