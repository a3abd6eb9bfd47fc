//! The administration commands as processes: what they print, what they refuse, and with which status they end.

mod backups;
mod clients;
mod flow;
mod grants;
mod keys;
mod master_key;
mod partners;
mod refusals;
mod terminal;

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use kimbai_engine::claim;
use kimbai_keyring::{KeyFile, MasterKey};
use kimbai_postgres_fixture::{Database, Server as PostgresServer, Version};
use kimbai_store::Clock;
use kimbai_store::postgres::{self, PostgresStore};
use kimbai_store::sqlite::{Location, Options, SqliteStore};
use serde_json::Value;
use tempfile::TempDir;

use crate::BINARY;
use crate::fixture::Start;

const AN_PASSWORD: &str = "mật khẩu của Ảnh";
const WEB_SECRET: &str = "web-secret-0123456789-abcdef";

/// The realm that most cases are about; its secrets stand elsewhere.
const MANIFEST: &str = "\
[realms.main]
display_name = \"Chợ Quê\"
issuer = \"http://localhost:4500\"

[[realms.main.scopes]]
name = \"orders.read\"
description_vi = \"Xem đơn hàng của bạn\"
description_en = \"See your orders\"

[realms.main.clients.web]
client_name = \"Chợ Quê trên mạng\"
redirect_uris = [\"http://localhost:8080/callback\"]
scope = \"offline_access orders.read\"
client_secret = \"env:KIMBAI_TEST_WEB_SECRET\"

[realms.main.clients.jobs]
scope = \"orders.read\"

[realms.main.users.an]
name = \"Đặng Thị Ngọc Ảnh\"
email = \"an@example.vn\"
sub = \"1\"
password = \"file:an.password\"
";

/// A directory in which commands are run on a store.
struct Place {
    server: Option<Server>,
    directory: TempDir,
    /// Without one, the store is embedded.
    database: Option<Database<'static>>,
}

/// A server beside which commands are run; killed when it is dropped.
struct Server {
    process: Child,
    /// Where it answers clients.
    address: String,
    log: PathBuf,
}

/// Commands and what they answer are the same without a server and beside one, on either store; on PostgreSQL also while a server
/// of another machine has it.
fn each_way(case: impl Fn(&Place)) {
    each_way_embedded(&case);
    let versions = Version::under_test();
    let place = Place::new_on(versions[0]).and_realm();
    let there = place.path().join("elsewhere");
    fs::create_dir(&there).unwrap();
    fs::copy(place.data().join("master.key"), there.join("master.key")).unwrap();
    place.serve_while("elsewhere", &case);
    Place::new_on(versions[versions.len() - 1]).and_realm().serve_while("kimbai-data", &case);
}

/// The same, of what only an embedded store has.
fn each_way_embedded(case: impl Fn(&Place)) {
    case(&Place::with_realm());
    Place::with_realm().serve_while("kimbai-data", &case);
}

/// A command that has ended.
#[derive(Debug)]
struct Ended {
    code: i32,
    stdout: String,
    stderr: String,
}

impl Place {
    /// With an empty store, as a server that was killed at its first start would leave one.
    fn new() -> Self {
        let place = Self::without_store(None);
        make_store(&place.data());
        place
    }

    /// The same, on PostgreSQL.
    fn new_on(version: Version) -> Self {
        let place = Self::without_store(Some(PostgresServer::shared(version).fresh_database()));
        fs::create_dir(place.data()).unwrap();
        let key = MasterKey::generate();
        KeyFile::new(place.data().join("master.key")).write(&key).unwrap();
        let url = place.database.as_ref().unwrap().url().parse().unwrap();
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let store = PostgresStore::open(&url, postgres::Options::default()).await.unwrap();
            assert!(claim(&store, &key).await.unwrap());
            store.close().await;
        });
        place
    }

    fn without_store(database: Option<Database<'static>>) -> Self {
        let place = Self { directory: tempfile::tempdir().unwrap(), server: None, database };
        place.write("manifest.toml", MANIFEST);
        place.write("an.password", &format!("{AN_PASSWORD}\n"));
        place
    }

    /// With the realm, clients and user of the manifest.
    fn with_realm() -> Self {
        Self::new().and_realm()
    }

    fn and_realm(self) -> Self {
        self.ok(&["apply", "--yes", "manifest.toml"]);
        self
    }

    /// Runs a case while a server has this data.
    fn serve_while(mut self, data: &str, case: &impl Fn(&Self)) {
        self.serve(data);
        case(&self);
        let log = self.stop();
        assert!(!log.contains(WEB_SECRET) && !log.contains(AN_PASSWORD), "{log}");
        assert!(!log.contains("not-a-secret"), "the database's password: {log}");
    }

    /// Starts a server on this data, and waits until it answers.
    fn serve(&mut self, data: &str) {
        let log = self.path().join("serve.log");
        let mut command = self.command(BINARY);
        let listen = format!("127.0.0.1:{}", Start::new(None).port_base);
        command.args(["serve", "--log", "trace", "--operator", "", "--data", data, "--listen", &listen]);
        let mut process = command.stderr(File::create(&log).unwrap()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert!(line.starts_with("realm "), "{line}{}", fs::read_to_string(&log).unwrap());
        self.server = Some(Server { process, address: listen, log });
    }

    /// Stops the server; what it has logged.
    fn stop(&mut self) -> String {
        let mut server = self.server.take().unwrap();
        assert!(Command::new("kill").arg(server.process.id().to_string()).status().unwrap().success());
        assert!(server.process.wait().unwrap().success());
        fs::read_to_string(&server.log).unwrap()
    }

    fn path(&self) -> &Path {
        self.directory.path()
    }

    fn data(&self) -> PathBuf {
        self.path().join("kimbai-data")
    }

    fn write(&self, name: &str, content: &str) {
        fs::write(self.path().join(name), content).unwrap();
    }

    fn run(&self, words: &[&str]) -> Ended {
        self.run_with(words, "")
    }

    fn run_with(&self, words: &[&str], input: &str) -> Ended {
        let mut command = self.command(BINARY);
        let mut child = command.args(words).spawn().unwrap();
        // It may end without reading.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        let Output { status, stdout, stderr } = child.wait_with_output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Ended { code: status.code().unwrap(), stdout: text(stdout), stderr: text(stderr) }
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.current_dir(self.path()).env("KIMBAI_TEST_WEB_SECRET", WEB_SECRET).env_remove("NO_COLOR");
        if let Some(database) = &self.database {
            command.env("KIMBAI_STORE_URL", database.url());
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Its standard output; it must end well and say nothing else.
    #[track_caller]
    fn ok(&self, words: &[&str]) -> String {
        self.ok_with(words, "")
    }

    #[track_caller]
    fn ok_with(&self, words: &[&str], input: &str) -> String {
        let ended = self.run_with(words, input);
        assert_eq!((ended.code, ended.stderr.as_str()), (0, ""), "{words:?}: {}", ended.stdout);
        ended.stdout
    }

    /// Its reply.
    #[track_caller]
    fn json(&self, words: &[&str]) -> Value {
        self.json_with(words, "")
    }

    #[track_caller]
    fn json_with(&self, words: &[&str], input: &str) -> Value {
        let stdout = self.ok_with(&[words, &["--json"]].concat(), input);
        assert!(stdout.ends_with('\n'), "{words:?}: {stdout}");
        serde_json::from_str(&stdout).unwrap_or_else(|error| panic!("{words:?}: {error}: {stdout}"))
    }

    /// What it says on standard error; it must end with this status and print nothing.
    #[track_caller]
    fn refused(&self, words: &[&str], code: i32) -> String {
        self.refused_with(words, "", code)
    }

    #[track_caller]
    fn refused_with(&self, words: &[&str], input: &str, code: i32) -> String {
        let ended = self.run_with(words, input);
        assert_eq!((ended.code, ended.stdout.as_str()), (code, ""), "{words:?}: {}", ended.stderr);
        assert!(ended.stderr.starts_with("error: "), "{words:?}: {}", ended.stderr);
        ended.stderr
    }

    /// Everything that stands, with hashes.
    #[track_caller]
    fn standing(&self) -> Value {
        self.json(&["export", "--hashes"])
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Makes a store and its master key.
fn make_store(data: &Path) {
    let location = Location::Directory(data.to_owned());
    drop(SqliteStore::open(location, Clock::default(), Options::default()).unwrap());
    KeyFile::new(data.join("master.key")).write(&MasterKey::generate()).unwrap();
}
