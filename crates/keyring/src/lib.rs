//! Keys and what is done with them: sealing of tokens, signing of JWTs, digests of client secrets, hashes of passwords.
//!
//! Knows payloads and bytes, not protocols. All cryptography is a library's; here is decided which key does what.
//! Sources: RFC 8452 (AES-GCM-SIV), RFC 5869 (HKDF), RFC 2104 (HMAC), RFC 9106 (Argon2), RFC 7515
//! (JWS), RFC 7517 (JWK).

mod json;
mod jwk;
mod key_file;
mod layout;
mod master_key;
mod password;
mod random;
mod realm_keyring;
mod render;
mod rotation;
mod seal;
mod sign;
mod signing_keys;
mod verify;

pub use json::parse_object;
pub use jwk::Jwk;
pub use key_file::{KeyFile, KeyFileError};
pub use master_key::{MasterKey, MasterKeyError};
pub use password::{PasswordError, hash_password, is_password_hash, verify_password};
pub use random::{random_array, random_u32, random_u64};
pub use realm_keyring::{KeyUsage, KeyringError, RealmKeyring, StoredKey};
pub use render::SealedToken;
pub use rotation::{KeyStart, KeyState, KeyTimes, RotationPolicy};
pub use seal::{Opened, SealError};
pub use sign::{JwtKind, SignedJwt, SigningKey, SigningKeyError};
pub use signing_keys::{AddKeyError, KEYS_OF_ALGORITHM_MAX, SigningKeyFacts, SigningKeySet};
pub use verify::{JwtFault, VerifiedJwt};
