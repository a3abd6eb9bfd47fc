//! Clients by command: made, listed, shown, rotated, disabled, removed.

use kimbai_core::token::{Refusal, TokenGrant};
use kimbai_engine::admin::{
    AdminError, ClientAdd, ClientList, ClientRemove, ClientRotateSecret, ClientSetActivity, ClientShow, Enabled,
    PlainSecret, RotatedSecret,
};
use serde_json::{Value, json};

use super::{Operator, invalid, of_marketplace};
use crate::fixture::{Answered as _, REDIRECT_URI, basic, refresh_token, secret_of, source};

fn add(client_id: &str, client: Value) -> ClientAdd {
    ClientAdd { realm: None, client_id: client_id.to_owned(), client: serde_json::from_value(client).unwrap() }
}

fn rotate(client_id: &str, overlap_s: u32, secret: Option<&str>) -> ClientRotateSecret {
    let client_secret = secret.map(|secret| PlainSecret::new(secret.to_owned()));
    ClientRotateSecret { realm: None, client_id: client_id.to_owned(), overlap_s, client_secret }
}

fn remove(client_id: &str) -> ClientRemove {
    ClientRemove { realm: None, client_id: client_id.to_owned() }
}

fn set(client_id: &str, enabled: Enabled) -> ClientSetActivity {
    ClientSetActivity { realm: None, client_id: client_id.to_owned(), enabled }
}

fn show(client_id: &str) -> ClientShow {
    ClientShow { realm: None, client_id: client_id.to_owned() }
}

/// Whether `web` may come in by this secret.
async fn opens(operator: &Operator, secret: &str) -> bool {
    let grant = TokenGrant::ClientCredentials { scope: None };
    operator.fixture.ask_as(basic("web", secret), grant, source(1)).await.is_ok()
}

fn made(rotated: &RotatedSecret) -> &str {
    rotated.client_secret.as_ref().unwrap().expose()
}

#[tokio::test]
async fn a_client_is_made_shown_and_listed_and_its_secret_is_answered_once() {
    let operator = Operator::new().await;
    let added = operator.run(add("new", json!({ "scope": "order" }))).await.unwrap();
    let secret = added.client_secret.unwrap();
    let grant = TokenGrant::ClientCredentials { scope: None };
    assert!(operator.fixture.ask_as(basic("new", secret.expose()), grant, source(1)).await.is_ok());
    let shown = operator.run(show("new")).await.unwrap();
    assert_eq!(shown, added.client);
    assert_eq!((shown.status, shown.scope.as_str(), shown.secrets_end), (Enabled::Enabled, "order", vec![None]));
    let listed = operator.run(ClientList { realm: None }).await.unwrap();
    let ids: Vec<_> = listed.iter().map(|client| client.client_id.as_str()).collect();
    assert_eq!(ids, ["in-house", "new", "other", "post", "resource", "spa", "web"]);
    assert!(!serde_json::to_string(&listed).unwrap().contains(secret.expose()));
    let chosen = add("chosen", json!({ "client_secret": "chosen-by-the-operator" }));
    assert!(operator.run(chosen).await.unwrap().client_secret.is_none());
    let public = add("app", json!({ "token_endpoint_auth_method": "none", "redirect_uris": [REDIRECT_URI] }));
    assert!(operator.run(public).await.unwrap().client_secret.is_none());
}

#[tokio::test]
async fn a_client_that_exists_is_not_made_again_and_one_that_does_not_is_not_found() {
    let operator = Operator::new().await;
    let before = operator.export().await;
    assert!(matches!(operator.run(add("web", json!({}))).await, Err(AdminError::Exists(text)) if text.contains("web")));
    let refused = invalid(operator.run(add("new", json!({ "scope": "nothing" }))).await);
    assert!(refused[0].starts_with("realms.marketplace.clients.new: scope: "), "{refused:?}");
    for missing in [
        operator.run(show("nobody")).await.map(drop),
        operator.run(rotate("nobody", 0, None)).await.map(drop),
        operator.run(set("nobody", Enabled::Disabled)).await.map(drop),
        operator.run(remove("nobody")).await,
        operator.run(ClientList { realm: Some("nowhere".to_owned()) }).await.map(drop),
    ] {
        assert!(matches!(missing, Err(AdminError::NotFound(_))), "{missing:?}");
    }
    assert_eq!(operator.export().await, before);
}

