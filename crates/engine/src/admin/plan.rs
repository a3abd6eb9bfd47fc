//! What a manifest would change: read from what stands, checked as a whole, shown before anything is done.

use std::sync::Arc;

use kimbai_core::client::{AuthenticationMethod, Client, ClientMetadata, ClientSecret, SecretDigest};
use kimbai_core::realm::RealmSettings;
use kimbai_core::scope::ScopeTable;
use kimbai_core::secret::Secret;
use kimbai_keyring::random_u64;
use kimbai_store::{Activity, UserRow};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::manifest::{ClientManifest, Manifest, RealmManifest, UserManifest, changed_keys};
use super::users::{self, NewPassword};
use super::{AdminError, Administration};
use crate::log_in::normalised;
use crate::realm::Realm;
use crate::setup::{UserClaims, check_client};

/// One difference between what stands and what is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// What is done.
    pub action: Action,
    /// To what kind of thing.
    pub kind: Kind,
    /// In which realm.
    pub realm: String,
    /// Its name.
    pub name: String,
    /// The keys that change, with what was and what will be; never a secret.
    pub changes: Vec<String>,
}

/// What is done to a thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "each is what its name says")]
pub enum Action {
    Add,
    Change,
    Remove,
}

/// What kind of thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "each is what its name says")]
pub enum Kind {
    Realm,
    Client,
    User,
}

/// What happens to clients and scopes that a file does not name, where it names others of their kind in their realm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Prune {
    /// They stay.
    Keep,
    /// Clients are removed, scopes retired. Users and keys always stay.
    Remove,
}

/// What is to be done, checked.
#[derive(Debug, Default)]
pub(super) struct Intended {
    pub(super) realms: Vec<IntendedRealm>,
    pub(super) steps: Vec<Step>,
}

#[derive(Debug)]
pub(super) struct IntendedRealm {
    pub(super) name: String,
    pub(super) settings: RealmSettings,
    /// Whether the realm is made or its settings change.
    pub(super) is_put: bool,
    pub(super) clients: Vec<IntendedClient>,
    pub(super) removed: Vec<Arc<Client>>,
    pub(super) users: Vec<IntendedUser>,
}

#[derive(Debug)]
pub(super) struct IntendedClient {
    pub(super) client_id: String,
    /// With the secrets it has.
    pub(super) metadata: ClientMetadata,
    pub(super) secret: IntendedSecret,
    pub(super) activity: Option<Activity>,
    /// Whether anything but its activity changes.
    pub(super) is_put: bool,
}

#[derive(Debug)]
pub(super) enum IntendedSecret {
    Kept,
    Made,
    Given(Secret),
    Digest(SecretDigest),
}

#[derive(Debug)]
pub(super) struct IntendedUser {
    pub(super) username: String,
    pub(super) claims: UserClaims,
    pub(super) password: NewPassword,
    pub(super) known: Option<UserRow>,
    pub(super) activity: Option<Activity>,
    pub(super) is_put: bool,
}

/// Reads and checks a manifest against what stands.
pub(super) async fn intend(
    administration: &Administration,
    manifest: &Manifest,
    prune: Prune,
) -> Result<Intended, AdminError> {
    let mut planner = Planner { administration, prune, steps: Vec::new(), mistakes: Vec::new() };
    let mut realms = Vec::new();
    for (name, asked) in &manifest.realms {
        if let Some(realm) = Box::pin(planner.realm(name, asked)).await? {
            realms.push(realm);
        }
    }
    planner.check_together(&realms);
    if planner.mistakes.is_empty() {
        Ok(Intended { realms, steps: planner.steps })
    } else {
        Err(AdminError::Invalid(planner.mistakes))
    }
}

struct Planner<'a> {
    administration: &'a Administration,
    prune: Prune,
    steps: Vec<Step>,
    mistakes: Vec<String>,
}

