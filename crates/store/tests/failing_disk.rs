//! A disk that does not flush, or is full: real faults, put into a child process by strace and by the limit of its
//! files.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "tests stop at the first surprise")]

mod driver;

use std::path::Path;
use std::process::Command;

use driver::{CHAINS, Driver, Told, driver};

#[tokio::test]
async fn what_was_acknowledged_survives_failed_flushes() {
    // A flush fails, and every so many after it: also those of recoveries and checkpoints. The first thirty may open
    // the store.
    for fault in ["EIO:when=30+40", "EIO:when=45..47", "ENOSPC:when=32+31"] {
        let told = under_strace(&format!("fsync,fdatasync:error={fault}"), |told| told.ready >= 2).await;
        assert!(told.unknown > 0, "{fault}: a batch was under way");
    }
}

#[tokio::test]
async fn what_was_acknowledged_survives_failed_writes() {
    for fault in ["EIO:when=2000+3000", "ENOSPC:when=1500+2500"] {
        // Of the writes that fail, each may be a batch's or the log's own.
        let told = under_strace(&format!("pwrite64:error={fault}"), |told| told.ready >= 2 && told.unknown > 0).await;
        assert!(told.acknowledgements > 1_000, "{fault}");
    }
}

#[tokio::test]
async fn nothing_is_taken_while_no_flush_succeeds() {
    let enough = |told: &Told| told.unknown > 0 && told.not_done > 500;
    let told = under_strace("fsync,fdatasync:error=EIO:when=40+1", enough).await;
    assert_eq!(told.ready, 1, "it never became ready again");
}

#[tokio::test]
async fn a_log_that_cannot_be_flushed_is_not_opened() {
    let temporary = tempfile::tempdir().unwrap();
    let directory = temporary.path().join("store");
    let mut command = Command::new(driver());
    command.arg(&directory).arg(CHAINS.to_string());
    let mut driver = Driver::start(command);
    driver.until(|told| told.acknowledgements > 500);
    let told = driver.kill();
    assert!(std::fs::metadata(directory.join("kimbai.db-wal")).unwrap().len() > 0, "an unclean stop leaves a log");
    let status = strace("fsync,fdatasync:error=EIO:when=1+1", &directory).status().unwrap();
    assert!(!status.success(), "it must give up at the start");
    told.check(&directory).await;
}

#[tokio::test]
async fn a_full_disk_refuses_and_recovers_when_there_is_space() {
    let temporary = tempfile::tempdir().unwrap();
    let directory = temporary.path().join("store");
    // Without a handler the signal of that limit would end it.
    let mut command = Command::new("env");
    command.arg("--ignore-signal=XFSZ").arg(driver()).arg(&directory).arg(CHAINS.to_string());
    let mut driver = Driver::start(command);
    driver.until(|told| told.acknowledgements > 500);
    // No file may grow: what SQLite is told when a disk is full, from another call.
    limit_files(driver.child.id(), "200000");
    driver.until(|told| told.not_done > 500);
    let (ready, acknowledgements) = (driver.told.ready, driver.told.acknowledgements);
    limit_files(driver.child.id(), "unlimited");
    driver.until(|told| told.ready > ready && told.acknowledgements > acknowledgements + 500);
    driver.kill().check(&directory).await;
}

#[tokio::test]
async fn a_backup_ends_when_the_store_fails_under_it() {
    let temporary = tempfile::tempdir().unwrap();
    let directory = temporary.path().join("store");
    let mut command = strace("fsync,fdatasync:error=EIO:when=60+90", &directory);
    command.arg(temporary.path().join("copy.db"));
    let mut driver = Driver::start(command);
    driver.until(|told| told.acknowledged.len() as u64 == CHAINS && told.interrupted > 0 && told.whole > 0);
    driver.kill().check(&directory).await;
}

async fn under_strace(inject: &str, enough: impl Fn(&Told) -> bool) -> Told {
    let temporary = tempfile::tempdir().unwrap();
    let directory = temporary.path().join("store");
    let mut driver = Driver::start(strace(inject, &directory));
    driver.until(|told| told.acknowledged.len() as u64 == CHAINS && enough(told));
    let told = driver.kill();
    told.check(&directory).await;
    told
}

/// The driver with a fault in its calls to the kernel.
fn strace(inject: &str, directory: &Path) -> Command {
    let mut command = Command::new("strace");
    // With `-D` the driver is our own child, and the tracer ends with it.
    command.args(["-D", "-f", "-qq", "-o", "/dev/null", "-e", "trace=fsync,fdatasync,pwrite64"]);
    command.arg("-e").arg(format!("inject={inject}")).arg(driver()).arg(directory).arg(CHAINS.to_string());
    command
}

fn limit_files(process: u32, bytes: &str) {
    let limit = format!("--fsize={bytes}:unlimited");
    let status = Command::new("prlimit").args(["--pid", &process.to_string(), &limit]).status();
    assert!(status.expect("prlimit is missing; install util-linux").success());
}
