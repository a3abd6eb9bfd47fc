//! Servers on one database: what a command or another server changes is served by all.

use std::fs;
use std::time::{Duration, Instant};

use kimbai_postgres_fixture::{Server as PostgresServer, Stop, Version};

use super::{FOLLOWED_MAX, Place, databases, place_on};
use crate::browser::Browser;
use crate::fixture::{Answer, Call, Connection};
use crate::secrets::Secrets;
use crate::serve::place::{Server, until};
use crate::serve::visit::{App, JOBS, MANIFEST, PASSWORD};

/// Two servers on a database, of which the first made the store.
struct Two {
    places: [Place; 2],
    servers: Vec<Server>,
}

impl Two {
    async fn on(url: &str) -> Self {
        let places = [place_on(url), place_on(url)];
        let first = places[0].serve(&["--log", "info"]).await;
        let there = places[1].path("kimbai-data");
        fs::create_dir(&there).unwrap();
        fs::copy(places[0].path("kimbai-data/master.key"), there.join("master.key")).unwrap();
        let second = places[1].serve(&["--log", "info"]).await;
        Self { places, servers: vec![first, second] }
    }

    /// One request to one of them, as to the issuer that the first start named.
    async fn send(&self, server: usize, call: Call) -> Answer {
        let call = call.header("host", &format!("localhost:{}", self.places[0].port));
        self.servers[server].send(&call).await
    }

    /// Waits until a server answers so; how long that took.
    async fn until(&self, server: usize, call: impl Fn() -> Call, status: u16) -> Duration {
        let (begun, mut ticks) = (Instant::now(), tokio::time::interval(PAUSE));
        loop {
            ticks.tick().await;
            let answer = self.send(server, call()).await;
            if answer.status == status {
                return begun.elapsed();
            }
            assert!(begun.elapsed() < FOLLOWED_MAX, "server {server} does not follow: {answer:?}");
        }
    }
}

/// Between two looks at what is waited for.
const PAUSE: Duration = Duration::from_millis(20);

/// A caller's deadline is five seconds.
const DEADLINE_MAX: Duration = Duration::from_secs(7);

fn of_jobs() -> Call {
    Call::post("/token", &[("grant_type", "client_credentials")]).by(JOBS)
}

#[tokio::test]
async fn what_a_command_changes_is_served_by_every_server() {
    for database in databases() {
        let two = Two::on(&database.url()).await;
        // Beside the first server; then by a third machine, which has no server.
        two.places[0].apply(MANIFEST);
        two.until(1, of_jobs, 200).await;
        let third = place_on(&database.url());
        fs::create_dir(third.path("kimbai-data")).unwrap();
        fs::copy(two.places[0].path("kimbai-data/master.key"), third.path("kimbai-data/master.key")).unwrap();
        third.ok(&["client", "disable", "jobs"], "");
        for server in [0, 1] {
            two.until(server, of_jobs, 401).await;
        }
        third.ok(&["client", "enable", "jobs"], "");
        third.apply("[realms.second]\nissuer = 'https://second.example.vn'\n");
        let metadata = || Call::get("/.well-known/oauth-authorization-server").header("host", "second.example.vn");
        for server in [0, 1] {
            two.until(server, of_jobs, 200).await;
            let (begun, mut ticks) = (Instant::now(), tokio::time::interval(PAUSE));
            while two.servers[server].send(&metadata()).await.status != 200 {
                ticks.tick().await;
                assert!(begun.elapsed() < FOLLOWED_MAX, "the second realm is not served by {server}");
            }
        }
        third.ok(&["client", "remove", "jobs", "--realm", "main"], "");
        for server in [0, 1] {
            two.until(server, of_jobs, 401).await;
        }
        // What stands is what every command sees, whomever it asks.
        assert_eq!(two.places[1].json(&["export"], ""), two.places[0].json(&["export"], ""));
    }
}

