//! A realm, ready to serve: its settings, scopes, keys and clients in memory.
//!
//! What is cached here changes an answer's form only. What can kill a token is read with each verb. A realm that is read anew shares
//! its clients and signing keys with the one before it: what a request that still holds the old one hears of them is known to all.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use kimbai_core::audience::AudienceTable;
use kimbai_core::client::{Client, ENVELOPE_KEY_BYTES, SealedSecret};
use kimbai_core::grant::PartyStanding;
use kimbai_core::number::{ClientNumber, RealmNumber, UserNumber};
use kimbai_core::organization::OrganizationRules;
use kimbai_core::realm::RealmSettings;
use kimbai_core::scope::{OPENID, ScopeSet, ScopeTable};
use kimbai_core::time::Micros;
use kimbai_core::token::TokenRules;
use kimbai_keyring::{RealmKeyring, random_array};

use crate::guesses::Guesses;
use crate::partner::{Failures, Places};
use crate::password_pool::{PasswordPlace, PasswordPool, PasswordPoolUse};
use crate::rate_limit::{RateLimiters, Throttled};
use crate::signing::RealmSigning;
use crate::source::Source;

/// A realm, ready to serve.
#[derive(Debug)]
pub struct Realm {
    /// Its immutable number.
    pub number: RealmNumber,
    /// Its name.
    pub name: String,
    /// Its settings.
    pub settings: RealmSettings,
    /// Its scopes.
    pub scopes: ScopeTable,
    /// The scopes of which each asks for a refresh token; none if the realm has no such scope.
    pub offline: ScopeSet,
    /// The scope that asks for an ID token; none if the realm is no OpenID provider: it has no such scope, or no keys that sign.
    pub openid: ScopeSet,
    /// What its scopes mean for tokens.
    pub token_rules: TokenRules,
    /// What its scopes have to do with organizations.
    pub organizations: OrganizationRules,
    /// For whom its access tokens are.
    pub audiences: AudienceTable,
    /// Its keys.
    pub keyring: RealmKeyring,
    pub(crate) passwords: Arc<PasswordPool>,
    pub(crate) guesses: Arc<Guesses>,
    /// The secret of nobody, for signatures of clients that do not exist.
    pub(crate) decoy: SealedSecret,
    /// By how many seconds a sandbox has moved its clock.
    moved_s: Arc<AtomicI64>,
    pub(crate) signing: Arc<RealmSigning>,
    rates: Option<Arc<RateLimiters>>,
    /// The key of nobody, for envelopes of partners that do not exist.
    pub(crate) envelope_decoy: SealedSecret,
    pub(crate) failures: Arc<Failures>,
    /// Of a source, behind the wall.
    pub(crate) log_in_places: Arc<Places<Source>>,
    /// Of a person at a partner: one log-in after the other counts the grants and opens one.
    pub(crate) opening_places: Arc<Places<(UserNumber, ClientNumber)>>,
    clients: Arc<RwLock<Clients>>,
}

#[derive(Debug, Default)]
struct Clients {
    ids: HashMap<String, Arc<Client>>,
    numbers: HashMap<ClientNumber, Arc<Client>>,
    origins: HashMap<String, HashSet<ClientNumber>>,
    /// By partner code. Two partners never ask for one, but two servers may be asked at once: then it is the earlier client's.
    partners: HashMap<String, BTreeSet<ClientNumber>>,
}

/// What registering a client or user in a realm needs of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RealmFace<'a> {
    pub(crate) number: RealmNumber,
    pub(crate) settings: &'a RealmSettings,
    pub(crate) scopes: &'a ScopeTable,
    pub(crate) keyring: &'a RealmKeyring,
}

/// As long as the platform's own secrets are.
const DECOY_BYTES: usize = 64;

