//! Haravan: what becomes of grants, codes and pages when people join shops, leave them, or lose a role there.

use kimbai_core::audience::{AccessTokenFormat, AudienceDefinition};
use kimbai_core::number::OrganizationNumber;
use kimbai_core::realm::TokenShape;
use kimbai_store::{Activity, AuditFilter, ConsentAnswer, ConsentOf, Registry as _};
use serde_json::{Value, json};

use crate::fixture::haravan::{
    HARAVAN_APP, INSTALL_SCOPE, LOGIN_SCOPE, LOGIN_URI, Person, join, leave, minted, newcomer, redeem, text, userinfo,
};
use crate::fixture::{Answer, At, PASSWORD, Sandbox, form};

const DEMO_SHOP: &str = "200000001001";
const OTHER_SHOP: &str = "200000001002";
/// A person's, where persons have refresh tokens.
const PERSON_SCOPE: &str = "openid profile org offline_access";

/// A realm of shops without services: persons have refresh tokens.
async fn of_persons(sandbox: &Sandbox) -> At {
    sandbox.haravan_as("haravan-persons", |settings| settings.service = None).await
}

async fn told(at: &At, token: &str) -> Value {
    at.as_client(&HARAVAN_APP, "/connect/introspect", &[("token", token)]).await.expect(200).json()
}

async fn shop(at: &At, token: &str) -> Answer {
    at.call("GET", "/com/shop.json").header("authorization", &format!("Bearer {token}")).send().await
}

/// How many audit events there are of this kind, after one that is recorded now.
async fn audited(sandbox: &Sandbox, at: &At, event: &str) -> usize {
    let realm = sandbox.realm(at);
    let count = async |event: &str| {
        let all = sandbox.store.audit(realm.number, AuditFilter::default(), 10_000).await.unwrap();
        all.iter().filter(|(_, found)| found.event == event).count()
    };
    let before = count("user_enabled").await;
    sandbox.engine.set_user_activity(&realm, "chi", Activity::Enabled).await.unwrap();
    for _ in 0..10_000 {
        if count("user_enabled").await > before {
            return count(event).await;
        }
    }
    panic!("nothing is recorded");
}

/// Logs a person in and stops at the page after that.
async fn logged_in(person: &mut Person, scope: &str) -> Answer {
    let shown = person.browser.get(&person.request(scope, &[])).await.expect(200);
    let username = person.username;
    let answer = person.browser.post_log_in(&form(&shown), username, PASSWORD).await.expect(303);
    let location = answer.header("location").to_owned();
    if location.starts_with('/') { person.browser.get(&location).await } else { answer }
}

#[tokio::test]
async fn a_store_that_fails_before_a_code_is_redeemed_spends_no_code() {
    let sandbox = Sandbox::start().await;
    let at = sandbox.haravan().await;
    for scope in [INSTALL_SCOPE, LOGIN_SCOPE, "org"] {
        let code = Person::new(&at, "an").code(scope).await;
        sandbox.store.fail_verb(Some("membership"));
        redeem(&at, &code).await.expect(503);
        sandbox.store.fail_verb(None);
        redeem(&at, &code).await.expect(200);
    }
}

#[tokio::test]
async fn who_lost_the_role_or_left_while_a_code_was_open_gets_no_service_and_the_code_is_not_spent() {
    let sandbox = Sandbox::start().await;
    let at = sandbox.haravan().await;
    let code = Person::new(&at, "an").code(INSTALL_SCOPE).await;
    join(&sandbox, &at, "an", "demo-shop", &["staff"]).await;
    redeem(&at, &code).await.refused(400, "invalid_grant");
    leave(&sandbox, &at, "an", "demo-shop").await;
    redeem(&at, &code).await.refused(400, "invalid_grant");
    join(&sandbox, &at, "an", "demo-shop", &["admin"]).await;
    redeem(&at, &code).await.expect(200);
    // A replay is one, whoever has left.
    leave(&sandbox, &at, "an", "demo-shop").await;
    sandbox.clock.advance_s(11);
    redeem(&at, &code).await.refused(400, "invalid_grant");
    assert_eq!(audited(&sandbox, &at, "code_replayed").await, 1);
}

