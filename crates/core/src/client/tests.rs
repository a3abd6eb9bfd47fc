//! Client authentication and registration, by table. The builders serve the tests of the neighbouring rooms too.

use std::collections::BTreeMap;

use crate::authorize::ResponseType;
use crate::client::{
    AnswerForm, AuthenticationMethod, BasicCredentials, Client, ClientAuthenticationError, ClientCredentials,
    ClientMetadata, ClientSecret, ConsentPolicy, EnvelopeKey, GrantType, IvLayout, KeySpelling, Partner,
    PresentedSecrets, RegistrationError, SealedSecret, SecretDigest, SecretRepetition, SubjectType, authenticate,
};
use crate::grant::PartyStanding;
use crate::number::ClientNumber;
use crate::realm::{
    AuthorizationResponseForm, BearerHeader, ClientLifetimes, ConsentForm, EndpointPaths, ErrorForm, FailureLimits,
    IdTokenClaims, IntrospectionListener, Lifetimes, PartnerSettings, PkcePolicy, RealmSettings, RefreshTokenFormat,
    RequestSignatures, TokenShape, TokenTypeSpelling,
};
use crate::redirect_uri::UriError;
use crate::request_signature::SignatureFault;
use crate::scope::{ScopeDefinition, ScopeError, ScopeSet, ScopeTable};
use crate::secret::Secret;
use crate::signing::SigningSettings;

pub(crate) const OFFLINE: ScopeSet = ScopeSet(0b0_0001);
pub(crate) const ORDER: ScopeSet = ScopeSet(0b0_0010);
pub(crate) const PRODUCT: ScopeSet = ScopeSet(0b0_0100);
pub(crate) const INVENTORY: ScopeSet = ScopeSet(0b0_1000);
pub(crate) const RETIRED: ScopeSet = ScopeSet(0b1_0000);

pub(crate) fn settings() -> RealmSettings {
    RealmSettings {
        display_name: "Marketplace".to_owned(),
        issuer: "http://localhost:4602".to_owned(),
        further_hosts: Vec::new(),
        dialect: "marketplace".to_owned(),
        paths: EndpointPaths {
            authorize: "/auth".to_owned(),
            token: "/token".to_owned(),
            revoke: "/revoke".to_owned(),
            introspect: "/introspect".to_owned(),
            platform: BTreeMap::new(),
            userinfo: None,
            end_session: None,
            jwks: None,
        },
        scopes: ["offline", "order", "product", "inventory", "old"]
            .map(|name| ScopeDefinition {
                name: name.to_owned(),
                description_vi: String::new(),
                description_en: String::new(),
                retired: name == "old",
            })
            .to_vec(),
        offline_scope: "offline".to_owned(),
        lifetimes: Lifetimes {
            code_s: 600,
            access_token_s: 3_600,
            refresh_idle_s: Some(30 * 86_400),
            refresh_absolute_s: 365 * 86_400,
            retry_confidential_s: 86_400,
            retry_public_s: 30,
            session_idle_s: 28_800,
            session_absolute_s: 604_800,
        },
        state_length_min: 8,
        pkce: PkcePolicy::Optional,
        token_type: TokenTypeSpelling::LowerCase,
        error_form: ErrorForm::WithHint,
        token_shape: TokenShape::Halves,
        consent_form: ConsentForm::Full,
        introspection: IntrospectionListener::Public,
        bearer_header: BearerHeader::Authorization,
        rate_limits: None,
        request_signatures: RequestSignatures::Refused,
        refresh_token_format: RefreshTokenFormat::Opaque,
        partners: None,
        signing: SigningSettings::default(),
        response_types: vec![ResponseType::Code],
        audiences: Vec::new(),
        host_suffix: None,
        exchange: None,
        membership: None,
        service: None,
        id_token_claims: IdTokenClaims::Requested,
        authorization_response: AuthorizationResponseForm::Standard,
    }
}

pub(crate) fn scope_table() -> ScopeTable {
    ScopeTable::new(settings().scopes).unwrap()
}

/// A confidential client that may do everything but `inventory`.
pub(crate) fn metadata() -> ClientMetadata {
    let grant_types = vec![GrantType::AuthorizationCode, GrantType::RefreshToken, GrantType::ClientCredentials];
    ClientMetadata {
        secrets: vec![lasting(1)],
        redirect_uris: vec!["https://example.com/tiki/callback".to_owned()],
        scope: "offline order product".to_owned(),
        ..ClientMetadata::new("Sổ bán hàng".to_owned(), AuthenticationMethod::ClientSecretBasic, grant_types)
    }
}

