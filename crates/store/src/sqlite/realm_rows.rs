//! What the registry keeps of the installation and its realms: meta values, settings, sealed keys, audit events.

use std::borrow::Cow;

use kimbai_core::number::RealmNumber;
use kimbai_core::time::Micros;
use rusqlite::{Connection, OptionalExtension, params};

use super::fault::Fault;
use super::parties::next_number;
use crate::{AuditEvent, RealmRow, SealedKeyRow, StoreError};

pub(super) fn meta(connection: &Connection, key: &str) -> Result<Option<Vec<u8>>, Fault> {
    let mut statement = connection.prepare_cached("SELECT value FROM meta WHERE key = ?1")?;
    Ok(statement.query_row([key], |row| row.get(0)).optional()?)
}

pub(super) fn init_meta(connection: &Connection, key: &str, value: Vec<u8>) -> Result<Vec<u8>, Fault> {
    if let Some(standing) = meta(connection, key)? {
        return Ok(standing);
    }
    connection.prepare_cached("INSERT INTO meta (key, value) VALUES (?1, ?2)")?.execute(params![key, value])?;
    Ok(value)
}

pub(super) fn put(connection: &Connection, name: &str, settings: &str) -> Result<RealmNumber, Fault> {
    let known = connection
        .prepare_cached("UPDATE realms SET settings = ?2 WHERE name = ?1 RETURNING number")?
        .query_row(params![name, settings], |row| row.get(0))
        .optional()?;
    if let Some(number) = known {
        return Ok(RealmNumber(number));
    }
    let number = next_number(connection, RealmNumber(0), "realm", 1)?;
    connection
        .prepare_cached("INSERT INTO realms (number, name, settings) VALUES (?1, ?2, ?3)")?
        .execute(params![number, name, settings])?;
    Ok(RealmNumber(number))
}

pub(super) fn all(connection: &Connection) -> Result<Vec<RealmRow>, Fault> {
    let mut statement = connection.prepare_cached("SELECT number, name, settings FROM realms ORDER BY number")?;
    let rows = statement.query_map([], |row| {
        Ok(RealmRow { number: RealmNumber(row.get(0)?), name: row.get(1)?, settings: row.get(2)? })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

pub(super) fn add_key(
    connection: &Connection,
    realm: RealmNumber,
    usage: String,
    sealed: Vec<u8>,
    made: Micros,
) -> Result<SealedKeyRow, Fault> {
    let number = next_number(connection, realm, &format!("key {usage}"), 0)?;
    let number = u8::try_from(number).map_err(|_| {
        Fault::Store(StoreError::Unreadable(format!("the realm has used all 256 numbers of its {usage} keys")))
    })?;
    connection
        .prepare_cached("INSERT INTO keys (realm, usage, number, sealed, made) VALUES (?1, ?2, ?3, ?4, ?5)")?
        .execute(params![realm.0, usage, number, sealed, made.0])?;
    Ok(SealedKeyRow { number, usage, sealed, made })
}

pub(super) fn keys(connection: &Connection, realm: RealmNumber) -> Result<Vec<SealedKeyRow>, Fault> {
    let mut statement = connection
        .prepare_cached("SELECT number, usage, sealed, made FROM keys WHERE realm = ?1 ORDER BY usage, number")?;
    let rows = statement.query_map([realm.0], |row| {
        let made = Micros(row.get(3)?);
        Ok(SealedKeyRow { number: row.get(0)?, usage: row.get(1)?, sealed: row.get(2)?, made })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

pub(super) fn audit(
    connection: &Connection,
    realm: RealmNumber,
    limit: u32,
) -> Result<Vec<(Micros, AuditEvent)>, Fault> {
    let mut statement = connection.prepare_cached(
        "SELECT at, event, grant, client, user, source FROM audit WHERE realm = ?1 ORDER BY number DESC LIMIT ?2",
    )?;
    let rows = statement.query_map(params![realm.0, limit], |row| {
        let event = AuditEvent {
            realm,
            event: Cow::Owned(row.get(1)?),
            grant: row.get::<_, Option<i64>>(2)?.map(i64::cast_unsigned),
            client: row.get(3)?,
            user: row.get(4)?,
            source: row.get(5)?,
        };
        Ok((Micros(row.get(0)?), event))
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}
