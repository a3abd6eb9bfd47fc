//! What a manifest would change: read from what stands, checked as a whole, shown before anything is done.

mod client;
mod organization;
mod partner;
mod user;

use std::sync::Arc;

use kimbai_core::client::Client;
use kimbai_core::realm::RealmSettings;
use kimbai_core::scope::ScopeTable;
use kimbai_store::Activity;
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub(super) use self::client::{IntendedClient, IntendedSecret};
pub(super) use self::organization::{IntendedMembership, IntendedOrganization};
pub(super) use self::partner::IntendedKey;
pub(super) use self::user::IntendedUser;
use super::manifest::{Manifest, RealmManifest, changed_keys};
use super::passwords::Passwords;
use super::{AdminError, Administration};
use crate::realm::Realm;

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
    Organization,
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
pub(in crate::admin) struct Intended {
    /// Those of which anything changes.
    pub(in crate::admin) realms: Vec<IntendedRealm>,
    pub(in crate::admin) steps: Vec<Step>,
}

#[derive(Debug)]
pub(in crate::admin) struct IntendedRealm {
    pub(in crate::admin) name: String,
    pub(in crate::admin) settings: RealmSettings,
    /// Whether the realm is made or its settings change.
    pub(in crate::admin) is_put: bool,
    pub(in crate::admin) clients: Vec<IntendedClient>,
    pub(in crate::admin) removed: Vec<Arc<Client>>,
    /// Those that are new or change.
    pub(in crate::admin) organizations: Vec<IntendedOrganization>,
    pub(in crate::admin) users: Vec<IntendedUser>,
}

/// Reads and checks a manifest against what stands.
pub(in crate::admin) async fn intend(
    administration: &Administration,
    manifest: &Manifest,
    prune: Prune,
    passwords: &Passwords,
) -> Result<Intended, AdminError> {
    let mut planner = Planner { administration, prune, passwords, steps: Vec::new(), mistakes: Vec::new() };
    let mut realms = Vec::new();
    for (name, asked) in &manifest.realms {
        if let Some(realm) = Box::pin(planner.realm(name, asked)).await? {
            realms.push(realm);
        }
    }
    planner.check_together(&realms);
    let Planner { steps, mistakes, .. } = planner;
    if !mistakes.is_empty() {
        return Err(AdminError::Invalid(mistakes));
    }
    realms.retain(|realm| steps.iter().any(|step| step.realm == realm.name));
    Ok(Intended { realms, steps })
}

struct Planner<'a> {
    administration: &'a Administration,
    prune: Prune,
    passwords: &'a Passwords,
    steps: Vec<Step>,
    mistakes: Vec<String>,
}

impl Planner<'_> {
    /// `None` when nothing can be said of the realm; why is among the mistakes then.
    async fn realm(&mut self, name: &str, asked: &RealmManifest) -> Result<Option<IntendedRealm>, AdminError> {
        let standing = self.administration.engine.realm(name);
        let realm = (name, standing.as_deref());
        let settings = match self.settings(name, asked, standing.as_deref()) {
            Ok(settings) => Some(settings),
            Err(mistake) => {
                self.mistake(&format!("realms.{name}"), &mistake);
                None
            }
        };
        let mut is_put = false;
        let (mut clients, mut removed) = (Vec::new(), Vec::new());
        if let Some((settings, scopes)) = &settings {
            let before = standing.as_ref().map(|realm| as_json(&realm.settings));
            let changes = before.map_or_else(Vec::new, |before| changed_keys(&before, &as_json(settings)));
            is_put = standing.is_none() || !changes.is_empty();
            self.step(standing.is_some(), Kind::Realm, (name, name), changes);
            if let Some(asked) = &asked.clients {
                clients = self.clients(realm, asked, (settings, scopes));
            }
            removed = self.removed(realm, asked.clients.as_ref());
            self.check_partner_codes(realm, &clients, &removed);
            self.check_partner_keys(realm, &clients, &removed);
            self.check_others(realm, asked.clients.as_ref(), &removed, (settings, scopes));
        }
        let organizations = Box::pin(self.organizations(realm, &asked.organizations)).await?;
        let users = Box::pin(self.users(realm, (&asked.users, &asked.organizations))).await?;
        let intended = |(settings, _)| {
            let name = name.to_owned();
            IntendedRealm { name, settings, is_put, clients, removed, organizations, users }
        };
        Ok(settings.map(intended))
    }

    fn settings(
        &self,
        name: &str,
        asked: &RealmManifest,
        standing: Option<&Realm>,
    ) -> Result<(RealmSettings, ScopeTable), String> {
        let settings = match standing {
            Some(realm) => self.pruned(asked, asked.over(&realm.settings)?),
            None => asked.over_defaults(&self.defaults(name, asked)?)?,
        };
        settings.check().map_err(|error| error.to_string())?;
        let scopes = ScopeTable::new(settings.scopes.clone()).map_err(|error| error.to_string())?;
        Ok((settings, scopes))
    }

    fn defaults(&self, name: &str, asked: &RealmManifest) -> Result<RealmSettings, String> {
        let text = |key: &str| asked.settings.get(key).and_then(Value::as_str);
        let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_');
        if !(1..=NAME_BYTES_MAX).contains(&name.len()) || !name.bytes().all(is_plain) {
            return Err(format!("a realm's name has 1 to {NAME_BYTES_MAX} of a-z, 0-9, - and _"));
        }
        let issuer = text("issuer").ok_or("issuer is missing: the URL by which clients know the realm")?;
        let dialect = text("dialect").unwrap_or("standard");
        let defaults = self.administration.wire.defaults(dialect, text("display_name").unwrap_or(name), issuer);
        defaults.ok_or_else(|| format!("dialect: there is no dialect {dialect:?}"))
    }

    /// The settings, in which scopes that the file does not name are retired, if that is asked for; never those that ask for a
    /// refresh token, which a file need not name.
    fn pruned(&self, asked: &RealmManifest, mut settings: RealmSettings) -> RealmSettings {
        if let (Prune::Remove, Some(named)) = (self.prune, asked.scope_names()) {
            let offline: Vec<_> = settings.offline_names().map(str::to_owned).collect();
            for scope in &mut settings.scopes {
                scope.retired |= !offline.contains(&scope.name) && !named.contains(&scope.name.as_str());
            }
        }
        settings
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

fn as_json<T: Serialize>(value: &T) -> Value {
    serde_json::to_value(value).unwrap_or(Value::Null)
}
