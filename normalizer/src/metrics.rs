//! What the normalizer counts. A record counts once its transaction is in the log, so that a
//! transaction that is read again does not count twice.

use std::collections::BTreeMap;

use prometheus::{IntCounterVec, Opts, Registry};
use schemas::{Kind, Provider};

/// Raw records by outcome: the sum is what was read.
pub const RECORDS: &str = "waybill_normalizer_records_total";
/// Canonical events by carrier and kind; UNKNOWN tells of words that the mapping lacks.
pub const EVENTS: &str = "waybill_normalizer_events_total";

/// The counters, shared by all workers of the process.
#[derive(Clone, Debug)]
pub struct Metrics {
    records: IntCounterVec,
    events: IntCounterVec,
}

impl Metrics {
    /// Registers the counters.
    ///
    /// # Errors
    /// If they are registered already.
    pub fn new(registry: &Registry) -> prometheus::Result<Self> {
        let records = IntCounterVec::new(
            Opts::new(RECORDS, "raw records by what became of them"),
            &["outcome"],
        )?;
        let events = IntCounterVec::new(
            Opts::new(EVENTS, "canonical events by carrier and kind"),
            &["provider", "kind"],
        )?;
        registry.register(Box::new(records.clone()))?;
        registry.register(Box::new(events.clone()))?;
        Ok(Self { records, events })
    }
}

/// What an open transaction will have counted.
#[derive(Debug, Default)]
pub(crate) struct Pending {
    records: BTreeMap<&'static str, u64>,
    events: BTreeMap<(Provider, Kind), u64>,
}

impl Pending {
    pub(crate) fn record(&mut self, outcome: &'static str) {
        *self.records.entry(outcome).or_default() += 1;
    }

    pub(crate) fn event(&mut self, provider: Provider, kind: Kind) {
        *self.events.entry((provider, kind)).or_default() += 1;
    }

    pub(crate) fn commit(&mut self, metrics: &Metrics) {
        for (outcome, count) in std::mem::take(&mut self.records) {
            metrics.records.with_label_values(&[outcome]).inc_by(count);
        }
        for ((provider, kind), count) in std::mem::take(&mut self.events) {
            metrics
                .events
                .with_label_values(&[provider.as_str(), kind.as_str()])
                .inc_by(count);
        }
    }

    pub(crate) fn discard(&mut self) {
        *self = Self::default();
    }
}