fn make_public(metadata: &mut ClientMetadata) {
    metadata.token_endpoint_auth_method = AuthenticationMethod::None;
    metadata.secrets.clear();
    metadata.grant_types.retain(|grant_type| *grant_type != GrantType::ClientCredentials);
}

#[test]
fn client_credentials_are_registered_where_tokens_have_room_for_them() {
    let short = RealmSettings { token_shape: TokenShape::Hex, ..settings() };
    let register = |metadata: ClientMetadata| {
        Client::register(ClientNumber(7), "c".to_owned(), metadata, PartyStanding::NEW, (&short, &scope_table()))
    };
    assert!(register(metadata()).unwrap_err().to_string().contains("too short"));
    let grant_types = vec![GrantType::AuthorizationCode, GrantType::RefreshToken];
    assert!(register(ClientMetadata { grant_types, ..metadata() }).is_ok());
}

fn register(change: impl FnOnce(&mut ClientMetadata)) -> Result<Client, RegistrationError> {
    let mut metadata = metadata();
    change(&mut metadata);
    let context = (&settings(), &scope_table());
    Client::register(ClientNumber(7), "7590139168389961".to_owned(), metadata, PartyStanding::NEW, context)
}

fn make_signing(metadata: &mut ClientMetadata) {
    metadata.token_endpoint_auth_method = SIGNATURE;
    metadata.redirect_uris.clear();
    for secret in &mut metadata.secrets {
        secret.sealed = Some(SealedSecret(String::new()));
    }
}

/// The client of [`metadata`], changed.
pub(crate) fn client(change: impl FnOnce(&mut ClientMetadata)) -> Client {
    register(change).unwrap()
}

/// A public client with an https redirect URI.
pub(crate) fn public_client() -> Client {
    client(make_public)
}

type Authenticated = Result<(), ClientAuthenticationError>;
type Case = (AuthenticationMethod, Option<SecretDigest>, Option<SecretDigest>, Authenticated, Authenticated);

fn lasting(byte: u8) -> ClientSecret {
    ClientSecret::lasting(SecretDigest([byte; 32]))
}

const RIGHT: Option<SecretDigest> = Some(SecretDigest([1; 32]));
const WRONG: Option<SecretDigest> = Some(SecretDigest([2; 32]));
const ABSENT: Option<SecretDigest> = None;
const REFUSED: Authenticated = Err(ClientAuthenticationError::Refused);

const SIGNATURE: AuthenticationMethod = AuthenticationMethod::RequestSignature;
const BASIC: AuthenticationMethod = AuthenticationMethod::ClientSecretBasic;
const POST: AuthenticationMethod = AuthenticationMethod::ClientSecretPost;
const NONE: AuthenticationMethod = AuthenticationMethod::None;

const fn hint(registered: AuthenticationMethod, used: AuthenticationMethod) -> Authenticated {
    Err(ClientAuthenticationError::Method { registered, used })
}

const fn several(registered: AuthenticationMethod) -> Authenticated {
    Err(ClientAuthenticationError::SeveralMethods { registered })
}

