//! Many realms on one port: found by host, added and changed beside the running server.

use serde_json::{Value, json};

use super::place::Place;
use super::visit::{App, MANIFEST, PASSWORD};
use crate::BINARY;
use crate::browser::{Browser, parameter};
use crate::fixture::{Call, Connection};
use crate::secrets::Secrets;

const METADATA: &str = "/.well-known/oauth-authorization-server";
const SELLER: (&str, &str) = ("7590139168389961", "a-secret-of-the-seller-0123456789");
const SECOND: &str = "\
[realms.second]
issuer = 'https://second.example.vn'
further_hosts = ['second.internal:8443']
dialect = 'marketplace'

[[realms.second.scopes]]
name = 'order'
description_vi = 'Xem đơn hàng'
description_en = 'See orders'

[realms.second.clients.7590139168389961]
redirect_uris = ['http://localhost:8080/callback']
scope = 'offline order'
client_secret = 'a-secret-of-the-seller-0123456789'

[realms.second.users.an]
name = 'Đặng Thị Ngọc Ảnh'
password = 'mật khẩu của Ảnh'
";

fn at(host: &str, path: &str) -> Call {
    Call::get(path).header("host", host)
}

#[tokio::test]
async fn a_realm_that_is_applied_beside_the_server_is_answered_at_once() {
    let place = Place::new();
    let server = place.serve(&[]).await;
    for host in ["second.example.vn", "second.internal:8443"] {
        let answer = server.send(&at(host, METADATA)).await.expect(421);
        assert!(!answer.header("x-request-id").is_empty(), "{answer:?}");
    }
    place.apply(SECOND);
    for host in ["second.example.vn", "second.example.vn:443", "SECOND.example.vn", "second.internal:8443"] {
        let metadata = server.send(&at(host, METADATA)).await.expect(200);
        assert_eq!(metadata.member("issuer"), "https://second.example.vn", "{host}");
    }
    for host in ["second.example.vn:8443", "second.internal", "second.example.vn.evil.test", "example.vn"] {
        server.send(&at(host, METADATA)).await.expect(421);
    }
    // The first one goes on, and knows nothing of the second's apps.
    let first = server.send(&Call::get(METADATA)).await.expect(200);
    assert_eq!(first.member("issuer"), format!("http://localhost:{}", place.port));
    let form = [("grant_type", "client_credentials")];
    server.send(&Call::post("/token", &form).by(SELLER)).await.expect(401);
    // After another start all of it is there.
    server.stop().await;
    let server = place.serve(&[]).await;
    assert!(server.said().contains("\nrealm second       https://second.example.vn\n"), "{}", server.said());
    server.send(&at("second.example.vn", METADATA)).await.expect(200);
}

#[tokio::test]
async fn a_change_of_its_paths_moves_a_realms_endpoints() {
    let place = Place::new();
    let server = place.serve(&[]).await;
    place.apply(MANIFEST);
    let tokens = App::WEB.log_in(&mut Browser::new(place.port), PASSWORD, &mut Secrets::default()).await;
    server.send(&Call::get("/token")).await.expect(405);
    place.apply("[realms.main.paths]\ntoken = '/oauth/token'\nauthorize = '/oauth/authorize'\n");
    server.send(&Call::get("/token")).await.expect(404);
    server.send(&Call::get("/authorize")).await.expect(404);
    let metadata = server.send(&Call::get(METADATA)).await.expect(200);
    assert_eq!(metadata.member("token_endpoint"), format!("http://localhost:{}/oauth/token", place.port));
    let moved = App { token: "/oauth/token", authorize: "/oauth/authorize", ..App::WEB };
    server.send(&moved.refresh(&tokens.refresh_token)).await.expect(200);
    moved.log_in(&mut Browser::new(place.port), PASSWORD, &mut Secrets::default()).await;
}

