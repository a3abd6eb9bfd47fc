//! Deleting what nothing needs any more, a few rows at a time; SQLite uses the pages again.

use kimbai_core::grant::{Grant, State};
use kimbai_core::number::{GrantId, RealmNumber};
use kimbai_core::realm::SESSION_IDLE_MAX_S;
use kimbai_core::time::Micros;
use rusqlite::{Connection, params};

use super::fault::Fault;
use super::rows::{self, seen_columns};
use crate::SweepStep;
use crate::columns;

/// So long an audit event can be read, unless a million newer ones came: what strangers can make us write is bounded.
const AUDIT_S: u32 = 90 * 86_400;

/// One step: the next grants after the cursor, and as many rows of each other table.
pub(super) fn step(
    connection: &Connection,
    cursor: Option<(RealmNumber, GrantId)>,
    rows_max: u32,
    retention_s: u32,
    now: Micros,
) -> Result<SweepStep, Fault> {
    let (cursor, mut deleted) = grants(connection, cursor, rows_max, before(now, retention_s))?;
    for (sql, bound) in [
        (SESSIONS, before(now, SESSION_IDLE_MAX_S).0),
        (DENIALS, i64::from(now.as_unix_s())),
        (LOG_INS, now.0),
        (AUDIT, before(now, AUDIT_S).0),
    ] {
        deleted += connection.prepare_cached(sql)?.execute(params![bound, rows_max])?;
    }
    Ok(SweepStep { cursor, deleted: u32::try_from(deleted).unwrap_or(u32::MAX) })
}

type Cursor = Option<(RealmNumber, GrantId)>;

fn grants(connection: &Connection, cursor: Cursor, rows_max: u32, over_at: Micros) -> Result<(Cursor, usize), Fault> {
    let (realm, id) = cursor.map_or((-1, i64::MIN), |(realm, id)| (i64::from(realm.0), columns::id_column(id)));
    let mut over = Vec::new();
    let mut last = None;
    let mut read = 0;
    {
        let mut statement = connection.prepare_cached(NEXT_GRANTS)?;
        let mut found = statement.query(params![realm, id, rows_max])?;
        while let Some(row) = found.next()? {
            let key: (u32, i64) = (row.get(rows::GRANT_COLUMNS)?, row.get(0)?);
            read += 1;
            last = Some(key);
            match rows::grant(row) {
                Ok(grant) if was_over(&grant, over_at) => over.push(key),
                Ok(_) => {}
                // It must not keep the others from being swept.
                Err(error) => tracing::error!(%error, realm = key.0, "a grant's row is unreadable and stays"),
            }
        }
    }
    let mut delete = connection.prepare_cached("DELETE FROM grants WHERE realm = ?1 AND id = ?2")?;
    for (realm, id) in &over {
        delete.execute(params![realm, id])?;
    }
    let reached_end = read < rows_max;
    let cursor = last.filter(|_| !reached_end).map(|(realm, id)| (RealmNumber(realm), columns::id_of(id)));
    Ok((cursor, over.len()))
}

fn was_over(grant: &Grant, then: Micros) -> bool {
    match grant.state {
        State::Ended { at, .. } => at <= then,
        State::Code { .. } | State::Active(_) => grant.is_over(then),
    }
}

fn before(now: Micros, seconds: u32) -> Micros {
    Micros(now.0.saturating_sub(i64::from(seconds) * 1_000_000))
}

const NEXT_GRANTS: &str = concat!(
    "SELECT ",
    seen_columns!(),
    ", g.realm FROM grants AS g WHERE (g.realm, g.id) > (?1, ?2) ORDER BY g.realm, g.id LIMIT ?3"
);
const SESSIONS: &str = "DELETE FROM sessions WHERE (realm, id) IN \
     (SELECT realm, id FROM sessions WHERE last_used <= ?1 ORDER BY last_used LIMIT ?2)";
const DENIALS: &str = "DELETE FROM denials WHERE (realm, client, token) IN \
     (SELECT realm, client, token FROM denials WHERE expiry_s <= ?1 ORDER BY expiry_s LIMIT ?2)";
const LOG_INS: &str = "DELETE FROM log_ins WHERE (realm, key) IN (SELECT l.realm, l.key FROM log_in_sizes AS s \
     CROSS JOIN log_ins AS l ON l.realm = s.realm AND l.ends <= ?1 LIMIT ?2)";
// Only among the oldest: events lie in the order of their making, and have no index by time.
const AUDIT: &str = "DELETE FROM audit WHERE number IN (SELECT number FROM audit ORDER BY number LIMIT ?2) \
     AND (at <= ?1 OR number <= (SELECT max(number) FROM audit) - 1000000)";
