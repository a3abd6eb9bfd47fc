//! The exchange of two servers with one PostgreSQL: what they do at once is one exchange.

use std::collections::BTreeSet;
use std::sync::Arc;

use kimbai_core::secret::Secret;
use kimbai_engine::{Engine, ExchangeRequest, Source, claim};
use kimbai_keyring::MasterKey;
use kimbai_postgres_fixture::{Server, Version};
use kimbai_server::dialects::haravan;
use kimbai_store::postgres::{Options, PostgresStore};
use kimbai_store::{GrantsOf, Ledger as _, Registry as _};
use tokio::task::JoinSet;

const SCOPES: [&str; 7] = ["openid", "profile", "email", "org", "userinfo", "grant_service", "offline_access"];

/// The tokens of one exchange by this engine.
async fn exchanged(engine: &Engine, legacy: &str, secret: &str) -> (String, Option<String>, u32) {
    let realm = engine.realm("haravan").unwrap();
    let token = Secret::new(legacy.to_owned());
    let legacy = engine.legacy_token(&realm, &token, Some("demo-shop")).await.unwrap().unwrap();
    let request = ExchangeRequest {
        client_id: "00112233445566778899aabbccddeeff".to_owned(),
        client_secret: Secret::new(secret.to_owned()),
        scopes: SCOPES.map(str::to_owned).to_vec(),
    };
    let tokens = engine.exchange(&realm, legacy, &request, Source::SOCKET).await.unwrap();
    let refresh = tokens.refresh_token.map(|token| token.expose().to_owned());
    (tokens.access_token.expose().to_owned(), refresh, tokens.created_s)
}

async fn at_once(
    engines: &[Arc<Engine>; 2],
    legacy: &'static str,
    secret: &str,
) -> BTreeSet<(String, Option<String>, u32)> {
    let mut exchanges = JoinSet::new();
    for engine in engines.iter().cycle().take(64) {
        let (engine, secret) = (Arc::clone(engine), secret.to_owned());
        exchanges.spawn(async move { exchanged(&engine, legacy, &secret).await });
    }
    exchanges.join_all().await.into_iter().collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn of_64_exchanges_at_once_by_two_servers_all_get_one_pair_and_after_its_use_one_further_pair() {
    for version in Version::under_test() {
        let database = Server::shared(*version).fresh_database();
        let url = database.url().parse().unwrap();
        let master = MasterKey::generate();
        let mut stores = Vec::new();
        for _ in 0..2 {
            stores.push(Arc::new(PostgresStore::open(&url, Options::default()).await.unwrap()));
        }
        assert!(claim(&*stores[0], &master).await.unwrap());
        let engine = |store: &Arc<PostgresStore>| {
            Arc::new(Engine::new(Arc::clone(store) as _, MasterKey::parse(&master.to_text()).unwrap()))
        };
        let engines = [engine(&stores[0]), engine(&stores[1])];
        let registration = haravan::demo::registration("http://localhost:4604");
        registration.install(&engines[0]).await.unwrap();
        engines[1].load().await.unwrap();
        let realm = engines[1].realm("haravan").unwrap();
        let demo = registration.legacy_tokens.iter().find(|legacy| legacy.organization == "demo-shop").unwrap();
        let secret =
            registration.clients[0].client_secret.as_ref().and_then(|shown| shown.secret()).unwrap().to_owned();

        let first = at_once(&engines, demo.token, &secret).await;
        assert_eq!(first.len(), 1, "{version:?}");
        let access = Secret::new(first.first().unwrap().0.clone());
        let told = engines[1].verify_access_token(&realm, &access).await.unwrap();
        assert!(matches!(told, kimbai_engine::Introspection::Active(_)), "{told:?}");
        let second = at_once(&engines, demo.token, &secret).await;
        assert_eq!((second.len(), second.is_disjoint(&first)), (1, true), "{version:?}");
        let slice = stores[1].grants(realm.number, GrantsOf::Realm, None, 100).await.unwrap();
        assert_eq!(slice.grants.len(), 2);
        let organization =
            stores[0].organization_by_label(realm.number, "demo-shop".to_owned()).await.unwrap().unwrap();
        let rows = stores[0].legacy_tokens(realm.number, organization.number, None, 10).await.unwrap();
        assert_eq!(rows.iter().map(|row| (row.exchange, row.opened)).collect::<Vec<_>>(), [(2, true)]);
        for store in stores {
            store.close().await;
        }
    }
}
