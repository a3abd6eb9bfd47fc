//! Times 68 years away: they compare, are stored and come back right beyond 2038, up to the last second of 32 bits in 2106.

use kimbai_core::exchange::ExchangeOrigin;
use kimbai_core::grant::{Opening, Rotation, ShortDigest, Start, State, Terms};
use kimbai_core::number::{Generation, GrantId};
use kimbai_core::time::Micros;

use super::Subject;
use super::scene::{Scene, active, done};
use crate::GrantsOf;

/// The longest lifetime: 2^31 - 1 s.
const LIFETIME_S: u32 = 2_147_483_647;
const TERMS: Terms = Terms { access_lifetime_s: LIFETIME_S, idle_lifetime_s: None, sealing_key: 0 };
/// 2026-11-21, the last second of 31 bits in 2038 and the one after it, 2050, and near the last second of 32 bits in 2106.
const MOMENTS_S: [u32; 5] = [1_795_253_640, 2_147_483_647, 2_147_483_648, 2_524_608_000, 4_294_900_000];

async fn opened(scene: &Scene) -> kimbai_core::grant::Grant {
    let origin = ExchangeOrigin { token: ShortDigest([7; 16]), number: u32::MAX };
    let start = Start::Exchanged(TERMS, origin);
    let opening = Opening { start, absolute_lifetime_s: LIFETIME_S, ..scene.opening() };
    let grant = done(scene.store.open(scene.realm, opening, scene.attempt()).await.unwrap()).grant;
    assert_eq!(ExchangeOrigin::of(&grant.binding), Some(origin));
    grant
}

fn move_to(scene: &Scene, second: u32) {
    scene.clock.advance_s(i64::from(second) - i64::from(scene.store.now().as_unix_s()));
}

pub(super) async fn a_grant_of_68_years_ends_68_years_later_or_with_32_bits(subject: Subject) {
    let scene = Scene::new(subject).await;
    for moment_s in MOMENTS_S {
        move_to(&scene, moment_s);
        let grant = opened(&scene).await;
        let opened_s = grant.opened.as_unix_s();
        assert!(opened_s >= moment_s && opened_s - moment_s < 60, "{opened_s} {moment_s}");
        assert_eq!(active(&grant).access_expiry_s, opened_s.saturating_add(LIFETIME_S));
        assert_eq!((active(&grant).idle_end, grant.absolute_end), {
            let end = grant.opened.plus_s(LIFETIME_S);
            (end, end)
        });
        assert_eq!(scene.row(grant.id).await.unwrap().grant, grant, "as it was stored");
        let rotation = Rotation { terms: TERMS, ..scene.rotation(&grant) };
        let rotated = scene.store.rotate(scene.realm, grant.id, rotation, scene.attempt()).await.unwrap();
        let rotated = done(rotated).grant;
        assert_eq!(active(&rotated).generation, Generation::new(2).unwrap());
        assert_eq!(active(&rotated).access_expiry_s, active(&grant).access_expiry_s, "the absolute end of the grant");
        assert_eq!(rotated.absolute_end, grant.absolute_end, "no rotation moves it");
    }
}

pub(super) async fn grants_lie_in_the_order_of_their_making_beyond_2038(subject: Subject) {
    let scene = Scene::new(subject).await;
    let mut made = Vec::new();
    for moment_s in MOMENTS_S {
        move_to(&scene, moment_s);
        made.push(opened(&scene).await.id);
    }
    move_to(&scene, MOMENTS_S[0]);
    let listed = scene.store.grants(scene.realm, GrantsOf::Client(scene.client), None, 100).await.unwrap();
    let listed: Vec<GrantId> = listed.grants.into_iter().map(|seen| seen.grant.id).collect();
    assert_eq!(listed, made);
}

pub(super) async fn what_lives_68_years_is_swept_after_them_and_not_before(subject: Subject) {
    let scene = Scene::new(subject).await;
    move_to(&scene, MOMENTS_S[0]);
    let grant = opened(&scene).await;
    let end_s = active(&grant).access_expiry_s;
    for (moment_s, expected) in [(2_147_483_648, true), (end_s - 100, true), (end_s + 100, false)] {
        move_to(&scene, moment_s);
        scene.store.sweep(None, 1_000, 0).await.unwrap();
        assert_eq!(scene.row(grant.id).await.is_some(), expected, "{moment_s}");
    }
    let late = opened(&scene).await;
    assert!(matches!(late.state, State::Active(_)) && late.opened > Micros::from_unix_s(end_s));
}
