//! TLS and HTTP/2: both versions answer alike, certificates change while they are served, and what is neither harms nobody.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use kimbai_server::Audience;
use kimbai_server::dialects::standard;
use kimbai_server::http::listener::{Peer, Service};
use kimbai_server::http::proxies::TrustedProxies;
use kimbai_server::http::sites::Sites;
use kimbai_server::http::tls::{Tls, TlsError};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

use crate::fixture::secure::{Files, Secure, get, read};
use crate::fixture::{Answer, Sandbox};

const METADATA: &str = "/.well-known/oauth-authorization-server";
const DEADLINE: Duration = Duration::from_secs(10);

/// A realm behind TLS, and its issuer.
async fn realm(sandbox: &Sandbox) -> (Secure, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let issuer = format!("https://localhost:{}", listener.local_addr().unwrap().port());
    let mut registration = standard::demo::registration(&issuer);
    registration.name = "secure";
    let sites = Sites::new(TrustedProxies::default());
    sites.put([sandbox.site(&registration, Audience::Production).await]).unwrap();
    (Secure::start(listener, sites), issuer)
}

/// A service whose requests stay until they are let go.
#[derive(Default)]
struct Slow {
    begun: AtomicUsize,
    under_way: AtomicUsize,
    most: AtomicUsize,
}

struct Gate(Arc<Slow>, Arc<Semaphore>);

impl Service for Gate {
    async fn answer(&self, _peer: Peer, _request: Request<Body>) -> Response {
        self.0.begun.fetch_add(1, Ordering::SeqCst);
        let under_way = self.0.under_way.fetch_add(1, Ordering::SeqCst) + 1;
        self.0.most.fetch_max(under_way, Ordering::SeqCst);
        let _ = self.1.acquire().await;
        self.0.under_way.fetch_sub(1, Ordering::SeqCst);
        Response::new(Body::from("done"))
    }
}

async fn gate() -> (Secure, Arc<Slow>, Arc<Semaphore>) {
    let (slow, open) = (Arc::new(Slow::default()), Arc::new(Semaphore::new(0)));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let secure = Secure::start(listener, Gate(Arc::clone(&slow), Arc::clone(&open)));
    (secure, slow, open)
}

async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let waiting = async {
        while !is_so() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(DEADLINE, waiting).await.unwrap_or_else(|_| panic!("never: {what}"));
}

async fn over_http_1_1(secure: &Secure, request: Request<Full<Bytes>>) -> Answer {
    read(secure.http_1_1().await.send_request(request).await.unwrap()).await
}

async fn over_http_2(secure: &Secure, request: Request<Full<Bytes>>) -> Answer {
    read(secure.http_2().await.send_request(request).await.unwrap()).await
}

#[tokio::test]
async fn both_versions_of_http_answer_over_both_versions_of_tls() {
    let sandbox = Sandbox::start().await;
    let (secure, issuer) = realm(&sandbox).await;
    let host = issuer.strip_prefix("https://").unwrap();
    let first = over_http_1_1(&secure, get(METADATA, &[("host", host)])).await.expect(200);
    let second = over_http_2(&secure, get(&format!("{issuer}{METADATA}"), &[])).await.expect(200);
    assert_eq!((first.member("issuer"), &first.body), (issuer, &second.body));
    for version in rustls::ALL_VERSIONS {
        for protocol in [&b"h2"[..], b"http/1.1"] {
            let stream = secure.connect(protocol, &[version]).await.unwrap();
            assert_eq!(stream.get_ref().1.protocol_version(), Some(version.version));
            assert_eq!(stream.get_ref().1.alpn_protocol(), Some(protocol));
        }
    }
    assert!(secure.connect(b"h3", rustls::ALL_VERSIONS).await.is_err());
}

#[tokio::test]
async fn a_foreign_authority_is_misdirected_in_http_2_as_a_foreign_host_is() {
    let sandbox = Sandbox::start().await;
    let (secure, issuer) = realm(&sandbox).await;
    let host = issuer.strip_prefix("https://").unwrap();
    let target = format!("{issuer}{METADATA}");
    over_http_2(&secure, get(&target, &[("host", host)])).await.expect(200);
    over_http_2(&secure, get(&target, &[("host", "evil.test")])).await.refused(421, "invalid_request");
    over_http_2(&secure, get("https://evil.test/", &[])).await.refused(421, "invalid_request");
    over_http_2(&secure, get("https://evil.test/", &[("host", host)])).await.refused(421, "invalid_request");
    over_http_1_1(&secure, get(METADATA, &[("host", "evil.test")])).await.refused(421, "invalid_request");
}

