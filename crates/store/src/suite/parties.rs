//! The standing of clients and users, realms apart, the deny list of row-less tokens, and lists of grants.

use kimbai_core::grant::{EndReason, Opening, PartyStanding, Revocation, Standing};
use kimbai_core::number::{ClientNumber, RealmNumber, UserNumber};

use super::Subject;
use super::scene::{CODE_S, Scene, done, refused};

pub(super) async fn the_standing_comes_back_with_each_verb(subject: Subject) {
    let scene = Scene::new(subject).await;
    let (store, realm) = (&scene.store, scene.realm);
    let expect = |client, user| Standing { client, user };
    let new = expect(PartyStanding::NEW, PartyStanding::NEW);
    let opening = scene.opening();
    assert_eq!(done(store.open(realm, opening, scene.attempt()).await.unwrap()).standing, new);
    let active = done(scene.redeem(opening.id).await);
    assert_eq!(active.standing, new);

    let off = PartyStanding { active: false, epoch: 1 };
    assert_eq!(store.set_client_active(realm, scene.client, false).await.unwrap(), Some(off));
    let rotated = done(scene.rotate(&active.grant).await);
    assert_eq!(rotated.standing, expect(off, PartyStanding::NEW));
    assert!(!rotated.standing.supports(&rotated.grant));
    assert_eq!(store.set_user_active(realm, scene.user, false).await.unwrap(), Some(off));
    assert_eq!(refused(scene.rotate(&active.grant).await).standing, expect(off, off));
    assert_eq!(scene.row(opening.id).await.unwrap().standing, expect(off, off));

    let back = PartyStanding { active: true, epoch: 1 };
    assert_eq!(store.set_client_active(realm, scene.client, true).await.unwrap(), Some(back));
    let revocation = Revocation::Grant(EndReason::RevokedByClient);
    let ended = store.revoke(realm, opening.id, revocation, scene.attempt()).await.unwrap().seen.unwrap();
    assert_eq!(ended.standing, expect(back, off));
    assert!(!ended.standing.supports(&ended.grant), "what was issued before stays dead");
}

pub(super) async fn an_epoch_grows_with_each_disabling(subject: Subject) {
    let scene = Scene::new(subject).await;
    let (store, realm) = (&scene.store, scene.realm);
    for (active, epoch) in [(true, 0), (false, 1), (false, 1), (true, 1), (true, 1), (false, 2), (true, 2)] {
        let expected = Some(PartyStanding { active, epoch });
        assert_eq!(store.set_client_active(realm, scene.client, active).await.unwrap(), expected);
        assert_eq!(store.set_user_active(realm, scene.user, active).await.unwrap(), expected);
        assert_eq!(Some(store.clients(realm).await.unwrap()[0].standing), expected);
        assert_eq!(store.user(realm, scene.user).await.unwrap().map(|user| user.standing), expected);
    }
    // Changing what is stored about them is not changing their standing.
    store.put_client(realm, "client".to_owned(), "{\"a\":1}".to_owned()).await.unwrap();
    assert_eq!(store.clients(realm).await.unwrap()[0].standing.epoch, 2);
}

pub(super) async fn a_party_that_is_not_there_is_gone(subject: Subject) {
    let scene = Scene::new(subject).await;
    let (store, realm) = (&scene.store, scene.realm);
    let (client, user) = (ClientNumber(4_000_000_000), UserNumber(4_000_000_001));
    let opening = Opening { client, user, ..scene.opening() };
    let seen = done(store.open(realm, opening, scene.attempt()).await.unwrap());
    assert_eq!(seen.standing, Standing { client: PartyStanding::GONE, user: PartyStanding::GONE });
    assert_eq!(store.set_client_active(realm, client, true).await.unwrap(), None);
    assert_eq!(store.set_user_active(realm, user, true).await.unwrap(), None);
    assert_eq!(store.lookup_rowless(realm, client, [0; 16]).await.unwrap().client, PartyStanding::GONE);
}

pub(super) async fn one_id_in_two_realms_is_two_grants(subject: Subject) {
    let scene = Scene::new(subject).await;
    let store = &scene.store;
    let other = store.put_realm("other".to_owned(), "{}".to_owned()).await.unwrap();
    let grant = scene.activated().await;
    assert_eq!(store.lookup(other, grant.id).await.unwrap().seen, None);
    let rotation = scene.rotation(&grant);
    let outcome = store.rotate(other, grant.id, rotation, scene.attempt()).await.unwrap();
    assert_eq!(outcome.verdict, kimbai_core::grant::Verdict::Refused(None));

    let opening = Opening { id: grant.id, ..scene.opening() };
    let there = done(store.open(other, opening, scene.attempt()).await.unwrap());
    assert_eq!(there.standing.client, PartyStanding::GONE, "the client is the first realm's");
    let revocation = Revocation::Grant(EndReason::ConsentWithdrawn);
    store.revoke(other, grant.id, revocation, scene.attempt()).await.unwrap();
    assert_eq!(scene.row(grant.id).await.unwrap().grant, grant);
    done(scene.rotate(&grant).await);

    // The same number means another client there, with a standing of its own.
    let client = store.put_client(other, "client".to_owned(), "{}".to_owned()).await.unwrap();
    assert_eq!(client, scene.client);
    store.set_client_active(other, client, false).await.unwrap();
    assert_eq!(scene.row(grant.id).await.unwrap().standing.client, PartyStanding::NEW);
}