impl Planner<'_> {
    /// `None` when nothing can be said of the realm; why is among the mistakes then.
    async fn realm(&mut self, name: &str, asked: &RealmManifest) -> Result<Option<IntendedRealm>, AdminError> {
        let standing = self.administration.engine.realm(name);
        let settings = match self.settings(name, asked, standing.as_deref()) {
            Ok(settings) => settings,
            Err(mistake) => {
                self.mistake(&format!("realms.{name}"), &mistake);
                return Ok(None);
            }
        };
        let changes = match &standing {
            Some(realm) => changed_keys(&as_json(&realm.settings), &as_json(&settings)),
            None => Vec::new(),
        };
        let is_put = standing.is_none() || !changes.is_empty();
        self.step(standing.is_some(), Kind::Realm, (name, name), changes);
        let Ok(scopes) = ScopeTable::new(settings.scopes.clone()) else { return Ok(None) };
        let mut clients = Vec::new();
        for (client_id, asked) in asked.clients.iter().flatten() {
            let known = standing.as_ref().and_then(|realm| realm.client(client_id));
            match self.client((name, standing.as_deref()), (client_id, asked), known.as_deref(), (&settings, &scopes)) {
                Ok(client) => clients.push(client),
                Err(mistake) => self.mistake(&format!("realms.{name}.clients.{client_id}"), &mistake),
            }
        }
        let removed = self.removed(name, asked, standing.as_deref());
        let mut users = Vec::new();
        for (username, asked) in &asked.users {
            match Box::pin(self.user((name, standing.as_deref()), username, asked)).await? {
                Ok(user) => users.push(user),
                Err(mistake) => self.mistake(&format!("realms.{name}.users.{username}"), &mistake),
            }
        }
        Ok(Some(IntendedRealm { name: name.to_owned(), settings, is_put, clients, removed, users }))
    }

    fn settings(&self, name: &str, asked: &RealmManifest, standing: Option<&Realm>) -> Result<RealmSettings, String> {
        let text = |key: &str| asked.settings.get(key).and_then(Value::as_str);
        let base = if let Some(realm) = standing {
            realm.settings.clone()
        } else {
            let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_');
            if !(1..=NAME_BYTES_MAX).contains(&name.len()) || !name.bytes().all(is_plain) {
                return Err(format!("a realm's name has 1 to {NAME_BYTES_MAX} of a-z, 0-9, - and _"));
            }
            let issuer = text("issuer").ok_or("issuer is missing: the URL by which clients know the realm")?;
            let dialect = text("dialect").unwrap_or("standard");
            let display_name = text("display_name").unwrap_or(name);
            self.administration
                .wire
                .defaults(dialect, display_name, issuer)
                .ok_or_else(|| format!("dialect: there is no dialect {dialect:?}"))?
        };
        let mut settings = asked.over(&base)?;
        if let (Prune::Remove, Some(named)) = (self.prune, asked.scope_names()) {
            for scope in settings.scopes.iter_mut().filter(|scope| !named.contains(&scope.name.as_str())) {
                scope.retired = true;
            }
        }
        settings.check().map_err(|error| error.to_string())?;
        Ok(settings)
    }

    fn client(
        &mut self,
        (realm_name, realm): (&str, Option<&Realm>),
        (client_id, asked): (&str, &ClientManifest),
        known: Option<&Client>,
        registered_in: (&RealmSettings, &ScopeTable),
    ) -> Result<IntendedClient, String> {
        let standing = known.map(|client| &client.metadata);
        let mut metadata = asked.over(client_id, standing)?;
        if metadata.token_endpoint_auth_method == AuthenticationMethod::None {
            metadata.secrets.clear();
        }
        let secret = intended_secret(asked, &metadata, realm)?;
        let mut checked = metadata.clone();
        if !matches!(secret, IntendedSecret::Kept) {
            checked.secrets = vec![ClientSecret::lasting(SecretDigest([0; 32]))];
        }
        check_client(registered_in, client_id, &checked).map_err(|error| error.to_string())?;
        let mut changes = standing.map_or_else(Vec::new, |standing| without_secrets(standing, &metadata));
        if known.is_some() && !matches!(secret, IntendedSecret::Kept) {
            changes.push("client_secret".to_owned());
        }
        let is_put = known.is_none() || !changes.is_empty();
        let activity = changed_activity(asked.disabled, known.map(|client| client.standing.active));
        changes.extend(activity.map(describe));
        self.step(known.is_some(), Kind::Client, (realm_name, client_id), changes);
        Ok(IntendedClient { client_id: client_id.to_owned(), metadata, secret, activity, is_put })
    }

    fn removed(&mut self, name: &str, asked: &RealmManifest, standing: Option<&Realm>) -> Vec<Arc<Client>> {
        let (Prune::Remove, Some(named), Some(realm)) = (self.prune, &asked.clients, standing) else {
            return Vec::new();
        };
        let removed: Vec<_> =
            realm.clients().into_iter().filter(|client| !named.contains_key(&client.client_id)).collect();
        for client in &removed {
            self.steps.push(Step {
                action: Action::Remove,
                kind: Kind::Client,
                realm: name.to_owned(),
                name: client.client_id.clone(),
                changes: Vec::new(),
            });
        }
        removed
    }

    async fn user(
        &mut self,
        (realm_name, realm): (&str, Option<&Realm>),
        username: &str,
        asked: &UserManifest,
    ) -> Result<Result<IntendedUser, String>, AdminError> {
        let known = match realm {
            Some(realm) => self.administration.engine.user_row(realm, username).await?,
            None => None,
        };
        let standing = match known.as_ref().map(|row| UserClaims::parse(&row.claims)).transpose() {
            Ok(standing) => standing,
            Err(error) => return Ok(Err(error.to_string())),
        };
        if let (Some(sub), Some(standing)) = (&asked.sub, &standing)
            && *sub != standing.sub
        {
            return Ok(Err(format!("sub: it is {:?} and never reassigned", standing.sub)));
        }
        let claims = UserClaims {
            sub: standing
                .as_ref()
                .map_or_else(|| asked.sub.clone().unwrap_or_else(new_subject), |user| user.sub.clone()),
            name: asked
                .name
                .clone()
                .or_else(|| standing.as_ref().map(|user| user.name.clone()))
                .unwrap_or_else(|| username.to_owned()),
            email: asked.email.clone().or_else(|| standing.as_ref().and_then(|user| user.email.clone())),
        };
        let password = match users::new_password(asked, realm.zip(known.as_ref())).await {
            Ok(password) => password,
            Err(mistake) => return Ok(Err(mistake)),
        };
        let mut changes =
            standing.as_ref().map_or_else(Vec::new, |standing| changed_keys(&as_json(standing), &as_json(&claims)));
        if known.is_some() && password != NewPassword::Kept {
            changes.push("password".to_owned());
        }
        let is_put = known.is_none() || !changes.is_empty();
        let activity = changed_activity(asked.disabled, known.as_ref().map(|row| row.standing.active));
        changes.extend(activity.map(describe));
        let username = normalised(username);
        self.step(known.is_some(), Kind::User, (realm_name, &username), changes);
        Ok(Ok(IntendedUser { username, claims, password, known, activity, is_put }))
    }

    /// Whether all realms could be served beside each other afterwards.
    fn check_together(&mut self, intended: &[IntendedRealm]) {
        let standing = self.administration.engine.realms();
        let others = standing.iter().filter(|realm| intended.iter().all(|asked| asked.name != realm.name));
        let all: Vec<(&str, &RealmSettings)> = others
            .map(|realm| (realm.name.as_str(), &realm.settings))
            .chain(intended.iter().map(|realm| (realm.name.as_str(), &realm.settings)))
            .collect();
        if let Err(mistake) = self.administration.wire.check(&all) {
            self.mistakes.push(mistake);
        }
    }

    /// Notes a step, unless there is nothing to do.
    fn step(&mut self, is_known: bool, kind: Kind, (realm, name): (&str, &str), changes: Vec<String>) {
        let action = if is_known { Action::Change } else { Action::Add };
        if !is_known || !changes.is_empty() {
            let (realm, name) = (realm.to_owned(), name.to_owned());
            self.steps.push(Step { action, kind, realm, name, changes });
        }
    }

    fn mistake(&mut self, at: &str, mistake: &str) {
        self.mistakes.push(format!("{at}: {mistake}"));
    }
}

