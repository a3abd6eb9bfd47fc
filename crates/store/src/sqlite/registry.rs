//! The registry on SQLite: changes are savepoints in the writer's batch, reads go to the readers.

use kimbai_core::grant::PartyStanding;
use kimbai_core::number::{ClientNumber, RealmNumber, UserNumber};
use kimbai_core::scope::ScopeSet;
use kimbai_core::time::Micros;

use super::{SqliteStore, log_in, parties, realm_rows, sessions};
use crate::ledger::Answer;
use crate::{
    AttemptCount, AuditEvent, ClientRow, ConsentRow, LogInKey, LogInLimits, LogInVerdict, RealmRow, Registry,
    SealedKeyRow, SessionId, SessionRow, UserRow,
};

impl Registry for SqliteStore {
    fn meta(&self, key: &'static str) -> Answer<'_, Option<Vec<u8>>> {
        self.read(move |connection, _| realm_rows::meta(connection, key))
    }

    fn init_meta(&self, key: &'static str, value: Vec<u8>) -> Answer<'_, Vec<u8>> {
        self.change(move |connection, _| realm_rows::init_meta(connection, key, value))
    }

    fn put_realm(&self, name: String, settings: String) -> Answer<'_, RealmNumber> {
        self.change(move |connection, _| realm_rows::put(connection, &name, &settings))
    }

    fn realms(&self) -> Answer<'_, Vec<RealmRow>> {
        self.read(|connection, _| realm_rows::all(connection))
    }

    fn put_client(&self, realm: RealmNumber, client_id: String, metadata: String) -> Answer<'_, ClientNumber> {
        self.change(move |connection, _| parties::put_client(connection, realm, &client_id, &metadata))
    }

    fn client(&self, realm: RealmNumber, client_id: String) -> Answer<'_, Option<ClientRow>> {
        self.read(move |connection, _| parties::client(connection, realm, &client_id))
    }

    fn clients(&self, realm: RealmNumber) -> Answer<'_, Vec<ClientRow>> {
        self.read(move |connection, _| parties::clients(connection, realm))
    }

    fn set_client_active(
        &self,
        realm: RealmNumber,
        client: ClientNumber,
        active: bool,
    ) -> Answer<'_, Option<PartyStanding>> {
        let activity = parties::Activity::of(active);
        self.change(move |connection, _| parties::set_client(connection, realm, client, activity))
    }

    fn put_user(
        &self,
        realm: RealmNumber,
        username: String,
        password_hash: String,
        claims: String,
    ) -> Answer<'_, UserNumber> {
        self.change(move |connection, _| parties::put_user(connection, realm, &username, &password_hash, &claims))
    }

    fn user_by_name(&self, realm: RealmNumber, username: String) -> Answer<'_, Option<UserRow>> {
        self.read(move |connection, _| parties::user_by_name(connection, realm, &username))
    }

    fn user(&self, realm: RealmNumber, user: UserNumber) -> Answer<'_, Option<UserRow>> {
        self.read(move |connection, _| parties::user(connection, realm, user))
    }

    fn set_user_active(&self, realm: RealmNumber, user: UserNumber, active: bool) -> Answer<'_, Option<PartyStanding>> {
        let activity = parties::Activity::of(active);
        self.change(move |connection, _| parties::set_user(connection, realm, user, activity))
    }

    fn consent(&self, realm: RealmNumber, user: UserNumber, client: ClientNumber) -> Answer<'_, Option<ConsentRow>> {
        self.read(move |connection, _| sessions::consent(connection, realm, user, client))
    }

    fn add_consent(
        &self,
        realm: RealmNumber,
        user: UserNumber,
        client: ClientNumber,
        scope: ScopeSet,
    ) -> Answer<'_, ()> {
        self.change(move |connection, now| sessions::add_consent(connection, realm, (user, client), scope, now))
    }

    fn remove_consent(&self, realm: RealmNumber, user: UserNumber, client: ClientNumber) -> Answer<'_, ()> {
        self.change(move |connection, _| sessions::remove_consent(connection, realm, user, client))
    }

    fn put_session(
        &self,
        realm: RealmNumber,
        id: SessionId,
        user: UserNumber,
        user_epoch: u32,
    ) -> Answer<'_, SessionRow> {
        self.change(move |connection, now| sessions::put(connection, realm, id, (user, user_epoch), now))
    }

    fn session(&self, realm: RealmNumber, id: SessionId) -> Answer<'_, Option<SessionRow>> {
        self.read(move |connection, now| sessions::find(connection, realm, id, now))
    }

    fn touch_session(&self, realm: RealmNumber, id: SessionId) -> Answer<'_, ()> {
        self.change(move |connection, now| sessions::touch(connection, realm, id, now))
    }

    fn remove_session(&self, realm: RealmNumber, id: SessionId) -> Answer<'_, ()> {
        self.change(move |connection, _| sessions::remove(connection, realm, id))
    }

    fn remember_browser(&self, realm: RealmNumber, user: UserNumber, browser: [u8; 16]) -> Answer<'_, ()> {
        self.change(move |connection, now| sessions::remember_browser(connection, realm, user, browser, now))
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
        self.change(move |connection, now| log_in::count(connection, realm, (account, source), &limits, now))
    }

    fn clear_log_in(&self, realm: RealmNumber, account: LogInKey, source: LogInKey) -> Answer<'_, ()> {
        self.change(move |connection, _| log_in::clear(connection, realm, account, source))
    }

    fn log_in_count(&self, realm: RealmNumber, key: LogInKey) -> Answer<'_, AttemptCount> {
        self.read(move |connection, now| log_in::counted(connection, realm, key, now))
    }

    fn add_key(&self, realm: RealmNumber, usage: String, sealed: Vec<u8>) -> Answer<'_, SealedKeyRow> {
        self.change(move |connection, now| realm_rows::add_key(connection, realm, usage, sealed, now))
    }

    fn keys(&self, realm: RealmNumber) -> Answer<'_, Vec<SealedKeyRow>> {
        self.read(move |connection, _| realm_rows::keys(connection, realm))
    }

    fn record(&self, event: AuditEvent) {
        self.record_event(event);
    }

    fn audit(&self, realm: RealmNumber, limit: u32) -> Answer<'_, Vec<(Micros, AuditEvent)>> {
        self.read(move |connection, _| realm_rows::audit(connection, realm, limit))
    }
}
