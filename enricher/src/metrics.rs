//! What the enricher counts. A record counts once its transaction is in the log, so that one that is
//! read again does not count twice.

use std::collections::BTreeMap;

use prometheus::{IntCounter, IntCounterVec, IntGauge, Opts, Registry};
use schemas::Provider;

use crate::{effects::Effects, outcome::Outcome, partition::Partition};

/// Canonical records by outcome; what was read and is not here is held.
pub const EVENTS: &str = "waybill_enricher_events_total";
/// Events that left their window, by carrier: what the late ones are a share of.
pub const RELEASED: &str = "waybill_enricher_released_events_total";
/// Late events by carrier.
pub const LATE: &str = "waybill_enricher_late_events_total";
/// Why events left their windows.
pub const CLOSURES: &str = "waybill_enricher_window_closures_total";
/// Orders in which an event waits.
pub const HELD: &str = "waybill_enricher_held_orders";
/// Events that wait.
pub const WAITING: &str = "waybill_enricher_waiting_events";
/// When the earliest hold ends.
pub const HOLD_ENDS: &str = "waybill_enricher_next_hold_end_timestamp_seconds";
/// Orders and accounts that are kept.
pub const KEPT: &str = "waybill_enricher_kept_records";
/// Those of them that lie decoded in memory.
pub const HOT: &str = "waybill_enricher_hot_records";
/// What the kept ones take.
pub const STATE_BYTES: &str = "waybill_enricher_state_bytes";
/// Records taken over from the changelog.
pub const RESTORED: &str = "waybill_enricher_restored_records_total";
/// Partitions that still wait for their state.
pub const RESTORING: &str = "waybill_enricher_restoring_partitions";
/// Ids of accounts given up for newer ones.
pub const IDS_DROPPED: &str = "waybill_enricher_account_ids_dropped_total";

/// The counters and gauges of the process.
#[derive(Clone, Debug)]
pub struct Metrics {
    events: IntCounterVec,
    released: IntCounterVec,
    late: IntCounterVec,
    closures: IntCounterVec,
    held: IntGauge,
    waiting: IntGauge,
    hold_ends: IntGauge,
    kept: IntGauge,
    hot: IntGauge,
    state_bytes: IntGauge,
    restored: IntCounter,
    restoring: IntGauge,
    ids_dropped: IntCounter,
}

struct Names<'a>(&'a Registry);

impl Names<'_> {
    fn counters(&self, name: &str, help: &str, label: &str) -> prometheus::Result<IntCounterVec> {
        let counters = IntCounterVec::new(Opts::new(name, help), &[label])?;
        self.0.register(Box::new(counters.clone()))?;
        Ok(counters)
    }

    fn counter(&self, name: &str, help: &str) -> prometheus::Result<IntCounter> {
        let counter = IntCounter::new(name, help)?;
        self.0.register(Box::new(counter.clone()))?;
        Ok(counter)
    }

    fn gauge(&self, name: &str, help: &str) -> prometheus::Result<IntGauge> {
        let gauge = IntGauge::new(name, help)?;
        self.0.register(Box::new(gauge.clone()))?;
        Ok(gauge)
    }
}

fn number(n: usize) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

impl Metrics {
    /// Registers them.
    ///
    /// # Errors
    /// If they are registered already.
    pub fn new(registry: &Registry) -> prometheus::Result<Self> {
        let names = Names(registry);
        Ok(Self {
            events: names.counters(
                EVENTS,
                "canonical records by what became of them",
                "outcome",
            )?,
            released: names.counters(RELEASED, "events that left their window", "provider")?,
            late: names.counters(
                LATE,
                "events released after one that occurred later",
                "provider",
            )?,
            closures: names.counters(CLOSURES, "events by why they left their window", "cause")?,
            held: names.gauge(HELD, "orders in which an event waits")?,
            waiting: names.gauge(WAITING, "events that wait for an earlier one")?,
            hold_ends: names.gauge(HOLD_ENDS, "when the earliest hold ends, 0 if nothing waits")?,
            kept: names.gauge(KEPT, "orders and accounts that are kept, about")?,
            hot: names.gauge(HOT, "orders and accounts that lie decoded in memory")?,
            state_bytes: names
                .gauge(STATE_BYTES, "what the kept ones take, in memory or on disk")?,
            restored: names.counter(RESTORED, "records taken over from the changelog")?,
            restoring: names.gauge(RESTORING, "partitions that wait for their state")?,
            ids_dropped: names.counter(
                IDS_DROPPED,
                "ids of an account given up so that newer ones have room",
            )?,
        })
    }

    pub(crate) fn restored(&self, records: usize) {
        self.restored.inc_by(u64::try_from(records).unwrap_or(0));
        self.restoring.dec();
    }

    pub(crate) fn restoring(&self, partitions: usize) {
        self.restoring.set(number(partitions));
    }

    /// What the partitions hold now.
    pub(crate) fn state<'a>(&self, partitions: impl Iterator<Item = &'a Partition>) {
        let (mut held, mut waiting, mut hot, mut ends) = (0, 0, 0, None::<i64>);
        for store in partitions.map(Partition::store) {
            held += store.waiting().orders();
            waiting += store.waiting().in_all();
            hot += store.hot();
            let first = store.waiting().first().map(|(at, _)| at);
            ends = ends.into_iter().chain(first).min();
        }
        self.held.set(number(held));
        self.waiting.set(number(waiting));
        self.hot.set(number(hot));
        self.hold_ends
            .set(ends.map_or(0, |ms| ms.div_euclid(1_000)));
    }

    /// How much is kept; takes a look at the disk.
    pub(crate) fn size<'a>(&self, partitions: impl Iterator<Item = &'a Partition>) {
        let (mut kept, mut bytes) = (0, 0);
        for shelf in partitions.map(|partition| partition.store().shelf()) {
            kept += shelf.len();
            bytes += shelf.bytes();
        }
        self.kept.set(number(kept));
        self.state_bytes
            .set(i64::try_from(bytes).unwrap_or(i64::MAX));
    }
}

/// What an open transaction will have counted.
#[derive(Debug, Default)]
pub(crate) struct Pending {
    events: BTreeMap<&'static str, u64>,
    released: BTreeMap<Provider, u64>,
    late: BTreeMap<Provider, u64>,
    closures: BTreeMap<&'static str, u64>,
    ids_dropped: u64,
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
            *self.released.entry(released.provider).or_default() += 1;
        }
        self.ids_dropped += effects.ids_dropped;
    }

    pub(crate) fn commit(&mut self, metrics: &Metrics) {
        let words = [
            (std::mem::take(&mut self.events), &metrics.events),
            (std::mem::take(&mut self.closures), &metrics.closures),
        ];
        for (counts, counters) in words {
            for (word, count) in counts {
                counters.with_label_values(&[word]).inc_by(count);
            }
        }
        let carriers = [
            (std::mem::take(&mut self.released), &metrics.released),
            (std::mem::take(&mut self.late), &metrics.late),
        ];
        for (counts, counters) in carriers {
            for (provider, count) in counts {
                counters
                    .with_label_values(&[provider.as_str()])
                    .inc_by(count);
            }
        }
        metrics
            .ids_dropped
            .inc_by(std::mem::take(&mut self.ids_dropped));
    }

    pub(crate) fn discard(&mut self) {
        *self = Self::default();
    }
}
