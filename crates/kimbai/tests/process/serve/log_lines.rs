//! The log: one line a request, as JSON or as text, and the id by which a request is found again.

use serde_json::Value;

use super::place::{Place, Server};
use super::visit::{JOBS, MANIFEST, client_credentials};
use crate::fixture::Call;

fn access_lines(server: &Server) -> Vec<Value> {
    server.log_lines().into_iter().filter(|line| line["target"] == "kimbai::access").collect()
}

#[tokio::test]
async fn json_has_one_line_a_request_with_all_that_tells_it_from_others() {
    let place = Place::new();
    let server = place.serve(&[]).await;
    place.apply(MANIFEST);
    assert_eq!(access_lines(&server), [Value::Null; 0], "administration is audited, and has no line here");
    let nowhere = Call::get("/nowhere?secret=0123456789").header("host", "no.example.vn");
    for (call, status, method, path, realm) in [
        (client_credentials(JOBS), 200, "POST", "/token", Some("main")),
        (client_credentials((JOBS.0, "wrong-secret-0123456789")), 401, "POST", "/token", Some("main")),
        (Call::get("/authorize?client_id=nobody&state=x"), 400, "GET", "/authorize", Some("main")),
        (Call::get("/nowhere?token=0123456789"), 404, "GET", "/nowhere", Some("main")),
        (nowhere, 421, "GET", "/nowhere", None),
    ] {
        let before = access_lines(&server).len();
        let answer = server.send(&call).await.expect(status);
        let lines = access_lines(&server).split_off(before);
        assert_eq!(lines.len(), 1, "{lines:?}");
        let line = &lines[0];
        for (key, expect) in [
            ("level", Value::from("INFO")),
            ("request_id", Value::from(answer.header("x-request-id"))),
            ("source", Value::from("127.0.0.1")),
            ("method", Value::from(method)),
            ("path", Value::from(path)),
            ("status", Value::from(status)),
            ("realm", realm.map_or(Value::Null, Value::from)),
        ] {
            assert_eq!(line.get(key).unwrap_or(&Value::Null), &expect, "{key}: {line}");
        }
        assert!(line["micros"].as_u64().is_some_and(|micros| micros < 60_000_000), "{line}");
        assert_eq!(line["reason"].is_string(), status != 200, "why it was refused: {line}");
        assert!(line["timestamp"].as_str().is_some_and(|at| at.ends_with('Z')), "{line}");
        assert!(!line.to_string().contains("0123456789"), "no query: {line}");
    }
}

#[tokio::test]
async fn a_request_id_is_taken_over_if_it_is_one_and_else_made() {
    let place = Place::new();
    let server = place.serve(&[]).await;
    let longest = "a".repeat(64);
    for id in ["a", "0f3c.Request_7-9", longest.as_str()] {
        let answer = server.send(&Call::get("/token").header("x-request-id", id)).await;
        assert_eq!(answer.header("x-request-id"), id);
        assert_eq!(access_lines(&server).last().unwrap()["request_id"], id);
    }
    let mut made = Vec::new();
    for id in ["", "two words", "a\tb", "quote\"", "<script>", "a".repeat(65).as_str()] {
        let answer = server.send(&Call::get("/token").header("x-request-id", id)).await;
        let own = answer.header("x-request-id").to_owned();
        assert!(own.len() == 16 && own.bytes().all(|byte| byte.is_ascii_hexdigit()), "{id:?}: {own}");
        assert_eq!(access_lines(&server).last().unwrap()["request_id"], own.as_str());
        made.push(own);
    }
    made.sort();
    made.dedup();
    assert_eq!(made.len(), 6, "each has its own");
    let page = server.send(&Call::get("/authorize").header("x-request-id", "on-a-page")).await.expect(400);
    assert!(page.body.contains("on-a-page"), "{page:?}");
}

#[tokio::test]
async fn text_is_one_line_a_request_without_colours_and_levels_leave_lines_out() {
    let place = Place::new();
    let server = place.serve(&["--log-format", "text"]).await;
    server.send(&Call::get("/token").header("x-request-id", "by-a-person")).await.expect(405);
    let log = server.stop().await.stderr;
    let lines: Vec<_> = log.lines().filter(|line| line.contains("kimbai::access")).collect();
    assert_eq!(lines.len(), 1, "{log}");
    for part in [" INFO ", "realm=main", "request_id=\"by-a-person\"", "source=127.0.0.1", "method=GET", "status=405"] {
        assert!(lines[0].contains(part), "{part}: {}", lines[0]);
    }
    assert!(!log.contains('\u{1b}'), "{log}");
    let server = place.serve(&["--log", "warn"]).await;
    server.send(&Call::get("/token")).await.expect(405);
    assert_eq!(server.stop().await.stderr, "");
}
