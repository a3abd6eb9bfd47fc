//! For which organization a user acts, by table; and the page that asks.

use crate::authorize::{
    Acting, AuthorizationRequest, AuthorizeError, Browsing, Consents, Decision, Parameter, Progress, Step,
    SubjectMatch, Wanted, acting, decide, validate,
};
use crate::client::tests::{OFFLINE, ORDER, PRODUCT, client, scope_table, settings};
use crate::client::{ClientMetadata, ConsentPolicy};
use crate::number::{OrganizationNumber, UserNumber};
use crate::organization::{
    Membership, MembershipSettings, Organization, OrganizationRules, ServiceSettings, SingleRole,
};
use crate::realm::{ConsentForm, RealmSettings};
use crate::scope::ScopeSet;
use crate::time::Micros;
use crate::token::Refusal;

use super::{ASKED, request, session, terms};

const ORG: ScopeSet = ORDER;
const SERVICE: ScopeSet = PRODUCT;

fn with_organizations() -> RealmSettings {
    RealmSettings {
        membership: Some(MembershipSettings { scope: "order".to_owned(), single_role: SingleRole::List }),
        service: Some(ServiceSettings {
            scope: "product".to_owned(),
            role: "admin".to_owned(),
            access_token_s: 1,
            refresh_absolute_s: 1,
        }),
        ..settings()
    }
}

fn rules() -> OrganizationRules {
    OrganizationRules::of(&with_organizations(), &scope_table())
}

/// A member of organization `number`, whose `org_id` is 1000 and the number.
fn member(number: u32, roles: &[&str]) -> Membership {
    let organization = Organization {
        number: OrganizationNumber(number),
        org_id: (1_000 + number).to_string(),
        label: format!("shop-{number}"),
        name: format!("Shop {number}"),
        category: String::new(),
    };
    Membership { organization, roles: roles.iter().map(|role| (*role).to_owned()).collect() }
}

fn found(scope: ScopeSet, orgid: Option<&str>, chosen: Option<u32>, memberships: &[Membership]) -> Acting {
    acting(Wanted { scope, orgid, chosen: chosen.map(OrganizationNumber) }, memberships, &rules())
}

#[test]
fn who_does_not_ask_acts_for_nobody_else() {
    let both = [member(1, &["admin"]), member(2, &[])];
    for orgid in [None, Some("1001"), Some("9")] {
        assert_eq!(found(OFFLINE, orgid, Some(1), &both), Acting::Alone);
    }
    let wanted = Wanted { scope: ScopeSet(u64::MAX), orgid: Some("1001"), chosen: None };
    assert_eq!(acting(wanted, &both, &OrganizationRules::default()), Acting::Alone, "a realm without organizations");
}

#[test]
fn the_organization_is_the_named_one_else_the_chosen_one_else_the_only_one() {
    let (one, two) = ([member(1, &[])], [member(1, &[]), member(2, &[])]);
    let (first, second) = (Acting::For(OrganizationNumber(1)), Acting::For(OrganizationNumber(2)));
    let not_a_member = Acting::Refused(AuthorizeError::NotAMember);
    for (orgid, chosen, memberships, expect) in [
        (None, None, &one[..], first),
        (None, None, &two, Acting::Undecided),
        (None, None, &[], Acting::Alone),
        (None, Some(2), &two, second),
        (Some("1002"), None, &two, second),
        (Some("1001"), Some(2), &two, first),
        // What is named or was chosen is never replaced by another.
        (Some("1002"), None, &one, not_a_member),
        (Some("1003"), Some(2), &two, not_a_member),
        (Some("shop-1"), None, &one, not_a_member),
        (Some("1001"), None, &[], not_a_member),
        (None, Some(2), &one, not_a_member),
        (None, Some(3), &two, not_a_member),
        (None, Some(1), &[], not_a_member),
        // For nobody else is a choice too: who has joined since still acts for nobody else.
        (None, Some(0), &one, Acting::Alone),
        (None, Some(0), &two, Acting::Alone),
        (None, Some(0), &[], Acting::Alone),
        (Some("1001"), Some(0), &one, first),
    ] {
        assert_eq!(found(ORG, orgid, chosen, memberships), expect, "{orgid:?} {chosen:?} {memberships:?}");
    }
}

