//! What a realm's administrator cannot do by mistake, and what a restart keeps.

use kimbai_core::realm::RealmSettings;
use kimbai_core::token::Refusal;
use kimbai_engine::{Engine, NewClient, NewUser, SetupError, UserClaims};
use kimbai_keyring::MasterKey;
use kimbai_store::sqlite::Location;

use crate::fixture::{
    Answered as _, Fixture, PASSWORD_HASH, bytes, marketplace, refresh_token, scope_definition, secret,
};

#[tokio::test]
async fn a_restart_keeps_tokens_and_retries() {
    let directory = tempfile::tempdir().unwrap();
    let location = || Location::Directory(directory.path().to_owned());
    let fixture = Fixture::at(location(), "marketplace", &marketplace()).await;
    let (code, spent) = (fixture.code("web", "order").await, refresh_token(&fixture.log_in("web").await));
    let login = refresh_token(&fixture.log_in("web").await);
    let first = fixture.refresh("web", &login).await.unwrap();
    let last = fixture.refresh("web", &refresh_token(&fixture.refresh("web", &spent).await.unwrap())).await.unwrap();
    let fixture = fixture.restarted(location(), 5).await;
    assert_eq!(bytes(&fixture.refresh("web", &login).await.unwrap()), bytes(&first));
    assert!(fixture.works(&first.access_token).await);
    assert!(fixture.redeem("web", &code).await.is_ok());
    assert_eq!(fixture.refresh("web", &spent).await.refusal(), Refusal::Reused);
    assert!(!fixture.works(&last.access_token).await);
    let fixture = fixture.restarted(location(), 5).await;
    assert!(!fixture.works(&last.access_token).await, "what was revoked stays revoked");
    assert_eq!(fixture.refresh("web", &refresh_token(&last)).await.refusal(), Refusal::Revoked);
}

#[tokio::test]
async fn a_public_clients_retry_is_counted_from_the_end_of_an_outage() {
    for (waited_s, expect) in [(15, true), (30, false)] {
        let directory = tempfile::tempdir().unwrap();
        let location = || Location::Directory(directory.path().to_owned());
        let fixture = Fixture::at(location(), "marketplace", &marketplace()).await;
        let token = refresh_token(&fixture.log_in("spa").await);
        let first = fixture.refresh("spa", &token).await.unwrap();
        let fixture = fixture.restarted(location(), 3_600).await;
        fixture.clock.advance_s(waited_s);
        let again = fixture.refresh("spa", &token).await;
        assert_eq!(again.is_ok(), expect, "{waited_s} s after the outage");
        assert!(again.is_err() || bytes(&again.unwrap()) == bytes(&first));
    }
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
    assert!(matches!(fixture.engine.put_realm("marketplace", &settings).await, Err(SetupError::Settings { .. })));
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

#[tokio::test]
async fn a_users_subject_is_never_reassigned() {
    let fixture = Fixture::marketplace().await;
    let user = |sub: &str, name: &str| NewUser {
        username: "new".to_owned(),
        password_hash: PASSWORD_HASH.clone(),
        claims: UserClaims { sub: sub.to_owned(), name: name.to_owned(), email: None, ..UserClaims::default() },
    };
    let number = fixture.engine.put_user(&fixture.realm, user("77", "Một")).await.unwrap();
    assert_eq!(fixture.engine.put_user(&fixture.realm, user("77", "Hai")).await.unwrap(), number);
    let refused = fixture.engine.put_user(&fixture.realm, user("78", "Hai")).await;
    assert!(matches!(refused, Err(SetupError::Subject(_))), "{refused:?}");
}

#[tokio::test]
async fn the_offline_scope_is_one_of_the_realms() {
    let fixture = Fixture::marketplace().await;
    for (offline_scope, expect) in [("ofline", false), ("offline", true), ("", true)] {
        let settings = RealmSettings { offline_scope: offline_scope.to_owned(), ..fixture.realm.settings.clone() };
        assert_eq!(fixture.engine.put_realm("marketplace", &settings).await.is_ok(), expect, "{offline_scope}");
    }
}

#[tokio::test]
async fn a_scope_taken_from_a_client_ends_with_its_next_refresh_and_at_once_at_resources() {
    let fixture = Fixture::marketplace().await;
    let login = fixture.log_in("web").await;
    assert!(fixture.works(&login.access_token).await);
    let mut metadata = fixture.realm.client("web").unwrap().metadata.clone();
    metadata.scope = "offline".to_owned();
    let client = NewClient { client_id: "web".to_owned(), client_secret: None, metadata };
    fixture.engine.put_client(&fixture.realm, client).await.unwrap();
    assert!(!fixture.works(&login.access_token).await);
    assert_eq!(fixture.refresh("web", &refresh_token(&login)).await.refusal(), Refusal::ScopeRetired);
}
