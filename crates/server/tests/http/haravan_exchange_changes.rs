//! Exchanges while something changes around them: a restore, other settings, scopes that are taken away, parties that are disabled.

use std::collections::BTreeSet;
use std::num::NonZeroU32;
use std::sync::Arc;

use kimbai_core::audience::{AccessTokenFormat, AudienceDefinition};
use kimbai_core::client::{ClientMetadata, GrantType};
use kimbai_core::exchange::LegacyTokens;
use kimbai_core::realm::{RateLimits, RealmSettings, TokenShape};
use kimbai_core::secret::Secret;
use kimbai_engine::{ExchangeError, ExchangeRequest, LegacyTokenError, LegacyTokenRefusal, NewLegacyToken, Source};
use kimbai_keyring::MasterKey;
use kimbai_store::sqlite::{Location, restore};
use kimbai_store::{Activity, BackupProgress, Epochs, GrantsOf, Ledger as _, StoreError, Upkeep as _};
use tokio::task::JoinSet;

use crate::fixture::exchange::{Pair, SCOPES, SHOP_APP, Shops};
use crate::fixture::{OTHER, SERVICE, Sandbox, metadata, new_client};

fn of_demo_shop(shops: &Shops, client_id: &str) -> NewLegacyToken {
    let (organization, client_id) = ("demo-shop".to_owned(), client_id.to_owned());
    NewLegacyToken { organization, client_id, username: "an".to_owned(), token: Secret::new(shops.demo.to_owned()) }
}

impl Shops {
    /// The pair that a refresh gives.
    async fn next(&self, refresh_token: &str) -> (String, String) {
        let answer = self.refreshed(refresh_token).await.expect(200);
        (answer.member("access_token"), answer.member("refresh_token"))
    }
}

async fn with_settings(sandbox: &Sandbox, shops: &Shops, change: impl FnOnce(&mut RealmSettings)) {
    let mut settings = sandbox.realm(&shops.at).settings.clone();
    change(&mut settings);
    sandbox.engine.put_realm(shops.at.name, &settings).await.unwrap();
}

async fn with_scope(sandbox: &Sandbox, scopes: &[&str]) {
    let realm = sandbox.engine.realm("haravan").unwrap();
    let client = realm.client(SHOP_APP.client_id).unwrap();
    let mut metadata = client.metadata.clone();
    metadata.scope = scopes.join(" ");
    let new = kimbai_engine::NewClient { client_id: client.client_id.clone(), client_secret: None, metadata };
    sandbox.engine.put_client(&realm, new).await.unwrap();
}

/// Every generation: what a backup does not know of must not come to be of a grant that is opened after it is restored.
#[tokio::test]
async fn tokens_of_an_exchange_that_a_restore_forgot_stay_dead_in_every_generation_of_the_next_one() {
    let directory = tempfile::tempdir().unwrap();
    let place = |name: &str| directory.path().join(name);
    let master = MasterKey::generate();
    let again = || MasterKey::parse(&master.to_text()).unwrap();
    let sandbox = Sandbox::start_with(Location::Directory(place("store")), again()).await;
    let shops = sandbox.shops().await;
    sandbox.store.backup(place("backup.db"), Arc::default()).await.unwrap().unwrap();
    let Pair { access, refresh, .. } = shops.pair().await;
    let second = shops.next(&refresh).await;
    let third = shops.next(&second.1).await;
    let lost = [(access, refresh), second, third];
    shops.use_token(&lost[2].0).await.expect(200);
    drop(sandbox);

    restore(&place("backup.db"), &place("restored"), &BackupProgress::default()).unwrap();
    let sandbox = Sandbox::start_with(Location::Directory(place("restored")), again()).await;
    let shops = sandbox.shops().await;
    let realm = sandbox.realm(&shops.at);
    shops.exchange(&SCOPES).await.unauthorized();
    let revived = of_demo_shop(&shops, SHOP_APP.client_id);
    sandbox.engine.put_legacy_token(&realm, &revived, Epochs::Renewed).await.unwrap();
    let first = shops.pair().await;
    let mut live = (first.access, first.refresh);
    for generation in 1..=4 {
        for (access, refresh) in &lost {
            assert!(*access != live.0 && *refresh != live.1);
            shops.use_token(access).await.unauthorized();
            assert_eq!(shops.told(access).await["active"], false, "in generation {generation}");
            shops.refreshed(refresh).await.refused(400, "invalid_grant");
        }
        shops.use_token(&live.0).await.expect(200);
        live = shops.next(&live.1).await;
    }
}

