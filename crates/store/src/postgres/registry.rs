//! The registry on PostgreSQL: changes are one transaction, everything else is one statement each.

use kimbai_core::grant::ShortDigest;
use kimbai_core::number::{ClientNumber, OrganizationNumber, RealmNumber, UserNumber};
use kimbai_core::time::Micros;
use tokio::sync::watch;

use super::{PostgresStore, audit, changes, legacy_tokens, log_in, organizations, parties, realm_rows, sessions};
use crate::ledger::Answer;
use crate::{
    AttemptCount, AuditEvent, AuditFilter, Change, ClientRow, ConsentAnswer, ConsentOf, ConsentRow, LegacyTokenRow,
    LegacyTokenStep, LogInKey, LogInLimits, LogInVerdict, MembershipRow, OrganizationRow, RealmRow, Registry,
    SealedKeyRow, SessionId, SessionRow, UserRow, Versions,
};

impl Registry for PostgresStore {
    fn meta(&self, key: &'static str) -> Answer<'_, Option<Vec<u8>>> {
        Box::pin(realm_rows::meta(self.pool(), key))
    }

    fn init_meta(&self, key: &'static str, value: Vec<u8>) -> Answer<'_, Vec<u8>> {
        Box::pin(async move { realm_rows::init_meta(self.pool(), key, &value).await })
    }

    fn change(&self, changes: Vec<Change>) -> Answer<'_, ()> {
        Box::pin(async move { changes::carry_out(self.pool(), &changes).await })
    }

    fn draw_realm_number(&self) -> Answer<'_, RealmNumber> {
        Box::pin(realm_rows::draw_number(self.pool()))
    }

