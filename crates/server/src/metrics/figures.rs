//! What is measured at the moment a scraper asks: the store, the password pools, connections, the process.

use std::time::Duration;

use kimbai_engine::{Engine, PasswordPoolUse};
use kimbai_store::StoreFigures;
use prometheus_client::encoding::text::encode_registry;
use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, EncodeMetric, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::{ConstGauge, Gauge};
use prometheus_client::registry::{Registry, Unit};

use super::process::ProcessFigures;
use super::{PREFIX, RealmLabels};
use crate::http::listener::open_connections;

/// The first bound of the times of batches; each is twice the one before.
const BATCH_TIME_FIRST: Duration = Duration::from_micros(64);

/// What is measured at one moment.
#[derive(Debug, Default)]
pub(super) struct Figures {
    store: StoreFigures,
    passwords: Vec<(String, PasswordPoolUse)>,
    connections: u32,
    process: ProcessFigures,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct PasswordLabels {
    realm: String,
    state: PasswordState,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelValue)]
enum PasswordState {
    Checking,
    Waiting,
}

impl Figures {
    /// Those of now.
    pub(super) fn of(engine: &Engine) -> Self {
        Self {
            store: engine.store_figures(),
            passwords: engine.realms().iter().map(|realm| (realm.name.clone(), realm.password_pool())).collect(),
            connections: open_connections(),
            process: ProcessFigures::now(),
        }
    }

    pub(super) fn encode(&self, text: &mut String) -> std::fmt::Result {
        let mut registry = Registry::with_prefix(PREFIX);
        register_store(&mut registry, &self.store);
        self.register_passwords(&mut registry);
        registry.register("connections_open", "Connections that are open, or shaking hands", gauge(self.connections));
        encode_registry(text, &registry)?;
        // Under the names that every program's dashboards have.
        let mut registry = Registry::default();
        if let Some(bytes) = self.process.resident_bytes {
            let help = "Memory of the process";
            registry.register_with_unit("process_resident_memory", help, Unit::Bytes, gauge(bytes));
        }
        if let Some(descriptors) = self.process.open_descriptors {
            registry.register("process_open_fds", "Open file descriptors of the process", gauge(descriptors));
        }
        encode_registry(text, &registry)
    }

    fn register_passwords(&self, registry: &mut Registry) {
        let (inside, turned_away) = (Family::<_, Gauge>::default(), Family::<_, Counter>::default());
        let checked = Family::<_, Counter>::default();
        for (realm, used) in &self.passwords {
            let of_state = |state| PasswordLabels { realm: realm.clone(), state };
            inside.get_or_create(&of_state(PasswordState::Checking)).set(i64::from(used.checking));
            inside.get_or_create(&of_state(PasswordState::Waiting)).set(i64::from(used.waiting));
            turned_away.get_or_create(&RealmLabels { realm: realm.clone() }).inc_by(used.turned_away);
            checked.get_or_create(&RealmLabels { realm: realm.clone() }).inc_by(used.checked);
        }
        registry.register("password_checks", "Passwords that are being checked, or wait for it", inside);
        registry.register("password_checks_done", "Passwords that were checked", checked);
        let help = "Log-ins turned away because too many waited";
        registry.register("password_checks_turned_away", help, turned_away);
    }
}

fn register_store(registry: &mut Registry, figures: &StoreFigures) {
    let sizes = (0..).map(|power: u32| f64::from(1_u32 << power.min(31)));
    let sizes = Distribution {
        #[expect(clippy::cast_precision_loss, reason = "a sum of so many verbs may be rounded")]
        sum: figures.batch_size_sum as f64,
        buckets: sizes.zip(figures.batch_sizes).collect(),
    };
    let last = figures.batch_times.len().saturating_sub(1);
    let bounds = (0..).map(|power: u32| match usize::try_from(power) {
        Ok(index) if index < last => (BATCH_TIME_FIRST * (1 << power.min(31))).as_secs_f64(),
        Ok(_) | Err(_) => f64::INFINITY,
    });
    let times = Distribution {
        sum: Duration::from_micros(figures.batch_time_sum_us).as_secs_f64(),
        buckets: bounds.zip(figures.batch_times).collect(),
    };
    registry.register("ledger_batch_verbs", "Verbs and changes in a transaction of the store", sizes);
    let help = "From taking a batch to its flush";
    registry.register_with_unit("ledger_batch_duration", help, Unit::Seconds, times);
    registry.register("ledger_waiting", "Verbs and changes that wait for the writer", gauge(figures.waiting));
    let help = "Verbs and changes turned away because too many waited";
    registry.register("ledger_turned_away", help, ConstCounter::new(figures.turned_away));
    registry.register_with_unit("ledger_log", "The store's log", Unit::Bytes, gauge(figures.log_bytes));
    registry.register_with_unit("ledger_database", "The store's file", Unit::Bytes, gauge(figures.database_bytes));
    let help = "Times that the store failed and had to prove its log";
    registry.register("ledger_outages", help, ConstCounter::new(figures.outages));
    let help = "Audit events dropped because the store did not keep up";
    registry.register("audit_events_dropped", help, ConstCounter::new(figures.events_dropped));
}

