//! Which verb a request asks for, and in which order its mistakes are noticed.

use super::{MINE, OTHER, RULES};
use crate::client::tests::{INVENTORY, OFFLINE, ORDER, PRODUCT, RETIRED, client, public_client, scope_table};
use crate::client::{Client, GrantType};
use crate::grant::{CodeBinding, Redemption, Rotation, ShortDigest, Terms};
use crate::number::{Generation, GrantId};
use crate::pkce::CodeChallenge;
use crate::scope::{ScopeError, ScopeSet};
use crate::secret::Secret;
use crate::token::{
    Payload, Plan, Pointer, Presented, Refusal, RequestFault, SealingKeys, TokenGrant, TokenRefusal, TokenRules, plan,
};

const KEY: SealingKeys = SealingKeys { newest: 4, payload: Payload::Long };
const GRANTED: ScopeSet = OFFLINE.union(ORDER);
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

fn pointer() -> Pointer {
    Pointer { grant: GrantId(5), generation: Generation::FIRST, time: 77, client: MINE, issued_at_s: 1, scope: GRANTED }
}

fn secret(text: &str) -> Secret {
    Secret::new(text.to_owned())
}

fn code(redirect_uri: Option<&str>, code_verifier: Option<&str>) -> TokenGrant {
    let redirect_uri = redirect_uri.map(str::to_owned);
    TokenGrant::AuthorizationCode { code: secret("c"), redirect_uri, code_verifier: code_verifier.map(secret) }
}

fn refresh(scope: Option<&str>) -> TokenGrant {
    TokenGrant::RefreshToken { refresh_token: secret("r"), scope: scope.map(str::to_owned) }
}

fn planned(client: &Client, grant: &TokenGrant, presented: Presented) -> Result<Plan, TokenRefusal> {
    plan(client, grant, presented, (&scope_table(), RULES, KEY))
}

struct Attempt {
    client: Client,
    grant: TokenGrant,
    presented: Option<Pointer>,
}

