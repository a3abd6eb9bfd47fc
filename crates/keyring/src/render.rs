//! How the 64 bytes of a sealed token are spelt, and the strict reading of each spelling.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use kimbai_core::realm::TokenShape;

use crate::layout::PAYLOAD_BYTES;
use crate::seal::TAG_BYTES;

pub(crate) const SEALED_BYTES: usize = PAYLOAD_BYTES + TAG_BYTES;
const HALF_BYTES: usize = SEALED_BYTES / 2;

/// A token as it goes over the wire. Its `Debug` hides it.
#[derive(Clone, PartialEq, Eq)]
pub struct SealedToken(String);

impl SealedToken {
    /// The text, for the response it belongs to.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Spells sealed bytes.
    pub(crate) fn spell(sealed: &[u8; SEALED_BYTES], shape: TokenShape) -> Self {
        match shape {
            TokenShape::Whole => Self(URL_SAFE_NO_PAD.encode(sealed)),
            TokenShape::Halves => {
                let (first, second) = sealed.split_at(HALF_BYTES);
                let mut text = String::with_capacity(87);
                URL_SAFE_NO_PAD.encode_string(first, &mut text);
                text.push('.');
                URL_SAFE_NO_PAD.encode_string(second, &mut text);
                Self(text)
            }
        }
    }
}

impl fmt::Debug for SealedToken {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "SealedToken({} bytes)", self.0.len())
    }
}

/// Reads the one spelling of this shape.
pub(crate) fn read(text: &str, shape: TokenShape) -> Option<[u8; SEALED_BYTES]> {
    let mut sealed = [0; SEALED_BYTES];
    match shape {
        TokenShape::Whole => fill(&mut sealed, text)?,
        TokenShape::Halves => {
            let (first, second) = text.split_once('.')?;
            let (first_bytes, second_bytes) = sealed.split_at_mut(HALF_BYTES);
            fill(first_bytes, first)?;
            fill(second_bytes, second)?;
        }
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