fn gauge(value: impl Into<u64>) -> ConstGauge<u64> {
    ConstGauge::new(value.into())
}

/// A histogram that was counted elsewhere: upper bounds, and how many are between each and the one before.
#[derive(Debug)]
struct Distribution {
    sum: f64,
    buckets: Vec<(f64, u64)>,
}

impl EncodeMetric for Distribution {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> std::fmt::Result {
        let count = self.buckets.iter().map(|(_, count)| count).sum();
        // The last bucket holds all (OpenMetrics section 5.3).
        let mut buckets = self.buckets.clone();
        if buckets.last().is_none_or(|(bound, _)| bound.is_finite()) {
            buckets.push((f64::INFINITY, 0));
        }
        encoder.encode_histogram::<NoLabelSet>(self.sum, count, &buckets, None)
    }

    fn metric_type(&self) -> MetricType {
        MetricType::Histogram
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_figures_of_a_store_are_rendered_with_their_units() {
        let mut store = StoreFigures {
            batch_size_sum: 515,
            batch_time_sum_us: 1_500_000,
            waiting: 3,
            turned_away: 4,
            log_bytes: 268_435_456,
            database_bytes: 5,
            events_dropped: 6,
            outages: 7,
            ..StoreFigures::default()
        };
        store.batch_sizes[0] = 1;
        store.batch_sizes[9] = 1;
        store.batch_times[1] = 1;
        store.batch_times[15] = 1;
        let used = PasswordPoolUse { checking: 2, waiting: 64, turned_away: 8, checked: 77 };
        let process = ProcessFigures { resident_bytes: Some(1_024), open_descriptors: Some(9) };
        let figures = Figures { store, passwords: vec![("main".to_owned(), used)], connections: 11, process };
        let mut text = String::new();
        figures.encode(&mut text).unwrap();
        for line in [
            "kimbai_ledger_batch_verbs_sum 515.0",
            "kimbai_ledger_batch_verbs_count 2",
            "kimbai_ledger_batch_verbs_bucket{le=\"1.0\"} 1",
            "kimbai_ledger_batch_verbs_bucket{le=\"256.0\"} 1",
            "kimbai_ledger_batch_verbs_bucket{le=\"512.0\"} 2",
            "kimbai_ledger_batch_verbs_bucket{le=\"+Inf\"} 2",
            "kimbai_ledger_batch_duration_seconds_sum 1.5",
            "kimbai_ledger_batch_duration_seconds_bucket{le=\"0.000064\"} 0",
            "kimbai_ledger_batch_duration_seconds_bucket{le=\"0.000128\"} 1",
            "kimbai_ledger_batch_duration_seconds_bucket{le=\"1.048576\"} 1",
            "kimbai_ledger_batch_duration_seconds_bucket{le=\"+Inf\"} 2",
            "kimbai_ledger_waiting 3",
            "kimbai_ledger_turned_away_total 4",
            "kimbai_ledger_log_bytes 268435456",
            "kimbai_ledger_database_bytes 5",
            "kimbai_audit_events_dropped_total 6",
            "kimbai_ledger_outages_total 7",
            "kimbai_password_checks{realm=\"main\",state=\"Checking\"} 2",
            "kimbai_password_checks{realm=\"main\",state=\"Waiting\"} 64",
            "kimbai_password_checks_turned_away_total{realm=\"main\"} 8",
            "kimbai_password_checks_done_total{realm=\"main\"} 77",
            "kimbai_connections_open 11",
            "process_resident_memory_bytes 1024",
            "process_open_fds 9",
        ] {
            assert!(text.lines().any(|rendered| rendered == line), "{line} in {text}");
        }
    }
}
