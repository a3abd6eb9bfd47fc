//! The disk's room, the disk's speed, and the clock.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use super::Check;
use super::data::DATABASE;

/// Room on the file system that the data is on, or will be.
pub(super) fn space(data: &Path) -> Check {
    let existing = data.ancestors().find(|path| path.exists()).unwrap_or(Path::new("."));
    match rustix::fs::statvfs(existing) {
        Ok(found) => space_verdict(found.f_bavail.saturating_mul(found.f_frsize)),
        Err(error) => Check::warning(SPACE, format!("cannot be told: {error}"), "see that the disk is there"),
    }
}

fn space_verdict(bytes: u64) -> Check {
    let found = format!("{}.{} GB free", bytes / 1_000_000_000, bytes % 1_000_000_000 / 100_000_000);
    if bytes >= SPACE_BYTES_MIN {
        return Check::ok(SPACE, found);
    }
    Check::warning(SPACE, found, "make room: a full disk stops every log-in and refresh")
}

/// How long the disk takes to keep something: every batch of answers waits as long.
pub(super) fn flush(data: &Path) -> Check {
    if !data.is_dir() {
        return Check::ok(FLUSH, "not measured: the data directory is not there yet");
    }
    match flush_time(data) {
        Ok(time) => flush_verdict(time),
        Err(error) => {
            Check::problem(FLUSH, format!("cannot write in {}: {error}", data.display()), "let this user write there")
        }
    }
}

/// The median; the file has no name, and is gone whatever happens.
fn flush_time(data: &Path) -> std::io::Result<Duration> {
    let mut file = tempfile::tempfile_in(data)?;
    let mut times = Vec::new();
    for _ in 0..FLUSHES {
        file.write_all(&[0; 4096])?;
        let begun = Instant::now();
        file.sync_data()?;
        times.push(begun.elapsed());
    }
    times.sort();
    Ok(times.get(FLUSHES / 2).copied().unwrap_or_default())
}

fn flush_verdict(time: Duration) -> Check {
    let found = format!("takes {:.1} ms", time.as_secs_f64() * 1e3);
    if time <= FLUSH_MAX {
        return Check::ok(FLUSH, found);
    }
    Check::warning(FLUSH, found, "put the data on a local solid-state disk: every refresh waits for a flush")
}

/// Whether the clock is right enough to be believed; lifetimes hang on it.
pub(super) fn clock(data: &Path, now_s: i64) -> Check {
    let written = DATABASE.iter().filter_map(|name| fs::metadata(data.join(name)).ok());
    clock_verdict(now_s, written.map(|file| file.mtime()).max())
}

fn clock_verdict(now_s: i64, written_s: Option<i64>) -> Check {
    const ADVICE: &str = "set the clock, and keep it right with NTP";
    if now_s < YEAR_2025_S {
        return Check::problem(CLOCK, "stands before 2025", ADVICE);
    }
    let behind_s = written_s.map_or(0, |written_s| written_s.saturating_sub(now_s));
    if behind_s > CLOCK_BEHIND_S_MAX {
        return Check::problem(CLOCK, format!("stands {behind_s} s before the last change of the database"), ADVICE);
    }
    Check::ok(CLOCK, "is not behind the data")
}

const SPACE: &str = "disk space";
const SPACE_BYTES_MIN: u64 = 1_000_000_000;
const FLUSH: &str = "disk flush";
const FLUSHES: usize = 21;
const FLUSH_MAX: Duration = Duration::from_millis(10);
const CLOCK: &str = "clock";
const YEAR_2025_S: i64 = 1_735_689_600;
/// A file system may count in whole seconds.
const CLOCK_BEHIND_S_MAX: i64 = 1;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Verdict;

    #[test]
    fn a_machine_is_judged_on_both_sides_of_each_limit() {
        let ms = Duration::from_millis;
        let now = 1_800_000_000;
        for (check, verdict, expect) in [
            (space_verdict(1_000_000_000), Verdict::Ok, "1.0 GB free"),
            (space_verdict(999_999_999), Verdict::Warning, "0.9 GB free"),
            (flush_verdict(ms(10)), Verdict::Ok, "takes 10.0 ms"),
            (flush_verdict(ms(11)), Verdict::Warning, "takes 11.0 ms"),
            (clock_verdict(now, None), Verdict::Ok, "is not behind the data"),
            (clock_verdict(now, Some(now + 1)), Verdict::Ok, "is not behind the data"),
            (clock_verdict(now, Some(now + 2)), Verdict::Problem, "stands 2 s before the last change of the database"),
            (clock_verdict(YEAR_2025_S, None), Verdict::Ok, "is not behind the data"),
            (clock_verdict(YEAR_2025_S - 1, None), Verdict::Problem, "stands before 2025"),
        ] {
            assert_eq!((check.verdict, check.found.as_str()), (verdict, expect));
            assert_eq!(check.advice.is_some(), verdict != Verdict::Ok, "{check:?}");
        }
    }

    #[test]
    fn flushes_are_measured_and_leave_nothing_behind() {
        let place = tempfile::tempdir().unwrap();
        assert!(flush_time(place.path()).unwrap() > Duration::ZERO);
        assert_eq!(fs::read_dir(place.path()).unwrap().count(), 0);
    }
}
