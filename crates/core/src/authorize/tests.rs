//! Authorization requests and decisions, by table.

use std::sync::Arc;

use super::{
    Acting, AuthorizationRequest, AuthorizeError, AuthorizeRefusal, Browsing, ConsentTerms, Consents, Decision,
    PageProblem, Parameter, Progress, ResponseMode, ResponseTarget, ResponseType, SessionView, Step, SubjectMatch,
    ValidRequest, decide, session_is_live, validate,
};
use crate::claims::{ClaimSet, RequestedClaims};
use crate::client::tests::{
    INVENTORY, OFFLINE, ORDER, PRODUCT, client, metadata, public_client, scope_table, settings,
};
use crate::client::{Client, ConsentPolicy, GrantType};
use crate::grant::{CodeBinding, PartyStanding, ShortDigest};
use crate::number::{ClientNumber, UserNumber};
use crate::organization::ServiceSettings;
use crate::pkce::{ChallengeError, CodeChallenge};
use crate::realm::{ConsentForm, PkcePolicy, RealmSettings};
use crate::scope::{OPENID, ScopeDefinition, ScopeError, ScopeSet, ScopeTable};
use crate::time::Micros;

mod acting;
mod hybrid;
mod pages;

const REDIRECT_URI: &str = "https://example.com/tiki/callback";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

fn once(value: &str) -> Parameter {
    Parameter::Once(value.to_owned())
}

fn request() -> AuthorizationRequest {
    AuthorizationRequest {
        client_id: once("7590139168389961"),
        redirect_uri: once(REDIRECT_URI),
        response_type: once("code"),
        response_mode: Parameter::Absent,
        scope: once("offline order"),
        state: once("12345678"),
        ..AuthorizationRequest::default()
    }
}

fn check(client: Option<Client>, request: &AuthorizationRequest) -> Result<ValidRequest, AuthorizeRefusal> {
    validate(request, client.map(Arc::new), &settings(), &scope_table())
}

fn refusal(client: Option<Client>, request: &AuthorizationRequest) -> AuthorizeRefusal {
    check(client, request).unwrap_err()
}

/// The error that is sent to the client, which gets its own state back.
fn error(client: Client, request: &AuthorizationRequest) -> AuthorizeError {
    match refusal(Some(client), request) {
        AuthorizeRefusal::Redirect { target, error } => {
            assert_eq!(target.redirect_uri, REDIRECT_URI);
            assert_eq!(target.state.as_deref(), request.state.value());
            error
        }
        page @ AuthorizeRefusal::Page(_) => panic!("{page:?}"),
    }
}

fn page(problem: PageProblem) -> AuthorizeRefusal {
    AuthorizeRefusal::Page(problem)
}

fn redirect(error: AuthorizeError, request: &AuthorizationRequest) -> AuthorizeRefusal {
    let state = request.state.value().map(str::to_owned);
    let mode = ResponseMode::Query;
    AuthorizeRefusal::Redirect { target: ResponseTarget { redirect_uri: REDIRECT_URI.to_owned(), state, mode }, error }
}

struct Attempt {
    client: Option<Client>,
    request: AuthorizationRequest,
}

