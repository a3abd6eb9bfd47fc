//! Haravan in the sandbox: what an integrator finds there works as it stands.

use std::fs;
use std::process::Command;

use serde_json::{Value, json};

use crate::fixture::{Call, Sandbox, Start};
use crate::secrets::Secrets;

/// What the programs of the examples have of demo-shop.
const LEGACY_TOKEN: &str = include_str!("../../../../examples/haravan/legacy-token");

/// The commands of a realm's page that have this title.
async fn commands(sandbox: &Sandbox, port: u16, title: &str) -> Vec<String> {
    let page = sandbox.send(port, &Call::get("/").header("accept", "text/html")).await.expect(200).body;
    let head = format!("<figcaption>{title}</figcaption>\n<pre><code class=\"copy\">");
    let shown = page.split(&head).skip(1).map(|rest| rest.split("</code>").next().unwrap().to_owned());
    shown.map(|text| unescaped(&text)).collect()
}

fn unescaped(html: &str) -> String {
    [("&#34;", "\""), ("&#39;", "'"), ("&lt;", "<"), ("&gt;", ">"), ("&#38;", "&")]
        .iter()
        .fold(html.to_owned(), |text, (entity, character)| text.replace(entity, character))
}

fn pasted(command: &str) -> Value {
    let answer = Command::new("sh").args(["-c", command]).output().unwrap();
    serde_json::from_slice(&answer.stdout).unwrap_or_else(|error| panic!("{error}: {command}: {answer:?}"))
}

#[tokio::test]
async fn the_commands_of_the_realms_page_exchange_each_shops_legacy_token() {
    let sandbox = Start::new(None).start();
    let commands = commands(&sandbox, sandbox.port_base + 4, "token_exchange").await;
    assert_eq!(commands.len(), 2, "{commands:?}");
    let given: Vec<Value> = commands.iter().map(|command| pasted(command)).collect();
    for tokens in &given {
        assert_eq!(tokens["token"]["expires_in"], i32::MAX, "{tokens}");
        assert_eq!(tokens["token"]["refresh_token"].as_str().unwrap().len(), 64, "{tokens}");
    }
    assert_ne!(given[0], given[1]);
    assert_eq!(pasted(&commands[0]), given[0], "the same pair, pasted again");
}

#[test]
fn the_examples_have_the_sandboxs_legacy_token() {
    let sandbox = Start::new(None).start();
    let document: Value = serde_json::from_str(&sandbox.document).unwrap();
    let realms = document["realms"].as_array().unwrap();
    let realm = realms.iter().find(|realm| realm["name"] == "haravan").unwrap();
    let tokens = realm["legacy_tokens"].as_array().unwrap();
    let of_shop = tokens.iter().find(|token| token["shop"] == "demo-shop").unwrap();
    assert_eq!(of_shop["token"], LEGACY_TOKEN.trim());
    assert_eq!(LEGACY_TOKEN.trim().len(), 518);
}

const APP: (&str, &str) =
    ("00112233445566778899aabbccddeeff", "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff");
const WRONG_SECRET: &str = "wrong-secret-0123456789-abcdef";
const SCOPES: [&str; 7] = ["openid", "profile", "email", "org", "userinfo", "grant_service", "offline_access"];

fn exchange(secret: &str, scopes: &Value, bearer: &str) -> Call {
    let body = json!({ "token_exchange": { "client_id": APP.0, "secret_key": secret, "scopes": scopes } });
    let call = Call::json("/admin/token_exchange.json", &body).header("x-kimbai-shop", "demo-shop");
    call.header("authorization", &format!("Bearer {bearer}"))
}

#[tokio::test]
async fn no_secret_of_an_exchange_is_in_a_trace_a_list_a_metric_or_the_data() {
    let data = tempfile::tempdir().unwrap();
    let sandbox = Start { log: "trace", ..Start::new(Some(&data.path().join("data"))) }.start();
    let (port, legacy) = (sandbox.port_base + 4, LEGACY_TOKEN.trim());
    let mut secrets = Secrets::default();
    secrets.add("legacy token", legacy);
    secrets.add("legacy token's beginning", &legacy[..32]);
    secrets.add("client_secret", APP.1);
    secrets.add("client_secret", WRONG_SECRET);
    let (right, as_text) = (json!(SCOPES), json!(SCOPES.join(" ")));
    let answer = sandbox.send(port, &exchange(APP.1, &right, legacy)).await.expect(200);
    let pair: Value = serde_json::from_str(&answer.body).unwrap();
    let [access, refresh] = ["access_token", "refresh_token"].map(|name| pair["token"][name].as_str().unwrap());
    for token in [access, refresh] {
        secrets.add("token", token);
    }
    for (call, status) in [
        (exchange(APP.1, &right, legacy), 200),
        (exchange(WRONG_SECRET, &right, legacy), 422),
        (exchange(APP.1, &as_text, legacy), 422),
        (exchange(APP.1, &json!([legacy, access, APP.1]), legacy), 422),
        (exchange(legacy, &right, access), 401),
        (exchange(access, &right, APP.1), 401),
        (Call::get("/com/shop.json").header("x-haravan-access-token", legacy), 200),
        (Call::get("/com/shop.json").header("x-haravan-access-token", access), 401),
        (Call::get("/com/shop.json").header("authorization", &format!("Bearer {access}")), 200),
        (Call::get("/com/shop.json").header("authorization", &format!("Bearer {refresh}")), 401),
        (Call::get("/com/shop.json").header("authorization", legacy), 401),
    ] {
        sandbox.send(port, &call).await.expect(status);
    }
    let list = sandbox.send(port, &Call::get("/sandbox/requests")).await.expect(200);
    assert!(list.body.contains("scopes as one string"), "{list:?}");
    secrets.assert_absent("/sandbox/requests", list.body.as_bytes());
    let metrics = sandbox.send(sandbox.operator(), &Call::get("/metrics")).await.expect(200);
    secrets.assert_absent("/metrics", metrics.body.as_bytes());
    sandbox.terminate();
    let ended = sandbox.wait();
    assert!(ended.status.success() && ended.stderr.contains("/admin/token_exchange.json"), "{ended:?}");
    secrets.assert_absent("stderr", ended.stderr.as_bytes());
    for entry in fs::read_dir(data.path().join("data")).unwrap() {
        secrets.assert_absent("the data", &fs::read(entry.unwrap().path()).unwrap());
    }
}
