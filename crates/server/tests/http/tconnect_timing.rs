//! Whether the time of a refusal says why: Welch's t between the classes of refusals, over 10,000 calls on an idle machine.
//!
//! Behind `KIMBAI_TIMING=1`: another process on the machine makes it fail for no reason. At the realm's own delays.

use std::collections::BTreeMap;
use std::time::Instant;

use kimbai_core::client::IvLayout;
use kimbai_core::realm::FailureLimits;
use kimbai_keyring::{CipherKey, Envelope};
use serde_json::json;

use super::fixture::Sandbox;
use super::fixture::tconnect::{DEMO, LOG_IN, OTHER, REFRESH};

/// Calls in all, of each path.
const CALLS: usize = 10_000;
/// What |t| stays below.
const T_MAX: f64 = 4.5;

/// Mean, variance and number of a class.
#[derive(Debug, Clone, Copy, Default)]
struct Sample {
    count: f64,
    mean: f64,
    squares: f64,
}

impl Sample {
    fn add(&mut self, value: f64) {
        self.count += 1.0;
        let before = value - self.mean;
        self.mean += before / self.count;
        self.squares += before * (value - self.mean);
    }

    fn variance_of_mean(self) -> f64 {
        self.squares / (self.count - 1.0) / self.count
    }
}

fn welch(one: Sample, other: Sample) -> f64 {
    (one.mean - other.mean) / (one.variance_of_mean() + other.variance_of_mean()).sqrt()
}

#[tokio::test]
async fn the_time_of_a_refusal_does_not_say_why() {
    #[expect(clippy::disallowed_methods, reason = "a flag of this one test")]
    let is_asked = std::env::var("KIMBAI_TIMING").is_ok();
    if !is_asked {
        return;
    }
    let sandbox = Sandbox::start().await;
    let at = sandbox.tconnect_as("timed", |partners| {
        *partners = kimbai_server::dialects::tconnect::settings("", "http://localhost").partners.unwrap();
        partners.failure_limits = FailureLimits::Off;
    });
    let at = at.await;
    let stranger = Envelope::seal(&CipherKey::generate(), IvLayout::Prepended, b"{}").to_hex();
    let log_in = |name: &str, value: &str| DEMO.seal(DEMO.says_with(name, value).to_string().as_bytes());
    let foreign = at.partner_log_in(&OTHER).await.expect(200).member("refresh_token");
    let envelopes = |path| {
        let mut classes = vec![
            ("bad hex", "DEMO", "zz".to_owned()),
            ("bad length", "DEMO", "00".repeat(17)),
            ("bad padding", "DEMO", "00".repeat(64)),
            ("unknown partner", "NOBODY", stranger.clone()),
            ("foreign envelope", "DEMO", OTHER.seal(b"{}")),
            ("no JSON", "DEMO", DEMO.seal(b"[]")),
            ("no member", "DEMO", DEMO.seal(b"{}")),
        ];
        if path == LOG_IN {
            classes.extend([
                ("unknown person", "DEMO", log_in("username", "nobody@yourdomain.vn")),
                ("wrong password", "DEMO", log_in("password", "wrong")),
                ("wrong client", "DEMO", log_in("client_secret", "wrong")),
            ]);
        } else {
            classes.push(("forged token", "DEMO", DEMO.seal(b"{\"refresh_token\":\"x\"}")));
            let said = json!({ "refresh_token": foreign }).to_string();
            classes.push(("foreign token", "DEMO", DEMO.seal(said.as_bytes())));
        }
        classes
    };
    for path in [LOG_IN, REFRESH] {
        let classes = envelopes(path);
        let mut samples: BTreeMap<&str, Sample> = BTreeMap::new();
        for round in 0..CALLS / classes.len() {
            // In another order each time, so that no class always follows another.
            for offset in 0..classes.len() {
                let (name, code, digits) = &classes[(offset * 7 + round) % classes.len()];
                let begun = Instant::now();
                at.sealed(path, code, digits).await.walled();
                samples.entry(name).or_default().add(begun.elapsed().as_secs_f64() * 1e6);
            }
            // Guesses at accounts are locked after a while; a day later they are not.
            sandbox.clock.advance_s(3_600);
        }
        report(path, &samples);
    }
}

#[expect(clippy::print_stdout, reason = "it is run to be read")]
fn report(path: &str, samples: &BTreeMap<&str, Sample>) {
    let mut worst = 0.0_f64;
    for (name, sample) in samples {
        println!("{path} {name}: {} calls, mean {:.0} us", sample.count, sample.mean);
    }
    for (one, first) in samples {
        for (other, second) in samples.range::<str, _>((std::ops::Bound::Excluded(*one), std::ops::Bound::Unbounded)) {
            let t = welch(*first, *second).abs();
            println!("{path} |t| {t:.2}  {one} / {other}");
            worst = worst.max(t);
        }
    }
    assert!(worst < T_MAX, "{path}: |t| = {worst:.2}");
}
