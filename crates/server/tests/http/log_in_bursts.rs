//! Several log-ins of one account at once on the log-in page: what is the same guess is one guess.

use tokio::task::JoinSet;

use crate::fixture::{Answer, At, Browser, PASSWORD, Sandbox, form};

/// So many at once: more than may be wrong before an account is delayed, and as many as lock it.
const AT_ONCE: usize = 10;

/// Posts so many log-ins at once, each from a browser of its own.
async fn burst(sandbox: &Sandbox, at: &At, password: fn(usize) -> String) -> Vec<Answer> {
    let mut shown = Vec::new();
    for _ in 0..AT_ONCE {
        let mut browser = Browser::new(at);
        let page = browser.get(&browser.request(&[])).await.expect(200);
        shown.push((browser, form(&page)));
    }
    // Until all are there, none is looked at.
    sandbox.store.hold(true);
    let mut posts = JoinSet::new();
    for (index, (mut browser, form)) in shown.into_iter().enumerate() {
        posts.spawn(async move { browser.post_log_in(&form, "an", &password(index)).await });
    }
    let begun = std::time::Instant::now();
    while sandbox.store.waiting() < AT_ONCE {
        assert!(begun.elapsed().as_secs() < 30, "{} log-ins are there", sandbox.store.waiting());
        tokio::task::yield_now().await;
    }
    sandbox.store.hold(false);
    posts.join_all().await
}

/// One log-in of a browser that nobody knows.
async fn attempt(at: &At, password: &str) -> Answer {
    let mut browser = Browser::new(at);
    let shown = form(&browser.get(&browser.request(&[])).await.expect(200));
    browser.post_log_in(&shown, "an", password).await
}

#[tokio::test]
async fn ten_right_log_ins_of_one_account_at_once_all_succeed() {
    let sandbox = Sandbox::start().await;
    let at = &sandbox.standard;
    // Nine failures stand: one more guess is allowed, and a second one that was counted would find the account locked.
    for _ in 0..9 {
        attempt(at, "wrong").await.expect(200);
        sandbox.clock.advance_s(60);
    }
    let mut sessions = std::collections::BTreeSet::new();
    for answer in burst(&sandbox, at, |_| PASSWORD.to_owned()).await {
        let answer = answer.expect(303);
        let [cookie] = answer.cookies()[..] else { panic!("{answer:?}") };
        sessions.insert(cookie.to_owned());
    }
    assert_eq!(sessions.len(), AT_ONCE, "each has a session of its own");
    // All failures are forgiven: five more are free.
    for _ in 0..5 {
        attempt(at, "wrong").await.expect(200);
    }
}

#[tokio::test]
async fn ten_wrong_log_ins_at_once_with_one_password_count_once() {
    let sandbox = Sandbox::start().await;
    let at = &sandbox.standard;
    for answer in burst(&sandbox, at, |_| "wrong".to_owned()).await {
        answer.expect(200);
    }
    for _ in 1..10 {
        sandbox.clock.advance_s(60);
        attempt(at, "wrong").await.expect(200);
    }
    attempt(at, PASSWORD).await.expect(429);
}

#[tokio::test]
async fn ten_wrong_log_ins_at_once_with_ten_passwords_count_each_until_the_delay() {
    let sandbox = Sandbox::start().await;
    let at = &sandbox.standard;
    let answers = burst(&sandbox, at, |index| format!("wrong {index}")).await;
    let of = |status: u16| answers.iter().filter(|answer| answer.status == status).count();
    // Five are free; one more would be if the delay of a second were over by then.
    let counted = of(200);
    assert!((5..AT_ONCE).contains(&counted) && counted + of(429) == AT_ONCE, "{answers:?}");
    // Those that were told to wait were not counted: the account is locked by the tenth that was.
    for _ in counted..10 {
        sandbox.clock.advance_s(60);
        attempt(at, "wrong").await.expect(200);
    }
    attempt(at, PASSWORD).await.expect(429);
}