#[tokio::test]
async fn a_persons_tokens_work_as_long_as_the_person_belongs_to_the_shop() {
    let sandbox = Sandbox::start().await;
    let at = of_persons(&sandbox).await;
    let tokens = minted(&at, "an", PERSON_SCOPE).await;
    let (access, refresh) = (text(&tokens, "access_token"), text(&tokens, "refresh_token"));
    leave(&sandbox, &at, "an", "demo-shop").await;
    for token in [access, refresh] {
        assert_eq!(told(&at, token).await, json!({"active": false}));
    }
    userinfo(&at, access).await.expect(401);
    shop(&at, access).await.expect(401);
    // As with standing: to look is not to end.
    join(&sandbox, &at, "an", "demo-shop", &[]).await;
    userinfo(&at, access).await.expect(200);
    shop(&at, access).await.expect(200);
    leave(&sandbox, &at, "an", "demo-shop").await;
    at.refresh(&HARAVAN_APP, refresh).await.refused(400, "invalid_grant");
    assert_eq!(audited(&sandbox, &at, "membership_ended").await, 1);
    // Nobody is taken for a thief, and who comes back begins anew.
    join(&sandbox, &at, "an", "demo-shop", &["admin"]).await;
    at.refresh(&HARAVAN_APP, refresh).await.refused(400, "invalid_grant");
    assert_eq!(told(&at, access).await, json!({"active": false}));
    for event in ["refresh_retried", "refresh_token_reused"] {
        assert_eq!(audited(&sandbox, &at, event).await, 0, "{event}");
    }
}

#[tokio::test]
async fn a_persons_refresh_that_the_store_failed_is_answered_when_it_is_asked_for_again() {
    let sandbox = Sandbox::start().await;
    let at = of_persons(&sandbox).await;
    let tokens = minted(&at, "an", PERSON_SCOPE).await;
    let first = text(&tokens, "refresh_token");
    sandbox.store.fail_verb(Some("membership"));
    for _ in 0..2 {
        at.refresh(&HARAVAN_APP, first).await.expect(503);
    }
    sandbox.store.fail_verb(None);
    assert_eq!(audited(&sandbox, &at, "refresh_retried").await, 0, "nothing was given");
    let answer = at.refresh(&HARAVAN_APP, first).await.expect(200).json();
    assert_eq!(at.refresh(&HARAVAN_APP, first).await.expect(200).json()["refresh_token"], answer["refresh_token"]);
    assert_eq!(audited(&sandbox, &at, "refresh_retried").await, 2);
    // Nor is a retry given to who has left meanwhile.
    leave(&sandbox, &at, "an", "demo-shop").await;
    at.refresh(&HARAVAN_APP, first).await.refused(400, "invalid_grant");
    assert_eq!(audited(&sandbox, &at, "refresh_retried").await, 2);
    assert_eq!(told(&at, text(&answer, "access_token")).await, json!({"active": false}));
}

#[tokio::test]
async fn a_service_is_the_shops_and_nobodys_membership_is_looked_at() {
    let sandbox = Sandbox::start().await;
    let at = sandbox.haravan().await;
    let tokens = minted(&at, "an", "org grant_service offline_access").await;
    leave(&sandbox, &at, "an", "demo-shop").await;
    sandbox.store.fail_verb(Some("membership"));
    let refreshed = at.refresh(&HARAVAN_APP, text(&tokens, "refresh_token")).await.expect(200).json();
    for name in ["access_token", "refresh_token"] {
        let told = told(&at, text(&refreshed, name)).await;
        assert_eq!((&told["active"], &told["orgid"]), (&json!(true), &json!(DEMO_SHOP)), "{name}");
    }
    shop(&at, text(&refreshed, "access_token")).await.expect(200);
    // A person's is the person's, also here.
    sandbox.store.fail_verb(None);
    let person = minted(&at, "binh", LOGIN_SCOPE).await;
    assert_eq!(told(&at, text(&person, "access_token")).await["orgid"], DEMO_SHOP);
    leave(&sandbox, &at, "binh", "demo-shop").await;
    assert_eq!(told(&at, text(&person, "access_token")).await, json!({"active": false}));
    userinfo(&at, text(&person, "access_token")).await.expect(401);
}

