//! Log-out that a client asks for: at once with an ID token of the session, else after a page that asks; and what ends with it.

use kimbai_core::client::GrantType;
use kimbai_keyring::JwtKind;
use kimbai_store::Activity;

use super::openid::{change, claims, code};
use crate::fixture::{Answer, Browser, PASSWORD, SPA, Sandbox, WEB, encode, form};

const BYE: &str = "http://localhost:8080/";

/// A browser that is logged in, and the ID token of its session.
async fn logged_in(sandbox: &Sandbox) -> (Browser, String, String) {
    let mut browser = Browser::new(&sandbox.standard);
    let code = code(&mut browser, &[("scope", "openid profile"), ("prompt", "login")]).await;
    let tokens = sandbox.standard.redeem(&WEB, &code).await.expect(200);
    (browser, tokens.member("id_token"), tokens.member("access_token"))
}

fn url(parameters: &[(&str, &str)]) -> String {
    format!("/logout?{}", encode(parameters))
}

fn asks(answer: &Answer) -> bool {
    answer.status == 200 && answer.body.contains("id=\"logout-confirm\"")
}

fn is_done(answer: &Answer) -> bool {
    answer.status == 200 && answer.body.contains("id=\"logged-out\"")
}

async fn is_logged_in(browser: &mut Browser) -> bool {
    let answer = browser.get(&browser.request(&[("prompt", "none"), ("scope", "openid profile")])).await.expect(303);
    !answer.header("location").contains("error=login_required")
}

async fn confirm(browser: &mut Browser, shown: &Answer) -> Answer {
    let shown = form(shown);
    browser.post(&shown.action, &[("continuation", &shown.continuation), ("logout", "logout")]).await
}

#[tokio::test]
async fn an_id_token_of_the_session_logs_out_at_once_and_goes_back_with_the_state() {
    let sandbox = Sandbox::start().await;
    let (mut browser, hint, _) = logged_in(&sandbox).await;
    let sid = claims(&sandbox, JwtKind::Id, &hint).await["sid"].as_str().unwrap().to_owned();
    assert_eq!(sid.len(), 22);
    assert!(is_logged_in(&mut browser).await);
    let target = url(&[("id_token_hint", &hint), ("post_logout_redirect_uri", BYE), ("state", "a b&c")]);
    let answer = browser.get(&target).await.expect(303);
    assert_eq!(answer.header("location"), format!("{BYE}?state=a+b%26c"));
    assert!(browser.value("session").is_empty(), "the cookie is taken away");
    assert!(!is_logged_in(&mut browser).await);
    // Again, with nobody there any more: the client's word is still good for the way back.
    assert_eq!(browser.get(&target).await.expect(303).header("location"), format!("{BYE}?state=a+b%26c"));
    let (mut browser, hint, _) = logged_in(&sandbox).await;
    assert!(is_done(&browser.get(&url(&[("id_token_hint", &hint)])).await));
    assert!(!is_logged_in(&mut browser).await);
}

#[tokio::test]
async fn a_cookie_that_was_kept_leads_nowhere_after_log_out() {
    let sandbox = Sandbox::start().await;
    let (mut browser, hint, _) = logged_in(&sandbox).await;
    let mut thief = browser.clone();
    browser.get(&url(&[("id_token_hint", &hint)])).await.expect(200);
    assert!(!is_logged_in(&mut thief).await);
}

#[tokio::test]
async fn log_out_without_an_id_token_of_this_session_asks_first() {
    let sandbox = Sandbox::start().await;
    let (_, of_another_session, _) = logged_in(&sandbox).await;
    for parameters in [
        vec![],
        vec![("client_id", WEB.client_id)],
        vec![("client_id", WEB.client_id), ("post_logout_redirect_uri", BYE), ("state", "s")],
        vec![("id_token_hint", of_another_session.as_str()), ("post_logout_redirect_uri", BYE), ("state", "s")],
    ] {
        let (mut browser, ..) = logged_in(&sandbox).await;
        let shown = browser.get(&url(&parameters)).await;
        assert!(asks(&shown), "{parameters:?}");
        assert!(is_logged_in(&mut browser).await, "nothing ended yet");
        let answer = confirm(&mut browser, &shown).await;
        match parameters.len() {
            3 => assert_eq!(answer.expect(303).header("location"), format!("{BYE}?state=s")),
            _ => assert!(is_done(&answer)),
        }
        assert!(!is_logged_in(&mut browser).await);
    }
}

