//! Sessions and the forms that were shown to them.

use kimbai_core::authorize::{AuthorizationRequest, Parameter, Progress};
use kimbai_core::number::UserNumber;
use kimbai_engine::{BrowserSecret, FormBinding, FormFault, SessionSecret, SignedIn};
use kimbai_store::Activity;

use crate::fixture::{Fixture, PASSWORD, marketplace, secret, source};

async fn log_in(fixture: &Fixture, username: &str) -> SignedIn {
    let credentials = (username, &secret(PASSWORD));
    fixture.engine.log_in(&fixture.realm, credentials, &BrowserSecret::generate(), source(1)).await.unwrap()
}

async fn is_signed_in(fixture: &Fixture, signed_in: &SignedIn) -> bool {
    fixture.engine.signed_in(&fixture.realm, Some(signed_in.secret)).await.unwrap().is_some()
}

#[tokio::test]
async fn a_session_is_new_at_each_log_in() {
    let fixture = Fixture::marketplace().await;
    let (first, second) = (log_in(&fixture, "an").await, log_in(&fixture, "an").await);
    assert!(first.secret != second.secret);
    assert!(is_signed_in(&fixture, &first).await && is_signed_in(&fixture, &second).await);
    fixture.engine.end_session(&fixture.realm, &first.secret).await.unwrap();
    assert!(!is_signed_in(&fixture, &first).await);
    assert!(is_signed_in(&fixture, &second).await);
    assert!(fixture.engine.signed_in(&fixture.realm, None).await.unwrap().is_none());
    let forged = Some(SessionSecret::generate());
    assert!(fixture.engine.signed_in(&fixture.realm, forged).await.unwrap().is_none());
}

#[tokio::test]
async fn a_session_ends_after_eight_hours_unused() {
    for (seconds, expect) in [(28_740, true), (28_800, false)] {
        let fixture = Fixture::marketplace().await;
        let signed_in = log_in(&fixture, "an").await;
        fixture.clock.advance_s(seconds);
        assert_eq!(is_signed_in(&fixture, &signed_in).await, expect, "after {seconds} s");
    }
}

#[tokio::test]
async fn a_session_ends_after_seven_days_however_much_it_is_used() {
    let fixture = Fixture::marketplace().await;
    let signed_in = log_in(&fixture, "an").await;
    for _ in 0..23 {
        fixture.clock.advance_s(7 * 3_600);
        assert!(is_signed_in(&fixture, &signed_in).await);
    }
    fixture.clock.advance_s(7 * 3_600 - 60);
    assert!(is_signed_in(&fixture, &signed_in).await, "nearly seven days");
    fixture.clock.advance_s(60);
    assert!(!is_signed_in(&fixture, &signed_in).await);
}

#[tokio::test]
async fn a_session_ends_when_its_user_is_disabled_and_does_not_come_back() {
    let fixture = Fixture::marketplace().await;
    let (an, binh) = (log_in(&fixture, "an").await, log_in(&fixture, "binh").await);
    fixture.engine.set_user_activity(&fixture.realm, "an", Activity::Disabled).await.unwrap();
    assert!(!is_signed_in(&fixture, &an).await);
    fixture.engine.set_user_activity(&fixture.realm, "an", Activity::Enabled).await.unwrap();
    assert!(!is_signed_in(&fixture, &an).await);
    assert!(is_signed_in(&fixture, &binh).await);
    let again = log_in(&fixture, "an").await;
    assert!(is_signed_in(&fixture, &again).await);
}

#[tokio::test]
async fn cookies_of_one_realm_or_purpose_are_nothing_to_another() {
    let here = Fixture::marketplace().await;
    let twin = here.beside("twin", &marketplace()).await;
    let signed_in = log_in(&here, "an").await;
    let cookie = signed_in.secret.seal(&here.realm);
    assert!(SessionSecret::open(&here.realm, &cookie) == Some(signed_in.secret));
    assert!(SessionSecret::open(&twin.realm, &cookie).is_none());
    assert!(BrowserSecret::open(&here.realm, &cookie).is_none());
    assert!(twin.engine.signed_in(&twin.realm, Some(signed_in.secret)).await.unwrap().is_none());
    for forged in ["", "x", &cookie[1..], &format!("{cookie}A"), &cookie.to_lowercase()] {
        assert!(SessionSecret::open(&here.realm, forged).is_none(), "{forged}");
    }
    assert!(!format!("{signed_in:?}").contains(&cookie), "a cookie is not shown");
}

fn request() -> AuthorizationRequest {
    let once = |value: &str| Parameter::Once(value.to_owned());
    AuthorizationRequest { client_id: once("web"), scope: once("order"), state: once("12345678"), ..Default::default() }
}

