//! Tokens of an older system, and how far their exchanges have come.

use kimbai_core::exchange::ExchangeOrigin;
use kimbai_core::grant::{ShortDigest, Standing};
use kimbai_core::number::{ClientNumber, OrganizationNumber, RealmNumber, UserNumber};
use kimbai_core::time::Micros;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use super::fault::column;
use super::parties::standing;
use super::pool::{Pool, Repetition};
use crate::{LegacyTokenOwner, LegacyTokenRow, LegacyTokenStep, StoreError};

/// Stores legacy token `$2` of realm `$1`, of organization `$3`, client `$4` and user `$5`, with its parties' epochs. One that is there
/// stays as it is but for these, where `$6` has them renewed; one of another owner is taken.
pub(super) const PUT: &str = "WITH done AS (INSERT INTO kimbai.legacy_tokens AS l (realm, token, organization, client, \
     \"user\", client_epoch, user_epoch, put, ends, exchange, opened) \
     SELECT $1, $2, $3, $4, $5, c.epoch, u.epoch, kimbai.now_us(), 9223372036854775807, 1, false \
     FROM kimbai.standing AS c, kimbai.standing AS u WHERE c.realm = $1 AND c.party = 0 AND c.number = $4 \
     AND u.realm = $1 AND u.party = 1 AND u.number = $5 \
     ON CONFLICT (realm, token) DO UPDATE SET \
     client_epoch = CASE WHEN $6 THEN excluded.client_epoch ELSE l.client_epoch END, \
     user_epoch = CASE WHEN $6 THEN excluded.user_epoch ELSE l.user_epoch END \
     WHERE (l.organization, l.client, l.\"user\") = (excluded.organization, excluded.client, excluded.\"user\") RETURNING 1) \
     SELECT kimbai.refuse(CASE WHEN EXISTS (SELECT FROM kimbai.legacy_tokens WHERE realm = $1 AND token = $2) \
     THEN 'KB003' ELSE 'KB001' END, 'a legacy token''s client or user is not there') WHERE NOT EXISTS (SELECT FROM done)";

/// The legacy tokens of realm `$1` with the standing of their parties, for [`row_of`].
macro_rules! legacy_token_rows {
    () => {
        "SELECT l.token, l.organization, l.client, l.\"user\", l.client_epoch, l.user_epoch, l.put, l.ends, l.exchange, \
         l.opened, kimbai.now_us(), c.active, c.epoch, u.active, u.epoch FROM kimbai.legacy_tokens AS l \
         LEFT JOIN kimbai.standing AS c ON c.realm = $1 AND c.party = 0 AND c.number = l.client \
         LEFT JOIN kimbai.standing AS u ON u.realm = $1 AND u.party = 1 AND u.number = l.\"user\" WHERE l.realm = $1"
    };
}

pub(super) async fn find(
    pool: &Pool,
    realm: RealmNumber,
    token: ShortDigest,
) -> Result<Option<LegacyTokenRow>, StoreError> {
    let sql = concat!(legacy_token_rows!(), " AND l.token = $2");
    let row = pool.row(sql, &[&realm.0.cast_signed(), &&token.0[..]]).await?;
    row.as_ref().map(row_of).transpose()
}

pub(super) async fn list(
    pool: &Pool,
    (realm, organization): (RealmNumber, OrganizationNumber),
    after: Option<ShortDigest>,
    limit: u32,
) -> Result<Vec<LegacyTokenRow>, StoreError> {
    let sql = concat!(legacy_token_rows!(), " AND l.organization = $2 AND l.token > $3 ORDER BY l.token LIMIT $4");
    // Before all of them comes what is no digest at all.
    let after = after.map_or(Vec::new(), |after| after.0.to_vec());
    let [realm, organization] = [realm.0, organization.0].map(u32::cast_signed);
    let parameters: [&(dyn ToSql + Sync); 4] = [&realm, &organization, &after, &i64::from(limit)];
    let rows = pool.rows(sql, &parameters, Repetition::Harmless).await?;
    rows.iter().map(row_of).collect()
}

/// Takes a step, if the token still stands before it.
pub(super) async fn step(pool: &Pool, realm: RealmNumber, step: LegacyTokenStep) -> Result<(), StoreError> {
    let (sql, origin) = match step {
        LegacyTokenStep::Next(origin) => (NEXT, origin),
        LegacyTokenStep::NextAndEnd(origin) => (NEXT_AND_END, origin),
        LegacyTokenStep::End(token) => {
            let parameters: [&(dyn ToSql + Sync); 2] = [&realm.0.cast_signed(), &&token.0[..]];
            return pool.rows(END, &parameters, Repetition::Idempotent).await.map(drop);
        }
    };
    let ExchangeOrigin { token, number } = origin;
    let parameters: [&(dyn ToSql + Sync); 3] = [&realm.0.cast_signed(), &&token.0[..], &number.cast_signed()];
    pool.rows(sql, &parameters, Repetition::Idempotent).await.map(drop)
}

const NEXT: &str = "UPDATE kimbai.legacy_tokens SET exchange = exchange + 1, opened = false \
     WHERE realm = $1 AND token = $2 AND exchange = $3";
const NEXT_AND_END: &str = "UPDATE kimbai.legacy_tokens SET exchange = exchange + 1, opened = false, \
     ends = least(ends, kimbai.now_us()) WHERE realm = $1 AND token = $2 AND exchange = $3";
const END: &str = "UPDATE kimbai.legacy_tokens SET ends = least(ends, kimbai.now_us()) WHERE realm = $1 AND token = $2";

fn row_of(row: &Row) -> Result<LegacyTokenRow, StoreError> {
    let bits = |place| column::<i32>(row, place).map(i32::cast_unsigned);
    let token = column::<&[u8]>(row, 0)?.try_into();
    Ok(LegacyTokenRow {
        token: ShortDigest(token.map_err(|_| StoreError::Unreadable("a legacy token has no digest".to_owned()))?),
        owner: LegacyTokenOwner {
            organization: OrganizationNumber(bits(1)?),
            client: ClientNumber(bits(2)?),
            user: UserNumber(bits(3)?),
        },
        client_epoch: bits(4)?,
        user_epoch: bits(5)?,
        put: Micros(column(row, 6)?),
        ends: Micros(column(row, 7)?),
        exchange: bits(8)?,
        opened: column(row, 9)?,
        now: Micros(column(row, 10)?),
        standing: Standing { client: standing(row, 11)?, user: standing(row, 13)? },
    })
}
