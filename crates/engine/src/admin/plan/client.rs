//! What a manifest would change of a realm's clients.

use std::collections::BTreeMap;
use std::sync::Arc;

use kimbai_core::client::{
    AuthenticationMethod, Client, ClientMetadata, ClientSecret, Partner, SealedSecret, SecretDigest,
};
use kimbai_core::number::ClientNumber;
use kimbai_core::realm::RealmSettings;
use kimbai_core::scope::ScopeTable;
use kimbai_core::secret::Secret;
use kimbai_store::Activity;

use super::partner::IntendedKey;
use super::{Action, Kind, Planner, Prune, Step, as_json, changed_activity, describe};
use crate::admin::manifest::{ClientManifest, GivenSecret, changed_keys};
use crate::realm::Realm;
use crate::setup::{SetupError, check_client};

#[derive(Debug)]
pub(in crate::admin) struct IntendedClient {
    pub(in crate::admin) client_id: String,
    /// With the secrets it has.
    pub(in crate::admin) metadata: ClientMetadata,
    pub(in crate::admin) secret: IntendedSecret,
    pub(in crate::admin) key: IntendedKey,
    pub(in crate::admin) activity: Option<Activity>,
    /// Whether anything but its activity changes.
    pub(in crate::admin) is_put: bool,
    /// Its number, if it was a partner and is none any more: all that it was issued ends, so that nothing of it is another partner's
    /// when the client is given another code.
    pub(in crate::admin) ended_partner: Option<ClientNumber>,
}

#[derive(Debug)]
pub(in crate::admin) enum IntendedSecret {
    Kept,
    Made,
    Given(Secret),
    Digest(SecretDigest),
}

impl IntendedSecret {
    /// What stands for it where only is asked whether there is one, and of which kind.
    fn in_place_of(&self) -> Option<ClientSecret> {
        let digested = ClientSecret::lasting(SecretDigest([0; 32]));
        match self {
            Self::Kept => None,
            Self::Made | Self::Given(_) => Some(ClientSecret { sealed: Some(SealedSecret(String::new())), ..digested }),
            Self::Digest(_) => Some(digested),
        }
    }
}

