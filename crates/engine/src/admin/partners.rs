//! Partners: made, listed, given another key, disabled. A partner is a client, and all else that concerns it is done to the client.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use kimbai_core::client::{AnswerForm, Client, EnvelopeKey, IvLayout, KeySpelling, Partner};
use kimbai_core::time::Micros;
use kimbai_keyring::{CipherKey, RealmKeyring, random_array};
use kimbai_store::Activity;
use serde::{Deserialize, Serialize};

use super::apply::Apply;
use super::clients::find;
use super::manifest::{ClientManifest, Manifest, PlainSecret, RealmManifest};
use super::partner_manifest::{open_key, read_key};
use super::passwords::Passwords;
use super::plan::Prune;
use super::views::Enabled;
use super::{AdminError, Administration, Command, Order};
use crate::engine::About;
use crate::log_in::Published;
use crate::partner::is_published_key;
use crate::realm::Realm;
use crate::setup::NewClient;

/// Makes a partner and the client that it is; one that exists is an error.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PartnerAdd {
    /// Its realm; absent: the only one.
    pub realm: Option<String>,
    /// The client's `client_id`.
    pub client_id: String,
    /// What is registered of the client, the partner's code among it.
    pub client: ClientManifest,
}

/// A partner that was made.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PartnerAdded {
    /// As it stands.
    pub partner: PartnerView,
    /// The client's secret, if one was made; it is shown once.
    pub client_secret: Option<PlainSecret>,
    /// The key of its envelopes, if one was made; it is shown once.
    pub key: Option<PlainSecret>,
}

/// The partners of a realm.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PartnerList {
    /// Absent: the only one.
    pub realm: Option<String>,
}

/// Gives a partner a new key. The one it has stays live beside it for a while, so that no call fails.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PartnerRotateKey {
    /// Its realm; absent: the only one.
    pub realm: Option<String>,
    /// Which.
    pub partner_code: String,
    /// How long the key it has stays live, in seconds; 0: it ends at once.
    pub overlap_s: u32,
    /// The new key, as the partner spells keys; absent: one is made.
    pub key: Option<PlainSecret>,
}

/// A partner's new key.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RotatedKey {
    /// The partner.
    pub partner_code: String,
    /// Its key, if one was made; it is shown once.
    pub key: Option<PlainSecret>,
    /// When the key before it ends, in RFC 3339.
    pub previous_ends: String,
}

/// Enables or disables a partner, which is its client. Disabling ends all it was issued, at once.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PartnerSetActivity {
    /// Its realm; absent: the only one.
    pub realm: Option<String>,
    /// Which.
    pub partner_code: String,
    /// What it shall be.
    pub enabled: Enabled,
}

/// A partner.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartnerView {
    /// Its name in requests.
    pub partner_code: String,
    /// The client that it is.
    pub client_id: String,
    /// Its name as people read it.
    pub client_name: String,
    /// Whether it may do anything.
    pub status: Enabled,
    /// Where the initialisation vector of its envelopes is.
    pub iv: IvLayout,
    /// How its keys are spelt.
    pub key_spelling: KeySpelling,
    /// Whether its answers are in envelopes.
    pub answers: AnswerForm,
    /// Of each live key when it ends, in RFC 3339, the newest first; none: until it is replaced.
    pub keys_end: Vec<Option<String>>,
}

impl PartnerView {
    /// What is said of a client as a partner; nothing of one that is none.
    fn of(client: &Client, now: Micros) -> Option<Self> {
        let partner = client.partner()?;
        let live = partner.keys.iter().filter(|key| key.is_live(now.as_unix_s()));
        Some(Self {
            partner_code: partner.partner_code.clone(),
            client_id: client.client_id.clone(),
            client_name: client.metadata.client_name.clone(),
            status: Enabled::of(client.standing.active),
            iv: partner.iv,
            key_spelling: partner.key_spelling,
            answers: partner.answers,
            keys_end: live.map(|key| key.ends_s.map(|end| Micros::from_unix_s(end).to_rfc3339())).collect(),
        })
    }
}

impl Command for PartnerAdd {
    const NAME: &'static str = "partner_add";
    type Reply = PartnerAdded;

