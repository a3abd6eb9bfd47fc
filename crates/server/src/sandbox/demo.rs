//! What the sandbox registers: the people of every realm, and the form in which dialects hand in their demo clients.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use kimbai_core::claims::{Address, StandardClaims};
use kimbai_core::client::{
    AnswerForm, AuthenticationMethod, Client, ClientMetadata, ConsentPolicy, EnvelopeKey, GrantType, IvLayout,
    KeySpelling, LogInPage, Partner,
};
use kimbai_core::identity::{IdentityDocument, IdentityDocumentKind, IdentityRecord, RegisteredAddress};
use kimbai_core::realm::{IntrospectionListener, RealmSettings};
use kimbai_core::redirect_uri::origin_of;
use kimbai_core::secret::Secret;
use kimbai_engine::{
    DEMO_PASSWORDS, Engine, LegacyTokenError, NewClient, NewLegacyToken, NewOrganization, NewUser, Realm, SetupError,
    UserClaims,
};
use kimbai_store::{Epochs, StoreError};
use serde::Serialize;

use super::shown::Shown;

/// The password of the people of every realm.
pub const DEMO_PASSWORD: &str = "kimbai-demo";

/// A realm's registration in the sandbox, as the table and `--json` show it.
#[derive(Debug, Clone, Serialize)]
pub struct Registration {
    /// The realm's name.
    pub name: &'static str,
    /// Its issuer, which is its base URL.
    pub issuer: String,
    /// Its endpoints, by their names in the metadata document.
    pub endpoints: Endpoints,
    /// Its demo clients.
    pub clients: Vec<DemoClient>,
    /// Its demo people.
    pub users: Vec<DemoUser>,
    /// The organizations for which they act.
    #[serde(rename = "shops", skip_serializing_if = "Vec::is_empty")]
    pub organizations: Vec<DemoOrganization>,
    /// Tokens of the older system that may be exchanged.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub legacy_tokens: Vec<DemoLegacyToken>,
    /// How its demo clients dress the log-in page.
    #[serde(skip)]
    pub log_in_page: LogInPage,
    /// Its settings.
    #[serde(skip)]
    pub settings: RealmSettings,
}

/// The URLs of a realm's endpoints.
#[derive(Debug, Clone, Serialize)]
#[expect(missing_docs, reason = "each is the endpoint of that name")]
pub struct Endpoints {
    #[serde(skip_serializing_if = "String::is_empty")]
    pub authorize: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub token: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub revoke: String,
    /// None where only the operator's listener answers it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub introspect: Option<String>,
    /// Those of the platform, by their names in its dialect.
    #[serde(flatten)]
    pub platform: BTreeMap<&'static str, String>,
}

/// A demo client, whose secret is published, or one of the integrator's own.
#[derive(Debug, Clone, Serialize)]
pub struct DemoClient {
    /// Its `client_id`.
    pub client_id: Cow<'static, str>,
    /// Its secret; none for a public client.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_secret: Option<Shown>,
    /// How it authenticates.
    pub token_endpoint_auth_method: AuthenticationMethod,
    /// Where its authorization responses may go.
    pub redirect_uris: Vec<String>,
    /// What it may ask for.
    pub scopes: Vec<Cow<'static, str>>,
    /// The grants it may use.
    pub grant_types: Vec<GrantType>,
    /// Its name on pages.
    pub client_name: Cow<'static, str>,
    /// When people are asked, if not as its redirect URIs demand.
    #[serde(skip)]
    pub consent: Option<ConsentPolicy>,
    /// Whether it may introspect the realm's tokens.
    #[serde(skip)]
    pub resource_server: bool,
    /// What it is beside a client, in a realm of partners.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub partner: Option<DemoPartner>,
}

/// A demo partner, whose key is published, or one of the integrator's own.
#[derive(Debug, Clone, Serialize)]
pub struct DemoPartner {
    /// What it sends in `Partner-Code`.
    pub partner_code: Cow<'static, str>,
    /// The key of its envelopes: 64 hexadecimal digits, or 32 characters where one was made for who spells it so.
    pub envelope_key: Shown,
    /// Where the initialisation vector of its envelopes is.
    #[serde(skip_serializing_if = "is_default")]
    pub iv: IvLayout,
    /// How it spells its keys.
    #[serde(skip_serializing_if = "is_default")]
    pub key_spelling: KeySpelling,
    /// Whether it is answered in envelopes too.
    #[serde(skip_serializing_if = "is_default")]
    pub answers: AnswerForm,
}

