//! The keys of one realm: sealing keys of tokens, newest first, and what follows from its root key.

use aws_lc_rs::aead::{AES_256_GCM_SIV, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use kimbai_core::client::{SealedSecret, SecretDigest};
use kimbai_core::number::RealmNumber;
use kimbai_core::realm::TokenShape;
use kimbai_core::secret::Secret;
use kimbai_core::token::{Pointer, Rowless, SealingKeys, TokenKind};
use zeroize::Zeroizing;

use crate::master_key::{MasterKey, MasterKeyError, derive};
use crate::random::random_array;
use crate::render::{self, SealedToken};
use crate::seal::{Opened, SealError, SealingKey};
use crate::signing_keys::SigningKeySet;

/// How many sealing keys may be live at once.
const SEALING_KEYS_MAX: usize = 4;

/// What a stored key of a realm is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyUsage {
    /// The root of digests and of values that travel through a browser; one a realm, for its whole life.
    Root,
    /// The root of a generation of token keys.
    Sealing,
    /// The keys that sign JWTs, all of a realm in one value.
    Signing,
}

impl KeyUsage {
    /// Its name in the store.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Root => "root",
            Self::Sealing => "sealing",
            Self::Signing => "signing",
        }
    }
}

/// A key as the store keeps it.
#[derive(Debug, Clone)]
pub struct StoredKey {
    /// Its number among the realm's keys of its use.
    pub number: u8,
    /// The name of its use.
    pub usage: String,
    /// The key under the master key.
    pub sealed: Vec<u8>,
}

/// Why a realm's keys cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyringError {
    /// The master key does not open them.
    #[error("{0}")]
    MasterKey(#[from] MasterKeyError),
    /// A key that every realm needs is not there.
    #[error("the realm has no {0} key")]
    Missing(&'static str),
    /// More than four sealing keys.
    #[error("the realm has more than four live sealing keys")]
    TooMany,
    /// They were stored by a later version, or are damaged.
    #[error("the realm's signing keys cannot be read by this version")]
    Unreadable,
}

/// The keys of one realm, ready to use.
pub struct RealmKeyring {
    sealing: Vec<SealingKey>,
    shape: TokenShape,
    client_secrets: hmac::Key,
    digests: hmac::Key,
    values: LessSafeKey,
}

impl std::fmt::Debug for RealmKeyring {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "RealmKeyring({} sealing keys)", self.sealing.len())
    }
}

impl RealmKeyring {
    /// A new key of a realm, sealed for the store; of signing keys, none yet: they are made when they are needed.
    #[must_use]
    pub fn generate(master: &MasterKey, realm: RealmNumber, usage: KeyUsage) -> Vec<u8> {
        match usage {
            KeyUsage::Root | KeyUsage::Sealing => {
                let key = Zeroizing::new(random_array::<32>());
                master.wrap(&context(realm, usage), key.as_slice())
            }
            KeyUsage::Signing => SigningKeySet::default().seal(master, realm),
        }
    }

    /// A key of a realm that is sealed under one master key, sealed under another.
    ///
    /// # Errors
    /// [`MasterKeyError::Wrong`]: the first one does not open it.
    pub fn seal_anew(
        from: &MasterKey,
        to: &MasterKey,
        realm: RealmNumber,
        key: &StoredKey,
    ) -> Result<Vec<u8>, MasterKeyError> {
        let context = format!("realm {} {}", realm.0, key.usage);
        Ok(to.wrap(&context, &from.unwrap(&context, &key.sealed)?))
    }

    /// Opens the keys of a realm.
    ///
    /// # Errors
    /// [`KeyringError`]: a wrong master key, or keys that are missing.
    pub fn open_keys(
        master: &MasterKey,
        realm: RealmNumber,
        shape: TokenShape,
        keys: &[StoredKey],
    ) -> Result<Self, KeyringError> {
        let of_usage = |usage: KeyUsage| keys.iter().filter(move |key| key.usage == usage.name());
        let mut sealing = Vec::new();
        for key in of_usage(KeyUsage::Sealing) {
            let root = master.unwrap(&context(realm, KeyUsage::Sealing), &key.sealed)?;
            sealing.insert(0, SealingKey::new(realm, key.number, &root).ok_or(KeyringError::Missing("sealing"))?);
        }
        match sealing.len() {
            0 => return Err(KeyringError::Missing("sealing")),
            1..=SEALING_KEYS_MAX => {}
            _ => return Err(KeyringError::TooMany),
        }
        let root = of_usage(KeyUsage::Root).next().ok_or(KeyringError::Missing("root"))?;
        let root = master.unwrap(&context(realm, KeyUsage::Root), &root.sealed)?;
        let hmac_key = |info: &[u8]| hmac::Key::new(hmac::HMAC_SHA256, derive(&root, &[info]).as_slice());
        let values = UnboundKey::new(&AES_256_GCM_SIV, derive(&root, &[b"kimbai values 1"]).as_slice());
        Ok(Self {
            sealing,
            shape,
            client_secrets: hmac_key(b"kimbai client secrets 1"),
            digests: hmac_key(b"kimbai digests 1"),
            values: LessSafeKey::new(values.map_err(|_| KeyringError::Missing("root"))?),
        })
    }

    /// The number of the key for new generations, and what it seals.
    #[must_use]
    pub fn sealing_keys(&self) -> SealingKeys {
        let newest = self.sealing.first().map_or(0, |key| key.number);
        SealingKeys { newest, payload: self.shape.payload() }
    }

    /// Whether there is a sealing key of this number: one that was retired makes no token again.
    #[must_use]
    pub fn has_sealing_key(&self, number: u8) -> bool {
        self.sealing.iter().any(|sealing| sealing.number == number)
    }