type Mistake = (&'static str, fn(&mut Attempt), fn(&AuthorizationRequest) -> AuthorizeRefusal);

/// In the order in which they are noticed.
const MISTAKES: [Mistake; 17] = [
    ("client", |a| a.client = None, |_| page(PageProblem::Client)),
    ("redirect_uri", |a| a.request.redirect_uri = once("https://evil.test/"), |_| page(PageProblem::RedirectUri)),
    (
        "malformed",
        |a| a.request.code_challenge = Parameter::Malformed,
        |r| redirect(AuthorizeError::Malformed("code_challenge"), r),
    ),
    ("request", |a| a.request.request = once("e30.e30."), |r| redirect(AuthorizeError::RequestObject, r)),
    ("request_uri", |a| a.request.request_uri = once("urn:x"), |r| redirect(AuthorizeError::RequestUri, r)),
    (
        "grant",
        |a| {
            if let Some(client) = &mut a.client {
                client.metadata.grant_types = vec![GrantType::ClientCredentials];
            }
        },
        |r| redirect(AuthorizeError::UnauthorizedClient, r),
    ),
    (
        "unknown scope",
        |a| a.request.scope = once("inventory all"),
        |r| redirect(AuthorizeError::Scope(ScopeError::Unknown), r),
    ),
    ("another's scope", |a| a.request.scope = once("inventory"), |r| redirect(AuthorizeError::ScopeNotRegistered, r)),
    (
        "response_type",
        |a| a.request.response_type = once("device"),
        |r| redirect(AuthorizeError::UnsupportedResponseType, r),
    ),
    (
        "response_mode",
        |a| a.request.response_mode = once("web_message"),
        |r| redirect(AuthorizeError::UnsupportedResponseMode, r),
    ),
    ("state", |a| a.request.state = once("1234567"), |r| redirect(AuthorizeError::State(8), r)),
    (
        "challenge",
        |a| a.request.code_challenge_method = once("plain"),
        |r| redirect(AuthorizeError::Challenge(ChallengeError::Challenge), r),
    ),
    (
        "no challenge",
        |a| {
            if let Some(client) = &mut a.client {
                client.pkce = PkcePolicy::Required;
            }
        },
        |r| redirect(AuthorizeError::Challenge(ChallengeError::Missing), r),
    ),
    ("max_age", |a| a.request.max_age = once("-1"), |r| redirect(AuthorizeError::Malformed("max_age"), r)),
    ("claims", |a| a.request.claims = once("[]"), |r| redirect(AuthorizeError::Malformed("claims"), r)),
    (
        "acr",
        |a| {
            if a.request.claims == Parameter::Absent {
                a.request.claims = once(r#"{"id_token":{"acr":{"essential":true,"value":"9"}}}"#);
            }
        },
        |r| redirect(AuthorizeError::AuthenticationContext, r),
    ),
    ("prompt", |a| a.request.prompt = once("none login"), |r| redirect(AuthorizeError::PromptNone, r)),
];

#[test]
fn of_two_mistakes_the_first_in_the_order_is_answered() {
    for (position, (name, make, expect)) in MISTAKES.iter().enumerate() {
        let mut alone = Attempt { client: Some(client(|_| {})), request: request() };
        make(&mut alone);
        assert_eq!(refusal(alone.client, &alone.request), expect(&alone.request), "{name}");
        for (other, make_other, _) in &MISTAKES[position + 1..] {
            let mut both = Attempt { client: Some(client(|_| {})), request: request() };
            make_other(&mut both);
            make(&mut both);
            assert_eq!(refusal(both.client, &both.request), expect(&both.request), "{name} and {other}");
        }
    }
}

#[test]
fn a_client_that_is_not_named_exactly_once_and_active_is_told_on_a_page() {
    let mut disabled = client(|_| {});
    disabled.standing.active = false;
    assert_eq!(refusal(Some(disabled), &request()), page(PageProblem::Client));
    for client_id in [Parameter::Absent, Parameter::Malformed] {
        assert_eq!(refusal(None, &AuthorizationRequest { client_id, ..request() }), page(PageProblem::Client));
    }
}

#[test]
fn a_redirect_uri_is_registered_or_the_only_one() {
    const OTHER: &str = "http://127.0.0.1:8080/callback";
    for (registered, requested, expect) in [
        (vec![REDIRECT_URI], once(REDIRECT_URI), Ok(REDIRECT_URI)),
        (vec![REDIRECT_URI], Parameter::Absent, Ok(REDIRECT_URI)),
        (vec![REDIRECT_URI], Parameter::Malformed, Err(PageProblem::RedirectUri)),
        (vec![REDIRECT_URI], once("https://example.com/auth/tiki/callback"), Err(PageProblem::RedirectUri)),
        (vec![REDIRECT_URI], once("https://example.com/tiki/callback/"), Err(PageProblem::RedirectUri)),
        (vec![REDIRECT_URI, OTHER], Parameter::Absent, Err(PageProblem::RedirectUri)),
        (vec![REDIRECT_URI, OTHER], once(OTHER), Ok(OTHER)),
        (vec![REDIRECT_URI, OTHER], once("http://127.0.0.1:1/callback"), Ok("http://127.0.0.1:1/callback")),
        (vec![], once(REDIRECT_URI), Err(PageProblem::RedirectUri)),
        (vec![], Parameter::Absent, Err(PageProblem::RedirectUri)),
    ] {
        let mut client = client(|_| {});
        client.metadata.redirect_uris = registered.iter().map(|uri| (*uri).to_owned()).collect();
        let request = AuthorizationRequest { redirect_uri: requested, ..request() };
        let found = check(Some(client), &request).map(|valid| valid.target.redirect_uri);
        assert_eq!(found, expect.map(str::to_owned).map_err(page), "{registered:?} {:?}", request.redirect_uri);
    }
}

#[test]
fn a_parameter_that_is_there_twice_is_named() {
    type Repeat = fn(&mut AuthorizationRequest);
    let repeats: [(Repeat, &str); 10] = [
        (|r| r.nonce = Parameter::Malformed, "nonce"),
        (|r| r.prompt = Parameter::Malformed, "prompt"),
        (|r| r.id_token_hint = Parameter::Malformed, "id_token_hint"),
        (|r| r.request = Parameter::Malformed, "request"),
        (|r| r.response_type = Parameter::Malformed, "response_type"),
        (|r| r.response_mode = Parameter::Malformed, "response_mode"),
        (|r| r.scope = Parameter::Malformed, "scope"),
        (|r| r.state = Parameter::Malformed, "state"),
        (|r| r.code_challenge = Parameter::Malformed, "code_challenge"),
        (|r| r.code_challenge_method = Parameter::Malformed, "code_challenge_method"),
    ];
    for (repeat, expect) in repeats {
        let mut request = request();
        repeat(&mut request);
        assert_eq!(error(client(|_| {}), &request), AuthorizeError::Malformed(expect));
    }
}

#[test]
fn a_state_is_counted_in_characters() {
    let short = |least| Err(AuthorizeError::State(least));
    for (state, least, expect) in [
        (once("1234567"), 8, short(8)),
        (once("12345678"), 8, Ok(())),
        (once("ậặểệỗộờ"), 8, short(8)),
        (once("ậặểệỗộờữ"), 8, Ok(())),
        (once("🦀🦀🦀🦀🦀🦀🦀"), 8, short(8)),
        (once("\u{fffd}\u{fffd} &#\u{fffd}\u{fffd}="), 8, Ok(())),
        (Parameter::Absent, 8, short(8)),
        (Parameter::Absent, 0, Ok(())),
        (once("1"), 0, Ok(())),
    ] {
        let request = AuthorizationRequest { state: state.clone(), ..request() };
        let mut settings = settings();
        settings.state_length_min = least;
        match validate(&request, Some(Arc::new(client(|_| {}))), &settings, &scope_table()) {
            Ok(valid) => {
                assert_eq!(expect, Ok(()), "{state:?}");
                assert_eq!(valid.target.state.as_deref(), state.value());
            }
            Err(refused) => assert_eq!(Err(refused), expect.map_err(|error| redirect(error, &request))),
        }
    }
}

#[test]
fn what_is_asked_for_must_be_registered() {
    for (scope, expect) in [
        (once("offline order product"), Ok(0b0111)),
        (once("order"), Ok(0b0010)),
        (Parameter::Absent, Ok(0b0111)),
        (once("inventory"), Err(AuthorizeError::ScopeNotRegistered)),
        (once("order inventory"), Err(AuthorizeError::ScopeNotRegistered)),
        (once("all"), Err(AuthorizeError::Scope(ScopeError::Unknown))),
        (once("old"), Err(AuthorizeError::Scope(ScopeError::Unknown))),
        (once("offline,order"), Err(AuthorizeError::Scope(ScopeError::Unknown))),
        (once("offline  order"), Err(AuthorizeError::Scope(ScopeError::Malformed))),
    ] {
        let request = AuthorizationRequest { scope, ..request() };
        // Registered for a retired scope too, which nobody gets.
        let client = client(|metadata| metadata.scope.push_str(" old"));
        let found = check(Some(client), &request).map(|valid| valid.scope);
        let expect = expect.map(ScopeSet).map_err(|error| redirect(error, &request));
        assert_eq!(found, expect, "{:?}", request.scope);
    }
}

#[test]
fn silence_asks_for_nothing_in_a_realm_in_which_all_scopes_make_a_service() {
    let service = ServiceSettings {
        scope: "product".to_owned(),
        role: "admin".to_owned(),
        access_token_s: 1,
        refresh_absolute_s: 1,
    };
    let settings = RealmSettings { service: Some(service), ..settings() };
    for (scope, expect) in
        [(once("order"), Ok(ScopeSet(0b0010))), (Parameter::Absent, Err(AuthorizeError::ScopeMissing))]
    {
        let request = AuthorizationRequest { scope, ..request() };
        let found = validate(&request, Some(Arc::new(client(|_| {}))), &settings, &scope_table());
        assert_eq!(found.map(|valid| valid.scope), expect.map_err(|error| redirect(error, &request)));
    }
}

#[test]
fn a_response_is_a_code_in_one_of_three_places() {
    for (response_type, response_mode, expect) in [
        (once("code"), once("query"), None),
        (once("code"), once("fragment"), None),
        (once("code"), once("form_post"), None),
        (once("code"), once("query.jwt"), Some(AuthorizeError::UnsupportedResponseMode)),
        (once("code"), once("Query"), Some(AuthorizeError::UnsupportedResponseMode)),
        (once("CODE"), Parameter::Absent, Some(AuthorizeError::UnsupportedResponseType)),
        (Parameter::Absent, once("query"), Some(AuthorizeError::ResponseTypeMissing)),
    ] {
        let request = AuthorizationRequest { response_type, response_mode, ..request() };
        let found = check(Some(client(|_| {})), &request).err();
        assert_eq!(found, expect.map(|error| redirect(error, &request)));
    }
    for mode in ResponseMode::ALL {
        let request = AuthorizationRequest { response_mode: once(mode.name()), ..request() };
        assert_eq!(check(Some(client(|_| {})), &request).unwrap().target.mode, mode);
        // An error goes where the response would have gone.
        let wrong = AuthorizationRequest { scope: once("all"), ..request };
        match refusal(Some(client(|_| {})), &wrong) {
            AuthorizeRefusal::Redirect { target, .. } => assert_eq!(target.mode, mode),
            page @ AuthorizeRefusal::Page(_) => panic!("{page:?}"),
        }
    }
}

#[test]
fn a_nonce_has_255_bytes_at_most() {
    let with = |nonce: String| AuthorizationRequest { nonce: Parameter::Once(nonce), ..request() };
    let longest = check(Some(client(|_| {})), &with("n".repeat(255))).unwrap();
    assert_eq!(longest.terms.nonce.map(|nonce| nonce.len()), Some(255));
    assert_eq!(error(client(|_| {}), &with("n".repeat(256))), AuthorizeError::Malformed("nonce"));
}

#[test]
fn the_registered_max_age_counts_where_the_request_says_none() {
    for (registered, requested, expect) in [
        (None, Parameter::Absent, None),
        (Some(60), Parameter::Absent, Some(60)),
        (Some(60), once("600"), Some(600)),
        (Some(60), once("0"), Some(0)),
    ] {
        let client = client(|metadata| metadata.default_max_age = registered);
        let request = AuthorizationRequest { max_age: requested, ..request() };
        assert_eq!(check(Some(client), &request).unwrap().terms.max_age_s, expect);
    }
}

#[test]
fn pkce_is_required_or_optional_and_always_s256() {
    let absent = Parameter::Absent;
    let optional = || client(|_| {});
    let required = || client(|metadata| metadata.pkce = Some(PkcePolicy::Required));
    let fault = |error| Some(AuthorizeError::Challenge(error));
    for (client, challenge, method, expect) in [
        (optional(), absent.clone(), absent.clone(), None),
        (required(), absent.clone(), absent.clone(), fault(ChallengeError::Missing)),
        (public_client(), absent.clone(), absent.clone(), fault(ChallengeError::Missing)),
        (optional(), once(CHALLENGE), once("S256"), None),
        (public_client(), once(CHALLENGE), once("S256"), None),
        (optional(), once(CHALLENGE), absent.clone(), fault(ChallengeError::Method)),
        (optional(), once(CHALLENGE), once("plain"), fault(ChallengeError::Method)),
        (optional(), once("abc"), once("S256"), fault(ChallengeError::Challenge)),
        (optional(), absent.clone(), once("S256"), fault(ChallengeError::Challenge)),
    ] {
        let request = AuthorizationRequest { code_challenge: challenge, code_challenge_method: method, ..request() };
        let found = check(Some(client), &request).err();
        assert_eq!(found, expect.map(|error| redirect(error, &request)), "{request:?}");
    }
}

#[test]
fn a_code_is_bound_to_what_the_request_said() {
    let uri = ShortDigest::of(REDIRECT_URI.as_bytes());
    let challenge = CodeChallenge::digest(CodeChallenge::parse(Some(CHALLENGE), Some("S256")).unwrap());
    for (redirect_uri, code_challenge, method, expect) in [
        (once(REDIRECT_URI), Parameter::Absent, Parameter::Absent, (uri, ShortDigest::ABSENT)),
        (Parameter::Absent, Parameter::Absent, Parameter::Absent, (ShortDigest::ABSENT, ShortDigest::ABSENT)),
        (once(REDIRECT_URI), once(CHALLENGE), once("S256"), (uri, challenge)),
    ] {
        let request = AuthorizationRequest { redirect_uri, code_challenge, code_challenge_method: method, ..request() };
        let binding = check(Some(client(|_| {})), &request).unwrap().binding;
        assert_eq!(binding, CodeBinding { redirect_uri: expect.0, code_challenge: expect.1 });
    }
}

fn session() -> SessionView {
    SessionView {
        user: UserNumber(1),
        user_epoch: 0,
        authenticated: Micros::from_unix_s(1_000),
        last_used: Micros::from_unix_s(1_000),
        standing: PartyStanding::NEW,
    }
}

/// A valid request for `offline order`.
fn valid(consent: ConsentPolicy) -> ValidRequest {
    check(Some(client(|metadata| metadata.consent = Some(consent))), &request()).unwrap()
}

fn decided(
    request: &ValidRequest,
    session: Option<&SessionView>,
    consents: Option<Consents>,
    decision: Option<Decision>,
    terms: ConsentTerms,
) -> Step {
    let browsing = Browsing { session, subject: SubjectMatch::Fits, acting: Acting::Alone, consents, decision };
    decide(request, browsing, &Progress::begun(Micros::from_unix_s(2_000)), terms)
}

const fn terms(form: ConsentForm) -> ConsentTerms {
    ConsentTerms { form, offline: OFFLINE, openid: ScopeSet::EMPTY }
}

const ASKED: ScopeSet = OFFLINE.union(ORDER);
const ASK: Step = Step::AskConsent { scope: ASKED, optional: ScopeSet::EMPTY };
const ALL: Step = Step::Respond { scope: ASKED };
const DENIED: Step = Step::Refuse(AuthorizeError::AccessDenied);
const ALLOW: Option<Decision> = Some(Decision::Allow { ticked: ScopeSet::EMPTY });

#[test]
fn consent_is_asked_for_by_policy_and_memory() {
    use ConsentPolicy::{Always, Never, Remembered};
    let (nothing, fewer, same, more) = (ScopeSet::EMPTY, ORDER, ASKED, ASKED.union(PRODUCT));
    let other = PRODUCT.union(INVENTORY);
    for (policy, remembered, decision, expect) in [
        (Remembered, nothing, None, ASK),
        (Remembered, fewer, None, ASK),
        (Remembered, other, None, ASK),
        (Remembered, same, None, ALL),
        (Remembered, more, None, ALL),
        (Always, nothing, None, ASK),
        (Always, same, None, ASK),
        (Always, more, None, ASK),
        (Never, nothing, None, ALL),
        (Never, same, None, ALL),
        (Remembered, nothing, ALLOW, ALL),
        (Remembered, same, ALLOW, ALL),
        (Always, nothing, ALLOW, ALL),
        (Never, nothing, ALLOW, ALL),
        (Remembered, nothing, Some(Decision::Deny), DENIED),
        (Remembered, more, Some(Decision::Deny), DENIED),
        (Always, more, Some(Decision::Deny), DENIED),
        (Never, nothing, Some(Decision::Deny), DENIED),
    ] {
        let (request, consents) = (valid(policy), Some(Consents { scope: remembered }));
        let form = terms(ConsentForm::Full);
        let case = format!("{policy:?} {remembered:?} {decision:?}");
        assert_eq!(decided(&request, Some(&session()), consents, decision, form), expect, "{case}");
        for form in [ConsentForm::Full, ConsentForm::Partial].map(terms) {
            assert_eq!(decided(&request, None, consents, decision, form), Step::LogIn, "{case}, nobody signed in");
        }
    }
}

#[test]
fn nothing_remembered_is_not_a_yes_to_nothing() {
    let request = ValidRequest { scope: ScopeSet::EMPTY, ..valid(ConsentPolicy::Remembered) };
    let form = terms(ConsentForm::Full);
    let decided = |consents| decided(&request, Some(&session()), consents, None, form);
    let asked = Step::AskConsent { scope: ScopeSet::EMPTY, optional: ScopeSet::EMPTY };
    assert_eq!(decided(None), asked);
    assert_eq!(decided(Some(Consents { scope: ScopeSet::EMPTY })), Step::Respond { scope: ScopeSet::EMPTY });
}

#[test]
fn scopes_may_be_left_out_where_the_realm_allows_it() {
    use ConsentForm::{Full, Partial};
    let asked = |optional| Step::AskConsent { scope: ASKED, optional };
    let tick = |ticked| Some(Decision::Allow { ticked });
    let respond = |scope| Step::Respond { scope };
    for (form, decision, expect) in [
        (Full, None, asked(ScopeSet::EMPTY)),
        (Partial, None, asked(ORDER)),
        (Full, tick(ScopeSet::EMPTY), respond(ASKED)),
        (Full, tick(ORDER), respond(ASKED)),
        (Partial, tick(ORDER), respond(ASKED)),
        // All that could be left out was: a no, as the button would have said it.
        (Partial, tick(ScopeSet::EMPTY), DENIED),
        (Partial, tick(OFFLINE), DENIED),
        (Partial, tick(ORDER.union(INVENTORY)), respond(ASKED)),
        (Partial, tick(PRODUCT), DENIED),
        (Partial, Some(Decision::Deny), DENIED),
    ] {
        let request = valid(ConsentPolicy::Always);
        let consents = None;
        let found = decided(&request, Some(&session()), consents, decision, terms(form));
        assert_eq!(found, expect, "{form:?} {decision:?}");
    }
}

#[test]
fn the_scope_openid_is_not_left_out() {
    let terms = ConsentTerms { openid: ORDER, ..terms(ConsentForm::Partial) };
    let request = ValidRequest { scope: ASKED.union(PRODUCT), ..valid(ConsentPolicy::Always) };
    let decided = |decision| decided(&request, Some(&session()), None, decision, terms);
    assert_eq!(decided(None), Step::AskConsent { scope: ASKED.union(PRODUCT), optional: PRODUCT });
    assert_eq!(decided(ALLOW), Step::Respond { scope: ASKED });
    assert_eq!(decided(Some(Decision::Allow { ticked: PRODUCT })), Step::Respond { scope: ASKED.union(PRODUCT) });
}

#[test]
fn claims_that_are_asked_for_by_name_are_asked_of_the_user_and_limited_to_what_the_client_may_have() {
    let names = ["openid", "email", "phone", "address", "retired"];
    let definitions =
        names.map(|name| ScopeDefinition { retired: name == "retired", ..ScopeDefinition::new(name, "", "") });
    let scopes = ScopeTable::new(definitions.to_vec()).unwrap();
    let [openid, email, phone] = ["openid", "email", "phone"].map(|name| scopes.parse(name).unwrap());
    let client = Client { scope: openid.union(email).union(phone), ..client(|_| {}) };
    let asked = r#"{"userinfo":{"email":null,"address":null},"id_token":{"email":null,"name":null}}"#;
    let valid = |scope| {
        let request = AuthorizationRequest { scope: once(scope), claims: once(asked), ..request() };
        validate(&request, Some(Arc::new(client.clone())), &settings(), &scopes).unwrap()
    };
    let claim = ClaimSet::named("email").unwrap();
    let requested = RequestedClaims { userinfo: claim, id_token: claim };
    for (scope, requested, claim_scopes) in [
        ("openid", requested, email),
        ("openid phone", requested, email),
        ("openid email", requested, ScopeSet::EMPTY),
        ("phone", RequestedClaims::NONE, ScopeSet::EMPTY),
    ] {
        let valid = valid(scope);
        assert_eq!((valid.terms.requested, valid.terms.claim_scopes), (requested, claim_scopes), "{scope}");
    }
    let terms = ConsentTerms { form: ConsentForm::Partial, offline: ScopeSet::EMPTY, openid };
    let request = valid("openid");
    let decided = |remembered, decision| {
        let consents = Some(Consents { scope: remembered });
        decided(&request, Some(&session()), consents, decision, terms)
    };
    let both = openid.union(email);
    assert_eq!(decided(openid, None), Step::AskConsent { scope: both, optional: email });
    assert_eq!(decided(both, None), Step::Respond { scope: both });
    assert_eq!(decided(openid, ALLOW), Step::Respond { scope: openid });
    assert_eq!(decided(openid, Some(Decision::Allow { ticked: email })), Step::Respond { scope: both });
}

#[test]
fn a_session_ends_when_it_is_idle_old_or_its_user_is_gone() {
    let lifetimes = settings().lifetimes;
    let at = Micros::from_unix_s;
    let (active, disabled) = (PartyStanding::NEW, PartyStanding { active: false, epoch: 0 });
    let again = PartyStanding { active: true, epoch: 1 };
    for (last_used_s, now, standing, expect) in [
        (1_000, at(1_000), active, true),
        (1_000, Micros(at(1_000 + 28_800).0 - 1), active, true),
        (1_000, at(1_000 + 28_800), active, false),
        (605_000, Micros(at(1_000 + 604_800).0 - 1), active, true),
        (605_000, at(1_000 + 604_800), active, false),
        (1_000, at(1_001), disabled, false),
        (1_000, at(1_001), again, false),
        (1_000, at(1_001), PartyStanding::GONE, false),
    ] {
        let session = SessionView { last_used: at(last_used_s), standing, ..session() };
        assert_eq!(session_is_live(&session, &lifetimes, now), expect, "{last_used_s} {now:?} {standing:?}");
    }
}
