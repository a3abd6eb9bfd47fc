//! Counting log-in attempts, for an account and for the source they come from, before a password is looked at.
//!
//! A function in the database looks and counts in one step, with both keys locked in one order, so that 200 attempts at
//! once are 200 attempts and no lock is held over a way to us.

use kimbai_core::number::RealmNumber;
use tokio_postgres::types::ToSql;

use super::fault::column;
use super::pool::{Pool, Repetition};
use crate::{AttemptCount, LogInKey, LogInLimits, LogInVerdict, StoreError};

/// Counts an attempt, or refuses it.
pub(super) async fn count(
    pool: &Pool,
    realm: RealmNumber,
    (account, source): (LogInKey, LogInKey),
    limits: &LogInLimits,
) -> Result<LogInVerdict, StoreError> {
    let LogInLimits { free_failures, first_delay_s, lock_failures, lock_s, source_failures, source_window_s, keys_max } =
        *limits;
    let limits = [free_failures, first_delay_s, lock_failures, lock_s, source_failures, source_window_s, keys_max];
    let limits = limits.map(i64::from);
    let sql = "SELECT verdict, wait_s FROM kimbai.count_log_in($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
    let (realm, account, source) = (realm.0.cast_signed(), &account.0[..], &source.0[..]);
    let mut parameters: Vec<&(dyn ToSql + Sync)> = vec![&realm, &account, &source];
    parameters.extend(limits.iter().map(|limit| limit as &(dyn ToSql + Sync)));
    let row = pool.row_once(sql, &parameters).await?;
    let wait_s = u32::try_from(column::<i64>(&row, 1)?).unwrap_or(u32::MAX);
    match column::<i16>(&row, 0)? {
        0 => Ok(LogInVerdict::Allowed),
        1 => Ok(LogInVerdict::Wait { wait_s }),
        2 => Ok(LogInVerdict::Locked { wait_s }),
        verdict => Err(StoreError::Unreadable(format!("a log-in attempt got the verdict {verdict}"))),
    }
}

/// Forgets the account's attempts, and takes one back from the source.
pub(super) async fn clear(
    pool: &Pool,
    realm: RealmNumber,
    account: LogInKey,
    source: LogInKey,
) -> Result<(), StoreError> {
    let (realm, account, source) = (realm.0.cast_signed(), &account.0[..], &source.0[..]);
    let sql = "SELECT kimbai.clear_log_in($1, $2, $3)::text";
    pool.rows(sql, &[&realm, &account, &source], Repetition::Never).await.map(drop)
}

/// What is counted for a key and not forgotten.
pub(super) async fn counted(pool: &Pool, realm: RealmNumber, key: LogInKey) -> Result<AttemptCount, StoreError> {
    let sql = "SELECT failures FROM kimbai.log_ins WHERE realm = $1 AND key = $2 AND kimbai.now_us() < ends";
    let row = pool.row(sql, &[&realm.0.cast_signed(), &&key.0[..]]).await?;
    let failures = row.map_or(Ok(0), |row| column::<i32>(&row, 0))?;
    Ok(AttemptCount { failures: failures.cast_unsigned() })
}
