//! OTLP over HTTP: the library's exporter, with counts and a log line where it fails.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use anyhow::Context;
use opentelemetry::KeyValue;
use opentelemetry_otlp::{Protocol, SpanExporter as OtlpExporter, WithExportConfig};
use opentelemetry_sdk::{
    Resource,
    error::OTelSdkResult,
    trace::{BatchConfigBuilder, BatchSpanProcessor, SpanData, SpanExporter, SpanProcessor},
};
use prometheus::{IntCounterVec, Opts};
use reqwest::Url;

const PATH: &str = "/v1/traces";
/// A burst of webhooks; what comes on top is dropped and counted.
const QUEUE_MAX: usize = 8_192;
const BATCH_MAX: usize = 512;
const SEND_EVERY: Duration = Duration::from_secs(1);

/// Where spans are posted: the endpoint, with the path of traces unless it is there.
pub(super) fn address(endpoint: &str) -> Result<String, &'static str> {
    let url = Url::parse(endpoint).map_err(|_| "is no address such as http://collector:4318")?;
    if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
        return Err("must begin with http:// or https:// (OTLP over HTTP, port 4318)");
    }
    let base = endpoint.trim_end_matches('/');
    Ok(if base.ends_with(PATH) {
        base.to_owned()
    } else {
        format!("{base}{PATH}")
    })
}

/// Spans that were made and not sent yet, and what became of the others.
#[derive(Debug)]
pub(super) struct Flow {
    waiting: AtomicUsize,
    counts: IntCounterVec,
}

impl Flow {
    fn new(service: &str, registry: &prometheus::Registry) -> anyhow::Result<Arc<Self>> {
        let opts = Opts::new(
            format!("waybill_{service}_spans_total"),
            "spans of traced webhooks, by what became of them: sent, lost (the collector took none), dropped (too many)",
        );
        let counts = IntCounterVec::new(opts, &["outcome"])?;
        registry.register(Box::new(counts.clone()))?;
        Ok(Arc::new(Self {
            waiting: AtomicUsize::new(0),
            counts,
        }))
    }

    fn count(&self, outcome: &str, spans: usize) {
        let spans = u64::try_from(spans).unwrap_or_default();
        self.counts.with_label_values(&[outcome]).inc_by(spans);
    }

    /// Whether the queue has room for one more, which is then taken.
    pub(super) fn admits(&self) -> bool {
        let has_room = self.waiting.fetch_add(1, Ordering::Relaxed) < QUEUE_MAX;
        if !has_room {
            self.waiting.fetch_sub(1, Ordering::Relaxed);
            self.count("dropped", 1);
        }
        has_room
    }
}

pub(super) fn processor(
    endpoint: &str,
    service: &'static str,
    instance: String,
    registry: &prometheus::Registry,
) -> anyhow::Result<(BatchSpanProcessor, Arc<Flow>)> {
    let address = address(endpoint).map_err(anyhow::Error::msg)?;
    let exporter = OtlpExporter::builder()
        .with_http()
        .with_protocol(Protocol::HttpBinary)
        .with_endpoint(address)
        .build()
        .context("no way to the collector of traces")?;
    let flow = Flow::new(service, registry)?;
    let reporting = Reporting {
        exporter,
        flow: Arc::clone(&flow),
        is_failing: AtomicBool::new(false),
    };
    let config = BatchConfigBuilder::default()
        .with_max_queue_size(QUEUE_MAX)
        .with_max_export_batch_size(BATCH_MAX)
        .with_scheduled_delay(SEND_EVERY)
        .build();
    let mut processor = BatchSpanProcessor::new(reporting, config);
    processor.set_resource(
        &Resource::builder_empty()
            .with_attributes([
                KeyValue::new("service.namespace", "waybill"),
                KeyValue::new("service.name", service),
                KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
                KeyValue::new("service.instance.id", instance),
            ])
            .build(),
    );
    Ok((processor, flow))
}

/// Says once that a collector is away, and once that it is back.
#[derive(Debug)]
struct Reporting<E> {
    exporter: E,
    flow: Arc<Flow>,
    is_failing: AtomicBool,
}

impl<E: SpanExporter> SpanExporter for Reporting<E> {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let spans = batch.len();
        let result = self.exporter.export(batch).await;
        self.flow.waiting.fetch_sub(spans, Ordering::Relaxed);
        self.flow
            .count(if result.is_ok() { "sent" } else { "lost" }, spans);
        let was_failing = self.is_failing.swap(result.is_err(), Ordering::Relaxed);
        match (&result, was_failing) {
            (Err(_), false) => tracing::warn!(
                "the collector of traces takes no spans; they are lost until it does"
            ),
            (Ok(()), true) => tracing::info!("the collector of traces takes spans again"),
            (Err(_), true) | (Ok(()), false) => {}
        }
        result
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.exporter.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}
