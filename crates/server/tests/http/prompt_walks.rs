//! Every combination of `prompt` and `max_age` through the pages of a browser, each to its end; tabs, the back button, and log-ins that
//! are given up. The rule alone has its table in `core/authorize`.

use crate::fixture::{Browser, PASSWORD, Sandbox, form};

use super::walk::{walk, walk_on};

const PROMPTS: [&str; 9] = [
    "",
    "none",
    "login",
    "consent",
    "select_account",
    "login consent",
    "login select_account",
    "consent select_account",
    "login consent select_account",
];

/// A browser that has logged in and allowed everything once.
async fn settled(sandbox: &Sandbox) -> Browser {
    let mut browser = Browser::new(&sandbox.standard);
    let request = browser.request(&[]);
    walk(&mut browser, &request).await.code();
    browser
}

#[tokio::test]
async fn every_combination_of_prompt_and_max_age_ends_and_shows_each_page_at_most_once() {
    let sandbox = Sandbox::start().await;
    // An has allowed it once, in whatever browser.
    settled(&sandbox).await;
    for prompt in PROMPTS {
        for max_age in ["", "0", "100", "4294967295"] {
            for age_s in [None, Some(10), Some(1_000)] {
                let mut browser = match age_s {
                    None => Browser::new(&sandbox.standard),
                    Some(_) => settled(&sandbox).await,
                };
                sandbox.clock.advance_s(age_s.unwrap_or(0));
                let request = browser.request(&[("prompt", prompt), ("max_age", max_age)]);
                let found = walk(&mut browser, &request).await;
                let case = format!("{prompt:?} {max_age:?} {age_s:?}: {}", found.pages);
                let shows = |page| found.pages.matches(page).count();
                assert!("lac".chars().all(|page| shows(page) <= 1), "{case}");
                let is_fresh = match (age_s, max_age) {
                    (None, _) | (_, "0") => false,
                    (Some(age_s), "100") => age_s < 100,
                    (Some(_), _) => true,
                };
                if prompt == "none" {
                    assert_eq!(found.pages, "", "{case}");
                    let expect = if is_fresh { "" } else { "login_required" };
                    assert_eq!(found.parameter("error"), expect, "{case}");
                    assert_eq!(found.parameter("code").is_empty(), !is_fresh, "{case}");
                    continue;
                }
                found.code();
                assert_eq!(shows('l') == 1, prompt.contains("login") || !is_fresh, "{case}");
                assert_eq!(shows('a') == 1, prompt.contains("select_account") && shows('l') == 0, "{case}");
                assert_eq!(shows('c') == 1, prompt.contains("consent"), "{case}");
                // The request that is settled is settled: the same link would ask again, its last step does not.
                assert_eq!(found.parameter("state"), "AbCDeFgH", "{case}");
            }
        }
    }
}

#[tokio::test]
async fn two_tabs_log_in_with_the_forms_they_were_shown_and_each_gets_its_own_answer() {
    let sandbox = Sandbox::start().await;
    let mut browser = Browser::new(&sandbox.standard);
    let tabs =
        [browser.request(&[("state", "tab one.")]), browser.request(&[("state", "tab two."), ("prompt", "login")])];
    let one = form(&browser.get(&tabs[0]).await.expect(200));
    let two = form(&browser.get(&tabs[1]).await.expect(200));
    let next = browser.post_log_in(&one, "an", PASSWORD).await.expect(303);
    let consent_of_one = browser.get(next.header("location")).await.expect(200);
    // The second tab still shows its form, and a log-in there is as good; it is another session.
    let next = browser.post_log_in(&two, "an", PASSWORD).await.expect(303);
    let second = walk_on(&mut browser, next).await;
    assert_eq!((second.parameter("state"), second.pages.as_str()), ("tab two.", "c"));
    second.code();
    // The consent page of the first one was shown to the session before: its form is shown again, and then counts.
    let scopes: Vec<_> = browser.at.scope().split(' ').collect();
    let stale = browser.decide(&form(&consent_of_one), "allow", &scopes).await;
    let first = walk_on(&mut browser, stale).await;
    assert_eq!(first.parameter("state"), "tab one.");
    assert_ne!(first.code(), second.code());
}

