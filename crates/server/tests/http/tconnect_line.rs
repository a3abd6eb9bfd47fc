//! Who waits in front of the wall, while the store hangs or is away: bounded by source and in all, and in nobody's way.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use kimbai_engine::{LOG_INS_AT_ONCE, LOG_INS_WAITING_IN_ALL_MAX, LOG_INS_WAITING_MAX};
use kimbai_store::StoreError;
use tokio::task::JoinHandle;

use super::fixture::tconnect::{DEMO, LOG_IN, REFRESH};
use super::fixture::{Answer, At, Sandbox};

const HERE: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);
const THERE: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 3);
/// No state that a test waits for takes so long to come.
const COMES_WITHIN: Duration = Duration::from_secs(30);

/// So many right log-ins of this source, sent at once.
fn sent(at: &At, count: usize, from: Ipv4Addr) -> Vec<JoinHandle<Answer>> {
    let digits = DEMO.seal(DEMO.says().to_string().as_bytes());
    let one = |_| {
        let (at, digits) = (at.clone(), digits.clone());
        tokio::spawn(async move { at.sealed_from(from, LOG_IN, (DEMO.code, &digits)).await })
    };
    (0..count).map(one).collect()
}

/// Waits until so many of these are answered.
async fn until_answered(sent: &[JoinHandle<Answer>], count: usize) {
    let begun = Instant::now();
    while sent.iter().filter(|one| one.is_finished()).count() < count {
        assert!(begun.elapsed() < COMES_WITHIN, "of {} fewer than {count} are answered", sent.len());
        tokio::task::yield_now().await;
    }
}

/// Waits until so many log-ins are behind the wall, at the verb that is held.
async fn until_held(sandbox: &Sandbox, count: usize) {
    let begun = Instant::now();
    while sandbox.store.waiting() < count {
        assert!(begun.elapsed() < COMES_WITHIN, "{} are behind the wall", sandbox.store.waiting());
        tokio::task::yield_now().await;
    }
}

/// How many of these have each status; whoever is turned away is told when to come again.
async fn statuses(sent: Vec<JoinHandle<Answer>>) -> BTreeMap<u16, usize> {
    let mut statuses = BTreeMap::new();
    for one in sent {
        let answer = one.await.unwrap();
        if answer.status == 503 {
            assert_eq!(answer.header("retry-after"), "1", "{answer:?}");
        }
        *statuses.entry(answer.status).or_default() += 1;
    }
    statuses
}

#[tokio::test]
async fn log_ins_that_hang_are_bounded_by_source_and_leave_other_sources_and_other_realms_alone() {
    let sandbox = Sandbox::start().await;
    let at = sandbox.tconnect().await;
    let refresh_token = at.partner_log_in(&DEMO).await.expect(200).member("refresh_token");
    let of_standard = sandbox.standard.tokens(sandbox.standard.app()).await.member("refresh_token");
    let inside = LOG_INS_AT_ONCE + LOG_INS_WAITING_MAX;
    sandbox.store.hold_verb(Some("user_by_name"));
    let all = sent(&at, inside + 10, HERE);
    until_answered(&all, 10).await;
    until_held(&sandbox, LOG_INS_AT_ONCE).await;
    // One more of this source is told so; what is no log-in is answered, and another source has places of its own.
    at.sealed_from(HERE, LOG_IN, (DEMO.code, "00")).await.expect(503);
    at.sealed_from(HERE, REFRESH, (DEMO.code, "00")).await.walled();
    at.sealed_from(THERE, LOG_IN, (DEMO.code, "00")).await.walled();
    at.partner_refresh(&DEMO, &refresh_token).await.expect(200);
    let standard = &sandbox.standard;
    standard.refresh(standard.app(), &of_standard).await.expect(200);
    assert_eq!(sandbox.store.waiting(), LOG_INS_AT_ONCE, "the rest stand in front of the wall");
    sandbox.store.hold_verb(None);
    assert_eq!(statuses(all).await, BTreeMap::from([(200, inside), (503, 10)]));
    assert_eq!(statuses(sent(&at, 1, HERE)).await, BTreeMap::from([(200, 1)]));
}

#[tokio::test]
async fn who_stands_in_front_of_the_wall_when_the_store_goes_away_is_told_so_and_leaves() {
    let sandbox = Sandbox::start().await;
    let at = sandbox.tconnect().await;
    sandbox.store.hold_verb(Some("user_by_name"));
    let all = sent(&at, LOG_INS_AT_ONCE + LOG_INS_WAITING_MAX + 1, HERE);
    until_answered(&all, 1).await;
    until_held(&sandbox, LOG_INS_AT_ONCE).await;
    sandbox.store.fail(Some(StoreError::NotDone));
    sandbox.store.hold_verb(None);
    // Of those behind the wall nothing may be said.
    let expected = BTreeMap::from([(401, LOG_INS_AT_ONCE), (503, LOG_INS_WAITING_MAX + 1)]);
    assert_eq!(statuses(all).await, expected);
    sandbox.store.fail(None);
    assert_eq!(statuses(sent(&at, LOG_INS_AT_ONCE, HERE)).await, BTreeMap::from([(200, LOG_INS_AT_ONCE)]));
}

#[tokio::test]
async fn log_ins_of_many_sources_that_hang_leave_room_for_refreshes_of_their_realm() {
    const SOURCES: u8 = 8;
    let sandbox = Sandbox::start().await;
    let at = sandbox.tconnect().await;
    let mut refresh_token = at.partner_log_in(&DEMO).await.expect(200).member("refresh_token");
    sandbox.store.hold_verb(Some("user_by_name"));
    let mut all = Vec::new();
    for number in 0..SOURCES {
        all.extend(sent(&at, LOG_INS_AT_ONCE + LOG_INS_WAITING_MAX, Ipv4Addr::new(127, 0, 1, number + 1)));
    }
    // Each source has its places; of those who would wait for one, no more do than may in all.
    let behind = LOG_INS_AT_ONCE * usize::from(SOURCES);
    let turned_away = LOG_INS_WAITING_MAX * usize::from(SOURCES) - LOG_INS_WAITING_IN_ALL_MAX;
    until_answered(&all, turned_away).await;
    until_held(&sandbox, behind).await;
    for _ in 0..3 {
        let answer = at.partner_refresh(&DEMO, &refresh_token).await.expect(200);
        refresh_token = answer.member("refresh_token");
    }
    let of_another = sent(&at, 1, THERE);
    until_held(&sandbox, behind + 1).await;
    sandbox.store.hold_verb(None);
    assert_eq!(statuses(of_another).await, BTreeMap::from([(200, 1)]));
    let expected = BTreeMap::from([(200, behind + LOG_INS_WAITING_IN_ALL_MAX), (503, turned_away)]);
    assert_eq!(statuses(all).await, expected);
}
