//! Rate limits: on by default, by source and by client, and off in the sandbox.

use super::place::{Place, curl};
use super::visit::{App, JOBS, MANIFEST, PASSWORD, WEB, client_credentials};
use crate::browser::Browser;
use crate::fixture::{Answer, Call, Start};
use crate::secrets::Secrets;

fn limits(source: u32, client: u32) -> String {
    format!("[realms.main.rate_limits]\nsource_per_minute = {source}\nclient_per_minute = {client}\n{MANIFEST}")
}

/// The seconds that somebody who was refused is told to wait.
#[track_caller]
fn wait_s(answer: Answer, status: u16) -> u32 {
    answer.expect(status).header("retry-after").parse().unwrap()
}

#[tokio::test]
async fn a_source_that_asks_too_often_is_told_to_wait_and_others_are_not() {
    let place = Place::new();
    let server = place.serve(&[]).await;
    place.apply(&limits(2, 60_000));
    for _ in 0..2 {
        server.send(&Call::get("/token")).await.expect(405);
    }
    for path in ["/token", "/revoke", "/introspect", "/nowhere"] {
        let refused = server.send(&Call::get(path)).await;
        assert!((1..=30).contains(&wait_s(refused, 429)), "{path}");
    }
    let refused = server.send(&client_credentials(JOBS)).await;
    assert!(refused.body.contains("\"error\":"), "in the dialect's form: {refused:?}");
    assert!((1..=30).contains(&wait_s(refused, 429)));
    // A person reads a page.
    let page = server.send(&Call::get(&App::WEB.authorization_request())).await;
    assert!(page.header("content-type").starts_with("text/html") && page.body.contains("<h1"), "{page:?}");
    assert!((1..=30).contains(&wait_s(page, 429)));
    // What everybody asks for is free, and another source has an allowance of its own.
    server.send(&Call::get("/.well-known/oauth-authorization-server")).await.expect(200);
    let url = format!("http://localhost:{}/token", place.port);
    let other = curl(&["--interface", "127.0.0.2", "--output", "/dev/null", "--write-out", "%{http_code}", &url]);
    assert_eq!(other.stdout, "405", "{other:?}");
    let metrics = crate::fixture::Connection::to(place.operator()).send(&Call::get("/metrics")).await.unwrap();
    let counted = "kimbai_refusals_total{realm=\"main\",reason=\"source_rate\"} 6\n";
    assert!(metrics.body.contains(counted), "{}", metrics.body);
}

#[tokio::test]
async fn a_client_that_asks_too_often_is_told_to_wait_and_nobody_can_use_its_allowance_up() {
    let place = Place::new();
    let server = place.serve(&[]).await;
    place.apply(&limits(60_000, 2));
    // Whoever does not know the secret uses nothing up.
    for _ in 0..10 {
        server.send(&client_credentials((JOBS.0, "a-wrong-secret-0123456789-abcdef"))).await.expect(401);
    }
    for _ in 0..2 {
        server.send(&client_credentials(JOBS)).await.expect(200);
    }
    assert!((1..=30).contains(&wait_s(server.send(&client_credentials(JOBS)).await, 429)));
    let question = Call::post("/introspect", &[("token", "anything")]).by(JOBS);
    assert!((1..=30).contains(&wait_s(server.send(&question).await, 429)), "wherever it asks");
    // The other app's people log in, and it still cannot be told that the first one exists.
    App::WEB.log_in(&mut Browser::new(place.port), PASSWORD, &mut Secrets::default()).await;
    server.send(&client_credentials((JOBS.0, WEB.1))).await.expect(401);
    // A new limit holds at once.
    place.apply(&limits(60_000, 60_000));
    server.send(&client_credentials(JOBS)).await.expect(200);
}

#[tokio::test]
async fn limits_are_on_by_default_and_the_sandbox_has_none() {
    let place = Place::new();
    place.serve(&[]).await.stop().await;
    place.apply("[realms.second]\nissuer = 'https://second.example.vn'\ndialect = 'marketplace'\n");
    let data = place.path("sandbox");
    let sandbox = Start::new(Some(&data)).start();
    sandbox.terminate();
    assert!(sandbox.wait().status.success());
    // What an export does not name is the default: 60,000 each, as a manifest that says so changes nothing.
    let as_default = "[realms.main.rate_limits]\nsource_per_minute = 60000\nclient_per_minute = 60000\n";
    let nothing = "Nothing to do: everything is as the files say.\n";
    assert_eq!(place.ok(&["apply", "--plan", "-"], as_default), nothing);
    assert_eq!(place.ok(&["apply", "--plan", "-"], &as_default.replace("main", "second")), nothing);
    let of_sandbox = "[realms.standard]\nunset = ['rate_limits']\n[realms.marketplace]\nunset = ['rate_limits']\n";
    assert_eq!(place.ok(&["apply", "--plan", "-", "--data", "sandbox"], of_sandbox), nothing);
}
