//! The log-in and consent forms: whose they are, what they read, and where they lead.

use crate::fixture::{Answer, Browser, CALLBACK, CHALLENGE, OTHER, PASSWORD, Sandbox, encode, form};

#[tokio::test]
async fn the_log_in_form_reads_name_and_password_and_nothing_else_that_is_posted() {
    let sandbox = Sandbox::start().await;
    for at in sandbox.both() {
        let mut browser = Browser::new(at);
        let shown = form(&browser.get(&browser.request(&[])).await.expect(200));
        let fields = [
            ("continuation", shown.continuation.as_str()),
            ("username", "an"),
            ("password", PASSWORD),
            ("redirect_uri", "https://evil.test/"),
            ("client_id", OTHER.client_id),
            ("scope", "everything"),
            ("state", "another-state"),
            ("code_challenge", "x"),
            ("return_to", "https://evil.test/"),
        ];
        let next = browser.post(&shown.action, &fields).await.expect(303);
        assert_eq!(without_continuation(&next), browser.rebuilt_request());
    }
}

/// Where a log-in leads, but for what it settled.
fn without_continuation(answer: &Answer) -> &str {
    answer.header("location").split_once("&continuation=").unwrap().0
}

impl Browser {
    /// The path to which a right request's form leads: its parameters in the order in which we write them.
    fn rebuilt_request(&self) -> String {
        let sent = self.parameters(&[]);
        let order = [
            "client_id",
            "redirect_uri",
            "response_type",
            "response_mode",
            "scope",
            "state",
            "code_challenge",
            "code_challenge_method",
        ];
        let written: Vec<_> = order.iter().filter_map(|name| sent.iter().find(|(of, _)| of == name)).copied().collect();
        format!("{}?{}", self.at.authorize, encode(&written))
    }
}

#[tokio::test]
async fn the_consent_form_reads_the_decision_and_nothing_else_that_is_posted() {
    let sandbox = Sandbox::start().await;
    for at in sandbox.both() {
        let mut browser = Browser::new(at);
        let shown = browser.consent_page().await;
        let fields = [
            ("continuation", shown.continuation.as_str()),
            ("decision", "allow"),
            ("redirect_uri", "https://evil.test/"),
            ("client_id", OTHER.client_id),
            ("scope", "all"),
            ("scope", "email"),
            ("scope", "orders.read"),
            ("state", "another-state"),
            ("code_challenge", CHALLENGE),
            ("response_type", "token"),
        ];
        let answer = browser.post(&shown.action, &fields).await.expect(303);
        assert!(answer.header("location").starts_with(&format!("{CALLBACK}?code=")), "{answer:?}");
        assert_eq!(answer.parameter("state"), "AbCDeFgH");
        let tokens = at.redeem(at.app(), &answer.parameter("code")).await.expect(200);
        let expect = if at.is_marketplace() { at.scope() } else { "offline_access orders.read" };
        assert_eq!(tokens.member("scope"), expect, "only what was asked for can be granted");
        at.redeem(&OTHER, &answer.parameter("code")).await.refused(400, "invalid_grant");
    }
}

#[tokio::test]
async fn a_person_may_leave_scopes_out_where_the_realm_allows_it() {
    let sandbox = Sandbox::start().await;
    let mut browser = Browser::new(&sandbox.standard);
    let shown = browser.consent_page().await;
    let answer = browser.decide(&shown, "allow", &["orders.read"]).await.expect(303);
    let tokens = sandbox.standard.redeem(sandbox.standard.app(), &answer.parameter("code")).await.expect(200);
    assert_eq!(tokens.member("scope"), "offline_access orders.read");
}

#[tokio::test]
async fn who_leaves_out_all_that_can_be_left_out_has_said_no() {
    let sandbox = Sandbox::start().await;
    let mut browser = Browser::new(&sandbox.standard);
    let shown = browser.consent_page().await;
    browser.decide(&shown, "allow", &[]).await.redirected("access_denied");
    browser.decide(&shown, "allow", &["email", "offline_access"]).await.redirected("access_denied");
}

#[tokio::test]
async fn a_denial_is_told_to_the_client_with_its_state_and_our_issuer() {
    let sandbox = Sandbox::start().await;
    for at in sandbox.both() {
        let mut browser = Browser::new(at);
        let shown = browser.consent_page().await;
        let denied = browser.decide(&shown, "deny", &[]).await.redirected("access_denied");
        assert_eq!((denied.parameter("state").as_str(), denied.parameter("iss")), ("AbCDeFgH", at.issuer.clone()));
        assert!(denied.parameter("code").is_empty());
    }
}

