//! The registry: realms, users, clients, consents, sessions, keys, audit events. Read often, written seldom.
//!
//! Settings and metadata travel as JSON that the callers own: a store keeps them and does not read them. Secrets arrive sealed or
//! hashed.

use std::borrow::Cow;
use std::collections::BTreeMap;

use kimbai_core::exchange::ExchangeOrigin;
use kimbai_core::grant::{PartyStanding, ShortDigest, Standing};
use kimbai_core::number::{ClientNumber, OrganizationNumber, RealmNumber, UserNumber};
use kimbai_core::scope::ScopeSet;
use kimbai_core::time::Micros;
use tokio::sync::watch;

use crate::ledger::Answer;

/// Everything that is stored and is not a grant.
pub trait Registry: Send + Sync {
    /// A value the store keeps for the whole installation, such as the check value of its master key.
    fn meta(&self, key: &'static str) -> Answer<'_, Option<Vec<u8>>>;
    /// Sets such a value if it is absent, and answers what stands afterwards.
    fn init_meta(&self, key: &'static str, value: Vec<u8>) -> Answer<'_, Vec<u8>>;

    /// Carries out all of these changes in their order, durably, or none of them.
    fn change(&self, changes: Vec<Change>) -> Answer<'_, ()>;

    /// A number for a realm that is yet to be made; it is never drawn again. The first is 1.
    fn draw_realm_number(&self) -> Answer<'_, RealmNumber>;
    /// Moves when another process may have changed a realm, its keys or its clients: who keeps them in memory reads those
    /// anew whose version is another one. It moves at once, or within a few seconds where the word does not come through.
    fn versions(&self) -> watch::Receiver<Versions>;
    /// The versions of all realms at this moment; none where no other process can change them.
    fn read_versions(&self) -> Answer<'_, Versions>;
    /// All realms.
    fn realms(&self) -> Answer<'_, Vec<RealmRow>>;

    /// The client with this `client_id`, with its standing.
    fn client(&self, realm: RealmNumber, client_id: String) -> Answer<'_, Option<ClientRow>>;
    /// All clients of a realm with their standing.
    fn clients(&self, realm: RealmNumber) -> Answer<'_, Vec<ClientRow>>;

    /// The user with this name (compared as given: callers normalise).
    fn user_by_name(&self, realm: RealmNumber, username: String) -> Answer<'_, Option<UserRow>>;
    /// The user with this number.
    fn user(&self, realm: RealmNumber, user: UserNumber) -> Answer<'_, Option<UserRow>>;
    /// The users of a realm in the order of their names, from the first one after `after` on, at most `limit`.
    fn users(&self, realm: RealmNumber, after: Option<String>, limit: u32) -> Answer<'_, Vec<UserRow>>;

    /// The organization with this label.
    fn organization_by_label(&self, realm: RealmNumber, label: String) -> Answer<'_, Option<OrganizationRow>>;
    /// The organization with this number.
    fn organization(&self, realm: RealmNumber, number: OrganizationNumber) -> Answer<'_, Option<OrganizationRow>>;
    /// The organizations of a realm in the order of their labels, from the first one after `after` on, at most `limit`.
    fn organizations(&self, realm: RealmNumber, after: Option<String>, limit: u32) -> Answer<'_, Vec<OrganizationRow>>;
    /// To which organizations a user belongs, in the order of their labels.
    fn memberships(&self, realm: RealmNumber, user: UserNumber) -> Answer<'_, Vec<MembershipRow>>;
    /// Whether a user belongs to this organization, and as what.
    fn membership(
        &self,
        realm: RealmNumber,
        user: UserNumber,
        organization: OrganizationNumber,
    ) -> Answer<'_, Option<MembershipRow>>;

    /// The legacy token of this digest.
    fn legacy_token(&self, realm: RealmNumber, token: ShortDigest) -> Answer<'_, Option<LegacyTokenRow>>;
    /// The legacy tokens of an organization in the order of their digests, from the first one after `after` on, at most `limit`.
    fn legacy_tokens(
        &self,
        realm: RealmNumber,
        organization: OrganizationNumber,
        after: Option<ShortDigest>,
        limit: u32,
    ) -> Answer<'_, Vec<LegacyTokenRow>>;
    /// Takes a step in the life of a legacy token, if it still stands before it; else nothing.
    fn step_legacy_token(&self, realm: RealmNumber, step: LegacyTokenStep) -> Answer<'_, ()>;

    /// What a user has consented to for a client and an organization.
    fn consent(&self, realm: RealmNumber, of: ConsentOf) -> Answer<'_, Option<ConsentRow>>;
    /// The last of what a user has consented to for a client, whatever the organization.
    fn last_consent(
        &self,
        realm: RealmNumber,
        user: UserNumber,
        client: ClientNumber,
    ) -> Answer<'_, Option<ConsentRow>>;
    /// Remembers what was answered when consent was asked for; what was not asked for stays as it is remembered.
    fn put_consent(&self, realm: RealmNumber, of: ConsentOf, answer: ConsentAnswer) -> Answer<'_, ()>;
    /// Forgets what a user has consented to for a client, whatever the organization; the grants are the caller's to revoke.
    fn remove_consent(&self, realm: RealmNumber, user: UserNumber, client: ClientNumber) -> Answer<'_, ()>;

    /// Stores a new browser session.
    fn put_session(
        &self,
        realm: RealmNumber,
        id: SessionId,
        user: UserNumber,
        user_epoch: u32,
    ) -> Answer<'_, SessionRow>;
    /// The session with its user's standing; the caller checks its ends.
    fn session(&self, realm: RealmNumber, id: SessionId) -> Answer<'_, Option<SessionRow>>;
    /// Moves a session's last use to now.
    fn touch_session(&self, realm: RealmNumber, id: SessionId) -> Answer<'_, ()>;
    /// Ends a session.
    fn remove_session(&self, realm: RealmNumber, id: SessionId) -> Answer<'_, ()>;

    /// Remembers that a browser logged a user in; the oldest of more than ten is forgotten.
    fn remember_browser(&self, realm: RealmNumber, user: UserNumber, browser: [u8; 16]) -> Answer<'_, ()>;
    /// Whether a browser has logged this user in before.
    fn knows_browser(&self, realm: RealmNumber, user: UserNumber, browser: [u8; 16]) -> Answer<'_, bool>;

    /// Counts a log-in attempt for an account and a source before its password is looked at, in one step, or refuses it.
    fn count_log_in(
        &self,
        realm: RealmNumber,
        account: LogInKey,
        source: LogInKey,
        limits: LogInLimits,
    ) -> Answer<'_, LogInVerdict>;
    /// Forgets the counted attempts of an account after a success, and takes this one back from its source.
    fn clear_log_in(&self, realm: RealmNumber, account: LogInKey, source: LogInKey) -> Answer<'_, ()>;
    /// What is counted for a key, for tests and administration.
    fn log_in_count(&self, realm: RealmNumber, key: LogInKey) -> Answer<'_, AttemptCount>;

    /// The keys of a realm, by use and number.
    fn keys(&self, realm: RealmNumber) -> Answer<'_, Vec<SealedKeyRow>>;

    /// Records an event; it is stored with one of the next batches and lost only if the store is.
    fn record(&self, event: AuditEvent);
    /// The newest events of a realm that pass the filter, newest first, at most `limit`. What this store was told to record
    /// before the call is among them.
    fn audit(&self, realm: RealmNumber, filter: AuditFilter, limit: u32) -> Answer<'_, Vec<(Micros, AuditEvent)>>;
}

/// One change of the registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Makes the realm of a number that was drawn for it, or gives the realm of this number other settings. A name that another
    /// realm has is [`crate::StoreError::Taken`].
    PutRealm {
        /// Its number.
        number: RealmNumber,
        /// Its name; the name of a realm that exists stays.
        name: String,
        /// Its settings, as JSON.
        settings: String,
    },
    /// Stores a sealed key of a realm under the next number of its use, from 0 on.
    AddKey {
        /// Whose.
        realm: RealmNumber,
        /// What it is for.
        usage: String,
        /// The sealed key.
        sealed: Vec<u8>,
    },
    /// Stores a sealed key in the place of the one that stands under its number. Where it is not this one that stands there, somebody
    /// else was first: [`crate::StoreError::Changed`].
    ReplaceKey {
        /// Whose.
        realm: RealmNumber,
        /// What it is for.
        usage: String,
        /// Its number.
        number: u8,
        /// The sealed key that stands there, as it was read.
        standing: Vec<u8>,
        /// The sealed key.
        sealed: Vec<u8>,
    },
    /// Makes a client or changes its metadata, by `client_id`. A new one is active, of epoch 0.
    PutClient {
        /// Its realm.
        realm: RealmNumber,
        /// Its `client_id`.
        client_id: String,
        /// Its metadata, as JSON.
        metadata: String,
    },
    /// Enables or disables a client; its epoch grows with the step from enabled to disabled. Nothing without such a client.
    SetClientActivity {
        /// Its realm.
        realm: RealmNumber,
        /// Its number.
        client: ClientNumber,
        /// Enabled or disabled.
        activity: Activity,
    },
    /// Ends all that a client was issued, and leaves it enabled or disabled as it is: its epoch grows. Nothing without such a client.
    AdvanceClientEpoch {
        /// Its realm.
        realm: RealmNumber,
        /// Its number.
        client: ClientNumber,
    },
    /// Removes a client, its standing (so that all it was issued is dead), its consents, denials and legacy tokens. Its number is not used again.
    RemoveClient {
        /// Its realm.
        realm: RealmNumber,
        /// Its number.
        client: ClientNumber,
    },
    /// Makes a user or changes password hash and claims, by user name.
    PutUser {
        /// Its realm.
        realm: RealmNumber,
        /// Its name (compared as given: callers normalise).
        username: String,
        /// PHC string of its password, sealed by the realm's keyring; empty: no password fits.
        password_hash: String,
        /// Its claims, as JSON.
        claims: String,
    },
    /// Makes an organization or changes it, by label. An `org_id` that another one has is [`crate::StoreError::Taken`].
    PutOrganization {
        /// Its realm.
        realm: RealmNumber,
        /// Its label.
        label: String,
        /// By what clients know it.
        org_id: String,
        /// Its name as people read it.
        name: String,
        /// What kind of organization it is; may be empty.
        category: String,
    },
    /// Makes a user a member of an organization, or gives a member other roles. Both are named, for they may be as new as this;
    /// nothing without such a user or organization.
    PutMembership {
        /// Their realm.
        realm: RealmNumber,
        /// The user's name.
        username: String,
        /// The organization's label.
        label: String,
        /// The roles, as a JSON list of names.
        roles: String,
    },
    /// Takes a user out of an organization.
    RemoveMembership {
        /// Their realm.
        realm: RealmNumber,
        /// The user's name.
        username: String,
        /// The organization's label.
        label: String,
    },
    /// Stores a legacy token with the epochs of its client and user. One that is there stays as it is, but for these where they are to be
    /// renewed: what ended, stays ended. One of another owner is [`crate::StoreError::Taken`].
    PutLegacyToken {
        /// Its realm.
        realm: RealmNumber,
        /// By what it is known: a keyed digest.
        token: ShortDigest,
        /// Whose it is.
        owner: LegacyTokenOwner,
        /// What becomes of its epochs, if it is there.
        epochs: Epochs,
    },
    /// Enables or disables a user; its epoch grows with the step from enabled to disabled. Nothing without such a user.
    SetUserActivity {
        /// Its realm.
        realm: RealmNumber,
        /// Its number.
        user: UserNumber,
        /// Enabled or disabled.
        activity: Activity,
    },
    /// Ends all browser sessions of a user, and forgets the browsers that it logged in from.
    EndSessions {
        /// Its realm.
        realm: RealmNumber,
        /// Whose.
        user: UserNumber,
    },
    /// Changes nothing, and refuses all changes of which it is one with [`crate::StoreError::Changed`] unless this value of
    /// the installation stands at that moment: what they were made from must not have been replaced meanwhile.
    ExpectMeta {
        /// Its key.
        key: String,
        /// The value that must stand.
        value: Vec<u8>,
    },
    /// Sets a value of the installation, whatever it was.
    SetMeta {
        /// Its key.
        key: String,
        /// The value.
        value: Vec<u8>,
    },
}

/// Whether a client or user may do anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activity {
    /// It may.
    Enabled,
    /// It may not, and what it was issued is dead.
    Disabled,
}

