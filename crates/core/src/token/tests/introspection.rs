//! Whether a token works now.

use super::{IDLE_S, MINE, OTHER, REDEEMED, ROTATED, SCOPE, active, dead_standings, ended, generation, grant, seen};
use crate::audience::{AccessTokenFormat, AudienceDefinition, AudienceTable};
use crate::client::ClientMetadata;
use crate::client::tests::{client, scope_table, settings};
use crate::grant::{Active, Grant, Look, PartyStanding, Seen, State};
use crate::number::{Generation, GrantId};
use crate::realm::RealmSettings;
use crate::time::Micros;
use crate::token::{
    IntrospectionReach, Pointer, Refusal, Rowless, ShortPointer, TokenKind, introspect, introspect_rowless,
    introspect_short, issue_rowless,
};

fn access(active: &Active) -> Pointer {
    Pointer::access(&grant(State::Active(*active)), active, SCOPE)
}

fn refresh(active: &Active) -> Pointer {
    Pointer::refresh(&grant(State::Active(*active)), active)
}

fn look(state: State, now: Micros) -> Look {
    Look { now, seen: Some(seen(grant(state))) }
}

fn works(kind: TokenKind, token: &Pointer, look: &Look) -> Result<u32, Refusal> {
    introspect(kind, token, look).map(|live| live.expiry_s)
}

#[test]
fn a_current_token_works_until_its_end() {
    let now_active = active(5);
    let state = State::Active(now_active);
    let expiry_s = now_active.access_expiry_s;
    let expiry = Micros::from_unix_s(expiry_s);
    let idle_end = ROTATED.plus_s(IDLE_S);
    for (kind, token, now, expect) in [
        (TokenKind::Access, access(&now_active), ROTATED, Ok(expiry_s)),
        (TokenKind::Access, access(&now_active), Micros(expiry.0 - 1), Ok(expiry_s)),
        (TokenKind::Access, access(&now_active), expiry, Err(Refusal::Expired)),
        (TokenKind::Refresh, refresh(&now_active), ROTATED, Ok(idle_end.as_unix_s())),
        (TokenKind::Refresh, refresh(&now_active), Micros(idle_end.0 - 1), Ok(idle_end.as_unix_s())),
        (TokenKind::Refresh, refresh(&now_active), idle_end, Err(Refusal::Expired)),
    ] {
        assert_eq!(works(kind, &token, &look(state, now)), expect, "{kind:?} {now:?}");
    }
}

#[test]
fn an_older_access_token_works_until_its_own_end_and_an_older_refresh_token_does_not() {
    let older = Active { rotated: REDEEMED, access_expiry_s: REDEEMED.as_unix_s() + 3_600, ..active(4) };
    let state = State::Active(active(5));
    let before = Micros::from_unix_s(older.access_expiry_s - 1);
    assert_eq!(works(TokenKind::Access, &access(&older), &look(state, before)), Ok(older.access_expiry_s));
    assert_eq!(works(TokenKind::Access, &access(&older), &look(state, before.plus_s(1))), Err(Refusal::Expired));
    assert_eq!(works(TokenKind::Refresh, &refresh(&older), &look(state, before)), Err(Refusal::Spent));
}

