//! Logging in: what a stranger learns, what a session's cookie is, what guessing costs.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use tokio::task::JoinSet;

use kimbai_store::Activity;

use crate::fixture::{Answer, Browser, PASSWORD, Sandbox, form};

async fn attempt(browser: &mut Browser, username: &str, password: &str) -> Answer {
    let shown = form(&browser.get(&browser.request(&[])).await.expect(200));
    browser.post_log_in(&shown, username, password).await
}

#[tokio::test]
async fn a_wrong_user_and_a_wrong_password_and_a_disabled_user_are_answered_alike() {
    let sandbox = Sandbox::start().await;
    for at in sandbox.both() {
        let mut seen = BTreeSet::new();
        // Names of one length: what was typed is shown again.
        for (username, password) in [("an", "wrong"), ("zz", "wrong"), ("zz", PASSWORD), ("an", PASSWORD)] {
            let activity =
                if (username, password) == ("an", PASSWORD) { Activity::Disabled } else { Activity::Enabled };
            let _ = sandbox.engine.set_user_activity(&sandbox.realm(at), "an", activity).await.unwrap();
            let answer = attempt(&mut Browser::new(at), username, password).await.expect(200);
            assert!(answer.body.contains("id=\"error\"") && answer.cookies().is_empty());
            let continuation = form(&answer).continuation;
            let username = format!("value=\"{username}\"");
            let _ = seen.insert(answer.fixed().replace(&continuation, "C").replace(&username, "U"));
        }
        assert_eq!(seen.len(), 1, "{seen:#?}");
    }
}

#[tokio::test]
async fn an_unknown_name_is_delayed_and_locked_as_a_known_one() {
    let sandbox = Sandbox::start().await;
    let at = &sandbox.standard;
    let mut outcomes = Vec::new();
    for username in ["an", "nobody"] {
        let mut of_name = Vec::new();
        for _ in 0..12 {
            let answer = attempt(&mut Browser::new(at), username, "wrong").await;
            of_name.push((answer.status, answer.header("retry-after").to_owned()));
            sandbox.clock.advance_s(if of_name.len() < 7 { 1 } else { 40 });
        }
        outcomes.push(of_name);
    }
    assert_eq!(outcomes[0].iter().map(|(status, _)| *status).collect::<BTreeSet<_>>(), BTreeSet::from([200, 429]));
    let statuses = |of_name: &Vec<(u16, String)>| of_name.iter().map(|(status, _)| *status).collect::<Vec<_>>();
    assert_eq!(statuses(&outcomes[0]), statuses(&outcomes[1]));
}

#[tokio::test]
async fn a_locked_account_is_told_how_long_to_wait_and_the_right_password_does_not_help() {
    let sandbox = Sandbox::start().await;
    let at = &sandbox.marketplace;
    for _ in 0..10 {
        attempt(&mut Browser::new(at), "an", "wrong").await.expect(200);
        sandbox.clock.advance_s(60);
    }
    let locked = attempt(&mut Browser::new(at), "an", PASSWORD).await.expect(429);
    let wait_s: u32 = locked.header("retry-after").parse().unwrap();
    assert!((1..=900).contains(&wait_s), "{wait_s}");
    assert!(locked.cookies().is_empty());
    attempt(&mut Browser::new(at), "binh", PASSWORD).await.expect(303);
    sandbox.clock.advance_s(900);
    attempt(&mut Browser::new(at), "an", PASSWORD).await.expect(303);
}

#[tokio::test]
async fn a_victims_known_browser_still_gets_in() {
    let sandbox = Sandbox::start().await;
    let at = &sandbox.standard;
    let mut known = Browser::new(at);
    let _ = known.log_in().await;
    known.cookies.retain(|name, _| name.ends_with("browser"));
    for _ in 0..10 {
        attempt(&mut Browser::new(at), "an", "wrong").await.expect(200);
        sandbox.clock.advance_s(60);
    }
    attempt(&mut Browser::new(at), "an", PASSWORD).await.expect(429);
    let _ = known.log_in().await;
}