/// A demo person.
#[derive(Debug, Clone, Serialize)]
pub struct DemoUser {
    /// The name to log in with.
    pub username: &'static str,
    /// The password, one of [`DEMO_PASSWORDS`].
    pub password: &'static str,
    /// The full name.
    pub name: &'static str,
    /// The mail address.
    pub email: &'static str,
    /// The subject in tokens.
    pub sub: &'static str,
    /// `female` or `male`.
    #[serde(skip)]
    pub gender: &'static str,
    /// The date of birth.
    #[serde(skip)]
    pub birthdate: &'static str,
    /// The middle names.
    #[serde(skip)]
    pub middle_name: Option<&'static str>,
    /// To which organizations the person belongs, by label, with the roles there.
    #[serde(rename = "shops", skip_serializing_if = "BTreeMap::is_empty")]
    pub memberships: BTreeMap<&'static str, Vec<&'static str>>,
}

/// A demo organization: a shop.
#[derive(Debug, Clone, Serialize)]
pub struct DemoOrganization {
    /// Its label.
    pub label: &'static str,
    /// By what clients know it.
    pub org_id: &'static str,
    /// Its name as people read it.
    pub name: &'static str,
    /// What kind of organization it is.
    #[serde(skip)]
    pub category: &'static str,
    /// Its host, with the port.
    pub host: String,
}

/// A demo token of the older system.
#[derive(Debug, Clone, Serialize)]
pub struct DemoLegacyToken {
    /// The label of the shop that it opens.
    #[serde(rename = "shop")]
    pub organization: &'static str,
    /// Who holds it.
    pub client_id: &'static str,
    /// For whom it acts.
    pub username: &'static str,
    /// The token itself.
    pub token: &'static str,
}

/// The people of every realm.
#[must_use]
pub fn people() -> Vec<DemoUser> {
    let person = |username, name, email, sub, (gender, birthdate)| DemoUser {
        username,
        password: DEMO_PASSWORD,
        name,
        email,
        sub,
        gender,
        birthdate,
        middle_name: None,
        memberships: BTreeMap::new(),
    };
    vec![
        person("an", "Đặng Thị Ngọc Ảnh", "an@example.vn", "1", ("female", "1990-02-14")),
        person("binh", "Nguyễn Hòa Bình", "binh@example.vn", "2", ("male", "1985-09-02")),
        person("chi", "Trần Quỳnh Chi", "chi@example.vn", "3", ("female", "2000-12-31")),
    ]
}

impl Registration {
    /// The registration of a realm; every client with redirect URIs also gets the sandbox's own callback.
    #[must_use]
    pub fn new(name: &'static str, settings: RealmSettings, mut clients: Vec<DemoClient>) -> Self {
        // A laptop's tests and benchmarks ask as often as they like.
        let settings = RealmSettings { rate_limits: None, ..settings };
        let url = |path: &str| crate::dialects::standard::endpoint_url(&settings, path);
        // A realm of partners has none of the three, and no path for them.
        let url_of = |path: &str| if path.is_empty() { String::new() } else { url(path) };
        for client in clients.iter_mut().filter(|client| !client.redirect_uris.is_empty()) {
            client.redirect_uris.push(url("/sandbox/callback"));
        }
        let is_public = settings.introspection == IntrospectionListener::Public;
        let endpoints = Endpoints {
            authorize: url_of(&settings.paths.authorize),
            token: url_of(&settings.paths.token),
            revoke: url_of(&settings.paths.revoke),
            introspect: is_public.then(|| url(&settings.paths.introspect)),
            platform: BTreeMap::new(),
        };
        let (issuer, users, log_in_page) = (settings.issuer.clone(), people(), LogInPage::default());
        let (organizations, legacy_tokens) = (Vec::new(), Vec::new());
        Self { name, issuer, endpoints, clients, users, organizations, legacy_tokens, log_in_page, settings }
    }

    /// The same with these endpoints of the platform beside the standard ones.
    #[must_use]
    pub fn with_platform(mut self, platform: BTreeMap<&'static str, String>) -> Self {
        self.endpoints.platform = platform;
        self
    }

    /// The same with these people beside those of every realm.
    #[must_use]
    pub fn with_people(mut self, people: Vec<DemoUser>) -> Self {
        self.users.splice(0..0, people);
        self
    }

    /// Puts all of it into an engine's store; doing so again changes nothing. Scopes that were applied to the realm before stay: they
    /// have their numbers for ever.
    ///
    /// # Errors
    /// [`SetupError`].
    pub async fn install(&self, engine: &Engine) -> Result<Arc<Realm>, SetupError> {
        let mut settings = self.settings.clone();
        if let Some(realm) = engine.realm(self.name) {
            settings.scopes.extend(realm.settings.scopes.iter().skip(self.settings.scopes.len()).cloned());
        }
        let realm = engine.put_realm(self.name, &settings).await?;
        for client in &self.clients {
            engine.put_client(&realm, client.to_new(self, &realm)).await?;
        }
        for user in &self.users {
            engine.put_user(&realm, user.to_new()).await?;
        }
        for organization in &self.organizations {
            engine.put_organization(&realm, organization.to_new()).await?;
        }
        for user in &self.users {
            for (label, roles) in &user.memberships {
                engine.put_membership(&realm, (user.username, label), roles).await?;
            }
        }
        for legacy in &self.legacy_tokens {
            engine.put_legacy_token(&realm, &legacy.to_new(), Epochs::Kept).await.map_err(not_installed)?;
        }
        Ok(realm)
    }