    async fn run(self, administration: &Administration) -> Result<PartnerAdded, AdminError> {
        let realm = administration.realm(self.realm.as_deref())?;
        if realm.client(&self.client_id).is_some() {
            return Err(AdminError::Exists(format!("realm {} has a client {} already", realm.name, self.client_id)));
        }
        if self.client.partner.given().is_none() {
            return Err(AdminError::Invalid(vec![format!("client {}: a partner has a partner_code", self.client_id)]));
        }
        let clients = Some([(self.client_id.clone(), self.client)].into());
        let asked = RealmManifest { clients, ..RealmManifest::default() };
        let manifest = Manifest { realms: [(realm.name.clone(), asked)].into() };
        let apply = Apply { manifest, prune: Prune::Keep, agreed: None };
        let applied = Box::pin(apply.in_turn(administration, &Passwords::default())).await?;
        let realm = administration.realm(Some(&realm.name))?;
        Ok(PartnerAdded {
            partner: view(administration, &*find(&realm, &self.client_id)?)?,
            client_secret: applied.made_secrets.into_iter().next().map(|made| made.client_secret),
            key: applied.made_keys.into_iter().next().map(|made| made.key),
        })
    }
}

impl Command for PartnerList {
    const NAME: &'static str = "partner_list";
    const ORDER: Order = Order::Free;
    type Reply = Vec<PartnerView>;

    async fn run(self, administration: &Administration) -> Result<Vec<PartnerView>, AdminError> {
        let (realm, now) = (administration.realm(self.realm.as_deref())?, administration.engine.now());
        let mut partners: Vec<_> = realm.clients().iter().filter_map(|client| PartnerView::of(client, now)).collect();
        partners.sort_by(|one, other| one.partner_code.cmp(&other.partner_code));
        Ok(partners)
    }
}

impl Command for PartnerRotateKey {
    const NAME: &'static str = "partner_rotate_key";
    type Reply = RotatedKey;

    async fn run(self, administration: &Administration) -> Result<RotatedKey, AdminError> {
        let engine = &administration.engine;
        let realm = administration.realm(self.realm.as_deref())?;
        let (client, partner) = find_partner(&realm, &self.partner_code)?;
        let (key, made) = if let Some(given) = &self.key {
            let key = read_key(given, partner.key_spelling, Some(&realm.keyring));
            let key = key.and_then(|key| {
                check_unpublished(administration, &key)?;
                check_own(&realm, &client.client_id, &key)?;
                Ok(key)
            });
            (key.map_err(|mistake| AdminError::Invalid(vec![mistake]))?, None)
        } else {
            let (key, text) = new_key(partner.key_spelling);
            (key, Some(text))
        };
        let now_s = engine.now().as_unix_s();
        let end_s = now_s.saturating_add(self.overlap_s);
        let keys = rotated(&realm.keyring, &partner.keys, &key, end_s);
        let is_kept =
            |old: &EnvelopeKey| keys.iter().any(|key| key.sealed == old.sealed) || is_same(&realm.keyring, old, &key);
        // Asked to end no key, it ends none: the earlier one may be the one that is deployed.
        let ended = partner.keys.iter().find(|old| old.is_live(now_s) && !is_kept(old));
        if let Some(ended) = ended.filter(|_| self.overlap_s > 0) {
            return Err(overlapping(&self.partner_code, ended));
        }
        let previous_ends_s = keys.get(1).and_then(|previous| previous.ends_s).unwrap_or(end_s);
        let mut metadata = client.metadata.clone();
        metadata.partner = Some(Partner { keys, ..partner.clone() });
        let put = NewClient { client_id: client.client_id.clone(), client_secret: None, metadata };
        engine.put_client(&realm, put).await?;
        engine.record(&realm, "partner_key_rotated", About { client: Some(client.number.0), ..About::default() });
        let previous_ends = Micros::from_unix_s(previous_ends_s).to_rfc3339();
        Ok(RotatedKey { partner_code: self.partner_code, key: made, previous_ends })
    }
}

impl Command for PartnerSetActivity {
    const NAME: &'static str = "partner_set_activity";
    // As with a client: it may be an emergency.
    const ORDER: Order = Order::Free;
    type Reply = PartnerView;

