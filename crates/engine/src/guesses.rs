//! Attempts at an account that are in flight at once and are one guess: they share one count and one hash.
//!
//! A program that logs its one person in from sixty threads guesses once; so does who repeats a wrong guess at once. Guesses that
//! differ, in the password or in under what they are counted, share nothing. Remembered is what is in flight: each of those holds a
//! place in the password pool, which bounds it.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use kimbai_store::LogInKey;
use tokio::sync::OnceCell;

use crate::log_in::{Checked, LogInRefusal};

/// What makes two attempts one guess.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Guess {
    /// Under what it is counted: the account and the source.
    pub(crate) counted: (LogInKey, LogInKey),
    /// A keyed digest of the password.
    pub(crate) password: [u8; 16],
}

/// What came of a guess.
pub(crate) type Verdict = Result<Arc<Checked>, LogInRefusal>;

/// The guesses of a realm that are in flight.
#[derive(Debug, Default)]
pub(crate) struct Guesses(Mutex<HashMap<Guess, Arc<OnceCell<Verdict>>>>);

/// One of the attempts of a guess.
#[derive(Debug)]
struct Attempt<'a> {
    guesses: &'a Guesses,
    guess: Guess,
    verdict: Arc<OnceCell<Verdict>>,
}

impl Guesses {
    /// What comes of a guess: of this check, or of that of an attempt that is in flight already. When that one is given up, one of
    /// those that wait for it checks.
    pub(crate) async fn verdict<F>(&self, guess: Guess, check: impl FnOnce() -> F + Send) -> Verdict
    where
        F: Future<Output = Verdict> + Send,
    {
        let attempt = self.attempt(guess);
        attempt.verdict.get_or_init(check).await.clone()
    }

    fn attempt(&self, guess: Guess) -> Attempt<'_> {
        let verdict = Arc::clone(self.in_flight().entry(guess).or_default());
        Attempt { guesses: self, guess, verdict }
    }

    fn in_flight(&self) -> MutexGuard<'_, HashMap<Guess, Arc<OnceCell<Verdict>>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Attempt<'_> {
    // Once its verdict is known a guess is over: who comes later guesses anew. So it is when all have given up.
    fn drop(&mut self) {
        let mut in_flight = self.guesses.in_flight();
        let Entry::Occupied(known) = in_flight.entry(self.guess) else { return };
        let is_last = Arc::strong_count(&self.verdict) == 2;
        if Arc::ptr_eq(known.get(), &self.verdict) && (is_last || self.verdict.initialized()) {
            known.remove();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use tokio::sync::oneshot;

    use super::*;

    fn guess(account: u8, password: u8) -> Guess {
        Guess { counted: (LogInKey([account; 16]), LogInKey([0; 16])), password: [password; 16] }
    }

    #[tokio::test]
    async fn those_in_flight_at_once_share_one_check_and_others_do_not() {
        let (guesses, checked) = (Arc::new(Guesses::default()), Arc::new(AtomicU32::new(0)));
        for round in 1..=2 {
            let attempts: Vec<_> = [(1, 1); 64]
                .into_iter()
                .chain([(1, 2), (2, 1)])
                .map(|(account, password)| {
                    let (guesses, checked) = (Arc::clone(&guesses), Arc::clone(&checked));
                    tokio::spawn(async move {
                        let check = || async {
                            checked.fetch_add(1, Ordering::Relaxed);
                            tokio::task::yield_now().await;
                            Err(LogInRefusal::Wrong)
                        };
                        guesses.verdict(guess(account, password), check).await
                    })
                })
                .collect();
            for attempt in attempts {
                assert_eq!(attempt.await.unwrap().map(|_| ()), Err(LogInRefusal::Wrong));
            }
            assert_eq!(checked.load(Ordering::Relaxed), 3 * round, "what comes later guesses anew");
            assert!(guesses.in_flight().is_empty());
        }
    }

    #[tokio::test]
    async fn when_the_first_gives_up_another_checks_and_when_all_do_nothing_is_left() {
        let guesses = Arc::new(Guesses::default());
        let hanging = |guesses: &Arc<Guesses>| {
            let (guesses, (started, has_started)) = (Arc::clone(guesses), oneshot::channel());
            let check = || async move {
                started.send(()).unwrap();
                std::future::pending().await
            };
            (tokio::spawn(async move { guesses.verdict(guess(1, 1), check).await.map(|_| ()) }), has_started)
        };
        let (first, has_started) = hanging(&guesses);
        has_started.await.unwrap();
        let (second, second_has_started) = hanging(&guesses);
        tokio::task::yield_now().await;
        first.abort();
        second_has_started.await.unwrap();
        second.abort();
        assert!(second.await.unwrap_err().is_cancelled());
        assert!(guesses.in_flight().is_empty());
    }
}
