//! `kimbai copy`: an embedded store carried over, with everything that was issued by it.

use std::fs;

use super::{Place, databases, place_on, refusal};
use crate::BINARY;
use crate::browser::Browser;
use crate::fixture::Call;
use crate::secrets::Secrets;
use crate::serve::visit::{App, JOBS, MANIFEST, PASSWORD};

#[tokio::test]
#[ignore = "run by ./test cluster"]
async fn everything_works_on_postgresql_after_a_copy_and_numbers_are_not_used_again() {
    for database in databases() {
        let place = Place::new();
        let server = place.serve(&[]).await;
        place.apply(MANIFEST);
        let mut browser = Browser::new(place.port);
        let tokens = App::WEB.log_in(&mut browser, PASSWORD, &mut Secrets::default()).await;
        let url = database.url();
        let ended = place.run(&[BINARY, "copy", "--from", "sqlite:kimbai-data", "--to", &url], "");
        assert!(refusal(&ended, 1).contains("is in use by another kimbai process"), "{ended:?}");
        server.stop().await;
        let before = place.json(&["export", "--hashes"], "");
        let said = place.ok(&["copy", "--from", "sqlite:kimbai-data", "--to", &url], "");
        assert!(
            said.starts_with("postgresql://kimbai:***@127.0.0.1:") && said.contains("         1 grants\n"),
            "{said}"
        );
        assert!(said.contains("(kimbai-data/master.key, if it was not kept elsewhere)"), "{said}");
        let ended = place.run(&[BINARY, "copy", "--from", "sqlite:kimbai-data", "--to", &url], "");
        assert!(refusal(&ended, 1).contains("already: copy into a new and empty database"), "{ended:?}");
        // The same place with another store: the old one's key is its own.
        place.write("kimbai.toml", &format!("[store]\nurl = '{url}'\n"));
        assert_eq!(place.json(&["export", "--hashes"], ""), before);
        let server = place.serve(&[]).await;
        let refreshed = server.send(&App::WEB.refresh(&tokens.refresh_token)).await.expect(200);
        let introspect = Call::post("/introspect", &[("token", &*refreshed.member("access_token"))]).by(JOBS);
        assert!(server.send(&introspect).await.expect(200).body.contains("\"active\":true"));
        App::WEB.log_in(&mut Browser::new(place.port), PASSWORD, &mut Secrets::default()).await;
        place.ok(&["client", "remove", "jobs"], "");
        place.ok(&["client", "add", "later", "--scope", "orders.read"], "");
        let numbers = "SELECT count(*) = count(DISTINCT number) AND max(number) = 3 FROM kimbai.clients";
        assert_eq!(database.sql(numbers), "t");
        server.stop().await;
    }
}

#[test]
fn what_is_no_store_or_no_database_is_said() {
    let database = super::database();
    let place = place_on(&database.url());
    fs::create_dir(place.path("empty")).unwrap();
    for (words, code, expect) in [
        (vec!["--from", "sqlite:none"], 1, "there is no store in none"),
        (vec!["--from", "sqlite:empty"], 1, "there is no store in empty"),
        (vec!["--from", "sqlite:empty", "--to", "sqlite:other"], 1, "a copy goes to PostgreSQL"),
        (vec!["--from", "empty"], 2, "write sqlite: and the directory of the store"),
        (vec!["--from", "sqlite:empty", "--to", "mysql://x"], 2, "is no store"),
    ] {
        let ended = place.run(&[&[BINARY, "copy"], words.as_slice()].concat(), "");
        assert!(refusal(&ended, code).contains(expect), "{ended:?}");
    }
    assert_eq!(database.sql("SELECT count(*) FROM pg_namespace WHERE nspname = 'kimbai'"), "0");
}
