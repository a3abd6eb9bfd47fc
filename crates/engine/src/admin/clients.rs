//! Clients: made, listed, shown, given another secret, disabled, removed.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use kimbai_core::client::{AuthenticationMethod, Client, ClientSecret};
use kimbai_core::time::Micros;
use kimbai_keyring::random_array;
use kimbai_store::Activity;
use serde::{Deserialize, Serialize};

use super::apply::Apply;
use super::manifest::{ClientManifest, GivenSecret, Manifest, PlainSecret, RealmManifest};
use super::passwords::Passwords;
use super::plan::Prune;
use super::views::{ClientView, Enabled};
use super::{AdminError, Administration, Command, Order};
use crate::engine::About;
use crate::realm::Realm;
use crate::setup::{NewClient, stored_secret};

/// Makes a client; one that exists is an error.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClientAdd {
    /// Its realm; absent: the only one.
    pub realm: Option<String>,
    /// Its `client_id`.
    pub client_id: String,
    /// What is registered of it.
    pub client: ClientManifest,
}

/// A client that was made.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ClientAdded {
    /// As it stands.
    pub client: ClientView,
    /// Its secret, if one was made; it is shown once.
    pub client_secret: Option<PlainSecret>,
}

/// The clients of a realm.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClientList {
    /// Absent: the only one.
    pub realm: Option<String>,
}

/// One client.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClientShow {
    /// Its realm; absent: the only one.
    pub realm: Option<String>,
    /// Its `client_id`.
    pub client_id: String,
}

/// Gives a client a new secret. The one it has stays live beside it for a while, so that no call fails.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClientRotateSecret {
    /// Its realm; absent: the only one.
    pub realm: Option<String>,
    /// Its `client_id`.
    pub client_id: String,
    /// How long the secret it has stays live, in seconds; 0: it ends at once.
    pub overlap_s: u32,
    /// The new secret; absent: one is made.
    pub client_secret: Option<PlainSecret>,
}

/// A client's new secret.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RotatedSecret {
    /// The client.
    pub client_id: String,
    /// Its secret, if one was made; it is shown once.
    pub client_secret: Option<PlainSecret>,
    /// When the secret before it ends, in RFC 3339.
    pub previous_ends: String,
}

/// Enables or disables a client. Disabling ends all it was issued, at once.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClientSetActivity {
    /// Its realm; absent: the only one.
    pub realm: Option<String>,
    /// Its `client_id`.
    pub client_id: String,
    /// Which.
    pub enabled: Enabled,
}

/// Removes a client and all it was issued.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClientRemove {
    /// Its realm; absent: the only one.
    pub realm: Option<String>,
    /// Its `client_id`.
    pub client_id: String,
}

impl Command for ClientAdd {
    const NAME: &'static str = "client_add";
    type Reply = ClientAdded;

    async fn run(self, administration: &Administration) -> Result<ClientAdded, AdminError> {
        let realm = administration.realm(self.realm.as_deref())?;
        if realm.client(&self.client_id).is_some() {
            return Err(AdminError::Exists(format!("realm {} has a client {} already", realm.name, self.client_id)));
        }
        let clients = Some([(self.client_id.clone(), self.client)].into());
        let asked = RealmManifest { clients, ..RealmManifest::default() };
        let manifest = Manifest { realms: [(realm.name.clone(), asked)].into() };
        let apply = Apply { manifest, prune: Prune::Keep, agreed: None };
        let applied = Box::pin(apply.in_turn(administration, &Passwords::default())).await?;
        let realm = administration.realm(Some(&realm.name))?;
        let client_secret = applied.made_secrets.into_iter().next().map(|made| made.client_secret);
        Ok(ClientAdded {
            client: ClientView::of(&*find(&realm, &self.client_id)?, administration.engine.now()),
            client_secret,
        })
    }
}

impl Command for ClientList {
    const NAME: &'static str = "client_list";
    const ORDER: Order = Order::Free;
    type Reply = Vec<ClientView>;

    async fn run(self, administration: &Administration) -> Result<Vec<ClientView>, AdminError> {
        let (realm, now) = (administration.realm(self.realm.as_deref())?, administration.engine.now());
        Ok(realm.clients().iter().map(|client| ClientView::of(client, now)).collect())
    }
}

impl Command for ClientShow {
    const NAME: &'static str = "client_show";
    const ORDER: Order = Order::Free;
    type Reply = ClientView;

    async fn run(self, administration: &Administration) -> Result<ClientView, AdminError> {
        let realm = administration.realm(self.realm.as_deref())?;
        Ok(ClientView::of(&*find(&realm, &self.client_id)?, administration.engine.now()))
    }
}

impl Command for ClientRotateSecret {
    const NAME: &'static str = "client_rotate_secret";
    type Reply = RotatedSecret;

