//! What the system says of this process. Where there is no `/proc`, nothing.

use std::fs;

/// Memory and descriptors.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct ProcessFigures {
    pub(super) resident_bytes: Option<u64>,
    pub(super) open_descriptors: Option<u32>,
}

impl ProcessFigures {
    pub(super) fn now() -> Self {
        let resident = fs::read_to_string("/proc/self/status").ok();
        Self {
            resident_bytes: resident.as_deref().and_then(resident_bytes),
            // One of them is the directory that is being read.
            open_descriptors: fs::read_dir("/proc/self/fd")
                .ok()
                .and_then(|entries| u32::try_from(entries.count().saturating_sub(1)).ok()),
        }
    }
}

fn resident_bytes(status: &str) -> Option<u64> {
    let kibibytes = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?.trim().strip_suffix("kB")?;
    kibibytes.trim().parse::<u64>().ok()?.checked_mul(1_024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resident_memory_is_read_in_bytes() {
        let status = "Name:\tkimbai\nVmHWM:\t    9999 kB\nVmRSS:\t    1234 kB\nThreads:\t1\n";
        assert_eq!(resident_bytes(status), Some(1_234 * 1_024));
        assert_eq!(resident_bytes("Name:\tkimbai\n"), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_process_has_memory_and_descriptors() {
        let before = ProcessFigures::now();
        let files: Vec<_> = (0..50).map(|_| fs::File::open("/proc/self/status").unwrap()).collect();
        let after = ProcessFigures::now();
        assert!(after.open_descriptors.unwrap() >= before.open_descriptors.unwrap().saturating_sub(40) + 50);
        assert!(after.resident_bytes.unwrap() > 1 << 20);
        drop(files);
    }
}
