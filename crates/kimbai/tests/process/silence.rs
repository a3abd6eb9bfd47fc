//! What was said in confidence is in no log, metric or list, whatever went wrong.

use crate::fixture::{Call, Start, say};
use crate::tour;

#[tokio::test]
async fn no_secret_is_in_a_trace_a_metric_or_the_list_of_requests() {
    let data = tempfile::tempdir().unwrap();
    let sandbox = Start { log: "trace", ..Start::new(Some(&data.path().join("data"))) }.start();
    let secrets = tour::everything(&sandbox).await;
    let metrics = sandbox.send(sandbox.operator(), &Call::get("/metrics")).await.expect(200);
    assert!(metrics.body.contains("kimbai_refusals_total{"), "{}", metrics.body);
    secrets.assert_absent("/metrics", metrics.body.as_bytes());
    for port in [sandbox.port_base, sandbox.marketplace()] {
        for accept in ["application/json", "text/html"] {
            let call = Call::get("/sandbox/requests").header("accept", accept);
            let list = sandbox.send(port, &call).await.expect(200);
            assert!(list.body.contains("introspect"), "{list:?}");
            secrets.assert_absent("/sandbox/requests", list.body.as_bytes());
        }
    }
    sandbox.terminate();
    let ended = sandbox.wait();
    assert!(ended.status.success() && ended.stdout.is_empty(), "{ended:?}");
    assert!(ended.stderr.lines().filter(|line| line.contains("/sc/oauth2/token")).count() > 20, "{}", ended.stderr);
    secrets.assert_absent("stderr", ended.stderr.as_bytes());
    say(&format!("{} secrets in {} lines of trace: none found", secrets.count(), ended.stderr.lines().count()));
}
