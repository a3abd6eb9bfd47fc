//! TLS: both versions of HTTP, a certificate that is replaced while it is served, and pairs that cannot be used.

use std::fs;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use serde_json::Value;

use super::place::{Ended, Place, Server, curl, until};
use super::visit::{App, MANIFEST};
use crate::BINARY;
use crate::fixture::Call;

/// A certificate with its key, and the authority that is behind it.
struct Pair {
    authority: String,
    certificate: String,
    key: String,
}

impl Pair {
    fn make() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "an authority of the tests");
        let authority_key = KeyPair::generate().unwrap();
        let authority = params.self_signed(&authority_key).unwrap().pem();
        let issuer = Issuer::new(params, authority_key);
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &issuer).unwrap().pem();
        Self { authority, certificate, key: key.serialize_pem() }
    }

    /// Puts it where the server reads it.
    fn install(&self, place: &Place) {
        place.write("certificate.pem", &self.certificate);
        place.write("key.pem", &self.key);
    }
}

fn place() -> Place {
    let place = Place::new();
    place.write("kimbai.toml", "[tls]\ncertificate_file = 'certificate.pem'\nprivate_key_file = 'key.pem'\n");
    place
}

/// What a client that trusts one authority alone is told; the last line is the version of HTTP and the status.
fn fetch(place: &Place, pair: &Pair, words: &[&str], path: &str) -> Ended {
    place.write("authority.pem", &pair.authority);
    let (authority, url) = (place.path("authority.pem"), format!("https://localhost:{}{path}", place.port));
    let fixed = ["--cacert", authority.to_str().unwrap(), "--write-out", "\n%{http_version} %{http_code}", &url];
    curl(&[&fixed, words].concat())
}

fn is_served(place: &Place, pair: &Pair) -> bool {
    fetch(place, pair, &[], METADATA).status.success()
}

/// The lines of the log of this level that say this.
fn lines(server: &Server, level: &str, message: &str) -> Vec<Value> {
    let is_one = |line: &Value| line["level"] == level && line["message"].as_str() == Some(message);
    server.log_lines().into_iter().filter(is_one).collect()
}

const METADATA: &str = "/.well-known/oauth-authorization-server";
const READ_AGAIN: &str = "the certificate was read again";
const UNUSABLE: &str = "the changed certificate cannot be used, the one before it stays";

#[tokio::test]
async fn both_versions_of_http_are_spoken_over_tls_and_cookies_are_secure() {
    let (place, pair) = (place(), Pair::make());
    pair.install(&place);
    let server = place.serve(&[]).await;
    place.apply(MANIFEST);
    for (flag, version) in [("--http2", "2 200"), ("--http1.1", "1.1 200"), ("--tlsv1.3", "2 200")] {
        let ended = fetch(&place, &pair, &[flag], METADATA);
        let (body, said) = ended.stdout.rsplit_once('\n').unwrap_or_else(|| panic!("{ended:?}"));
        assert_eq!(said, version, "{ended:?}");
        let metadata: Value = serde_json::from_str(body).unwrap();
        assert_eq!(metadata["issuer"], format!("https://localhost:{}", place.port));
    }
    let page = fetch(&place, &pair, &["--include"], &App::WEB.authorization_request());
    let cookie = page.stdout.lines().find(|line| line.to_ascii_lowercase().starts_with("set-cookie: ")).unwrap();
    assert!(cookie.contains("__Host-kimbai-main-browser=") && cookie.contains("; Secure"), "{cookie}");
    // Whoever does not trust the authority, or speaks HTTP here, gets nothing.
    assert_eq!(curl(&[&format!("https://localhost:{}{METADATA}", place.port)]).status.code(), Some(60));
    assert!(!curl(&[&format!("http://localhost:{}{METADATA}", place.port)]).status.success());
    let stopped = server.stop().await;
    assert!(!stopped.stderr.contains("PRIVATE KEY"), "{stopped:?}");
}

#[tokio::test]
async fn a_certificate_that_is_replaced_on_disk_is_served_soon_and_at_once_after_a_signal() {
    let (place, first, second, third) = (place(), Pair::make(), Pair::make(), Pair::make());
    first.install(&place);
    let server = place.serve(&[]).await;
    assert!(is_served(&place, &first));
    second.install(&place);
    until("the second certificate", || is_served(&place, &second).then_some(())).await;
    assert!(!is_served(&place, &first));
    // The signal rereads also what looks as it did.
    let before = lines(&server, "INFO", READ_AGAIN).len();
    server.signal("HUP");
    until("a reading", || (lines(&server, "INFO", READ_AGAIN).len() > before).then_some(())).await;
    third.install(&place);
    server.signal("HUP");
    until("the third certificate", || is_served(&place, &third).then_some(())).await;
    server.stop().await;
}