impl Realm {
    pub(crate) const fn face(&self) -> RealmFace<'_> {
        RealmFace { number: self.number, settings: &self.settings, scopes: &self.scopes, keyring: &self.keyring }
    }

    /// A realm whose clients are those of the realm it takes the place of, if there was one.
    pub(crate) fn new(
        (number, name): (RealmNumber, String),
        settings: RealmSettings,
        scopes: ScopeTable,
        keyring: RealmKeyring,
        before: Option<&Self>,
    ) -> Self {
        let offline = settings.offline(&scopes);
        let token_rules = TokenRules::of(&settings, &scopes);
        let organizations = OrganizationRules::of(&settings, &scopes);
        let audiences = AudienceTable::new(&settings, &scopes);
        let openid = scopes.parse(OPENID).ok().filter(|_| settings.signs()).unwrap_or_default();
        let passwords = before.map_or_else(|| Arc::new(PasswordPool::new()), |before| Arc::clone(&before.passwords));
        let guesses = before.map_or_else(Default::default, |before| Arc::clone(&before.guesses));
        let (signing, clients, moved_s) = before.map_or_else(Default::default, |before| {
            (Arc::clone(&before.signing), Arc::clone(&before.clients), Arc::clone(&before.moved_s))
        });
        let rates = match before {
            // What was used of an allowance is not given back by another setting.
            Some(before) if before.settings.rate_limits == settings.rate_limits => before.rates.clone(),
            Some(_) | None => settings.rate_limits.map(|limits| Arc::new(RateLimiters::new(limits))),
        };
        let decoy = keyring.seal_secret(&random_array::<DECOY_BYTES>());
        let envelope_decoy = keyring.seal_secret(&random_array::<ENVELOPE_KEY_BYTES>());
        let failures = before.map_or_else(Default::default, |before| Arc::clone(&before.failures));
        let log_in_places =
            before.map_or_else(|| Arc::new(Places::of_log_ins()), |before| Arc::clone(&before.log_in_places));
        let opening_places =
            before.map_or_else(|| Arc::new(Places::in_turn()), |before| Arc::clone(&before.opening_places));
        Self {
            number,
            name,
            settings,
            scopes,
            offline,
            openid,
            token_rules,
            organizations,
            audiences,
            keyring,
            passwords,
            guesses,
            decoy,
            moved_s,
            signing,
            rates,
            envelope_decoy,
            failures,
            log_in_places,
            opening_places,
            clients,
        }
    }

    /// Whether a token of this scope has an ID token beside it.
    #[must_use]
    pub const fn is_openid(&self, scope: ScopeSet) -> bool {
        !self.openid.is_empty() && scope.contains(self.openid)
    }

    /// A place in its password pool or in the queue before it; none: it is full.
    #[must_use]
    pub fn password_place(&self) -> Option<PasswordPlace> {
        self.passwords.enter().ok()
    }

    /// How its password pool is used.
    #[must_use]
    pub fn password_pool(&self) -> PasswordPoolUse {
        self.passwords.used()
    }

    /// Tells the realm that a sandbox has moved the store's clock, and not that of those who sign.
    pub fn clock_moved(&self, advance_s: i64) {
        self.moved_s.fetch_add(advance_s, Ordering::Relaxed);
    }

    /// The time by which a timestamp is judged: the store's, or, after it was moved, that of the machine, whichever is nearer.
    pub(crate) fn signing_time_ms(&self, now: Micros, timestamp_ms: i64) -> i64 {
        let now_ms = now.as_unix_ms();
        let machine_ms = now_ms.saturating_sub(self.moved_s.load(Ordering::Relaxed).saturating_mul(1_000));
        if machine_ms.abs_diff(timestamp_ms) < now_ms.abs_diff(timestamp_ms) { machine_ms } else { now_ms }
    }

    /// Lets a request of this source in.
    ///
    /// # Errors
    /// [`Throttled`]: the source has used its allowance up.
    pub fn admit_source(&self, source: Source) -> Result<(), Throttled> {
        self.rates.as_ref().map_or(Ok(()), |rates| rates.admit_source(source))
    }

    /// Lets a request of this client in, which has proven itself; a public one has not, and uses nobody's allowance.
    pub(crate) fn admit_client(&self, client: &Client) -> Result<(), Throttled> {
        match &self.rates {
            Some(rates) if !client.is_public() => rates.admit_client(client.number),
            Some(_) | None => Ok(()),
        }
    }

    /// The client with this `client_id`.
    #[must_use]
    pub fn client(&self, client_id: &str) -> Option<Arc<Client>> {
        self.clients.read().unwrap_or_else(PoisonError::into_inner).ids.get(client_id).cloned()
    }

    /// All clients, by `client_id`.
    #[must_use]
    pub fn clients(&self) -> Vec<Arc<Client>> {
        let mut clients: Vec<_> =
            self.clients.read().unwrap_or_else(PoisonError::into_inner).ids.values().cloned().collect();
        clients.sort_by(|one, other| one.client_id.cmp(&other.client_id));
        clients
    }

    /// The client with this number.
    #[must_use]
    pub fn client_by_number(&self, number: ClientNumber) -> Option<Arc<Client>> {
        self.clients.read().unwrap_or_else(PoisonError::into_inner).numbers.get(&number).cloned()
    }

    /// The partner with this code.
    #[must_use]
    pub fn partner(&self, partner_code: &str) -> Option<Arc<Client>> {
        let clients = self.clients.read().unwrap_or_else(PoisonError::into_inner);
        clients.numbers.get(clients.partners.get(partner_code)?.first()?).cloned()
    }

    /// Whether an enabled client has this web origin.
    #[must_use]
    pub fn has_origin(&self, origin: &str) -> bool {
        let clients = self.clients.read().unwrap_or_else(PoisonError::into_inner);
        clients.origins.get(origin).is_some_and(|clients| !clients.is_empty())
    }

    /// Takes over a client as it was read; a standing that is known to be later stays.
    pub(crate) fn put_client(&self, client: Client) {
        let mut clients = self.clients.write().unwrap_or_else(PoisonError::into_inner);
        let client = clients.as_known(client);
        clients.put(client);
    }

    /// Takes over all clients as they were read, and forgets all others; a standing that is known to be later stays.
    pub(crate) fn put_clients(&self, read: Vec<Client>) {
        let mut clients = self.clients.write().unwrap_or_else(PoisonError::into_inner);
        let mut after = Clients::default();
        for client in read {
            after.put(clients.as_known(client));
        }
        *clients = after;
    }

    /// Forgets a client that was removed.
    pub(crate) fn remove_client(&self, number: ClientNumber) {
        let mut clients = self.clients.write().unwrap_or_else(PoisonError::into_inner);
        let Some(client) = clients.numbers.remove(&number) else { return };
        clients.ids.remove(&client.client_id);
        for clients in clients.origins.values_mut() {
            clients.remove(&number);
        }
        clients.forget_partner(&client);
    }

    /// Takes over what the store answered of a client's standing.
    pub(crate) fn put_standing(&self, number: ClientNumber, standing: PartyStanding) {
        let mut clients = self.clients.write().unwrap_or_else(PoisonError::into_inner);
        let Some(known) = clients.numbers.get(&number) else { return };
        let later = known.standing.later(standing);
        if later != known.standing {
            let client = Client { standing: later, ..Client::clone(known) };
            clients.put(client);
        }
    }
}

