//! What becomes of exchanged tokens: the same pair until its first use, further ones afterwards, and of the legacy token beside them.

use std::collections::BTreeSet;

use kimbai_core::exchange::LegacyTokens;
use kimbai_core::number::GrantId;
use kimbai_core::secret::Secret;
use kimbai_engine::NewLegacyToken;
use kimbai_store::{Activity, Epochs, GrantsOf, Ledger as _, StoreError};
use serde_json::json;
use tokio::task::JoinSet;

use crate::fixture::exchange::{Pair, SCOPES, SHOP, SHOP_APP, Shops, body};
use crate::fixture::haravan::{INSTALL_SCOPE, minted, text};
use crate::fixture::{CALLBACK, Sandbox};

const WEEK_S: i64 = 7 * 86_400;

async fn grants(sandbox: &Sandbox) -> Vec<GrantId> {
    let realm = sandbox.engine.realm("haravan").unwrap();
    let slice = sandbox.store.grants(realm.number, GrantsOf::Realm, None, 1_000).await.unwrap();
    slice.grants.into_iter().map(|seen| seen.grant.id).collect()
}

fn of_demo_shop(shops: &Shops) -> NewLegacyToken {
    let (organization, client_id) = ("demo-shop".to_owned(), SHOP_APP.client_id.to_owned());
    NewLegacyToken { organization, client_id, username: "an".to_owned(), token: Secret::new(shops.demo.to_owned()) }
}

async fn at_once(shops: Shops, count: usize) -> BTreeSet<String> {
    let shops = std::sync::Arc::new(shops);
    let mut calls = JoinSet::new();
    for _ in 0..count {
        let shops = std::sync::Arc::clone(&shops);
        calls.spawn(async move { shops.exchange(&SCOPES).await.expect(200).body });
    }
    calls.join_all().await.into_iter().collect()
}

#[tokio::test]
async fn a_lost_answer_is_given_again_with_the_same_times() {
    let sandbox = Sandbox::start().await;
    let shops = sandbox.shops().await;
    let first = shops.exchange(&SCOPES).await.expect(200);
    for advance_s in [0, 1, 3_600, WEEK_S - 3_700] {
        sandbox.clock.advance_s(advance_s);
        let again = shops.exchange(&SCOPES).await.expect(200);
        assert_eq!(again.body, first.body, "after {advance_s} s");
    }
    let mut reversed = SCOPES;
    reversed.reverse();
    assert_eq!(shops.exchange(&reversed).await.expect(200).body, first.body, "the order of scopes says nothing");
    assert_eq!(grants(&sandbox).await.len(), 1);
}

#[tokio::test]
async fn while_an_exchange_is_pending_other_scopes_are_refused_and_change_nothing() {
    let sandbox = Sandbox::start().await;
    let shops = sandbox.shops().await;
    let first = shops.pair().await;
    for scopes in [&SCOPES[..6], &[&SCOPES[..], &["wh_api"]].concat()] {
        shops.exchange(scopes).await.says(422, "Unprocessable Entity");
    }
    assert!(shops.mistake().await.starts_with("other scopes than those of the exchange before"));
    assert_eq!(shops.pair().await, first);
    shops.use_token(&first.access).await.expect(200);
    let second = shops.exchange(&SCOPES[..6]).await.expect(200).pair();
    assert_ne!(second.access, first.access);
}

#[tokio::test]
async fn after_the_first_use_another_exchange_makes_another_grant_and_both_live() {
    let sandbox = Sandbox::start().await;
    let shops = sandbox.shops().await;
    let first = shops.pair().await;
    shops.use_token(&first.access).await.expect(200);
    let second = shops.pair().await;
    assert!(second.access != first.access && second.refresh != first.refresh);
    assert_eq!(shops.pair().await, second, "which is pending in its turn");
    for pair in [&first, &second] {
        shops.use_token(&pair.access).await.expect(200);
    }
    let third = shops.pair().await;
    for pair in [first, second, third] {
        assert_eq!(shops.told(&pair.access).await["active"], true);
        shops.refreshed(&pair.refresh).await.expect(200);
    }
    assert_eq!(grants(&sandbox).await.len(), 3);
}

