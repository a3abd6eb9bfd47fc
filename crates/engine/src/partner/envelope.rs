//! Opening a partner's envelope, with either of its keys.
//!
//! An unknown or disabled partner is opened with a key that nobody has, so that it costs the same. That the padding is right proves
//! nothing: one forged envelope of 256 has that. Only a JSON object counts as opened.

use std::fmt;
use std::sync::Arc;

use kimbai_core::client::{AnswerForm, Client, ENVELOPE_KEY_BYTES, ENVELOPE_KEYS_MAX, IvLayout, Partner, SealedSecret};
use kimbai_core::time::Micros;
use kimbai_keyring::{CipherKey, Envelope, EnvelopeFault, parse_object, random_array};
use serde_json::{Map, Value};

use crate::engine::Engine;
use crate::log_in::Published;
use crate::realm::Realm;

/// What was in a partner's envelope.
pub struct OpenedEnvelope {
    /// Whose it is.
    pub partner: Arc<Client>,
    /// The members of the JSON object in it, none of them twice.
    pub members: Map<String, Value>,
    key: CipherKey,
    iv: IvLayout,
    answers: AnswerForm,
}

/// The keys of the sandbox's partners, which everybody knows. Refused everywhere else, as [`DEMO_PASSWORDS`](crate::DEMO_PASSWORDS) are.
pub const DEMO_KEYS: [[u8; ENVELOPE_KEY_BYTES]; 2] = [counted_from(0x00), counted_from(0x20)];

/// A key whose bytes are counted from this one.
const fn counted_from(first: u8) -> [u8; ENVELOPE_KEY_BYTES] {
    let mut bytes = [first; ENVELOPE_KEY_BYTES];
    let (mut rest, mut byte) = (bytes.as_mut_slice(), first);
    while let [next, after @ ..] = rest {
        *next = byte;
        byte += 1;
        rest = after;
    }
    bytes
}

/// Whether everybody knows this key.
pub(crate) fn is_published_key(key: &CipherKey) -> bool {
    DEMO_KEYS.iter().any(|published| CipherKey::new(*published) == *key)
}

/// Why an envelope does not open. The caller is told none of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EnvelopeRefusal {
    /// No enabled partner has this code.
    #[error("no enabled partner has this Partner-Code")]
    Partner,
    /// It is none, or does not open with a key of the partner.
    #[error("the envelope does not open: {0}")]
    Envelope(EnvelopeFault),
    /// What it opens to is no text.
    #[error("the envelope opens to what is not UTF-8: a wrong key or IV layout is likely")]
    Utf8,
    /// What it opens to is no JSON object.
    #[error("the envelope opens to what is not one JSON object without repeated members")]
    Json,
}

impl OpenedEnvelope {
    /// An answer in the form that the partner wants: hexadecimal digits of an envelope under the key that opened the request; none
    /// where it wants it plain.
    #[must_use]
    pub fn seal_answer(&self, json: &[u8]) -> Option<String> {
        match self.answers {
            AnswerForm::Plain => None,
            AnswerForm::Encrypted => Some(Envelope::seal(&self.key, self.iv, json).to_hex()),
        }
    }
}

impl fmt::Debug for OpenedEnvelope {
    // What was in it are passwords and tokens.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "OpenedEnvelope({}, {:?})", self.partner.client_id, self.members.keys())
    }
}

impl Engine {
    /// Opens an envelope of the partner with this code.
    ///
    /// # Errors
    /// [`EnvelopeRefusal`].
    pub fn open_envelope(
        &self,
        realm: &Realm,
        partner_code: &str,
        digits: &[u8],
    ) -> Result<OpenedEnvelope, EnvelopeRefusal> {
        let found = realm.partner(partner_code).filter(|client| client.standing.active);
        let partner = found.as_ref().and_then(|client| client.partner());
        let iv = partner.map_or(IvLayout::Prepended, |partner| partner.iv);
        let opened = open_with_each(&self.keys_of(realm, partner), iv, digits);
        let (Some(partner), Some(client)) = (partner, &found) else { return Err(EnvelopeRefusal::Partner) };
        let (key, members) = opened?;
        let (partner, answers) = (Arc::clone(client), partner.answers);
        Ok(OpenedEnvelope { partner, members, key, iv, answers })
    }

    /// The live keys of a partner, for who explains why an envelope does not open.
    #[must_use]
    pub fn envelope_keys(&self, realm: &Realm, partner_code: &str) -> Vec<CipherKey> {
        let found = realm.partner(partner_code).filter(|client| client.standing.active);
        match found.as_ref().and_then(|client| client.partner()) {
            Some(partner) => self.keys_of(realm, Some(partner)).into(),
            None => Vec::new(),
        }
    }

    /// The keys to try. One that everybody knows opens nothing, unless this is the sandbox: it may be from a copy of its store.
    fn keys_of(&self, realm: &Realm, partner: Option<&Partner>) -> [CipherKey; ENVELOPE_KEYS_MAX] {
        keys(realm, partner, self.now()).map(|key| match self.published {
            Published::Refused if is_published_key(&key) => CipherKey::generate(),
            Published::Refused | Published::Accepted => key,
        })
    }
}