#[tokio::test]
async fn a_form_of_another_session_logs_nobody_out_and_is_asked_again() {
    let sandbox = Sandbox::start().await;
    let (mut browser, ..) = logged_in(&sandbox).await;
    let (mut other, ..) = logged_in(&sandbox).await;
    let others = form(&other.get("/logout").await);
    for continuation in [others.continuation.as_str(), "", "x"] {
        let answer = browser.post("/logout", &[("continuation", continuation), ("logout", "logout")]).await;
        let location = answer.expect(303).header("location").to_owned();
        assert_eq!(location.split('?').next(), Some("/logout"));
        assert!(is_logged_in(&mut browser).await, "{continuation}");
        assert!(asks(&browser.get(&location).await), "{continuation}");
    }
    let shown = browser.get("/logout").await;
    assert!(is_done(&confirm(&mut browser, &shown).await));
}

#[tokio::test]
async fn a_post_without_the_session_cookie_logs_nobody_out() {
    let sandbox = Sandbox::start().await;
    let (mut browser, ..) = logged_in(&sandbox).await;
    let shown = form(&browser.get("/logout").await);
    // A cross-site POST brings no cookie, but its answer could take one away.
    for fields in [vec![("logout", "1")], vec![("continuation", shown.continuation.as_str()), ("logout", "logout")]] {
        let answer = browser.at.post("/logout", &fields).await.expect(303);
        assert!(answer.cookies().is_empty(), "{answer:?}");
        assert!(is_logged_in(&mut browser).await);
        assert!(asks(&browser.get(answer.header("location")).await), "{answer:?}");
    }
    let answer = browser.at.get("/logout").await;
    assert!(is_done(&answer) && answer.cookies().is_empty(), "{answer:?}");
    assert!(is_logged_in(&mut browser).await);
}

#[tokio::test]
async fn a_stale_form_is_asked_again_with_its_way_back_and_its_language() {
    let sandbox = Sandbox::start().await;
    let (mut browser, ..) = logged_in(&sandbox).await;
    let parameters =
        [("client_id", WEB.client_id), ("post_logout_redirect_uri", BYE), ("state", "s"), ("ui_locales", "en")];
    let shown = browser.get(&url(&parameters)).await;
    assert!(asks(&shown));
    sandbox.clock.advance_s(3_601);
    let again = confirm(&mut browser, &shown).await.expect(303).header("location").to_owned();
    let shown = browser.get(&again).await;
    assert!(asks(&shown) && shown.body.contains("<html lang=\"en\">"), "{shown:?}");
    assert_eq!(confirm(&mut browser, &shown).await.expect(303).header("location"), format!("{BYE}?state=s"));
    // What was registered then is not asked for again when it is not registered any more.
    let (mut browser, ..) = logged_in(&sandbox).await;
    let shown = browser.get(&url(&parameters)).await;
    change(&sandbox, &WEB, |metadata| metadata.post_logout_redirect_uris.clear()).await;
    sandbox.clock.advance_s(3_601);
    assert_eq!(confirm(&mut browser, &shown).await.expect(303).header("location"), "/logout?ui_locales=en");
}

#[tokio::test]
async fn the_pages_of_a_log_out_by_post_are_in_the_language_that_was_asked_for() {
    let sandbox = Sandbox::start().await;
    let (mut browser, ..) = logged_in(&sandbox).await;
    let next = browser.at.post("/logout", &[("client_id", WEB.client_id), ("ui_locales", "en")]).await.expect(303);
    let shown = browser.get(next.header("location")).await;
    assert!(asks(&shown) && shown.body.contains("<html lang=\"en\">"), "{shown:?}");
    let done = confirm(&mut browser, &shown).await;
    assert!(is_done(&done) && done.body.contains("<html lang=\"en\">"), "{done:?}");
}

