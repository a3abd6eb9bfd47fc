//! Making realms, clients and users, and loading what the store holds.
//!
//! What makes a thing is drafted first, as changes of the registry: one command, or a whole file of them, is one change of the store.

use std::sync::{Arc, PoisonError};

use kimbai_core::claims::UserClaims;
use kimbai_core::client::{AuthenticationMethod, Client, ClientMetadata, ClientSecret, RegistrationError};
use kimbai_core::grant::PartyStanding;
use kimbai_core::number::{ClientNumber, RealmNumber, UserNumber};
use kimbai_core::realm::{RealmSettings, SettingsError};
use kimbai_core::scope::{ScopeTable, ScopeTableError};
use kimbai_core::secret::Secret;
use kimbai_keyring::{KeyUsage, MasterKey, RealmKeyring, StoredKey};
use kimbai_store::{Change, ClientRow, RealmRow, StoreError, UserRow};
use serde::Serialize;

use crate::engine::{Engine, Store, until_known};
use crate::log_in::{USERNAME_BYTES_MAX, normalised, seal_hash};
use crate::realm::{Realm, RealmFace};

/// Shorter client secrets are refused: HMAC makes none that can be guessed safe.
pub(crate) const SECRET_CHARACTERS_MIN: usize = 22;
/// Longer ones are nobody's; in bytes.
const CLIENT_ID_BYTES_MAX: usize = 128;
pub(crate) const CHECK_VALUE: &str = "master key check";

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
    /// PHC string of the password; empty: nobody can log in.
    pub password_hash: String,
    /// What is known of the person.
    pub claims: UserClaims,
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
    /// Another server replaced the master key; what to do with the new one.
    #[error(
        "another server replaced the master key of this store: put the new one {0}; until then this server changes nothing"
    )]
    MasterKeyReplaced(String),
    /// Settings or metadata cannot be read or written.
    #[error("{what} cannot be read: {error}")]
    Json {
        /// Which.
        what: String,
        /// Why.
        error: serde_json::Error,
    },
    /// The stored scopes of a realm are wrong.
    #[error("{0}")]
    Scopes(#[from] ScopeTableError),
    /// A scope would get another number: tokens that were issued would come to mean something else.
    #[error("realm {0}: scopes are added at the end and retired, never moved, renamed or removed")]
    ScopeNumbers(String),
    /// The settings of a realm are refused.
    #[error("realm {realm}: {error}")]
    Settings {
        /// Which.
        realm: String,
        /// Why.
        error: SettingsError,
    },
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
    /// No request could name this client.
    #[error("client {0:?}: a client_id has 1 to {CLIENT_ID_BYTES_MAX} printable ASCII characters")]
    ClientId(String),
    /// Nobody could log in by this name.
    #[error("user {0:?}: a user name has 1 to {USERNAME_BYTES_MAX} bytes and no control characters")]
    Username(String),
    /// Another partner of the realm has this code.
    #[error("the realm has a partner {0} already")]
    PartnerCode(String),
    /// A client secret is too short.
    #[error("client {0}: a secret has at least {SECRET_CHARACTERS_MIN} characters")]
    Secret(String),
}

impl SetupError {
    /// Whether it says nothing of other realms: what is stored of this one cannot be read.
    pub(crate) const fn is_of_one_realm(&self) -> bool {
        match self {
            Self::Store(StoreError::Unreadable(_))
            | Self::Json { .. }
            | Self::Scopes(_)
            | Self::ScopeNumbers(_)
            | Self::Settings { .. }
            | Self::Client { .. }
            | Self::Subject(_)
            | Self::ClientId(_)
            | Self::Username(_)
            | Self::PartnerCode(_)
            | Self::Secret(_) => true,
            Self::Store(StoreError::NotDone | StoreError::Unknown | StoreError::Changed | StoreError::Taken)
            | Self::MasterKey(_)
            | Self::MasterKeyReplaced(_) => false,
        }
    }
}

