//! Codes: redeemed at most once, by their client, with everything right.

use std::sync::Arc;

use kimbai_core::client::GrantType;
use kimbai_core::token::{Refusal, TokenRefusal};
use kimbai_engine::NewClient;
use kimbai_store::Activity;

use crate::fixture::{
    Answered as _, CHALLENGE, Fixture, REDIRECT_URI, VERIFIER, binding, code_grant, credentials, refresh_token, source,
    strangers,
};

const OTHER_VERIFIER: &str = "EBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

#[tokio::test(flavor = "multi_thread")]
async fn a_code_is_redeemed_at_most_once() {
    let fixture = Arc::new(Fixture::marketplace().await);
    let code = fixture.code("web", "offline order").await;
    let attempts: Vec<_> = (0..64)
        .map(|_| {
            let (fixture, code) = (fixture.clone(), code.clone());
            tokio::spawn(async move { fixture.redeem("web", &code).await })
        })
        .collect();
    let mut winners = Vec::new();
    for attempt in attempts {
        match attempt.await.unwrap() {
            Ok(answer) => winners.push(answer),
            refused => assert_eq!(refused.refusal(), Refusal::CodeSpent),
        }
    }
    let [winner] = winners.as_slice() else { panic!("{} redemptions", winners.len()) };
    assert!(fixture.works(&winner.access_token).await, "the losers did not kill the winner");
    assert!(fixture.refresh("web", &refresh_token(winner)).await.is_ok());
}

#[tokio::test]
async fn a_replay_within_ten_seconds_is_refused_and_no_more() {
    let fixture = Fixture::marketplace().await;
    let code = fixture.code("web", "offline order").await;
    let answer = fixture.redeem("web", &code).await.unwrap();
    fixture.clock.advance_s(2);
    assert_eq!(fixture.redeem("web", &code).await.refusal(), Refusal::CodeSpent);
    assert!(fixture.works(&answer.access_token).await);
    assert!(fixture.refresh("web", &refresh_token(&answer)).await.is_ok());
    fixture.assert_not_audited("code_replayed").await;
}

#[tokio::test]
async fn a_replay_after_ten_seconds_revokes_the_grant() {
    let fixture = Fixture::marketplace().await;
    let code = fixture.code("web", "offline order").await;
    let answer = fixture.redeem("web", &code).await.unwrap();
    fixture.clock.advance_s(10);
    assert_eq!(fixture.redeem("web", &code).await.refusal(), Refusal::CodeSpent);
    assert!(!fixture.works(&answer.access_token).await);
    assert_eq!(fixture.refresh("web", &refresh_token(&answer)).await.refusal(), Refusal::Revoked);
    assert_eq!(fixture.redeem("web", &code).await.refusal(), Refusal::Revoked);
    let events = fixture.audit("code_replayed", 1).await;
    assert_eq!(events[0].source.as_deref(), Some("192.0.2.1"));
    assert_eq!(events[0].user, Some(fixture.an.0));
}

#[tokio::test]
async fn a_wrong_verifier_redirect_uri_or_client_leaves_the_code_usable() {
    let fixture = Fixture::standard().await;
    let code = fixture.code_bound_to("web", "order", binding(Some(REDIRECT_URI), Some(CHALLENGE))).await;
    let code = code.expose();
    for (client_id, redirect_uri, verifier, expect) in [
        ("web", Some(REDIRECT_URI), Some(OTHER_VERIFIER), Refusal::Verifier),
        ("web", Some(REDIRECT_URI), Some("too-short"), Refusal::Verifier),
        ("web", Some(REDIRECT_URI), None, Refusal::Verifier),
        ("web", Some("https://example.com/auth/tiki/callback"), Some(VERIFIER), Refusal::RedirectUri),
        ("web", Some("https://EXAMPLE.com/tiki/callback"), Some(VERIFIER), Refusal::RedirectUri),
        ("web", None, Some(VERIFIER), Refusal::RedirectUri),
        ("other", Some(REDIRECT_URI), Some(VERIFIER), Refusal::OtherClient),
        ("spa", Some(REDIRECT_URI), Some(VERIFIER), Refusal::OtherClient),
    ] {
        let refused = fixture.ask(client_id, code_grant(code, redirect_uri, verifier)).await;
        assert_eq!(refused.refusal(), expect, "{client_id} {redirect_uri:?} {verifier:?}");
    }
    assert!(fixture.ask("web", code_grant(code, Some(REDIRECT_URI), Some(VERIFIER))).await.is_ok());
}

#[tokio::test]
async fn a_verifier_without_a_challenge_is_refused() {
    let fixture = Fixture::marketplace().await;
    let code = fixture.code("web", "order").await;
    let grant = code_grant(code.expose(), Some(REDIRECT_URI), Some(VERIFIER));
    assert_eq!(fixture.ask("web", grant).await.refusal(), Refusal::Verifier);
    assert!(fixture.redeem("web", &code).await.is_ok());
}

