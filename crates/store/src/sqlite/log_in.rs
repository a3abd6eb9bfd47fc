//! Counting log-in attempts, for an account and for the source they come from, before a password is looked at.
//!
//! One step of the writer looks and counts, so that 200 attempts at once are 200 attempts. An account counts anew when
//! its lock has ended, a source when its window has.

use kimbai_core::number::RealmNumber;
use kimbai_core::time::Micros;
use rusqlite::{Connection, OptionalExtension, params};

use super::fault::Fault;
use crate::{AttemptCount, LogInKey, LogInLimits, LogInVerdict};

#[derive(Debug, Clone, Copy)]
struct Count {
    failures: u32,
    last: Micros,
    ends: Micros,
}

/// Counts an attempt, or refuses it.
pub(super) fn count(
    connection: &Connection,
    realm: RealmNumber,
    (account, source): (LogInKey, LogInKey),
    limits: &LogInLimits,
    now: Micros,
) -> Result<LogInVerdict, Fault> {
    let of_account = find(connection, realm, account, now)?;
    let of_source = find(connection, realm, source, now)?;
    if let Some(verdict) = refusal(of_account, of_source, limits, now) {
        return Ok(verdict);
    }
    let failures = of_account.map_or(0, |count| count.failures).saturating_add(1);
    put(connection, realm, account, limits, Count { failures, last: now, ends: now.plus_s(limits.lock_s) })?;
    let failures = of_source.map_or(0, |count| count.failures).saturating_add(1);
    let ends = of_source.map_or(now.plus_s(limits.source_window_s), |count| count.ends);
    put(connection, realm, source, limits, Count { failures, last: now, ends })?;
    Ok(LogInVerdict::Allowed)
}

/// Forgets the account's attempts, and takes one back from the source.
pub(super) fn clear(
    connection: &Connection,
    realm: RealmNumber,
    account: LogInKey,
    source: LogInKey,
) -> Result<(), Fault> {
    let mut forget = connection.prepare_cached("DELETE FROM log_ins WHERE realm = ?1 AND key = ?2")?;
    forget.execute(params![realm.0, account.0])?;
    connection
        .prepare_cached("UPDATE log_ins SET failures = failures - 1 WHERE realm = ?1 AND key = ?2 AND failures > 0")?
        .execute(params![realm.0, source.0])?;
    connection
        .prepare_cached("DELETE FROM log_ins WHERE realm = ?1 AND key = ?2 AND failures = 0")?
        .execute(params![realm.0, source.0])?;
    Ok(())
}

/// What is counted for a key and not forgotten.
pub(super) fn counted(
    connection: &Connection,
    realm: RealmNumber,
    key: LogInKey,
    now: Micros,
) -> Result<AttemptCount, Fault> {
    let failures = find(connection, realm, key, now)?.map_or(0, |count| count.failures);
    Ok(AttemptCount { failures })
}

fn refusal(account: Option<Count>, source: Option<Count>, limits: &LogInLimits, now: Micros) -> Option<LogInVerdict> {
    if let Some(source) = source.filter(|source| source.failures >= limits.source_failures) {
        return Some(LogInVerdict::Locked { wait_s: seconds_until(source.ends, now, limits.source_window_s) });
    }
    let account = account?;
    if account.failures >= limits.lock_failures {
        return Some(LogInVerdict::Locked { wait_s: seconds_until(account.ends, now, limits.lock_s) });
    }
    let doublings = account.failures.checked_sub(limits.free_failures)?;
    let delay_s = limits.first_delay_s.saturating_mul(1_u32.checked_shl(doublings).unwrap_or(u32::MAX));
    let next = account.last.plus_s(delay_s);
    (now < next).then(|| LogInVerdict::Wait { wait_s: seconds_until(next, now, delay_s) })
}

/// Whole seconds, rounded up; never more than `most`, so that a clock that was set back locks nobody out for longer.
fn seconds_until(then: Micros, now: Micros, most: u32) -> u32 {
    let seconds = then.since(now).as_micros().div_ceil(1_000_000);
    u32::try_from(seconds).unwrap_or(u32::MAX).min(most).max(1)
}

fn find(connection: &Connection, realm: RealmNumber, key: LogInKey, now: Micros) -> Result<Option<Count>, Fault> {
    let mut statement =
        connection.prepare_cached("SELECT failures, last, ends FROM log_ins WHERE realm = ?1 AND key = ?2")?;
    let found = statement
        .query_row(params![realm.0, key.0], |row| {
            Ok(Count { failures: row.get(0)?, last: Micros(row.get(1)?), ends: Micros(row.get(2)?) })
        })
        .optional()?;
    Ok(found.filter(|count| now < count.ends))
}

fn put(
    connection: &Connection,
    realm: RealmNumber,
    key: LogInKey,
    limits: &LogInLimits,
    count: Count,
) -> Result<(), Fault> {
    let changed = connection
        .prepare_cached("UPDATE log_ins SET failures = ?3, last = ?4, ends = ?5 WHERE realm = ?1 AND key = ?2")?
        .execute(params![realm.0, key.0, count.failures, count.last.0, count.ends.0])?;
    if changed == 1 {
        return Ok(());
    }
    let size: Option<u32> = connection
        .prepare_cached("SELECT size FROM log_in_sizes WHERE realm = ?1")?
        .query_row([realm.0], |row| row.get(0))
        .optional()?;
    let beyond = size.unwrap_or(0).saturating_add(1).saturating_sub(limits.keys_max.max(1));
    if beyond > 0 {
        connection
            .prepare_cached(
                "DELETE FROM log_ins WHERE realm = ?1 AND key IN \
                 (SELECT key FROM log_ins WHERE realm = ?1 ORDER BY ends LIMIT ?2)",
            )?
            .execute(params![realm.0, beyond])?;
    }
    connection
        .prepare_cached("INSERT INTO log_ins (realm, key, failures, last, ends) VALUES (?1, ?2, ?3, ?4, ?5)")?
        .execute(params![realm.0, key.0, count.failures, count.last.0, count.ends.0])?;
    Ok(())
}
