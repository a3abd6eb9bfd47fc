//! Who runs on which cores. Server and driver that share them take turns as the scheduler likes; apart, each has as much as it has, and
//! what the server can do does not depend on how hard it is asked.

use std::io;

/// See the module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cores {
    /// Both use all.
    Shared,
    /// The server has the first one, the driver the others.
    Apart,
}

/// Keeps this thread, and those that it starts from now on, to the first core.
///
/// # Errors
/// The operating system's, or that it is one that cannot do this.
pub(crate) fn keep_to_the_first() -> io::Result<()> {
    keep_to(|core| core == 0)
}

/// Keeps this thread, and those that it starts from now on, away from the first core.
///
/// # Errors
/// As [`keep_to_the_first`]; also when there is but one.
pub(crate) fn leave_the_first() -> io::Result<()> {
    keep_to(|core| core > 0)
}

/// Cores are counted within those that this process may use.
#[cfg(target_os = "linux")]
fn keep_to(which: impl Fn(usize) -> bool) -> io::Result<()> {
    use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

    let allowed = sched_getaffinity(None)?;
    let mut kept = CpuSet::new();
    let cores = (0..CpuSet::MAX_CPU).filter(|&core| allowed.is_set(core));
    for (_, core) in cores.enumerate().filter(|(place, _)| which(*place)) {
        kept.set(core);
    }
    Ok(sched_setaffinity(None, &kept)?)
}

#[cfg(not(target_os = "linux"))]
fn keep_to(_: impl Fn(usize) -> bool) -> io::Result<()> {
    Err(io::Error::new(io::ErrorKind::Unsupported, "threads are kept to cores on Linux only"))
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn a_thread_on_one_core_starts_threads_on_it() {
        let cores = || thread::available_parallelism().unwrap().get();
        let kept = move || {
            keep_to_the_first().unwrap();
            assert!(leave_the_first().is_err(), "there is no other core left");
            thread::spawn(cores).join().unwrap()
        };
        let before = cores();
        assert_eq!(thread::spawn(kept).join().unwrap(), 1);
        assert_eq!(cores(), before);
    }
}