/// Which audit events are asked for; what is `None` does not matter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AuditFilter {
    /// The grant's id.
    pub grant: Option<u64>,
    /// The client's number.
    pub client: Option<u32>,
    /// The user's number.
    pub user: Option<u32>,
    /// Not before this moment.
    pub since: Option<Micros>,
}

/// The version of each realm, which is another one after each change of the realm, its keys or its clients.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Versions(pub BTreeMap<RealmNumber, u64>);

/// A realm as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RealmRow {
    /// Its immutable number.
    pub number: RealmNumber,
    /// Its name.
    pub name: String,
    /// Its settings, as JSON.
    pub settings: String,
}

/// A client as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientRow {
    /// Its number in the realm.
    pub number: ClientNumber,
    /// Its `client_id` (RFC 6749 section 2.2).
    pub client_id: String,
    /// Its metadata, as JSON.
    pub metadata: String,
    /// Its standing.
    pub standing: PartyStanding,
}

/// A user as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserRow {
    /// Its number in the realm.
    pub number: UserNumber,
    /// Its name, as its owner writes it.
    pub username: String,
    /// PHC string of its password, sealed by the realm's keyring.
    pub password_hash: String,
    /// Its claims, as JSON.
    pub claims: String,
    /// Its standing.
    pub standing: PartyStanding,
}

