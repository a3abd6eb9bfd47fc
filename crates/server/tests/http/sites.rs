//! Many realms on one listener, which change while they are served.

use std::sync::Arc;

use kimbai_server::Audience;
use kimbai_server::dialects::{haravan, marketplace, standard};
use kimbai_server::http::host::HostError;
use kimbai_server::http::proxies::TrustedProxies;
use kimbai_server::http::sites::Sites;
use kimbai_server::sandbox::demo::Registration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::fixture::{At, Sandbox, WEB, basic};

const METADATA: &str = "/.well-known/oauth-authorization-server";

fn registration(name: &'static str, issuer: &str, further_hosts: &[&str]) -> Registration {
    let mut registration = standard::demo::registration(issuer);
    registration.name = name;
    registration.settings.further_hosts = further_hosts.iter().map(|&host| host.to_owned()).collect();
    registration
}

/// Two realms on one listener, as seen under one host.
async fn two_realms(sandbox: &Sandbox) -> (Arc<Sites>, At) {
    let first = registration("first", "https://id.example.vn", &["login.example.vn", "localhost:4500"]);
    let mut second = marketplace::demo::registration("https://seller.example.vn:8443");
    second.name = "second";
    let sites = Arc::new(Sites::new(TrustedProxies::default()));
    for registration in [first, second] {
        sites.put([sandbox.site(&registration, Audience::Production).await]).unwrap();
    }
    let address = sandbox.listen(Arc::clone(&sites)).await;
    (sites, At { name: "first", ..at(address, "id.example.vn") })
}

fn at(address: std::net::SocketAddr, host: &str) -> At {
    At { host: host.to_owned(), ..At::new(address, "standard") }
}

async fn issuer_at(at: &At, host: &str) -> String {
    let document = at.call("GET", METADATA).without_host().header("host", host).send().await.expect(200);
    document.member("issuer")
}

#[tokio::test]
async fn the_host_chooses_the_realm_and_never_its_issuer() {
    let sandbox = Sandbox::start().await;
    let (_, at) = two_realms(&sandbox).await;
    for host in ["id.example.vn", "ID.example.vn:443", "login.example.vn", "localhost:4500", "127.0.0.1:4500"] {
        assert_eq!(issuer_at(&at, host).await, "https://id.example.vn", "{host}");
    }
    assert_eq!(issuer_at(&at, "seller.example.vn:8443").await, "https://seller.example.vn:8443");
    at.token(&WEB, &[("grant_type", "password")]).await.refused(400, "unsupported_grant_type");
}

#[tokio::test]
async fn a_host_that_no_realm_has_is_misdirected_in_the_plainest_form() {
    let sandbox = Sandbox::start().await;
    let (_, at) = two_realms(&sandbox).await;
    for host in ["evil.test", "id.example.vn:8443", "seller.example.vn", "a@id.example.vn", "localhost", "", "é"] {
        let call = at.call("GET", METADATA).without_host().header_bytes("host", host.as_bytes());
        let answer = call.header("forwarded", "host=id.example.vn").header("x-forwarded-host", "id.example.vn");
        let answer = answer.header("x-request-id", "mine").send().await.refused(421, "invalid_request");
        assert_eq!(answer.header("x-request-id"), "mine");
        assert!(answer.json().get("status_code").is_none(), "{host}");
    }
}

#[tokio::test]
async fn a_realm_takes_new_settings_while_it_is_served() {
    let sandbox = Sandbox::start().await;
    let (sites, at) = two_realms(&sandbox).await;
    let body = "grant_type=refresh_token&refresh_token=x";
    let request = format!(
        "POST /token HTTP/1.1\r\nhost: id.example.vn\r\nauthorization: {}\r\nconnection: close\r\ncontent-length: {}\r\n\
         content-type: application/x-www-form-urlencoded\r\n\r\n",
        basic(WEB.client_id, WEB.client_secret),
        body.len()
    );
    let mut under_way = TcpStream::connect(at.address).await.unwrap();
    under_way.write_all(request.as_bytes()).await.unwrap();
    under_way.write_all(&body.as_bytes()[..10]).await.unwrap();
    // Answered after the bytes above have come: this connection was accepted later.
    issuer_at(&at, "login.example.vn").await;

    let mut changed = registration("first", "https://id.example.vn", &["new.example.vn"]);
    changed.settings.paths.token = "/oauth/token".to_owned();
    sites.put([sandbox.site(&changed, Audience::Production).await]).unwrap();
    assert_eq!(issuer_at(&at, "new.example.vn").await, "https://id.example.vn");
    at.call("GET", METADATA).without_host().header("host", "login.example.vn").send().await.expect(421);
    at.post("/token", &[]).await.expect(404);
    at.post("/oauth/token", &[]).await.refused(400, "invalid_request");
    assert_eq!(issuer_at(&at, "seller.example.vn:8443").await, "https://seller.example.vn:8443");

    under_way.write_all(&body.as_bytes()[10..]).await.unwrap();
    let mut answer = String::new();
    under_way.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 400 ") && answer.contains("invalid_grant"), "{answer}");
}

