//! How large the data directory ever was: sampled by a thread of its own while the server runs.

use std::path::PathBuf;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::Context;

use super::figures::{DataSize, data_size};

/// The highest sizes so far, until it is dropped.
#[derive(Debug)]
pub(super) struct HighWater {
    highest: Arc<Mutex<DataSize>>,
    /// Closed when this is dropped, which ends the thread.
    _running: Sender<()>,
}

const EVERY: Duration = Duration::from_millis(50);

impl HighWater {
    pub(super) fn watch(directory: PathBuf) -> anyhow::Result<Self> {
        let highest = Arc::new(Mutex::new(DataSize::default()));
        let (running, stopped) = channel::<()>();
        let seen = Arc::clone(&highest);
        let watch = move || {
            while stopped.recv_timeout(EVERY) == Err(RecvTimeoutError::Timeout) {
                // What is gone between two looks is not at its highest.
                let Ok(size) = data_size(&directory) else { continue };
                let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
                *seen = DataSize { all_mb: seen.all_mb.max(size.all_mb), wal_mb: seen.wal_mb.max(size.wal_mb) };
            }
        };
        thread::Builder::new().name("high-water".to_owned()).spawn(watch).context("thread")?;
        Ok(Self { highest, _running: running })
    }

    pub(super) fn highest(&self) -> DataSize {
        *self.highest.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::time::Instant;

    use super::*;

    #[test]
    fn the_highest_stays_when_the_directory_shrinks() {
        let directory = tempfile::TempDir::new().unwrap();
        let log = directory.path().join("kimbai.db-wal");
        let water = HighWater::watch(directory.path().to_owned()).unwrap();
        let begin = Instant::now();
        let wait_for = |expected: DataSize| {
            while water.highest() != expected {
                assert!(begin.elapsed() < Duration::from_secs(30), "{:?}", water.highest());
            }
        };
        fs::write(&log, vec![0; 1 << 20]).unwrap();
        wait_for(DataSize { all_mb: 1.0, wal_mb: 1.0 });
        fs::write(&log, []).unwrap();
        fs::write(directory.path().join("kimbai.db"), vec![0; 3 << 19]).unwrap();
        wait_for(DataSize { all_mb: 1.5, wal_mb: 1.0 });
    }
}