#[tokio::test]
async fn a_form_counts_for_its_step_browser_and_request_for_an_hour() {
    let fixture = Fixture::marketplace().await;
    let twin = fixture.beside("twin", &marketplace()).await;
    let (browser, session) = (BrowserSecret::generate(), SessionSecret::generate());
    let (other_browser, other_session) = (BrowserSecret::generate(), SessionSecret::generate());
    let (mine, consent) = (FormBinding::LogIn(&browser), FormBinding::Consent(&session));
    let shown = fixture.engine.now();
    let hinted = AuthorizationRequest { login_hint: Parameter::Once("ảnh".to_owned()), ..request() };
    let begun =
        fixture.engine.begin(&fixture.realm, &hinted, &fixture.realm.client("web").unwrap()).await.unwrap().unwrap();
    let progress = begun.progress.wants_another(shown).chose(UserNumber(7));
    let carried = begun.at(progress);
    assert_eq!(carried.login_hint, "ảnh");
    let log_in_form = fixture.realm.continuation(mine, &request(), &carried, shown);
    let consent_form = fixture.realm.continuation(consent, &request(), &carried, shown);
    let of_twin = twin.realm.continuation(mine, &request(), &carried, shown);
    let mut wider = request();
    wider.scope = Parameter::Once("order product".to_owned());
    let mut stateless = request();
    stateless.state = Parameter::Absent;
    let mut moved = request();
    moved.redirect_uri = Parameter::Once("12345678".to_owned());
    moved.state = Parameter::Absent;
    let late = shown.plus_s(3_600);
    let (log_in_form, consent_form) = (log_in_form.as_str(), consent_form.as_str());
    let cut = &log_in_form[..log_in_form.len() - 1];
    for (form, binding, request, now, expect) in [
        (Some(log_in_form), mine, request(), shown, Ok(carried.clone())),
        (Some(log_in_form), mine, hinted, shown, Ok(carried.clone())),
        (Some(consent_form), consent, request(), shown, Ok(carried.clone())),
        (Some(log_in_form), mine, request(), shown.plus_s(3_598), Ok(carried.clone())),
        (Some(log_in_form), FormBinding::Return(&browser), request(), shown, Err(FormFault::Foreign)),
        (Some(log_in_form), FormBinding::Anybody, request(), shown, Err(FormFault::Foreign)),
        (Some(consent_form), FormBinding::Account(&session), request(), shown, Err(FormFault::Foreign)),
        (Some(log_in_form), mine, request(), late, Err(FormFault::Expired)),
        (Some(consent_form), consent, request(), late, Err(FormFault::Expired)),
        (Some(log_in_form), FormBinding::LogIn(&other_browser), request(), shown, Err(FormFault::OtherBrowser)),
        (Some(consent_form), FormBinding::Consent(&other_session), request(), shown, Err(FormFault::OtherBrowser)),
        (Some(log_in_form), mine, wider.clone(), shown, Err(FormFault::OtherRequest)),
        (Some(log_in_form), mine, stateless, shown, Err(FormFault::OtherRequest)),
        (Some(log_in_form), mine, moved, shown, Err(FormFault::OtherRequest)),
        (Some(consent_form), consent, wider, shown, Err(FormFault::OtherRequest)),
        (Some(log_in_form), consent, request(), shown, Err(FormFault::Foreign)),
        (Some(consent_form), mine, request(), shown, Err(FormFault::Foreign)),
        (Some(of_twin.as_str()), mine, request(), shown, Err(FormFault::Foreign)),
        (Some(cut), mine, request(), shown, Err(FormFault::Foreign)),
        (Some(""), mine, request(), shown, Err(FormFault::Foreign)),
        (None, mine, request(), shown, Err(FormFault::Foreign)),
    ] {
        let found = fixture.realm.check_continuation(form, binding, &request, now);
        assert_eq!(found, expect, "{form:?} {binding:?} {request:?}");
    }
}

#[tokio::test]
async fn hints_outlive_the_form_that_carries_them_and_nothing_else_of_it_does() {
    let fixture = Fixture::marketplace().await;
    let (browser, session) = (BrowserSecret::generate(), SessionSecret::generate());
    let hinted = AuthorizationRequest { login_hint: Parameter::Once("an".to_owned()), ..request() };
    let client = fixture.realm.client("web").unwrap();
    let shown = fixture.engine.now();
    let begun = fixture.engine.begin(&fixture.realm, &hinted, &client).await.unwrap().unwrap();
    let unhinted = fixture.engine.begin(&fixture.realm, &request(), &client).await.unwrap().unwrap();
    let settled = begun.at(begun.progress.chose(UserNumber(7)));
    let hints = |carried, binding, request: &AuthorizationRequest, now| {
        let sealed = fixture.realm.continuation(binding, &self::request(), carried, shown);
        fixture.realm.hints(Some(&sealed), request, now)
    };
    let late = shown.plus_s(86_400);
    let (log_in, consent) = (FormBinding::LogIn(&browser), FormBinding::Consent(&session));
    let (account, way_back) = (FormBinding::Account(&session), FormBinding::Return(&browser));
    for (binding, now, is_kept) in [
        (log_in, shown, true),
        (log_in, late, true),
        (consent, late, true),
        (account, late, true),
        (FormBinding::Anybody, shown, true),
        // In a URL the name is shown to nobody else, and not for ever.
        (FormBinding::Anybody, late, false),
        (way_back, shown, false),
    ] {
        let kept = hints(&settled, binding, &request(), now);
        let expect = is_kept.then(|| begun.at(Progress::begun(now)));
        assert_eq!(kept, expect, "{binding:?} {now:?}");
    }
    let stateless = AuthorizationRequest { state: Parameter::Absent, ..request() };
    assert_eq!(hints(&settled, log_in, &stateless, shown), None);
    assert_eq!(hints(&unhinted, log_in, &request(), shown), None);
    for nothing in [None, Some(""), Some("x")] {
        assert_eq!(fixture.realm.hints(nothing, &request(), shown), None);
    }
}
