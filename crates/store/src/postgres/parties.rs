//! Clients and users, and their standing.
//!
//! Numbers are never used again: a token that outlives its client must not come to mean another one.

use kimbai_core::grant::PartyStanding;
use kimbai_core::number::{ClientNumber, RealmNumber, UserNumber};
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use super::fault::column;
use super::pool::{Pool, Repetition};
use crate::{ClientRow, StoreError, UserRow};

/// `standing.party` of a client.
pub(super) const CLIENT: i16 = 0;
/// `standing.party` of a user.
pub(super) const USER: i16 = 1;

/// The clients of realm `$1` with their standing, for [`client_row`].
macro_rules! client_columns {
    () => {
        "SELECT p.number, p.client_id, p.metadata, s.active, s.epoch FROM kimbai.clients AS p \
         LEFT JOIN kimbai.standing AS s ON s.realm = $1 AND s.party = 0 AND s.number = p.number WHERE p.realm = $1"
    };
}

pub(super) async fn client(pool: &Pool, realm: RealmNumber, client_id: &str) -> Result<Option<ClientRow>, StoreError> {
    if !can_be_stored(client_id) {
        return Ok(None);
    }
    let row =
        pool.row(concat!(client_columns!(), " AND p.client_id = $2"), &[&realm.0.cast_signed(), &client_id]).await?;
    row.as_ref().map(client_row).transpose()
}

pub(super) async fn clients(pool: &Pool, realm: RealmNumber) -> Result<Vec<ClientRow>, StoreError> {
    let sql = concat!(client_columns!(), " ORDER BY p.number");
    let rows = pool.rows(sql, &[&realm.0.cast_signed()], Repetition::Harmless).await?;
    rows.iter().map(client_row).collect()
}

fn client_row(row: &Row) -> Result<ClientRow, StoreError> {
    Ok(ClientRow {
        number: ClientNumber(column::<i32>(row, 0)?.cast_unsigned()),
        client_id: column(row, 1)?,
        metadata: column(row, 2)?,
        standing: standing(row, 3)?,
    })
}

/// The users of realm `$1` with their standing, for [`user_row`].
macro_rules! user_columns {
    () => {
        "SELECT p.number, p.username, p.password_hash, p.claims, s.active, s.epoch FROM kimbai.users AS p \
         LEFT JOIN kimbai.standing AS s ON s.realm = $1 AND s.party = 1 AND s.number = p.number WHERE p.realm = $1"
    };
}

pub(super) async fn user_by_name(
    pool: &Pool,
    realm: RealmNumber,
    username: &str,
) -> Result<Option<UserRow>, StoreError> {
    if !can_be_stored(username) {
        return Ok(None);
    }
    let row = pool.row(concat!(user_columns!(), " AND p.username = $2"), &[&realm.0.cast_signed(), &username]).await?;
    row.as_ref().map(user_row).transpose()
}

pub(super) async fn user(pool: &Pool, realm: RealmNumber, user: UserNumber) -> Result<Option<UserRow>, StoreError> {
    let numbers = [realm.0.cast_signed(), user.0.cast_signed()];
    let row = pool.row(concat!(user_columns!(), " AND p.number = $2"), &[&numbers[0], &numbers[1]]).await?;
    row.as_ref().map(user_row).transpose()
}

pub(super) async fn users(
    pool: &Pool,
    realm: RealmNumber,
    after: Option<&str>,
    limit: u32,
) -> Result<Vec<UserRow>, StoreError> {
    // What comes after a name with a NUL in it comes after the name's part before: nothing stands between them.
    let after = after.map(|after| after.split('\0').next().unwrap_or_default());
    let sql = concat!(
        user_columns!(),
        " AND p.username >= $2 AND p.username IS DISTINCT FROM $3 ORDER BY p.username LIMIT $4"
    );
    let parameters: [&(dyn ToSql + Sync); 4] =
        [&realm.0.cast_signed(), &after.unwrap_or_default(), &after, &i64::from(limit)];
    let rows = pool.rows(sql, &parameters, Repetition::Harmless).await?;
    rows.iter().map(user_row).collect()
}

