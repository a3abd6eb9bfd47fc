//! A grant's row, read from an answer of PostgreSQL.
//!
//! What cannot be read is an error, never a default.

use kimbai_core::claims::RequestedClaims;
use kimbai_core::grant::{Active, CodeBinding, Grant, LogIn, PartyStanding, Seen, ShortDigest, Standing, State};
use kimbai_core::number::{AttemptId, ClientNumber, Generation, GrantId, OrganizationNumber, RealmNumber, UserNumber};
use kimbai_core::scope::ScopeSet;
use kimbai_core::time::Micros;
use tokio_postgres::Row;
use tokio_postgres::types::FromSql;

use super::fault::column;
use super::verb::Key;
use crate::StoreError;
use crate::columns::{self, ACTIVE, CODE};

/// The time and the primary key, with which each row of a verb's answer begins.
pub(super) fn head(row: &Row) -> Result<(Micros, Key), StoreError> {
    let realm = RealmNumber(column::<i32>(row, 1)?.cast_unsigned());
    Ok((Micros(column(row, 0)?), Key { realm, id: columns::id_of(column(row, 2)?) }))
}

/// The grant and its parties' standing, from a row of `head` and `seen_columns`; `None` where an outer join
/// found no grant.
pub(super) fn seen(row: &Row, id: GrantId) -> Result<Option<Seen>, StoreError> {
    let mut columns = Columns { row, next: HEAD };
    let Some(client) = columns.next::<Option<i32>>()? else { return Ok(None) };
    let mut grant = Grant {
        id,
        client: ClientNumber(client.cast_unsigned()),
        user: UserNumber(columns.bits()?),
        organization: OrganizationNumber::NONE,
        client_epoch: columns.bits()?,
        user_epoch: columns.bits()?,
        scope: ScopeSet(columns.next::<i64>()?.cast_unsigned()),
        auth_time_s: columns.seconds()?,
        opened: Micros(columns.next()?),
        absolute_end: Micros(columns.next()?),
        binding: CodeBinding { redirect_uri: columns.digest()?, code_challenge: columns.digest()? },
        attempt: AttemptId(columns.next::<i64>()?.cast_unsigned()),
        state: State::Code { end: Micros::NEVER },
        log_in: LogIn::NONE,
    };
    grant.state = columns.state()?;
    let requested = |bits: i64| RequestedClaims::from_bits(bits.cast_unsigned());
    grant.log_in = LogIn { session: columns.digest()?, requested: requested(columns.next()?) };
    grant.organization = OrganizationNumber(columns.bits()?);
    let standing = Standing { client: columns.standing()?, user: columns.standing()? };
    Ok(Some(Seen { grant, standing }))
}

/// The standing behind its number; without one there is no such party.
pub(super) fn standing(number: Option<i64>) -> Result<PartyStanding, StoreError> {
    let Some(number) = number else { return Ok(PartyStanding::GONE) };
    let epoch = i32::try_from(number >> 1).map_err(unreadable)?;
    Ok(PartyStanding { active: number & 1 == 1, epoch: epoch.cast_unsigned() })
}

/// The columns of one row, in their order.
struct Columns<'r> {
    row: &'r Row,
    next: usize,
}

impl<'r> Columns<'r> {
    fn next<T: FromSql<'r>>(&mut self) -> Result<T, StoreError> {
        let place = self.next;
        self.next += 1;
        column(self.row, place)
    }

    /// A number of 32 bits without a sign.
    fn bits(&mut self) -> Result<u32, StoreError> {
        self.next().map(i32::cast_unsigned)
    }

    fn seconds(&mut self) -> Result<u32, StoreError> {
        self.next::<i64>()?.try_into().map_err(unreadable)
    }

    fn digest(&mut self) -> Result<ShortDigest, StoreError> {
        let bytes = self.next::<&[u8]>()?;
        bytes.try_into().map(ShortDigest).map_err(unreadable)
    }

    fn generation(&mut self) -> Result<Generation, StoreError> {
        let number = self.bits()?;
        Generation::new(number).ok_or_else(|| StoreError::Unreadable(format!("{number} is no generation")))
    }

    fn standing(&mut self) -> Result<PartyStanding, StoreError> {
        standing(self.next()?)
    }

    /// State, its end, and what an active grant has; other grants have it too, and it means nothing.
    fn state(&mut self) -> Result<State, StoreError> {
        let (state, end) = (i64::from(self.next::<i16>()?), Micros(self.next()?));
        let active = Active {
            generation: self.generation()?,
            redeemed: Micros(self.next()?),
            rotated: Micros(self.next()?),
            previous_rotation: self.bits()?,
            access_expiry_s: self.seconds()?,
            idle_end: end,
            access_revoked_through: self.generation()?,
            sealing_key: self.next::<i16>()?.try_into().map_err(unreadable)?,
        };
        match state {
            CODE => Ok(State::Code { end }),
            ACTIVE => Ok(State::Active(active)),
            ended => columns::end_reason(ended)
                .map(|reason| State::Ended { reason, at: end })
                .ok_or_else(|| StoreError::Unreadable(format!("{ended} is no state of a grant"))),
        }
    }
}

fn unreadable(error: impl std::fmt::Display) -> StoreError {
    StoreError::Unreadable(error.to_string())
}

/// Columns before those of the grant.
const HEAD: usize = 3;
