//! The cases: one checked request (or pair of requests) each, and what a connection keeps from one to the next.
//! Every answer is read and compared; a fast wrong answer is an error, not a request.

mod code;
mod exchange;
mod grants;
mod id_token;
mod introspect;
mod log_in;
mod openid;
mod partner;
mod signed;
mod token;

use std::collections::BTreeMap;
use std::fmt;
use std::net::Ipv4Addr;
use std::sync::Arc;

use http::StatusCode;
use http::header::RETRY_AFTER;
use kimbai_core::signing::SigningAlgorithm;

use super::apps::App;
use super::connection::{Answer, Connection};
use super::forms::FilledIn;
use super::realms::Realm;
use super::target::Target;
use code::Browser;
use exchange::LegacyTokens;
use grants::Grants;

/// The server had no room for a request and said so: 503 with `Retry-After` (RFC 9110 section 10.2.3).
#[derive(Clone, Copy, Debug)]
pub(super) struct Shed;

impl fmt::Display for Shed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the server had no room: 503 with Retry-After")
    }
}

impl std::error::Error for Shed {}

impl Shed {
    /// Whether this answer is one.
    pub(super) fn is(answer: &Answer) -> bool {
        answer.status == StatusCode::SERVICE_UNAVAILABLE && answer.headers.contains_key(RETRY_AFTER)
    }
}

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
#[value(rename_all = "snake_case")]
pub(super) enum Case {
    /// The same HTTP stack answering a form with fixed JSON.
    Floor,
    /// An access token for a service.
    ClientCredentials,
    /// A durable rotation; of a partner one whose two tokens are signed by RS256.
    Refresh,
    /// The state of a live access token.
    Introspect,
    /// Authorization with session and remembered consent, then the token request.
    Code,
    /// The same with an ID token signed by ES256.
    CodeEs256,
    /// A durable rotation with a new ID token signed by `EdDSA`; of a partner one whose two tokens are.
    RefreshEddsa,
    /// A durable rotation with a new ID token signed by RS256.
    RefreshRs256,
    /// The claims of a user, for an access token.
    Userinfo,
    /// The provider's metadata.
    Discovery,
    /// The provider's keys.
    Jwks,
    /// A log-in with a password, which is hashed.
    Login,
    /// A durable rotation by a signed request over GraphQL.
    RefreshGraphql,
    /// A durable rotation by a signed request of generation 4.
    RefreshRest,
    /// A request that another secret signed.
    WrongSignature,
    /// A refresh that another key sealed.
    WrongEnvelope,
    /// The first exchange of a legacy token, durable.
    Exchange,
    /// The same exchange again, answered with the same tokens.
    ExchangeRetry,
    /// A resource opened with a legacy token.
    LegacyLookup,
}

/// What must exist before a case begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Needs {
    Nothing,
    /// Grants of this app.
    Grants(App),
    /// A browser that is logged in, and this app's remembered consent.
    Session(App),
    /// A log-in form that is filled in.
    LogInForm,
    /// A share of the legacy tokens.
    LegacyTokens,
    /// The same, some of them exchanged.
    ExchangedTokens,
}

/// The realms that have a case.
#[derive(Clone, Copy, Debug)]
enum Home {
    Every,
    /// Those whose apps send forms.
    Forms,
    /// Those that have all that the standard one has but `OpenID` Connect.
    Whole,
    /// Those whose apps sign.
    Signed,
    OpenId,
    /// Those whose apps are partners.
    Partners,
    /// Those that exchange legacy tokens.
    Exchanging,
}

impl Home {
    fn is(self, realm: &Realm) -> bool {
        match self {
            Self::Every => true,
            Self::Forms => realm.takes_forms(),
            Self::Signed => realm.oauth().is_some_and(|apps| apps.signing.is_some()),
            Self::OpenId => realm.oauth().is_some_and(|apps| apps.openid.is_some()),
            Self::Whole => realm.is_whole(),
            Self::Exchanging => realm.oauth().is_some_and(|apps| apps.exchange.is_some()),
            Self::Partners => realm.oauth().is_none(),
        }
    }
}

const PARTNER: App = App::Partner(SigningAlgorithm::Rs256);
const EDDSA_PARTNER: App = App::Partner(SigningAlgorithm::EdDsa);
const ES256: App = App::OpenId(SigningAlgorithm::Es256);
const EDDSA: App = App::OpenId(SigningAlgorithm::EdDsa);
const RS256: App = App::OpenId(SigningAlgorithm::Rs256);

/// A log-in costs the server tens of milliseconds and megabytes, on purpose; more at once would only queue there, and from the sixth
/// on be taken for guesses at one person's password.
pub(super) const LOG_INS_AT_ONCE: usize = 4;

