//! Making realms, clients and users, and loading what the store holds.

use std::sync::{Arc, PoisonError};

use kimbai_core::client::{Client, ClientMetadata, RegistrationError};
use kimbai_core::number::{RealmNumber, UserNumber};
use kimbai_core::realm::RealmSettings;
use kimbai_core::scope::{ScopeTable, ScopeTableError};
use kimbai_core::secret::Secret;
use kimbai_keyring::{KeyUsage, RealmKeyring, StoredKey};
use kimbai_store::{ClientRow, RealmRow, StoreError};
use serde::{Deserialize, Serialize};

use crate::engine::Engine;
use crate::error::EngineError;
use crate::log_in::{normalised, seal_hash};
use crate::realm::Realm;

/// Shorter client secrets are refused: HMAC makes none that can be guessed safe.
const SECRET_CHARACTERS_MIN: usize = 22;
/// RFC 6749 section 4.1.2.
const CODE_LIFETIME_MAX_S: u32 = 600;
const CHECK_VALUE: &str = "master key check";

/// A client to be made, with its secret as it will be presented.
#[derive(Debug, Clone)]
pub struct NewClient {
    /// Its `client_id`.
    pub client_id: String,
    /// Its secret; none for a public client.
    pub client_secret: Option<Secret>,
    /// What is registered of it; the secret's digest is added.
    pub metadata: ClientMetadata,
}

/// A user to be made.
#[derive(Debug, Clone)]
pub struct NewUser {
    /// The name to log in with; stored in one spelling.
    pub username: String,
    /// PHC string of the password.
    pub password_hash: String,
    /// What is known of the person.
    pub claims: UserClaims,
}

/// What is known of a person, with the names of OpenID Connect's standard claims.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserClaims {
    /// The subject: never reassigned.
    pub sub: String,
    /// The full name.
    pub name: String,
    /// The mail address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
}

impl UserClaims {
    /// Reads stored claims.
    ///
    /// # Errors
    /// [`EngineError::Stored`].
    pub fn parse(claims: &str) -> Result<Self, EngineError> {
        serde_json::from_str(claims).map_err(|error| EngineError::Stored(format!("claims: {error}")))
    }
}

