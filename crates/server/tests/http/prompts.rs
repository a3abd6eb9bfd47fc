//! `prompt`, `max_age`, hints, response modes and languages at the authorization endpoint, through the pages of a browser.

use crate::fixture::{Answer, Browser, CALLBACK, PASSWORD, Sandbox, form};

/// What a page is, by the id of its button.
fn page(answer: &Answer) -> &'static str {
    let ids = ["login", "account-continue", "consent-allow", "form-post"];
    ids.into_iter().find(|id| answer.body.contains(&format!("id=\"{id}\""))).unwrap_or("none")
}

/// Logs in, allows everything once, and has a session in which nothing is asked any more.
async fn settled(sandbox: &Sandbox) -> Browser {
    let mut browser = Browser::new(&sandbox.standard);
    let next = browser.log_in().await;
    let next = browser.get(next.header("location")).await;
    if page(&next) == "consent-allow" {
        browser.allow(&form(&next)).await.expect(303).parameter("code");
    }
    browser
}

#[tokio::test]
async fn prompt_login_asks_for_the_password_once_and_not_again() {
    let sandbox = Sandbox::start().await;
    let mut browser = settled(&sandbox).await;
    let request = browser.request(&[("prompt", "login")]);
    let before = browser.value("session");
    let shown = browser.get(&request).await.expect(200);
    assert_eq!(page(&shown), "login");
    let next = browser.post_log_in(&form(&shown), "an", PASSWORD).await.expect(303);
    assert_ne!(browser.value("session"), before);
    let back = next.header("location").to_owned();
    assert!(!browser.get(&back).await.expect(303).parameter("code").is_empty());
    // The back button, or the same link again, is the same request: it stays settled.
    assert!(!browser.get(&back).await.expect(303).parameter("code").is_empty());
    // The request itself asks again.
    assert_eq!(page(&browser.get(&request).await.expect(200)), "login");
}

#[tokio::test]
async fn max_age_is_met_by_one_log_in_and_a_cancelled_one_leaves_the_session() {
    let sandbox = Sandbox::start().await;
    let mut browser = settled(&sandbox).await;
    sandbox.clock.advance_s(100);
    for (max_age, expect) in [("1000", "none"), ("100", "login"), ("0", "login")] {
        let shown = browser.get(&browser.request(&[("max_age", max_age)])).await;
        assert_eq!(page(&shown), expect, "{max_age}");
    }
    // Nobody logged in: the session is what it was.
    assert!(!browser.get(&browser.request(&[])).await.expect(303).parameter("code").is_empty());
    let shown = browser.get(&browser.request(&[("max_age", "0")])).await.expect(200);
    let next = browser.post_log_in(&form(&shown), "an", PASSWORD).await.expect(303);
    assert!(!browser.get(next.header("location")).await.expect(303).parameter("code").is_empty());
}

#[tokio::test]
async fn a_continuation_of_another_browser_or_request_settles_nothing() {
    let sandbox = Sandbox::start().await;
    let (mut mine, mut other) = (settled(&sandbox).await, settled(&sandbox).await);
    let request = mine.request(&[("prompt", "login")]);
    let shown = mine.get(&request).await.expect(200);
    let next = mine.post_log_in(&form(&shown), "an", PASSWORD).await.expect(303);
    let (_, continuation) = next.header("location").split_once("&continuation=").unwrap();
    let continuation = format!("&continuation={continuation}");
    assert_eq!(page(&other.get(&format!("{request}{continuation}")).await.expect(200)), "login");
    let wider = mine.request(&[("prompt", "login"), ("nonce", "1")]);
    assert_eq!(page(&mine.get(&format!("{wider}{continuation}")).await.expect(200)), "login");
    let twice = format!("{request}{continuation}{continuation}");
    assert_eq!(page(&mine.get(&twice).await.expect(200)), "login");
    mine.get(&format!("{request}{continuation}")).await.expect(303);
}

