//! The id of a request, in answer, page and log: the one it brings, or a new one.

use std::sync::atomic::{AtomicU64, Ordering};

use http::{HeaderMap, HeaderName, HeaderValue};
use kimbai_keyring::random_u64;

/// The header that carries it, both ways.
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const CHARACTERS_MAX: usize = 64;

/// Makes ids: a random prefix, so that servers do not make the same, and a number.
#[derive(Debug)]
pub(crate) struct RequestIds {
    prefix: u32,
    made: AtomicU64,
}

impl RequestIds {
    pub(crate) fn new() -> Self {
        #[expect(clippy::cast_possible_truncation, reason = "any 32 of the bits will do")]
        let prefix = random_u64() as u32;
        Self { prefix, made: AtomicU64::new(0) }
    }

    /// The id the request brings, if it is one; else a new one.
    pub(crate) fn of(&self, headers: &HeaderMap) -> HeaderValue {
        let is_id = |value: &&HeaderValue| {
            let allowed = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
            (1..=CHARACTERS_MAX).contains(&value.len()) && value.as_bytes().iter().all(allowed)
        };
        headers.get(REQUEST_ID).filter(is_id).cloned().unwrap_or_else(|| {
            let number = self.made.fetch_add(1, Ordering::Relaxed);
            let id = format!("{:08x}{number:08x}", self.prefix);
            HeaderValue::from_str(&id).unwrap_or(HeaderValue::from_static("0"))
        })
    }
}
