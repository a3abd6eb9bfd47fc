//! Opening grants: under an id that is drawn, and drawn again where it is taken.

use kimbai_core::grant::{Opening, Seen, Verdict};
use kimbai_core::number::GrantId;
use kimbai_core::time::Micros;
use kimbai_keyring::random_u32;

use crate::engine::{Engine, until_known};
use crate::error::EngineError;
use crate::realm::Realm;

/// Ids are 32 random bits within a second: a collision is drawn again, a few times.
const DRAWS_MAX: usize = 4;

impl Engine {
    /// Opens a grant under a fresh id; its row, and the store's time then.
    pub(crate) async fn open_grant(&self, realm: &Realm, opening: Opening) -> Result<(Seen, Micros), EngineError> {
        for _ in 0..DRAWS_MAX {
            let opening = Opening { id: GrantId::new(self.store.now(), random_u32()), ..opening };
            let attempt = Self::attempt();
            let outcome = until_known(|| self.store.open(realm.number, opening, attempt)).await?;
            if let Verdict::Done(seen) = outcome.verdict {
                return Ok((seen, outcome.now));
            }
        }
        Err(EngineError::Stored("no free grant id was drawn".to_owned()))
    }
}
