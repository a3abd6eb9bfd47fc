//! What the outcome of a rotation means: a successor, the same one again, or an end.

use super::{
    ACCESS_S, IDLE_S, MINE, OTHER, REDEEMED, ROTATED, RULES, SCOPE, TERMS, active, dead_standings, ended, generation,
    grant, seen,
};
use crate::client::tests::{OFFLINE, ORDER};
use crate::grant::{Active, EndReason, Grant, Outcome, Rotation, Seen, State, Verdict};
use crate::number::{AttemptId, Generation};
use crate::scope::ScopeSet;
use crate::time::Micros;
use crate::token::{Note, Pointer, Refusal, Refused, Retries, Settled, TokenRules, settle_rotation};

const DAY: Retries = Retries { window_s: 86_400, counted_from: None };

fn presenting(number: u32, rotated_low: u32) -> Rotation {
    Rotation { client: MINE, generation: generation(number), rotated_low, terms: TERMS }
}

/// The refresh token before the current one of `active(number)`.
fn predecessor(number: u32) -> Rotation {
    presenting(number - 1, REDEEMED.low_bits())
}

fn settle(verdict: Verdict, rotation: &Rotation, now: Micros, retries: Retries) -> Settled {
    settle_rotation(&Outcome { now, verdict }, rotation, SCOPE, retries, RULES)
}

fn refused(state: State, rotation: &Rotation, now: Micros, retries: Retries) -> Settled {
    settle(Verdict::Refused(Some(seen(grant(state)))), rotation, now, retries)
}

fn reused() -> Settled {
    Err(Refused { refusal: Refusal::Reused, revoke: Some(EndReason::RefreshTokenReused) })
}

fn only(refusal: Refusal) -> Settled {
    Err(Refused { refusal, revoke: None })
}

#[test]
fn a_rotation_gives_the_tokens_of_the_next_generation() {
    let grant = grant(State::Active(active(2)));
    let issued = settle(Verdict::Done(seen(grant.clone())), &predecessor(2), ROTATED, DAY).unwrap();
    assert_eq!(issued.access, Pointer::access(&grant, &active(2), SCOPE));
    assert_eq!(issued.refresh, Some(Pointer::refresh(&grant, &active(2))));
    assert_eq!((issued.expires_in_s, issued.sealing_key, issued.note), (ACCESS_S, 3, None));
}

#[test]
fn a_rotation_happens_when_all_of_its_condition_holds() {
    let five = || State::Active(active(5));
    let right = presenting(5, ROTATED.low_bits());
    let (idle_end, absolute_end) = (ROTATED.plus_s(IDLE_S), REDEEMED.plus_s(365 * 86_400));
    let endless = || State::Active(Active { idle_end: Micros::NEVER, ..active(5) });
    for (state, rotation, now, expect) in [
        (five(), right, ROTATED, true),
        (five(), right, Micros(idle_end.0 - 1), true),
        (five(), right, idle_end, false),
        (endless(), right, Micros(absolute_end.0 - 1), true),
        (endless(), right, absolute_end, false),
        (five(), Rotation { client: OTHER, ..right }, ROTATED, false),
        (five(), presenting(4, ROTATED.low_bits()), ROTATED, false),
        (five(), presenting(6, ROTATED.low_bits()), ROTATED, false),
        (five(), presenting(5, ROTATED.low_bits() ^ 1), ROTATED, false),
        (five(), presenting(5, REDEEMED.low_bits()), ROTATED, false),
        (ended(), right, ROTATED, false),
        (State::Code { end: idle_end }, presenting(0, 0), ROTATED, false),
    ] {
        let changed = grant(state).rotate(&rotation, now, AttemptId(2));
        assert_eq!(changed.is_some(), expect, "{state:?} {rotation:?} {now:?}");
        let Some(Grant { state: State::Active(next), attempt: AttemptId(2), .. }) = changed else { continue };
        assert_eq!((next.generation, next.rotated), (generation(6), now));
        assert_eq!((next.previous_rotation, next.redeemed), (ROTATED.low_bits(), REDEEMED));
        assert!(next.idle_end <= absolute_end && Micros::from_unix_s(next.access_expiry_s) <= absolute_end);
    }
}

