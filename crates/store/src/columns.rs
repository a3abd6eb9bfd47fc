//! How a grant's columns are spelled, alike in every store.

use kimbai_core::grant::EndReason;
use kimbai_core::number::GrantId;

/// `grants.state` of a code.
pub(crate) const CODE: i64 = 0;
/// `grants.state` of a grant that has tokens.
pub(crate) const ACTIVE: i64 = 1;

/// A grant's id as its column holds it: in the order of the ids, for ever.
pub(crate) const fn id_column(id: GrantId) -> i64 {
    (id.0 ^ TOP_BIT).cast_signed()
}

/// The id behind a column.
pub(crate) const fn id_of(column: i64) -> GrantId {
    GrantId(column.cast_unsigned() ^ TOP_BIT)
}

/// `grants.state` of a grant that ended for this reason.
pub(crate) const fn ended_column(reason: EndReason) -> i64 {
    match reason {
        EndReason::RevokedByClient => 2,
        EndReason::ConsentWithdrawn => 3,
        EndReason::CodeReplayed => 4,
        EndReason::RefreshTokenReused => 5,
        EndReason::LastGeneration => 6,
        EndReason::RevokedByOperator => 7,
        EndReason::SessionEnded => 8,
        EndReason::MembershipEnded => 9,
    }
}

/// The reason behind a `grants.state`.
pub(crate) fn end_reason(column: i64) -> Option<EndReason> {
    EndReason::ALL.into_iter().find(|reason| ended_column(*reason) == column)
}

const TOP_BIT: u64 = 1 << 63;
