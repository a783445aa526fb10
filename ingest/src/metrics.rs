//! What ingest tells about itself.

use std::time::Duration;

use prometheus::{
    Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
};
use schemas::Provider;

use crate::{
    delivery::Detour,
    failures::{Failing, Left},
    outcome::Outcome,
    providers,
    spool::Stats,
    tenants::Endpoint,
};

const REQUESTS: (&str, &str) = (
    "waybill_ingest_requests_total",
    "Requests answered, by outcome; provider is none where no endpoint was found",
);
const SIGNATURES: (&str, &str) = (
    "waybill_ingest_signatures_total",
    "Webhooks that proved themselves, by the rule that matched",
);
const UNPROVEN: (&str, &str) = (
    "waybill_ingest_unproven_total",
    "Webhooks that proved nothing, by endpoint and by what was done: refused (401) or quarantined",
);
const TENANTS_READ: (&str, &str) = (
    "waybill_ingest_tenants_reads_total",
    "Readings of the tenants file: loaded or refused",
);
const TENANTS_GOOD: (&str, &str) = (
    "waybill_ingest_tenants_good",
    "1 while the tenants file as it stands is the one in use",
);
const IN_FLIGHT: (&str, &str) = (
    "waybill_ingest_in_flight_bytes",
    "Bytes reserved for requests that are not answered yet",
);
const DURABLE: (&str, &str) = (
    "waybill_ingest_durable_seconds",
    "From handing a webhook to Kafka until it is safe there",
);

const SPOOLED: (&str, &str) = (
    "waybill_ingest_spooled_total",
    "Webhooks that went to the disk, by why: behind others there, kafka down, late or refusing",
);
const DRAINED: (&str, &str) = (
    "waybill_ingest_spool_drained_total",
    "Webhooks that went from the disk to Kafka",
);
const SPOOL_RECORDS: (&str, &str) = (
    "waybill_ingest_spool_records",
    "Webhooks that wait on the disk",
);
const SPOOL_BYTES: (&str, &str) = (
    "waybill_ingest_spool_bytes",
    "Bytes of the spool's folder; the limit is spool.bytes_max",
);
const SPOOL_BYTES_MAX: (&str, &str) = (
    "waybill_ingest_spool_bytes_max",
    "The limit of waybill_ingest_spool_bytes",
);
const SPOOL_AGE: (&str, &str) = (
    "waybill_ingest_spool_oldest_seconds",
    "Age of the oldest webhook on the disk; 0 where none is",
);
const SPOOL_DAMAGED: (&str, &str) = (
    "waybill_ingest_spool_quarantined_files",
    "Files of the spool that were found damaged and are kept aside",
);
const SPOOL_REFUSED: (&str, &str) = (
    "waybill_ingest_spool_refused_total",
    "Webhooks from the disk that Kafka will never take; they are kept in the folder beside the spool",
);
const KAFKA_UP: (&str, &str) = ("waybill_ingest_kafka_up", "1 while Kafka takes records");
const OVERFLOWED: (&str, &str) = (
    "waybill_ingest_overflowed_total",
    "Webhooks that went to the overflow topic",
);
const OVERFLOWING: (&str, &str) = (
    "waybill_ingest_overflowing_tenants",
    "Tenants whose webhooks go to the overflow topic",
);
const ATTEMPTS_LEFT: (&str, &str) = (
    "waybill_ingest_attempts_left",
    "Attempts that the carrier has left for the webhook that failed most often; only where any failed",
);
const CERTIFICATE_GOOD: (&str, &str) = (
    "waybill_ingest_certificate_good",
    "1 while the certificate's files as they stand are those in use",
);

const CONNECTIONS: (&str, &str) = (
    "waybill_ingest_connections",
    "Connections that are open; the limit of a worker is http.connections_max",
);
const CONNECTIONS_UNUSED: (&str, &str) = (
    "waybill_ingest_connections_unused_total",
    "Connections (with TLS: after its handshake) that ended before any request was begun: probes, and senders that dawdle or send no HTTP",
);

/// From a fast local broker to the longest wait.
const DURABLE_BUCKETS: &[f64] = &[
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
];

const NO_PROVIDER: &str = "none";

