//! Traces of webhooks, as a collector receives them.

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
};

use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest, common::v1::any_value::Value, trace::v1::Span,
};
use pipeline_tests::{
    Pipeline, Service, Webhook,
    checks::everything_is_accounted_for,
    model::START,
    pipeline::{API_KEY, SECRET, TOKEN},
    wait,
};
use prost::Message;

/// Keeps what it is sent.
#[derive(Clone, Default)]
struct Collector(Arc<Mutex<Vec<Vec<u8>>>>);

impl Collector {
    fn start() -> (Self, String) {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let endpoint = format!("http://{}", listener.local_addr().expect("its address"));
        let collector = Self::default();
        let serving = collector.clone();
        std::thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                let one = serving.clone();
                std::thread::spawn(move || one.serve(connection));
            }
        });
        (collector, endpoint)
    }

    fn serve(&self, connection: TcpStream) -> Option<()> {
        let mut lines = BufReader::new(connection.try_clone().ok()?);
        loop {
            let (mut line, mut head) = (String::new(), Vec::new());
            while lines.read_line(&mut line).ok()? > 2 {
                head.push(std::mem::take(&mut line).to_ascii_lowercase());
            }
            assert!(head.first()?.starts_with("post /v1/traces "), "{head:?}");
            let length = head
                .iter()
                .find_map(|line| line.strip_prefix("content-length:"))?;
            let mut body = vec![0; length.trim().parse().ok()?];
            lines.read_exact(&mut body).ok()?;
            self.0.lock().expect("no panic").push(body);
            let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
            (&connection).write_all(answer).ok()?;
        }
    }

    /// All spans of a trace so far.
    fn spans(&self, trace_id: &str) -> Vec<Span> {
        let bodies = self.0.lock().expect("no panic");
        let requests = bodies
            .iter()
            .map(|body| ExportTraceServiceRequest::decode(body.as_slice()).expect("OTLP"));
        requests
            .flat_map(|request| request.resource_spans)
            .flat_map(|resource| resource.scope_spans)
            .flat_map(|scope| scope.spans)
            .filter(|span| hex::encode(&span.trace_id) == trace_id)
            .collect()
    }

    fn holds(&self, text: &str) -> bool {
        let holds = |body: &Vec<u8>| body.windows(text.len()).any(|part| part == text.as_bytes());
        self.0.lock().expect("no panic").iter().any(holds)
    }
}

fn texts(span: &Span) -> BTreeMap<&str, &str> {
    span.attributes
        .iter()
        .filter_map(
            |attribute| match attribute.value.as_ref()?.value.as_ref()? {
                Value::StringValue(text) => Some((attribute.key.as_str(), text.as_str())),
                _ => None,
            },
        )
        .collect()
}

/// What the span is, and what it is under.
fn tree(spans: &[Span]) -> Vec<(String, String)> {
    let named = |span: &Span| match texts(span).get("waybill.table") {
        Some(table) => format!("{} {table}", span.name),
        None => span.name.clone(),
    };
    let mut tree: Vec<_> = spans
        .iter()
        .map(|span| {
            let above = spans
                .iter()
                .find(|above| above.span_id == span.parent_span_id);
            (named(span), above.map(named).unwrap_or_default())
        })
        .collect();
    tree.sort();
    tree
}

fn webhook() -> Webhook {
    Webhook::status("7000000000000000101", START, "", "ASSIGNING_DRIVER")
}

async fn sent_with(pipeline: &Pipeline, order: &str, traceparent: &str) {
    let path = format!("/hooks/{TOKEN}");
    let webhook = Webhook::status(order, START, "", "ASSIGNING_DRIVER");
    let headers = [("traceparent", traceparent.to_owned())];
    let body = webhook.body(API_KEY, SECRET, &path);
    let (status, answer) = pipeline.post_with(TOKEN, body, &headers).await;
    assert_eq!(status, 200, "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_is_followed_through_all_stages_under_its_receipts_id() {
    let (collector, endpoint) = Collector::start();
    let settings = [("WAYBILL__TELEMETRY__OTLP_ENDPOINT", endpoint.as_str())];
    let pipeline = Pipeline::start_with(&settings).await;
    let receipt = pipeline.post(&webhook()).await;
    let expected = [
        ("enricher", "normalizer"),
        ("ingest", ""),
        ("normalizer", "ingest"),
        ("sink events", "enricher"),
        ("sink receipts", "ingest"),
    ]
    .map(|(span, above)| (span.to_owned(), above.to_owned()));
    let trace_id = receipt.replace('-', "");
    wait::until("the spans of all stages", || async {
        let found = tree(&collector.spans(&trace_id));
        (found == expected)
            .then_some(())
            .ok_or_else(|| format!("{found:?}"))
    })
    .await;
    let spans = collector.spans(&trace_id);
    let ingest = spans.iter().find(|span| span.name == "ingest").expect("it");
    let attributes = texts(ingest);
    assert_eq!(
        attributes.get("waybill.receipt_id"),
        Some(&receipt.as_str())
    );
    assert_eq!(attributes.get("waybill.outcome"), Some(&"accepted"));
    for span in &spans {
        assert!(
            span.end_time_unix_nano >= span.start_time_unix_nano,
            "{span:?}"
        );
        assert!(
            span.start_time_unix_nano >= ingest.start_time_unix_nano,
            "{span:?}"
        );
    }
    for secret in [TOKEN, SECRET, API_KEY] {
        assert!(!collector.holds(secret), "a span tells a secret");
    }

    // who is traced himself decides, and his trace goes on
    let (his, not_recorded) = (
        "4bf92f3577b34da6a3ce929d0e0e4736",
        "5bf92f3577b34da6a3ce929d0e0e4736",
    );
    sent_with(
        &pipeline,
        "7000000000000000102",
        &format!("00-{not_recorded}-00f067aa0ba902b7-00"),
    )
    .await;
    sent_with(
        &pipeline,
        "7000000000000000103",
        &format!("00-{his}-00f067aa0ba902b7-01"),
    )
    .await;
    wait::until("the spans of the sender's trace", || async {
        let found = collector.spans(his).len();
        (found == expected.len())
            .then_some(())
            .ok_or_else(|| found.to_string())
    })
    .await;
    let spans = collector.spans(his);
    let ingest = spans.iter().find(|span| span.name == "ingest").expect("it");
    assert_eq!(hex::encode(&ingest.parent_span_id), "00f067aa0ba902b7");
    everything_is_accounted_for(&pipeline, 3).await;
    assert_eq!(collector.spans(not_recorded), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_is_away_costs_spans_and_nothing_else() {
    let gone = TcpListener::bind("127.0.0.1:0").expect("a port");
    let endpoint = format!("http://{}", gone.local_addr().expect("its address"));
    drop(gone);
    let settings = [("WAYBILL__TELEMETRY__OTLP_ENDPOINT", endpoint.as_str())];
    let mut pipeline = Pipeline::start_with(&settings).await;
    pipeline.post(&webhook()).await;
    everything_is_accounted_for(&pipeline, 1).await;
    let lost = "waybill_ingest_spans_total{outcome=\"lost\"}";
    wait::until("the lost span is counted", || async {
        let count = pipeline.metric(Service::Ingest, lost).await;
        (count == 1.0)
            .then_some(())
            .ok_or_else(|| count.to_string())
    })
    .await;
    pipeline.terminate_all().await;
}
