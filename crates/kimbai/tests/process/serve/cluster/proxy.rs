//! A TCP proxy before PostgreSQL that cuts connections: at any moment, and with answers on their way.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// A proxy on a port of its own, for as long as it lives.
pub(super) struct Proxy {
    pub(super) port: u16,
    state: watch::Sender<State>,
}

/// What becomes of the connections through it.
#[derive(Debug, Clone, Copy, Default)]
struct State {
    /// Connections from before the last cut have ended.
    cuts: u64,
    /// What the server says is lost; what the clients say still arrives.
    loses_answers: bool,
}

impl Proxy {
    /// Before this port of this machine.
    pub(super) async fn before(port: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let (own, state) = (listener.local_addr().unwrap().port(), watch::Sender::new(State::default()));
        drop(tokio::spawn(accept(listener, port, state.subscribe())));
        Self { port: own, state }
    }

    /// Ends all connections.
    pub(super) fn cut(&self) {
        self.state.send_modify(|state| *state = State { cuts: state.cuts + 1, loses_answers: false });
    }

    /// Loses all answers for a while, then ends all connections: what was asked meanwhile was done, and nobody knows.
    #[expect(clippy::disallowed_methods, reason = "what is asked meanwhile is what it is about")]
    pub(super) async fn lose_answers(&self, time: Duration) {
        self.state.send_modify(|state| state.loses_answers = true);
        tokio::time::sleep(time).await;
        self.cut();
    }
}

async fn accept(listener: TcpListener, port: u16, state: watch::Receiver<State>) {
    while state.has_changed().is_ok() {
        let (client, _) = listener.accept().await.unwrap();
        drop(tokio::spawn(carry(client, port, state.clone())));
    }
}

async fn carry(client: TcpStream, port: u16, mut state: watch::Receiver<State>) {
    let begun = state.borrow().cuts;
    let Ok(server) = TcpStream::connect(("127.0.0.1", port)).await else { return };
    let ((from_client, to_client), (from_server, to_server)) = (client.into_split(), server.into_split());
    let answers = state.clone();
    tokio::select! {
        () = pass(from_client, to_server, || false) => {}
        () = pass(from_server, to_client, || answers.borrow().loses_answers) => {}
        // The proxy is gone when this is an error.
        _ = state.wait_for(|state| state.cuts > begun) => {}
    }
}

async fn pass(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, is_lost: impl Fn() -> bool) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(read @ 1..) = from.read(&mut buffer).await {
        if !is_lost() && to.write_all(&buffer[..read]).await.is_err() {
            return;
        }
    }
}