/// Registered method, secret in the header, secret in the body, then the answer strictly and with repetition tolerated.
/// A public client has no secret, so that whatever it presents is wrong.
const TABLE: [Case; 27] = [
    (BASIC, ABSENT, ABSENT, REFUSED, REFUSED),
    (BASIC, ABSENT, RIGHT, hint(BASIC, POST), hint(BASIC, POST)),
    (BASIC, ABSENT, WRONG, REFUSED, REFUSED),
    (BASIC, RIGHT, ABSENT, Ok(()), Ok(())),
    (BASIC, RIGHT, RIGHT, several(BASIC), Ok(())),
    (BASIC, RIGHT, WRONG, REFUSED, REFUSED),
    (BASIC, WRONG, ABSENT, REFUSED, REFUSED),
    (BASIC, WRONG, RIGHT, REFUSED, REFUSED),
    (BASIC, WRONG, WRONG, REFUSED, REFUSED),
    (POST, ABSENT, ABSENT, REFUSED, REFUSED),
    (POST, ABSENT, RIGHT, Ok(()), Ok(())),
    (POST, ABSENT, WRONG, REFUSED, REFUSED),
    (POST, RIGHT, ABSENT, hint(POST, BASIC), hint(POST, BASIC)),
    (POST, RIGHT, RIGHT, several(POST), several(POST)),
    (POST, RIGHT, WRONG, REFUSED, REFUSED),
    (POST, WRONG, ABSENT, REFUSED, REFUSED),
    (POST, WRONG, RIGHT, REFUSED, REFUSED),
    (POST, WRONG, WRONG, REFUSED, REFUSED),
    (NONE, ABSENT, ABSENT, Ok(()), Ok(())),
    (NONE, ABSENT, RIGHT, REFUSED, REFUSED),
    (NONE, ABSENT, WRONG, REFUSED, REFUSED),
    (NONE, RIGHT, ABSENT, REFUSED, REFUSED),
    (NONE, RIGHT, RIGHT, REFUSED, REFUSED),
    (NONE, RIGHT, WRONG, REFUSED, REFUSED),
    (NONE, WRONG, ABSENT, REFUSED, REFUSED),
    (NONE, WRONG, RIGHT, REFUSED, REFUSED),
    (NONE, WRONG, WRONG, REFUSED, REFUSED),
];

fn of_method(method: AuthenticationMethod, repetition: SecretRepetition) -> Client {
    client(|metadata| {
        if method == NONE {
            make_public(metadata);
        }
        metadata.token_endpoint_auth_method = method;
        metadata.secret_repetition = repetition;
    })
}

#[test]
fn a_client_has_pairwise_subjects_only_in_one_sector() {
    let sector = |uris: &[&str], sector_identifier_uri: Option<&str>| {
        let registered = register(|metadata| {
            metadata.subject_type = Some(SubjectType::Pairwise);
            metadata.redirect_uris = uris.iter().map(|uri| (*uri).to_owned()).collect();
            metadata.sector_identifier_uri = sector_identifier_uri.map(str::to_owned);
        });
        registered.ok().map(|client| client.sector())
    };
    let of = |host: &str| Some(Some(host.to_owned()));
    let (one, other) = ("https://example.com/a", "https://example.org/b");
    assert_eq!(sector(&[one], None), of("example.com"));
    assert_eq!(sector(&[one, "https://example.com:8443/c"], None), of("example.com"));
    assert_eq!(sector(&[one, other], None), None);
    assert_eq!(sector(&["com.example:/callback"], None), None);
    assert_eq!(sector(&[one, other], Some("https://sector.example/uris.json")), of("sector.example"));
    assert_eq!(sector(&[one], Some("javascript:x")), None);
    assert_eq!(register(|_| {}).unwrap().sector(), None);
}

#[test]
fn a_post_log_out_uri_that_no_redirect_uri_could_be_is_refused() {
    let registered = |uri: &str| register(|metadata| metadata.post_logout_redirect_uris = vec![uri.to_owned()]);
    assert!(registered("https://example.com/bye?x=1").is_ok());
    assert!(registered("http://localhost:8080/").is_ok());
    for uri in ["javascript:alert(1)", "data:text/html,x", "https://example.com/#x", "/bye", "http://example.com/"] {
        let error = registered(uri).unwrap_err().to_string();
        assert!(error.starts_with("post_logout_redirect_uris: "), "{error}");
    }
}

#[test]
fn a_client_authenticates_by_its_registered_method_alone() {
    for (method, basic, body, strict, tolerant) in TABLE {
        for (repetition, expect) in [(SecretRepetition::Refused, strict), (SecretRepetition::Tolerated, tolerant)] {
            let mut client = of_method(method, repetition);
            let presented = PresentedSecrets { basic, body, signature: None };
            let case = format!("{method:?} {repetition:?} {presented:?}");
            assert_eq!(authenticate(Some(&client), &presented, 0), expect, "{case}");
            client.standing.active = false;
            assert_eq!(authenticate(Some(&client), &presented, 0), REFUSED, "{case}, disabled");
            assert_eq!(authenticate(None, &presented, 0), REFUSED, "{case}, unknown");
        }
    }
}

