//! Haravan: what an app does for a shop by itself is allowed by an admin alone, and lives for decades; a person's token for a day.

use kimbai_engine::admin::{Administration, GrantList, MasterKeyHome};
use kimbai_server::dialects::Dialects;
use kimbai_store::Activity;
use serde_json::json;

use crate::fixture::haravan::{
    FOR_EVER_S, HARAVAN_APP, INSTALL_SCOPE, LOGIN_SCOPE, LOGIN_URI, Person, minted, redeem, text, userinfo,
};
use crate::fixture::{At, Sandbox, encode};

const DAY_S: i64 = 86_400;

async fn is_active(at: &At, token: &str) -> bool {
    at.as_client(&HARAVAN_APP, "/connect/introspect", &[("token", token)]).await.expect(200).json()["active"] == true
}

#[tokio::test]
async fn an_admin_installs_an_app_and_its_tokens_live_for_decades() {
    let sandbox = Sandbox::start().await;
    let at = sandbox.haravan().await;
    let tokens = Person::new(&at, "an").tokens(INSTALL_SCOPE).await;
    // The grant began with its code.
    let expires_in = u32::try_from(tokens["expires_in"].as_u64().unwrap()).unwrap();
    assert!((FOR_EVER_S - 60..=FOR_EVER_S).contains(&expires_in), "{expires_in}");
    assert_eq!(tokens["scope"], INSTALL_SCOPE);
    // The ID token speaks of the log-in, and is over as any other one.
    let claims = sandbox.id_token_claims(&at, text(&tokens, "id_token")).await;
    assert_eq!(claims["exp"].as_u64().unwrap() - claims["iat"].as_u64().unwrap(), 86_400);
    sandbox.clock.advance_s(20 * 365 * DAY_S);
    assert!(is_active(&at, text(&tokens, "access_token")).await, "beyond 2038");
    let refreshed = at.refresh(&HARAVAN_APP, text(&tokens, "refresh_token")).await.expect(200).json();
    let left_s = refreshed["expires_in"].as_i64().unwrap();
    let expect_s = i64::from(FOR_EVER_S) - 20 * 365 * DAY_S;
    assert!((expect_s - 60..=expect_s).contains(&left_s), "until the grant's end: {left_s}");
    sandbox.clock.advance_s(expect_s);
    assert!(!is_active(&at, text(&refreshed, "access_token")).await, "at the end");
    at.refresh(&HARAVAN_APP, text(&refreshed, "refresh_token")).await.refused(400, "invalid_grant");
}

#[tokio::test]
async fn who_is_no_admin_of_the_shop_is_denied_without_a_code() {
    let sandbox = Sandbox::start().await;
    let at = sandbox.haravan().await;
    sandbox.engine.put_membership(&sandbox.realm(&at), ("chi", "other-shop"), &["staff"]).await.unwrap();
    for (username, shop, pages) in [("binh", "demo-shop", "l"), ("chi", "other-shop", "lo")] {
        let mut person = Person { shop, ..Person::new(&at, username) };
        for scope in [INSTALL_SCOPE, "grant_service", "openid grant_service"] {
            let walk = person.walk(scope, &[]).await;
            let end = walk.end.expect(303);
            assert!(end.header("location").starts_with(LOGIN_URI), "{end:?}");
            let found = (end.parameter("error"), end.parameter("code"), end.parameter("state"));
            assert_eq!(found, ("access_denied".to_owned(), String::new(), "s".to_owned()), "{username} {scope}");
            assert!(!walk.pages.contains('c') && pages.contains(&walk.pages), "{walk:?}", walk = walk.pages);
        }
        // The log-in alone is everybody's.
        assert!(!person.walk(LOGIN_SCOPE, &[]).await.end.expect(303).parameter("code").is_empty());
    }
}

