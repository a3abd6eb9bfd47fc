//! Envelopes: payloads under AES-256-CBC with PKCS#7, written as hex digits, with the initialisation vector before the cipher text or
//! agreed upon beforehand. A platform's own wire format; nothing of ours is kept in it.
//!
//! Knows bytes and what was wrong with them, not what is in them. There is no integrity in it: whoever changes a cipher text changes
//! the plain text, so that a server must answer every fault alike. Sources: NIST SP 800-38A (CBC), RFC 5652 section 6.3 (padding).

use std::fmt;

use aws_lc_rs::cipher::{
    AES_256, DecryptionContext, EncryptionContext, PaddedBlockDecryptingKey, PaddedBlockEncryptingKey, UnboundCipherKey,
};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::iv::FixedLength;
use kimbai_core::client::{ENVELOPE_KEY_BYTES, FixedIv, IV_BYTES, IvLayout};
use kimbai_core::hexadecimal::{from_hex, hex};
use zeroize::Zeroizing;

use crate::random::random_array;

/// The length of a block of AES in bytes, which is that of an initialisation vector too.
const BLOCK_BYTES: usize = IV_BYTES;

/// The key of a partner's envelopes: 32 bytes, wiped when dropped, compared in constant time.
#[derive(Clone)]
pub struct CipherKey(Zeroizing<[u8; ENVELOPE_KEY_BYTES]>);

/// A cipher text and the initialisation vector that belongs to it.
#[derive(Clone, PartialEq, Eq)]
pub struct Envelope {
    layout: IvLayout,
    iv: [u8; IV_BYTES],
    ciphertext: Vec<u8>,
}

/// Why an envelope does not open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EnvelopeFault {
    /// A character that is no hex digit, or an odd number of them.
    #[error("not pairs of hex digits")]
    Hex,
    /// Not whole blocks, none at all, or no room for the initialisation vector.
    #[error("not whole blocks of 16 bytes")]
    Length,
    /// The last block does not end in padding: another key, another layout, or a changed cipher text.
    #[error("the padding is wrong")]
    Padding,
}

impl CipherKey {
    /// The key of these bytes.
    #[must_use]
    pub fn new(bytes: [u8; ENVELOPE_KEY_BYTES]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// A new one.
    #[must_use]
    pub fn generate() -> Self {
        Self::new(random_array())
    }

    /// The key itself, for who keeps it.
    #[must_use]
    pub fn expose(&self) -> &[u8; ENVELOPE_KEY_BYTES] {
        &self.0
    }

    /// The key as 64 hex digits in lower case, for who is told it.
    #[must_use]
    pub fn to_hex(&self) -> Zeroizing<String> {
        Zeroizing::new(hex(self.0.as_slice()))
    }

    /// What somebody uses who takes the digits of the key, in lower or upper case, for its characters: the first 32 of them.
    #[must_use]
    pub fn misread(&self) -> [Self; 2] {
        let digits = self.to_hex();
        [digits.clone(), Zeroizing::new(digits.to_ascii_uppercase())].map(|digits| {
            let mut bytes = [0; ENVELOPE_KEY_BYTES];
            bytes.iter_mut().zip(digits.bytes()).for_each(|(to, from)| *to = from);
            Self::new(bytes)
        })
    }

    fn unbound(&self) -> UnboundCipherKey {
        // The length is the algorithm's, so that this cannot fail.
        UnboundCipherKey::new(&AES_256, self.0.as_slice()).unwrap_or_else(|_| std::process::abort())
    }
}

impl PartialEq for CipherKey {
    fn eq(&self, other: &Self) -> bool {
        verify_slices_are_equal(self.0.as_slice(), other.0.as_slice()).is_ok()
    }
}

impl Eq for CipherKey {}

impl fmt::Debug for CipherKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("CipherKey")
    }
}