/// All metrics, resolved once where the labels are known.
#[derive(Debug)]
pub struct Metrics {
    /// By outcome, then by provider with none first.
    requests: Vec<IntCounter>,
    signatures: IntCounterVec,
    unproven: IntCounterVec,
    tenants_read: IntCounterVec,
    tenants_good: IntGauge,
    in_flight: IntGauge,
    durable: Histogram,
    /// By detour.
    spooled: Vec<IntCounter>,
    drained: IntCounter,
    spool: SpoolGauges,
    kafka_up: IntGauge,
    overflowed: IntCounterVec,
    overflowing: IntGauge,
    attempts_left: IntGaugeVec,
    certificate_good: IntGauge,
    connections: Connections,
}

/// Of the webhook listener.
#[derive(Clone, Debug)]
pub(crate) struct Connections {
    open: IntGauge,
    unused: IntCounter,
}

impl Connections {
    pub(crate) fn opened(&self) {
        self.open.inc();
    }

    pub(crate) fn closed(&self, is_used: bool) {
        self.open.dec();
        if !is_used {
            self.unused.inc();
        }
    }
}

#[derive(Debug)]
struct SpoolGauges {
    records: IntGauge,
    bytes: IntGauge,
    bytes_max: IntGauge,
    oldest: IntGauge,
    damaged: IntGauge,
    refused: IntCounter,
}

const PROVIDERS: usize = Provider::ALL.len() + 1;

impl Metrics {
    /// Makes and registers all of them.
    ///
    /// # Errors
    /// When the registry has one of these names already.
    pub fn new(registry: &Registry) -> prometheus::Result<Self> {
        let counters = |(name, help): (&str, &str), labels: &[&str]| {
            let counters = IntCounterVec::new(Opts::new(name, help), labels)?;
            registry.register(Box::new(counters.clone()))?;
            Ok::<_, prometheus::Error>(counters)
        };
        let gauge = |(name, help): (&str, &str)| {
            let gauge = IntGauge::new(name, help)?;
            registry.register(Box::new(gauge.clone()))?;
            Ok::<_, prometheus::Error>(gauge)
        };
        let by_outcome = counters(REQUESTS, &["outcome", "provider"])?;
        let words = || std::iter::once(NO_PROVIDER).chain(Provider::ALL.iter().map(|p| p.as_str()));
        let requests = Outcome::ALL
            .iter()
            .flat_map(|outcome| words().map(|word| (outcome.label(), word)))
            .map(|labels| by_outcome.with_label_values(&[labels.0, labels.1]))
            .collect();
        let signatures = counters(SIGNATURES, &["provider", "scheme"])?;
        for provider in Provider::ALL {
            for scheme in providers::schemes(*provider) {
                signatures
                    .with_label_values(&[provider.as_str(), scheme])
                    .inc_by(0);
            }
        }
        let spooled = counters(SPOOLED, &["why"])?;
        let attempts_left = IntGaugeVec::new(
            Opts::new(ATTEMPTS_LEFT.0, ATTEMPTS_LEFT.1),
            &["provider", "tenant", "endpoint"],
        )?;
        registry.register(Box::new(attempts_left.clone()))?;
        let certificate_good = gauge(CERTIFICATE_GOOD)?;
        // Where there is none, none is bad.
        certificate_good.set(1);
        let durable = HistogramOpts::new(DURABLE.0, DURABLE.1).buckets(DURABLE_BUCKETS.to_vec());
        let durable = Histogram::with_opts(durable)?;
        registry.register(Box::new(durable.clone()))?;
        Ok(Self {
            requests,
            signatures,
            unproven: counters(UNPROVEN, &["tenant", "endpoint", "answer"])?,
            tenants_read: counters(TENANTS_READ, &["result"])?,
            tenants_good: gauge(TENANTS_GOOD)?,
            in_flight: gauge(IN_FLIGHT)?,
            durable,
            spooled: Detour::ALL
                .map(|detour| spooled.with_label_values(&[detour.label()]))
                .into(),
            drained: counters(DRAINED, &[])?.with_label_values::<&str>(&[]),
            spool: SpoolGauges {
                records: gauge(SPOOL_RECORDS)?,
                bytes: gauge(SPOOL_BYTES)?,
                bytes_max: gauge(SPOOL_BYTES_MAX)?,
                oldest: gauge(SPOOL_AGE)?,
                damaged: gauge(SPOOL_DAMAGED)?,
                refused: counters(SPOOL_REFUSED, &[])?.with_label_values::<&str>(&[]),
            },
            kafka_up: gauge(KAFKA_UP)?,
            overflowed: counters(OVERFLOWED, &["provider"])?,
            overflowing: gauge(OVERFLOWING)?,
            attempts_left,
            certificate_good,
            connections: Connections {
                open: gauge(CONNECTIONS)?,
                unused: counters(CONNECTIONS_UNUSED, &[])?.with_label_values::<&str>(&[]),
            },
        })
    }