#[tokio::test]
async fn introspection_userinfo_and_a_refresh_are_uses_and_a_look_at_the_refresh_token_is_none() {
    let sandbox = Sandbox::start().await;
    let shops = sandbox.shops().await;
    let first = shops.pair().await;
    assert_eq!(shops.told(&first.refresh).await["active"], true);
    assert_eq!(shops.pair().await, first);
    assert_eq!(shops.told(&first.access).await["active"], true);
    let second = shops.pair().await;
    assert_ne!(second, first);
    let bearer = format!("Bearer {}", second.access);
    shops.at.call("GET", "/connect/userinfo").header("authorization", &bearer).send().await.expect(200);
    let third = shops.pair().await;
    assert_ne!(third, second);
    shops.refreshed(&third.refresh).await.expect(200);
    assert_ne!(shops.pair().await, third);
}

#[tokio::test]
async fn after_a_week_another_exchange_makes_another_grant_and_the_first_one_lives() {
    let sandbox = Sandbox::start().await;
    let shops = sandbox.shops().await;
    let first = shops.pair().await;
    sandbox.clock.advance_s(WEEK_S);
    let second = shops.pair().await;
    assert!(second.access != first.access && second.created >= first.created + 604_800);
    for pair in [first, second] {
        shops.use_token(&pair.access).await.expect(200);
    }
}

#[tokio::test]
async fn a_pair_that_was_revoked_is_not_given_again() {
    let sandbox = Sandbox::start().await;
    let shops = sandbox.shops().await;
    let mut seen = BTreeSet::new();
    for token in [|pair: &Pair| pair.access.clone(), |pair: &Pair| pair.refresh.clone()] {
        let pair = shops.pair().await;
        assert!(seen.insert(pair.access.clone()));
        shops.at.as_client(&SHOP_APP, shops.at.revoke, &[("token", &token(&pair))]).await.expect(200);
        shops.use_token(&pair.access).await.unauthorized();
    }
    let last = shops.pair().await;
    assert!(seen.insert(last.access.clone()));
    sandbox.clock.advance_s(2 * 86_400);
    let realm = sandbox.engine.realm("haravan").unwrap();
    sandbox.store.sweep(None, 1_000, 0).await.unwrap();
    assert_eq!(shops.pair().await, last, "what was swept is not what is pending");
    let ended = shops.at.as_client(&SHOP_APP, shops.at.revoke, &[("token", &last.refresh)]).await;
    ended.expect(200);
    sandbox.store.sweep(None, 1_000, 0).await.unwrap();
    let id = grants(&sandbox).await;
    let next = shops.pair().await;
    assert!(seen.insert(next.access.clone()), "an id whose row is gone is not used again");
    assert!(grants(&sandbox).await.len() == id.len() + 1 && realm.name == "haravan");
    shops.use_token(&last.access).await.unauthorized();
}

