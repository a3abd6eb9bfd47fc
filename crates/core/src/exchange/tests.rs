use super::*;
use crate::client::tests::{OFFLINE, ORDER, PRODUCT, client, scope_table, settings};
use crate::grant::{EndReason, Grant, LogIn, Opening, PartyStanding, Standing, Start, Terms};
use crate::number::{AttemptId, ClientNumber, GrantId, OrganizationNumber, UserNumber};

const SETTINGS: ExchangeSettings = ExchangeSettings {
    mandatory_scopes: String::new(),
    retry_s: 604_800,
    legacy_tokens: LegacyTokens::Keep,
    errors: ExchangeErrors::Json,
};
const ORIGIN: ExchangeOrigin = ExchangeOrigin { token: ShortDigest([7; 16]), number: 3 };
const NOW: Micros = Micros(1_795_253_640_250_000);
const LIFETIME_S: u32 = 2_147_483_647;

fn mandatory(scopes: &str) -> ExchangeSettings {
    ExchangeSettings { mandatory_scopes: scopes.to_owned(), ..SETTINGS }
}

fn grant() -> Grant {
    let terms = Terms { access_lifetime_s: LIFETIME_S, idle_lifetime_s: None, sealing_key: 0 };
    let opening = Opening {
        id: GrantId(1),
        client: ClientNumber(1),
        user: UserNumber(1),
        organization: OrganizationNumber(1),
        client_epoch: 0,
        user_epoch: 0,
        scope: OFFLINE.union(ORDER),
        auth_time_s: 0,
        log_in: LogIn::NONE,
        start: Start::Exchanged(terms, ORIGIN),
        absolute_lifetime_s: LIFETIME_S,
    };
    opening.grant(NOW, AttemptId(1))
}

fn seen(grant: Grant) -> Seen {
    Seen { grant, standing: Standing { client: PartyStanding::NEW, user: PartyStanding::NEW } }
}

#[test]
fn a_client_asks_for_what_is_mandatory_and_for_what_it_is_registered_for() {
    use ExchangeScopeFault::{Empty, Malformed, Mandatory, NotRegistered, Twice, Unknown};
    let settings = mandatory("offline order");
    for (names, expect) in [
        (&["offline", "order"][..], Ok(OFFLINE.union(ORDER))),
        (&["product", "order", "offline"], Ok(OFFLINE.union(ORDER).union(PRODUCT))),
        (&[], Err(Empty)),
        (&["offline", ""], Err(Malformed)),
        (&["offline order"], Err(Malformed)),
        (&["offline", "order", " product"], Err(Malformed)),
        (&["offline", "order", "sản-phẩm"], Err(Malformed)),
        (&["offline", "order", "order"], Err(Twice("order".to_owned()))),
        (&["offline", "order", "nowhere"], Err(Unknown)),
        (&["offline", "order", "old"], Err(Unknown)),
        (&["offline", "order", "inventory"], Err(NotRegistered("inventory".to_owned()))),
        (&["order", "product"], Err(Mandatory("offline".to_owned()))),
    ] {
        let names: Vec<_> = names.iter().map(|&name| name.to_owned()).collect();
        assert_eq!(exchange_scope(&client(|_| {}), &names, &settings, &scope_table()), expect, "{names:?}");
    }
}

#[test]
fn mandatory_scopes_are_the_realms() {
    let error = mandatory("offline nowhere").check(&settings()).unwrap_err().to_string();
    assert_eq!(error, "mandatory_scopes: the realm has no scope nowhere, or it is retired");
    assert_eq!(mandatory("offline old").check(&settings()), Err(ExchangeSettingsError::Scope("old".to_owned())));
    assert_eq!(mandatory("offline order").check(&settings()), Ok(()));
}

#[test]
fn a_grant_knows_from_which_exchange_it_came() {
    for origin in [ORIGIN, ExchangeOrigin { number: u32::MAX, ..ORIGIN }] {
        assert_eq!(ExchangeOrigin::of(&origin.binding()), Some(origin));
    }
    let of_code = CodeBinding { redirect_uri: ShortDigest([1; 16]), code_challenge: ShortDigest([2; 16]) };
    let without_challenge = CodeBinding { code_challenge: ShortDigest::ABSENT, ..of_code };
    for binding in [of_code, without_challenge, CodeBinding::NONE] {
        assert_eq!(ExchangeOrigin::of(&binding), None);
    }
}

#[test]
fn the_user_of_an_exchanged_grant_did_not_authenticate_here() {
    let exchanged = Grant { auth_time_s: 900, ..grant() };
    assert_eq!(exchanged.authenticated_s(), None);
    assert_eq!(Grant { binding: CodeBinding::NONE, ..exchanged }.authenticated_s(), Some(900));
}

