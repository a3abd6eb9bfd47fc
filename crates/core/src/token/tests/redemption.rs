//! What the outcome of a redemption means.

use super::{
    BINDING, MINE, OTHER, REDEEMED, RULES, SCOPE, STANDING, TERMS, active, dead_standings, ended, grant, seen,
};
use crate::client::tests::{OFFLINE, ORDER};
use crate::grant::{CodeBinding, EndReason, Grant, Outcome, Redemption, Seen, ShortDigest, State, Terms, Verdict};
use crate::number::AttemptId;
use crate::scope::ScopeSet;
use crate::time::Micros;
use crate::token::{Issued, Pointer, Refusal, Refused, Settled, TokenRules, settle_redemption};

const REDEMPTION: Redemption = Redemption { client: MINE, binding: BINDING, terms: TERMS };
const UNREDEEMED: State = State::Code { end: Micros(REDEEMED.0 + 600_000_000) };

fn outcome(verdict: Verdict, now: Micros) -> Outcome {
    Outcome { now, verdict }
}

fn refused(state: State, redemption: &Redemption, now: Micros) -> Settled {
    let verdict = Verdict::Refused(Some(seen(grant(state))));
    settle_redemption(&outcome(verdict, now), redemption, RULES)
}

fn redeemed(scope: ScopeSet) -> Grant {
    let code = Grant { scope, ..grant(UNREDEEMED) };
    code.redeem(&REDEMPTION, REDEEMED, AttemptId(2)).unwrap()
}

#[test]
fn a_redeemed_code_gives_both_tokens_of_the_first_generation() {
    let grant = redeemed(SCOPE);
    let State::Active(active) = grant.state else { panic!("{grant:?}") };
    let done = outcome(Verdict::Done(seen(grant.clone())), REDEEMED);
    let issued = settle_redemption(&done, &REDEMPTION, RULES).unwrap();
    assert_eq!(
        issued,
        Issued {
            access: Pointer::access(&grant, &active, SCOPE),
            refresh: Some(Pointer::refresh(&grant, &active)),
            sealing_key: TERMS.sealing_key,
            expires_in_s: 3_600,
            note: None,
        }
    );
    assert_eq!(issued.access.time, REDEEMED.as_unix_s() + 3_600);
    assert_eq!(issued.refresh.unwrap().time, REDEEMED.low_bits());
}

#[test]
fn a_redemption_happens_when_all_of_its_condition_holds() {
    let other = ShortDigest([9; 16]);
    let binding = |redirect_uri, code_challenge| Redemption {
        binding: CodeBinding { redirect_uri, code_challenge },
        ..REDEMPTION
    };
    let (uri, challenge) = (BINDING.redirect_uri, BINDING.code_challenge);
    for (state, redemption, expect) in [
        (UNREDEEMED, REDEMPTION, true),
        (UNREDEEMED, Redemption { client: OTHER, ..REDEMPTION }, false),
        (UNREDEEMED, binding(other, challenge), false),
        (UNREDEEMED, binding(ShortDigest::ABSENT, challenge), false),
        (UNREDEEMED, binding(uri, other), false),
        (UNREDEEMED, binding(uri, ShortDigest::ABSENT), false),
        (UNREDEEMED, binding(challenge, uri), false),
        (State::Active(active(1)), REDEMPTION, false),
        (ended(), REDEMPTION, false),
    ] {
        let changed = grant(state).redeem(&redemption, REDEEMED, AttemptId(2));
        assert_eq!(changed.is_some(), expect, "{state:?} {redemption:?}");
    }
}

#[test]
fn a_refresh_token_is_for_those_who_asked_for_one() {
    for (scope, offline, expect) in [
        (SCOPE, OFFLINE, true),
        (OFFLINE, OFFLINE, true),
        (ORDER, OFFLINE, false),
        (ScopeSet::EMPTY, OFFLINE, false),
        (SCOPE, ScopeSet::EMPTY, false),
    ] {
        let done = outcome(Verdict::Done(seen(redeemed(scope))), REDEEMED);
        let issued = settle_redemption(&done, &REDEMPTION, TokenRules { offline, ..RULES }).unwrap();
        assert_eq!(issued.refresh.is_some(), expect, "{scope:?} {offline:?}");
        assert_eq!(issued.access.scope, scope);
    }
}

#[test]
fn a_token_never_outlives_its_grant() {
    let mut code = grant(UNREDEEMED);
    code.absolute_end = REDEEMED.plus_s(60);
    let grant = code.redeem(&REDEMPTION, REDEEMED, AttemptId(2)).unwrap();
    let issued = settle_redemption(&outcome(Verdict::Done(seen(grant)), REDEEMED), &REDEMPTION, RULES).unwrap();
    assert_eq!(issued.expires_in_s, 60);
}