impl Envelope {
    /// Encrypts a payload, with a fresh random initialisation vector unless the layout fixes it.
    #[must_use]
    pub fn seal(key: &CipherKey, layout: IvLayout, plaintext: &[u8]) -> Self {
        let iv = agreed(layout).unwrap_or_else(random_array);
        Self::seal_with(key, layout, iv, plaintext)
    }

    /// Reads an envelope off its hex digits, of either case.
    ///
    /// # Errors
    /// [`EnvelopeFault::Hex`] before [`EnvelopeFault::Length`].
    pub fn parse(digits: &[u8], layout: IvLayout) -> Result<Self, EnvelopeFault> {
        let mut bytes = from_hex(digits).ok_or(EnvelopeFault::Hex)?;
        let iv = if let Some(iv) = agreed(layout) {
            iv
        } else {
            let iv = *bytes.first_chunk().ok_or(EnvelopeFault::Length)?;
            bytes.drain(..IV_BYTES);
            iv
        };
        if bytes.is_empty() || !bytes.len().is_multiple_of(BLOCK_BYTES) {
            return Err(EnvelopeFault::Length);
        }
        Ok(Self { layout, iv, ciphertext: bytes })
    }

    /// The payload under this key. Without integrity: what opens need not be what was sealed.
    ///
    /// # Errors
    /// [`EnvelopeFault::Padding`], the same for every wrong padding.
    pub fn open(&self, key: &CipherKey) -> Result<Zeroizing<Vec<u8>>, EnvelopeFault> {
        let mut in_out = Zeroizing::new(self.ciphertext.clone());
        let context = DecryptionContext::Iv128(FixedLength::from(self.iv));
        let length = PaddedBlockDecryptingKey::cbc_pkcs7(key.unbound())
            .and_then(|decrypting| Ok(decrypting.decrypt(&mut in_out, context)?.len()))
            .map_err(|_| EnvelopeFault::Padding)?;
        in_out.truncate(length);
        Ok(in_out)
    }

    /// The envelope as hex digits in lower case.
    #[must_use]
    pub fn to_hex(&self) -> String {
        match self.layout {
            IvLayout::Prepended => hex(&self.iv) + &hex(&self.ciphertext),
            IvLayout::Zero | IvLayout::Fixed(_) => hex(&self.ciphertext),
        }
    }

    /// The initialisation vector, wherever it came from.
    #[must_use]
    pub const fn iv(&self) -> &[u8; IV_BYTES] {
        &self.iv
    }

    /// The cipher text: one block or more.
    #[must_use]
    pub fn ciphertext(&self) -> &[u8] {
        &self.ciphertext
    }

    fn seal_with(key: &CipherKey, layout: IvLayout, iv: [u8; IV_BYTES], plaintext: &[u8]) -> Self {
        // Room for the padding from the start: growing would leave the plain text behind in freed memory.
        let mut in_out = Vec::with_capacity(plaintext.len().saturating_add(BLOCK_BYTES));
        in_out.extend_from_slice(plaintext);
        let context = EncryptionContext::Iv128(FixedLength::from(iv));
        let encrypted = PaddedBlockEncryptingKey::cbc_pkcs7(key.unbound())
            .and_then(|encrypting| encrypting.less_safe_encrypt(&mut in_out, context));
        if encrypted.is_err() {
            // Key and vector have the cipher's lengths, so that this cannot be; the plain text must not go out.
            std::process::abort();
        }
        Self { layout, iv, ciphertext: in_out }
    }
}

impl fmt::Debug for Envelope {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Envelope({} bytes)", self.ciphertext.len())
    }
}

/// The initialisation vector that is not in the envelope.
const fn agreed(layout: IvLayout) -> Option<[u8; IV_BYTES]> {
    match layout {
        IvLayout::Prepended => None,
        IvLayout::Zero => Some([0; IV_BYTES]),
        IvLayout::Fixed(FixedIv(iv)) => Some(iv),
    }
}

#[cfg(test)]
mod tests;