#[tokio::test]
async fn select_account_goes_on_with_this_one_or_another_and_asks_once() {
    let sandbox = Sandbox::start().await;
    let mut browser = settled(&sandbox).await;
    let request = browser.request(&[("prompt", "select_account")]);
    let shown = browser.get(&request).await.expect(200);
    assert_eq!(page(&shown), "account-continue");
    assert!(shown.body.contains("Đặng Thị Ngọc Ảnh"), "{}", shown.body);
    let asked = form(&shown);
    let choose = |choice| [("continuation", asked.continuation.clone()), ("account", String::from(choice))];
    let post = async |browser: &mut Browser, choice| {
        let fields = choose(choice);
        let fields: Vec<_> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
        browser.post(&asked.action, &fields).await
    };
    let next = post(&mut browser, "continue").await.expect(303);
    assert!(!browser.get(next.header("location")).await.expect(303).parameter("code").is_empty());
    let next = post(&mut browser, "another").await.expect(303);
    let log_in = browser.get(next.header("location")).await.expect(200);
    assert_eq!(page(&log_in), "login");
    let next = browser.post_log_in(&form(&log_in), "binh", PASSWORD).await.expect(303);
    // Bình was never asked for consent, and is not asked again who it is.
    let consent = browser.get(next.header("location")).await.expect(200);
    assert_eq!(page(&consent), "consent-allow");
    browser.allow(&form(&consent)).await.expect(303).parameter("code");
    // The form was shown to An's session, which is gone.
    let stale = post(&mut browser, "continue").await.expect(303);
    assert_eq!(page(&browser.get(stale.header("location")).await.expect(200)), "account-continue");
    post(&mut browser, "").await.expect(400);
    browser.post(&asked.action, &[]).await.expect(400);
}

#[tokio::test]
async fn prompt_consent_asks_though_everything_is_agreed_and_both_prompts_in_turn() {
    let sandbox = Sandbox::start().await;
    let mut browser = settled(&sandbox).await;
    let shown = browser.get(&browser.request(&[("prompt", "consent")])).await.expect(200);
    assert_eq!(page(&shown), "consent-allow");
    browser.allow(&form(&shown)).await.expect(303).parameter("code");
    let shown = browser.get(&browser.request(&[("prompt", "consent login")])).await.expect(200);
    assert_eq!(page(&shown), "login");
    let next = browser.post_log_in(&form(&shown), "an", PASSWORD).await.expect(303);
    let shown = browser.get(next.header("location")).await.expect(200);
    assert_eq!(page(&shown), "consent-allow");
    browser.allow(&form(&shown)).await.expect(303).parameter("code");
}

#[tokio::test]
async fn prompt_none_answers_the_client_and_shows_nothing() {
    let sandbox = Sandbox::start().await;
    let mut stranger = Browser::new(&sandbox.standard);
    let silent = stranger.request(&[("prompt", "none")]);
    assert_eq!(stranger.get(&silent).await.expect(303).parameter("error"), "login_required");
    let next = stranger.log_in().await;
    stranger.get(next.header("location")).await.expect(200);
    let answer = stranger.get(&silent).await.expect(303);
    assert_eq!((answer.parameter("error"), answer.parameter("state")), ("consent_required".into(), "AbCDeFgH".into()));
    let mut browser = settled(&sandbox).await;
    assert!(!browser.get(&silent).await.expect(303).parameter("code").is_empty());
    let old = browser.request(&[("prompt", "none"), ("max_age", "0")]);
    assert_eq!(browser.get(&old).await.expect(303).parameter("error"), "login_required");
    for wrong in ["none login", "none consent", "select_account none"] {
        let answer = browser.get(&browser.request(&[("prompt", wrong)])).await.expect(303);
        assert_eq!(answer.parameter("error"), "invalid_request", "{wrong}");
    }
}

#[tokio::test]
async fn a_log_in_hint_fills_the_form_in_and_stands_in_no_url_of_ours() {
    let sandbox = Sandbox::start().await;
    let mut browser = Browser::new(&sandbox.standard);
    let request = browser.request(&[("login_hint", "binh \"><i>")]);
    let shown = browser.get(&request).await.expect(200);
    assert!(shown.body.contains("value=\"binh &#34;&#62;&#60;i&#62;\""), "{}", shown.body);
    assert!(!form(&shown).action.contains("login_hint"), "{}", form(&shown).action);
    let parameters = browser.parameters(&[("login_hint", "binh")]);
    let next = browser.post(sandbox.standard.authorize, &parameters).await.expect(303);
    let location = next.header("location").to_owned();
    assert!(!location.contains("login_hint") && !location.contains("binh"), "{location}");
    assert!(browser.get(&location).await.expect(200).body.contains("value=\"binh\""));
    let wrong = browser.post_log_in(&form(&shown), "binh", "wrong").await.expect(200);
    assert!(wrong.body.contains("value=\"binh\""));
    let long = "b".repeat(257);
    let shown = browser.get(&browser.request(&[("login_hint", &long)])).await.expect(200);
    assert!(!shown.body.contains(&long));
}