/// An organization as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrganizationRow {
    /// Its number in the realm.
    pub number: OrganizationNumber,
    /// By what clients know it.
    pub org_id: String,
    /// By what operators know it, and the left-most part of its host.
    pub label: String,
    /// Its name as people read it.
    pub name: String,
    /// What kind of organization it is; may be empty.
    pub category: String,
}

/// A user's place in an organization, as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MembershipRow {
    /// Where.
    pub organization: OrganizationRow,
    /// The roles, as a JSON list of names.
    pub roles: String,
}

/// What becomes of the epochs of a legacy token that is put again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Epochs {
    /// They stay: what a disabled party or a restore ended stays ended.
    Kept,
    /// They are its parties' of now: somebody vouches for it anew.
    Renewed,
}

/// Whose a legacy token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LegacyTokenOwner {
    /// What it opens.
    pub organization: OrganizationNumber,
    /// Who holds it.
    pub client: ClientNumber,
    /// For whom it acts.
    pub user: UserNumber,
}

/// A token of an older system, as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LegacyTokenRow {
    /// By what it is known: a keyed digest.
    pub token: ShortDigest,
    /// Whose it is.
    pub owner: LegacyTokenOwner,
    /// The client's epoch when it was put here.
    pub client_epoch: u32,
    /// The user's epoch then.
    pub user_epoch: u32,
    /// When it was put here.
    pub put: Micros,
    /// When it ends; [`Micros::NEVER`]: not yet known.
    pub ends: Micros,
    /// The number of the exchange that is next, or under way.
    pub exchange: u32,
    /// Whether the grant of that exchange was opened: its tokens may have been given out.
    pub opened: bool,
    /// The standing of its client and user.
    pub standing: Standing,
    /// The store's time of this look.
    pub now: Micros,
}

