//! A disk whose flushes fail, and one that is full, under a server that is spoken to over HTTP.
//!
//! Real faults: put into the process by strace, and a file system of a few megabytes (or, for who may not mount one, a
//! limit on the sizes of files).

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use crate::chain::{Chain, introspect, mint, refresh, revoke};
use crate::fixture::{Answer, Call, Connection, Sandbox, Start, say};

const CHAINS: usize = 8;
const RECOVERY_MAX: Duration = Duration::from_mins(1);

#[tokio::test]
#[ignore = "run by ./test crash"]
async fn after_failed_flushes_the_same_refresh_gives_one_successor() {
    let data = tempfile::tempdir().unwrap();
    let healthy = Start::new(Some(&data.path().join("data")));
    installed(&healthy);
    // Those after the first that fails make recoveries fail.
    let sandbox = Start { under: strace("EIO:when=60..66"), ..healthy.clone() }.start();
    let chains = refused(begin(&sandbox).await, sandbox.marketplace()).await;
    let status = sandbox.send(sandbox.operator(), &Call::get("/readyz")).await.status;
    let begun = Instant::now();
    let ready = until(&sandbox, sandbox.operator(), &Call::get("/readyz"), 200).await;
    assert_eq!(ready.body, "ready\n");
    say(&format!("failed flushes: /readyz was {status} after the first 503, ready again after {:?}", begun.elapsed()));
    let chains = check(chains, sandbox.marketplace()).await;
    sandbox.kill();
    let sandbox = healthy.start();
    check(chains, sandbox.marketplace()).await;
}

#[tokio::test]
#[ignore = "run by ./test crash"]
async fn while_no_flush_succeeds_nothing_is_acknowledged_and_nothing_is_lost() {
    let data = tempfile::tempdir().unwrap();
    let healthy = Start::new(Some(&data.path().join("data")));
    installed(&healthy);
    let sandbox = Start { under: strace("EIO:when=60+1"), ..healthy.clone() }.start();
    let port = sandbox.marketplace();
    let chains = refused(begin(&sandbox).await, port).await;
    let tokens: Vec<_> = chains.iter().map(|chain| chain.refresh_token.clone()).collect();
    for call in [refresh(&tokens[0]), revoke(&tokens[1]), introspect(&tokens[2]), mint()] {
        assert_unavailable(&sandbox.send(port, &call).await);
    }
    let unready = sandbox.send(sandbox.operator(), &Call::get("/readyz")).await.expect(503);
    assert_eq!((unready.header("retry-after"), unready.body.as_str()), ("1", "the store is not available\n"));
    sandbox.send(sandbox.operator(), &Call::get("/healthz")).await.expect(200);
    sandbox.kill();
    let sandbox = healthy.start();
    check(chains, sandbox.marketplace()).await;
}

#[tokio::test]
#[ignore = "run by ./test crash"]
async fn a_full_disk_is_503_until_there_is_space() {
    let place = tempfile::tempdir().unwrap();
    let disk = Disk::new(place.path());
    let data = place.path().join("data");
    let under = ["env", "--ignore-signal=XFSZ"].map(str::to_owned).to_vec();
    let start = Start { under, ..Start::new(Some(&data)) };
    let sandbox = start.start();
    let port = sandbox.marketplace();
    let chains = begin(&sandbox).await;
    let full = disk.fill(&sandbox);
    let chains = refused(chains, port).await;
    assert_unavailable(&until(&sandbox, port, &mint(), 503).await);
    let revoked = sandbox.send(port, &revoke("no token of ours")).await;
    assert!(matches!(revoked.status, 200 | 503), "{revoked:?}");
    sandbox.send(sandbox.operator(), &Call::get("/healthz")).await.expect(200);
    drop(full);
    disk.make_space(&sandbox);
    until(&sandbox, port, &mint(), 200).await;
    until(&sandbox, sandbox.operator(), &Call::get("/readyz"), 200).await;
    let chains = check(chains, port).await;
    sandbox.kill();
    let sandbox = start.start();
    check(chains, sandbox.marketplace()).await;
    drop(sandbox);
    drop(disk);
}

/// What a first start installs stands: no flush of it is counted among those that fail.
fn installed(healthy: &Start) {
    healthy.start().kill();
}

