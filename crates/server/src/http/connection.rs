//! One connection, in HTTP/1.1 or HTTP/2: its limits, its requests, its end.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use http::header::RETRY_AFTER;
use http::{HeaderValue, Request, StatusCode};
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use super::listener::{Peer, Service, stopped};
use super::reply;
use super::to_its_end::ToItsEnd;

const HEADER_READ_MAX: Duration = Duration::from_secs(10);
/// What the protocol library reads of headers before it gives up; beyond our own limits, so that those are answered in the dialect's
/// form.
const HEADER_BUFFER_BYTES: u32 = 64 * 1024;
const HEADERS_PARSED_MAX: usize = 200;
/// Requests at once on one connection (RFC 9113 section 6.5.2 wants no fewer than 100).
const STREAMS_MAX: u16 = 100;
/// What a peer may send ahead of our reading: a whole body on each stream, a few on the connection.
const STREAM_WINDOW_BYTES: u32 = 64 * 1024;
const CONNECTION_WINDOW_BYTES: u32 = 256 * 1024;
const PING_EVERY: Duration = Duration::from_secs(20);
const PONG_MAX: Duration = Duration::from_secs(10);
/// A connection that had no request for so long is ended; looked at so often, thus at most twice that.
const IDLE_MAX: Duration = Duration::from_secs(30);
/// So long a connection that is being ended may still take its last answers.
const LEAVE_MAX: Duration = Duration::from_secs(30);

/// What is spoken on a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Protocol {
    Http1,
    Http2,
}

/// What answers a connection's requests.
pub(super) struct Conversation<S> {
    pub(super) service: Arc<S>,
    pub(super) peer: Peer,
    /// The connection's place among all; requests that go on without their connection keep it.
    pub(super) place: Arc<OwnedSemaphorePermit>,
}

/// Answers a connection's requests until it ends, or `stop` is true and those that are under way are answered.
pub(super) async fn converse<S: Service>(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    protocol: Protocol,
    conversation: Conversation<S>,
    stop: watch::Receiver<bool>,
) {
    let (stream, peer, usage) = (TokioIo::new(stream), conversation.peer, Arc::new(Usage::default()));
    let answering = Arc::clone(&usage);
    let answer = service_fn(move |request| conversation.answer(&answering, request));
    let ended = match protocol {
        Protocol::Http1 => {
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(HEADER_READ_MAX)
                .max_buf_size(HEADER_BUFFER_BYTES as usize)
                .max_headers(HEADERS_PARSED_MAX)
                .serve_connection(stream, answer);
            until_ended(connection, http1::Connection::graceful_shutdown, &usage, stop).await
        }
        Protocol::Http2 => {
            let connection = http2::Builder::new(TokioExecutor::new())
                .timer(TokioTimer::new())
                .max_header_list_size(HEADER_BUFFER_BYTES)
                .max_concurrent_streams(u32::from(STREAMS_MAX))
                .initial_stream_window_size(STREAM_WINDOW_BYTES)
                .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
                .keep_alive_interval(PING_EVERY)
                .keep_alive_timeout(PONG_MAX)
                .serve_connection(stream, answer);
            until_ended(connection, http2::Connection::graceful_shutdown, &usage, stop).await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(?peer, %error, "connection ended");
    }
}

impl<S: Service> Conversation<S> {
    fn answer(
        &self,
        usage: &Usage,
        request: Request<Incoming>,
    ) -> impl Future<Output = Result<Response, Infallible>> + use<S> {
        usage.begun.fetch_add(1, Ordering::Relaxed);
        let under_way = Arc::clone(&usage.under_way).try_acquire_owned();
        let (service, place, peer) = (Arc::clone(&self.service), Arc::clone(&self.place), self.peer);
        ToItsEnd::new(async move {
            // Requests that their peer has reset go on and count: else resetting would be a way to have any number under way.
            let Ok(_under_way) = under_way else { return Ok(too_many_at_once()) };
            let response = service.answer(peer, request.map(Body::new)).await;
            drop(place);
            Ok(response)
        })
    }
}

fn too_many_at_once() -> Response {
    let mut response = reply::empty(StatusCode::SERVICE_UNAVAILABLE);
    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
    response
}

/// The requests of a connection.
struct Usage {
    begun: AtomicU64,
    under_way: Arc<Semaphore>,
}

impl Default for Usage {
    fn default() -> Self {
        Self { begun: AtomicU64::new(0), under_way: Arc::new(Semaphore::new(STREAMS_MAX.into())) }
    }
}

impl Usage {
    fn begun(&self) -> u64 {
        self.begun.load(Ordering::Relaxed)
    }

    fn is_idle(&self) -> bool {
        self.under_way.available_permits() == usize::from(STREAMS_MAX)
    }
}

/// Drives a connection until it ends by itself, or is ended because of `stop` or because nothing comes: a peer that sends nothing, or
/// does not take its answers, would keep its place for ever.
async fn until_ended<C: Future<Output = hyper::Result<()>>>(
    connection: C,
    end: fn(Pin<&mut C>),
    usage: &Usage,
    mut stop: watch::Receiver<bool>,
) -> hyper::Result<()> {
    tokio::pin!(connection);
    let mut looks = tokio::time::interval(IDLE_MAX);
    looks.tick().await;
    let mut begun = usage.begun();
    loop {
        tokio::select! {
            ended = connection.as_mut() => return ended,
            () = stopped(&mut stop) => break,
            _ = looks.tick() => {
                if usage.is_idle() && usage.begun() == begun {
                    break;
                }
                begun = usage.begun();
            }
        }
    }
    end(connection.as_mut());
    tokio::time::timeout(LEAVE_MAX, connection).await.unwrap_or(Ok(()))
}