    /// Shows a client beside the demo clients, or as what has become of one: with this secret and key if it got new ones.
    pub fn show(&mut self, client: &Client, client_secret: Option<Shown>, envelope_key: Option<Shown>) {
        let known = self.clients.iter().position(|shown| shown.client_id == client.client_id);
        let before = known.and_then(|known| self.clients.get(known)).cloned();
        let (secret_before, partner_before) =
            before.map_or((None, None), |client| (client.client_secret, client.partner));
        let key_before = partner_before.map(|partner| partner.envelope_key);
        let is_public = client.metadata.token_endpoint_auth_method == AuthenticationMethod::None;
        let shown = DemoClient {
            client_id: client.client_id.clone().into(),
            client_secret: client_secret.or(secret_before).or(Some(Shown::Earlier)).filter(|_| !is_public),
            token_endpoint_auth_method: client.metadata.token_endpoint_auth_method,
            redirect_uris: client.metadata.redirect_uris.clone(),
            scopes: client.metadata.scope.split_whitespace().map(|scope| scope.to_owned().into()).collect(),
            grant_types: client.metadata.grant_types.clone(),
            client_name: client.metadata.client_name.clone().into(),
            consent: client.metadata.consent,
            resource_server: client.metadata.resource_server,
            partner: client.partner().map(|partner| DemoPartner {
                partner_code: partner.partner_code.clone().into(),
                envelope_key: envelope_key.or(key_before).unwrap_or(Shown::Earlier),
                iv: partner.iv,
                key_spelling: partner.key_spelling,
                answers: partner.answers,
            }),
        };
        match known.and_then(|known| self.clients.get_mut(known)) {
            Some(known) => *known = shown,
            None => self.clients.push(shown),
        }
    }

    pub(crate) fn client(&self, client_id: &str) -> Option<&DemoClient> {
        self.clients.iter().find(|client| client.client_id == client_id)
    }
}

impl DemoClient {
    /// Where a browser may be sent after log-out: the root of the demo apps.
    fn post_logout_redirect_uris(&self) -> Vec<String> {
        let roots = self.redirect_uris.iter().filter_map(|uri| origin_of(uri));
        roots.map(|origin| format!("{origin}/")).collect()
    }

    /// With its key sealed by the realm; a key that is the client's already stays as it was sealed.
    fn partner(&self, realm: &Realm) -> Option<Partner> {
        let DemoPartner { partner_code, envelope_key, iv, key_spelling, answers } = self.partner.as_ref()?;
        let known = realm.client(&self.client_id).and_then(|client| client.partner().cloned());
        let key = KeySpelling::Hex.read(envelope_key.secret()?).ok()?;
        let has_key = |keys: &Vec<EnvelopeKey>| match keys.as_slice() {
            [only] => realm.keyring.open_secret(&only.sealed).is_some_and(|opened| opened.as_slice() == key),
            _ => false,
        };
        let keys = known.map(|known| known.keys).filter(has_key);
        let keys = keys.unwrap_or_else(|| vec![EnvelopeKey::lasting(realm.keyring.seal_secret(&key))]);
        let (iv, key_spelling, answers) = (*iv, *key_spelling, *answers);
        Some(Partner { partner_code: partner_code.to_string(), keys, iv, key_spelling, answers })
    }

    fn to_new(&self, registration: &Registration, realm: &Realm) -> NewClient {
        let origin = origin_of(&registration.issuer).unwrap_or_default();
        NewClient {
            client_id: self.client_id.to_string(),
            client_secret: self
                .client_secret
                .as_ref()
                .and_then(Shown::secret)
                .map(|secret| Secret::new(secret.to_owned())),
            metadata: ClientMetadata {
                logo_uri: Some(format!("{origin}/assets/demo-shop.svg")),
                client_uri: Some("https://example.com/".to_owned()),
                policy_uri: Some("https://example.com/privacy".to_owned()),
                tos_uri: Some("https://example.com/terms".to_owned()),
                log_in_page: registration.log_in_page.clone(),
                redirect_uris: self.redirect_uris.clone(),
                post_logout_redirect_uris: self.post_logout_redirect_uris(),
                response_types: registration.settings.response_types.clone(),
                scope: self.scopes.join(" "),
                consent: self.consent,
                resource_server: self.resource_server,
                partner: self.partner(realm),
                ..ClientMetadata::new(
                    self.client_name.to_string(),
                    self.token_endpoint_auth_method,
                    self.grant_types.clone(),
                )
            },
        }
    }
}

