//! What this service counts. Received = done + set aside + forgotten + what is still held.

use prometheus::{
    GaugeVec, HistogramOpts, HistogramVec, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
    core::Collector,
};

use crate::{outcome::Outcome, table::Table};

/// One set of counters, shared by all tables.
#[derive(Clone, Debug)]
pub struct Metrics {
    received: IntCounterVec,
    forgotten: IntCounterVec,
    records: IntCounterVec,
    blocks: IntCounterVec,
    recovered: IntCounterVec,
    retries: IntCounterVec,
    adjusted: IntCounterVec,
    rebalances: IntCounterVec,
    gaps: IntCounterVec,
    held: IntGaugeVec,
    lag: IntGaugeVec,
    pending: GaugeVec,
    load: HistogramVec,
    parts: IntGaugeVec,
    failing_mutations: IntGauge,
}

fn registered<C: Collector + Clone + 'static>(
    registry: &Registry,
    collector: C,
) -> Result<C, prometheus::Error> {
    registry.register(Box::new(collector.clone()))?;
    Ok(collector)
}

fn failing_mutations() -> Result<IntGauge, prometheus::Error> {
    IntGauge::new(
        "waybill_sink_store_failing_mutations",
        "Mutations of the store's tables that are not done and failed last time",
    )
}

fn load_buckets() -> HistogramOpts {
    HistogramOpts::new(
        "waybill_sink_load_seconds",
        "From a block's closing to its end",
    )
    .buckets(vec![
        0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0,
    ])
}

impl Metrics {
    /// # Errors
    /// Only if two metrics had one name.
    pub fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        let counter = |name, help, labels: &[&str]| {
            registered(registry, IntCounterVec::new(Opts::new(name, help), labels)?)
        };
        let gauge = |name, help| {
            registered(
                registry,
                IntGaugeVec::new(Opts::new(name, help), &["table"])?,
            )
        };
        let metrics = Self {
            received: counter("waybill_sink_received_total", "Records taken", &["table"])?,
            forgotten: counter(
                "waybill_sink_forgotten_total",
                "Records given up with their partitions, for the next owner to read again",
                &["table"],
            )?,
            records: counter(
                "waybill_sink_records_total",
                "Records by what became of them",
                &["table", "outcome"],
            )?,
            blocks: counter("waybill_sink_blocks_total", "Blocks loaded", &["table"])?,
            recovered: counter(
                "waybill_sink_recovered_blocks_total",
                "Blocks found pending after a crash or a rebalance",
                &["table"],
            )?,
            retries: counter(
                "waybill_sink_retries_total",
                "Tries that failed",
                &["table"],
            )?,
            adjusted: counter(
                "waybill_sink_adjusted_values_total",
                "Values brought into the range of their column",
                &["table"],
            )?,
            rebalances: counter("waybill_sink_rebalances_total", "Assignments", &["table"])?,
            gaps: counter(
                "waybill_sink_gaps_total",
                "Ranges of offsets that the sink was moved past, or that Kafka deleted before it read them",
                &["table"],
            )?,
            held: gauge(
                "waybill_sink_held_records",
                "Records taken and not settled yet",
            )?,
            lag: gauge("waybill_sink_lag_records", "Records not taken yet")?,
            parts: gauge(
                "waybill_sink_store_parts",
                "Active parts of the table's partition that has the most",
            )?,
            pending: registered(
                registry,
                GaugeVec::new(
                    Opts::new(
                        "waybill_sink_pending_seconds",
                        "Age of the block that is being loaded",
                    ),
                    &["table"],
                )?,
            )?,
            load: registered(registry, HistogramVec::new(load_buckets(), &["table"])?)?,
            failing_mutations: registered(registry, failing_mutations()?)?,
        };
        metrics.begin();
        Ok(metrics)
    }

    /// A rate does not see the first of a series that begins with it.
    fn begin(&self) {
        for table in Table::ALL {
            let labels = [table.label()];
            self.retries.with_label_values(&labels).inc_by(0);
            self.gaps.with_label_values(&labels).inc_by(0);
            self.pending.with_label_values(&labels).set(0.0);
        }
    }

    pub fn received(&self, table: Table, count: usize) {
        let labels = [table.label()];
        self.received
            .with_label_values(&labels)
            .inc_by(u64::try_from(count).unwrap_or(0));
        self.held
            .with_label_values(&labels)
            .add(i64::try_from(count).unwrap_or(0));
    }

    pub fn forgotten(&self, table: Table) {
        let held = self.held.with_label_values(&[table.label()]);
        let count = u64::try_from(held.get()).unwrap_or(0);
        self.forgotten
            .with_label_values(&[table.label()])
            .inc_by(count);
        held.set(0);
    }

    pub fn settled(&self, table: Table, outcome: Outcome, count: usize) {
        self.records
            .with_label_values(&[table.label(), outcome.label()])
            .inc_by(u64::try_from(count).unwrap_or(0));
        let held = self.held.with_label_values(&[table.label()]);
        held.sub(i64::try_from(count).unwrap_or(0));
    }

    pub fn loaded(&self, table: Table, seconds: f64) {
        self.blocks.with_label_values(&[table.label()]).inc();
        self.load
            .with_label_values(&[table.label()])
            .observe(seconds);
        self.pending(table, 0.0);
    }

    pub fn recovered(&self, table: Table, blocks: usize) {
        let blocks = u64::try_from(blocks).unwrap_or(0);
        self.recovered
            .with_label_values(&[table.label()])
            .inc_by(blocks);
    }

    pub fn retry(&self, table: Table) {
        self.retries.with_label_values(&[table.label()]).inc();
    }

    pub fn adjusted(&self, table: Table, values: u64) {
        self.adjusted
            .with_label_values(&[table.label()])
            .inc_by(values);
    }

    pub fn rebalance(&self, table: Table) {
        self.rebalances.with_label_values(&[table.label()]).inc();
    }

    pub fn passed_over(&self, table: Table, ranges: usize) {
        self.gaps
            .with_label_values(&[table.label()])
            .inc_by(u64::try_from(ranges).unwrap_or(0));
    }

    pub fn pending(&self, table: Table, seconds: f64) {
        self.pending
            .with_label_values(&[table.label()])
            .set(seconds);
    }

    pub fn lag(&self, table: Table, records: i64) {
        self.lag.with_label_values(&[table.label()]).set(records);
    }

    /// Of any table of the database, those behind views included.
    pub fn parts(&self, table: &str, most: i64) {
        self.parts.with_label_values(&[table]).set(most);
    }

    pub fn failing_mutations(&self, count: i64) {
        self.failing_mutations.set(count);
    }
}
