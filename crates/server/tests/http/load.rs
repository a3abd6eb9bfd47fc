//! Limits: one within, one beyond, in the dialect's form; and what is no HTTP at all.

use std::sync::Arc;
use std::time::{Duration, Instant};

use kimbai_server::Audience;
use kimbai_server::dialects::standard;
use kimbai_server::http::listener::serve;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::fixture::{Answer, At, Browser, Sandbox, encode};

const BODY_BYTES_MAX: usize = 64 * 1024;

fn form_of(bytes: usize) -> Vec<u8> {
    let mut body = b"grant_type=refresh_token&refresh_token=".to_vec();
    body.resize(bytes, b'x');
    body
}

async fn post_body(at: &At, path: &str, body: &[u8]) -> Answer {
    let call = at.call("POST", path).header("content-type", "application/x-www-form-urlencoded");
    call.basic(at.app()).body(body).send().await
}

/// The status of a raw answer; 0 if the connection was closed without one.
fn status(raw: &str) -> u16 {
    raw.strip_prefix("HTTP/1.").and_then(|rest| rest.get(2..5)?.parse().ok()).unwrap_or_default()
}

#[tokio::test]
async fn a_body_has_64_kib_and_not_a_byte_more() {
    let sandbox = Sandbox::start().await;
    for at in sandbox.both() {
        post_body(at, at.token, &form_of(BODY_BYTES_MAX)).await.refused(400, "invalid_grant");
        for path in [at.token, at.revoke, at.introspect] {
            post_body(at, path, &form_of(BODY_BYTES_MAX + 1)).await.refused(413, "invalid_request");
        }
        for path in &at.pages() {
            post_body(at, path, &form_of(BODY_BYTES_MAX + 1)).await.page(413, "invalid_request");
        }
        for path in ["/sandbox/code", "/sandbox/clock"] {
            let json = at.call("POST", path).header("content-type", "application/json");
            json.body(&vec![b' '; BODY_BYTES_MAX + 1]).send().await.refused(413, "invalid_request");
        }
    }
}

#[tokio::test]
async fn a_length_over_the_limit_is_refused_before_the_body_comes() {
    let sandbox = Sandbox::start().await;
    for at in sandbox.both() {
        for length in ["65537", "10000000000", "18446744073709551615"] {
            let head = format!("POST {} HTTP/1.1\r\nhost: {}\r\ncontent-length: {length}\r\n", at.token, at.host);
            let request = format!("{head}content-type: application/x-www-form-urlencoded\r\n\r\n");
            let (mut answer, mut stream) = (vec![0; 4_000], TcpStream::connect(at.address).await.unwrap());
            stream.write_all(request.as_bytes()).await.unwrap();
            let read = tokio::time::timeout(Duration::from_secs(5), stream.read(&mut answer)).await;
            let answer = String::from_utf8_lossy(&answer[..read.expect("no answer").unwrap()]).into_owned();
            assert!(matches!(status(&answer), 400 | 413 | 431), "{length}: {answer}");
        }
    }
}

#[tokio::test]
async fn a_chunked_body_has_the_same_limit() {
    let sandbox = Sandbox::start().await;
    for at in sandbox.both() {
        let head = format!(
            "POST {} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\
             content-type: application/x-www-form-urlencoded\r\n\r\n",
            at.token, at.host
        );
        let chunk = format!("8000\r\n{}\r\n", "x".repeat(0x8000));
        for (chunks, expect) in [(2, 400), (3, 413)] {
            let request = format!("{head}{}0\r\n\r\n", chunk.repeat(chunks));
            let answer = at.raw(request.as_bytes()).await;
            assert_eq!(status(&answer), expect, "{answer}");
        }
    }
}

#[tokio::test]
async fn a_request_has_100_headers_and_not_one_more() {
    let sandbox = Sandbox::start().await;
    for at in sandbox.both() {
        let with_headers = async |count: usize| {
            // The host is one of them.
            let mut call = at.call("GET", at.token);
            for number in 1..count {
                call = call.header(&format!("x-{number}"), "y");
            }
            call.send().await
        };
        with_headers(100).await.refused(405, "invalid_request");
        with_headers(101).await.refused(431, "invalid_request");
        with_headers(190).await.refused(431, "invalid_request");
        assert_eq!(with_headers(300).await.status, 431);
    }
}

