//! A listener on a socket file: for its owner alone, and known as such to the service behind it.

use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use http::Request;
use kimbai_server::http::listener::{CONNECTIONS_MAX, Peer, Service, serve};
use kimbai_server::http::socket::SocketListener;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::sync::watch;

/// Answers with how a request came; a POST when its body is whole.
struct Mirror;

impl Service for Mirror {
    async fn answer(&self, peer: Peer, request: Request<Body>) -> Response {
        let _ = kimbai_server::http::body::read(request.into_body()).await;
        Response::new(Body::from(match peer {
            Peer::Address(address) => format!("address {}", address.ip()),
            Peer::Socket => "socket".to_owned(),
        }))
    }
}

async fn answer_of(mut stream: impl tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin) -> String {
    stream.write_all(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer.rsplit("\r\n\r\n").next().unwrap().to_owned()
}

async fn bound_at(path: &Path) -> Result<SocketListener, ErrorKind> {
    SocketListener::bind(path).await.map_err(|error| error.kind())
}

#[tokio::test]
async fn the_service_knows_who_came_through_the_socket() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("kimbai.sock");
    let stop = watch::Sender::new(false);
    let socket = SocketListener::bind(&path).await.unwrap();
    let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = tcp.local_addr().unwrap();
    let serving = [
        tokio::spawn(serve(socket, CONNECTIONS_MAX, Arc::new(Mirror), stop.subscribe())),
        tokio::spawn(serve(tcp, CONNECTIONS_MAX, Arc::new(Mirror), stop.subscribe())),
    ];
    assert_eq!(answer_of(UnixStream::connect(&path).await.unwrap()).await, "socket");
    assert_eq!(answer_of(TcpStream::connect(address).await.unwrap()).await, "address 127.0.0.1");
    stop.send_replace(true);
    for served in serving {
        served.await.unwrap();
    }
    assert!(!path.exists());
}

#[tokio::test]
async fn a_stop_lets_a_request_through_the_socket_finish() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("kimbai.sock");
    let stop = watch::Sender::new(false);
    let socket = SocketListener::bind(&path).await.unwrap();
    let serving = tokio::spawn(serve(socket, CONNECTIONS_MAX, Arc::new(Mirror), stop.subscribe()));
    let mut under_way = UnixStream::connect(&path).await.unwrap();
    under_way.write_all(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\na").await.unwrap();
    // Accepted after the one under way, so that both have been.
    assert_eq!(answer_of(UnixStream::connect(&path).await.unwrap()).await, "socket");
    stop.send_replace(true);
    let gone = async {
        while path.exists() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(5), gone).await.expect("the file stays");
    assert_eq!(UnixStream::connect(&path).await.unwrap_err().kind(), ErrorKind::NotFound);
    under_way.write_all(b"b").await.unwrap();
    let mut answer = String::new();
    under_way.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("socket"), "{answer}");
    serving.await.unwrap();
}

#[tokio::test]
async fn only_the_owner_may_open_the_socket() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("kimbai.sock");
    let _listener = SocketListener::bind(&path).await.unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
}

#[tokio::test]
async fn a_socket_that_was_left_behind_is_replaced_and_nothing_else_is() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("kimbai.sock");
    // A listener of the standard library leaves its file behind.
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    let listener = bound_at(&path).await.unwrap();
    assert_eq!(bound_at(&path).await.unwrap_err(), ErrorKind::AddrInUse);
    assert!(path.exists());
    drop(listener);
    assert!(!path.exists());
    std::fs::write(&path, "a file").unwrap();
    assert_eq!(bound_at(&path).await.unwrap_err(), ErrorKind::AlreadyExists);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "a file");
    assert_eq!(bound_at(&directory.path().join("none/kimbai.sock")).await.unwrap_err(), ErrorKind::NotFound);
}