#[test]
fn no_hint_is_given_to_who_has_not_shown_the_secret() {
    for (method, basic, body, strict, tolerant) in TABLE {
        let showed_it_alone = [basic, body].into_iter().flatten().all(|digest| Some(digest) == RIGHT);
        let has_secret = method != NONE && (basic.is_some() || body.is_some());
        let is_hint = |answer: Authenticated| answer.is_err() && answer != REFUSED;
        if is_hint(strict) || is_hint(tolerant) {
            assert!(has_secret && showed_it_alone, "{method:?} {basic:?} {body:?}");
        }
    }
}

#[test]
fn an_unknown_client_is_not_known_by_a_secret_of_zeros() {
    let presented = PresentedSecrets { basic: Some(SecretDigest([0; 32])), body: None, signature: None };
    assert_eq!(authenticate(None, &presented, 0), REFUSED);
}

#[test]
fn a_client_that_signs_authenticates_by_signature_alone() {
    const MISMATCH: Result<(), SignatureFault> = Err(SignatureFault::Mismatch);
    let (signing, header) = (client(make_signing), client(|_| {}));
    let fault = ClientAuthenticationError::Signature(SignatureFault::Mismatch);
    let method = |registered, used| ClientAuthenticationError::Method { registered, used };
    for (client, basic, signature, expect) in [
        (&signing, None, Some(Ok(())), Ok(())),
        (&signing, None, Some(MISMATCH), Err(fault)),
        (&signing, None, None, REFUSED),
        (&signing, RIGHT, None, Err(method(SIGNATURE, BASIC))),
        (&signing, WRONG, None, REFUSED),
        (&signing, RIGHT, Some(Ok(())), REFUSED),
        (&signing, WRONG, Some(Ok(())), REFUSED),
        (&header, None, Some(Ok(())), Err(method(BASIC, SIGNATURE))),
        (&header, RIGHT, Some(Ok(())), REFUSED),
        (&header, RIGHT, Some(MISMATCH), REFUSED),
    ] {
        let presented = PresentedSecrets { basic, body: None, signature };
        assert_eq!(authenticate(Some(client), &presented, 0), expect, "{presented:?}");
        assert_eq!(authenticate(None, &presented, 0), REFUSED, "{presented:?}, unknown");
        let disabled = Client { standing: PartyStanding { active: false, epoch: 0 }, ..client.clone() };
        assert_eq!(authenticate(Some(&disabled), &presented, 0), REFUSED, "{presented:?}, disabled");
    }
}

#[test]
fn during_a_rotation_both_secrets_are_right() {
    let client = client(|metadata| metadata.secrets = vec![lasting(1), lasting(2)]);
    for (digest, expect) in [([1; 32], Ok(())), ([2; 32], Ok(())), ([3; 32], REFUSED)] {
        let presented = PresentedSecrets { basic: Some(SecretDigest(digest)), body: None, signature: None };
        assert_eq!(authenticate(Some(&client), &presented, 0), expect);
    }
}

#[test]
fn a_secret_that_was_replaced_ends_at_its_second() {
    let replaced = ClientSecret { ends_s: Some(100), ..lasting(1) };
    let client = client(|metadata| metadata.secrets = vec![replaced, lasting(2)]);
    for (digest, now_s, expect) in
        [([1; 32], 99, Ok(())), ([1; 32], 100, REFUSED), ([2; 32], 99, Ok(())), ([2; 32], 100, Ok(()))]
    {
        let presented = PresentedSecrets { basic: Some(SecretDigest(digest)), body: None, signature: None };
        assert_eq!(authenticate(Some(&client), &presented, now_s), expect, "{digest:?} at {now_s}");
    }
}

#[test]
fn a_request_names_one_client() {
    let credentials = |basic: Option<&str>, body: Option<&str>| ClientCredentials {
        basic: basic.map(|client_id| BasicCredentials {
            client_id: client_id.to_owned(),
            client_secret: Secret::new("s".to_owned()),
        }),
        client_id: body.map(str::to_owned),
        client_secret: None,
        signed: None,
    };
    for (basic, body, expect) in [
        (None, None, Err(ClientAuthenticationError::Missing)),
        (Some("a"), None, Ok("a")),
        (None, Some("a"), Ok("a")),
        (Some("a"), Some("a"), Ok("a")),
        (Some("a"), Some("b"), Err(ClientAuthenticationError::TwoClients)),
        (Some("a"), Some("A"), Err(ClientAuthenticationError::TwoClients)),
    ] {
        assert_eq!(credentials(basic, body).client_id(), expect, "{basic:?} {body:?}");
    }
}

