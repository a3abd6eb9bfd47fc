//! The registry: every method there and back.

use std::borrow::Cow;
use std::time::Duration;

use kimbai_core::grant::PartyStanding;
use kimbai_core::number::{ClientNumber, RealmNumber, UserNumber};
use kimbai_core::scope::ScopeSet;

use super::Subject;
use super::scene::Scene;
use crate::{AuditEvent, ClientRow, ConsentRow, RealmRow, SessionId, SessionRow, UserRow};

pub(super) async fn a_meta_value_is_set_once(subject: Subject) {
    let store = subject.store;
    assert_eq!(store.meta("check").await.unwrap(), None);
    assert_eq!(store.init_meta("check", vec![1, 2]).await.unwrap(), [1, 2]);
    assert_eq!(store.init_meta("check", vec![3]).await.unwrap(), [1, 2], "what stands, stands");
    assert_eq!(store.meta("check").await.unwrap(), Some(vec![1, 2]));
    assert_eq!(store.meta("other").await.unwrap(), None);
}

pub(super) async fn a_realm_keeps_its_number(subject: Subject) {
    let store = subject.store;
    let row = |number, name: &str, settings: &str| RealmRow { number, name: name.into(), settings: settings.into() };
    let first = store.put_realm("a".into(), "{}".into()).await.unwrap();
    let second = store.put_realm("b".into(), "{}".into()).await.unwrap();
    assert_ne!(first, second);
    assert_eq!(store.put_realm("a".into(), "{\"x\":\"đ\"}".into()).await.unwrap(), first);
    assert_eq!(store.realms().await.unwrap(), [row(first, "a", "{\"x\":\"đ\"}"), row(second, "b", "{}")]);
}

pub(super) async fn a_client_keeps_its_number(subject: Subject) {
    let store = subject.store;
    let realm = RealmNumber(1);
    let first = store.put_client(realm, "a".into(), "{}".into()).await.unwrap();
    let second = store.put_client(realm, "A".into(), "{}".into()).await.unwrap();
    assert_ne!(first, second, "names are compared as given");
    assert_eq!(store.put_client(realm, "a".into(), "{\"x\":1}".into()).await.unwrap(), first);
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
    let number = store.put_user(realm, "ảnh".into(), "hash".into(), "{}".into()).await.unwrap();
    assert_eq!(store.put_user(realm, "ảnh".into(), "hash 2".into(), "{\"x\":1}".into()).await.unwrap(), number);
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

pub(super) async fn a_consent_grows_until_it_is_removed(subject: Subject) {
    let scene = Scene::new(subject).await;
    let (store, realm, user, client) = (&scene.store, scene.realm, scene.user, scene.client);
    assert_eq!(store.consent(realm, user, client).await.unwrap(), None);
    store.add_consent(realm, user, client, ScopeSet(0b0011)).await.unwrap();
    let first = store.consent(realm, user, client).await.unwrap().unwrap();
    assert_eq!(first.scope, ScopeSet(0b0011));
    scene.clock.advance_s(10);
    store.add_consent(realm, user, client, ScopeSet(0b0001)).await.unwrap();
    assert_eq!(store.consent(realm, user, client).await.unwrap(), Some(first), "it did not grow");
    store.add_consent(realm, user, client, ScopeSet(1 << 63)).await.unwrap();
    let ConsentRow { scope, given } = store.consent(realm, user, client).await.unwrap().unwrap();
    assert_eq!(scope, ScopeSet(0b0011 | 1 << 63));
    assert!(given.since(first.given) >= Duration::from_secs(10));
    assert_eq!(store.consent(realm, user, ClientNumber(client.0 + 1)).await.unwrap(), None);
    store.remove_consent(realm, user, client).await.unwrap();
    store.remove_consent(realm, user, client).await.unwrap();
    assert_eq!(store.consent(realm, user, client).await.unwrap(), None);
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
    store.set_user_active(realm, scene.user, false).await.unwrap();
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

pub(super) async fn keys_are_numbered_by_use(subject: Subject) {
    let store = subject.store;
    let realm = RealmNumber(1);
    let mut made = Vec::new();
    for (usage, number) in [("seal", 0), ("seal", 1), ("sign", 0), ("seal", 2)] {
        let key = store.add_key(realm, usage.to_owned(), vec![number; 3]).await.unwrap();
        assert_eq!((key.number, key.usage.as_str(), key.sealed.as_slice()), (number, usage, [number; 3].as_slice()));
        made.push(key);
        // A clock that is set back makes no key older than it is.
        subject.clock.advance_s(-1);
    }
    made.sort_by(|a, b| (&a.usage, a.number).cmp(&(&b.usage, b.number)));
    assert_eq!(store.keys(realm).await.unwrap(), made);
    assert!(store.keys(RealmNumber(2)).await.unwrap().is_empty());
    assert_eq!(store.add_key(RealmNumber(2), "seal".to_owned(), vec![]).await.unwrap().number, 0);
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
    // The next change that is answered is stored in a batch of theirs or a later one.
    store.put_realm("realm".into(), "{}".into()).await.unwrap();
    let events = store.audit(RealmNumber(1), 3).await.unwrap();
    let found: Vec<_> = events.into_iter().map(|(_, event)| event).collect();
    assert_eq!(found, [event(1, 4), event(1, 3), event(1, 2)]);
    assert_eq!(store.audit(RealmNumber(2), 100).await.unwrap().len(), 5);
}
