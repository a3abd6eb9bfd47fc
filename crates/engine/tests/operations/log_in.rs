//! Guessing passwords: delays and locks, per account, source and spelling, counted before the verdict.

use std::pin::{Pin, pin};
use std::sync::Arc;

use kimbai_engine::admin::{PlainSecret, UserPasswd};
use kimbai_engine::{BrowserSecret, LogInRefusal, SignedIn, Source};
use kimbai_store::{Activity, LogInKey, Registry as _};
use serde_json::json;

use crate::administration::{administration, apply};
use crate::fixture::{Fixture, PASSWORD, secret, source};

const LOCK_S: i64 = 900;

async fn log_in(fixture: &Fixture, username: &str, password: &str) -> Result<SignedIn, LogInRefusal> {
    from(fixture, username, password, source(1)).await
}

/// From a browser that was never seen before.
async fn from(fixture: &Fixture, username: &str, password: &str, source: Source) -> Result<SignedIn, LogInRefusal> {
    with(fixture, username, password, &BrowserSecret::generate(), source).await
}

async fn with(
    fixture: &Fixture,
    username: &str,
    password: &str,
    browser: &BrowserSecret,
    source: Source,
) -> Result<SignedIn, LogInRefusal> {
    fixture.engine.log_in(&fixture.realm, (username, &secret(password)), browser, source).await
}

/// Guesses until the account is locked, waiting as long as each answer says.
async fn lock(fixture: &Fixture, username: &str) {
    for guess in 0..10 {
        match log_in(fixture, username, "a guess").await {
            Err(LogInRefusal::Wrong) => {}
            Err(LogInRefusal::Wait(wait_s)) => {
                fixture.clock.advance_s(i64::from(wait_s));
                assert_eq!(log_in(fixture, username, "a guess").await.unwrap_err(), LogInRefusal::Wrong, "{guess}");
            }
            other => panic!("{guess}: {other:?}"),
        }
    }
}

/// Even the right password waits so long. The clock is set back first, so that a slow machine does not wait it out.
async fn assert_waits(fixture: &Fixture, username: &str, browser: &BrowserSecret, delay_s: u32) {
    const BACK_S: i64 = 60;
    fixture.clock.advance_s(-BACK_S);
    let refused = with(fixture, username, PASSWORD, browser, source(9)).await.unwrap_err();
    assert_eq!(refused, LogInRefusal::Wait(delay_s), "{username}");
    fixture.clock.advance_s(BACK_S);
}

fn is_locked(answered: &Result<SignedIn, LogInRefusal>) -> bool {
    matches!(answered, Err(LogInRefusal::Locked(wait_s)) if (600..=900).contains(wait_s))
}

#[tokio::test]
async fn a_person_logs_in_under_every_spelling_of_the_name() {
    let fixture = Fixture::marketplace().await;
    for spelling in ["an", "AN", " an ", "\u{ff41}\u{ff4e}", "An\t"] {
        let signed_in = log_in(&fixture, spelling, PASSWORD).await.unwrap();
        assert_eq!(signed_in.user(), fixture.an, "{spelling:?}");
    }
    let _ = fixture.audit("logged_in", 5).await;
}

#[tokio::test]
async fn what_is_wrong_is_not_said() {
    let fixture = Fixture::marketplace().await;
    fixture.engine.set_user_activity(&fixture.realm, "binh", Activity::Disabled).await.unwrap();
    for (username, password) in [
        ("an", "a guess"),
        ("an", ""),
        ("an", "KIMBAI-DEMO"),
        ("nobody", PASSWORD),
        ("binh", PASSWORD),
        ("", ""),
        (&"x".repeat(10_000), PASSWORD),
        ("an", &"x".repeat(10_000)),
    ] {
        let refused = log_in(&fixture, username, password).await.unwrap_err();
        assert_eq!(refused, LogInRefusal::Wrong, "{} characters", username.len());
    }
}

#[tokio::test]
async fn failures_delay_and_then_lock_and_a_name_that_does_not_exist_alike() {
    for username in ["an", "nobody"] {
        let fixture = Fixture::marketplace().await;
        for _ in 0..5 {
            assert_eq!(log_in(&fixture, username, "a guess").await.unwrap_err(), LogInRefusal::Wrong);
        }
        for delay_s in [1, 2, 4, 8, 16] {
            assert_waits(&fixture, username, &BrowserSecret::generate(), delay_s).await;
            fixture.clock.advance_s(i64::from(delay_s));
            assert_eq!(log_in(&fixture, username, "a guess").await.unwrap_err(), LogInRefusal::Wrong);
        }
        assert!(is_locked(&log_in(&fixture, username, PASSWORD).await), "{username}");
        fixture.clock.advance_s(LOCK_S);
        assert_eq!(log_in(&fixture, username, PASSWORD).await.is_ok(), username == "an", "the lock has an end");
    }
}