#[test]
fn a_repeated_attempt_is_told_what_is_left() {
    let done = outcome(Verdict::Done(seen(redeemed(SCOPE))), REDEEMED.plus_s(600));
    assert_eq!(settle_redemption(&done, &REDEMPTION, RULES).unwrap().expires_in_s, 3_000);
    let late = outcome(Verdict::Done(seen(redeemed(SCOPE))), REDEEMED.plus_s(7_200));
    assert_eq!(settle_redemption(&late, &REDEMPTION, RULES).unwrap().expires_in_s, 0);
}

#[test]
fn the_dead_get_no_tokens_for_their_code() {
    for (standing, expect) in dead_standings() {
        let done = Verdict::Done(Seen { grant: redeemed(SCOPE), standing });
        let settled = settle_redemption(&outcome(done, REDEEMED), &REDEMPTION, RULES);
        assert_eq!(settled, Err(expect.into()), "{standing:?}");
    }
    let alive = Verdict::Done(Seen { grant: redeemed(SCOPE), standing: STANDING });
    assert!(settle_redemption(&outcome(alive, REDEEMED), &REDEMPTION, RULES).is_ok());
}

#[test]
fn a_code_of_no_grant_is_unknown() {
    let nothing = outcome(Verdict::Refused(None), REDEEMED);
    assert_eq!(settle_redemption(&nothing, &REDEMPTION, RULES), Err(Refusal::Unknown.into()));
}

#[test]
fn who_is_not_the_codes_owner_in_every_respect_revokes_nothing() {
    let other = ShortDigest([9; 16]);
    let client = Redemption { client: OTHER, ..REDEMPTION };
    let uri = Redemption { binding: CodeBinding { redirect_uri: other, ..BINDING }, ..REDEMPTION };
    let verifier = Redemption { binding: CodeBinding { code_challenge: other, ..BINDING }, ..REDEMPTION };
    let no_verifier =
        Redemption { binding: CodeBinding { code_challenge: ShortDigest::ABSENT, ..BINDING }, ..REDEMPTION };
    let client_and_uri = Redemption { client: OTHER, ..uri };
    let uri_and_verifier = Redemption { binding: CodeBinding { redirect_uri: other, code_challenge: other }, ..uri };
    for (redemption, expect) in [
        (client, Refusal::OtherClient),
        (client_and_uri, Refusal::OtherClient),
        (uri, Refusal::RedirectUri),
        (uri_and_verifier, Refusal::RedirectUri),
        (verifier, Refusal::Verifier),
        (no_verifier, Refusal::Verifier),
    ] {
        for state in [UNREDEEMED, State::Active(active(1)), State::Active(active(4)), ended()] {
            for now in [REDEEMED, REDEEMED.plus_s(10), REDEEMED.plus_s(86_400)] {
                let expect = Err(Refused { refusal: expect, revoke: None });
                assert_eq!(refused(state, &redemption, now), expect, "{state:?} {redemption:?}");
            }
        }
    }
}

#[test]
fn a_replay_ends_the_grant_ten_seconds_after_the_redemption_and_not_before() {
    let spent = |revoke| Refused { refusal: Refusal::CodeSpent, revoke };
    let replayed = Some(EndReason::CodeReplayed);
    let after = |micros: i64| Micros(REDEEMED.0 + micros);
    for (state, now, expect) in [
        (State::Active(active(1)), after(0), spent(None)),
        (State::Active(active(1)), after(9_999_999), spent(None)),
        (State::Active(active(1)), after(10_000_000), spent(replayed)),
        (State::Active(active(4)), after(9_999_999), spent(None)),
        (State::Active(active(4)), after(10_000_000), spent(replayed)),
        (State::Active(active(1)), after(-1), spent(None)),
        (UNREDEEMED, after(600_000_000), Refusal::Expired.into()),
        (ended(), after(0), Refusal::Revoked.into()),
        (ended(), after(10_000_000), Refusal::Revoked.into()),
    ] {
        assert_eq!(refused(state, &REDEMPTION, now), Err(expect), "{state:?} {now:?}");
    }
}

#[test]
fn a_code_ends_at_its_end() {
    let code = grant(UNREDEEMED);
    let State::Code { end } = code.state else { panic!("{code:?}") };
    assert!(code.redeem(&REDEMPTION, Micros(end.0 - 1), AttemptId(2)).is_some());
    assert!(code.redeem(&REDEMPTION, end, AttemptId(2)).is_none());
    let terms = Terms { idle_lifetime_s: None, ..TERMS };
    let endless = code.redeem(&Redemption { terms, ..REDEMPTION }, REDEEMED, AttemptId(2)).unwrap();
    assert!(matches!(endless.state, State::Active(active) if active.idle_end == code.absolute_end));
}
