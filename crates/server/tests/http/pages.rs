//! What every page must have, and what no page may show.

use std::collections::BTreeSet;

use kimbai_store::Activity;

use crate::fixture::haravan::{HARAVAN_APP, LOGIN_SCOPE, Person};
use crate::fixture::{Answer, At, Browser, OTHER, PASSWORD, Sandbox, encode, form};

const NASTY: &str = "\"><script>alert(1)</script><img src=x onerror=alert(1)>'&{{7*7}}";

/// Every kind of page of a realm.
async fn all_pages(at: &At) -> Vec<Answer> {
    let mut browser = Browser::new(at);
    let log_in = browser.get(&browser.request(&[])).await.expect(200);
    let wrong = browser.post_log_in(&form(&log_in), "an", "wrong").await.expect(200);
    let stale = browser.post(&form(&log_in).action, &[("username", "an")]).await.expect(400);
    let next = browser.log_in().await;
    let consent = browser.get(next.header("location")).await.expect(200);
    let html = |method, path: &str| at.call(method, path).header("accept", "text/html,*/*");
    let mut pages = vec![log_in, wrong, stale, consent];
    let json = |path: &str| html("POST", path).header("content-type", "application/json").body(b"{}");
    let log_in_path = format!("{}/login", at.authorize);
    for (call, status) in [
        (html("GET", at.authorize), 400),
        (html("GET", &browser.request(&[("redirect_uri", "https://evil.test/")])), 400),
        (html("DELETE", at.authorize), 405),
        (html("GET", &log_in_path), 405),
        (html("PUT", &format!("{}/consent", at.authorize)), 405),
        (json(at.authorize), 415),
        (json(&log_in_path), 415),
        (html("POST", &log_in_path).form(&[("x", &"x".repeat(65_536))]), 413),
        (html("GET", &format!("{}?%FF=1", at.authorize)), 400),
        (html("POST", &format!("{}/consent", at.authorize)).form(&[("decision", "maybe")]), 400),
        (html("GET", "/nothing-here"), 404),
        (html("GET", "/assets/nothing"), 404),
        (html("GET", "/"), 200),
        (html("GET", "/sandbox/callback?code=x&state=y"), 200),
        (html("GET", "/sandbox/callback?error=access_denied"), 200),
        (html("GET", "/sandbox/requests"), 200),
    ] {
        pages.push(call.send().await.expect(status));
    }
    pages
}

#[tokio::test]
async fn every_html_answer_has_its_policy_and_is_never_stored() {
    let sandbox = Sandbox::start().await;
    for at in sandbox.both() {
        for page in all_pages(at).await {
            assert_guarded(&page);
        }
    }
}

#[track_caller]
fn assert_guarded(page: &Answer) {
    assert_eq!(page.header("content-type"), "text/html; charset=utf-8", "{page:?}");
    let policy = page.header("content-security-policy");
    assert!(policy.starts_with("default-src 'none'; "), "{policy}");
    assert!(policy.contains("; frame-ancestors 'none'; base-uri 'none'"), "{policy}");
    assert!(!policy.contains("script-src") && !policy.contains("unsafe"), "{policy}");
    assert_eq!(page.header("referrer-policy"), "no-referrer");
    assert_eq!(page.header("x-content-type-options"), "nosniff");
    assert_eq!(page.header("cache-control"), "no-store");
    assert!(!page.body.contains("<script") && !page.body.contains(" style=\""), "{page:?}");
    assert!(!page.headers.contains_key("access-control-allow-origin"));
}

#[tokio::test]
async fn every_page_on_which_a_shop_is_chosen_or_a_session_ends_is_guarded_too() {
    let sandbox = Sandbox::start().await;
    let at = sandbox.haravan().await;
    let mut chi = Person::new(&at, "chi");
    let log_in = chi.browser.get(&chi.request(LOGIN_SCOPE, &[("ui_locales", NASTY)])).await.expect(200);
    let logged_in = chi.browser.post_log_in(&form(&log_in), "chi", PASSWORD).await.expect(303);
    let shops = chi.browser.get(logged_in.header("location")).await.expect(200);
    assert!(shops.body.contains("name=\"organization\""), "{}", shops.body);
    let refused = chi.choose(&shops, NASTY).await.page(400, "invalid_request");
    let chosen = chi.choose(&shops, "demo-shop").await.expect(303);
    let consent = chi.browser.get(chosen.header("location")).await.expect(200);
    let mut pages = vec![log_in, shops, refused, consent];
    for path in ["/connect/endsession", "/account/logout"] {
        let state = encode(&[("client_id", HARAVAN_APP.client_id), ("state", NASTY)]);
        let asks = chi.browser.get(&format!("{path}?{state}")).await.expect(200);
        assert!(asks.body.contains("id=\"logout-confirm\""), "{}", asks.body);
        let elsewhere = encode(&[("post_logout_redirect_uri", NASTY)]);
        pages.push(chi.browser.get(&format!("{path}?{elsewhere}")).await.page(400, "invalid_request"));
        pages.push(at.call("PUT", path).header("accept", "text/html").send().await.expect(405));
        pages.push(asks);
    }
    let ended = form(&pages[pages.len() - 1]);
    let fields = [("continuation", ended.continuation.as_str()), ("logout", "logout")];
    pages.push(chi.browser.post(&ended.action, &fields).await.expect(200));
    for page in &pages {
        assert_guarded(page);
        assert!(!page.body.contains(NASTY), "{}", page.body);
    }
}