#[tokio::test]
async fn a_hint_or_request_object_that_is_not_ours_is_refused_by_get_and_post() {
    let sandbox = Sandbox::start().await;
    let mut browser = settled(&sandbox).await;
    for (name, value, expect) in [
        ("id_token_hint", "eyJhbGciOiJub25lIn0.e30.", "invalid_request"),
        ("id_token_hint", "x", "invalid_request"),
        ("request", "eyJhbGciOiJub25lIn0.e30.", "request_not_supported"),
        ("request_uri", "https://example.com/request", "request_uri_not_supported"),
        ("claims", "[]", "invalid_request"),
        ("max_age", "-1", "invalid_request"),
    ] {
        let by_get = browser.get(&browser.request(&[(name, value)])).await.expect(303);
        assert_eq!(by_get.parameter("error"), expect, "{name}");
        let parameters = browser.parameters(&[(name, value)]);
        let by_post = browser.post(sandbox.standard.authorize, &parameters).await.expect(303);
        // A wrong value of what may travel is refused one step later.
        let location = by_post.header("location").to_owned();
        let refused = if location.starts_with('/') { browser.get(&location).await.expect(303) } else { by_post };
        assert_eq!(refused.parameter("error"), expect, "{name}");
    }
}

#[tokio::test]
async fn a_response_goes_into_the_fragment_or_a_form_if_it_is_asked_to() {
    let sandbox = Sandbox::start().await;
    let mut browser = settled(&sandbox).await;
    let answer = browser.get(&browser.request(&[("response_mode", "fragment")])).await.expect(303);
    let location = answer.header("location");
    assert!(location.starts_with(&format!("{CALLBACK}#code=")) && location.contains("&iss="), "{location}");
    let refused = browser.get(&browser.request(&[("response_mode", "fragment"), ("scope", "no")])).await.expect(303);
    assert!(refused.header("location").starts_with(&format!("{CALLBACK}#error=invalid_scope")));
}

#[tokio::test]
async fn a_form_post_page_has_its_markup_escaped_and_posts_to_the_redirect_uri_alone() {
    let sandbox = Sandbox::start().await;
    let mut browser = settled(&sandbox).await;
    let state = "\"><script>alert(1)</script>&'<form action='https://evil.test/'>";
    let shown = browser.get(&browser.request(&[("response_mode", "form_post"), ("state", state)])).await.expect(200);
    assert_eq!(page(&shown), "form-post");
    assert_eq!(shown.body.matches("<form").count(), 1);
    assert!(shown.body.contains(&format!("<form method=\"post\" action=\"{CALLBACK}\">")), "{}", shown.body);
    assert_eq!(shown.body.matches("<script").count(), 1, "ours: {}", shown.body);
    let escaped = "value=\"&#34;&#62;&#60;script&#62;alert(1)&#60;/script&#62;&#38;&#39;&#60;form action=&#39;https://evil.test/&#39;&#62;\"";
    assert!(shown.body.contains(escaped), "{}", shown.body);
    for name in ["code", "state", "iss"] {
        assert_eq!(shown.body.matches(&format!("name=\"{name}\"")).count(), 1, "{name}");
    }
    let policy = shown.header("content-security-policy");
    assert!(policy.contains("default-src 'none'; script-src 'self'; ") && !policy.contains("unsafe"), "{policy}");
    assert!(policy.contains("form-action 'self' http://localhost:8080;"), "{policy}");
    assert_eq!(shown.header("cache-control"), "no-store");
    let script = shown.body.split("<script src=\"").nth(1).unwrap().split('"').next().unwrap();
    let script = browser.get(script).await.expect(200);
    assert_eq!(script.header("content-type"), "text/javascript; charset=utf-8");
    let silent = browser.request(&[("response_mode", "form_post"), ("prompt", "none"), ("max_age", "0")]);
    let refused = browser.get(&silent).await.expect(200);
    assert!(refused.body.contains("name=\"error\" value=\"login_required\""), "{}", refused.body);
    // Other pages have no script and may run none.
    let other = browser.get(&browser.request(&[("prompt", "login")])).await.expect(200);
    assert!(!other.header("content-security-policy").contains("script-src"));
}

#[tokio::test]
async fn ui_locales_goes_before_the_browsers_language_on_every_page() {
    let sandbox = Sandbox::start().await;
    let mut browser = Browser::new(&sandbox.standard);
    for (ui_locales, expect) in [("fr en vi", "en"), ("vi-VN", "vi"), ("en-GB", "en"), ("ja", "vi")] {
        let shown =
            browser.get(&browser.request(&[("ui_locales", ui_locales), ("display", "popup")])).await.expect(200);
        assert!(shown.body.contains(&format!("<html lang=\"{expect}\">")), "{ui_locales}");
        let wrong = browser.post_log_in(&form(&shown), "an", "wrong").await.expect(200);
        assert!(wrong.body.contains(&format!("<html lang=\"{expect}\">")), "{ui_locales}");
    }
}
