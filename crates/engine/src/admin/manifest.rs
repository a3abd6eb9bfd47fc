//! What `apply` files say and `export` writes: realms with their settings, clients and users, by name.
//!
//! What a file does not name stays as it is; of a new thing, it is the default. Settings and metadata are laid over what stands, key by
//! key, and read as a whole, so that every key of theirs can be given and no other.

use std::collections::BTreeMap;
use std::fmt;

use kimbai_core::claims::StandardClaims;
use kimbai_core::client::{ClientMetadata, SecretDigest};
use kimbai_core::hexadecimal::{array_from_hex, hex};
use kimbai_core::identity::IdentityRecord;
use kimbai_core::realm::RealmSettings;
use kimbai_core::scope::ScopeDefinition;
use kimbai_core::secret::Secret;
use kimbai_keyring::RealmKeyring;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value, json};

use super::partner_manifest::{PartnerManifest, Said};
use crate::setup::{SECRET_CHARACTERS_MIN, is_long_enough};

/// All that a set of files asks for.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// By name.
    #[serde(default)]
    pub realms: BTreeMap<String, RealmManifest>,
}

/// What is asked of one realm.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct RealmManifest {
    /// The keys of [`RealmSettings`].
    #[serde(flatten)]
    pub settings: Map<String, Value>,
    /// By `client_id`; absent: nothing is said of clients.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clients: Option<BTreeMap<String, ClientManifest>>,
    /// By user name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub users: BTreeMap<String, UserManifest>,
    /// Its organizations, such as shops, by label.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub organizations: BTreeMap<String, OrganizationManifest>,
}

/// What is asked of one organization.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OrganizationManifest {
    /// By what clients know it; a new one is drawn for a new organization.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub org_id: Option<String>,
    /// Its name as people read it; of a new organization, the label.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What kind of organization it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
}

/// What is asked of one client.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ClientManifest {
    /// Its secret as it will be presented, or its hash as `export` writes it: `hash:`, 8 hex digits that tell the realm's key, `:` and
    /// 64 hex digits. Absent: the one it has; for a new client that needs one, a new one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_secret: Option<PlainSecret>,
    /// Whether it may do nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disabled: Option<bool>,
    /// What it is as a partner.
    #[serde(default, skip_serializing_if = "Said::is_nothing")]
    pub partner: Said<PartnerManifest>,
    /// The keys of [`ClientMetadata`], without its secrets and what it is as a partner.
    #[serde(flatten)]
    pub metadata: Map<String, Value>,
}

/// What is asked of one user.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UserManifest {
    /// The full name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The mail address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// The other standard claims.
    #[serde(default, skip_serializing_if = "StandardClaims::is_empty")]
    pub claims: StandardClaims,
    /// What identifies the person to a state.
    #[serde(default, skip_serializing_if = "IdentityRecord::is_empty")]
    pub identity: IdentityRecord,
    /// The subject in tokens, which is never reassigned; a new one is drawn for a new user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sub: Option<String>,
    /// The password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<PlainSecret>,
    /// The argon2 hash of the password, as a PHC string.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password_hash: Option<PlainSecret>,
    /// Whether the user may do nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disabled: Option<bool>,
    /// All organizations the user belongs to, by label, with the roles there; those that are not named end. Absent: as they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memberships: Option<BTreeMap<String, Vec<String>>>,
}

/// A secret on its way to or from the operator; its `Debug` hides it.
#[derive(Clone, PartialEq, Eq)]
pub struct PlainSecret(pub Secret);

impl PlainSecret {
    /// Takes the secret.
    #[must_use]
    pub const fn new(secret: String) -> Self {
        Self(Secret::new(secret))
    }

    /// The secret itself.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose()
    }

    /// The secret of a user; `key` is what the file calls it.
    pub(super) fn resolved(&self, key: &str) -> Result<&Secret, String> {
        match REFERENCE_PREFIXES.iter().find(|prefix| self.expose().starts_with(**prefix)) {
            Some(prefix) => {
                Err(format!("{key}: {prefix} says where a secret is, and only the command line looks there"))
            }
            None => Ok(&self.0),
        }
    }

    /// The secret of a client, plain or as a digest.
    pub(super) fn given(&self) -> Result<GivenSecret, String> {
        let plain = self.resolved("client_secret")?;
        let Some(hex) = self.expose().strip_prefix(HASH_PREFIX) else {
            return if is_long_enough(plain) {
                Ok(GivenSecret::Plain(plain.clone()))
            } else {
                Err(format!("client_secret: a secret has at least {SECRET_CHARACTERS_MIN} characters"))
            };
        };
        let hash = SecretHash::parse(hex)
            .ok_or("client_secret: hash: takes 8 hex digits, : and 64 hex digits, as `kimbai export` writes them")?;
        Ok(GivenSecret::Hash(hash))
    }
}

