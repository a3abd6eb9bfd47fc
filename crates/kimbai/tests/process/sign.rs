//! `kimbai sign`: what `tini` prints is taken by the sandbox as it stands, in every generation; what `haravan-*` print is what the
//! platform's SDKs verify.

use std::io::Write as _;
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

use crate::BINARY;
use crate::fixture::{Call, Sandbox, Start};
use crate::secrets::Secrets;

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

/// A request with headers, whoever signed it.
async fn present(sandbox: &Sandbox, path: &str, (timestamp, signature): (&str, &str), body: &Value) {
    let call = Call::json(&format!("/tiniapp-open-api{path}"), body).header("x-tiniapp-client-id", CLIENT);
    let call = call.header("x-tiniapp-timestamp", timestamp).header("x-tiniapp-signature", signature);
    sandbox.send(sandbox.port_base + 1, &call).await.expect(400);
}

#[tokio::test]
async fn no_secret_of_a_signed_request_is_in_a_trace_a_list_or_the_data() {
    let data = tempfile::tempdir().unwrap();
    let sandbox = Start { log: "trace", ..Start::new(Some(&data.path().join("data"))) }.start();
    let mut secrets = Secrets::default();
    secrets.add("client_secret", SECRET);
    for generation in ["graphql", "2", "3", "4"] {
        let code = code(&sandbox).await;
        secrets.add("code", &code);
        // A wrong signature first, so that it is explained.
        let brought = json!({ "code": code });
        signed(&sandbox, generation, &["--timestamp", "1620470539"], &brought);
        let answer = signed(&sandbox, generation, &[], &brought);
        let tokens = answer["data"].get("get_auth_access_token").unwrap_or(&answer["data"]);
        for name in ["access_token", "refresh_token"] {
            secrets.add(name, tokens[name].as_str().unwrap());
        }
        let refresh = json!({ "refresh_token": tokens["refresh_token"] });
        for (timestamp, signature) in [("1620470539433", "0"), ("x", SECRET), ("1", code.as_str())] {
            present(&sandbox, "/oauth/auth/token/refresh", (timestamp, signature), &refresh).await;
            present(&sandbox, "/oauth/auth/token/refresh", (timestamp, signature), &json!([refresh])).await;
        }
        // In the wrong places.
        let query = json!({ "query": format!("{{ a(b: \"{code}\") {{ {code}") });
        sandbox.send(sandbox.port_base + 1, &Call::json("/tiniapp/api/graphql/query", &query)).await.expect(200);
        let unknown =
            json!({ "query": format!("{{ get_auth_access_token(input: {{code: \"{code}\"}}) {{ scopes }} }}") });
        sandbox.send(sandbox.port_base + 1, &Call::json("/tiniapp/api/graphql/query", &unknown)).await.expect(200);
    }
    let list = sandbox.send(sandbox.port_base + 1, &Call::get("/sandbox/requests")).await.expect(200);
    assert!(list.body.contains("seconds for milliseconds"), "{list:?}");
    secrets.assert_absent("/sandbox/requests", list.body.as_bytes());
    let metrics = sandbox.send(sandbox.operator(), &Call::get("/metrics")).await.expect(200);
    secrets.assert_absent("/metrics", metrics.body.as_bytes());
    sandbox.terminate();
    let ended = sandbox.wait();
    assert!(ended.status.success() && ended.stderr.contains("seconds for milliseconds"), "{ended:?}");
    secrets.assert_absent("stderr", ended.stderr.as_bytes());
    for file in std::fs::read_dir(data.path().join("data")).unwrap() {
        let path = file.unwrap().path();
        if path.is_file() {
            secrets.assert_absent(&path.display().to_string(), &std::fs::read(&path).unwrap());
        }
    }
}

/// What `kimbai sign` prints, with the secret `hush` from the environment or a file.
fn signed_by_haravan(words: &[&str], secret: &str, stdin: &[u8]) -> String {
    let mut command = Command::new(BINARY);
    command.arg("sign").args(words).args(["--secret", secret]).env("APP_SECRET", "hush");
    let mut running = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    running.stdin.take().unwrap().write_all(stdin).unwrap();
    let Output { status, stdout, stderr } = running.wait_with_output().unwrap();
    assert!(status.success() && stderr.is_empty(), "{}", String::from_utf8_lossy(&stderr));
    String::from_utf8(stdout).unwrap()
}

#[test]
fn what_haravan_signs_comes_with_a_line_that_an_app_can_be_sent() {
    let place = tempfile::tempdir().unwrap();
    std::fs::write(place.path().join("secret"), "hush\n").unwrap();
    let file = format!("file:{}", place.path().join("secret").display());
    let query = "code=a94a110d86d2452eb3e2af4cfb8a3828&shop=some-shop.myharavan.com&timestamp=1337178173";
    let body = "{\"id\":1}\n";
    for secret in ["env:APP_SECRET", &file] {
        for (words, stdin, line) in [
            (
                ["haravan-callback", "--query", query],
                "",
                format!("{query}&hmac=b0a5dd62e8a070491b40d5f5b6f8c82263604442293fc7a8ee21445f4263def4"),
            ),
            (
                // Sorted already, so that it is the same message.
                ["haravan-launch", "--query", query],
                "",
                format!("{query}&hmac=b0a5dd62e8a070491b40d5f5b6f8c82263604442293fc7a8ee21445f4263def4"),
            ),
            (
                ["haravan-webhook", "--body", "-"],
                body,
                "X-Haravan-HmacSha256: 4+sOjNY5aaShzFVi+vO4BjoUeKhbWLjYOMDlQHxR7VI=".to_owned(),
            ),
        ] {
            let text = signed_by_haravan(&words, secret, stdin.as_bytes());
            assert!(text.starts_with("message    ") && text.contains("\nsignature  "), "{text}");
            assert_eq!(text.lines().last(), Some(line.as_str()), "{words:?}");
        }
    }
}