#[tokio::test(flavor = "multi_thread")]
async fn of_64_exchanges_at_once_all_get_one_pair() {
    let sandbox = Sandbox::start().await;
    let shops = sandbox.shops().await;
    assert_eq!(at_once(shops, 64).await.len(), 1);
    assert_eq!(grants(&sandbox).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_64_exchanges_at_once_after_the_first_use_all_get_one_further_pair() {
    let sandbox = Sandbox::start().await;
    let shops = sandbox.shops().await;
    let first = shops.pair().await;
    shops.use_token(&first.access).await.expect(200);
    let found = at_once(shops, 64).await;
    assert_eq!(found.len(), 1);
    assert!(!found.first().unwrap().contains(&first.access));
    assert_eq!(grants(&sandbox).await.len(), 2);
}

#[tokio::test]
async fn a_failure_between_any_two_steps_leaves_nothing_half_done() {
    let sandbox = Sandbox::start().await;
    let shops = sandbox.shops().await;
    let failed = async |verb: &'static str| {
        sandbox.store.fail_verb(Some(verb));
        let answer = shops.exchange(&SCOPES).await;
        sandbox.store.fail_verb(None);
        let answer = answer.says(503, "Something went wrong. Please try again later.");
        assert_eq!(answer.header("retry-after"), "1");
    };
    failed("legacy_token").await;
    failed("open").await;
    assert!(grants(&sandbox).await.is_empty());
    let first = shops.pair().await;
    assert_eq!(grants(&sandbox).await.len(), 1);
    failed("lookup").await;
    // A use that cannot be remembered is none.
    sandbox.store.fail_verb(Some("step_legacy_token"));
    shops.use_token(&first.access).await.says(503, "Something went wrong. Please try again later.");
    shops.refreshed(&first.refresh).await.expect(503);
    sandbox.store.fail_verb(None);
    // The refresh was carried out, and what could not be answered is found by who comes next.
    let second = shops.pair().await;
    assert_ne!(second, first);
    shops.refreshed(&first.refresh).await.expect(200);
    sandbox.store.fail(Some(StoreError::Unknown));
    shops.exchange(&SCOPES).await.expect(503);
    sandbox.store.fail(None);
    assert_eq!(shops.pair().await, second);
}

#[tokio::test]
async fn the_legacy_token_keeps_working_by_default() {
    let sandbox = Sandbox::start().await;
    let shops = sandbox.shops().await;
    let pair = shops.pair().await;
    shops.use_token(&pair.access).await.expect(200);
    sandbox.clock.advance_s(86_400 * 3_650);
    shops.use_token(shops.demo).await.expect(200);
    shops.exchange(&SCOPES).await.expect(200);
}

#[tokio::test]
async fn the_legacy_token_ends_at_a_date_where_the_realm_says_so() {
    let sandbox = Sandbox::start().await;
    let end_s = sandbox.clock.now().as_unix_s() + 1_000;
    let until = |settings: &mut kimbai_core::realm::RealmSettings| {
        settings.exchange.as_mut().unwrap().legacy_tokens = LegacyTokens::EndAtS(end_s);
    };
    let shops = sandbox.shops_as("dated", until).await;
    let pair = shops.pair().await;
    shops.use_token(shops.demo).await.expect(200);
    sandbox.clock.advance_s(1_000);
    shops.exchange(&SCOPES).await.unauthorized();
    assert_eq!(shops.mistake().await, "a legacy token that has ended");
    shops.use_token(shops.demo).await.unauthorized();
    shops.use_token(&pair.access).await.expect(200);
    shops.refreshed(&pair.refresh).await.expect(200);
}

#[tokio::test]
async fn the_legacy_token_ends_with_the_first_use_of_the_new_one_where_the_realm_says_so() {
    let sandbox = Sandbox::start().await;
    let first_use = |settings: &mut kimbai_core::realm::RealmSettings| {
        settings.exchange.as_mut().unwrap().legacy_tokens = LegacyTokens::EndWithFirstUse;
    };
    let by_use = sandbox.shops_as("by-use", first_use).await;
    let pair = by_use.pair().await;
    assert_eq!(by_use.pair().await, pair);
    by_use.use_token(by_use.demo).await.expect(200);
    by_use.use_token(&pair.access).await.expect(200);
    by_use.exchange(&SCOPES).await.unauthorized();
    by_use.use_token(by_use.demo).await.unauthorized();
    let other = by_use.exchange_at("other-shop", by_use.other, &body(&SCOPES)).await;
    assert!(other.expect(200).pair().access != pair.access, "another shop's is another");

    let by_refresh = sandbox.shops_as("by-refresh", first_use).await;
    let pair = by_refresh.pair().await;
    by_refresh.refreshed(&pair.refresh).await.expect(200);
    by_refresh.exchange(&SCOPES).await.unauthorized();

    // One that was given before the pair that is pending counts as well.
    let older = sandbox.shops_as("older", first_use).await;
    let first = older.pair().await;
    sandbox.clock.advance_s(WEEK_S);
    let second = older.pair().await;
    older.use_token(&first.access).await.expect(200);
    older.exchange(&SCOPES).await.unauthorized();
    older.use_token(&second.access).await.expect(200);
}

#[tokio::test]
async fn what_is_disabled_takes_legacy_tokens_and_what_they_were_exchanged_for_with_it() {
    let sandbox = Sandbox::start().await;
    let shops = sandbox.shops().await;
    let realm = sandbox.engine.realm("haravan").unwrap();
    let pair = shops.pair().await;
    let engine = &sandbox.engine;
    engine.set_user_activity(&realm, "an", Activity::Disabled).await.unwrap();
    shops.exchange(&SCOPES).await.unauthorized();
    shops.use_token(shops.demo).await.unauthorized();
    shops.use_token(&pair.access).await.unauthorized();
    engine.set_user_activity(&realm, "an", Activity::Enabled).await.unwrap();
    shops.exchange(&SCOPES).await.unauthorized();
    // A repetition brings nothing back; whoever revives it vouches for it anew. The pair that was pending is dead and not given again.
    engine.put_legacy_token(&realm, &of_demo_shop(&shops), Epochs::Kept).await.unwrap();
    shops.exchange(&SCOPES).await.unauthorized();
    engine.put_legacy_token(&realm, &of_demo_shop(&shops), Epochs::Renewed).await.unwrap();
    let next = shops.pair().await;
    assert_ne!(next, pair);
    shops.use_token(&pair.access).await.unauthorized();
    engine.set_client_activity(&realm, SHOP_APP.client_id, Activity::Disabled).await.unwrap();
    shops.exchange(&SCOPES).await.unauthorized();
    shops.use_token(&next.access).await.unauthorized();
}

#[tokio::test]
async fn a_legacy_token_of_somebody_without_the_role_gives_no_service() {
    let sandbox = Sandbox::start().await;
    let shops = sandbox.shops().await;
    let realm = sandbox.engine.realm("haravan").unwrap();
    sandbox.engine.put_membership(&realm, ("an", "demo-shop"), &[]).await.unwrap();
    shops.exchange(&SCOPES).await.unauthorized();
    assert_eq!(shops.mistake().await, "a legacy token of somebody who is not the shop's admin");
    sandbox.engine.put_membership(&realm, ("an", "demo-shop"), &["admin"]).await.unwrap();
    shops.exchange(&SCOPES).await.expect(200);
}

#[tokio::test]
async fn exchanged_tokens_are_refreshed_introspected_and_revoked_as_others_are() {
    let sandbox = Sandbox::start().await;
    let shops = sandbox.shops().await;
    let pair = shops.pair().await;
    let told = shops.told(&pair.access).await;
    assert_eq!((told["active"].clone(), told["sub"].clone()), (json!(true), json!("200000000001")));
    assert_eq!(told["exp"].as_u64().unwrap() - told["iat"].as_u64().unwrap(), 2_147_483_647);
    let refreshed = shops.refreshed(&pair.refresh).await.expect(200);
    let (access, refresh) = (refreshed.member("access_token"), refreshed.member("refresh_token"));
    assert!(access.len() == 64 && refresh.len() == 64);
    assert_eq!(refreshed.json()["token_type"], "Bearer");
    let expires_in = refreshed.json()["expires_in"].as_u64().unwrap();
    assert!((2_147_483_000..=2_147_483_647).contains(&expires_in), "up to the end of the grant: {expires_in}");
    let again = shops.refreshed(&pair.refresh).await.expect(200);
    assert_eq!((again.member("access_token"), again.member("refresh_token")), (access.clone(), refresh.clone()));
    for token in [&pair.access, &access] {
        shops.use_token(token).await.expect(200);
    }
    assert!(shops.told(&pair.access).await["iat"].is_u64(), "of the first generation the row knows it");
    let third = shops.refreshed(&refresh).await.expect(200);
    let told = shops.told(&access).await;
    assert!(told["active"] == true && told.get("iat").is_none(), "of one in between it does not: {told}");
    let revoked = [("token", third.member("refresh_token"))];
    let revoked = revoked.each_ref().map(|(name, value)| (*name, value.as_str()));
    shops.at.as_client(&SHOP_APP, shops.at.revoke, &revoked).await.expect(200);
    for token in [&pair.access, &access, &third.member("access_token")] {
        shops.use_token(token).await.unauthorized();
        assert_eq!(shops.told(token).await, json!({"active": false}));
    }
}

#[tokio::test]
async fn an_id_token_of_an_exchanged_grant_says_nothing_of_a_log_in() {
    let sandbox = Sandbox::start().await;
    let shops = sandbox.shops().await;
    let pair = shops.pair().await;
    let mut refresh = pair.refresh;
    for _ in 0..2 {
        let refreshed = shops.refreshed(&refresh).await.expect(200);
        let said = sandbox.id_token_claims(&shops.at, &refreshed.member("id_token")).await;
        for of_a_log_in in ["auth_time", "amr", "acr", "sid", "nonce"] {
            assert!(!said.contains_key(of_a_log_in), "{of_a_log_in}: {said:?}");
        }
        assert_eq!((&said["sub"], &said["role"]), (&json!("200000000001"), &json!(["admin"])));
        refresh = refreshed.member("refresh_token");
    }
    // Who installs the app has logged in, and every ID token says so.
    let installed = minted(&shops.at, "an", INSTALL_SCOPE).await;
    let refreshed = shops.refreshed(text(&installed, "refresh_token")).await.expect(200).member("id_token");
    for id_token in [text(&installed, "id_token"), &refreshed] {
        let said = sandbox.id_token_claims(&shops.at, id_token).await;
        assert_eq!((&said["amr"], &said["acr"]), (&json!(["pwd"]), &json!("1")));
        assert!(said["auth_time"].as_u64() <= said["iat"].as_u64(), "{said:?}");
    }
}

#[tokio::test]
async fn short_tokens_are_not_narrowed_and_there_are_none_without_a_grant() {
    let sandbox = Sandbox::start().await;
    let shops = sandbox.shops().await;
    let pair = shops.pair().await;
    let refresh = async |scope: &str| {
        let form = [("grant_type", "refresh_token"), ("refresh_token", pair.refresh.as_str()), ("scope", scope)];
        shops.at.token(&SHOP_APP, &form).await
    };
    for scope in ["openid", "com.write_products", "nowhere"] {
        refresh(scope).await.refused(400, "invalid_scope");
    }
    refresh(&SCOPES.join(" ")).await.expect(200);
    for app in [&SHOP_APP, &crate::fixture::POST_APP] {
        let form = [("grant_type", "client_credentials")];
        shops.at.token(app, &form).await.refused(400, "unauthorized_client");
    }
}

#[tokio::test]
async fn a_changed_short_token_opens_nothing() {
    let sandbox = Sandbox::start().await;
    let shops = sandbox.shops().await;
    let pair = shops.pair().await;
    shops.use_token(&pair.refresh).await.unauthorized();
    shops.refreshed(&pair.access).await.refused(400, "invalid_grant");
    for changed in crate::fixture::mutations(&pair.access) {
        if !changed.bytes().all(|byte| byte.is_ascii_graphic()) {
            continue;
        }
        shops.use_token(&changed).await.unauthorized();
    }
    for changed in [pair.refresh.to_uppercase(), pair.refresh[..63].to_owned(), format!("{}0", pair.refresh)] {
        shops.refreshed(&changed).await.refused(400, "invalid_grant");
    }
    shops.refreshed(&pair.refresh).await.expect(200);
}

#[tokio::test]
async fn codes_of_a_realm_with_short_tokens_are_short_and_carry_their_nonce() {
    let sandbox = Sandbox::start().await;
    let shops = sandbox.shops().await;
    let redirect_uri = "http://localhost:8080/install/login";
    let wanted = json!({
        "client_id": SHOP_APP.client_id, "user": "an", "scopes": ["openid", "profile"], "redirect_uri": redirect_uri,
    });
    let code = shops.at.mint(&wanted).await.expect(200).member("code");
    assert_eq!(code.len(), 64);
    let redeem = async |code: &str, uri: &str| {
        let form = [("grant_type", "authorization_code"), ("code", code), ("redirect_uri", uri)];
        shops.at.token(&SHOP_APP, &form).await
    };
    redeem(&code, CALLBACK).await.refused(400, "invalid_grant");
    redeem(&code.to_uppercase(), redirect_uri).await.refused(400, "invalid_grant");
    redeem(&format!("{code}.bm9uY2U"), redirect_uri).await.refused(400, "invalid_grant");
    let tokens = redeem(&code, redirect_uri).await.expect(200);
    assert!(tokens.member("access_token").len() == 64 && tokens.json().get("refresh_token").is_none());
    redeem(&code, redirect_uri).await.refused(400, "invalid_grant");
}

#[tokio::test]
async fn the_sample_resource_opens_to_new_and_legacy_tokens_of_its_shop() {
    let sandbox = Sandbox::start().await;
    let shops = sandbox.shops().await;
    let pair = shops.pair().await;
    let demo_host = shops.host("demo-shop");
    let shop = json!({"id": 200_000_001_001_u64, "name": "Tiệm Hoa Ngọc Ảnh", "domain": demo_host});
    for host in [&demo_host, &shops.at.host] {
        let answer = shops.shop_at(host, &pair.access).await.expect(200).json();
        assert_eq!(answer["shop"], shop);
        assert_eq!(answer["scopes"].as_array().unwrap().len(), SCOPES.len());
        let answer = shops.shop_at(host, shops.demo).await.expect(200).json();
        assert_eq!(answer, json!({"shop": shop}));
    }
    let by_header = async |headers: &[(&str, &str)]| {
        let mut call = shops.at.call("GET", SHOP).without_host().header("host", &demo_host);
        for (name, value) in headers {
            call = call.header(name, value);
        }
        call.send().await
    };
    let legacy = ("x-haravan-access-token", shops.demo);
    assert_eq!(by_header(&[legacy]).await.expect(200).json(), json!({"shop": shop}));
    let bearer = format!("Bearer {}", pair.access);
    for headers in [
        &[][..],
        &[legacy, legacy],
        &[legacy, ("authorization", &bearer)],
        &[("x-haravan-access-token", &pair.access)],
        &[("x-haravan-access-token", shops.other)],
        &[("authorization", "Bearer x")],
    ] {
        by_header(headers).await.unauthorized();
    }
    for token in [&pair.access, shops.demo] {
        shops.shop_at(&shops.host("other-shop"), token).await.unauthorized();
    }
    let head = shops.at.call("HEAD", SHOP).header("authorization", &bearer).send().await.expect(200);
    assert!(head.body.is_empty());
}

#[tokio::test]
async fn a_token_without_a_shop_is_forbidden_and_an_expired_one_is_said_to_be() {
    let sandbox = Sandbox::start().await;
    let shops = sandbox.shops().await;
    let tokens = async |scopes: &[&str]| {
        let redirect_uri = "http://localhost:8080/install/login";
        let wanted = json!({
            "client_id": SHOP_APP.client_id, "user": "an", "scopes": scopes, "redirect_uri": redirect_uri,
        });
        let code = shops.at.mint(&wanted).await.expect(200).member("code");
        let form = [("grant_type", "authorization_code"), ("code", code.as_str()), ("redirect_uri", redirect_uri)];
        shops.at.token(&SHOP_APP, &form).await.expect(200).member("access_token")
    };
    shops.use_token(&tokens(&["openid"]).await).await.says(403, "Forbidden");
    let of_person = tokens(&["openid", "org"]).await;
    shops.use_token(&of_person).await.expect(200);
    sandbox.clock.advance_s(86_400);
    let expired = shops.use_token(&of_person).await.unauthorized();
    assert_eq!(
        expired.header("www-authenticate"),
        "Bearer realm=\"IdentityServer\", error=\"invalid_token\", error_description=\"The access token expired\""
    );
}

#[tokio::test]
async fn an_exchange_beyond_2038_is_answered_truthfully_up_to_the_end_of_32_bits() {
    let sandbox = Sandbox::start().await;
    let shops = sandbox.shops().await;
    let first = shops.pair().await;
    shops.use_token(&first.access).await.expect(200);
    for moment_s in [2_147_483_647_u32, 2_147_483_648, 3_000_000_000] {
        sandbox.clock.advance_s(i64::from(moment_s) - i64::from(sandbox.clock.now().as_unix_s()));
        shops.use_token(&first.access).await.expect(200);
        let pair = shops.pair().await;
        assert!(pair.created >= u64::from(moment_s));
        assert_eq!(pair.expires_in, 2_147_483_647.min(u64::from(u32::MAX) - pair.created), "{moment_s}");
        let told = shops.told(&pair.access).await;
        assert_eq!(told["exp"].as_u64().unwrap(), pair.created + pair.expires_in);
        shops.refreshed(&pair.refresh).await.expect(200);
    }
    let end_s = i64::try_from(first.created + first.expires_in).unwrap();
    // The grant was opened within a second, and ends within one.
    sandbox.clock.advance_s(end_s + 1 - i64::from(sandbox.clock.now().as_unix_s()));
    shops.use_token(&first.access).await.unauthorized();
    shops.refreshed(&first.refresh).await.refused(400, "invalid_grant");
    sandbox.clock.advance_s(4_294_967_295 - i64::from(sandbox.clock.now().as_unix_s()));
    shops.use_token(shops.demo).await.expect(200);
}
