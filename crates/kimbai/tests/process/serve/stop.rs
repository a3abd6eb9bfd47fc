//! How it ends, told to or not, and what the next start finds.

use std::fs;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::place::{Place, Server, until};
use super::visit::{App, JOBS, MANIFEST, PASSWORD, client_credentials, introspection};
use crate::browser::Browser;
use crate::fixture::{Call, Connection};
use crate::secrets::Secrets;

const STOP_MAX: Duration = Duration::from_secs(10);

#[tokio::test]
async fn a_request_whose_body_is_half_sent_is_finished_and_nobody_else_is_let_in() {
    let place = Place::new();
    let server = place.serve(&["--log", "warn"]).await;
    place.apply(MANIFEST);
    let mut idle = Connection::to(place.port);
    idle.send(&client_credentials(JOBS)).await.unwrap().expect(200);
    let mut idle_operator = Connection::to(place.operator());
    idle_operator.send(&Call::get("/readyz")).await.unwrap().expect(200);
    let mut slow = half_a_request(&place, &server).await;
    let told = Instant::now();
    server.signal("TERM");
    for port in [place.port, place.operator()] {
        refused(port).await;
    }
    let closed = async { while idle.send(&Call::get("/token")).await.is_ok() {} };
    tokio::time::timeout(STOP_MAX, closed).await.expect("an idle connection is closed");
    slow.write_all(SECOND_HALF.as_bytes()).await.unwrap();
    let mut answer = String::new();
    slow.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.contains("\"access_token\":"), "{answer}");
    let ended = server.ended().await;
    assert_eq!((ended.status.code(), ended.stderr.as_str()), (Some(0), ""));
    assert!(told.elapsed() < STOP_MAX, "{:?}", told.elapsed());
    assert!(!place.path("kimbai-data/kimbai.sock").exists(), "its socket is gone");
    let log_bytes = fs::metadata(place.path("kimbai-data/kimbai.db-wal")).map_or(0, |log| log.len());
    assert_eq!(log_bytes, 0, "the next start has nothing to recover");
    // What it answered last is true after the next start.
    let server = place.serve(&["--log", "warn"]).await;
    let body = answer.split_once("\r\n\r\n").unwrap().1;
    let token = serde_json::from_str::<serde_json::Value>(body).unwrap()["access_token"].as_str().unwrap().to_owned();
    let active = server.send(&introspection(&token)).await.expect(200);
    assert!(active.body.contains("\"active\":true"), "{active:?}");
    assert_eq!(server.stop().await.stderr, "");
}

#[tokio::test]
async fn idle_connections_do_not_hold_a_stop_up() {
    let place = Place::new();
    let server = place.serve(&[]).await;
    let mut idle = Vec::new();
    for _ in 0..50 {
        let mut connection = Connection::to(place.port);
        connection.send(&Call::get("/token")).await.unwrap().expect(405);
        idle.push(connection);
    }
    // And some that never said anything.
    let mut silent = Vec::new();
    for _ in 0..50 {
        silent.push(TcpStream::connect(("127.0.0.1", place.port)).await.unwrap());
    }
    let told = Instant::now();
    server.stop().await;
    assert!(told.elapsed() < Duration::from_secs(5), "{:?}", told.elapsed());
}

#[tokio::test]
async fn after_a_kill_the_stale_socket_is_replaced_and_what_was_acknowledged_is_there() {
    let place = Place::new();
    let server = place.serve(&[]).await;
    place.apply(MANIFEST);
    let tokens = App::WEB.log_in(&mut Browser::new(place.port), PASSWORD, &mut Secrets::default()).await;
    server.kill();
    assert!(place.path("kimbai-data/kimbai.sock").exists(), "nobody was left to remove it");
    // A command finds out that nobody listens there, and a server too.
    assert_eq!(place.json(&["client", "list"], "").as_array().unwrap().len(), 2);
    let server = place.serve(&[]).await;
    assert_eq!(place.json(&["grant", "list", "--user", "an"], "").as_array().unwrap().len(), 1);
    server.send(&App::WEB.refresh(&tokens.refresh_token)).await.expect(200);
    server.stop().await;
    assert!(!place.path("kimbai-data/kimbai.sock").exists());
}

#[tokio::test]
async fn a_second_server_on_the_same_data_is_refused_and_the_first_goes_on() {
    let (place, other) = (Place::new(), Place::new());
    let server = place.serve(&[]).await;
    let data = place.path("kimbai-data");
    let words = [crate::BINARY, "serve", "--data", data.to_str().unwrap()];
    let ended = other.try_serve(&words).await.err().unwrap();
    assert_eq!(ended.status.code(), Some(1), "{ended:?}");
    assert!(ended.stderr.contains("is in use by another kimbai process"), "{ended:?}");
    assert_eq!(place.json(&["client", "list"], ""), serde_json::json!([]), "through the socket of the first");
    server.send(&Call::get("/token")).await.expect(405);
}

const FIRST_HALF: &str = "grant_type=client_cred";
const SECOND_HALF: &str = "entials&scope=orders.read";

/// A request for a token that the server has seen the first half of.
async fn half_a_request(place: &Place, server: &Server) -> TcpStream {
    let mut slow = TcpStream::connect(("127.0.0.1", place.port)).await.unwrap();
    let head = format!(
        "POST /token HTTP/1.1\r\nHost: localhost:{}\r\nAuthorization: Basic am9iczpqb2JzLXNlY3JldC0wMTIzNDU2Nzg5LWFiY2RlZg==\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{FIRST_HALF}",
        place.port,
        FIRST_HALF.len() + SECOND_HALF.len()
    );
    slow.write_all(head.as_bytes()).await.unwrap();
    slow.flush().await.unwrap();
    // The server has read what was sent so far when it answers somebody who came later.
    server.send(&Call::get("/token")).await.expect(405);
    slow
}

/// Waits until a port takes no connection any more.
async fn refused(port: u16) {
    until("a closed port", || std::net::TcpStream::connect(("127.0.0.1", port)).is_err().then_some(())).await;
}
