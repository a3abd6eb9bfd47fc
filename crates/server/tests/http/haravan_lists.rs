//! What operators are shown of shops: whose legacy tokens and whose apps there are, with each name looked up once.

use kimbai_core::secret::Secret;
use kimbai_engine::NewLegacyToken;
use kimbai_engine::admin::{Administration, GrantList, LegacyTokenList, MasterKeyHome};
use kimbai_server::dialects::Dialects;
use kimbai_store::Epochs;

use crate::fixture::Sandbox;
use crate::fixture::exchange::SHOP_APP;
use crate::fixture::haravan::{LOGIN_SCOPE, minted};

fn administration(sandbox: &Sandbox) -> Administration {
    Administration::new(sandbox.engine.clone(), Box::new(Dialects), MasterKeyHome::Given)
}

#[tokio::test]
async fn a_list_of_legacy_tokens_looks_each_name_up_once() {
    let sandbox = Sandbox::start().await;
    let realm = sandbox.realm(&sandbox.shops().await.at);
    for (username, count) in [("an", 12), ("chi", 7)] {
        for number in 0..count {
            let new = NewLegacyToken {
                organization: "other-shop".to_owned(),
                client_id: SHOP_APP.client_id.to_owned(),
                username: username.to_owned(),
                token: Secret::new(format!("legacy-token-{number}-of-{username}")),
            };
            sandbox.engine.put_legacy_token(&realm, &new, Epochs::Kept).await.unwrap();
        }
    }
    let before = sandbox.store.asked("user");
    let shop = "other-shop".to_owned();
    let list = LegacyTokenList { realm: Some(realm.name.clone()), shop, after: None, limit: 100 };
    let shown = administration(&sandbox).run(list).await.unwrap();
    let of = |username: &str| shown.iter().filter(|token| token.username == username).count();
    // The shop's own one is of chi.
    assert_eq!((of("an"), of("chi"), shown.len()), (12, 8, 20));
    assert_eq!(sandbox.store.asked("user") - before, 2);
}

#[tokio::test]
async fn a_list_of_grants_looks_each_name_up_once() {
    let sandbox = Sandbox::start().await;
    let at = sandbox.haravan().await;
    for username in ["an", "chi", "an", "binh", "an"] {
        minted(&at, username, LOGIN_SCOPE).await;
    }
    let before = ["user", "organization"].map(|verb| sandbox.store.asked(verb));
    let list = GrantList {
        realm: Some(at.name.to_owned()),
        user: None,
        client: None,
        organization: None,
        after: None,
        limit: 100,
    };
    let shown = administration(&sandbox).run(list).await.unwrap();
    assert_eq!(shown.len(), 5);
    assert!(shown.iter().all(|grant| grant.organization.as_deref() == Some("demo-shop")), "{shown:?}");
    let after = ["user", "organization"].map(|verb| sandbox.store.asked(verb));
    assert_eq!([after[0] - before[0], after[1] - before[1]], [3, 1]);
}
