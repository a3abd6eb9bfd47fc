//! The authorization endpoint: from the request to the code, through log-in and consent.

use kimbai_core::authorize::{AuthorizationRequest, AuthorizeError, Decision, PageProblem, Parameter};
use kimbai_core::client::ConsentPolicy;
use kimbai_core::grant::Seen;
use kimbai_core::scope::ScopeSet;
use kimbai_engine::{AuthorizationCode, Authorized, BrowserSecret, GrantedCode, NewClient, SignedIn, Visit};
use kimbai_store::{Activity, GrantsOf, Ledger as _};

use crate::fixture::{CHALLENGE, Fixture, PASSWORD, REDIRECT_URI, VERIFIER, code_grant, refresh_token, secret, source};

const ALLOW: Option<Decision> = Some(Decision::Allow { ticked: ScopeSet::EMPTY });

fn once(value: &str) -> Parameter {
    Parameter::Once(value.to_owned())
}

fn request(client_id: &str, scope: &str) -> AuthorizationRequest {
    AuthorizationRequest {
        client_id: once(client_id),
        redirect_uri: once(REDIRECT_URI),
        response_type: once("code"),
        scope: once(scope),
        state: once("12345678"),
        code_challenge: once(CHALLENGE),
        code_challenge_method: once("S256"),
        ..Default::default()
    }
}

async fn sign_in(fixture: &Fixture) -> SignedIn {
    let credentials = ("an", &secret(PASSWORD));
    fixture.engine.log_in(&fixture.realm, credentials, &BrowserSecret::generate(), source(1)).await.unwrap()
}

async fn authorize(
    fixture: &Fixture,
    request: &AuthorizationRequest,
    signed_in: Option<&SignedIn>,
    decision: Option<Decision>,
) -> Authorized {
    let visit = Visit { signed_in, decision, ..Visit::default() };
    fixture.engine.authorize(&fixture.realm, request, visit).await.unwrap()
}

fn code(authorized: Authorized) -> AuthorizationCode {
    match authorized {
        Authorized::Code(GrantedCode { target, code, id_token: None, session_state: None, .. }) => {
            assert_eq!((target.redirect_uri.as_str(), target.state.as_deref()), (REDIRECT_URI, Some("12345678")));
            code
        }
        other => panic!("{other:?}"),
    }
}

fn asks(authorized: &Authorized) -> bool {
    matches!(authorized, Authorized::AskConsent(_))
}

async fn set_consent(fixture: &Fixture, client_id: &str, consent: ConsentPolicy) {
    let mut metadata = fixture.realm.client(client_id).unwrap().metadata.clone();
    metadata.consent = Some(consent);
    let client = NewClient { client_id: client_id.to_owned(), client_secret: None, metadata };
    fixture.engine.put_client(&fixture.realm, client).await.unwrap();
}

#[tokio::test]
async fn from_the_request_to_a_refreshed_token() {
    let fixture = Fixture::standard().await;
    for client_id in ["web", "post", "spa"] {
        let request = request(client_id, "offline order");
        assert!(matches!(authorize(&fixture, &request, None, None).await, Authorized::LogIn(..)));
        assert!(matches!(authorize(&fixture, &request, None, ALLOW).await, Authorized::LogIn(..)), "nobody signed in");
        let signed_in = sign_in(&fixture).await;
        match authorize(&fixture, &request, Some(&signed_in), None).await {
            Authorized::AskConsent(asked) => {
                assert_eq!((asked.client.client_id.as_str(), asked.user_name.as_str()), (client_id, "an"));
                assert_eq!((asked.scope, asked.optional), (fixture.scope("offline order"), fixture.scope("order")));
            }
            other => panic!("{other:?}"),
        }
        let ticked = fixture.scope("order");
        let decision = Some(Decision::Allow { ticked });
        let code = code(authorize(&fixture, &request, Some(&signed_in), decision).await);
        let grant = code_grant(code.expose(), Some(REDIRECT_URI), Some(VERIFIER));
        let answer = fixture.ask(client_id, grant).await.unwrap();
        assert_eq!(answer.scope, fixture.scope("offline order"));
        assert!(fixture.refresh(client_id, &refresh_token(&answer)).await.is_ok());
    }
    let _ = fixture.audit("grant_opened", 3).await;
}