#[tokio::test]
#[ignore = "run by ./test cluster"]
async fn a_server_serves_with_either_form_of_statements() {
    for database in databases() {
        for mode in ["batched", "single"] {
            let place = place_on(&database.url());
            fs::create_dir(place.path("kimbai-data")).unwrap();
            place.write("kimbai-data/master.key", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=");
            let server =
                place.try_serve(&["env", &format!("KIMBAI_STORE_STATEMENTS={mode}"), crate::BINARY, "serve"]).await;
            let server = server.unwrap();
            place.apply(&format!("{MANIFEST}\n[realms.main]\nissuer = 'http://localhost:{}'\n", place.port));
            let tokens = App::WEB.log_in(&mut Browser::new(place.port), PASSWORD, &mut Secrets::default()).await;
            let first = server.send(&App::WEB.refresh(&tokens.refresh_token)).await.expect(200);
            let again = server.send(&App::WEB.refresh(&tokens.refresh_token)).await.expect(200);
            assert_eq!(first.member("refresh_token"), again.member("refresh_token"), "{mode}");
            server.stop().await;
        }
    }
}

#[tokio::test]
async fn a_master_key_that_was_replaced_elsewhere_is_taken_over_once_it_is_there() {
    for database in databases() {
        let two = Two::on(&database.url()).await;
        two.places[0].apply(MANIFEST);
        two.until(1, of_jobs, 200).await;
        two.places[0].ok(&["master-key", "rotate"], "");
        two.send(1, of_jobs()).await.expect(200);
        let ended = two.places[1].run(&[crate::BINARY, "client", "disable", "jobs"], "");
        assert!(
            ended.stderr.contains("another server replaced the master key of this store: put the new one at "),
            "{ended:?}"
        );
        until("the log", || two.servers[1].log().contains("another server replaced the master key").then_some(()))
            .await;
        let key = fs::read(two.places[0].path("kimbai-data/master.key")).unwrap();
        fs::write(two.places[1].path("kimbai-data/master.key"), key).unwrap();
        two.places[1].ok(&["client", "disable", "jobs"], "");
        two.until(0, of_jobs, 401).await;
    }
}

#[tokio::test]
#[ignore = "run by ./test cluster"]
async fn a_server_that_lost_its_store_says_so_serves_what_needs_none_and_takes_it_up_again() {
    for version in Version::under_test() {
        let server = PostgresServer::start(*version, &[]);
        let database = server.fresh_database();
        let two = Two::on(&database.url()).await;
        two.places[0].apply(MANIFEST);
        two.until(1, of_jobs, 200).await;
        let token = two.send(1, of_jobs()).await.expect(200).member("access_token");
        server.stop(Stop::Fast);
        let operator = |path: &'static str| {
            let port = two.places[1].operator();
            async move { Connection::to(port).send(&Call::get(path)).await.unwrap() }
        };
        let (begun, mut ticks) = (Instant::now(), tokio::time::interval(PAUSE));
        while operator("/readyz").await.status != 503 {
            ticks.tick().await;
            assert!(begun.elapsed() < FOLLOWED_MAX, "it does not notice");
        }
        assert_eq!(operator("/healthz").await.status, 200);
        two.send(1, Call::get("/.well-known/oauth-authorization-server")).await.expect(200);
        let begun = Instant::now();
        let introspect = Call::post("/introspect", &[("token", &token)]).by(JOBS);
        let refused = two.send(1, introspect).await.expect(503);
        assert!(begun.elapsed() < DEADLINE_MAX, "{:?}", begun.elapsed());
        assert!(!refused.header("retry-after").is_empty(), "{refused:?}");
        server.start_again();
        let begun = Instant::now();
        while operator("/readyz").await.status != 200 {
            ticks.tick().await;
            assert!(begun.elapsed() < FOLLOWED_MAX, "it does not come back");
        }
        two.until(1, of_jobs, 200).await;
        two.places[0].ok(&["client", "disable", "jobs"], "");
        two.until(1, of_jobs, 401).await;
    }
}