/// Why something cannot be made or loaded.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// The store failed.
    #[error("the store failed")]
    Store(#[from] StoreError),
    /// The master key is not this store's.
    #[error("the master key does not fit this store: {0}")]
    MasterKey(String),
    /// Settings or metadata cannot be read or written.
    #[error("{what} cannot be read: {error}")]
    Json {
        /// Which.
        what: String,
        /// Why.
        error: serde_json::Error,
    },
    /// The scopes of a realm are wrong.
    #[error("{0}")]
    Scopes(#[from] ScopeTableError),
    /// A scope would get another number: tokens that were issued would come to mean something else.
    #[error("realm {0}: scopes are added at the end and retired, never moved, renamed or removed")]
    ScopeNumbers(String),
    /// Codes would live too long.
    #[error("realm {0}: a code lives at most {CODE_LIFETIME_MAX_S} s")]
    CodeLifetime(String),
    /// A client is refused.
    #[error("client {client_id}: {error}")]
    Client {
        /// Which.
        client_id: String,
        /// Why.
        error: RegistrationError,
    },
    /// A user would get another subject: it is never reassigned.
    #[error("user {0}: the subject cannot be changed")]
    Subject(String),
    /// The scope that asks for a refresh token is not one of the realm's.
    #[error("offline_scope: the realm has no scope {0}")]
    OfflineScope(String),
    /// A client secret is too short.
    #[error("client {0}: a secret has at least {SECRET_CHARACTERS_MIN} characters")]
    Secret(String),
}

impl Engine {
    /// Checks the master key against the store and loads every realm.
    ///
    /// # Errors
    /// [`SetupError`].
    pub async fn load(&self) -> Result<(), SetupError> {
        let check = self.store.init_meta(CHECK_VALUE, self.master.wrap(CHECK_VALUE, b"kimbai")).await?;
        self.master.unwrap(CHECK_VALUE, &check).map_err(|error| SetupError::MasterKey(error.to_string()))?;
        for row in self.store.realms().await? {
            // Keys are made after their realm and before its clients. One with neither was cut short in its making: it has
            // issued nothing, and is finished by whoever makes it again.
            let has_keys = self.store.keys(row.number).await?.iter().any(|key| key.usage == KeyUsage::Sealing.name());
            if has_keys || !self.store.clients(row.number).await?.is_empty() {
                self.load_realm(row).await?;
            } else {
                tracing::warn!(realm = %row.name, "a realm without keys and clients is not loaded");
            }
        }
        Ok(())
    }

    /// Makes a realm, or gives an existing one new settings.
    ///
    /// # Errors
    /// [`SetupError`].
    pub async fn put_realm(&self, name: &str, settings: &RealmSettings) -> Result<Arc<Realm>, SetupError> {
        ScopeTable::new(settings.scopes.clone())?;
        let offline = &settings.offline_scope;
        if !offline.is_empty() && !settings.scopes.iter().any(|scope| scope.name == *offline) {
            return Err(SetupError::OfflineScope(offline.clone()));
        }
        if settings.lifetimes.code_s > CODE_LIFETIME_MAX_S {
            return Err(SetupError::CodeLifetime(name.to_owned()));
        }
        self.check_scope_numbers(name, settings).await?;
        let settings = to_json("settings", settings)?;
        let number = self.store.put_realm(name.to_owned(), settings.clone()).await?;
        for usage in [KeyUsage::Root, KeyUsage::Sealing] {
            self.make_key_if_missing(number, usage).await?;
        }
        self.load_realm(RealmRow { number, name: name.to_owned(), settings }).await
    }

    /// Makes a client, or gives an existing one new metadata.
    ///
    /// # Errors
    /// [`SetupError`].
    pub async fn put_client(&self, realm: &Realm, client: NewClient) -> Result<Arc<Client>, SetupError> {
        let NewClient { client_id, client_secret, mut metadata } = client;
        if let Some(secret) = &client_secret {
            if secret.expose().chars().count() < SECRET_CHARACTERS_MIN {
                return Err(SetupError::Secret(client_id));
            }
            metadata.secret_digests = vec![realm.keyring.secret_digest(secret)];
        }
        let refused = |error| SetupError::Client { client_id: client_id.clone(), error };
        let context = (&realm.settings, &realm.scopes);
        let draft = (kimbai_core::number::ClientNumber(0), kimbai_core::grant::PartyStanding::NEW);
        Client::register(draft.0, client_id.clone(), metadata.clone(), draft.1, context).map_err(refused)?;
        self.store.put_client(realm.number, client_id.clone(), to_json("metadata", &metadata)?).await?;
        self.refresh_client(realm, &client_id).await?;
        realm.client(&client_id).ok_or(SetupError::Store(StoreError::NotDone))
    }

    /// Makes a user, or gives an existing one another password and claims.
    ///
    /// # Errors
    /// [`SetupError`].
    pub async fn put_user(&self, realm: &Realm, user: NewUser) -> Result<UserNumber, SetupError> {
        let username = normalised(&user.username);
        if let Some(known) = self.store.user_by_name(realm.number, username.clone()).await?
            && UserClaims::parse(&known.claims).is_ok_and(|claims| claims.sub != user.claims.sub)
        {
            return Err(SetupError::Subject(username));
        }
        let claims = to_json("claims", &user.claims)?;
        let sealed_hash = seal_hash(realm, &user.password_hash);
        Ok(self.store.put_user(realm.number, username, sealed_hash, claims).await?)
    }

    /// Reads a client anew.
    pub(crate) async fn refresh_client(&self, realm: &Realm, client_id: &str) -> Result<(), StoreError> {
        let row = self.store.client(realm.number, client_id.to_owned()).await?;
        let Some(row) = row else { return Ok(()) };
        let client = read_client(row, &realm.settings, &realm.scopes)
            .map_err(|error| StoreError::Unreadable(error.to_string()))?;
        realm.put_client(client);
        Ok(())
    }

    async fn check_scope_numbers(&self, name: &str, settings: &RealmSettings) -> Result<(), SetupError> {
        let Some(row) = self.store.realms().await?.into_iter().find(|row| row.name == name) else { return Ok(()) };
        let before = read_settings(&row)?.scopes;
        let mut after = settings.scopes.iter();
        if before.iter().all(|scope| after.next().is_some_and(|kept| kept.name == scope.name)) {
            Ok(())
        } else {
            Err(SetupError::ScopeNumbers(row.name))
        }
    }

    async fn make_key_if_missing(&self, realm: RealmNumber, usage: KeyUsage) -> Result<(), SetupError> {
        let keys = self.store.keys(realm).await?;
        if !keys.iter().any(|key| key.usage == usage.name()) {
            let sealed = RealmKeyring::generate(&self.master, realm, usage);
            self.store.add_key(realm, usage.name().to_owned(), sealed).await?;
        }
        Ok(())
    }

    async fn load_realm(&self, row: RealmRow) -> Result<Arc<Realm>, SetupError> {
        let settings = read_settings(&row)?;
        let scopes = ScopeTable::new(settings.scopes.clone())?;
        let keys: Vec<_> = self.store.keys(row.number).await?.into_iter().map(stored_key).collect();
        let keyring = RealmKeyring::open_keys(&self.master, row.number, settings.token_shape, &keys)
            .map_err(|error| SetupError::MasterKey(error.to_string()))?;
        let rows = self.store.clients(row.number).await?;
        let clients = rows.into_iter().map(|row| read_client(row, &settings, &scopes)).collect::<Result<_, _>>()?;
        let realm = Arc::new(Realm::new((row.number, row.name), settings, scopes, keyring, clients));
        let mut realms = self.realms.write().unwrap_or_else(PoisonError::into_inner);
        realms.insert(realm.name.clone(), Arc::clone(&realm));
        Ok(realm)
    }
}

fn read_settings(row: &RealmRow) -> Result<RealmSettings, SetupError> {
    serde_json::from_str(&row.settings)
        .map_err(|error| SetupError::Json { what: format!("settings of realm {}", row.name), error })
}

fn stored_key(row: kimbai_store::SealedKeyRow) -> StoredKey {
    StoredKey { number: row.number, usage: row.usage, sealed: row.sealed }
}

fn read_client(row: ClientRow, settings: &RealmSettings, scopes: &ScopeTable) -> Result<Client, SetupError> {
    let ClientRow { number, client_id, metadata, standing } = row;
    let metadata = serde_json::from_str(&metadata)
        .map_err(|error| SetupError::Json { what: format!("metadata of client {client_id}"), error })?;
    Client::register(number, client_id.clone(), metadata, standing, (settings, scopes))
        .map_err(|error| SetupError::Client { client_id, error })
}

fn to_json<T: Serialize>(what: &str, value: &T) -> Result<String, SetupError> {
    serde_json::to_string(value).map_err(|error| SetupError::Json { what: what.to_owned(), error })
}