/// A client's secret as it was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum GivenSecret {
    /// As it will be presented.
    Plain(Secret),
    /// What a realm's keyring made of it.
    Hash(SecretHash),
}

/// A client's secret as a realm's keyring hashed it. Under another realm's key the digest fits no secret that anybody knows, so that
/// it comes with what tells the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SecretHash {
    key_check: [u8; 4],
    digest: SecretDigest,
}

impl SecretHash {
    /// The hash of a secret of this realm.
    pub(super) fn of(keyring: &RealmKeyring, digest: SecretDigest) -> Self {
        Self { key_check: key_check(keyring), digest }
    }

    /// What the realm compares, if it was hashed there. `None`: the realm is yet to be made.
    pub(super) fn digest_for(self, keyring: Option<&RealmKeyring>) -> Result<SecretDigest, String> {
        if keyring.is_some_and(|keyring| key_check(keyring) == self.key_check) {
            return Ok(self.digest);
        }
        Err("client_secret: this hash: was made under the key of another realm or installation and fits no secret here: give the \
             secret itself, or none, and the client gets a new one"
            .to_owned())
    }

    fn parse(text: &str) -> Option<Self> {
        let (check, digest) = text.split_once(':')?;
        Some(Self { key_check: array_from_hex(check)?, digest: SecretDigest(array_from_hex(digest)?) })
    }

    /// As a file gives it.
    pub(super) fn text(&self) -> PlainSecret {
        PlainSecret::new(format!("{HASH_PREFIX}{}:{}", hex(&self.key_check), hex(&self.digest.0)))
    }
}

/// What tells a realm's key from another, and nothing else of it.
pub(super) fn key_check(keyring: &RealmKeyring) -> [u8; 4] {
    let [a, b, c, d, ..] = keyring.keyed_digest("client secret hash", b"");
    [a, b, c, d]
}

impl fmt::Debug for PlainSecret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

impl Serialize for PlainSecret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.expose())
    }
}

impl<'de> Deserialize<'de> for PlainSecret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::new)
    }
}

/// What a digest stands behind.
const HASH_PREFIX: &str = "hash:";
/// What a place of a secret stands behind: a variable's name, or a file's.
const REFERENCE_PREFIXES: [&str; 2] = ["env:", "file:"];

impl ClientManifest {
    /// The metadata of a client after this, before its secrets are looked at: laid over what stands.
    pub(super) fn over(&self, client_id: &str, standing: Option<&ClientMetadata>) -> Result<ClientMetadata, String> {
        if self.metadata.contains_key("secrets") {
            return Err("unknown field `secrets`: give `client_secret`".to_owned());
        }
        let mut base = match standing {
            Some(metadata) => serde_json::to_value(metadata).map_err(|error| error.to_string())?,
            None => self.defaults(client_id),
        };
        self.partner.lay_over(&mut base)?;
        let metadata: ClientMetadata = read_over(base, &self.metadata)?;
        let codes = [standing, Some(&metadata)].map(|of| of.and_then(|of| Some(&of.partner.as_ref()?.partner_code)));
        match codes {
            // Its tokens name it, and whoever verifies them elsewhere would believe them to be another's.
            [Some(standing), Some(asked)] if standing != asked => {
                Err(format!("partner.partner_code: it is {standing} and stays so: remove the client and add another"))
            }
            _ => Ok(metadata),
        }
    }

    /// A client with redirect URIs logs people in, and so do one that signs its requests and a partner; any other acts for itself.
    fn defaults(&self, client_id: &str) -> Value {
        let has_redirects = self.metadata.get("redirect_uris").is_some_and(|uris| *uris != json!([]));
        let signs = self.metadata.get("token_endpoint_auth_method") == Some(&json!("request_signature"));
        let is_partner = matches!(self.partner, Said::Given(_));
        let grant_types = if is_partner {
            json!(["password", "refresh_token"])
        } else if has_redirects || signs {
            json!(["authorization_code", "refresh_token"])
        } else {
            json!(["client_credentials"])
        };
        json!({
            "client_name": client_id,
            "token_endpoint_auth_method": if is_partner { "partner_envelope" } else { "client_secret_basic" },
            "grant_types": grant_types,
            "scope": "",
        })
    }
}

impl RealmManifest {
    /// The settings of a realm after this: laid over what stands. Scopes keep their place and are never taken away.
    pub(super) fn over(&self, standing: &RealmSettings) -> Result<RealmSettings, String> {
        let mut settings = self.read(standing)?;
        if self.settings.contains_key("scopes") {
            settings.scopes = merged(&standing.scopes, settings.scopes);
        }
        Ok(settings)
    }