    /// Seals a code, access or refresh token with the key of this number. A short one says only a part of it.
    ///
    /// # Errors
    /// [`SealError::RetiredKey`].
    pub fn seal(&self, kind: TokenKind, pointer: &Pointer, key: u8) -> Result<SealedToken, SealError> {
        let key = self.sealing.iter().find(|sealing| sealing.number == key).ok_or(SealError::RetiredKey)?;
        let sealed = match self.shape {
            TokenShape::Whole => key.seal_pointer(kind, pointer).map(|sealed| SealedToken::whole(&sealed)),
            TokenShape::Halves => key.seal_pointer(kind, pointer).map(|sealed| SealedToken::halves(&sealed)),
            TokenShape::Hex => key.seal_short(kind, pointer.short()).map(|sealed| SealedToken::hex(&sealed)),
        };
        sealed.ok_or(SealError::RetiredKey)
    }

    /// Seals a row-less access token, or the `jti` of one, with the newest key.
    ///
    /// # Errors
    /// [`SealError`].
    pub fn seal_rowless(&self, kind: TokenKind, token: &Rowless) -> Result<SealedToken, SealError> {
        let spell = match self.shape {
            TokenShape::Whole => SealedToken::whole,
            TokenShape::Halves => SealedToken::halves,
            TokenShape::Hex => return Err(SealError::NoRoom),
        };
        let sealed = self.sealing.first().and_then(|key| key.seal_rowless(kind, token));
        sealed.map(|sealed| spell(&sealed)).ok_or(SealError::RetiredKey)
    }

    /// Opens a token as one of these kinds; `None` for all that is not exactly one of this realm's.
    #[must_use]
    pub fn open(&self, kinds: &[TokenKind], token: &str) -> Option<Opened> {
        match self.shape {
            TokenShape::Whole => self.try_keys(kinds, &render::read_whole(token)?, SealingKey::open),
            TokenShape::Halves => self.try_keys(kinds, &render::read_halves(token)?, SealingKey::open),
            TokenShape::Hex => self.try_keys(kinds, &render::read_hex(token)?, SealingKey::open_short),
        }
    }

    /// What the first key and kind make of it that fit.
    fn try_keys<T>(
        &self,
        kinds: &[TokenKind],
        sealed: &T,
        open: impl Fn(&SealingKey, TokenKind, &T) -> Option<Opened>,
    ) -> Option<Opened> {
        self.sealing.iter().find_map(|key| kinds.iter().find_map(|kind| open(key, *kind, sealed)))
    }

    /// What is stored of a client secret, and compared.
    #[must_use]
    pub fn secret_digest(&self, secret: &Secret) -> SecretDigest {
        let tag = hmac::sign(&self.client_secrets, secret.expose().as_bytes());
        SecretDigest(tag.as_ref().try_into().unwrap_or([0; 32]))
    }

    /// A client secret that must be read again, because signatures are checked with it.
    #[must_use]
    pub fn seal_secret(&self, secret: &[u8]) -> SealedSecret {
        SealedSecret(self.seal_value(SEALED_SECRETS, secret))
    }

    /// What [`RealmKeyring::seal_secret`] sealed.
    #[must_use]
    pub fn open_secret(&self, sealed: &SealedSecret) -> Option<Zeroizing<Vec<u8>>> {
        self.open_value(SEALED_SECRETS, &sealed.0).map(Zeroizing::new)
    }

    /// A keyed digest of something that the store shall know only by it; `purpose` keeps uses apart.
    #[must_use]
    pub fn keyed_digest(&self, purpose: &str, value: &[u8]) -> [u8; 16] {
        let mut context = hmac::Context::with_key(&self.digests);
        context.update(&[u8::try_from(purpose.len()).unwrap_or(u8::MAX)]);
        context.update(purpose.as_bytes());
        context.update(value);
        let mut digest = [0; 16];
        digest.iter_mut().zip(context.sign().as_ref()).for_each(|(to, from)| *to = *from);
        digest
    }

    /// Seals a value that travels through a browser; `purpose` must be given again. Empty if it cannot be sealed.
    #[must_use]
    pub fn seal_value(&self, purpose: &str, value: &[u8]) -> String {
        let nonce: [u8; NONCE_LEN] = random_array();
        let mut sealed = value.to_vec();
        let aad = Aad::from(purpose.as_bytes());
        match self.values.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), aad, &mut sealed) {
            Ok(()) => URL_SAFE_NO_PAD.encode([nonce.as_slice(), &sealed].concat()),
            Err(_) => String::new(),
        }
    }

    /// Opens what [`RealmKeyring::seal_value`] sealed for the same purpose.
    #[must_use]
    pub fn open_value(&self, purpose: &str, sealed: &str) -> Option<Vec<u8>> {
        let bytes = URL_SAFE_NO_PAD.decode(sealed).ok()?;
        let (nonce, ciphertext) = bytes.split_first_chunk::<NONCE_LEN>()?;
        let mut in_out = ciphertext.to_vec();
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let value = self.values.open_in_place(nonce, Aad::from(purpose.as_bytes()), &mut in_out).ok()?;
        Some(value.to_vec())
    }
}

/// What sealed client secrets are told from other sealed values by.
const SEALED_SECRETS: &str = "client secret 1";

/// What a sealed key of a realm is, for the master key.
pub(crate) fn context(realm: RealmNumber, usage: KeyUsage) -> String {
    format!("realm {} {}", realm.0, usage.name())
}

#[cfg(test)]
mod tests;
