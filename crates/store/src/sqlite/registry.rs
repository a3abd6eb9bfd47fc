//! The registry on SQLite: changes are savepoints in the writer's batch, reads go to the readers.

use kimbai_core::grant::ShortDigest;
use kimbai_core::number::{ClientNumber, OrganizationNumber, RealmNumber, UserNumber};
use kimbai_core::time::Micros;
use tokio::sync::watch;

use super::{SqliteStore, audit, changes, legacy_tokens, log_in, organizations, parties, realm_rows, sessions};
use crate::ledger::Answer;
use crate::{
    AttemptCount, AuditEvent, AuditFilter, Change, ClientRow, ConsentAnswer, ConsentOf, ConsentRow, LegacyTokenRow,
    LegacyTokenStep, LogInKey, LogInLimits, LogInVerdict, MembershipRow, OrganizationRow, RealmRow, Registry,
    SealedKeyRow, SessionId, SessionRow, UserRow, Versions,
};

impl Registry for SqliteStore {
    fn meta(&self, key: &'static str) -> Answer<'_, Option<Vec<u8>>> {
        self.read(move |connection, _| realm_rows::meta(connection, key))
    }

    fn init_meta(&self, key: &'static str, value: Vec<u8>) -> Answer<'_, Vec<u8>> {
        self.savepoint(move |connection, _| realm_rows::init_meta(connection, key, value))
    }

    fn change(&self, changes: Vec<Change>) -> Answer<'_, ()> {
        self.savepoint(move |connection, now| changes::carry_out(connection, &changes, now))
    }

    fn draw_realm_number(&self) -> Answer<'_, RealmNumber> {
        self.savepoint(|connection, _| realm_rows::draw_number(connection))
    }

    /// Never moves: a process owns its database alone.
    fn versions(&self) -> watch::Receiver<Versions> {
        self.versions.subscribe()
    }