impl DemoPartner {
    /// A partner whose envelopes are as the platform's documents have them.
    #[must_use]
    pub fn new(partner_code: &'static str, envelope_key: String) -> Self {
        Self {
            partner_code: partner_code.into(),
            envelope_key: envelope_key.into(),
            iv: IvLayout::default(),
            key_spelling: KeySpelling::default(),
            answers: AnswerForm::default(),
        }
    }

    /// What is not as the platform's documents have it: names and values.
    #[must_use]
    pub fn deviations(&self) -> Vec<(&'static str, Cow<'static, str>)> {
        let iv = (!is_default(&self.iv)).then(|| ("iv", self.iv.to_string().into()));
        let key_spelling = (!is_default(&self.key_spelling)).then(|| ("key_spelling", self.key_spelling.name().into()));
        let answers = match self.answers {
            AnswerForm::Plain => None,
            AnswerForm::Encrypted => Some(("answers", "encrypted".into())),
        };
        [iv, key_spelling, answers].into_iter().flatten().collect()
    }
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// Shop, app and person of a demo token are of the same registration.
fn not_installed(error: LegacyTokenError) -> SetupError {
    match error {
        LegacyTokenError::Store(error) => SetupError::Store(error),
        LegacyTokenError::Form
        | LegacyTokenError::Organization
        | LegacyTokenError::Client
        | LegacyTokenError::NoUsersClient
        | LegacyTokenError::PublicClient
        | LegacyTokenError::User => SetupError::Store(StoreError::Unreadable(error.to_string())),
    }
}

impl DemoLegacyToken {
    fn to_new(&self) -> NewLegacyToken {
        NewLegacyToken {
            organization: self.organization.to_owned(),
            client_id: self.client_id.to_owned(),
            username: self.username.to_owned(),
            token: Secret::new(self.token.to_owned()),
        }
    }
}

impl DemoOrganization {
    fn to_new(&self) -> NewOrganization {
        NewOrganization {
            label: self.label.to_owned(),
            org_id: self.org_id.to_owned(),
            name: self.name.to_owned(),
            category: self.category.to_owned(),
        }
    }
}

impl DemoUser {
    /// What the demo people have in common.
    fn claims(&self) -> StandardClaims {
        StandardClaims {
            middle_name: self.middle_name.map(str::to_owned),
            preferred_username: Some(self.username.to_owned()),
            email_verified: Some(true),
            gender: Some(self.gender.to_owned()),
            birthdate: Some(self.birthdate.to_owned()),
            zoneinfo: Some("Asia/Ho_Chi_Minh".to_owned()),
            locale: Some("vi-VN".to_owned()),
            phone_number: Some("+84900000000".to_owned()),
            phone_number_verified: Some(false),
            address: Some(Address {
                locality: Some("Thành phố Hồ Chí Minh".to_owned()),
                country: Some("VN".to_owned()),
                ..Address::default()
            }),
            ..StandardClaims::default()
        }
    }

    /// What a platform that checks papers would know of them; nobody has these numbers.
    fn identity(&self) -> IdentityRecord {
        let text = |text: &str| Some(text.to_owned());
        let documents = [(IdentityDocumentKind::Cccd, "0790000000"), (IdentityDocumentKind::Hc, "Z00000")];
        let document = |(kind, number): (_, &str)| IdentityDocument {
            number: format!("{number}{:0>2}", self.sub),
            kind,
            issue_place: text("Cục Cảnh sát quản lý hành chính về trật tự xã hội"),
            issue_date: text("2021-04-25"),
        };
        let address = RegisteredAddress {
            kind: Some(1),
            address: text("1 Lê Lợi"),
            commune: text("Phường Bến Nghé"),
            district: text("Quận 1"),
            city: text("Thành phố Hồ Chí Minh"),
        };
        IdentityRecord {
            nationality: text("VN"),
            documents: Some(documents.map(document).to_vec()),
            addresses: Some(vec![address]),
        }
    }

    /// Empty for a password that is not published: nobody could log in.
    fn password_hash(&self) -> &'static str {
        DEMO_PASSWORDS.iter().find(|(password, _)| *password == self.password).map_or("", |(_, hash)| hash)
    }

    fn to_new(&self) -> NewUser {
        NewUser {
            username: self.username.to_owned(),
            password_hash: self.password_hash().to_owned(),
            claims: UserClaims {
                sub: self.sub.to_owned(),
                name: self.name.to_owned(),
                email: Some(self.email.to_owned()),
                claims: self.claims(),
                identity: self.identity(),
            },
        }
    }
}
