//! Cross-origin requests: answered for origins that a client registered, and for no others.

use kimbai_core::client::{ClientMetadata, GrantType};
use kimbai_store::Activity;

use crate::fixture::exchange::{EXCHANGE, SHOP};
use crate::fixture::{Answer, App, At, Browser, SPA, Sandbox, WEB, metadata, new_client};

const REGISTERED: &str = "http://localhost:8080";
const STRANGERS: [&str; 9] = [
    "https://evil.test",
    "null",
    "http://localhost",
    "http://localhost:8081",
    "https://localhost:8080",
    "http://localhost:8080.evil.test",
    "http://localhost:8080/",
    "HTTP://LOCALHOST:8080",
    "*",
];

fn allowed(answer: &Answer) -> &str {
    assert!(!answer.headers.contains_key("access-control-allow-credentials"), "{answer:?}");
    answer.header("access-control-allow-origin")
}

async fn token(at: &At, app: &App, origin: &str) -> Answer {
    let form = [("grant_type", "refresh_token"), ("refresh_token", "x"), ("client_id", app.client_id)];
    let call = at.call("POST", at.token).header("origin", origin);
    let call = if app.client_secret.is_empty() { call } else { call.basic(app) };
    call.form(&form).send().await
}

#[tokio::test]
async fn token_and_revocation_answers_are_for_origins_that_their_client_registered() {
    let sandbox = Sandbox::start().await;
    for at in sandbox.both() {
        let app = if at.is_marketplace() { at.app() } else { &SPA };
        let answer = token(at, app, REGISTERED).await.refused(400, "invalid_grant");
        assert_eq!((allowed(&answer), answer.header("vary")), (REGISTERED, "Origin"));
        for origin in STRANGERS {
            let answer = token(at, app, origin).await.refused(400, "invalid_grant");
            assert_eq!((allowed(&answer), answer.header("vary")), ("", "Origin"), "{origin}");
        }
        let without_origin = at.refresh(at.app(), "x").await;
        assert_eq!(allowed(&without_origin), "");
        for (origin, expect) in [(REGISTERED, REGISTERED), ("https://evil.test", ""), ("null", "")] {
            let call = at.call("POST", at.revoke).basic(at.app()).header("origin", origin);
            assert_eq!(allowed(&call.form(&[("token", "x")]).send().await.expect(200)), expect);
        }
    }
}

#[tokio::test]
async fn a_preflight_passes_for_any_enabled_clients_origin_and_the_answer_only_for_its_own() {
    const APP: App = App { client_id: "with-origin", ..WEB };
    const ORIGIN: &str = "https://app.example.vn";
    let sandbox = Sandbox::start().await;
    for at in sandbox.both() {
        let realm = sandbox.realm(at);
        let metadata = metadata(&APP, vec![GrantType::AuthorizationCode, GrantType::RefreshToken], "");
        let metadata = ClientMetadata { allowed_origins: vec![ORIGIN.to_owned()], ..metadata };
        let _ = sandbox.engine.put_client(&realm, new_client(&APP, metadata)).await.unwrap();
        let preflight = async |path: &str, origin: &str| {
            let call = at.call("OPTIONS", path).header("origin", origin);
            call.header("access-control-request-method", "POST").send().await.expect(204)
        };
        for path in [at.token, at.revoke] {
            for origin in [ORIGIN, REGISTERED] {
                let answer = preflight(path, origin).await;
                assert_eq!(allowed(&answer), origin);
                assert!(answer.header("access-control-allow-methods").contains("POST"), "{answer:?}");
            }
            for origin in STRANGERS {
                let answer = preflight(path, origin).await;
                assert_eq!(allowed(&answer), "", "{origin}");
                assert!(!answer.headers.contains_key("access-control-allow-methods"));
            }
        }
        assert_eq!(allowed(&token(at, &APP, ORIGIN).await), ORIGIN);
        assert_eq!(allowed(&token(at, at.app(), ORIGIN).await), "", "another client's origin");
        let _ = sandbox.engine.set_client_activity(&realm, APP.client_id, Activity::Disabled).await.unwrap();
        assert_eq!(allowed(&preflight(at.token, ORIGIN).await), "", "a disabled client's origin");
    }
}

#[tokio::test]
async fn metadata_is_for_any_clients_origin() {
    let sandbox = Sandbox::start().await;
    let path = "/.well-known/oauth-authorization-server";
    for at in sandbox.both() {
        for (origin, expect) in [(REGISTERED, REGISTERED), ("https://evil.test", ""), ("null", "")] {
            let answer = at.call("GET", path).header("origin", origin).send().await.expect(200);
            assert_eq!((allowed(&answer), answer.header("vary")), (expect, "Origin"));
        }
        assert_eq!(at.get(path).await.expect(200).header("vary"), "Origin", "a cache keeps it for other origins");
    }
}

#[tokio::test]
async fn authorize_its_forms_and_introspection_have_no_cors_at_all() {
    let sandbox = Sandbox::start().await;
    for at in sandbox.both() {
        let request = Browser::new(at).request(&[]);
        for origin in [REGISTERED, "https://evil.test", "null"] {
            for path in at.pages().iter().map(String::as_str).chain([at.introspect]) {
                let answer = at.call("OPTIONS", path).header("origin", origin).send().await.expect(405);
                assert_eq!(allowed(&answer), "");
                assert!(!answer.headers.contains_key("access-control-allow-methods"));
            }
            assert_eq!(allowed(&at.call("GET", &request).header("origin", origin).send().await.expect(200)), "");
            let call = at.call("POST", at.introspect).header("origin", origin);
            assert_eq!(allowed(&call.form(&[("token", "x")]).send().await.expect(401)), "");
        }
    }
}

#[tokio::test]
async fn pages_and_shops_of_haravan_have_no_cors_at_all() {
    let sandbox = Sandbox::start().await;
    let shops = sandbox.shops().await;
    let (at, access) = (&shops.at, shops.pair().await.access);
    let own =
        at.pages().into_iter().chain(["/connect/endsession", "/account/logout", at.introspect].map(str::to_owned));
    let own = own.map(|path| (at.host.clone(), path));
    let of_shop = [EXCHANGE, SHOP].map(|path| (shops.host("demo-shop"), path.to_owned()));
    for (host, path) in own.chain(of_shop) {
        for origin in [REGISTERED, "https://evil.test", "null"] {
            for method in ["OPTIONS", "GET", "POST"] {
                let call = at.call(method, &path).without_host().header("host", &host).header("origin", origin);
                let call = call.header("access-control-request-method", "POST");
                let answer = call.header("authorization", &format!("Bearer {access}")).send().await;
                assert_eq!(allowed(&answer), "", "{method} {path}: {answer:?}");
                assert!(!answer.headers.contains_key("access-control-allow-methods"), "{method} {path}");
                assert!(method != "OPTIONS" || answer.status == 405, "{path}: {answer:?}");
            }
        }
    }
}
