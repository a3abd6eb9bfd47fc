//! How often partners may fail, how many grants they have, and that no stranger locks anybody out.

use std::net::Ipv4Addr;

use kimbai_core::realm::FailureLimits;
use serde_json::json;

use super::fixture::tconnect::{DEMO, LOG_IN, OTHER, REFRESH};
use super::fixture::{At, Sandbox};

const HERE: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);
const THERE: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 3);

async fn limited(sandbox: &Sandbox) -> At {
    sandbox.tconnect_as("limited", |partners| partners.failure_limits = FailureLimits::On).await
}

fn log_in_of_demo() -> String {
    DEMO.seal(DEMO.says().to_string().as_bytes())
}

#[tokio::test]
async fn after_twenty_failures_right_and_wrong_alike_wait_and_asking_makes_it_no_longer() {
    let sandbox = Sandbox::start().await;
    let at = limited(&sandbox).await;
    let wrong = DEMO.seal(json!({ "refresh_token": "x" }).to_string().as_bytes());
    for _ in 0..20 {
        at.sealed_from(HERE, REFRESH, (DEMO.code, &wrong)).await.walled();
    }
    let right = log_in_of_demo();
    for wait_s in [1, 2, 4, 8, 16, 30, 30] {
        for (path, digits) in [(LOG_IN, &right), (REFRESH, &wrong), (LOG_IN, &"00".to_owned())] {
            let answer = at.sealed_from(HERE, path, (DEMO.code, digits)).await.expect(429);
            assert!(answer.header("retry-after").parse::<i64>().unwrap() <= wait_s);
            assert_eq!(answer.body, r#"{"status":429,"message":"too many requests"}"#);
        }
        sandbox.clock.advance_s(wait_s);
        at.sealed_from(HERE, REFRESH, (DEMO.code, &wrong)).await.walled();
    }
    sandbox.clock.advance_s(90);
    at.sealed_from(HERE, LOG_IN, (DEMO.code, &right)).await.expect(200);
    // Elsewhere nobody has waited.
    at.sealed_from(THERE, LOG_IN, (DEMO.code, &right)).await.expect(200);
}

#[tokio::test]
async fn of_two_things_that_are_wrong_before_the_envelope_the_first_in_the_order_is_answered() {
    let sandbox = Sandbox::start().await;
    let at = limited(&sandbox).await;
    for _ in 0..20 {
        at.sealed_from(Ipv4Addr::LOCALHOST, LOG_IN, (DEMO.code, "00")).await.walled();
    }
    let places: Vec<_> = std::iter::from_fn(|| sandbox.realm(&at).password_place()).collect();
    let large = vec![b'0'; 65_537];
    let call = |method, media: &str, body: &[u8]| {
        at.call(method, LOG_IN).header("partner-code", DEMO.code).header("content-type", media).body(body).send()
    };
    call("PUT", "text/plain", &large).await.expect(405);
    call("POST", "text/plain", &large).await.expect(413);
    call("POST", "text/plain", b"{}").await.expect(415);
    // The pool is full, and the envelope is none.
    call("POST", "application/json", b"{}").await.expect(429);
    sandbox.clock.advance_s(90);
    call("POST", "application/json", b"{}").await.expect(503);
    drop(places);
    call("POST", "application/json", b"{}").await.walled();
}

#[tokio::test]
async fn a_stranger_who_knows_a_partner_code_cannot_lock_that_partner_out() {
    let sandbox = Sandbox::start().await;
    let at = limited(&sandbox).await;
    let mut turned_away = 0;
    for index in 0..200_u32 {
        // A forged envelope, of which one in 256 even has a padding.
        let digits = format!("{:032x}{:032x}", index.wrapping_mul(0x9e37_79b9), index);
        turned_away += u32::from(at.sealed_from(HERE, LOG_IN, (DEMO.code, &digits)).await.status == 429);
    }
    assert!(turned_away > 170, "{turned_away}");
    for _ in 0..3 {
        at.sealed_from(THERE, LOG_IN, (DEMO.code, &log_in_of_demo())).await.expect(200);
    }
}

#[tokio::test]
async fn failures_in_the_name_of_one_partner_do_not_hold_another_one_behind_the_same_address() {
    let sandbox = Sandbox::start().await;
    let at = limited(&sandbox).await;
    for _ in 0..20 {
        at.sealed_from(HERE, REFRESH, (DEMO.code, "00")).await.walled();
    }
    at.sealed_from(HERE, LOG_IN, (DEMO.code, &log_in_of_demo())).await.expect(429);
    let other = OTHER.seal(OTHER.says().to_string().as_bytes());
    at.sealed_from(HERE, LOG_IN, (OTHER.code, &other)).await.expect(200);
}

#[tokio::test]
async fn a_hundred_failures_in_many_names_hold_their_source_and_no_other() {
    let sandbox = Sandbox::start().await;
    let at = limited(&sandbox).await;
    for index in 0..100 {
        at.sealed_from(HERE, REFRESH, (&format!("P{index}"), "00")).await.walled();
    }
    for code in ["DEMO", "OTHER", "NOBODY"] {
        at.sealed_from(HERE, REFRESH, (code, "00")).await.expect(429);
    }
    at.sealed_from(THERE, LOG_IN, (DEMO.code, &log_in_of_demo())).await.expect(200);
}

#[tokio::test]
async fn whether_an_envelope_opened_does_not_show_in_whom_the_limiter_holds() {
    let sandbox = Sandbox::start().await;
    let at = limited(&sandbox).await;
    let said = |name: &str, value: &str| DEMO.seal(DEMO.says_with(name, value).to_string().as_bytes());
    for digits in [
        "00".to_owned(),
        OTHER.seal(b"{}"),
        DEMO.seal(b"{}"),
        DEMO.seal(b"{\"username\":\"x\"}"),
        said("client_secret", "wrong"),
        said("grant_type", "other"),
    ] {
        for _ in 0..20 {
            at.sealed_from(HERE, LOG_IN, (DEMO.code, &digits)).await.walled();
        }
        at.sealed_from(HERE, LOG_IN, (DEMO.code, "00")).await.expect(429);
        for code in ["OTHER", "NOBODY"] {
            at.sealed_from(HERE, LOG_IN, (code, "00")).await.walled();
        }
        sandbox.clock.advance_s(3_600);
    }
}

#[tokio::test]
async fn the_sample_resource_judges_the_token_and_neither_counts_nor_holds() {
    let sandbox = Sandbox::start().await;
    let at = limited(&sandbox).await;
    let access = at.partner_log_in(&DEMO).await.expect(200).member("access_token");
    for _ in 0..30 {
        at.qr(&DEMO, "expired").await.walled();
    }
    at.partner_log_in(&DEMO).await.expect(200);
    for _ in 0..20 {
        at.sealed(REFRESH, DEMO.code, "00").await.walled();
    }
    at.partner_log_in(&DEMO).await.expect(429);
    at.qr(&DEMO, &access).await.expect(200);
}

#[tokio::test]
async fn a_setting_turns_the_limiter_off() {
    let sandbox = Sandbox::start().await;
    let at = sandbox.tconnect_as("free", |partners| partners.failure_limits = FailureLimits::Off).await;
    for _ in 0..60 {
        at.sealed_from(HERE, LOG_IN, (DEMO.code, "00")).await.walled();
    }
    at.sealed_from(HERE, LOG_IN, (DEMO.code, &log_in_of_demo())).await.expect(200);
}

#[tokio::test]
async fn a_wrong_password_counts_at_the_account_and_the_lock_holds_behind_the_envelope() {
    let sandbox = Sandbox::start().await;
    let at = sandbox.tconnect().await;
    let wrong = |name: &str, value: &str| DEMO.says_with(name, value);
    for name in ["password", "client_secret", "client_id"].into_iter().cycle().take(10) {
        at.says(LOG_IN, &DEMO, &wrong(name, "wrong")).await.walled();
        // Longer than any delay before the lock.
        sandbox.clock.advance_s(60);
    }
    at.partner_log_in(&DEMO).await.walled();
    assert!(at.last_refusal().await["reason"].as_str().unwrap().contains("locked"), "all of them count alike");
    // What does not open counts at no account.
    let sandbox = Sandbox::start().await;
    let at = sandbox.tconnect().await;
    for _ in 0..30 {
        at.sealed(LOG_IN, DEMO.code, &OTHER.seal(DEMO.says().to_string().as_bytes())).await.walled();
    }
    at.partner_log_in(&DEMO).await.expect(200);
}

#[tokio::test]
async fn concurrent_log_ins_are_each_a_grant_of_their_own_and_live_ones_stay() {
    let sandbox = Sandbox::start().await;
    let at = sandbox.tconnect_as("crowded", |partners| (partners.grants_max, partners.live_grants_max) = (3, 6)).await;
    let mut pairs = Vec::new();
    for _ in 0..6 {
        let answer = at.partner_log_in(&DEMO).await.expect(200);
        pairs.push((answer.member("access_token"), answer.member("refresh_token")));
    }
    for (access, _) in &pairs {
        at.qr(&DEMO, access).await.expect(200);
    }
    let full = at.partner_log_in(&DEMO).await.expect(429);
    assert!((35_990..=36_000).contains(&full.header("retry-after").parse::<u32>().unwrap()));
    assert!(at.last_refusal().await["reason"].as_str().unwrap().contains("live"));
    // Another partner's person is not concerned, nor a wrong password told.
    at.partner_log_in(&OTHER).await.expect(200);
    at.says(LOG_IN, &DEMO, &DEMO.says_with("password", "wrong")).await.walled();
    // The last one is refreshed, and so is live when the others have expired.
    sandbox.clock.advance_s(35_000);
    let kept = at.partner_refresh(&DEMO, &pairs[0].1).await.expect(200);
    sandbox.clock.advance_s(1_001);
    let new = at.partner_log_in(&DEMO).await.expect(200);
    // Of seven, four are too many: the oldest whose access token has expired.
    for (index, (_, refresh)) in pairs.iter().enumerate().skip(1) {
        let answer = at.partner_refresh(&DEMO, refresh).await;
        if index <= 4 {
            answer.walled()
        } else {
            answer.expect(200)
        };
    }
    at.partner_refresh(&DEMO, &kept.member("refresh_token")).await.expect(200);
    at.qr(&DEMO, &new.member("access_token")).await.expect(200);
}
