//! Tiki Tini App in production: a super-app, an app that signs, paths of the operator's, and what the log says to the app's owner.

use kimbai_core::request_signature::{Covered, SigningInput, payload, sign};
use kimbai_store::Clock;
use serde_json::{Value, json};

use super::place::{Place, Server};
use super::visit::{App, PASSWORD};
use crate::BINARY;
use crate::browser::Browser;
use crate::fixture::{Answer, Call};
use crate::secrets::Secrets;

const HOST: &str = "id.example.vn";
const SECRET: &str = "app-secret-0123456789-abcdef";
const SUPER_APP: App<'static> = App {
    client: ("super-app", "super-app-secret-0123456789"),
    scopes: &["offline", "tini:auth_code"],
    authorize: "/oauth2/auth",
    token: "/oauth2/token",
};
const MANIFEST: &str = "\
[realms.tini]
issuer = 'https://id.example.vn'
dialect = 'tini'
request_signatures = { within = 60 }

[realms.tini.paths.platform]
open_api = '/open'
graphql = '/graphql'

[[realms.tini.scopes]]
name = 'user_profile'
description_vi = 'Xem hồ sơ'
description_en = 'See the profile'

[[realms.tini.scopes]]
name = 'tini:auth_code'
description_vi = 'Cấp quyền'
description_en = 'Let apps in'

[realms.tini.clients.super-app]
redirect_uris = ['http://localhost:8080/callback']
scope = 'offline tini:auth_code'
consent = 'never'
client_secret = 'super-app-secret-0123456789'

[realms.tini.clients.app]
token_endpoint_auth_method = 'request_signature'
scope = 'offline user_profile'
client_secret = 'app-secret-0123456789-abcdef'

[realms.tini.users.an]
name = 'Đặng Thị Ngọc Ảnh'
password = 'mật khẩu của Ảnh'
";

async fn post(server: &Server, path: &str, headers: &[(&'static str, &str)], body: &Value) -> Answer {
    let call = Call::json(path, body).header("host", HOST);
    server.send(&headers.iter().fold(call, |call, (name, value)| call.header(name, value))).await
}

/// Generation 4, signed so many seconds ago with this secret.
async fn signed(server: &Server, path: &str, body: &Value, (secret, ago_s): (&str, i64)) -> Answer {
    let timestamp_ms = Clock::default().now().as_unix_ms() - ago_s * 1_000;
    let covered = Covered::Bytes(body.to_string().into_bytes());
    let input = SigningInput { client_id: "app".to_owned(), timestamp_ms, covered };
    let signature = sign(secret.as_bytes(), payload(&input.canonical()).as_bytes());
    let timestamp = timestamp_ms.to_string();
    let headers =
        [("x-tiniapp-client-id", "app"), ("x-tiniapp-timestamp", &timestamp), ("x-tiniapp-signature", &signature)];
    post(server, path, &headers, body).await
}

fn member(answer: &Answer, pointer: &str) -> Value {
    let json: Value = serde_json::from_str(&answer.body).unwrap_or_else(|error| panic!("{error}: {answer:?}"));
    json.pointer(pointer).cloned().unwrap_or_else(|| panic!("{pointer}: {answer:?}"))
}

#[tokio::test]
async fn an_app_of_a_super_app_lives_in_production_on_paths_of_the_operators() {
    let place = Place::new();
    let server = place.serve(&[]).await;
    place.apply(MANIFEST);
    let (mut browser, mut secrets) = (Browser::new(place.port), Secrets::default());
    browser.headers.push(("host", HOST.to_owned()));
    let person = SUPER_APP.log_in(&mut browser, PASSWORD, &mut secrets).await;
    let bearer = format!("Bearer {}", person.access_token);
    let asks = json!({"client_id": "app", "scopes": ["offline", "user_profile"]});
    let asked = post(&server, "/tiniapp/api/auth-code", &[("authorization", &bearer)], &asks).await.expect(200);
    // There is no sheet but the super-app's own.
    assert_eq!(asked.body, r#"{"consentUrl":null}"#);
    let given = json!({"client_id": "app", "scopes": ["offline", "user_profile"], "granted": ["offline"]});
    let given = post(&server, "/tiniapp/api/auth-code", &[("authorization", &bearer)], &given).await.expect(200);
    let code = json!({ "code": member(&given, "/authCode") });
    let tokens = signed(&server, "/open/oauth/auth/token", &code, (SECRET, 0)).await.expect(200);
    assert_eq!(member(&tokens, "/data/scopes"), json!(["offline"]));
    let refresh = json!({ "refresh_token": member(&tokens, "/data/refresh_token") });
    signed(&server, "/open/api/v1/oauth/auth/token/refresh", &refresh, (SECRET, 0)).await.expect(200);
    // The window is the realm's.
    signed(&server, "/open/oauth/auth/token/refresh", &refresh, (SECRET, 50)).await.expect(200);
    let late = signed(&server, "/open/oauth/auth/token/refresh", &refresh, (SECRET, 70)).await.expect(400);
    assert_eq!(member(&late, "/error/reason"), "invalid_signature");
    let typename = post(&server, "/graphql", &[], &json!({"query": "{ __typename }"})).await.expect(200);
    assert_eq!(typename.body, r#"{"data":{"__typename":"Query"}}"#);
    for path in ["/tiniapp/api/graphql/query", "/tiniapp-open-api/oauth/me", "/sandbox/tini/consent", "/sandbox/code"] {
        post(&server, path, &[], &json!({})).await.expect(404);
    }
    // The owner of the app is told why, in the log; the caller is not.
    let said = server.log_lines().into_iter().rfind(|line| line["status"] == 400).unwrap();
    let reason = said["reason"].as_str().unwrap();
    assert!(reason.contains("a timestamp too far from the server's time") && reason.contains(".app."), "{said}");
    secrets.assert_absent("the log", server.log().as_bytes());
}

#[tokio::test]
async fn paths_that_the_dialect_does_not_have_or_that_meet_are_refused() {
    let place = Place::new();
    let _server = place.serve(&[]).await;
    for (paths, expect) in [
        ("nowhere = '/nowhere'", "the dialect has no path \"nowhere\""),
        ("graphql = '/oauth2/token'", "two endpoints are at /oauth2/token"),
        ("graphql = '/tiniapp/api/auth-code'", "two endpoints are at /tiniapp/api/auth-code"),
        ("graphql = '/tiniapp-open-api/oauth/me'", "is an endpoint of the dialect already"),
        ("graphql = 'graphql'", "is not a path"),
    ] {
        let manifest = format!(
            "[realms.t]\nissuer = 'https://t.example.vn'\ndialect = 'tini'\n[realms.t.paths.platform]\n{paths}\n"
        );
        let ended = place.run(&[BINARY, "apply", "--yes", "-"], &manifest);
        assert_eq!(ended.status.code(), Some(2), "{paths}: {ended:?}");
        assert!(ended.stderr.contains(expect), "{paths}: {ended:?}");
    }
    let other = "[realms.s]\nissuer = 'https://s.example.vn'\n[realms.s.paths.platform]\ngraphql = '/graphql'\n";
    let ended = place.run(&[BINARY, "apply", "--yes", "-"], other);
    assert!(ended.stderr.contains("the dialect has no path"), "{ended:?}");
}
