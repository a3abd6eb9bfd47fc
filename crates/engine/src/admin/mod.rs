//! Administration: what an operator asks for, by the command line or through a server's socket. A file each.
//!
//! A command is a value that can travel as JSON, and answers one. Whoever may send one may do anything: the listener that takes them
//! is for the operator alone. Commands that change anything are carried out one at a time.

mod apply;
mod audit;
mod backup;
mod clients;
mod error;
mod export;
mod follow;
mod grants;
mod keys;
mod legacy_tokens;
mod manifest;
mod names;
mod organizations;
mod partner_manifest;
mod partners;
mod passwords;
mod plan;
mod signing_keys;
mod users;
mod views;

use std::sync::Arc;

use kimbai_core::realm::RealmSettings;
use kimbai_store::BackupProgress;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::Mutex;

pub use self::apply::{Applied, Apply, MadeKey, MadeSecret, Plan};
pub use self::audit::{AuditLine, AuditList};
pub use self::backup::{Backup, BackupLook, BackupState, BackupWritten};
pub use self::clients::{
    ClientAdd, ClientAdded, ClientList, ClientRemove, ClientRotateSecret, ClientSetActivity, ClientShow, RotatedSecret,
};
pub use self::error::AdminError;
pub use self::export::{Export, ExportSecrets};
pub use self::grants::{GrantList, GrantRevoke, GrantShow};
pub use self::keys::{MasterKeyHome, MasterKeyRotate, MasterKeyRotated};
pub use self::legacy_tokens::{
    GivenLegacyToken, LEGACY_TOKENS_MAX, LegacyTokenEnd, LegacyTokenList, LegacyTokenPut, LegacyTokenView,
    LegacyTokensEnd, LegacyTokensEnded, LegacyTokensPut,
};
pub use self::manifest::{ClientManifest, Manifest, OrganizationManifest, PlainSecret, RealmManifest, UserManifest};
pub use self::organizations::{OrganizationList, OrganizationView};
pub use self::partner_manifest::{PartnerManifest, Said};
pub use self::partners::{
    PartnerAdd, PartnerAdded, PartnerList, PartnerRotateKey, PartnerSetActivity, PartnerView, RotatedKey,
};
pub use self::plan::{Action, Kind, Prune, Step};
pub use self::signing_keys::{KeyImport, KeyList, KeyRetire, KeyRotate, Rotation, SigningKeyState, SigningKeyView};
pub use self::users::{UserAdd, UserAdded, UserList, UserPasswd, UserSetActivity};
pub use self::views::{ClientView, Enabled, GrantView, UserView};

use crate::engine::Engine;
use crate::realm::Realm;

/// What the wire knows of realms and the engine does not.
pub trait Wire: Send + Sync {
    /// The settings of a new realm that speaks this dialect. `None`: there is no such dialect.
    fn defaults(&self, dialect: &str, display_name: &str, issuer: &str) -> Option<RealmSettings>;

    /// Whether these realms, by name, could be served beside each other; else what to change.
    ///
    /// # Errors
    /// A sentence for the operator.
    fn check(&self, realms: &[(&str, &RealmSettings)]) -> Result<(), String>;
}

/// Carries out commands; cheap to share.
#[derive(Clone)]
pub struct Administration {
    engine: Arc<Engine>,
    wire: Arc<dyn Wire>,
    master_key: Arc<MasterKeyHome>,
    turn: Arc<Mutex<()>>,
    backup: Arc<BackupProgress>,
}

impl std::fmt::Debug for Administration {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Administration")
    }
}

/// One thing an operator asks for.
pub trait Command: Serialize + DeserializeOwned + Send + 'static {
    /// Its name on the wire.
    const NAME: &'static str;
    /// Whether it waits for its turn.
    const ORDER: Order = Order::InTurn;
    /// What it answers.
    type Reply: Serialize + DeserializeOwned + Send + 'static;

    /// Carries it out.
    fn run(self, administration: &Administration) -> impl Future<Output = Result<Self::Reply, AdminError>> + Send;
}