#[tokio::test]
async fn headers_have_the_same_limits_in_http_2() {
    let sandbox = Sandbox::start().await;
    let (secure, issuer) = realm(&sandbox).await;
    let target = format!("{issuer}/token");
    let numbered = |count: usize| -> Vec<(String, &str)> { (0..count).map(|n| (format!("x-{n}"), "y")).collect() };
    for (count, expect) in [(100, 405), (101, 431), (190, 431)] {
        let headers = numbered(count);
        let headers: Vec<_> = headers.iter().map(|(name, value)| (name.as_str(), *value)).collect();
        over_http_2(&secure, get(&target, &headers)).await.refused(expect, "invalid_request");
    }
    for (bytes, expect) in [(32_000, 405), (33_000, 431)] {
        let answer = over_http_2(&secure, get(&target, &[("x", &"y".repeat(bytes))])).await;
        answer.refused(expect, "invalid_request");
    }
    // Beyond what is read for the dialect's form: the same status, or no answer, and others go on.
    for bytes in [70_000, 1_000_000] {
        let answer = secure.http_2().await.send_request(get(&target, &[("x", &"y".repeat(bytes))])).await;
        assert!(answer.map_or(true, |answer| answer.status() == 431), "{bytes}");
    }
    over_http_2(&secure, get(&format!("{issuer}{METADATA}"), &[])).await.expect(200);
}

#[tokio::test]
async fn a_changed_certificate_is_served_without_a_restart() {
    let sandbox = Sandbox::start().await;
    let (secure, issuer) = realm(&sandbox).await;
    let (before, mut kept) = (secure.files.certificate(), secure.http_2().await);
    let watching = tokio::spawn(Arc::clone(&secure.tls).watch(secure.stop.subscribe()));
    secure.files.renew();
    assert_ne!(secure.files.certificate(), before);
    let served = async {
        // Clients trust the new one alone.
        while secure.connect(b"h2", rustls::ALL_VERSIONS).await.is_err() {}
    };
    tokio::time::timeout(DEADLINE, served).await.expect("the new certificate is not served");
    read(kept.send_request(get(&format!("{issuer}{METADATA}"), &[])).await.unwrap()).await.expect(200);
    secure.files.renew();
    secure.tls.reload();
    over_http_2(&secure, get(&format!("{issuer}{METADATA}"), &[])).await.expect(200);
    secure.stop.send_replace(true);
    watching.await.unwrap();
}

#[tokio::test]
async fn a_pair_that_does_not_match_is_refused_and_the_one_before_stays() {
    let (secure, _, open) = gate().await;
    open.close();
    let other = Files::new();
    let whole = std::fs::read_to_string(&secure.files.key).unwrap();
    let key = std::fs::read_to_string(&other.key).unwrap();
    let certificate = std::fs::read_to_string(&secure.files.certificates).unwrap();
    let nonsense = "-----BEGIN PRIVATE KEY-----\nMTIz\n-----END PRIVATE KEY-----\n";
    for text in [&key, &certificate, &whole[..whole.len() / 2], "", nonsense] {
        secure.files.put(&secure.files.key, text);
        let error = Tls::load(&secure.files.certificates, &secure.files.key).unwrap_err();
        assert_eq!(matches!(error, TlsError::Mismatch { .. }), text == key, "{error}");
        assert_eq!(matches!(error, TlsError::Key(_)), text != key, "{error}");
        assert!(error.to_string().contains("key.pem"), "{error}");
        secure.tls.reload();
        over_http_2(&secure, get("https://localhost/", &[])).await.expect(200);
    }
    for (path, expect) in [(&secure.files.key, "no certificates"), (&other.certificates.join("none"), "cannot read")] {
        let error = Tls::load(path, &other.key).unwrap_err().to_string();
        assert!(error.contains(expect) && error.contains(&path.display().to_string()), "{error}");
    }
    let error = Tls::load(&secure.files.certificates, &other.key.with_extension("none")).unwrap_err();
    assert!(matches!(error, TlsError::Read { .. }) && error.to_string().contains("key.none"), "{error}");
}

