//! Signing keys, and the signing of JWTs with them: JWS in its compact form (RFC 7515 section 3.1).
//!
//! A key is parsed once, and its headers are encoded once: what remains for a token is base64 and one signature. Sources: RFC 7515,
//! RFC 7518 section 3, RFC 8037, RFC 5958 (PKCS#8), RFC 7468 (PEM).

use std::fmt;

use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der};
use aws_lc_rs::error::KeyRejected;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, ED25519, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _,
    ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, RsaKeyPair,
};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use kimbai_core::signing::SigningAlgorithm;
use zeroize::Zeroizing;

use crate::jwk::Jwk;

/// A larger RSA key would take milliseconds a signature: a flood of log-ins would stand still.
const RSA_BITS_MAX: usize = 4_096;
const PEM_BEGIN: &str = "-----BEGIN PRIVATE KEY-----";
const PEM_END: &str = "-----END PRIVATE KEY-----";

/// What a JWT of ours is for. One kind never passes for another (RFC 8725 section 3.11).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JwtKind {
    /// An ID token (OpenID Connect Core section 2).
    Id,
    /// An access token (RFC 9068).
    Access,
    /// The answer of the userinfo endpoint (OpenID Connect Core section 5.3.2). Its header has no `typ`, so that it never passes for an
    /// ID token.
    UserInfo,
    /// A refresh token of a platform where these are JWTs.
    Refresh,
}

impl JwtKind {
    const ALL: [Self; 4] = [Self::Id, Self::Access, Self::UserInfo, Self::Refresh];

    /// Its `typ`.
    pub(crate) const fn typ(self) -> Option<&'static str> {
        match self {
            Self::Id => Some("JWT"),
            Self::Access => Some("at+jwt"),
            Self::Refresh => Some("rt+jwt"),
            Self::UserInfo => None,
        }
    }
}

/// A signed JWT as it goes over the wire. Its `Debug` hides it.
#[derive(Clone, PartialEq, Eq)]
pub struct SignedJwt(String);

impl SignedJwt {
    /// The text, for the response it belongs to.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SignedJwt {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "SignedJwt({} bytes)", self.0.len())
    }
}

/// Why a private key is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SigningKeyError {
    /// Not one PKCS#8 key in PEM.
    #[error(
        "this is not one private key in PEM that begins with {PEM_BEGIN}; make one of it with `openssl pkcs8 -topk8 -nocrypt -in FILE`"
    )]
    Pem,
    /// A key of another kind or size, or a damaged one.
    #[error("the key is none of: RSA of 2048 to {RSA_BITS_MAX} bits with an exponent from 65537 on, P-256, Ed25519")]
    Unsupported,
    /// The library could not make a key, or sign.
    #[error("the cryptographic library failed")]
    Library,
}

/// A key that signs JWTs.
pub struct SigningKey {
    pair: Pair,
    public: ParsedPublicKey,
    jwk: Jwk,
    pkcs8: Zeroizing<Vec<u8>>,
    /// The encoded header of each kind, with the dot after it.
    headers: [String; JwtKind::ALL.len()],
}

