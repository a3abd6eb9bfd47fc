//! Row-less tokens: the standing of their client, and a small list of those that were revoked.

use kimbai_core::grant::PartyStanding;
use kimbai_core::number::{ClientNumber, RealmNumber};
use kimbai_core::time::Micros;

use super::fault::column;
use super::pool::{Pool, Repetition};
use super::rows::standing;
use crate::{RowlessLook, StoreError};

/// The standing of a client, and whether a token of it was denied.
pub(super) async fn look(
    pool: &Pool,
    realm: RealmNumber,
    client: ClientNumber,
    token: [u8; 16],
) -> Result<RowlessLook, StoreError> {
    let client = client.0.cast_signed();
    let row =
        pool.row(LOOK, &[&realm.0.cast_signed(), &client, &token.as_slice()]).await?.ok_or(StoreError::NotDone)?;
    Ok(RowlessLook { now: Micros(column(&row, 0)?), client: standing(column(&row, 1)?)?, denied: column(&row, 2)? })
}

/// Denies a token, or all of the client's.
pub(super) async fn deny(
    pool: &Pool,
    (realm, client): (RealmNumber, ClientNumber),
    (token, expiry_s): ([u8; 16], u32),
    per_client_max: u32,
) -> Result<PartyStanding, StoreError> {
    let (realm, client) = (realm.0.cast_signed(), client.0.cast_signed());
    let (expiry_s, most) = (i64::from(expiry_s), i64::from(per_client_max));
    // A token that is denied already is not denied again.
    let rows = pool.rows(DENY, &[&realm, &client, &token.as_slice(), &expiry_s, &most], Repetition::Idempotent).await?;
    rows.first().map_or(Ok(PartyStanding::GONE), |row| standing(column(row, 0)?))
}

const LOOK: &str = "SELECT kimbai.now_us(), \
     (SELECT epoch::bigint * 2 + active::int FROM kimbai.standing WHERE realm = $1 AND party = 0 AND number = $2), \
     EXISTS (SELECT FROM kimbai.denials WHERE realm = $1 AND client = $2 AND token = $3)";

const DENY: &str = "SELECT kimbai.deny($1, $2, $3, $4, $5)";
