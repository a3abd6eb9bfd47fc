//! Clocks that are wrong by five minutes, of servers and of PostgreSQL: the store's time alone counts, and what it was
//! before counts too when it goes back.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use kimbai_postgres_fixture::{Server as Postgres, Settings, Version};

use super::load::{Load, Patience};
use super::servers::Cluster;

/// libfaketime reads its file again within a second.
const MOVED: Duration = Duration::from_secs(3);

/// libfaketime; the clocks that only go on are left alone, or nothing would be waited for in its time.
fn faked(library: &str) -> [(&'static str, String); 3] {
    let libraries = fs::read_dir("/usr/lib").unwrap().map(|entry| entry.unwrap().path().join("faketime").join(library));
    let library = libraries.into_iter().find(|path| path.exists()).expect("Debian's package libfaketime");
    let path = |path: PathBuf| path.into_os_string().into_string().unwrap();
    [
        ("LD_PRELOAD", path(library)),
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
        ("FAKETIME_CACHE_DURATION", "1".to_owned()),
    ]
}

/// The environment of a server whose clock is wrong by so much.
fn wrong_by(offset: &str) -> Vec<String> {
    let faked = faked("libfaketimeMT.so.1").map(|(name, value)| format!("{name}={value}"));
    faked.into_iter().chain([format!("FAKETIME={offset}")]).collect()
}

/// A clock that is moved while PostgreSQL runs.
struct MovableClock(tempfile::NamedTempFile);

impl MovableClock {
    fn new() -> Self {
        let clock = Self(tempfile::Builder::new().permissions(public()).tempfile().unwrap());
        clock.move_to("+0");
        clock
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn move_to(&self, offset: &str) {
        fs::write(self.path(), offset).unwrap();
    }
}

/// PostgreSQL runs as another user.
fn public() -> fs::Permissions {
    use std::os::unix::fs::PermissionsExt as _;
    fs::Permissions::from_mode(0o644)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "run by ./test cluster"]
async fn nobody_is_refused_or_logged_out_by_a_clock_that_is_wrong_by_five_minutes() {
    for &version in Version::under_test() {
        let clock = MovableClock::new();
        let (faked, file) = (faked("libfaketime.so.1"), clock.path().to_str().unwrap());
        let mut environment: Vec<_> = faked.iter().map(|(name, value)| (*name, value.as_str())).collect();
        environment.push(("FAKETIME_TIMESTAMP_FILE", file));
        let postgres = Postgres::start_with(version, &Settings { configuration: &[], environment: &environment });
        let database = postgres.fresh_database();
        let environments = [wrong_by("+5m"), wrong_by("-5m"), Vec::new()];
        let cluster = Cluster::start_with(&database.url(), &environments).await;
        let person = cluster.person(0).await;
        let mut load = Load::begin(&person, &cluster.ports(), Patience::Endless).await;
        for (offset, moved_s) in [("+5m", 300), ("-5m", -300), ("+0", 0)] {
            load.more(200).await;
            clock.move_to(offset);
            load.pass(MOVED).await;
            assert_eq!(moved(&postgres), moved_s, "libfaketime does not reach PostgreSQL");
            for port in cluster.ports() {
                person.code(port).await;
            }
            load.more(200).await;
        }
        load.end(&cluster).await;
    }
}

/// By how many seconds PostgreSQL's clock is wrong, as half minutes go.
#[expect(clippy::disallowed_methods, reason = "the machine's clock is what it is compared with")]
fn moved(postgres: &Postgres) -> i64 {
    let says: i64 = postgres.sql("postgres", "SELECT extract(epoch FROM clock_timestamp())::bigint").parse().unwrap();
    let is = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let moved = says - i64::try_from(is).unwrap();
    (moved + moved.signum() * 15) / 30 * 30
}