impl Clients {
    /// A client as it was read, with the later of the standings that were read and heard of.
    fn as_known(&self, client: Client) -> Client {
        let standing =
            self.numbers.get(&client.number).map_or(client.standing, |known| client.standing.later(known.standing));
        Client { standing, ..client }
    }

    fn forget_partner(&mut self, client: &Client) {
        let Some(partner) = client.partner() else { return };
        if let Some(clients) = self.partners.get_mut(&partner.partner_code) {
            clients.remove(&client.number);
            if clients.is_empty() {
                self.partners.remove(&partner.partner_code);
            }
        }
    }

    fn put(&mut self, client: Client) {
        if let Some(known) = self.numbers.get(&client.number).cloned() {
            self.forget_partner(&known);
        }
        if let Some(partner) = client.partner() {
            self.partners.entry(partner.partner_code.clone()).or_default().insert(client.number);
        }
        for known in self.numbers.get(&client.number).into_iter().flat_map(|known| &known.origins) {
            if let Some(clients) = self.origins.get_mut(known) {
                clients.remove(&client.number);
            }
        }
        if client.standing.active {
            for origin in &client.origins {
                self.origins.entry(origin.clone()).or_default().insert(client.number);
            }
        }
        let client = Arc::new(client);
        self.numbers.insert(client.number, Arc::clone(&client));
        self.ids.insert(client.client_id.clone(), client);
    }
}

