//! Sealing of tokens: AES-256-GCM-SIV with a zero nonce, deterministic, one key for each kind.
//!
//! Deterministic, because a retried refresh must get the same bytes; a payload is never sealed under two meanings, because the kind
//! is in the key and in the associated data. `docs/decisions/0001-token-sealing.md` says why this cipher.

use aws_lc_rs::aead::{AES_256_GCM_SIV, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use kimbai_core::number::RealmNumber;
use kimbai_core::token::{Pointer, Rowless, ShortPointer, TokenKind};

use crate::layout::{read_pointer, read_rowless, read_short, write_pointer, write_rowless, write_short};
use crate::master_key::derive;
use crate::render::{SEALED_BYTES, SHORT_SEALED_BYTES};

pub(crate) const TAG_BYTES: usize = 16;

const FORMAT_VERSION: u8 = 1;

/// What a sealed token turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opened {
    /// A code, access or refresh token.
    Pointer(TokenKind, Pointer),
    /// The same of a realm whose tokens are short.
    Short(TokenKind, ShortPointer),
    /// A row-less access token.
    Rowless(Rowless),
}

/// Why a token cannot be sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// The sealing key with which the grant's tokens were made is no longer there.
    #[error("the sealing key of this generation is retired")]
    RetiredKey,
    /// A short token can say nothing without a row.
    #[error("a realm with short tokens has none without a grant")]
    NoRoom,
}

/// One of a realm's sealing keys: a derived key for each kind.
pub(crate) struct SealingKey {
    pub(crate) number: u8,
    kinds: [(TokenKind, LessSafeKey); TokenKind::ALL.len()],
    realm: RealmNumber,
}

impl SealingKey {
    /// Derives the keys of all kinds from a root.
    pub(crate) fn new(realm: RealmNumber, number: u8, root: &[u8]) -> Option<Self> {
        let key = |kind: TokenKind| {
            let derived = derive(root, &[b"kimbai token 1 ", kind_name(kind)]);
            UnboundKey::new(&AES_256_GCM_SIV, derived.as_slice()).ok().map(|key| (kind, LessSafeKey::new(key)))
        };
        let [code, access, refresh, rowless, access_jti, rowless_jti] = TokenKind::ALL.map(key);
        Some(Self { number, kinds: [code?, access?, refresh?, rowless?, access_jti?, rowless_jti?], realm })
    }

    pub(crate) fn seal_pointer(&self, kind: TokenKind, pointer: &Pointer) -> Option<[u8; SEALED_BYTES]> {
        self.seal(kind, write_pointer(pointer))
    }

    pub(crate) fn seal_short(&self, kind: TokenKind, pointer: ShortPointer) -> Option<[u8; SHORT_SEALED_BYTES]> {
        self.seal(kind, write_short(pointer))
    }

    pub(crate) fn seal_rowless(&self, kind: TokenKind, token: &Rowless) -> Option<[u8; SEALED_BYTES]> {
        self.seal(kind, write_rowless(token))
    }

    pub(crate) fn open(&self, kind: TokenKind, sealed: &[u8; SEALED_BYTES]) -> Option<Opened> {
        let payload = self.unseal(kind, sealed)?;
        match kind {
            TokenKind::Rowless | TokenKind::RowlessJti => read_rowless(&payload).map(Opened::Rowless),
            TokenKind::Code | TokenKind::Access | TokenKind::Refresh | TokenKind::AccessJti => {
                read_pointer(&payload).map(|pointer| Opened::Pointer(kind, pointer))
            }
        }
    }

    pub(crate) fn open_short(&self, kind: TokenKind, sealed: &[u8; SHORT_SEALED_BYTES]) -> Option<Opened> {
        let payload = self.unseal(kind, sealed)?;
        match kind {
            TokenKind::Code | TokenKind::Access | TokenKind::Refresh => {
                read_short(&payload).map(|pointer| Opened::Short(kind, pointer))
            }
            TokenKind::Rowless | TokenKind::RowlessJti | TokenKind::AccessJti => None,
        }
    }

    /// The payload and its tag.
    fn seal<const PAYLOAD: usize, const SEALED: usize>(
        &self,
        kind: TokenKind,
        mut payload: [u8; PAYLOAD],
    ) -> Option<[u8; SEALED]> {
        let tag = self.key(kind)?.seal_in_place_separate_tag(zero_nonce(), self.aad(kind), &mut payload).ok()?;
        let mut sealed = [0; SEALED];
        let (ciphertext, rest) = sealed.split_at_mut_checked(PAYLOAD)?;
        ciphertext.copy_from_slice(&payload);
        rest.copy_from_slice(tag.as_ref());
        Some(sealed)
    }

    fn unseal<const PAYLOAD: usize, const SEALED: usize>(
        &self,
        kind: TokenKind,
        sealed: &[u8; SEALED],
    ) -> Option<[u8; PAYLOAD]> {
        let mut in_out = *sealed;
        let payload = self.key(kind)?.open_in_place(zero_nonce(), self.aad(kind), &mut in_out).ok()?;
        payload.as_ref().try_into().ok()
    }

    fn key(&self, kind: TokenKind) -> Option<&LessSafeKey> {
        self.kinds.iter().find_map(|(of, key)| (*of == kind).then_some(key))
    }

    /// Format version, realm and kind, each behind its length.
    fn aad(&self, kind: TokenKind) -> Aad<[u8; 9]> {
        let [r3, r2, r1, r0] = self.realm.0.to_be_bytes();
        Aad::from([1, FORMAT_VERSION, 4, r3, r2, r1, r0, 1, kind_byte(kind)])
    }
}

fn zero_nonce() -> Nonce {
    Nonce::assume_unique_for_key([0; NONCE_LEN])
}

const fn kind_name(kind: TokenKind) -> &'static [u8] {
    match kind {
        TokenKind::Code => b"code",
        TokenKind::Access => b"access",
        TokenKind::Refresh => b"refresh",
        TokenKind::Rowless => b"rowless",
        TokenKind::AccessJti => b"access jti",
        TokenKind::RowlessJti => b"rowless jti",
    }
}

const fn kind_byte(kind: TokenKind) -> u8 {
    match kind {
        TokenKind::Code => 1,
        TokenKind::Access => 2,
        TokenKind::Refresh => 3,
        TokenKind::Rowless => 4,
        TokenKind::AccessJti => 5,
        TokenKind::RowlessJti => 6,
    }
}