#[tokio::test]
async fn nobody_installs_an_app_by_saying_nothing() {
    let sandbox = Sandbox::start().await;
    let at = sandbox.haravan().await;
    for username in ["an", "binh"] {
        let end = Person::new(&at, username).walk("", &[]).await.end.expect(303);
        let found = (end.parameter("error"), end.parameter("code"));
        assert_eq!(found, ("invalid_scope".to_owned(), String::new()), "{username}");
    }
}

#[tokio::test]
async fn the_page_shows_where_a_person_may_install_and_where_not() {
    let sandbox = Sandbox::start().await;
    let at = sandbox.haravan().await;
    sandbox.engine.put_membership(&sandbox.realm(&at), ("chi", "other-shop"), &["staff"]).await.unwrap();
    let mut chi = Person::new(&at, "chi");
    chi.code(LOGIN_SCOPE).await;
    let button = |page: &str, label: &str| {
        let (_, rest) = page.split_once(&format!("id=\"organization-{label}\"")).unwrap();
        rest.split_once('>').unwrap().0.contains("disabled")
    };
    let page = chi.browser.get(&chi.request(INSTALL_SCOPE, &[])).await.expect(200).body;
    assert_eq!((button(&page, "demo-shop"), button(&page, "other-shop")), (false, true));
    let page = chi.browser.get(&chi.request(LOGIN_SCOPE, &[])).await.expect(200).body;
    assert_eq!((button(&page, "demo-shop"), button(&page, "other-shop")), (false, false));
}

#[tokio::test]
async fn without_grant_service_a_token_lives_for_a_day_and_is_not_refreshed() {
    let sandbox = Sandbox::start().await;
    let at = sandbox.haravan().await;
    for scope in [LOGIN_SCOPE, "openid org offline_access", "openid com.write_products wh_api offline_access"] {
        let tokens = Person::new(&at, "an").tokens(scope).await;
        assert_eq!((&tokens["expires_in"], tokens.get("refresh_token")), (&json!(86_400), None), "{scope}");
        let access_token = text(&tokens, "access_token");
        sandbox.clock.advance_s(DAY_S - 5);
        assert!(is_active(&at, access_token).await, "{scope}");
        sandbox.clock.advance_s(5);
        assert!(!is_active(&at, access_token).await, "{scope}");
    }
}

#[tokio::test]
async fn a_service_without_offline_access_has_a_long_token_and_no_refresh_token() {
    let sandbox = Sandbox::start().await;
    let at = sandbox.haravan().await;
    let tokens = Person::new(&at, "an").tokens("openid org grant_service").await;
    assert!(tokens["expires_in"].as_u64().unwrap() > u64::from(FOR_EVER_S) - 60, "{tokens}");
    assert!(tokens.get("refresh_token").is_none(), "{tokens}");
    sandbox.clock.advance_s(10 * 365 * DAY_S);
    assert!(is_active(&at, text(&tokens, "access_token")).await, "nothing ends it that lies idle");
}

#[tokio::test]
async fn a_refresh_token_is_used_once_and_a_retry_gets_the_same_answer() {
    let sandbox = Sandbox::start().await;
    let at = sandbox.haravan().await;
    let tokens = minted(&at, "an", INSTALL_SCOPE).await;
    let first = text(&tokens, "refresh_token");
    let successor = at.refresh(&HARAVAN_APP, first).await.expect(200).json();
    let second = text(&successor, "refresh_token");
    assert_ne!(first, second);
    // Two workers at once, or a lost answer.
    let retried = at.refresh(&HARAVAN_APP, first).await.expect(200).json();
    assert_eq!(
        (&retried["access_token"], &retried["refresh_token"]),
        (&successor["access_token"], &successor["refresh_token"])
    );
    let third = at.refresh(&HARAVAN_APP, second).await.expect(200).json();
    at.refresh(&HARAVAN_APP, first).await.refused(400, "invalid_grant");
    at.refresh(&HARAVAN_APP, text(&third, "refresh_token")).await.refused(400, "invalid_grant");
}

