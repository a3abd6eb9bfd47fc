//! Organizations and who belongs to them: applied, listed, and what of them is refused.

use kimbai_engine::admin::{Action, Apply, ExportSecrets, Kind, OrganizationList, OrganizationView, Prune, Step};
use kimbai_store::Registry as _;
use serde_json::{Value, json};

use super::{Operator, export, of_marketplace};

fn step(action: Action, kind: Kind, name: &str, changes: &[&str]) -> Step {
    let changes = changes.iter().map(|change| (*change).to_owned()).collect();
    Step { action, kind, realm: "marketplace".to_owned(), name: name.to_owned(), changes }
}

fn two_shops() -> Value {
    of_marketplace(json!({ "organizations": {
        "demo-shop": { "org_id": "200000001001", "name": "Tiệm Hoa", "category": "florist" },
        "other-shop": {},
    } }))
}

fn members(of_an: &Value) -> Value {
    of_marketplace(json!({ "users": { "an": { "memberships": of_an } } }))
}

async fn listed(operator: &Operator) -> Vec<OrganizationView> {
    operator.run(OrganizationList { realm: None, after: None, limit: 100 }).await.unwrap()
}

/// Labels and roles, as they are stored.
async fn memberships(operator: &Operator) -> Vec<(String, String)> {
    let (realm, an) = (operator.fixture.realm.number, operator.fixture.an);
    let rows = operator.fixture.store.memberships(realm, an).await.unwrap();
    rows.into_iter().map(|row| (row.organization.label, row.roles)).collect()
}

fn pair(label: &str, roles: &str) -> (String, String) {
    (label.to_owned(), roles.to_owned())
}

#[tokio::test]
async fn organizations_are_made_and_changed_key_by_key() {
    let operator = Operator::new().await;
    let planned = operator.plan(two_shops()).await.unwrap();
    let added = |label| step(Action::Add, Kind::Organization, label, &[]);
    assert_eq!(planned, [added("demo-shop"), added("other-shop")]);
    assert_eq!(operator.apply(two_shops()).await.unwrap().steps, planned);
    let found = listed(&operator).await;
    let OrganizationView { label, org_id, name, category } = &found[0];
    assert_eq!([label, org_id, name, category], ["demo-shop", "200000001001", "Tiệm Hoa", "florist"]);
    // What was not given is drawn, or follows from the label.
    let other = &found[1];
    assert_eq!((other.label.as_str(), other.name.as_str(), other.category.as_str()), ("other-shop", "other-shop", ""));
    assert!(other.org_id.len() == 12 && other.org_id.bytes().all(|b| b.is_ascii_digit()), "{other:?}");
    assert!(operator.apply(two_shops()).await.unwrap().steps.is_empty(), "the same again changes nothing");
    let changed = of_marketplace(json!({ "organizations": { "demo-shop": { "name": "Tiệm Quà" } } }));
    let expect = step(Action::Change, Kind::Organization, "demo-shop", &["name: \"Tiệm Hoa\" -> \"Tiệm Quà\""]);
    assert_eq!(operator.apply(changed).await.unwrap().steps, [expect]);
    let found = listed(&operator).await;
    assert_eq!((found[0].org_id.as_str(), found[0].category.as_str()), ("200000001001", "florist"));
    let after = OrganizationList { realm: None, after: Some("demo-shop".to_owned()), limit: 1 };
    assert_eq!(operator.run(after).await.unwrap(), found[1..]);
}

#[tokio::test]
async fn a_users_memberships_are_those_that_a_file_names_and_stay_where_it_names_none() {
    let operator = Operator::new().await;
    operator.apply(two_shops()).await.unwrap();
    let both = json!({ "demo-shop": ["admin"], "other-shop": [] });
    let steps = operator.apply(members(&both)).await.unwrap().steps;
    let expect = ["memberships.demo-shop: null -> [\"admin\"]", "memberships.other-shop: null -> []"];
    assert_eq!(steps, [step(Action::Change, Kind::User, "an", &expect)]);
    assert_eq!(memberships(&operator).await, [pair("demo-shop", "[\"admin\"]"), pair("other-shop", "[]")]);
    for unsaid in [json!({}), json!({ "email": "an@example.org" })] {
        operator.apply(of_marketplace(json!({ "users": { "an": unsaid } }))).await.unwrap();
        assert_eq!(memberships(&operator).await.len(), 2);
    }
    operator.apply(members(&json!({ "other-shop": ["staff", "admin"] }))).await.unwrap();
    assert_eq!(memberships(&operator).await, [pair("other-shop", "[\"staff\",\"admin\"]")]);
    let left = operator.apply(members(&json!({}))).await.unwrap().steps;
    let expect = ["memberships.other-shop: [\"staff\",\"admin\"] -> null"];
    assert_eq!(left, [step(Action::Change, Kind::User, "an", &expect)]);
    assert!(memberships(&operator).await.is_empty());
}

