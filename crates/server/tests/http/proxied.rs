//! Behind a proxy: its word counts about where a request came from, and about nothing else.

use std::sync::Arc;

use kimbai_server::Audience;
use kimbai_server::dialects::standard;
use kimbai_server::http::proxies::{ForwardingHeader, TrustedProxies};
use kimbai_server::http::sites::Sites;

use crate::fixture::{Answer, At, Browser, PASSWORD, Sandbox, form};

/// A realm behind a proxy on 127.0.0.1 that writes this header.
async fn behind(sandbox: &Sandbox, header: ForwardingHeader) -> At {
    let proxies = TrustedProxies::new(vec!["127.0.0.1/32".parse().unwrap()], header);
    let sites = Arc::new(Sites::new(proxies));
    let name = match header {
        ForwardingHeader::Forwarded => "forwarded",
        ForwardingHeader::XForwardedFor => "x-forwarded-for",
    };
    let at = At { name, ..At::new(sandbox.listen(Arc::clone(&sites)).await, "standard") };
    let mut registration = standard::demo::registration(&at.issuer);
    registration.name = at.name;
    sites.put([sandbox.site(&registration, Audience::Production).await]).unwrap();
    at
}

#[tokio::test]
async fn failed_log_ins_count_against_the_hop_before_our_proxy_and_nobody_else() {
    let sandbox = Sandbox::start().await;
    for (name, header) in
        [("x-forwarded-for", ForwardingHeader::XForwardedFor), ("forwarded", ForwardingHeader::Forwarded)]
    {
        let at = behind(&sandbox, header).await;
        let mut browser = Browser::new(&at);
        let shown = form(&browser.get(&browser.request(&[])).await.expect(200));
        let log_in = async |username: &str, password: &str, hops: [&str; 2]| -> Answer {
            let fields =
                [("continuation", shown.continuation.as_str()), ("username", username), ("password", password)];
            let value = match header {
                ForwardingHeader::XForwardedFor => hops.join(", "),
                ForwardingHeader::Forwarded => hops.map(|hop| format!("for=\"{hop}\"")).join(", "),
            };
            let call = at.call("POST", &shown.action).header("cookie", &browser.cookie()).form(&fields);
            call.header(name, &value).send().await
        };
        for number in 0..100 {
            // What stands to the left of the last hop is whatever the stranger wrote.
            let spoofed = format!("198.51.100.{number}");
            log_in(&format!("nobody-{name}-{number}"), "x", [&spoofed, "192.0.2.1"]).await.expect(200);
        }
        log_in("an", PASSWORD, ["192.0.2.2", "192.0.2.1"]).await.expect(429);
        log_in("an", PASSWORD, ["192.0.2.1", "192.0.2.2"]).await.expect(303);
        log_in("an", PASSWORD, ["192.0.2.1", "[2001:db8::1]:4711"]).await.expect(303);
    }
}

#[tokio::test]
async fn nothing_that_is_said_of_host_or_protocol_matters() {
    let sandbox = Sandbox::start().await;
    let at = behind(&sandbox, ForwardingHeader::Forwarded).await;
    let said = [
        ("forwarded", "for=192.0.2.1;host=evil.test;proto=https;by=evil.test"),
        ("x-forwarded-host", "evil.test"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-port", "443"),
        ("x-forwarded-prefix", "/evil"),
        ("x-original-url", "/evil"),
        ("x-rewrite-url", "/evil"),
        ("x-http-method-override", "DELETE"),
    ];
    let request = Browser::new(&at).request(&[]);
    for target in ["/.well-known/oauth-authorization-server", &request, "/authorize?client_id=x", "/nothing"] {
        let mut call = at.call("GET", target);
        for (name, value) in said {
            call = call.header(name, value);
        }
        let (plain, told) = (at.get(target).await, call.send().await);
        assert_eq!((plain.status, plain.header("location")), (told.status, told.header("location")), "{target}");
        assert!(!told.fixed().contains("evil"), "{told:?}");
        assert!(told.cookies().iter().all(|cookie| !cookie.contains("Secure")), "{told:?}");
        if plain.body.starts_with('{') {
            assert_eq!(plain.fixed(), told.fixed());
        }
    }
}
