//! Organizations, and who belongs to them.

use kimbai_core::number::{OrganizationNumber, RealmNumber, UserNumber};

use super::Subject;
use super::scene::{Scene, Store, put_realm, put_user};
use crate::{Change, MembershipRow, OrganizationRow, StoreError};

pub(super) async fn an_organization_keeps_its_number(subject: Subject) {
    let store = subject.store;
    let realm = RealmNumber(1);
    put(&*store, realm, "shop-a", "1001").await.unwrap();
    put(&*store, realm, "shop-b", "1002").await.unwrap();
    let (name, category) = ("Tiệm Hoa Ảnh".to_owned(), "florist".to_owned());
    let (label, org_id) = ("shop-a".to_owned(), "1003".to_owned());
    let changed = Change::PutOrganization { realm, label, org_id, name: name.clone(), category: category.clone() };
    store.change(vec![changed]).await.unwrap();
    let number = OrganizationNumber(1);
    let expected = OrganizationRow { number, org_id: "1003".into(), label: "shop-a".into(), name, category };
    let by_label = |realm, label: &str| store.organization_by_label(realm, label.to_owned());
    assert_eq!(by_label(realm, "shop-a").await.unwrap().as_ref(), Some(&expected));
    assert_eq!(store.organization(realm, number).await.unwrap().as_ref(), Some(&expected));
    for label in ["shop-c", "Shop-a", "", "shop-a\0"] {
        assert_eq!(by_label(realm, label).await.unwrap(), None, "{label:?}");
    }
    assert_eq!(by_label(RealmNumber(2), "shop-a").await.unwrap(), None);
    assert_eq!(store.organization(RealmNumber(2), number).await.unwrap(), None);
    assert_eq!(store.organization(realm, OrganizationNumber::NONE).await.unwrap(), None);
}

pub(super) async fn no_two_organizations_have_one_identifier(subject: Subject) {
    let store = subject.store;
    let (realm, other) = (RealmNumber(1), RealmNumber(2));
    put(&*store, realm, "shop-a", "1001").await.unwrap();
    assert_eq!(put(&*store, realm, "shop-b", "1001").await, Err(StoreError::Taken));
    assert_eq!(store.organization_by_label(realm, "shop-b".to_owned()).await.unwrap(), None);
    put(&*store, other, "shop-a", "1001").await.unwrap();
}

pub(super) async fn organizations_are_listed_in_order_and_by_slices(subject: Subject) {
    let store = subject.store;
    let realm = RealmNumber(1);
    for (label, org_id) in [("c", "1"), ("a", "2"), ("b-1", "3"), ("b", "4")] {
        put(&*store, realm, label, org_id).await.unwrap();
    }
    put(&*store, RealmNumber(2), "elsewhere", "1").await.unwrap();
    let mut listed: Vec<String> = Vec::new();
    loop {
        let slice = store.organizations(realm, listed.last().cloned(), 3).await.unwrap();
        assert!(slice.len() <= 3);
        if slice.is_empty() {
            break;
        }
        listed.extend(slice.into_iter().map(|row| row.label));
    }
    assert_eq!(listed, ["a", "b", "b-1", "c"]);
    let after = store.organizations(realm, Some("b-".to_owned()), 1).await.unwrap();
    assert_eq!(after[0].label, "b-1", "the label itself need not be there");
}

pub(super) async fn a_member_has_the_roles_that_were_given_last(subject: Subject) {
    let scene = Scene::new(subject).await;
    let (store, realm, user) = (&scene.store, scene.realm, scene.user);
    put(&**store, realm, "shop-b", "1002").await.unwrap();
    put(&**store, realm, "shop-a", "1001").await.unwrap();
    assert!(store.memberships(realm, user).await.unwrap().is_empty());
    for (label, roles) in [("shop-b", "[]"), ("shop-a", "[\"staff\"]"), ("shop-a", "[\"admin\"]")] {
        store.change(vec![join(realm, "user", label, roles)]).await.unwrap();
    }
    let found = store.memberships(realm, user).await.unwrap();
    let read: Vec<_> = found.iter().map(|row| (row.organization.label.as_str(), row.roles.as_str())).collect();
    assert_eq!(read, [("shop-a", "[\"admin\"]"), ("shop-b", "[]")], "by label");
    for row in found {
        let one = store.membership(realm, user, row.organization.number).await.unwrap();
        assert_eq!(one, Some(row));
    }
    assert_eq!(store.membership(realm, user, OrganizationNumber::NONE).await.unwrap(), None);
    assert_eq!(store.membership(realm, UserNumber(user.0 + 1), OrganizationNumber(1)).await.unwrap(), None);
    let elsewhere = put_realm(&**store, "elsewhere").await;
    assert!(store.memberships(elsewhere, user).await.unwrap().is_empty());
}

pub(super) async fn a_user_and_an_organization_are_made_and_joined_in_one_change(subject: Subject) {
    let store = subject.store;
    let realm = RealmNumber(1);
    let (username, password_hash, claims) = ("new".to_owned(), String::new(), "{}".to_owned());
    let changes = vec![
        organization(realm, "shop-a", "1001"),
        Change::PutUser { realm, username, password_hash, claims },
        join(realm, "new", "shop-a", "[]"),
        join(realm, "nobody", "shop-a", "[]"),
        join(realm, "new", "nowhere", "[]"),
    ];
    store.change(changes).await.unwrap();
    let user = store.user_by_name(realm, "new".to_owned()).await.unwrap().unwrap().number;
    let organization = store.organization_by_label(realm, "shop-a".to_owned()).await.unwrap().unwrap();
    let expected = MembershipRow { organization, roles: "[]".to_owned() };
    assert_eq!(store.memberships(realm, user).await.unwrap(), [expected]);
}

pub(super) async fn who_is_taken_out_is_no_member_and_all_others_stay(subject: Subject) {
    let scene = Scene::new(subject).await;
    let (store, realm, user) = (&scene.store, scene.realm, scene.user);
    let other = put_user(&**store, realm, "other").await;
    put(&**store, realm, "shop-a", "1001").await.unwrap();
    put(&**store, realm, "shop-b", "1002").await.unwrap();
    for (username, label) in [("user", "shop-a"), ("user", "shop-b"), ("other", "shop-a")] {
        store.change(vec![join(realm, username, label, "[]")]).await.unwrap();
    }
    let (username, label) = ("user".to_owned(), "shop-a".to_owned());
    let leave = Change::RemoveMembership { realm, username, label };
    store.change(vec![leave.clone()]).await.unwrap();
    store.change(vec![leave]).await.unwrap();
    let labels = async |user| {
        let found = store.memberships(realm, user).await.unwrap();
        found.into_iter().map(|row| row.organization.label).collect::<Vec<_>>()
    };
    assert_eq!((labels(user).await, labels(other).await), (vec!["shop-b".to_owned()], vec!["shop-a".to_owned()]));
}

async fn put(store: &dyn Store, realm: RealmNumber, label: &str, org_id: &str) -> Result<(), StoreError> {
    store.change(vec![organization(realm, label, org_id)]).await
}

fn organization(realm: RealmNumber, label: &str, org_id: &str) -> Change {
    let (name, category) = (format!("Shop {label}"), String::new());
    Change::PutOrganization { realm, label: label.to_owned(), org_id: org_id.to_owned(), name, category }
}

fn join(realm: RealmNumber, username: &str, label: &str, roles: &str) -> Change {
    let (username, label, roles) = (username.to_owned(), label.to_owned(), roles.to_owned());
    Change::PutMembership { realm, username, label, roles }
}