#[tokio::test]
async fn headers_have_32_kib_with_the_target() {
    let sandbox = Sandbox::start().await;
    for at in sandbox.both() {
        let of_bytes = async |bytes: usize| at.call("GET", at.token).header("x", &"y".repeat(bytes)).send().await;
        of_bytes(32_000).await.refused(405, "invalid_request");
        of_bytes(32_768).await.refused(431, "invalid_request");
        let long_target = at.get(&format!("{}?x={}", at.token, "y".repeat(33_000))).await;
        long_target.refused(431, "invalid_request");
        for bytes in [70_000, 1_000_000] {
            let request =
                format!("GET / HTTP/1.1\r\nhost: {}\r\nconnection: close\r\nx: {}\r\n\r\n", at.host, "y".repeat(bytes));
            let answer = at.raw(request.as_bytes()).await;
            assert!(matches!(status(&answer), 0 | 400..500), "{answer}");
        }
    }
}

#[tokio::test]
async fn a_request_has_64_parameters_and_not_one_more() {
    let sandbox = Sandbox::start().await;
    for at in sandbox.both() {
        let known = "grant_type=refresh_token&refresh_token=x".to_owned();
        let with = |count: usize| format!("{known}{}", "&y=z".repeat(count - 2));
        post_body(at, at.token, with(64).as_bytes()).await.refused(400, "invalid_grant");
        post_body(at, at.token, with(65).as_bytes()).await.refused(400, "invalid_request");
        post_body(at, at.token, with(10_000).as_bytes()).await.refused(400, "invalid_request");
        let target = |count: usize| format!("{}?{}", at.token, "y=z&".repeat(count));
        post_body(at, &target(64), known.as_bytes()).await.refused(400, "invalid_grant");
        post_body(at, &target(65), known.as_bytes()).await.refused(400, "invalid_request");
        let mut browser = Browser::new(at);
        let request = browser.request(&[]);
        let parameters = request.matches('&').count() + 1;
        let more = |count: usize| format!("{request}{}", "&y=z".repeat(count - parameters));
        browser.get(&more(64)).await.expect(200);
        browser.get(&more(65)).await.page(400, "invalid_request");
        let mut form = browser.parameters(&[]);
        form.resize(65, ("y", "z"));
        browser.post(at.authorize, &form).await.page(400, "invalid_request");
    }
}

#[tokio::test]
async fn a_megabyte_of_scope_is_refused() {
    let sandbox = Sandbox::start().await;
    for at in sandbox.both() {
        let scope = "order ".repeat(170_000);
        let form = encode(&[("grant_type", "client_credentials"), ("scope", &scope)]);
        let call = at.call("POST", at.token).header("content-type", "application/x-www-form-urlencoded");
        if let Some(answer) = call.basic(at.app()).body(form.as_bytes()).try_send().await {
            answer.refused(413, "invalid_request");
        }
        let request =
            format!("GET {}?scope={} HTTP/1.1\r\nhost: {}\r\n\r\n", at.authorize, "x".repeat(1_000_000), at.host);
        let answer = at.raw(request.as_bytes()).await;
        assert!(matches!(status(&answer), 0 | 400..500), "{answer}");
        let scope = "order ".repeat(9_000);
        let form = [("grant_type", "refresh_token"), ("refresh_token", "x"), ("scope", scope.trim_end())];
        at.token(at.app(), &form).await.refused(400, "invalid_grant");
    }
}

