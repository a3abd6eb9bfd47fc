//! Users by command: made, given another password, disabled, listed; one subject each.

use kimbai_core::authorize::{AuthorizationRequest, Decision, Parameter};
use kimbai_core::scope::ScopeSet;
use kimbai_core::token::Refusal;
use kimbai_engine::admin::{
    AdminError, Apply, Enabled, PlainSecret, Prune, UserAdd, UserList, UserManifest, UserPasswd, UserSetActivity,
    UserView,
};
use kimbai_engine::{
    Authorized, BrowserSecret, DEMO_PASSWORD_HASH, Engine, GrantedCode, LogInRefusal, NewUser, SignedIn, TokenAnswer,
    UserClaims, Visit,
};
use serde_json::{Value, json};

use super::{Operator, administration, invalid, of_marketplace, read};
use crate::fixture::{
    Answered as _, Fixture, PASSWORD, PASSWORD_HASH, REDIRECT_URI, code_grant, refresh_token, secret, source,
};

const NEW_PASSWORD: &str = "một mật khẩu khác";

fn add(username: &str, user: Value) -> UserAdd {
    UserAdd { realm: None, username: username.to_owned(), user: serde_json::from_value(user).unwrap() }
}

fn passwd(username: &str, password: &str) -> UserPasswd {
    let password = PlainSecret::new(password.to_owned());
    UserPasswd { realm: None, username: username.to_owned(), password }
}

fn set(username: &str, enabled: Enabled) -> UserSetActivity {
    UserSetActivity { realm: None, username: username.to_owned(), enabled }
}

async fn log_in(fixture: &Fixture, username: &str, password: &str) -> Result<SignedIn, LogInRefusal> {
    let browser = BrowserSecret::generate();
    fixture.engine.log_in(&fixture.realm, (username, &secret(password)), &browser, source(1)).await
}

async fn is_signed_in(fixture: &Fixture, signed_in: &SignedIn) -> bool {
    fixture.engine.signed_in(&fixture.realm, Some(signed_in.secret)).await.unwrap().is_some()
}

fn names(users: &[UserView]) -> Vec<&str> {
    users.iter().map(|user| user.username.as_str()).collect()
}