impl Administration {
    /// Over an engine whose realms are loaded.
    #[must_use]
    pub fn new(engine: Arc<Engine>, wire: Box<dyn Wire>, master_key: MasterKeyHome) -> Self {
        let (wire, master_key) = (Arc::from(wire), Arc::new(master_key));
        Self { engine, wire, master_key, turn: Arc::default(), backup: Arc::default() }
    }

    /// Carries a command out.
    ///
    /// # Errors
    /// [`AdminError`].
    pub async fn run<C: Command>(&self, command: C) -> Result<C::Reply, AdminError> {
        self.catch_up().await?;
        let _turn = match C::ORDER {
            Order::InTurn => Some(self.turn.lock().await),
            Order::Free => None,
        };
        command.run(self).await
    }

    /// Carries out the command of this name that came as JSON, and answers JSON. What has begun is finished, also when nobody waits
    /// for the answer any more.
    ///
    /// # Errors
    /// [`AdminError`].
    pub async fn answer(&self, name: &str, command: &[u8]) -> Result<Vec<u8>, AdminError> {
        macro_rules! by_name {
            ($($command:ty),*) => {
                match name {
                    $(<$command>::NAME => Box::pin(self.answer_one::<$command>(command)).await,)*
                    _ => Err(AdminError::Version(name.to_owned())),
                }
            };
        }
        by_name!(
            Plan,
            Apply,
            Export,
            ClientAdd,
            ClientList,
            ClientShow,
            ClientRotateSecret,
            ClientSetActivity,
            ClientRemove,
            PartnerAdd,
            PartnerList,
            PartnerRotateKey,
            PartnerSetActivity,
            UserAdd,
            UserPasswd,
            UserSetActivity,
            UserList,
            OrganizationList,
            LegacyTokenPut,
            LegacyTokenList,
            LegacyTokenEnd,
            LegacyTokensEnd,
            GrantList,
            GrantShow,
            GrantRevoke,
            AuditList,
            Backup,
            BackupLook,
            MasterKeyRotate,
            KeyList,
            KeyRotate,
            KeyRetire,
            KeyImport
        )
    }

    async fn answer_one<C: Command>(&self, command: &[u8]) -> Result<Vec<u8>, AdminError> {
        let command: C = serde_json::from_slice(command).map_err(|_| AdminError::Version(C::NAME.to_owned()))?;
        let administration = self.clone();
        let done = tokio::spawn(async move { administration.run(command).await }).await;
        let reply = done.map_err(|_| AdminError::Failed(format!("{} ended early: see the log", C::NAME)))??;
        serde_json::to_vec(&reply).map_err(|error| AdminError::Failed(error.to_string()))
    }

    /// The realm of this name; without one, the only one there is.
    fn realm(&self, name: Option<&str>) -> Result<Arc<Realm>, AdminError> {
        let realms = self.engine.realms();
        if let Some(name) = name {
            let known = realms.iter().map(|realm| realm.name.as_str()).collect::<Vec<_>>().join(", ");
            let found = realms.iter().find(|realm| realm.name == name).cloned();
            return found.ok_or_else(|| AdminError::NotFound(format!("no realm {name}; there is: {known}")));
        }
        match realms.as_slice() {
            [realm] => Ok(Arc::clone(realm)),
            [] => Err(AdminError::NotFound("there is no realm yet: make one with `kimbai apply`".to_owned())),
            several => {
                let names = several.iter().map(|realm| realm.name.as_str()).collect::<Vec<_>>().join(", ");
                Err(AdminError::Invalid(vec![format!("there are several realms, name one with --realm: {names}")]))
            }
        }
    }
}

/// Whether a command waits for its turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// One at a time: what one plans, no other changes meanwhile.
    InTurn,
    /// At once: it only reads, takes long, or is one change of the store that must not wait for what takes long. One that takes long
    /// may take its turn itself, once it is ready.
    Free,
}