#[tokio::test]
async fn an_unknown_host_is_misdirected() {
    let sandbox = Sandbox::start().await;
    for at in sandbox.both() {
        let port = at.address.port();
        for host in [
            "evil.test",
            "localhost",
            "localhost:1",
            &format!("evil.test:{port}"),
            &format!("localhost.evil.test:{port}"),
            &format!("a@localhost:{port}"),
            &format!("localhost:{port}:{port}"),
            &format!("localhost:{port}/x"),
            &format!("localhost:{port}, evil.test"),
            "",
        ] {
            let answer = at.call("GET", "/").without_host().header("host", host).send().await;
            assert!(answer.clone().refused(421, "invalid_request").headers.contains_key("x-request-id"));
            let forwarded = format!("host=localhost:{port}");
            let call = at.call("GET", "/").without_host().header("host", host).header("forwarded", &forwarded);
            call.header("x-forwarded-host", &at.host).send().await.refused(421, "invalid_request");
        }
        for host in [&format!("127.0.0.1:{port}"), &format!("[::1]:{port}"), &format!("LOCALHOST:{port}")] {
            at.call("GET", "/").without_host().header("host", host).send().await.expect(200);
        }
    }
}

#[tokio::test]
async fn two_hosts_none_or_a_target_with_another_are_refused() {
    let sandbox = Sandbox::start().await;
    for at in sandbox.both() {
        let host = &at.host;
        for request in [
            format!("GET / HTTP/1.1\r\nhost: {host}\r\nhost: evil.test\r\nconnection: close\r\n\r\n"),
            format!("GET / HTTP/1.1\r\nhost: {host}\r\nHOST: {host}\r\nconnection: close\r\n\r\n"),
            "GET / HTTP/1.1\r\nconnection: close\r\n\r\n".to_owned(),
            "GET / HTTP/1.0\r\n\r\n".to_owned(),
            format!("GET http://evil.test/ HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n"),
            format!("GET http://{host}/ HTTP/1.1\r\nhost: evil.test\r\nconnection: close\r\n\r\n"),
            format!("GET http://a@{host}/ HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n"),
        ] {
            let answer = at.raw(request.as_bytes()).await;
            assert!(matches!(status(&answer), 400 | 421), "{request}: {answer}");
        }
        let whole = format!("GET http://{host}/ HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
        assert_eq!(status(&at.raw(whole.as_bytes()).await), 200);
    }
}

#[tokio::test]
async fn what_is_no_request_is_refused_or_closed_and_never_a_failure() {
    let sandbox = Sandbox::start().await;
    let at = &sandbox.standard;
    let host = &at.host;
    let head = format!("POST /token HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n");
    let chunked = format!("{head}transfer-encoding: chunked\r\n");
    for request in [
        "GET\r\n\r\n".to_owned(),
        "GET /\r\n\r\n".to_owned(),
        "\0\0\0\0\r\n\r\n".to_owned(),
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned(),
        format!("G@T / HTTP/1.1\r\nhost: {host}\r\n\r\n"),
        format!("GET / HTTP/9.9\r\nhost: {host}\r\n\r\n"),
        format!("GET /\0 HTTP/1.1\r\nhost: {host}\r\n\r\n"),
        format!("GET /é<\" HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n"),
        format!("OPTIONS * HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n"),
        format!("CONNECT evil.test:443 HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n"),
        format!("GET / HTTP/1.1\r\nhost: {host}\r\nx\r\n\r\n"),
        format!("GET / HTTP/1.1\r\nhost: {host}\r\nx y: z\r\n\r\n"),
        format!("GET / HTTP/1.1\r\nhost: {host}\r\nx: a\0b\r\n\r\n"),
        format!("GET / HTTP/1.1\r\nhost: {host}\r\n folded: x\r\n\r\n"),
        format!("{head}content-length: -1\r\n\r\n"),
        format!("{head}content-length: 1\r\ncontent-length: 2\r\n\r\nab"),
        format!("{head}content-length: 18446744073709551616\r\n\r\n"),
        format!("{head}content-length: x\r\n\r\n"),
        format!("{chunked}\r\nzz\r\n"),
        format!("{chunked}\r\nffffffffffffffffff\r\n"),
        format!("{chunked}content-length: 3\r\n\r\n0\r\n\r\nGET /healthz HTTP/1.1\r\n\r\n"),
        format!("{head}transfer-encoding: x, identity\r\n\r\n"),
    ] {
        let answer = at.raw(request.as_bytes()).await;
        assert!(matches!(status(&answer), 0 | 400..500), "{request:?}: {answer}");
        assert!(answer.matches("HTTP/1.1 ").count() <= 1, "{request:?}: {answer}");
    }
    at.get("/").await.expect(200);
}

const OPENID: &str = "/.well-known/openid-configuration";

#[tokio::test]
async fn a_wrong_method_is_405_with_allow_in_the_dialects_form() {
    let sandbox = Sandbox::start().await;
    for at in sandbox.both() {
        let metadata = "/.well-known/oauth-authorization-server";
        let seller = "/integration/v2/sellers/me";
        let mut of_forms = vec![at.token, at.revoke, at.introspect, "/sandbox/code", "/sandbox/clock"];
        let mut of_documents = vec!["/", "/sandbox/requests", metadata];
        of_documents.extend(if at.is_marketplace() { vec![seller] } else { vec!["/jwks", OPENID] });
        for path in of_forms.drain(..) {
            for method in ["GET", "PUT", "DELETE", "PATCH", "TRACE", "BREW"] {
                let answer = at.call(method, path).send().await.refused(405, "invalid_request");
                assert!(answer.header("allow").starts_with("POST"), "{answer:?}");
                assert_eq!(answer.json().get("status_code").is_some(), at.is_marketplace());
            }
            assert_eq!(at.call("HEAD", path).send().await.expect(405).body, "");
        }
        for path in of_documents {
            for method in ["POST", "PUT", "DELETE", "PATCH", "TRACE", "BREW"] {
                let answer = at.call(method, path).send().await.refused(405, "invalid_request");
                assert!(answer.header("allow").starts_with("GET, HEAD"), "{answer:?}");
            }
        }
        for path in &at.pages() {
            let allow = if path == at.authorize { "GET, POST" } else { "POST" };
            for method in ["PUT", "DELETE", "PATCH", "OPTIONS"] {
                let answer = at.call(method, path).send().await.page(405, "invalid_request");
                assert_eq!(answer.header("allow"), allow);
            }
        }
        at.call("PUT", "/sandbox/callback").send().await.refused(405, "invalid_request");
    }
    for method in ["PUT", "DELETE", "PATCH", "TRACE", "BREW"] {
        let answer = sandbox.standard.call(method, "/userinfo").send().await.refused(405, "invalid_request");
        assert_eq!(answer.header("allow"), "GET, HEAD, POST, OPTIONS");
    }
}

#[tokio::test]
async fn what_haravan_adds_to_the_pages_has_their_limits() {
    let sandbox = Sandbox::start().await;
    let at = sandbox.haravan().await;
    let log_outs = ["/connect/endsession", "/account/logout"];
    for path in log_outs {
        for method in ["PUT", "DELETE", "PATCH", "OPTIONS", "HEAD"] {
            assert_eq!(at.call(method, path).send().await.expect(405).header("allow"), "GET, POST", "{path}");
        }
    }
    for path in log_outs.map(str::to_owned).iter().chain(&at.pages()) {
        for content_type in ["application/json", "multipart/form-data; boundary=x", ""] {
            let call = at.call("POST", path).header("content-type", content_type);
            call.body(b"logout=1").send().await.page(415, "invalid_request");
        }
        post_body(&at, path, &form_of(BODY_BYTES_MAX + 1)).await.page(413, "invalid_request");
        let parameters = "y=z&".repeat(65);
        post_body(&at, path, parameters.as_bytes()).await.page(400, "invalid_request");
    }
}

#[tokio::test]
async fn head_answers_as_get_without_a_body() {
    let sandbox = Sandbox::start().await;
    for at in sandbox.both() {
        let request = Browser::new(at).request(&[]);
        // A GET there may open a grant; HEAD must not.
        at.call("HEAD", &request).send().await.expect(405);
        for path in ["/", "/sandbox/callback", "/sandbox/requests", "/nothing"] {
            let (get, head) = (at.get(path).await, at.call("HEAD", path).send().await);
            assert_eq!((get.status, get.header("content-type")), (head.status, head.header("content-type")), "{path}");
            assert_eq!(head.body, "");
        }
    }
}

#[tokio::test]
async fn a_wrong_content_type_is_415_in_the_dialects_form() {
    let sandbox = Sandbox::start().await;
    for at in sandbox.both() {
        for content_type in ["application/json", "text/plain", "application/x-www-form-urlencodedx", "*/*", "é", ";"] {
            for path in [at.token, at.revoke, at.introspect] {
                let call = at.call("POST", path).basic(at.app()).header("content-type", content_type);
                call.body(b"grant_type=refresh_token").send().await.refused(415, "invalid_request");
            }
            for path in &at.pages() {
                let call = at.call("POST", path).header("content-type", content_type);
                call.body(b"username=an").send().await.page(415, "invalid_request");
            }
        }
        let multipart = at.call("POST", at.authorize).header("content-type", "multipart/form-data; boundary=x");
        multipart.body(b"--x--").send().await.page(415, "invalid_request");
        let call = at.call("POST", at.token).basic(at.app());
        call.body(b"grant_type=refresh_token").send().await.refused(415, "invalid_request");
        let any_case = at.call("POST", at.token).basic(at.app());
        let any_case = any_case.header("content-type", "Application/X-WWW-Form-URLencoded ; charset=UTF-8");
        let body = b"grant_type=refresh_token&refresh_token=x";
        any_case.body(body).send().await.refused(400, "invalid_grant");
    }
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_their_order() {
    let sandbox = Sandbox::start().await;
    let at = &sandbox.marketplace;
    let get = |path: &str| format!("GET {path} HTTP/1.1\r\nhost: {}\r\n", at.host);
    let request = format!("{}\r\n{}\r\n{}connection: close\r\n\r\n", get("/"), get("/nothing"), get(at.authorize));
    let answer = at.raw(request.as_bytes()).await;
    let statuses: Vec<_> = answer.split("HTTP/1.1 ").skip(1).map(|part| &part[..3]).collect();
    assert_eq!(statuses, ["200", "404", "400"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn thousands_of_idle_connections_leave_others_unharmed() {
    let sandbox = Sandbox::start().await;
    let at = &sandbox.standard;
    let count = connections(if std::env::var_os("KIMBAI_TEST_LONG").is_some() { 9_900 } else { 1_000 });
    let mut idle = Vec::new();
    for number in 0..count {
        let mut stream = TcpStream::connect(at.address).await.unwrap();
        if number % 2 == 0 {
            stream.write_all(b"POST /token HTTP/1.1\r\nhost: ").await.unwrap();
        }
        idle.push(stream);
    }
    let started = Instant::now();
    for _ in 0..20 {
        at.tokens(at.app()).await;
    }
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    drop(idle);
    at.tokens(at.app()).await;
}

/// So many connections as this process may have both ends of.
fn connections(wanted: usize) -> usize {
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let line = limits.lines().find(|line| line.starts_with("Max open files")).unwrap_or_default();
    let soft = line.split_whitespace().nth(3).and_then(|soft| soft.parse().ok()).unwrap_or(wanted * 2);
    wanted.min((soft - 200) / 2)
}

#[tokio::test]
async fn a_listener_has_so_many_connections_and_one_more_waits_for_a_place() {
    const PLACES: u32 = 3;
    let sandbox = Sandbox::start().await;
    let registration = standard::demo::registration(&sandbox.standard.issuer);
    let service = Arc::new(sandbox.site(&registration, Audience::Production).await);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = At { address: listener.local_addr().unwrap(), ..sandbox.standard.clone() };
    let stop = watch::Sender::new(false);
    let serving = tokio::spawn(serve(listener, PLACES, service, stop.subscribe()));
    let mut open = Vec::new();
    for _ in 0..PLACES {
        let mut stream = TcpStream::connect(at.address).await.unwrap();
        let request = format!("HEAD /nothing HTTP/1.1\r\nhost: {}\r\n\r\n", at.host);
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).await.unwrap();
        open.push(stream);
    }
    let one_more = tokio::spawn({
        let at = at.clone();
        async move { at.get("/nothing").await }
    });
    // That nothing comes is seen by waiting for it alone; served, it would be answered in a thousandth of this.
    let waited = tokio::time::timeout(Duration::from_millis(300), async {
        while !one_more.is_finished() {
            tokio::task::yield_now().await;
        }
    });
    assert!(waited.await.is_err(), "a fourth connection was served");
    drop(open.pop());
    tokio::time::timeout(Duration::from_secs(5), one_more).await.expect("no place was given back").unwrap().expect(404);
    stop.send_replace(true);
    drop(open);
    serving.await.unwrap();
}

#[tokio::test]
async fn hundreds_of_slow_bodies_leave_others_unharmed() {
    let sandbox = Sandbox::start().await;
    let at = &sandbox.standard;
    let head = format!(
        "POST /token HTTP/1.1\r\nhost: {}\r\ncontent-length: {BODY_BYTES_MAX}\r\n\
         content-type: application/x-www-form-urlencoded\r\n\r\n",
        at.host
    );
    // More than may be in hand at once: what has not come whole has no place there.
    let mut slow = Vec::new();
    for _ in 0..700 {
        let mut stream = TcpStream::connect(at.address).await.unwrap();
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.write_all(&form_of(BODY_BYTES_MAX - 1)).await.unwrap();
        slow.push(stream);
    }
    let started = Instant::now();
    for _ in 0..10 {
        at.tokens(at.app()).await;
    }
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    // The last byte comes: each is answered as if it had come at once.
    for stream in slow.iter_mut().take(3) {
        stream.write_all(b"x").await.unwrap();
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).await.unwrap();
        assert_eq!(status(&String::from_utf8_lossy(&answer)), 401);
    }
}

#[tokio::test]
async fn a_body_that_stops_half_way_is_no_harm() {
    let sandbox = Sandbox::start().await;
    let at = &sandbox.standard;
    for _ in 0..50 {
        let mut stream = TcpStream::connect(at.address).await.unwrap();
        let head = format!("POST /token HTTP/1.1\r\nhost: {}\r\ncontent-length: 1000\r\n", at.host);
        stream
            .write_all(format!("{head}content-type: application/x-www-form-urlencoded\r\n\r\nx").as_bytes())
            .await
            .unwrap();
        drop(stream);
    }
    at.tokens(at.app()).await;
}

#[tokio::test]
async fn slow_headers_end_after_10_seconds_and_a_slow_body_after_15() {
    if std::env::var_os("KIMBAI_TEST_LONG").is_none() {
        return;
    }
    let sandbox = Sandbox::start().await;
    let at = &sandbox.standard;
    let form = "content-type: application/x-www-form-urlencoded";
    let body = format!("POST /token HTTP/1.1\r\nhost: {}\r\n{form}\r\ncontent-length: 100\r\n\r\ngrant", at.host);
    let whole = format!("HEAD / HTTP/1.1\r\nhost: {}\r\n\r\n", at.host);
    let (nothing, headers, body, kept_alive) =
        tokio::join!(cut_off(at, ""), cut_off(at, "GET / HTTP/1.1\r\nhos"), cut_off(at, &body), cut_off(at, &whole));
    assert!(matches!(nothing, (0 | 408, 9..=12)), "{nothing:?}");
    assert!(matches!(kept_alive, (200, 9..=12)), "{kept_alive:?}");
    assert!(matches!(headers, (0 | 408, 9..=12)), "{headers:?}");
    assert!(matches!(body, (408, 14..=17)), "{body:?}");
    at.tokens(at.app()).await;
}

/// The status with which a request that stops half way is cut off, and after how many seconds.
async fn cut_off(at: &At, sent: &str) -> (u16, u64) {
    let started = Instant::now();
    let mut stream = TcpStream::connect(at.address).await.unwrap();
    stream.write_all(sent.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let _ = tokio::time::timeout(Duration::from_secs(20), stream.read_to_end(&mut answer)).await.expect("still open");
    (status(&String::from_utf8_lossy(&answer)), started.elapsed().as_secs())
}
