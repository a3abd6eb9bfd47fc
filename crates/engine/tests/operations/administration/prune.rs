//! `apply --prune`: clients and scopes go where a file names others of their kind, and nothing else does.

use kimbai_engine::admin::{Action, Kind};
use serde_json::json;

use super::{Operator, from_nothing, of_marketplace, scope, scopes};
use crate::fixture::{Fixture, refresh_token, secret_of};

#[tokio::test]
async fn clients_that_a_file_does_not_name_are_removed_with_their_tokens() {
    let operator = Operator::new().await;
    operator.apply(from_nothing()).await.unwrap();
    let fixture = &operator.fixture;
    let (web, other) = (fixture.log_in("web").await, fixture.log_in("other").await);
    let rowless = fixture.credentials_grant("other", None).await.unwrap();
    let before = operator.export().await;
    let asked = of_marketplace(json!({ "clients": { "web": {}, "resource": {} } }));
    let applied = operator.prune(asked).await.unwrap();
    let removed: Vec<_> = applied.steps.iter().map(|step| (step.action, step.kind, step.name.as_str())).collect();
    let expect = ["in-house", "other", "post", "spa"].map(|name| (Action::Remove, Kind::Client, name));
    assert_eq!(removed, expect);
    assert!(fixture.works(&web.access_token).await);
    for dead in [&other.access_token, &refresh_token(&other), &rowless.access_token] {
        assert!(!fixture.works(dead).await);
    }
    let mut expect = before;
    let clients = expect.realms.get_mut("marketplace").unwrap().clients.as_mut().unwrap();
    clients.retain(|client_id, _| matches!(client_id.as_str(), "web" | "resource"));
    assert_eq!(operator.export().await, expect, "scopes, users and other realms stay");
    let _ = fixture.audit("client_removed", 4).await;
}

#[tokio::test]
async fn scopes_that_a_file_does_not_name_are_retired() {
    let operator = Operator::new().await;
    operator.apply(from_nothing()).await.unwrap();
    let before = operator.export().await;
    let applied = operator.prune(of_marketplace(json!({ "scopes": scopes(&["order", "offline"]) }))).await.unwrap();
    assert_eq!(applied.steps.len(), 1);
    let realm = operator.fixture.engine.realm("marketplace").unwrap();
    let scopes: Vec<_> = realm.settings.scopes.iter().map(|scope| (scope.name.as_str(), scope.retired)).collect();
    assert_eq!(scopes, [("offline", false), ("order", false), ("product", true), ("inventory", true)]);
    let after = operator.export().await;
    assert_eq!(after.realms["main"], before.realms["main"]);
    assert_eq!(after.realms["marketplace"].clients, before.realms["marketplace"].clients);
    assert_eq!(after.realms["marketplace"].users, before.realms["marketplace"].users);
}

#[tokio::test]
async fn the_offline_scope_is_not_retired_when_a_file_does_not_name_it() {
    let operator = Operator::new().await;
    let answer = operator.fixture.log_in("web").await;
    operator.prune(of_marketplace(json!({ "scopes": scopes(&["order", "product"]) }))).await.unwrap();
    let realm = operator.fixture.engine.realm("marketplace").unwrap();
    let retired: Vec<_> = realm.settings.scopes.iter().filter(|scope| scope.retired).map(|scope| &scope.name).collect();
    assert_eq!(retired, ["inventory"]);
    let fixture = Fixture { realm, ..operator.fixture };
    assert!(fixture.refresh("web", &refresh_token(&answer)).await.is_ok());
    assert!(fixture.log_in("web").await.refresh_token.is_some());
}

#[tokio::test]
async fn no_synonym_of_the_offline_scope_is_retired_when_a_file_does_not_name_it() {
    let operator = Operator::new().await;
    operator.apply(of_marketplace(json!({ "offline_scope": "offline inventory" }))).await.unwrap();
    operator.prune(of_marketplace(json!({ "scopes": [] }))).await.unwrap();
    let realm = operator.fixture.engine.realm("marketplace").unwrap();
    let live: Vec<_> = realm.settings.scopes.iter().filter(|scope| !scope.retired).map(|s| s.name.as_str()).collect();
    assert_eq!(live, ["offline", "inventory"]);
    assert_eq!(realm.offline, realm.scopes.parse("offline inventory").unwrap());
}

#[tokio::test]
async fn a_file_that_names_no_clients_or_only_users_removes_nothing() {
    let operator = Operator::new().await;
    let before = operator.export().await;
    for asked in [json!({}), of_marketplace(json!({})), of_marketplace(json!({ "users": { "an": {} } }))] {
        assert!(operator.prune(asked.clone()).await.unwrap().steps.is_empty(), "{asked}");
    }
    assert_eq!(operator.export().await, before, "users are never removed");
}

#[tokio::test]
async fn a_client_that_comes_back_does_not_revive_what_it_was_issued() {
    let operator = Operator::new().await;
    let fixture = &operator.fixture;
    let (answer, rowless) = (fixture.log_in("web").await, fixture.credentials_grant("web", None).await.unwrap());
    let web = operator.export().await.realms["marketplace"].clients.as_ref().unwrap()["web"].clone();
    operator.prune(of_marketplace(json!({ "clients": { "resource": {} } }))).await.unwrap();
    let mut web = serde_json::to_value(web).unwrap();
    web["client_secret"] = json!(secret_of("web"));
    operator.apply(of_marketplace(json!({ "clients": { "web": web } }))).await.unwrap();
    for dead in [&answer.access_token, &refresh_token(&answer), &rowless.access_token] {
        assert!(!fixture.works(dead).await);
    }
    assert!(fixture.refresh("web", &refresh_token(&answer)).await.is_err());
    assert!(fixture.works(&fixture.log_in("web").await.access_token).await, "what is new works");
}

#[tokio::test]
async fn nothing_is_retired_in_a_realm_that_is_made() {
    let (administration, _, _, engine, _) = super::nothing().await;
    let manifest = json!({ "realms": { "main": { "issuer": "https://id.example.vn", "scopes": [scope("order")] } } });
    let prune = kimbai_engine::admin::Prune::Remove;
    administration
        .run(kimbai_engine::admin::Apply { manifest: super::read(manifest), prune, agreed: None })
        .await
        .unwrap();
    assert!(engine.realm("main").unwrap().settings.scopes.iter().all(|scope| !scope.retired));
}