    async fn run(self, administration: &Administration) -> Result<PartnerView, AdminError> {
        let realm = administration.realm(self.realm.as_deref())?;
        let (client, _) = find_partner(&realm, &self.partner_code)?;
        administration.engine.set_client_activity(&realm, &client.client_id, Activity::from(self.enabled)).await?;
        view(administration, &*find(&realm, &client.client_id)?)
    }
}

/// A new key, and how the partner is told it: 256 random bits, or 192 where it is 32 characters.
pub(super) fn new_key(spelling: KeySpelling) -> (CipherKey, PlainSecret) {
    match spelling {
        KeySpelling::Hex => {
            let key = CipherKey::generate();
            let text = PlainSecret::new(key.to_hex().to_string());
            (key, text)
        }
        KeySpelling::Ascii => {
            let text = URL_SAFE_NO_PAD.encode(random_array::<24>());
            let mut bytes = [0; 32];
            bytes.iter_mut().zip(text.bytes()).for_each(|(to, from)| *to = from);
            (CipherKey::new(bytes), PlainSecret::new(text))
        }
    }
}

/// The keys after a rotation, the newest first. Of two the newer one stays beside the new one, as with a client's secrets, and is kept
/// when it has ended, too.
pub(super) fn rotated(
    keyring: &RealmKeyring,
    standing: &[EnvelopeKey],
    new: &CipherKey,
    end_s: u32,
) -> Vec<EnvelopeKey> {
    let lasting = EnvelopeKey::lasting(keyring.seal_secret(new.expose()));
    let previous = standing.iter().find(|old| !is_same(keyring, old, new));
    let ending =
        previous.map(|old| EnvelopeKey { ends_s: Some(old.ends_s.map_or(end_s, |end| end.min(end_s))), ..old.clone() });
    [lasting].into_iter().chain(ending).collect()
}

/// Refuses a key of the sandbox's.
///
/// # Errors
/// What is wrong with it.
pub(super) fn check_unpublished(administration: &Administration, key: &CipherKey) -> Result<(), String> {
    if administration.engine.published == Published::Refused && is_published_key(key) {
        return Err("partner.key: it is the sandbox's, which everybody knows".to_owned());
    }
    Ok(())
}

/// Refuses a key that another partner of the realm has.
fn check_own(realm: &Realm, client_id: &str, key: &CipherKey) -> Result<(), String> {
    let clients = realm.clients();
    let has_it = |client: &&Arc<Client>| {
        let keys = client.partner().map(|partner| partner.keys.as_slice()).unwrap_or_default();
        client.client_id != client_id && keys.iter().any(|stored| is_same(&realm.keyring, stored, key))
    };
    clients.iter().find(has_it).map_or(Ok(()), |other| Err(shared_key(&other.client_id)))
}

/// Why a partner is not given a key that another one has.
pub(super) fn shared_key(other: &str) -> String {
    format!("partner.key: {other} has it, too: each partner has one of its own")
}

fn is_same(keyring: &RealmKeyring, stored: &EnvelopeKey, key: &CipherKey) -> bool {
    open_key(keyring, &stored.sealed).as_ref() == Some(key)
}

/// Why a partner whose keys still overlap is not given a third.
fn overlapping(partner_code: &str, earlier: &EnvelopeKey) -> AdminError {
    let until =
        earlier.ends_s.map_or_else(String::new, |end_s| format!(" until {}", Micros::from_unix_s(end_s).to_rfc3339()));
    AdminError::Invalid(vec![format!(
        "partner {partner_code} was given its key while the one before it still works{until}: rotate again after that, or now with \
         --overlap 0s, which ends both of them at once"
    )])
}

fn find_partner(realm: &Realm, partner_code: &str) -> Result<(Arc<Client>, Partner), AdminError> {
    let found = realm.partner(partner_code).and_then(|client| Some((client.clone(), client.partner()?.clone())));
    found.ok_or_else(|| AdminError::NotFound(format!("realm {} has no partner {partner_code}", realm.name)))
}

fn view(administration: &Administration, client: &Client) -> Result<PartnerView, AdminError> {
    let missing = || AdminError::NotFound(format!("client {} is no partner", client.client_id));
    PartnerView::of(client, administration.engine.now()).ok_or_else(missing)
}
