//! A retried refresh gets the same answer.

use std::collections::HashSet;
use std::sync::Arc;

use kimbai_core::token::{Note, Refusal, TokenRefusal};
use kimbai_keyring::{KeyUsage, MasterKey, RealmKeyring};
use kimbai_store::{Change, Registry as _};

use crate::fixture::{Answered as _, Fixture, bytes, credentials, refresh_grant, refresh_token, source};

#[tokio::test(flavor = "multi_thread")]
async fn sixty_four_concurrent_refreshes_get_the_same_successor() {
    let fixture = Arc::new(Fixture::marketplace().await);
    for client_id in ["web", "spa"] {
        let token = refresh_token(&fixture.log_in(client_id).await);
        let attempts: Vec<_> = (0..64)
            .map(|_| {
                let (fixture, token) = (fixture.clone(), token.clone());
                tokio::spawn(async move { fixture.refresh(client_id, &token).await })
            })
            .collect();
        let mut answers = HashSet::new();
        let mut firsts = 0;
        for attempt in attempts {
            let answer = attempt.await.unwrap().unwrap();
            firsts += u32::from(answer.note.is_none());
            answers.insert(bytes(&answer));
        }
        assert_eq!((answers.len(), firsts), (1, 1), "{client_id}");
    }
    assert_eq!(fixture.audit("refresh_retried", 126).await.len(), 126);
}

#[tokio::test]
async fn a_retried_refresh_gets_the_same_answer_byte_for_byte() {
    let fixture = Fixture::marketplace().await;
    let token = refresh_token(&fixture.log_in("web").await);
    let first = fixture.refresh("web", &token).await.unwrap();
    assert_eq!((first.expires_in_s, first.note), (3_600, None));
    let mut passed = 0;
    for (seconds, expires_in_s) in [(1, 3_599), (1_800, 1_800), (7_200, 0), (86_300, 0)] {
        fixture.clock.advance_s(seconds - passed);
        passed = seconds;
        let again = fixture.refresh("web", &token).await.unwrap();
        assert_eq!(bytes(&again), bytes(&first), "after {seconds} s");
        let late_s = expires_in_s - again.expires_in_s;
        assert!(late_s <= 30, "{late_s} s less after {seconds} s");
        assert_eq!(again.note, Some(Note::Retried));
    }
    let next = fixture.refresh("web", &refresh_token(&first)).await.unwrap();
    assert!(fixture.works(&next.access_token).await);
    let events = fixture.audit("refresh_retried", 4).await;
    assert!(events.iter().all(|event| event.source.as_deref() == Some("192.0.2.1") && event.grant.is_some()));
}

#[tokio::test]
async fn a_retry_with_narrowed_scope_keeps_the_refresh_token() {
    let fixture = Fixture::marketplace().await;
    let token = refresh_token(&fixture.log_in("web").await);
    let ask = async |scope| fixture.ask("web", refresh_grant(&token, scope)).await.unwrap();
    let whole = ask(None).await;
    let narrowed = ask(Some("order")).await;
    assert_eq!(refresh_token(&narrowed), refresh_token(&whole));
    assert_ne!(narrowed.access_token, whole.access_token);
    assert_eq!(narrowed.scope, fixture.scope("order"));
    assert_eq!(bytes(&ask(Some("order")).await), bytes(&narrowed), "an equal question");
    assert_eq!(bytes(&ask(None).await), bytes(&whole));
    assert_eq!(bytes(&ask(Some("product order offline")).await), bytes(&whole), "the same set");
    assert_eq!(fixture.facts(&narrowed.access_token).await.unwrap().scope, fixture.scope("order"));
    assert_eq!(fixture.facts(&whole.access_token).await.unwrap().scope, whole.scope);
    let next = fixture.refresh("web", &refresh_token(&narrowed)).await.unwrap();
    assert_eq!(next.scope, whole.scope, "the grant was not narrowed");
}

#[tokio::test]
async fn a_scope_beyond_the_grant_is_refused_and_rotates_nothing() {
    let fixture = Fixture::marketplace().await;
    let code = fixture.code("web", "offline order").await;
    let token = refresh_token(&fixture.redeem("web", &code).await.unwrap());
    for scope in ["product", "order product", "inventory", "all"] {
        let refused = fixture.ask("web", refresh_grant(&token, Some(scope))).await.refused();
        assert!(matches!(refused, TokenRefusal::ScopeNotGranted | TokenRefusal::Scope(_)), "{refused:?}");
    }
    assert_eq!(fixture.refresh("web", &token).await.unwrap().note, None);
}