#[cfg(test)]
mod tests {
    use kimbai_core::scope::ScopeTable;
    use kimbai_keyring::{KeyUsage, MasterKey, StoredKey};
    use serde_json::json;

    use super::*;

    fn settings() -> RealmSettings {
        let paths = json!({ "authorize": "/a", "token": "/t", "revoke": "/r", "introspect": "/i" });
        let lifetimes = json!({
            "code_s": 60, "access_token_s": 60, "refresh_idle_s": null, "refresh_absolute_s": 60,
            "retry_confidential_s": 60, "retry_public_s": 60, "session_idle_s": 60, "session_absolute_s": 60,
        });
        serde_json::from_value(json!({
            "display_name": "Realm", "issuer": "https://id.example.vn", "dialect": "standard", "paths": paths,
            "scopes": [], "offline_scope": "", "lifetimes": lifetimes, "state_length_min": 0, "pkce": "required",
            "token_type": "capitalised", "error_form": "standard", "token_shape": "whole", "consent_form": "full",
        }))
        .unwrap()
    }

    fn realm(before: Option<&Realm>) -> Realm {
        let (number, master, settings) = (RealmNumber(1), MasterKey::generate(), settings());
        let keys = [KeyUsage::Root, KeyUsage::Sealing].map(|usage| StoredKey {
            number: 0,
            usage: usage.name().to_owned(),
            sealed: RealmKeyring::generate(&master, number, usage),
        });
        let keyring = RealmKeyring::open_keys(&master, number, settings.token_shape, &keys).unwrap();
        Realm::new((number, "main".to_owned()), settings, ScopeTable::default(), keyring, before)
    }

    fn client(number: u32, epoch: u32, active: bool) -> Client {
        let metadata = serde_json::from_value(json!({
            "client_name": "", "token_endpoint_auth_method": "none", "grant_types": ["authorization_code"], "scope": "",
            "redirect_uris": [format!("https://{number}.example.vn/callback")],
        }));
        let standing = PartyStanding { active, epoch };
        let (number, client_id) = (ClientNumber(number), format!("client-{number}"));
        Client::register(number, client_id, metadata.unwrap(), standing, (&settings(), &ScopeTable::default())).unwrap()
    }

    #[test]
    fn a_realm_that_is_read_anew_has_the_bound_and_the_clients_of_the_one_before_it() {
        let before = realm(None);
        before.put_clients(vec![client(1, 0, true), client(2, 0, true)]);
        let after = realm(Some(&before));
        assert!(Arc::ptr_eq(&before.passwords, &after.passwords), "twice the log-ins would be hashed at once");
        // A request that still holds the one before hears of a later epoch than was read.
        before.put_standing(ClientNumber(1), PartyStanding { active: false, epoch: 1 });
        after.put_clients(vec![client(1, 0, true)]);
        for realm in [&before, &after] {
            let known = realm.client("client-1").unwrap();
            assert_eq!(known.standing, PartyStanding { active: false, epoch: 1 });
            assert!(realm.client("client-2").is_none() && realm.client_by_number(ClientNumber(2)).is_none());
            assert!(!realm.has_origin("https://1.example.vn") && !realm.has_origin("https://2.example.vn"));
        }
    }
}
