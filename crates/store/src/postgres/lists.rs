//! Lists of grants, by realm, user or client, each by an index of its own.

use kimbai_core::number::{GrantId, RealmNumber};

use super::pool::read;
use super::statements::SEEN;
use super::{Shared, rows};
use crate::{GrantSlice, GrantsOf, StoreError, columns};

/// The grants after `after` that are not over.
pub(super) async fn grants(
    shared: &Shared,
    (realm, of): (RealmNumber, GrantsOf),
    after: Option<GrantId>,
    limit: u32,
) -> Result<GrantSlice, StoreError> {
    let (condition, party) = match of {
        GrantsOf::Realm => ("$4::int IS NULL", None),
        GrantsOf::User(user) => ("g.\"user\" = $4", Some(user.0.cast_signed())),
        GrantsOf::Client(client) => ("g.client = $4", Some(client.0.cast_signed())),
    };
    let sql = format!(
        "SELECT kimbai.now_us(), g.realm, g.id, {SEEN} FROM kimbai.grants AS g \
         WHERE g.realm = $1 AND {condition} AND g.id >= $2 ORDER BY g.id LIMIT $3"
    );
    let realm = realm.0.cast_signed();
    let (mut live, mut next, mut read_so_far) = (Vec::new(), after, 0);
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    while live.len() < limit && read_so_far < READ_MAX {
        let Some(from) = next.map_or(Some(i64::MIN), |id| columns::id_column(id).checked_add(1)) else {
            return Ok(GrantSlice { grants: live, next: None });
        };
        let found = read(shared, &sql, &[&realm, &from, &SLICE, &party]).await?;
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
