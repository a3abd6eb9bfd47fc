//! The fixture does what tests rely on, with every version under test.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use kimbai_postgres_fixture::{Server, Settings, Stop, Version};
use tokio::net::TcpStream;

const WAIT_MAX: Duration = Duration::from_secs(30);

#[test]
fn each_version_is_what_it_says() {
    for &version in Version::under_test() {
        let major =
            Server::shared(version).sql("postgres", "SELECT current_setting('server_version_num')::int / 10000");
        assert_eq!(major, version.major().to_string());
    }
}

#[test]
fn a_database_is_new_and_its_owner_is_no_superuser() {
    for &version in Version::under_test() {
        let server = Server::shared(version);
        let (one, other) = (server.fresh_database(), server.fresh_database());
        one.sql("CREATE TABLE t(n int); INSERT INTO t VALUES (1), (2)");
        assert_eq!(one.sql("SELECT n, n + 1 FROM t ORDER BY n"), "1|2\n2|3");
        assert_eq!(other.sql("SELECT count(*) FROM pg_class WHERE relname = 't'"), "0");
        assert_eq!(
            other.sql(
                "SELECT rolsuper FROM pg_database JOIN pg_roles r ON datdba = r.oid WHERE datname = current_database()"
            ),
            "f"
        );
        let name = one.name().to_owned();
        drop(one);
        assert_eq!(server.sql("postgres", &format!("SELECT count(*) FROM pg_database WHERE datname = '{name}'")), "0");
    }
}

#[tokio::test]
async fn both_urls_lead_to_the_database() {
    for &version in Version::under_test() {
        let database = Server::shared(version).fresh_database();
        for url in [database.url(), database.socket_url()] {
            let (client, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls).await.unwrap();
            drop(tokio::spawn(connection));
            let row = client.query_one("SELECT current_database()::text, current_user::text", &[]).await.unwrap();
            assert_eq!([row.get::<_, &str>(0), row.get(1)], [database.name(), "kimbai"], "{url}");
        }
        let wrong = database.url().replace("not-a-secret", "wrong");
        let refused = tokio_postgres::connect(&wrong, tokio_postgres::NoTls).await.err().unwrap();
        assert_eq!(refused.code().unwrap().code(), "28P01");
    }
}

#[test]
fn a_server_keeps_what_it_committed_over_restarts_and_kills() {
    for &version in Version::under_test() {
        let server = Server::start(version, &[("synchronous_commit", "on"), ("application_name", "it's")]);
        assert_eq!(server.sql("postgres", "SELECT current_setting('synchronous_commit')"), "on");
        let database = server.fresh_database();
        database.sql("CREATE TABLE t(n int); INSERT INTO t VALUES (1)");
        server.restart(Stop::Fast);
        database.sql("INSERT INTO t VALUES (2)");
        server.restart(Stop::Immediate);
        database.sql("INSERT INTO t VALUES (3)");
        server.kill();
        assert!(server.try_sql("postgres", "SELECT").is_err());
        server.start_again();
        assert_eq!(database.sql("SELECT sum(n) FROM t"), "6");
    }
}

#[tokio::test]
async fn a_frozen_server_answers_after_it_goes_on() {
    for &version in Version::under_test() {
        let server = Server::start(version, &[]);
        let url = server.fresh_database().url();
        let url = url.replace(&url[url.rfind('/').unwrap()..], "/postgres");
        let (client, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls).await.unwrap();
        drop(tokio::spawn(connection));
        server.pause();
        // Its socket listens all the same.
        drop(TcpStream::connect(("127.0.0.1", server.port())).await.unwrap());
        let answer = client.query_one("SELECT 1", &[]);
        tokio::pin!(answer);
        assert!(tokio::time::timeout(Duration::from_millis(300), &mut answer).await.is_err());
        server.resume();
        assert_eq!(answer.await.unwrap().get::<_, i32>(0), 1);
    }
}

#[test]
fn processor_time_is_counted_also_of_connections_that_have_ended() {
    for &version in Version::under_test() {
        let server = Server::start(version, &[]);
        let before = server.cpu_time();
        server.sql("postgres", "SELECT count(*) FROM generate_series(1, 3000000)");
        let used = server.cpu_time().saturating_sub(before);
        assert!((Duration::from_millis(50)..WAIT_MAX).contains(&used), "{used:?}");
    }
}

#[test]
fn an_environment_reaches_the_server() {
    let settings = Settings { configuration: &[], environment: &[("KIMBAI_FIXTURE", "was told")] };
    let server = Server::start_with(Version::under_test()[0], &settings);
    let ask = "CREATE TEMP TABLE said(line text); COPY said FROM PROGRAM 'echo $KIMBAI_FIXTURE'; SELECT line FROM said";
    assert_eq!(server.sql("postgres", ask), "was told");
}

#[test]
fn a_dropped_server_leaves_nothing() {
    let server = Server::start(Version::under_test()[0], &[]);
    let (data, port) = (server.data_directory(), server.port());
    drop(server);
    assert!(!data.exists());
    assert!(std::net::TcpStream::connect(("127.0.0.1", port)).is_err());
}

#[test]
fn the_servers_of_a_killed_process_end_and_leave_no_files() {
    let program = std::env::current_exe().unwrap();
    let arguments = ["--exact", "owner_of_servers", "--ignored", "--nocapture"];
    let mut owner = Command::new(program).args(arguments).stdout(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(owner.stdout.take().unwrap()).lines().map(Result::unwrap);
    let line = lines.into_iter().find_map(|line| line.strip_prefix("servers ").map(str::to_owned)).unwrap();
    let (port, data) = line.split_once(' ').unwrap();
    let is_up = || std::net::TcpStream::connect(("127.0.0.1", port.parse().unwrap())).is_ok();
    assert!(is_up() && Path::new(data).exists());
    owner.kill().unwrap();
    owner.wait().unwrap();
    let begun = Instant::now();
    let run = Path::new(data).ancestors().nth(2).unwrap();
    while is_up() || run.exists() {
        assert!(begun.elapsed() < WAIT_MAX, "port {port} or {} is still there", run.display());
        std::thread::yield_now();
    }
}

/// What is killed above: one of its servers is frozen, which must not save it.
#[test]
#[ignore = "a part of the test above"]
fn owner_of_servers() {
    let version = Version::under_test()[0];
    let (frozen, server) = (Server::start(version, &[]), Server::start(version, &[]));
    frozen.pause();
    // On a line of its own: the harness has said something before.
    let line = format!("\nservers {} {}\n", server.port(), server.data_directory().display());
    std::io::stdout().write_all(line.as_bytes()).unwrap();
    std::io::stdin().lines().for_each(drop);
    std::thread::park();
}