fn user_row(row: &Row) -> Result<UserRow, StoreError> {
    Ok(UserRow {
        number: UserNumber(column::<i32>(row, 0)?.cast_unsigned()),
        username: column(row, 1)?,
        password_hash: column(row, 2)?,
        claims: column(row, 3)?,
        standing: standing(row, 4)?,
    })
}

/// The standing in two columns from `first` on; nulls of an outer join say that there is no such party.
pub(super) fn standing(row: &Row, first: usize) -> Result<PartyStanding, StoreError> {
    let Some(active) = column(row, first)? else { return Ok(PartyStanding::GONE) };
    Ok(PartyStanding { active, epoch: column::<i32>(row, first + 1)?.cast_unsigned() })
}

/// Whether a text can be in the database at all: PostgreSQL keeps none with a NUL in it.
pub(super) fn can_be_stored(text: &str) -> bool {
    !text.contains('\0')
}

/// Changes the row of this name, or draws a number and makes the row and its standing.
macro_rules! put {
    ($table:literal, $kind:literal, $name:literal, $columns:literal, $values:literal, $party:literal) => {
        concat!(
            "WITH known AS (UPDATE kimbai.",
            $table,
            " SET (",
            $columns,
            ") = ROW (",
            $values,
            ") ",
            "WHERE realm = $1 AND ",
            $name,
            " = $2 RETURNING 1), ",
            "drawn AS (INSERT INTO kimbai.counters AS c (realm, kind, next) ",
            "SELECT $1, '",
            $kind,
            "', 2 WHERE NOT EXISTS (SELECT FROM known) ",
            "ON CONFLICT (realm, kind) DO UPDATE SET next = c.next + 1 RETURNING (next - 1)::integer AS number), ",
            "made AS (INSERT INTO kimbai.",
            $table,
            " (realm, number, ",
            $name,
            ", ",
            $columns,
            ") ",
            "SELECT $1, number, $2, ",
            $values,
            " FROM drawn RETURNING number) ",
            "INSERT INTO kimbai.standing (realm, party, number, active, epoch) ",
            "SELECT $1, ",
            $party,
            ", number, true, 0 FROM made"
        )
    };
}

/// Makes client `$2` of realm `$1` with metadata `$3`, or changes it.
pub(super) const PUT_CLIENT: &str = put!("clients", "client", "client_id", "metadata", "$3", "0");
/// Makes user `$2` of realm `$1` with password hash `$3` and claims `$4`, or changes it.
pub(super) const PUT_USER: &str = put!("users", "user", "username", "password_hash, claims", "$3, $4", "1");

/// Removes client `$2` of realm `$1` and what only it gives a meaning; its grants are dead without a standing, and the
/// sweep takes them.
pub(super) const REMOVE_CLIENT: &str = "WITH client AS (DELETE FROM kimbai.clients WHERE realm = $1 AND number = $2), \
     stood AS (DELETE FROM kimbai.standing WHERE realm = $1 AND party = 0 AND number = $2), \
     consented AS (DELETE FROM kimbai.consents WHERE realm = $1 AND client = $2), \
     legacy AS (DELETE FROM kimbai.legacy_tokens WHERE realm = $1 AND client = $2) \
     DELETE FROM kimbai.denials WHERE realm = $1 AND client = $2";

/// Ends what client `$2` in realm `$1` was issued in the epochs up to now.
pub(super) const ADVANCE_CLIENT_EPOCH: &str =
    "UPDATE kimbai.standing SET epoch = epoch + 1 WHERE realm = $1 AND party = 0 AND number = $2";

/// Enables or disables (`$4`) party `$3` of kind `$2` in realm `$1`. The epoch grows with each step from enabled to
/// disabled, not with a repetition.
pub(super) const SET_STANDING: &str = "UPDATE kimbai.standing \
     SET active = $4, epoch = epoch + CASE WHEN active AND NOT $4 THEN 1 ELSE 0 END \
     WHERE realm = $1 AND party = $2 AND number = $3";
