//! `kimbai sign tini`: what it prints is taken by the sandbox as it stands, in every generation.

use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

use crate::BINARY;
use crate::fixture::{Call, Sandbox, Start};

const CLIENT: &str = "RLCKb7Ae9kx4DXtXsCWjnDXtggFnM43W";
const SECRET: &str = "EhjGcsUUuRSJTHiYPbW5fxzyaKEx0JuAZIKRQ4HnIfNFidB2kMg6locQbTIEz3Vf";

async fn code(sandbox: &Sandbox) -> String {
    let wanted = json!({"client_id": CLIENT, "user": "an", "scopes": ["offline", "user_profile"]});
    let minted = sandbox.send(sandbox.port_base + 1, &Call::json("/sandbox/code", &wanted)).await.expect(200);
    minted.member("code")
}

/// What the last line, pasted into a shell, is answered.
fn signed(sandbox: &Sandbox, generation: &str, more: &[&str], body: &Value) -> Value {
    let (url, body) = (format!("http://localhost:{}", sandbox.port_base + 1), body.to_string());
    let words = ["sign", "tini", "--generation", generation, "--client-id", CLIENT, "--secret", "env:APP_SECRET"];
    let Output { status, stdout, stderr } = Command::new(BINARY)
        .args(words)
        .args(["--url", &url, "--body", &body])
        .args(more)
        .env("APP_SECRET", SECRET)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(status.success() && stderr.is_empty(), "{}", String::from_utf8_lossy(&stderr));
    let text = String::from_utf8(stdout).unwrap();
    assert!(text.starts_with("canonical  ") && text.contains("\nsignature  ") && !text.contains(SECRET), "{text}");
    let answer = Command::new("sh").args(["-c", text.lines().last().unwrap()]).output().unwrap();
    serde_json::from_slice(&answer.stdout).unwrap_or_else(|error| panic!("{error}: {answer:?}"))
}

#[tokio::test]
async fn what_is_signed_is_taken_in_every_generation() {
    let sandbox = Start::new(None).start();
    for generation in ["2", "3", "4"] {
        let code = code(&sandbox).await;
        let tokens = signed(&sandbox, generation, &[], &json!({ "code": code }));
        assert_eq!(tokens["data"]["customer"]["id"], 1, "{generation} {tokens}");
        let refresh = json!({ "refresh_token": tokens["data"]["refresh_token"] });
        let tokens = signed(&sandbox, generation, &[], &refresh);
        let me = signed(&sandbox, generation, &[], &json!({ "access_token": tokens["data"]["access_token"] }));
        assert_eq!(me["data"]["customer_id"], 1, "{generation} {me}");
    }
    let code = code(&sandbox).await;
    let tokens = signed(&sandbox, "graphql", &[], &json!({ "code": code }));
    let refresh = tokens["data"]["get_auth_access_token"]["refresh_token"].clone();
    let tokens = signed(&sandbox, "graphql", &[], &json!({ "refresh_token": refresh }));
    assert!(tokens["data"]["refresh_auth_access_token"]["access_token"].is_string(), "{tokens}");
}

#[tokio::test]
async fn the_window_of_timestamps_is_five_minutes_unless_it_is_turned_off() {
    let old = ["--timestamp", "1620470539433"];
    for (flags, expect) in [
        (&[][..], "invalid_signature"),
        (&["--tini-timestamp-window", "60"], "invalid_signature"),
        (&["--tini-timestamp-window", "off"], "invalid_code"),
    ] {
        let flags = flags.iter().map(|flag| (*flag).to_owned()).collect();
        let sandbox = Start { flags, log: "info", ..Start::new(None) }.start();
        for generation in ["2", "4"] {
            let refused = signed(&sandbox, generation, &old, &json!({ "code": "no code" }));
            assert_eq!(refused["error"]["reason"], expect, "{refused}");
        }
        sandbox.terminate();
        // A mistake is told on standard error too, and no code.
        let ended = sandbox.wait();
        let is_told = ended.stderr.contains("expected a signature over") || expect == "invalid_code";
        assert!(is_told && !ended.stderr.contains("no code"), "{}", ended.stderr);
    }
}