    /// The settings of a new realm: laid over the defaults. Its scopes are those it names; those that ask for a refresh token need
    /// not be among them, where the defaults know them.
    pub(super) fn over_defaults(&self, defaults: &RealmSettings) -> Result<RealmSettings, String> {
        let mut settings = self.read(defaults)?;
        let is_named = |name: &str| settings.scopes.iter().any(|scope| scope.name == name);
        let unnamed: Vec<_> = settings.offline_names().filter(|name| !is_named(name)).collect();
        let known = defaults.scopes.iter().filter(|scope| unnamed.contains(&scope.name.as_str())).cloned();
        let known: Vec<_> = known.collect();
        settings.scopes.extend(known);
        Ok(settings)
    }

    fn read(&self, base: &RealmSettings) -> Result<RealmSettings, String> {
        let named = self.scope_names().unwrap_or_default();
        if let Some(twice) =
            named.iter().enumerate().find(|(place, name)| named.iter().take(*place).any(|n| n == *name))
        {
            return Err(format!("scopes: {} is named twice", twice.1));
        }
        self.check_partners(base)?;
        read_over(serde_json::to_value(base).map_err(|error| error.to_string())?, &self.settings)
    }

    /// Refuses partners for a dialect that knows none, and a dialect of partners without: what follows from either would not say so.
    fn check_partners(&self, base: &RealmSettings) -> Result<(), String> {
        let dialect = &base.dialect;
        if self.settings.get("dialect").is_some_and(|asked| asked != dialect.as_str()) {
            return Ok(());
        }
        match (self.settings.get("partners"), &base.partners) {
            (Some(Value::Object(_)), None) => {
                Err(format!("partners: a realm of the dialect {dialect} has no partners"))
            }
            (Some(Value::Null), Some(_)) => Err(format!(
                "partners: a realm of the dialect {dialect} has partners; what holds for them can be changed, and not be unset"
            )),
            (None | Some(_), _) => Ok(()),
        }
    }

    /// The names of the scopes that it names, if it says anything of scopes.
    pub(super) fn scope_names(&self) -> Option<Vec<&str>> {
        let scopes = self.settings.get("scopes")?.as_array()?;
        Some(scopes.iter().filter_map(|scope| scope.get("name")?.as_str()).collect())
    }
}

/// The scopes that stand, as the file has them, then those that are new.
fn merged(standing: &[ScopeDefinition], wanted: Vec<ScopeDefinition>) -> Vec<ScopeDefinition> {
    let mut scopes = standing.to_vec();
    for scope in wanted {
        match scopes.iter_mut().find(|known| known.name == scope.name) {
            Some(known) => *known = scope,
            None => scopes.push(scope),
        }
    }
    scopes
}

/// Lays keys over a value and reads the whole.
fn read_over<T: serde::de::DeserializeOwned>(mut base: Value, over: &Map<String, Value>) -> Result<T, String> {
    lay_over(&mut base, &Value::Object(over.clone()));
    serde_json::from_value(base).map_err(|error| error.to_string())
}

pub(super) fn lay_over(base: &mut Value, over: &Value) {
    match (base, over) {
        (Value::Object(base), Value::Object(over)) => {
            for (key, value) in over {
                lay_over(base.entry(key.clone()).or_insert(Value::Null), value);
            }
        }
        (base, over) => *base = over.clone(),
    }
}

/// The keys of `value` that differ from `base`, with only what differs in them: laid over `base` they make `value` again.
pub(super) fn difference(base: &Value, value: &Value) -> Map<String, Value> {
    let empty = Map::new();
    let (base, value) = (base.as_object().unwrap_or(&empty), value.as_object().unwrap_or(&empty));
    let mut different = Map::new();
    for (key, value) in value {
        match base.get(key) {
            Some(standing) if standing == value => {}
            Some(standing) if standing.is_object() && value.is_object() => {
                different.insert(key.clone(), Value::Object(difference(standing, value)));
            }
            // A key that is absent and one that is null are the same.
            None if value.is_null() => {}
            _ => {
                different.insert(key.clone(), value.clone());
            }
        }
    }
    different
}

/// The changed keys, dotted, with what was and what will be.
pub(super) fn changed_keys(before: &Value, after: &Value) -> Vec<String> {
    let mut changed = Vec::new();
    collect("", before, after, &mut changed);
    changed
}