/// A name that stands in cookies and metrics.
const NAME_BYTES_MAX: usize = 32;

fn intended_secret(
    asked: &ClientManifest,
    metadata: &ClientMetadata,
    realm: Option<&Realm>,
) -> Result<IntendedSecret, String> {
    let is_public = metadata.token_endpoint_auth_method == AuthenticationMethod::None;
    let is_live = |digest: SecretDigest| metadata.secrets.iter().any(|secret| secret.digest == digest);
    if let Some(digest) = asked.secret_digest()? {
        return Ok(if is_live(digest) { IntendedSecret::Kept } else { IntendedSecret::Digest(digest) });
    }
    match &asked.client_secret {
        Some(_) if is_public => Err("client_secret: a client without authentication has no secret".to_owned()),
        Some(secret) => {
            let digest = realm.map(|realm| realm.keyring.secret_digest(&secret.0));
            let is_kept = digest.is_some_and(is_live);
            Ok(if is_kept { IntendedSecret::Kept } else { IntendedSecret::Given(secret.0.clone()) })
        }
        None if is_public || !metadata.secrets.is_empty() => Ok(IntendedSecret::Kept),
        None => Ok(IntendedSecret::Made),
    }
}

/// The changed keys of a client's metadata but for its secrets.
fn without_secrets(before: &ClientMetadata, after: &ClientMetadata) -> Vec<String> {
    let plain = |metadata: &ClientMetadata| as_json(&ClientMetadata { secrets: Vec::new(), ..metadata.clone() });
    let mut changes = changed_keys(&plain(before), &plain(after));
    if before.secrets.len() > after.secrets.len() {
        changes.push("client_secret".to_owned());
    }
    changes
}

/// What is to be done about a party's activity: a new one is active.
fn changed_activity(disabled: Option<bool>, active: Option<bool>) -> Option<Activity> {
    match (disabled?, active.unwrap_or(true)) {
        (true, true) => Some(Activity::Disabled),
        (false, false) => Some(Activity::Enabled),
        (true, false) | (false, true) => None,
    }
}

fn describe(activity: Activity) -> String {
    match activity {
        Activity::Enabled => "disabled: true -> false",
        Activity::Disabled => "disabled: false -> true",
    }
    .to_owned()
}

/// A subject that nobody else has.
pub(super) fn new_subject() -> String {
    format!("{:016x}{:016x}", random_u64(), random_u64())
}

fn as_json<T: Serialize>(value: &T) -> Value {
    serde_json::to_value(value).unwrap_or(Value::Null)
}