#[tokio::test]
async fn the_back_button_leads_forward_again_from_every_page() {
    let sandbox = Sandbox::start().await;
    let mut browser = Browser::new(&sandbox.standard);
    let request = browser.request(&[("prompt", "login consent")]);
    let log_in = form(&browser.get(&request).await.expect(200));
    let next = browser.post_log_in(&log_in, "an", PASSWORD).await.expect(303);
    let consent = form(&browser.get(next.header("location")).await.expect(200));
    let answered = browser.allow(&consent).await;
    let first = walk_on(&mut browser, answered).await.code().to_owned();
    // Back to the consent page, and again.
    let answered = browser.allow(&consent).await;
    assert_ne!(walk_on(&mut browser, answered).await.code(), first);
    // Back to the log-in page, and again: the consent is asked for anew, as the request demands.
    let next = browser.post_log_in(&log_in, "an", PASSWORD).await;
    let again = walk_on(&mut browser, next).await;
    assert_eq!(again.pages, "c");
    again.code();
    // Back to where it all began.
    let whole = walk(&mut browser, &request).await;
    assert_eq!(whole.pages, "lc");
    whole.code();
}

#[tokio::test]
async fn a_log_in_that_is_given_up_leaves_everything_as_it_was() {
    let sandbox = Sandbox::start().await;
    let mut stranger = Browser::new(&sandbox.standard);
    let shown = form(&stranger.get(&stranger.request(&[])).await.expect(200));
    stranger.post_log_in(&shown, "an", "wrong").await.expect(200);
    let silent = stranger.request(&[("prompt", "none")]);
    assert_eq!(walk(&mut stranger, &silent).await.parameter("error"), "login_required", "nobody is logged in");
    // Whoever was logged in still is, and has what was allowed before.
    let mut browser = settled(&sandbox).await;
    let before = browser.value("session");
    for prompt in ["login", "select_account", "consent"] {
        browser.get(&browser.request(&[("prompt", prompt)])).await.expect(200);
        assert_eq!(browser.value("session"), before);
        walk(&mut browser, &silent).await.code();
    }
    // A no at the end tells the client, takes nothing back, and does not stick.
    let consent = form(&browser.get(&browser.request(&[("prompt", "consent")])).await.expect(200));
    let denied = browser.decide(&consent, "deny", &[]).await;
    assert_eq!(walk_on(&mut browser, denied).await.parameter("error"), "access_denied");
    walk(&mut browser, &silent).await.code();
}

#[tokio::test]
async fn a_form_post_page_gives_a_state_of_markup_back_as_it_came_and_runs_none_of_it() {
    let sandbox = Sandbox::start().await;
    let mut browser = settled(&sandbox).await;
    for state in [
        "\"><script>alert(1)</script>",
        "' onmouseover='alert(1)",
        "</form><form action=https://evil.test/>",
        "<!-- ]]> &amp; &#34; &quot;",
        "javascript:alert(1)//\u{2028}",
        "<svg/onload=alert(1)>",
    ] {
        for changes in [vec![], vec![("scope", "nowhere")], vec![("prompt", "none"), ("max_age", "0")]] {
            sandbox.clock.advance_s(1);
            let changes = [vec![("state", state), ("response_mode", "form_post")], changes].concat();
            let request = browser.request(&changes);
            let found = walk(&mut browser, &request).await;
            assert_eq!(found.parameter("state"), state, "{changes:?}");
            let body = &found.last.body;
            assert_eq!((body.matches("<form").count(), body.matches("<script").count()), (1, 1), "{body}");
            assert!(!body.contains("<svg/") && !body.contains("' onmouse") && !body.contains("<!-- ]"), "{body}");
        }
    }
}
