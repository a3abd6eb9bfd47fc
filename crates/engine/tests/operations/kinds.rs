//! A token works as what it is, where it was issued, to the byte.

use kimbai_core::token::{Refusal, TokenGrant, TokenRefusal};
use kimbai_engine::{Introspection, IssuedToken};
use kimbai_store::Activity;

use crate::fixture::{Answered as _, Fixture, REDIRECT_URI, code_grant, refresh_token, secret, standard};

async fn opens_the_resource(fixture: &Fixture, token: &str) -> bool {
    let found = fixture.engine.verify_access_token(&fixture.realm, &secret(token)).await.unwrap();
    matches!(found, Introspection::Active(_))
}

async fn redeem(fixture: &Fixture, code: &str) -> Refusal {
    fixture.ask("web", code_grant(code, Some(REDIRECT_URI), None)).await.refusal()
}

async fn refresh(fixture: &Fixture, token: &str) -> Refusal {
    let grant = TokenGrant::RefreshToken { refresh_token: secret(token), scope: None };
    fixture.ask("web", grant).await.refusal()
}

#[tokio::test]
async fn code_access_and_refresh_token_never_pass_for_one_another() {
    let fixture = Fixture::marketplace().await;
    let code = IssuedToken::from(fixture.code("web", "offline order").await);
    let login = fixture.log_in("web").await;
    let rowless = fixture.credentials_grant("web", None).await.unwrap().access_token;
    let (access, refreshing) = (login.access_token.clone(), refresh_token(&login));
    for token in [&access, &refreshing, &rowless] {
        assert_eq!(redeem(&fixture, token.expose()).await, Refusal::Forged);
    }
    for token in [&access, &code, &rowless] {
        assert_eq!(refresh(&fixture, token.expose()).await, Refusal::Forged);
    }
    for (token, expect) in [(&access, true), (&rowless, true), (&refreshing, false), (&code, false)] {
        assert_eq!(opens_the_resource(&fixture, token.expose()).await, expect);
    }
    assert!(fixture.refresh("web", &refreshing).await.is_ok());
    let IssuedToken::Sealed(code) = code else { panic!("a code is sealed") };
    assert!(fixture.redeem("web", &code).await.is_ok());
}

#[tokio::test]
async fn tokens_of_one_realm_are_nothing_in_another() {
    let here = Fixture::marketplace().await;
    // The same settings, too: only the realm differs.
    let twin = here.beside("twin", &here.realm.settings.clone()).await;
    let other = here.beside("standard", &standard()).await;
    let (code, login) = (here.code("web", "offline order").await, here.log_in("web").await);
    let rowless = here.credentials_grant("web", None).await.unwrap().access_token;
    for elsewhere in [&twin, &other] {
        assert_eq!(redeem(elsewhere, code.expose()).await, Refusal::Forged);
        assert_eq!(refresh(elsewhere, refresh_token(&login).expose()).await, Refusal::Forged);
        for token in [&login.access_token, &refresh_token(&login), &rowless] {
            assert!(!elsewhere.works(token).await);
            elsewhere.revoke("web", token.expose()).await.unwrap();
        }
    }
    assert!(here.works(&login.access_token).await && here.works(&rowless).await);
    assert!(here.redeem("web", &code).await.is_ok());
}

#[tokio::test]
async fn a_client_disabled_in_one_realm_lives_in_another() {
    let here = Fixture::marketplace().await;
    let twin = here.beside("twin", &here.realm.settings.clone()).await;
    let login = twin.log_in("web").await;
    here.engine.set_client_activity(&here.realm, "web", Activity::Disabled).await.unwrap();
    here.engine.set_user_activity(&here.realm, "an", Activity::Disabled).await.unwrap();
    assert!(twin.works(&login.access_token).await);
    assert!(twin.refresh("web", &refresh_token(&login)).await.is_ok());
}

/// Every token with each character changed, dropped, doubled or re-cased.
fn forgeries(token: &str) -> Vec<String> {
    let mut forgeries = vec![format!("{token}="), format!("{token}A"), format!(" {token}"), token.replace('.', "")];
    for position in 0..token.len() {
        let (before, rest) = token.split_at(position);
        let (character, after) = rest.split_at(1);
        let swapped = if character == "A" { "B" } else { "A" };
        let other_case: String = character
            .chars()
            .map(|c| if c.is_ascii_lowercase() { c.to_ascii_uppercase() } else { c.to_ascii_lowercase() })
            .collect();
        forgeries.push(format!("{before}{swapped}{after}"));
        forgeries.push(format!("{before}{after}"));
        forgeries.push(format!("{before}{character}{character}{after}"));
        forgeries.push(format!("{before}{other_case}{after}"));
        forgeries.push(before.to_owned());
    }
    forgeries.retain(|forgery| forgery != token);
    forgeries
}

#[tokio::test]
async fn a_token_that_was_changed_anywhere_is_refused() {
    let here = Fixture::marketplace().await;
    let other = here.beside("standard", &standard()).await;
    for fixture in [&here, &other] {
        let login = fixture.log_in("web").await;
        let rowless = fixture.credentials_grant("web", None).await.unwrap().access_token;
        let code = fixture.code("web", "offline order").await;
        for forgery in forgeries(code.expose()) {
            assert_eq!(redeem(fixture, &forgery).await, Refusal::Forged, "{forgery}");
        }
        for forgery in forgeries(refresh_token(&login).expose()) {
            assert_eq!(refresh(fixture, &forgery).await, Refusal::Forged, "{forgery}");
        }
        for token in [&login.access_token, &rowless] {
            for forgery in forgeries(token.expose()) {
                assert!(!opens_the_resource(fixture, &forgery).await, "{forgery}");
            }
        }
        assert!(fixture.redeem("web", &code).await.is_ok() && fixture.works(&login.access_token).await);
    }
}

#[tokio::test]
async fn an_unknown_grant_type_is_said_to_be_unsupported_after_the_client_has_proven_itself() {
    let fixture = Fixture::marketplace().await;
    assert_eq!(fixture.ask("web", TokenGrant::Unsupported).await.refused(), TokenRefusal::UnsupportedGrantType);
    assert!(matches!(fixture.ask("nobody", TokenGrant::Unsupported).await.refused(), TokenRefusal::Client(_)));
}
