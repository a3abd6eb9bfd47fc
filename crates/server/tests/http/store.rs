//! The store: away, it is 503 and nothing is lost; copied, it is of no use without the master key.

use std::fs;
use std::path::Path;

use kimbai_store::StoreError;
use kimbai_store::sqlite::Location;

use crate::fixture::{Answer, At, Browser, PASSWORD, POST_APP, Sandbox, form};

#[track_caller]
fn unavailable(answer: Answer) {
    assert_eq!(answer.header("retry-after"), "1", "{answer:?}");
    answer.refused(503, "temporarily_unavailable");
}

#[track_caller]
fn unavailable_page(answer: Answer) {
    assert_eq!(answer.header("retry-after"), "1", "{answer:?}");
    answer.page(503, "temporarily_unavailable");
}

#[tokio::test]
async fn a_failure_of_the_store_is_503_everywhere_and_nothing_is_lost() {
    let sandbox = Sandbox::start().await;
    for at in sandbox.both() {
        let mut browser = Browser::new(at);
        let asked = browser.consent_page().await;
        let log_in = form(&Browser::new(at).get(&browser.request(&[])).await);
        let mut stranger = Browser::new(at);
        let shown = form(&stranger.get(&stranger.request(&[])).await);
        let (tokens, code) = (at.tokens(at.app()).await, at.code(at.app(), at.scope()).await);
        let (access_token, refresh_token) = (tokens.member("access_token"), tokens.member("refresh_token"));
        sandbox.store.fail(Some(StoreError::NotDone));
        unavailable(at.redeem(at.app(), &code).await);
        unavailable(at.refresh(at.app(), &refresh_token).await);
        for token in [&access_token, &refresh_token] {
            let token = [("token", token.as_str())];
            unavailable(at.as_client(at.app(), at.revoke, &token).await);
            unavailable(at.as_client(at.resource_server(), at.introspect, &token).await);
        }
        let wanted = serde_json::json!({"client_id": at.app().client_id, "user": "an", "scopes": []});
        unavailable(at.mint(&wanted).await);
        unavailable_page(browser.get(&browser.request(&[])).await);
        unavailable_page(browser.decide(&asked, "allow", &["order", "orders.read"]).await);
        unavailable_page(stranger.post_log_in(&shown, "an", PASSWORD).await);
        if at.is_marketplace() {
            let call = at.call("GET", "/integration/v2/sellers/me");
            unavailable(call.header("authorization", &format!("Bearer {access_token}")).send().await);
        }
        assert_eq!(sandbox.operator.get("/readyz").await.expect(503).header("retry-after"), "1");
        sandbox.operator.get("/healthz").await.expect(200);
        at.token(&POST_APP, &[("grant_type", "client_credentials")]).await.expect(200);
        at.refresh(at.app(), "x").await.refused(400, "invalid_grant");
        sandbox.store.fail(None);
        at.redeem(at.app(), &code).await.expect(200);
        assert!(at.works(&access_token).await);
        at.refresh(at.app(), &refresh_token).await.expect(200);
        stranger.post_log_in(&shown, "an", PASSWORD).await.expect(303);
        assert!(!browser.allow(&asked).await.expect(303).parameter("code").is_empty());
        assert!(!log_in.continuation.is_empty());
    }
}

#[tokio::test]
async fn a_client_that_was_told_503_retries_and_keeps_its_log_in() {
    let sandbox = Sandbox::start().await;
    for at in sandbox.both() {
        let first = at.tokens(at.app()).await.member("refresh_token");
        let second = at.refresh(at.app(), &first).await.expect(200).member("refresh_token");
        sandbox.store.fail(Some(StoreError::Unknown));
        unavailable(at.refresh(at.app(), &second).await);
        sandbox.store.fail(None);
        sandbox.clock.advance_s(119);
        let third = at.refresh(at.app(), &second).await.expect(200).member("refresh_token");
        assert_eq!(at.refresh(at.app(), &second).await.expect(200).member("refresh_token"), third);
        at.refresh(at.app(), &third).await.expect(200);
    }
}

#[tokio::test]
async fn a_copy_of_the_store_has_no_usable_token_code_secret_cookie_or_password() {
    let directory = tempfile::tempdir().unwrap();
    let sandbox = Sandbox::start_in(Location::Directory(directory.path().to_owned())).await;
    let mut secrets = vec![PASSWORD.to_owned(), "$argon2".to_owned()];
    for at in sandbox.both() {
        secrets.extend(secrets_of(at).await);
    }
    drop(sandbox);
    let stored = contents(directory.path());
    assert!(stored.len() > 10_000, "nothing is stored");
    for secret in secrets {
        let found = stored.windows(secret.len()).any(|window| window == secret.as_bytes());
        assert!(!found, "{secret} is in the store");
    }
}

/// What a walk through all pages and endpoints gave out.
async fn secrets_of(at: &At) -> Vec<String> {
    let mut browser = Browser::new(at);
    let code = browser.code().await;
    let tokens = at.redeem(at.app(), &code).await.expect(200);
    let next = at.refresh(at.app(), &tokens.member("refresh_token")).await.expect(200);
    let of_client = at.token(&POST_APP, &[("grant_type", "client_credentials")]).await.member("access_token");
    at.as_client(&POST_APP, at.revoke, &[("token", &of_client)]).await.expect(200);
    let unredeemed = at.code(at.app(), at.scope()).await;
    let mut secrets = vec![code, unredeemed, of_client, browser.value("session"), browser.value("browser")];
    for tokens in [tokens, next] {
        secrets.extend(["access_token", "refresh_token"].map(|kind| tokens.member(kind)));
    }
    secrets.extend([at.app(), at.resource_server(), &POST_APP].map(|app| app.client_secret.to_owned()));
    secrets
}

fn contents(directory: &Path) -> Vec<u8> {
    let mut all = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            all.extend(contents(&path));
        } else {
            all.extend(fs::read(path).unwrap());
        }
    }
    all
}