#[tokio::test]
async fn who_has_the_role_in_no_shop_is_denied_without_a_choice() {
    let sandbox = Sandbox::start().await;
    let at = sandbox.haravan().await;
    for label in ["demo-shop", "other-shop"] {
        join(&sandbox, &at, "chi", label, &["staff"]).await;
    }
    let mut chi = Person::new(&at, "chi");
    let walk = chi.walk(INSTALL_SCOPE, &[]).await;
    let end = walk.end.expect(303);
    assert!(end.header("location").starts_with(LOGIN_URI), "{end:?}");
    let found = (end.parameter("error"), end.parameter("code"), end.parameter("state"));
    assert_eq!((walk.pages.as_str(), found), ("l", ("access_denied".to_owned(), String::new(), "s".to_owned())));
    // Without pages too, once she has agreed to anything.
    let silent = [("prompt", "none")];
    let refused = chi.walk(INSTALL_SCOPE, &silent).await.end.expect(303);
    assert_eq!(refused.parameter("error"), "consent_required");
    chi.code(LOGIN_SCOPE).await;
    let refused = chi.walk(INSTALL_SCOPE, &silent).await.end.expect(303);
    assert_eq!(refused.parameter("error"), "access_denied");
}

#[tokio::test]
async fn the_page_that_asks_for_the_shop_can_be_said_no_to() {
    let sandbox = Sandbox::start().await;
    let at = sandbox.haravan().await;
    let mut chi = Person::new(&at, "chi");
    let page = logged_in(&mut chi, LOGIN_SCOPE).await.expect(200);
    assert!(page.body.contains("id=\"organization-deny\""), "{}", page.body);
    let shown = form(&page);
    let continuation = ("continuation", shown.continuation.as_str());
    for wrong in [
        &[continuation, ("decision", "allow")][..],
        &[continuation, ("decision", "deny"), ("organization", "demo-shop")],
        &[continuation, ("decision", "deny"), ("account", "another")],
        &[continuation, ("organization", "demo-shop"), ("organization", "other-shop")],
        &[continuation],
    ] {
        chi.browser.post(&shown.action, wrong).await.page(400, "invalid_request");
    }
    // A page of another request is none.
    let elsewhere = shown.action.replace("state=s", "state=t");
    assert_ne!(elsewhere, shown.action);
    let answer = chi.browser.post(&elsewhere, &[continuation, ("decision", "deny")]).await.expect(303);
    assert!(answer.header("location").starts_with("/connect/authorize?"), "{answer:?}");
    let end = chi.browser.post(&shown.action, &[continuation, ("decision", "deny")]).await.expect(303);
    assert!(end.header("location").starts_with(LOGIN_URI), "{end:?}");
    assert_eq!((end.parameter("error").as_str(), end.parameter("state").as_str()), ("access_denied", "s"));
}

#[tokio::test]
async fn without_pages_a_client_that_nobody_agreed_to_hears_nothing_of_shops() {
    let sandbox = Sandbox::start().await;
    let at = sandbox.haravan().await;
    newcomer(&sandbox, &at, "dung", None).await;
    for username in ["an", "binh", "chi", "dung"] {
        let mut person = Person::new(&at, username);
        logged_in(&mut person, LOGIN_SCOPE).await;
        for scope in [LOGIN_SCOPE, INSTALL_SCOPE] {
            for orgid in [None, Some(DEMO_SHOP), Some(OTHER_SHOP), Some("nowhere")] {
                let named = orgid.map(|orgid| ("orgid", orgid));
                let parameters: Vec<_> = [("prompt", "none")].into_iter().chain(named).collect();
                let end = person.walk(scope, &parameters).await.end.expect(303);
                assert_eq!(end.parameter("error"), "consent_required", "{username} {scope} {orgid:?}");
            }
        }
    }
}

#[tokio::test]
async fn a_yes_for_nobody_else_never_comes_to_mean_a_shop() {
    let sandbox = Sandbox::start().await;
    let at = sandbox.haravan().await;
    newcomer(&sandbox, &at, "dung", None).await;
    let mut dung = Person::new(&at, "dung");
    let consent = form(&logged_in(&mut dung, LOGIN_SCOPE).await.expect(200));
    // While the page is open, she joins a shop.
    join(&sandbox, &at, "dung", "demo-shop", &["admin"]).await;
    let code = dung.browser.decide(&consent, "allow", &[]).await.expect(303).parameter("code");
    let tokens = redeem(&at, &code).await.expect(200).json();
    let said = userinfo(&at, text(&tokens, "access_token")).await.expect(200).json();
    assert_eq!((said.get("orgid"), told(&at, text(&tokens, "access_token")).await.get("orgid")), (None, None));
    // The next one asks anew.
    assert_eq!(dung.walk(LOGIN_SCOPE, &[]).await.pages, "c");
}

