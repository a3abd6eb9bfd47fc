//! The master key: 32 bytes outside of the store, without which the store yields nothing usable.

use std::fmt;

use aws_lc_rs::aead::{AES_256_GCM_SIV, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::hkdf::{HKDF_SHA256, KeyType, Prk, Salt};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::{Zeroize as _, Zeroizing};

use crate::random::random_array;

/// What wraps a realm's keys.
#[derive(Clone)]
pub struct MasterKey(Zeroizing<[u8; 32]>);

/// Why a master key, or something sealed under one, cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MasterKeyError {
    /// Not 32 bytes in base64 on one line.
    #[error("the master key is not 32 bytes in base64")]
    Malformed,
    /// It is not the key with which this was sealed, or what was sealed was changed.
    #[error("the master key does not fit")]
    Wrong,
}

impl MasterKey {
    /// A new one.
    #[must_use]
    pub fn generate() -> Self {
        Self(Zeroizing::new(random_array()))
    }

    /// Reads the text of a key file.
    ///
    /// # Errors
    /// [`MasterKeyError::Malformed`].
    pub fn parse(text: &str) -> Result<Self, MasterKeyError> {
        let bytes = Zeroizing::new(STANDARD.decode(text.trim_end()).map_err(|_| MasterKeyError::Malformed)?);
        let key: [u8; 32] = bytes.as_slice().try_into().map_err(|_| MasterKeyError::Malformed)?;
        Ok(Self(Zeroizing::new(key)))
    }

    /// The text of a key file.
    #[must_use]
    pub fn to_text(&self) -> Zeroizing<String> {
        Zeroizing::new(STANDARD.encode(*self.0) + "\n")
    }

    /// Seals a key for the store: a random nonce, then the ciphertext. `context` says what it is, and must be given again.
    #[must_use]
    pub fn wrap(&self, context: &str, key: &[u8]) -> Vec<u8> {
        let nonce: [u8; NONCE_LEN] = random_array();
        let mut sealed = key.to_vec();
        let Some(wrapping) = self.wrapping_key() else { return Vec::new() };
        let aad = Aad::from(context.as_bytes());
        if wrapping.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), aad, &mut sealed).is_err() {
            sealed.zeroize();
            return Vec::new();
        }
        [nonce.as_slice(), &sealed].concat()
    }

    /// Opens what [`MasterKey::wrap`] sealed.
    ///
    /// # Errors
    /// [`MasterKeyError::Wrong`].
    pub fn unwrap(&self, context: &str, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, MasterKeyError> {
        let (nonce, ciphertext) = sealed.split_first_chunk::<NONCE_LEN>().ok_or(MasterKeyError::Wrong)?;
        let mut in_out = Zeroizing::new(ciphertext.to_vec());
        let wrapping = self.wrapping_key().ok_or(MasterKeyError::Wrong)?;
        let length = wrapping
            .open_in_place(Nonce::assume_unique_for_key(*nonce), Aad::from(context.as_bytes()), &mut in_out)
            .map_err(|_| MasterKeyError::Wrong)?
            .len();
        in_out.truncate(length);
        Ok(in_out)
    }

    fn wrapping_key(&self) -> Option<LessSafeKey> {
        let key = derive(self.0.as_slice(), &[b"kimbai wrap 1"]);
        UnboundKey::new(&AES_256_GCM_SIV, key.as_slice()).ok().map(LessSafeKey::new)
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("MasterKey")
    }
}

/// 32 bytes derived from a root for one use (HKDF-SHA256 without salt; `info` is the concatenation).
pub(crate) fn derive(root: &[u8], info: &[&[u8]]) -> Zeroizing<[u8; 32]> {
    struct Length;
    impl KeyType for Length {
        fn len(&self) -> usize {
            32
        }
    }
    let mut key = Zeroizing::new([0; 32]);
    let prk: Prk = Salt::new(HKDF_SHA256, &[]).extract(root);
    // 32 bytes are within what HKDF can give, so that neither call can fail.
    if prk.expand(info, Length).and_then(|okm| okm.fill(key.as_mut_slice())).is_err() {
        std::process::abort();
    }
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrapped_opens_with_the_same_key_and_context_only() {
        let key = MasterKey::generate();
        let sealed = key.wrap("realm 1 seal 0", b"a key");
        assert_eq!(key.unwrap("realm 1 seal 0", &sealed).unwrap().as_slice(), b"a key");
        assert_eq!(key.unwrap("realm 2 seal 0", &sealed), Err(MasterKeyError::Wrong));
        assert_eq!(MasterKey::generate().unwrap("realm 1 seal 0", &sealed), Err(MasterKeyError::Wrong));
        for position in 0..sealed.len() {
            let mut flipped = sealed.clone();
            flipped[position] ^= 1;
            assert_eq!(key.unwrap("realm 1 seal 0", &flipped), Err(MasterKeyError::Wrong));
        }
    }

    #[test]
    fn a_key_file_is_read_back_and_a_broken_one_refused() {
        let key = MasterKey::generate();
        let sealed = key.wrap("x", b"y");
        assert!(MasterKey::parse(&key.to_text()).unwrap().unwrap("x", &sealed).is_ok());
        for text in ["", "abc", &"A".repeat(43), &"A".repeat(45)] {
            assert_eq!(MasterKey::parse(text).unwrap_err(), MasterKeyError::Malformed, "{text}");
        }
    }
}
