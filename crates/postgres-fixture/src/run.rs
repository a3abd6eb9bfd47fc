//! What one process of ours leaves on the machine while it lives: a directory with all its servers, and a watchdog that
//! ends them and removes it afterwards.

use std::fs;
use std::os::unix::fs::{DirBuilderExt as _, lchown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, OnceLock};

use crate::Version;

/// Its standard input is a pipe that this process alone holds open: it ends with the process, however that ends.
/// Servers are found by the directory in which they work; kill -9 ends stopped ones too.
const WATCHDOG: &str = r#"
trap '' INT TERM HUP
cat >/dev/null
for _ in 1 2 3 4 5 6 7 8 9 10; do
  found=$(find /proc -maxdepth 2 -path '/proc/[0-9]*/cwd' -lname "$1/*" -printf '%h\n' 2>/dev/null)
  [ -n "$found" ] || break
  for process in $found; do kill -KILL "${process#/proc/}" 2>/dev/null; done
done
rm -rf "$1"
"#;

/// The directory of this process.
#[derive(Debug)]
pub(crate) struct Run {
    directory: PathBuf,
    /// Who runs the servers, if not we.
    user: Option<User>,
    servers: Mutex<u32>,
    _watchdog: Child,
}

#[derive(Debug, Clone, Copy)]
struct User {
    uid: u32,
    gid: u32,
}

impl Run {
    /// That of this process, made when first asked for.
    pub(crate) fn of_this_process() -> &'static Self {
        static RUN: OnceLock<Run> = OnceLock::new();
        RUN.get_or_init(Self::begin)
    }

    fn begin() -> Self {
        let user = rustix::process::geteuid().is_root().then(|| named("postgres"));
        // The watchdog removes it: a static value is never dropped.
        let directory = tempfile::Builder::new().prefix("kimbai-postgres-").tempdir().unwrap().keep();
        give(&directory, user);
        let mut watchdog = command_of(user, Path::new("sh"));
        watchdog.args(["-c", WATCHDOG, "kimbai-postgres-watchdog"]).arg(&directory).current_dir("/");
        let watchdog = watchdog.stdin(Stdio::piped()).spawn().unwrap();
        Self { directory, user, servers: Mutex::default(), _watchdog: watchdog }
    }

    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    /// A new directory for one server.
    pub(crate) fn server_directory(&self) -> PathBuf {
        let mut servers = self.servers.lock().unwrap();
        *servers += 1;
        let directory = self.directory.join(servers.to_string());
        fs::DirBuilder::new().mode(0o700).create(&directory).unwrap();
        give(&directory, self.user);
        directory
    }

    /// A program that runs as the user of the servers, in this directory, and is not reached by what a terminal sends.
    pub(crate) fn command(&self, program: &Path) -> Command {
        let mut command = command_of(self.user, program);
        command.current_dir(&self.directory);
        command
    }

    /// Gives a folder and all that is in it to the user of the servers.
    pub(crate) fn hand_over(&self, path: &Path) {
        give(path, self.user);
        for entry in fs::read_dir(path).into_iter().flatten().map(Result::unwrap) {
            if entry.file_type().unwrap().is_dir() {
                self.hand_over(&entry.path());
            } else {
                give(&entry.path(), self.user);
            }
        }
    }

    /// A data directory as `initdb` makes it, made once for each version.
    pub(crate) fn new_cluster(&self, version: Version, programs: &Path) -> &Path {
        static CLUSTERS: [OnceLock<PathBuf>; Version::ALL.len()] = [const { OnceLock::new() }; Version::ALL.len()];
        let cluster = match version {
            Version::V15 => &CLUSTERS[0],
            Version::V18 => &CLUSTERS[1],
        };
        cluster.get_or_init(|| self.initdb(version, programs))
    }

    fn initdb(&self, version: Version, programs: &Path) -> PathBuf {
        let to = self.directory.join(format!("cluster-{}", version.major()));
        let password_file = self.directory.join(format!("password-{}", version.major()));
        fs::write(&password_file, crate::database::PASSWORD).unwrap();
        give(&password_file, self.user);
        let mut initdb = self.command(&programs.join("bin/initdb"));
        initdb.args(["--no-sync", "--encoding=UTF8", "--locale=C", "--auth-local=trust", "--auth-host=scram-sha-256"]);
        initdb.args(["--username=postgres", "--pwfile"]).arg(&password_file).arg("--pgdata").arg(&to);
        let output = initdb.stdout(Stdio::piped()).stderr(Stdio::piped()).output().unwrap();
        assert!(output.status.success(), "initdb of {version:?}: {}", String::from_utf8_lossy(&output.stderr));
        to
    }
}

fn command_of(user: Option<User>, program: &Path) -> Command {
    let mut command = Command::new(program);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).process_group(0).env_remove("PGDATA");
    if let Some(User { uid, gid }) = user {
        command.uid(uid).gid(gid);
    }
    command
}

fn give(path: &Path, user: Option<User>) {
    if let Some(User { uid, gid }) = user {
        lchown(path, Some(uid), Some(gid)).unwrap();
    }
}

fn named(name: &str) -> User {
    let users = fs::read_to_string("/etc/passwd").unwrap();
    let fields = users.lines().map(|line| line.split(':').collect::<Vec<_>>()).find(|fields| fields[0] == name);
    let Some(fields) = fields else {
        panic!("there is no user {name}, and PostgreSQL does not run as root: install Debian's postgresql-15")
    };
    User { uid: fields[2].parse().unwrap(), gid: fields[3].parse().unwrap() }
}
