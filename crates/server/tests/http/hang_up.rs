//! Callers that hang up: what they asked for is carried out to its end all the same.

use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use crate::fixture::{App, At, Sandbox, basic, encode};

/// Sends a form as a client and hangs up at once: with a reset, which no half-open connection hides.
async fn send_and_hang_up(at: &At, app: &App, target: &str, form: &[(&str, &str)]) {
    let body = encode(form);
    let (host, authorization) = (&at.host, basic(app.client_id, app.client_secret));
    let head = format!(
        "POST {target} HTTP/1.1\r\nhost: {host}\r\nauthorization: {authorization}\r\n\
         content-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    let mut stream = TcpStream::connect(at.address).await.unwrap();
    stream.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
    // A moment for the server to have read it; then the connection is gone.
    tokio::task::yield_now().await;
    stream.set_zero_linger().unwrap();
}

async fn stops_working(at: &At, token: &str) {
    let stopped = async {
        while at.works(token).await {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), stopped).await.expect("the token still works");
}

/// A reset may overtake the request before the server has read it: then nothing was asked for, and it is sent again.
const SENDINGS: usize = 20;

#[tokio::test(flavor = "multi_thread")]
async fn a_spent_refresh_token_ends_its_grant_though_its_bearer_hangs_up() {
    let sandbox = Sandbox::start().await;
    for at in sandbox.both() {
        let app = at.app();
        let first = at.tokens(app).await.member("refresh_token");
        let second = at.refresh(app, &first).await.expect(200).member("refresh_token");
        let third = at.refresh(app, &second).await.expect(200);
        for _ in 0..SENDINGS {
            let form = [("grant_type", "refresh_token"), ("refresh_token", first.as_str())];
            send_and_hang_up(at, app, at.token, &form).await;
        }
        stops_working(at, &third.member("access_token")).await;
        at.refresh(app, &third.member("refresh_token")).await.refused(400, "invalid_grant");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revocation_is_carried_out_though_its_caller_hangs_up() {
    let sandbox = Sandbox::start().await;
    for at in sandbox.both() {
        let tokens = at.tokens(at.app()).await;
        for _ in 0..SENDINGS {
            send_and_hang_up(at, at.app(), at.revoke, &[("token", tokens.member("refresh_token").as_str())]).await;
        }
        stops_working(at, &tokens.member("access_token")).await;
    }
}
