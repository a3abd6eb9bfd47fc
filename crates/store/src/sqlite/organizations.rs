//! Organizations, and who belongs to them.
//!
//! Numbers are never used again: a grant that outlives its organization must not come to mean another one.

use kimbai_core::number::{OrganizationNumber, RealmNumber, UserNumber};
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::fault::Fault;
use super::parties::next_number;
use crate::{MembershipRow, OrganizationRow};

pub(super) fn put(
    connection: &Connection,
    realm: RealmNumber,
    label: &str,
    (org_id, name, category): (&str, &str, &str),
) -> Result<(), Fault> {
    let known = connection
        .prepare_cached(
            "UPDATE organizations SET org_id = ?3, name = ?4, category = ?5 WHERE realm = ?1 AND label = ?2",
        )?
        .execute(params![realm.0, label, org_id, name, category])?;
    if known > 0 {
        return Ok(());
    }
    let number = next_number(connection, realm, "organization", 1)?;
    connection
        .prepare_cached(
            "INSERT INTO organizations (realm, number, label, org_id, name, category) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .execute(params![realm.0, number, label, org_id, name, category])?;
    Ok(())
}

pub(super) fn put_membership(
    connection: &Connection,
    realm: RealmNumber,
    (username, label): (&str, &str),
    roles: &str,
) -> Result<(), Fault> {
    connection
        .prepare_cached(
            "INSERT INTO memberships (realm, user, organization, roles) SELECT ?1, u.number, o.number, ?4 \
             FROM users AS u, organizations AS o \
             WHERE u.realm = ?1 AND u.username = ?2 AND o.realm = ?1 AND o.label = ?3 \
             ON CONFLICT DO UPDATE SET roles = excluded.roles",
        )?
        .execute(params![realm.0, username, label, roles])?;
    Ok(())
}

pub(super) fn remove_membership(
    connection: &Connection,
    realm: RealmNumber,
    (username, label): (&str, &str),
) -> Result<(), Fault> {
    connection
        .prepare_cached(
            "DELETE FROM memberships WHERE realm = ?1 \
             AND user = (SELECT number FROM users WHERE realm = ?1 AND username = ?2) \
             AND organization = (SELECT number FROM organizations WHERE realm = ?1 AND label = ?3)",
        )?
        .execute(params![realm.0, username, label])?;
    Ok(())
}

/// The organizations of realm `?1`, for [`organization_row`].
macro_rules! organization_columns {
    () => {
        "SELECT o.number, o.org_id, o.label, o.name, o.category FROM organizations AS o WHERE o.realm = ?1"
    };
}

pub(super) fn by_label(
    connection: &Connection,
    realm: RealmNumber,
    label: &str,
) -> Result<Option<OrganizationRow>, Fault> {
    let mut statement = connection.prepare_cached(concat!(organization_columns!(), " AND o.label = ?2"))?;
    Ok(statement.query_row(params![realm.0, label], organization_row).optional()?)
}

pub(super) fn by_number(
    connection: &Connection,
    realm: RealmNumber,
    number: OrganizationNumber,
) -> Result<Option<OrganizationRow>, Fault> {
    let mut statement = connection.prepare_cached(concat!(organization_columns!(), " AND o.number = ?2"))?;
    Ok(statement.query_row(params![realm.0, number.0], organization_row).optional()?)
}

pub(super) fn list(
    connection: &Connection,
    realm: RealmNumber,
    after: Option<&str>,
    limit: u32,
) -> Result<Vec<OrganizationRow>, Fault> {
    let from = after.unwrap_or("");
    let mut statement = connection.prepare_cached(concat!(
        organization_columns!(),
        " AND o.label >= ?2 AND o.label IS NOT ?3 ORDER BY o.label LIMIT ?4"
    ))?;
    let rows = statement.query_map(params![realm.0, from, after, limit], organization_row)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The memberships of user `?2` in realm `?1`, for [`membership_row`].
macro_rules! membership_columns {
    () => {
        "SELECT o.number, o.org_id, o.label, o.name, o.category, m.roles FROM memberships AS m \
         JOIN organizations AS o ON o.realm = ?1 AND o.number = m.organization WHERE m.realm = ?1 AND m.user = ?2"
    };
}

pub(super) fn memberships(
    connection: &Connection,
    realm: RealmNumber,
    user: UserNumber,
) -> Result<Vec<MembershipRow>, Fault> {
    let mut statement = connection.prepare_cached(concat!(membership_columns!(), " ORDER BY o.label"))?;
    let rows = statement.query_map(params![realm.0, user.0], membership_row)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

pub(super) fn membership(
    connection: &Connection,
    realm: RealmNumber,
    user: UserNumber,
    organization: OrganizationNumber,
) -> Result<Option<MembershipRow>, Fault> {
    let mut statement = connection.prepare_cached(concat!(membership_columns!(), " AND m.organization = ?3"))?;
    Ok(statement.query_row(params![realm.0, user.0, organization.0], membership_row).optional()?)
}

fn organization_row(row: &Row<'_>) -> rusqlite::Result<OrganizationRow> {
    Ok(OrganizationRow {
        number: OrganizationNumber(row.get(0)?),
        org_id: row.get(1)?,
        label: row.get(2)?,
        name: row.get(3)?,
        category: row.get(4)?,
    })
}

fn membership_row(row: &Row<'_>) -> rusqlite::Result<MembershipRow> {
    Ok(MembershipRow { organization: organization_row(row)?, roles: row.get(5)? })
}
