//! Realms with services: what a scope means for lifetimes and refresh tokens.

use crate::client::tests::{OFFLINE, ORDER, PRODUCT, client, scope_table, settings};
use crate::client::{Client, GrantType};
use crate::organization::{MembershipSettings, ServiceSettings, SingleRole};
use crate::realm::{ClientLifetimes, RealmSettings};
use crate::scope::ScopeSet;
use crate::token::{Payload, Plan, Presented, SealingKeys, TokenGrant, TokenRefusal, TokenRules, plan};

const SERVICE: ScopeSet = PRODUCT;
const FOR_EVER_S: u32 = i32::MAX.cast_unsigned();

fn with_services() -> RealmSettings {
    RealmSettings {
        membership: Some(MembershipSettings { scope: "order".to_owned(), single_role: SingleRole::List }),
        service: Some(ServiceSettings {
            scope: "product".to_owned(),
            role: "admin".to_owned(),
            access_token_s: FOR_EVER_S,
            refresh_absolute_s: FOR_EVER_S,
        }),
        ..settings()
    }
}

fn rules() -> TokenRules {
    TokenRules::of(&with_services(), &scope_table())
}

/// Access token, idle end, absolute end.
fn lifetimes(rules: TokenRules, client: &Client, scope: ScopeSet) -> (u32, Option<u32>, u32) {
    let lifetimes = rules.for_client(client).lifetimes(client, scope);
    (lifetimes.access_token_s, lifetimes.refresh_idle_s, lifetimes.refresh_absolute_s)
}

#[test]
fn only_a_service_gets_a_refresh_token_where_there_are_services() {
    let may_not_refresh = client(|metadata| metadata.grant_types = vec![GrantType::AuthorizationCode]);
    for (scope, refreshes, outlives) in [
        (ORDER, false, false),
        (OFFLINE, false, false),
        (OFFLINE.union(ORDER), false, false),
        (SERVICE, false, true),
        (SERVICE.union(OFFLINE), true, true),
    ] {
        let rules = rules().for_client(&client(|_| {}));
        let found = (rules.has_refresh_token(scope), rules.outlives_session(scope));
        assert_eq!(found, (refreshes, outlives), "{scope:?}");
        assert!(!self::rules().for_client(&may_not_refresh).has_refresh_token(scope), "{scope:?}");
    }
}

#[test]
fn a_service_lives_for_decades_and_a_person_as_the_realm_says() {
    let (plain, year_s) = (client(|_| {}), 365 * 86_400);
    for (scope, expect) in [
        (ORDER, (3_600, Some(3_600), year_s)),
        (ORDER.union(OFFLINE), (3_600, Some(3_600), year_s)),
        (SERVICE, (FOR_EVER_S, Some(FOR_EVER_S), FOR_EVER_S)),
        (SERVICE.union(OFFLINE), (FOR_EVER_S, None, FOR_EVER_S)),
    ] {
        assert_eq!(lifetimes(rules(), &plain, scope), expect, "{scope:?}");
    }
}

#[test]
fn a_client_shortens_the_lifetimes_of_its_services_too() {
    let careful = client(|metadata| {
        metadata.lifetimes = ClientLifetimes {
            access_token_s: Some(600),
            refresh_idle_s: Some(86_400),
            refresh_absolute_s: Some(7 * 86_400),
            retry_s: None,
        };
    });
    assert_eq!(lifetimes(rules(), &careful, SERVICE.union(OFFLINE)), (600, Some(86_400), 7 * 86_400));
    assert_eq!(lifetimes(rules(), &careful, ORDER), (600, Some(600), 7 * 86_400));
}

#[test]
fn client_credentials_never_give_what_makes_a_service() {
    let asked = |scope: Option<&str>| {
        let grant = TokenGrant::ClientCredentials { scope: scope.map(str::to_owned) };
        let keys = SealingKeys { newest: 0, payload: Payload::Long };
        plan(&client(|_| {}), &grant, Presented::Nothing, (&scope_table(), rules(), keys))
    };
    assert_eq!(asked(None), Ok(Plan::Rowless(OFFLINE.union(ORDER))));
    for scope in ["product", "order product"] {
        assert_eq!(asked(Some(scope)), Err(TokenRefusal::ScopeNotGranted), "{scope}");
    }
}

#[test]
fn no_scope_makes_a_service_where_there_are_none() {
    let rules = TokenRules::of(&settings(), &scope_table());
    let plain = client(|_| {});
    let all = OFFLINE.union(ORDER).union(PRODUCT);
    assert_eq!((rules.service_of(all), rules.has_refresh_token(OFFLINE)), (None, true));
    assert_eq!(lifetimes(rules, &plain, all), (3_600, Some(30 * 86_400), 365 * 86_400));
}
