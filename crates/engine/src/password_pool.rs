//! The pool on which passwords are checked: bounded, so that a flood of log-ins leaves everything else alone.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use kimbai_core::secret::Secret;
use kimbai_keyring::verify_password;
use tokio::sync::Semaphore;

/// So many passwords are checked at once.
const AT_ONCE: usize = 2;
/// So many more may wait; beyond it a log-in is answered 503.
const WAITING_MAX: usize = 64;

/// A realm's password pool.
#[derive(Debug)]
pub(crate) struct PasswordPool {
    permits: Arc<Semaphore>,
    inside: AtomicUsize,
}

/// The pool is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Busy;

impl PasswordPool {
    pub(crate) fn new() -> Self {
        Self { permits: Arc::new(Semaphore::new(AT_ONCE)), inside: AtomicUsize::new(0) }
    }

    /// A place in the pool or in the queue before it.
    pub(crate) fn enter(&self) -> Result<Place<'_>, Busy> {
        if self.inside.fetch_add(1, Ordering::Relaxed) >= AT_ONCE + WAITING_MAX {
            self.inside.fetch_sub(1, Ordering::Relaxed);
            return Err(Busy);
        }
        Ok(Place(self))
    }
}

/// A place in the pool; given back also when the caller gives up.
#[derive(Debug)]
pub(crate) struct Place<'a>(&'a PasswordPool);

impl Place<'_> {
    /// Whether a password is the one that was hashed. A malformed hash fits no password.
    pub(crate) async fn verify(self, password: &Secret, stored_hash: &str) -> bool {
        let Ok(permit) = Arc::clone(&self.0.permits).acquire_owned().await else { return false };
        let (password, stored_hash) = (password.clone(), stored_hash.to_owned());
        let checked = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            verify_password(password.expose(), &stored_hash)
        });
        matches!(checked.await, Ok(Ok(true)))
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.inside.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_flood_of_log_ins_finds_the_pool_full_and_leaves_it_empty() {
        let pool = Arc::new(PasswordPool::new());
        let hash = kimbai_keyring::hash_password("right").unwrap();
        let blocker = Arc::clone(&pool.permits).acquire_many_owned(2).await.unwrap();
        let log_ins: Vec<_> = (0..AT_ONCE + WAITING_MAX + 10)
            .map(|_| {
                let (pool, hash) = (Arc::clone(&pool), hash.clone());
                tokio::spawn(async move {
                    let place = pool.enter()?;
                    Ok(place.verify(&Secret::new("right".to_owned()), &hash).await)
                })
            })
            .collect();
        while pool.inside.load(Ordering::Relaxed) < AT_ONCE + WAITING_MAX
            || log_ins.iter().filter(|l| l.is_finished()).count() < 10
        {
            tokio::task::yield_now().await;
        }
        for log_in in log_ins.iter().take(AT_ONCE + WAITING_MAX - 4) {
            log_in.abort();
        }
        drop(blocker);
        let mut busy = 0;
        for log_in in log_ins {
            match log_in.await {
                Ok(Err(Busy)) => busy += 1,
                Ok(Ok(is_right)) => assert!(is_right),
                Err(error) => assert!(error.is_cancelled()),
            }
        }
        assert_eq!(busy, 10);
        assert_eq!(pool.inside.load(Ordering::Relaxed), 0);
    }
}