#[tokio::test]
async fn a_host_belongs_to_one_realm() {
    let sandbox = Sandbox::start().await;
    let (sites, at) = two_realms(&sandbox).await;
    for (issuer, further, expect) in [
        ("https://id.example.vn", &[][..], "id.example.vn"),
        ("https://third.example.vn", &["LOGIN.example.vn:443"], "login.example.vn"),
        ("https://LOGIN.example.vn", &[], "login.example.vn"),
        ("https://third.example.vn", &["seller.example.vn:8443"], "seller.example.vn:8443"),
    ] {
        let third = registration("third", issuer, further);
        let refused = sites.check([("third", &third.settings)]).unwrap_err();
        assert!(matches!(refused, HostError::Taken { .. }), "{issuer}: {refused}");
        let also = registration("fourth", "https://fourth.example.vn", &[]);
        let both = [sandbox.site(&also, Audience::Production).await, sandbox.site(&third, Audience::Production).await];
        let HostError::Taken { host, .. } = sites.put(both).unwrap_err() else { panic!("{issuer}") };
        assert_eq!(host, expect);
        // All or none.
        at.call("GET", METADATA).without_host().header("host", "fourth.example.vn").send().await.expect(421);
    }
    assert_eq!(issuer_at(&at, "login.example.vn").await, "https://id.example.vn");
    let first = registration("first", "https://id.example.vn", &[]);
    let third = registration("third", "https://login.example.vn", &[]);
    assert_eq!(sites.check([("first", &first.settings), ("third", &third.settings)]), Ok(()));
    let swapped = [sandbox.site(&first, Audience::Production).await, sandbox.site(&third, Audience::Production).await];
    sites.put(swapped).unwrap();
    assert_eq!(issuer_at(&at, "login.example.vn").await, "https://login.example.vn");
}

#[tokio::test]
async fn of_two_realms_on_loopback_each_has_its_name_and_neither_the_others() {
    let sandbox = Sandbox::start().await;
    let sites = Arc::new(Sites::new(TrustedProxies::default()));
    let (one, two) = ("http://localhost:4500", "http://shop.localhost:4500");
    sites.put([sandbox.site(&registration("one", one, &[]), Audience::Production).await]).unwrap();
    let at = at(sandbox.listen(Arc::clone(&sites)).await, "localhost:4500");
    assert_eq!(issuer_at(&at, "shop.localhost:4500").await, one);
    sites.put([sandbox.site(&registration("two", two, &[]), Audience::Production).await]).unwrap();
    assert_eq!(issuer_at(&at, "localhost:4500").await, one);
    assert_eq!(issuer_at(&at, "shop.localhost:4500").await, two);
    at.call("GET", METADATA).without_host().header("host", "127.0.0.1:4500").send().await.expect(421);
}

const SHOP: &str = "/com/shop.json";

/// A realm whose shops have hosts with this ending.
fn with_shops(name: &'static str, issuer: &str, suffix: &str) -> Registration {
    let mut registration = haravan::demo::registration(issuer);
    registration.name = name;
    registration.settings.host_suffix = Some(suffix.to_owned());
    registration
}

#[tokio::test]
async fn the_host_of_a_shop_is_found_by_what_it_ends_in_beside_other_realms() {
    let sandbox = Sandbox::start().await;
    let (sites, at) = two_realms(&sandbox).await;
    let shops = with_shops("shops", "https://accounts.example.vn", ".shops.example.vn");
    let token = shops.legacy_tokens[0].token;
    sites.put([sandbox.site(&shops, Audience::Production).await]).unwrap();
    let status = async |host: &str, path: &str| {
        let call = at.call("GET", path).without_host().header("host", host);
        call.header("authorization", &format!("Bearer {token}")).send().await.status
    };
    for (host, path, expect) in [
        ("demo-shop.shops.example.vn", SHOP, 200),
        ("DEMO-SHOP.shops.example.vn:443", SHOP, 200),
        ("demo-shop.shops.example.vn", METADATA, 404),
        ("accounts.example.vn", METADATA, 200),
        ("accounts.example.vn", SHOP, 200),
        ("other-shop.shops.example.vn", SHOP, 401),
        ("demo-shop.shops.example.vn:8443", SHOP, 421),
        ("demo-shop.shops.example.vn.", SHOP, 421),
        ("a.demo-shop.shops.example.vn", SHOP, 421),
        ("shops.example.vn", SHOP, 421),
        ("demo-shop.example.vn", SHOP, 421),
        ("id.example.vn", METADATA, 200),
        ("id.example.vn", SHOP, 404),
    ] {
        assert_eq!(status(host, path).await, expect, "{host} {path}");
    }
}

#[tokio::test]
async fn no_realm_has_a_host_that_is_one_of_anothers_shops() {
    let sandbox = Sandbox::start().await;
    let (sites, _) = two_realms(&sandbox).await;
    for (suffix, expect) in [
        (".example.vn", Some("id.example.vn")),
        (".shops.example.vn", None),
        // Two labels before it are no shop's, and another port is another host.
        (".vn", None),
    ] {
        let shops = with_shops("shops", "https://accounts.example.com", suffix);
        match (sites.check([("shops", &shops.settings)]), expect) {
            (Ok(()), None) => {}
            (Err(HostError::Taken { realm, .. }), Some(_)) => assert_eq!(realm, "shops"),
            (found, expect) => panic!("{suffix}: {found:?} {expect:?}"),
        }
    }
    let shops = with_shops("shops", "https://accounts.example.com", ".shops.example.com");
    sites.put([sandbox.site(&shops, Audience::Production).await]).unwrap();
    let third = registration("third", "https://new.shops.example.com", &[]);
    assert!(matches!(sites.check([("third", &third.settings)]), Err(HostError::Taken { .. })));
    let other_port = registration("third", "https://new.shops.example.com:8443", &[]);
    assert_eq!(sites.check([("third", &other_port.settings)]), Ok(()));
    let same = with_shops("fourth", "https://fourth.example.com", ".shops.example.com");
    assert!(matches!(sites.check([("fourth", &same.settings)]), Err(HostError::Taken { .. })));
    let malformed = with_shops("fourth", "https://fourth.example.com", "*.example.com");
    assert!(matches!(sites.check([("fourth", &malformed.settings)]), Err(HostError::Suffix { .. })));
}
