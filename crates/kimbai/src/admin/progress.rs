//! How far something long has come, on standard error: a line that changes on a terminal, else a line every few seconds.

use std::io::{IsTerminal as _, Write as _};
use std::time::Duration;

use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};

/// Shows how many bytes are done.
pub(super) struct Progress {
    verb: &'static str,
    is_terminal: bool,
    is_shown: bool,
    ticks: Interval,
}

const TERMINAL_EVERY: Duration = Duration::from_millis(200);
const LINE_EVERY: Duration = Duration::from_secs(5);

impl Progress {
    pub(super) fn new(verb: &'static str) -> Self {
        let is_terminal = std::io::stderr().is_terminal();
        let every = if is_terminal { TERMINAL_EVERY } else { LINE_EVERY };
        let mut ticks = interval_at(Instant::now() + every, every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self { verb, is_terminal, is_shown: false, ticks }
    }

    /// Waits until it is time to show how far it is.
    pub(super) async fn tick(&mut self) {
        self.ticks.tick().await;
    }

    pub(super) fn show(&mut self, done_bytes: u64, all_bytes: u64) {
        let line = line(self.verb, done_bytes, all_bytes);
        self.write(&if self.is_terminal { format!("\r{line}\u{1b}[K") } else { line + "\n" });
        self.is_shown = true;
    }

    /// Takes the line away.
    pub(super) fn end(&mut self) {
        if self.is_terminal && self.is_shown {
            self.write("\r\u{1b}[K");
        }
    }

    #[expect(clippy::unused_self, reason = "only what shows progress writes it")]
    fn write(&self, text: &str) {
        // Nobody is left to tell when standard error is closed.
        let _ = std::io::stderr().write_all(text.as_bytes());
    }
}

fn line(verb: &str, done_bytes: u64, all_bytes: u64) -> String {
    let mebibytes = |bytes: u64| bytes.div_ceil(1 << 20);
    let percent = done_bytes.saturating_mul(100).checked_div(all_bytes).unwrap_or_default().min(100);
    format!("{verb} {} of {} MiB ({percent} %)", mebibytes(done_bytes), mebibytes(all_bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_is_in_mebibytes_and_percent_and_begins_at_nothing() {
        for (done, all, expect) in [
            (0, 0, "copied 0 of 0 MiB (0 %)"),
            (1, 10 << 20, "copied 1 of 10 MiB (0 %)"),
            (5 << 20, 10 << 20, "copied 5 of 10 MiB (50 %)"),
            (11 << 20, 10 << 20, "copied 11 of 10 MiB (100 %)"),
        ] {
            assert_eq!(line("copied", done, all), expect);
        }
    }
}