#[test]
fn a_retry_gives_the_same_successor_again() {
    let first = settle(Verdict::Done(seen(grant(State::Active(active(2))))), &predecessor(2), ROTATED, DAY).unwrap();
    for (seconds, left) in [(0, 3_600), (1, 3_599), (3_599, 1), (3_600, 0), (86_399, 0)] {
        let again = refused(State::Active(active(2)), &predecessor(2), ROTATED.plus_s(seconds), DAY).unwrap();
        assert_eq!((again.access, again.refresh, again.sealing_key), (first.access, first.refresh, 3));
        assert_eq!((again.expires_in_s, again.note), (left, Some(Note::Retried)), "after {seconds} s");
    }
}

#[test]
fn a_narrowed_retry_narrows_the_access_token_alone() {
    let outcome = Outcome { now: ROTATED, verdict: Verdict::Refused(Some(seen(grant(State::Active(active(2)))))) };
    let whole = settle_rotation(&outcome, &predecessor(2), SCOPE, DAY, RULES).unwrap();
    let narrowed = settle_rotation(&outcome, &predecessor(2), ORDER, DAY, RULES).unwrap();
    assert_eq!(narrowed.access, Pointer { scope: ORDER, ..whole.access });
    assert_eq!(narrowed.refresh, whole.refresh);
}

#[test]
fn a_retry_is_served_within_its_window() {
    let from = |window_s, counted_from| Retries { window_s, counted_from };
    let after = |micros: i64| Micros(ROTATED.0 + micros);
    let (second, edge, day) = (1_000_000, 30_000_000, 86_400_000_000);
    let minute = 60 * second;
    for (retries, now, expect) in [
        (DAY, after(0), true),
        (DAY, after(day - 1), true),
        (DAY, after(day), false),
        (from(30, None), after(edge - 1), true),
        (from(30, None), after(edge), false),
        // The outage ended before the rotation, or at it.
        (from(30, Some(REDEEMED)), after(edge - 1), true),
        (from(30, Some(REDEEMED)), after(edge), false),
        (from(30, Some(ROTATED)), after(edge), false),
        // It ended a minute after.
        (from(30, Some(after(minute))), after(edge), true),
        (from(30, Some(after(minute))), after(minute + edge - 1), true),
        (from(30, Some(after(minute))), after(minute + edge), false),
        (from(0, None), after(0), false),
        (from(0, None), after(1), false),
        (from(86_400, None), after(-second), true),
    ] {
        let settled = refused(State::Active(active(2)), &predecessor(2), now, retries);
        assert_eq!(settled.is_ok(), expect, "{retries:?} {now:?}");
        assert!(expect || settled == reused(), "{retries:?} {now:?} {settled:?}");
    }
}

#[test]
fn a_refused_rotation_means() {
    let stood = |change: fn(&mut Active)| {
        let mut active = active(5);
        change(&mut active);
        State::Active(active)
    };
    let five = || stood(|_| {});
    let (current, previous) = (ROTATED.low_bits(), REDEEMED.low_bits());
    let idle_end = ROTATED.plus_s(IDLE_S);
    for (state, rotation, now, expect) in [
        // Older than the predecessor: reuse, however young.
        (five(), presenting(3, previous), ROTATED, reused()),
        (five(), presenting(3, current), ROTATED, reused()),
        (five(), presenting(1, 0), ROTATED, reused()),
        (five(), presenting(0, 0), ROTATED, reused()),
        // The store has lost its tail.
        (five(), presenting(6, current), ROTATED, only(Refusal::StoreWentBack)),
        (five(), presenting(5, current ^ 1), ROTATED, only(Refusal::StoreWentBack)),
        (five(), presenting(4, previous ^ 1), ROTATED, only(Refusal::StoreWentBack)),
        (five(), presenting(4, previous ^ 1), ROTATED.plus_s(86_400), only(Refusal::StoreWentBack)),
        (State::Code { end: REDEEMED }, presenting(1, current), ROTATED, only(Refusal::StoreWentBack)),
        // The right one, too late.
        (five(), presenting(5, current), idle_end, only(Refusal::Expired)),
        (five(), presenting(4, previous), idle_end, only(Refusal::Expired)),
        (stood(|a| a.generation = Generation::MAX), presenting((1 << 24) - 1, current), ROTATED, {
            Err(Refused { refusal: Refusal::LastGeneration, revoke: Some(EndReason::LastGeneration) })
        }),
        // Revoked in between.
        (ended(), presenting(5, current), ROTATED, only(Refusal::Revoked)),
        (ended(), presenting(1, current), ROTATED, only(Refusal::Revoked)),
        (stood(|a| a.access_revoked_through = a.generation), presenting(4, previous), ROTATED, {
            only(Refusal::GenerationRevoked)
        }),
        (stood(|a| a.access_revoked_through = Generation::MAX), presenting(4, previous), ROTATED, {
            only(Refusal::GenerationRevoked)
        }),
    ] {
        assert_eq!(refused(state, &rotation, now, DAY), expect, "{state:?} {rotation:?} {now:?}");
    }
    let nothing = settle(Verdict::Refused(None), &presenting(5, current), ROTATED, DAY);
    assert_eq!(nothing, only(Refusal::Unknown));
}

