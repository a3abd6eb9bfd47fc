//! A partner: a client whose requests come in an encrypted envelope, under a key that it shares with the realm.
//!
//! The envelope is AES-256-CBC with PKCS#7 in hexadecimal; what differs from partner to partner is data here. The keys are sealed by
//! the realm's keyring. Source: the partner API of TCONNECT; `docs/decisions/0014-a-partner-is-a-client.md`.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::metadata::{AuthenticationMethod, ClientMetadata, GrantType, RegistrationError, SealedSecret};
use crate::hexadecimal::{array_from_hex, hex};
use crate::realm::RealmSettings;

/// What a partner has that other clients have not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Partner {
    /// Its name in the header of each request; one partner of a realm has it.
    pub partner_code: String,
    /// The keys of its envelopes: one, two during a rotation. The first one is the newest.
    pub keys: Vec<EnvelopeKey>,
    /// Where the initialisation vector of an envelope is.
    #[serde(default)]
    pub iv: IvLayout,
    /// How its keys are spelt where a person reads them.
    #[serde(default)]
    pub key_spelling: KeySpelling,
    /// Whether it is answered in envelopes too.
    #[serde(default)]
    pub answers: AnswerForm,
}

/// A key of a partner's envelopes as it is stored, and until when it is one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EnvelopeKey {
    /// Its 32 bytes, sealed by the realm's keyring.
    pub sealed: SealedSecret,
    /// In seconds since 1970; absent: until it is replaced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends_s: Option<u32>,
}

impl Partner {
    /// A partner whose envelopes are as the platform's documents have them.
    #[must_use]
    pub fn new(partner_code: String, key: EnvelopeKey) -> Self {
        Self {
            partner_code,
            keys: vec![key],
            iv: IvLayout::Prepended,
            key_spelling: KeySpelling::Hex,
            answers: AnswerForm::Plain,
        }
    }
}

impl EnvelopeKey {
    /// A key that stays until it is replaced.
    #[must_use]
    pub const fn lasting(sealed: SealedSecret) -> Self {
        Self { sealed, ends_s: None }
    }

    /// Whether it counts at this second since 1970.
    #[must_use]
    pub fn is_live(&self, now_s: u32) -> bool {
        self.ends_s.is_none_or(|end| now_s < end)
    }
}

/// Where the initialisation vector of an envelope is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IvLayout {
    /// In front of the cipher text, and new for each envelope.
    #[default]
    Prepended,
    /// Sixteen zero bytes, and not in the envelope.
    Zero,
    /// Always the same, handed out with the key, and not in the envelope.
    Fixed(FixedIv),
}

/// An initialisation vector that was handed out with a key: 32 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct FixedIv(pub [u8; IV_BYTES]);

/// How a key is spelt where a person reads it: either spelling means 32 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeySpelling {
    /// 64 hexadecimal digits.
    #[default]
    Hex,
    /// 32 printable ASCII characters, each of which is a byte.
    Ascii,
}

/// Whether a partner's answers are plain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AnswerForm {
    /// JSON.
    #[default]
    Plain,
    /// JSON in an envelope under the key that opened the request.
    Encrypted,
}

/// Bytes of a key: AES-256.
pub const ENVELOPE_KEY_BYTES: usize = 32;
/// Bytes of an initialisation vector.
pub const IV_BYTES: usize = 16;
/// A partner has so many live keys at most.
pub const ENVELOPE_KEYS_MAX: usize = 2;
/// The longest partner code, in bytes.
pub const PARTNER_CODE_BYTES_MAX: usize = 64;

/// Why text is not what it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SpellingError {
    /// A key in hexadecimal is none.
    #[error("a key is 64 hexadecimal digits")]
    HexKey,
    /// A key in ASCII is none.
    #[error("a key with the spelling ascii is 32 printable ASCII characters")]
    AsciiKey,
    /// An initialisation vector is none.
    #[error("an initialisation vector is 32 hexadecimal digits")]
    Iv,
}

impl TryFrom<String> for FixedIv {
    type Error = SpellingError;

    fn try_from(text: String) -> Result<Self, SpellingError> {
        array_from_hex(&text).map(Self).ok_or(SpellingError::Iv)
    }
}

impl From<FixedIv> for String {
    fn from(FixedIv(bytes): FixedIv) -> Self {
        hex(&bytes)
    }
}

impl fmt::Display for IvLayout {
    /// As it is said on a command line: `prepended`, `zero`, or the 32 digits of the one that is always the same.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Prepended => formatter.write_str("prepended"),
            Self::Zero => formatter.write_str("zero"),
            Self::Fixed(FixedIv(bytes)) => formatter.write_str(&hex(bytes)),
        }
    }
}

impl KeySpelling {
    /// Its name, as it is stored and said on a command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Hex => "hex",
            Self::Ascii => "ascii",
        }
    }

    /// The bytes of a key that is spelt like this.
    ///
    /// # Errors
    /// [`SpellingError::HexKey`], [`SpellingError::AsciiKey`].
    pub fn read(self, text: &str) -> Result<[u8; ENVELOPE_KEY_BYTES], SpellingError> {
        match self {
            Self::Hex => array_from_hex(text).ok_or(SpellingError::HexKey),
            Self::Ascii => {
                let bytes = text.as_bytes().try_into().map_err(|_| SpellingError::AsciiKey)?;
                let is_printable = text.bytes().all(|byte| byte.is_ascii_graphic());
                if is_printable { Ok(bytes) } else { Err(SpellingError::AsciiKey) }
            }
        }
    }
}