#[tokio::test]
async fn two_realms_with_one_host_are_refused_and_nothing_of_the_file_is_applied() {
    let place = Place::new();
    let server = place.serve(&[]).await;
    place.apply(SECOND);
    let standing = || place.ok(&["export", "--hashes"], "");
    let before = standing();
    for manifest in [
        "[realms.third]\nissuer = 'https://second.example.vn'\n",
        "[realms.third]\nissuer = 'https://SECOND.example.vn:443'\n",
        "[realms.third]\nissuer = 'https://third.example.vn'\nfurther_hosts = ['second.internal:8443']\n",
        "[realms.main]\nfurther_hosts = ['second.example.vn:443']\n",
        "[realms.a]\nissuer = 'https://one.example.vn'\n[realms.b]\nissuer = 'https://one.example.vn'\n",
    ] {
        let ended = place.run(&[BINARY, "apply", "--yes", "-"], manifest);
        assert_eq!(ended.status.code(), Some(2), "{manifest}: {ended:?}");
        assert!(ended.stderr.starts_with("error: ") && ended.stderr.contains("host"), "{manifest}: {ended:?}");
        assert_eq!(standing(), before, "{manifest}");
    }
    let metadata = server.send(&at("second.example.vn", METADATA)).await.expect(200);
    assert_eq!(metadata.member("issuer"), "https://second.example.vn");
}

#[tokio::test]
async fn the_marketplace_dialect_is_served_without_anything_of_the_sandbox() {
    let place = Place::new();
    let server = place.serve(&[]).await;
    place.apply(SECOND);
    let app =
        App { client: SELLER, scopes: &["offline", "order"], authorize: "/sc/oauth2/auth", token: "/sc/oauth2/token" };
    let (mut browser, mut secrets) = (Browser::new(place.port), Secrets::default());
    browser.headers.push(("host", "second.example.vn".to_owned()));
    let led = app.allowed(&mut browser, PASSWORD, &mut secrets).await;
    let tokens = app.redeem(&mut browser, &parameter(&led, "code"), &mut secrets).await.expect(200);
    assert_eq!(tokens.member("token_type"), "bearer", "as the platform spells it");
    let next = browser.send(app.refresh(&tokens.member("refresh_token")), &mut secrets).await.expect(200);
    assert_ne!(next.member("refresh_token"), tokens.member("refresh_token"));
    let seller = Call::get("/integration/v2/sellers/me");
    let bearer = format!("Bearer {}", next.member("access_token"));
    browser.send(seller.header("authorization", &bearer), &mut secrets).await.expect(200);
    for host in ["second.example.vn".to_owned(), format!("localhost:{}", place.port)] {
        for path in
            ["/", "/sandbox", "/sandbox/callback", "/sandbox/requests", "/sandbox/code", "/sandbox/clock", "/floor"]
        {
            server.send(&at(&host, path)).await.expect(404);
            let wanted = serde_json::json!({"client_id": SELLER.0, "user": "an", "scopes": ["order"], "advance_s": 1});
            server.send(&Call::json(path, &wanted).header("host", &host)).await.expect(404);
        }
    }
}

/// What the page for integrators says of a realm of one's own.
const ONEID_PAGE: &str = include_str!("../../../../../docs/integrate-oneid.md");