#[tokio::test]
async fn an_unknown_or_disabled_client_and_a_wrong_redirect_uri_get_a_page() {
    let fixture = Fixture::standard().await;
    let signed_in = sign_in(&fixture).await;
    fixture.engine.set_client_activity(&fixture.realm, "other", Activity::Disabled).await.unwrap();
    let evil = AuthorizationRequest { redirect_uri: once("https://example.com.evil.test/"), ..request("web", "order") };
    let twice = AuthorizationRequest { client_id: Parameter::Malformed, ..request("web", "order") };
    for (request, expect) in [
        (request("nobody", "order"), PageProblem::Client),
        (request("other", "order"), PageProblem::Client),
        (twice, PageProblem::Client),
        (evil, PageProblem::RedirectUri),
        (request("in-house", "order"), PageProblem::RedirectUri),
    ] {
        for decision in [None, ALLOW, Some(Decision::Deny)] {
            match authorize(&fixture, &request, Some(&signed_in), decision).await {
                Authorized::Page(problem) => assert_eq!(problem, expect),
                other => panic!("{other:?}"),
            }
        }
    }
}

#[tokio::test]
async fn a_faulty_request_is_told_before_anyone_logs_in() {
    let fixture = Fixture::marketplace().await;
    let short = AuthorizationRequest { state: once("1234567"), ..request("web", "order") };
    match authorize(&fixture, &short, None, None).await {
        Authorized::Error { target, error } => {
            assert_eq!((target.redirect_uri.as_str(), target.state.as_deref()), (REDIRECT_URI, Some("1234567")));
            assert_eq!(error, AuthorizeError::State(8));
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_denial_stores_nothing() {
    let fixture = Fixture::marketplace().await;
    let signed_in = sign_in(&fixture).await;
    let request = request("web", "order");
    match authorize(&fixture, &request, Some(&signed_in), Some(Decision::Deny)).await {
        Authorized::Error { error, target } => {
            assert_eq!((error, target.state.as_deref()), (AuthorizeError::AccessDenied, Some("12345678")));
        }
        other => panic!("{other:?}"),
    }
    assert!(asks(&authorize(&fixture, &request, Some(&signed_in), None).await));
    fixture.assert_not_audited("grant_opened").await;
}

#[tokio::test]
async fn a_consent_is_remembered_for_the_same_or_fewer_scopes() {
    let fixture = Fixture::marketplace().await;
    let signed_in = sign_in(&fixture).await;
    code(authorize(&fixture, &request("web", "offline order"), Some(&signed_in), ALLOW).await);
    for (client_id, scope, expect) in [
        ("web", "offline order", false),
        ("web", "order", false),
        ("web", "order product", true),
        ("web", "product", true),
        ("other", "order", true),
    ] {
        let authorized = authorize(&fixture, &request(client_id, scope), Some(&signed_in), None).await;
        assert_eq!(asks(&authorized), expect, "{client_id} {scope}");
    }
    code(authorize(&fixture, &request("web", "product"), Some(&signed_in), ALLOW).await);
    let all = authorize(&fixture, &request("web", "offline order product"), Some(&signed_in), None).await;
    assert!(!asks(&all), "what was agreed to adds up");
    fixture.engine.withdraw_consent(&fixture.realm, fixture.an, "web").await.unwrap();
    assert!(asks(&authorize(&fixture, &request("web", "order"), Some(&signed_in), None).await));
}

#[tokio::test]
async fn consent_is_asked_for_always_or_never_where_the_client_says_so() {
    let fixture = Fixture::marketplace().await;
    let signed_in = sign_in(&fixture).await;
    set_consent(&fixture, "web", ConsentPolicy::Always).await;
    set_consent(&fixture, "other", ConsentPolicy::Never).await;
    code(authorize(&fixture, &request("web", "order"), Some(&signed_in), ALLOW).await);
    assert!(asks(&authorize(&fixture, &request("web", "order"), Some(&signed_in), None).await));
    code(authorize(&fixture, &request("other", "order"), Some(&signed_in), None).await);
    set_consent(&fixture, "web", ConsentPolicy::Remembered).await;
    let authorized = authorize(&fixture, &request("web", "order"), Some(&signed_in), None).await;
    assert!(asks(&authorized), "what was said then was not to be remembered");
}

#[tokio::test]
async fn what_is_left_out_is_neither_granted_nor_remembered() {
    let fixture = Fixture::standard().await;
    let signed_in = sign_in(&fixture).await;
    let request = request("web", "offline order product");
    let decision = Some(Decision::Allow { ticked: fixture.scope("product") });
    let code = code(authorize(&fixture, &request, Some(&signed_in), decision).await);
    let answer = fixture.ask("web", code_grant(code.expose(), Some(REDIRECT_URI), Some(VERIFIER))).await.unwrap();
    assert_eq!(answer.scope, fixture.scope("offline product"));
    assert!(asks(&authorize(&fixture, &request, Some(&signed_in), None).await));
}

#[tokio::test]
async fn two_posts_of_one_consent_open_two_codes() {
    let fixture = Fixture::marketplace().await;
    let signed_in = sign_in(&fixture).await;
    let request = request("web", "order");
    let first = code(authorize(&fixture, &request, Some(&signed_in), ALLOW).await);
    let second = code(authorize(&fixture, &request, Some(&signed_in), ALLOW).await);
    assert_ne!(first, second);
    for code in [first, second] {
        let grant = code_grant(code.expose(), Some(REDIRECT_URI), Some(VERIFIER));
        assert!(fixture.ask("web", grant).await.is_ok());
    }
}

#[tokio::test]
async fn a_user_disabled_in_between_is_given_no_code() {
    let fixture = Fixture::marketplace().await;
    let signed_in = sign_in(&fixture).await;
    fixture.engine.set_user_activity(&fixture.realm, "an", Activity::Disabled).await.unwrap();
    fixture.engine.set_user_activity(&fixture.realm, "an", Activity::Enabled).await.unwrap();
    // The session is of the epoch before.
    logs_in_again(&authorize(&fixture, &request("web", "order"), Some(&signed_in), ALLOW).await);
    assert!(fixture.grants_of(&signed_in).await.is_empty());
}

#[track_caller]
fn logs_in_again(authorized: &Authorized) {
    match authorized {
        Authorized::Error { error, .. } => assert_eq!(*error, AuthorizeError::LogInRequired),
        other => panic!("{other:?}"),
    }
}

impl Fixture {
    /// The grants of a user that are not over.
    async fn grants_of(&self, signed_in: &SignedIn) -> Vec<Seen> {
        self.store.grants(self.realm.number, GrantsOf::User(signed_in.user()), None, 10).await.unwrap().grants
    }
}

#[tokio::test]
async fn a_person_is_greeted_by_name() {
    let fixture = Fixture::marketplace().await;
    assert_eq!(fixture.engine.user_name(&fixture.realm, fixture.an).await.unwrap(), "an");
    let nobody = kimbai_core::number::UserNumber(9_999);
    assert!(fixture.engine.user_name(&fixture.realm, nobody).await.is_err());
}

#[tokio::test]
async fn a_code_is_not_opened_in_a_session_that_has_ended_meanwhile() {
    let fixture = Fixture::standard().await;
    set_consent(&fixture, "web", ConsentPolicy::Never).await;
    let request = request("web", "offline order");
    // Read when the request came, and ended by another one before its code was made.
    let signed_in = sign_in(&fixture).await;
    code(authorize(&fixture, &request, Some(&signed_in), None).await);
    let before = fixture.grants_of(&signed_in).await;
    fixture.engine.log_out(&fixture.realm, &signed_in).await.unwrap();
    logs_in_again(&authorize(&fixture, &request, Some(&signed_in), None).await);
    // The one before has offline access, and lives on alone.
    let after = fixture.grants_of(&signed_in).await;
    assert!(before.len() == 1 && after.len() == 1 && before[0].grant.id == after[0].grant.id, "{after:?}");
}
