//! The server under measurement: a process of its own on a temporary directory, gone when the guard is.
//! It is the same binary, started with the hidden command `bench-server`; its first line describes it.

use std::io::{BufRead as _, BufReader, Read as _};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use super::cores::Cores;
use super::figures::{self, DataSize};
use super::high_water::HighWater;
use super::report::progress;
use super::target::Document;

/// Killed on drop; the directory goes after it.
#[derive(Debug)]
pub(super) struct ServerProcess {
    child: Killed,
    document: Document,
    high_water: HighWater,
    port_base: u16,
    cores: Cores,
    role: Role,
    data: TempDir,
}

/// What a server process begins with.
#[derive(Clone, Debug)]
pub(super) enum Role {
    /// It makes the realms.
    First {
        /// Where; in its own directory if it is not said.
        store: Option<String>,
        /// So many legacy tokens it makes, too.
        legacy_tokens: u32,
    },
    /// It finds the realms in the store, and has the master key of the server that made them.
    Other {
        /// Where.
        store: String,
        /// The directory of the server that made them.
        first: PathBuf,
    },
}

/// How a server process is ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// As an operator does it: what is being answered is finished, and the log copied.
    Clean,
    /// As a power failure does it.
    Kill,
}

#[derive(Debug)]
struct Killed(Child);

const START_TIME_MAX: Duration = Duration::from_secs(30);
/// For each legacy token that it makes.
const LEGACY_TOKEN_TIME_MAX: Duration = Duration::from_micros(500);
const DOCUMENT_BYTES_MAX: u64 = 1 << 20;
/// As many as the sandbox's contract takes: one a realm, the operator's at base + 9.
const PORTS: u16 = 10;
/// Below the range from which the system takes the ports of outgoing connections, of which a bench opens many.
const FIRST_PORT: u16 = 20_000;
const LAST_PORT: u16 = 32_000;

impl Role {
    /// How long it may take until it answers.
    fn start_time_max(&self) -> Duration {
        match self {
            Self::First { legacy_tokens, .. } => START_TIME_MAX + LEGACY_TOKEN_TIME_MAX * *legacy_tokens,
            Self::Other { .. } => START_TIME_MAX,
        }
    }
}

impl ServerProcess {
    /// Starts it and waits until it says that it answers.
    pub(super) fn start(cores: Cores, role: Role) -> anyhow::Result<Self> {
        let data = figures::data_directory()?;
        let port_base = free_ports().context("no free block of ports")?;
        let (child, document) = spawn(data.path(), port_base, cores, &role)?;
        progress(&format!("server process {} on {}", child.0.id(), data.path().display()));
        let high_water = HighWater::watch(data.path().to_owned())?;
        Ok(Self { child, document, high_water, port_base, cores, role, data })
    }

    /// Ends it, and starts it again on the same directory and ports; when the new one was started.
    pub(super) fn restart(&mut self, end: End) -> anyhow::Result<Instant> {
        self.child.end(end)?;
        let begin = Instant::now();
        (self.child, self.document) = spawn(self.data.path(), self.port_base, self.cores, &self.role)?;
        Ok(begin)
    }

    /// The highest sizes of its directory so far.
    pub(super) fn highest(&self) -> DataSize {
        self.high_water.highest()
    }

    pub(super) fn document(&self) -> &Document {
        &self.document
    }

    pub(super) fn data(&self) -> &Path {
        self.data.path()
    }

    /// The first of its ports.
    pub(super) fn port_base(&self) -> u16 {
        self.port_base
    }

    pub(super) fn process_id(&self) -> u32 {
        self.child.0.id()
    }
}

fn spawn(data: &Path, port_base: u16, cores: Cores, role: &Role) -> anyhow::Result<(Killed, Document)> {
    let program = std::env::current_exe().context("own program file")?;
    let mut command = Command::new(program);
    command.arg("bench-server").arg("--data").arg(data).arg("--port-base").arg(port_base.to_string());
    if cores == Cores::Apart {
        command.arg("--one-core");
    }
    match role {
        Role::First { store, legacy_tokens } => {
            command.arg("--legacy-tokens").arg(legacy_tokens.to_string());
            if let Some(store) = store {
                command.arg("--store").arg(store);
            }
        }
        Role::Other { store, first } => drop(command.arg("--store").arg(store).arg("--beside").arg(first)),
    }
    // Its stdin is a pipe that closes with this process, however this process ends.
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit());
    let mut child = Killed(command.spawn().context("cannot start the server process")?);
    let stdout = child.0.stdout.take().context("the server's stdout")?;
    let line = first_line(stdout, role.start_time_max())?;
    let document = serde_json::from_str(&line)
        .with_context(|| format!("the server's first line is not its description: {line:?}"))?;
    Ok((child, document))
}

impl Killed {
    fn end(&mut self, end: End) -> anyhow::Result<()> {
        match end {
            End::Kill => self.0.kill().context("cannot kill the server process")?,
            End::Clean => {
                let process = Pid::from_child(&self.0);
                kill_process(process, Signal::TERM).context("cannot stop the server process")?;
            }
        }
        self.0.wait().context("the server process").map(drop)
    }
}

impl Drop for Killed {
    fn drop(&mut self) {
        // It may have ended already; there is nothing left to do about an error here.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Reads on a thread of its own, which also keeps the pipe empty and open until the server ends.
fn first_line(stdout: ChildStdout, time_max: Duration) -> anyhow::Result<String> {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let mut stdout = BufReader::new(stdout);
        let mut line = String::new();
        let read = stdout.by_ref().take(DOCUMENT_BYTES_MAX).read_line(&mut line).map(|_| line);
        if sender.send(read).is_ok() {
            let _ = std::io::copy(&mut stdout, &mut std::io::sink());
        }
    });
    match receiver.recv_timeout(time_max) {
        Ok(line) => {
            let line = line.context("the server's stdout")?;
            if line.is_empty() {
                bail!("the server process ended before it answered")
            }
            Ok(line)
        }
        Err(_) => bail!("the server process did not answer within {time_max:?}"),
    }
}

/// The first of a block of free ports; begins somewhere else in each process, so that two benches do not meet.
fn free_ports() -> Option<u16> {
    let blocks = (LAST_PORT - FIRST_PORT) / PORTS;
    let begin = u16::try_from(std::process::id() % u32::from(blocks)).ok()?;
    let base = |block: u16| FIRST_PORT + (begin + block) % blocks * PORTS;
    (0..blocks).map(base).find(|&base| (base..base + PORTS).all(is_free))
}

fn is_free(port: u16) -> bool {
    TcpListener::bind(("127.0.0.1", port)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_with_a_busy_port_is_passed_over() {
        let first = free_ports().unwrap();
        let busy = TcpListener::bind(("127.0.0.1", first + 3)).unwrap();
        assert_ne!(free_ports().unwrap(), first);
        drop(busy);
    }
}
