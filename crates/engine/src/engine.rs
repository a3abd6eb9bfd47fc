//! The engine: a store, the master key, and the realms that were loaded from them.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use kimbai_core::grant::{Seen, Verdict};
use kimbai_core::number::{AttemptId, GrantId, RealmNumber, UserNumber};
use kimbai_core::time::Micros;
use kimbai_keyring::{MasterKey, random_u64};
use kimbai_store::{AuditEvent, AuditFilter, Ledger, Registry, StoreError, StoreFigures, Upkeep, Versions};
use quick_cache::sync::Cache;
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::legacy_token::UseNoted;
use crate::log_in::Published;
use crate::realm::Realm;
use crate::source::Source;

/// A ledger and a registry in one, with their upkeep.
pub trait Store: Ledger + Registry + Upkeep {}
impl<S: Ledger + Registry + Upkeep> Store for S {}

const SUBJECTS_MAX: usize = 100_000;
const RETRIES_MAX: usize = 10_000;
const EXCHANGES_MAX: usize = 100_000;

/// All operations; cheap to share.
pub struct Engine {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) master: RwLock<Arc<MasterKey>>,
    pub(crate) realms: RwLock<HashMap<String, Arc<Realm>>>,
    /// Subjects of users: never reassigned, so that they may be kept.
    pub(crate) subjects: Cache<(RealmNumber, UserNumber), Arc<str>>,
    /// The last retry of a grant: its generation and where it came from.
    pub(crate) retries: Cache<(RealmNumber, GrantId), (u32, Source)>,
    /// Grants from exchanges of which is stored that a token was used, and what that did: it stays so.
    pub(crate) exchanges_used: Cache<(RealmNumber, GrantId), UseNoted>,
    pub(crate) published: Published,
    /// Held while rows are read and put into a realm's memory: what was read later is put later. The versions are those of which the
    /// realms in memory are, or later ones.
    pub(crate) reading: Mutex<Versions>,
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Engine")
    }
}

impl Engine {
    /// An engine over a store; [`Engine::load`] brings in what the store holds.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, master: MasterKey) -> Self {
        Self {
            store,
            master: RwLock::new(Arc::new(master)),
            realms: RwLock::default(),
            subjects: Cache::new(SUBJECTS_MAX),
            retries: Cache::new(RETRIES_MAX),
            exchanges_used: Cache::new(EXCHANGES_MAX),
            published: Published::Refused,
            reading: Mutex::default(),
        }
    }

    /// The same engine, in which the people of the sandbox can log in.
    #[must_use]
    pub fn with_demo_people(self) -> Self {
        Self { published: Published::Accepted, ..self }
    }

    /// The realm with this name.
    #[must_use]
    pub fn realm(&self, name: &str) -> Option<Arc<Realm>> {
        self.realms.read().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    /// All realms, by name.
    #[must_use]
    pub fn realms(&self) -> Vec<Arc<Realm>> {
        let mut realms: Vec<_> = self.realms.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect();
        realms.sort_by(|one, other| one.name.cmp(&other.name));
        realms
    }

    pub(crate) fn master(&self) -> Arc<MasterKey> {
        Arc::clone(&self.master.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Puts another master key in the place of this one, after all keys were sealed under it.
    pub(crate) fn put_master(&self, master: Arc<MasterKey>) {
        *self.master.write().unwrap_or_else(PoisonError::into_inner) = master;
    }

    /// The store's time, as this server knows it.
    #[must_use]
    pub fn now(&self) -> Micros {
        self.store.now()
    }

    /// Whether the store would take a verb now.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.store.is_ready()
    }

    /// What the store has measured since its start.
    #[must_use]
    pub fn store_figures(&self) -> StoreFigures {
        self.store.figures()
    }

    /// Waits until every event that was recorded is stored.
    pub async fn settle(&self) {
        // What was recorded before is among the events of an answer, also of an empty one.
        let settled = self.store.audit(RealmNumber(0), AuditFilter::default(), 0).await;
        if let Err(error) = settled {
            tracing::warn!(%error, "the last audit events may be lost");
        }
    }

    /// The same, and closes the store: before the process ends.
    pub async fn close(&self) {
        self.settle().await;
        self.store.close().await;
    }

    pub(crate) fn attempt() -> AttemptId {
        AttemptId(random_u64())
    }

    pub(crate) fn record(&self, realm: &Realm, event: &'static str, about: About<'_>) {
        let grant = about.seen.map(|seen| &seen.grant);
        self.store.record(AuditEvent {
            realm: realm.number,
            event: event.into(),
            grant: grant.map(|grant| grant.id.0),
            client: grant.map(|grant| grant.client.0).or(about.client),
            user: grant.map(|grant| grant.user.0).or(about.user),
            source: about.source.map(|source| source.to_string()),
        });
    }
}

/// What an audit event is about.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct About<'a> {
    pub(crate) seen: Option<&'a Seen>,
    pub(crate) client: Option<u32>,
    pub(crate) user: Option<u32>,
    pub(crate) source: Option<Source>,
}