type Change = fn(&mut ClientMetadata);

#[test]
fn what_contradicts_itself_cannot_be_registered() {
    let contradictions: [(&str, Change); 14] = [
        ("not a hash", |m| m.token_endpoint_auth_method = SIGNATURE),
        ("platform's own app", |m| {
            make_signing(m);
            m.redirect_uris.push("https://example.com/a".to_owned());
        }),
        ("without authentication", |m| m.token_endpoint_auth_method = NONE),
        ("100 members", |m| m.redirect_uris = vec!["https://example.com/a".to_owned(); 101]),
        ("2,048 bytes", |m| m.client_name = "a".repeat(2_049)),
        ("2,048 bytes", |m| m.redirect_uris.push(format!("https://example.com/{}", "a".repeat(2_048)))),
        ("needs one", |m| m.secrets.clear()),
        ("needs one", |m| (m.token_endpoint_auth_method, m.secrets) = (POST, Vec::new())),
        ("at most two", |m| m.secrets = vec![lasting(1); 3]),
        ("client_credentials needs", |m| {
            make_public(m);
            m.grant_types.push(GrantType::ClientCredentials);
        }),
        ("resource server", |m| {
            make_public(m);
            m.resource_server = true;
        }),
        ("need each other", |m| m.redirect_uris.clear()),
        ("need each other", |m| m.grant_types = vec![GrantType::ClientCredentials]),
        ("needs authorization_code", |m| {
            m.redirect_uris.clear();
            m.grant_types = vec![GrantType::RefreshToken];
        }),
    ];
    for (expect, change) in contradictions {
        match register(change) {
            Err(RegistrationError::Contradiction(text)) => assert!(text.contains(expect), "{text}"),
            other => panic!("{expect}: {other:?}"),
        }
    }
}

#[test]
fn wrong_uris_and_scopes_cannot_be_registered() {
    let uri = |text: &str, error| RegistrationError::RedirectUri { uri: text.to_owned(), error };
    let web = |member, error| RegistrationError::WebUri { member, error };
    let refused: [(Change, RegistrationError); 12] = [
        (|m| m.redirect_uris = vec!["javascript:x".to_owned()], uri("javascript:x", UriError::Scheme)),
        (|m| m.redirect_uris.push("http://a.test/".to_owned()), uri("http://a.test/", UriError::Scheme)),
        (|m| m.logo_uri = Some("DATA:image/png,x".to_owned()), web("logo_uri", UriError::Scheme)),
        (|m| m.client_uri = Some("vbscript:x".to_owned()), web("client_uri", UriError::Scheme)),
        (|m| m.policy_uri = Some("javascript:x".to_owned()), web("policy_uri", UriError::Scheme)),
        (|m| m.tos_uri = Some("http://a.test/".to_owned()), web("tos_uri", UriError::Scheme)),
        (|m| m.logo_uri = Some("https://a.test;sandbox/x".to_owned()), web("logo_uri", UriError::Host)),
        (
            |m| m.log_in_page.background_uri = Some("https://a.test,b.test/".to_owned()),
            web("log_in_page.background_uri", UriError::Host),
        ),
        (|m| m.allowed_origins.push("null".to_owned()), web("allowed_origins", UriError::Malformed)),
        (|m| m.scope = "all".to_owned(), RegistrationError::Scope(ScopeError::Unknown)),
        (|m| m.scope = "offline,order".to_owned(), RegistrationError::Scope(ScopeError::Unknown)),
        (|m| m.scope = "offline  order".to_owned(), RegistrationError::Scope(ScopeError::Malformed)),
    ];
    for (change, expect) in refused {
        assert_eq!(register(change).unwrap_err(), expect);
    }
}

#[test]
fn a_client_may_ask_for_any_synonym_of_the_scope_that_brings_a_refresh_token() {
    let mut settings = settings();
    settings.offline_scope = "offline inventory".to_owned();
    let register = |scope: &str| {
        let metadata = ClientMetadata { scope: scope.to_owned(), ..metadata() };
        let standing = PartyStanding { active: true, epoch: 0 };
        Client::register(ClientNumber(7), "c".to_owned(), metadata, standing, (&settings, &scope_table())).unwrap()
    };
    for (scope, registered, allowed) in [
        ("offline order", OFFLINE.union(ORDER), OFFLINE.union(ORDER).union(INVENTORY)),
        ("inventory", INVENTORY, OFFLINE.union(INVENTORY)),
        ("order", ORDER, ORDER),
    ] {
        let client = register(scope);
        assert_eq!((client.scope, client.allowed), (registered, allowed), "{scope}");
    }
}

