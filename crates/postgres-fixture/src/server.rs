//! A server: started, asked, stopped, frozen and killed.

use std::fs::{self, File};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, OnceLock};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::run::Run;
use crate::version::copy_folder;
use crate::{Database, Version, database, processes};

/// No start and no end takes so long.
const WAIT_MAX: Duration = Duration::from_mins(1);
const STARTS_MAX: u32 = 20;
/// Below the range from which the system takes the ports of outgoing connections.
const PORTS: std::ops::Range<u32> = 12_000..20_000;

/// What every server is told, before what its owner tells it.
const FIXED: [(&str, &str); 5] = [
    ("listen_addresses", "127.0.0.1"),
    ("max_connections", "300"),
    ("log_line_prefix", "%m [%p] %a "),
    ("jit", "off"),
    ("restart_after_crash", "on"),
];

/// How a server is started.
#[derive(Debug, Clone, Copy, Default)]
pub struct Settings<'a> {
    /// Lines of `postgresql.conf`, later ones over earlier ones. Without `fsync` it is off: suites need not wait for
    /// the disk.
    pub configuration: &'a [(&'a str, &'a str)],
    /// Variables of its environment (libfaketime's).
    pub environment: &'a [(&'a str, &'a str)],
}

/// How a server is stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// Its connections are ended (57P01), what they did not commit is rolled back.
    Fast,
    /// Its processes are ended at once, and the next start recovers from the log.
    Immediate,
}

/// A running server; killed, and its files removed, when it is dropped.
#[derive(Debug)]
pub struct Server {
    version: Version,
    programs: PathBuf,
    directory: PathBuf,
    port: u16,
    environment: Vec<(String, String)>,
    /// None while it is stopped.
    process: Mutex<Option<Child>>,
}

impl Server {
    /// Starts one on a new directory and waits until it answers.
    ///
    /// # Panics
    /// If it does not start; with the end of its log.
    #[must_use]
    pub fn start(version: Version, configuration: &[(&str, &str)]) -> Self {
        Self::start_with(version, &Settings { configuration, ..Settings::default() })
    }

    /// The same, with an environment.
    ///
    /// # Panics
    /// As [`Server::start`].
    #[must_use]
    pub fn start_with(version: Version, settings: &Settings<'_>) -> Self {
        let run = Run::of_this_process();
        let programs = version.programs(run);
        let directory = run.server_directory();
        copy_folder(run.new_cluster(version, &programs), &directory.join("data"));
        let own = |&(name, value): &(&str, &str)| (name.to_owned(), value.to_owned());
        let environment = settings.environment.iter().map(own).collect();
        let mut server = Self { version, programs, directory, port: 0, environment, process: Mutex::default() };
        for _ in 0..STARTS_MAX {
            server.port = free_port();
            server.configure(settings.configuration);
            match server.try_resume_work() {
                Ok(()) => {
                    server.sql("postgres", database::ROLE);
                    return server;
                }
                // Someone who looks for free ports may hold this one for a moment.
                Err(_) if server.log().contains("could not bind") => fs::remove_file(server.log_file()).unwrap(),
                Err(status) => panic!("{version:?} ended with {status}: {}", server.log()),
            }
        }
        panic!("no port stays free");
    }

