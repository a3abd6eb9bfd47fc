//! Codes and PKCE, over HTTP.

use tokio::task::JoinSet;

use crate::fixture::{At, CALLBACK, CHALLENGE, OTHER, POST_APP, SELLER, SPA, Sandbox, VERIFIER, WEB};
use crate::fixture::{Browser, LENIENT};
use serde_json::json;

const OTHER_VERIFIER: &str = "another-verifier-another-verifier-another-1";

async fn redeem_with(at: &At, code: &str, verifier: Option<&str>) -> crate::fixture::Answer {
    let mut form = vec![("grant_type", "authorization_code"), ("code", code), ("redirect_uri", CALLBACK)];
    form.extend(verifier.map(|verifier| ("code_verifier", verifier)));
    at.token(at.app(), &form).await
}

#[tokio::test]
async fn a_code_is_redeemed_once() {
    let sandbox = Sandbox::start().await;
    for at in sandbox.both() {
        let code = at.code(at.app(), at.scope()).await;
        let tokens = at.redeem(at.app(), &code).await.expect(200);
        at.redeem(at.app(), &code).await.refused(400, "invalid_grant");
        assert!(at.works(&tokens.member("access_token")).await, "a replay at once is a race, not a theft");
    }
}

#[tokio::test]
async fn a_code_replayed_ten_seconds_later_ends_its_grant() {
    let sandbox = Sandbox::start().await;
    for at in sandbox.both() {
        let code = at.code(at.app(), at.scope()).await;
        let tokens = at.redeem(at.app(), &code).await.expect(200);
        sandbox.clock.advance_s(10);
        at.redeem(at.app(), &code).await.refused(400, "invalid_grant");
        assert!(!at.works(&tokens.member("access_token")).await);
        at.refresh(at.app(), &tokens.member("refresh_token")).await.refused(400, "invalid_grant");
    }
}

#[tokio::test]
async fn a_stranger_with_a_spent_code_revokes_nothing() {
    let sandbox = Sandbox::start().await;
    for at in sandbox.both() {
        let code = at.code(at.app(), at.scope()).await;
        let tokens = at.redeem(at.app(), &code).await.expect(200);
        sandbox.clock.advance_s(30);
        at.redeem(&OTHER, &code).await.refused(400, "invalid_grant");
        at.redeem(&POST_APP, &code).await.refused(400, "invalid_grant");
        let unproven = [("grant_type", "authorization_code"), ("code", &code), ("client_id", at.app().client_id)];
        at.post(at.token, &unproven).await.refused(401, "invalid_client");
        redeem_with(at, &code, Some(OTHER_VERIFIER)).await.refused(400, "invalid_grant");
        assert!(at.works(&tokens.member("access_token")).await);
        at.refresh(at.app(), &tokens.member("refresh_token")).await.expect(200);
    }
}

#[tokio::test]
async fn a_code_redeemed_by_another_client_or_with_a_wrong_verifier_stays_usable() {
    let sandbox = Sandbox::start().await;
    for at in sandbox.both() {
        let code = at.code(at.app(), at.scope()).await;
        at.redeem(&OTHER, &code).await.refused(400, "invalid_grant");
        redeem_with(at, &code, Some(OTHER_VERIFIER)).await.refused(400, "invalid_grant");
        let unproven = [("grant_type", "authorization_code"), ("code", &code), ("client_id", at.app().client_id)];
        at.post(at.token, &unproven).await.refused(401, "invalid_client");
        at.redeem(at.app(), &code).await.expect(200);
    }
}