#[tokio::test]
async fn the_oneid_realm_of_the_integrators_page_is_served_as_the_page_says() {
    let place = Place::new();
    let server = place.serve(&[]).await;
    let (_, after) = ONEID_PAGE.split_once("## A realm of your own\n\n```toml\n").unwrap();
    let (manifest, _) = after.split_once("```").unwrap();
    place.apply(manifest);
    place.apply(
        "[realms.oneid.clients.reader]\nresource_server = true\nclient_secret = 'a-secret-of-the-reader-0123'\n",
    );
    let host = "id.example.vn";
    let discovered = server.send(&at(host, "/.well-known/openid-configuration")).await.expect(200);
    assert_eq!(discovered.member("issuer"), "https://id.example.vn/");
    assert_eq!(discovered.member("token_endpoint"), "https://id.example.vn/oauth2/token");
    let profile = at(host, "/user-management/user-info").header("authentication", "bearer x");
    assert!(server.send(&profile).await.expect(401).body.contains("\"code\":4010001"));
    for path in ["/", "/sandbox/code", "/oauth2/introspect"] {
        server.send(&at(host, path)).await.expect(404);
    }
    // Introspection is on the operator's port, for every realm.
    let reader = ("reader", "a-secret-of-the-reader-0123");
    let asked = Call::post("/realms/oneid/oauth2/introspect", &[("token", "x")]);
    let answer = Connection::to(place.operator()).send(&asked.clone().by(reader)).await.unwrap().expect(200);
    assert_eq!(answer.body, r#"{"active":false}"#);
    Connection::to(place.operator()).send(&asked).await.unwrap().expect(401);
    let of_main = Call::post("/realms/main/introspect", &[("token", "x")]);
    Connection::to(place.operator()).send(&of_main).await.unwrap().expect(401);
    let again = place.ok(&["apply", "--yes", "-"], manifest);
    assert!(again.starts_with("Nothing to do"), "{again}");
}

const HARAVAN_PAGE: &str = include_str!("../../../../../docs/integrate-haravan.md");
const HARAVAN_APP: (&str, &str) = ("00112233445566778899aabbccddeeff", "a-secret-of-the-app-0123456789");

#[tokio::test]
async fn the_haravan_realm_of_the_integrators_page_is_served_as_the_page_says() {
    let place = Place::new();
    let server = place.serve(&[]).await;
    let (_, after) = HARAVAN_PAGE.split_once("## A realm of your own\n").unwrap();
    let manifests: Vec<_> = after.split("```toml\n").skip(1).map(|rest| rest.split_once("```").unwrap().0).collect();
    for manifest in &manifests {
        place.apply(&manifest.replace("env:APP_SECRET", HARAVAN_APP.1));
    }
    let (host, shop) = ("accounts.example.vn", "hoa-tuoi.shops.example.vn");
    let discovered = server.send(&at(host, "/.well-known/openid-configuration")).await.expect(200);
    assert_eq!(discovered.member("issuer"), "https://accounts.example.vn");
    assert_eq!(discovered.member("token_endpoint"), "https://accounts.example.vn/connect/token");
    assert!(discovered.body.contains("\"com.write_products\""), "the second file's scope: {discovered:?}");
    let (id, secret) = HARAVAN_APP;
    let imported =
        place.ok(&["legacy-token", "import", "-", "--realm", "haravan"], &format!("hoa-tuoi {id} an t0k3n\n"));
    assert!(imported.contains('1'), "{imported}");
    let scopes = ["openid", "profile", "email", "org", "userinfo", "grant_service", "offline_access"];
    let asked = json!({"token_exchange": {"client_id": id, "secret_key": secret, "scopes": scopes}});
    let exchange = |host: &str| {
        let call = Call::json("/admin/token_exchange.json", &asked).header("host", host);
        call.header("authorization", "Bearer t0k3n")
    };
    let given: Value = serde_json::from_str(&server.send(&exchange(shop)).await.expect(200).body).unwrap();
    assert_eq!(given["token"]["expires_in"], i32::MAX, "{given}");
    let bearer = format!("Bearer {}", given["token"]["access_token"].as_str().unwrap());
    let opened = server.send(&at(host, "/com/shop.json").header("authorization", &bearer)).await.expect(200);
    assert!(opened.body.contains("Tiệm Hoa Tươi") && opened.body.contains(shop), "{opened:?}");
    // The header that names a shop is the sandbox's alone; the shop's host has no accounts server; there is no other shop.
    server.send(&exchange(host).header("x-kimbai-shop", "hoa-tuoi")).await.expect(404);
    server.send(&at(shop, "/.well-known/openid-configuration")).await.expect(404);
    server.send(&exchange("hoa-hong.shops.example.vn")).await.expect(404);
    server.send(&at("a.hoa-tuoi.shops.example.vn", "/com/shop.json")).await.expect(421);
    let listed = place.ok(&["grant", "list", "--realm", "haravan", "--shop", "hoa-tuoi"], "");
    assert!(listed.contains(id), "{listed}");
}