#[test]
fn a_service_is_for_those_who_have_the_role_in_the_very_organization() {
    let mixed = [member(1, &["staff", "admin"]), member(2, &["staff"])];
    let nowhere = [member(1, &[]), member(2, &["staff"]), member(3, &["staff", "cashier"])];
    let missing = Acting::Refused(AuthorizeError::RoleMissing);
    for (orgid, chosen, memberships, expect) in [
        (Some("1001"), None, &mixed[..], Acting::For(OrganizationNumber(1))),
        (Some("1002"), None, &mixed, missing),
        (None, Some(2), &mixed, missing),
        (None, None, &mixed, Acting::Undecided),
        (None, None, &mixed[..1], Acting::For(OrganizationNumber(1))),
        (None, None, &mixed[1..], missing),
        (None, None, &[], missing),
        // Nowhere: there is nothing to choose.
        (None, None, &nowhere, missing),
        // A service is for an organization.
        (None, Some(0), &mixed, Acting::Refused(AuthorizeError::NotAMember)),
    ] {
        for scope in [SERVICE, SERVICE.union(ORG)] {
            assert_eq!(found(scope, orgid, chosen, memberships), expect, "{orgid:?} {chosen:?}");
        }
    }
    for role in ["Admin", "administrator", "adm", ""] {
        assert_eq!(found(SERVICE, None, None, &[member(1, &[role])]), missing, "{role:?}");
    }
}

fn decided(prompt: &str, acting: Acting, decision: Option<Decision>) -> Step {
    // She has agreed to something before, acting for somebody.
    step((prompt, acting, decision), Some(Consents { scope: ScopeSet::EMPTY }), |_| {})
}

fn step(
    (prompt, acting, decision): (&str, Acting, Option<Decision>),
    consents: Option<Consents>,
    change: fn(&mut ClientMetadata),
) -> Step {
    let prompt = if prompt.is_empty() { Parameter::Absent } else { super::once(prompt) };
    let request = AuthorizationRequest { prompt, ..request() };
    let valid = super::check(Some(client(change)), &request).unwrap();
    let session = session();
    let browsing = Browsing { session: Some(&session), subject: SubjectMatch::Fits, acting, consents, decision };
    decide(&valid, browsing, &Progress::begun(Micros::from_unix_s(1)), terms(ConsentForm::Full))
}

#[test]
fn the_page_that_asks_comes_before_the_consent_and_never_without_pages() {
    let allow = Some(Decision::Allow { ticked: ScopeSet::EMPTY });
    let chosen = Acting::For(OrganizationNumber(2));
    let refused = Acting::Refused(AuthorizeError::RoleMissing);
    for (prompt, acting, decision, expect) in [
        ("", Acting::Undecided, None, Step::ChooseOrganization),
        ("", Acting::Undecided, allow, Step::ChooseOrganization),
        ("none", Acting::Undecided, None, Step::Refuse(AuthorizeError::InteractionRequired)),
        ("", chosen, None, Step::AskConsent { scope: ASKED, optional: ScopeSet::EMPTY }),
        ("", chosen, allow, Step::Respond { scope: ASKED }),
        ("", Acting::Undecided, Some(Decision::Deny), Step::Refuse(AuthorizeError::AccessDenied)),
        ("", refused, None, Step::Refuse(AuthorizeError::RoleMissing)),
        ("", refused, allow, Step::Refuse(AuthorizeError::RoleMissing)),
        ("none", refused, None, Step::Refuse(AuthorizeError::RoleMissing)),
    ] {
        assert_eq!(decided(prompt, acting, decision), expect, "{prompt} {acting:?} {decision:?}");
    }
}

#[test]
fn a_client_to_which_the_user_never_agreed_hears_nothing_of_organizations_without_pages() {
    let outcomes = [
        Acting::Alone,
        Acting::For(OrganizationNumber(1)),
        Acting::Undecided,
        Acting::Refused(AuthorizeError::NotAMember),
        Acting::Refused(AuthorizeError::RoleMissing),
    ];
    let remembered: fn(&mut ClientMetadata) = |m| m.consent = Some(ConsentPolicy::Remembered);
    let always: fn(&mut ClientMetadata) = |m| m.consent = Some(ConsentPolicy::Always);
    for (acting, policy) in outcomes.into_iter().flat_map(|acting| [(acting, remembered), (acting, always)]) {
        let found = step(("none", acting, None), None, policy);
        assert_eq!(found, Step::Refuse(AuthorizeError::ConsentRequired), "{acting:?}");
    }
    // The platform's own need no consent.
    let never: fn(&mut ClientMetadata) = |m| m.consent = Some(ConsentPolicy::Never);
    let found = step(("none", Acting::Undecided, None), None, never);
    assert_eq!(found, Step::Refuse(AuthorizeError::InteractionRequired));
}