#[tokio::test]
async fn a_redirect_uri_that_was_not_sent_is_not_sent_again() {
    let fixture = Fixture::marketplace().await;
    let code = fixture.code_bound_to("web", "order", binding(None, None)).await;
    let with = code_grant(code.expose(), Some(REDIRECT_URI), None);
    assert_eq!(fixture.ask("web", with).await.refusal(), Refusal::RedirectUri);
    assert!(fixture.ask("web", code_grant(code.expose(), None, None)).await.is_ok());
}

#[tokio::test]
async fn a_stranger_with_a_spent_code_revokes_nothing() {
    let fixture = Fixture::standard().await;
    let code = fixture.code_bound_to("web", "offline order", binding(Some(REDIRECT_URI), Some(CHALLENGE))).await;
    let right = || code_grant(code.expose(), Some(REDIRECT_URI), Some(VERIFIER));
    let answer = fixture.ask("web", right()).await.unwrap();
    fixture.clock.advance_s(60);
    for stranger in strangers("web") {
        let refused = fixture.ask_as(stranger.clone(), right(), source(2)).await.refused();
        assert!(matches!(refused, TokenRefusal::Client(_) | TokenRefusal::Grant(Refusal::OtherClient)), "{stranger:?}");
    }
    for (redirect_uri, verifier) in [
        (Some(REDIRECT_URI), Some(OTHER_VERIFIER)),
        (Some(REDIRECT_URI), None),
        (Some("https://evil.test/"), Some(VERIFIER)),
        (None, Some(VERIFIER)),
    ] {
        let grant = code_grant(code.expose(), redirect_uri, verifier);
        let refused = fixture.ask("web", grant).await.refusal();
        assert!(matches!(refused, Refusal::Verifier | Refusal::RedirectUri), "{refused:?}");
    }
    assert!(fixture.works(&answer.access_token).await);
    assert!(fixture.refresh("web", &refresh_token(&answer)).await.is_ok());
}

#[tokio::test]
async fn a_code_ends_with_its_lifetime() {
    let fixture = Fixture::standard().await;
    for (seconds, expect) in [(30, true), (60, false)] {
        let code = fixture.code("web", "order").await;
        fixture.clock.advance_s(seconds);
        let answered = fixture.redeem("web", &code).await;
        assert_eq!(answered.is_ok(), expect, "after {seconds} s");
        assert!(expect || answered.refusal() == Refusal::Expired);
    }
}

#[tokio::test]
async fn a_code_of_a_disabled_user_or_client_gives_nothing() {
    let fixture = Fixture::marketplace().await;
    let (of_user, of_client) = (fixture.code("web", "offline order").await, fixture.code("other", "order").await);
    fixture.engine.set_user_activity(&fixture.realm, "an", Activity::Disabled).await.unwrap();
    assert_eq!(fixture.redeem("web", &of_user).await.refusal(), Refusal::UserEnded);
    fixture.engine.set_user_activity(&fixture.realm, "an", Activity::Enabled).await.unwrap();
    fixture.engine.set_client_activity(&fixture.realm, "other", Activity::Disabled).await.unwrap();
    assert!(matches!(fixture.redeem("other", &of_client).await.refused(), TokenRefusal::Client(_)));
    fixture.engine.set_client_activity(&fixture.realm, "other", Activity::Enabled).await.unwrap();
    assert_eq!(fixture.redeem("other", &of_client).await.refusal(), Refusal::ClientEnded);
}

#[tokio::test]
async fn a_refresh_token_comes_only_with_offline() {
    let fixture = Fixture::marketplace().await;
    for (scope, expect) in [("offline order", true), ("order", false), ("order product", false)] {
        let code = fixture.code("web", scope).await;
        let answer = fixture.redeem("web", &code).await.unwrap();
        assert_eq!(answer.refresh_token.is_some(), expect, "{scope}");
        assert_eq!((answer.scope, answer.expires_in_s), (fixture.scope(scope), 3_600));
    }
}

#[tokio::test]
async fn a_client_may_redeem_only_codes_and_only_if_registered_for_them() {
    let fixture = Fixture::marketplace().await;
    let code = fixture.code("web", "order").await;
    for client_id in ["in-house", "resource"] {
        let refused = fixture.ask_as(credentials(client_id), code_grant(code.expose(), None, None), source(1)).await;
        assert_eq!(refused.refused(), TokenRefusal::UnauthorizedClient);
    }
}

#[tokio::test]
async fn a_client_that_may_not_refresh_gets_no_refresh_token() {
    let fixture = Fixture::marketplace().await;
    let mut metadata = fixture.realm.client("web").unwrap().metadata.clone();
    metadata.grant_types = vec![GrantType::AuthorizationCode];
    let client = NewClient { client_id: "web".to_owned(), client_secret: None, metadata };
    fixture.engine.put_client(&fixture.realm, client).await.unwrap();
    let answer = fixture.log_in("web").await;
    assert_eq!(answer.refresh_token, None);
    assert_eq!(answer.scope, fixture.scope("offline order product"));
    assert!(fixture.works(&answer.access_token).await);
}
