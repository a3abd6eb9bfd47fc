//! A grant of one realm and its verbs, for tests of what is SQLite's own.

#![expect(clippy::unwrap_used, clippy::panic, reason = "tests stop at the first surprise")]

use kimbai_core::claims::RequestedClaims;
use kimbai_core::grant::{
    CodeBinding, Grant, LogIn, Opening, Outcome, Redemption, Rotation, ShortDigest, Start, State, Terms, Verdict,
};
use kimbai_core::number::{AttemptId, ClientNumber, GrantId, OrganizationNumber, RealmNumber, UserNumber};
use kimbai_core::scope::ScopeSet;
use kimbai_store::Ledger;
use kimbai_store::sqlite::SqliteStore;

pub(crate) const REALM: RealmNumber = RealmNumber(1);
pub(crate) const CLIENT: ClientNumber = ClientNumber(1);
const BINDING: CodeBinding = CodeBinding { redirect_uri: ShortDigest([1; 16]), code_challenge: ShortDigest::ABSENT };
pub(crate) const TERMS: Terms = Terms { access_lifetime_s: 60, idle_lifetime_s: Some(600), sealing_key: 1 };

pub(crate) fn opening(id: u64) -> Opening {
    Opening {
        id: GrantId(id),
        client: CLIENT,
        user: UserNumber(1),
        organization: OrganizationNumber::NONE,
        client_epoch: 0,
        user_epoch: 0,
        scope: ScopeSet(1),
        auth_time_s: 0,
        log_in: LogIn { session: ShortDigest([9; 16]), requested: RequestedClaims::from_bits(u64::MAX) },
        start: Start::Code { binding: BINDING, lifetime_s: 60 },
        absolute_lifetime_s: 86_400,
    }
}

pub(crate) async fn activate(store: &SqliteStore, id: u64) -> Grant {
    store.open(REALM, opening(id), AttemptId(1)).await.unwrap();
    let redemption = Redemption { client: CLIENT, binding: BINDING, terms: TERMS };
    done(store.redeem(REALM, GrantId(id), redemption, AttemptId(2)).await.unwrap())
}

pub(crate) async fn rotate(store: &SqliteStore, grant: &Grant) -> Grant {
    let attempt = AttemptId(grant.attempt.0 + 1);
    done(store.rotate(REALM, grant.id, rotation(grant), attempt).await.unwrap())
}

pub(crate) fn rotation(grant: &Grant) -> Rotation {
    let State::Active(active) = grant.state else { panic!("{grant:?}") };
    Rotation { client: CLIENT, generation: active.generation, rotated_low: active.rotated.low_bits(), terms: TERMS }
}

fn done(outcome: Outcome) -> Grant {
    let Verdict::Done(seen) = outcome.verdict else { panic!("{outcome:?}") };
    seen.grant
}