#[test]
fn a_retry_survives_the_revocation_of_older_access_tokens() {
    let mut active = active(5);
    active.access_revoked_through = generation(4);
    assert!(refused(State::Active(active), &predecessor(5), ROTATED, DAY).is_ok());
}

#[test]
fn the_last_generation_is_given_again_like_any_other() {
    let mut active = active(5);
    active.generation = Generation::MAX;
    let retry = presenting((1 << 24) - 2, REDEEMED.low_bits());
    assert!(refused(State::Active(active), &retry, ROTATED, DAY).is_ok());
    let row = grant(State::Active(active));
    let last = presenting((1 << 24) - 1, ROTATED.low_bits());
    assert_eq!(row.rotate(&last, ROTATED, AttemptId(2)), None);
}

#[test]
fn another_clients_token_neither_issues_nor_revokes() {
    for state in [State::Active(active(5)), ended(), State::Code { end: REDEEMED }] {
        for number in [1, 3, 4, 5, 6] {
            for low in [ROTATED.low_bits(), REDEEMED.low_bits()] {
                let rotation = Rotation { client: OTHER, ..presenting(number, low) };
                match refused(state, &rotation, ROTATED, DAY) {
                    Err(Refused { revoke: None, .. }) => {}
                    other => panic!("{state:?} {rotation:?}: {other:?}"),
                }
                assert_eq!(grant(state).rotate(&rotation, ROTATED, AttemptId(2)), None);
            }
        }
    }
}

#[test]
fn the_dead_get_no_successor() {
    for (standing, expect) in dead_standings() {
        let dead = || Seen { grant: grant(State::Active(active(2))), standing };
        for verdict in [Verdict::Done(dead()), Verdict::Refused(Some(dead()))] {
            assert_eq!(settle(verdict, &predecessor(2), ROTATED, DAY), only(expect), "{standing:?}");
        }
    }
}

#[test]
fn a_done_rotation_that_was_ended_since_gives_nothing() {
    for state in [ended(), State::Code { end: REDEEMED }] {
        assert!(settle(Verdict::Done(seen(grant(state))), &predecessor(2), ROTATED, DAY).is_err(), "{state:?}");
    }
}

#[test]
fn a_grant_without_the_offline_scope_gets_no_refresh_token() {
    let row = Grant { scope: ORDER, ..grant(State::Active(active(2))) };
    let outcome = Outcome { now: ROTATED, verdict: Verdict::Done(seen(row)) };
    for offline in [OFFLINE, ScopeSet::EMPTY] {
        assert_eq!(
            settle_rotation(&outcome, &predecessor(2), ORDER, DAY, TokenRules { offline, ..RULES }).unwrap().refresh,
            None
        );
    }
}

/// Five rotations within one second: the replay of each is noticed, and only the last but one is a retry.
#[test]
fn of_five_rotations_in_one_second_each_replay_is_noticed() {
    let mut row = grant(State::Active(active(1)));
    let mut tokens = Vec::new();
    for step in 0..5 {
        let State::Active(now_active) = row.state else { panic!("{row:?}") };
        let token = presenting(now_active.generation.number(), now_active.rotated.low_bits());
        row = row.rotate(&token, Micros(ROTATED.0 + step * 200_000), AttemptId(2)).unwrap();
        tokens.push(token);
    }
    let now = Micros(ROTATED.0 + 900_000);
    for (position, token) in tokens.iter().enumerate() {
        let settled = settle(Verdict::Refused(Some(seen(row.clone()))), token, now, DAY);
        if position == 4 {
            assert_eq!(settled.unwrap().note, Some(Note::Retried));
        } else {
            assert_eq!(settled, reused(), "the token of generation {}", position + 1);
        }
    }
}