fn collect(path: &str, before: &Value, after: &Value, changed: &mut Vec<String>) {
    if before == after {
        return;
    }
    if let (Some(old), Some(new)) = (before.as_object(), after.as_object()) {
        let keys: std::collections::BTreeSet<&String> = old.keys().chain(new.keys()).collect();
        for key in keys {
            let below = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
            let of = |object: &Map<String, Value>| object.get(key).cloned().unwrap_or(Value::Null);
            collect(&below, &of(old), &of(new), changed);
        }
    } else if let (Some(old), Some(new)) = (by_name(before), by_name(after)) {
        for (name, value) in &new {
            match old.get(name) {
                None => changed.push(format!("{path}: + {name}")),
                Some(standing) => collect(&format!("{path}.{name}"), standing, value, changed),
            }
        }
        changed.extend(old.keys().filter(|name| !new.contains_key(*name)).map(|name| format!("{path}: - {name}")));
    } else {
        let is_personal = PERSONAL.iter().any(|key| path.strip_prefix(key).is_some_and(|rest| rest.starts_with('.')));
        changed.push(if is_personal { path.to_owned() } else { format!("{path}: {before} -> {after}") });
    }
}

/// What is below these is not repeated: a plan is shown, and kept in logs.
const PERSONAL: [&str; 2] = ["claims", "identity"];

/// A list of named things, such as scopes, by their names.
fn by_name(value: &Value) -> Option<BTreeMap<&str, &Value>> {
    let things = value.as_array()?;
    let named: Option<BTreeMap<&str, &Value>> =
        things.iter().map(|thing| Some((thing.get("name")?.as_str()?, thing))).collect();
    named.filter(|named| named.len() == things.len() && !named.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_laid_over_the_base_is_the_whole_again() {
        let base = json!({ "a": 1, "b": { "c": 2, "d": 3 }, "e": [1, 2], "f": null });
        for value in [
            json!({ "a": 1, "b": { "c": 2, "d": 3 }, "e": [1, 2], "f": null }),
            json!({ "a": 2, "b": { "c": 2, "d": 4 }, "e": [2], "f": "x" }),
            json!({ "a": 1, "b": { "c": null, "d": 3 }, "e": [], "f": { "g": 1 } }),
        ] {
            let mut again = base.clone();
            lay_over(&mut again, &Value::Object(difference(&base, &value)));
            assert_eq!(again, value);
        }
        assert!(difference(&base, &base).is_empty());
    }

    #[test]
    fn changed_keys_are_named_with_their_whole_path() {
        let before = json!({ "a": 1, "b": { "c": 2 } });
        let after = json!({ "a": 1, "b": { "c": 3 }, "d": true });
        assert_eq!(changed_keys(&before, &after), ["b.c: 2 -> 3", "d: null -> true"]);
        let before = json!({ "scopes": [{ "name": "a", "retired": false }, { "name": "b" }] });
        let after = json!({ "scopes": [{ "name": "a", "retired": true }, { "name": "c" }] });
        assert_eq!(changed_keys(&before, &after), ["scopes.a.retired: false -> true", "scopes: + c", "scopes: - b"]);
    }

    #[test]
    fn a_client_secret_is_plain_or_a_digest_and_no_place_where_it_is() {
        let digest = SecretDigest(std::array::from_fn(|n| u8::try_from(n * 7).unwrap_or(3)));
        let given = |secret: &str| PlainSecret::new(secret.to_owned()).given();
        let hash = SecretHash { key_check: [0, 1, 254, 255], digest };
        assert!(hash.text().expose().starts_with("hash:0001feff:00070e15"), "{}", hash.text().expose());
        assert_eq!(hash.text().given(), Ok(GivenSecret::Hash(hash)));
        let plain = "ậ".repeat(22);
        assert_eq!(given(&plain), Ok(GivenSecret::Plain(Secret::new(plain))));
        for wrong in [
            &"x".repeat(21),
            "hash:",
            "hash:00",
            &format!("hash:{}", "0".repeat(64)),
            &format!("hash:{}:{}", "0".repeat(8), "0".repeat(63)),
            &format!("hash:{}:{}", "0".repeat(7), "0".repeat(64)),
            &format!("hash:{}:{}", "0".repeat(8), "g".repeat(64)),
            &format!("hash:{}:{}", "é".repeat(4), "é".repeat(32)),
            "env:A_VARIABLE_WITH_A_LONG_NAME",
            "file:/run/secrets/a-file-with-a-long-name",
        ] {
            assert!(given(wrong).unwrap_err().starts_with("client_secret: "), "{wrong}");
        }
    }

    #[test]
    fn a_secret_on_its_way_is_not_shown() {
        let manifest: UserManifest = serde_json::from_value(json!({ "password": "very secret" })).unwrap();
        assert!(!format!("{manifest:?}").contains("very secret"));
    }
}