#[tokio::test]
async fn a_code_lives_as_long_as_its_realm_says() {
    let sandbox = Sandbox::start().await;
    for (at, lifetime_s) in [(&sandbox.standard, 60), (&sandbox.marketplace, 600)] {
        let (in_time, late) = (at.code(at.app(), at.scope()).await, at.code(at.app(), at.scope()).await);
        sandbox.clock.advance_s(lifetime_s - 5);
        at.redeem(at.app(), &in_time).await.expect(200);
        sandbox.clock.advance_s(5);
        at.redeem(at.app(), &late).await.refused(400, "invalid_grant");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_64_redemptions_at_once_exactly_one_succeeds_and_its_tokens_live() {
    let sandbox = Sandbox::start().await;
    for at in sandbox.both() {
        let code = at.code(at.app(), at.scope()).await;
        let mut tasks = JoinSet::new();
        for _ in 0..64 {
            let (at, code) = (at.clone(), code.clone());
            tasks.spawn(async move { at.redeem(at.app(), &code).await });
        }
        let mut issued = Vec::new();
        while let Some(answer) = tasks.join_next().await {
            let answer = answer.unwrap();
            if answer.status == 200 {
                issued.push(answer);
            } else {
                answer.refused(400, "invalid_grant");
            }
        }
        assert_eq!(issued.len(), 1);
        assert!(at.works(&issued[0].member("access_token")).await);
        at.refresh(at.app(), &issued[0].member("refresh_token")).await.expect(200);
    }
}

#[tokio::test]
async fn a_challenge_without_its_verifier_is_an_invalid_grant() {
    let sandbox = Sandbox::start().await;
    for at in sandbox.both() {
        let wanted = json!({"client_id": at.app().client_id, "user": "an", "scopes": [], "redirect_uri": CALLBACK,
            "code_challenge": CHALLENGE});
        let code = at.mint(&wanted).await.expect(200).member("code");
        redeem_with(at, &code, None).await.refused(400, "invalid_grant");
        redeem_with(at, &code, Some("")).await.refused(400, "invalid_grant");
        redeem_with(at, &code, Some(CHALLENGE)).await.refused(400, "invalid_grant");
        redeem_with(at, &code, Some(VERIFIER)).await.expect(200);
    }
}

#[tokio::test]
async fn a_verifier_without_a_challenge_is_refused() {
    let sandbox = Sandbox::start().await;
    let at = &sandbox.marketplace;
    let code = at.code(&SELLER, at.scope()).await;
    redeem_with(at, &code, Some(VERIFIER)).await.refused(400, "invalid_grant");
    redeem_with(at, &code, None).await.expect(200);
}

#[tokio::test]
async fn a_verifier_has_43_to_128_unreserved_characters() {
    let sandbox = Sandbox::start().await;
    let at = &sandbox.standard;
    let code = at.code(&WEB, at.scope()).await;
    let (short, long) = ("a".repeat(42), "a".repeat(129));
    let (with_plus, with_letter) = (format!("{VERIFIER}+"), format!("{VERIFIER}é"));
    for verifier in [&short, &long, &with_plus, &with_letter, &format!("{VERIFIER}\0"), &format!(" {VERIFIER}")] {
        redeem_with(at, &code, Some(verifier)).await.refused(400, "invalid_grant");
    }
    redeem_with(at, &code, Some(VERIFIER)).await.expect(200);
}

#[tokio::test]
async fn plain_and_malformed_challenges_are_refused() {
    let sandbox = Sandbox::start().await;
    for at in sandbox.both() {
        let mut browser = Browser::new(at);
        for (challenge, method) in [
            (CHALLENGE, "plain"),
            (CHALLENGE, ""),
            (CHALLENGE, "s256"),
            (CHALLENGE, "S512"),
            ("", "S256"),
            (&CHALLENGE[1..], "S256"),
            ("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM=", "S256"),
            ("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw+cM", "S256"),
        ] {
            let request = browser.request(&[("code_challenge", challenge), ("code_challenge_method", method)]);
            browser.get(&request).await.redirected("invalid_request");
        }
    }
}

#[tokio::test]
async fn a_public_client_must_use_s256_in_every_dialect() {
    let sandbox = Sandbox::start().await;
    for (at, app) in [(&sandbox.standard, &SPA), (&sandbox.marketplace, &crate::fixture::NATIVE)] {
        let mut browser = Browser::new(at);
        let uri = if at.is_marketplace() { "http://127.0.0.1/callback" } else { CALLBACK };
        let changes = [("client_id", app.client_id), ("redirect_uri", uri)];
        let without = [changes.as_slice(), &[("code_challenge", ""), ("code_challenge_method", "")]].concat();
        let request = browser.request(&without);
        let refused = browser.get(&request).await.expect(303);
        assert!(refused.header("location").starts_with(uri), "{refused:?}");
        assert_eq!(refused.parameter("error"), "invalid_request");
        let with = [changes.as_slice(), &[("code_challenge", CHALLENGE), ("code_challenge_method", "S256")]].concat();
        let request = browser.request(&with);
        browser.get(&request).await.expect(200);
    }
}

#[tokio::test]
async fn a_code_of_one_realm_is_nothing_in_the_other() {
    let sandbox = Sandbox::start().await;
    let (standard, marketplace) = (&sandbox.standard, &sandbox.marketplace);
    for app in [&OTHER, &LENIENT] {
        let code = standard.code(app, "").await;
        marketplace.redeem(app, &code).await.refused(400, "invalid_grant");
        let code = marketplace.code(app, "").await;
        standard.redeem(app, &code).await.refused(400, "invalid_grant");
    }
}

#[tokio::test]
async fn a_code_is_not_a_refresh_token_and_neither_is_an_access_token() {
    let sandbox = Sandbox::start().await;
    for at in sandbox.both() {
        let code = at.code(at.app(), at.scope()).await;
        at.refresh(at.app(), &code).await.refused(400, "invalid_grant");
        assert!(!at.works(&code).await);
        let tokens = at.redeem(at.app(), &code).await.expect(200);
        let (access_token, refresh_token) = (tokens.member("access_token"), tokens.member("refresh_token"));
        at.refresh(at.app(), &access_token).await.refused(400, "invalid_grant");
        at.redeem(at.app(), &refresh_token).await.refused(400, "invalid_grant");
        at.redeem(at.app(), &access_token).await.refused(400, "invalid_grant");
        assert!(at.works(&access_token).await);
    }
}

#[tokio::test]
async fn a_code_with_any_one_character_changed_is_refused_and_the_right_one_stays_usable() {
    let sandbox = Sandbox::start().await;
    for at in sandbox.both() {
        let code = at.code(at.app(), at.scope()).await;
        for changed in crate::fixture::mutations(&code) {
            at.redeem(at.app(), &changed).await.refused(400, "invalid_grant");
        }
        at.redeem(at.app(), &code).await.expect(200);
    }
}
