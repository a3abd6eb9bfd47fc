//! Haravan's 32-byte codes and tokens in the wrong hands, in the wrong place, twice, and at once.

use std::collections::BTreeSet;

use kimbai_store::StoreError;
use serde_json::json;
use tokio::task::JoinSet;

use crate::fixture::exchange::{EXCHANGE, SCOPES, Shops, body};
use crate::fixture::haravan::{HARAVAN_APP, INSTALL_SCOPE, LOGIN_URI, minted, redeem, text, userinfo};
use crate::fixture::{Answer, App, At, CALLBACK, OTHER, POST_APP, Sandbox, basic};

async fn code(at: &At) -> String {
    let scopes: Vec<_> = INSTALL_SCOPE.split(' ').collect();
    let wanted = json!({"client_id": HARAVAN_APP.client_id, "user": "an", "scopes": scopes, "redirect_uri": LOGIN_URI});
    at.mint(&wanted).await.expect(200).member("code")
}

async fn works(at: &At, token: &str) -> bool {
    userinfo(at, token).await.status == 200
}

/// A request of the app that sends its secret in a header.
async fn by_other(at: &At, form: &[(&str, &str)]) -> Answer {
    let header = basic(OTHER.client_id, OTHER.client_secret);
    at.call("POST", at.token).header("authorization", &header).form(form).send().await
}

#[tokio::test]
async fn of_64_redemptions_of_a_short_code_at_once_one_succeeds_and_its_tokens_live() {
    let sandbox = Sandbox::start().await;
    let at = sandbox.haravan().await;
    let code = code(&at).await;
    let mut calls = JoinSet::new();
    for _ in 0..64 {
        let (at, code) = (at.clone(), code.clone());
        calls.spawn(async move { redeem(&at, &code).await });
    }
    let (right, refused): (Vec<_>, Vec<_>) =
        calls.join_all().await.into_iter().partition(|answer| answer.status == 200);
    assert_eq!(right.len(), 1);
    for answer in refused {
        answer.refused(400, "invalid_grant");
    }
    assert!(works(&at, &right[0].member("access_token")).await);
    at.refresh(&HARAVAN_APP, &right[0].member("refresh_token")).await.expect(200);
}

#[tokio::test]
async fn of_64_refreshes_with_a_short_token_at_once_all_get_the_same_successor() {
    let sandbox = Sandbox::start().await;
    let at = sandbox.haravan().await;
    let first = text(&minted(&at, "an", INSTALL_SCOPE).await, "refresh_token").to_owned();
    let mut calls = JoinSet::new();
    for _ in 0..64 {
        let (at, first) = (at.clone(), first.clone());
        calls.spawn(async move { at.refresh(&HARAVAN_APP, &first).await.expect(200) });
    }
    let pair = |answer: Answer| (answer.member("refresh_token"), answer.member("access_token"));
    let successors: BTreeSet<_> = calls.join_all().await.into_iter().map(pair).collect();
    assert_eq!(successors.len(), 1);
    let (refresh, access) = successors.first().unwrap();
    assert!(works(&at, access).await && *refresh != first);
    at.refresh(&HARAVAN_APP, refresh).await.expect(200);
}

#[tokio::test]
async fn a_short_code_in_the_wrong_hands_stays_usable_and_replayed_by_its_own_app_it_ends_the_grant() {
    let sandbox = Sandbox::start().await;
    let at = sandbox.haravan().await;
    let code = code(&at).await;
    let at_uri = |uri| [("grant_type", "authorization_code"), ("code", code.as_str()), ("redirect_uri", uri)];
    let strangers = async || {
        by_other(&at, &at_uri(LOGIN_URI)).await.refused(400, "invalid_grant");
        at.token(&POST_APP, &at_uri(LOGIN_URI)).await.refused(400, "invalid_grant");
        at.token(&HARAVAN_APP, &at_uri(CALLBACK)).await.refused(400, "invalid_grant");
        let guess = App { client_secret: "wrong-secret-0123456789abcdefghi", ..HARAVAN_APP };
        at.token(&guess, &at_uri(LOGIN_URI)).await.refused(400, "invalid_client");
    };
    strangers().await;
    let tokens = redeem(&at, &code).await.expect(200).json();
    redeem(&at, &code).await.refused(400, "invalid_grant");
    sandbox.clock.advance_s(10);
    strangers().await;
    assert!(works(&at, text(&tokens, "access_token")).await, "a stranger with a spent code ends nothing");
    redeem(&at, &code).await.refused(400, "invalid_grant");
    assert!(!works(&at, text(&tokens, "access_token")).await);
    at.refresh(&HARAVAN_APP, text(&tokens, "refresh_token")).await.refused(400, "invalid_grant");
}

#[tokio::test]
async fn each_short_refresh_token_of_five_rotations_in_a_second_is_noticed_and_a_strangers_is_none() {
    let sandbox = Sandbox::start().await;
    let at = sandbox.haravan().await;
    for replayed in 0..4 {
        let mut tokens = vec![text(&minted(&at, "an", INSTALL_SCOPE).await, "refresh_token").to_owned()];
        for _ in 0..5 {
            let newest = tokens.last().unwrap();
            tokens.push(at.refresh(&HARAVAN_APP, newest).await.expect(200).member("refresh_token"));
        }
        let form = [("grant_type", "refresh_token"), ("refresh_token", tokens[replayed].as_str())];
        by_other(&at, &form).await.refused(400, "invalid_grant");
        at.refresh(&POST_APP, &tokens[replayed]).await.refused(400, "invalid_grant");
        let newest = at.refresh(&HARAVAN_APP, &tokens[5]).await.expect(200).member("refresh_token");
        at.refresh(&HARAVAN_APP, &tokens[replayed]).await.refused(400, "invalid_grant");
        at.refresh(&HARAVAN_APP, &newest).await.refused(400, "invalid_grant");
    }
}