/// The row in an outcome, whichever way it went.
pub(crate) const fn seen(verdict: &Verdict) -> Option<&Seen> {
    match verdict {
        Verdict::Done(seen) | Verdict::Refused(Some(seen)) => Some(seen),
        Verdict::Refused(None) => None,
    }
}

/// How often an attempt whose outcome is unknown is made again before the caller is told so.
const REPETITIONS_MAX: u32 = 2;
/// A store that has taken longer than this has tried again by itself, up to its deadline, which is the caller's.
const REPEATED_WITHIN: Duration = Duration::from_secs(2);

/// Makes an attempt, and makes it again while its outcome is unknown: a read could not decide it. Once it is unknown, only an
/// outcome makes it known: that the store would not take a repetition says nothing of the first sending.
pub(crate) async fn until_known<T, F>(mut verb: impl FnMut() -> F) -> Result<T, StoreError>
where
    F: Future<Output = Result<T, StoreError>>,
{
    let begun = Instant::now();
    let mut answer = verb().await;
    for _ in 0..REPETITIONS_MAX {
        if !matches!(answer, Err(StoreError::Unknown)) || begun.elapsed() > REPEATED_WITHIN {
            break;
        }
        answer = match verb().await {
            Err(StoreError::NotDone) => Err(StoreError::Unknown),
            known => known,
        };
    }
    answer
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    #[tokio::test]
    async fn an_unknown_outcome_is_made_known_by_an_outcome_alone() {
        use StoreError::{NotDone, Unknown};
        for (answers, expect, sendings) in [
            (vec![Ok(1)], Ok(1), 1),
            (vec![Err(NotDone)], Err(NotDone), 1),
            (vec![Err(Unknown), Ok(2)], Ok(2), 2),
            (vec![Err(Unknown), Err(NotDone), Ok(3)], Ok(3), 3),
            (vec![Err(Unknown), Err(NotDone), Err(NotDone)], Err(Unknown), 3),
            (vec![Err(Unknown), Err(Unknown), Err(Unknown)], Err(Unknown), 3),
        ] {
            let (queue, sent) = (RefCell::new(answers.into_iter()), RefCell::new(0));
            let verb = || {
                *sent.borrow_mut() += 1;
                let answer = queue.borrow_mut().next();
                async move { answer.unwrap() }
            };
            assert_eq!((until_known(verb).await, *sent.borrow()), (expect, sendings));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_a_store_could_not_make_known_until_its_deadline_is_not_begun_again() {
        let sent = RefCell::new(0);
        let verb = async || {
            *sent.borrow_mut() += 1;
            tokio::time::advance(REPEATED_WITHIN * 2).await;
            Err::<(), _>(StoreError::Unknown)
        };
        assert_eq!((until_known(verb).await, *sent.borrow()), (Err(StoreError::Unknown), 1));
    }
}
