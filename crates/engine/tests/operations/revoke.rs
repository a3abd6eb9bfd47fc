//! Revocation: own tokens only, spent or not.

use kimbai_core::token::{Refusal, TokenRefusal};

use crate::fixture::{Answered as _, Fixture, refresh_token, secret, source, strangers};

#[tokio::test]
async fn revoking_an_access_token_leaves_the_refresh_token() {
    let fixture = Fixture::marketplace().await;
    let login = fixture.log_in("web").await;
    fixture.revoke("web", login.access_token.expose()).await.unwrap();
    assert!(!fixture.works(&login.access_token).await);
    assert!(fixture.works(&refresh_token(&login)).await);
    let next = fixture.refresh("web", &refresh_token(&login)).await.unwrap();
    assert!(fixture.works(&next.access_token).await);
    let _ = fixture.audit("access_revoked_by_client", 1).await;
}

#[tokio::test]
async fn a_retry_does_not_bring_back_a_revoked_access_token() {
    let fixture = Fixture::marketplace().await;
    let token = refresh_token(&fixture.log_in("web").await);
    let answer = fixture.refresh("web", &token).await.unwrap();
    fixture.revoke("web", answer.access_token.expose()).await.unwrap();
    assert_eq!(fixture.refresh("web", &token).await.refusal(), Refusal::GenerationRevoked);
    let next = fixture.refresh("web", &refresh_token(&answer)).await.unwrap();
    assert!(fixture.works(&next.access_token).await, "the successor lives on");
}

#[tokio::test]
async fn revoking_an_access_token_ends_the_older_ones_too() {
    let fixture = Fixture::marketplace().await;
    let login = fixture.log_in("web").await;
    let second = fixture.refresh("web", &refresh_token(&login)).await.unwrap();
    let third = fixture.refresh("web", &refresh_token(&second)).await.unwrap();
    fixture.revoke("web", second.access_token.expose()).await.unwrap();
    fixture.revoke("web", login.access_token.expose()).await.unwrap();
    assert!(!fixture.works(&login.access_token).await);
    assert!(!fixture.works(&second.access_token).await, "a smaller revocation takes nothing back");
    assert!(fixture.works(&third.access_token).await);
}

#[tokio::test]
async fn revoking_a_refresh_token_spent_or_not_ends_the_grant() {
    for spent in [false, true] {
        let fixture = Fixture::marketplace().await;
        let login = fixture.log_in("web").await;
        let mut last = fixture.refresh("web", &refresh_token(&login)).await.unwrap();
        last = fixture.refresh("web", &refresh_token(&last)).await.unwrap();
        let token = if spent { refresh_token(&login) } else { refresh_token(&last) };
        fixture.revoke("web", token.expose()).await.unwrap();
        assert!(!fixture.works(&last.access_token).await);
        assert_eq!(fixture.refresh("web", &refresh_token(&last)).await.refusal(), Refusal::Revoked);
        fixture.revoke("web", token.expose()).await.unwrap();
        let _ = fixture.audit("grant_revoked_by_client", 1).await;
    }
}

#[tokio::test]
async fn another_clients_token_is_not_revoked() {
    let fixture = Fixture::marketplace().await;
    let (login, rowless) = (fixture.log_in("web").await, fixture.credentials_grant("web", None).await.unwrap());
    let tokens = [login.access_token.clone(), refresh_token(&login), rowless.access_token];
    for token in &tokens {
        // Anybody can speak for a public client, and learns nothing.
        fixture.revoke("spa", token.expose()).await.unwrap();
        for stranger in ["other", "resource"] {
            let refused = fixture.revoke(stranger, token.expose()).await.refused();
            assert_eq!(refused, TokenRefusal::UnauthorizedClient, "{stranger}");
        }
        for stranger in strangers("web") {
            let (engine, realm) = (&fixture.engine, &fixture.realm);
            let refused = engine.revoke(realm, &stranger, &secret(token.expose()), source(2)).await.refused();
            assert!(matches!(refused, TokenRefusal::Client(_) | TokenRefusal::UnauthorizedClient), "{refused:?}");
        }
        assert!(fixture.works(token).await);
    }
    assert!(fixture.refresh("web", &refresh_token(&login)).await.is_ok());
}

#[tokio::test]
async fn revoking_what_is_no_token_is_fine() {
    let fixture = Fixture::marketplace().await;
    let login = fixture.log_in("web").await;
    let (code, token) = (fixture.code("web", "order").await, login.access_token.expose().to_owned());
    for unknown in ["", "x", &token[1..], &format!("{token}A"), &token.to_uppercase(), code.expose()] {
        fixture.revoke("web", unknown).await.unwrap();
    }
    assert!(fixture.works(&login.access_token).await);
    assert!(fixture.redeem("web", &code).await.is_ok());
}

#[tokio::test]
async fn a_public_client_revokes_its_own_tokens() {
    let fixture = Fixture::marketplace().await;
    let login = fixture.log_in("spa").await;
    fixture.revoke("spa", refresh_token(&login).expose()).await.unwrap();
    assert!(!fixture.works(&login.access_token).await);
}
