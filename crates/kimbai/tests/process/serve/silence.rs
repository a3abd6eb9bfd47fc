//! What was said in confidence, by clients, people or the operator, stands in no log, metric, output or file.

use std::fs;

use super::place::{Place, Server};
use super::visit::{App, JOBS, PASSWORD, VERIFIER, WEB, client_credentials, introspection};
use crate::BINARY;
use crate::browser::Browser;
use crate::fixture::{Call, Connection, say};
use crate::secrets::Secrets;
use crate::tour::Tokens;

const MANIFEST: &str = "\
[realms.main.clients.web]
redirect_uris = ['http://localhost:8080/callback']
scope = 'offline_access'
client_secret = 'file:web.secret'

[realms.main.clients.jobs]
scope = ''
client_secret = 'jobs-secret-0123456789-abcdef'
resource_server = true

[realms.main.clients.made]

[realms.main.users.an]
name = 'Đặng Thị Ngọc Ảnh'
password = 'mật khẩu của Ảnh'
";
const NEW_PASSWORD: &str = "mật khẩu mới của Ảnh/9+9=18";
const WRONG_PASSWORD: &str = "sai mật khẩu rồi";
const APP: App<'static> = App { scopes: &["offline_access"], ..App::WEB };

#[tokio::test]
async fn no_secret_is_in_a_trace_a_metric_the_output_a_backup_or_the_data() {
    let place = Place::new();
    let server = place.serve(&["--log", "trace"]).await;
    let mut secrets = Secrets::default();
    keep_master_key(&place, &mut secrets);
    apply(&place, &mut secrets);
    let (mut browser, tokens) = log_in(&place, &mut secrets).await;
    use_tokens(&server, &tokens, &mut secrets).await;
    rotate_secrets(&place, &server, &mut secrets).await;
    change_password(&place, &mut browser, &mut secrets).await;
    place.ok(&["backup", "backup.db"], "");
    place.ok(&["master-key", "rotate"], "");
    keep_master_key(&place, &mut secrets);
    APP.log_in(&mut Browser::new(place.port), NEW_PASSWORD, &mut secrets).await;
    misplace(&server, &secrets, &tokens).await;

    assert!(secrets.count() > 30, "{}", secrets.count());
    let metrics = Connection::to(place.operator()).send(&Call::get("/metrics")).await.unwrap().expect(200);
    assert!(metrics.body.contains("kimbai_refusals_total{"), "{}", metrics.body);
    secrets.assert_absent("/metrics", metrics.body.as_bytes());
    assert_data_is_silent(&place, &secrets, "running");
    let ended = server.stop().await;
    let requests = ended.stderr.lines().filter(|line| line.contains("\"kimbai::access\"")).count();
    assert!(requests > 40, "{requests}: {ended:?}");
    secrets.assert_absent("the log", ended.stderr.as_bytes());
    secrets.assert_absent("the output", ended.stdout.as_bytes());
    assert_data_is_silent(&place, &secrets, "stopped");
    secrets.assert_absent("the backup", &fs::read(place.path("backup.db")).unwrap());
    say(&format!("{} secrets in {} lines of trace: none found", secrets.count(), ended.stderr.lines().count()));
}

/// The key itself, as its file has it.
fn keep_master_key(place: &Place, secrets: &mut Secrets) {
    secrets.add("master key", fs::read_to_string(place.path("kimbai-data/master.key")).unwrap().trim_end());
}

/// Secrets that are given in a file, in the manifest, and made.
fn apply(place: &Place, secrets: &mut Secrets) {
    place.write("web.secret", WEB.1);
    for client in [WEB, JOBS] {
        secrets.add_client(client);
    }
    for password in [PASSWORD, NEW_PASSWORD, WRONG_PASSWORD] {
        secrets.add("password", password);
    }
    secrets.add("code_verifier", VERIFIER);
    let done = place.json(&["apply", "--yes", "-"], MANIFEST);
    let made = done["made_secrets"][0]["client_secret"].as_str().unwrap_or_else(|| panic!("{done}"));
    secrets.add_client(("made", made));
    // What is half wrong is refused, and not repeated either.
    let wrong = "[realms.main.clients.other]\nclient_secret = 'a-secret-in-a-wrong-file'\ncolour = 'red'\n";
    secrets.add("client_secret", "a-secret-in-a-wrong-file");
    let ended = place.run(&[BINARY, "apply", "--yes", "-"], wrong);
    assert_eq!(ended.status.code(), Some(2), "{ended:?}");
    secrets.assert_absent("the refusal", ended.stderr.as_bytes());
}

