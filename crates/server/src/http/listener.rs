//! The accept loop: bounded connections, and a time for a request's headers.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use kimbai_engine::Source;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use super::socket::SocketListener;
use super::to_its_end::ToItsEnd;

/// Idle ones count: the next waits in the kernel's queue until one closes.
const CONNECTIONS_MAX: u32 = 10_000;
const HEADER_READ_MAX: Duration = Duration::from_secs(10);
/// What the protocol library reads of a header before it gives up; beyond our own limits, so that those are answered in the
/// dialect's form.
const HEADER_BUFFER_BYTES: usize = 64 * 1024;
const HEADERS_PARSED_MAX: usize = 200;

/// Who is at the other end of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Peer {
    /// Whoever is at this address.
    Address(SocketAddr),
    /// A process of this machine that may open our socket's file.
    Socket,
}

impl Peer {
    pub(super) fn source(self) -> Source {
        match self {
            Self::Address(address) => Source::new(address.ip()),
            Self::Socket => Source::SOCKET,
        }
    }
}

/// Where connections come in.
#[derive(Debug)]
pub enum Listener {
    /// A TCP port.
    Tcp(TcpListener),
    /// A socket file.
    Socket(SocketListener),
}

impl From<TcpListener> for Listener {
    fn from(listener: TcpListener) -> Self {
        Self::Tcp(listener)
    }
}

impl From<SocketListener> for Listener {
    fn from(listener: SocketListener) -> Self {
        Self::Socket(listener)
    }
}

/// Answers the requests of a listener.
pub trait Service: Send + Sync + 'static {
    /// Answers one request.
    fn answer(&self, peer: Peer, request: Request<Body>) -> impl Future<Output = Response> + Send;
}

impl<S: Service> Service for Arc<S> {
    fn answer(&self, peer: Peer, request: Request<Body>) -> impl Future<Output = Response> + Send {
        S::answer(self, peer, request)
    }
}

/// Accepts connections until `stop` is true, then lets those that are open finish their request; returns after the last.
pub async fn serve<S: Service>(listener: impl Into<Listener>, service: Arc<S>, mut stop: watch::Receiver<bool>) {
    let listener = listener.into();
    let room = Arc::new(Semaphore::new(CONNECTIONS_MAX as usize));
    loop {
        let Ok(permit) = Arc::clone(&room).acquire_owned().await else { return };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stopped(&mut stop) => break,
        };
        match accepted {
            Ok(accepted) => {
                tokio::spawn(accepted.served(Arc::new(permit), Arc::clone(&service), stop.clone()));
            }
            Err(error) => refuse_for_a_while(&error).await,
        }
    }
    // New connections are refused while the open ones finish: the last of them gives the last permit back.
    drop(listener);
    let _ = room.acquire_many(CONNECTIONS_MAX).await;
}

/// A connection that was accepted.
enum Accepted {
    Tcp(TcpStream, SocketAddr),
    Socket(UnixStream),
}

impl Listener {
    async fn accept(&self) -> io::Result<Accepted> {
        match self {
            Self::Tcp(listener) => listener.accept().await.map(|(stream, peer)| Accepted::Tcp(stream, peer)),
            Self::Socket(listener) => listener.accept().await.map(Accepted::Socket),
        }
    }
}

impl Accepted {
    async fn served<S: Service>(self, place: Arc<OwnedSemaphorePermit>, service: Arc<S>, stop: watch::Receiver<bool>) {
        match self {
            Self::Tcp(stream, peer) => {
                let _ = stream.set_nodelay(true);
                connection(stream, (Peer::Address(peer), place), service, stop).await;
            }
            Self::Socket(stream) => connection(stream, (Peer::Socket, place), service, stop).await,
        }
    }
}

async fn connection<S: Service>(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send,
    (peer, place): (Peer, Arc<OwnedSemaphorePermit>),
    service: Arc<S>,
    mut stop: watch::Receiver<bool>,
) {
    let answer = service_fn(move |request: Request<Incoming>| {
        let (service, place) = (Arc::clone(&service), Arc::clone(&place));
        ToItsEnd::new(async move {
            let response = service.answer(peer, request.map(Body::new)).await;
            drop(place);
            Ok::<_, Infallible>(response)
        })
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_READ_MAX)
        .max_buf_size(HEADER_BUFFER_BYTES)
        .max_headers(HEADERS_PARSED_MAX)
        .serve_connection(TokioIo::new(stream), answer);
    tokio::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stopped(&mut stop) => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(?peer, %error, "connection ended");
    }
}

/// Waits until the server is told to stop, or whoever could tell it is gone.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    let _ = stop.wait_for(|stop| *stop).await;
}

/// The process is out of descriptors or memory: accepting again at once would only spin.
async fn refuse_for_a_while(error: &io::Error) {
    tracing::warn!(%error, "cannot accept a connection");
    let mut pause = tokio::time::interval(Duration::from_millis(50));
    pause.tick().await;
    pause.tick().await;
}