#[tokio::test]
async fn a_user_and_an_organization_of_one_file_are_joined_by_it() {
    let operator = Operator::new().await;
    let asked = of_marketplace(json!({
        "organizations": { "new-shop": {} },
        "users": { "moi": { "memberships": { "new-shop": ["admin"] } } },
    }));
    assert_eq!(operator.apply(asked).await.unwrap().steps.len(), 2);
    let exported = export(&operator.administration, ExportSecrets::LeftOut).await;
    let user = &exported.realms["marketplace"].users["moi"];
    assert_eq!(serde_json::to_value(&user.memberships).unwrap(), json!({ "new-shop": ["admin"] }));
    let fixture = &operator.fixture;
    let (new, _) = fixture.engine.user_by_name(&fixture.realm, "moi").await.unwrap().unwrap();
    assert_eq!(fixture.audit("memberships_changed", 1).await[0].user, Some(new.0));
    // Who belongs nowhere is said to: applied to where somebody does, it ends that.
    let nowhere = &exported.realms["marketplace"].users["an"];
    assert_eq!(serde_json::to_value(&nowhere.memberships).unwrap(), json!({}));
    let again = Apply { manifest: exported, prune: Prune::Remove, agreed: None };
    assert_eq!(operator.run(again).await.unwrap().steps, []);
}

#[tokio::test]
async fn organizations_and_memberships_that_cannot_be_are_refused_by_name() {
    let operator = Operator::new().await;
    operator.apply(two_shops()).await.unwrap();
    let many_roles: Vec<_> = (0..17).map(|number| format!("role-{number}")).collect();
    let organization =
        |label: &str, asked: Value| of_marketplace(json!({ "organizations": Value::from_iter([(label, asked)]) }));
    let cases = [
        (organization("Demo", json!({})), "organizations.Demo: a label has 1 to 63"),
        (organization("a.b", json!({})), "organizations.a.b: a label has 1 to 63"),
        (organization("-a", json!({})), "organizations.-a: a label has 1 to 63"),
        (organization("a", json!({ "org_id": "" })), "organizations.a: org_id: it has 1 to 64"),
        (organization("a", json!({ "org_id": "1 2" })), "organizations.a: org_id: it has 1 to 64"),
        (organization("a", json!({ "name": "x".repeat(257) })), "organizations.a: name: it has 1 to 256"),
        (organization("a", json!({ "name": "" })), "organizations.a: name: it has 1 to 256"),
        (organization("a", json!({ "category": "a\nb" })), "organizations.a: category: it has 256"),
        (organization("a", json!({ "org_id": "200000001001" })), "organizations.a: org_id: demo-shop has it"),
        (
            organization("other-shop", json!({ "org_id": "200000001001" })),
            "organizations.other-shop: org_id: demo-shop has it",
        ),
        (members(&json!({ "nowhere": [] })), "users.an: memberships: the realm has no organization \"nowhere\""),
        (members(&json!({ "demo-shop": ["a b"] })), "users.an: memberships.demo-shop: it has 16 roles at most"),
        (members(&json!({ "demo-shop": many_roles })), "users.an: memberships.demo-shop: it has 16 roles at most"),
    ];
    for (manifest, expect) in cases {
        let mistakes = operator.mistakes(manifest).await;
        assert_eq!(mistakes.len(), 1, "{mistakes:?}");
        assert!(mistakes[0].starts_with(&format!("realms.marketplace.{expect}")), "{mistakes:?}");
    }
    let twice = of_marketplace(json!({ "organizations": { "a": { "org_id": "7" }, "b": { "org_id": "7" } } }));
    assert_eq!(operator.mistakes(twice).await, ["realms.marketplace.organizations.b: org_id: a is to have it"]);
    // One beyond the limit of a user's memberships, all of which there are.
    let labels: Vec<String> = (0..501).map(|number| format!("shop-{number}")).collect();
    let organizations: Value = labels.iter().map(|label| (label.clone(), json!({}))).collect();
    let of_an = |count: usize| labels[..count].iter().map(|label| (label.clone(), json!([]))).collect::<Value>();
    operator.apply(of_marketplace(json!({ "organizations": organizations }))).await.unwrap();
    operator.apply(members(&of_an(500))).await.unwrap();
    let mistakes = operator.mistakes(members(&of_an(501))).await;
    assert_eq!(mistakes, ["realms.marketplace.users.an: memberships: a user belongs to 500 organizations at most"]);
}
