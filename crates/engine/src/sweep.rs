//! Sweeping: what is over is deleted in small steps, so that the store's size follows what lives.

use kimbai_core::number::{GrantId, RealmNumber};

use crate::engine::Engine;
use crate::error::EngineError;

/// So many rows are looked at in one step.
const ROWS_A_STEP: u32 = 500;
/// What is over stays for a day, so that a late replay is still known for what it is.
const RETENTION_S: u32 = 86_400;

impl Engine {
    /// Sweeps one step onwards from `cursor`; answers where to go on, `None` at the end of the table.
    ///
    /// # Errors
    /// [`EngineError`]: the store failed; the same step may be taken again.
    pub async fn sweep_step(
        &self,
        cursor: Option<(RealmNumber, GrantId)>,
    ) -> Result<Option<(RealmNumber, GrantId)>, EngineError> {
        Ok(self.store.sweep(cursor, ROWS_A_STEP, RETENTION_S).await?.cursor)
    }
}
