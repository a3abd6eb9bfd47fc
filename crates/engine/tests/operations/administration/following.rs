//! Two servers on one store: each follows what the other changed.

use std::sync::Arc;

use kimbai_core::realm::RealmSettings;
use kimbai_engine::admin::{Administration, ClientAdd, ClientManifest, ClientRemove, MasterKeyHome, MasterKeyRotate};
use kimbai_engine::{Engine, SetupError};
use kimbai_keyring::{KeyFile, MasterKey};
use kimbai_store::{Change, Registry as _, StoreError, Versions};
use serde_json::json;

use super::{Dialects, Operator, apply, of_marketplace, scopes};
use crate::fixture::{Fixture, standard};

/// The other server, which keeps its master key in a file.
struct Other {
    engine: Arc<Engine>,
    administration: Administration,
    file: KeyFile,
    _directory: tempfile::TempDir,
}

impl Other {
    async fn of(fixture: &Fixture) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let file = KeyFile::new(directory.path().join("master.key"));
        let key = MasterKey::parse(&fixture.master).unwrap();
        file.write(&key).unwrap();
        let engine = Arc::new(Engine::new(fixture.store.clone(), key));
        engine.load().await.unwrap();
        let home = MasterKeyHome::File(file.clone());
        let administration = Administration::new(engine.clone(), Box::new(Dialects), home);
        Self { engine, administration, file, _directory: directory }
    }

    async fn follow(&self, versions: &[(&Fixture, u64)]) -> Result<(), SetupError> {
        let versions = versions.iter().map(|(fixture, version)| (fixture.realm.number, *version));
        self.administration.follow(&Versions(versions.collect())).await
    }

    fn knows(&self, client_id: &str) -> bool {
        self.engine.realm("marketplace").unwrap().client(client_id).is_some()
    }
}

fn new_client() -> ClientAdd {
    let client: ClientManifest = serde_json::from_value(json!({ "scope": "order" })).unwrap();
    ClientAdd { realm: Some("marketplace".to_owned()), client_id: "new".to_owned(), client }
}

#[tokio::test]
async fn what_another_server_changed_is_known_once_its_version_moved_and_not_before() {
    let operator = Operator::new().await;
    let other = Other::of(&operator.fixture).await;
    other.follow(&[(&operator.fixture, 1)]).await.unwrap();
    operator.run(new_client()).await.unwrap();
    other.follow(&[(&operator.fixture, 1)]).await.unwrap();
    assert!(!other.knows("new"), "nobody said so");
    other.follow(&[(&operator.fixture, 2)]).await.unwrap();
    assert!(other.knows("new"));
    let remove = ClientRemove { realm: Some("marketplace".to_owned()), client_id: "new".to_owned() };
    operator.run(remove).await.unwrap();
    let settings =
        json!({ "display_name": "Chợ mới", "scopes": scopes(&["offline", "order", "product", "inventory", "more"]) });
    let _ = operator.apply(of_marketplace(settings)).await;
    // A database that was restored counts from an earlier number on.
    other.follow(&[(&operator.fixture, 1)]).await.unwrap();
    assert!(!other.knows("new"));
    let (own, theirs) = (operator.fixture.engine.realm("marketplace"), other.engine.realm("marketplace"));
    assert_eq!(own.unwrap().settings, theirs.unwrap().settings);
    let twin = operator.fixture.beside("twin", &standard()).await;
    other.follow(&[(&operator.fixture, 1), (&twin, 1)]).await.unwrap();
    assert!(other.engine.realm("twin").is_some());
}

#[tokio::test]
async fn of_two_servers_that_make_the_same_realm_the_second_is_told_so_and_changes_nothing() {
    let fixture = Fixture::marketplace().await;
    let other = Other::of(&fixture).await;
    let made = fixture.engine.make_realm("twin", &standard()).await.unwrap();
    let settings = RealmSettings { display_name: "Another".to_owned(), ..standard() };
    let refused = other.engine.make_realm("twin", &settings).await.unwrap_err();
    assert!(matches!(refused, SetupError::Store(StoreError::Taken)), "{refused:?}");
    other.engine.load().await.unwrap();
    let theirs = other.engine.realm("twin").unwrap();
    assert_eq!((theirs.number, &theirs.settings), (made.number, &made.settings));
}

