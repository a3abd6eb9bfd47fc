//! Disabling a client, a user, a consent or a scope: what was issued is dead at once, and stays dead.

use kimbai_core::token::{Refusal, TokenRefusal};
use kimbai_engine::TokenAnswer;
use kimbai_store::Activity;

use crate::fixture::{Answered as _, Fixture, binding, refresh_token};

async fn assert_dead(fixture: &Fixture, client_id: &str, answer: &TokenAnswer, expect: Refusal) {
    assert!(!fixture.works(&answer.access_token).await, "the access token works");
    let token = refresh_token(answer);
    assert!(!fixture.works(&token).await, "the refresh token works");
    assert_eq!(fixture.refresh(client_id, &token).await.refusal(), expect);
}

#[tokio::test]
async fn a_disabled_client_gets_nothing_and_enabling_it_revives_nothing() {
    let fixture = Fixture::marketplace().await;
    let (answer, rowless) = (fixture.log_in("web").await, fixture.credentials_grant("web", None).await.unwrap());
    let unharmed = fixture.log_in("other").await;
    assert!(fixture.engine.set_client_activity(&fixture.realm, "web", Activity::Disabled).await.unwrap());
    assert!(!fixture.works(&answer.access_token).await && !fixture.works(&rowless.access_token).await);
    let refused = fixture.refresh("web", &refresh_token(&answer)).await.refused();
    assert!(matches!(refused, TokenRefusal::Client(_)), "{refused:?}");
    assert!(matches!(fixture.credentials_grant("web", None).await.refused(), TokenRefusal::Client(_)));
    assert!(fixture.engine.set_client_activity(&fixture.realm, "web", Activity::Enabled).await.unwrap());
    assert_dead(&fixture, "web", &answer, Refusal::ClientEnded).await;
    assert!(!fixture.works(&rowless.access_token).await);
    assert!(fixture.works(&fixture.log_in("web").await.access_token).await, "what is new works");
    let rowless = fixture.credentials_grant("web", None).await.unwrap();
    assert!(fixture.works(&rowless.access_token).await);
    assert!(fixture.works(&unharmed.access_token).await);
    assert!(!fixture.engine.set_client_activity(&fixture.realm, "nobody", Activity::Disabled).await.unwrap());
}

#[tokio::test]
async fn a_disabled_users_tokens_are_dead_and_stay_dead() {
    let fixture = Fixture::marketplace().await;
    let answer = fixture.log_in("web").await;
    assert_eq!(
        fixture.engine.set_user_activity(&fixture.realm, " AN ", Activity::Disabled).await.unwrap(),
        Some(fixture.an)
    );
    assert_dead(&fixture, "web", &answer, Refusal::UserEnded).await;
    fixture.engine.set_user_activity(&fixture.realm, "an", Activity::Enabled).await.unwrap();
    assert_dead(&fixture, "web", &answer, Refusal::UserEnded).await;
    assert!(fixture.works(&fixture.log_in("web").await.access_token).await, "what is new works");
    assert_eq!(fixture.engine.set_user_activity(&fixture.realm, "nobody", Activity::Disabled).await.unwrap(), None);
}

#[tokio::test]
async fn a_withdrawn_consent_ends_its_grants_and_no_others() {
    let fixture = Fixture::marketplace().await;
    let (first, second) = (fixture.log_in("web").await, fixture.log_in("web").await);
    let unredeemed = fixture.code("web", "order").await;
    let unharmed = fixture.log_in("other").await;
    let ended = fixture.engine.withdraw_consent(&fixture.realm, fixture.an, "web").await.unwrap();
    assert_eq!(ended, 3);
    assert_dead(&fixture, "web", &first, Refusal::Revoked).await;
    assert_dead(&fixture, "web", &second, Refusal::Revoked).await;
    assert_eq!(fixture.redeem("web", &unredeemed).await.refusal(), Refusal::Revoked);
    assert!(fixture.works(&unharmed.access_token).await);
    assert_eq!(fixture.engine.withdraw_consent(&fixture.realm, fixture.an, "web").await.unwrap(), 0);
    let _ = fixture.audit("consent_withdrawn", 2).await;
}

#[tokio::test]
async fn a_consent_is_withdrawn_also_behind_many_grants_of_other_clients() {
    let fixture = Fixture::marketplace().await;
    for _ in 0..600 {
        fixture.code_bound_to("other", "order", binding(None, None)).await;
    }
    // Ids are ordered by seconds: these two come last.
    fixture.clock.advance_s(2);
    let (first, second) = (fixture.log_in("web").await, fixture.log_in("web").await);
    assert_eq!(fixture.engine.withdraw_consent(&fixture.realm, fixture.an, "web").await.unwrap(), 2);
    assert_dead(&fixture, "web", &first, Refusal::Revoked).await;
    assert_dead(&fixture, "web", &second, Refusal::Revoked).await;
}

#[tokio::test]
async fn a_retired_scope_ends_refreshing_and_introspection_says_inactive() {
    let fixture = Fixture::marketplace().await;
    let (with, code) = (fixture.log_in("web").await, fixture.code("web", "product").await);
    let without = fixture.code("web", "offline order").await;
    let without = fixture.redeem("web", &without).await.unwrap();
    let rowless = fixture.credentials_grant("web", Some("product")).await.unwrap();
    let fixture = fixture.changed(|settings| settings.scopes[2].retired = true).await;
    assert_dead(&fixture, "web", &with, Refusal::ScopeRetired).await;
    assert!(!fixture.works(&rowless.access_token).await);
    assert_eq!(fixture.redeem("web", &code).await.refusal(), Refusal::ScopeRetired);
    assert!(fixture.works(&without.access_token).await, "tokens without it live on");
    assert!(fixture.refresh("web", &refresh_token(&without)).await.is_ok());
    let all = fixture.credentials_grant("web", None).await.unwrap();
    assert_eq!(all.scope, fixture.scope("offline order"));
}
