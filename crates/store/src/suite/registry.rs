//! The registry: every method there and back.

use std::borrow::Cow;
use std::time::Duration;

use kimbai_core::grant::PartyStanding;
use kimbai_core::number::{ClientNumber, OrganizationNumber, RealmNumber, UserNumber};
use kimbai_core::scope::ScopeSet;

use super::Subject;
use super::scene::{Scene, put_client, put_user};
use crate::{
    Activity, AuditEvent, AuditFilter, Change, ClientRow, ConsentAnswer, ConsentOf, ConsentRow, RealmRow, SealedKeyRow,
    SessionId, SessionRow, StoreError, UserRow,
};

pub(super) async fn a_meta_value_is_set_once(subject: Subject) {
    let store = subject.store;
    assert_eq!(store.meta("check").await.unwrap(), None);
    assert_eq!(store.init_meta("check", vec![1, 2]).await.unwrap(), [1, 2]);
    assert_eq!(store.init_meta("check", vec![3]).await.unwrap(), [1, 2], "what stands, stands");
    assert_eq!(store.meta("check").await.unwrap(), Some(vec![1, 2]));
    assert_eq!(store.meta("other").await.unwrap(), None);
}

pub(super) async fn a_meta_value_is_set_anew_by_a_change(subject: Subject) {
    let store = subject.store;
    let set = |value| Change::SetMeta { key: "check".to_owned(), value };
    store.change(vec![set(vec![1])]).await.unwrap();
    assert_eq!(store.meta("check").await.unwrap(), Some(vec![1]));
    store.change(vec![set(vec![2]), set(vec![3])]).await.unwrap();
    assert_eq!(store.meta("check").await.unwrap(), Some(vec![3]), "the last one stands");
}

pub(super) async fn a_change_that_expects_a_value_is_refused_where_another_one_stands(subject: Subject) {
    let store = subject.store;
    let key = || "check".to_owned();
    let expect = |value| Change::ExpectMeta { key: key(), value };
    let set = |value| Change::SetMeta { key: key(), value };
    let realm = |number, name: &str| {
        let number = RealmNumber(number);
        Change::PutRealm { number, name: name.to_owned(), settings: "{}".to_owned() }
    };
    let changed = Err(StoreError::Changed);
    assert_eq!(store.change(vec![realm(1, "a"), expect(vec![])]).await, changed, "there is none");
    store.init_meta("check", vec![1]).await.unwrap();
    assert_eq!(store.change(vec![realm(1, "a"), expect(vec![2])]).await, changed);
    assert_eq!(store.change(vec![expect(vec![2]), realm(1, "a"), set(vec![2])]).await, changed);
    assert_eq!((store.realms().await.unwrap(), store.meta("check").await.unwrap()), (vec![], Some(vec![1])));
    assert_eq!(store.change(vec![expect(vec![1]), realm(1, "a"), set(vec![2]), expect(vec![2])]).await, Ok(()));
    assert_eq!(store.realms().await.unwrap().len(), 1);
    let replace = |with| store.change(vec![expect(vec![2]), set(vec![with])]);
    let (first, second) = tokio::join!(replace(3), replace(4));
    assert!([(Ok(()), changed.clone()), (changed, Ok(()))].contains(&(first, second)), "one of two at once");
}

pub(super) async fn a_realm_keeps_its_number_and_name(subject: Subject) {
    let store = subject.store;
    let row = |number, name: &str, settings: &str| RealmRow { number, name: name.into(), settings: settings.into() };
    let put = |number, name: &str, settings: &str| {
        store.change(vec![Change::PutRealm { number, name: name.into(), settings: settings.into() }])
    };
    assert_eq!(store.draw_realm_number().await.unwrap(), RealmNumber(1));
    let first = store.draw_realm_number().await.unwrap();
    let second = store.draw_realm_number().await.unwrap();
    assert_eq!((first, second), (RealmNumber(2), RealmNumber(3)), "one that was drawn is gone");
    put(second, "b", "{}").await.unwrap();
    put(first, "a", "{}").await.unwrap();
    put(first, "other", "{\"x\":\"đ\"}").await.unwrap();
    assert_eq!(store.realms().await.unwrap(), [row(first, "a", "{\"x\":\"đ\"}"), row(second, "b", "{}")]);
    let third = store.draw_realm_number().await.unwrap();
    assert_eq!(put(third, "a", "{}").await, Err(StoreError::Taken));
    assert_eq!(store.realms().await.unwrap().len(), 2);
}

