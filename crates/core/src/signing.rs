//! Signing of JWTs: the algorithms that there are, and what a realm says of its keys.
//!
//! Sources: RFC 7518 section 3.1, RFC 8037 section 3.1, OpenID Connect Core section 10.1.

use serde::{Deserialize, Serialize};

/// An algorithm that signs JWTs, by its name in `alg` headers. All are asymmetric: who can verify cannot sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum SigningAlgorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256, which every client of OpenID Connect knows (Core section 15.1).
    #[serde(rename = "RS256")]
    Rs256,
    /// ECDSA on P-256 with SHA-256.
    #[serde(rename = "ES256")]
    Es256,
    /// Ed25519 (RFC 8037).
    #[serde(rename = "EdDSA")]
    EdDsa,
}

impl SigningAlgorithm {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Rs256, Self::Es256, Self::EdDsa];

    /// Its name in `alg` headers and in metadata.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Es256 => "ES256",
            Self::EdDsa => "EdDSA",
        }
    }
}

/// What a realm says of its signing keys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SigningSettings {
    /// The algorithms for which it has keys, from the first time that one is needed.
    pub algorithms: Vec<SigningAlgorithm>,
    /// After so many seconds of signing a key is followed by a new one; none: by command alone.
    pub rotate_after_s: Option<u32>,
    /// For so many seconds clients and caches may keep the JWK Set; a new key is published for longer before it signs.
    pub jwks_max_age_s: u32,
}

/// Ninety days.
const ROTATE_AFTER_S: u32 = 90 * 86_400;
const JWKS_MAX_AGE_S: u32 = 300;
/// A rotation takes longer than this: a day is more than any cache needs.
const JWKS_MAX_AGE_MAX_S: u32 = 86_400;

impl Default for SigningSettings {
    fn default() -> Self {
        Self {
            algorithms: SigningAlgorithm::ALL.to_vec(),
            rotate_after_s: Some(ROTATE_AFTER_S),
            jwks_max_age_s: JWKS_MAX_AGE_S,
        }
    }
}

/// Why a realm's signing settings are refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SigningSettingsError {
    /// An algorithm is named twice.
    #[error("algorithms: {} is named twice", .0.name())]
    Twice(SigningAlgorithm),
    /// Keys would be followed by others without end.
    #[error("rotate_after_s: it is at least 1 s")]
    RotateAfter,
    /// Caches would never, or hardly ever, see a new key.
    #[error("jwks_max_age_s: it is 1 to {JWKS_MAX_AGE_MAX_S} s")]
    MaxAge,
}

impl SigningSettings {
    /// Whether a realm can have these settings.
    ///
    /// # Errors
    /// [`SigningSettingsError`]: what to change.
    pub fn check(&self) -> Result<(), SigningSettingsError> {
        let is_twice = |algorithm: &&SigningAlgorithm| self.algorithms.iter().filter(|a| a == algorithm).count() > 1;
        if let Some(algorithm) = self.algorithms.iter().find(is_twice) {
            return Err(SigningSettingsError::Twice(*algorithm));
        }
        if self.rotate_after_s == Some(0) {
            return Err(SigningSettingsError::RotateAfter);
        }
        if !(1..=JWKS_MAX_AGE_MAX_S).contains(&self.jwks_max_age_s) {
            return Err(SigningSettingsError::MaxAge);
        }
        Ok(())
    }
}
