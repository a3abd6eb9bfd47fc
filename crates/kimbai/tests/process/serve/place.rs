//! A directory of its own in which `kimbai serve` runs, and commands beside it.

use std::cell::Cell;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use crate::BINARY;
use crate::fixture::{Answer, Call, Connection, Start};

/// No start, no end and nothing that is waited for takes so long.
const WAIT_MAX: Duration = Duration::from_secs(30);

/// An empty directory, and ports.
pub(super) struct Place {
    directory: TempDir,
    /// Where the realms are.
    pub(super) port: u16,
    starts: Cell<u32>,
}

/// A command that has ended.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) status: ExitStatus,
    pub(super) stdout: String,
    pub(super) stderr: String,
}

impl Place {
    pub(super) fn new() -> Self {
        Self { directory: tempfile::tempdir().unwrap(), port: Start::new(None).port_base, starts: Cell::default() }
    }

    pub(super) fn operator(&self) -> u16 {
        self.port + 1
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(super) fn write(&self, name: &str, content: &str) {
        fs::write(self.path(name), content).unwrap();
    }

    /// A program in this directory, which finds `kimbai`, and whose servers have the ports of this place.
    pub(super) fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        let path = std::env::var_os("PATH").unwrap_or_default();
        let directories =
            Path::new(BINARY).parent().into_iter().map(Path::to_owned).chain(std::env::split_paths(&path));
        command.current_dir(self.directory.path()).env("PATH", std::env::join_paths(directories).unwrap());
        command.env("KIMBAI_LISTEN_PUBLIC", format!("127.0.0.1:{}", self.port));
        command.env("KIMBAI_LISTEN_OPERATOR", format!("127.0.0.1:{}", self.operator()));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Runs a program to its end.
    pub(super) fn run(&self, words: &[&str], input: &str) -> Ended {
        let mut child = self.command(words[0]).args(&words[1..]).spawn().unwrap();
        // It may end without reading.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        let Output { status, stdout, stderr } = child.wait_with_output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Ended { status, stdout: text(stdout), stderr: text(stderr) }
    }

    /// What a command of `kimbai` prints; it must end well and say nothing else.
    #[track_caller]
    pub(super) fn ok(&self, words: &[&str], input: &str) -> String {
        let ended = self.run(&[&[BINARY], words].concat(), input);
        assert!(ended.status.success() && ended.stderr.is_empty(), "{words:?}: {ended:?}");
        ended.stdout
    }

    /// Its reply.
    #[track_caller]
    pub(super) fn json(&self, words: &[&str], input: &str) -> Value {
        serde_json::from_str(&self.ok(&[words, &["--json"]].concat(), input)).unwrap()
    }

    /// Its reply, however it ends and whatever else it says.
    pub(super) fn json_of(&self, words: &[&str]) -> Value {
        let ended = self.run(&[&[BINARY], words, &["--json"]].concat(), "");
        serde_json::from_str(&ended.stdout).unwrap_or_else(|error| panic!("{error}: {ended:?}"))
    }

    /// Applies a manifest.
    #[track_caller]
    pub(super) fn apply(&self, manifest: &str) {
        self.ok(&["apply", "--yes", "-"], manifest);
    }

    /// Starts a server with these flags and waits until it says where it answers.
    pub(super) async fn serve(&self, flags: &[&str]) -> Server {
        // Someone who looks for free ports may hold one of them for a moment.
        for _ in 0..20 {
            match self.try_serve(&[&[BINARY, "serve"], flags].concat()).await {
                Ok(server) => return server,
                Err(ended) if ended.stderr.contains("is in use: stop what listens there") => {}
                Err(ended) => panic!("the server ended: {ended:?}"),
            }
        }
        panic!("port {} stays busy", self.port);
    }

    /// Starts a server by these words.
    pub(super) async fn try_serve(&self, words: &[&str]) -> Result<Server, Ended> {
        let number = self.starts.replace(self.starts.get() + 1);
        let (out, log) = (self.path(&format!("serve-{number}.out")), self.path(&format!("serve-{number}.log")));
        let mut command = self.command(words[0]);
        command.args(&words[1..]).stdin(Stdio::null());
        command.stdout(File::create(&out).unwrap()).stderr(File::create(&log).unwrap());
        let mut server = Server { process: command.spawn().unwrap(), port: self.port, out, log };
        let is_up = until("a start", || match server.process.try_wait().unwrap() {
            Some(_) => Some(false),
            None => server.said().contains("\ndata ").then_some(true),
        });
        if is_up.await { Ok(server) } else { Err(server.ended().await) }
    }
}

/// A running server; killed when it is dropped.
pub(super) struct Server {
    process: Child,
    port: u16,
    out: PathBuf,
    log: PathBuf,
}

impl Server {
    /// Its standard output so far.
    pub(super) fn said(&self) -> String {
        fs::read_to_string(&self.out).unwrap()
    }

    /// Its standard error so far.
    pub(super) fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap()
    }

    /// The lines of a log in JSON so far.
    pub(super) fn log_lines(&self) -> Vec<Value> {
        let log = self.log();
        log.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect()
    }

    /// Sends one request to the realms, on a connection of its own.
    pub(super) async fn send(&self, call: &Call) -> Answer {
        Connection::to(self.port).send(call).await.unwrap_or_else(|broken| panic!("{broken:?}: {call:?}"))
    }

    pub(super) fn signal(&self, name: &str) {
        let id = self.process.id().to_string();
        assert!(Command::new("kill").args(["-s", name, &id]).status().unwrap().success());
    }

    /// Waits until it has ended.
    pub(super) async fn ended(mut self) -> Ended {
        let status = until("an end", || self.process.try_wait().unwrap()).await;
        Ended { status, stdout: self.said(), stderr: self.log() }
    }

    /// Stops it as an operator would.
    pub(super) async fn stop(self) -> Ended {
        self.signal("TERM");
        let ended = self.ended().await;
        assert!(ended.status.success(), "{ended:?}");
        ended
    }

    /// Ends it as a power cut would end its process.
    pub(super) fn kill(mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Waits for something to be there.
pub(super) async fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    let mut ticks = tokio::time::interval(Duration::from_millis(5));
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(begun.elapsed() < WAIT_MAX, "{what} takes too long");
        ticks.tick().await;
    }
}

/// `curl`, which knows nothing of this machine's settings.
pub(super) fn curl(words: &[&str]) -> Ended {
    let fixed = ["-q", "--silent", "--show-error", "--noproxy", "*", "--max-time", "25"];
    let Output { status, stdout, stderr } = Command::new("curl").args(fixed).args(words).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    Ended { status, stdout: text(stdout), stderr: text(stderr) }
}