pub(super) async fn a_change_of_several_is_carried_out_whole_or_not_at_all(subject: Subject) {
    let scene = Scene::new(subject).await;
    let (store, realm) = (&scene.store, scene.realm);
    let several = |last| {
        let number = RealmNumber(realm.0 + 1);
        let (usage, sealed) = ("seal".to_owned(), vec![1]);
        let (username, claims) = ("new".to_owned(), "{}".to_owned());
        vec![
            Change::PutRealm { number, name: "new".to_owned(), settings: "{}".to_owned() },
            Change::AddKey { realm: number, usage, sealed },
            Change::PutClient { realm, client_id: "new".to_owned(), metadata: "{}".to_owned() },
            Change::PutUser { realm, username, password_hash: String::new(), claims },
            Change::SetClientActivity { realm, client: scene.client, activity: Activity::Disabled },
            Change::SetMeta { key: "check".to_owned(), value: vec![7] },
            last,
        ]
    };
    let there = async || {
        [
            store.realms().await.unwrap().len() == 2,
            store.keys(RealmNumber(realm.0 + 1)).await.unwrap().len() == 1,
            store.client(realm, "new".to_owned()).await.unwrap().is_some(),
            store.user_by_name(realm, "new".to_owned()).await.unwrap().is_some(),
            !scene.standing().await.0.active,
            store.meta("check").await.unwrap().is_some(),
        ]
    };
    let taken = Change::PutRealm { number: RealmNumber(99), name: "realm".to_owned(), settings: "{}".to_owned() };
    assert_eq!(store.change(several(taken)).await, Err(StoreError::Taken));
    assert_eq!(there().await, [false; 6]);
    let right = Change::PutRealm { number: RealmNumber(99), name: "third".to_owned(), settings: "{}".to_owned() };
    let right = several(right).into_iter().take(6).collect();
    store.change(right).await.unwrap();
    assert_eq!(there().await, [true; 6]);
    store.change(vec![]).await.unwrap();
}

pub(super) async fn a_client_keeps_its_number(subject: Subject) {
    let store = subject.store;
    let realm = RealmNumber(1);
    let first = put_client(&*store, realm, "a").await;
    let second = put_client(&*store, realm, "A").await;
    assert_ne!(first, second, "names are compared as given");
    let change = Change::PutClient { realm, client_id: "a".to_owned(), metadata: "{\"x\":1}".to_owned() };
    store.change(vec![change]).await.unwrap();
    let row = |number, client_id: &str, metadata: &str| ClientRow {
        number,
        client_id: client_id.into(),
        metadata: metadata.into(),
        standing: PartyStanding::NEW,
    };
    assert_eq!(store.clients(realm).await.unwrap(), [row(first, "a", "{\"x\":1}"), row(second, "A", "{}")]);
    assert!(store.clients(RealmNumber(2)).await.unwrap().is_empty());
    let client = |realm, client_id: &str| store.client(realm, client_id.to_owned());
    assert_eq!(client(realm, "A").await.unwrap(), Some(row(second, "A", "{}")));
    assert_eq!(client(realm, "b").await.unwrap(), None);
    assert_eq!(client(RealmNumber(2), "A").await.unwrap(), None);
}