#[test]
fn who_gave_a_grant_may_still_give_it_as_long_as_place_and_role_last() {
    let (admin, staff) = (member(1, &["admin"]), member(1, &["staff"]));
    let (none, shop) = (OrganizationNumber::NONE, OrganizationNumber(1));
    for (scope, organization, place, expect) in [
        (ORG, none, None, Ok(())),
        (ORG, shop, Some(&staff), Ok(())),
        (ORG, shop, None, Err(Refusal::MembershipEnded)),
        (SERVICE, shop, Some(&admin), Ok(())),
        (SERVICE, shop, Some(&staff), Err(Refusal::RoleEnded)),
        (SERVICE, shop, None, Err(Refusal::MembershipEnded)),
        (SERVICE, none, None, Err(Refusal::RoleEnded)),
    ] {
        assert_eq!(rules().check_giver(scope, organization, place), expect, "{scope:?} {organization:?} {place:?}");
    }
}

#[test]
fn another_log_in_forgets_for_which_organization_the_user_acted() {
    let now = Micros::from_unix_s(100);
    let progress = Progress::begun(now).acts_for(OrganizationNumber(2));
    assert_eq!(progress.organization, Some(OrganizationNumber(2)));
    assert_eq!(progress.chose(UserNumber(1)).organization, Some(OrganizationNumber(2)));
    assert_eq!(progress.logged_in(UserNumber(2), now).organization, None);
    assert_eq!(progress.wants_another(now).organization, None);
}

#[test]
fn a_repeated_orgid_is_refused_where_there_are_organizations_and_ignored_elsewhere() {
    let request = AuthorizationRequest { orgid: Parameter::Malformed, ..request() };
    let client = || Some(client(|_| {}).into());
    assert!(validate(&request, client(), &settings(), &scope_table()).is_ok());
    let refused = validate(&request, client(), &with_organizations(), &scope_table()).unwrap_err();
    assert!(format!("{refused:?}").contains("Malformed(\"orgid\")"), "{refused:?}");
    let once = AuthorizationRequest { orgid: super::once("1001"), ..request };
    let valid = validate(&once, client(), &with_organizations(), &scope_table()).unwrap();
    assert_eq!(valid.orgid.as_deref(), Some("1001"));
}

#[test]
fn what_is_said_of_a_member_leaves_out_what_there_is_not() {
    let said = |membership: &Membership, single_role| {
        let membership_settings = MembershipSettings { scope: "order".to_owned(), single_role };
        let settings = RealmSettings { membership: Some(membership_settings), ..settings() };
        let claims = OrganizationRules::of(&settings, &scope_table()).claims_of(membership);
        serde_json::Value::Object(claims).to_string()
    };
    let (list, text) = (SingleRole::List, SingleRole::Text);
    for (roles, single, expect) in [
        (&[][..], list, r#"{"orgid":"1001","orgname":"Shop 1"}"#),
        (&[], text, r#"{"orgid":"1001","orgname":"Shop 1"}"#),
        (&["admin"], list, r#"{"orgid":"1001","orgname":"Shop 1","role":["admin"]}"#),
        (&["admin"], text, r#"{"orgid":"1001","orgname":"Shop 1","role":"admin"}"#),
        (&["staff", "admin"], text, r#"{"orgid":"1001","orgname":"Shop 1","role":["staff","admin"]}"#),
    ] {
        assert_eq!(said(&member(1, roles), single), expect);
    }
    let mut florist = member(1, &[]);
    "florist".clone_into(&mut florist.organization.category);
    assert_eq!(said(&florist, list), r#"{"orgcat":"florist","orgid":"1001","orgname":"Shop 1"}"#);
}