impl Case {
    pub(super) const ALL: [Self; 19] = [
        Self::Floor,
        Self::ClientCredentials,
        Self::Refresh,
        Self::Introspect,
        Self::Code,
        Self::CodeEs256,
        Self::RefreshEddsa,
        Self::RefreshRs256,
        Self::Userinfo,
        Self::Discovery,
        Self::Jwks,
        Self::Login,
        Self::RefreshGraphql,
        Self::RefreshRest,
        Self::WrongSignature,
        Self::WrongEnvelope,
        Self::Exchange,
        Self::ExchangeRetry,
        Self::LegacyLookup,
    ];

    /// Its name, and what it needs in the realms that have it.
    const fn facts(self) -> (&'static str, &'static [(Home, Needs)]) {
        match self {
            Self::Floor => ("floor", &[(Home::Every, Needs::Nothing)]),
            Self::ClientCredentials => ("client_credentials", &[(Home::Whole, Needs::Nothing)]),
            Self::Refresh => {
                ("refresh", &[(Home::Forms, Needs::Grants(App::Plain)), (Home::Partners, Needs::Grants(PARTNER))])
            }
            Self::Introspect => ("introspect", &[(Home::Whole, Needs::Grants(App::Plain))]),
            Self::Code => ("code", &[(Home::Whole, Needs::Session(App::Plain))]),
            Self::CodeEs256 => ("code_es256", &[(Home::OpenId, Needs::Session(ES256))]),
            Self::RefreshEddsa => (
                "refresh_eddsa",
                &[(Home::OpenId, Needs::Grants(EDDSA)), (Home::Partners, Needs::Grants(EDDSA_PARTNER))],
            ),
            Self::RefreshRs256 => ("refresh_rs256", &[(Home::OpenId, Needs::Grants(RS256))]),
            Self::Userinfo => ("userinfo", &[(Home::OpenId, Needs::Grants(EDDSA))]),
            Self::Discovery => ("discovery", &[(Home::OpenId, Needs::Nothing)]),
            Self::Jwks => ("jwks", &[(Home::OpenId, Needs::Nothing)]),
            Self::Login => ("login", &[(Home::Whole, Needs::LogInForm), (Home::Partners, Needs::Nothing)]),
            Self::RefreshGraphql => ("refresh_graphql", &[(Home::Signed, Needs::Grants(App::Signing))]),
            Self::RefreshRest => ("refresh_rest", &[(Home::Signed, Needs::Grants(App::Signing))]),
            Self::WrongSignature => ("wrong_signature", &[(Home::Signed, Needs::Nothing)]),
            Self::WrongEnvelope => ("wrong_envelope", &[(Home::Partners, Needs::Nothing)]),
            Self::Exchange => ("exchange", &[(Home::Exchanging, Needs::LegacyTokens)]),
            Self::ExchangeRetry => ("exchange_retry", &[(Home::Exchanging, Needs::ExchangedTokens)]),
            Self::LegacyLookup => ("legacy_lookup", &[(Home::Exchanging, Needs::LegacyTokens)]),
        }
    }

    /// Whether a realm has it.
    pub(super) fn is_of(self, realm: &Realm) -> bool {
        let (_, homes) = self.facts();
        homes.iter().any(|(home, _)| home.is(realm))
    }

    /// What it needs in a realm.
    pub(super) fn needs(self, realm: &Realm) -> Needs {
        let (_, homes) = self.facts();
        homes.iter().find(|(home, _)| home.is(realm)).map_or(Needs::Nothing, |(_, needs)| *needs)
    }

    /// Whether only the server that `kimbai bench` starts itself has the floor, or the app, that it asks for.
    pub(super) fn needs_own_server(self, realm: &Realm) -> bool {
        match self.needs(realm) {
            Needs::Grants(App::OpenId(_) | App::Partner(_))
            | Needs::Session(App::OpenId(_))
            | Needs::LegacyTokens
            | Needs::ExchangedTokens => true,
            Needs::Nothing | Needs::Grants(_) | Needs::Session(_) | Needs::LogInForm => self == Self::Floor,
        }
    }

    /// So many connections can ask at once.
    pub(super) fn connections_max(self) -> usize {
        if self == Self::Login { LOG_INS_AT_ONCE } else { usize::MAX }
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, _) = self.facts();
        f.write_str(name)
    }
}

/// One connection with its grants and its browser.
#[derive(Debug)]
pub(super) struct Worker {
    number: u32,
    target: Arc<Target>,
    connection: Connection,
    grants: BTreeMap<App, Grants>,
    browser: Option<Browser>,
    form: Option<FilledIn>,
    /// Connections to realms beside its own, by their ports.
    beside: BTreeMap<u16, Connection>,
    log_ins: u32,
    legacy_tokens: LegacyTokens,
}

impl Worker {
    pub(super) fn new(number: u32, target: Arc<Target>) -> Self {
        let connection = target.connection(target.port());
        let (grants, beside, legacy_tokens) = (BTreeMap::new(), BTreeMap::new(), LegacyTokens::default());
        Self { number, target, connection, grants, browser: None, form: None, beside, log_ins: 0, legacy_tokens }
    }