pub(super) async fn a_user_keeps_its_number(subject: Subject) {
    let store = subject.store;
    let realm = RealmNumber(1);
    let number = put_user(&*store, realm, "ảnh").await;
    let (password_hash, claims) = ("hash 2".to_owned(), "{\"x\":1}".to_owned());
    store.change(vec![Change::PutUser { realm, username: "ảnh".to_owned(), password_hash, claims }]).await.unwrap();
    let row = UserRow {
        number,
        username: "ảnh".into(),
        password_hash: "hash 2".into(),
        claims: "{\"x\":1}".into(),
        standing: PartyStanding::NEW,
    };
    assert_eq!(store.user_by_name(realm, "ảnh".into()).await.unwrap().as_ref(), Some(&row));
    assert_eq!(store.user(realm, number).await.unwrap().as_ref(), Some(&row));
    assert_eq!(store.user_by_name(realm, "Ảnh".into()).await.unwrap(), None);
    assert_eq!(store.user_by_name(RealmNumber(2), "ảnh".into()).await.unwrap(), None);
    assert_eq!(store.user(RealmNumber(2), number).await.unwrap(), None);
    assert_eq!(store.user(realm, UserNumber(number.0 + 1)).await.unwrap(), None);
}

pub(super) async fn a_consent_is_what_was_answered_last_for_each_scope(subject: Subject) {
    let scene = Scene::new(subject).await;
    let (store, realm, user, client) = (&scene.store, scene.realm, scene.user, scene.client);
    let of = ConsentOf { user, client, organization: OrganizationNumber::NONE };
    assert_eq!(store.consent(realm, of).await.unwrap(), None);
    store.put_consent(realm, of, ConsentAnswer::yes(ScopeSet(0b0011))).await.unwrap();
    let first = store.consent(realm, of).await.unwrap().unwrap();
    assert_eq!(first.scope, ScopeSet(0b0011));
    scene.clock.advance_s(10);
    store.put_consent(realm, of, ConsentAnswer::yes(ScopeSet(0b0001))).await.unwrap();
    assert_eq!(store.consent(realm, of).await.unwrap(), Some(first), "it did not grow");
    store.put_consent(realm, of, ConsentAnswer::yes(ScopeSet(1 << 63))).await.unwrap();
    let ConsentRow { scope, given } = store.consent(realm, of).await.unwrap().unwrap();
    assert_eq!(scope, ScopeSet(0b0011 | 1 << 63));
    assert!(given.since(first.given) >= Duration::from_secs(10));
    let answer = ConsentAnswer { asked: ScopeSet(0b0110), agreed: ScopeSet(0b0100) };
    store.put_consent(realm, of, answer).await.unwrap();
    let scope = store.consent(realm, of).await.unwrap().unwrap().scope;
    assert_eq!(scope, ScopeSet(0b0101 | 1 << 63), "no is an answer too");
    assert_eq!(store.consent(realm, ConsentOf { client: ClientNumber(client.0 + 1), ..of }).await.unwrap(), None);
    store.remove_consent(realm, user, client).await.unwrap();
    store.remove_consent(realm, user, client).await.unwrap();
    assert_eq!(store.consent(realm, of).await.unwrap(), None);
}

pub(super) async fn a_consent_is_for_one_organization(subject: Subject) {
    let scene = Scene::new(subject).await;
    let (store, realm, user, client) = (&scene.store, scene.realm, scene.user, scene.client);
    let of = |organization| ConsentOf { user, client, organization: OrganizationNumber(organization) };
    let scope = async |organization| {
        store.consent(realm, of(organization)).await.unwrap().map_or(ScopeSet::EMPTY, |row| row.scope)
    };
    for (organization, agreed) in [(0, 0b001), (7, 0b010), (u32::MAX, 0b100)] {
        store.put_consent(realm, of(organization), ConsentAnswer::yes(ScopeSet(agreed))).await.unwrap();
    }
    scene.clock.advance_s(10);
    store.put_consent(realm, of(7), ConsentAnswer::yes(ScopeSet(0b1000))).await.unwrap();
    let last = store.consent(realm, of(7)).await.unwrap();
    assert_eq!(store.last_consent(realm, user, client).await.unwrap(), last);
    assert_eq!(store.last_consent(realm, user, ClientNumber(client.0 + 1)).await.unwrap(), None);
    let found = (scope(0).await, scope(7).await, scope(u32::MAX).await, scope(8).await);
    assert_eq!(found, (ScopeSet(0b001), ScopeSet(0b1010), ScopeSet(0b100), ScopeSet::EMPTY));
    store.remove_consent(realm, user, client).await.unwrap();
    assert_eq!((scope(0).await, scope(7).await, scope(u32::MAX).await), Default::default(), "all are withdrawn");
}