pub(super) async fn a_rowless_token_is_denied_alone(subject: Subject) {
    let scene = Scene::new(subject).await;
    let (store, realm, client) = (&scene.store, scene.realm, scene.client);
    let expiry_s = store.now().as_unix_s() + 3_600;
    store.deny_rowless(realm, client, [1; 16], expiry_s, 10).await.unwrap();
    store.deny_rowless(realm, client, [1; 16], expiry_s, 10).await.unwrap();
    for (denied, expected) in [([1; 16], true), ([2; 16], false)] {
        let look = store.lookup_rowless(realm, client, denied).await.unwrap();
        assert_eq!((look.denied, look.client), (expected, PartyStanding::NEW));
    }
    let others = [(RealmNumber(realm.0 + 1), client), (realm, ClientNumber(client.0 + 1))];
    for (realm, client) in others {
        assert!(!store.lookup_rowless(realm, client, [1; 16]).await.unwrap().denied);
    }
}

pub(super) async fn a_token_that_has_expired_is_not_listed(subject: Subject) {
    let scene = Scene::new(subject).await;
    let (store, realm, client) = (&scene.store, scene.realm, scene.client);
    let now_s = store.now().as_unix_s();
    for (token, expiry_s, expected) in [([1; 16], now_s - 1, false), ([2; 16], now_s + 60, true)] {
        assert_eq!(store.deny_rowless(realm, client, token, expiry_s, 10).await.unwrap(), PartyStanding::NEW);
        assert_eq!(store.lookup_rowless(realm, client, token).await.unwrap().denied, expected);
    }
}

pub(super) async fn too_many_denials_advance_the_epoch(subject: Subject) {
    let scene = Scene::new(subject).await;
    let (store, realm, client) = (&scene.store, scene.realm, scene.client);
    let expiry_s = store.now().as_unix_s() + 3_600;
    for token in 0..3 {
        store.deny_rowless(realm, client, [token; 16], expiry_s, 3).await.unwrap();
    }
    let look = store.lookup_rowless(realm, client, [2; 16]).await.unwrap();
    assert_eq!((look.denied, look.client.epoch), (true, 0), "three of three are listed");
    store.deny_rowless(realm, client, [2; 16], expiry_s, 3).await.unwrap();
    assert_eq!(
        store.lookup_rowless(realm, client, [2; 16]).await.unwrap().client.epoch,
        0,
        "a repetition is none more"
    );
    let standing = store.deny_rowless(realm, client, [3; 16], expiry_s, 3).await.unwrap();
    assert_eq!(standing, PartyStanding { active: true, epoch: 1 });
    let look = store.lookup_rowless(realm, client, [3; 16]).await.unwrap();
    assert_eq!(look.client, PartyStanding { active: true, epoch: 1 }, "the fourth ends all of them");
}

pub(super) async fn grants_are_listed_by_user_and_client_until_they_are_over(subject: Subject) {
    let scene = Scene::new(subject).await;
    let (store, realm) = (&scene.store, scene.realm);
    let mut ids = Vec::new();
    for _ in 0..5 {
        ids.push(scene.activated().await.id);
    }
    ids.sort_unstable();
    let code = scene.opened().await.id;
    let other = Opening { user: UserNumber(99), client: ClientNumber(98), ..scene.opening() };
    done(store.open(realm, other, scene.attempt()).await.unwrap());
    let revocation = Revocation::Grant(EndReason::ConsentWithdrawn);
    store.revoke(realm, ids[1], revocation, scene.attempt()).await.unwrap();
    ids.remove(1);
    assert_eq!(store.grants_of_user(realm, scene.user, 3).await.unwrap(), ids[..3]);
    assert_eq!(store.grants_of_client(realm, scene.client, 3).await.unwrap(), ids[..3]);
    ids.push(code);
    ids.sort_unstable();
    assert_eq!(store.grants_of_user(realm, scene.user, 100).await.unwrap(), ids);
    assert_eq!(store.grants_of_client(realm, scene.client, 100).await.unwrap(), ids);
    assert_eq!(store.grants_of_user(realm, UserNumber(99), 100).await.unwrap(), [other.id]);
    assert_eq!(store.grants_of_client(realm, ClientNumber(98), 100).await.unwrap(), [other.id]);
    scene.clock.advance_s(i64::from(CODE_S) + 1);
    assert!(!store.grants_of_user(realm, scene.user, 100).await.unwrap().contains(&code));
    assert!(store.grants_of_user(RealmNumber(realm.0 + 1), scene.user, 100).await.unwrap().is_empty());
}
