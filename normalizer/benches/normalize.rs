//! The pure path, bytes and headers to encoded canonical events, beside its floor: serde_json
//! reading the same bytes into a struct. The goal is at most twice the floor.

#![expect(clippy::expect_used, reason = "a bench that can't go on has failed")]

use std::{hint::black_box, path::Path};

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use normalizer::{Privacy, Rules, normalize};
use schemas::{
    avro::{Encoder, Record},
    mapping::Mapping,
    raw_webhook::RawHeaders,
};
use serde::Deserialize;
use serde_json::value::RawValue;

const CASES: [&str; 5] = [
    "seed-on-going",
    "seed-driver-assigned",
    "seed-replaced",
    "order-created",
    "pod-delivered",
];

#[derive(Deserialize)]
struct Fixture {
    body: Box<RawValue>,
}

/// What somebody would write who only wants the fields: owned, strict, one type.
#[allow(dead_code, reason = "reading it is the work that is measured")]
mod floor {
    use serde::Deserialize;

    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    pub(crate) struct Webhook {
        api_key: String,
        timestamp: u64,
        signature: String,
        event_id: String,
        event_type: String,
        event_version: String,
        data: Data,
    }

    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Data {
        order: Option<Order>,
        driver: Option<Driver>,
        location: Option<Location>,
        prev_order_id: Option<String>,
        updated_at: Option<String>,
    }

    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Order {
        order_id: String,
        market: Option<String>,
        driver_id: Option<String>,
        share_link: Option<String>,
        status: Option<String>,
        previous_status: Option<String>,
        created_at: Option<String>,
        schedule_at: Option<String>,
        price_breakdown: Option<std::collections::BTreeMap<String, String>>,
        #[serde(default)]
        stops: Vec<Stop>,
        metadata: Option<std::collections::BTreeMap<String, String>>,
    }

    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Driver {
        driver_id: String,
        name: String,
        phone: String,
        plate_number: String,
        photo: String,
    }

    #[derive(Deserialize)]
    struct Location {
        lat: f64,
        lng: f64,
    }

    #[derive(Deserialize)]
    struct Stop {
        coordinates: Coordinates,
        address: String,
        name: String,
        phone: String,
        #[serde(rename = "POD")]
        pod: Option<Proof>,
        #[serde(rename = "POP")]
        pop: Option<Proof>,
    }

    #[derive(Deserialize)]
    struct Coordinates {
        lat: String,
        lng: String,
    }

    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Proof {
        status: Option<String>,
        image: Option<String>,
        image_urls: Option<Vec<String>>,
        delivered_at: Option<String>,
        picked_up_at: Option<String>,
    }
}

const HEADERS: [(&str, &[u8]); 12] = [
    ("receipt-id", b"01890a5d-ac96-774b-bcce-b302099a8057"),
    ("tenant", b"acme"),
    ("provider", b"lalamove"),
    ("endpoint", b"acme-lalamove-hk"),
    ("received-at", b"2026-05-12T17:50:55.250000Z"),
    ("verdict", b"verified"),
    ("assurance", b"BODY_SIGNED"),
    ("pii", b"pseudonymise"),
    (
        "body-sha256",
        b"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    ),
    ("body-bytes", b"700"),
    ("signature-scheme", b"data-raw"),
    ("secret-id", b"2026-11"),
];

/// As it came: without the whitespace that makes a fixture readable.
fn body(case: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/lalamove");
    let text = std::fs::read_to_string(folder.join(format!("{case}.json"))).expect("a fixture");
    let fixture: Fixture = serde_json::from_str(&text).expect("a fixture");
    let value: serde_json::Value = serde_json::from_str(fixture.body.get()).expect("JSON");
    value.to_string()
}

fn bench(criterion: &mut Criterion) {
    let encoder = Encoder::new(Record::DeliveryEvent, 1).expect("the embedded schema");
    let privacy = Privacy::new(b"bench");
    let rules = Rules {
        mapping: Mapping::embedded(),
        privacy: &privacy,
        blobs_url: Some("file:///blobs"),
    };
    let mut group = criterion.benchmark_group("normalize");
    for case in CASES {
        let body = body(case);
        group.throughput(Throughput::Bytes(body.len() as u64));
        group.bench_with_input(BenchmarkId::new("floor", case), &body, |bench, body| {
            bench.iter(|| {
                serde_json::from_slice::<floor::Webhook>(black_box(body.as_bytes()))
                    .map(drop)
                    .expect("the shape")
            });
        });
        group.bench_with_input(
            BenchmarkId::new("normalized", case),
            &body,
            |bench, body| {
                let headers = RawHeaders::from_pairs(HEADERS).expect("headers");
                bench.iter(|| normalize(&headers, black_box(body.as_bytes()), rules));
            },
        );
        group.bench_with_input(BenchmarkId::new("encoded", case), &body, |bench, body| {
            bench.iter_batched_ref(
                || Vec::with_capacity(4096),
                |out| {
                    let headers = RawHeaders::from_pairs(black_box(HEADERS)).expect("headers");
                    let events = normalize(&headers, black_box(body.as_bytes()), rules);
                    for event in events.expect("events").events {
                        encoder.encode_into(&event, out).expect("fits its schema");
                    }
                },
                BatchSize::SmallInput,
            );
        });
    }
    group.finish();
}

criterion_group!(benches, bench);
criterion_main!(benches);
