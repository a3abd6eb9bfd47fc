//! The sandbox beside production: its people are nobody there; own apps by `--apply`, and `--tls`.

use std::path::Path;

use serde_json::{Value, json};

use super::place::{Place, curl};
use super::visit::{App, VERIFIER};
use crate::browser::Browser;
use crate::fixture::{Call, Start};
use crate::secrets::Secrets;

/// That of the verifier.
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

fn with(flags: &[&str]) -> Start {
    Start { flags: flags.iter().map(|flag| (*flag).to_owned()).collect(), ..Start::new(None) }
}

#[tokio::test]
async fn the_people_of_the_sandbox_cannot_log_in_where_its_data_is_served() {
    let place = Place::new();
    let start = Start { port_base: place.port, ..Start::new(Some(&place.path("kimbai-data"))) };
    let app = App {
        client: ("demo-web", "demo-web-secret-0123456789abcdef"),
        scopes: &["offline_access", "orders.read"],
        ..App::WEB
    };
    let mut secrets = Secrets::default();
    let sandbox = start.start();
    app.try_password(&mut Browser::new(place.port), "kimbai-demo", &mut secrets).await.expect(303);
    sandbox.terminate();
    assert!(sandbox.wait().status.success());
    let server = place.serve(&["--listen", &format!("127.0.0.1:{}", place.port)]).await;
    let refused = app.try_password(&mut Browser::new(place.port), "kimbai-demo", &mut secrets).await.expect(200);
    assert!(refused.body.contains("name=\"password\"") && refused.header("set-cookie").is_empty(), "{refused:?}");
    let line = server.log_lines().into_iter().rfind(|line| line["path"] == "/authorize/login").unwrap();
    assert_eq!(line["reason"], "the user name or the password is wrong", "{line}");
    server.send(&Call::get("/sandbox/requests")).await.expect(404);
    // With a password of its own it is a person like any other.
    place.ok(&["user", "passwd", "an", "--realm", "standard"], "a password of eight words\n");
    app.try_password(&mut Browser::new(place.port), "a password of eight words", &mut secrets).await.expect(303);
}

#[tokio::test]
async fn an_integrator_brings_apps_and_people_to_the_sandbox() {
    let place = Place::new();
    place.write("own.secret", "my-secret-0123456789-abcdefgh\n");
    let manifest = "\
[realms.standard.clients.mine]
redirect_uris = ['https://mine.example.vn/callback']
scope = 'offline_access orders.read'
client_secret = 'file:own.secret'

[realms.marketplace.clients.made]
redirect_uris = ['https://mine.example.vn/callback']
scope = 'offline order'

[realms.standard.users.dung]
name = 'Lê Văn Dũng'
password = 'a password of eight words'
";
    place.write("own.toml", manifest);
    let sandbox = with(&["--apply", place.path("own.toml").to_str().unwrap()]).start();
    let document: Value = serde_json::from_str(&sandbox.document).unwrap();
    let shown = |realm: usize, client_id: &str| {
        let clients = document["realms"][realm]["clients"].as_array().unwrap();
        clients.iter().find(|client| client["client_id"] == client_id).unwrap_or_else(|| panic!("{document}")).clone()
    };
    assert_eq!(shown(0, "mine")["client_secret"], "(yours)", "a secret that was given is not shown");
    assert!(shown(0, "mine")["redirect_uris"].to_string().contains("https://mine.example.vn/callback"));
    let made = shown(2, "made")["client_secret"].as_str().unwrap().to_owned();
    for (port, client, wanted, token) in [
        (
            sandbox.port_base,
            ("mine", "my-secret-0123456789-abcdefgh"),
            json!({"client_id": "mine", "user": "dung", "scopes": ["offline_access"], "code_challenge": CHALLENGE}),
            "/token",
        ),
        (
            sandbox.marketplace(),
            ("made", made.as_str()),
            json!({"client_id": "made", "user": "an", "scopes": ["offline"], "code_challenge": CHALLENGE}),
            "/sc/oauth2/token",
        ),
    ] {
        let code = sandbox.send(port, &Call::json("/sandbox/code", &wanted)).await.expect(200).member("code");
        let form = [("grant_type", "authorization_code"), ("code", code.as_str()), ("code_verifier", VERIFIER)];
        sandbox.send(port, &Call::post(token, &form).by(client)).await.expect(200).member("refresh_token");
    }
    // The demo apps are still there.
    assert_eq!(shown(0, "demo-web")["client_secret"], "demo-web-secret-0123456789abcdef");
}

