//! How many requests a minute a realm takes: by source at its door, by client once it has proven itself.

use std::net::Ipv4Addr;
use std::num::NonZeroU32;
use std::sync::Arc;

use kimbai_core::realm::{RateLimits, RealmSettings};
use kimbai_server::Audience;
use kimbai_server::dialects::{marketplace, standard};
use kimbai_server::http::proxies::{ForwardingHeader, TrustedProxies};
use kimbai_server::http::sites::Sites;

use crate::fixture::exchange::SCOPES;
use crate::fixture::{Answer, App, At, OTHER, SPA, Sandbox, WEB, basic, encode};

const METADATA: &str = "/.well-known/oauth-authorization-server";
const HOST: &str = "id.example.vn";

/// A realm with these limits, behind a proxy on 127.0.0.1.
async fn limited(sandbox: &Sandbox, source_per_minute: u32, client_per_minute: u32) -> At {
    let mut registration = standard::demo::registration(&format!("https://{HOST}"));
    let per_minute = |count| NonZeroU32::new(count).unwrap();
    registration.name = "limited";
    registration.settings.rate_limits = Some(RateLimits {
        source_per_minute: per_minute(source_per_minute),
        client_per_minute: per_minute(client_per_minute),
    });
    let proxies = TrustedProxies::new(vec!["127.0.0.1/32".parse().unwrap()], ForwardingHeader::XForwardedFor);
    let sites = Arc::new(Sites::new(proxies));
    sites.put([sandbox.site(&registration, Audience::Production).await]).unwrap();
    let at = At::new(sandbox.listen(sites).await, "standard");
    At { host: HOST.to_owned(), name: "limited", ..at }
}

async fn get_as(at: &At, source: &str, target: &str) -> Answer {
    at.call("GET", target).header("x-forwarded-for", source).send().await
}

async fn refresh_as(at: &At, app: &App, source: &str) -> Answer {
    let mut form = vec![("grant_type", "refresh_token"), ("refresh_token", "x")];
    let mut call = at.call("POST", at.token).header("x-forwarded-for", source);
    if app.client_secret.is_empty() {
        form.push(("client_id", app.client_id));
    } else {
        call = call.header("authorization", &basic(app.client_id, app.client_secret));
    }
    let form_type = "application/x-www-form-urlencoded";
    call.header("content-type", form_type).body(encode(&form).as_bytes()).send().await
}

#[track_caller]
fn assert_waits(answer: &Answer) {
    let wait_s: u32 = answer.header("retry-after").parse().unwrap();
    assert!((1..=60).contains(&wait_s), "{answer:?}");
}

#[tokio::test]
async fn a_source_beyond_its_rate_is_told_to_wait_and_others_are_not() {
    let sandbox = Sandbox::start().await;
    let at = limited(&sandbox, 5, 1_000).await;
    for _ in 0..5 {
        refresh_as(&at, &WEB, "192.0.2.1").await.refused(400, "invalid_grant");
    }
    // The same in every form: the error of an endpoint, the page of a page.
    assert_waits(&refresh_as(&at, &WEB, "192.0.2.1").await.refused(429, "temporarily_unavailable"));
    for path in [at.revoke, at.introspect, "/nothing"] {
        assert_waits(&get_as(&at, "192.0.2.1", path).await.refused(429, "temporarily_unavailable"));
    }
    for path in &at.pages() {
        assert_waits(&get_as(&at, "192.0.2.1", path).await.page(429, "temporarily_unavailable"));
    }
    let page = at.call("GET", "/nothing").header("x-forwarded-for", "192.0.2.1").header("accept", "text/html");
    assert_waits(&page.send().await.page(429, "temporarily_unavailable"));
    // What everybody asks for, and what pages are made of, is free.
    for path in [METADATA, "/assets/demo-shop.svg"] {
        get_as(&at, "192.0.2.1", path).await.expect(200);
    }
    refresh_as(&at, &WEB, "192.0.2.2").await.refused(400, "invalid_grant");
    let metrics = sandbox.operator.get("/metrics").await.body;
    let counted = metrics.lines().find(|line| line.contains("refusals") && line.contains("reason=\"source_rate\""));
    assert!(counted.is_some_and(|line| line.contains("realm=\"limited\"") && line.ends_with(" 10")), "{metrics}");
}