#[tokio::test]
async fn a_disabled_client_leads_nowhere_after_log_out() {
    let sandbox = Sandbox::start().await;
    let (mut browser, hint, _) = logged_in(&sandbox).await;
    let realm = sandbox.realm(&sandbox.standard);
    sandbox.engine.set_client_activity(&realm, WEB.client_id, Activity::Disabled).await.unwrap();
    for parameters in [
        vec![("id_token_hint", hint.as_str()), ("post_logout_redirect_uri", BYE)],
        vec![("client_id", WEB.client_id), ("post_logout_redirect_uri", BYE)],
    ] {
        browser.get(&url(&parameters)).await.page(400, "invalid_client");
    }
}

#[tokio::test]
async fn log_out_goes_to_registered_uris_alone_and_trusts_no_foreign_hint() {
    let sandbox = Sandbox::start().await;
    let (mut browser, hint, access_token) = logged_in(&sandbox).await;
    let altered = format!("{}x", &hint[..hint.len() - 1]);
    for (parameters, error) in [
        (vec![("id_token_hint", hint.as_str()), ("post_logout_redirect_uri", "https://evil.test/")], "invalid_request"),
        (vec![("id_token_hint", &hint), ("post_logout_redirect_uri", "http://localhost:8080/x")], "invalid_request"),
        (vec![("post_logout_redirect_uri", BYE)], "invalid_request"),
        (vec![("id_token_hint", &altered), ("post_logout_redirect_uri", BYE)], "invalid_request"),
        (vec![("id_token_hint", &access_token)], "invalid_request"),
        (vec![("id_token_hint", "eyJhbGciOiJub25lIn0.e30.")], "invalid_request"),
        (vec![("id_token_hint", &hint), ("id_token_hint", &hint)], "invalid_request"),
        (vec![("id_token_hint", &hint), ("client_id", SPA.client_id)], "invalid_client"),
        (vec![("client_id", "nobody")], "invalid_client"),
        (vec![("request", "x")], "invalid_request"),
    ] {
        browser.get(&url(&parameters)).await.page(400, error);
        assert!(is_logged_in(&mut browser).await, "{parameters:?}");
    }
    browser.at.call("PUT", "/logout").send().await.expect(405);
}

#[tokio::test]
async fn a_post_is_led_to_our_own_get_without_an_id_token_in_the_url() {
    let sandbox = Sandbox::start().await;
    let (mut browser, hint, _) = logged_in(&sandbox).await;
    let parameters = [("id_token_hint", hint.as_str()), ("post_logout_redirect_uri", BYE), ("state", "s")];
    // A cross-site POST brings no cookie.
    let next = browser.at.post("/logout", &parameters).await.expect(303);
    let location = next.header("location").to_owned();
    assert!(location.starts_with("/logout?request=") && !location.contains(&hint[..20]), "{location}");
    assert!(next.cookies().is_empty());
    assert_eq!(browser.get(&location).await.expect(303).header("location"), format!("{BYE}?state=s"));
    assert!(!is_logged_in(&mut browser).await);
}

#[tokio::test]
async fn grants_without_offline_access_end_with_their_session_and_those_with_it_live_on() {
    let sandbox = Sandbox::start().await;
    let at = &sandbox.standard;
    let (mut browser, hint, access_token) = logged_in(&sandbox).await;
    let offline = code(&mut browser, &[("scope", "openid offline_access")]).await;
    let offline = at.redeem(&WEB, &offline).await.expect(200);
    let (_, _, of_another_session) = logged_in(&sandbox).await;
    let unused = code(&mut browser, &[("scope", "openid profile")]).await;
    assert!(at.works(&access_token).await);
    browser.get(&url(&[("id_token_hint", &hint)])).await.expect(200);
    assert!(!at.works(&access_token).await);
    at.redeem(&WEB, &unused).await.refused(400, "invalid_grant");
    assert!(at.works(&of_another_session).await);
    assert!(at.works(&offline.member("access_token")).await);
    let refreshed = at.refresh(&WEB, &offline.member("refresh_token")).await.expect(200);
    // The ID token of a refresh still names the session in which it was given.
    let before = claims(&sandbox, JwtKind::Id, &offline.member("id_token")).await;
    assert_eq!(claims(&sandbox, JwtKind::Id, &refreshed.member("id_token")).await["sid"], before["sid"]);
}

