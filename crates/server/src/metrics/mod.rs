//! What is counted, for `/metrics` in the `OpenMetrics` text format. Handles are made once.

mod figures;
mod process;

use kimbai_core::token::Refusal;
use kimbai_engine::Engine;
use prometheus_client::encoding::text::{encode_eof, encode_registry};
use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

use self::figures::Figures;

/// What all names begin with, except those that every program has.
const PREFIX: &str = "kimbai";

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
struct RealmLabels {
    realm: String,
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
    retries: Family<RealmLabels, Counter>,
    reuse: Family<RealmLabels, Counter>,
    store_went_back: Family<RealmLabels, Counter>,
}

/// The counters of one realm.
#[derive(Debug)]
pub struct RealmMetrics {
    requests: Vec<((Endpoint, Outcome), Counter)>,
    realm: String,
    refusals: Family<ReasonLabels, Counter>,
    retried: Counter,
    reused: Counter,
    store_went_back: Counter,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix(PREFIX);
        let (requests, refusals) = (Family::default(), Family::default());
        registry.register("requests", "Requests by realm, endpoint and outcome", Family::clone(&requests));
        registry.register("refusals", "Refused requests by realm and reason", Family::clone(&refusals));
        let mut of_realms = |name, help| {
            let family = Family::<RealmLabels, Counter>::default();
            registry.register(name, help, family.clone());
            family
        };
        let retries = of_realms("refresh_answers_repeated", "Retried refreshes given the same answer");
        let reuse = of_realms("refresh_reuse", "Grants ended because a spent refresh token was presented");
        let help = "Tokens presented that are newer than their grant: the store has lost what it had acknowledged";
        let store_went_back = of_realms("store_went_back", help);
        Self { registry, requests, refusals, retries, reuse, store_went_back }
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
        let labels = RealmLabels { realm: realm.to_owned() };
        let of_realm = |family: &Family<RealmLabels, Counter>| family.get_or_create(&labels).clone();
        RealmMetrics {
            requests: pairs.map(|pair| (pair, counter(pair))).collect(),
            realm: realm.to_owned(),
            refusals: self.refusals.clone(),
            retried: of_realm(&self.retries),
            reused: of_realm(&self.reuse),
            store_went_back: of_realm(&self.store_went_back),
        }
    }

    /// The text that a scraper reads: what was counted, and what is measured now.
    #[must_use]
    pub fn render(&self, engine: &Engine) -> String {
        let mut text = String::new();
        // Writing into a string cannot fail.
        let _ = encode_registry(&mut text, &self.registry)
            .and_then(|()| Figures::of(engine).encode(&mut text))
            .and_then(|()| encode_eof(&mut text));
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

    /// Counts what an operator must know of a code or token that does not work.
    pub fn count_grant_refusal(&self, refusal: Refusal) {
        match refusal {
            Refusal::Reused => drop(self.reused.inc()),
            Refusal::StoreWentBack => drop(self.store_went_back.inc()),
            Refusal::Forged
            | Refusal::Unknown
            | Refusal::Expired
            | Refusal::Revoked
            | Refusal::OtherClient
            | Refusal::RedirectUri
            | Refusal::Verifier
            | Refusal::CodeSpent
            | Refusal::Spent
            | Refusal::GenerationRevoked
            | Refusal::ClientEnded
            | Refusal::UserEnded
            | Refusal::MembershipEnded
            | Refusal::RoleEnded
            | Refusal::ScopeRetired
            | Refusal::LastGeneration => {}
        }
    }

    /// Counts a retried refresh that was given the same answer.
    pub fn count_retry(&self) {
        self.retried.inc();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_operator_must_know_is_counted_by_itself() {
        let metrics = Metrics::default();
        let realm = metrics.realm("main");
        for refusal in [Refusal::Reused, Refusal::StoreWentBack, Refusal::StoreWentBack, Refusal::Expired] {
            realm.count_grant_refusal(refusal);
        }
        let mut text = String::new();
        encode_registry(&mut text, &metrics.registry).unwrap();
        for line in ["kimbai_refresh_reuse_total{realm=\"main\"} 1", "kimbai_store_went_back_total{realm=\"main\"} 2"] {
            assert!(text.lines().any(|counted| counted == line), "{line} in {text}");
        }
    }
}
