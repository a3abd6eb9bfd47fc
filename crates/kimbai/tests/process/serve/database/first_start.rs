//! First starts on an empty database, one after the other and at once; and the key that all servers must have.

use std::fs;

use super::{Place, database, databases, place_on, refusal};
use crate::BINARY;
use crate::fixture::{Call, Connection};
use crate::serve::place::{Ended, Server};

const KEY: &str = "KIMBAI_MASTER_KEY=AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
const OTHER_KEY: &str = "KIMBAI_MASTER_KEY=HwECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

/// Starts one in each place at once.
async fn start_at_once(places: &[Place], key: Option<&str>) -> Vec<Result<Server, Ended>> {
    let words: Vec<_> = ["env"].into_iter().chain(key).chain([BINARY, "serve", "--log", "info"]).collect();
    let starts = places.iter().map(|place| place.try_serve(&words));
    let mut started = Vec::new();
    let mut starts: Vec<_> = starts.map(Box::pin).collect();
    // Each is polled before any is waited for, so that all processes have begun.
    for start in &mut starts {
        started.push(tokio::time::timeout(std::time::Duration::ZERO, start).await.ok());
    }
    let mut ended = Vec::new();
    for (start, done) in starts.into_iter().zip(started) {
        ended.push(match done {
            Some(done) => done,
            None => start.await,
        });
    }
    ended
}

#[tokio::test]
async fn of_servers_that_make_the_master_key_at_once_one_does_and_the_others_leave_none_behind() {
    for database in databases() {
        let places: Vec<_> = (0..3).map(|_| place_on(&database.url())).collect();
        let mut started = start_at_once(&places, None).await;
        let winner = started.iter().position(Result::is_ok).expect("one starts");
        let key = fs::read(places[winner].path("kimbai-data/master.key")).unwrap();
        for (place, started) in places.iter().zip(&started) {
            let Err(ended) = started else { continue };
            let text = refusal(ended, 1);
            assert!(text.starts_with("every server on postgresql://kimbai:***@127.0.0.1:"), "{text}");
            assert!(text.contains(" needs the same master key: "), "{text}");
            let at = "kimbai-data/master.key";
            let reasons = [
                format!(
                    "another server made the master key of this store just now: copy it to {at}, and start again\n"
                ),
                format!("{at} is missing: put the master key of this store back, or use another directory\n"),
            ];
            assert!(reasons.iter().any(|reason| text.ends_with(reason)), "{text}");
            assert!(
                !place.path("kimbai-data/master.key").exists() && !place.path("kimbai-data/master.key.next").exists()
            );
        }
        assert_eq!(started.iter().filter(|started| started.is_ok()).count(), 1);
        let first = started.remove(winner).unwrap();
        for place in places.iter().enumerate().filter(|(number, _)| *number != winner).map(|(_, place)| place) {
            fs::write(place.path("kimbai-data/master.key"), &key).unwrap();
            let server = place.serve(&[]).await;
            assert_eq!(server.said().lines().next(), first.said().lines().next(), "the same realm");
            server.stop().await;
        }
        first.stop().await;
    }
}

#[tokio::test]
async fn servers_that_start_at_once_with_the_same_key_are_one_installation() {
    for database in databases() {
        let places: Vec<_> = (0..4).map(|_| place_on(&database.url())).collect();
        let servers: Vec<_> = start_at_once(&places, Some(KEY)).await.into_iter().map(Result::unwrap).collect();
        let realms: Vec<_> = servers.iter().map(|server| server.said().lines().next().unwrap().to_owned()).collect();
        assert!(realms.iter().all(|realm| *realm == realms[0] && realm.starts_with("realm main ")), "{realms:?}");
        assert_eq!(
            database.sql("SELECT count(*), count(DISTINCT realm) FROM kimbai.keys WHERE usage <> 'signing'"),
            "2|1"
        );
        assert_eq!(database.sql("SELECT count(*) FROM kimbai.realms"), "1");
        let new = servers.iter().filter(|server| server.said().contains("This is a new installation")).count();
        assert_eq!(new, 1, "one of them tells how to go on");
        for server in servers {
            server.stop().await;
        }
    }
}

#[tokio::test]
async fn a_server_with_another_master_key_is_refused_wherever_it_has_it_from() {
    let database = database();
    let place = place_on(&database.url());
    place.serve(&[]).await.stop().await;
    let key = place.path("kimbai-data/master.key");
    let right = fs::read(&key).unwrap();
    let other = place_on(&database.url());
    for (key, expect) in [
        (Some(OTHER_KEY), "KIMBAI_MASTER_KEY holds another one's"),
        (None, "kimbai-data/master.key is missing: put the master key of this store back"),
    ] {
        for words in [["serve"].as_slice(), &["user", "list"]] {
            let words: Vec<_> = ["env"].into_iter().chain(key).chain([BINARY]).chain(words.iter().copied()).collect();
            let ended = other.run(&words, "");
            let text = refusal(&ended, 1);
            assert!(text.starts_with("every server on postgresql://") && text.contains(expect), "{text}");
        }
    }
    fs::write(&key, OTHER_KEY.strip_prefix("KIMBAI_MASTER_KEY=").unwrap()).unwrap();
    let ended = place.run(&[BINARY, "serve"], "");
    assert!(refusal(&ended, 1).contains("kimbai-data/master.key is not the master key of this store"), "{ended:?}");
    fs::write(&key, right).unwrap();
    place.serve(&[]).await.stop().await;
}

#[tokio::test]
async fn a_second_server_in_the_same_directory_is_refused_and_the_first_goes_on() {
    let database = database();
    let place = place_on(&database.url());
    let first = place.serve(&[]).await;
    let elsewhere = ["--listen", "127.0.0.1:1", "--operator", ""];
    let ended = place.run(&[&[BINARY, "serve"], elsewhere.as_slice()].concat(), "");
    // Ports are taken first; this one is nobody's to take.
    assert!(!ended.status.success());
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let ended = place.run(&[BINARY, "serve", "--listen", &free, "--operator", ""], "");
    assert!(refusal(&ended, 1).contains("kimbai-data is in use by another kimbai process"), "{ended:?}");
    place.ok(&["user", "list"], "");
    let ready = Connection::to(place.operator()).send(&Call::get("/readyz")).await.unwrap();
    assert_eq!(ready.status, 200);
    first.stop().await;
}
