//! Reuse is caught, by the client's own requests alone; refresh tokens have ends.

use kimbai_core::number::Generation;
use kimbai_core::token::{Pointer, Refusal, TokenKind, TokenRefusal};
use kimbai_engine::IssuedToken;
use kimbai_keyring::Opened;

use crate::fixture::{Answered as _, Fixture, credentials, refresh_grant, refresh_token, source, strangers};

#[tokio::test]
async fn reuse_revokes_the_grant_and_access_tokens_die() {
    let fixture = Fixture::marketplace().await;
    let login = fixture.log_in("web").await;
    let second = fixture.refresh("web", &refresh_token(&login)).await.unwrap();
    let third = fixture.refresh("web", &refresh_token(&second)).await.unwrap();
    assert_eq!(fixture.refresh("web", &refresh_token(&login)).await.refusal(), Refusal::Reused);
    for answer in [&login, &second, &third] {
        assert!(!fixture.works(&answer.access_token).await);
        assert!(!fixture.works(&refresh_token(answer)).await);
        assert_eq!(fixture.refresh("web", &refresh_token(answer)).await.refusal(), Refusal::Revoked);
    }
    let events = fixture.audit("refresh_token_reused", 1).await;
    assert_eq!((events[0].user, events[0].source.as_deref()), (Some(fixture.an.0), Some("192.0.2.1")));
}

#[tokio::test]
async fn of_five_rotations_in_one_second_each_replay_is_noticed() {
    for replayed in 0..4 {
        let fixture = Fixture::marketplace().await;
        let mut tokens = vec![refresh_token(&fixture.log_in("web").await)];
        for _ in 0..5 {
            let answer = fixture.refresh("web", tokens.last().unwrap()).await.unwrap();
            tokens.push(refresh_token(&answer));
        }
        assert_eq!(fixture.refresh("web", &tokens[replayed]).await.refusal(), Refusal::Reused, "{replayed}");
        assert_eq!(fixture.refresh("web", &tokens[5]).await.refusal(), Refusal::Revoked);
    }
}

#[tokio::test]
async fn a_stranger_presenting_a_spent_refresh_token_revokes_nothing() {
    let fixture = Fixture::marketplace().await;
    let login = fixture.log_in("web").await;
    let second = fixture.refresh("web", &refresh_token(&login)).await.unwrap();
    let third = fixture.refresh("web", &refresh_token(&second)).await.unwrap();
    for token in [&login, &second, &third].map(refresh_token) {
        for stranger in strangers("web") {
            let refused = fixture.ask_as(stranger.clone(), refresh_grant(&token, None), source(2)).await.refused();
            let expected = matches!(refused, TokenRefusal::Client(_) | TokenRefusal::Grant(Refusal::OtherClient));
            assert!(expected, "{stranger:?} {refused:?}");
        }
        let public = fixture.ask_as(credentials("spa"), refresh_grant(&token, None), source(2)).await;
        assert_eq!(public.refusal(), Refusal::OtherClient);
    }
    assert!(fixture.works(&third.access_token).await);
    assert!(fixture.refresh("web", &refresh_token(&third)).await.is_ok());
    fixture.assert_not_audited("refresh_token_reused").await;
}

#[tokio::test]
async fn a_refresh_token_ends_when_it_lies_idle_and_with_its_grant() {
    const DAY_S: i64 = 86_400;
    let fixture = Fixture::marketplace().await;
    let idle = refresh_token(&fixture.log_in("web").await);
    fixture.clock.advance_s(30 * DAY_S);
    assert_eq!(fixture.refresh("web", &idle).await.refusal(), Refusal::Expired);
    let mut token = refresh_token(&fixture.log_in("web").await);
    for _ in 0..14 {
        fixture.clock.advance_s(26 * DAY_S);
        token = refresh_token(&fixture.refresh("web", &token).await.unwrap());
    }
    fixture.clock.advance_s(DAY_S - 60);
    let last = fixture.refresh("web", &token).await.unwrap();
    assert!(last.expires_in_s <= 60, "no token outlives its grant: {}", last.expires_in_s);
    fixture.clock.advance_s(60);
    assert_eq!(fixture.refresh("web", &refresh_token(&last)).await.refusal(), Refusal::Expired);
    assert!(!fixture.works(&last.access_token).await);
}

#[tokio::test]
async fn an_access_token_says_truthfully_when_it_ends() {
    let fixture = Fixture::marketplace().await;
    let answer = fixture.log_in("web").await;
    let facts = fixture.facts(&answer.access_token).await.unwrap();
    assert_eq!(facts.expiry_s - facts.issued_at_s.unwrap(), 3_600);
    assert_eq!((&*facts.subject, facts.client.client_id.as_str()), ("1", "web"));
    fixture.clock.advance_s(3_540);
    assert!(fixture.works(&answer.access_token).await);
    fixture.clock.advance_s(60);
    assert!(!fixture.works(&answer.access_token).await);
    assert!(fixture.works(&refresh_token(&answer)).await, "its refresh token lives on");
}

/// A refresh token of another moment of its grant, as a store that lost its tail would have given it out.
fn other_moment(fixture: &Fixture, token: &IssuedToken, change: impl FnOnce(&mut Pointer)) -> IssuedToken {
    let Some(Opened::Pointer(_, mut pointer)) = fixture.realm.keyring.open(&[TokenKind::Refresh], token.expose())
    else {
        panic!("not a refresh token");
    };
    change(&mut pointer);
    fixture.realm.keyring.seal(TokenKind::Refresh, &pointer, 0).unwrap().into()
}

#[tokio::test]
async fn a_store_that_went_back_is_no_reuse() {
    let fixture = Fixture::marketplace().await;
    let login = refresh_token(&fixture.log_in("web").await);
    let second = refresh_token(&fixture.refresh("web", &login).await.unwrap());
    let ahead = other_moment(&fixture, &second, |pointer| pointer.generation = Generation::new(3).unwrap());
    let elsewhen = other_moment(&fixture, &second, |pointer| pointer.time ^= 1);
    let predecessor = other_moment(&fixture, &login, |pointer| pointer.time ^= 1);
    for token in [&ahead, &elsewhen, &predecessor] {
        assert_eq!(fixture.refresh("web", token).await.refusal(), Refusal::StoreWentBack);
        assert!(!fixture.works(token).await);
    }
    assert!(fixture.refresh("web", &second).await.is_ok(), "the grant lives on");
    assert_eq!(fixture.audit("store_went_back", 3).await.len(), 3);
    fixture.assert_not_audited("refresh_token_reused").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_revocation_has_answered_nothing_works() {
    let fixture = Fixture::marketplace().await;
    for round in 0..300 {
        let login = fixture.log_in("web").await;
        let token = refresh_token(&login);
        let (refreshed, revoked) = tokio::join!(fixture.refresh("web", &token), async {
            if round % 2 == 0 {
                tokio::task::yield_now().await;
            }
            fixture.revoke("web", token.expose()).await
        });
        revoked.unwrap();
        assert_eq!(fixture.refresh("web", &token).await.refusal(), Refusal::Revoked);
        assert!(!fixture.works(&login.access_token).await);
        if let Ok(answer) = refreshed {
            assert!(!fixture.works(&answer.access_token).await);
            assert_eq!(fixture.refresh("web", &refresh_token(&answer)).await.refusal(), Refusal::Revoked);
        }
    }
}