pub(super) async fn a_session_is_used_and_removed(subject: Subject) {
    let scene = Scene::new(subject).await;
    let (store, realm, id) = (&scene.store, scene.realm, SessionId([5; 16]));
    assert_eq!(store.session(realm, id).await.unwrap(), None);
    let made = store.put_session(realm, id, scene.user, 3).await.unwrap();
    let SessionRow { user, user_epoch, authenticated, last_used, standing, now } = made;
    assert_eq!((user, user_epoch, standing), (scene.user, 3, PartyStanding::NEW));
    assert_eq!((authenticated, last_used), (now, now));
    scene.clock.advance_s(30);
    let found = store.session(realm, id).await.unwrap().unwrap();
    assert_eq!(SessionRow { now, ..found }, made, "looking is not using");
    assert!(found.now.since(now) >= Duration::from_secs(30));
    store.touch_session(realm, id).await.unwrap();
    scene.set_user(Activity::Disabled).await;
    let used = store.session(realm, id).await.unwrap().unwrap();
    assert!(used.last_used.since(last_used) >= Duration::from_secs(30));
    assert_eq!((used.authenticated, used.standing.active), (authenticated, false));
    assert_eq!(store.session(RealmNumber(realm.0 + 1), id).await.unwrap(), None);
    store.remove_session(realm, id).await.unwrap();
    store.touch_session(realm, id).await.unwrap();
    assert_eq!(store.session(realm, id).await.unwrap(), None);
}

pub(super) async fn ten_browsers_of_a_user_are_remembered(subject: Subject) {
    let scene = Scene::new(subject).await;
    let (store, realm, user) = (&scene.store, scene.realm, scene.user);
    for browser in 0..10 {
        store.remember_browser(realm, user, [browser; 16]).await.unwrap();
        scene.clock.advance_s(1);
    }
    store.remember_browser(realm, user, [0; 16]).await.unwrap();
    scene.clock.advance_s(1);
    store.remember_browser(realm, user, [10; 16]).await.unwrap();
    for (browser, expected) in [(0, true), (1, false), (2, true), (9, true), (10, true), (11, false)] {
        assert_eq!(store.knows_browser(realm, user, [browser; 16]).await.unwrap(), expected, "browser {browser}");
    }
    assert!(!store.knows_browser(realm, UserNumber(user.0 + 1), [10; 16]).await.unwrap());
}

pub(super) async fn a_users_sessions_and_browsers_are_ended_together(subject: Subject) {
    let scene = Scene::new(subject).await;
    let (store, realm, user) = (&scene.store, scene.realm, scene.user);
    let other = put_user(&**store, realm, "other").await;
    let kept = SessionId([9; 16]);
    for (id, user) in [(SessionId([1; 16]), user), (SessionId([2; 16]), user), (kept, other)] {
        store.put_session(realm, id, user, 0).await.unwrap();
    }
    for user in [user, other] {
        store.remember_browser(realm, user, [1; 16]).await.unwrap();
    }
    store.change(vec![Change::EndSessions { realm, user }]).await.unwrap();
    for (id, expected) in [(SessionId([1; 16]), false), (SessionId([2; 16]), false), (kept, true)] {
        assert_eq!(store.session(realm, id).await.unwrap().is_some(), expected);
    }
    for (user, expected) in [(user, false), (other, true)] {
        assert_eq!(store.knows_browser(realm, user, [1; 16]).await.unwrap(), expected);
    }
}

pub(super) async fn keys_are_numbered_by_use(subject: Subject) {
    let store = subject.store;
    let realm = RealmNumber(1);
    let add =
        |realm, usage: &str, sealed| store.change(vec![Change::AddKey { realm, usage: usage.to_owned(), sealed }]);
    for (usage, mark) in [("seal", 0), ("seal", 1), ("sign", 2), ("seal", 3)] {
        add(realm, usage, vec![mark; 3]).await.unwrap();
        // A clock that is set back makes no key older than it is.
        subject.clock.advance_s(-1);
    }
    let keys = store.keys(realm).await.unwrap();
    let found: Vec<_> = keys.iter().map(|key| (key.usage.as_str(), key.number, key.sealed[0])).collect();
    assert_eq!(found, [("seal", 0, 0), ("seal", 1, 1), ("seal", 2, 3), ("sign", 0, 2)]);
    assert!(keys[0].made > keys[1].made);
    assert!(store.keys(RealmNumber(2)).await.unwrap().is_empty());
    add(RealmNumber(2), "seal", vec![]).await.unwrap();
    assert_eq!(store.keys(RealmNumber(2)).await.unwrap()[0].number, 0);
}

