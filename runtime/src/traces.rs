//! Traces of single webhooks through the stages, sent to an OpenTelemetry collector (OTLP over HTTP).
//!
//! Ingest begins a trace; each record carries its place in it as `traceparent` (W3C Trace Context),
//! and each stage that takes the record adds one span under it. What is not sampled costs a look at
//! a header. Identifiers are functions of what they stand for: a trace that began here bears the
//! receipt's id, and a record that is read again after a crash gives the same span.

mod export;
mod place;
mod taken;

use std::{
    hash::Hash,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use opentelemetry::{
    InstrumentationScope, KeyValue, SpanId, TraceFlags, TraceId,
    trace::{SpanContext, Status, TraceState},
};
use opentelemetry_sdk::trace::{
    BatchSpanProcessor, SpanData, SpanEvents, SpanLinks, SpanProcessor,
};

use export::Flow;
pub use opentelemetry::trace::SpanKind;
pub use place::{HEADER, Place, header};
pub use taken::Taken;

use crate::settings::{Problems, TelemetrySettings};

/// How long the end of the process waits for a collector.
const CLOSE_TIME_MAX: Duration = Duration::from_secs(2);

/// Where spans go. Clones share it; by default it is nowhere.
#[derive(Clone, Debug, Default)]
pub struct Traces(Option<Arc<Collector>>);

#[derive(Debug)]
struct Collector {
    spans: BatchSpanProcessor,
    flow: Arc<Flow>,
    scope: InstrumentationScope,
    /// Of the traces that begin here, from 0 to 1.
    ratio: f64,
}

/// What one stage did with one webhook.
#[derive(Debug)]
pub struct Span {
    /// What it is called in the collector: `ingest`.
    pub name: &'static str,
    /// Which side of a call it is.
    pub kind: SpanKind,
    /// Microseconds since 1970.
    pub from_micros: i64,
    /// Microseconds since 1970.
    pub to_micros: i64,
    /// Whether it did not come to its end.
    pub failed: bool,
    /// Never a secret or what a carrier says of a person.
    pub attributes: Vec<(&'static str, String)>,
}

impl Traces {
    /// As the settings say. Must not be called from async code.
    ///
    /// # Errors
    /// When the endpoint is no address, which the settings' check would have refused.
    pub(crate) fn start(
        settings: &TelemetrySettings,
        service: &'static str,
        instance: String,
        registry: &prometheus::Registry,
    ) -> anyhow::Result<Self> {
        if settings.otlp_endpoint.is_empty() {
            return Ok(Self::default());
        }
        let endpoint = &settings.otlp_endpoint;
        let (spans, flow) = export::processor(endpoint, service, instance, registry)?;
        Ok(Self(Some(Arc::new(Collector {
            spans,
            flow,
            scope: InstrumentationScope::builder("waybill").build(),
            ratio: settings.trace_ratio,
        }))))
    }

    /// Whether spans go anywhere.
    pub fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// The place of what begins here: under the sender's if he is traced, else in a trace of this id
    /// if it is drawn, by its last bits. None where nothing is to be recorded.
    pub fn begun(&self, traceparent: Option<&[u8]>, id: [u8; 16]) -> Option<Place> {
        let collector = self.0.as_ref()?;
        match traceparent.and_then(Place::sent) {
            Some((parent, true)) => Some(parent.below(&id)),
            Some((_, false)) => None,
            None => Place::first(id, collector.ratio),
        }
    }

    /// A place under that of a record that was sampled; `seed` tells apart what is under it.
    fn continued(&self, traceparent: Option<&[u8]>, seed: impl Hash) -> Option<Place> {
        self.0.as_ref()?;
        match Place::sent(traceparent?)? {
            (parent, true) => Some(parent.below(&seed)),
            (_, false) => None,
        }
    }

    /// Hands over what happened at a place. Never waits: what does not fit the queue is dropped and counted.
    pub fn ended(&self, place: Place, span: Span) {
        let Some(collector) = self.0.as_ref().filter(|on| on.flow.admits()) else {
            return;
        };
        let Span {
            name,
            kind,
            from_micros,
            to_micros,
            failed,
            attributes,
        } = span;
        let context = SpanContext::new(
            TraceId::from(place.trace_id()),
            SpanId::from(place.span_id()),
            TraceFlags::SAMPLED,
            false,
            TraceState::default(),
        );
        let attributes = attributes
            .into_iter()
            .map(|(key, value)| KeyValue::new(key, value));
        collector.spans.on_end(SpanData {
            span_context: context,
            parent_span_id: place.parent_id().map_or(SpanId::INVALID, SpanId::from),
            parent_span_is_remote: place.parent_id().is_some(),
            span_kind: kind,
            name: name.into(),
            start_time: instant(from_micros),
            end_time: instant(to_micros.max(from_micros)),
            attributes: attributes.collect(),
            dropped_attributes_count: 0,
            events: SpanEvents::default(),
            links: SpanLinks::default(),
            status: if failed {
                Status::error("")
            } else {
                Status::Unset
            },
            instrumentation_scope: collector.scope.clone(),
        });
    }

    /// Sends what is left. Must not be called from async code.
    pub(crate) fn close(&self) {
        if let Some(collector) = &self.0
            && let Err(error) = collector.spans.shutdown_with_timeout(CLOSE_TIME_MAX)
        {
            tracing::warn!(%error, "the last spans were not sent");
        }
    }
}

fn instant(micros: i64) -> SystemTime {
    UNIX_EPOCH + Duration::from_micros(u64::try_from(micros).unwrap_or_default())
}

/// Says what is wrong with the settings of traces.
pub(crate) fn check(settings: &TelemetrySettings, problems: &mut Problems) {
    let endpoint = &settings.otlp_endpoint;
    if !endpoint.is_empty()
        && let Err(why) = export::address(endpoint)
    {
        problems.add("telemetry.otlp_endpoint", why);
    }
    if !(0.0..=1.0).contains(&settings.trace_ratio) {
        problems.add("telemetry.trace_ratio", "must be from 0 to 1");
    }
}

#[cfg(test)]
mod tests;
