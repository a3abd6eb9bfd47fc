//! The pool on which passwords are checked: bounded, and below everything else in the scheduler's eyes, so that a flood of log-ins
//! leaves the rest alone.
//!
//! Its threads are its own: on the runtime's they would take half of each core from the requests that cost a thousandth.

use std::io;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use kimbai_core::secret::Secret;
use kimbai_keyring::verify_password;
use tokio::sync::oneshot;

/// So many passwords may wait beside those that are being checked; beyond it a log-in is answered 503.
const WAITING_MAX: usize = 64;
/// So many passwords are checked at once on the largest machine; each takes 19 MiB.
const AT_ONCE_MAX: usize = 4;
/// A tenth of the weight it would have otherwise: people wait a little, programs do not.
#[cfg(target_os = "linux")]
const NICENESS: i32 = 10;

type Job = Box<dyn FnOnce() + Send>;

/// A realm's password pool.
#[derive(Debug)]
pub(crate) struct PasswordPool {
    at_once: usize,
    inside: Arc<AtomicUsize>,
    turned_away: AtomicU64,
    checked: Arc<AtomicU64>,
    /// The way to the threads, which are started by the first password and end with the pool.
    jobs: Mutex<Option<Sender<Job>>>,
}

/// How a password pool is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PasswordPoolUse {
    /// Passwords that are being checked.
    pub checking: u32,
    /// Passwords that wait for it.
    pub waiting: u32,
    /// Log-ins turned away since the start because too many waited.
    pub turned_away: u64,
    /// Passwords checked since the start: each costs a hash.
    pub checked: u64,
}

/// The pool is full, or has no thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Busy;

impl PasswordPool {
    pub(crate) fn new() -> Self {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        Self {
            at_once: (cores / 2).clamp(1, AT_ONCE_MAX),
            inside: Arc::default(),
            turned_away: AtomicU64::new(0),
            checked: Arc::default(),
            jobs: Mutex::default(),
        }
    }

    pub(crate) fn used(&self) -> PasswordPoolUse {
        let inside = self.inside.load(Ordering::Relaxed);
        let checking = inside.min(self.at_once);
        let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        PasswordPoolUse {
            checking: count(checking),
            waiting: count(inside - checking),
            turned_away: self.turned_away.load(Ordering::Relaxed),
            checked: self.checked.load(Ordering::Relaxed),
        }
    }

    /// A place in the pool or in the queue before it.
    pub(crate) fn enter(&self) -> Result<PasswordPlace, Busy> {
        let (place, checked) = (Counted(Arc::clone(&self.inside)), Arc::clone(&self.checked));
        if self.inside.fetch_add(1, Ordering::Relaxed) >= self.at_once + WAITING_MAX {
            self.turned_away.fetch_add(1, Ordering::Relaxed);
            return Err(Busy);
        }
        let mut jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(jobs) = &*jobs {
            return Ok(PasswordPlace { jobs: jobs.clone(), place, checked });
        }
        let started = start(self.at_once).map_err(|error| {
            tracing::error!(%error, "the threads for passwords could not be started");
            Busy
        })?;
        Ok(PasswordPlace { jobs: jobs.insert(started).clone(), place, checked })
    }
}

/// A place in a realm's password pool, or in the queue before it.
#[derive(Debug)]
pub struct PasswordPlace {
    jobs: Sender<Job>,
    place: Counted,
    /// How many the pool has checked.
    checked: Arc<AtomicU64>,
}

impl PasswordPlace {
    /// Whether a password is the one that was hashed. A malformed hash fits no password.
    pub(crate) async fn verify(self, password: &Secret, stored_hash: &str) -> Result<bool, Busy> {
        let (password, stored_hash) = (password.clone(), stored_hash.to_owned());
        let checked = Arc::clone(&self.checked);
        self.run(move || {
            checked.fetch_add(1, Ordering::Relaxed);
            verify_password(password.expose(), &stored_hash) == Ok(true)
        })
        .await
    }

    async fn run<T: Send + 'static>(self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Busy> {
        let (reply, answer) = oneshot::channel();
        let Self { jobs, place, .. } = self;
        let job = move || {
            // Nobody waits any more: the next one's turn.
            if !reply.is_closed() {
                drop(reply.send(work()));
            }
            // Given back here, not when the caller gives up: what stands in the queue counts.
            drop(place);
        };
        jobs.send(Box::new(job)).map_err(|_| Busy)?;
        answer.await.map_err(|_| Busy)
    }
}