#[tokio::test]
async fn a_realm_that_cannot_be_read_stays_as_it_was_and_the_others_are_followed() {
    let operator = Operator::new().await;
    let fixture = &operator.fixture;
    let twin = fixture.beside("twin", &standard()).await;
    let other = Other::of(fixture).await;
    operator.run(new_client()).await.unwrap();
    // Of a later version, perhaps.
    let name = twin.realm.name.clone();
    let number = twin.realm.number;
    let put = |settings: String| vec![Change::PutRealm { number, name: name.clone(), settings }];
    fixture.store.change(put("{\"of\": \"tomorrow\"}".to_owned())).await.unwrap();
    for _ in 0..2 {
        let error = other.follow(&[(&twin, 2), (fixture, 2)]).await.unwrap_err();
        assert!(matches!(&error, SetupError::Json { what, .. } if what.contains("twin")), "{error:?}");
        assert_eq!(other.engine.realm("twin").unwrap().settings, twin.realm.settings);
        assert!(other.knows("new"));
    }
    fixture.store.change(put(serde_json::to_string(&twin.realm.settings).unwrap())).await.unwrap();
    other.follow(&[(&twin, 2), (fixture, 2)]).await.unwrap();
}

#[tokio::test]
async fn a_master_key_that_another_server_replaced_is_taken_over_once_it_is_there_and_until_then_no_key_is_made() {
    let fixture = Fixture::marketplace().await;
    let (one, other) = (Other::of(&fixture).await, Other::of(&fixture).await);
    one.administration.run(MasterKeyRotate {}).await.unwrap();
    let added = fixture.log_in("web").await;
    let theirs = Fixture { engine: other.engine.clone(), realm: other.engine.realm("marketplace").unwrap(), ..fixture };
    assert!(theirs.works(&added.access_token).await, "what is in memory serves on");
    for _ in 0..2 {
        let error = other.follow(&[(&theirs, 2)]).await.unwrap_err().to_string();
        let expect = format!("put the new one at {}; until then", other.file.path().display());
        assert!(error.contains("another server replaced the master key") && error.contains(&expect), "{error}");
    }
    let third = json!({ "realms": { "third": { "issuer": "https://third.example.vn" } } });
    let error = apply(&other.administration, third.clone()).await.unwrap_err().to_string();
    assert!(error.contains("master key"), "{error}");
    let error = other.administration.run(MasterKeyRotate {}).await.unwrap_err().to_string();
    assert!(error.contains("another server replaced the master key"), "{error}");
    other.file.write(&one.file.read().unwrap().unwrap()).unwrap();
    other.follow(&[(&theirs, 2)]).await.unwrap();
    apply(&other.administration, third).await.unwrap();
    assert!(theirs.works(&added.access_token).await);
    other.administration.run(MasterKeyRotate {}).await.unwrap();
}

#[tokio::test]
async fn a_realm_that_is_made_while_another_server_replaces_the_master_key_can_be_opened_or_is_refused() {
    for delay in 0..8 {
        let fixture = Fixture::marketplace().await;
        let (one, other) = (Other::of(&fixture).await, Other::of(&fixture).await);
        let making = async {
            for number in 0..100 {
                let settings = RealmSettings { issuer: format!("https://{number}.example.vn"), ..standard() };
                if let Err(error) = other.engine.make_realm(&format!("realm-{number}"), &settings).await {
                    return (number, error);
                }
            }
            panic!("it was never refused");
        };
        let rotating = async {
            for _ in 0..delay {
                tokio::task::yield_now().await;
            }
            one.administration.run(MasterKeyRotate {}).await.unwrap();
        };
        let ((made, error), ()) = tokio::join!(making, rotating);
        assert!(matches!(error, SetupError::MasterKey(_) | SetupError::Store(StoreError::Changed)), "{error:?}");
        let restarted = Engine::new(fixture.store.clone(), one.file.read().unwrap().unwrap());
        restarted.load().await.unwrap();
        // The last one may stand, although who made it could not open it any more.
        let stored = fixture.store.realms().await.unwrap().len();
        assert!((made + 1..=made + 2).contains(&stored), "{made} of {stored}");
        assert_eq!(restarted.realms().len(), stored, "each opens with the new key");
    }
}

#[tokio::test]
async fn a_realm_that_cannot_be_read_is_left_out_at_the_start_and_taken_up_once_it_can() {
    let fixture = Fixture::marketplace().await;
    let twin = fixture.beside("twin", &standard()).await;
    let (number, name) = (twin.realm.number, "twin".to_owned());
    let put = |settings: String| vec![Change::PutRealm { number, name: name.clone(), settings }];
    fixture.store.change(put("{\"of\": \"tomorrow\"}".to_owned())).await.unwrap();
    let other = Other::of(&fixture).await;
    assert!(other.engine.realm("twin").is_none() && other.knows("web"));
    assert!(!other.engine.is_vacant().await.unwrap());
    fixture.store.change(put(serde_json::to_string(&twin.realm.settings).unwrap())).await.unwrap();
    other.follow(&[(&twin, 1)]).await.unwrap();
    assert!(other.engine.realm("twin").is_some());
}