/// As many keys for every partner: a key of nobody in the place of each that it does not have.
fn keys(realm: &Realm, partner: Option<&Partner>, now: Micros) -> [CipherKey; ENVELOPE_KEYS_MAX] {
    let live = partner.into_iter().flat_map(|partner| &partner.keys).filter(|key| key.is_live(now.as_unix_s()));
    let mut sealed = live.map(|key| &key.sealed);
    std::array::from_fn(|_| key(realm, sealed.next().unwrap_or(&realm.envelope_decoy)))
}

fn key(realm: &Realm, sealed: &SealedSecret) -> CipherKey {
    let opened = realm.keyring.open_secret(sealed);
    let bytes = opened.and_then(|opened| <[u8; ENVELOPE_KEY_BYTES]>::try_from(opened.as_slice()).ok());
    CipherKey::new(bytes.unwrap_or_else(|| {
        tracing::error!(realm = realm.name, "a partner's sealed key cannot be opened");
        random_array()
    }))
}

/// Tries all keys, whatever came of the first, and takes the one that opens it to an object.
fn open_with_each(
    keys: &[CipherKey],
    iv: IvLayout,
    digits: &[u8],
) -> Result<(CipherKey, Map<String, Value>), EnvelopeRefusal> {
    let envelope = Envelope::parse(digits, iv).map_err(EnvelopeRefusal::Envelope)?;
    let tried: Vec<_> = keys.iter().map(|key| (key, open(&envelope, key))).collect();
    let mut nearest = EnvelopeRefusal::Envelope(EnvelopeFault::Padding);
    for (key, opened) in tried {
        match opened {
            Ok(members) => return Ok((key.clone(), members)),
            Err(EnvelopeRefusal::Envelope(_) | EnvelopeRefusal::Partner) => {}
            // Text that is no object has come further than what is no text.
            Err(further) if nearest != EnvelopeRefusal::Json => nearest = further,
            Err(_) => {}
        }
    }
    Err(nearest)
}

fn open(envelope: &Envelope, key: &CipherKey) -> Result<Map<String, Value>, EnvelopeRefusal> {
    let plain = envelope.open(key).map_err(EnvelopeRefusal::Envelope)?;
    let text = std::str::from_utf8(&plain).map_err(|_| EnvelopeRefusal::Utf8)?;
    parse_object(text.as_bytes()).ok_or(EnvelopeRefusal::Json)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sealed(key: &CipherKey, plain: &[u8]) -> String {
        Envelope::seal(key, IvLayout::Prepended, plain).to_hex()
    }

    #[test]
    fn an_envelope_opens_with_either_key_and_the_one_that_did_is_known() {
        let [first, second, stranger] = [(); 3].map(|()| CipherKey::generate());
        let keys = [first.clone(), second.clone()];
        for right in &keys {
            let (key, members) =
                open_with_each(&keys, IvLayout::Prepended, sealed(right, b"{\"a\":1}").as_bytes()).unwrap();
            assert!(key == *right && members["a"] == 1);
        }
        let of = |key: &CipherKey, plain: &[u8]| {
            open_with_each(&keys, IvLayout::Prepended, sealed(key, plain).as_bytes()).map(|_| ()).unwrap_err()
        };
        assert_eq!(of(&second, b"\xff"), EnvelopeRefusal::Utf8);
        for json in [&b""[..], b"[]", b"null", b"{\"a\":1,\"a\":1}", b"{\"a\":{\"b\":1,\"b\":1}}", b"{} {}", b"{"] {
            assert_eq!(of(&first, json), EnvelopeRefusal::Json);
        }
        // One of 256 such envelopes has a padding, and what it opens to is no text.
        let wrong = (0..64).map(|_| of(&stranger, b"{\"a\":1}"));
        assert!(wrong.into_iter().all(|refusal| refusal != EnvelopeRefusal::Json));
    }

    #[test]
    fn the_published_keys_are_those_of_the_demo() {
        let digits = [
            "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
            "202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f",
        ];
        assert_eq!(DEMO_KEYS.map(|key| CipherKey::new(key).to_hex().to_string()), digits);
        assert!(is_published_key(&CipherKey::new(DEMO_KEYS[1])) && !is_published_key(&CipherKey::generate()));
    }

    #[test]
    fn what_cannot_be_an_envelope_is_named() {
        let keys = [CipherKey::generate(), CipherKey::generate()];
        for (digits, expect) in [
            ("", EnvelopeFault::Length),
            ("0g", EnvelopeFault::Hex),
            ("abc", EnvelopeFault::Hex),
            (&"00".repeat(16), EnvelopeFault::Length),
            (&"00".repeat(33), EnvelopeFault::Length),
        ] {
            let refused = open_with_each(&keys, IvLayout::Prepended, digits.as_bytes()).map(|_| ()).unwrap_err();
            assert_eq!(refused, EnvelopeRefusal::Envelope(expect), "{digits}");
        }
    }
}