#[tokio::test]
async fn one_account_is_counted_under_all_its_spellings() {
    let sandbox = Sandbox::start().await;
    let at = &sandbox.standard;
    for username in ["an", "AN", " an", "an ", "ａｎ", "aN", "Ａn", "\tan", "An", "an"] {
        attempt(&mut Browser::new(at), username, "wrong").await.expect(200);
        sandbox.clock.advance_s(60);
    }
    attempt(&mut Browser::new(at), "an", PASSWORD).await.expect(429);
    let other = attempt(&mut Browser::new(&sandbox.marketplace), "ＡＮ", PASSWORD).await;
    assert_eq!(other.expect(303).cookies().len(), 1, "the other realm's an is another account");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_200_guesses_at_once_a_few_are_looked_at_and_a_flood_leaves_refresh_alone() {
    let sandbox = Sandbox::start().await;
    let at = &sandbox.standard;
    let first = at.tokens(at.app()).await.member("refresh_token");
    let mut browser = Browser::new(at);
    let shown = form(&browser.get(&browser.request(&[])).await.expect(200));
    let mut guesses = JoinSet::new();
    for number in 0..200 {
        let (mut browser, shown) = (browser.clone(), shown.clone());
        guesses.spawn(async move { browser.post_log_in(&shown, "an", &format!("guess {number}")).await.status });
    }
    at.refresh(at.app(), &first).await.expect(200);
    let mut looked_at = 0;
    while let Some(status) = guesses.join_next().await {
        match status.unwrap() {
            200 => looked_at += 1,
            status => assert!(status == 429 || status == 503, "{status}"),
        }
    }
    assert!((1..=8).contains(&looked_at), "{looked_at} of 200 guesses were looked at");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_flood_of_log_ins_is_answered_503_with_retry_after() {
    let sandbox = Sandbox::start().await;
    let at = &sandbox.standard;
    let mut browser = Browser::new(at);
    let shown = form(&browser.get(&browser.request(&[])).await.expect(200));
    let mut log_ins = JoinSet::new();
    // From four sources: one would be locked before the pool is full.
    for number in 0..320 {
        let (browser, shown) = (browser.clone(), shown.clone());
        log_ins.spawn(async move {
            let username = format!("nobody-{number}");
            let fields = [("continuation", shown.continuation.as_str()), ("username", &username), ("password", "x")];
            let source = Ipv4Addr::new(127, 0, 0, 2 + u8::try_from(number % 4).unwrap());
            let call = browser.at.call("POST", &shown.action).from(source);
            call.header("cookie", &browser.cookie()).form(&fields).send().await
        });
    }
    let mut busy = 0;
    while let Some(answer) = log_ins.join_next().await {
        let answer = answer.unwrap();
        if answer.status == 503 {
            assert_eq!(answer.header("retry-after"), "1");
            busy += 1;
        } else {
            assert_eq!(answer.status, 200);
        }
    }
    assert!(busy > 0);
}

#[tokio::test]
async fn a_source_that_guesses_a_hundred_names_is_locked_whatever_it_says_of_where_it_is() {
    let sandbox = Sandbox::start().await;
    let at = &sandbox.standard;
    let mut browser = Browser::new(at);
    let shown = form(&browser.get(&browser.request(&[])).await.expect(200));
    let mut statuses = Vec::new();
    for number in 0..102 {
        let (name, address) = (format!("nobody-{number}"), format!("192.0.2.{number}"));
        let fields = [("continuation", shown.continuation.as_str()), ("username", &name), ("password", "x")];
        let call = at.call("POST", &shown.action).header("cookie", &browser.cookie()).form(&fields);
        let forwarded = format!("for={address};host=evil.test;proto=https");
        let call = call.header("x-forwarded-for", &address).header("forwarded", &forwarded);
        statuses.push(call.header("x-real-ip", &address).send().await.status);
    }
    assert!(statuses[..100].iter().all(|status| *status == 200), "{statuses:?}");
    assert_eq!(statuses[100..], [429, 429]);
    let fields = [("continuation", shown.continuation.as_str()), ("username", "an"), ("password", PASSWORD)];
    let call = at.call("POST", &shown.action).from(Ipv4Addr::new(127, 0, 0, 2));
    call.header("cookie", &browser.cookie()).form(&fields).send().await.expect(303);
}

#[tokio::test]
async fn the_session_cookie_is_new_at_each_log_in_and_the_browser_cookie_is_kept() {
    let sandbox = Sandbox::start().await;
    for at in sandbox.both() {
        let mut browser = Browser::new(at);
        let mut sessions = BTreeSet::new();
        let _ = browser.log_in().await;
        let (kept, realm) = (browser.value("browser"), at.name);
        let _ = sessions.insert(browser.value("session"));
        for _ in 0..2 {
            let query = crate::fixture::encode(&browser.parameters(&[]));
            let stale = browser.post(&format!("{}/login?{query}", at.authorize), &[("username", "an")]).await;
            let cookies = browser.post_log_in(&form(&stale), "an", PASSWORD).await.expect(303);
            assert_eq!(cookies.cookies().len(), 1);
            assert!(sessions.insert(browser.value("session")), "the same session cookie twice");
        }
        assert_eq!(browser.value("browser"), kept);
        assert!(browser.cookies.contains_key(&format!("kimbai-{realm}-session")));
    }
}

#[tokio::test]
async fn a_session_cookie_that_was_planted_before_log_in_is_not_the_one_after_it() {
    let sandbox = Sandbox::start().await;
    for at in sandbox.both() {
        let (mut attacker, mut victim) = (Browser::new(at), Browser::new(at));
        let _ = attacker.log_in().await;
        let planted = attacker.value("session");
        victim.cookies.insert(format!("kimbai-{}-session", at.name), planted.clone());
        let query = crate::fixture::encode(&victim.parameters(&[]));
        let shown = victim.post(&format!("{}/login?{query}", at.authorize), &[("username", "binh")]).await;
        victim.post_log_in(&form(&shown), "binh", PASSWORD).await.expect(303);
        assert_ne!(victim.value("session"), planted);
    }
}

#[tokio::test]
async fn cookies_are_http_only_lax_host_only_and_named_after_their_realm() {
    let sandbox = Sandbox::start().await;
    for at in sandbox.both() {
        let mut browser = Browser::new(at);
        let shown = browser.get(&browser.request(&[])).await.expect(200);
        let logged_in = browser.post_log_in(&form(&shown), "an", PASSWORD).await.expect(303);
        for (answer, kind) in [(shown, "browser"), (logged_in, "session")] {
            let [cookie] = answer.cookies()[..] else { panic!("{answer:?}") };
            assert!(cookie.starts_with(&format!("kimbai-{}-{kind}=", at.name)), "{cookie}");
            assert!(cookie.contains("; Path=/; HttpOnly; SameSite=Lax"), "{cookie}");
            assert!(!cookie.contains("Domain") && !cookie.contains("Secure"), "{cookie}");
        }
        assert!(browser.get(&browser.request(&[])).await.cookies().is_empty(), "set only when absent");
    }
}

#[tokio::test]
async fn over_https_cookies_are_secure_and_have_the_host_prefix() {
    let sandbox = Sandbox::start().await;
    let at = sandbox.beside("secure", "https://id.example.vn").await;
    let mut browser = Browser::new(&at);
    let shown = browser.get(&browser.request(&[])).await.expect(200);
    let logged_in = browser.post_log_in(&form(&shown), "an", PASSWORD).await.expect(303);
    for (answer, kind) in [(shown, "browser"), (logged_in, "session")] {
        let [cookie] = answer.cookies()[..] else { panic!("{answer:?}") };
        assert!(cookie.starts_with(&format!("__Host-kimbai-secure-{kind}=")), "{cookie}");
        assert!(cookie.contains("; Path=/; HttpOnly; SameSite=Lax") && cookie.ends_with("; Secure"), "{cookie}");
    }
}

#[tokio::test]
async fn a_cookie_of_one_realm_is_nothing_in_the_other() {
    let sandbox = Sandbox::start().await;
    let (standard, marketplace) = (&sandbox.standard, &sandbox.marketplace);
    let mut there = Browser::new(marketplace);
    let _ = there.log_in().await;
    for cookies in [
        vec![
            ("kimbai-marketplace-session", there.value("session")),
            ("kimbai-standard-session", there.value("session")),
        ],
        vec![("kimbai-standard-session", there.value("browser")), ("kimbai-standard-browser", there.value("session"))],
    ] {
        let mut here = Browser::new(standard);
        here.cookies = cookies.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        let shown = here.get(&here.request(&[])).await.expect(200);
        assert!(shown.body.contains("id=\"password\""), "{shown:?}");
    }
    let mut here = Browser::new(standard);
    let _ = here.log_in().await;
    let shown = here.get(&here.request(&[])).await.expect(200);
    assert!(shown.body.contains("id=\"consent-allow\""), "the same cookie in its own realm is a session");
}

#[tokio::test]
async fn a_session_cookie_with_any_character_changed_is_no_session() {
    let sandbox = Sandbox::start().await;
    let mut browser = Browser::new(&sandbox.standard);
    let _ = browser.log_in().await;
    let session = browser.value("session");
    for changed in crate::fixture::mutations(&session).into_iter().filter(|changed| changed.trim() != session) {
        if changed.contains(['\0', '\n']) {
            continue;
        }
        browser.cookies.insert("kimbai-standard-session".to_owned(), changed.clone());
        let shown = browser.get(&browser.request(&[])).await.expect(200);
        assert!(shown.body.contains("id=\"password\""), "{changed}");
    }
}

#[tokio::test]
async fn a_session_ends_when_it_is_idle_and_when_its_user_is_disabled() {
    let sandbox = Sandbox::start().await;
    for at in sandbox.both() {
        let (mut idle, mut of_disabled) = (Browser::new(at), Browser::new(at));
        let _ = idle.log_in().await;
        sandbox.clock.advance_s(8 * 3_600);
        let shown = idle.get(&idle.request(&[])).await.expect(200);
        assert!(shown.body.contains("id=\"password\""), "{shown:?}");
        let asked = of_disabled.consent_page().await;
        let _ = sandbox.engine.set_user_activity(&sandbox.realm(at), "an", Activity::Disabled).await.unwrap();
        let refused = of_disabled.allow(&asked).await.expect(303);
        assert!(refused.parameter("code").is_empty());
        let shown = of_disabled.get(refused.header("location")).await.expect(200);
        assert!(shown.body.contains("id=\"password\""), "{shown:?}");
    }
}
