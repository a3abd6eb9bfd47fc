//! Clients and users, and their standing.
//!
//! Numbers are never used again: a token that outlives its client must not come to mean another one.

use kimbai_core::grant::PartyStanding;
use kimbai_core::number::{ClientNumber, RealmNumber, UserNumber};
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::fault::Fault;
use super::ledger::{CLIENT, USER};
use super::rows;
use crate::{Activity, ClientRow, UserRow};

/// Draws the next number of a kind; the first one is `first`.
pub(super) fn next_number(connection: &Connection, realm: RealmNumber, kind: &str, first: u32) -> Result<u32, Fault> {
    let mut statement = connection.prepare_cached(
        "INSERT INTO counters (realm, kind, next) VALUES (?1, ?2, ?3 + 1) \
         ON CONFLICT DO UPDATE SET next = next + 1 RETURNING next - 1",
    )?;
    Ok(statement.query_row(params![realm.0, kind, first], |row| row.get(0))?)
}

pub(super) fn put_client(
    connection: &Connection,
    realm: RealmNumber,
    client_id: &str,
    metadata: &str,
) -> Result<(), Fault> {
    let known = connection
        .prepare_cached("UPDATE clients SET metadata = ?3 WHERE realm = ?1 AND client_id = ?2")?
        .execute(params![realm.0, client_id, metadata])?;
    if known > 0 {
        return Ok(());
    }
    let number = next_number(connection, realm, "client", 1)?;
    connection
        .prepare_cached("INSERT INTO clients (realm, number, client_id, metadata) VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![realm.0, number, client_id, metadata])?;
    stand(connection, realm, CLIENT, number)
}

/// Removes a client and what only it gives a meaning; its grants are dead without a standing, and the sweep takes them.
pub(super) fn remove_client(connection: &Connection, realm: RealmNumber, client: ClientNumber) -> Result<(), Fault> {
    for sql in [
        "DELETE FROM clients WHERE realm = ?1 AND number = ?2",
        "DELETE FROM standing WHERE realm = ?1 AND party = 0 AND number = ?2",
        "DELETE FROM consents WHERE realm = ?1 AND client = ?2",
        "DELETE FROM denials WHERE realm = ?1 AND client = ?2",
        "DELETE FROM legacy_tokens WHERE realm = ?1 AND client = ?2",
    ] {
        connection.prepare_cached(sql)?.execute(params![realm.0, client.0])?;
    }
    Ok(())
}

/// The clients of realm `?1` with their standing, for [`client_row`].
macro_rules! client_columns {
    () => {
        "SELECT p.number, p.client_id, p.metadata, s.active, s.epoch FROM clients AS p \
         LEFT JOIN standing AS s ON s.realm = ?1 AND s.party = 0 AND s.number = p.number WHERE p.realm = ?1"
    };
}
pub(super) fn client(connection: &Connection, realm: RealmNumber, client_id: &str) -> Result<Option<ClientRow>, Fault> {
    let mut statement = connection.prepare_cached(concat!(client_columns!(), " AND p.client_id = ?2"))?;
    Ok(statement.query_row(params![realm.0, client_id], client_row).optional()?)
}

pub(super) fn clients(connection: &Connection, realm: RealmNumber) -> Result<Vec<ClientRow>, Fault> {
    let mut statement = connection.prepare_cached(concat!(client_columns!(), " ORDER BY p.number"))?;
    let rows = statement.query_map([realm.0], client_row)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn client_row(row: &Row<'_>) -> rusqlite::Result<ClientRow> {
    Ok(ClientRow {
        number: ClientNumber(row.get(0)?),
        client_id: row.get(1)?,
        metadata: row.get(2)?,
        standing: rows::standing(row, 3)?,
    })
}

pub(super) fn put_user(
    connection: &Connection,
    realm: RealmNumber,
    username: &str,
    password_hash: &str,
    claims: &str,
) -> Result<(), Fault> {
    let known = connection
        .prepare_cached("UPDATE users SET password_hash = ?3, claims = ?4 WHERE realm = ?1 AND username = ?2")?
        .execute(params![realm.0, username, password_hash, claims])?;
    if known > 0 {
        return Ok(());
    }
    let number = next_number(connection, realm, "user", 1)?;
    connection
        .prepare_cached(
            "INSERT INTO users (realm, number, username, password_hash, claims) VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute(params![realm.0, number, username, password_hash, claims])?;
    stand(connection, realm, USER, number)
}

/// The users of realm `?1` with their standing, for [`user_row`].
macro_rules! user_columns {
    () => {
        "SELECT p.number, p.username, p.password_hash, p.claims, s.active, s.epoch FROM users AS p \
         LEFT JOIN standing AS s ON s.realm = ?1 AND s.party = 1 AND s.number = p.number WHERE p.realm = ?1"
    };
}
pub(super) fn user_by_name(
    connection: &Connection,
    realm: RealmNumber,
    username: &str,
) -> Result<Option<UserRow>, Fault> {
    let mut statement = connection.prepare_cached(concat!(user_columns!(), " AND p.username = ?2"))?;
    Ok(statement.query_row(params![realm.0, username], user_row).optional()?)
}

pub(super) fn user(connection: &Connection, realm: RealmNumber, user: UserNumber) -> Result<Option<UserRow>, Fault> {
    let mut statement = connection.prepare_cached(concat!(user_columns!(), " AND p.number = ?2"))?;
    Ok(statement.query_row(params![realm.0, user.0], user_row).optional()?)
}

pub(super) fn users(
    connection: &Connection,
    realm: RealmNumber,
    after: Option<&str>,
    limit: u32,
) -> Result<Vec<UserRow>, Fault> {
    let from = after.unwrap_or("");
    let mut statement = connection.prepare_cached(concat!(
        user_columns!(),
        " AND p.username >= ?2 AND p.username IS NOT ?3 ORDER BY p.username LIMIT ?4"
    ))?;
    let rows = statement.query_map(params![realm.0, from, after, limit], user_row)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn user_row(row: &Row<'_>) -> rusqlite::Result<UserRow> {
    Ok(UserRow {
        number: UserNumber(row.get(0)?),
        username: row.get(1)?,
        password_hash: row.get(2)?,
        claims: row.get(3)?,
        standing: rows::standing(row, 4)?,
    })
}

fn stand(connection: &Connection, realm: RealmNumber, party: u8, number: u32) -> Result<(), Fault> {
    connection
        .prepare_cached("INSERT INTO standing (realm, party, number, active, epoch) VALUES (?1, ?2, ?3, ?4, ?5)")?
        .execute(params![realm.0, party, number, PartyStanding::NEW.active, PartyStanding::NEW.epoch])?;
    Ok(())
}

/// Ends what a client was issued in the epochs up to now.
pub(super) fn advance_client_epoch(
    connection: &Connection,
    realm: RealmNumber,
    client: ClientNumber,
) -> Result<(), Fault> {
    connection
        .prepare_cached("UPDATE standing SET epoch = epoch + 1 WHERE realm = ?1 AND party = ?2 AND number = ?3")?
        .execute(params![realm.0, CLIENT, client.0])?;
    Ok(())
}

/// The epoch grows with each step from enabled to disabled, not with a repetition.
pub(super) fn set_standing(
    connection: &Connection,
    realm: RealmNumber,
    (party, number): (u8, u32),
    activity: Activity,
) -> Result<(), Fault> {
    let active = activity == Activity::Enabled;
    connection
        .prepare_cached(
            "UPDATE standing SET active = ?4, epoch = epoch + (active <> 0 AND ?4 = 0) \
             WHERE realm = ?1 AND party = ?2 AND number = ?3",
        )?
        .execute(params![realm.0, party, number, active])?;
    Ok(())
}
