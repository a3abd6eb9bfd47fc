//! What `apply` files say of a client as a partner: a table with the keys of [`Partner`](kimbai_core::client::Partner), and the key of
//! its envelopes as it is handed out, or as `export` wrote it.

use kimbai_core::client::{KeySpelling, SealedSecret};
use kimbai_core::hexadecimal::{array_from_hex, hex};
use kimbai_keyring::{CipherKey, RealmKeyring};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value, json};

use super::manifest::{PlainSecret, key_check, lay_over};

/// What is asked of one partner.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct PartnerManifest {
    /// The key of its envelopes as it is spelt, or as `export` writes it: `sealed:`, 8 hex digits that tell the realm's key, `:` and
    /// what the realm's keyring made of it. Absent: the one it has; for a new partner, a new one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<PlainSecret>,
    /// How long the key that it has stays live beside another one that is given, in seconds; absent: a day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_overlap_s: Option<u32>,
    /// The key before it and its end, as `export` writes them during a rotation; read where the partner has no key yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous_key: Option<PreviousKey>,
    /// The keys of [`Partner`](kimbai_core::client::Partner), without those of its envelopes.
    #[serde(flatten)]
    pub settings: Map<String, Value>,
}

/// A key that works until its end.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PreviousKey {
    /// As [`PartnerManifest::key`].
    pub key: PlainSecret,
    /// In seconds since 1970.
    pub ends_s: u32,
}

/// Something of which a file may say nothing, or that it is not there.
#[derive(Debug, Clone, Default, PartialEq)]
pub enum Said<T> {
    /// Nothing is said: it stays as it is.
    #[default]
    Nothing,
    /// It shall not be there.
    Absent,
    /// It shall be like this.
    Given(T),
}

impl<T> Said<T> {
    /// Whether nothing is said.
    #[must_use]
    pub const fn is_nothing(&self) -> bool {
        matches!(self, Self::Nothing)
    }

    /// What is given, if anything is.
    #[must_use]
    pub const fn given(&self) -> Option<&T> {
        match self {
            Self::Given(given) => Some(given),
            Self::Nothing | Self::Absent => None,
        }
    }
}

impl<T: Serialize> Serialize for Said<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.given().serialize(serializer)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Said<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Option::deserialize(deserializer)?.map_or(Self::Absent, Self::Given))
    }
}

impl Said<PartnerManifest> {
    /// Lays what is said over the metadata of a client.
    pub(super) fn lay_over(&self, metadata: &mut Value) -> Result<(), String> {
        let Some(metadata) = metadata.as_object_mut() else { return Ok(()) };
        match self {
            Self::Nothing => {}
            Self::Absent => {
                metadata.remove("partner");
            }
            Self::Given(asked) => {
                if let Some(unknown) = asked.settings.keys().find(|key| !SETTINGS.contains(&key.as_str())) {
                    return Err(format!(
                        "partner: unknown field `{unknown}`, expected one of `key`, `key_overlap_s`, `previous_key`, `{}`",
                        SETTINGS.join("`, `")
                    ));
                }
                let partner = metadata.entry("partner").or_insert_with(|| json!({ "keys": [] }));
                lay_over(partner, &Value::Object(asked.settings.clone()));
            }
        }
        Ok(())
    }
}

/// The key of a partner's envelopes as a file or a command gives it.
///
/// # Errors
/// What is wrong with it; never the key.
pub(super) fn read_key(
    given: &PlainSecret,
    spelling: KeySpelling,
    keyring: Option<&RealmKeyring>,
) -> Result<CipherKey, String> {
    let Some(sealed) = given.expose().strip_prefix(SEALED_PREFIX) else {
        let text = given.resolved("partner.key")?;
        return spelling.read(text.expose()).map(CipherKey::new).map_err(|error| format!("partner.key: {error}"));
    };
    let malformed = "partner.key: sealed: takes 8 hex digits, : and what `kimbai export` writes behind them";
    let (check, sealed) = sealed.split_once(':').ok_or(malformed)?;
    let check: [u8; 4] = array_from_hex(check).ok_or(malformed)?;
    let Some(keyring) = keyring.filter(|keyring| key_check(keyring) == check) else {
        return Err("partner.key: this sealed: was made under the key of another realm or installation and opens nowhere else: \
                    give the key itself, or none, and the partner gets a new one"
            .to_owned());
    };
    open_key(keyring, &SealedSecret(sealed.to_owned())).ok_or_else(|| malformed.to_owned())
}

/// The key as `export` writes it.
pub(super) fn sealed_text(keyring: &RealmKeyring, SealedSecret(sealed): &SealedSecret) -> PlainSecret {
    PlainSecret::new(format!("{SEALED_PREFIX}{}:{sealed}", hex(&key_check(keyring))))
}

/// The key behind what is stored of it. `None`: it was sealed under another key.
pub(super) fn open_key(keyring: &RealmKeyring, sealed: &SealedSecret) -> Option<CipherKey> {
    keyring.open_secret(sealed)?.as_slice().try_into().ok().map(CipherKey::new)
}

/// So long does a key stay live beside another one that a file gives, if it says nothing of it.
pub(super) const KEY_OVERLAP_S: u32 = 86_400;
/// What a file may say of a partner beside its keys.
const SETTINGS: [&str; 4] = ["partner_code", "iv", "key_spelling", "answers"];

/// What a sealed key stands behind.
const SEALED_PREFIX: &str = "sealed:";
