//! Client credentials: tokens without a grant or a row.

use kimbai_core::scope::ScopeSet;
use kimbai_core::token::{Inactive, TokenKind, TokenRefusal};
use kimbai_engine::Introspection;

use crate::fixture::{Answered as _, Fixture, refresh_token};

#[tokio::test]
async fn client_credentials_give_no_refresh_token_even_if_offline_is_asked_for() {
    let fixture = Fixture::marketplace().await;
    for (client_id, scope, expect) in [
        ("in-house", None, "offline order product"),
        ("in-house", Some("order"), "order"),
        ("in-house", Some("offline order"), "offline order"),
        ("web", None, "offline order product"),
    ] {
        let answer = fixture.credentials_grant(client_id, scope).await.unwrap();
        assert_eq!(answer.refresh_token, None, "{client_id} {scope:?}");
        assert_eq!((answer.scope, answer.expires_in_s), (fixture.scope(expect), 3_600));
        let facts = fixture.facts(&answer.access_token).await.unwrap();
        assert_eq!((facts.kind, facts.user, &*facts.subject), (TokenKind::Rowless, None, client_id));
    }
}

#[tokio::test]
async fn client_credentials_are_for_registered_clients_and_scopes() {
    let fixture = Fixture::marketplace().await;
    assert_eq!(fixture.credentials_grant("spa", None).await.refused(), TokenRefusal::UnauthorizedClient);
    for scope in ["inventory", "order inventory", "all", "order,product"] {
        let refused = fixture.credentials_grant("in-house", Some(scope)).await.refused();
        assert!(matches!(refused, TokenRefusal::Scope(_) | TokenRefusal::ScopeNotGranted), "{scope}: {refused:?}");
    }
}

#[tokio::test]
async fn two_tokens_of_one_second_are_two_tokens() {
    let fixture = Fixture::marketplace().await;
    let (one, other) =
        (fixture.credentials_grant("web", None).await.unwrap(), fixture.credentials_grant("web", None).await.unwrap());
    assert_ne!(one.access_token, other.access_token);
    fixture.revoke("web", one.access_token.expose()).await.unwrap();
    fixture.revoke("web", one.access_token.expose()).await.unwrap();
    assert!(!fixture.works(&one.access_token).await);
    assert!(fixture.works(&other.access_token).await);
}

#[tokio::test]
async fn a_row_less_token_ends_with_its_lifetime() {
    let fixture = Fixture::marketplace().await;
    let answer = fixture.credentials_grant("web", None).await.unwrap();
    fixture.clock.advance_s(3_540);
    assert!(fixture.works(&answer.access_token).await);
    fixture.clock.advance_s(60);
    assert!(!fixture.works(&answer.access_token).await);
    fixture.revoke("web", answer.access_token.expose()).await.unwrap();
}

#[tokio::test]
async fn the_1001st_denial_advances_the_epoch() {
    let fixture = Fixture::marketplace().await;
    let kept = fixture.credentials_grant("web", None).await.unwrap().access_token;
    for _ in 0..1_000 {
        let token = fixture.credentials_grant("web", None).await.unwrap().access_token;
        fixture.revoke("web", token.expose()).await.unwrap();
    }
    assert!(fixture.works(&kept).await, "a thousand denials fit");
    assert_eq!(fixture.realm.client("web").unwrap().standing.epoch, 0);
    let last = fixture.credentials_grant("web", None).await.unwrap().access_token;
    fixture.revoke("web", last.expose()).await.unwrap();
    assert!(!fixture.works(&last).await);
    assert!(!fixture.works(&kept).await, "the epoch ends all of them");
    assert_eq!(fixture.realm.client("web").unwrap().standing.epoch, 1);
    let new = fixture.credentials_grant("web", None).await.unwrap().access_token;
    assert!(fixture.works(&new).await, "what is new works");
}

#[tokio::test]
async fn only_a_resource_server_introspects() {
    let fixture = Fixture::marketplace().await;
    let login = fixture.log_in("web").await;
    let rowless = fixture.credentials_grant("web", None).await.unwrap();
    for token in [login.access_token.clone(), refresh_token(&login), rowless.access_token] {
        for caller in ["web", "other", "in-house"] {
            match fixture.introspect(caller, token.expose()).await.unwrap() {
                Introspection::Inactive(Inactive::NotYours) => {}
                other => panic!("{caller}: {other:?}"),
            }
        }
        let public = fixture.introspect("spa", token.expose()).await.refused();
        assert_eq!(public, TokenRefusal::UnauthorizedClient);
        assert!(matches!(fixture.introspect("nobody", token.expose()).await.refused(), TokenRefusal::Client(_)));
        assert!(fixture.works(&token).await);
    }
}

#[tokio::test]
async fn what_is_no_token_is_inactive() {
    let fixture = Fixture::marketplace().await;
    for unknown in ["", "x", "a.b", &"A".repeat(86)] {
        assert!(matches!(fixture.introspect("resource", unknown).await.unwrap(), Introspection::Inactive(_)));
    }
    let code = fixture.code("web", "order").await;
    assert!(!fixture.works(&code.into()).await, "a code");
}

#[tokio::test]
async fn a_client_without_scopes_gets_an_empty_one() {
    let fixture = Fixture::marketplace().await;
    let mut metadata = fixture.realm.client("in-house").unwrap().metadata.clone();
    metadata.scope = String::new();
    let client = kimbai_engine::NewClient { client_id: "in-house".to_owned(), client_secret: None, metadata };
    fixture.engine.put_client(&fixture.realm, client).await.unwrap();
    assert_eq!(fixture.credentials_grant("in-house", None).await.unwrap().scope, ScopeSet::EMPTY);
    let refused = fixture.credentials_grant("in-house", Some("order")).await.refused();
    assert_eq!(refused, TokenRefusal::ScopeNotGranted);
}
