//! What an operator reads: metrics under fixed names, and one line a request in the log.

use std::io::Write;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::fixture::{At, Sandbox, WEB};

/// Every metric with its type. Dashboards and alarms stand on these names: a change here is one for operators.
const METRICS: [&str; 19] = [
    "kimbai_audit_events_dropped counter",
    "kimbai_connections_open gauge",
    "kimbai_ledger_batch_duration_seconds histogram",
    "kimbai_ledger_batch_verbs histogram",
    "kimbai_ledger_database_bytes gauge",
    "kimbai_ledger_log_bytes gauge",
    "kimbai_ledger_outages counter",
    "kimbai_ledger_turned_away counter",
    "kimbai_ledger_waiting gauge",
    "kimbai_password_checks gauge",
    "kimbai_password_checks_done counter",
    "kimbai_password_checks_turned_away counter",
    "kimbai_refresh_answers_repeated counter",
    "kimbai_refresh_reuse counter",
    "kimbai_refusals counter",
    "kimbai_requests counter",
    "kimbai_store_went_back counter",
    "process_open_fds gauge",
    "process_resident_memory_bytes gauge",
];

async fn metrics(sandbox: &Sandbox) -> String {
    sandbox.operator.get("/metrics").await.expect(200).body
}

#[track_caller]
fn value(metrics: &str, name: &str) -> f64 {
    let line = metrics.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("no {name} in {metrics}")).parse().unwrap()
}

#[tokio::test]
async fn metrics_have_their_names_and_types_and_no_others() {
    let sandbox = Sandbox::start().await;
    // A refusal, so that there is one to count.
    sandbox.standard.get("/nothing").await.expect(404);
    let metrics = metrics(&sandbox).await;
    let mut names: Vec<_> = metrics.lines().filter_map(|line| line.strip_prefix("# TYPE ")).collect();
    names.sort_unstable();
    assert_eq!(names, METRICS);
    for name in METRICS.map(|metric| metric.split(' ').next().unwrap()) {
        let described = metrics.lines().filter(|line| line.starts_with(&format!("# HELP {name} "))).count();
        assert_eq!(described, 1, "{name}");
    }
    assert_eq!(metrics.matches("# EOF").count(), 1);
    assert!(metrics.ends_with("# EOF\n"));
}

#[tokio::test]
async fn reuse_is_counted_by_realm_and_the_stores_work_is_measured() {
    let sandbox = Sandbox::start().await;
    let (at, other) = (&sandbox.standard, &sandbox.marketplace);
    let before = metrics(&sandbox).await;
    let first = at.tokens(&WEB).await.member("refresh_token");
    let second = at.refresh(&WEB, &first).await.expect(200).member("refresh_token");
    at.refresh(&WEB, &second).await.expect(200);
    at.refresh(&WEB, &first).await.refused(400, "invalid_grant");
    let after = metrics(&sandbox).await;
    let reused =
        |metrics: &str, realm: &str| value(metrics, &format!("kimbai_refresh_reuse_total{{realm=\"{realm}\"}}"));
    assert_eq!((reused(&before, at.name), reused(&after, at.name), reused(&after, other.name)), (0.0, 1.0, 0.0));
    let batches = |metrics: &str| value(metrics, "kimbai_ledger_batch_duration_seconds_count");
    assert!(batches(&after) >= batches(&before) + 5.0, "{after}");
    for (name, least) in
        [("process_resident_memory_bytes", 1e6), ("process_open_fds", 5.0), ("kimbai_connections_open", 1.0)]
    {
        assert!(value(&after, name) >= least, "{name}");
    }
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_request_has_one_line_in_the_log_without_its_query() {
    let sandbox = Sandbox::start().await;
    let at = sandbox.production().await;
    let logged = async {
        loop {
            let written = logged_of_one_request(&at).await;
            // Another test's thread may have asked tracing about this very line before, and its answer is kept until a
            // subscriber is made.
            if !written.is_empty() {
                return written;
            }
        }
    };
    let written = tokio::time::timeout(Duration::from_secs(10), logged).await.expect("nothing is logged");
    let lines: Vec<_> = written.lines().filter(|line| line.contains("kimbai::access")).collect();
    let [line] = lines[..] else { panic!("{written}") };
    for part in [
        "realm=in-production",
        "endpoint=Token",
        "request_id=\"mine\"",
        "source=127.0.0.3",
        "method=GET",
        "path=\"/token\"",
        "status=405",
        "reason=\"the method is not one of: POST, OPTIONS\"",
    ] {
        assert!(line.contains(part), "{part} in {line}");
    }
    let micros = line.split("micros=").nth(1).unwrap().split(' ').next().unwrap();
    assert!(micros.parse::<u64>().is_ok(), "{line}");
    assert!(!written.contains("secret"), "{written}");
}

/// What is logged while one request is answered.
async fn logged_of_one_request(at: &At) -> String {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone());
    // The runtime of a test has one thread: what the server writes is written on it.
    let guard = tracing::subscriber::set_default(subscriber.finish());
    let call = at.call("GET", "/token?code=secret").from(Ipv4Addr::new(127, 0, 0, 3)).header("x-request-id", "mine");
    call.send().await.refused(405, "invalid_request");
    drop(guard);
    String::from_utf8(log.0.lock().unwrap().clone()).unwrap()
}
