//! What the operating system says of a process and of a directory (Linux: `/proc`), and how fast the disk flushes.

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Context;
use tempfile::TempDir;

use super::report::progress;

/// CPU time of a process so far, by two clocks of the kernel.
#[derive(Clone, Copy, Debug)]
pub(super) struct CpuTime {
    /// Of all threads that ever were, in hundredths of a second.
    process: Duration,
    /// Of the threads that live, in nanoseconds; none where the kernel does not keep it.
    threads: Option<Duration>,
}

/// `/proc` counts in hundredths on every Linux (`USER_HZ`).
const TICK: Duration = Duration::from_millis(10);
const MEGABYTE: f64 = 1_048_576.0;
const FLUSH_BLOCK: [u8; 4096] = [0x6b; 4096];
/// Written over again and again, as a log is that a checkpoint has emptied.
const FLUSH_BLOCKS: u64 = 1024;

impl CpuTime {
    pub(super) fn of(process_id: u32) -> anyhow::Result<Self> {
        let path = format!("/proc/{process_id}/stat");
        let stat = fs::read_to_string(&path).with_context(|| format!("{path}: the server process has ended"))?;
        let process = ticks(&stat).with_context(|| format!("{path} is not as expected"))?;
        Ok(Self { process, threads: threads_time(process_id) })
    }

    /// The time between an earlier moment and this one: to the nanosecond, unless a thread ended between them and took
    /// its count with it, which shows as a gap between the clocks.
    pub(super) fn since(&self, earlier: &Self) -> Duration {
        let process = self.process.saturating_sub(earlier.process);
        match (earlier.threads, self.threads) {
            (Some(before), Some(after)) if after.saturating_sub(before) + TICK * 2 >= process => {
                after.saturating_sub(before)
            }
            _ => process,
        }
    }
}

/// User and system time: the 14th and 15th field; the second, the program's name, may contain anything.
fn ticks(stat: &str) -> Option<Duration> {
    let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace().skip(11);
    let user: u32 = fields.next()?.parse().ok()?;
    let system: u32 = fields.next()?.parse().ok()?;
    Some(TICK * user.checked_add(system)?)
}

fn threads_time(process_id: u32) -> Option<Duration> {
    let mut sum = Duration::ZERO;
    for thread in fs::read_dir(format!("/proc/{process_id}/task")).ok()? {
        // A thread may end between the listing and the reading.
        let Ok(schedstat) = fs::read_to_string(thread.ok()?.path().join("schedstat")) else { continue };
        sum += Duration::from_nanos(schedstat.split_ascii_whitespace().next()?.parse().ok()?);
    }
    (!sum.is_zero()).then_some(sum)
}

/// Memory the process holds now.
pub(super) fn resident_mb(process_id: u32) -> anyhow::Result<f64> {
    let path = format!("/proc/{process_id}/status");
    let status = fs::read_to_string(&path).with_context(|| path.clone())?;
    let kibibytes = status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix("kB"));
    let kibibytes: Option<f64> = kibibytes.and_then(|text| text.trim().parse().ok());
    let kibibytes = kibibytes.with_context(|| format!("{path} has no VmRSS: the server process has ended"))?;
    Ok(kibibytes / 1024.0)
}

/// Descriptors the process has open now.
pub(super) fn descriptors(process_id: u32) -> anyhow::Result<usize> {
    let path = format!("/proc/{process_id}/fd");
    Ok(fs::read_dir(&path).with_context(|| path)?.count())
}

/// Sizes of a data directory.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct DataSize {
    pub(super) all_mb: f64,
    pub(super) wal_mb: f64,
}

/// Adds up a directory and what is below it.
pub(super) fn data_size(directory: &Path) -> anyhow::Result<DataSize> {
    let mut size = DataSize::default();
    for entry in fs::read_dir(directory).with_context(|| directory.display().to_string())? {
        let entry = entry?;
        // A file may be deleted between the listing and the look.
        let Ok(metadata) = entry.metadata() else { continue };
        if metadata.is_dir() {
            let below = data_size(&entry.path())?;
            size.all_mb += below.all_mb;
            size.wal_mb += below.wal_mb;
            continue;
        }
        #[expect(clippy::cast_precision_loss, reason = "files here are far below 2^52 bytes")]
        let file_mb = metadata.len() as f64 / MEGABYTE;
        size.all_mb += file_mb;
        if entry.file_name().to_string_lossy().ends_with("-wal") {
            size.wal_mb += file_mb;
        }
    }
    Ok(size)
}

/// How many 4 KiB writes a second reach the disk one after another.
pub(super) fn fdatasync_per_s(directory: &Path, during: Duration) -> anyhow::Result<f64> {
    let path = directory.join("flush-rate");
    let file = OpenOptions::new().create(true).truncate(true).write(true).open(&path).context("flush-rate")?;
    let rate = flush_rate(&file, during).context("flush-rate");
    fs::remove_file(&path).context("flush-rate")?;
    rate
}

