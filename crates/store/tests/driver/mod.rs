//! A child process that rotates while something goes wrong, and the check of what it was told.

#![expect(clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests stop at the first surprise")]

use std::collections::HashMap;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use kimbai_core::grant::State;
use kimbai_core::number::{GrantId, RealmNumber};
use kimbai_store::sqlite::{Location, Options, SqliteStore};
use kimbai_store::{Clock, Ledger};

/// How many grants it rotates at once.
pub(crate) const CHAINS: u64 = 32;

/// The built driver: cargo builds examples before it runs tests, beside the folder of the tests.
pub(crate) fn driver() -> PathBuf {
    let tests = std::env::current_exe().unwrap();
    let path = tests.parent().unwrap().parent().unwrap().join("examples/fault_driver");
    assert!(path.exists(), "{} is not built: cargo build -p kimbai-store --examples", path.display());
    path
}

/// A running driver.
pub(crate) struct Driver {
    pub(crate) child: Child,
    lines: Receiver<String>,
    pub(crate) told: Told,
}

/// What the driver was told by its store.
#[derive(Default)]
pub(crate) struct Told {
    /// The last acknowledged generation of each grant.
    pub(crate) acknowledged: HashMap<u64, u32>,
    pub(crate) acknowledgements: u64,
    pub(crate) unknown: u64,
    pub(crate) not_done: u64,
    pub(crate) ready: u64,
    /// Backups that came to their end.
    pub(crate) whole: u64,
    /// Backups that ended with the writer's connection.
    pub(crate) interrupted: u64,
}

impl Driver {
    /// Starts it; `command` is the driver itself or something that starts it.
    pub(crate) fn start(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap_or_else(|error| {
            panic!("{} cannot be started ({error}); install it", command.get_program().display());
        });
        let output = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = channel();
        std::thread::spawn(move || output.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        Self { child, lines, told: Told::default() }
    }

    /// Reads on until this holds of what it was told.
    pub(crate) fn until(&mut self, enough: impl Fn(&Told) -> bool) {
        let start = Instant::now();
        while !enough(&self.told) {
            assert!(start.elapsed() < Duration::from_mins(1), "it never came so far");
            let line = self.lines.recv_timeout(Duration::from_secs(30)).expect("the driver says nothing any more");
            self.told.hear(&line);
        }
    }

    /// Ends it as a power cut would, and reads what it had said before.
    pub(crate) fn kill(mut self) -> Told {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        while let Ok(line) = self.lines.recv() {
            self.told.hear(&line);
        }
        self.told
    }
}

impl Told {
    fn hear(&mut self, line: &str) {
        let words: Vec<&str> = line.split(' ').collect();
        let number = |at: usize| words[at].parse::<u64>().unwrap();
        match words[0] {
            "ok" => {
                self.acknowledgements += 1;
                let generation = u32::try_from(number(2)).unwrap();
                let before = self.acknowledged.insert(number(1), generation);
                assert!(before.is_none_or(|before| before + 1 == generation), "{line} after {before:?}");
            }
            "unknown" => self.unknown += 1,
            "not-done" => self.not_done += 1,
            "ready" => self.ready += 1,
            "backup" if words[1] == "interrupted" => self.interrupted += 1,
            "backup" => self.whole += 1,
            // A line that was cut off when it died.
            _ => {}
        }
    }

    /// Opens the store anew: all that was acknowledged is there, and at most the one rotation that was under way beyond
    /// it.
    pub(crate) async fn check(&self, directory: &Path) {
        let location = Location::Directory(directory.to_path_buf());
        let store = SqliteStore::open(location, Clock::default(), Options::default()).unwrap();
        for (grant, generation) in &self.acknowledged {
            let look = store.lookup(RealmNumber(1), GrantId(*grant)).await.unwrap();
            let State::Active(active) = look.seen.unwrap().grant.state else { panic!("grant {grant} is not active") };
            let beyond = active.generation.number().checked_sub(*generation);
            assert!(matches!(beyond, Some(0 | 1)), "grant {grant}: {generation} acknowledged, {active:?} found");
        }
    }
}