#[test]
fn a_token_that_its_row_does_not_stand_for_is_inactive() {
    let (newer, current, older) = (active(6), active(5), active(4));
    let elsewhen = Active { rotated: ROTATED.plus_s(1), ..current };
    let revoked_through = |number| State::Active(Active { access_revoked_through: generation(number), ..current });
    let code_generation = Pointer { generation: Generation::CODE, ..access(&current) };
    let stands = State::Active(current);
    let (of_access, of_refresh) = (TokenKind::Access, TokenKind::Refresh);
    for (kind, token, state, expect) in [
        (of_access, access(&newer), stands, Err(Refusal::StoreWentBack)),
        (of_refresh, refresh(&newer), stands, Err(Refusal::StoreWentBack)),
        (of_access, access(&elsewhen), stands, Err(Refusal::StoreWentBack)),
        (of_refresh, refresh(&elsewhen), stands, Err(Refusal::StoreWentBack)),
        (of_access, access(&current), State::Code { end: ROTATED }, Err(Refusal::StoreWentBack)),
        (of_access, access(&current), ended(), Err(Refusal::Revoked)),
        (of_refresh, refresh(&current), ended(), Err(Refusal::Revoked)),
        (of_access, Pointer { client: OTHER, ..access(&current) }, stands, Err(Refusal::OtherClient)),
        (of_access, code_generation, stands, Err(Refusal::GenerationRevoked)),
        (of_access, access(&current), revoked_through(5), Err(Refusal::GenerationRevoked)),
        (of_access, access(&older), revoked_through(5), Err(Refusal::GenerationRevoked)),
        (of_access, access(&older), revoked_through(4), Err(Refusal::GenerationRevoked)),
        (of_access, access(&current), revoked_through(4), Ok(current.access_expiry_s)),
        (of_refresh, refresh(&current), revoked_through(5), Ok(current.idle_end.as_unix_s())),
        (TokenKind::Code, access(&current), stands, Err(Refusal::Forged)),
        (TokenKind::Rowless, access(&current), stands, Err(Refusal::Forged)),
    ] {
        assert_eq!(works(kind, &token, &look(state, ROTATED)), expect, "{kind:?} {token:?} {state:?}");
    }
    let nothing = Look { now: ROTATED, seen: None };
    assert_eq!(works(of_access, &access(&current), &nothing), Err(Refusal::Unknown));
}

#[test]
fn the_tokens_of_the_dead_are_inactive() {
    for (standing, expect) in dead_standings() {
        let seen = Seen { grant: grant(State::Active(active(5))), standing };
        let look = Look { now: ROTATED, seen: Some(seen) };
        assert_eq!(works(TokenKind::Access, &access(&active(5)), &look), Err(expect), "{standing:?}");
        assert_eq!(works(TokenKind::Refresh, &refresh(&active(5)), &look), Err(expect), "{standing:?}");
    }
}

#[test]
fn a_live_token_comes_with_its_grant() {
    let found = introspect(TokenKind::Access, &access(&active(5)), &look(State::Active(active(5)), ROTATED)).unwrap();
    assert_eq!((found.grant.id, found.grant.client), (GrantId(5), MINE));
}

#[test]
fn a_row_less_token_works_until_it_is_denied_expired_or_its_client_ended() {
    let token: Rowless = issue_rowless((MINE, 3), SCOPE, 3_600, ROTATED, 99);
    assert_eq!(token.expiry_s, ROTATED.as_unix_s() + 3_600);
    let standing = |active, epoch| PartyStanding { active, epoch };
    let alive = standing(true, 3);
    let expiry = Micros::from_unix_s(token.expiry_s);
    for (client, is_denied, now, expect) in [
        (alive, false, ROTATED, Ok(MINE)),
        (alive, false, Micros(expiry.0 - 1), Ok(MINE)),
        (alive, false, expiry, Err(Refusal::Expired)),
        (alive, true, ROTATED, Err(Refusal::Revoked)),
        (standing(false, 3), false, ROTATED, Err(Refusal::ClientEnded)),
        (standing(true, 4), false, ROTATED, Err(Refusal::ClientEnded)),
        (standing(true, 2), false, ROTATED, Err(Refusal::ClientEnded)),
        (PartyStanding::GONE, false, ROTATED, Err(Refusal::ClientEnded)),
    ] {
        assert_eq!(introspect_rowless(&token, client, is_denied, now), expect, "{client:?} {is_denied} {now:?}");
    }
}

#[test]
fn a_token_expires_at_the_end_of_time_at_the_latest() {
    let late = Micros::from_unix_s(u32::MAX - 10);
    assert_eq!(issue_rowless((MINE, 0), SCOPE, 3_600, late, 1).expiry_s, u32::MAX);
}

