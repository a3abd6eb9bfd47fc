//! What the registry keeps of people's browsers: sessions, remembered consents, and which browser has logged whom in.

use kimbai_core::number::{ClientNumber, RealmNumber, UserNumber};
use kimbai_core::scope::ScopeSet;
use kimbai_core::time::Micros;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::fault::Fault;
use super::ledger::{USER, standing};
use super::rows;
use crate::{ConsentAnswer, ConsentOf, ConsentRow, SessionId, SessionRow};

/// So many browsers are remembered of one user.
const BROWSERS_MAX: u32 = 10;

pub(super) fn put(
    connection: &Connection,
    realm: RealmNumber,
    id: SessionId,
    (user, user_epoch): (UserNumber, u32),
    now: Micros,
) -> Result<SessionRow, Fault> {
    connection
        .prepare_cached(
            "INSERT INTO sessions (realm, id, user, user_epoch, authenticated, last_used) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?5)",
        )?
        .execute(params![realm.0, id.0, user.0, user_epoch, now.0])?;
    let standing = standing(connection, realm, USER, user.0)?;
    Ok(SessionRow { user, user_epoch, authenticated: now, last_used: now, standing, now })
}

pub(super) fn find(
    connection: &Connection,
    realm: RealmNumber,
    id: SessionId,
    now: Micros,
) -> Result<Option<SessionRow>, Fault> {
    let mut statement = connection.prepare_cached(
        "SELECT s.user, s.user_epoch, s.authenticated, s.last_used, u.active, u.epoch FROM sessions AS s \
         LEFT JOIN standing AS u ON u.realm = ?1 AND u.party = 1 AND u.number = s.user \
         WHERE s.realm = ?1 AND s.id = ?2",
    )?;
    let found = statement.query_row(params![realm.0, id.0], |row| {
        Ok(SessionRow {
            user: UserNumber(row.get(0)?),
            user_epoch: row.get(1)?,
            authenticated: Micros(row.get(2)?),
            last_used: Micros(row.get(3)?),
            standing: rows::standing(row, 4)?,
            now,
        })
    });
    Ok(found.optional()?)
}

pub(super) fn touch(connection: &Connection, realm: RealmNumber, id: SessionId, now: Micros) -> Result<(), Fault> {
    // A clock that was set back takes nothing away.
    connection
        .prepare_cached("UPDATE sessions SET last_used = max(last_used, ?3) WHERE realm = ?1 AND id = ?2")?
        .execute(params![realm.0, id.0, now.0])?;
    Ok(())
}

pub(super) fn remove(connection: &Connection, realm: RealmNumber, id: SessionId) -> Result<(), Fault> {
    connection.prepare_cached("DELETE FROM sessions WHERE realm = ?1 AND id = ?2")?.execute(params![realm.0, id.0])?;
    Ok(())
}

/// Ends all sessions of a user, and forgets its browsers.
pub(super) fn end_all(connection: &Connection, realm: RealmNumber, user: UserNumber) -> Result<(), Fault> {
    for sql in
        ["DELETE FROM sessions WHERE realm = ?1 AND user = ?2", "DELETE FROM browsers WHERE realm = ?1 AND user = ?2"]
    {
        connection.prepare_cached(sql)?.execute(params![realm.0, user.0])?;
    }
    Ok(())
}

pub(super) fn consent(
    connection: &Connection,
    realm: RealmNumber,
    ConsentOf { user, client, organization }: ConsentOf,
) -> Result<Option<ConsentRow>, Fault> {
    let mut statement = connection.prepare_cached(
        "SELECT scope, given FROM consents WHERE realm = ?1 AND user = ?2 AND client = ?3 AND organization = ?4",
    )?;
    let found = statement.query_row(params![realm.0, user.0, client.0, organization.0], consent_row);
    Ok(found.optional()?)
}

pub(super) fn last_consent(
    connection: &Connection,
    realm: RealmNumber,
    user: UserNumber,
    client: ClientNumber,
) -> Result<Option<ConsentRow>, Fault> {
    let mut statement = connection.prepare_cached(
        "SELECT scope, given FROM consents WHERE realm = ?1 AND user = ?2 AND client = ?3 ORDER BY given DESC LIMIT 1",
    )?;
    Ok(statement.query_row(params![realm.0, user.0, client.0], consent_row).optional()?)
}

fn consent_row(row: &Row<'_>) -> rusqlite::Result<ConsentRow> {
    Ok(ConsentRow { scope: ScopeSet(rows::bits(row, 0)?), given: Micros(row.get(1)?) })
}

pub(super) fn put_consent(
    connection: &Connection,
    realm: RealmNumber,
    ConsentOf { user, client, organization }: ConsentOf,
    ConsentAnswer { asked, agreed }: ConsentAnswer,
    now: Micros,
) -> Result<(), Fault> {
    // `given` is when the consent last grew: agreeing again to what was agreed to does not move it.
    connection
        .prepare_cached(
            "INSERT INTO consents (realm, user, client, scope, given, organization) VALUES (?1, ?2, ?3, ?4, ?5, ?7) \
             ON CONFLICT DO UPDATE SET scope = (scope & ~?6) | excluded.scope, \
             given = CASE WHEN scope | excluded.scope = scope THEN given ELSE excluded.given END",
        )?
        .execute(params![
            realm.0,
            user.0,
            client.0,
            agreed.0.cast_signed(),
            now.0,
            asked.0.cast_signed(),
            organization.0
        ])?;
    Ok(())
}

pub(super) fn remove_consent(
    connection: &Connection,
    realm: RealmNumber,
    user: UserNumber,
    client: ClientNumber,
) -> Result<(), Fault> {
    connection
        .prepare_cached("DELETE FROM consents WHERE realm = ?1 AND user = ?2 AND client = ?3")?
        .execute(params![realm.0, user.0, client.0])?;
    Ok(())
}

pub(super) fn remember_browser(
    connection: &Connection,
    realm: RealmNumber,
    user: UserNumber,
    browser: [u8; 16],
    now: Micros,
) -> Result<(), Fault> {
    connection
        .prepare_cached(
            "INSERT INTO browsers (realm, user, browser, seen) VALUES (?1, ?2, ?3, ?4) \
             ON CONFLICT DO UPDATE SET seen = excluded.seen",
        )?
        .execute(params![realm.0, user.0, browser, now.0])?;
    connection
        .prepare_cached(
            "DELETE FROM browsers WHERE realm = ?1 AND user = ?2 AND browser IN (SELECT browser FROM browsers \
             WHERE realm = ?1 AND user = ?2 AND browser <> ?4 ORDER BY seen DESC LIMIT -1 OFFSET ?3 - 1)",
        )?
        .execute(params![realm.0, user.0, BROWSERS_MAX, browser])?;
    Ok(())
}

pub(super) fn knows_browser(
    connection: &Connection,
    realm: RealmNumber,
    user: UserNumber,
    browser: [u8; 16],
) -> Result<bool, Fault> {
    let mut statement =
        connection.prepare_cached("SELECT 1 FROM browsers WHERE realm = ?1 AND user = ?2 AND browser = ?3")?;
    Ok(statement.exists(params![realm.0, user.0, browser])?)
}