#[tokio::test]
async fn a_broken_replacement_is_loud_and_the_certificate_before_it_stays() {
    let (place, first, other) = (place(), Pair::make(), Pair::make());
    first.install(&place);
    let server = place.serve(&[]).await;
    for (name, content, expect) in [
        ("certificate.pem", "no certificate", "certificate.pem: no certificates in PEM form are in it"),
        ("certificate.pem", &other.certificate, "key.pem is not the key of the first certificate in"),
        ("key.pem", "no key", "key.pem: no usable private key in PEM form is in it"),
        ("key.pem", &other.key, "key.pem is not the key of the first certificate in"),
    ] {
        let before = lines(&server, "ERROR", UNUSABLE).len();
        place.write(name, content);
        server.signal("HUP");
        // What the server found half written meanwhile is a line, too.
        let says = |line: &Value| line["error"].as_str().is_some_and(|error| error.contains(expect));
        let is_said = || lines(&server, "ERROR", UNUSABLE).iter().skip(before).any(says);
        until("a loud line", || is_said().then_some(())).await;
        assert!(is_served(&place, &first), "{expect}");
        first.install(&place);
    }
    fs::remove_file(place.path("certificate.pem")).unwrap();
    let before = lines(&server, "ERROR", UNUSABLE).len();
    server.signal("HUP");
    until("a loud line", || (lines(&server, "ERROR", UNUSABLE).len() > before).then_some(())).await;
    assert!(is_served(&place, &first));
    // What is mended is taken again.
    other.install(&place);
    until("the mended pair", || is_served(&place, &other).then_some(())).await;
    let log = server.stop().await.stderr;
    assert!(!log.contains("PRIVATE KEY") && !log.contains(other.key.lines().nth(1).unwrap()), "{log}");
}

#[tokio::test]
async fn a_pair_that_cannot_be_used_is_refused_at_the_start_and_nothing_is_made() {
    let (place, pair, other) = (place(), Pair::make(), Pair::make());
    for (certificate, key, expect) in [
        (pair.certificate.as_str(), other.key.as_str(), "give the pair that belongs together"),
        (&pair.key, &pair.key, "give the server's own certificate and after it those of its issuers"),
        (&pair.certificate, &pair.certificate, "give one without a passphrase"),
        ("", "", "give the server's own certificate and after it those of its issuers"),
    ] {
        place.write("certificate.pem", certificate);
        place.write("key.pem", key);
        let ended = place.try_serve(&[BINARY, "serve"]).await.err().unwrap();
        assert_eq!((ended.status.code(), ended.stdout.as_str()), (Some(1), ""), "{ended:?}");
        assert!(ended.stderr.starts_with("error: ") && ended.stderr.contains(expect), "{ended:?}");
        assert!(!ended.stderr.contains("PRIVATE KEY"), "{ended:?}");
        assert!(!place.path("kimbai-data").exists(), "nothing is made");
    }
    pair.install(&place);
    fs::remove_file(place.path("key.pem")).unwrap();
    let ended = place.try_serve(&[BINARY, "serve"]).await.err().unwrap();
    assert_eq!(ended.status.code(), Some(1), "{ended:?}");
    assert!(ended.stderr.contains("cannot read key.pem: give a file that is there"), "{ended:?}");
}

#[tokio::test]
async fn an_idle_connection_over_tls_does_not_hold_a_stop_up() {
    let (place, pair) = (place(), Pair::make());
    pair.install(&place);
    let server = place.serve(&[]).await;
    // It has not even begun to shake hands.
    let _silent = tokio::net::TcpStream::connect(("127.0.0.1", place.port)).await.unwrap();
    assert!(is_served(&place, &pair));
    let told = std::time::Instant::now();
    server.stop().await;
    assert!(told.elapsed() < std::time::Duration::from_secs(10), "{:?}", told.elapsed());
}

#[tokio::test]
async fn the_operator_speaks_http_also_beside_tls() {
    let (place, pair) = (place(), Pair::make());
    pair.install(&place);
    let _server = place.serve(&[]).await;
    let mut operator = crate::fixture::Connection::to(place.operator());
    operator.send(&Call::get("/readyz")).await.unwrap().expect(200);
}
