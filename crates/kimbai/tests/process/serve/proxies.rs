//! Behind a proxy: whose word counts about where a request came from, and an issuer that is not what is spoken here.

use serde_json::Value;

use super::place::{Place, Server, curl};
use super::visit::{App, MANIFEST, PASSWORD};
use crate::browser::{Browser, parameter};
use crate::fixture::Call;
use crate::secrets::Secrets;

const TRUSTED: &str = "[proxies]\ntrusted = ['127.0.0.1/32', '10.0.0.0/8']\nheader = 'x-forwarded-for'\n";

/// The line of the request with this id.
fn access_line(server: &Server, request_id: &str) -> Value {
    let mut lines = server.log_lines().into_iter().filter(|line| line["request_id"] == request_id);
    let line = lines.next().unwrap_or_else(|| panic!("{request_id}: {}", server.log()));
    assert_eq!(lines.next(), None, "one line a request");
    line
}

#[tokio::test]
async fn the_header_of_a_trusted_proxy_says_where_a_request_came_from_and_no_other() {
    let place = Place::new();
    place.write("kimbai.toml", TRUSTED);
    let server = place.serve(&[]).await;
    for (id, header, value, source) in [
        ("none", "x-other", "192.0.2.1", "127.0.0.1"),
        ("one", "x-forwarded-for", "192.0.2.1", "192.0.2.1"),
        ("forged", "x-forwarded-for", "203.0.113.9, 192.0.2.1", "192.0.2.1"),
        ("two-proxies", "x-forwarded-for", "203.0.113.9, 192.0.2.1, 10.1.2.3", "192.0.2.1"),
        ("unreadable", "x-forwarded-for", "192.0.2.1, nobody", "127.0.0.1"),
        ("other-header", "forwarded", "for=192.0.2.1", "127.0.0.1"),
        ("ipv6", "x-forwarded-for", "2001:db8::7", "2001:db8::"),
    ] {
        server.send(&Call::get("/token").header("x-request-id", id).header(header, value)).await.expect(405);
        assert_eq!(access_line(&server, id)["source"], source, "{id}");
    }
    // Of a host that no realm has, too.
    let call = Call::get("/").header("host", "nowhere.example.vn").header("x-forwarded-for", "192.0.2.1");
    server.send(&call.header("x-request-id", "misdirected")).await.expect(421);
    assert_eq!(access_line(&server, "misdirected")["source"], "192.0.2.1");
    // Whoever is no proxy may say what it likes.
    let url = format!("http://localhost:{}/token", place.port);
    let words = ["--interface", "127.0.0.2", "-H", "X-Forwarded-For: 192.0.2.1", "-H", "X-Request-Id: untrusted", &url];
    assert!(curl(&words).status.success());
    assert_eq!(access_line(&server, "untrusted")["source"], "127.0.0.2");
}

#[tokio::test]
async fn without_trusted_proxies_no_header_counts() {
    let place = Place::new();
    let server = place.serve(&[]).await;
    let call = Call::get("/token").header("x-forwarded-for", "192.0.2.1").header("forwarded", "for=192.0.2.1");
    server.send(&call.header("x-request-id", "direct")).await.expect(405);
    assert_eq!(access_line(&server, "direct")["source"], "127.0.0.1");
}

#[tokio::test]
async fn the_audit_has_the_source_that_the_proxy_names() {
    let place = Place::new();
    place.write("kimbai.toml", TRUSTED);
    let _server = place.serve(&[]).await;
    place.apply(MANIFEST);
    let (mut browser, mut secrets) = (Browser::new(place.port), Secrets::default());
    browser.headers.push(("x-forwarded-for", "203.0.113.9, 192.0.2.1".to_owned()));
    App::WEB.try_password(&mut browser, "not the password", &mut secrets).await.expect(200);
    App::WEB.log_in(&mut browser, PASSWORD, &mut secrets).await;
    let events = place.json(&["audit", "list", "--user", "an"], "");
    let of_log_ins = |event: &&Value| ["log_in_refused", "logged_in"].iter().any(|name| event["event"] == *name);
    let sources: Vec<_> = events.as_array().unwrap().iter().filter(of_log_ins).map(|event| &event["source"]).collect();
    assert_eq!(sources, ["192.0.2.1", "192.0.2.1"], "{events}");
}

#[tokio::test]
async fn an_https_issuer_works_on_plain_http_behind_a_proxy() {
    let place = Place::new();
    place.write("kimbai.toml", TRUSTED);
    let server = place.serve(&[]).await;
    place.apply(&format!("[realms.main]\nissuer = 'https://id.example.vn'\n{MANIFEST}"));
    let (mut browser, mut secrets) = (Browser::new(place.port), Secrets::default());
    // What a request claims of its scheme and host counts for nothing.
    for (name, value) in [
        ("host", "id.example.vn"),
        ("x-forwarded-for", "192.0.2.1"),
        ("x-forwarded-host", "evil.example.com"),
        ("x-forwarded-proto", "http"),
        ("forwarded", "host=evil.example.com;proto=http"),
    ] {
        browser.headers.push((name, value.to_owned()));
    }
    let metadata = browser.get("/.well-known/oauth-authorization-server", &mut secrets).await.expect(200);
    assert_eq!(metadata.member("issuer"), "https://id.example.vn");
    for (endpoint, path) in [("authorization", "/authorize"), ("token", "/token"), ("revocation", "/revoke")] {
        assert_eq!(metadata.member(&format!("{endpoint}_endpoint")), format!("https://id.example.vn{path}"));
    }
    let page = browser.get(&App::WEB.authorization_request(), &mut secrets).await.expect(200);
    let cookie = page.header("set-cookie");
    assert!(cookie.starts_with("__Host-kimbai-main-browser=") && cookie.ends_with("; Secure"), "{cookie}");
    let led = App::WEB.allowed(&mut browser, PASSWORD, &mut secrets).await;
    assert_eq!(parameter(&led, "iss"), "https://id.example.vn");
    assert!(browser.cookies.keys().all(|name| name.starts_with("__Host-")), "{:?}", browser.cookies.keys());
    let tokens = App::WEB.redeem(&mut browser, &parameter(&led, "code"), &mut secrets).await.expect(200);
    browser.send(App::WEB.refresh(&tokens.member("refresh_token")), &mut secrets).await.expect(200);
    // The host it had before is nobody's now.
    server.send(&Call::get("/authorize")).await.expect(421);
}