#[tokio::test]
async fn a_legacy_token_ends_with_a_use_after_the_realm_came_to_want_it() {
    let sandbox = Sandbox::start().await;
    let shops = sandbox.shops().await;
    let pair = shops.pair().await;
    shops.use_token(&pair.access).await.expect(200);
    with_settings(&sandbox, &shops, |settings| {
        settings.exchange.as_mut().unwrap().legacy_tokens = LegacyTokens::EndWithFirstUse;
    })
    .await;
    shops.use_token(shops.demo).await.expect(200);
    shops.use_token(&pair.access).await.expect(200);
    shops.use_token(shops.demo).await.unauthorized();
    shops.exchange(&SCOPES).await.unauthorized();
    shops.use_token(&pair.access).await.expect(200);
}

#[tokio::test]
async fn an_exchange_for_a_scope_that_was_taken_away_is_over() {
    let sandbox = Sandbox::start().await;
    let shops = sandbox.shops().await;
    let more = [&SCOPES[..], &["com.write_products", "wh_api"]].concat();
    let of_more = shops.exchange(&more).await.expect(200).pair();
    with_scope(&sandbox, &[&SCOPES[..], &["wh_api"]].concat()).await;
    let less = shops.exchange(&SCOPES).await.expect(200).pair();
    assert_ne!(less, of_more);
    shops.use_token(&of_more.access).await.unauthorized();
    assert_eq!(shops.pair().await, less);

    let with_webhooks = [&SCOPES[..], &["wh_api"]].concat();
    shops.use_token(&less.access).await.expect(200);
    let of_webhooks = shops.exchange(&with_webhooks).await.expect(200).pair();
    with_settings(&sandbox, &shops, |settings| {
        settings.scopes.iter_mut().find(|scope| scope.name == "wh_api").unwrap().retired = true;
    })
    .await;
    shops.exchange(&with_webhooks).await.says(422, "Unprocessable Entity");
    assert_ne!(shops.pair().await.access, of_webhooks.access);
}

#[tokio::test]
async fn what_is_opened_for_somebody_who_was_disabled_at_that_moment_is_not_given_out() {
    let sandbox = Sandbox::start().await;
    let shops = sandbox.shops().await;
    let (engine, realm) = (&sandbox.engine, sandbox.realm(&shops.at));
    let token = Secret::new(shops.demo.to_owned());
    let legacy = engine.legacy_token(&realm, &token, None).await.unwrap().unwrap();
    engine.set_user_activity(&realm, "an", Activity::Disabled).await.unwrap();
    let request = ExchangeRequest {
        client_id: SHOP_APP.client_id.to_owned(),
        client_secret: Secret::new(SHOP_APP.client_secret.to_owned()),
        scopes: SCOPES.map(str::to_owned).to_vec(),
    };
    let refused = engine.exchange(&realm, legacy, &request, Source::SOCKET).await;
    assert!(matches!(refused, Err(ExchangeError::LegacyToken(LegacyTokenRefusal::OwnerEnded))), "{refused:?}");
}

#[tokio::test]
async fn an_exchange_whose_steps_were_carried_out_unknown_to_us_gives_one_grant_and_the_same_pair() {
    for (times, status) in [(1, 200), (2, 200), (3, 503)] {
        let sandbox = Sandbox::start().await;
        let shops = sandbox.shops().await;
        sandbox.store.fail_times("open", StoreError::Unknown, times);
        let answer = shops.exchange(&SCOPES).await.expect(status);
        let pair = shops.pair().await;
        if status == 200 {
            assert_eq!(answer.pair(), pair, "{times}");
        }
        let realm = sandbox.realm(&shops.at);
        let slice = sandbox.store.grants(realm.number, GrantsOf::Realm, None, 10).await.unwrap();
        assert_eq!(slice.grants.len(), 1, "{times}");
        shops.use_token(&pair.access).await.expect(200);
    }
}

