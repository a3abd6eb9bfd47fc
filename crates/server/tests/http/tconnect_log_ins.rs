//! Log-ins of partners: many at once, people whom others lock, and how many of one source are behind the wall.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use kimbai_core::realm::FailureLimits;
use kimbai_engine::admin::{Administration, MasterKeyHome, PlainSecret, UserPasswd};
use kimbai_engine::{LOG_INS_AT_ONCE, LOG_INS_WAITING_MAX};
use kimbai_server::dialects::Dialects;

use super::fixture::tconnect::{DEMO, LOG_IN, OTHER, Partner};
use super::fixture::{Answer, At, Sandbox};

const HERE: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);
const THERE: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 3);

fn right(partner: &Partner) -> String {
    partner.seal(partner.says().to_string().as_bytes())
}

/// So many of them at once, with how long each took.
async fn at_once(at: &At, count: usize, from: Ipv4Addr, digits: &str) -> Vec<(Answer, Duration)> {
    let begun = Instant::now();
    let all: Vec<_> = (0..count)
        .map(|_| {
            let (at, digits) = (at.clone(), digits.to_owned());
            tokio::spawn(async move {
                let answer = at.sealed_from(from, LOG_IN, (DEMO.code, &digits)).await;
                (answer, begun.elapsed())
            })
        })
        .collect();
    let mut answers = Vec::new();
    for one in all {
        answers.push(one.await.unwrap());
    }
    answers.sort_by_key(|(_, took)| *took);
    answers
}

#[tokio::test]
async fn sixty_four_right_log_ins_of_one_person_at_once_are_sixty_four_grants() {
    let sandbox = Sandbox::start().await;
    let at = sandbox.tconnect_as("limited", |partners| partners.failure_limits = FailureLimits::On).await;
    let mut tokens = std::collections::BTreeSet::new();
    for (answer, _) in at_once(&at, 64, HERE, &right(&DEMO)).await {
        tokens.insert(answer.expect(200).member("refresh_token"));
    }
    assert_eq!(tokens.len(), 64);
    for token in tokens {
        at.partner_refresh(&DEMO, &token).await.expect(200);
    }
}

#[tokio::test]
async fn at_once_no_more_live_grants_are_opened_than_there_may_be() {
    let sandbox = Sandbox::start().await;
    let at = sandbox.tconnect_as("crowded", |partners| (partners.grants_max, partners.live_grants_max) = (3, 6)).await;
    let mut statuses: BTreeMap<u16, u32> = BTreeMap::new();
    for (answer, _) in at_once(&at, 16, HERE, &right(&DEMO)).await {
        *statuses.entry(answer.status).or_default() += 1;
    }
    assert_eq!(statuses, BTreeMap::from([(200, 6), (429, 10)]));
}

#[tokio::test]
async fn another_partner_that_locks_a_person_does_not_lock_it_for_the_partner_that_knows_it() {
    let sandbox = Sandbox::start().await;
    let at = sandbox.tconnect().await;
    at.partner_log_in(&DEMO).await.expect(200);
    let mut guess = OTHER.says_with("username", DEMO.username);
    guess["password"] = "wrong".into();
    // As OTHER, and as DEMO without its client's secret: neither has logged the person in.
    let mut stranger = DEMO.says_with("client_secret", "wrong");
    stranger["password"] = "wrong".into();
    for (partner, said) in [(&OTHER, &guess), (&DEMO, &stranger)].into_iter().cycle().take(10) {
        at.says(LOG_IN, partner, said).await.walled();
        // Longer than any delay before the lock.
        sandbox.clock.advance_s(60);
    }
    guess["password"] = DEMO.password.into();
    at.says(LOG_IN, &OTHER, &guess).await.walled();
    assert!(at.last_refusal().await["reason"].as_str().unwrap().contains("locked"));
    at.partner_log_in(&DEMO).await.expect(200);
}

#[tokio::test]
async fn a_partner_that_guesses_at_a_person_whom_it_knows_is_locked_itself() {
    let sandbox = Sandbox::start().await;
    let at = sandbox.tconnect().await;
    at.partner_log_in(&DEMO).await.expect(200);
    for _ in 0..10 {
        at.says(LOG_IN, &DEMO, &DEMO.says_with("password", "wrong")).await.walled();
        sandbox.clock.advance_s(60);
    }
    at.partner_log_in(&DEMO).await.walled();
    let mut other = OTHER.says_with("username", DEMO.username);
    other["password"] = DEMO.password.into();
    at.says(LOG_IN, &OTHER, &other).await.expect(200);
}