    async fn run(self, administration: &Administration) -> Result<RotatedSecret, AdminError> {
        let engine = &administration.engine;
        let realm = administration.realm(self.realm.as_deref())?;
        let client = find(&realm, &self.client_id)?;
        if client.metadata.token_endpoint_auth_method == AuthenticationMethod::None {
            return Err(AdminError::Invalid(vec![format!("client {} is public: it has no secret", self.client_id)]));
        }
        let mut metadata = client.metadata.clone();
        let method = metadata.token_endpoint_auth_method;
        let (secret, made) = if let Some(given) = &self.client_secret {
            (given_secret(&realm, method, given)?, None)
        } else {
            let secret = PlainSecret::new(new_secret());
            (stored_secret(&realm.keyring, method, &secret.0), Some(secret))
        };
        let now_s = engine.now().as_unix_s();
        let end_s = now_s.saturating_add(self.overlap_s);
        let secrets = rotated(&metadata.secrets, secret, end_s);
        // Asked to end no secret, it ends none: the earlier one may be the one that is deployed.
        let ended =
            metadata.secrets.iter().find(|old| old.is_live(now_s) && !secrets.iter().any(|s| s.digest == old.digest));
        if let Some(ended) = ended.filter(|_| self.overlap_s > 0) {
            return Err(overlapping(&self.client_id, ended));
        }
        metadata.secrets = secrets;
        let previous_ends_s = metadata.secrets.first().and_then(|previous| previous.ends_s).unwrap_or(end_s);
        let put = NewClient { client_id: self.client_id.clone(), client_secret: None, metadata };
        engine.put_client(&realm, put).await?;
        engine.record(&realm, "client_secret_rotated", About { client: Some(client.number.0), ..About::default() });
        let previous_ends = Micros::from_unix_s(previous_ends_s).to_rfc3339();
        Ok(RotatedSecret { client_id: self.client_id, client_secret: made, previous_ends })
    }
}

impl Command for ClientSetActivity {
    const NAME: &'static str = "client_set_activity";
    // One change of the store, which touches nothing that a file's changes touch; and it may be an emergency.
    const ORDER: Order = Order::Free;
    type Reply = ClientView;

    async fn run(self, administration: &Administration) -> Result<ClientView, AdminError> {
        let engine = &administration.engine;
        let realm = administration.realm(self.realm.as_deref())?;
        find(&realm, &self.client_id)?;
        engine.set_client_activity(&realm, &self.client_id, Activity::from(self.enabled)).await?;
        Ok(ClientView::of(&*find(&realm, &self.client_id)?, engine.now()))
    }
}

impl Command for ClientRemove {
    const NAME: &'static str = "client_remove";
    type Reply = ();

    async fn run(self, administration: &Administration) -> Result<(), AdminError> {
        let realm = administration.realm(self.realm.as_deref())?;
        let client = find(&realm, &self.client_id)?;
        Ok(administration.engine.remove_client(&realm, &client).await?)
    }
}

fn given_secret(realm: &Realm, method: AuthenticationMethod, given: &PlainSecret) -> Result<ClientSecret, AdminError> {
    let secret = given.given().and_then(|given| match given {
        GivenSecret::Plain(secret) => Ok(stored_secret(&realm.keyring, method, &secret)),
        GivenSecret::Hash(hash) => hash.digest_for(Some(&realm.keyring)).map(ClientSecret::lasting),
    });
    secret.map_err(|mistake| AdminError::Invalid(vec![mistake]))
}

/// The secrets after a rotation. Of two the newer one stays beside the new one: a third would be one more to guess. It is kept when
/// it has ended, too, so that a file that still names it does not bring it back.
fn rotated(standing: &[ClientSecret], new: ClientSecret, end_s: u32) -> Vec<ClientSecret> {
    let previous = standing.iter().rev().find(|old| old.digest != new.digest);
    let ending = |old: &ClientSecret| ClientSecret {
        ends_s: Some(old.ends_s.map_or(end_s, |end| end.min(end_s))),
        ..old.clone()
    };
    previous.map(ending).into_iter().chain([new]).collect()
}

/// Why a client whose secrets still overlap is not given a third.
fn overlapping(client_id: &str, earlier: &ClientSecret) -> AdminError {
    let until =
        earlier.ends_s.map_or_else(String::new, |end_s| format!(" until {}", Micros::from_unix_s(end_s).to_rfc3339()));
    AdminError::Invalid(vec![format!(
        "client {client_id} was given its secret while the one before it still works{until}: rotate again after that, or now with \
         --overlap 0s, which ends both of them at once"
    )])
}

/// A client secret of 256 random bits, in 43 characters.
pub(super) fn new_secret() -> String {
    URL_SAFE_NO_PAD.encode(random_array::<32>())
}

pub(super) fn find(realm: &Realm, client_id: &str) -> Result<Arc<Client>, AdminError> {
    let missing = || AdminError::NotFound(format!("realm {} has no client {client_id}", realm.name));
    realm.client(client_id).ok_or_else(missing)
}
