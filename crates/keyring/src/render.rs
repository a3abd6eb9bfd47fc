//! How the 64 bytes of a sealed token, or the 32 of a short one, are spelt, and the strict reading of each spelling.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::layout::{PAYLOAD_BYTES, SHORT_PAYLOAD_BYTES};
use crate::seal::TAG_BYTES;

pub(crate) const SEALED_BYTES: usize = PAYLOAD_BYTES + TAG_BYTES;
pub(crate) const SHORT_SEALED_BYTES: usize = SHORT_PAYLOAD_BYTES + TAG_BYTES;
const HALF_BYTES: usize = SEALED_BYTES / 2;
const HEX_DIGITS: &[u8; 16] = b"0123456789abcdef";

/// A token as it goes over the wire. Its `Debug` hides it.
#[derive(Clone, PartialEq, Eq)]
pub struct SealedToken(String);

impl SealedToken {
    /// The text, for the response it belongs to.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// As one word of base64url.
    pub(crate) fn whole(sealed: &[u8; SEALED_BYTES]) -> Self {
        Self(URL_SAFE_NO_PAD.encode(sealed))
    }

    /// As two words of base64url with a dot between them.
    pub(crate) fn halves(sealed: &[u8; SEALED_BYTES]) -> Self {
        let (first, second) = sealed.split_at(HALF_BYTES);
        let mut text = String::with_capacity(87);
        URL_SAFE_NO_PAD.encode_string(first, &mut text);
        text.push('.');
        URL_SAFE_NO_PAD.encode_string(second, &mut text);
        Self(text)
    }

    /// As hexadecimal digits in lower case.
    pub(crate) fn hex(sealed: &[u8; SHORT_SEALED_BYTES]) -> Self {
        let digit = |value: u8| HEX_DIGITS.get(usize::from(value)).copied().map_or('0', char::from);
        Self(sealed.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 0xf)]).collect())
    }
}

impl fmt::Debug for SealedToken {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "SealedToken({} bytes)", self.0.len())
    }
}

/// Reads one word of base64url.
pub(crate) fn read_whole(text: &str) -> Option<[u8; SEALED_BYTES]> {
    let mut sealed = [0; SEALED_BYTES];
    fill(&mut sealed, text)?;
    Some(sealed)
}

/// Reads two words of base64url with a dot between them.
pub(crate) fn read_halves(text: &str) -> Option<[u8; SEALED_BYTES]> {
    let mut sealed = [0; SEALED_BYTES];
    let (first, second) = text.split_once('.')?;
    let (first_bytes, second_bytes) = sealed.split_at_mut(HALF_BYTES);
    fill(first_bytes, first)?;
    fill(second_bytes, second)?;
    Some(sealed)
}

/// Reads hexadecimal digits in lower case.
pub(crate) fn read_hex(text: &str) -> Option<[u8; SHORT_SEALED_BYTES]> {
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if pairs.len() != SHORT_SEALED_BYTES || !rest.is_empty() {
        return None;
    }
    let digit = |digit: u8| match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    };
    let mut sealed = [0; SHORT_SEALED_BYTES];
    for (byte, [high, low]) in sealed.iter_mut().zip(pairs) {
        *byte = (digit(*high)? << 4) | digit(*low)?;
    }
    Some(sealed)
}

fn fill(out: &mut [u8], text: &str) -> Option<()> {
    if text.len() != (out.len() * 4).div_ceil(3) {
        return None;
    }
    let length = URL_SAFE_NO_PAD.decode_slice(text, out).ok()?;
    (length == out.len()).then_some(())
}
