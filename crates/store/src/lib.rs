//! Where Kimbai keeps things: the [`Ledger`] of grants, the [`Registry`] of everything else.
//!
//! Traits and row types stand here; each store is a folder. A store knows rows and time, not protocols: what a refusal means is
//! decided in `kimbai_core`.

mod clock;
mod columns;
mod copy;
mod error;
mod figures;
mod ledger;
mod outcome;
pub mod postgres;
mod registry;
pub mod sqlite;
#[cfg(feature = "suite")]
pub mod suite;
mod upkeep;

pub use clock::Clock;
pub use copy::{Copied, CopyError, CopyProgress, CopyStep, copy};
pub use error::StoreError;
pub use ledger::{Answer, GrantSlice, GrantsOf, Ledger, RowlessLook, SweepStep};
pub use registry::{
    Activity, AttemptCount, AuditEvent, AuditFilter, Change, ClientRow, ConsentAnswer, ConsentOf, ConsentRow, Epochs,
    LegacyTokenOwner, LegacyTokenRow, LegacyTokenStep, LogInKey, LogInLimits, LogInVerdict, MembershipRow,
    OrganizationRow, RealmRow, Registry, SealedKeyRow, SessionId, SessionRow, UserRow, Versions,
};
pub use upkeep::{BackupDone, BackupError, BackupProgress, StoreFigures, Upkeep};
