//! Organizations, and who belongs to them.
//!
//! Numbers are never used again: a grant that outlives its organization must not come to mean another one.

use kimbai_core::number::{OrganizationNumber, RealmNumber, UserNumber};
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use super::fault::column;
use super::parties::can_be_stored;
use super::pool::{Pool, Repetition};
use crate::{MembershipRow, OrganizationRow, StoreError};

/// The organizations of realm `$1`, for [`organization_row`].
macro_rules! organization_columns {
    () => {
        "SELECT o.number, o.org_id, o.label, o.name, o.category FROM kimbai.organizations AS o WHERE o.realm = $1"
    };
}

pub(super) async fn by_label(
    pool: &Pool,
    realm: RealmNumber,
    label: &str,
) -> Result<Option<OrganizationRow>, StoreError> {
    if !can_be_stored(label) {
        return Ok(None);
    }
    let sql = concat!(organization_columns!(), " AND o.label = $2");
    let row = pool.row(sql, &[&realm.0.cast_signed(), &label]).await?;
    row.as_ref().map(organization_row).transpose()
}

pub(super) async fn by_number(
    pool: &Pool,
    realm: RealmNumber,
    number: OrganizationNumber,
) -> Result<Option<OrganizationRow>, StoreError> {
    let sql = concat!(organization_columns!(), " AND o.number = $2");
    let row = pool.row(sql, &[&realm.0.cast_signed(), &number.0.cast_signed()]).await?;
    row.as_ref().map(organization_row).transpose()
}

pub(super) async fn list(
    pool: &Pool,
    realm: RealmNumber,
    after: Option<&str>,
    limit: u32,
) -> Result<Vec<OrganizationRow>, StoreError> {
    // No label has a NUL in it: what comes after a text with one comes after the part before.
    let after = after.map(|after| after.split('\0').next().unwrap_or_default());
    let sql = concat!(
        organization_columns!(),
        " AND o.label >= $2 AND o.label IS DISTINCT FROM $3 ORDER BY o.label LIMIT $4"
    );
    let parameters: [&(dyn ToSql + Sync); 4] =
        [&realm.0.cast_signed(), &after.unwrap_or_default(), &after, &i64::from(limit)];
    let rows = pool.rows(sql, &parameters, Repetition::Harmless).await?;
    rows.iter().map(organization_row).collect()
}

/// The memberships of user `$2` in realm `$1`, for [`membership_row`].
macro_rules! membership_columns {
    () => {
        "SELECT o.number, o.org_id, o.label, o.name, o.category, m.roles FROM kimbai.memberships AS m \
         JOIN kimbai.organizations AS o ON o.realm = $1 AND o.number = m.organization \
         WHERE m.realm = $1 AND m.\"user\" = $2"
    };
}

pub(super) async fn memberships(
    pool: &Pool,
    realm: RealmNumber,
    user: UserNumber,
) -> Result<Vec<MembershipRow>, StoreError> {
    let sql = concat!(membership_columns!(), " ORDER BY o.label");
    let [realm, user] = [realm.0, user.0].map(u32::cast_signed);
    let rows = pool.rows(sql, &[&realm, &user], Repetition::Harmless).await?;
    rows.iter().map(membership_row).collect()
}

pub(super) async fn membership(
    pool: &Pool,
    realm: RealmNumber,
    user: UserNumber,
    organization: OrganizationNumber,
) -> Result<Option<MembershipRow>, StoreError> {
    let sql = concat!(membership_columns!(), " AND m.organization = $3");
    let [realm, user, organization] = [realm.0, user.0, organization.0].map(u32::cast_signed);
    let row = pool.row(sql, &[&realm, &user, &organization]).await?;
    row.as_ref().map(membership_row).transpose()
}

fn organization_row(row: &Row) -> Result<OrganizationRow, StoreError> {
    Ok(OrganizationRow {
        number: OrganizationNumber(column::<i32>(row, 0)?.cast_unsigned()),
        org_id: column(row, 1)?,
        label: column(row, 2)?,
        name: column(row, 3)?,
        category: column(row, 4)?,
    })
}

fn membership_row(row: &Row) -> Result<MembershipRow, StoreError> {
    Ok(MembershipRow { organization: organization_row(row)?, roles: column(row, 5)? })
}

/// Makes organization `$2` of realm `$1` with `org_id` `$3`, name `$4` and category `$5`, or changes it.
pub(super) const PUT: &str = "WITH known AS (UPDATE kimbai.organizations SET org_id = $3, name = $4, category = $5 \
     WHERE realm = $1 AND label = $2 RETURNING 1), \
     drawn AS (INSERT INTO kimbai.counters AS c (realm, kind, next) \
     SELECT $1, 'organization', 2 WHERE NOT EXISTS (SELECT FROM known) \
     ON CONFLICT (realm, kind) DO UPDATE SET next = c.next + 1 RETURNING (next - 1)::integer AS number) \
     INSERT INTO kimbai.organizations (realm, number, label, org_id, name, category) \
     SELECT $1, number, $2, $3, $4, $5 FROM drawn";

/// Makes user `$2` of realm `$1` a member of organization `$3` with roles `$4`, or gives other roles.
pub(super) const PUT_MEMBERSHIP: &str = "INSERT INTO kimbai.memberships (realm, \"user\", organization, roles) \
     SELECT $1, u.number, o.number, $4 FROM kimbai.users AS u, kimbai.organizations AS o \
     WHERE u.realm = $1 AND u.username = $2 AND o.realm = $1 AND o.label = $3 \
     ON CONFLICT (realm, \"user\", organization) DO UPDATE SET roles = excluded.roles";

/// Takes user `$2` of realm `$1` out of organization `$3`.
pub(super) const REMOVE_MEMBERSHIP: &str = "DELETE FROM kimbai.memberships WHERE realm = $1 \
     AND \"user\" = (SELECT number FROM kimbai.users WHERE realm = $1 AND username = $2) \
     AND organization = (SELECT number FROM kimbai.organizations WHERE realm = $1 AND label = $3)";