#[tokio::test]
async fn a_log_in_form_of_another_browser_is_not_accepted() {
    let sandbox = Sandbox::start().await;
    for at in sandbox.both() {
        let (mut browser, mut attacker) = (Browser::new(at), Browser::new(at));
        let request = browser.request(&[]);
        let stolen = form(&attacker.get(&request).await.expect(200));
        let without_cookie = Browser::new(at).post_log_in(&stolen, "an", PASSWORD).await;
        let _ = browser.get(&request).await;
        let with_its_own = browser.post_log_in(&stolen, "an", PASSWORD).await;
        for answer in [&without_cookie, &with_its_own] {
            shown_again(answer);
        }
        let fresh = form(&with_its_own);
        browser.post_log_in(&fresh, "an", PASSWORD).await.expect(303);
    }
}

#[tokio::test]
async fn a_consent_form_of_another_session_is_not_accepted() {
    let sandbox = Sandbox::start().await;
    for at in sandbox.both() {
        let (mut browser, mut attacker) = (Browser::new(at), Browser::new(at));
        let stolen = attacker.consent_page().await;
        let own = browser.consent_page().await;
        shown_afresh(&browser.allow(&stolen).await, at.authorize);
        shown_afresh(&Browser::new(at).allow(&stolen).await, at.authorize);
        let answer = browser.allow(&own).await.expect(303);
        assert!(!answer.parameter("code").is_empty());
    }
}

#[tokio::test]
async fn a_form_of_one_request_does_not_count_for_another() {
    let sandbox = Sandbox::start().await;
    for at in sandbox.both() {
        let mut browser = Browser::new(at);
        let shown = form(&browser.get(&browser.request(&[])).await.expect(200));
        let query = encode(&browser.parameters(&[("client_id", OTHER.client_id)]));
        let fields = [("continuation", shown.continuation.as_str()), ("username", "an"), ("password", PASSWORD)];
        shown_again(&browser.post(&format!("{}/login?{query}", at.authorize), &fields).await);
        let shown = browser.consent_page().await;
        for changes in [("client_id", OTHER.client_id), ("state", "another-state"), ("scope", "")] {
            let query = encode(&browser.parameters(&[changes]));
            let fields = [("continuation", shown.continuation.as_str()), ("decision", "allow")];
            let answer = browser.post(&format!("{}/consent?{query}", at.authorize), &fields).await;
            shown_afresh(&answer, at.authorize);
        }
    }
}

#[tokio::test]
async fn steps_out_of_order_are_not_accepted() {
    let sandbox = Sandbox::start().await;
    for at in sandbox.both() {
        let mut browser = Browser::new(at);
        let query = encode(&browser.parameters(&[]));
        let (log_in, consent) =
            (format!("{}/login?{query}", at.authorize), format!("{}/consent?{query}", at.authorize));
        let shown = form(&browser.get(&browser.request(&[])).await.expect(200));
        let of_log_in = [("continuation", shown.continuation.as_str()), ("decision", "allow")];
        shown_afresh(&browser.post(&consent, &of_log_in).await, at.authorize);
        let next = browser.post_log_in(&shown, "an", PASSWORD).await.expect(303);
        shown_afresh(&browser.post(&consent, &of_log_in).await, at.authorize);
        shown_afresh(&browser.post(&consent, &[("decision", "allow")]).await, at.authorize);
        let asked = form(&browser.get(next.header("location")).await.expect(200));
        let of_consent = [("continuation", asked.continuation.as_str()), ("username", "an"), ("password", PASSWORD)];
        let session = browser.value("session");
        assert!(browser.post(&log_in, &of_consent).await.cookies().is_empty());
        assert_eq!(browser.value("session"), session);
    }
}

#[tokio::test]
async fn a_stale_form_is_shown_again_with_a_fresh_one() {
    let sandbox = Sandbox::start().await;
    for at in sandbox.both() {
        let mut browser = Browser::new(at);
        let shown = form(&browser.get(&browser.request(&[])).await.expect(200));
        sandbox.clock.advance_s(3_601);
        let again = browser.post_log_in(&shown, "an", PASSWORD).await;
        shown_again(&again);
        assert!(again.body.contains("value=\"an\""), "what was typed is kept");
        let next = browser.post_log_in(&form(&again), "an", PASSWORD).await.expect(303);
        let asked = form(&browser.get(next.header("location")).await.expect(200));
        sandbox.clock.advance_s(3_601);
        let back = browser.allow(&asked).await;
        shown_afresh(&back, at.authorize);
        let fresh = form(&browser.get(back.header("location")).await.expect(200));
        assert!(!browser.allow(&fresh).await.expect(303).parameter("code").is_empty());
    }
}

#[tokio::test]
async fn a_form_token_with_any_character_changed_is_not_accepted() {
    let sandbox = Sandbox::start().await;
    let mut browser = Browser::new(&sandbox.standard);
    let shown = form(&browser.get(&browser.request(&[])).await.expect(200));
    let long = "A".repeat(40_000);
    let mut changed = crate::fixture::mutations(&shown.continuation);
    changed.extend([String::new(), long, browser.value("browser")]);
    for continuation in changed.into_iter().step_by(3) {
        let fields = [("continuation", continuation.as_str()), ("username", "an"), ("password", PASSWORD)];
        shown_again(&browser.post(&shown.action, &fields).await);
    }
    browser.post_log_in(&shown, "an", PASSWORD).await.expect(303);
}