impl Engine {
    /// Checks the master key against the store and loads every realm. One whose rows cannot be read is left out and logged; the
    /// others are served.
    ///
    /// # Errors
    /// [`SetupError`].
    pub async fn load(&self) -> Result<(), SetupError> {
        let master = self.master();
        let check = self.store.init_meta(CHECK_VALUE, check_value(&master)).await?;
        master.unwrap(CHECK_VALUE, &check).map_err(|error| SetupError::MasterKey(error.to_string()))?;
        let mut reading = self.reading.lock().await;
        // Asked for first: what is read afterwards is as late, or later.
        *reading = self.store.read_versions().await?;
        for row in self.store.realms().await? {
            let (number, name) = (row.number, row.name.clone());
            match self.load_realm(row).await {
                Ok(_) => {}
                Err(error) if error.is_of_one_realm() => {
                    tracing::error!(realm = name, error = &error as &dyn std::error::Error, "a realm is left out");
                    // It is tried again.
                    reading.0.remove(&number);
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Whether the store has no realm, also none that could not be loaded.
    ///
    /// # Errors
    /// The store failed.
    pub async fn is_vacant(&self) -> Result<bool, StoreError> {
        Ok(self.store.realms().await?.is_empty())
    }

    /// Makes a realm with its keys, or gives an existing one new settings.
    ///
    /// # Errors
    /// [`SetupError`].
    pub async fn put_realm(&self, name: &str, settings: &RealmSettings) -> Result<Arc<Realm>, SetupError> {
        let draft = self.draft_realm(name, settings.clone()).await?;
        self.store.change(draft.changes).await?;
        self.reload_realm(name).await
    }

    /// Makes a realm with its keys.
    ///
    /// # Errors
    /// [`SetupError`]; [`StoreError::Taken`]: there is one of this name, and nothing was changed.
    pub async fn make_realm(&self, name: &str, settings: &RealmSettings) -> Result<Arc<Realm>, SetupError> {
        let draft = self.draft_of(name, settings.clone(), None).await?;
        self.store.change(draft.changes).await?;
        self.reload_realm(name).await
    }

    /// Makes a client, or gives an existing one new metadata.
    ///
    /// # Errors
    /// [`SetupError`].
    pub async fn put_client(&self, realm: &Realm, client: NewClient) -> Result<Arc<Client>, SetupError> {
        let client_id = client.client_id.clone();
        if let Some(code) = client.metadata.partner.as_ref().map(|partner| &partner.partner_code)
            && realm.partner(code).is_some_and(|known| known.client_id != client_id)
        {
            return Err(SetupError::PartnerCode(code.clone()));
        }
        let change = client_change(&realm.face(), client)?;
        self.store.change(vec![change]).await?;
        self.refresh_client(realm, &client_id).await?;
        realm.client(&client_id).ok_or(SetupError::Store(StoreError::NotDone))
    }

    /// Makes a user, or gives an existing one another password and claims.
    ///
    /// # Errors
    /// [`SetupError`].
    pub async fn put_user(&self, realm: &Realm, user: NewUser) -> Result<UserNumber, SetupError> {
        let username = normalised(&user.username);
        let known = self.store.user_by_name(realm.number, username.clone()).await?;
        let change = user_change(&realm.face(), &user, known.as_ref())?;
        self.store.change(vec![change]).await?;
        let made = self.store.user_by_name(realm.number, username).await?;
        made.map(|row| row.number).ok_or(SetupError::Store(StoreError::NotDone))
    }

    /// What makes a realm with its keys, or gives an existing one new settings; nothing is stored yet.
    pub(crate) async fn draft_realm(&self, name: &str, settings: RealmSettings) -> Result<RealmDraft, SetupError> {
        let known = self.store.realms().await?.into_iter().find(|row| row.name == name);
        self.draft_of(name, settings, known).await
    }

    /// The same, of a realm that is known to be there or not.
    async fn draft_of(
        &self,
        name: &str,
        settings: RealmSettings,
        known: Option<RealmRow>,
    ) -> Result<RealmDraft, SetupError> {
        settings.check().map_err(|error| SetupError::Settings { realm: name.to_owned(), error })?;
        let scopes = ScopeTable::new(settings.scopes.clone())
            .map_err(|error| SetupError::Settings { realm: name.to_owned(), error: error.into() })?;
        let master = self.master();
        let (number, keys, mut changes) = if let Some(row) = &known {
            check_scope_numbers(row, &settings)?;
            (row.number, self.store.keys(row.number).await?.into_iter().map(stored_key).collect(), Vec::new())
        } else {
            // What is sealed under a key that was replaced could not be opened by anybody.
            let expected = expect_master(&*self.store, &master).await?;
            let number = self.store.draw_realm_number().await?;
            (number, first_keys(&master, number), vec![expected])
        };
        let is_new = known.is_none();
        let put = Change::PutRealm { number, name: name.to_owned(), settings: to_json("settings", &settings)? };
        let add = |key: StoredKey| Change::AddKey { realm: number, usage: key.usage, sealed: key.sealed };
        changes.push(put);
        changes.extend(is_new.then(|| keys.iter().cloned().map(add)).into_iter().flatten());
        let keyring = RealmKeyring::open_keys(&master, number, settings.token_shape, &keys)
            .map_err(|error| SetupError::MasterKey(error.to_string()))?;
        Ok(RealmDraft { number, settings, scopes, keyring, changes })
    }

    /// Reads a realm and its clients anew.
    pub(crate) async fn reload_realm(&self, name: &str) -> Result<Arc<Realm>, SetupError> {
        let mut reading = self.reading.lock().await;
        // Asked for first, as in `load`.
        let now = self.store.read_versions().await?;
        let row = self.store.realms().await?.into_iter().find(|row| row.name == name);
        let realm = self.load_realm(row.ok_or(SetupError::Store(StoreError::NotDone))?).await?;
        if let Some(version) = now.0.get(&realm.number) {
            reading.0.insert(realm.number, *version);
        }
        Ok(realm)
    }

    /// Reads a client anew.
    pub(crate) async fn refresh_client(&self, realm: &Realm, client_id: &str) -> Result<(), StoreError> {
        let _reading = self.reading.lock().await;
        let row = self.store.client(realm.number, client_id.to_owned()).await?;
        let Some(row) = row else { return Ok(()) };
        let current = self.realm(&realm.name);
        let realm = current.as_deref().unwrap_or(realm);
        let client = read_client(row, &realm.settings, &realm.scopes)
            .map_err(|error| StoreError::Unreadable(error.to_string()))?;
        realm.put_client(client);
        Ok(())
    }

    /// For one at a time: whoever calls it holds `reading`.
    pub(crate) async fn load_realm(&self, row: RealmRow) -> Result<Arc<Realm>, SetupError> {
        let settings = read_settings(&row)?;
        let scopes = ScopeTable::new(settings.scopes.clone())?;
        let keys: Vec<_> = self.store.keys(row.number).await?.into_iter().map(stored_key).collect();
        let master = self.master();
        let keyring = RealmKeyring::open_keys(&master, row.number, settings.token_shape, &keys)
            .map_err(|error| SetupError::MasterKey(error.to_string()))?;
        let rows = self.store.clients(row.number).await?;
        let clients = rows.into_iter().map(|row| read_client(row, &settings, &scopes)).collect::<Result<_, _>>()?;
        // Nobody else puts a realm there meanwhile: `reading` is held.
        let before = self.realm(&row.name);
        let realm = Arc::new(Realm::new((row.number, row.name), settings, scopes, keyring, before.as_deref()));
        // The master key fits: it has opened the others.
        let signing = realm.signing.read(&self.master(), realm.number, &keys);
        signing.map_err(|error| StoreError::Unreadable(format!("the signing keys of the realm: {error}")))?;
        realm.put_clients(clients);
        let mut realms = self.realms.write().unwrap_or_else(PoisonError::into_inner);
        realms.insert(realm.name.clone(), Arc::clone(&realm));
        Ok(realm)
    }
}

/// What every realm has from its making on.
fn first_keys(master: &MasterKey, realm: RealmNumber) -> Vec<StoredKey> {
    let key = |usage: KeyUsage| {
        let sealed = RealmKeyring::generate(master, realm, usage);
        StoredKey { number: 0, usage: usage.name().to_owned(), sealed }
    };
    [KeyUsage::Root, KeyUsage::Sealing, KeyUsage::Signing].map(key).into()
}

/// By what a store knows its master key.
pub(crate) fn check_value(master: &MasterKey) -> Vec<u8> {
    master.wrap(CHECK_VALUE, b"kimbai")
}

/// Makes this the master key of a store that has none. Whether it is the store's now: another server may have been first.
///
/// # Errors
/// The store failed; it may have been done.
pub async fn claim(store: &dyn Store, master: &MasterKey) -> Result<bool, StoreError> {
    let check = until_known(|| store.init_meta(CHECK_VALUE, check_value(master))).await?;
    Ok(master.unwrap(CHECK_VALUE, &check).is_ok())
}

/// Whether a store has a master key.
///
/// # Errors
/// The store failed.
pub async fn is_claimed(store: &dyn Store) -> Result<bool, StoreError> {
    Ok(store.meta(CHECK_VALUE).await?.is_some())
}

/// Whether this is the master key of a store; a new store has none yet.
///
/// # Errors
/// The store failed.
pub async fn fits(store: &dyn Store, master: &MasterKey) -> Result<bool, StoreError> {
    let check = store.meta(CHECK_VALUE).await?;
    Ok(check.is_none_or(|check| master.unwrap(CHECK_VALUE, &check).is_ok()))
}

/// What refuses the changes beside it unless this is the master key of the store when they are carried out.
///
/// # Errors
/// It is not the store's now, or the store failed.
pub(crate) async fn expect_master(store: &dyn Store, master: &MasterKey) -> Result<Change, SetupError> {
    match store.meta(CHECK_VALUE).await? {
        Some(value) if master.unwrap(CHECK_VALUE, &value).is_ok() => {
            Ok(Change::ExpectMeta { key: CHECK_VALUE.to_owned(), value })
        }
        Some(_) | None => Err(SetupError::MasterKey("another server replaced it".to_owned())),
    }
}

/// A realm about to be made or changed: what its clients and users are registered with, and the changes that store it.
#[derive(Debug)]
pub(crate) struct RealmDraft {
    pub(crate) number: RealmNumber,
    pub(crate) settings: RealmSettings,
    pub(crate) scopes: ScopeTable,
    pub(crate) keyring: RealmKeyring,
    pub(crate) changes: Vec<Change>,
}

impl RealmDraft {
    pub(crate) const fn face(&self) -> RealmFace<'_> {
        RealmFace { number: self.number, settings: &self.settings, scopes: &self.scopes, keyring: &self.keyring }
    }
}

/// What makes a client, or gives an existing one new metadata. A secret that is given replaces those in the metadata.
pub(crate) fn client_change(realm: &RealmFace<'_>, client: NewClient) -> Result<Change, SetupError> {
    let NewClient { client_id, client_secret, mut metadata } = client;
    if let Some(secret) = &client_secret {
        if !is_long_enough(secret) {
            return Err(SetupError::Secret(client_id));
        }
        metadata.secrets = vec![stored_secret(realm.keyring, metadata.token_endpoint_auth_method, secret)];
    }
    check_client((realm.settings, realm.scopes), &client_id, &metadata)?;
    Ok(Change::PutClient { realm: realm.number, client_id, metadata: to_json("metadata", &metadata)? })
}

/// What is stored of a secret of a client that authenticates by this method.
pub(crate) fn stored_secret(keyring: &RealmKeyring, method: AuthenticationMethod, secret: &Secret) -> ClientSecret {
    let sealed = match method {
        AuthenticationMethod::RequestSignature => Some(keyring.seal_secret(secret.expose().as_bytes())),
        AuthenticationMethod::None
        | AuthenticationMethod::ClientSecretBasic
        | AuthenticationMethod::ClientSecretPost
        | AuthenticationMethod::PartnerEnvelope => None,
    };
    ClientSecret { sealed, ..ClientSecret::lasting(keyring.secret_digest(secret)) }
}

/// Whether a client can have this secret.
pub(crate) fn is_long_enough(secret: &Secret) -> bool {
    secret.expose().chars().count() >= SECRET_CHARACTERS_MIN
}

/// Whether a realm can have this client.
pub(crate) fn check_client(
    realm: (&RealmSettings, &ScopeTable),
    client_id: &str,
    metadata: &ClientMetadata,
) -> Result<(), SetupError> {
    // RFC 6749 appendix A.1.
    let is_visible = |character: char| character == ' ' || character.is_ascii_graphic();
    if client_id.is_empty() || client_id.len() > CLIENT_ID_BYTES_MAX || !client_id.chars().all(is_visible) {
        return Err(SetupError::ClientId(client_id.to_owned()));
    }
    let draft = (ClientNumber(0), PartyStanding::NEW);
    Client::register(draft.0, client_id.to_owned(), metadata.clone(), draft.1, realm)
        .map(drop)
        .map_err(|error| SetupError::Client { client_id: client_id.to_owned(), error })
}

/// What makes a user, or gives the one that is known by this name another password and claims.
pub(crate) fn user_change(
    realm: &RealmFace<'_>,
    user: &NewUser,
    known: Option<&UserRow>,
) -> Result<Change, SetupError> {
    let username = normalised(&user.username);
    check_username(&username)?;
    if known.is_some_and(|known| UserClaims::parse(&known.claims).is_ok_and(|claims| claims.sub != user.claims.sub)) {
        return Err(SetupError::Subject(username));
    }
    let claims = to_json("claims", &user.claims)?;
    let password_hash = match user.password_hash.as_str() {
        "" => String::new(),
        hash => seal_hash(realm.keyring, hash),
    };
    Ok(Change::PutUser { realm: realm.number, username, password_hash, claims })
}

/// Whether somebody could log in by this name, in its one spelling.
pub(crate) fn check_username(username: &str) -> Result<(), SetupError> {
    if username.is_empty() || username.len() > USERNAME_BYTES_MAX || username.chars().any(char::is_control) {
        return Err(SetupError::Username(username.to_owned()));
    }
    Ok(())
}

fn check_scope_numbers(row: &RealmRow, settings: &RealmSettings) -> Result<(), SetupError> {
    let before = read_settings(row)?.scopes;
    let mut after = settings.scopes.iter();
    if before.iter().all(|scope| after.next().is_some_and(|kept| kept.name == scope.name)) {
        Ok(())
    } else {
        Err(SetupError::ScopeNumbers(row.name.clone()))
    }
}

fn read_settings(row: &RealmRow) -> Result<RealmSettings, SetupError> {
    serde_json::from_str(&row.settings)
        .map_err(|error| SetupError::Json { what: format!("settings of realm {}", row.name), error })
}

pub(crate) fn stored_key(row: kimbai_store::SealedKeyRow) -> StoredKey {
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
