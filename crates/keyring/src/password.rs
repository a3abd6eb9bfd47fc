//! Hashes of people's passwords: argon2id with 19 MiB and two passes (RFC 9106; the OWASP minimum).
//!
//! Slow on purpose: callers run it on a bounded pool.

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use unicode_normalization::UnicodeNormalization as _;

use crate::random::random_array;

/// A hash that costs more than these would let one log-in take a server's memory.
const MEMORY_KIB_MAX: u32 = 256 * 1024;
const PASSES_MAX: u32 = 16;
const LANES_MAX: u32 = 16;

/// Why a password cannot be hashed or checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    /// Longer than the hash function takes.
    #[error("the password cannot be hashed")]
    Unhashable,
    /// What is stored is not an argon2 PHC string.
    #[error("the stored password hash is malformed")]
    StoredHash,
}

/// The PHC string of a new password.
///
/// # Errors
/// [`PasswordError::Unhashable`].
pub fn hash_password(password: &str) -> Result<String, PasswordError> {
    let salt: [u8; 16] = random_array();
    let hash: PasswordHash = Argon2::default()
        .hash_password_with_salt(one_form(password).as_bytes(), &salt)
        .map_err(|_| PasswordError::Unhashable)?;
    Ok(hash.to_string())
}

/// Whether a password is the one that was hashed.
///
/// # Errors
/// [`PasswordError::StoredHash`].
pub fn verify_password(password: &str, stored: &str) -> Result<bool, PasswordError> {
    let hash = PasswordHash::new(stored).map_err(|_| PasswordError::StoredHash)?;
    Ok(Argon2::default().verify_password(one_form(password).as_bytes(), &hash).is_ok())
}

/// Whether this is an argon2 hash in the PHC form that can be checked, within bounds of memory and time.
#[must_use]
pub fn is_password_hash(text: &str) -> bool {
    PasswordHash::new(text).is_ok_and(|hash| {
        let costs_little = argon2::Params::try_from(&hash).is_ok_and(|params| {
            params.m_cost() <= MEMORY_KIB_MAX && params.t_cost() <= PASSES_MAX && params.p_cost() <= LANES_MAX
        });
        hash.algorithm.as_str().starts_with("argon2") && hash.hash.is_some() && costs_little
    })
}

/// Keyboards write the same Vietnamese letter in one character or in three: one form of all (NFC).
fn one_form(password: &str) -> String {
    password.nfc().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_that_costs_too_much_is_none() {
        let salt_and_hash = "ppgk15t39lWGiLzIdBSRGg$YqumlV4EG9QBD1DNYpdV3qTEmj1G1g3c51WjdC8x/H0";
        for (form, expect) in [
            ("$argon2id$v=19$m=19456,t=2,p=1$", true),
            ("$argon2i$v=19$m=262144,t=16,p=16$", true),
            ("$argon2id$v=19$m=262145,t=2,p=1$", false),
            ("$argon2id$v=19$m=19456,t=17,p=1$", false),
            ("$argon2id$v=19$m=19456,t=2,p=17$", false),
            ("$scrypt$ln=16,r=8,p=1$", false),
            ("", false),
        ] {
            assert_eq!(is_password_hash(&format!("{form}{salt_and_hash}")), expect, "{form}");
        }
        assert!(!is_password_hash("$argon2id$v=19$m=19456,t=2,p=1$ppgk15t39lWGiLzIdBSRGg"));
    }

    #[test]
    fn a_password_is_recognised_and_another_is_not() {
        let hash = hash_password("mật khẩu").unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert_eq!(verify_password("mật khẩu", &hash), Ok(true));
        assert_eq!(verify_password("ma\u{323}\u{302}t kha\u{302}\u{309}u", &hash), Ok(true));
        assert_eq!(verify_password("mat khau", &hash), Ok(false));
        assert_eq!(verify_password("x", "plain"), Err(PasswordError::StoredHash));
    }
}