#[test]
fn what_people_see_of_a_client_is_checked() {
    let refused: [(Change, &str); 6] = [
        (|m| m.log_in_page.hotline = Some("javascript:1".to_owned()), "log_in_page.hotline"),
        (|m| m.log_in_page.support_email = Some("a?bcc=b@c.test".to_owned()), "log_in_page.support_email"),
        (|m| m.contacts.push("a\r\nb".to_owned()), "contacts and owner"),
        (|m| m.contacts = vec!["a@b.test".to_owned(); 101], "a list of URIs"),
        (|m| m.owner = Some(String::new()), "contacts and owner"),
        (|m| m.owner = Some("o".repeat(2_049)), "a name, URI or origin"),
    ];
    for (change, expect) in refused {
        match register(change) {
            Err(RegistrationError::Contradiction(text)) => assert!(text.starts_with(expect), "{text}"),
            other => panic!("{expect}: {other:?}"),
        }
    }
    let taken = client(|m| {
        m.policy_uri = Some("https://example.vn/privacy".to_owned());
        m.tos_uri = Some("http://localhost:8080/terms".to_owned());
        m.contacts = vec!["Đội kỹ thuật <dev@example.vn>".to_owned()];
        m.owner = Some("Công ty Một Gam".to_owned());
        m.log_in_page.background_uri = Some("https://cdn.example.vn/background.png".to_owned());
        m.log_in_page.hotline = Some("1900 6900".to_owned());
        m.log_in_page.support_email = Some("hotro@example.vn".to_owned());
    });
    let stored = serde_json::to_string(&taken.metadata).unwrap();
    assert_eq!(serde_json::from_str::<ClientMetadata>(&stored).unwrap(), taken.metadata);
}