    /// One for the whole process, started when first asked for.
    #[must_use]
    pub fn shared(version: Version) -> &'static Self {
        static SHARED: [OnceLock<Server>; Version::ALL.len()] = [const { OnceLock::new() }; Version::ALL.len()];
        let shared = match version {
            Version::V15 => &SHARED[0],
            Version::V18 => &SHARED[1],
        };
        shared.get_or_init(|| Self::start(version, &[]))
    }

    /// What it runs.
    #[must_use]
    pub fn version(&self) -> Version {
        self.version
    }

    /// Where it listens on 127.0.0.1; the same after a restart.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Where its socket is.
    #[must_use]
    pub fn socket_directory(&self) -> &Path {
        &self.directory
    }

    /// Where its files are.
    #[must_use]
    pub fn data_directory(&self) -> PathBuf {
        self.directory.join("data")
    }

    /// What it has logged so far.
    #[must_use]
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(self.log_file()).unwrap_or_default()).into_owned()
    }

    /// A new and empty database of a role that is no superuser.
    #[must_use]
    pub fn fresh_database(&self) -> Database<'_> {
        Database::create(self)
    }

    /// Runs statements as its superuser, over the socket: the rows of all of them, a line each, columns apart by `|`.
    ///
    /// # Panics
    /// If one of them fails.
    pub fn sql(&self, database: &str, statements: &str) -> String {
        self.try_sql(database, statements).unwrap_or_else(|error| panic!("{error}: {statements}"))
    }

    /// The same, for what may fail.
    ///
    /// # Errors
    /// What the server or the connection said.
    pub fn try_sql(&self, database: &str, statements: &str) -> Result<String, String> {
        database::run(self, database, statements)
    }

    /// Stops it and waits for its end. One that has stopped stays so.
    ///
    /// # Panics
    /// If it does not end.
    pub fn stop(&self, how: Stop) {
        if let Some(mut child) = self.process.lock().unwrap().take() {
            let signal = match how {
                Stop::Fast => Signal::INT,
                Stop::Immediate => Signal::QUIT,
            };
            kill_process(process_of(&child), signal).unwrap();
            let ended = wait(|| child.try_wait().unwrap().is_some());
            assert!(ended, "{:?} does not stop: {}", self.version, self.log());
        }
    }

    /// Ends all its processes as a power cut would. One that has stopped stays so.
    ///
    /// # Panics
    /// If it does not end.
    pub fn kill(&self) {
        if let Some(mut child) = self.process.lock().unwrap().take() {
            processes::signal_all(process_of(&child), Signal::KILL);
            child.wait().unwrap();
        }
    }

    /// Starts one that was stopped or killed, on the same files and port, and waits until it answers.
    ///
    /// # Panics
    /// If it does not start, or runs already.
    pub fn start_again(&self) {
        for _ in 0..STARTS_MAX {
            match self.try_resume_work() {
                Ok(()) => return,
                // Processes of a killed one may not have ended yet.
                Err(_) if self.log().lines().rev().take(5).any(|line| line.contains("still in use")) => pause(),
                Err(status) => panic!("{:?} ended with {status}: {}", self.version, self.log()),
            }
        }
        panic!("{:?} does not start again: {}", self.version, self.log());
    }

    /// Stops it and starts it again.
    ///
    /// # Panics
    /// As both.
    pub fn restart(&self, how: Stop) {
        self.stop(how);
        self.start_again();
    }

    /// Freezes all its processes (SIGSTOP).
    ///
    /// # Panics
    /// If it is stopped.
    pub fn pause(&self) {
        processes::signal_all(self.postmaster(), Signal::STOP);
    }

    /// Lets all its processes go on (SIGCONT).
    ///
    /// # Panics
    /// If it is stopped.
    pub fn resume(&self) {
        processes::signal_all(self.postmaster(), Signal::CONT);
    }

    /// What all its processes have used of the processors since its last start.
    ///
    /// # Panics
    /// If it is stopped.
    #[must_use]
    pub fn cpu_time(&self) -> Duration {
        processes::cpu_time(self.postmaster())
    }

    fn postmaster(&self) -> Pid {
        process_of(self.process.lock().unwrap().as_ref().unwrap_or_else(|| panic!("{:?} is stopped", self.version)))
    }

    fn log_file(&self) -> PathBuf {
        self.directory.join("log")
    }

    fn configure(&self, configuration: &[(&str, &str)]) {
        let (port, socket) = (self.port.to_string(), self.directory.to_str().unwrap());
        let own = [("port", port.as_str()), ("unix_socket_directories", socket), ("fsync", "off")];
        let lines = FIXED.iter().chain(&own).chain(configuration);
        let lines = lines.map(|(name, value)| format!("{name} = '{}'\n", value.replace('\'', "''")));
        let text = lines.collect::<Vec<_>>().concat();
        let file = self.data_directory().join("postgresql.auto.conf");
        fs::write(file, text).unwrap();
    }

    /// Ok when it answers; else how it ended.
    fn try_resume_work(&self) -> Result<(), ExitStatus> {
        let mut process = self.process.lock().unwrap();
        assert!(process.is_none(), "{:?} runs already", self.version);
        let data = self.data_directory();
        let log = File::options().create(true).append(true).open(self.log_file()).unwrap();
        let mut command = Run::of_this_process().command(&self.programs.join("bin/postgres"));
        command.arg("-D").arg(&data).current_dir(&self.directory).stderr(log);
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        let mut child = command.spawn().unwrap();
        let mut ended = None;
        let up = wait(|| {
            ended = child.try_wait().unwrap();
            ended.is_some() || is_ready(&data, child.id())
        });
        assert!(up, "{:?} takes too long: {}", self.version, self.log());
        if let Some(status) = ended {
            return Err(status);
        }
        *process = Some(child);
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
        let _ = fs::remove_dir_all(&self.directory);
    }
}

/// The postmaster writes its state into the eighth line of this file, as for `pg_ctl`.
fn is_ready(data: &Path, process: u32) -> bool {
    let state = fs::read_to_string(data.join("postmaster.pid")).unwrap_or_default();
    let lines: Vec<&str> = state.lines().map(str::trim).collect();
    lines.first() == Some(&process.to_string().as_str()) && matches!(lines.get(7), Some(&("ready" | "standby")))
}

fn process_of(child: &Child) -> Pid {
    Pid::from_child(child)
}

fn free_port() -> u16 {
    static TAKEN: AtomicU32 = AtomicU32::new(0);
    let count = PORTS.end - PORTS.start;
    let next = || std::process::id().wrapping_mul(37).wrapping_add(TAKEN.fetch_add(1, Ordering::Relaxed)) % count;
    let mut ports = (0..count).map(|_| u16::try_from(PORTS.start + next()).unwrap());
    ports.find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok()).unwrap_or_else(|| panic!("no free port"))
}

fn wait(mut is_there: impl FnMut() -> bool) -> bool {
    let begun = Instant::now();
    while !is_there() {
        if begun.elapsed() > WAIT_MAX {
            return false;
        }
        pause();
    }
    true
}

#[expect(clippy::disallowed_methods, reason = "neither a file nor the end of a process can be awaited with a deadline")]
fn pause() {
    std::thread::sleep(Duration::from_millis(5));
}