#[tokio::test]
async fn a_user_is_made_and_logs_in_and_is_listed_under_one_spelling() {
    let operator = Operator::new().await;
    let asked = json!({ "name": "Dũng", "email": "dung@example.vn", "password": NEW_PASSWORD });
    let added = operator.run(add(" Dung ", asked)).await.unwrap().user;
    assert_eq!((added.username.as_str(), added.name.as_str(), added.status), ("dung", "Dũng", Enabled::Enabled));
    assert_eq!(added.sub.len(), 32);
    assert!(log_in(&operator.fixture, "DUNG", NEW_PASSWORD).await.is_ok());
    let list = |after: Option<&str>, limit| UserList { realm: None, after: after.map(str::to_owned), limit };
    assert_eq!(names(&operator.run(list(None, 100)).await.unwrap()), ["an", "binh", "chi", "dung"]);
    assert_eq!(names(&operator.run(list(None, 2)).await.unwrap()), ["an", "binh"]);
    assert_eq!(names(&operator.run(list(Some("BINH"), 2)).await.unwrap()), ["chi", "dung"]);
    assert!(operator.run(list(Some("dung"), 2)).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_user_that_exists_is_not_made_again_and_one_that_does_not_is_not_found() {
    let operator = Operator::new().await;
    let before = operator.export().await;
    for spelling in ["an", "AN ", "\u{ff41}n"] {
        let refused = operator.run(add(spelling, json!({ "password": NEW_PASSWORD }))).await;
        assert!(matches!(refused, Err(AdminError::Exists(_))), "{spelling}");
    }
    for missing in [
        operator.run(passwd("nobody", NEW_PASSWORD)).await,
        operator.run(set("nobody", Enabled::Disabled)).await.map(drop),
    ] {
        assert!(matches!(missing, Err(AdminError::NotFound(_))), "{missing:?}");
    }
    assert_eq!(operator.export().await, before);
}

#[tokio::test]
async fn a_new_password_ends_the_old_one_and_all_sessions() {
    let operator = Operator::new().await;
    let fixture = &operator.fixture;
    let by_command = log_in(fixture, "an", PASSWORD).await.unwrap();
    let unharmed = log_in(fixture, "chi", PASSWORD).await.unwrap();
    operator.run(passwd(" AN ", NEW_PASSWORD)).await.unwrap();
    let by_file = log_in(fixture, "binh", PASSWORD).await.unwrap();
    let asked = json!({ "users": { "binh": { "password": NEW_PASSWORD } } });
    operator.apply(of_marketplace(asked)).await.unwrap();
    for (username, session) in [("an", by_command), ("binh", by_file)] {
        assert!(!is_signed_in(fixture, &session).await, "{username}");
        assert_eq!(log_in(fixture, username, PASSWORD).await.unwrap_err(), LogInRefusal::Wrong);
        assert!(log_in(fixture, username, NEW_PASSWORD).await.is_ok());
    }
    assert!(is_signed_in(fixture, &unharmed).await);
    assert_eq!(fixture.audit("password_changed", 2).await[1].user, Some(fixture.an.0));
}

/// Tokens that a client was given in this session.
async fn tokens(fixture: &Fixture, signed_in: &SignedIn, scope: &str) -> TokenAnswer {
    let once = |value: &str| Parameter::Once(value.to_owned());
    let request = AuthorizationRequest {
        client_id: once("web"),
        redirect_uri: once(REDIRECT_URI),
        response_type: once("code"),
        scope: once(scope),
        state: once("12345678"),
        ..Default::default()
    };
    let decision = Some(Decision::Allow { ticked: ScopeSet::EMPTY });
    let visit = Visit { signed_in: Some(signed_in), decision, ..Visit::default() };
    match fixture.engine.authorize(&fixture.realm, &request, visit).await.unwrap() {
        Authorized::Code(GrantedCode { code, .. }) => {
            fixture.ask("web", code_grant(code.expose(), Some(REDIRECT_URI), None)).await.unwrap()
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_new_password_ends_the_grants_that_live_no_longer_than_a_session() {
    let operator = Operator::new().await;
    let fixture = &operator.fixture;
    let minted = fixture.redeem("web", &fixture.code("web", "order").await).await.unwrap();
    for (round, by_file) in [(1, false), (2, true)] {
        let password = if round == 1 { PASSWORD } else { NEW_PASSWORD };
        let signed_in = log_in(fixture, "an", password).await.unwrap();
        let online = tokens(fixture, &signed_in, "order").await;
        let offline = tokens(fixture, &signed_in, "order offline").await;
        if by_file {
            let asked = json!({ "users": { "an": { "password": format!("{NEW_PASSWORD} again") } } });
            operator.apply(of_marketplace(asked)).await.unwrap();
        } else {
            operator.run(passwd("an", NEW_PASSWORD)).await.unwrap();
        }
        assert!(!fixture.works(&online.access_token).await, "round {round}");
        assert!(fixture.works(&offline.access_token).await, "round {round}");
        assert!(fixture.refresh("web", &refresh_token(&offline)).await.is_ok(), "round {round}");
    }
    assert!(fixture.works(&minted.access_token).await, "no browser was there when it was given");
    let _ = fixture.audit("session_ended", 2).await;
}

#[tokio::test]
async fn the_standard_claims_of_a_user_are_given_kept_and_written_out_again() {
    let operator = Operator::new().await;
    let claims = json!({ "phone_number": "+84901234567", "address": { "country": "VN" } });
    operator.run(add("dung", json!({ "password": NEW_PASSWORD, "claims": claims }))).await.unwrap();
    let asked = json!({ "users": { "dung": { "claims": { "locale": "vi-VN" } } } });
    let applied = operator.apply(of_marketplace(asked)).await.unwrap();
    assert_eq!(applied.steps[0].changes, ["claims.locale"]);
    let list = UserList { realm: None, after: Some("chi".to_owned()), limit: 1 };
    let listed = serde_json::to_value(&operator.run(list).await.unwrap()[0].claims).unwrap();
    let expect = json!({ "phone_number": "+84901234567", "address": { "country": "VN" }, "locale": "vi-VN" });
    assert_eq!(listed, expect);
    for wrong in [json!({ "sub": "x" }), json!({ "iss": "x" }), json!({ "picture": "x".repeat(8_192) })] {
        let refused = serde_json::from_value::<UserManifest>(json!({ "claims": wrong }));
        let is_refused = match refused {
            Ok(_) => operator.apply(of_marketplace(json!({ "users": { "dung": { "claims": wrong } } }))).await.is_err(),
            Err(_) => true,
        };
        assert!(is_refused, "{wrong}");
    }
}

#[tokio::test]
async fn what_identifies_a_user_to_a_state_is_kept_and_is_in_no_list() {
    let operator = Operator::new().await;
    let identity = json!({ "nationality": "VN", "documents": [{ "type": "HC", "number": "B1234567" }] });
    operator.run(add("dung", json!({ "password": NEW_PASSWORD, "identity": identity }))).await.unwrap();
    let asked = json!({ "users": { "dung": { "identity": { "nationality": "FR" } } } });
    let applied = operator.apply(of_marketplace(asked)).await.unwrap();
    assert_eq!(applied.steps[0].changes, ["identity.nationality"], "papers are not repeated");
    let fixture = &operator.fixture;
    let dung = fixture.engine.user_by_name(&fixture.realm, "dung").await.unwrap().unwrap();
    let known = fixture.engine.user_claims(&fixture.realm, dung.0).await.unwrap().identity;
    assert_eq!((known.nationality.as_deref(), known.documents.unwrap().len()), (Some("FR"), 1));
    let list = UserList { realm: None, after: None, limit: 10 };
    let listed = serde_json::to_string(&operator.run(list).await.unwrap()).unwrap();
    assert!(!listed.contains("B1234567"), "{listed}");
    for wrong in [json!({ "sub": "x" }), json!({ "nationality": "x".repeat(8_192) })] {
        let asked = json!({ "users": { "dung": { "identity": wrong } } });
        let is_refused = match serde_json::from_value::<UserManifest>(json!({ "identity": wrong })) {
            Ok(_) => operator.apply(of_marketplace(asked)).await.is_err(),
            Err(_) => true,
        };
        assert!(is_refused, "{wrong}");
    }
}

#[tokio::test]
async fn a_file_with_the_password_that_stands_ends_no_session() {
    let operator = Operator::new().await;
    operator.run(passwd("an", NEW_PASSWORD)).await.unwrap();
    let session = log_in(&operator.fixture, "an", NEW_PASSWORD).await.unwrap();
    let asked = json!({ "users": { "an": { "password": NEW_PASSWORD, "name": "Ảnh" } } });
    assert_eq!(operator.apply(of_marketplace(asked)).await.unwrap().steps[0].changes, ["name: \"an\" -> \"Ảnh\""]);
    assert!(is_signed_in(&operator.fixture, &session).await);
    assert!(log_in(&operator.fixture, "an", NEW_PASSWORD).await.is_ok(), "and the password stays");
}

#[tokio::test]
async fn a_password_has_eight_characters_and_1024_bytes_at_most() {
    let operator = Operator::new().await;
    for (password, expect) in [
        ("ậậậậậậậ".to_owned(), false),
        ("ậậậậậậậậ".to_owned(), true),
        ("x".repeat(1_025), false),
        ("x".repeat(1_024), true),
        ("env:PASSWORD".to_owned(), false),
        ("file:/run/password".to_owned(), false),
    ] {
        let answered = operator.run(passwd("an", &password)).await;
        assert_eq!(answered.is_ok(), expect, "{password}");
        assert_eq!(log_in(&operator.fixture, "an", &password).await.is_ok(), expect, "{password}");
    }
}

#[tokio::test]
async fn a_disabled_user_is_dead_at_once_with_its_sessions_and_enabling_revives_nothing() {
    let operator = Operator::new().await;
    let fixture = &operator.fixture;
    let (session, answer) = (log_in(fixture, "an", PASSWORD).await.unwrap(), fixture.log_in("web").await);
    let code = fixture.code("web", "order").await;
    assert_eq!(operator.run(set("An", Enabled::Disabled)).await.unwrap().status, Enabled::Disabled);
    assert_eq!(log_in(fixture, "an", PASSWORD).await.unwrap_err(), LogInRefusal::Wrong);
    for enabled in [Enabled::Disabled, Enabled::Enabled] {
        assert_eq!(operator.run(set("an", enabled)).await.unwrap().status, enabled);
        assert!(!is_signed_in(fixture, &session).await);
        for dead in [&answer.access_token, &refresh_token(&answer)] {
            assert!(!fixture.works(dead).await);
        }
        assert_eq!(fixture.refresh("web", &refresh_token(&answer)).await.refusal(), Refusal::UserEnded);
        assert!(fixture.redeem("web", &code).await.is_err());
    }
    let session = log_in(fixture, "an", PASSWORD).await.unwrap();
    assert!(is_signed_in(fixture, &session).await && fixture.works(&fixture.log_in("web").await.access_token).await);
}

#[tokio::test]
async fn two_users_have_two_subjects() {
    let operator = Operator::new().await;
    let taken = json!({ "users": { "dung": { "sub": "2" }, "hoa": { "sub": "4" }, "giang": { "sub": "4" } } });
    let mistakes = operator.mistakes(of_marketplace(taken)).await;
    assert_eq!(
        mistakes,
        [
            "realms.marketplace.users.hoa: sub: giang is to have it",
            "realms.marketplace.users.dung: sub: the user binh has it",
        ]
    );
    assert!(invalid(operator.run(add("dung", json!({ "sub": "1" }))).await)[0].ends_with("sub: the user an has it"));
    assert_eq!(operator.run(add("dung", json!({ "sub": "4" }))).await.unwrap().user.sub, "4");
    let spellings = json!({ "users": { "Hoa": { "sub": "5" }, "hoa": { "sub": "6" } } });
    let mistakes = operator.mistakes(of_marketplace(spellings)).await;
    assert_eq!(mistakes, ["realms.marketplace.users.hoa: it is another spelling of Hoa"]);
    let elsewhere =
        json!({ "realms": { "second": { "issuer": "https://b.example.vn", "users": { "an": { "sub": "1" } } } } });
    assert!(operator.apply(elsewhere).await.is_ok(), "a subject is one of its realm");
}

#[tokio::test]
async fn a_subject_has_255_visible_characters_at_most() {
    let operator = Operator::new().await;
    for (sub, expect) in [
        (String::new(), false),
        ("x".repeat(255), true),
        ("x".repeat(256), false),
        ("a b".to_owned(), false),
        ("số".to_owned(), false),
    ] {
        let added = operator.run(add(&format!("user-{}", sub.len()), json!({ "sub": sub }))).await;
        assert_eq!(added.is_ok(), expect, "{sub}");
    }
}

#[tokio::test]
async fn the_sandboxs_password_is_refused_in_both_forms() {
    let operator = Operator::new().await;
    for asked in [json!({ "password": PASSWORD }), json!({ "password_hash": DEMO_PASSWORD_HASH })] {
        let mistakes = operator.mistakes(of_marketplace(json!({ "users": { "dung": asked } }))).await;
        assert!(mistakes[0].contains("it is the sandbox's"), "{mistakes:?}");
    }
    assert!(invalid(operator.run(passwd("an", PASSWORD)).await)[0].contains("it is the sandbox's"));
    // A store that a sandbox filled: nobody gets in by what everybody knows.
    let claims = UserClaims { sub: "9".to_owned(), name: "Demo".to_owned(), email: None, ..UserClaims::default() };
    let demo = NewUser { username: "demo".to_owned(), password_hash: DEMO_PASSWORD_HASH.to_owned(), claims };
    operator.fixture.engine.put_user(&operator.fixture.realm, demo).await.unwrap();
    assert_eq!(log_in(&operator.fixture, "demo", PASSWORD).await.unwrap_err(), LogInRefusal::Wrong);
}

#[tokio::test]
async fn the_sandbox_itself_takes_its_own_password() {
    let fixture = Fixture::marketplace().await;
    let master = kimbai_keyring::MasterKey::parse(&fixture.master).unwrap();
    let engine = std::sync::Arc::new(Engine::new(fixture.store.clone(), master).with_demo_people());
    engine.load().await.unwrap();
    let users = json!({ "d": { "password": PASSWORD }, "e": { "password_hash": DEMO_PASSWORD_HASH } });
    let manifest = read(of_marketplace(json!({ "users": users })));
    administration(&engine).run(Apply { manifest, prune: Prune::Keep, agreed: None }).await.unwrap();
    let fixture = Fixture { engine, ..fixture };
    for username in ["d", "e"] {
        assert!(log_in(&fixture, username, PASSWORD).await.is_ok(), "{username}");
    }
}

#[tokio::test]
async fn a_hash_is_taken_as_it_is() {
    let operator = Operator::new().await;
    let asked = of_marketplace(json!({ "users": { "dung": { "password_hash": *PASSWORD_HASH } } }));
    operator.apply(asked.clone()).await.unwrap();
    assert!(log_in(&operator.fixture, "dung", PASSWORD).await.is_ok());
    assert!(operator.apply(asked).await.unwrap().steps.is_empty());
}
