//! What the registry keeps of the installation and its realms: meta values, settings, sealed keys.

use kimbai_core::number::RealmNumber;
use kimbai_core::time::Micros;

use super::fault::column;
use super::pool::{Pool, Repetition};
use crate::{RealmRow, SealedKeyRow, StoreError, Versions};

pub(super) async fn meta(pool: &Pool, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
    let row = pool.row("SELECT value FROM kimbai.meta WHERE key = $1", &[&key]).await?;
    row.map(|row| column(&row, 0)).transpose()
}

pub(super) async fn init_meta(pool: &Pool, key: &str, value: &[u8]) -> Result<Vec<u8>, StoreError> {
    let sql = "INSERT INTO kimbai.meta (key, value) VALUES ($1, $2) ON CONFLICT DO NOTHING";
    pool.rows(sql, &[&key, &value], Repetition::Idempotent).await?;
    // By a later statement: one that was there, or came at the same moment, stands.
    let standing = meta(pool, key).await?;
    standing.ok_or_else(|| StoreError::Unreadable(format!("the value `{key}` was removed while it was set")))
}

pub(super) async fn draw_number(pool: &Pool) -> Result<RealmNumber, StoreError> {
    let sql = "INSERT INTO kimbai.counters AS c (realm, kind, next) VALUES (0, 'realm', 2) \
         ON CONFLICT (realm, kind) DO UPDATE SET next = c.next + 1 RETURNING (next - 1)::integer";
    // One that is drawn and not used is gone, which is no harm.
    let row = pool.row(sql, &[]).await?;
    let row = row.ok_or_else(|| StoreError::Unreadable("no number was drawn".to_owned()))?;
    Ok(RealmNumber(column::<i32>(&row, 0)?.cast_unsigned()))
}

pub(super) async fn all(pool: &Pool) -> Result<Vec<RealmRow>, StoreError> {
    let sql = "SELECT number, name, settings FROM kimbai.realms ORDER BY number";
    let rows = pool.rows(sql, &[], Repetition::Harmless).await?;
    let realm = |row| {
        let number = RealmNumber(column::<i32>(row, 0)?.cast_unsigned());
        Ok(RealmRow { number, name: column(row, 1)?, settings: column(row, 2)? })
    };
    rows.iter().map(realm).collect()
}

pub(super) async fn versions(pool: &Pool) -> Result<Versions, StoreError> {
    let rows = pool.rows("SELECT number, version FROM kimbai.realms", &[], Repetition::Harmless).await?;
    let version = |row| {
        let number = RealmNumber(column::<i32>(row, 0)?.cast_unsigned());
        Ok((number, column::<i64>(row, 1)?.cast_unsigned()))
    };
    rows.iter().map(version).collect::<Result<_, _>>().map(Versions)
}

pub(super) async fn keys(pool: &Pool, realm: RealmNumber) -> Result<Vec<SealedKeyRow>, StoreError> {
    let sql = "SELECT number, usage, sealed, made FROM kimbai.keys WHERE realm = $1 ORDER BY usage, number";
    let rows = pool.rows(sql, &[&realm.0.cast_signed()], Repetition::Harmless).await?;
    let key = |row| {
        let number = u8::try_from(column::<i16>(row, 0)?);
        let number = number.map_err(|_| StoreError::Unreadable("a key's number is beyond 255".to_owned()))?;
        Ok(SealedKeyRow { number, usage: column(row, 1)?, sealed: column(row, 2)?, made: Micros(column(row, 3)?) })
    };
    rows.iter().map(key).collect()
}

/// Refuses unless the value of key `$1` is `$2`. Who sets one has the registry's lock too.
pub(super) const EXPECT_META: &str = "SELECT kimbai.refuse('KB002', $1::text) \
     WHERE (SELECT value FROM kimbai.meta WHERE key = $1::text) IS DISTINCT FROM $2::bytea";

/// Sets value `$2` of key `$1`.
pub(super) const SET_META: &str = "INSERT INTO kimbai.meta (key, value) VALUES ($1, $2) \
     ON CONFLICT (key) DO UPDATE SET value = excluded.value";

/// Makes realm `$1` of name `$2` with settings `$3`, or changes its settings.
pub(super) const PUT_REALM: &str = "INSERT INTO kimbai.realms (number, name, settings) VALUES ($1, $2, $3) \
     ON CONFLICT (number) DO UPDATE SET settings = excluded.settings";

/// Stores key `$3` of realm `$1` for use `$2` under the next number.
pub(super) const ADD_KEY: &str = "WITH drawn AS (INSERT INTO kimbai.counters AS c (realm, kind, next) \
     VALUES ($1, 'key ' || $2, 1) ON CONFLICT (realm, kind) DO UPDATE SET next = c.next + 1 \
     RETURNING (next - 1)::smallint AS number) \
     INSERT INTO kimbai.keys (realm, usage, number, sealed, made) \
     SELECT $1, $2, number, $3, kimbai.now_us() FROM drawn";

/// Stores `$5` in the place of key `$3` of realm `$1` for use `$2`, where `$4` stands. Whoever seals keys anew must learn
/// that one of them is not there, or not what was read, and change none.
pub(super) const REPLACE_KEY: &str = "WITH replaced AS (UPDATE kimbai.keys SET sealed = $5 \
     WHERE realm = $1 AND usage = $2 AND number = $3 AND sealed = $4 RETURNING 1) \
     SELECT kimbai.refuse(CASE WHEN EXISTS (SELECT FROM kimbai.keys WHERE realm = $1 AND usage = $2 AND number = $3) \
     THEN 'KB002' ELSE 'KB001' END, 'the realm has no such ' || $2 || ' key ' || $3) WHERE NOT EXISTS (SELECT FROM replaced)";