/// Where nothing is given again, each exchange moves the number on, and who is overtaken too often is told to come back.
#[tokio::test(flavor = "multi_thread")]
async fn without_a_window_no_pair_is_given_twice_and_many_at_once_end_with_a_pair_or_503() {
    let sandbox = Sandbox::start().await;
    let shops = sandbox.shops_as("haravan", |settings| settings.exchange.as_mut().unwrap().retry_s = 0).await;
    let mut seen = BTreeSet::new();
    for _ in 0..3 {
        assert!(seen.insert(shops.pair().await.access));
    }
    let shops = Arc::new(shops);
    let mut calls = JoinSet::new();
    for _ in 0..64 {
        let shops = Arc::clone(&shops);
        calls.spawn(async move { shops.exchange(&SCOPES).await });
    }
    for answer in calls.join_all().await {
        if answer.status == 503 {
            assert_eq!(answer.header("retry-after"), "1");
        } else {
            assert!(seen.insert(answer.expect(200).pair().access));
        }
    }
    assert!(seen.len() > 3);
    for access in seen {
        shops.use_token(&access).await.expect(200);
    }
}

#[tokio::test]
async fn too_many_requests_of_one_app_are_429() {
    let sandbox = Sandbox::start().await;
    let limits = |count| {
        let client_per_minute = NonZeroU32::new(count).unwrap();
        Some(RateLimits { source_per_minute: NonZeroU32::MAX, client_per_minute })
    };
    let shops = sandbox.shops_as("limited", |settings| settings.rate_limits = limits(2)).await;
    for _ in 0..2 {
        shops.exchange(&SCOPES).await.expect(200);
    }
    let answer = shops.exchange(&SCOPES).await.says(429, "Too many requests");
    assert!((1..=30).contains(&answer.header("retry-after").parse::<u32>().unwrap()), "{answer:?}");
    shops.use_token(shops.demo).await.expect(200);
}

#[tokio::test]
async fn an_inactive_answer_is_no_use() {
    let sandbox = Sandbox::start().await;
    let (audience, scopes) = (OTHER.client_id.to_owned(), vec!["com.write_products".to_owned()]);
    let audience = AudienceDefinition { audience, scopes, access_token_format: AccessTokenFormat::Opaque };
    let shops = sandbox.shops_as("haravan", |settings| settings.audiences = vec![audience]).await;
    let first = shops.pair().await;
    let asked = async |token: &str| {
        let answer = shops.at.as_client(&OTHER, shops.at.introspect, &[("token", token)]).await;
        answer.expect(200).json()["active"] == true
    };
    assert!(!asked(&first.access).await, "it is for the realm alone");
    assert_eq!(shops.pair().await, first);
    shops.use_token(&first.access).await.expect(200);
    let more = [&SCOPES[..], &["com.write_products"]].concat();
    let second = shops.exchange(&more).await.expect(200).pair();
    assert!(asked(&second.access).await);
    assert_ne!(shops.exchange(&more).await.expect(200).pair(), second);
}

#[tokio::test]
async fn an_app_that_no_user_gives_anything_has_no_legacy_tokens() {
    let sandbox = Sandbox::start().await;
    // With tokens that need no grant there are such apps.
    let shops = sandbox.shops_as("haravan", |settings| settings.token_shape = TokenShape::Whole).await;
    let realm = sandbox.realm(&shops.at);
    let jobs = metadata(&SERVICE, vec![GrantType::ClientCredentials], "org");
    let jobs = ClientMetadata { redirect_uris: Vec::new(), ..jobs };
    sandbox.engine.put_client(&realm, new_client(&SERVICE, jobs)).await.unwrap();
    let realm = sandbox.realm(&shops.at);
    let new = NewLegacyToken { token: Secret::new("x".to_owned()), ..of_demo_shop(&shops, SERVICE.client_id) };
    let refused = sandbox.engine.put_legacy_token(&realm, &new, Epochs::Kept).await;
    assert!(matches!(refused, Err(LegacyTokenError::NoUsersClient)), "{refused:?}");
}
