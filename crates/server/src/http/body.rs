//! Reading a request's body: within 64 KiB and 15 seconds.

use std::time::Duration;

use axum::body::{Body, HttpBody as _};
use bytes::Bytes;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};

/// A body may have so many bytes.
pub const BODY_BYTES_MAX: usize = 64 * 1024;
const BODY_READ_MAX: Duration = Duration::from_secs(15);

/// Why a body could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BodyFault {
    /// More than [`BODY_BYTES_MAX`].
    #[error("the body is larger than {BODY_BYTES_MAX} bytes")]
    TooLarge,
    /// It did not arrive in time.
    #[error("the body did not arrive in time")]
    TooSlow,
    /// The connection broke, or the encoding is wrong.
    #[error("the body is incomplete")]
    Incomplete,
}

/// Reads all of it.
///
/// # Errors
/// [`BodyFault`].
pub async fn read(body: Body) -> Result<Bytes, BodyFault> {
    // Who announces too much is told so at once.
    if body.size_hint().lower() > BODY_BYTES_MAX as u64 {
        return Err(BodyFault::TooLarge);
    }
    let collected = tokio::time::timeout(BODY_READ_MAX, Limited::new(body, BODY_BYTES_MAX).collect()).await;
    match collected {
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(BodyFault::TooLarge),
        Ok(Err(_)) => Err(BodyFault::Incomplete),
        Err(_) => Err(BodyFault::TooSlow),
    }
}
