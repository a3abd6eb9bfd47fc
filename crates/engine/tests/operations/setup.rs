//! What a realm's administrator cannot do by mistake, and what a restart keeps.

use std::sync::Arc;

use kimbai_engine::{Engine, NewClient, SetupError};
use kimbai_keyring::MasterKey;

use crate::fixture::{Fixture, refresh_token, scope_definition, secret};

#[tokio::test]
async fn a_restart_keeps_tokens_and_retries() {
    let fixture = Fixture::marketplace().await;
    let token = refresh_token(&fixture.log_in("web").await);
    let first = fixture.refresh("web", &token).await.unwrap();
    let engine = Arc::new(Engine::new(fixture.store.clone(), MasterKey::parse(&fixture.master).unwrap()));
    engine.load().await.unwrap();
    let realm = engine.realm("marketplace").unwrap();
    let restarted = Fixture { engine, realm, ..fixture };
    let again = restarted.refresh("web", &token).await.unwrap();
    assert_eq!(crate::fixture::bytes(&again), crate::fixture::bytes(&first));
    assert!(restarted.works(&first.access_token).await);
}

#[tokio::test]
async fn another_master_key_opens_nothing() {
    let fixture = Fixture::marketplace().await;
    let engine = Engine::new(fixture.store.clone(), MasterKey::generate());
    assert!(matches!(engine.load().await, Err(SetupError::MasterKey(_))));
}

#[tokio::test]
async fn a_scope_keeps_its_number() {
    let fixture = Fixture::marketplace().await;
    let settings = fixture.realm.settings.clone();
    let mut swapped = settings.clone();
    swapped.scopes.swap(1, 2);
    let mut renamed = settings.clone();
    renamed.scopes[1] = scope_definition("orders");
    let mut shortened = settings.clone();
    shortened.scopes.pop();
    let mut inserted = settings.clone();
    inserted.scopes.insert(0, scope_definition("new"));
    for wrong in [swapped, renamed, shortened, inserted] {
        let refused = fixture.engine.put_realm("marketplace", &wrong).await;
        assert!(matches!(refused, Err(SetupError::ScopeNumbers(_))), "{:?}", wrong.scopes);
    }
    let login = fixture.log_in("web").await;
    let fixture = fixture.changed(|settings| settings.scopes.push(scope_definition("new"))).await;
    assert_eq!(fixture.facts(&login.access_token).await.unwrap().scope, fixture.scope("offline order product"));
}

#[tokio::test]
async fn a_realm_starts_again_after_a_scope_of_its_clients_was_retired() {
    let fixture = Fixture::marketplace().await.changed(|settings| settings.scopes[2].retired = true).await;
    let engine = Engine::new(fixture.store.clone(), MasterKey::parse(&fixture.master).unwrap());
    engine.load().await.unwrap();
    assert!(engine.realm("marketplace").unwrap().client("web").is_some());
}

#[tokio::test]
async fn a_code_lives_ten_minutes_at_most() {
    let fixture = Fixture::marketplace().await;
    let mut settings = fixture.realm.settings.clone();
    settings.lifetimes.code_s = 601;
    assert!(matches!(fixture.engine.put_realm("marketplace", &settings).await, Err(SetupError::CodeLifetime(_))));
    settings.lifetimes.code_s = 600;
    assert!(fixture.engine.put_realm("marketplace", &settings).await.is_ok());
}

#[tokio::test]
async fn a_client_secret_has_22_characters() {
    let fixture = Fixture::marketplace().await;
    let metadata = fixture.realm.client("web").unwrap().metadata.clone();
    for (length, expect) in [(21, false), (22, true)] {
        let client_secret = Some(secret(&"ậ".repeat(length)));
        let client = NewClient { client_id: "new".to_owned(), client_secret, metadata: metadata.clone() };
        let made = fixture.engine.put_client(&fixture.realm, client).await;
        assert_eq!(made.is_ok(), expect, "{length} characters");
        assert!(expect || matches!(made, Err(SetupError::Secret(_))));
    }
}