    /// A worker that comes from a loopback address of its own.
    pub(super) fn from_source(number: u32, target: Arc<Target>, source: Ipv4Addr) -> Self {
        let connection = target.connection(target.port()).coming_from(source);
        Self { connection, ..Self::new(number, target) }
    }

    pub(super) fn number(&self) -> u32 {
        self.number
    }

    pub(super) fn target(&self) -> Arc<Target> {
        Arc::clone(&self.target)
    }

    pub(super) fn connection(&mut self) -> &mut Connection {
        &mut self.connection
    }

    /// The connection to a port of the server: its realm's, or one beside it.
    fn connection_to(&mut self, port: u16) -> &mut Connection {
        if port == self.target.port() {
            return &mut self.connection;
        }
        self.beside.entry(port).or_insert_with(|| self.target.connection(port))
    }

    /// Once through a case.
    pub(super) async fn iterate(&mut self, case: Case) -> anyhow::Result<()> {
        let is_partner = self.target.is_of_partners();
        match case {
            Case::Refresh if is_partner => self.refresh_in_envelope(SigningAlgorithm::Rs256).await,
            Case::RefreshEddsa if is_partner => self.refresh_in_envelope(SigningAlgorithm::EdDsa).await,
            Case::Login if is_partner => self.log_in_in_envelope().await,
            Case::WrongEnvelope => self.present_wrong_envelope().await,
            Case::Floor => self.floor().await,
            Case::ClientCredentials => self.client_credentials().await,
            Case::Refresh => self.refresh(App::Plain).await,
            Case::Introspect => self.introspect(App::Plain).await,
            Case::Code => self.code(App::Plain).await,
            Case::CodeEs256 => self.code(ES256).await,
            Case::RefreshEddsa => self.refresh(EDDSA).await,
            Case::RefreshRs256 => self.refresh(RS256).await,
            Case::Userinfo => self.userinfo(EDDSA).await,
            Case::Discovery => self.discovery().await,
            Case::Jwks => self.jwks().await,
            Case::Login => self.log_in().await,
            Case::RefreshGraphql => self.refresh_over_graphql().await,
            Case::RefreshRest => self.refresh_by_rest().await,
            Case::WrongSignature => self.present_wrong_signature().await,
            Case::Exchange => self.exchange_legacy_token().await,
            Case::ExchangeRetry => self.exchange_again().await,
            Case::LegacyLookup => self.look_legacy_token_up().await,
        }
    }

    /// What it has of an app.
    fn grants(&mut self, app: App) -> &mut Grants {
        self.grants.entry(app).or_insert_with(|| Grants::of_connection(self.number))
    }
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum as _;

    use super::super::realms;
    use super::*;

    #[test]
    fn a_case_is_chosen_by_the_name_it_is_reported_with() {
        for case in Case::ALL {
            assert_eq!(case.to_possible_value().unwrap().get_name(), case.to_string());
        }
        assert_eq!(Case::value_variants(), Case::ALL);
    }

    #[test]
    fn a_realm_has_the_cases_that_its_apps_can_ask_for() {
        let of = |name| {
            let realm = realms::find(name).unwrap();
            Case::ALL.into_iter().filter(|case| case.is_of(realm)).map(|case| case.to_string()).collect::<Vec<_>>()
        };
        let forms = ["floor", "client_credentials", "refresh", "introspect", "code"];
        let openid = ["code_es256", "refresh_eddsa", "refresh_rs256", "userinfo", "discovery", "jwks"];
        assert_eq!(of("standard"), [&forms[..], &openid, &["login"]].concat());
        assert_eq!(of("marketplace"), [&forms[..], &["login"]].concat());
        assert_eq!(of("tini"), ["floor", "refresh_graphql", "refresh_rest", "wrong_signature"]);
        assert_eq!(of("tconnect"), ["floor", "refresh", "refresh_eddsa", "login", "wrong_envelope"]);
        assert_eq!(of("haravan"), ["floor", "refresh", "exchange", "exchange_retry", "legacy_lookup"]);
    }

    #[test]
    fn what_only_the_benchs_own_server_has_is_not_asked_of_another() {
        let alone = |name: &str| {
            let realm = realms::find(name).unwrap();
            let of_realm = Case::ALL.into_iter().filter(|case| case.is_of(realm));
            of_realm.filter(|case| case.needs_own_server(realm)).collect::<Vec<_>>()
        };
        let expect = [Case::Floor, Case::CodeEs256, Case::RefreshEddsa, Case::RefreshRs256, Case::Userinfo];
        assert_eq!(alone("standard"), expect);
        assert_eq!(alone("tconnect"), [Case::Floor, Case::Refresh, Case::RefreshEddsa]);
        assert_eq!(alone("haravan"), [Case::Floor, Case::Exchange, Case::ExchangeRetry, Case::LegacyLookup]);
    }
}
