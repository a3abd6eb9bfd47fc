//! Lists for administration: in order, in slices, and only what was asked for.

use std::borrow::Cow;

use kimbai_core::grant::{EndReason, Opening, PartyStanding, Revocation, Standing};
use kimbai_core::number::{ClientNumber, GrantId, OrganizationNumber, RealmNumber, UserNumber};
use kimbai_core::time::Micros;

use super::Subject;
use super::scene::{CODE_S, Scene, done, put_realm, put_user};
use crate::{Activity, AuditEvent, AuditFilter, GrantSlice, GrantsOf};

pub(super) async fn users_are_listed_in_order_and_by_slices(subject: Subject) {
    let scene = Scene::new(subject).await;
    let (store, realm) = (&scene.store, scene.realm);
    let mut names = vec!["user", "đặng", "b", "B", "a", "", "a b"];
    for name in &names[1..] {
        put_user(&*scene.store, realm, name).await;
    }
    let other = put_realm(&**store, "other").await;
    put_user(&**store, other, "elsewhere").await;
    // The order of their UTF-8.
    names.sort_unstable();
    let mut listed = Vec::new();
    loop {
        let slice = store.users(realm, listed.last().cloned(), 3).await.unwrap();
        assert!(slice.len() <= 3);
        if slice.is_empty() {
            break;
        }
        listed.extend(slice.into_iter().map(|user| user.username));
    }
    assert_eq!(listed, names);
    scene.set_user(Activity::Disabled).await;
    let after = store.users(realm, Some("b c".to_owned()), 1).await.unwrap();
    assert_eq!(after, [store.user(realm, scene.user).await.unwrap().unwrap()], "the name itself need not be there");
    assert!(!after[0].standing.active);
    assert!(store.users(realm, None, 0).await.unwrap().is_empty());
}

pub(super) async fn grants_are_listed_by_user_client_organization_and_realm_until_they_are_over(subject: Subject) {
    let scene = Scene::new(subject).await;
    let (store, realm) = (&scene.store, scene.realm);
    let mut ids = Vec::new();
    for _ in 0..5 {
        ids.push(scene.activated().await.id);
    }
    let code = scene.opened().await.id;
    ids.push(code);
    let organization = OrganizationNumber(97);
    let other = Opening { user: UserNumber(99), client: ClientNumber(98), organization, ..scene.opening() };
    done(store.open(realm, other, scene.attempt()).await.unwrap());
    let revocation = Revocation::Grant(EndReason::ConsentWithdrawn);
    store.revoke(realm, ids.remove(1), revocation, scene.attempt()).await.unwrap();
    ids.sort_unstable();
    let (user, client) = (GrantsOf::User(scene.user), GrantsOf::Client(scene.client));
    for of in [user, client] {
        assert_eq!(ids_of(&scene, of, 100).await, ids);
        assert_eq!(ids_of(&scene, of, 2).await, ids, "in slices");
    }
    let active = |user, client| GrantsOf::Active(user, client);
    let with_tokens: Vec<_> = ids.iter().copied().filter(|id| *id != code).collect();
    for slice in [100, 2] {
        assert_eq!(ids_of(&scene, active(scene.user, scene.client), slice).await, with_tokens);
    }
    for none in [active(scene.user, other.client), active(other.user, scene.client), active(other.user, other.client)] {
        assert!(ids_of(&scene, none, 100).await.is_empty(), "{none:?}");
    }
    for of in [GrantsOf::User(other.user), GrantsOf::Client(other.client), GrantsOf::Organization(organization)] {
        assert_eq!(ids_of(&scene, of, 100).await, [other.id]);
    }
    let all: Vec<_> = ids.iter().copied().chain([other.id]).collect();
    assert_eq!(ids_of(&scene, GrantsOf::Realm, 2).await, all);
    let none = GrantsOf::Organization(OrganizationNumber::NONE);
    assert!(ids_of(&scene, none, 100).await.is_empty(), "grants of no organization are no organization's");
    let beyond = store.grants(realm, GrantsOf::Realm, Some(GrantId(u64::MAX)), 10).await.unwrap();
    assert_eq!(beyond, GrantSlice { grants: Vec::new(), next: None });

    scene.clock.advance_s(i64::from(CODE_S) + 1);
    for of in [user, client, GrantsOf::Realm] {
        assert!(!ids_of(&scene, of, 100).await.contains(&code), "a code that has ended is over");
        let elsewhere = RealmNumber(realm.0 + 1);
        assert!(store.grants(elsewhere, of, None, 100).await.unwrap().grants.is_empty());
    }
}