enum Pair {
    Rsa(RsaKeyPair),
    P256(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

impl SigningKey {
    /// A new key. RSA (2048 bits) takes 70 to 340 ms.
    ///
    /// # Errors
    /// [`SigningKeyError::Library`].
    pub fn generate(algorithm: SigningAlgorithm) -> Result<Self, SigningKeyError> {
        let library = |_| SigningKeyError::Library;
        let pkcs8 = match algorithm {
            SigningAlgorithm::Rs256 => {
                let pair = RsaKeyPair::generate(KeySize::Rsa2048).map_err(library)?;
                let der: Pkcs8V1Der<'_> = pair.as_der().map_err(library)?;
                Zeroizing::new(der.as_ref().to_vec())
            }
            SigningAlgorithm::Es256 => {
                let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).map_err(library)?;
                Zeroizing::new(pair.to_pkcs8v1().map_err(library)?.as_ref().to_vec())
            }
            SigningAlgorithm::EdDsa => {
                let pair = Ed25519KeyPair::generate().map_err(library)?;
                Zeroizing::new(pair.to_pkcs8v1().map_err(library)?.as_ref().to_vec())
            }
        };
        Self::from_pkcs8(pkcs8)
    }

    /// A key of one's own, in PEM (RFC 7468 section 10). What kind it is, the key says.
    ///
    /// # Errors
    /// [`SigningKeyError`].
    pub fn from_pem(pem: &str) -> Result<Self, SigningKeyError> {
        let text = pem.trim().strip_prefix(PEM_BEGIN).and_then(|rest| rest.strip_suffix(PEM_END));
        let base64 = Zeroizing::new(text.ok_or(SigningKeyError::Pem)?.replace(['\r', '\n'], ""));
        let der = STANDARD.decode(base64.as_bytes()).map_err(|_| SigningKeyError::Pem)?;
        Self::from_pkcs8(Zeroizing::new(der))
    }

    /// A key in PKCS#8.
    ///
    /// # Errors
    /// [`SigningKeyError::Unsupported`].
    pub(crate) fn from_pkcs8(pkcs8: Zeroizing<Vec<u8>>) -> Result<Self, SigningKeyError> {
        let pair = Pair::parse(&pkcs8).ok_or(SigningKeyError::Unsupported)?;
        let jwk = match &pair {
            Pair::Rsa(pair) => {
                let key = pair.public_key();
                Jwk::rsa(
                    key.modulus().big_endian_without_leading_zero(),
                    key.exponent().big_endian_without_leading_zero(),
                )
            }
            Pair::P256(pair) => Jwk::p256(pair.public_key().as_ref()).ok_or(SigningKeyError::Unsupported)?,
            Pair::Ed25519(pair) => Jwk::ed25519(pair.public_key().as_ref()),
        };
        let headers = JwtKind::ALL.map(|kind| header(&jwk, kind));
        let public = pair.public().map_err(|_| SigningKeyError::Unsupported)?;
        Ok(Self { pair, public, jwk, pkcs8, headers })
    }

    /// Its name in headers: the thumbprint of its public half (RFC 7638).
    #[must_use]
    pub fn kid(&self) -> &str {
        self.jwk.kid()
    }

    /// What it signs with.
    #[must_use]
    pub const fn algorithm(&self) -> SigningAlgorithm {
        match self.pair {
            Pair::Rsa(_) => SigningAlgorithm::Rs256,
            Pair::P256(_) => SigningAlgorithm::Es256,
            Pair::Ed25519(_) => SigningAlgorithm::EdDsa,
        }
    }

    /// Its public half.
    #[must_use]
    pub const fn jwk(&self) -> &Jwk {
        &self.jwk
    }

    /// The key itself, for the store's sealed row.
    pub(crate) fn pkcs8(&self) -> &[u8] {
        &self.pkcs8
    }

    /// Signs a JWT whose claims are this JSON object.
    ///
    /// # Errors
    /// [`SigningKeyError::Library`].
    pub fn sign(&self, kind: JwtKind, claims: &[u8]) -> Result<SignedJwt, SigningKeyError> {
        let [id, access, user_info, refresh] = &self.headers;
        let header = match kind {
            JwtKind::Id => id,
            JwtKind::Access => access,
            JwtKind::UserInfo => user_info,
            JwtKind::Refresh => refresh,
        };
        let length = header.len() + (claims.len() + self.jwk.signature_bytes()).saturating_mul(4) / 3 + 4;
        let mut token = String::with_capacity(length);
        token.push_str(header);
        URL_SAFE_NO_PAD.encode_string(claims, &mut token);
        let signature = self.pair.sign(token.as_bytes())?;
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut token);
        Ok(SignedJwt(token))
    }

    /// Whether this is the key's signature of a message.
    pub(crate) fn has_signed(&self, message: &[u8], signature: &[u8]) -> bool {
        self.public.verify_sig(message, signature).is_ok()
    }
}

/// The secret half stays out of every log.
impl fmt::Debug for SigningKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "SigningKey({} {})", self.algorithm().name(), self.kid())
    }
}

impl Pair {
    fn parse(pkcs8: &[u8]) -> Option<Self> {
        if let Ok(pair) = RsaKeyPair::from_pkcs8(pkcs8) {
            let exponent = pair.public_key().exponent().big_endian_without_leading_zero();
            // RSAPublicKey.e below 65537 (0x010001) has less than three bytes, or is 65536 or less.
            let is_large_exponent = exponent.len() > 3 || (exponent.len() == 3 && exponent >= [1, 0, 1].as_slice());
            let is_fitting = is_large_exponent && pair.public_modulus_len() * 8 <= RSA_BITS_MAX;
            return is_fitting.then_some(Self::Rsa(pair));
        }
        if let Ok(pair) = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8) {
            return Some(Self::P256(pair));
        }
        Ed25519KeyPair::from_pkcs8(pkcs8).ok().map(Self::Ed25519)
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SigningKeyError> {
        let library = |_| SigningKeyError::Library;
        match self {
            Self::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature).map_err(library)?;
                Ok(signature)
            }
            Self::P256(pair) => {
                pair.sign(&SystemRandom::new(), message).map(|signature| signature.as_ref().to_vec()).map_err(library)
            }
            Self::Ed25519(pair) => pair.try_sign(message).map(|signature| signature.as_ref().to_vec()).map_err(library),
        }
    }

    fn public(&self) -> Result<ParsedPublicKey, KeyRejected> {
        match self {
            Self::Rsa(pair) => ParsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, pair.public_key()),
            Self::P256(pair) => ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, pair.public_key()),
            Self::Ed25519(pair) => ParsedPublicKey::new(&ED25519, pair.public_key()),
        }
    }
}

fn header(jwk: &Jwk, kind: JwtKind) -> String {
    // Nothing in it needs to be escaped: names of ours, and base64url.
    let typ = kind.typ().map(|typ| format!(r#""typ":"{typ}","#)).unwrap_or_default();
    let header = format!(r#"{{"alg":"{}",{typ}"kid":"{}"}}"#, jwk.algorithm().name(), jwk.kid());
    URL_SAFE_NO_PAD.encode(header) + "."
}

#[cfg(test)]
pub(crate) mod tests;
