//! A directory is for one store: a command that names another one, or a server that would make one, is told.

use std::fs;

use super::{Place, database, place_on, refusal};
use crate::BINARY;
use crate::fixture::Start;

/// The name of a database in messages: its place, without whom one is.
fn name(url: &str) -> String {
    format!("postgresql://{}", url.split_once('@').unwrap().1)
}

#[tokio::test]
async fn a_command_is_not_carried_out_by_the_server_of_another_store() {
    let (one, other) = (database(), database());
    let place = place_on(&one.url());
    let server = place.serve(&[]).await;
    let elsewhere = place_on(&other.url());
    elsewhere.serve(&["--listen", &format!("127.0.0.1:{}", Start::new(None).port_base)]).await.stop().await;
    for (store, named) in
        [(other.url(), name(&other.url())), ("sqlite:kimbai-data".into(), "the embedded store".into())]
    {
        for words in [["user", "add", "an", "--name", "Ảnh"].as_slice(), &["user", "list"], &["master-key", "rotate"]]
        {
            let flags = ["--store", &*store, "--data", "kimbai-data"];
            let words =
                if store.starts_with("sqlite:") { [words, &flags[..2]].concat() } else { [words, &flags].concat() };
            let ended = place.run(&[&[BINARY], words.as_slice()].concat(), "a long enough password\n");
            let text = refusal(&ended, 2);
            let expect = format!("works on {}, and this command is for {named}: ", name(&one.url()));
            assert!(text.contains(&expect), "{words:?}: {text}");
        }
        let ended = place.run(&[BINARY, "doctor", "--json", "--store", &store], "");
        assert_eq!(ended.status.code(), Some(1), "{ended:?}");
        assert!(ended.stdout.contains("and this command is for "), "{ended:?}");
    }
    for database in [&one, &other] {
        assert_eq!(database.sql("SELECT count(*) FROM kimbai.users"), "0");
    }
    // Who asks, and by what way, is no other store.
    let url = one.url().replace("kimbai:not-a-secret@", "postgres@") + "?connect_timeout=1";
    place.ok(&["user", "list", "--store", &url], "");
    server.stop().await;
}

#[tokio::test]
async fn a_key_does_not_become_that_of_another_database_and_an_emptied_one_is_not_begun_anew() {
    let (one, other) = (database(), database());
    let place = place_on(&one.url());
    place.serve(&[]).await.stop().await;
    let refused = |place: &Place, url: &str, expect: &str| {
        let ended = place.run(&[BINARY, "serve", "--store", url], "");
        let text = refusal(&ended, 1);
        assert!(text.contains(expect), "{text}");
    };
    refused(&place, &other.url(), &format!("is for {}: is the URL mistyped?", name(&one.url())));
    refused(&place, "sqlite:kimbai-data", &format!("kimbai-data is for {}: ", name(&one.url())));
    assert_eq!(other.sql("SELECT count(*) FROM kimbai.meta WHERE key = 'master key check'"), "0");
    assert!(!place.path("kimbai-data/kimbai.db").exists());
    // The same store at another place: its key fits.
    let moved = one.url().replace("127.0.0.1", "localhost");
    place.serve(&["--store", &moved]).await.stop().await;
    assert!(fs::read_to_string(place.path("kimbai-data/kimbai.store")).unwrap().starts_with(&name(&moved)));
    one.sql("DROP SCHEMA kimbai CASCADE");
    refused(&place, &moved, "restore it; to begin anew, use another directory, or remove kimbai-data/kimbai.store");
    fs::remove_file(place.path("kimbai-data/kimbai.store")).unwrap();
    place.serve(&[]).await.stop().await;
}

#[tokio::test]
async fn a_directory_with_an_embedded_store_makes_no_other_one() {
    let database = database();
    let place = Place::new();
    place.serve(&[]).await.stop().await;
    let ended = place.run(&[BINARY, "serve", "--store", &database.url(), "--data", "kimbai-data"], "");
    assert!(refusal(&ended, 1).contains("carry it over with `kimbai copy`"), "{ended:?}");
    place.ok(&["copy", "--from", "sqlite:kimbai-data", "--to", &database.url()], "");
    let ended = place.run(&[BINARY, "serve"], "");
    assert!(refusal(&ended, 1).contains("must not go on issuing tokens"), "{ended:?}");
    place.write("kimbai.toml", &format!("[store]\nurl = '{}'\n", database.url()));
    place.serve(&[]).await.stop().await;
}
