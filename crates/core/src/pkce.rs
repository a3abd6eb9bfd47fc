//! Proof Key for Code Exchange, S256 alone (RFC 7636; RFC 9700 section 2.1.1).

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::grant::ShortDigest;

/// The `code_challenge` of an authorization request: a SHA-256 digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CodeChallenge([u8; 32]);

/// What is wrong with the PKCE parameters of an authorization request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ChallengeError {
    /// `code_challenge_method` is not `S256`; absent means `plain` (RFC 7636 section 4.3).
    #[error("the code_challenge_method is not S256")]
    Method,
    /// Not 43 characters of base64url.
    #[error("the code_challenge is malformed")]
    Challenge,
    /// There is none, and this client must send one.
    #[error("the code_challenge is missing")]
    Missing,
}

impl CodeChallenge {
    /// Reads the two parameters; both absent is no challenge.
    ///
    /// # Errors
    /// [`ChallengeError`]: a method other than S256, or a challenge that is not a SHA-256 digest in base64url.
    pub fn parse(challenge: Option<&str>, method: Option<&str>) -> Result<Option<Self>, ChallengeError> {
        match (challenge, method) {
            (None, None) => Ok(None),
            (None, Some(_)) => Err(ChallengeError::Challenge),
            (Some(challenge), Some("S256")) => {
                let bytes = URL_SAFE_NO_PAD.decode(challenge).map_err(|_| ChallengeError::Challenge)?;
                Ok(Some(Self(bytes.try_into().map_err(|_| ChallengeError::Challenge)?)))
            }
            (Some(_), _) => Err(ChallengeError::Method),
        }
    }

    /// The challenge that a verifier answers; `None` unless it has 43 to 128 unreserved characters (RFC 7636 section 4.1).
    #[must_use]
    pub fn of_verifier(verifier: &str) -> Option<Self> {
        let unreserved = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
        if !(43..=128).contains(&verifier.len()) || !verifier.bytes().all(unreserved) {
            return None;
        }
        digest(&SHA256, verifier.as_bytes()).as_ref().try_into().ok().map(Self)
    }

    /// What the grant's row keeps of a challenge, or of its absence.
    #[must_use]
    pub fn digest(challenge: Option<Self>) -> ShortDigest {
        challenge.map_or(ShortDigest::ABSENT, |challenge| ShortDigest::of(&challenge.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // RFC 7636 appendix B.
    const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

    #[test]
    fn the_verifier_of_the_rfc_answers_its_challenge() {
        let challenge = CodeChallenge::parse(Some(CHALLENGE), Some("S256")).unwrap();
        assert_eq!(CodeChallenge::of_verifier(VERIFIER), challenge);
    }

    #[test]
    fn plain_and_malformed_challenges_are_refused() {
        for (challenge, method, expect) in [
            (Some(CHALLENGE), Some("plain"), ChallengeError::Method),
            (Some(CHALLENGE), None, ChallengeError::Method),
            (Some(CHALLENGE), Some("s256"), ChallengeError::Method),
            (None, Some("S256"), ChallengeError::Challenge),
            (Some(&CHALLENGE[1..]), Some("S256"), ChallengeError::Challenge),
            (Some("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cN"), Some("S256"), ChallengeError::Challenge),
            (Some("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw+cM"), Some("S256"), ChallengeError::Challenge),
            (Some("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM="), Some("S256"), ChallengeError::Challenge),
        ] {
            assert_eq!(CodeChallenge::parse(challenge, method), Err(expect), "{challenge:?} {method:?}");
        }
    }

    #[test]
    fn a_verifier_has_43_to_128_unreserved_characters() {
        for (verifier, expect) in [
            ("a".repeat(42), false),
            ("a".repeat(43), true),
            ("a".repeat(128), true),
            ("a".repeat(129), false),
            (format!("{}+", "a".repeat(42)), false),
            (format!("{}~", "a".repeat(42)), true),
        ] {
            assert_eq!(CodeChallenge::of_verifier(&verifier).is_some(), expect, "{verifier}");
        }
    }
}