pub(super) async fn grants_are_listed_with_the_standing_of_their_parties(subject: Subject) {
    let scene = Scene::new(subject).await;
    let grant = scene.activated().await;
    // The smallest and the largest id there can be.
    for id in [GrantId(0), GrantId(u64::MAX)] {
        let opening = Opening { id, user: UserNumber(99), ..scene.opening() };
        done(scene.store.open(scene.realm, opening, scene.attempt()).await.unwrap());
    }
    scene.set_client(Activity::Disabled).await;
    let off = PartyStanding { active: false, epoch: 1 };
    let listed = scene.store.grants(scene.realm, GrantsOf::Realm, None, 10).await.unwrap().grants;
    assert_eq!(listed.iter().map(|seen| seen.grant.id).collect::<Vec<_>>(), [GrantId(0), grant.id, GrantId(u64::MAX)]);
    let users = [PartyStanding::GONE, PartyStanding::NEW, PartyStanding::GONE];
    for (seen, user) in listed.into_iter().zip(users) {
        assert_eq!(seen.standing, Standing { client: off, user });
        assert_eq!(scene.row(seen.grant.id).await, Some(seen));
    }
}

pub(super) async fn audit_events_are_filtered(subject: Subject) {
    let scene = Scene::new(subject).await;
    let (store, realm) = (&scene.store, scene.realm);
    let event =
        |grant, client, user| AuditEvent { realm, event: Cow::Borrowed("event"), grant, client, user, source: None };
    let events = [
        event(Some(u64::MAX), Some(1), Some(1)),
        event(Some(u64::MAX), Some(1), Some(2)),
        event(Some(7), Some(2), Some(1)),
        event(None, Some(2), None),
        event(None, None, Some(2)),
        event(None, None, None),
    ];
    let mut times = Vec::new();
    for event in &events {
        times.push(store.now());
        store.record(event.clone());
        // One second for each, and a change, so that it is stored.
        scene.clock.advance_s(1);
        scene.set_user(Activity::Enabled).await;
    }
    store.record(AuditEvent { realm: RealmNumber(realm.0 + 1), ..event(Some(7), Some(1), Some(1)) });
    scene.set_user(Activity::Enabled).await;
    let filter = |grant, client, user, since: Option<usize>| AuditFilter {
        grant,
        client,
        user,
        since: since.map(|number| times[number]),
    };
    let max = Some(u64::MAX);
    for (filter, limit, expected) in [
        (filter(None, None, None, None), 10, &[5, 4, 3, 2, 1, 0][..]),
        (filter(None, None, None, None), 2, &[5, 4]),
        (filter(None, None, None, Some(4)), 10, &[5, 4]),
        (filter(max, None, None, None), 10, &[1, 0]),
        (filter(max, None, None, None), 1, &[1]),
        (filter(max, None, None, Some(1)), 10, &[1]),
        (filter(max, Some(1), Some(1), None), 10, &[0]),
        (filter(max, Some(2), None, None), 10, &[]),
        (filter(None, Some(2), None, None), 10, &[3, 2]),
        (filter(None, Some(2), None, Some(3)), 10, &[3]),
        (filter(None, None, Some(1), None), 10, &[2, 0]),
        (filter(None, None, Some(2), Some(2)), 10, &[4]),
        (filter(None, Some(1), Some(2), None), 10, &[1]),
        (filter(Some(7), None, None, None), 10, &[2]),
        (filter(Some(8), None, None, None), 10, &[]),
        (AuditFilter { since: Some(Micros::NEVER), ..AuditFilter::default() }, 10, &[]),
    ] {
        let found = store.audit(realm, filter, limit).await.unwrap();
        let expected: Vec<_> = expected.iter().map(|number| &events[*number]).collect();
        assert_eq!(found.iter().map(|(_, event)| event).collect::<Vec<_>>(), expected, "{filter:?}");
    }
}

/// All of them, in slices.
async fn ids_of(scene: &Scene, of: GrantsOf, slice: u32) -> Vec<GrantId> {
    let (mut ids, mut after) = (Vec::new(), None);
    loop {
        let listed = scene.store.grants(scene.realm, of, after, slice).await.unwrap();
        assert!(listed.grants.len() <= usize::try_from(slice).unwrap());
        ids.extend(listed.grants.iter().map(|seen| seen.grant.id));
        after = listed.next;
        if after.is_none() {
            return ids;
        }
    }
}