#[tokio::test]
async fn a_pages_form_may_lead_to_its_clients_redirect_uri_and_nowhere_else() {
    let sandbox = Sandbox::start().await;
    for at in sandbox.both() {
        let mut browser = Browser::new(at);
        let next = browser.log_in().await;
        let consent = browser.get(next.header("location")).await.expect(200);
        let policy = consent.header("content-security-policy");
        assert!(policy.contains("; form-action 'self' http://localhost:8080; "), "{policy}");
    }
}

#[tokio::test]
async fn the_requests_id_is_in_the_answer_and_on_the_page() {
    let sandbox = Sandbox::start().await;
    for at in sandbox.both() {
        let mut made = BTreeSet::new();
        for page in all_pages(at).await {
            let id = page.header("x-request-id");
            assert!(page.body.contains(&format!("<code>{id}</code>")), "{page:?}");
            assert!(made.insert(id.to_owned()), "{id} twice");
        }
        let taken = at.call("GET", at.authorize).header("x-request-id", "my-Id_1.2").send().await.expect(400);
        assert_eq!(taken.header("x-request-id"), "my-Id_1.2");
        assert!(taken.body.contains("<code>my-Id_1.2</code>"));
        for refused in ["", "a b", "<b>", "é", "a,b", &"x".repeat(65)] {
            let answer = at.call("GET", "/").header("x-request-id", refused).send().await;
            assert_eq!(answer.header("x-request-id").len(), 16, "{answer:?}");
        }
        let longest = "x".repeat(64);
        let answer = at.call("POST", at.token).header("x-request-id", &longest).send().await;
        assert_eq!(answer.refused(400, "invalid_request").header("x-request-id"), longest);
    }
}

#[tokio::test]
async fn every_parameter_that_comes_back_in_a_page_is_escaped() {
    let sandbox = Sandbox::start().await;
    for at in sandbox.both() {
        let mut browser = Browser::new(at);
        let mut answers = Vec::new();
        for name in ["client_id", "redirect_uri", "state", "scope", "response_type", "response_mode", "nonce"] {
            let request = browser.request(&[(name, NASTY)]);
            answers.push(browser.get(&request).await);
        }
        let shown = form(&browser.get(&browser.request(&[("state", NASTY)])).await.expect(200));
        answers.push(browser.post_log_in(&shown, NASTY, "wrong").await.expect(200));
        answers.push(browser.post(&shown.action, &[("username", NASTY), ("continuation", NASTY)]).await.expect(400));
        for name in ["error", "error_hint", "error_description", "code", "state", "iss", NASTY] {
            let query = encode(&[("error", "x"), (name, NASTY)]);
            answers.push(at.get(&format!("/sandbox/callback?{query}")).await.expect(200));
            answers.push(at.get(&format!("/sandbox/callback?{}", encode(&[(name, NASTY)]))).await.expect(200));
        }
        let html = |path: &str| at.call("GET", path).header("accept", "text/html");
        answers.push(html(&format!("/nothing/{}", encode(&[("x", NASTY)]))).send().await.expect(404));
        answers.push(html("/sandbox/requests").send().await.expect(200));
        for answer in answers {
            assert!(!answer.body.contains("<script") && !answer.body.contains("<img src=x"), "{answer:?}");
        }
        let next = browser.post_log_in(&shown, "an", PASSWORD).await.expect(303);
        let consent = browser.get(next.header("location")).await.expect(200);
        assert!(!consent.body.contains("<script"), "{consent:?}");
        let answer = browser.decide(&form(&consent), "deny", &[]).await.redirected("access_denied");
        assert_eq!(answer.parameter("state"), NASTY, "the state comes back whole");
    }
}

#[tokio::test]
async fn pages_speak_the_browsers_language() {
    let sandbox = Sandbox::start().await;
    for at in sandbox.both() {
        for (accepted, expect) in [("vi", "vi"), ("en", "en"), ("en-GB,en;q=0.9", "en"), ("vi-VN,en;q=0.1", "vi")] {
            let page = at.call("GET", at.authorize).header("accept-language", accepted).send().await.expect(400);
            assert!(page.body.contains(&format!("<html lang=\"{expect}\">")), "{accepted}: {page:?}");
        }
    }
}

#[tokio::test]
async fn an_unknown_client_and_a_disabled_one_show_the_same_page() {
    let sandbox = Sandbox::start().await;
    for at in sandbox.both() {
        let _ =
            sandbox.engine.set_client_activity(&sandbox.realm(at), OTHER.client_id, Activity::Disabled).await.unwrap();
        let mut browser = Browser::new(at);
        let mut seen = BTreeSet::new();
        for client_id in ["nobody", OTHER.client_id, ""] {
            let request = browser.request(&[("client_id", client_id)]);
            let _ = seen.insert(browser.get(&request).await.page(400, "invalid_client").fixed());
        }
        assert_eq!(seen.len(), 1, "{seen:#?}");
    }
}

#[tokio::test]
async fn assets_are_served_with_their_type_and_a_page_refers_only_to_ourselves() {
    let sandbox = Sandbox::start().await;
    let at = &sandbox.standard;
    let page = at.get("/authorize").await.expect(400);
    let (_, rest) = page.body.split_once("<link rel=\"stylesheet\" href=\"").unwrap();
    let style_sheet = at.get(rest.split_once('"').unwrap().0).await.expect(200);
    assert!(style_sheet.header("content-type").starts_with("text/css"), "{:?}", style_sheet.headers);
    assert_eq!(style_sheet.header("x-content-type-options"), "nosniff");
    for path in ["/assets/", "/assets/..%2f..%2fCargo.toml", "/assets/%2e%2e/x", "/assets/kimbai.css%00"] {
        assert_eq!(at.get(path).await.status, 404, "{path}");
    }
    assert_eq!(at.call("POST", "/assets/x").send().await.refused(405, "invalid_request").header("allow"), "GET, HEAD");
}