#[test]
fn resource_servers_may_ask_about_every_token_and_audiences_about_their_own() {
    let mut settings = settings();
    let reach = |settings: &RealmSettings, change: fn(&mut ClientMetadata)| {
        IntrospectionReach::of(&client(change), &AudienceTable::new(settings, &scope_table()))
    };
    assert_eq!(reach(&settings, |_| {}), IntrospectionReach::Nothing);
    assert_eq!(reach(&settings, |metadata| metadata.resource_server = true), IntrospectionReach::EveryToken);
    let (audience, scopes) = ("7590139168389961".to_owned(), vec!["order".to_owned()]);
    let access_token_format = AccessTokenFormat::Opaque;
    settings.audiences = vec![AudienceDefinition { audience, scopes, access_token_format }];
    assert_eq!(reach(&settings, |_| {}), IntrospectionReach::OwnAudience);
    assert_eq!(reach(&settings, |metadata| metadata.resource_server = true), IntrospectionReach::EveryToken);
}

#[test]
fn a_short_token_is_worth_what_a_long_one_is_and_its_row_says_the_rest() {
    let current = active(5);
    let state = State::Active(current);
    for (kind, long) in [(TokenKind::Access, access(&current)), (TokenKind::Refresh, refresh(&current))] {
        let (live, pointer, issued_at_s) = introspect_short(kind, long.short(), &look(state, ROTATED)).unwrap();
        assert_eq!(Ok(live), introspect(kind, &long, &look(state, ROTATED)));
        assert_eq!((pointer, issued_at_s), (long, Some(ROTATED.as_unix_s())));
    }
    let expiry_s = current.access_expiry_s;
    let token = |generation, time| ShortPointer { grant: GrantId(5), generation, time };
    for (generation_, time, expect) in [
        (1, expiry_s - 7, Ok(Some(REDEEMED.as_unix_s()))),
        (4, expiry_s - 7, Ok(None)),
        (5, expiry_s, Ok(Some(ROTATED.as_unix_s()))),
        // Of another row that had the same id.
        (5, expiry_s - 7, Err(Refusal::StoreWentBack)),
        (5, expiry_s + 7, Err(Refusal::StoreWentBack)),
        (6, expiry_s, Err(Refusal::StoreWentBack)),
        (4, ROTATED.as_unix_s(), Err(Refusal::Expired)),
        (0, expiry_s, Err(Refusal::GenerationRevoked)),
    ] {
        let found = introspect_short(TokenKind::Access, token(generation(generation_), time), &look(state, ROTATED));
        assert_eq!(found.map(|(_, _, issued_at_s)| issued_at_s), expect, "{generation_} {time}");
    }
    let spent = introspect_short(TokenKind::Refresh, token(generation(4), 1), &look(state, ROTATED));
    assert_eq!(spent, Err(Refusal::Spent));
    let nothing = Look { now: ROTATED, seen: None };
    assert_eq!(introspect_short(TokenKind::Access, token(generation(5), expiry_s), &nothing), Err(Refusal::Unknown));
}

#[test]
fn a_lifetime_of_68_years_ends_at_the_last_second_that_a_token_can_name() {
    let end_s = |opened_s: u32| {
        let opened = Micros::from_unix_s(opened_s);
        let active = Active {
            rotated: opened,
            access_expiry_s: opened_s.saturating_add(2_147_483_647),
            idle_end: opened.plus_s(2_147_483_647),
            ..active(1)
        };
        let grant = Grant { absolute_end: opened.plus_s(2_147_483_647), ..grant(State::Active(active)) };
        let look = Look { now: opened, seen: Some(seen(grant.clone())) };
        let token = Pointer::access(&grant, &active, SCOPE).short();
        introspect_short(TokenKind::Access, token, &look).map(|(live, ..)| live.expiry_s)
    };
    // 2026, a second before and after 2^31 s, and near the end of 32 bits.
    for (opened_s, expect) in [
        (1_795_253_640, 3_942_737_287),
        (2_147_483_647, 4_294_967_294),
        (2_147_483_648, u32::MAX),
        (2_147_483_649, u32::MAX),
        (4_294_967_200, u32::MAX),
    ] {
        assert_eq!(end_s(opened_s), Ok(expect), "{opened_s}");
    }
}
