//! Opening a grant and redeeming its code (RFC 6749 section 4.1.2, RFC 7636).

use std::sync::Arc;

use kimbai_core::grant::{CodeBinding, Opening, Redemption, ShortDigest, State, Verdict};
use kimbai_core::number::{ClientNumber, Generation, GrantId};
use tokio::task::JoinSet;

use super::Subject;
use super::scene::{BINDING, CODE_S, Scene, TERMS, active, done, refused};

pub(super) async fn an_id_that_is_taken_is_refused_with_its_row(subject: Subject) {
    let scene = Scene::new(subject).await;
    let opening = scene.opening();
    let attempt = scene.attempt();
    let outcome = scene.store.open(scene.realm, opening, attempt).await.unwrap();
    let expected = opening.grant(outcome.now, attempt);
    let first = done(outcome);
    assert_eq!(first.grant, expected);
    let other = Opening { scope: kimbai_core::scope::ScopeSet(1), ..opening };
    let outcome = scene.store.open(scene.realm, other, scene.attempt()).await.unwrap();
    assert_eq!(refused(outcome), first);
    assert_eq!(scene.row(opening.id).await, Some(first));
}

pub(super) async fn a_code_is_redeemed_at_most_once(subject: Subject) {
    let scene = Arc::new(Scene::new(subject).await);
    let id = scene.opened().await.id;
    let mut race = JoinSet::new();
    for _ in 0..64 {
        let scene = Arc::clone(&scene);
        race.spawn(async move { scene.redeem(id).await });
    }
    let outcomes = race.join_all().await;
    let won: Vec<_> = outcomes.iter().filter(|outcome| matches!(outcome.verdict, Verdict::Done(_))).collect();
    assert_eq!(won.len(), 1, "one of 64 redeems the code");
    let row = done(won[0].clone());
    for outcome in outcomes.into_iter().filter(|outcome| matches!(outcome.verdict, Verdict::Refused(_))) {
        assert_eq!(refused(outcome), row, "the others see what the one made");
    }
    assert_eq!(active(&row.grant).generation, Generation::FIRST);
}

pub(super) async fn a_wrong_client_redirect_uri_or_verifier_leaves_the_code_usable(subject: Subject) {
    let scene = Scene::new(subject).await;
    let opened = scene.opened().await;
    let right = scene.redemption();
    let other = ShortDigest([9; 16]);
    for wrong in [
        Redemption { client: ClientNumber(scene.client.0 + 1), ..right },
        Redemption { binding: CodeBinding { redirect_uri: other, ..BINDING }, ..right },
        Redemption { binding: CodeBinding { code_challenge: other, ..BINDING }, ..right },
        Redemption { binding: CodeBinding { redirect_uri: ShortDigest::ABSENT, ..BINDING }, ..right },
        Redemption { binding: CodeBinding { code_challenge: ShortDigest::ABSENT, ..BINDING }, ..right },
    ] {
        let outcome = scene.store.redeem(scene.realm, opened.id, wrong, scene.attempt()).await.unwrap();
        assert_eq!(refused(outcome).grant, opened, "{wrong:?}");
    }
    let unknown = scene.redeem(GrantId(opened.id.0 + 1)).await;
    assert_eq!(unknown.verdict, Verdict::Refused(None));
    let attempt = scene.attempt();
    let outcome = scene.store.redeem(scene.realm, opened.id, right, attempt).await.unwrap();
    let expected = opened.redeem(&right, outcome.now, attempt).unwrap();
    assert_eq!(done(outcome).grant, expected);
}

pub(super) async fn a_code_ends_at_its_time(subject: Subject) {
    let scene = Scene::new(subject).await;
    let (before, after) = (scene.opened().await, scene.opened().await);
    scene.clock.advance_s(i64::from(CODE_S) - 5);
    done(scene.redeem(before.id).await);
    scene.clock.advance_s(5);
    assert_eq!(refused(scene.redeem(after.id).await).grant, after);
}

pub(super) async fn a_repeated_opening_or_redemption_recognises_its_own_success(subject: Subject) {
    let scene = Scene::new(subject).await;
    let (opening, attempt) = (scene.opening(), scene.attempt());
    let first = done(scene.store.open(scene.realm, opening, attempt).await.unwrap());
    let again = done(scene.store.open(scene.realm, opening, attempt).await.unwrap());
    assert_eq!(again, first);

    let (redemption, attempt) = (scene.redemption(), scene.attempt());
    let first = done(scene.store.redeem(scene.realm, opening.id, redemption, attempt).await.unwrap());
    // Long after its time: the attempt succeeded when it was in time.
    scene.clock.advance_s(600);
    let again = done(scene.store.redeem(scene.realm, opening.id, redemption, attempt).await.unwrap());
    assert_eq!(again, first);
    // Once somebody has gone on from there, it is no success any more to those who repeat it.
    let next = done(scene.rotate(&first.grant).await);
    let late = scene.store.redeem(scene.realm, opening.id, redemption, attempt).await.unwrap();
    assert_eq!(refused(late), next);
}

pub(super) async fn a_code_never_outlives_its_grant(subject: Subject) {
    let scene = Scene::new(subject).await;
    let opening = Opening { absolute_lifetime_s: 10, ..scene.opening() };
    let opened = done(scene.store.open(scene.realm, opening, scene.attempt()).await.unwrap()).grant;
    assert_eq!(opened.state, State::Code { end: opened.absolute_end });
    let outcome = scene.redeem(opened.id).await;
    let tokens = active(&done(outcome).grant);
    assert_eq!(tokens.idle_end, opened.absolute_end);
    assert_eq!(tokens.access_expiry_s, opened.absolute_end.as_unix_s());
    assert_eq!(tokens.sealing_key, TERMS.sealing_key);
}
