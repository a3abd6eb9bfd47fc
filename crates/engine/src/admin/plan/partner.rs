//! What a manifest would change of a client as a partner.

use std::collections::BTreeMap;
use std::sync::Arc;

use kimbai_core::client::{Client, ClientMetadata, EnvelopeKey, SealedSecret};
use kimbai_keyring::CipherKey;

use super::Planner;
use super::client::IntendedClient;
use crate::admin::manifest::ClientManifest;
use crate::admin::partner_manifest::{KEY_OVERLAP_S, PreviousKey, open_key, read_key};
use crate::admin::partners::{check_unpublished, shared_key};
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
        /// Of a partner that had none: the one before, and its end.
        previous: Option<(CipherKey, u32)>,
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
            None => {
                check_unpublished(self.administration, &key)?;
                let previous = asked.partner.given().and_then(|asked| asked.previous_key.as_ref());
                let previous = previous.filter(|previous| partner.keys.is_empty() && now_s < previous.ends_s);
                let read = |previous: &PreviousKey| -> Result<_, String> {
                    let key = read_key(&previous.key, partner.key_spelling, keyring)?;
                    check_unpublished(self.administration, &key)?;
                    Ok((key, previous.ends_s))
                };
                Ok(IntendedKey::Given { key, overlap_s, previous: previous.map(read).transpose()? })
            }
            Some(known) if known.is_live(now_s) => Ok(IntendedKey::Kept),
            // As with a client's secret: it may have leaked.
            Some(_) => Err("partner.key: it was rotated and has ended: give the one after it, or none".to_owned()),
        }
    }

    /// Whether each key that is given would be that of one partner alone: else its envelopes would be those of the other, too.
    pub(super) fn check_partner_keys(
        &mut self,
        (name, realm): (&str, Option<&Realm>),
        intended: &[IntendedClient],
        removed: &[Arc<Client>],
    ) {
        let given = intended.iter().filter_map(|asked| match &asked.key {
            IntendedKey::Given { key, .. } => Some((key.clone(), asked.client_id.as_str(), true)),
            IntendedKey::Kept | IntendedKey::Made => None,
        });
        let mut owned: Vec<_> = given.collect();
        if owned.is_empty() {
            return;
        }
        let standing = realm.map(Realm::clients).unwrap_or_default();
        for client in standing.iter().filter(|client| removed.iter().all(|gone| gone.client_id != client.client_id)) {
            let keys = client.partner().map(|partner| partner.keys.as_slice()).unwrap_or_default();
            let opened = keys.iter().filter_map(|key| open_key(&realm?.keyring, &key.sealed));
            owned.extend(opened.map(|key| (key, client.client_id.as_str(), false)));
        }
        owned.sort_by(|(one, ..), (other, ..)| one.expose().cmp(other.expose()));
        let mut mistakes = Vec::new();
        for same in owned.chunk_by(|(one, ..), (other, ..)| one == other) {
            for (_, client_id, _) in same.iter().filter(|(.., is_given)| *is_given) {
                if let Some((_, other, _)) = same.iter().find(|(_, other, _)| other != client_id) {
                    let path = format!("realms.{name}.clients.{client_id}");
                    mistakes.push((path, shared_key(other)));
                }
            }
        }
        for (path, mistake) in mistakes {
            self.mistake(&path, &mistake);
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
            // People read codes aloud.
            if let Some((other, code)) =
                owners.insert(partner.partner_code.to_ascii_lowercase(), (client_id, &partner.partner_code))
            {
                let path = format!("realms.{name}.clients.{client_id}");
                let in_case = if *code == partner.partner_code { "" } else { " but for the case of its letters" };
                mistakes.push((
                    path,
                    format!("partner.partner_code: {} is that of {other}{in_case}", partner.partner_code),
                ));
            }
        }
        for (path, mistake) in mistakes {
            self.mistake(&path, &mistake);
        }
    }
}