/// As the migration leaves what somebody agreed to before there were shops.
async fn agreed_before_there_were_shops(sandbox: &Sandbox, at: &At, username: &str) {
    let realm = sandbox.realm(at);
    let (user, _) = sandbox.engine.user_by_name(&realm, username).await.unwrap().unwrap();
    let client = realm.client(HARAVAN_APP.client_id).unwrap().number;
    let of = ConsentOf { user, client, organization: OrganizationNumber::NONE };
    let all = realm.scopes.parse(INSTALL_SCOPE).unwrap();
    let answer = ConsentAnswer { asked: all, agreed: all };
    sandbox.store.put_consent(realm.number, of, answer).await.unwrap();
}

#[tokio::test]
async fn what_somebody_agreed_to_before_there_were_shops_is_for_none_of_them() {
    let sandbox = Sandbox::start().await;
    let at = sandbox.haravan().await;
    newcomer(&sandbox, &at, "dung", None).await;
    for username in ["an", "chi", "dung"] {
        agreed_before_there_were_shops(&sandbox, &at, username).await;
    }
    // Whoever is of a shop is asked for it anew, and without pages gets nothing.
    for (username, orgid) in [("an", None), ("chi", Some(OTHER_SHOP))] {
        let named: Vec<_> = orgid.into_iter().map(|orgid| ("orgid", orgid)).collect();
        let silent = [&named[..], &[("prompt", "none")]].concat();
        for scope in [LOGIN_SCOPE, INSTALL_SCOPE] {
            let mut person = Person::new(&at, username);
            logged_in(&mut person, scope).await;
            let end = person.walk(scope, &silent).await.end.expect(303);
            assert_eq!((end.parameter("error").as_str(), end.parameter("code").as_str()), ("consent_required", ""));
            assert_eq!(person.walk(scope, &named).await.pages, "c", "{username}");
        }
    }
    assert_eq!(Person::new(&at, "chi").walk(LOGIN_SCOPE, &[]).await.pages, "loc");
    // Whoever is of none is known still, as of no shop; and installs nothing.
    let mut dung = Person::new(&at, "dung");
    let walk = dung.walk(LOGIN_SCOPE, &[]).await;
    assert_eq!(walk.pages, "l");
    let tokens = redeem(&at, &walk.end.expect(303).parameter("code")).await.expect(200).json();
    assert!(told(&at, text(&tokens, "access_token")).await.get("orgid").is_none());
    assert_eq!(dung.walk(INSTALL_SCOPE, &[]).await.end.expect(303).parameter("error"), "access_denied");
}

#[tokio::test]
async fn a_services_access_token_is_no_jwt_however_little_of_it_is_asked_for() {
    let sandbox = Sandbox::start().await;
    let at = sandbox
        .haravan_as("haravan-long", |settings| {
            settings.token_shape = TokenShape::Whole;
            let (audience, scopes) = ("https://api.example.vn".to_owned(), vec!["com.write_products".to_owned()]);
            settings.audiences =
                vec![AudienceDefinition { audience, scopes, access_token_format: AccessTokenFormat::Jwt }];
        })
        .await;
    let is_jwt = |tokens: &Value| text(tokens, "access_token").contains('.');
    assert!(is_jwt(&minted(&at, "an", "org com.write_products").await), "a person's");
    let service = minted(&at, "an", INSTALL_SCOPE).await;
    assert!(!is_jwt(&service));
    let narrowed = [
        ("grant_type", "refresh_token"),
        ("refresh_token", text(&service, "refresh_token")),
        ("scope", "com.write_products"),
    ];
    let narrowed = at.token(&HARAVAN_APP, &narrowed).await.expect(200).json();
    assert_eq!(narrowed["scope"], "com.write_products");
    assert!(!is_jwt(&narrowed), "{narrowed}");
}
