//! `export`: what stands, in the form that `apply` reads. Applied to the same store it changes nothing.

use std::collections::BTreeMap;

use kimbai_core::client::{AuthenticationMethod, Client};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::manifest::{ClientManifest, Manifest, PlainSecret, RealmManifest, UserManifest, difference, hash_text};
use super::{AdminError, Administration, Command, Order};
use crate::log_in::open_hash;
use crate::realm::Realm;
use crate::setup::UserClaims;

/// So many users are read at a time.
const SLICE: u32 = 500;

/// Writes realms, clients and users as a manifest.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Export {
    /// Only these realms; empty: all.
    pub realms: Vec<String>,
    /// What is written of secrets.
    pub secrets: ExportSecrets,
}

/// What an export says of secrets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExportSecrets {
    /// Nothing: applied elsewhere, clients get new secrets and users have no password.
    LeftOut,
    /// Their hashes. Those of client secrets fit this installation's keys alone; those of passwords fit anywhere, and can be
    /// guessed against.
    Hashes,
}

impl Command for Export {
    const NAME: &'static str = "export";
    const ORDER: Order = Order::Free;
    type Reply = Manifest;

    async fn run(self, administration: &Administration) -> Result<Manifest, AdminError> {
        let realms = if self.realms.is_empty() {
            administration.engine.realms()
        } else {
            self.realms.iter().map(|name| administration.realm(Some(name))).collect::<Result<_, _>>()?
        };
        let mut manifest = Manifest::default();
        for realm in realms {
            let exported = export(administration, &realm, self.secrets).await?;
            manifest.realms.insert(realm.name.clone(), exported);
        }
        Ok(manifest)
    }
}

async fn export(
    administration: &Administration,
    realm: &Realm,
    secrets: ExportSecrets,
) -> Result<RealmManifest, AdminError> {
    let clients = realm.clients();
    let clients = clients.iter().map(|client| (client.client_id.clone(), client_manifest(client, secrets)));
    let mut users = BTreeMap::new();
    let mut after = None;
    loop {
        let rows = administration.engine.store.users(realm.number, after, SLICE).await?;
        let Some(last) = rows.last() else { break };
        after = Some(last.username.clone());
        for row in rows {
            let UserClaims { sub, name, email } = UserClaims::parse(&row.claims)?;
            let hash = match secrets {
                ExportSecrets::LeftOut => None,
                ExportSecrets::Hashes => open_hash(&realm.keyring, &row.password_hash).map(PlainSecret::new),
            };
            users.insert(
                row.username,
                UserManifest {
                    name: Some(name),
                    email,
                    sub: Some(sub),
                    password: None,
                    password_hash: hash,
                    disabled: (!row.standing.active).then_some(true),
                },
            );
        }
    }
    Ok(RealmManifest { settings: settings(administration, realm), clients: Some(clients.collect()), users })
}

/// The keys in which a realm differs from its dialect's defaults, and those that say which realm it is.
fn settings(administration: &Administration, realm: &Realm) -> Map<String, Value> {
    let standing = &realm.settings;
    let value = serde_json::to_value(standing).unwrap_or(Value::Null);
    let defaults = administration.wire.defaults(&standing.dialect, &standing.display_name, &standing.issuer);
    let base = defaults.and_then(|defaults| serde_json::to_value(defaults).ok()).unwrap_or(json!({}));
    let mut settings = difference(&base, &value);
    for key in ["display_name", "issuer", "dialect"] {
        settings.insert(key.to_owned(), value.get(key).cloned().unwrap_or(Value::Null));
    }
    settings
}

fn client_manifest(client: &Client, secrets: ExportSecrets) -> ClientManifest {
    let mut metadata = match serde_json::to_value(&client.metadata) {
        Ok(Value::Object(metadata)) => metadata,
        _ => Map::new(),
    };
    metadata.remove("secrets");
    // What is absent and what is empty mean the same, and a file is read by people.
    metadata.retain(|_, value| !value.is_null() && *value != json!([]) && *value != json!({}));
    if let Some(Value::Object(lifetimes)) = metadata.get_mut("lifetimes") {
        lifetimes.retain(|_, value| !value.is_null());
    }
    metadata.retain(|_, value| *value != json!({}) && *value != json!(false));
    let is_public = client.metadata.token_endpoint_auth_method == AuthenticationMethod::None;
    let newest = client.metadata.secrets.last().filter(|_| !is_public && secrets == ExportSecrets::Hashes);
    ClientManifest {
        client_secret: newest.map(|secret| hash_text(&secret.digest)),
        disabled: (!client.standing.active).then_some(true),
        metadata,
    }
}