#[test]
fn what_is_issued_lives_for_a_second_at_least_and_retries_need_not() {
    let cases: [(Change, Option<&'static str>); 4] = [
        (|m| m.lifetimes.access_token_s = Some(0), Some("access_token_s")),
        (|m| m.lifetimes.refresh_idle_s = Some(0), Some("refresh_idle_s")),
        (|m| m.lifetimes.refresh_absolute_s = Some(0), Some("refresh_absolute_s")),
        (|m| m.lifetimes.retry_s = Some(0), None),
    ];
    for (change, expect) in cases {
        let refused = register(change).err();
        assert_eq!(refused, expect.map(RegistrationError::NoLifetime));
    }
}

#[test]
fn a_client_keeps_its_registration_when_a_scope_is_retired() {
    let client = client(|metadata| metadata.scope = "order old".to_owned());
    assert_eq!(client.scope, ORDER.union(RETIRED));
}

#[test]
fn what_is_left_out_follows_from_the_kind_of_client() {
    let (https, loopback, private) = ("https://example.com/cb", "http://127.0.0.1/cb", "com.example.app:/cb");
    let (remembered, always) = (ConsentPolicy::Remembered, ConsentPolicy::Always);
    for (method, redirect_uri, consent, pkce) in [
        (BASIC, https, remembered, PkcePolicy::Optional),
        (BASIC, loopback, remembered, PkcePolicy::Optional),
        (NONE, https, remembered, PkcePolicy::Required),
        (NONE, loopback, always, PkcePolicy::Required),
        (NONE, private, always, PkcePolicy::Required),
    ] {
        let client = client(|metadata| {
            if method == NONE {
                make_public(metadata);
            }
            metadata.redirect_uris = vec![redirect_uri.to_owned()];
        });
        assert_eq!((client.consent, client.pkce), (consent, pkce), "{method:?} {redirect_uri}");
        assert_eq!(client.is_public(), method == NONE);
    }
}

#[test]
fn a_public_client_cannot_be_excused_from_pkce() {
    let public = client(|metadata| {
        make_public(metadata);
        metadata.pkce = Some(PkcePolicy::Optional);
    });
    assert_eq!(public.pkce, PkcePolicy::Required);
    assert_eq!(client(|metadata| metadata.pkce = Some(PkcePolicy::Required)).pkce, PkcePolicy::Required);
}

#[test]
fn a_client_shortens_its_lifetimes_and_never_lengthens_them() {
    let shortened = |lifetimes: ClientLifetimes| client(|metadata| metadata.lifetimes = lifetimes).lifetimes;
    let all = |seconds| ClientLifetimes {
        access_token_s: Some(seconds),
        refresh_idle_s: Some(seconds),
        refresh_absolute_s: Some(seconds),
        retry_s: Some(seconds),
    };
    assert_eq!(shortened(all(u32::MAX)), settings().lifetimes);
    assert_eq!(shortened(ClientLifetimes::default()), settings().lifetimes);
    assert_eq!(
        shortened(all(1)),
        Lifetimes {
            access_token_s: 1,
            refresh_idle_s: Some(1),
            refresh_absolute_s: 1,
            retry_confidential_s: 1,
            retry_public_s: 1,
            ..settings().lifetimes
        }
    );
    let endless = Lifetimes { refresh_idle_s: None, ..settings().lifetimes };
    assert_eq!(endless.shortened(&ClientLifetimes::default()).refresh_idle_s, None);
    assert_eq!(endless.shortened(&all(5)).refresh_idle_s, Some(5));
}

#[test]
fn partners_are_registered_where_there_are_partners_and_nowhere_else() {
    let partner = Partner {
        partner_code: "DEMO".to_owned(),
        keys: vec![EnvelopeKey::lasting(SealedSecret(String::new()))],
        iv: IvLayout::Prepended,
        key_spelling: KeySpelling::Hex,
        answers: AnswerForm::Plain,
    };
    let mut of_partners = settings();
    for path in [&mut of_partners.paths.authorize, &mut of_partners.paths.token, &mut of_partners.paths.revoke] {
        path.clear();
    }
    of_partners.partners = Some(PartnerSettings {
        grants_max: 50,
        live_grants_max: 1_000,
        failed_log_in_answer_ms: 250,
        failed_refresh_answer_ms: 25,
        failure_limits: FailureLimits::On,
    });
    let grant_types = vec![GrantType::Password, GrantType::RefreshToken];
    let right = ClientMetadata {
        secrets: vec![lasting(1)],
        partner: Some(partner),
        ..ClientMetadata::new("DEMO".to_owned(), AuthenticationMethod::PartnerEnvelope, grant_types)
    };
    let register = |metadata: ClientMetadata, settings: &RealmSettings| {
        let standing = PartyStanding::NEW;
        Client::register(ClientNumber(7), "c".to_owned(), metadata, standing, (settings, &scope_table()))
    };
    assert_eq!(of_partners.check(), Ok(()));
    assert!(register(right.clone(), &of_partners).unwrap().partner().is_some());
    let with = |change: fn(&mut Partner)| {
        let mut metadata = right.clone();
        change(metadata.partner.as_mut().unwrap());
        metadata
    };
    let elsewhere = settings();
    for (metadata, settings, expect) in [
        (right.clone(), &elsewhere, "need a realm that has partners"),
        (ClientMetadata { partner: None, ..right.clone() }, &elsewhere, "need a realm that has partners"),
        (ClientMetadata { partner: None, ..right.clone() }, &of_partners, "need each other"),
        (ClientMetadata { token_endpoint_auth_method: POST, ..right.clone() }, &of_partners, "need each other"),
        (
            ClientMetadata { token_endpoint_auth_method: POST, partner: None, ..right.clone() },
            &of_partners,
            "for partners alone",
        ),
        (ClientMetadata { secrets: Vec::new(), ..right.clone() }, &of_partners, "needs one"),
        (metadata(), &of_partners, "password and refresh_token alone"),
        (with(|partner| partner.partner_code = "A B".to_owned()), &of_partners, "partner.partner_code"),
        (with(|partner| partner.keys.clear()), &of_partners, "partner.keys"),
        (with(|partner| partner.keys = vec![partner.keys[0].clone(); 3]), &of_partners, "partner.keys"),
    ] {
        match register(metadata, settings) {
            Err(RegistrationError::Contradiction(text)) => assert!(text.contains(expect), "{text}"),
            other => panic!("{expect}: {other:?}"),
        }
    }
}