fn flush_rate(file: &File, during: Duration) -> std::io::Result<f64> {
    let offset = |block: u64| block % FLUSH_BLOCKS * 4096;
    for block in 0..FLUSH_BLOCKS {
        file.write_all_at(&FLUSH_BLOCK, offset(block))?;
    }
    file.sync_all()?;
    let begin = Instant::now();
    let mut flushes: u32 = 0;
    while begin.elapsed() < during {
        file.write_all_at(&FLUSH_BLOCK, offset(flushes.into()))?;
        file.sync_data()?;
        flushes += 1;
    }
    Ok(f64::from(flushes) / begin.elapsed().as_secs_f64())
}

/// A new directory on a disk: durability costs nothing in memory, and would be measured as nothing.
pub(super) fn data_directory() -> anyhow::Result<TempDir> {
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    let wished = std::env::var_os("TMPDIR").map(PathBuf::from).into_iter();
    let candidates: Vec<PathBuf> = wished.chain([PathBuf::from("/var/tmp"), std::env::temp_dir()]).collect();
    let on_disk = candidates.iter().find(|path| path.is_dir() && !is_in_memory(path, &mounts));
    if on_disk.is_none() {
        progress("no temporary directory on a disk: flushes cost nothing here, and the figures say nothing of them");
    }
    let parent = on_disk.cloned().unwrap_or_else(std::env::temp_dir);
    let directory = tempfile::Builder::new().prefix("kimbai-bench-").tempdir_in(&parent);
    directory.with_context(|| format!("temporary directory in {}", parent.display()))
}

/// The file system of a path is that of the longest mount point above it; the later of two equal ones covers the other.
fn is_in_memory(path: &Path, mounts: &str) -> bool {
    let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let above = mounts.lines().filter_map(|line| {
        let mut fields = line.split(' ').skip(1);
        let (point, kind) = (fields.next()?, fields.next()?);
        path.starts_with(point).then_some((point.len(), kind))
    });
    above.max_by_key(|(length, _)| *length).is_some_and(|(_, kind)| matches!(kind, "tmpfs" | "ramfs"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpu_time_stands_after_the_name_whatever_the_name() {
        let stat = "42 (a) b) S 1 42 42 0 -1 4194304 100 0 0 0 250 50 7 7 20 0 4 0 100 1000 10";
        assert_eq!(ticks(stat), Some(Duration::from_secs(3)));
        assert_eq!(ticks("42 (a) S 1"), None);
    }

    #[test]
    fn the_finer_clock_counts_unless_a_thread_took_its_time_away() {
        let at = |process, threads| CpuTime {
            process: Duration::from_millis(process),
            threads: Some(Duration::from_micros(threads)),
        };
        assert_eq!(at(200, 198_765).since(&at(100, 100_000)), Duration::from_micros(98_765));
        assert_eq!(at(500, 150_000).since(&at(100, 100_000)), Duration::from_millis(400));
        let coarse = |process| CpuTime { process: Duration::from_millis(process), threads: None };
        assert_eq!(coarse(300).since(&coarse(100)), Duration::from_millis(200));
    }

    #[test]
    fn this_process_has_used_time_and_memory() {
        let own = std::process::id();
        let before = CpuTime::of(own).unwrap();
        let begin = Instant::now();
        while CpuTime::of(own).unwrap().since(&before) < Duration::from_millis(20) {
            assert!(begin.elapsed() < Duration::from_secs(30));
        }
        assert!(resident_mb(own).unwrap() > 0.5);
        let one_more = File::open("/proc/self/stat").unwrap();
        assert!(descriptors(own).unwrap() > 3);
        drop(one_more);
    }

    #[test]
    fn a_directory_is_added_up_with_its_logs_apart() {
        let directory = TempDir::new().unwrap();
        fs::create_dir(directory.path().join("realm")).unwrap();
        fs::write(directory.path().join("ledger.sqlite3"), vec![0; 1 << 20]).unwrap();
        fs::write(directory.path().join("realm/ledger.sqlite3-wal"), vec![0; 1 << 19]).unwrap();
        assert_eq!(data_size(directory.path()).unwrap(), DataSize { all_mb: 1.5, wal_mb: 0.5 });
        assert!(fdatasync_per_s(directory.path(), Duration::from_millis(20)).unwrap() > 0.0);
    }

    #[test]
    fn the_nearest_mount_decides_whether_a_path_is_in_memory() {
        let mounts = "/dev/vda / ext4 rw 0 0\ntmpfs /usr tmpfs rw 0 0\n/dev/vda /usr/share ext4 rw 0 0";
        for (path, in_memory) in [("/", false), ("/usr", true), ("/usr/share", false), ("/var", false)] {
            assert_eq!(is_in_memory(Path::new(path), mounts), in_memory, "{path}");
        }
    }
}
