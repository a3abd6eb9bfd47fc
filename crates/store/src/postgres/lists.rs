//! Lists of grants, by realm, user, client or organization, each by an index of its own.

use kimbai_core::number::{GrantId, RealmNumber};

use super::pool::Pool;
use super::pool::Repetition;
use super::rows;
use super::statements::seen_columns;
use crate::{GrantSlice, GrantsOf, StoreError, columns};

/// The grants after `after` that are not over.
pub(super) async fn grants(
    pool: &Pool,
    (realm, of): (RealmNumber, GrantsOf),
    after: Option<GrantId>,
    limit: u32,
) -> Result<GrantSlice, StoreError> {
    let (sql, party, client) = match of {
        GrantsOf::Realm => (OF_REALM, None, None),
        GrantsOf::User(user) => (OF_USER, Some(user.0.cast_signed()), None),
        GrantsOf::Client(client) => (OF_CLIENT, Some(client.0.cast_signed()), None),
        GrantsOf::Active(user, client) => (ACTIVE, Some(user.0.cast_signed()), Some(client.0.cast_signed())),
        GrantsOf::Organization(organization) => (OF_ORGANIZATION, Some(organization.0.cast_signed()), None),
    };
    let realm = realm.0.cast_signed();
    let (mut live, mut next, mut read_so_far) = (Vec::new(), after, 0);
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    while live.len() < limit && read_so_far < READ_MAX {
        let Some(from) = next.map_or(Some(i64::MIN), |id| columns::id_column(id).checked_add(1)) else {
            return Ok(GrantSlice { grants: live, next: None });
        };
        let found = pool.rows(sql, &[&realm, &from, &SLICE, &party, &client], Repetition::Harmless).await?;
        for row in &found {
            let (now, key) = rows::head(row)?;
            next = Some(key.id);
            live.extend(rows::seen(row, key.id)?.filter(|seen| !seen.grant.is_over(now)));
            if live.len() >= limit {
                return Ok(GrantSlice { grants: live, next });
            }
        }
        if found.len() < usize::try_from(SLICE).unwrap_or(usize::MAX) {
            return Ok(GrantSlice { grants: live, next: None });
        }
        read_so_far += SLICE;
    }
    Ok(GrantSlice { grants: live, next })
}

/// So many rows are read at once.
const SLICE: i64 = 500;
/// So many rows are read for one answer.
const READ_MAX: i64 = 20_000;

macro_rules! grants {
    ($condition:literal) => {
        concat!(
            "SELECT kimbai.now_us(), g.realm, g.id, ",
            seen_columns!(),
            " FROM kimbai.grants AS g WHERE g.realm = $1 AND g.id >= $2 AND ",
            $condition,
            " AND ($5::int IS NULL OR (g.client = $5) IS TRUE) ORDER BY g.id LIMIT $3"
        )
    };
}

const OF_REALM: &str = grants!("$4::int IS NULL");
const OF_USER: &str = grants!("g.\"user\" = $4");
/// The client's index is no help for it: a user has few grants, a client may have all.
const ACTIVE: &str = grants!("g.\"user\" = $4 AND g.state = 1");
const OF_CLIENT: &str = grants!("g.client = $4");
const OF_ORGANIZATION: &str = grants!("g.organization = $4 AND g.organization <> 0");