    fn realms(&self) -> Answer<'_, Vec<RealmRow>> {
        Box::pin(realm_rows::all(self.pool()))
    }

    fn versions(&self) -> watch::Receiver<Versions> {
        self.shared.keeper.versions()
    }

    fn read_versions(&self) -> Answer<'_, Versions> {
        Box::pin(realm_rows::versions(self.pool()))
    }

    fn client(&self, realm: RealmNumber, client_id: String) -> Answer<'_, Option<ClientRow>> {
        Box::pin(async move { parties::client(self.pool(), realm, &client_id).await })
    }

    fn clients(&self, realm: RealmNumber) -> Answer<'_, Vec<ClientRow>> {
        Box::pin(parties::clients(self.pool(), realm))
    }

    fn user_by_name(&self, realm: RealmNumber, username: String) -> Answer<'_, Option<UserRow>> {
        Box::pin(async move { parties::user_by_name(self.pool(), realm, &username).await })
    }

    fn user(&self, realm: RealmNumber, user: UserNumber) -> Answer<'_, Option<UserRow>> {
        Box::pin(parties::user(self.pool(), realm, user))
    }

    fn users(&self, realm: RealmNumber, after: Option<String>, limit: u32) -> Answer<'_, Vec<UserRow>> {
        Box::pin(async move { parties::users(self.pool(), realm, after.as_deref(), limit).await })
    }

    fn organization_by_label(&self, realm: RealmNumber, label: String) -> Answer<'_, Option<OrganizationRow>> {
        Box::pin(async move { organizations::by_label(self.pool(), realm, &label).await })
    }

    fn organization(&self, realm: RealmNumber, number: OrganizationNumber) -> Answer<'_, Option<OrganizationRow>> {
        Box::pin(organizations::by_number(self.pool(), realm, number))
    }

    fn organizations(&self, realm: RealmNumber, after: Option<String>, limit: u32) -> Answer<'_, Vec<OrganizationRow>> {
        Box::pin(async move { organizations::list(self.pool(), realm, after.as_deref(), limit).await })
    }

    fn memberships(&self, realm: RealmNumber, user: UserNumber) -> Answer<'_, Vec<MembershipRow>> {
        Box::pin(organizations::memberships(self.pool(), realm, user))
    }

    fn membership(
        &self,
        realm: RealmNumber,
        user: UserNumber,
        organization: OrganizationNumber,
    ) -> Answer<'_, Option<MembershipRow>> {
        Box::pin(organizations::membership(self.pool(), realm, user, organization))
    }

    fn legacy_token(&self, realm: RealmNumber, token: ShortDigest) -> Answer<'_, Option<LegacyTokenRow>> {
        Box::pin(legacy_tokens::find(self.pool(), realm, token))
    }

    fn legacy_tokens(
        &self,
        realm: RealmNumber,
        organization: OrganizationNumber,
        after: Option<ShortDigest>,
        limit: u32,
    ) -> Answer<'_, Vec<LegacyTokenRow>> {
        Box::pin(legacy_tokens::list(self.pool(), (realm, organization), after, limit))
    }

    fn step_legacy_token(&self, realm: RealmNumber, step: LegacyTokenStep) -> Answer<'_, ()> {
        Box::pin(legacy_tokens::step(self.pool(), realm, step))
    }

    fn consent(&self, realm: RealmNumber, of: ConsentOf) -> Answer<'_, Option<ConsentRow>> {
        Box::pin(sessions::consent(self.pool(), realm, of))
    }

    fn last_consent(
        &self,
        realm: RealmNumber,
        user: UserNumber,
        client: ClientNumber,
    ) -> Answer<'_, Option<ConsentRow>> {
        Box::pin(sessions::last_consent(self.pool(), realm, user, client))
    }

    fn put_consent(&self, realm: RealmNumber, of: ConsentOf, answer: ConsentAnswer) -> Answer<'_, ()> {
        Box::pin(sessions::put_consent(self.pool(), realm, of, answer))
    }

    fn remove_consent(&self, realm: RealmNumber, user: UserNumber, client: ClientNumber) -> Answer<'_, ()> {
        Box::pin(sessions::remove_consent(self.pool(), realm, user, client))
    }

    fn put_session(
        &self,
        realm: RealmNumber,
        id: SessionId,
        user: UserNumber,
        user_epoch: u32,
    ) -> Answer<'_, SessionRow> {
        Box::pin(sessions::put(self.pool(), realm, id, (user, user_epoch)))
    }

    fn session(&self, realm: RealmNumber, id: SessionId) -> Answer<'_, Option<SessionRow>> {
        Box::pin(sessions::find(self.pool(), realm, id))
    }

    fn touch_session(&self, realm: RealmNumber, id: SessionId) -> Answer<'_, ()> {
        Box::pin(sessions::touch(self.pool(), realm, id))
    }

    fn remove_session(&self, realm: RealmNumber, id: SessionId) -> Answer<'_, ()> {
        Box::pin(sessions::remove(self.pool(), realm, id))
    }

    fn remember_browser(&self, realm: RealmNumber, user: UserNumber, browser: [u8; 16]) -> Answer<'_, ()> {
        Box::pin(sessions::remember_browser(self.pool(), realm, user, browser))
    }

    fn knows_browser(&self, realm: RealmNumber, user: UserNumber, browser: [u8; 16]) -> Answer<'_, bool> {
        Box::pin(sessions::knows_browser(self.pool(), realm, user, browser))
    }

    fn count_log_in(
        &self,
        realm: RealmNumber,
        account: LogInKey,
        source: LogInKey,
        limits: LogInLimits,
    ) -> Answer<'_, LogInVerdict> {
        Box::pin(async move { log_in::count(self.pool(), realm, (account, source), &limits).await })
    }

    fn clear_log_in(&self, realm: RealmNumber, account: LogInKey, source: LogInKey) -> Answer<'_, ()> {
        Box::pin(log_in::clear(self.pool(), realm, account, source))
    }

    fn log_in_count(&self, realm: RealmNumber, key: LogInKey) -> Answer<'_, AttemptCount> {
        Box::pin(log_in::counted(self.pool(), realm, key))
    }

    fn keys(&self, realm: RealmNumber) -> Answer<'_, Vec<SealedKeyRow>> {
        Box::pin(realm_rows::keys(self.pool(), realm))
    }

    fn record(&self, event: AuditEvent) {
        self.shared.journal.record(self.shared.watch.now(), event);
    }

    fn audit(&self, realm: RealmNumber, filter: AuditFilter, limit: u32) -> Answer<'_, Vec<(Micros, AuditEvent)>> {
        Box::pin(audit::newest(self.pool(), &self.shared.journal, realm, filter, limit))
    }
}