/// One of those inside.
#[derive(Debug)]
struct Counted(Arc<AtomicUsize>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

fn start(threads: usize) -> io::Result<Sender<Job>> {
    let (jobs, queue) = channel();
    let queue = Arc::new(Mutex::new(queue));
    for _ in 0..threads {
        let queue = Arc::clone(&queue);
        thread::Builder::new().name("kimbai-password".to_owned()).spawn(move || serve(&queue))?;
    }
    Ok(jobs)
}

/// Does what comes until the pool is gone.
fn serve(queue: &Mutex<Receiver<Job>>) {
    lower_priority();
    loop {
        let next = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(job) = next else { return };
        job();
    }
}

#[cfg(target_os = "linux")]
fn lower_priority() {
    // Of this thread alone: Linux keeps a niceness for each.
    if let Err(error) = rustix::process::nice(NICENESS) {
        tracing::warn!(%error, "passwords are checked at the same priority as everything else");
    }
}

/// Elsewhere a niceness is the whole process's.
#[cfg(not(target_os = "linux"))]
fn lower_priority() {}

#[cfg(test)]
mod tests {
    use super::*;

    /// Keeps all threads of a pool busy until the sender is dropped.
    fn occupy(pool: &PasswordPool) -> Vec<Sender<()>> {
        (0..pool.at_once)
            .map(|_| {
                let (gate, closed) = channel::<()>();
                let place = pool.enter().unwrap();
                tokio::spawn(place.run(move || closed.recv().is_err()));
                gate
            })
            .collect()
    }

    #[tokio::test]
    async fn a_flood_of_log_ins_finds_the_pool_full_and_leaves_it_empty() {
        let pool = Arc::new(PasswordPool::new());
        let hash = kimbai_keyring::hash_password("right").unwrap();
        let gates = occupy(&pool);
        let log_ins: Vec<_> = (0..WAITING_MAX + 10)
            .map(|_| {
                let (pool, hash) = (Arc::clone(&pool), hash.clone());
                tokio::spawn(async move { pool.enter()?.verify(&Secret::new("right".to_owned()), &hash).await })
            })
            .collect();
        while log_ins.iter().filter(|log_in| log_in.is_finished()).count() < 10 {
            tokio::task::yield_now().await;
        }
        let full = PasswordPoolUse {
            checking: u32::try_from(pool.at_once).unwrap(),
            waiting: u32::try_from(WAITING_MAX).unwrap(),
            turned_away: 10,
            checked: 0,
        };
        assert_eq!(pool.used(), full);
        for log_in in log_ins.iter().take(WAITING_MAX - 4) {
            log_in.abort();
        }
        tokio::task::yield_now().await;
        assert_eq!(pool.enter().unwrap_err(), Busy, "who gives up does not make room for more work");
        drop(gates);
        let (mut busy, mut right) = (0, 0);
        for log_in in log_ins {
            match log_in.await {
                Ok(Err(Busy)) => busy += 1,
                Ok(Ok(is_right)) => right += usize::from(is_right),
                Err(error) => assert!(error.is_cancelled()),
            }
        }
        assert_eq!((busy, right, pool.used().checked), (10, 4, 4), "who gave up costs no hash");
        while pool.inside.load(Ordering::Relaxed) > 0 {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn a_password_is_right_or_wrong_and_a_malformed_hash_fits_none() {
        let pool = PasswordPool::new();
        let hash = kimbai_keyring::hash_password("right").unwrap();
        for (password, hash, expected) in
            [("right", hash.as_str(), true), ("wrong", hash.as_str(), false), ("right", "$argon2id$", false)]
        {
            let place = pool.enter().unwrap();
            assert_eq!(place.verify(&Secret::new(password.to_owned()), hash).await, Ok(expected), "{password}");
        }
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn the_pool_yields_to_everything_else() {
        let priority = || rustix::process::getpriority_process(None).unwrap();
        let before = priority();
        let inside = PasswordPool::new().enter().unwrap().run(priority).await.unwrap();
        assert_eq!((inside, priority()), ((before + NICENESS).min(19), before));
    }
}
