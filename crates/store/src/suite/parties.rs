//! The standing of clients and users, realms apart, and the deny list of row-less tokens.

use kimbai_core::grant::{EndReason, Opening, PartyStanding, Revocation, Standing};
use kimbai_core::number::{ClientNumber, OrganizationNumber, RealmNumber, UserNumber};
use kimbai_core::scope::ScopeSet;

use super::Subject;
use super::scene::{Scene, done, put_client, put_realm, put_user, refused};
use crate::{Activity, Change, ConsentAnswer, ConsentOf};

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
    scene.set_client(Activity::Disabled).await;
    let rotated = done(scene.rotate(&active.grant).await);
    assert_eq!(rotated.standing, expect(off, PartyStanding::NEW));
    assert!(!rotated.standing.supports(&rotated.grant));
    scene.set_user(Activity::Disabled).await;
    assert_eq!(refused(scene.rotate(&active.grant).await).standing, expect(off, off));
    assert_eq!(scene.row(opening.id).await.unwrap().standing, expect(off, off));

    let back = PartyStanding { active: true, epoch: 1 };
    scene.set_client(Activity::Enabled).await;
    let revocation = Revocation::Grant(EndReason::RevokedByClient);
    let ended = store.revoke(realm, opening.id, revocation, scene.attempt()).await.unwrap().seen.unwrap();
    assert_eq!(ended.standing, expect(back, off));
    assert!(!ended.standing.supports(&ended.grant), "what was issued before stays dead");
}

pub(super) async fn an_epoch_grows_with_each_disabling(subject: Subject) {
    let scene = Scene::new(subject).await;
    let (store, realm) = (&scene.store, scene.realm);
    for (active, epoch) in [(true, 0), (false, 1), (false, 1), (true, 1), (true, 1), (false, 2), (true, 2)] {
        let activity = if active { Activity::Enabled } else { Activity::Disabled };
        scene.set_client(activity).await;
        scene.set_user(activity).await;
        let expected = PartyStanding { active, epoch };
        assert_eq!(scene.standing().await, (expected, expected));
    }
    // Changing what is stored about them is not changing their standing.
    put_client(&**store, realm, "client").await;
    put_user(&**store, realm, "user").await;
    let expected = PartyStanding { active: true, epoch: 2 };
    assert_eq!(scene.standing().await, (expected, expected));
}

pub(super) async fn an_epoch_that_is_advanced_ends_what_was_issued_and_leaves_the_client_as_it_is(subject: Subject) {
    let scene = Scene::new(subject).await;
    let (store, realm, client) = (&scene.store, scene.realm, scene.client);
    let grant = scene.activated().await;
    let advance = || Change::AdvanceClientEpoch { realm, client };
    store.change(vec![advance(), advance()]).await.unwrap();
    let (of_client, of_user) = scene.standing().await;
    assert_eq!((of_client, of_user), (PartyStanding { active: true, epoch: 2 }, PartyStanding::NEW));
    assert!(!scene.row(grant.id).await.unwrap().standing.supports(&grant));
    scene.set_client(Activity::Disabled).await;
    store.change(vec![advance()]).await.unwrap();
    assert_eq!(scene.standing().await.0, PartyStanding { active: false, epoch: 4 });
    // Of nobody, and of another realm's client of this number.
    let other = put_realm(&**store, "other").await;
    let absent = ClientNumber(4_000_000_000);
    let nobody = Change::AdvanceClientEpoch { realm, client: absent };
    store.change(vec![nobody, Change::AdvanceClientEpoch { realm: other, client }]).await.unwrap();
    assert_eq!(scene.standing().await.0, PartyStanding { active: false, epoch: 4 });
    assert_eq!(store.lookup_rowless(realm, absent, [0; 16]).await.unwrap().client, PartyStanding::GONE);
}