#[test]
fn a_retry_has_a_longest_time_and_an_end_is_a_date() {
    let retried = |retry_s| ExchangeSettings { retry_s, ..SETTINGS };
    let ending = |second| ExchangeSettings { legacy_tokens: LegacyTokens::EndAtS(second), ..SETTINGS };
    for right in [retried(0), retried(2_592_000), ending(1_000_000_000), ending(u32::MAX)] {
        assert_eq!(right.check(&settings()), Ok(()), "{right:?}");
    }
    for (wrong, expect) in [
        (retried(2_592_001), ExchangeSettingsError::Retry),
        (retried(u32::MAX), ExchangeSettingsError::Retry),
        (ending(999_999_999), ExchangeSettingsError::End),
        (ending(604_800), ExchangeSettingsError::End),
    ] {
        assert_eq!(wrong.check(&settings()), Err(expect), "{wrong:?}");
    }
}

#[test]
fn a_pair_is_given_again_until_it_is_used_revoked_or_too_old() {
    let of = |grant: Grant, now| ExchangeProgress::of(&seen(grant), ORIGIN, SETTINGS.retry_s, now);
    let State::Active(active) = grant().state else { panic!("not active") };
    let with = |change: fn(&mut Active)| {
        let mut active = active;
        change(&mut active);
        Grant { state: State::Active(active), ..grant() }
    };
    let pending = ExchangeProgress::Pending(active);
    let end = NOW.plus_s(SETTINGS.retry_s);
    assert_eq!(of(grant(), NOW), pending);
    assert_eq!(of(grant(), Micros(end.0 - 1)), pending);
    assert_eq!(of(grant(), end), ExchangeProgress::Over);
    let second = |active: &mut Active| active.generation = Generation::new(2).unwrap();
    assert_eq!(of(with(second), NOW), ExchangeProgress::Used);
    assert_eq!(of(with(second), end), ExchangeProgress::Used);
    assert_eq!(of(with(|active| active.access_revoked_through = Generation::FIRST), NOW), ExchangeProgress::Over);
    assert_eq!(of(with(|active| active.idle_end = NOW), NOW), ExchangeProgress::Over);
    let ended = State::Ended { reason: EndReason::RevokedByOperator, at: NOW };
    assert_eq!(of(Grant { state: ended, ..grant() }, NOW), ExchangeProgress::Over);
    assert_eq!(of(Grant { user_epoch: 1, ..grant() }, NOW), ExchangeProgress::Over);
}

#[test]
fn the_grant_of_another_exchange_is_told_from_this_ones() {
    for other in [ExchangeOrigin { number: 4, ..ORIGIN }, ExchangeOrigin { token: ShortDigest([8; 16]), ..ORIGIN }] {
        let found = ExchangeProgress::of(&seen(grant()), other, SETTINGS.retry_s, NOW);
        assert_eq!(found, ExchangeProgress::Foreign);
    }
}

#[test]
fn legacy_tokens_end_at_a_date_where_the_realm_says_so() {
    let (early, late) = (Micros::from_unix_s(10), Micros::NEVER);
    for (legacy_tokens, ends, expect) in [
        (LegacyTokens::Keep, late, late),
        (LegacyTokens::EndWithFirstUse, early, early),
        (LegacyTokens::EndAtS(20), late, Micros::from_unix_s(20)),
        (LegacyTokens::EndAtS(20), early, early),
    ] {
        assert_eq!(ExchangeSettings { legacy_tokens, ..SETTINGS }.end_of(ends), expect);
    }
}

#[test]
fn the_last_second_of_32_bits_is_not_passed() {
    for (opened_s, expect) in
        [(1_795_253_640, 3_942_737_287), (2_147_483_648, u32::MAX), (2_147_483_649, u32::MAX), (u32::MAX - 5, u32::MAX)]
    {
        let row = grant();
        let opening = Opening {
            id: row.id,
            client: row.client,
            user: row.user,
            organization: row.organization,
            client_epoch: 0,
            user_epoch: 0,
            scope: row.scope,
            auth_time_s: 0,
            log_in: LogIn::NONE,
            start: Start::Exchanged(
                Terms { access_lifetime_s: LIFETIME_S, idle_lifetime_s: None, sealing_key: 0 },
                ORIGIN,
            ),
            absolute_lifetime_s: LIFETIME_S,
        };
        let opened = Micros::from_unix_s(opened_s);
        let grant = opening.grant(opened, AttemptId(1));
        let State::Active(active) = grant.state else { panic!("not active") };
        assert_eq!(active.access_expiry_s, expect, "{opened_s}");
        assert_eq!(active.idle_end, opened.plus_s(LIFETIME_S), "an instant goes beyond 2106");
        assert!(active.idle_end > opened && !grant.is_over(opened));
    }
}