async fn log_in(place: &Place, secrets: &mut Secrets) -> (Browser, Tokens) {
    let mut browser = Browser::new(place.port);
    APP.try_password(&mut browser, WRONG_PASSWORD, secrets).await.expect(200);
    let tokens = APP.log_in(&mut browser, PASSWORD, secrets).await;
    (browser, tokens)
}

/// Refresh, the same again, the next; introspection, and revocation by a wrong and the right client.
async fn use_tokens(server: &Server, first: &Tokens, secrets: &mut Secrets) {
    let second = Tokens::of(&server.send(&APP.refresh(&first.refresh_token)).await.expect(200), secrets);
    server.send(&APP.refresh(&first.refresh_token)).await.expect(200);
    let third = Tokens::of(&server.send(&APP.refresh(&second.refresh_token)).await.expect(200), secrets);
    for (token, is_active) in [(&third.access_token, true), (&third.refresh_token, true)] {
        let answer = server.send(&introspection(token)).await.expect(200);
        assert_eq!(answer.body.contains("\"active\":true"), is_active, "{answer:?}");
        server.send(&Call::post("/revoke", &[("token", token)]).by(JOBS)).await;
    }
    let revoke = Call::post("/revoke", &[("token", third.refresh_token.as_str())]);
    server.send(&revoke.clone().by((WEB.0, VERIFIER))).await.expect(401);
    server.send(&revoke.by(WEB)).await.expect(200);
    server.send(&APP.refresh(&third.refresh_token)).await.expect(400);
    let own = server.send(&client_credentials(JOBS)).await.expect(200).member("access_token");
    secrets.add("access_token", &own);
}

/// A secret that is made and one that is chosen; each is used while the one before is still good.
async fn rotate_secrets(place: &Place, server: &Server, secrets: &mut Secrets) {
    let made = place.json(&["client", "rotate-secret", JOBS.0], "");
    let made = made["client_secret"].as_str().unwrap();
    secrets.add_client((JOBS.0, made));
    let chosen = "a-secret-that-was-chosen-0123456789";
    secrets.add_client((WEB.0, chosen));
    place.ok(&["client", "rotate-secret", WEB.0, "--secret", "-"], &format!("{chosen}\n"));
    for secret in [JOBS.1, made] {
        let answer = server.send(&client_credentials((JOBS.0, secret))).await.expect(200);
        secrets.add("access_token", &answer.member("access_token"));
    }
}

async fn change_password(place: &Place, browser: &mut Browser, secrets: &mut Secrets) {
    place.ok(&["user", "passwd", "an"], &format!("{NEW_PASSWORD}\n"));
    APP.try_password(browser, PASSWORD, secrets).await.expect(200);
}

/// Secrets where none belong: in queries, paths, headers and bodies of another type.
async fn misplace(server: &Server, secrets: &Secrets, tokens: &Tokens) {
    assert!(secrets.count() > 0);
    let query = form_urlencoded::Serializer::new(String::new())
        .extend_pairs([("client_secret", WEB.1), ("password", PASSWORD), ("code_verifier", VERIFIER)])
        .extend_pairs([("token", &tokens.access_token), ("refresh_token", &tokens.refresh_token)])
        .finish();
    for path in ["/token", "/authorize", "/revoke", "/introspect", "/nowhere", "/"] {
        let target = format!("{path}?{query}");
        for call in [Call::get(&target), Call::post(&target, &[("token", &tokens.access_token)]).by(WEB)] {
            let answer = server.send(&call).await;
            assert!((300..500).contains(&answer.status), "{answer:?}");
            secrets.assert_absent(path, answer.body.as_bytes());
            secrets.assert_absent(path, answer.header("location").as_bytes());
        }
        server.send(&Call::get(&target).header("host", "no.example.vn")).await.expect(421);
    }
    let body = serde_json::json!({"client_secret": WEB.1, "refresh_token": tokens.refresh_token});
    server.send(&Call::json("/token", &body)).await.expect(415);
    let bearer = Call::get("/token").header("authorization", &format!("Bearer {}", tokens.access_token));
    server.send(&bearer).await.expect(405);
}

/// All files of the data directory but that of the master key.
fn assert_data_is_silent(place: &Place, secrets: &Secrets, when: &str) {
    let mut bytes = 0;
    for entry in fs::read_dir(place.path("kimbai-data")).unwrap() {
        let file = entry.unwrap().path();
        if file.ends_with("master.key") || file.ends_with("kimbai.sock") {
            continue;
        }
        let content = fs::read(&file).unwrap();
        secrets.assert_absent(&format!("{when}, {}", file.display()), &content);
        bytes += content.len();
    }
    assert!(bytes > 100_000, "there was nothing to search: {bytes} bytes");
}