pub(super) async fn a_removed_clients_grants_are_dead_and_its_number_is_not_used_again(subject: Subject) {
    let scene = Scene::new(subject).await;
    let (store, realm, client) = (&scene.store, scene.realm, scene.client);
    let kept = put_client(&**store, realm, "kept").await;
    let grant = scene.activated().await;
    let expiry_s = store.now().as_unix_s() + 3_600;
    let of = |client| ConsentOf { user: scene.user, client, organization: OrganizationNumber::NONE };
    for client in [client, kept] {
        store.put_consent(realm, of(client), ConsentAnswer::yes(ScopeSet(1))).await.unwrap();
        store.deny_rowless(realm, client, [1; 16], expiry_s, 10).await.unwrap();
    }
    store.change(vec![Change::RemoveClient { realm, client }]).await.unwrap();
    let seen = scene.row(grant.id).await.unwrap();
    assert_eq!(seen.standing, Standing { client: PartyStanding::GONE, user: PartyStanding::NEW });
    assert!(!seen.standing.supports(&seen.grant));
    assert_eq!(store.lookup_rowless(realm, client, [1; 16]).await.unwrap().client, PartyStanding::GONE);
    assert_eq!(store.client(realm, "client".to_owned()).await.unwrap(), None);
    for (client, expected) in [(client, false), (kept, true)] {
        assert_eq!(store.consent(realm, of(client)).await.unwrap().is_some(), expected);
        assert_eq!(store.lookup_rowless(realm, client, [1; 16]).await.unwrap().denied, expected);
    }

    let next = put_client(&**store, realm, "client").await;
    assert!(next > kept, "{next:?} was used before");
    assert_eq!(scene.row(grant.id).await.unwrap().standing.client, PartyStanding::GONE);
    // What is removed twice, or was never there, is not there.
    store.change(vec![Change::RemoveClient { realm, client }]).await.unwrap();
    assert_eq!(store.clients(realm).await.unwrap().len(), 2);
}

pub(super) async fn a_party_that_is_not_there_is_gone(subject: Subject) {
    let scene = Scene::new(subject).await;
    let (store, realm) = (&scene.store, scene.realm);
    let (client, user) = (ClientNumber(4_000_000_000), UserNumber(4_000_000_001));
    let opening = Opening { client, user, ..scene.opening() };
    let seen = done(store.open(realm, opening, scene.attempt()).await.unwrap());
    assert_eq!(seen.standing, Standing { client: PartyStanding::GONE, user: PartyStanding::GONE });
    let activity = Activity::Enabled;
    let changes =
        vec![Change::SetClientActivity { realm, client, activity }, Change::SetUserActivity { realm, user, activity }];
    store.change(changes).await.unwrap();
    assert_eq!(scene.row(opening.id).await, Some(seen), "there is none to be enabled");
    assert_eq!(store.lookup_rowless(realm, client, [0; 16]).await.unwrap().client, PartyStanding::GONE);
}

pub(super) async fn a_look_with_claims_sees_the_row_and_its_users_claims_as_they_stand(subject: Subject) {
    let scene = Scene::new(subject).await;
    let (store, realm) = (&scene.store, scene.realm);
    let grant = scene.activated().await;
    let (other, id) = (put_realm(&**store, "other").await, grant.id);
    let claims_of = async |realm, id| {
        let (look, claims) = store.lookup_with_claims(realm, id).await.unwrap();
        assert_eq!(look.seen, store.lookup(realm, id).await.unwrap().seen);
        claims
    };
    let user = store.user(realm, scene.user).await.unwrap().unwrap();
    assert_eq!(claims_of(realm, id).await, Some(user.claims));
    let (username, password_hash, claims) = (user.username, user.password_hash, "{\"x\":1}".to_owned());
    store.change(vec![Change::PutUser { realm, username, password_hash, claims }]).await.unwrap();
    assert_eq!(claims_of(realm, id).await, Some("{\"x\":1}".to_owned()));
    assert_eq!(claims_of(other, id).await, None, "there is no such grant there");
    // The same number is nobody in the other realm.
    let opening = Opening { id, ..scene.opening() };
    store.open(other, opening, scene.attempt()).await.unwrap();
    assert_eq!(claims_of(other, id).await, None);
}

pub(super) async fn one_id_in_two_realms_is_two_grants(subject: Subject) {
    let scene = Scene::new(subject).await;
    let store = &scene.store;
    let other = put_realm(&**store, "other").await;
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
    let client = put_client(&**store, other, "client").await;
    assert_eq!(client, scene.client);
    let disable = Change::SetClientActivity { realm: other, client, activity: Activity::Disabled };
    store.change(vec![disable]).await.unwrap();
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
