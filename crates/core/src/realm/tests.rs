//! Settings that can be served and those that cannot, by table.

use super::*;
use crate::client::tests::settings;
use crate::organization::SingleRole;

const PARTNERS: PartnerSettings = PartnerSettings {
    grants_max: 50,
    live_grants_max: 1_000,
    failed_log_in_answer_ms: 250,
    failed_refresh_answer_ms: 25,
    failure_limits: FailureLimits::On,
};

fn make_partners(settings: &mut RealmSettings) {
    for path in [&mut settings.paths.authorize, &mut settings.paths.token, &mut settings.paths.revoke] {
        path.clear();
    }
    settings.paths.jwks = Some("/.well-known/jwks.json".to_owned());
    settings.refresh_token_format = RefreshTokenFormat::Jwt;
    settings.partners = Some(PARTNERS);
}

fn membership(scope: &str) -> MembershipSettings {
    MembershipSettings { scope: scope.to_owned(), single_role: SingleRole::List }
}

fn service(scope: &str, role: &str, access_token_s: u32) -> ServiceSettings {
    let (scope, role) = (scope.to_owned(), role.to_owned());
    ServiceSettings { scope, role, access_token_s, refresh_absolute_s: 1 }
}

#[test]
fn settings_that_cannot_be_served_are_refused_by_name() {
    let cases: [(Mistake, &str); 26] = [
        (|s| "ftp://id.example.vn".clone_into(&mut s.issuer), "issuer: its scheme"),
        (|s| "http://id.example.vn".clone_into(&mut s.issuer), "issuer: its scheme"),
        (|s| "https://id.example.vn/?a=b".clone_into(&mut s.issuer), "issuer: it has a query"),
        (|s| "https://id.example.vn/#a".clone_into(&mut s.issuer), "issuer: it has a fragment"),
        (|s| "token".clone_into(&mut s.paths.token), "paths: \"token\""),
        (|s| "/{token}".clone_into(&mut s.paths.token), "paths: \"/{token}\""),
        (|s| "/a/../b".clone_into(&mut s.paths.token), "paths: \"/a/../b\""),
        (|s| "/assets/x".clone_into(&mut s.paths.token), "paths: \"/assets/x\""),
        (|s| s.paths.token.clone_from(&s.paths.revoke), "paths: two endpoints are at"),
        (|s| s.paths.token = format!("{}/login", s.paths.authorize), "paths: two endpoints are at"),
        (|s| s.paths.jwks = Some(s.paths.token.clone()), "paths: two endpoints are at"),
        (|s| s.paths.jwks = Some("/assets/jwks".to_owned()), "paths: \"/assets/jwks\""),
        (|s| s.signing.algorithms.push(SigningAlgorithm::Es256), "signing.algorithms: ES256 is named twice"),
        (|s| s.signing.rotate_after_s = Some(0), "signing.rotate_after_s: it is at least 1 s"),
        (|s| s.signing.jwks_max_age_s = 86_401, "signing.jwks_max_age_s: it is 1 to 86400 s"),
        (|s| s.response_types.clear(), "response_types: code is one of them"),
        (|s| s.response_types = vec![ResponseType::CodeIdToken], "response_types: code is one of them"),
        (|s| s.response_types.push(ResponseType::Code), "response_types: one is named twice"),
        (
            |s| s.response_types.push(ResponseType::CodeIdToken),
            "response_types: an ID token needs paths.jwks, signing.algorithms and a scope openid",
        ),
        (|s| s.paths.token.clear(), "paths: \"\" is not a path"),
        (|s| s.scopes.push(s.scopes[0].clone()), "scopes: "),
        (|s| "nowhere".clone_into(&mut s.offline_scope), "offline_scope: the realm has no scope nowhere"),
        (|s| s.paths.token = format!("{}/organization", s.paths.authorize), "paths: two endpoints are at"),
        (|s| s.lifetimes.code_s = 601, "lifetimes.code_s: "),
        (|s| s.lifetimes.session_idle_s = 0, "lifetimes.session_idle_s: it is at least 1 s"),
        (
            |s| s.lifetimes.session_idle_s = 604_801,
            "lifetimes.session_idle_s: a session is unused for at most 604800 s",
        ),
    ];
    let mut longest = settings();
    (longest.lifetimes.session_idle_s, longest.lifetimes.session_absolute_s) = (604_800, LIFETIME_MAX_S);
    (longest.lifetimes.retry_confidential_s, longest.lifetimes.retry_public_s) = (86_400, 86_400);
    longest.signing.jwks_max_age_s = 86_400;
    longest.paths.jwks = Some("/.well-known/jwks.json".to_owned());
    for right in [settings(), longest] {
        assert_eq!(right.check(), Ok(()));
    }
    assert_refused(&cases);
}