/// A step in the life of a legacy token; each may be repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LegacyTokenStep {
    /// This exchange is over: the next one has the next number.
    Next(ExchangeOrigin),
    /// The same, and the legacy token ends.
    NextAndEnd(ExchangeOrigin),
    /// The legacy token ends.
    End(ShortDigest),
}

/// Whose consent, for whom, and for which organization.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConsentOf {
    /// Who gave it.
    pub user: UserNumber,
    /// For whom.
    pub client: ClientNumber,
    /// For which organization, or for none.
    pub organization: OrganizationNumber,
}

/// A remembered consent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConsentRow {
    /// What was agreed to when it was asked for last, and not withdrawn since.
    pub scope: ScopeSet,
    /// When it last grew.
    pub given: Micros,
}

/// What a person answered on a consent page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConsentAnswer {
    /// What was asked for.
    pub asked: ScopeSet,
    /// What of it was agreed to.
    pub agreed: ScopeSet,
}

impl ConsentAnswer {
    /// Agreed to all of it.
    #[must_use]
    pub const fn yes(scope: ScopeSet) -> Self {
        Self { asked: scope, agreed: scope }
    }
}

/// The digest of a browser session's secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SessionId(pub [u8; 16]);

/// A browser session as stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionRow {
    /// Whose it is.
    pub user: UserNumber,
    /// The user's epoch at log-in.
    pub user_epoch: u32,
    /// When the user authenticated.
    pub authenticated: Micros,
    /// When it was last used, to the precision of [`Registry::touch_session`]'s calls.
    pub last_used: Micros,
    /// The user's standing now.
    pub standing: PartyStanding,
    /// The store's time of this look.
    pub now: Micros,
}

