//! Servers that are stopped and started one after the other behind HAProxy: nobody notices.

use std::fs;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use kimbai_postgres_fixture::{Server as Postgres, Version};

use super::super::place::until;
use super::client::{Client, Route};
use super::load::{Load, Patience};
use super::servers::{Cluster, Person};
use crate::fixture::{Call, Connection, Start, say};

const SERVERS: usize = 2;
const ROUNDS: usize = 3;
/// A server that is up is asked every 200 ms whether it is ready.
const USED_MAX: Duration = Duration::from_secs(20);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "run by ./test cluster"]
async fn a_rolling_restart_behind_haproxy_fails_no_request() {
    for &version in Version::under_test() {
        let database = Postgres::shared(version).fresh_database();
        let mut cluster = Cluster::start(&database, SERVERS).await;
        let person = cluster.person(0).await;
        let haproxy = Haproxy::before(&cluster).await;
        let is_over = Arc::new(AtomicBool::default());
        let visitor = tokio::spawn(visit(person.clone(), haproxy.port, Arc::clone(&is_over)));
        let mut load = Load::begin(&person, &[haproxy.port], Patience::None).await;
        for number in (0..SERVERS).cycle().take(SERVERS * ROUNDS) {
            load.more(500).await;
            cluster.stop(number).await;
            load.more(500).await;
            cluster.serve(number).await;
            haproxy.until_used(number).await;
        }
        load.more(500).await;
        load.end(&cluster).await;
        is_over.store(true, Ordering::Relaxed);
        let visits = visitor.await.unwrap();
        say(&format!("{visits} visits"));
        assert!(visits > SERVERS * ROUNDS, "{visits}");
    }
}

/// New log-ins, whose codes can be redeemed once: a request must not be made twice either. How many there were.
async fn visit(person: Person, port: u16, is_over: Arc<AtomicBool>) -> usize {
    let mut route = Route::over(&[port], 0);
    let mut visits = 0;
    while !is_over.load(Ordering::Relaxed) {
        Client::begin(&person, visits, port).await.refresh_at_once(&mut route).await;
        visits += 1;
    }
    visits
}

/// HAProxy before all servers of a cluster; ended when it is dropped.
struct Haproxy {
    process: Child,
    port: u16,
    _configuration: tempfile::NamedTempFile,
}

impl Haproxy {
    async fn before(cluster: &Cluster) -> Self {
        let port = Start::new(None).port_base;
        let server = |(number, public)| {
            format!("  server kimbai-{number} 127.0.0.1:{public} check port {}\n", cluster.operator(number))
        };
        let servers: Vec<_> = cluster.ports().into_iter().enumerate().map(server).collect();
        let frontend = format!(
            "frontend public\n  bind 127.0.0.1:{port}\n  default_backend kimbai\n\
             frontend figures\n  bind 127.0.0.1:{}\n  stats enable\n  stats uri /\n",
            port + 1
        );
        let configuration = tempfile::NamedTempFile::new().unwrap();
        fs::write(configuration.path(), format!("{DEFAULTS}{frontend}{BACKEND}{}", servers.concat())).unwrap();
        // Debian has it where only root looks.
        let program = if fs::exists(DEBIAN).unwrap() { DEBIAN } else { "haproxy" };
        let mut command = Command::new(program);
        command.args(["-db", "-f"]).arg(configuration.path()).stdout(Stdio::null()).stderr(Stdio::null());
        let process = command.spawn().expect("HAProxy: tools/install cluster installs it");
        until("HAProxy", || std::net::TcpStream::connect(("127.0.0.1", port)).is_ok().then_some(())).await;
        Self { process, port, _configuration: configuration }
    }

    /// Waits until requests go to a server again: the next one must not be stopped earlier.
    async fn until_used(&self, number: usize) {
        let begun = Instant::now();
        let mut connection = Connection::to(self.port + 1);
        loop {
            let table = connection.send(&Call::get("/;csv")).await.unwrap().expect(200).body;
            let is_its_line = |line: &&str| line.starts_with(&format!("kimbai,kimbai-{number},"));
            let line = table.lines().find(is_its_line).unwrap_or_else(|| panic!("no server {number}: {table}"));
            if line.split(',').any(|field| field == "UP") {
                return;
            }
            assert!(begun.elapsed() < USED_MAX, "{line}");
        }
    }
}

impl Drop for Haproxy {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

const DEBIAN: &str = "/usr/sbin/haproxy";
const DEFAULTS: &str = "\
defaults
  mode http
  timeout connect 2s
  timeout client 60s
  timeout server 30s
  timeout check 5s
";
/// A server that stops closes its port at once and answers what it has read. What it has not read is sent to the other.
/// One whose answer is only late must not be given up: there may be no other.
const BACKEND: &str = "\
backend kimbai
  balance roundrobin
  option httpchk GET /readyz
  default-server inter 200ms fall 3 rise 1
  retries 3
  option redispatch 1
  retry-on conn-failure empty-response
";