#[tokio::test]
async fn after_credentials_comes_303_to_our_own_authorize_path_rebuilt_and_not_echoed() {
    let sandbox = Sandbox::start().await;
    for at in sandbox.both() {
        for target in ["//evil.test", "/\\evil.test", "/%09/evil.test", "https:evil.test", "https://evil.test/"] {
            let mut browser = Browser::new(at);
            let more = [("return_to", target), ("next", target), ("continue", target), ("iss", target)];
            let shown = form(&browser.get(&browser.request(&more)).await.expect(200));
            assert!(!shown.action.contains("evil"), "{shown:?}");
            let action = format!("{}&{}", shown.action, encode(&more));
            let fields = [("continuation", shown.continuation.as_str()), ("username", "an"), ("password", PASSWORD)];
            let next = browser.post(&action, &[fields.as_slice(), &more].concat()).await.expect(303);
            assert_eq!(without_continuation(&next), browser.rebuilt_request());
        }
    }
}

#[tokio::test]
async fn a_path_that_names_another_host_leads_nowhere() {
    let sandbox = Sandbox::start().await;
    for at in sandbox.both() {
        for path in ["//evil.test", "/\\evil.test", "/%09/evil.test", "/%2f%2fevil.test"] {
            let raw = format!("GET {path}{} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n\r\n", at.authorize, at.host);
            let answer = at.raw(raw.as_bytes()).await;
            assert!(answer.starts_with("HTTP/1.1 404") || answer.starts_with("HTTP/1.1 400"), "{path}: {answer}");
            assert!(!answer.to_lowercase().contains("\r\nlocation:"), "{answer}");
        }
    }
}

#[tokio::test]
async fn a_post_to_the_authorization_endpoint_sets_no_cookie_and_leads_to_its_own_get() {
    let sandbox = Sandbox::start().await;
    for at in sandbox.both() {
        let mut browser = Browser::new(at);
        let request = browser.parameters(&[("resource", "x"), ("return_to", "//evil.test")]);
        let next = browser.post(at.authorize, &request).await.expect(303);
        assert_eq!(next.header("location"), browser.rebuilt_request());
        assert!(next.cookies().is_empty());
        browser.get(next.header("location")).await.expect(200);
    }
}

#[tokio::test]
async fn consent_is_remembered_for_the_same_or_fewer_scopes_and_asked_for_more() {
    let sandbox = Sandbox::start().await;
    let mut browser = Browser::new(&sandbox.standard);
    let shown = browser.consent_page().await;
    let _ = browser.decide(&shown, "allow", &["orders.read"]).await.expect(303);
    let fewer = browser.request(&[("scope", "orders.read")]);
    assert!(!browser.get(&fewer).await.expect(303).parameter("code").is_empty());
    let more = browser.request(&[("scope", "orders.read orders.write")]);
    let _ = form(&browser.get(&more).await.expect(200));
}

#[tokio::test]
async fn two_posts_of_one_consent_open_two_codes() {
    let sandbox = Sandbox::start().await;
    let at = &sandbox.marketplace;
    let mut browser = Browser::new(at);
    let shown = browser.consent_page().await;
    let codes = [browser.allow(&shown).await, browser.allow(&shown).await];
    assert_ne!(codes[0].parameter("code"), codes[1].parameter("code"));
    for code in codes {
        at.redeem(at.app(), &code.parameter("code")).await.expect(200);
    }
}

/// The log-in page again, with a fresh form and no session.
#[track_caller]
fn shown_again(answer: &Answer) {
    assert_eq!(answer.status, 400, "{answer:?}");
    assert!(!form(answer).continuation.is_empty());
    assert!(
        answer.body.contains("id=\"error\"") && answer.cookies().iter().all(|cookie| !cookie.contains("-session="))
    );
}

/// Back to the authorization endpoint, without a code.
#[track_caller]
fn shown_afresh(answer: &Answer, authorize: &str) {
    assert_eq!(answer.status, 303, "{answer:?}");
    assert!(answer.header("location").starts_with(&format!("{authorize}?")), "{answer:?}");
    assert!(answer.parameter("code").is_empty() && answer.cookies().is_empty());
}

#[tokio::test]
async fn a_form_that_cannot_be_read_says_what_is_wrong_with_it() {
    let sandbox = Sandbox::start().await;
    for at in sandbox.both() {
        for (step, form, fault) in [
            ("consent", [("decision", ""), ("x", "")], "the parameter decision is missing"),
            ("consent", [("decision", "perhaps"), ("x", "")], "the parameter decision is malformed"),
            ("login", [("username", "an"), ("username", "binh")], "the parameter username is repeated"),
        ] {
            let page = at.post(&format!("{}/{step}", at.authorize), &form).await.page(400, "invalid_request");
            assert!(page.body.contains(fault), "{fault}: {}", page.body);
        }
    }
}
