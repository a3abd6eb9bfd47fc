//! Whatever happens to a server or to PostgreSQL: no honest client is refused, and no grant has two successors.

use std::time::{Duration, Instant};

use kimbai_postgres_fixture::{Database, Server as Postgres, Stop, Version};

use super::load::{Load, Patience};
use super::proxy::Proxy;
use super::servers::Cluster;
use crate::fixture::{Call, Connection};

const SERVERS: usize = 3;
/// Beyond the deadline of a caller, 5 s, and what makes a silent server a lost one: 10 s, and 10 s for another connection.
const FROZEN: Duration = Duration::from_secs(25);
/// Some of the time lanes find their connections cut while they work, and some while they are made.
const BETWEEN_CUTS: Duration = Duration::from_millis(400);
/// When the store is back, all servers find it within this time.
const BACK_MAX: Duration = Duration::from_secs(15);

/// So many times what is done again and again.
fn times(short: usize) -> usize {
    if std::env::var_os("KIMBAI_TEST_LONG").is_some_and(|long| long == "1") { short * 10 } else { short }
}

async fn under_load(database: &Database<'_>) -> (Cluster, Load) {
    let cluster = Cluster::start(database, SERVERS).await;
    let person = cluster.person(0).await;
    let load = Load::begin(&person, &cluster.ports(), Patience::Endless).await;
    (cluster, load)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "run by ./test cluster"]
async fn a_server_that_is_killed_in_the_middle_of_a_batch_loses_nothing() {
    for &version in Version::under_test() {
        let database = Postgres::shared(version).fresh_database();
        let (mut cluster, mut load) = under_load(&database).await;
        for round in 0..times(12) {
            load.more(200).await;
            cluster.kill(round % SERVERS);
            // The others go on without it.
            load.more(200).await;
            cluster.serve(round % SERVERS).await;
        }
        load.end(&cluster).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "run by ./test cluster"]
async fn a_restart_of_postgresql_is_an_outage_and_no_loss() {
    for &version in Version::under_test() {
        // A commit must be on the disk: its processes are killed.
        let postgres = Postgres::start(version, &[("fsync", "on")]);
        let database = postgres.fresh_database();
        let (cluster, mut load) = under_load(&database).await;
        for round in 0..times(3) {
            load.more(200).await;
            match round % 3 {
                0 => postgres.restart(Stop::Fast),
                1 => postgres.restart(Stop::Immediate),
                _ => {
                    postgres.kill();
                    load.pass(Duration::from_secs(2)).await;
                    postgres.start_again();
                }
            }
            assert_back(&cluster).await;
        }
        load.more(200).await;
        load.end(&cluster).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "run by ./test cluster"]
async fn what_a_frozen_postgresql_does_when_it_wakes_is_fenced() {
    for &version in Version::under_test() {
        let postgres = Postgres::start(version, &[]);
        let database = postgres.fresh_database();
        let (cluster, mut load) = under_load(&database).await;
        for _ in 0..times(1) {
            load.more(500).await;
            postgres.pause();
            load.pass(FROZEN).await;
            for number in 0..SERVERS {
                assert_lost(&cluster, number).await;
            }
            postgres.resume();
            assert_back(&cluster).await;
        }
        load.more(500).await;
        load.end(&cluster).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "run by ./test cluster"]
async fn connections_that_postgresql_ends_are_made_again() {
    for &version in Version::under_test() {
        let postgres = Postgres::shared(version);
        let database = postgres.fresh_database();
        let (cluster, mut load) = under_load(&database).await;
        let name = database.name();
        for _ in 0..times(10) {
            load.pass(BETWEEN_CUTS).await;
            let ended = format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'");
            postgres.sql("postgres", &ended);
        }
        assert_back(&cluster).await;
        load.more(200).await;
        load.end(&cluster).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "run by ./test cluster"]
async fn connections_that_are_cut_lose_no_answer_for_good() {
    for &version in Version::under_test() {
        let postgres = Postgres::shared(version);
        let database = postgres.fresh_database();
        let proxy = Proxy::before(postgres.port()).await;
        let cluster = Cluster::start_with(&database.url_by_port(proxy.port), &[const { Vec::new() }; SERVERS]).await;
        let person = cluster.person(0).await;
        let mut load = Load::begin(&person, &cluster.ports(), Patience::Endless).await;
        for round in 0..times(10) {
            load.pass(BETWEEN_CUTS).await;
            if round % 2 == 0 {
                proxy.cut();
            } else {
                proxy.lose_answers(Duration::from_millis(30)).await;
            }
        }
        assert_back(&cluster).await;
        load.more(200).await;
        load.end(&cluster).await;
    }
}

/// Without its store a server says that it is not ready, says so in time, and serves what needs no store.
async fn assert_lost(cluster: &Cluster, number: usize) {
    assert!(!cluster.is_ready(number).await, "server {number} has not noticed");
    Connection::to(cluster.operator(number)).send(&Call::get("/healthz")).await.unwrap().expect(200);
    cluster.send(number, Call::get("/.well-known/oauth-authorization-server")).await.expect(200);
}

/// All servers are ready again.
async fn assert_back(cluster: &Cluster) {
    let begun = Instant::now();
    for number in 0..SERVERS {
        while !cluster.is_ready(number).await {
            assert!(begun.elapsed() < BACK_MAX, "server {number} is not ready");
        }
    }
}
