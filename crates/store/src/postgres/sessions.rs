//! What the registry keeps of people's browsers: sessions, remembered consents, and which browser has logged whom in.

use kimbai_core::number::{ClientNumber, RealmNumber, UserNumber};
use kimbai_core::scope::ScopeSet;
use kimbai_core::time::Micros;
use tokio_postgres::Row;

use super::fault::column;
use super::parties::standing;
use super::pool::{Pool, Repetition};
use crate::{ConsentAnswer, ConsentOf, ConsentRow, SessionId, SessionRow, StoreError};

pub(super) async fn put(
    pool: &Pool,
    realm: RealmNumber,
    id: SessionId,
    (user, user_epoch): (UserNumber, u32),
) -> Result<SessionRow, StoreError> {
    let sql = "WITH t AS MATERIALIZED (SELECT kimbai.now_us() AS now), \
         made AS (INSERT INTO kimbai.sessions (realm, id, \"user\", user_epoch, authenticated, last_used) \
         SELECT $1, $2, $3, $4, now, now FROM t RETURNING authenticated) \
         SELECT made.authenticated, u.active, u.epoch FROM made \
         LEFT JOIN kimbai.standing AS u ON u.realm = $1 AND u.party = 1 AND u.number = $3";
    let (epoch, bytes) = (user_epoch.cast_signed(), &id.0[..]);
    let row = pool.row_once(sql, &[&realm.0.cast_signed(), &bytes, &user.0.cast_signed(), &epoch]).await?;
    let now = Micros(column(&row, 0)?);
    Ok(SessionRow { user, user_epoch, authenticated: now, last_used: now, standing: standing(&row, 1)?, now })
}

pub(super) async fn find(pool: &Pool, realm: RealmNumber, id: SessionId) -> Result<Option<SessionRow>, StoreError> {
    let sql = "SELECT s.\"user\", s.user_epoch, s.authenticated, s.last_used, kimbai.now_us(), u.active, u.epoch \
         FROM kimbai.sessions AS s \
         LEFT JOIN kimbai.standing AS u ON u.realm = $1 AND u.party = 1 AND u.number = s.\"user\" \
         WHERE s.realm = $1 AND s.id = $2";
    let Some(row) = pool.row(sql, &[&realm.0.cast_signed(), &&id.0[..]]).await? else { return Ok(None) };
    Ok(Some(SessionRow {
        user: UserNumber(column::<i32>(&row, 0)?.cast_unsigned()),
        user_epoch: column::<i32>(&row, 1)?.cast_unsigned(),
        authenticated: Micros(column(&row, 2)?),
        last_used: Micros(column(&row, 3)?),
        now: Micros(column(&row, 4)?),
        standing: standing(&row, 5)?,
    }))
}

pub(super) async fn touch(pool: &Pool, realm: RealmNumber, id: SessionId) -> Result<(), StoreError> {
    // A clock that was set back takes nothing away.
    let sql =
        "UPDATE kimbai.sessions SET last_used = greatest(last_used, kimbai.now_us()) WHERE realm = $1 AND id = $2";
    pool.rows(sql, &[&realm.0.cast_signed(), &&id.0[..]], Repetition::Idempotent).await.map(drop)
}

pub(super) async fn remove(pool: &Pool, realm: RealmNumber, id: SessionId) -> Result<(), StoreError> {
    let sql = "DELETE FROM kimbai.sessions WHERE realm = $1 AND id = $2";
    pool.rows(sql, &[&realm.0.cast_signed(), &&id.0[..]], Repetition::Idempotent).await.map(drop)
}

pub(super) async fn consent(
    pool: &Pool,
    realm: RealmNumber,
    ConsentOf { user, client, organization }: ConsentOf,
) -> Result<Option<ConsentRow>, StoreError> {
    let sql = "SELECT scope, given FROM kimbai.consents \
         WHERE realm = $1 AND \"user\" = $2 AND client = $3 AND organization = $4";
    let [realm, user, client, organization] = [realm.0, user.0, client.0, organization.0].map(u32::cast_signed);
    pool.row(sql, &[&realm, &user, &client, &organization]).await?.map(|row| consent_row(&row)).transpose()
}