#[tokio::test]
async fn an_account_is_locked_under_every_spelling_and_from_everywhere() {
    let fixture = Fixture::marketplace().await;
    for (position, spelling) in ["an", "AN", " an", "\u{ff41}n", "An"].into_iter().enumerate() {
        let source = source(u8::try_from(position).unwrap());
        assert_eq!(from(&fixture, spelling, "a guess", source).await.unwrap_err(), LogInRefusal::Wrong);
    }
    assert_waits(&fixture, "aN", &BrowserSecret::generate(), 1).await;
    assert!(from(&fixture, "binh", PASSWORD, source(99)).await.is_ok(), "another account is not");
}

#[tokio::test]
async fn a_success_forgets_the_failures_before_it() {
    let fixture = Fixture::marketplace().await;
    for _ in 0..4 {
        for _ in 0..4 {
            assert_eq!(log_in(&fixture, "an", "a guess").await.unwrap_err(), LogInRefusal::Wrong);
        }
        assert!(log_in(&fixture, "an", PASSWORD).await.is_ok());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_parallel_guesses_are_two_hundred_guesses() {
    for username in ["an", "nobody"] {
        let fixture = Arc::new(Fixture::marketplace().await);
        let guesses: Vec<_> = (0..200_u8)
            .map(|number| {
                let fixture = fixture.clone();
                tokio::spawn(async move { from(&fixture, username, "a guess", source(number)).await })
            })
            .collect();
        let mut tried = 0;
        for guess in guesses {
            match guess.await.unwrap().unwrap_err() {
                LogInRefusal::Wrong => tried += 1,
                // A full pool turns away before anything is counted or tried.
                LogInRefusal::Wait(_) | LogInRefusal::Locked(_) | LogInRefusal::Busy => {}
                other @ LogInRefusal::Failed(_) => panic!("{other:?}"),
            }
        }
        // More than five only where the delays passed meanwhile; the lock is at ten.
        assert!((5..=10).contains(&tried), "{username}: {tried} passwords were tried");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sixty_four_right_log_ins_of_one_account_at_once_are_one_guess() {
    let fixture = Arc::new(Fixture::marketplace().await);
    for _ in 0..4 {
        assert_eq!(log_in(&fixture, "an", "a guess").await.unwrap_err(), LogInRefusal::Wrong);
    }
    let log_ins: Vec<_> = (0..64)
        .map(|_| {
            let fixture = Arc::clone(&fixture);
            tokio::spawn(async move { log_in(&fixture, "an", PASSWORD).await })
        })
        .collect();
    for log_in in log_ins {
        assert_eq!(log_in.await.unwrap().unwrap().user(), fixture.an);
    }
    // It was taken back once, too: what others failed at from there still counts.
    let source = LogInKey(fixture.realm.keyring.keyed_digest("log-in source", source(1).to_string().as_bytes()));
    assert_eq!(fixture.store.log_in_count(fixture.realm.number, source).await.unwrap().failures, 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_wrong_guess_many_times_at_once_is_one_guess() {
    let fixture = Arc::new(Fixture::marketplace().await);
    let guesses: Vec<_> = (0..32)
        .map(|_| {
            let fixture = Arc::clone(&fixture);
            tokio::spawn(async move { log_in(&fixture, "an", "a guess").await })
        })
        .collect();
    for guess in guesses {
        assert_eq!(guess.await.unwrap().unwrap_err(), LogInRefusal::Wrong);
    }
    assert!(log_in(&fixture, "an", PASSWORD).await.is_ok());
}

#[tokio::test]
async fn a_source_that_fails_a_hundred_times_is_locked_for_every_account() {
    let fixture = Fixture::marketplace().await;
    for number in 0..100 {
        let username = format!("nobody-{}", number / 5);
        assert_eq!(log_in(&fixture, &username, "a guess").await.unwrap_err(), LogInRefusal::Wrong, "{number}");
    }
    assert!(matches!(log_in(&fixture, "an", PASSWORD).await, Err(LogInRefusal::Locked(_))));
    assert!(from(&fixture, "an", PASSWORD, source(2)).await.is_ok());
    fixture.clock.advance_s(LOCK_S);
    assert!(log_in(&fixture, "an", PASSWORD).await.is_ok());
}

#[tokio::test]
async fn a_known_browser_still_gets_in_while_the_account_is_locked_for_others() {
    let fixture = Fixture::marketplace().await;
    let browser = BrowserSecret::generate();
    with(&fixture, "an", PASSWORD, &browser, source(7)).await.unwrap();
    lock(&fixture, "an").await;
    assert!(is_locked(&log_in(&fixture, "an", PASSWORD).await));
    assert!(with(&fixture, "an", PASSWORD, &browser, source(7)).await.is_ok());
    assert!(is_locked(&log_in(&fixture, "an", PASSWORD).await), "its success frees nobody else");
    // It is known for its own account alone.
    lock(&fixture, "binh").await;
    assert!(is_locked(&with(&fixture, "binh", PASSWORD, &browser, source(7)).await));
}

#[tokio::test]
async fn a_known_browser_still_gets_in_while_its_source_is_locked() {
    let fixture = Fixture::marketplace().await;
    let browser = BrowserSecret::generate();
    with(&fixture, "an", PASSWORD, &browser, source(7)).await.unwrap();
    for number in 0..100 {
        let username = format!("nobody-{}", number / 5);
        assert_eq!(from(&fixture, &username, "a guess", source(7)).await.unwrap_err(), LogInRefusal::Wrong);
    }
    assert!(is_locked(&from(&fixture, "an", PASSWORD, source(7)).await), "a stranger behind the same address");
    assert!(with(&fixture, "an", PASSWORD, &browser, source(7)).await.is_ok());
}

#[tokio::test]
async fn a_known_browser_that_guesses_is_locked_itself() {
    let fixture = Fixture::marketplace().await;
    let (browser, other) = (BrowserSecret::generate(), BrowserSecret::generate());
    for known in [&browser, &other] {
        with(&fixture, "an", PASSWORD, known, source(7)).await.unwrap();
    }
    for _ in 0..5 {
        let refused = with(&fixture, "an", "a guess", &browser, source(7)).await.unwrap_err();
        assert_eq!(refused, LogInRefusal::Wrong);
    }
    assert_waits(&fixture, "an", &browser, 1).await;
    for browser in [other, BrowserSecret::generate()] {
        let signed_in = with(&fixture, "an", PASSWORD, &browser, source(7)).await;
        assert!(signed_in.is_ok(), "each has a count of its own");
    }
}

#[tokio::test]
async fn a_lock_in_one_realm_is_none_in_another() {
    let here = Fixture::marketplace().await;
    let twin = here.beside("twin", &here.realm.settings.clone()).await;
    lock(&here, "an").await;
    assert!(is_locked(&log_in(&here, "an", PASSWORD).await));
    assert!(log_in(&twin, "an", PASSWORD).await.is_ok());
}

/// Brings a log-in of `an` so far that the row has been read: then the attempt is counted.
async fn verifying(fixture: &Fixture, mut log_in: Pin<&mut impl Future<Output = Result<SignedIn, LogInRefusal>>>) {
    let account = LogInKey(fixture.realm.keyring.keyed_digest("log-in account", b"an"));
    for _ in 0..10_000 {
        if fixture.store.log_in_count(fixture.realm.number, account).await.unwrap().failures > 0 {
            return;
        }
        tokio::select! {
            biased;
            answered = &mut log_in => panic!("{answered:?}"),
            () = tokio::task::yield_now() => {}
        }
    }
    panic!("the attempt was not counted");
}

#[tokio::test]
async fn a_password_that_is_changed_while_it_is_verified_opens_no_session() {
    let fixture = Fixture::marketplace().await;
    let (browser, password) = (BrowserSecret::generate(), secret(PASSWORD));
    let mut log_in = pin!(fixture.engine.log_in(&fixture.realm, ("an", &password), &browser, source(1)));
    verifying(&fixture, log_in.as_mut()).await;
    let passwd = UserPasswd {
        realm: None,
        username: "an".to_owned(),
        password: PlainSecret::new("một mật khẩu khác".to_owned()),
    };
    administration(&fixture.engine).run(passwd).await.unwrap();
    assert_eq!(log_in.await.unwrap_err(), LogInRefusal::Wrong);
    assert!(with(&fixture, "an", "một mật khẩu khác", &browser, source(1)).await.is_ok());
}

#[tokio::test]
async fn a_name_that_is_changed_while_the_password_is_verified_hinders_nobody() {
    let fixture = Fixture::marketplace().await;
    let (browser, password) = (BrowserSecret::generate(), secret(PASSWORD));
    let mut log_in = pin!(fixture.engine.log_in(&fixture.realm, ("an", &password), &browser, source(1)));
    verifying(&fixture, log_in.as_mut()).await;
    let asked = json!({ "realms": { "marketplace": { "users": { "an": { "name": "Ảnh" } } } } });
    apply(&administration(&fixture.engine), asked).await.unwrap();
    assert!(log_in.await.is_ok());
}