/// Runs a command with a fault in each flush that `when` names: they are counted for each thread, of which the writer is
/// one. With `-D` the server is our own child.
fn strace(when: &str) -> Vec<String> {
    let inject = format!("inject=fsync,fdatasync:error={when}");
    let words = ["strace", "-D", "-f", "-qq", "-o", "/dev/null", "-e", "trace=fsync,fdatasync", "-e", &inject];
    words.map(str::to_owned).to_vec()
}

async fn begin(sandbox: &Sandbox) -> Vec<Chain> {
    let mut connection = Connection::to(sandbox.marketplace());
    let mut chains = Vec::new();
    for number in 0..CHAINS {
        chains.push(Chain::begin(number, &mut connection).await);
    }
    chains
}

/// Refreshes all of them until each has been refused once.
async fn refused(chains: Vec<Chain>, port: u16) -> Vec<Chain> {
    let mut running = JoinSet::new();
    for mut chain in chains {
        running.spawn(async move {
            let mut connection = Connection::to(port);
            loop {
                let answer = connection.send(&refresh(&chain.refresh_token)).await.unwrap();
                if answer.status != 200 {
                    assert_unavailable(&answer);
                    chain.is_open = true;
                    return chain;
                }
                chain.advance(&answer);
            }
        });
    }
    running.join_all().await
}

async fn check(mut chains: Vec<Chain>, port: u16) -> Vec<Chain> {
    assert_eq!(chains.len(), CHAINS);
    for chain in &mut chains {
        chain.check(port).await;
    }
    chains
}

#[track_caller]
fn assert_unavailable(answer: &Answer) {
    assert_eq!((answer.status, answer.header("retry-after")), (503, "1"), "{answer:?}");
    assert_eq!(answer.member("error"), "temporarily_unavailable");
    assert_eq!(answer.header("cache-control"), "no-store");
}

/// Asks until the answer has this status.
async fn until(sandbox: &Sandbox, port: u16, call: &Call, status: u16) -> Answer {
    let begun = Instant::now();
    let mut ticks = tokio::time::interval(Duration::from_millis(10));
    loop {
        let answer = sandbox.send(port, call).await;
        if answer.status == status {
            return answer;
        }
        assert!(begun.elapsed() < RECOVERY_MAX, "still {answer:?}");
        ticks.tick().await;
    }
}

/// A disk that can be filled.
enum Disk {
    /// A file system of 16 MB at this place.
    Small(PathBuf),
    /// No more than the sizes of files can be limited.
    Large,
}

/// Keeps the disk full until it is dropped: the server gives space back whenever it empties its log.
struct Full(#[expect(dead_code, reason = "its end is the signal")] Option<std::sync::mpsc::Sender<()>>);

impl Disk {
    fn new(place: &Path) -> Self {
        let mounted =
            Command::new("mount").args(["-t", "tmpfs", "-o", "size=16m,mode=0700", "tmpfs"]).arg(place).output();
        if mounted.is_ok_and(|mounted| mounted.status.success()) {
            return Self::Small(place.to_owned());
        }
        say("no file system can be mounted here: the sizes of files are limited instead");
        Self::Large
    }

    fn fill(&self, sandbox: &Sandbox) -> Full {
        let Self::Small(place) = self else {
            limit_files(sandbox, "100000");
            return Full(None);
        };
        let mut file = File::create(place.join("filler")).unwrap();
        let (sender, stopped) = std::sync::mpsc::channel::<()>();
        std::thread::spawn(move || {
            while stopped.recv_timeout(Duration::from_millis(1)) == Err(std::sync::mpsc::RecvTimeoutError::Timeout) {
                while file.write_all(&[0x6b; 4096]).is_ok() {}
            }
        });
        Full(Some(sender))
    }

    fn make_space(&self, sandbox: &Sandbox) {
        match self {
            Self::Small(place) => std::fs::remove_file(place.join("filler")).unwrap(),
            Self::Large => limit_files(sandbox, "unlimited"),
        }
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        if let Self::Small(place) = self {
            let _ = Command::new("umount").arg("--lazy").arg(place).status();
        }
    }
}

fn limit_files(sandbox: &Sandbox, bytes: &str) {
    let limit = format!("--fsize={bytes}:unlimited");
    let status = Command::new("prlimit").args(["--pid", &sandbox.process_id().to_string(), &limit]).status();
    assert!(status.expect("prlimit is missing; install util-linux").success());
}
