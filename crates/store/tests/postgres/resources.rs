//! What becomes of a store that lacks something: connections, rights, room on the disk.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, chown};
use std::process::Command;
use std::time::Duration;

use kimbai_core::number::AttemptId;
use kimbai_postgres_fixture::{Database, Server, Version};
use kimbai_store::postgres::{OpenError, Options, PostgresStore, ProcessRole};
use kimbai_store::{Ledger, Registry, StoreError, Upkeep};

use crate::scene::{self, Scene, active, done, rotate, until};

/// The newest one under test.
fn version() -> Version {
    *Version::under_test().last().unwrap()
}

fn few(lanes: usize, pool: usize) -> Options {
    Options { lanes, pool, deadline: Duration::from_secs(2), ..Options::default() }
}

fn allow(database: &Database<'_>, connections: i32) {
    let change = format!("ALTER DATABASE {} CONNECTION LIMIT {connections}", database.name());
    database.server().sql("postgres", &change);
}

#[tokio::test(flavor = "multi_thread")]
async fn too_few_connections_end_the_start_and_are_said_with_what_to_change() {
    let database = Server::shared(version()).fresh_database();
    scene::open(&database, few(1, 1)).await.close().await;
    let url = database.url().parse().unwrap();
    let connected = "SELECT count(*) FROM pg_stat_activity \
         WHERE datname = current_database() AND application_name = 'kimbai'";
    for connections in [0, 1, 2] {
        until("nobody is connected", || database.sql(connected) == "0").await;
        allow(&database, connections);
        let error = PostgresStore::open(&url, few(1, 1)).await.err().unwrap().to_string();
        assert!(error.contains("lower store.lanes and store.pool"), "{connections}: {error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_has_connections_for_verbs_alone_is_not_ready_until_it_has_others() {
    let database = Server::shared(version()).fresh_database();
    let scene = Scene::new(&database, few(1, 1)).await;
    until("the store is ready", || scene.store.is_ready()).await;
    scene.store.realms().await.unwrap();
    allow(&database, 2);
    let pooled = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
         WHERE datname = current_database() AND query LIKE 'SELECT number, name, settings %'";
    assert_eq!(database.sql(pooled), "1");
    assert_eq!(scene.store.realms().await, Err(StoreError::NotDone));
    assert!(!scene.store.is_ready());
    let row = scene.activated(1).await.remove(0);
    assert_eq!(active(&row).generation.number(), 1, "verbs have their own connection");
    allow(&database, -1);
    until("the store is ready again, though nobody asks it", || scene.store.is_ready()).await;
    assert_eq!(scene.store.realms().await.unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_lacks_a_right_is_refused_at_the_start() {
    for version in Version::under_test() {
        let server = Server::shared(*version);
        let database = server.fresh_database();
        scene::open(&database, few(1, 1)).await.close().await;
        let role = format!("reader_of_{}", database.name());
        database.sql(&format!(
            "CREATE ROLE {role} LOGIN PASSWORD 'not-a-secret'; GRANT USAGE ON SCHEMA kimbai TO {role}; \
             GRANT SELECT, INSERT, DELETE ON ALL TABLES IN SCHEMA kimbai TO {role}"
        ));
        let url = database.url().replace("//kimbai:", &format!("//{role}:")).parse().unwrap();
        let error = PostgresStore::open(&url, few(1, 1)).await.err().unwrap();
        assert!(
            matches!(&error, OpenError::Rights(rights) if rights.contains(&"UPDATE on grants".to_owned())),
            "{error}"
        );
        database.sql(&format!("GRANT UPDATE ON ALL TABLES IN SCHEMA kimbai TO {role}"));
        PostgresStore::open(&url, few(1, 1)).await.unwrap().close().await;
        database.sql(&format!("DROP OWNED BY {role}; DROP ROLE {role}"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_leaves_the_sweep_to_servers() {
    let database = Server::shared(version()).fresh_database();
    let holders = "SELECT count(*) FROM pg_locks JOIN pg_database AS d ON d.oid = database \
         WHERE datname = current_database() AND locktype = 'advisory' AND objid = 3 AND granted";
    let command = scene::open(&database, Options { process: ProcessRole::Command, ..few(1, 1) }).await;
    assert_eq!(database.sql(holders), "0");
    let server = scene::open(&database, few(1, 1)).await;
    assert_eq!(database.sql(holders), "1");
    for store in [command, server] {
        store.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_size_of_the_database_is_measured() {
    let database = Server::shared(version()).fresh_database();
    let store = scene::open(&database, few(1, 1)).await;
    until("it is measured", || store.figures().database_bytes > 1_000_000).await;
    assert_eq!(store.figures().log_bytes, 0);
}

/// A file system of 40 MB that is gone with this.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    fn new(owner: &fs::Metadata) -> Self {
        let disk = Self(tempfile::Builder::new().prefix("kimbai-disk").tempdir_in("/tmp").unwrap());
        assert!(
            Command::new("mount")
                .args(["-t", "tmpfs", "-o", "size=40m", "tmpfs"])
                .arg(disk.0.path())
                .status()
                .unwrap()
                .success()
        );
        chown(disk.0.path(), Some(owner.uid()), Some(owner.gid())).unwrap();
        disk
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: a server may hold files in it for a moment.
        let _ = Command::new("umount").arg("--lazy").arg(self.0.path()).status();
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "mounts a file system, as root"]
async fn a_full_disk_fails_what_needs_room_and_loses_nothing() {
    for version in Version::under_test() {
        let server = Server::start(*version, &[]);
        let disk = SmallDisk::new(&fs::metadata(server.data_directory()).unwrap());
        let database = server.fresh_database();
        server.sql("postgres", &format!("CREATE TABLESPACE small LOCATION '{}'", disk.0.path().display()));
        server.sql("postgres", &format!("ALTER DATABASE {} SET TABLESPACE small", database.name()));
        let scene = Scene::new(&database, few(2, 2)).await;
        let rows = scene.activated(4).await;
        database.sql("CREATE TABLE filler (x text); ALTER TABLE filler ALTER x SET STORAGE plain");
        while server
            .try_sql(database.name(), "INSERT INTO filler SELECT repeat('x', 7000) FROM generate_series(1, 20)")
            .is_ok()
        {}
        let mut id = 5;
        let refused = loop {
            match scene.store.open(scene.realm, scene.opening(id), AttemptId(1)).await {
                Ok(outcome) => drop(done(&outcome)),
                Err(error) => break error,
            }
            id += 1;
            assert!(id < 100_000, "the disk does not fill");
        };
        assert_eq!(refused, StoreError::NotDone, "it is known that it was not done");
        for row in &rows {
            let look = scene.store.lookup(scene.realm, row.grant.id).await.unwrap();
            assert_eq!(look.seen.unwrap().grant, row.grant);
        }
        database.sql("DROP TABLE filler");
        until("there is room again", || server.try_sql(database.name(), "CHECKPOINT").is_ok()).await;
        done(&scene.store.open(scene.realm, scene.opening(id), AttemptId(2)).await.unwrap());
        assert_eq!(
            active(&done(&rotate(&scene.store, scene.realm, &rows[0], 3).await.unwrap())).generation.number(),
            2
        );
        let stored = database.sql("SELECT count(*) FROM kimbai.grants");
        assert_eq!(stored, id.to_string(), "all that was answered, and the one that was refused and asked again");
    }
}