/// Whom a log-in attempt is counted for: a keyed digest of an account's or a source's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct LogInKey(pub [u8; 16]);

/// When counted attempts lead to delays and locks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogInLimits {
    /// So many failures are free of delay.
    pub free_failures: u32,
    /// The delay after the first failure beyond; it doubles with each further one. In seconds.
    pub first_delay_s: u32,
    /// So many failures lock the account.
    pub lock_failures: u32,
    /// How long, in seconds; also how long failures are remembered.
    pub lock_s: u32,
    /// So many failures of one source lock the source.
    pub source_failures: u32,
    /// Over this time, in seconds.
    pub source_window_s: u32,
    /// So many keys are counted in one realm; beyond it those whose time ends first are forgotten.
    pub keys_max: u32,
}

/// What is counted for one key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AttemptCount {
    /// Attempts that were let through and not followed by a success.
    pub failures: u32,
}

/// Whether an attempt may try its password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogInVerdict {
    /// It was counted and may.
    Allowed,
    /// It was not counted and may not, before so many seconds have passed.
    Wait {
        /// Seconds until the next attempt may be made, at least 1.
        wait_s: u32,
    },
    /// The account or its source is locked for so many seconds.
    Locked {
        /// Seconds until the lock ends, at least 1.
        wait_s: u32,
    },
}

/// A key of a realm, sealed under the master key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedKeyRow {
    /// Its number among the realm's keys of its use, from 0; never used again.
    pub number: u8,
    /// What it is for.
    pub usage: String,
    /// The sealed key.
    pub sealed: Vec<u8>,
    /// When it was made.
    pub made: Micros,
}

/// Something that an operator may want to know afterwards. Holds no secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEvent {
    /// The realm it happened in.
    pub realm: RealmNumber,
    /// What happened, in snake case.
    pub event: Cow<'static, str>,
    /// The grant, if one was concerned.
    pub grant: Option<u64>,
    /// The client's number, if one was concerned.
    pub client: Option<u32>,
    /// The user's number, if one was concerned.
    pub user: Option<u32>,
    /// Where the request came from.
    pub source: Option<String>,
}