#[tokio::test]
async fn an_app_revokes_its_own_short_tokens_whatever_the_hint_and_no_legacy_token() {
    let sandbox = Sandbox::start().await;
    let shops = sandbox.shops().await;
    let at = &shops.at;
    let revoke = async |app: &App, token: &str, hint: &str| {
        at.as_client(app, at.revoke, &[("token", token), ("token_type_hint", hint)]).await
    };
    let pair = shops.pair().await;
    for token in [&pair.access, &pair.refresh] {
        revoke(&POST_APP, token, "").await;
    }
    shops.use_token(&pair.access).await.expect(200);
    for token in ["x", &"0".repeat(64), shops.demo] {
        assert_eq!(revoke(&HARAVAN_APP, token, "refresh_token").await.expect(200).body, "");
    }
    shops.use_token(shops.demo).await.expect(200);
    sandbox.store.fail_times("revoke", StoreError::NotDone, usize::MAX);
    revoke(&HARAVAN_APP, &pair.refresh, "").await.refused(503, "temporarily_unavailable");
    sandbox.store.fail_verb(None);
    shops.use_token(&pair.access).await.expect(200);
    revoke(&HARAVAN_APP, &pair.refresh, "access_token").await.expect(200);
    shops.use_token(&pair.access).await.unauthorized();
    shops.refreshed(&pair.refresh).await.refused(400, "invalid_grant");
}

/// Presents something wherever a token or code of another kind belongs: it opens nothing.
async fn assert_opens_nothing(shops: &Shops, token: &str, kinds: &[&str]) {
    let at = &shops.at;
    for kind in kinds {
        match *kind {
            "access" => {
                shops.use_token(token).await.unauthorized();
                userinfo(at, token).await.expect(401);
            }
            "told" => assert_eq!(shops.told(token).await, json!({"active": false})),
            "refresh" => drop(shops.refreshed(token).await.refused(400, "invalid_grant")),
            "code" => drop(redeem(at, token).await.refused(400, "invalid_grant")),
            _ => drop(shops.exchange_at("demo-shop", token, &body(&SCOPES)).await.unauthorized()),
        }
    }
}

#[tokio::test]
async fn codes_tokens_and_legacy_tokens_never_pass_for_one_another() {
    let sandbox = Sandbox::start().await;
    let shops = sandbox.shops().await;
    let (pair, code) = (shops.pair().await, code(&shops.at).await);
    assert_opens_nothing(&shops, &pair.access, &["refresh", "code", "legacy"]).await;
    assert_opens_nothing(&shops, &pair.refresh, &["access", "code", "legacy"]).await;
    assert_opens_nothing(&shops, &code, &["access", "told", "refresh", "legacy"]).await;
    // A legacy token opens the sample of the platform's interfaces, and nothing of the accounts server.
    assert_opens_nothing(&shops, shops.demo, &["told", "refresh", "code"]).await;
    userinfo(&shops.at, shops.demo).await.expect(401);
    let id_token = shops.refreshed(&pair.refresh).await.expect(200).member("id_token");
    assert_opens_nothing(&shops, &id_token, &["access", "told", "refresh", "code", "legacy"]).await;
    redeem(&shops.at, &code).await.expect(200);
}

#[tokio::test]
async fn what_one_realm_of_shops_gave_is_nothing_in_another() {
    let sandbox = Sandbox::start().await;
    let (shops, others) = (sandbox.shops().await, sandbox.shops_as("others", |_| {}).await);
    let (pair, code) = (shops.pair().await, code(&shops.at).await);
    assert_opens_nothing(&others, &pair.access, &["access", "told", "refresh", "code", "legacy"]).await;
    assert_opens_nothing(&others, &pair.refresh, &["access", "told", "refresh", "code", "legacy"]).await;
    assert_opens_nothing(&others, &code, &["access", "told", "refresh", "code", "legacy"]).await;
    // The same legacy token is known in both: the grants are not the same.
    assert_ne!(others.pair().await.access, pair.access);
    shops.use_token(&pair.access).await.expect(200);
    redeem(&shops.at, &code).await.expect(200);
}

#[tokio::test]
async fn a_shop_is_never_named_by_what_a_stranger_says_of_its_host() {
    let sandbox = Sandbox::start().await;
    let shops = sandbox.shops_in_production("in-production", |_| {}).await;
    let (demo, other) = (shops.host("demo-shop"), shops.host("other-shop"));
    let said = async |host: &str, named: &str| {
        let call = shops.at.call("POST", EXCHANGE).without_host().header("host", host);
        let call = call.header("x-forwarded-host", named).header("forwarded", &format!("host=\"{named}\""));
        let call = call.header("x-original-host", named).header("x-host", named);
        let call = call.header("authorization", &format!("Bearer {}", shops.demo));
        let body = body(&SCOPES).to_string();
        call.header("content-type", "application/json").body(body.as_bytes()).send().await
    };
    said(&demo, &other).await.expect(200);
    said(&other, &demo).await.unauthorized();
    said(&shops.at.host, &demo).await.says(404, "Not Found");
}
