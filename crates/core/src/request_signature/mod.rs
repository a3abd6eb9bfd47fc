//! Requests that a client signs with its secret instead of showing it: what is signed, and whether the signature is right.
//!
//! Two versions, as Tiki's Tini Apps sign: the first over the parsed fields of a request, the second over its bytes. Source: the
//! platform's pages "calculate signature" of 2021-05 and 2021-07, whose examples are the tests.

mod canonical;
mod masking;
mod mistake;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use serde_json::Value;

pub use canonical::{payload, sign, sign_in_base64};
pub use masking::masked_whole;
pub use mistake::{Mistake, Recognised, recognise};

use crate::realm::RequestSignatures;

/// A longer string is not explained: each mistake is tried on all of it, and whoever signs wrongly must not have that cost us much.
pub const EXPLAINED_BYTES_MAX: usize = 1_024;

/// What a signature covers besides the client and the timestamp.
#[derive(Clone, PartialEq)]
pub enum Covered {
    /// Version 1: the members of the request but `client_id`, `timestamp` and `signature`. How they were written does not matter.
    Fields(BTreeMap<String, Value>),
    /// Version 2: the body as it was sent; of a GET the path with its query, without the base URL.
    Bytes(Vec<u8>),
}

/// What a client signs.
#[derive(Clone, PartialEq)]
pub struct SigningInput {
    /// Who signs.
    pub client_id: String,
    /// When, in milliseconds since 1970.
    pub timestamp_ms: i64,
    /// What.
    pub covered: Covered,
}

/// A request with its signature.
#[derive(Debug, Clone, PartialEq)]
pub struct SignedRequest {
    /// What is signed.
    pub input: SigningInput,
    /// Lower-case hex digits of the HMAC.
    pub signature: String,
}

/// Why a signature proves nothing. The caller is told neither.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignatureFault {
    /// It is not this client's over this request.
    #[error("the signature does not fit the request")]
    Mismatch,
    /// It is right, and was made too long ago or is of the future.
    #[error("the timestamp is too far from the server's time")]
    Timestamp,
    /// The realm takes no signed requests.
    #[error("the realm takes no signed requests")]
    NotTaken,
}

impl SignedRequest {
    /// Whether one of these secrets made the signature, at a time that the realm takes. Always the same work for as many secrets.
    ///
    /// # Errors
    /// [`SignatureFault`].
    pub fn check(
        &self,
        secrets: &[impl AsRef<[u8]>],
        policy: RequestSignatures,
        now_ms: i64,
    ) -> Result<(), SignatureFault> {
        let payload = payload(&self.input.canonical());
        let is_right = secrets.iter().fold(false, |is_right, secret| {
            let expect = sign(secret.as_ref(), payload.as_bytes());
            verify_slices_are_equal(expect.as_bytes(), self.signature.as_bytes()).is_ok() | is_right
        });
        let distance_ms = now_ms.abs_diff(self.input.timestamp_ms);
        match (policy, is_right) {
            (RequestSignatures::Refused, _) => Err(SignatureFault::NotTaken),
            (RequestSignatures::Within(_) | RequestSignatures::AnyTime, false) => Err(SignatureFault::Mismatch),
            (RequestSignatures::Within(window_s), true) if distance_ms > u64::from(window_s) * 1_000 => {
                Err(SignatureFault::Timestamp)
            }
            (RequestSignatures::Within(_) | RequestSignatures::AnyTime, true) => Ok(()),
        }
    }
}

impl fmt::Debug for SigningInput {
    // What is signed holds codes and tokens.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "SigningInput({}, {})", self.client_id, self.timestamp_ms)
    }
}
