//! What goes on at once: commands wait for their turn, and what is read anew brings back nothing that has ended.

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use kimbai_engine::admin::{
    AdminError, ClientAdd, ClientManifest, ClientRemove, ClientSetActivity, Command, GrantRevoke, Order,
    UserSetActivity,
};
use kimbai_store::Activity;
use serde_json::json;
use tokio::task::JoinHandle;

use super::{Operator, administration, of_marketplace, scope};
use crate::fixture::{REDIRECT_URI, refresh_token, secret_of};

/// Gives the realm other settings until it is told to stop, so that it is read anew all the time.
fn reloading(operator: &Arc<Operator>, stop: &Arc<AtomicBool>) -> JoinHandle<usize> {
    let (operator, stop) = (operator.clone(), stop.clone());
    tokio::spawn(async move {
        let mut reloads = 0;
        while !stop.load(Ordering::Relaxed) {
            let asked = json!({ "display_name": format!("Chợ {reloads}") });
            operator.apply(of_marketplace(asked)).await.unwrap();
            reloads += 1;
        }
        reloads
    })
}

/// Begins a command and leaves it where it first waits.
async fn begun<T>(mut command: Pin<&mut impl Future<Output = T>>) {
    tokio::select! {
        biased;
        _ = &mut command => panic!("it has nothing to wait for"),
        () = std::future::ready(()) => {}
    }
}

/// Carries a command out while another is left where it waits.
async fn beside<C: Command>(operator: &Operator, command: C) -> C::Reply {
    let waiting = tokio::time::timeout(Duration::from_mins(1), operator.run(command));
    waiting.await.expect("it waits for the other one").unwrap()
}

#[test]
fn what_may_be_an_emergency_waits_for_no_turn() {
    assert_eq!([GrantRevoke::ORDER, ClientSetActivity::ORDER, UserSetActivity::ORDER], [Order::Free; 3]);
}