type Mistake = (&'static str, fn(&mut Attempt), TokenRefusal);

/// In the order in which they are noticed.
const MISTAKES: [Mistake; 7] = [
    ("unsupported", |a| a.grant = TokenGrant::Unsupported, TokenRefusal::UnsupportedGrantType),
    (
        "unauthorized",
        |a| a.client.metadata.grant_types.retain(|grant_type| *grant_type != GrantType::RefreshToken),
        TokenRefusal::UnauthorizedClient,
    ),
    ("forged", |a| a.presented = None, TokenRefusal::Grant(Refusal::Forged)),
    (
        "other client",
        |a| a.presented.iter_mut().for_each(|pointer| pointer.client = OTHER),
        TokenRefusal::Grant(Refusal::OtherClient),
    ),
    (
        "retired scope",
        |a| a.presented.iter_mut().for_each(|pointer| pointer.scope = GRANTED.union(RETIRED)),
        TokenRefusal::Grant(Refusal::ScopeRetired),
    ),
    ("unknown scope", |a| a.grant = refresh(Some("product all")), TokenRefusal::Scope(ScopeError::Unknown)),
    ("scope beyond", |a| a.grant = refresh(Some("product")), TokenRefusal::ScopeNotGranted),
];

#[test]
fn of_two_mistakes_the_first_in_the_order_is_answered() {
    let attempt = || Attempt { client: client(|_| {}), grant: refresh(None), presented: Some(pointer()) };
    for (position, (name, make, expect)) in MISTAKES.iter().enumerate() {
        let mut alone = attempt();
        make(&mut alone);
        let found = planned(&alone.client, &alone.grant, Presented::Refresh(alone.presented));
        assert_eq!(found, Err(*expect), "{name}");
        for (other, make_other, _) in &MISTAKES[position + 1..] {
            let mut both = attempt();
            make_other(&mut both);
            make(&mut both);
            let found = planned(&both.client, &both.grant, Presented::Refresh(both.presented));
            assert_eq!(found, Err(*expect), "{name} and {other}");
        }
    }
}

#[test]
fn a_missing_parameter_is_told_to_a_client_that_may_use_the_grant() {
    let incomplete = TokenGrant::Incomplete { grant_type: GrantType::RefreshToken, missing: "refresh_token" };
    let missing = TokenRefusal::Malformed(RequestFault::Missing("refresh_token"));
    assert_eq!(planned(&client(|_| {}), &incomplete, Presented::Nothing), Err(missing));
    let code_only = client(|metadata| metadata.grant_types = vec![GrantType::AuthorizationCode]);
    assert_eq!(planned(&code_only, &incomplete, Presented::Nothing), Err(TokenRefusal::UnauthorizedClient));
}

#[test]
fn a_client_uses_the_grants_it_is_registered_for() {
    let credentials = TokenGrant::ClientCredentials { scope: None };
    let code_only = client(|metadata| metadata.grant_types = vec![GrantType::AuthorizationCode]);
    let in_house = client(|metadata| {
        metadata.grant_types = vec![GrantType::ClientCredentials];
        metadata.redirect_uris.clear();
    });
    let (of_code, of_refresh) = (Presented::Code(Some(pointer())), Presented::Refresh(Some(pointer())));
    for (client, grant, presented, expect) in [
        (&code_only, code(None, None), of_code, true),
        (&code_only, refresh(None), of_refresh, false),
        (&code_only, credentials.clone(), Presented::Nothing, false),
        (&in_house, code(None, None), of_code, false),
        (&in_house, refresh(None), of_refresh, false),
        (&in_house, credentials.clone(), Presented::Nothing, true),
        (&public_client(), refresh(None), of_refresh, true),
        (&public_client(), credentials, Presented::Nothing, false),
    ] {
        let found = planned(client, &grant, presented);
        assert_eq!(found.is_ok(), expect, "{grant:?} {found:?}");
        assert!(expect || found == Err(TokenRefusal::UnauthorizedClient), "{grant:?} {found:?}");
    }
}

#[test]
fn what_did_not_open_as_its_kind_is_forged() {
    let forged = Err(TokenRefusal::Grant(Refusal::Forged));
    let confidential = client(|_| {});
    for (grant, presented) in [
        (code(None, None), Presented::Code(None)),
        (code(None, None), Presented::Refresh(Some(pointer()))),
        (code(None, None), Presented::Nothing),
        (refresh(None), Presented::Refresh(None)),
        (refresh(None), Presented::Code(Some(pointer()))),
        (refresh(None), Presented::Nothing),
    ] {
        assert_eq!(planned(&confidential, &grant, presented), forged, "{grant:?} {presented:?}");
    }
}

#[test]
fn a_redemption_carries_what_the_code_must_be_bound_to() {
    const URI: &str = "https://example.com/tiki/callback";
    let uri = ShortDigest::of(URI.as_bytes());
    let challenge = CodeChallenge::digest(CodeChallenge::parse(Some(CHALLENGE), Some("S256")).unwrap());
    let absent = ShortDigest::ABSENT;
    let (short, long) = ("a".repeat(42), "a".repeat(129));
    for (redirect_uri, code_verifier, expect) in [
        (Some(URI), Some(VERIFIER), Ok((uri, challenge))),
        (Some(URI), None, Ok((uri, absent))),
        (None, Some(VERIFIER), Ok((absent, challenge))),
        (None, None, Ok((absent, absent))),
        (Some(URI), Some(short.as_str()), Err(Refusal::Verifier)),
        (Some(URI), Some(long.as_str()), Err(Refusal::Verifier)),
        (Some(URI), Some("dBjftJeZ4CVP+mB92K27uhbUJU1p1r/wW1gFWFOEjXk"), Err(Refusal::Verifier)),
    ] {
        let presented = Presented::Code(Some(pointer()));
        let found = planned(&client(|_| {}), &code(redirect_uri, code_verifier), presented);
        let expect = expect.map_err(TokenRefusal::Grant).map(|(redirect_uri, code_challenge)| {
            let terms = Terms { access_lifetime_s: 3_600, idle_lifetime_s: Some(30 * 86_400), sealing_key: 4 };
            let binding = CodeBinding { redirect_uri, code_challenge };
            Plan::Redeem(GrantId(5), Redemption { client: MINE, binding, terms })
        });
        assert_eq!(found, expect, "{redirect_uri:?} {code_verifier:?}");
    }
}

#[test]
fn a_code_with_a_retired_scope_is_not_redeemed() {
    let code_pointer = Pointer { scope: GRANTED.union(RETIRED), ..pointer() };
    let found = planned(&client(|_| {}), &code(None, None), Presented::Code(Some(code_pointer)));
    assert_eq!(found, Err(TokenRefusal::Grant(Refusal::ScopeRetired)));
}

#[test]
fn a_grant_without_a_refresh_token_lives_as_long_as_its_access_token() {
    for (scope, offline, expect) in
        [(GRANTED, OFFLINE, Some(30 * 86_400)), (ORDER, OFFLINE, Some(3_600)), (GRANTED, ScopeSet::EMPTY, Some(3_600))]
    {
        let presented = Presented::Code(Some(Pointer { scope, ..pointer() }));
        let context = (&scope_table(), TokenRules { offline, ..RULES }, KEY);
        match plan(&client(|_| {}), &code(None, None), presented, context) {
            Ok(Plan::Redeem(_, redemption)) => assert_eq!(redemption.terms.idle_lifetime_s, expect),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_refresh_may_narrow_the_access_token_and_never_widen_it() {
    let rotation = Rotation {
        client: MINE,
        generation: Generation::FIRST,
        rotated_low: 77,
        terms: Terms { access_lifetime_s: 3_600, idle_lifetime_s: Some(30 * 86_400), sealing_key: 4 },
    };
    for (scope, expect) in [
        (None, Ok(GRANTED)),
        (Some("offline order"), Ok(GRANTED)),
        (Some("order"), Ok(ORDER)),
        (Some("product"), Err(TokenRefusal::ScopeNotGranted)),
        (Some("order product"), Err(TokenRefusal::ScopeNotGranted)),
        (Some("all"), Err(TokenRefusal::Scope(ScopeError::Unknown))),
        (Some("old"), Err(TokenRefusal::Scope(ScopeError::Unknown))),
        (Some("offline,order"), Err(TokenRefusal::Scope(ScopeError::Unknown))),
        (Some("order  offline"), Err(TokenRefusal::Scope(ScopeError::Malformed))),
    ] {
        let found = planned(&client(|_| {}), &refresh(scope), Presented::Refresh(Some(pointer())));
        assert_eq!(found, expect.map(|scope| Plan::Rotate(GrantId(5), rotation, scope)), "{scope:?}");
    }
}

#[test]
fn client_credentials_give_what_the_client_is_registered_for() {
    let registered = OFFLINE.union(ORDER).union(PRODUCT);
    for (scope, expect) in [
        (None, Ok(registered)),
        (Some("offline"), Ok(OFFLINE)),
        (Some("order product"), Ok(ORDER.union(PRODUCT))),
        (Some("inventory"), Err(TokenRefusal::ScopeNotGranted)),
        (Some("old"), Err(TokenRefusal::Scope(ScopeError::Unknown))),
        (Some("all"), Err(TokenRefusal::Scope(ScopeError::Unknown))),
    ] {
        let grant = TokenGrant::ClientCredentials { scope: scope.map(str::to_owned) };
        let client = client(|metadata| metadata.scope.push_str(" old"));
        assert!(!client.scope.contains(INVENTORY) && client.scope.contains(RETIRED));
        assert_eq!(planned(&client, &grant, Presented::Nothing), expect.map(Plan::Rowless), "{scope:?}");
    }
}

#[test]
fn short_tokens_have_the_whole_scope_and_are_never_without_a_grant() {
    let short = |grant: &TokenGrant, presented| {
        let keys = SealingKeys { payload: Payload::Short, ..KEY };
        plan(&client(|_| {}), grant, presented, (&scope_table(), RULES, keys))
    };
    for (scope, expect) in [
        (None, None),
        (Some("order offline"), None),
        (Some("order"), Some(TokenRefusal::ScopeNotNarrowed)),
        (Some("product"), Some(TokenRefusal::ScopeNotGranted)),
        (Some("order all"), Some(TokenRefusal::Scope(ScopeError::Unknown))),
    ] {
        let found = short(&refresh(scope), Presented::Refresh(Some(pointer())));
        assert_eq!(found.err(), expect, "{scope:?}");
    }
    for scope in [None, Some("order"), Some("all")] {
        let grant = TokenGrant::ClientCredentials { scope: scope.map(str::to_owned) };
        assert_eq!(short(&grant, Presented::Nothing), Err(TokenRefusal::UnauthorizedClient), "{scope:?}");
    }
    for grant in [refresh(None), code(None, None)] {
        assert_eq!(short(&grant, Presented::Gone), Err(TokenRefusal::Grant(Refusal::Unknown)));
    }
}