#[tokio::test]
async fn during_a_rotation_both_secrets_work_and_afterwards_the_new_one_alone() {
    let operator = Operator::new().await;
    let old = secret_of("web");
    let rotated = operator.run(rotate("web", 86_400, None)).await.unwrap();
    let new = made(&rotated).to_owned();
    assert!(opens(&operator, &old).await && opens(&operator, &new).await);
    let shown = operator.run(show("web")).await.unwrap();
    assert_eq!(shown.secrets_end, [Some(rotated.previous_ends), None]);
    operator.fixture.clock.advance_s(86_340);
    assert!(opens(&operator, &old).await && opens(&operator, &new).await, "until its end");
    operator.fixture.clock.advance_s(60);
    assert!(!opens(&operator, &old).await && opens(&operator, &new).await);
    assert_eq!(operator.run(show("web")).await.unwrap().secrets_end, [None]);
    let _ = operator.fixture.audit("client_secret_rotated", 1).await;
}

#[tokio::test]
async fn a_second_rotation_in_the_overlap_is_refused_and_both_secrets_work_on() {
    let operator = Operator::new().await;
    let second = operator.run(rotate("web", 1_000, None)).await.unwrap();
    operator.fixture.clock.advance_s(999);
    let refused = invalid(operator.run(rotate("web", 500, None)).await);
    assert!(refused[0].contains(&second.previous_ends) && refused[0].contains("--overlap 0s"), "{refused:?}");
    assert!(opens(&operator, &secret_of("web")).await && opens(&operator, made(&second)).await);
    operator.fixture.clock.advance_s(1);
    let third = operator.run(rotate("web", 500, None)).await.unwrap();
    assert!(opens(&operator, made(&second)).await && opens(&operator, made(&third)).await);
    operator.fixture.clock.advance_s(500);
    assert!(!opens(&operator, made(&second)).await && opens(&operator, made(&third)).await);
}

#[tokio::test]
async fn a_rotation_without_overlap_ends_both_secrets_of_an_overlap() {
    let operator = Operator::new().await;
    let second = operator.run(rotate("web", 1_000, None)).await.unwrap();
    let third = operator.run(rotate("web", 0, None)).await.unwrap();
    for dead in [&secret_of("web"), made(&second)] {
        assert!(!opens(&operator, dead).await);
    }
    assert!(opens(&operator, made(&third)).await);
}

#[tokio::test]
async fn a_rotation_without_overlap_ends_the_old_secret_at_once() {
    let operator = Operator::new().await;
    let rotated = operator.run(rotate("web", 0, None)).await.unwrap();
    assert!(!opens(&operator, &secret_of("web")).await && opens(&operator, made(&rotated)).await);
}

#[tokio::test]
async fn a_rotation_to_the_same_secret_can_be_repeated() {
    let operator = Operator::new().await;
    let chosen = "chosen-by-the-operator";
    let first = operator.run(rotate("web", 100, Some(chosen))).await.unwrap();
    operator.fixture.clock.advance_s(40);
    let again = operator.run(rotate("web", 100, Some(chosen))).await.unwrap();
    assert_eq!((first.client_secret, &first.previous_ends), (None, &again.previous_ends));
    assert!(opens(&operator, &secret_of("web")).await && opens(&operator, chosen).await);
    operator.fixture.clock.advance_s(60);
    assert!(!opens(&operator, &secret_of("web")).await && opens(&operator, chosen).await);
}

#[tokio::test]
async fn a_rotation_refuses_what_is_no_secret() {
    let operator = Operator::new().await;
    for (client_id, secret) in [
        ("web", Some("x".repeat(21))),
        ("web", Some("env:THE_SECRET_OF_THE_CLIENT".to_owned())),
        ("web", Some("file:/run/secrets/the-client".to_owned())),
        ("web", Some("hash:00".to_owned())),
        ("spa", None),
    ] {
        let refused = invalid(operator.run(rotate(client_id, 0, secret.as_deref())).await);
        assert_eq!(refused.len(), 1, "{secret:?}");
    }
    assert!(opens(&operator, &secret_of("web")).await);
}

#[tokio::test]
async fn a_file_with_a_rotated_secret_changes_nothing_while_it_lives_and_does_not_bring_it_back() {
    let operator = Operator::new().await;
    let asked = of_marketplace(json!({ "clients": { "web": { "client_secret": secret_of("web") } } }));
    for overlap_s in [100, 0] {
        let rotated = operator.run(rotate("web", overlap_s, None)).await.unwrap();
        if overlap_s > 0 {
            assert!(operator.apply(asked.clone()).await.unwrap().steps.is_empty());
            operator.fixture.clock.advance_s(i64::from(overlap_s));
        }
        let mistakes = operator.mistakes(asked.clone()).await;
        assert!(mistakes[0].contains("it was rotated and has ended"), "{mistakes:?}");
        assert!(!opens(&operator, &secret_of("web")).await && opens(&operator, made(&rotated)).await);
        operator.run(rotate("web", 0, Some(&secret_of("web")))).await.unwrap();
        assert!(opens(&operator, &secret_of("web")).await, "by command it can be brought back");
    }
}