/// What a page has to paste behind this title.
fn pasted(page: &str, title: &str) -> Option<String> {
    let (_, figure) = page.split_once(&format!("<figcaption>{title}</figcaption>"))?;
    let (_, code) = figure.split_once("<code class=\"copy\">")?;
    let code = code.split_once("</code>")?.0.to_owned();
    let escapes = [("&#34;", "\""), ("&#39;", "'"), ("&#60;", "<"), ("&#62;", ">"), ("&#38;", "&")];
    Some(escapes.iter().fold(code, |code, (escape, letter)| code.replace(escape, letter)))
}

const DEMO_CLIENT: &str = "fMLgZltRRtetnsOHXgxsHQ";
const OTHER_CLIENT: &str = "T3RoZXJQYXJ0bmVyMDAwMQ";

#[tokio::test]
async fn the_log_in_to_paste_is_that_of_the_partners_as_they_were_changed() {
    let place = Place::new();
    let given = |client_id: &str, key: &str| format!("[realms.tconnect.clients.{client_id}]\npartner.key = '{key}'\n");
    let taken = given(DEMO_CLIENT, &"ab".repeat(32)) + &given(OTHER_CLIENT, &"cd".repeat(32));
    let made = "[realms.tconnect.clients.made]\npartner = { partner_code = \"MA'DE\", key_spelling = 'ascii', \
                iv = { fixed = 'f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff' } }\n";
    for (manifest, expect) in [
        (
            format!("[realms.tconnect.clients.{DEMO_CLIENT}]\npartner = {{ iv = 'zero', answers = 'encrypted' }}\n"),
            Some((" --iv zero ", "{\"data\":\"")),
        ),
        (given(DEMO_CLIENT, &"ab".repeat(32)), Some(("Partner-Code: OTHER", "{\"access_token\":\""))),
        (taken.clone() + made, Some((" --key-spelling ascii --iv f0f1", "{\"access_token\":\""))),
        (taken, None),
    ] {
        place.write("own.toml", &manifest);
        let sandbox = with(&["--apply", place.path("own.toml").to_str().unwrap()]).start();
        assert!(!sandbox.document.contains("abababab"), "{}", sandbox.document);
        let page = sandbox.send(sandbox.port_base + 3, &Call::get("/").header("accept", "text/html")).await.expect(200);
        let command = pasted(&page.body, "log-in");
        assert_eq!(command.is_some(), expect.is_some(), "{manifest}: {command:?}");
        if let (Some(command), Some((words, answer))) = (command, expect) {
            let ended = place.run(&["sh", "-euc", &command], "");
            assert!(command.contains(words) && ended.stdout.starts_with(answer), "{command}: {ended:?}");
        }
    }
}

#[tokio::test]
async fn a_key_that_is_left_out_is_made_and_shown_until_it_is_kept() {
    let place = Place::new();
    place.write("own.toml", "[realms.tconnect.clients.made]\npartner = { partner_code = 'MADE', iv = 'zero' }\n");
    let data = place.path("sandbox");
    let start =
        Start { flags: with(&["--apply", place.path("own.toml").to_str().unwrap()]).flags, ..Start::new(Some(&data)) };
    let mut keys = Vec::new();
    for _ in 0..2 {
        let sandbox = start.start();
        let document: Value = serde_json::from_str(&sandbox.document).unwrap();
        let clients = document["realms"][3]["clients"].as_array().unwrap();
        let made = clients.iter().find(|client| client["client_id"] == "made").unwrap().clone();
        assert_eq!((&made["partner_code"], &made["iv"]), (&"MADE".into(), &"zero".into()), "{made}");
        assert!(clients[0].get("iv").is_none(), "as the documents have it: {}", clients[0]);
        let page = sandbox.send(sandbox.port_base + 3, &Call::get("/").header("accept", "text/html")).await.expect(200);
        let key = made["envelope_key"].as_str().unwrap().to_owned();
        for fact in ["DEMO", "OTHER", "MADE", &key] {
            assert!(page.body.contains(&format!("<code class=\"copy\">{fact}</code>")), "{fact}: {}", page.body);
        }
        assert!(page.body.contains("<dt>iv</dt><dd><code>zero</code></dd>"), "{}", page.body);
        keys.push((key, made["client_secret"].as_str().unwrap().to_owned()));
        sandbox.terminate();
        assert!(sandbox.wait().status.success());
    }
    let [(key, secret), (later_key, later_secret)] = &keys[..] else { panic!("{keys:?}") };
    assert!(key.len() == 64 && key.bytes().all(|digit| digit.is_ascii_hexdigit()) && secret.len() > 21, "{keys:?}");
    assert_eq!((later_key, later_secret), (&"(made by an earlier start)".to_owned(), later_key));
}