#[tokio::test]
async fn a_public_client_may_retry_for_thirty_seconds() {
    for (seconds, expect) in [(15, true), (30, false)] {
        let fixture = Fixture::marketplace().await;
        let token = refresh_token(&fixture.log_in("spa").await);
        let first = fixture.refresh("spa", &token).await.unwrap();
        fixture.clock.advance_s(seconds);
        let again = fixture.refresh("spa", &token).await;
        assert_eq!(again.is_ok(), expect, "after {seconds} s");
        assert_eq!(fixture.refresh("spa", &refresh_token(&first)).await.is_ok(), expect);
    }
}

#[tokio::test]
async fn a_confidential_client_may_retry_for_a_day() {
    for (seconds, expect) in [(86_340, true), (86_400, false)] {
        let fixture = Fixture::marketplace().await;
        let token = refresh_token(&fixture.log_in("web").await);
        let first = fixture.refresh("web", &token).await.unwrap();
        fixture.clock.advance_s(seconds);
        assert_eq!(fixture.refresh("web", &token).await.is_ok(), expect, "after {seconds} s");
        assert_eq!(fixture.refresh("web", &refresh_token(&first)).await.is_ok(), expect);
    }
}

#[tokio::test]
async fn a_realm_without_retries_takes_the_first_one_for_reuse() {
    let fixture = Fixture::marketplace().await.changed(|settings| settings.lifetimes.retry_confidential_s = 0).await;
    let token = refresh_token(&fixture.log_in("web").await);
    fixture.refresh("web", &token).await.unwrap();
    assert_eq!(fixture.refresh("web", &token).await.refusal(), Refusal::Reused);
}

#[tokio::test]
async fn a_retry_gets_the_same_answer_although_the_sealing_key_was_changed() {
    let fixture = Fixture::marketplace().await;
    let token = refresh_token(&fixture.log_in("web").await);
    let first = fixture.refresh("web", &token).await.unwrap();
    let master = MasterKey::parse(&fixture.master).unwrap();
    let sealed = RealmKeyring::generate(&master, fixture.realm.number, KeyUsage::Sealing);
    let key = Change::AddKey { realm: fixture.realm.number, usage: KeyUsage::Sealing.name().to_owned(), sealed };
    fixture.store.change(vec![key]).await.unwrap();
    let fixture = fixture.changed(|_| {}).await;
    assert_eq!(fixture.realm.keyring.sealing_keys().newest, 1);
    let again = fixture.refresh("web", &token).await.unwrap();
    assert_eq!(bytes(&again), bytes(&first));
    let next = fixture.refresh("web", &refresh_token(&again)).await.unwrap();
    assert!(fixture.works(&next.access_token).await && fixture.works(&first.access_token).await);
    let retried = fixture.refresh("web", &refresh_token(&again)).await.unwrap();
    assert_eq!(bytes(&retried), bytes(&next));
}

#[tokio::test]
async fn retries_of_successive_generations_from_other_sources_raise_the_alarm() {
    let fixture = Fixture::marketplace().await;
    let mut token = refresh_token(&fixture.log_in("web").await);
    let ask = async |grant, last| fixture.ask_as(credentials("web"), grant, source(last)).await.unwrap();
    for last in [1, 1, 2] {
        let answer = ask(refresh_grant(&token, None), 1).await;
        ask(refresh_grant(&token, None), last).await;
        token = refresh_token(&answer);
    }
    let events = fixture.audit("refresh_retried_from_elsewhere", 1).await;
    assert_eq!(events[0].source.as_deref(), Some("192.0.2.2"));
    let _ = fixture.audit("refresh_retried", 3).await;
}

#[tokio::test]
async fn retries_of_one_generation_from_other_sources_are_no_alarm() {
    let fixture = Fixture::marketplace().await;
    let token = refresh_token(&fixture.log_in("web").await);
    for last in 1..5 {
        fixture.ask_as(credentials("web"), refresh_grant(&token, None), source(last)).await.unwrap();
    }
    let _ = fixture.audit("refresh_retried", 3).await;
    fixture.assert_not_audited("refresh_retried_from_elsewhere").await;
}