impl Planner<'_> {
    pub(super) fn clients(
        &mut self,
        (name, realm): (&str, Option<&Realm>),
        asked: &BTreeMap<String, ClientManifest>,
        settings: (&RealmSettings, &ScopeTable),
    ) -> Vec<IntendedClient> {
        let mut clients = Vec::new();
        for (client_id, asked) in asked {
            match self.client((name, realm), (client_id, asked), settings) {
                Ok(client) => clients.push(client),
                Err(mistake) => self.mistake(&format!("realms.{name}.clients.{client_id}"), &mistake),
            }
        }
        clients
    }

    fn client(
        &mut self,
        (realm_name, realm): (&str, Option<&Realm>),
        (client_id, asked): (&str, &ClientManifest),
        settings: (&RealmSettings, &ScopeTable),
    ) -> Result<IntendedClient, String> {
        let known = realm.and_then(|realm| realm.client(client_id));
        let standing = known.as_ref().map(|client| &client.metadata);
        let mut metadata = asked.over(client_id, standing)?;
        if metadata.token_endpoint_auth_method == AuthenticationMethod::None {
            metadata.secrets.clear();
        }
        let secret = self.secret(asked, &metadata, realm)?;
        let key = self.key(asked, &metadata, realm)?;
        let mut checked = metadata.clone();
        key.stand_in(&mut checked);
        if let Some(some) = secret.in_place_of() {
            checked.secrets = vec![some];
        }
        check_client(settings, client_id, &checked).map_err(|error| {
            // The path names the client already.
            if let SetupError::Client { error, .. } = error { error.to_string() } else { error.to_string() }
        })?;
        let mut changes = standing.map_or_else(Vec::new, |standing| without_secrets(standing, &metadata));
        if known.is_some() && !matches!(secret, IntendedSecret::Kept) {
            changes.push("client_secret".to_owned());
        }
        changes.extend(known.as_ref().and_then(|_| key.change()));
        let ended_partner = known.as_ref().filter(|known| known.partner().is_some() && metadata.partner.is_none());
        changes.extend(ended_partner.map(|_| "partner: all that it was issued ends".to_owned()));
        let is_put = known.is_none() || !changes.is_empty();
        let activity = changed_activity(asked.disabled, known.as_ref().map(|client| client.standing.active));
        changes.extend(activity.map(describe));
        self.step(known.is_some(), Kind::Client, (realm_name, client_id), changes);
        let (client_id, ended_partner) = (client_id.to_owned(), ended_partner.map(|known| known.number));
        Ok(IntendedClient { client_id, metadata, secret, key, activity, is_put, ended_partner })
    }

    fn secret(
        &self,
        asked: &ClientManifest,
        metadata: &ClientMetadata,
        realm: Option<&Realm>,
    ) -> Result<IntendedSecret, String> {
        let is_public = metadata.token_endpoint_auth_method == AuthenticationMethod::None;
        let Some(given) = &asked.client_secret else {
            let needs_one = !is_public && metadata.secrets.is_empty();
            return Ok(if needs_one { IntendedSecret::Made } else { IntendedSecret::Kept });
        };
        if is_public {
            return Err("client_secret: a client without authentication has no secret".to_owned());
        }
        let keyring = realm.map(|realm| &realm.keyring);
        let (digest, intended) = match given.given()? {
            GivenSecret::Plain(secret) => {
                (keyring.map(|keyring| keyring.secret_digest(&secret)), IntendedSecret::Given(secret))
            }
            GivenSecret::Hash(hash) => {
                let digest = hash.digest_for(keyring)?;
                (Some(digest), IntendedSecret::Digest(digest))
            }
        };
        let now_s = self.administration.engine.now().as_unix_s();
        match metadata.secrets.iter().find(|known| Some(known.digest) == digest) {
            None => Ok(intended),
            Some(known) if known.is_live(now_s) => Ok(IntendedSecret::Kept),
            // Whoever rotated it may have done so because it had leaked: a file that is out of date must not bring it back.
            Some(_) => Err("client_secret: it was rotated and has ended: give the one after it, or none".to_owned()),
        }
    }

    pub(super) fn removed(
        &mut self,
        (name, realm): (&str, Option<&Realm>),
        asked: Option<&BTreeMap<String, ClientManifest>>,
    ) -> Vec<Arc<Client>> {
        let (Prune::Remove, Some(named), Some(realm)) = (self.prune, asked, realm) else {
            return Vec::new();
        };
        let removed: Vec<_> =
            realm.clients().into_iter().filter(|client| !named.contains_key(&client.client_id)).collect();
        self.steps.extend(removed.iter().map(|client| Step {
            action: Action::Remove,
            kind: Kind::Client,
            realm: name.to_owned(),
            name: client.client_id.clone(),
            changes: Vec::new(),
        }));
        removed
    }
}

impl Planner<'_> {
    /// Whether the clients that the file does not name, and that stay, fit the settings: a realm with one that does not could not be
    /// read any more.
    pub(super) fn check_others(
        &mut self,
        (name, realm): (&str, Option<&Realm>),
        asked: Option<&BTreeMap<String, ClientManifest>>,
        removed: &[Arc<Client>],
        settings: (&RealmSettings, &ScopeTable),
    ) {
        let is_named = |client: &Client| asked.is_some_and(|asked| asked.contains_key(&client.client_id));
        let is_removed = |client: &Client| removed.iter().any(|removed| removed.client_id == client.client_id);
        for client in realm.map(Realm::clients).unwrap_or_default() {
            if is_named(&client) || is_removed(&client) {
                continue;
            }
            if let Err(SetupError::Client { client_id, error }) =
                check_client(settings, &client.client_id, &client.metadata)
            {
                let place = format!("realms.{name}");
                self.mistake(&place, &format!("the client {client_id} does not fit these settings: {error}"));
            }
        }
    }
}

/// The changed keys of a client's metadata; of its secrets only that one of them goes, and nothing of envelope keys.
fn without_secrets(before: &ClientMetadata, after: &ClientMetadata) -> Vec<String> {
    let plain = |metadata: &ClientMetadata| {
        let partner = metadata.partner.clone().map(|partner| Partner { keys: Vec::new(), ..partner });
        as_json(&ClientMetadata { secrets: Vec::new(), partner, ..metadata.clone() })
    };
    let mut changes = changed_keys(&plain(before), &plain(after));
    if before.secrets.len() > after.secrets.len() {
        changes.push("client_secret".to_owned());
    }
    changes
}
