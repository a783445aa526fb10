//! What the enricher counts. A record counts once its transaction is in the log, so that one that is
//! read again does not count twice.

use std::collections::BTreeMap;

use prometheus::{IntCounter, IntCounterVec, IntGauge, Opts, Registry};
use schemas::Provider;

use crate::{effects::Effects, outcome::Outcome, partition::Partition};

/// Canonical records by outcome; what was read and is not here is held.
pub const EVENTS: &str = "waybill_enricher_events_total";
/// Late events by carrier.
pub const LATE: &str = "waybill_enricher_late_events_total";
/// Why events left their windows.
pub const CLOSURES: &str = "waybill_enricher_window_closures_total";
/// Orders in which an event waits.
pub const HELD: &str = "waybill_enricher_held_orders";
/// When the earliest hold ends.
pub const HOLD_ENDS: &str = "waybill_enricher_next_hold_end_timestamp_seconds";
/// Orders and accounts in memory.
pub const KEPT: &str = "waybill_enricher_kept_records";
/// Records taken over from the changelog.
pub const RESTORED: &str = "waybill_enricher_restored_records_total";

/// The counters and gauges of the process.
#[derive(Clone, Debug)]
pub struct Metrics {
    events: IntCounterVec,
    late: IntCounterVec,
    closures: IntCounterVec,
    held: IntGauge,
    hold_ends: IntGauge,
    kept: IntGauge,
    restored: IntCounter,
}

impl Metrics {
    /// Registers them.
    ///
    /// # Errors
    /// If they are registered already.
    pub fn new(registry: &Registry) -> prometheus::Result<Self> {
        let counters = |name: &str, help: &str, label: &str| {
            let counters = IntCounterVec::new(Opts::new(name, help), &[label])?;
            registry.register(Box::new(counters.clone()))?;
            Ok::<_, prometheus::Error>(counters)
        };
        let gauge = |name: &str, help: &str| {
            let gauge = IntGauge::new(name, help)?;
            registry.register(Box::new(gauge.clone()))?;
            Ok::<_, prometheus::Error>(gauge)
        };
        let restored = IntCounter::new(RESTORED, "records taken over from the changelog")?;
        registry.register(Box::new(restored.clone()))?;
        Ok(Self {
            events: counters(
                EVENTS,
                "canonical records by what became of them",
                "outcome",
            )?,
            late: counters(
                LATE,
                "events released after one that occurred later",
                "provider",
            )?,
            closures: counters(CLOSURES, "events by why they left their window", "cause")?,
            held: gauge(HELD, "orders in which an event waits")?,
            hold_ends: gauge(HOLD_ENDS, "when the earliest hold ends, 0 if nothing waits")?,
            kept: gauge(KEPT, "orders and accounts in memory")?,
            restored,
        })
    }

    pub(crate) fn restored(&self, records: usize) {
        self.restored.inc_by(u64::try_from(records).unwrap_or(0));
    }

    /// What the partitions hold now.
    pub(crate) fn state<'a>(&self, partitions: impl Iterator<Item = &'a Partition>) {
        let number = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
        let (mut held, mut kept, mut ends) = (0, 0, None::<i64>);
        for store in partitions.map(Partition::store) {
            held += store.held();
            kept += store.len();
            let first = store.first_deadline().map(|(at, _)| at);
            ends = ends.into_iter().chain(first).min();
        }
        self.held.set(number(held));
        self.kept.set(number(kept));
        self.hold_ends
            .set(ends.map_or(0, |ms| ms.div_euclid(1_000)));
    }
}

/// What an open transaction will have counted.
#[derive(Debug, Default)]
pub(crate) struct Pending {
    events: BTreeMap<&'static str, u64>,
    late: BTreeMap<Provider, u64>,
    closures: BTreeMap<&'static str, u64>,
}

impl Pending {
    pub(crate) fn count(&mut self, effects: &Effects) {
        for outcome in &effects.outcomes {
            *self.events.entry(outcome.label()).or_default() += 1;
            if let Outcome::ReleasedLate(provider) = outcome {
                *self.late.entry(*provider).or_default() += 1;
            }
        }
        for released in &effects.releases {
            *self.closures.entry(released.cause.label()).or_default() += 1;
        }
    }

    pub(crate) fn commit(&mut self, metrics: &Metrics) {
        for (outcome, count) in std::mem::take(&mut self.events) {
            metrics.events.with_label_values(&[outcome]).inc_by(count);
        }
        for (provider, count) in std::mem::take(&mut self.late) {
            metrics
                .late
                .with_label_values(&[provider.as_str()])
                .inc_by(count);
        }
        for (cause, count) in std::mem::take(&mut self.closures) {
            metrics.closures.with_label_values(&[cause]).inc_by(count);
        }
    }

    pub(crate) fn discard(&mut self) {
        *self = Self::default();
    }
}
