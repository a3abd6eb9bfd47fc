//! What is counted, for `/metrics` in the `OpenMetrics` text format. Handles are made once.

use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

/// A realm's endpoints, as metrics and logs name them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelValue)]
#[expect(missing_docs, reason = "each is the endpoint of that name")]
pub enum Endpoint {
    Authorize,
    Token,
    Revoke,
    Introspect,
    Metadata,
    Resource,
    Page,
    Asset,
    Sandbox,
    Other,
}

const ENDPOINTS: [Endpoint; 10] = [
    Endpoint::Authorize,
    Endpoint::Token,
    Endpoint::Revoke,
    Endpoint::Introspect,
    Endpoint::Metadata,
    Endpoint::Resource,
    Endpoint::Page,
    Endpoint::Asset,
    Endpoint::Sandbox,
    Endpoint::Other,
];

/// How a request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelValue)]
enum Outcome {
    Answered,
    Refused,
    Failed,
}

const OUTCOMES: [Outcome; 3] = [Outcome::Answered, Outcome::Refused, Outcome::Failed];

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    realm: String,
    endpoint: Endpoint,
    outcome: Outcome,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReasonLabels {
    realm: String,
    reason: &'static str,
}

/// All metrics of a server.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    requests: Family<RequestLabels, Counter>,
    refusals: Family<ReasonLabels, Counter>,
    retries: Family<ReasonLabels, Counter>,
}

/// The counters of one realm.
#[derive(Debug)]
pub struct RealmMetrics {
    requests: Vec<((Endpoint, Outcome), Counter)>,
    realm: String,
    refusals: Family<ReasonLabels, Counter>,
    retried: Counter<u64, AtomicU64>,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("kimbai");
        let (requests, refusals, retries) = (Family::default(), Family::default(), Family::default());
        registry.register("requests", "Requests by realm, endpoint and outcome", Family::clone(&requests));
        registry.register("refusals", "Refused requests by realm and reason", Family::clone(&refusals));
        registry.register(
            "refresh_answers_repeated",
            "Retried refreshes given the same answer",
            Family::clone(&retries),
        );
        Self { registry, requests, refusals, retries }
    }
}

impl Metrics {
    /// The counters of a realm.
    #[must_use]
    pub fn realm(&self, realm: &str) -> RealmMetrics {
        let pairs = ENDPOINTS.into_iter().flat_map(|endpoint| OUTCOMES.map(|outcome| (endpoint, outcome)));
        let counter = |(endpoint, outcome)| {
            let labels = RequestLabels { realm: realm.to_owned(), endpoint, outcome };
            self.requests.get_or_create(&labels).clone()
        };
        let retried = ReasonLabels { realm: realm.to_owned(), reason: "retried" };
        RealmMetrics {
            requests: pairs.map(|pair| (pair, counter(pair))).collect(),
            realm: realm.to_owned(),
            refusals: self.refusals.clone(),
            retried: self.retries.get_or_create(&retried).clone(),
        }
    }

    /// The text that a scraper reads.
    #[must_use]
    pub fn render(&self) -> String {
        let mut text = String::new();
        // Writing into a string cannot fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}

impl RealmMetrics {
    /// Counts an answered request.
    pub fn count(&self, endpoint: Endpoint, status: http::StatusCode) {
        let outcome = match status.as_u16() {
            ..400 => Outcome::Answered,
            400..500 => Outcome::Refused,
            500.. => Outcome::Failed,
        };
        if let Some((_, counter)) = self.requests.iter().find(|(labels, _)| *labels == (endpoint, outcome)) {
            counter.inc();
        }
    }

    /// Counts why a request was refused.
    pub fn count_refusal(&self, reason: &'static str) {
        self.refusals.get_or_create(&ReasonLabels { realm: self.realm.clone(), reason }).inc();
    }

    /// Counts a retried refresh that was given the same answer.
    pub fn count_retry(&self) {
        self.retried.inc();
    }
}
