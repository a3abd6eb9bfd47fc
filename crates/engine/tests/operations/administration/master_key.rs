//! The master key by command: replaced while everything goes on, and wherever the process ends, one of two files fits.

use kimbai_core::realm::TokenShape;
use kimbai_engine::admin::{AdminError, Administration, MasterKeyHome, MasterKeyRotate};
use kimbai_engine::{Engine, SetupError, fits};
use kimbai_keyring::{KeyFile, MasterKey, RealmKeyring, StoredKey};
use kimbai_store::Registry as _;
use serde_json::json;

use super::{Dialects, Operator, apply, invalid};
use crate::fixture::{Fixture, refresh_token, standard};

struct Installed {
    fixture: Fixture,
    administration: Administration,
    file: KeyFile,
    _directory: tempfile::TempDir,
}

impl Installed {
    async fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let fixture = Fixture::marketplace().await;
        fixture.beside("twin", &standard()).await;
        let file = KeyFile::new(directory.path().join("master.key"));
        file.write(&MasterKey::parse(&fixture.master).unwrap()).unwrap();
        let home = MasterKeyHome::File(file.clone());
        let administration = Administration::new(fixture.engine.clone(), Box::new(Dialects), home);
        Self { fixture, administration, file, _directory: directory }
    }

    fn first_key(&self) -> MasterKey {
        MasterKey::parse(&self.fixture.master).unwrap()
    }

    async fn fits(&self, key: &MasterKey) -> bool {
        fits(&*self.fixture.store, key).await.unwrap()
    }

    /// The same realm, by an engine that starts with this key.
    async fn started(&self, key: MasterKey) -> Fixture {
        let engine = std::sync::Arc::new(Engine::new(self.fixture.store.clone(), key));
        engine.load().await.unwrap();
        let realm = engine.realm("marketplace").unwrap();
        let Fixture { store, clock, an, master, .. } = &self.fixture;
        Fixture { engine, store: store.clone(), clock: clock.clone(), realm, an: *an, master: master.clone() }
    }
}

#[tokio::test]
async fn everything_works_with_the_new_master_key_and_the_old_one_opens_nothing() {
    let installed = Installed::new().await;
    let fixture = &installed.fixture;
    let answer = fixture.log_in("web").await;
    let rotated = installed.administration.run(MasterKeyRotate {}).await.unwrap();
    assert_eq!((rotated.keys, rotated.file), (6, installed.file.path().display().to_string()));
    assert!(fixture.works(&answer.access_token).await, "while it goes on");
    for realm in ["marketplace", "twin"] {
        let realm = fixture.engine.realm(realm).unwrap();
        let _ = Fixture { realm, ..installed.started(installed.file.read().unwrap().unwrap()).await }
            .audit("master_key_rotated", 1)
            .await;
    }
    let third = json!({ "realms": { "third": { "issuer": "https://third.example.vn", "clients": { "web": {} } } } });
    apply(&installed.administration, third).await.unwrap();
    let new = installed.file.read().unwrap().unwrap();
    assert!(installed.fits(&new).await && !installed.fits(&installed.first_key()).await);
    assert!(installed.file.read_staged().unwrap().is_none());
    let started = installed.started(new).await;
    assert!(started.engine.realm("third").is_some());
    assert!(started.works(&answer.access_token).await);
    let refreshed = started.refresh("web", &refresh_token(&answer)).await.unwrap();
    assert!(started.works(&refreshed.access_token).await);
    let old = Engine::new(fixture.store.clone(), installed.first_key());
    assert!(matches!(old.load().await, Err(SetupError::MasterKey(_))));
    for realm in fixture.store.realms().await.unwrap() {
        let keys = fixture.store.keys(realm.number).await.unwrap();
        assert_eq!(keys.len(), 3);
        for row in keys {
            let key = [StoredKey { number: row.number, usage: row.usage, sealed: row.sealed }];
            let opened = RealmKeyring::open_keys(&installed.first_key(), realm.number, TokenShape::Whole, &key);
            assert!(opened.is_err());
            let anew = RealmKeyring::seal_anew(&installed.first_key(), &MasterKey::generate(), realm.number, &key[0]);
            assert!(anew.is_err());
        }
    }
}

#[tokio::test]
async fn the_master_key_is_rotated_again_and_again() {
    let installed = Installed::new().await;
    let answer = installed.fixture.log_in("web").await;
    for _ in 0..3 {
        installed.administration.run(MasterKeyRotate {}).await.unwrap();
        let key = installed.file.read().unwrap().unwrap();
        assert!(installed.started(key).await.works(&answer.access_token).await);
    }
}

#[tokio::test]
async fn a_process_that_ends_before_the_store_has_changed_starts_with_the_old_key() {
    let installed = Installed::new().await;
    installed.file.stage(&MasterKey::generate()).unwrap();
    let (kept, staged) = (installed.file.read().unwrap().unwrap(), installed.file.read_staged().unwrap().unwrap());
    assert!(installed.fits(&kept).await && !installed.fits(&staged).await);
    installed.started(kept).await;
    installed.administration.run(MasterKeyRotate {}).await.unwrap();
    let key = installed.file.read().unwrap().unwrap();
    assert!(installed.fits(&key).await, "what was left over is no hindrance");
}

#[tokio::test]
async fn a_process_that_ends_before_the_file_has_changed_starts_with_the_staged_key() {
    let installed = Installed::new().await;
    installed.administration.run(MasterKeyRotate {}).await.unwrap();
    // As it lay when the store had changed and the file had not.
    installed.file.stage(&installed.file.read().unwrap().unwrap()).unwrap();
    installed.file.write(&installed.first_key()).unwrap();
    let (kept, staged) = (installed.file.read().unwrap().unwrap(), installed.file.read_staged().unwrap().unwrap());
    assert!(!installed.fits(&kept).await && installed.fits(&staged).await);
    installed.started(staged).await;
    installed.file.promote().unwrap();
    let key = installed.file.read().unwrap().unwrap();
    assert!(installed.fits(&key).await);
}

#[tokio::test]
async fn a_key_that_cannot_be_written_changes_nothing() {
    let installed = Installed::new().await;
    let nowhere = KeyFile::new(installed.file.path().join("no").join("directory"));
    let home = MasterKeyHome::File(nowhere);
    let administration = Administration::new(installed.fixture.engine.clone(), Box::new(Dialects), home);
    assert!(matches!(administration.run(MasterKeyRotate {}).await, Err(AdminError::Failed(_))));
    assert!(installed.fits(&installed.first_key()).await);
    installed.started(installed.first_key()).await;
}

#[tokio::test]
async fn a_key_that_was_given_is_not_replaced_and_it_is_said_what_to_do() {
    let operator = Operator::new().await;
    let refused = invalid(operator.run(MasterKeyRotate {}).await);
    assert!(refused[0].contains("environment") && refused[0].contains("kimbai.toml"), "{refused:?}");
}
