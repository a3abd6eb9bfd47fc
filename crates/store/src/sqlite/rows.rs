//! A grant's row and its spelling in the table, in both directions.
//!
//! What cannot be read is an error with the column's name in it, never a default.

use kimbai_core::claims::RequestedClaims;
use kimbai_core::grant::{Active, CodeBinding, Grant, LogIn, PartyStanding, Seen, ShortDigest, Standing, State};
use kimbai_core::number::{AttemptId, ClientNumber, Generation, OrganizationNumber, UserNumber};
use kimbai_core::scope::ScopeSet;
use kimbai_core::time::Micros;
use rusqlite::types::Type;
use rusqlite::{Error, Result, Row};

use crate::columns::{self, ACTIVE, CODE};

/// The columns of a grant `g` and of the standings `c` and `u` of its client and user, in the order that [`seen`]
/// reads.
macro_rules! seen_columns {
    () => {
        "g.id, g.client, g.user, g.client_epoch, g.user_epoch, g.scope, g.auth_time_s, g.opened, g.absolute_end, \
         g.redirect_uri, g.code_challenge, g.attempt, g.state, g.state_end, g.generation, g.redeemed, g.rotated, \
         g.previous_rotation, g.access_expiry_s, g.access_revoked_through, g.sealing_key, g.session, g.requested, \
         g.organization"
    };
}
pub(super) use seen_columns;

/// How many columns those of a grant are; what follows them begins there.
pub(super) const GRANT_COLUMNS: usize = 24;

/// Grants of realm `?1` with the standing of their parties, for [`seen`], by the primary key or the index that is named; a
/// condition on `g` follows.
macro_rules! seen_rows {
    ($($index:literal)?) => {
        concat!(
            "SELECT ",
            $crate::sqlite::rows::seen_columns!(),
            ", c.active, c.epoch, u.active, u.epoch FROM grants AS g",
            $(" INDEXED BY ", $index,)?
            $crate::sqlite::rows::standing_joins!(),
            " WHERE g.realm = ?1"
        )
    };
}
pub(super) use seen_rows;

macro_rules! standing_joins {
    () => {
        " LEFT JOIN standing AS c ON c.realm = ?1 AND c.party = 0 AND c.number = g.client \
         LEFT JOIN standing AS u ON u.realm = ?1 AND u.party = 1 AND u.number = g.user"
    };
}
pub(super) use standing_joins;

/// The grant `?2` of realm `?1` with the standing of its parties, for [`seen`], and its user's claims in [`CLAIMS_COLUMN`].
pub(super) const SEEN_WITH_CLAIMS: &str = concat!(
    "SELECT ",
    seen_columns!(),
    ", c.active, c.epoch, u.active, u.epoch, p.claims FROM grants AS g",
    standing_joins!(),
    " LEFT JOIN users AS p ON p.realm = ?1 AND p.number = g.user WHERE g.realm = ?1 AND g.id = ?2"
);
pub(super) const CLAIMS_COLUMN: usize = GRANT_COLUMNS + 4;

/// The grant and its parties' standing, from a row of `seen_columns` and four columns of standing.
pub(super) fn seen(row: &Row<'_>) -> Result<Seen> {
    let standing = Standing { client: standing(row, GRANT_COLUMNS)?, user: standing(row, GRANT_COLUMNS + 2)? };
    Ok(Seen { grant: grant(row)?, standing })
}

/// The standing in two columns from `first` on; nulls of an outer join say that there is no such party.
pub(super) fn standing(row: &Row<'_>, first: usize) -> Result<PartyStanding> {
    let active: Option<i64> = row.get(first)?;
    let Some(active) = active else { return Ok(PartyStanding::GONE) };
    Ok(PartyStanding { active: active != 0, epoch: row.get(first + 1)? })
}

/// The grant, from a row of `seen_columns`.
pub(super) fn grant(row: &Row<'_>) -> Result<Grant> {
    Ok(Grant {
        id: columns::id_of(row.get(0)?),
        client: ClientNumber(row.get(1)?),
        user: UserNumber(row.get(2)?),
        organization: OrganizationNumber(row.get(23)?),
        client_epoch: row.get(3)?,
        user_epoch: row.get(4)?,
        scope: ScopeSet(bits(row, 5)?),
        auth_time_s: row.get(6)?,
        log_in: LogIn { session: ShortDigest(bytes(row, 21)?), requested: RequestedClaims::from_bits(bits(row, 22)?) },
        opened: Micros(row.get(7)?),
        absolute_end: Micros(row.get(8)?),
        binding: CodeBinding {
            redirect_uri: ShortDigest(bytes(row, 9)?),
            code_challenge: ShortDigest(bytes(row, 10)?),
        },
        attempt: AttemptId(bits(row, 11)?),
        state: state(row)?,
    })
}

/// A number of 64 bits without a sign.
pub(super) fn bits(row: &Row<'_>, column: usize) -> Result<u64> {
    row.get::<_, i64>(column).map(i64::cast_unsigned)
}

/// A digest.
pub(super) fn bytes(row: &Row<'_>, column: usize) -> Result<[u8; 16]> {
    row.get(column)
}

fn state(row: &Row<'_>) -> Result<State> {
    let end = Micros(row.get(13)?);
    match row.get::<_, i64>(12)? {
        CODE => Ok(State::Code { end }),
        ACTIVE => Ok(State::Active(Active {
            generation: generation(row, 14)?,
            redeemed: Micros(row.get(15)?),
            rotated: Micros(row.get(16)?),
            previous_rotation: row.get(17)?,
            access_expiry_s: row.get(18)?,
            idle_end: end,
            access_revoked_through: generation(row, 19)?,
            sealing_key: row.get(20)?,
        })),
        ended => match columns::end_reason(ended) {
            Some(reason) => Ok(State::Ended { reason, at: end }),
            None => Err(Error::IntegralValueOutOfRange(12, ended)),
        },
    }
}

fn generation(row: &Row<'_>, column: usize) -> Result<Generation> {
    let number = row.get(column)?;
    Generation::new(number).ok_or_else(|| {
        Error::FromSqlConversionFailure(column, Type::Integer, format!("{number} is no generation").into())
    })
}
