//! Haravan in the sandbox: what an integrator finds there works as it stands.

use std::process::Command;

use serde_json::Value;

use crate::fixture::{Call, Sandbox, Start};

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
