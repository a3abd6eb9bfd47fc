//! How it stops when it is told to.

use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::fixture::{Call, Connection, Sandbox, Start};

const STOP_MAX: Duration = Duration::from_secs(10);

#[tokio::test]
async fn a_request_under_way_is_finished_and_new_connections_are_refused() {
    let data = tempfile::tempdir().unwrap();
    let data = data.path().join("data");
    let sandbox = Start::new(Some(&data)).start();
    let mut idle = Connection::to(sandbox.marketplace());
    idle.send(&Call::get("/")).await.unwrap().expect(200);
    let body =
        "grant_type=client_credentials&client_id=3750000000000017&client_secret=demo-inhouse-secret-0123456789ab";
    let mut slow = TcpStream::connect(("127.0.0.1", sandbox.marketplace())).await.unwrap();
    let head = format!(
        "POST /sc/oauth2/token HTTP/1.1\r\nHost: localhost:{}\r\nContent-Type: application/x-www-form-urlencoded\r\n\
         Content-Length: {}\r\n\r\n",
        sandbox.marketplace(),
        body.len()
    );
    slow.write_all(head.as_bytes()).await.unwrap();
    slow.write_all(&body.as_bytes()[..20]).await.unwrap();
    slow.flush().await.unwrap();
    // The server has read what was sent so far when it answers somebody who came later.
    sandbox.send(sandbox.marketplace(), &Call::get("/")).await.expect(200);

    let told = Instant::now();
    sandbox.terminate();
    refused(&sandbox, sandbox.marketplace()).await;
    refused(&sandbox, sandbox.operator()).await;
    // Each connection hears of it by itself, and one may still be answered meanwhile.
    let closed = async { while idle.send(&Call::get("/")).await.is_ok() {} };
    tokio::time::timeout(STOP_MAX, closed).await.expect("an idle connection is closed");
    slow.write_all(&body.as_bytes()[20..]).await.unwrap();
    let mut answer = String::new();
    slow.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.contains("\"access_token\":"), "{answer}");

    let ended = sandbox.wait();
    assert_eq!(ended.status.code(), Some(0), "{ended:?}");
    assert!(told.elapsed() < STOP_MAX, "{:?}", told.elapsed());
    assert_eq!((ended.stdout.as_str(), ended.stderr.as_str()), ("", ""));
    let log_bytes = std::fs::metadata(data.join("kimbai.db-wal")).map_or(0, |log| log.len());
    assert_eq!(log_bytes, 0, "a clean stop leaves an empty log");
}

#[tokio::test]
async fn a_request_that_never_ends_does_not_keep_it_alive() {
    let sandbox = Start::new(None).start();
    let mut stuck = TcpStream::connect(("127.0.0.1", sandbox.marketplace())).await.unwrap();
    let head = format!("POST /sc/oauth2/token HTTP/1.1\r\nHost: localhost:{}\r\nContent-", sandbox.marketplace());
    stuck.write_all(head.as_bytes()).await.unwrap();
    sandbox.send(sandbox.marketplace(), &Call::get("/")).await.expect(200);
    let told = Instant::now();
    sandbox.terminate();
    let ended = sandbox.wait();
    assert_eq!(ended.status.code(), Some(0), "{ended:?}");
    assert!(told.elapsed() < STOP_MAX + Duration::from_secs(5), "{:?}", told.elapsed());
}

#[test]
fn it_may_be_told_to_stop_as_soon_as_it_says_that_it_answers() {
    for _ in 0..20 {
        let sandbox = Start::new(None).start();
        sandbox.terminate();
        let ended = sandbox.wait();
        assert_eq!(ended.status.code(), Some(0), "{ended:?}");
    }
}

/// Waits until a port takes no connection any more.
async fn refused(sandbox: &Sandbox, port: u16) {
    let begun = Instant::now();
    let mut ticks = tokio::time::interval(Duration::from_millis(5));
    while TcpStream::connect(("127.0.0.1", port)).await.is_ok() {
        assert!(begun.elapsed() < STOP_MAX, "process {} still accepts", sandbox.process_id());
        ticks.tick().await;
    }
}
