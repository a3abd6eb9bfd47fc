//! Changes of the registry: each is a statement or a few of its room; the writer makes all of them one savepoint.

use kimbai_core::time::Micros;
use rusqlite::Connection;

use super::fault::Fault;
use super::ledger::{CLIENT, USER};
use super::{legacy_tokens, organizations, parties, realm_rows, sessions};
use crate::Change;

/// Carries out these changes in their order; the first that fails is the answer.
pub(super) fn carry_out(connection: &Connection, changes: &[Change], now: Micros) -> Result<(), Fault> {
    changes.iter().try_for_each(|change| one(connection, change, now))
}

fn one(connection: &Connection, change: &Change, now: Micros) -> Result<(), Fault> {
    match change {
        Change::PutRealm { number, name, settings } => realm_rows::put(connection, *number, name, settings),
        Change::AddKey { realm, usage, sealed } => realm_rows::add_key(connection, *realm, usage, sealed, now),
        Change::ReplaceKey { realm, usage, number, standing, sealed } => {
            realm_rows::replace_key(connection, *realm, (usage, *number), (standing, sealed))
        }
        Change::PutClient { realm, client_id, metadata } => {
            parties::put_client(connection, *realm, client_id, metadata)
        }
        Change::SetClientActivity { realm, client, activity } => {
            parties::set_standing(connection, *realm, (CLIENT, client.0), *activity)
        }
        Change::AdvanceClientEpoch { realm, client } => parties::advance_client_epoch(connection, *realm, *client),
        Change::RemoveClient { realm, client } => parties::remove_client(connection, *realm, *client),
        Change::PutUser { realm, username, password_hash, claims } => {
            parties::put_user(connection, *realm, username, password_hash, claims)
        }
        Change::PutOrganization { realm, label, org_id, name, category } => {
            organizations::put(connection, *realm, label, (org_id, name, category))
        }
        Change::PutMembership { realm, username, label, roles } => {
            organizations::put_membership(connection, *realm, (username, label), roles)
        }
        Change::RemoveMembership { realm, username, label } => {
            organizations::remove_membership(connection, *realm, (username, label))
        }
        Change::PutLegacyToken { realm, token, owner, epochs } => {
            legacy_tokens::put(connection, *realm, (*token, *owner, *epochs), now)
        }
        Change::SetUserActivity { realm, user, activity } => {
            parties::set_standing(connection, *realm, (USER, user.0), *activity)
        }
        Change::EndSessions { realm, user } => sessions::end_all(connection, *realm, *user),
        Change::ExpectMeta { key, value } => realm_rows::expect_meta(connection, key, value),
        Change::SetMeta { key, value } => realm_rows::set_meta(connection, key, value),
    }
}
