//! Reading a request's body: within 64 KiB and 15 seconds.

use std::time::Duration;

use axum::body::{Body, HttpBody as _};
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt as _;
use tokio::sync::Semaphore;

use super::admission::Full;
use super::reply::HttpFault;

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
/// [`HttpFault::Body`]; [`HttpFault::Overloaded`], when too many large ones are being read, or too many requests are in hand.
pub async fn read(body: Body) -> Result<Bytes, HttpFault> {
    // Who announces too much is told so at once.
    if body.size_hint().lower() > BODY_BYTES_MAX as u64 {
        return Err(HttpFault::Body(BodyFault::TooLarge));
    }
    tokio::time::timeout(BODY_READ_MAX, gather(body)).await.unwrap_or(Err(HttpFault::Body(BodyFault::TooSlow)))
}

async fn gather(mut body: Body) -> Result<Bytes, HttpFault> {
    let mut whole = BytesMut::new();
    let mut room = None;
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(fault_of)?.into_data() else { continue };
        let bytes = whole.len().saturating_add(data.len());
        if bytes > BODY_BYTES_MAX {
            return Err(HttpFault::Body(BodyFault::TooLarge));
        }
        if bytes > SMALL_BYTES && room.is_none() {
            room = Some(LARGE_BODIES.try_acquire().map_err(|_| HttpFault::Overloaded)?);
        }
        whole.extend_from_slice(&data);
    }
    drop(room);
    Ok(whole.freeze())
}

fn fault_of(error: axum::Error) -> HttpFault {
    // Each body that goes round another one wraps its error.
    let mut cause = error.into_inner();
    loop {
        cause = match cause.downcast::<axum::Error>() {
            Ok(wrapped) => wrapped.into_inner(),
            Err(cause) if cause.is::<Full>() => return HttpFault::Overloaded,
            Err(_) => return HttpFault::Body(BodyFault::Incomplete),
        };
    }
}

/// What nearly every request stays below; only a larger body needs one of a bounded number of places, so that many that are never
/// ended cannot take the server's memory.
const SMALL_BYTES: usize = 4 * 1024;
const LARGE_BODIES_MAX: usize = 512;
static LARGE_BODIES: Semaphore = Semaphore::const_new(LARGE_BODIES_MAX);
