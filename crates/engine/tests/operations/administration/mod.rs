//! Administration as commands: what an operator asks for is done wholly or refused with what to change.

mod apply;
mod clients;
mod commands;
mod export;
mod following;
mod grants;
mod master_key;
mod organizations;
mod prune;
mod races;
mod signing_keys;
mod users;

use std::sync::Arc;

use kimbai_core::realm::RealmSettings;
use kimbai_engine::Engine;
use kimbai_engine::admin::{
    AdminError, Administration, Applied, Apply, Command, Export, ExportSecrets, Manifest, MasterKeyHome, Plan, Prune,
    Step, Wire,
};
use kimbai_keyring::MasterKey;
use kimbai_store::Clock;
use kimbai_store::sqlite::{Location, Options, SqliteStore};
use serde_json::{Value, json};

use crate::fixture::{Fixture, REDIRECT_URI, marketplace, secret_of, standard};

/// Two dialects; no two realms have one issuer.
struct Dialects;

impl Wire for Dialects {
    fn defaults(&self, dialect: &str, display_name: &str, issuer: &str) -> Option<RealmSettings> {
        let defaults = match dialect {
            "standard" => standard(),
            "marketplace" => marketplace(),
            _ => return None,
        };
        Some(RealmSettings { display_name: display_name.to_owned(), issuer: issuer.to_owned(), ..defaults })
    }

    fn check(&self, realms: &[(&str, &RealmSettings)]) -> Result<(), String> {
        for (place, (name, settings)) in realms.iter().enumerate() {
            if let Some((other, _)) = realms[..place].iter().find(|(_, other)| other.issuer == settings.issuer) {
                return Err(format!("realms.{name}: issuer: realm {other} has it"));
            }
        }
        Ok(())
    }
}

/// A realm, and who administers it.
struct Operator {
    fixture: Fixture,
    administration: Administration,
}

impl Operator {
    async fn new() -> Self {
        let fixture = Fixture::marketplace().await;
        Self { administration: administration(&fixture.engine), fixture }
    }

    /// The operator of the realm that [`from_nothing`] makes.
    async fn of_a_new_realm() -> Self {
        let (administration, store, clock, engine, master) = nothing().await;
        apply(&administration, from_nothing()).await.unwrap();
        let realm = engine.realm("main").unwrap();
        let an = engine.user_by_name(&realm, "an").await.unwrap().unwrap().0;
        Self { fixture: Fixture { engine, store, clock, realm, an, master }, administration }
    }

    async fn run<C: Command>(&self, command: C) -> Result<C::Reply, AdminError> {
        self.administration.run(command).await
    }

    async fn apply(&self, manifest: Value) -> Result<Applied, AdminError> {
        apply(&self.administration, manifest).await
    }

    async fn prune(&self, manifest: Value) -> Result<Applied, AdminError> {
        self.run(Apply { manifest: read(manifest), prune: Prune::Remove, agreed: None }).await
    }

    async fn plan(&self, manifest: Value) -> Result<Vec<Step>, AdminError> {
        self.run(Plan { manifest: read(manifest), prune: Prune::Keep }).await
    }

    async fn export(&self) -> Manifest {
        export(&self.administration, ExportSecrets::Hashes).await
    }

    /// The sentences with which a manifest is refused, by plan and apply alike; nothing is changed.
    async fn mistakes(&self, manifest: Value) -> Vec<String> {
        let before = self.export().await;
        let planned = invalid(self.plan(manifest.clone()).await);
        assert_eq!(planned, invalid(self.apply(manifest).await));
        assert_eq!(self.export().await, before);
        planned
    }
}

pub(crate) fn administration(engine: &Arc<Engine>) -> Administration {
    Administration::new(engine.clone(), Box::new(Dialects), MasterKeyHome::Given)
}

/// A store without realms.
async fn nothing() -> (Administration, Arc<SqliteStore>, Clock, Arc<Engine>, String) {
    let clock = Clock::default();
    let store = Arc::new(SqliteStore::open(Location::Memory, clock.clone(), Options::default()).unwrap());
    let master = MasterKey::generate();
    let text = master.to_text().to_string();
    let engine = Arc::new(Engine::new(store.clone(), master));
    engine.load().await.unwrap();
    (administration(&engine), store, clock, engine, text)
}

fn read(manifest: Value) -> Manifest {
    serde_json::from_value(manifest).unwrap()
}

pub(crate) async fn apply(administration: &Administration, manifest: Value) -> Result<Applied, AdminError> {
    administration.run(Apply { manifest: read(manifest), prune: Prune::Keep, agreed: None }).await
}

async fn export(administration: &Administration, secrets: ExportSecrets) -> Manifest {
    administration.run(Export { realms: Vec::new(), secrets }).await.unwrap()
}

fn invalid<T: std::fmt::Debug>(answered: Result<T, AdminError>) -> Vec<String> {
    match answered {
        Err(AdminError::Invalid(mistakes)) => mistakes,
        other => panic!("{other:?}"),
    }
}

/// What is asked of the realm that the fixture makes.
fn of_marketplace(asked: Value) -> Value {
    json!({ "realms": Value::from_iter([("marketplace", asked)]) })
}

fn scope(name: &str) -> Value {
    json!({ "name": name, "description_vi": "", "description_en": "" })
}

fn scopes(names: &[&str]) -> Value {
    names.iter().copied().map(scope).collect()
}

const PASSWORD_OF_AN: &str = "mật khẩu của an";

/// A realm with all kinds of things.
fn from_nothing() -> Value {
    json!({ "realms": { "main": {
        "issuer": "https://id.example.vn",
        "dialect": "marketplace",
        "scopes": scopes(&["order", "product", "offline"]),
        "lifetimes": { "code_s": 30 },
        "clients": {
            "web": { "redirect_uris": [REDIRECT_URI], "scope": "offline order product", "client_secret": secret_of("web") },
            "resource": { "resource_server": true, "client_secret": secret_of("resource") },
            "made": {},
            "spa": { "token_endpoint_auth_method": "none", "redirect_uris": [REDIRECT_URI], "scope": "order" },
            "sleeping": { "disabled": true, "client_secret": secret_of("sleeping") },
        },
        "users": {
            "an": { "name": "Ảnh", "email": "an@example.vn", "sub": "200000000001", "password": PASSWORD_OF_AN },
            "binh": { "disabled": true },
        },
    } } })
}