#[tokio::test]
async fn a_partner_with_a_locked_person_is_not_held_by_it() {
    let sandbox = Sandbox::start().await;
    let at = sandbox.tconnect_as("limited", |partners| partners.failure_limits = FailureLimits::On).await;
    let guess = DEMO.says_with("username", "nobody@yourdomain.vn");
    for _ in 0..10 {
        at.says(LOG_IN, &DEMO, &guess).await.walled();
        sandbox.clock.advance_s(61);
    }
    for _ in 0..30 {
        at.says(LOG_IN, &DEMO, &guess).await.walled();
    }
    assert!(at.last_refusal().await["reason"].as_str().unwrap().contains("locked"));
    at.partner_log_in(&DEMO).await.expect(200);
}

#[tokio::test]
async fn a_password_that_is_changed_during_a_log_in_opens_nothing() {
    let sandbox = Sandbox::start().await;
    let at = sandbox.tconnect().await;
    let administration = Administration::new(sandbox.engine.clone(), Box::new(Dialects), MasterKeyHome::Given);
    let changed = UserPasswd {
        realm: Some("tconnect".to_owned()),
        username: DEMO.username.to_owned(),
        password: PlainSecret::new("another password".to_owned()),
    };
    let digits = right(&DEMO);
    let log_ins = at_once(&at, LOG_INS_AT_ONCE, HERE, &digits);
    let (done, answers) = tokio::join!(administration.run(changed), log_ins);
    done.unwrap();
    for (answer, _) in answers {
        // Before the change or after it: what was opened in between has ended.
        assert!([200, 401].contains(&answer.status), "{answer:?}");
    }
    at.partner_log_in(&DEMO).await.walled();
}

#[tokio::test]
async fn what_opens_and_what_does_not_have_as_many_places_and_as_many_delays() {
    const DELAY: Duration = Duration::from_millis(200);
    let sandbox = Sandbox::start().await;
    let at = sandbox.tconnect_as("slow", |partners| partners.failed_log_in_answer_ms = 200).await;
    let opens = DEMO.seal(DEMO.says_with("password", "wrong").to_string().as_bytes());
    let does_not = "00".repeat(opens.len() / 2);
    let (opened, closed) = tokio::join!(at_once(&at, 64, HERE, &opens), at_once(&at, 64, THERE, &does_not));
    for answers in [opened, closed] {
        for (index, (answer, took)) in answers.into_iter().enumerate() {
            answer.walled();
            let steps = u32::try_from(index / LOG_INS_AT_ONCE).unwrap() + 1;
            assert!(took >= DELAY * steps, "{index}: {took:?}");
        }
    }
}

#[tokio::test]
async fn what_does_not_open_costs_no_hash_and_what_opens_costs_one_whatever_is_wrong_with_it() {
    let sandbox = Sandbox::start().await;
    let at = sandbox.tconnect().await;
    let checked = || sandbox.realm(&at).password_pool().checked;
    let closed = [
        (DEMO.code, "zz".to_owned()),
        (DEMO.code, "00".repeat(17)),
        (DEMO.code, "00".repeat(320)),
        (DEMO.code, right(&OTHER)),
        ("NOBODY", right(&DEMO)),
        (DEMO.code, DEMO.seal(b"\xff")),
        (DEMO.code, DEMO.seal(b"[]")),
        (DEMO.code, DEMO.seal(b"{\"username\":\"an\"}")),
    ];
    let lanes = closed.map(|(code, digits)| {
        let at = at.clone();
        tokio::spawn(async move {
            for _ in 0..125 {
                at.sealed(LOG_IN, code, &digits).await.walled();
            }
        })
    });
    for lane in lanes {
        lane.await.unwrap();
    }
    assert_eq!(checked(), 0, "after a thousand of them");
    for (name, value) in [("username", "nobody"), ("password", "x"), ("client_id", "x"), ("client_secret", "x")] {
        let before = checked();
        at.says(LOG_IN, &DEMO, &DEMO.says_with(name, value)).await.walled();
        assert_eq!(checked(), before + 1, "{name}");
    }
}

#[tokio::test]
async fn beyond_its_places_and_its_line_a_source_is_told_503_whatever_it_sends() {
    let sandbox = Sandbox::start().await;
    let at = sandbox.tconnect_as("slow", |partners| partners.failed_log_in_answer_ms = 500).await;
    let opens = DEMO.seal(DEMO.says_with("password", "wrong").to_string().as_bytes());
    for (from, digits) in [(HERE, opens.as_str()), (THERE, "00")] {
        let count = LOG_INS_AT_ONCE + LOG_INS_WAITING_MAX + 10;
        let turned_away = at_once(&at, count, from, digits).await;
        let statuses = turned_away.iter().map(|(answer, _)| answer.status);
        assert_eq!(statuses.clone().filter(|status| *status == 503).count(), 10);
        assert_eq!(statuses.filter(|status| *status == 401).count(), count - 10);
    }
}