#[tokio::test]
async fn what_is_no_tls_is_closed_at_once() {
    let sandbox = Sandbox::start().await;
    let (secure, issuer) = realm(&sandbox).await;
    for request in [&b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n"[..], b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", &[0; 100]] {
        let (started, mut answer) = (Instant::now(), Vec::new());
        let mut stream = TcpStream::connect(secure.address).await.unwrap();
        stream.write_all(request).await.unwrap();
        let _ = tokio::time::timeout(DEADLINE, stream.read_to_end(&mut answer)).await.expect("still open");
        assert!(started.elapsed() < Duration::from_secs(5) && answer.len() < 50, "{answer:?}");
    }
    over_http_2(&secure, get(&format!("{issuer}{METADATA}"), &[])).await.expect(200);
}

#[tokio::test]
async fn handshakes_that_are_never_finished_leave_others_unharmed() {
    let sandbox = Sandbox::start().await;
    let (secure, issuer) = realm(&sandbox).await;
    let mut slow = Vec::new();
    for _ in 0..200 {
        let mut stream = TcpStream::connect(secure.address).await.unwrap();
        // The first bytes of a record that announces 512 more.
        stream.write_all(&[22, 3, 1, 2, 0, 1]).await.unwrap();
        slow.push(stream);
    }
    let started = Instant::now();
    for _ in 0..10 {
        over_http_2(&secure, get(&format!("{issuer}{METADATA}"), &[])).await.expect(200);
    }
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    if std::env::var_os("KIMBAI_TEST_LONG").is_some() {
        let mut answer = Vec::new();
        let mut first = slow.swap_remove(0);
        let _ = tokio::time::timeout(DEADLINE * 2, first.read_to_end(&mut answer)).await.expect("still open");
        assert!(started.elapsed() < Duration::from_secs(12));
    }
    // A stop waits for no handshake.
    let Secure { stop, .. } = &secure;
    stop.send_replace(true);
    until("the listener's end", || secure.served.is_finished()).await;
}

#[tokio::test]
async fn resetting_requests_is_no_way_to_have_any_number_under_way() {
    let (secure, slow, open) = gate().await;
    let sender = secure.http_2().await;
    for round in 1..=20 {
        let requests: Vec<_> = (0..50)
            .map(|_| {
                let mut sender = sender.clone();
                tokio::spawn(async move { sender.send_request(get("https://localhost/", &[])).await.is_ok() })
            })
            .collect();
        until("the requests have come", || {
            slow.begun.load(Ordering::SeqCst) >= round * 50 || requests.iter().all(tokio::task::JoinHandle::is_finished)
        })
        .await;
        requests.iter().for_each(tokio::task::JoinHandle::abort);
        for request in requests {
            let _ = request.await;
        }
    }
    assert_eq!(slow.most.load(Ordering::SeqCst), 100);
    open.close();
    until("those under way end", || slow.under_way.load(Ordering::SeqCst) == 0).await;
    over_http_2(&secure, get("https://localhost/", &[])).await.expect(200);
}

#[tokio::test]
async fn a_stop_lets_requests_finish_in_both_versions_of_http() {
    let (mut secure, slow, open) = gate().await;
    let (mut first, mut second) = (secure.http_1_1().await, secure.http_2().await);
    let first = tokio::spawn(async move { first.send_request(get("/", &[("host", "localhost")])).await });
    let second = tokio::spawn(async move { second.send_request(get("https://localhost/", &[])).await });
    until("both are under way", || slow.under_way.load(Ordering::SeqCst) == 2).await;
    secure.stop.send_replace(true);
    let refused = async { while TcpStream::connect(secure.address).await.is_ok() {} };
    tokio::time::timeout(DEADLINE, refused).await.expect("the port stays open");
    assert!(!secure.served.is_finished());
    open.close();
    for answered in [first, second] {
        assert_eq!(read(answered.await.unwrap().unwrap()).await.expect(200).body, "done");
    }
    tokio::time::timeout(DEADLINE, &mut secure.served).await.expect("connections stay open").unwrap();
}

#[tokio::test]
async fn a_connection_that_answers_pings_and_asks_nothing_ends_after_a_minute_at_most() {
    if std::env::var_os("KIMBAI_TEST_LONG").is_none() {
        return;
    }
    let (secure, _, open) = gate().await;
    open.close();
    let (started, mut sender) = (Instant::now(), secure.http_2().await);
    read(sender.send_request(get("https://localhost/", &[])).await.unwrap()).await.expect(200);
    let ended = async {
        let mut looks = tokio::time::interval(Duration::from_millis(100));
        while !sender.is_closed() {
            looks.tick().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(65), ended).await.expect("still open");
    assert!(started.elapsed() >= Duration::from_secs(30), "{:?}", started.elapsed());
}