#[tokio::test]
async fn nobody_waits_while_the_passwords_of_a_file_are_hashed() {
    let operator = Operator::new().await;
    let asked = of_marketplace(json!({ "users": { "dung": { "password": "một mật khẩu dài" } } }));
    let mut applying = pin!(operator.apply(asked));
    begun(applying.as_mut()).await;
    let client = ClientManifest::default();
    beside(&operator, ClientAdd { realm: None, client_id: "new".to_owned(), client }).await;
    assert_eq!(applying.await.unwrap().steps.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_twenty_that_make_one_client_at_once_one_makes_it() {
    let operator = Arc::new(Operator::new().await);
    let adding: Vec<_> = (0..20)
        .map(|_| {
            let operator = operator.clone();
            let client = ClientManifest::default();
            tokio::spawn(
                async move { operator.run(ClientAdd { realm: None, client_id: "new".to_owned(), client }).await },
            )
        })
        .collect();
    let mut made = 0;
    for added in adding {
        match added.await.unwrap() {
            Ok(_) => made += 1,
            Err(error) => assert!(matches!(error, AdminError::Exists(_)), "{error}"),
        }
    }
    assert_eq!(made, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn applies_at_once_are_all_applied() {
    let operator = Arc::new(Operator::new().await);
    let applying: Vec<_> = (0..20)
        .map(|n| {
            let operator = operator.clone();
            let (own, common) = (format!("own-{n}"), if n % 2 == 0 { "even" } else { "odd" });
            let asked = of_marketplace(json!({
                "scopes": [scope(&own), scope(common)],
                "clients": { own.clone(): { "scope": own, "client_secret": secret_of(&own) } },
                "users": { own.clone(): { "sub": own } },
            }));
            tokio::spawn(async move { operator.apply(asked).await })
        })
        .collect();
    for applied in applying {
        applied.await.unwrap().unwrap();
    }
    let realm = operator.fixture.engine.realm("marketplace").unwrap();
    assert_eq!(realm.settings.scopes.len(), 4 + 20 + 2);
    for n in 0..20 {
        let client = realm.client(&format!("own-{n}")).unwrap();
        assert_eq!(realm.scopes.render(client.scope), format!("own-{n}"));
    }
    let master = kimbai_keyring::MasterKey::parse(&operator.fixture.master).unwrap();
    let restarted = Arc::new(kimbai_engine::Engine::new(operator.fixture.store.clone(), master));
    restarted.load().await.unwrap();
    let stored = super::export(&administration(&restarted), super::ExportSecrets::Hashes).await;
    assert_eq!(stored, operator.export().await, "what is in memory is what is stored");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_does_not_bring_back_a_standing_that_has_ended() {
    let operator = Arc::new(Operator::new().await);
    let stop = Arc::new(AtomicBool::new(false));
    let reloading = reloading(&operator, &stop);
    let fixture = &operator.fixture;
    let token = fixture.log_in("web").await.access_token;
    for round in 0..200 {
        let before = fixture.credentials_grant("other", None).await.unwrap().access_token;
        for client_id in ["resource", "other"] {
            let known =
                fixture.engine.set_client_activity(&fixture.realm, client_id, Activity::Disabled).await.unwrap();
            assert!(known);
        }
        for _ in 0..3 {
            let realm = fixture.engine.realm("marketplace").unwrap();
            for client_id in ["resource", "other"] {
                assert!(!realm.client(client_id).unwrap().standing.active, "{client_id} in round {round}");
            }
            assert!(fixture.introspect("resource", token.expose()).await.is_err(), "round {round}");
            assert!(fixture.credentials_grant("other", None).await.is_err(), "round {round}");
        }
        for client_id in ["resource", "other"] {
            fixture.engine.set_client_activity(&fixture.realm, client_id, Activity::Enabled).await.unwrap();
        }
        let after = fixture.credentials_grant("other", None).await.unwrap().access_token;
        assert!(fixture.works(&after).await && !fixture.works(&before).await, "round {round}");
    }
    stop.store(true, Ordering::Relaxed);
    assert!(reloading.await.unwrap() > 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_epoch_that_a_request_heard_of_in_the_realm_before_a_reload_is_known_after_it() {
    let operator = Operator::new().await;
    let fixture = &operator.fixture;
    operator.apply(of_marketplace(json!({ "display_name": "Chợ" }))).await.unwrap();
    let after = fixture.engine.realm("marketplace").unwrap();
    assert!(!Arc::ptr_eq(&after, &fixture.realm), "the fixture still holds the realm from before");
    for _ in 0..=1_000 {
        let token = fixture.credentials_grant("web", None).await.unwrap().access_token;
        fixture.revoke("web", token.expose()).await.unwrap();
    }
    assert_eq!(after.client("web").unwrap().standing.epoch, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn refreshes_go_on_while_realms_are_applied() {
    let operator = Arc::new(Operator::new().await);
    let stop = Arc::new(AtomicBool::new(false));
    let reloading = reloading(&operator, &stop);
    let mut answer = operator.fixture.log_in("web").await;
    for _ in 0..200 {
        answer = operator.fixture.refresh("web", &refresh_token(&answer)).await.unwrap();
        assert!(operator.fixture.works(&answer.access_token).await);
    }
    stop.store(true, Ordering::Relaxed);
    assert!(reloading.await.unwrap() > 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_a_file_disables_is_dead_when_the_apply_has_answered() {
    let operator = Operator::new().await;
    let of_web = |disabled: bool| of_marketplace(json!({ "clients": { "web": { "disabled": disabled } } }));
    for _ in 0..50 {
        let answer = operator.fixture.log_in("web").await;
        operator.apply(of_web(true)).await.unwrap();
        assert!(operator.fixture.refresh("web", &refresh_token(&answer)).await.is_err());
        assert!(!operator.fixture.works(&answer.access_token).await);
        operator.apply(of_web(false)).await.unwrap();
        assert!(operator.fixture.refresh("web", &refresh_token(&answer)).await.is_err());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removed_client_does_not_come_back_with_a_reload() {
    let operator = Arc::new(Operator::new().await);
    let stop = Arc::new(AtomicBool::new(false));
    let reloading = reloading(&operator, &stop);
    for n in 0..50 {
        let client_id = format!("client-{n}");
        let client = serde_json::from_value(json!({ "redirect_uris": [REDIRECT_URI] })).unwrap();
        operator.run(ClientAdd { realm: None, client_id: client_id.clone(), client }).await.unwrap();
        operator.run(ClientRemove { realm: None, client_id: client_id.clone() }).await.unwrap();
        assert!(operator.fixture.engine.realm("marketplace").unwrap().client(&client_id).is_none());
    }
    stop.store(true, Ordering::Relaxed);
    reloading.await.unwrap();
    let left = operator.fixture.engine.realm("marketplace").unwrap().clients();
    assert_eq!(left.len(), 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_read_earlier_is_not_put_later() {
    let operator = Arc::new(Operator::new().await);
    let stop = Arc::new(AtomicBool::new(false));
    let (toggled, stopped) = (operator.clone(), stop.clone());
    let toggling = tokio::spawn(async move {
        let fixture = &toggled.fixture;
        while !stopped.load(Ordering::Relaxed) {
            for activity in [Activity::Disabled, Activity::Enabled] {
                fixture.engine.set_client_activity(&fixture.realm, "web", activity).await.unwrap();
            }
        }
    });
    let name = || operator.fixture.realm.client("web").unwrap().metadata.client_name.clone();
    for n in 0..300 {
        let new = format!("name {n}");
        operator.apply(of_marketplace(json!({ "clients": { "web": { "client_name": new } } }))).await.unwrap();
        for _ in 0..20 {
            assert_eq!(name(), new);
            tokio::task::yield_now().await;
        }
    }
    stop.store(true, Ordering::Relaxed);
    toggling.await.unwrap();
}
