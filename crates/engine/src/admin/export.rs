//! `export`: what stands, in the form that `apply` reads. Applied to the same store it changes nothing.

use std::collections::BTreeMap;

use kimbai_core::claims::UserClaims;
use kimbai_core::client::{Client, ClientMetadata, Partner};
use kimbai_core::number::UserNumber;
use kimbai_store::OrganizationRow;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::manifest::{
    ClientManifest, Manifest, OrganizationManifest, PlainSecret, RealmManifest, SecretHash, UserManifest, difference,
};
use super::organizations::each_organization;
use super::partner_manifest::{PartnerManifest, PreviousKey, Said, sealed_text};
use super::users::each_user;
use super::{AdminError, Administration, Command, Order};
use crate::engine::About;
use crate::log_in::open_hash;
use crate::organization::membership_of;
use crate::realm::Realm;

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
    /// Their hashes. Those of client secrets fit their realm's keys alone, and are refused elsewhere; those of passwords fit anywhere,
    /// and can be guessed against. Keys of partners' envelopes as they are sealed, which open under their realm's keys alone.
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
            if self.secrets == ExportSecrets::Hashes {
                administration.engine.record(&realm, "exported_with_hashes", About::default());
            }
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
    let shown = (secrets, administration.engine.now().as_unix_s());
    let clients = clients.iter().map(|client| (client.client_id.clone(), client_manifest(realm, client, shown)));
    let (mut users, mut numbers) = (BTreeMap::new(), Vec::new());
    each_user(administration, realm, |row| {
        let UserClaims { sub, name, email, claims, identity } = UserClaims::parse(&row.claims)?;
        let password_hash = match secrets {
            ExportSecrets::LeftOut => None,
            ExportSecrets::Hashes => open_hash(&realm.keyring, &row.password_hash).map(PlainSecret::new),
        };
        let disabled = (!row.standing.active).then_some(true);
        let (memberships, name, sub, password) = (None, Some(name), Some(sub), None);
        let manifest =
            UserManifest { name, email, claims, identity, sub, password, password_hash, disabled, memberships };
        numbers.push((row.username.clone(), row.number));
        users.insert(row.username, manifest);
        Ok(())
    })
    .await?;
    let organizations = organizations(administration, realm).await?;
    if !organizations.is_empty() {
        for (username, number) in numbers {
            let memberships = memberships(administration, realm, number).await?;
            if let Some(user) = users.get_mut(&username) {
                // Also that there are none: what is not said, an apply leaves alone.
                user.memberships = Some(memberships);
            }
        }
    }
    let settings = settings(administration, realm);
    Ok(RealmManifest { settings, clients: Some(clients.collect()), users, organizations })
}

async fn organizations(
    administration: &Administration,
    realm: &Realm,
) -> Result<BTreeMap<String, OrganizationManifest>, AdminError> {
    let mut organizations = BTreeMap::new();
    each_organization(administration, realm, |OrganizationRow { label, org_id, name, category, .. }| {
        let category = Some(category).filter(|category| !category.is_empty());
        organizations.insert(label, OrganizationManifest { org_id: Some(org_id), name: Some(name), category });
    })
    .await?;
    Ok(organizations)
}

async fn memberships(
    administration: &Administration,
    realm: &Realm,
    user: UserNumber,
) -> Result<BTreeMap<String, Vec<String>>, AdminError> {
    let rows = administration.engine.store.memberships(realm.number, user).await?;
    let memberships = rows.into_iter().map(membership_of).collect::<Result<Vec<_>, _>>()?;
    Ok(memberships.into_iter().map(|membership| (membership.organization.label, membership.roles)).collect())
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

/// The keys that are not as a client has them of which nothing is said, and those that every client has.
fn client_manifest(realm: &Realm, client: &Client, (secrets, now_s): (ExportSecrets, u32)) -> ClientManifest {
    let value = serde_json::to_value(&client.metadata).unwrap_or(Value::Null);
    let mut required = Map::new();
    for key in ["client_name", "token_endpoint_auth_method", "grant_types", "scope"] {
        required.insert(key.to_owned(), value.get(key).cloned().unwrap_or(Value::Null));
    }
    let silent: Option<ClientMetadata> = serde_json::from_value(Value::Object(required.clone())).ok();
    let mut metadata = difference(&serde_json::to_value(silent).unwrap_or(Value::Null), &value);
    metadata.remove("secrets");
    metadata.remove("partner");
    metadata.append(&mut required);
    let newest = client.metadata.secrets.last().filter(|_| secrets == ExportSecrets::Hashes);
    ClientManifest {
        client_secret: newest.map(|secret| SecretHash::of(&realm.keyring, secret.digest).text()),
        disabled: (!client.standing.active).then_some(true),
        partner: client
            .partner()
            .map_or(Said::Nothing, |partner| Said::Given(partner_manifest(realm, partner, (secrets, now_s)))),
        metadata,
    }
}

/// All that is said of a partner, and its live keys if they are asked for, as they are sealed.
fn partner_manifest(realm: &Realm, partner: &Partner, (secrets, now_s): (ExportSecrets, u32)) -> PartnerManifest {
    let Ok(Value::Object(mut settings)) = serde_json::to_value(partner) else { return PartnerManifest::default() };
    settings.remove("keys");
    let shown = partner.keys.iter().filter(|key| secrets == ExportSecrets::Hashes && key.is_live(now_s));
    let mut keys = shown.map(|key| (sealed_text(&realm.keyring, &key.sealed), key.ends_s));
    let key = keys.next().map(|(key, _)| key);
    let previous_key = keys.next().and_then(|(key, ends_s)| Some(PreviousKey { key, ends_s: ends_s? }));
    PartnerManifest { key, key_overlap_s: None, previous_key, settings }
}