/// Whether this could be a partner's code: 1 to 64 printable ASCII characters without spaces.
#[must_use]
pub fn is_partner_code(code: &str) -> bool {
    (1..=PARTNER_CODE_BYTES_MAX).contains(&code.len()) && code.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Whether a client of this realm can be a partner like this, or can be none.
pub(super) fn check(metadata: &ClientMetadata, settings: &RealmSettings) -> Result<(), RegistrationError> {
    let proves = metadata.token_endpoint_auth_method == AuthenticationMethod::PartnerEnvelope;
    let has_password = metadata.grant_types.contains(&GrantType::Password);
    let codes = metadata.partner.as_ref().map(|partner| partner.partner_code.as_str());
    let keys = metadata.partner.as_ref().map_or(1, |partner| partner.keys.len());
    let contradictions = [
        (
            settings.partners.is_none() && (proves || has_password || metadata.partner.is_some()),
            "partners, partner_envelope and the grant type password need a realm that has partners",
        ),
        (
            metadata.partner.is_some() != proves,
            "partner and token_endpoint_auth_method partner_envelope need each other",
        ),
        (
            settings.partners.is_some() && metadata.grant_types.iter().copied().any(is_of_browsers),
            "grant_types: in a realm of partners there are password and refresh_token alone",
        ),
        (
            has_password && !metadata.grant_types.contains(&GrantType::RefreshToken),
            "grant_types: who has password has refresh_token too, because each answer has a refresh token",
        ),
        (has_password && !proves, "the grant type password is for partners alone (RFC 9700 section 2.4)"),
        (
            codes.is_some_and(|code| !is_partner_code(code)),
            "partner.partner_code has 1 to 64 printable ASCII characters without spaces",
        ),
        (!(1..=ENVELOPE_KEYS_MAX).contains(&keys), "partner.keys: a partner has one key, or two during a rotation"),
    ];
    match contradictions.into_iter().find(|(holds, _)| *holds) {
        Some((_, text)) => Err(RegistrationError::Contradiction(text)),
        None => Ok(()),
    }
}

/// Whether a grant needs an endpoint that a realm of partners does not have.
const fn is_of_browsers(grant_type: GrantType) -> bool {
    match grant_type {
        GrantType::AuthorizationCode | GrantType::ClientCredentials => true,
        GrantType::Password | GrantType::RefreshToken => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_as_it_is_spelt() {
        let bytes: [u8; 32] = std::array::from_fn(|index| u8::try_from(index).unwrap());
        let digits = "000102030405060708090a0b0c0d0e0f101112131415161718191A1B1C1D1E1F";
        assert_eq!(KeySpelling::Hex.read(digits), Ok(bytes));
        let ascii = "0123456789abcdefghijklmnopqrstuv";
        assert_eq!(KeySpelling::Ascii.read(ascii).unwrap().as_slice(), ascii.as_bytes());
        for (spelling, text, expect) in [
            (KeySpelling::Hex, &digits[1..], SpellingError::HexKey),
            (KeySpelling::Hex, &digits[2..], SpellingError::HexKey),
            (KeySpelling::Hex, ascii, SpellingError::HexKey),
            (KeySpelling::Hex, "", SpellingError::HexKey),
            (KeySpelling::Ascii, digits, SpellingError::AsciiKey),
            (KeySpelling::Ascii, "0123456789abcdefghijklmnopqrst v", SpellingError::AsciiKey),
            (KeySpelling::Ascii, "0123456789abcdefghijklmnopqrs\u{1ea1}", SpellingError::AsciiKey),
        ] {
            assert_eq!(spelling.read(text), Err(expect), "{text}");
        }
    }

    #[test]
    fn an_initialisation_vector_is_stored_as_digits() {
        let digits = "f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0";
        for (layout, expect, said) in [
            (IvLayout::Prepended, "\"prepended\"", "prepended"),
            (IvLayout::Zero, "\"zero\"", "zero"),
            (IvLayout::Fixed(FixedIv([0xf0; IV_BYTES])), &format!("{{\"fixed\":\"{digits}\"}}"), digits),
        ] {
            assert_eq!((serde_json::to_string(&layout).unwrap().as_str(), layout.to_string().as_str()), (expect, said));
            assert_eq!(serde_json::from_str::<IvLayout>(expect).unwrap(), layout);
        }
        assert!(serde_json::from_str::<IvLayout>("{\"fixed\":\"f0\"}").is_err());
    }

    #[test]
    fn a_partner_code_is_printable_and_short() {
        let longest = "x".repeat(PARTNER_CODE_BYTES_MAX);
        for code in ["DEMO", "m-1/2", longest.as_str()] {
            assert!(is_partner_code(code), "{code}");
        }
        for code in ["", "A B", "A\t", "\u{110}EMO", "a\u{7f}", &(longest.clone() + "x")] {
            assert!(!is_partner_code(code), "{code}");
        }
    }

    #[test]
    fn a_key_counts_until_its_end() {
        let key = EnvelopeKey::lasting(SealedSecret(String::new()));
        assert!(key.is_live(u32::MAX));
        let ending = EnvelopeKey { ends_s: Some(100), ..key };
        assert!(ending.is_live(99) && !ending.is_live(100));
    }
}
