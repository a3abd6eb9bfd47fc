//! Servers that are stopped and started one after the other behind HAProxy: nobody notices.

use std::fs;
use std::process::{Child, Command, Stdio};

use kimbai_postgres_fixture::{Server as Postgres, Version};

use super::super::place::until;
use super::load::{Load, Patience};
use super::servers::Cluster;
use crate::fixture::Start;

const SERVERS: usize = 2;
const ROUNDS: usize = 3;

/// HAProxy before all servers of a cluster; ended when it is dropped.
struct Haproxy {
    process: Child,
    port: u16,
    _configuration: tempfile::NamedTempFile,
}

impl Haproxy {
    async fn before(cluster: &Cluster) -> Self {
        let port = Start::new(None).port_base;
        let configuration = tempfile::NamedTempFile::new().unwrap();
        let servers = cluster.ports().into_iter().enumerate().map(|(number, public)| {
            format!("  server kimbai-{number} 127.0.0.1:{public} check port {}\n", cluster.operator(number))
        });
        let text = format!(
            "{CONFIGURATION}frontend public\n  bind 127.0.0.1:{port}\n  default_backend kimbai\nbackend kimbai\n{BACKEND}{}",
            servers.collect::<Vec<_>>().concat()
        );
        fs::write(configuration.path(), text).unwrap();
        // Debian keeps it where only root looks.
        let program = ["/usr/sbin/haproxy", "haproxy"].into_iter().find(|path| fs::exists(path).unwrap_or(false));
        let mut command = Command::new(program.unwrap_or("haproxy"));
        command.arg("-db").arg("-f").arg(configuration.path()).stdout(Stdio::null()).stderr(Stdio::inherit());
        let process = command.spawn().expect("HAProxy: tools/install cluster");
        until("HAProxy", || std::net::TcpStream::connect(("127.0.0.1", port)).is_ok().then_some(())).await;
        Self { process, port, _configuration: configuration }
    }
}

impl Drop for Haproxy {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "run by ./test cluster"]
async fn a_rolling_restart_behind_haproxy_fails_no_request() {
    for &version in Version::under_test() {
        let database = Postgres::shared(version).fresh_database();
        let mut cluster = Cluster::start(&database, SERVERS).await;
        let person = cluster.person(0).await;
        let haproxy = Haproxy::before(&cluster).await;
        let mut load = Load::begin(&cluster, &person, &[haproxy.port], Patience::None).await;
        for number in (0..SERVERS).cycle().take(SERVERS * ROUNDS) {
            load.more(500).await;
            cluster.stop(number).await;
            load.more(500).await;
            cluster.serve(number).await;
            until_ready(&cluster, number).await;
        }
        load.more(500).await;
        load.end(&cluster).await;
    }
}

async fn until_ready(cluster: &Cluster, number: usize) {
    while !cluster.is_ready(number).await {}
}

/// As docs/operate.md has it.
const CONFIGURATION: &str = "\
defaults
  mode http
  timeout connect 2s
  timeout client 60s
  timeout server 30s
";

/// A server that stops closes its port at once and answers what it has read. What it has not read may be sent to another.
const BACKEND: &str = "\
  balance roundrobin
  option httpchk GET /readyz
  default-server inter 200ms fall 1 rise 1
  retries 3
  option redispatch 1
  retry-on conn-failure empty-response
";