#[tokio::test]
async fn a_service_outlives_the_session_in_which_it_was_allowed_and_a_persons_token_does_not() {
    let sandbox = Sandbox::start().await;
    let at = sandbox.haravan().await;
    let mut an = Person::new(&at, "an");
    let person = an.tokens(LOGIN_SCOPE).await;
    let service = an.tokens("openid org grant_service").await;
    let hint = [("id_token_hint", text(&person, "id_token"))];
    an.browser.get(&format!("/connect/endsession?{}", encode(&hint))).await;
    let found =
        (is_active(&at, text(&person, "access_token")).await, is_active(&at, text(&service, "access_token")).await);
    assert_eq!(found, (false, true));
}

#[tokio::test]
async fn the_two_steps_of_the_platform_end_with_the_app_in_the_shops_list() {
    let sandbox = Sandbox::start().await;
    let at = sandbox.haravan().await;
    let mut chi = Person { shop: "other-shop", ..Person::new(&at, "chi") };
    // Step 1: who is it, and may she?
    let code = chi.code(LOGIN_SCOPE).await;
    let login = redeem(&at, &code).await.expect(200).json();
    let claims = sandbox.id_token_claims(&at, text(&login, "id_token")).await;
    assert!(claims["role"].as_array().unwrap().contains(&json!("admin")));
    assert!(listed(&sandbox, &at, "other-shop").await.is_empty(), "a log-in installs nothing");
    let unredeemed = chi.walk(INSTALL_SCOPE, &[("orgid", claims["orgid"].as_str().unwrap())]).await.end;
    assert!(!unredeemed.parameter("code").is_empty());
    assert!(listed(&sandbox, &at, "other-shop").await.is_empty(), "nor does a code");
    // Step 2: for the very shop.
    let orgid = claims["orgid"].as_str().unwrap().to_owned();
    let walk = chi.walk(INSTALL_SCOPE, &[("orgid", &orgid)]).await;
    assert_eq!(walk.pages, "", "she has agreed already");
    let service = redeem(&at, &walk.end.parameter("code")).await.expect(200).json();
    assert_eq!(userinfo(&at, text(&service, "access_token")).await.expect(200).json()["orgid"], orgid.as_str());
    assert_eq!(listed(&sandbox, &at, "other-shop").await, [HARAVAN_APP.client_id]);
    assert!(listed(&sandbox, &at, "demo-shop").await.is_empty());
    let (realm, app) = (sandbox.realm(&at), HARAVAN_APP.client_id);
    sandbox.engine.set_client_activity(&realm, app, Activity::Disabled).await.unwrap();
    assert!(listed(&sandbox, &at, "other-shop").await.is_empty(), "nothing of it works");
    sandbox.engine.set_client_activity(&realm, app, Activity::Enabled).await.unwrap();
    let revoked = [("token", text(&service, "refresh_token"))];
    at.as_client(&HARAVAN_APP, "/connect/revocation", &revoked).await.expect(200);
    assert!(listed(&sandbox, &at, "other-shop").await.is_empty());
}

/// The apps that `kimbai grant list --shop` shows.
async fn listed(sandbox: &Sandbox, at: &At, shop: &str) -> Vec<String> {
    let administration = Administration::new(sandbox.engine.clone(), Box::new(Dialects), MasterKeyHome::Given);
    let (realm, organization) = (Some(at.name.to_owned()), Some(shop.to_owned()));
    let list = GrantList { realm, user: None, client: None, organization, after: None, limit: 100 };
    administration.run(list).await.unwrap().into_iter().map(|grant| grant.client_id).collect()
}

#[tokio::test]
async fn the_long_lifetime_is_of_realms_with_services_alone() {
    let sandbox = Sandbox::start().await;
    for (at, settings) in [(&sandbox.standard, None), (&sandbox.marketplace, None), (&sandbox.oneid, None)] {
        assert_eq!(sandbox.realm(at).settings.service, settings);
        assert!(sandbox.realm(at).settings.lifetimes.access_token_s <= 36_000);
    }
}