    pub(crate) fn answered(&self, outcome: Outcome, provider: Option<Provider>) {
        let column = provider.map_or(0, |provider| provider as usize + 1);
        if let Some(counter) = self.requests.get(outcome as usize * PROVIDERS + column) {
            counter.inc();
        }
    }

    pub(crate) fn proven(&self, provider: Provider, scheme: &str) {
        self.signatures
            .with_label_values(&[provider.as_str(), scheme])
            .inc();
    }

    pub(crate) fn unproven(&self, endpoint: &Endpoint, outcome: Outcome) {
        let labels = [
            endpoint.tenant.id.as_str(),
            endpoint.id.as_str(),
            outcome.label(),
        ];
        self.unproven.with_label_values(&labels).inc();
    }

    pub(crate) fn tenants_read(&self, good: bool) {
        let result = if good { "loaded" } else { "refused" };
        self.tenants_read.with_label_values(&[result]).inc();
        self.tenants_good.set(i64::from(good));
    }

    pub(crate) fn in_flight(&self, bytes: usize) {
        self.in_flight.set(i64::try_from(bytes).unwrap_or(i64::MAX));
    }

    pub(crate) fn spooled(&self, detour: Detour) {
        if let Some(counter) = self.spooled.get(detour as usize) {
            counter.inc();
        }
    }

    pub(crate) fn drained(&self, entries: usize) {
        self.drained.inc_by(entries as u64);
    }

    pub(crate) fn spool(&self, stats: &Stats, bytes_max: u64, now_micros: i64) {
        let number = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
        let gauges = &self.spool;
        gauges.records.set(number(stats.records));
        gauges.bytes.set(number(stats.bytes));
        gauges.bytes_max.set(number(bytes_max));
        gauges.damaged.set(number(stats.quarantined));
        let age = stats.oldest_at.map_or(0, |at| now_micros - at.0);
        gauges.oldest.set(age.max(0) / 1_000_000);
    }

    pub(crate) fn spool_refused(&self) {
        self.spool.refused.inc();
    }

    pub(crate) fn kafka_up(&self, is_up: bool) {
        self.kafka_up.set(i64::from(is_up));
    }

    pub(crate) fn overflowed(&self, provider: Provider) {
        self.overflowed
            .with_label_values(&[provider.as_str()])
            .inc();
    }

    pub(crate) fn overflowing(&self, tenants: usize) {
        self.overflowing
            .set(i64::try_from(tenants).unwrap_or(i64::MAX));
    }

    pub(crate) fn attempts_left(&self, failing: &Failing, left: Left) {
        let labels = [
            failing.provider.as_str(),
            failing.tenant.as_str(),
            failing.endpoint.as_str(),
        ];
        match left {
            Left::Only(left) => self
                .attempts_left
                .with_label_values(&labels)
                .set(i64::from(left)),
            // Fails only where there was none.
            Left::All => drop(self.attempts_left.remove_label_values(&labels)),
        }
    }

    pub(crate) fn certificate_good(&self, good: bool) {
        self.certificate_good.set(i64::from(good));
    }

    pub(crate) fn connections(&self) -> &Connections {
        &self.connections
    }

    pub(crate) fn durable(&self, after: Duration) {
        self.durable.observe(after.as_secs_f64());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_outcome_counts_under_its_own_label_and_provider() {
        for (index, outcome) in Outcome::ALL.iter().enumerate() {
            assert_eq!(*outcome as usize, index);
            for provider in [None, Some(Provider::Lalamove), Some(Provider::Dellyman)] {
                let registry = Registry::new();
                let metrics = Metrics::new(&registry).unwrap();
                metrics.answered(*outcome, provider);
                let word = provider.map_or(NO_PROVIDER, Provider::as_str);
                let text = prometheus::TextEncoder::new().encode_to_string(&registry.gather());
                let line = format!(
                    "{}{{outcome=\"{}\",provider=\"{word}\"}} 1",
                    REQUESTS.0,
                    outcome.label()
                );
                assert!(text.unwrap().contains(&line), "{line}");
            }
        }
    }
}