    fn read_versions(&self) -> Answer<'_, Versions> {
        Box::pin(async { Ok(Versions::default()) })
    }

    fn realms(&self) -> Answer<'_, Vec<RealmRow>> {
        self.read(|connection, _| realm_rows::all(connection))
    }

    fn client(&self, realm: RealmNumber, client_id: String) -> Answer<'_, Option<ClientRow>> {
        self.read(move |connection, _| parties::client(connection, realm, &client_id))
    }

    fn clients(&self, realm: RealmNumber) -> Answer<'_, Vec<ClientRow>> {
        self.read(move |connection, _| parties::clients(connection, realm))
    }

    fn user_by_name(&self, realm: RealmNumber, username: String) -> Answer<'_, Option<UserRow>> {
        self.read(move |connection, _| parties::user_by_name(connection, realm, &username))
    }

    fn user(&self, realm: RealmNumber, user: UserNumber) -> Answer<'_, Option<UserRow>> {
        self.read(move |connection, _| parties::user(connection, realm, user))
    }

    fn users(&self, realm: RealmNumber, after: Option<String>, limit: u32) -> Answer<'_, Vec<UserRow>> {
        self.read(move |connection, _| parties::users(connection, realm, after.as_deref(), limit))
    }

    fn organization_by_label(&self, realm: RealmNumber, label: String) -> Answer<'_, Option<OrganizationRow>> {
        self.read(move |connection, _| organizations::by_label(connection, realm, &label))
    }

    fn organization(&self, realm: RealmNumber, number: OrganizationNumber) -> Answer<'_, Option<OrganizationRow>> {
        self.read(move |connection, _| organizations::by_number(connection, realm, number))
    }

    fn organizations(&self, realm: RealmNumber, after: Option<String>, limit: u32) -> Answer<'_, Vec<OrganizationRow>> {
        self.read(move |connection, _| organizations::list(connection, realm, after.as_deref(), limit))
    }

    fn memberships(&self, realm: RealmNumber, user: UserNumber) -> Answer<'_, Vec<MembershipRow>> {
        self.read(move |connection, _| organizations::memberships(connection, realm, user))
    }

    fn membership(
        &self,
        realm: RealmNumber,
        user: UserNumber,
        organization: OrganizationNumber,
    ) -> Answer<'_, Option<MembershipRow>> {
        self.read(move |connection, _| organizations::membership(connection, realm, user, organization))
    }

    fn legacy_token(&self, realm: RealmNumber, token: ShortDigest) -> Answer<'_, Option<LegacyTokenRow>> {
        self.read(move |connection, now| legacy_tokens::find(connection, realm, token, now))
    }

    fn legacy_tokens(
        &self,
        realm: RealmNumber,
        organization: OrganizationNumber,
        after: Option<ShortDigest>,
        limit: u32,
    ) -> Answer<'_, Vec<LegacyTokenRow>> {
        self.read(move |connection, now| legacy_tokens::list(connection, (realm, organization), after, limit, now))
    }

    fn step_legacy_token(&self, realm: RealmNumber, step: LegacyTokenStep) -> Answer<'_, ()> {
        self.savepoint(move |connection, now| legacy_tokens::step(connection, realm, step, now))
    }

    fn consent(&self, realm: RealmNumber, of: ConsentOf) -> Answer<'_, Option<ConsentRow>> {
        self.read(move |connection, _| sessions::consent(connection, realm, of))
    }

    fn last_consent(
        &self,
        realm: RealmNumber,
        user: UserNumber,
        client: ClientNumber,
    ) -> Answer<'_, Option<ConsentRow>> {
        self.read(move |connection, _| sessions::last_consent(connection, realm, user, client))
    }

    fn put_consent(&self, realm: RealmNumber, of: ConsentOf, answer: ConsentAnswer) -> Answer<'_, ()> {
        self.savepoint(move |connection, now| sessions::put_consent(connection, realm, of, answer, now))
    }

    fn remove_consent(&self, realm: RealmNumber, user: UserNumber, client: ClientNumber) -> Answer<'_, ()> {
        self.savepoint(move |connection, _| sessions::remove_consent(connection, realm, user, client))
    }

    fn put_session(
        &self,
        realm: RealmNumber,
        id: SessionId,
        user: UserNumber,
        user_epoch: u32,
    ) -> Answer<'_, SessionRow> {
        self.savepoint(move |connection, now| sessions::put(connection, realm, id, (user, user_epoch), now))
    }

    fn session(&self, realm: RealmNumber, id: SessionId) -> Answer<'_, Option<SessionRow>> {
        self.read(move |connection, now| sessions::find(connection, realm, id, now))
    }

    fn touch_session(&self, realm: RealmNumber, id: SessionId) -> Answer<'_, ()> {
        self.savepoint(move |connection, now| sessions::touch(connection, realm, id, now))
    }

    fn remove_session(&self, realm: RealmNumber, id: SessionId) -> Answer<'_, ()> {
        self.savepoint(move |connection, _| sessions::remove(connection, realm, id))
    }

    fn remember_browser(&self, realm: RealmNumber, user: UserNumber, browser: [u8; 16]) -> Answer<'_, ()> {
        self.savepoint(move |connection, now| sessions::remember_browser(connection, realm, user, browser, now))
    }

    fn knows_browser(&self, realm: RealmNumber, user: UserNumber, browser: [u8; 16]) -> Answer<'_, bool> {
        self.read(move |connection, _| sessions::knows_browser(connection, realm, user, browser))
    }

    fn count_log_in(
        &self,
        realm: RealmNumber,
        account: LogInKey,
        source: LogInKey,
        limits: LogInLimits,
    ) -> Answer<'_, LogInVerdict> {
        self.savepoint(move |connection, now| log_in::count(connection, realm, (account, source), &limits, now))
    }

    fn clear_log_in(&self, realm: RealmNumber, account: LogInKey, source: LogInKey) -> Answer<'_, ()> {
        self.savepoint(move |connection, _| log_in::clear(connection, realm, account, source))
    }

    fn log_in_count(&self, realm: RealmNumber, key: LogInKey) -> Answer<'_, AttemptCount> {
        self.read(move |connection, now| log_in::counted(connection, realm, key, now))
    }

    fn keys(&self, realm: RealmNumber) -> Answer<'_, Vec<SealedKeyRow>> {
        self.read(move |connection, _| realm_rows::keys(connection, realm))
    }

    fn record(&self, event: AuditEvent) {
        self.record_event(event);
    }

    fn audit(&self, realm: RealmNumber, filter: AuditFilter, limit: u32) -> Answer<'_, Vec<(Micros, AuditEvent)>> {
        Box::pin(async move {
            // Events that wait are taken into the batch of the next task at the latest.
            self.verb(|_| Ok(())).await?;
            self.read(move |connection, _| audit::newest(connection, realm, filter, limit)).await
        })
    }
}