pub(super) async fn last_consent(
    pool: &Pool,
    realm: RealmNumber,
    user: UserNumber,
    client: ClientNumber,
) -> Result<Option<ConsentRow>, StoreError> {
    let sql = "SELECT scope, given FROM kimbai.consents \
         WHERE realm = $1 AND \"user\" = $2 AND client = $3 ORDER BY given DESC LIMIT 1";
    let [realm, user, client] = [realm.0, user.0, client.0].map(u32::cast_signed);
    pool.row(sql, &[&realm, &user, &client]).await?.map(|row| consent_row(&row)).transpose()
}

fn consent_row(row: &Row) -> Result<ConsentRow, StoreError> {
    Ok(ConsentRow { scope: ScopeSet(column::<i64>(row, 0)?.cast_unsigned()), given: Micros(column(row, 1)?) })
}

pub(super) async fn put_consent(
    pool: &Pool,
    realm: RealmNumber,
    ConsentOf { user, client, organization }: ConsentOf,
    ConsentAnswer { asked, agreed }: ConsentAnswer,
) -> Result<(), StoreError> {
    // `given` is when the consent last grew: agreeing again to what was agreed to does not move it.
    let sql = "INSERT INTO kimbai.consents AS c (realm, \"user\", client, scope, given, organization) \
         VALUES ($1, $2, $3, $4, kimbai.now_us(), $6) \
         ON CONFLICT (realm, \"user\", client, organization) DO UPDATE SET scope = (c.scope & ~$5::bigint) | excluded.scope, \
         given = CASE WHEN c.scope | excluded.scope = c.scope THEN c.given ELSE excluded.given END";
    let [realm, user, client, organization] = [realm.0, user.0, client.0, organization.0].map(u32::cast_signed);
    let (agreed, asked) = (agreed.0.cast_signed(), asked.0.cast_signed());
    // A repetition that comes late must not bring back what was withdrawn meanwhile.
    pool.rows(sql, &[&realm, &user, &client, &agreed, &asked, &organization], Repetition::Never).await.map(drop)
}

pub(super) async fn remove_consent(
    pool: &Pool,
    realm: RealmNumber,
    user: UserNumber,
    client: ClientNumber,
) -> Result<(), StoreError> {
    let sql = "DELETE FROM kimbai.consents WHERE realm = $1 AND \"user\" = $2 AND client = $3";
    let [realm, user, client] = [realm.0, user.0, client.0].map(u32::cast_signed);
    pool.rows(sql, &[&realm, &user, &client], Repetition::Idempotent).await.map(drop)
}

pub(super) async fn remember_browser(
    pool: &Pool,
    realm: RealmNumber,
    user: UserNumber,
    browser: [u8; 16],
) -> Result<(), StoreError> {
    // Nine others of ten stay: the statement does not see what it inserts.
    let sql = "WITH seen AS (INSERT INTO kimbai.browsers (realm, \"user\", browser, seen) \
         VALUES ($1, $2, $3, kimbai.now_us()) \
         ON CONFLICT (realm, \"user\", browser) DO UPDATE SET seen = excluded.seen) \
         DELETE FROM kimbai.browsers WHERE realm = $1 AND \"user\" = $2 AND browser = ANY (ARRAY (SELECT browser \
         FROM kimbai.browsers WHERE realm = $1 AND \"user\" = $2 AND browser <> $3 ORDER BY seen DESC OFFSET 9))";
    let [realm, user] = [realm.0, user.0].map(u32::cast_signed);
    pool.rows(sql, &[&realm, &user, &&browser[..]], Repetition::Idempotent).await.map(drop)
}

pub(super) async fn knows_browser(
    pool: &Pool,
    realm: RealmNumber,
    user: UserNumber,
    browser: [u8; 16],
) -> Result<bool, StoreError> {
    let sql = "SELECT FROM kimbai.browsers WHERE realm = $1 AND \"user\" = $2 AND browser = $3";
    let [realm, user] = [realm.0, user.0].map(u32::cast_signed);
    Ok(pool.row(sql, &[&realm, &user, &&browser[..]]).await?.is_some())
}

/// Ends all sessions of user `$2` of realm `$1`, and forgets its browsers.
pub(super) const END_ALL: &str = "WITH ended AS (DELETE FROM kimbai.sessions WHERE realm = $1 AND \"user\" = $2) \
     DELETE FROM kimbai.browsers WHERE realm = $1 AND \"user\" = $2";
