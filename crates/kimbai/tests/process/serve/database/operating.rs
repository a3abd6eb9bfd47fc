//! What docs/operate.md has an operator do in the database, by its very words.

use kimbai_postgres_fixture::Database;

use super::{databases, place_on, refusal};
use crate::BINARY;
use crate::browser::Browser;
use crate::fixture::Call;
use crate::secrets::Secrets;
use crate::serve::visit::{App, JOBS, MANIFEST, PASSWORD};

const DOCUMENT: &str = include_str!("../../../../../../docs/operate.md");

/// The block of SQL with this in it.
fn block(part: &str) -> &'static str {
    let mut blocks = DOCUMENT.split("```sql\n").skip(1).filter_map(|text| text.split("```").next());
    blocks.find(|block| block.contains(part)).unwrap_or_else(|| panic!("no block with {part}"))
}

/// Ends everything that was issued before, as of a backup that was made so long ago.
fn end_all(database: &Database<'_>, ago: &str) {
    let moment = database.sql(&format!("SELECT now() - interval '{ago}'"));
    let statements = block("kimbai.standing");
    assert!(statements.contains("'2026-01-31 03:00:00+07'"), "{statements}");
    database.sql(&statements.replace("2026-01-31 03:00:00+07", moment.trim()));
}

#[tokio::test]
#[ignore = "run by ./test cluster"]
async fn after_the_statements_for_a_restored_database_nothing_lives_that_was_issued_before() {
    for database in databases() {
        let place = place_on(&database.url());
        let server = place.serve(&[]).await;
        place.apply(MANIFEST);
        let tokens = App::WEB.log_in(&mut Browser::new(place.port), PASSWORD, &mut Secrets::default()).await;
        let revived = App::WEB.log_in(&mut Browser::new(place.port), PASSWORD, &mut Secrets::default()).await;
        server.stop().await;
        let epochs = "SELECT min(epoch), count(*) FROM kimbai.standing";
        let before = database.sql(epochs);
        assert!(before.starts_with("0|"), "{before}");
        end_all(&database, "1 hour");
        let after: u32 = database.sql("SELECT min(epoch) FROM kimbai.standing").trim().parse().unwrap();
        assert!((4_600..5_600).contains(&after), "{after}");
        let server = place.serve(&[]).await;
        for dead in [&tokens, &revived] {
            let refused = server.send(&App::WEB.refresh(&dead.refresh_token)).await.expect(400);
            assert!(refused.body.contains("invalid_grant"), "{refused:?}");
        }
        let fresh = App::WEB.log_in(&mut Browser::new(place.port), PASSWORD, &mut Secrets::default()).await;
        server.send(&App::WEB.refresh(&fresh.refresh_token)).await.expect(200);
        place.ok(&["client", "add", "later", "--scope", "orders.read"], "");
        let number: u32 = database.sql("SELECT max(number) FROM kimbai.clients").trim().parse().unwrap();
        assert!(number > 1_036_000, "{number}");
        server.stop().await;
        // However far away, no number runs over.
        end_all(&database, "200 years");
        let server = place.serve(&[]).await;
        server.send(&App::WEB.refresh(&fresh.refresh_token)).await.expect(400);
        server.stop().await;
    }
}

#[tokio::test]
async fn a_role_with_the_rights_of_the_document_serves_and_cannot_change_the_schema() {
    for database in databases() {
        let role = format!("serving_{}", database.name());
        database.sql(&format!("CREATE ROLE {role} LOGIN PASSWORD 'not-a-secret'"));
        place_on(&database.url()).ok(&["migrate"], "");
        database.sql(&block("TO serving").replace("serving", &role));
        let place = place_on(&database.url().replace("kimbai:", &format!("{role}:")));
        let server = place.serve(&[]).await;
        place.apply(MANIFEST);
        let tokens = App::WEB.log_in(&mut Browser::new(place.port), PASSWORD, &mut Secrets::default()).await;
        let refreshed = server.send(&App::WEB.refresh(&tokens.refresh_token)).await.expect(200);
        let introspect = Call::post("/introspect", &[("token", &*refreshed.member("access_token"))]).by(JOBS);
        assert!(server.send(&introspect).await.expect(200).body.contains("\"active\":true"));
        place.ok(&["grant", "list", "--user", "an"], "");
        place.ok(&["audit", "list"], "");
        place.ok(&["client", "remove", "jobs"], "");
        place.ok(&["master-key", "rotate"], "");
        let doctor = place.json_of(&["doctor"]);
        let rights = doctor["checks"].as_array().unwrap().iter().find(|check| check["name"] == "rights").unwrap();
        assert_eq!(rights["verdict"], "ok", "{rights}");
        let ended = server.stop().await;
        assert!(!ended.stderr.contains("permission denied"), "{}", ended.stderr);
        database.sql("DELETE FROM kimbai.migrations WHERE number = (SELECT max(number) FROM kimbai.migrations)");
        let ended = place.run(&[BINARY, "migrate"], "");
        refusal(&ended, 1);
        database.sql(&format!("DROP OWNED BY {role}; DROP ROLE {role}"));
    }
}

#[tokio::test]
async fn realms_that_cannot_be_read_or_served_are_said_and_the_others_are_served() {
    let database = super::database();
    let place = place_on(&database.url());
    place.serve(&[]).await.stop().await;
    for realm in ["alien", "broken", "twin"] {
        place.apply(&format!("[realms.{realm}]\nissuer = 'https://{realm}.example.vn'\n"));
    }
    let settings = "UPDATE kimbai.realms SET version = version + 1, settings =";
    database.sql(&format!("{settings} 'none' WHERE name = 'broken'"));
    database.sql(&format!("{settings} (settings::jsonb || '{{\"dialect\":\"none\"}}')::text WHERE name = 'alien'"));
    let issuer = format!("{{\"issuer\":\"http://localhost:{}\"}}", place.port);
    database.sql(&format!("{settings} (settings::jsonb || '{issuer}')::text WHERE name = 'twin'"));
    // Alone, a command says it and does what it can.
    let ended = place.run(&[BINARY, "user", "list", "--realm", "main"], "");
    assert!(ended.status.success() && ended.stderr.contains("a realm is left out realm=\"broken\""), "{ended:?}");
    let server = place.serve(&["--log", "info"]).await;
    let metadata = |host: &str| Call::get("/.well-known/oauth-authorization-server").header("host", host);
    let main = format!("localhost:{}", place.port);
    server.send(&metadata(&main)).await.expect(200);
    let log = server.log();
    for expect in ["a realm is left out", "realm alien has an unknown dialect", "realm twin: "] {
        assert!(log.contains(expect), "{expect}: {log}");
    }
    for host in ["alien.example.vn", "broken.example.vn", "twin.example.vn"] {
        server.send(&metadata(host)).await.expect(421);
    }
    // Mended, they are taken up.
    database.sql(&format!(
        "{settings} (SELECT settings::jsonb || '{{\"issuer\":\"https://broken.example.vn\"}}' FROM kimbai.realms \
         WHERE name = 'main')::text WHERE name = 'broken'"
    ));
    let begun = std::time::Instant::now();
    let mut ticks = tokio::time::interval(std::time::Duration::from_millis(50));
    while server.send(&metadata("broken.example.vn")).await.status != 200 {
        assert!(begun.elapsed() < super::FOLLOWED_MAX, "{}", server.log());
        ticks.tick().await;
    }
    server.stop().await;
}
