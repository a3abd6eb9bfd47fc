//! What a manifest would change of a client as a partner.

use std::collections::BTreeMap;
use std::sync::Arc;

use kimbai_core::client::{Client, ClientMetadata, EnvelopeKey, SealedSecret};
use kimbai_keyring::CipherKey;

use super::Planner;
use super::client::IntendedClient;
use crate::admin::manifest::ClientManifest;
use crate::admin::partner_manifest::{KEY_OVERLAP_S, open_key, read_key};
use crate::realm::Realm;

/// What happens to the key of a partner's envelopes.
#[derive(Debug)]
pub(in crate::admin) enum IntendedKey {
    /// It stays, or there is none.
    Kept,
    Made,
    /// For so many seconds the one before it stays live.
    Given {
        key: CipherKey,
        overlap_s: u32,
    },
}

impl IntendedKey {
    /// What the plan says of it for a partner that is there; nothing where nothing changes.
    pub(super) fn change(&self) -> Option<String> {
        match self {
            Self::Kept => None,
            Self::Made => Some("partner.key".to_owned()),
            Self::Given { overlap_s: 0, .. } => Some("partner.key: the one before it ends at once".to_owned()),
            Self::Given { overlap_s, .. } => {
                Some(format!("partner.key: the one before it works for {overlap_s} s more"))
            }
        }
    }

    /// Puts something in its place where only is asked whether there is one.
    pub(super) fn stand_in(&self, metadata: &mut ClientMetadata) {
        let Some(partner) = &mut metadata.partner else { return };
        match self {
            Self::Kept => {}
            Self::Made | Self::Given { .. } => {
                partner.keys = vec![EnvelopeKey::lasting(SealedSecret(String::new()))];
            }
        }
    }
}

impl Planner<'_> {
    pub(super) fn key(
        &self,
        asked: &ClientManifest,
        metadata: &ClientMetadata,
        realm: Option<&Realm>,
    ) -> Result<IntendedKey, String> {
        let Some(partner) = &metadata.partner else { return Ok(IntendedKey::Kept) };
        let Some(given) = asked.partner.given().and_then(|asked| asked.key.as_ref()) else {
            return Ok(if partner.keys.is_empty() { IntendedKey::Made } else { IntendedKey::Kept });
        };
        let overlap_s = asked.partner.given().and_then(|asked| asked.key_overlap_s).unwrap_or(KEY_OVERLAP_S);
        let keyring = realm.map(|realm| &realm.keyring);
        let key = read_key(given, partner.key_spelling, keyring)?;
        let is_it =
            |known: &&EnvelopeKey| keyring.and_then(|keyring| open_key(keyring, &known.sealed)).as_ref() == Some(&key);
        let now_s = self.administration.engine.now().as_unix_s();
        match partner.keys.iter().find(is_it) {
            None if overlap_s > 0 && partner.keys.iter().filter(|key| key.is_live(now_s)).count() > 1 => {
                Err("partner.key: it was given its key while the one before it still works: wait for its end, or give \
                     key_overlap_s = 0, which ends both of them at once"
                    .to_owned())
            }
            None => Ok(IntendedKey::Given { key, overlap_s }),
            Some(known) if known.is_live(now_s) => Ok(IntendedKey::Kept),
            // As with a client's secret: it may have leaked.
            Some(_) => Err("partner.key: it was rotated and has ended: give the one after it, or none".to_owned()),
        }
    }

    /// Whether each partner of the realm would have a code of its own.
    pub(super) fn check_partner_codes(
        &mut self,
        (name, realm): (&str, Option<&Realm>),
        intended: &[IntendedClient],
        removed: &[Arc<Client>],
    ) {
        let standing = realm.map(Realm::clients).unwrap_or_default();
        let others = standing.iter().filter(|client| {
            intended.iter().all(|asked| asked.client_id != client.client_id)
                && removed.iter().all(|removed| removed.client_id != client.client_id)
        });
        let all = others
            .map(|client| (client.client_id.as_str(), &client.metadata))
            .chain(intended.iter().map(|asked| (asked.client_id.as_str(), &asked.metadata)));
        let mut owners = BTreeMap::new();
        let mut mistakes = Vec::new();
        for (client_id, partner) in all.filter_map(|(id, metadata)| Some((id, metadata.partner.as_ref()?))) {
            if let Some(other) = owners.insert(partner.partner_code.as_str(), client_id) {
                let path = format!("realms.{name}.clients.{client_id}");
                mistakes.push((path, format!("partner.partner_code: {} is that of {other}", partner.partner_code)));
            }
        }
        for (path, mistake) in mistakes {
            self.mistake(&path, &mistake);
        }
    }
}
