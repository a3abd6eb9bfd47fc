//! What the registry keeps of the installation and its realms: meta values, settings, sealed keys.

use kimbai_core::number::RealmNumber;
use kimbai_core::time::Micros;
use rusqlite::{Connection, OptionalExtension, params};

use super::fault::Fault;
use super::parties::next_number;
use crate::{RealmRow, SealedKeyRow, StoreError};

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

pub(super) fn expect_meta(connection: &Connection, key: &str, value: &[u8]) -> Result<(), Fault> {
    if meta(connection, key)?.as_deref() == Some(value) { Ok(()) } else { Err(Fault::Store(StoreError::Changed)) }
}

pub(super) fn set_meta(connection: &Connection, key: &str, value: &[u8]) -> Result<(), Fault> {
    connection
        .prepare_cached(
            "INSERT INTO meta (key, value) VALUES (?1, ?2) ON CONFLICT DO UPDATE SET value = excluded.value",
        )?
        .execute(params![key, value])?;
    Ok(())
}

pub(super) fn draw_number(connection: &Connection) -> Result<RealmNumber, Fault> {
    Ok(RealmNumber(next_number(connection, RealmNumber(0), "realm", 1)?))
}

pub(super) fn put(connection: &Connection, number: RealmNumber, name: &str, settings: &str) -> Result<(), Fault> {
    let known = connection
        .prepare_cached("UPDATE realms SET settings = ?2 WHERE number = ?1")?
        .execute(params![number.0, settings])?;
    if known == 0 {
        connection
            .prepare_cached("INSERT INTO realms (number, name, settings) VALUES (?1, ?2, ?3)")?
            .execute(params![number.0, name, settings])?;
    }
    Ok(())
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
    usage: &str,
    sealed: &[u8],
    made: Micros,
) -> Result<(), Fault> {
    let number = next_number(connection, realm, &format!("key {usage}"), 0)?;
    let number = u8::try_from(number).map_err(|_| {
        Fault::Store(StoreError::Unreadable(format!("the realm has used all 256 numbers of its {usage} keys")))
    })?;
    connection
        .prepare_cached("INSERT INTO keys (realm, usage, number, sealed, made) VALUES (?1, ?2, ?3, ?4, ?5)")?
        .execute(params![realm.0, usage, number, sealed, made.0])?;
    Ok(())
}

pub(super) fn replace_key(
    connection: &Connection,
    realm: RealmNumber,
    (usage, number): (&str, u8),
    (standing, sealed): (&[u8], &[u8]),
) -> Result<(), Fault> {
    let replaced = connection
        .prepare_cached("UPDATE keys SET sealed = ?5 WHERE realm = ?1 AND usage = ?2 AND number = ?3 AND sealed = ?4")?
        .execute(params![realm.0, usage, number, standing, sealed])?;
    if replaced == 1 {
        return Ok(());
    }
    // Whoever seals keys anew must learn that one of them is not there, or not what was read, and change none.
    let is_there = connection
        .prepare_cached("SELECT 1 FROM keys WHERE realm = ?1 AND usage = ?2 AND number = ?3")?
        .exists(params![realm.0, usage, number])?;
    Err(Fault::Store(if is_there {
        StoreError::Changed
    } else {
        StoreError::Unreadable(format!("the realm has no {usage} key {number}"))
    }))
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