#[tokio::test]
async fn a_secret_may_be_given_by_its_digest() {
    let operator = Operator::new().await;
    let secret = "a-secret-that-stays-at-home";
    operator.run(rotate("other", 0, Some(secret))).await.unwrap();
    let exported = operator.export().await.realms["marketplace"].clients.as_ref().unwrap()["other"].clone();
    let hash = exported.client_secret.unwrap().expose().to_owned();
    assert!(hash.starts_with("hash:"));
    operator.run(rotate("web", 100, Some(&hash))).await.unwrap();
    assert!(opens(&operator, secret).await && opens(&operator, &secret_of("web")).await);
    assert!(!opens(&operator, &hash).await);
    let asked = of_marketplace(json!({ "clients": { "web": { "client_secret": hash } } }));
    assert!(operator.apply(asked).await.unwrap().steps.is_empty());
    operator
        .apply(of_marketplace(json!({ "clients": { "web": { "client_secret": secret_of("other") } } })))
        .await
        .unwrap();
    assert!(!opens(&operator, secret).await && opens(&operator, &secret_of("other")).await, "a file replaces at once");
}

#[tokio::test]
async fn a_disabled_client_is_dead_at_once_and_enabling_revives_nothing() {
    let operator = Operator::new().await;
    let fixture = &operator.fixture;
    let (answer, rowless) = (fixture.log_in("web").await, fixture.credentials_grant("web", None).await.unwrap());
    let code = fixture.code("web", "order").await;
    assert_eq!(operator.run(set("web", Enabled::Disabled)).await.unwrap().status, Enabled::Disabled);
    for dead in [&answer.access_token, &refresh_token(&answer), &rowless.access_token] {
        assert!(!fixture.works(dead).await);
    }
    assert!(!opens(&operator, &secret_of("web")).await);
    assert!(fixture.refresh("web", &refresh_token(&answer)).await.is_err());
    assert_eq!(operator.run(set("web", Enabled::Enabled)).await.unwrap().status, Enabled::Enabled);
    for dead in [&answer.access_token, &refresh_token(&answer), &rowless.access_token] {
        assert!(!fixture.works(dead).await, "stays dead");
    }
    assert_eq!(fixture.refresh("web", &refresh_token(&answer)).await.refusal(), Refusal::ClientEnded);
    assert_eq!(fixture.redeem("web", &code).await.refusal(), Refusal::ClientEnded);
    let new = fixture.credentials_grant("web", None).await.unwrap();
    assert!(fixture.works(&new.access_token).await && fixture.works(&fixture.log_in("web").await.access_token).await);
}

#[tokio::test]
async fn a_disabled_resource_server_introspects_no_more() {
    let operator = Operator::new().await;
    let token = operator.fixture.log_in("web").await.access_token;
    assert!(operator.fixture.works(&token).await);
    operator.run(set("resource", Enabled::Disabled)).await.unwrap();
    assert!(operator.fixture.introspect("resource", token.expose()).await.is_err());
    operator.run(set("resource", Enabled::Enabled)).await.unwrap();
    assert!(operator.fixture.works(&token).await);
}

#[tokio::test]
async fn a_removed_client_is_gone_with_all_it_was_issued() {
    let operator = Operator::new().await;
    let fixture = &operator.fixture;
    let (answer, rowless) = (fixture.log_in("web").await, fixture.credentials_grant("web", None).await.unwrap());
    operator.run(remove("web")).await.unwrap();
    assert!(matches!(operator.run(show("web")).await, Err(AdminError::NotFound(_))));
    assert!(!opens(&operator, &secret_of("web")).await);
    for dead in [&answer.access_token, &refresh_token(&answer), &rowless.access_token] {
        assert!(!fixture.works(dead).await);
    }
    let again = add("web", json!({ "client_secret": secret_of("web"), "scope": "order" }));
    operator.run(again).await.unwrap();
    assert!(opens(&operator, &secret_of("web")).await);
    for dead in [&answer.access_token, &refresh_token(&answer), &rowless.access_token] {
        assert!(!fixture.works(dead).await, "another client, though of the same name");
    }
    let _ = fixture.audit("client_removed", 1).await;
}