type Mistake = fn(&mut RealmSettings);

fn assert_refused(cases: &[(Mistake, &str)]) {
    for (mistake, expect) in cases {
        let mut settings = settings();
        mistake(&mut settings);
        let error = settings.check().unwrap_err().to_string();
        assert!(error.starts_with(expect), "{error}");
    }
}

#[test]
fn a_lifetime_fits_into_signed_32_bits_and_a_retry_into_a_day() {
    assert_refused(&[
        (|s| s.lifetimes.access_token_s = 1 << 31, "lifetimes.access_token_s: it is at most 2147483647 s"),
        (|s| s.lifetimes.refresh_idle_s = Some(u32::MAX), "lifetimes.refresh_idle_s: it is at most 2147483647 s"),
        (|s| s.lifetimes.refresh_absolute_s = u32::MAX, "lifetimes.refresh_absolute_s: it is at most 2147483647 s"),
        (|s| s.lifetimes.session_absolute_s = u32::MAX, "lifetimes.session_absolute_s: it is at most 2147483647 s"),
        (
            |s| s.lifetimes.retry_confidential_s = 86_401,
            "lifetimes.retry_confidential_s: a retry gets the same answer for at most 86400 s",
        ),
        (
            |s| s.lifetimes.retry_public_s = 86_401,
            "lifetimes.retry_public_s: a retry gets the same answer for at most 86400 s",
        ),
    ]);
}

#[test]
fn a_realm_of_partners_has_no_endpoints_of_browsers_and_signs_refresh_tokens_alike() {
    let mut of_partners = settings();
    make_partners(&mut of_partners);
    assert_eq!(of_partners.check(), Ok(()));
    let cases: [(Mistake, &str); 4] = [
        (|s| s.partners = Some(PARTNERS), "paths: a realm of partners has no authorize"),
        (
            |s| {
                make_partners(s);
                s.partners = Some(PartnerSettings { grants_max: 0, ..PARTNERS });
            },
            "partners.grants_max: ",
        ),
        (|s| s.refresh_token_format = RefreshTokenFormat::Jwt, "refresh_token_format: "),
        (
            |s| {
                make_partners(s);
                s.signing.algorithms = vec![SigningAlgorithm::Es256, SigningAlgorithm::Rs256];
            },
            "refresh_token_format: ",
        ),
    ];
    assert_refused(&cases);
}

#[test]
fn organizations_and_services_that_cannot_be_are_refused_by_name() {
    let mut right = settings();
    (right.membership, right.service) = (Some(membership("order")), Some(service("product", "admin", 1)));
    assert_eq!(right.check(), Ok(()));
    right.service = Some(service("product", "admin", LIFETIME_MAX_S));
    assert_eq!(right.check(), Ok(()));
    assert_refused(&[
        (|s| s.membership = Some(membership("nowhere")), "membership: the realm has no such scope"),
        (|s| s.service = Some(service("order", "admin", 1)), "service: it needs membership"),
        (
            |s| (s.membership, s.service) = (Some(membership("order")), Some(service("nowhere", "admin", 1))),
            "service: the realm has no such scope",
        ),
        (
            |s| (s.membership, s.service) = (Some(membership("order")), Some(service("product", "a b", 1))),
            "service: role: ",
        ),
        (
            |s| (s.membership, s.service) = (Some(membership("order")), Some(service("product", "admin", 0))),
            "service: a lifetime is at least 1 s",
        ),
        (
            |s| (s.membership, s.service) = (Some(membership("order")), Some(service("product", "admin", 1 << 31))),
            "service: a lifetime is at most 2147483647 s",
        ),
    ]);
}
