//! The accept loop over ports and socket files: a bounded number of connections, and a stop that lets them finish.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use http::Request;
use kimbai_engine::Source;
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use super::connection::{Conversation, Protocol, converse};
use super::shares::{Share, Shares};
use super::socket::SocketListener;
use super::tls::Tls;

/// Idle ones count: the next waits in the kernel's queue until one closes.
pub const CONNECTIONS_MAX: u32 = 10_000;

/// Who is at the other end of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Peer {
    /// Whoever is at this address.
    Address(SocketAddr),
    /// A process of this machine that may open our socket's file.
    Socket,
}

impl Peer {
    pub(crate) fn source(self) -> Source {
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
    /// A TCP port where TLS is spoken.
    Tls(TcpListener, Arc<Tls>),
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

    /// Whether an address may hold any number of connections, because others are behind it.
    fn is_proxy(&self, _address: IpAddr) -> bool {
        false
    }
}

impl<S: Service> Service for Arc<S> {
    fn answer(&self, peer: Peer, request: Request<Body>) -> impl Future<Output = Response> + Send {
        S::answer(self, peer, request)
    }

    fn is_proxy(&self, address: IpAddr) -> bool {
        S::is_proxy(self, address)
    }
}

/// Accepts connections, so many at once and of one source an eighth of that, until `stop` is true, then lets those that are open finish their request; returns after the last.
pub async fn serve<S: Service>(
    listener: impl Into<Listener>,
    connections_max: u32,
    service: Arc<S>,
    mut stop: watch::Receiver<bool>,
) {
    let listener = listener.into();
    let room = Arc::new(Semaphore::new(connections_max as usize));
    let shares = Shares::of(connections_max);
    loop {
        let Ok(permit) = Arc::clone(&room).acquire_owned().await else { return };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stopped(&mut stop) => break,
        };
        match accepted {
            Ok(accepted) => {
                let Ok(share) = accepted.share(&shares, service.as_ref()) else { continue };
                let served = accepted.served(Arc::new(permit), Arc::clone(&service), stop.clone());
                tokio::spawn(async move {
                    served.await;
                    drop(share);
                });
            }
            Err(error) => refuse_for_a_while(&error).await,
        }
    }
    // New connections are refused while the open ones finish: the last of them gives the last permit back.
    drop(listener);
    let _ = room.acquire_many(connections_max).await;
}

/// A connection that was accepted.
enum Accepted {
    Tcp(TcpStream, SocketAddr),
    Tls(TcpStream, SocketAddr, Arc<Tls>),
    Socket(UnixStream),
}

impl Listener {
    async fn accept(&self) -> io::Result<Accepted> {
        match self {
            Self::Tcp(listener) => listener.accept().await.map(|(stream, peer)| Accepted::Tcp(stream, peer)),
            Self::Tls(listener, tls) => {
                let (stream, peer) = listener.accept().await?;
                Ok(Accepted::Tls(stream, peer, Arc::clone(tls)))
            }
            Self::Socket(listener) => listener.accept().await.map(Accepted::Socket),
        }
    }
}

/// A source holds all the connections that it may.
struct NoShare;

impl Accepted {
    /// The source's share; none is needed of this machine and of proxies.
    fn share<S: Service>(&self, shares: &Arc<Shares>, service: &S) -> Result<Option<Share>, NoShare> {
        let (Self::Tcp(_, peer) | Self::Tls(_, peer, _)) = self else { return Ok(None) };
        let address = peer.ip().to_canonical();
        if address.is_loopback() || service.is_proxy(address) {
            return Ok(None);
        }
        shares.take(Source::new(address)).map(Some).ok_or(NoShare)
    }

    async fn served<S: Service>(
        self,
        place: Arc<OwnedSemaphorePermit>,
        service: Arc<S>,
        mut stop: watch::Receiver<bool>,
    ) {
        let _open = Open::counted();
        let with = |peer| Conversation { service, peer, place };
        match self {
            Self::Tcp(stream, peer) => {
                let _ = stream.set_nodelay(true);
                converse(stream, Protocol::Http1, with(Peer::Address(peer)), stop).await;
            }
            Self::Tls(stream, peer, tls) => {
                let _ = stream.set_nodelay(true);
                let accepted = tokio::select! {
                    accepted = tls.accept(stream) => accepted,
                    () = stopped(&mut stop) => None,
                };
                let Some((stream, protocol)) = accepted else { return };
                converse(stream, protocol, with(Peer::Address(peer)), stop).await;
            }
            Self::Socket(stream) => converse(stream, Protocol::Http1, with(Peer::Socket), stop).await,
        }
    }
}

static OPEN: AtomicU32 = AtomicU32::new(0);

/// Connections of this process that are open, or shaking hands.
pub(crate) fn open_connections() -> u32 {
    OPEN.load(Ordering::Relaxed)
}

/// One of the open connections.
struct Open;

impl Open {
    fn counted() -> Self {
        OPEN.fetch_add(1, Ordering::Relaxed);
        Self
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        OPEN.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Waits until the server is told to stop, or whoever could tell it is gone.
pub(super) async fn stopped(stop: &mut watch::Receiver<bool>) {
    let _ = stop.wait_for(|stop| *stop).await;
}

/// The process is out of descriptors or memory: accepting again at once would only spin.
async fn refuse_for_a_while(error: &io::Error) {
    tracing::warn!(%error, "cannot accept a connection");
    let mut pause = tokio::time::interval(Duration::from_millis(50));
    pause.tick().await;
    pause.tick().await;
}