#[tokio::test]
async fn every_endpoint_of_haravan_counts_for_its_source() {
    let sandbox = Sandbox::start().await;
    let few = |settings: &mut RealmSettings| {
        let per_minute = |count| NonZeroU32::new(count).unwrap();
        settings.rate_limits =
            Some(RateLimits { source_per_minute: per_minute(3), client_per_minute: per_minute(1_000) });
    };
    let shops = sandbox.shops_as("limited", few).await;
    for path in ["/connect/authorize/organization", "/account/logout", "/com/shop.json"] {
        assert_ne!(shops.at.get(path).await.status, 429, "{path}");
    }
    for path in shops.at.pages().iter().map(String::as_str).chain(["/connect/endsession", "/account/logout"]) {
        assert_waits(&shops.at.get(path).await.page(429, "temporarily_unavailable"));
    }
    for path in ["/connect/token", "/connect/introspect", "/connect/revocation", "/connect/userinfo"] {
        assert_waits(&shops.at.post(path, &[]).await.refused(429, "temporarily_unavailable"));
    }
    // At the hosts of the shops too, in the platform's form.
    assert_waits(&shops.exchange(&SCOPES).await.says(429, "Too many requests"));
    assert_waits(&shops.use_token("x").await.says(429, "Too many requests"));
}

#[tokio::test]
async fn the_source_of_a_rate_is_what_the_proxy_says_and_never_what_a_stranger_says() {
    let sandbox = Sandbox::start().await;
    let at = limited(&sandbox, 3, 1_000).await;
    for spoofed in ["1.1.1.1", "2.2.2.2", "<>"] {
        get_as(&at, &format!("{spoofed}, 192.0.2.1"), "/nothing").await.expect(404);
    }
    get_as(&at, "3.3.3.3, 192.0.2.1", "/nothing").await.expect(429);
    // An IPv6 network is one source.
    for address in ["2001:db8::1", "[2001:db8::2]:443", "2001:db8::ffff:3"] {
        get_as(&at, address, "/nothing").await.expect(404);
    }
    get_as(&at, "2001:db8::4", "/nothing").await.expect(429);
    get_as(&at, "2001:db8:0:1::1", "/nothing").await.expect(404);
    // Not through the proxy: the header counts for nothing.
    let stranger = Ipv4Addr::new(127, 0, 0, 2);
    for spoofed in ["1.1.1.1", "2.2.2.2", "3.3.3.3"] {
        let call = at.call("GET", "/nothing").header("x-forwarded-for", spoofed).from(stranger);
        call.send().await.expect(404);
    }
    at.call("GET", "/nothing").header("x-forwarded-for", "4.4.4.4").from(stranger).send().await.expect(429);
}

#[tokio::test]
async fn a_client_beyond_its_rate_is_told_to_wait_from_wherever_it_asks() {
    let sandbox = Sandbox::start().await;
    let at = limited(&sandbox, 1_000, 4).await;
    for source in ["192.0.2.1", "192.0.2.2"] {
        refresh_as(&at, &WEB, source).await.refused(400, "invalid_grant");
    }
    at.as_client(&WEB, at.revoke, &[("token", "x")]).await.expect(200);
    at.as_client(&WEB, at.introspect, &[("token", "x")]).await.expect(200);
    for path in [at.token, at.revoke, at.introspect] {
        let form = [("grant_type", "refresh_token"), ("refresh_token", "x"), ("token", "x")];
        assert_waits(&at.as_client(&WEB, path, &form).await.refused(429, "temporarily_unavailable"));
    }
    refresh_as(&at, &OTHER, "192.0.2.1").await.refused(400, "invalid_grant");
    let metrics = sandbox.operator.get("/metrics").await.body;
    let counted = metrics.lines().find(|line| line.contains("reason=\"client_rate\""));
    assert!(counted.is_some_and(|line| line.contains("realm=\"limited\"") && line.ends_with(" 3")), "{metrics}");
}

#[tokio::test]
async fn a_stranger_does_not_use_up_a_clients_allowance() {
    let sandbox = Sandbox::start().await;
    let at = limited(&sandbox, 1_000, 2).await;
    let guess = App { client_secret: "wrong-secret-0123456789abcdefghi", ..WEB };
    for _ in 0..10 {
        refresh_as(&at, &guess, "192.0.2.1").await.refused(401, "invalid_client");
    }
    for _ in 0..2 {
        refresh_as(&at, &WEB, "192.0.2.2").await.refused(400, "invalid_grant");
    }
    refresh_as(&at, &WEB, "192.0.2.2").await.refused(429, "temporarily_unavailable");
    // Anybody can say that it is a public client: it has no allowance to be used up.
    for _ in 0..10 {
        refresh_as(&at, &SPA, "192.0.2.1").await.refused(400, "invalid_grant");
    }
}

#[test]
fn a_partners_server_with_100_000_sellers_is_not_hurt_by_the_defaults() {
    for settings in
        [standard::settings("A", "https://a.test", vec![]), marketplace::settings("B", "https://b.test", vec![])]
    {
        let limits = settings.rate_limits.unwrap();
        for per_minute in [limits.source_per_minute, limits.client_per_minute] {
            // All at once: the allowance, and what fills again of it while it is used, in two minutes.
            assert!(2 * per_minute.get() >= 100_000);
        }
    }
}