#[tokio::test]
async fn the_scope_without_a_client_that_may_refresh_is_no_offline_access() {
    let sandbox = Sandbox::start().await;
    let at = &sandbox.standard;
    let (mut browser, hint, _) = logged_in(&sandbox).await;
    change(&sandbox, &WEB, |metadata| metadata.grant_types = vec![GrantType::AuthorizationCode]).await;
    let tokens = at.redeem(&WEB, &code(&mut browser, &[("scope", "openid offline_access")]).await).await.expect(200);
    assert!(tokens.json().get("refresh_token").is_none() && at.works(&tokens.member("access_token")).await);
    browser.get(&url(&[("id_token_hint", &hint)])).await.expect(200);
    assert!(!at.works(&tokens.member("access_token")).await);
}

#[tokio::test]
async fn grants_of_a_session_that_a_log_in_replaced_end_with_its_successor_or_with_another_user() {
    let sandbox = Sandbox::start().await;
    let at = &sandbox.standard;
    let (mut browser, _, of_first) = logged_in(&sandbox).await;
    let (_, _, elsewhere) = logged_in(&sandbox).await;
    let again = code(&mut browser, &[("scope", "openid profile"), ("prompt", "login")]).await;
    let again = at.redeem(&WEB, &again).await.expect(200);
    assert!(at.works(&of_first).await, "the same user is still there");
    browser.get(&url(&[("id_token_hint", &again.member("id_token"))])).await.expect(200);
    assert!(!at.works(&of_first).await && !at.works(&again.member("access_token")).await);
    assert!(at.works(&elsewhere).await, "another browser");
    let (mut browser, _, of_an) = logged_in(&sandbox).await;
    let shown = browser.get(&browser.request(&[("prompt", "login")])).await.expect(200);
    browser.post_log_in(&form(&shown), "binh", PASSWORD).await.expect(303);
    assert!(!at.works(&of_an).await && at.works(&elsewhere).await);
}

#[tokio::test]
async fn a_log_out_that_failed_half_way_can_be_repeated() {
    let sandbox = Sandbox::start().await;
    let at = &sandbox.standard;
    for verb in ["grants", "revoke", "remove_session"] {
        let (mut browser, hint, access_token) = logged_in(&sandbox).await;
        let target = url(&[("id_token_hint", &hint), ("post_logout_redirect_uri", BYE)]);
        sandbox.store.fail_verb(Some(verb));
        let failed = browser.get(&target).await.page(503, "temporarily_unavailable");
        assert!(failed.cookies().is_empty());
        sandbox.store.fail_verb(None);
        assert!(is_logged_in(&mut browser).await, "{verb}");
        assert_eq!(browser.get(&target).await.expect(303).header("location"), BYE);
        assert!(!at.works(&access_token).await && !is_logged_in(&mut browser).await, "{verb}");
    }
}

#[tokio::test]
async fn the_page_that_asks_escapes_what_comes_back_and_lets_its_answer_lead_to_the_client() {
    let sandbox = Sandbox::start().await;
    let (mut browser, ..) = logged_in(&sandbox).await;
    let state = "\"><script>alert(1)</script>";
    let parameters =
        [("client_id", WEB.client_id), ("post_logout_redirect_uri", BYE), ("state", state), ("ui_locales", "en")];
    let shown = browser.get(&url(&parameters)).await;
    assert!(asks(&shown) && !shown.body.contains("<script"), "{}", shown.body);
    assert!(shown.body.contains("<html lang=\"en\">"));
    assert!(shown.header("content-security-policy").contains("form-action 'self' http://localhost:8080;"));
}
