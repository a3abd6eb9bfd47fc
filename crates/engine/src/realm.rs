//! A realm, ready to serve: its settings, scopes, keys and clients in memory.
//!
//! What is cached here changes an answer's form only. What can kill a token is read with each verb.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use kimbai_core::client::Client;
use kimbai_core::number::{ClientNumber, RealmNumber};
use kimbai_core::realm::RealmSettings;
use kimbai_core::scope::{ScopeSet, ScopeTable};
use kimbai_keyring::RealmKeyring;

use crate::password_pool::PasswordPool;

/// A realm, ready to serve.
#[derive(Debug)]
pub struct Realm {
    /// Its immutable number.
    pub number: RealmNumber,
    /// Its name.
    pub name: String,
    /// Its settings.
    pub settings: RealmSettings,
    /// Its scopes.
    pub scopes: ScopeTable,
    /// The scope that asks for a refresh token; none if the realm has no such scope.
    pub offline: ScopeSet,
    /// Its keys.
    pub keyring: RealmKeyring,
    pub(crate) passwords: PasswordPool,
    clients: RwLock<Clients>,
}

#[derive(Debug, Default)]
struct Clients {
    by_id: HashMap<String, Arc<Client>>,
    by_number: HashMap<ClientNumber, Arc<Client>>,
}

impl Realm {
    pub(crate) fn new(
        (number, name): (RealmNumber, String),
        settings: RealmSettings,
        scopes: ScopeTable,
        keyring: RealmKeyring,
        clients: Vec<Client>,
    ) -> Self {
        let offline = scopes.parse(&settings.offline_scope).unwrap_or_default();
        let realm = Self {
            number,
            name,
            settings,
            scopes,
            offline,
            keyring,
            passwords: PasswordPool::new(),
            clients: RwLock::default(),
        };
        for client in clients {
            realm.put_client(client);
        }
        realm
    }

    /// The client with this `client_id`.
    #[must_use]
    pub fn client(&self, client_id: &str) -> Option<Arc<Client>> {
        self.clients.read().unwrap_or_else(PoisonError::into_inner).by_id.get(client_id).cloned()
    }

    /// The client with this number.
    #[must_use]
    pub fn client_by_number(&self, number: ClientNumber) -> Option<Arc<Client>> {
        self.clients.read().unwrap_or_else(PoisonError::into_inner).by_number.get(&number).cloned()
    }

    /// All clients, by `client_id`.
    #[must_use]
    pub fn clients(&self) -> Vec<Arc<Client>> {
        let clients = self.clients.read().unwrap_or_else(PoisonError::into_inner);
        let mut all: Vec<_> = clients.by_id.values().cloned().collect();
        all.sort_by(|a, b| a.client_id.cmp(&b.client_id));
        all
    }

    pub(crate) fn put_client(&self, client: Client) {
        let client = Arc::new(client);
        let mut clients = self.clients.write().unwrap_or_else(PoisonError::into_inner);
        clients.by_number.insert(client.number, Arc::clone(&client));
        clients.by_id.insert(client.client_id.clone(), client);
    }
}