#[test]
fn a_file_that_is_not_for_the_sandbox_is_refused_with_advice_and_nothing_starts() {
    let place = Place::new();
    for (manifest, expect) in [
        ("[realms.main.clients.mine]\n", "the sandbox has no realm main\n"),
        ("[realms.standard]\nissuer = 'https://id.example.vn'\n", "realms.standard.issuer is the sandbox's own\n"),
        ("[realms.standard]\ndialect = 'marketplace'\n", "realms.standard.dialect is the sandbox's own\n"),
        (
            "[realms.standard]\nfurther_hosts = ['x.example.vn']\n",
            "realms.standard.further_hosts is the sandbox's own\n",
        ),
        ("[realms.standard.clients.mine]\ncolour = 'red'\n", "colour"),
        ("[realms.standard.clients.mine]\nclient_secret = 'short'\n", "at least 22 characters"),
        ("[realms.standard.clients.mine]\nscope = 'nothing'\n", "mine: scope: the scope is unknown"),
        ("realms = 7", "realms"),
        ("[realms", "own.toml"),
    ] {
        place.write("own.toml", manifest);
        let ended = with(&["--apply", place.path("own.toml").to_str().unwrap()]).try_start().err().unwrap();
        assert_eq!((ended.status.code(), ended.stdout.as_str()), (Some(2), ""), "{manifest}: {ended:?}");
        assert!(ended.stderr.starts_with("error: ") && ended.stderr.contains(expect), "{manifest}: {ended:?}");
    }
    let ended = with(&["--apply", "/nowhere.toml"]).try_start().err().unwrap();
    assert_eq!(ended.status.code(), Some(2), "{ended:?}");
}

#[tokio::test]
async fn a_strict_client_trusts_the_sandbox_over_tls_and_the_authority_goes_with_it() {
    let sandbox = with(&["--tls"]).start();
    let document: Value = serde_json::from_str(&sandbox.document).unwrap();
    let authority = document["authority"]["file"].as_str().unwrap().to_owned();
    let pem = std::fs::read_to_string(&authority).unwrap();
    assert_eq!(document["authority"]["pem"], pem.as_str());
    assert!(pem.starts_with("-----BEGIN CERTIFICATE-----") && !pem.contains("PRIVATE"), "{pem}");
    for (offset, realm) in [(0, 0), (1, 1), (2, 2)] {
        let port = sandbox.port_base + offset;
        let issuer = format!("https://localhost:{port}");
        assert_eq!(document["realms"][realm]["issuer"], issuer);
        for host in ["localhost", "127.0.0.1"] {
            let url = format!("https://{host}:{port}/.well-known/oauth-authorization-server");
            let trusting = curl(&["--cacert", &authority, &url]);
            assert!(trusting.stdout.contains(&format!("\"issuer\":\"{issuer}\"")), "{host}: {trusting:?}");
        }
        let strict = curl(&[&format!("{issuer}/")]);
        assert_eq!(strict.status.code(), Some(60), "nobody trusts it by itself: {strict:?}");
    }
    sandbox.send(sandbox.operator(), &Call::get("/readyz")).await.expect(200);
    let directory = Path::new(&authority).parent().unwrap();
    assert!(directory.exists());
    sandbox.terminate();
    let ended = sandbox.wait();
    assert!(ended.status.success() && ended.stdout.is_empty() && !ended.stderr.contains("PRIVATE KEY"), "{ended:?}");
    assert!(!directory.exists(), "{} is left behind", directory.display());
}