pub(super) async fn a_replaced_key_keeps_its_place(subject: Subject) {
    let store = subject.store;
    let realm = RealmNumber(1);
    let add = |sealed| Change::AddKey { realm, usage: "seal".to_owned(), sealed };
    let replace = |usage: &str, number, standing, sealed| {
        let usage = usage.to_owned();
        Change::ReplaceKey { realm, usage, number, standing, sealed }
    };
    store.change(vec![add(vec![1]), add(vec![2])]).await.unwrap();
    let before = store.keys(realm).await.unwrap();
    subject.clock.advance_s(10);
    store.change(vec![replace("seal", 1, vec![2], vec![3, 3])]).await.unwrap();
    let after = store.keys(realm).await.unwrap();
    assert_eq!(after, [before[0].clone(), SealedKeyRow { sealed: vec![3, 3], ..before[1].clone() }]);
    // One that is not there is not passed over in silence, and one that has changed is not overwritten: none of such a change is
    // carried out.
    for (wrong, is_missing) in [
        (replace("seal", 2, vec![2], vec![9]), true),
        (replace("sign", 0, vec![1], vec![9]), true),
        (replace("seal", 1, vec![2], vec![9]), false),
        (replace("seal", 1, vec![], vec![9]), false),
    ] {
        let answer = store.change(vec![replace("seal", 0, vec![1], vec![9]), wrong]).await;
        match answer {
            Err(StoreError::Unreadable(_)) => assert!(is_missing),
            answer => assert_eq!((answer, is_missing), (Err(StoreError::Changed), false)),
        }
        assert_eq!(store.keys(realm).await.unwrap(), after);
    }
}

/// Of several that replace one and the same key exactly one does.
pub(super) async fn of_concurrent_replacements_of_a_key_one_succeeds(subject: Subject) {
    let store = subject.store;
    let (realm, usage) = (RealmNumber(1), "sign".to_owned());
    store.change(vec![Change::AddKey { realm, usage: usage.clone(), sealed: vec![0] }]).await.unwrap();
    let replacing: Vec<_> = (1..=32_u8)
        .map(|mark| {
            let (store, usage) = (store.clone(), usage.clone());
            let change = Change::ReplaceKey { realm, usage, number: 0, standing: vec![0], sealed: vec![mark] };
            tokio::spawn(async move { (mark, store.change(vec![change]).await) })
        })
        .collect();
    let mut winners = Vec::new();
    for replacement in replacing {
        match replacement.await.unwrap() {
            (mark, Ok(())) => winners.push(mark),
            (_, answer) => assert_eq!(answer, Err(StoreError::Changed)),
        }
    }
    assert_eq!(winners.len(), 1);
    assert_eq!(store.keys(realm).await.unwrap()[0].sealed, winners);
}

pub(super) async fn events_are_read_newest_first(subject: Subject) {
    let store = subject.store;
    let event = |realm, number: u32| AuditEvent {
        realm: RealmNumber(realm),
        event: Cow::Owned(format!("event_{number}")),
        grant: Some(u64::MAX - u64::from(number)),
        client: number.is_multiple_of(2).then_some(number),
        user: None,
        source: Some("192.0.2.1".to_owned()),
    };
    for number in 0..5 {
        store.record(event(1, number));
        store.record(event(2, number));
    }
    let events = store.audit(RealmNumber(1), AuditFilter::default(), 3).await.unwrap();
    let found: Vec<_> = events.into_iter().map(|(_, event)| event).collect();
    assert_eq!(found, [event(1, 4), event(1, 3), event(1, 2)]);
    assert_eq!(store.audit(RealmNumber(2), AuditFilter::default(), 100).await.unwrap().len(), 5);
}
