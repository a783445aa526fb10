//! The pure path, bytes and headers to encoded canonical events as the service does it, beside its
//! floor: serde_json reading the same bytes into a struct. The goal is at most twice the floor.

#![expect(clippy::expect_used, reason = "a bench that can't go on has failed")]

use std::{hint::black_box, path::Path};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use normalizer::{Arena, Privacy, Rules, drafts, normalize};
use schemas::{
    Provider,
    avro::{Encoder, Record},
    mapping::Mapping,
    raw_webhook::RawHeaders,
};
use serde::Deserialize;
use serde_json::value::RawValue;

const CASES: [(Provider, &str); 11] = [
    (Provider::Lalamove, "seed-on-going"),
    (Provider::Lalamove, "seed-driver-assigned"),
    (Provider::Lalamove, "seed-replaced"),
    (Provider::Lalamove, "order-created"),
    (Provider::Lalamove, "pod-delivered"),
    (Provider::Ahamove, "seed-assigning"),
    (Provider::Ordatic, "rider-created"),
    (Provider::Ordatic, "trap-02-rider-proof-delivery"),
    (Provider::Ordatic, "trap-03-rider-refund"),
    (Provider::Sendstack, "order-new-personal-data-dropped"),
    (Provider::Dellyman, "seed-intransit-package-delivered"),
];

mod codecs;
mod floor;

#[derive(Deserialize)]
struct Fixture {
    body: Box<RawValue>,
}

fn headers(provider: Provider) -> [(&'static str, &'static [u8]); 14] {
    let (timezone, currency): (&[u8], &[u8]) = match provider {
        Provider::Lalamove => (b"Asia/Hong_Kong", b"HKD"),
        Provider::Ahamove => (b"Asia/Ho_Chi_Minh", b"VND"),
        Provider::Ordatic => (b"Europe/Madrid", b"EUR"),
        Provider::Sendstack | Provider::Dellyman => (b"Africa/Lagos", b"NGN"),
    };
    [
        ("timezone", timezone),
        ("currency", currency),
        ("receipt-id", b"01890a5d-ac96-774b-bcce-b302099a8057"),
        ("tenant", b"acme"),
        ("provider", provider.as_str().as_bytes()),
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
    ]
}

/// As it came: without the whitespace that makes a fixture readable.
fn body(provider: Provider, case: &str) -> String {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    let folder = fixtures.join(provider.as_str());
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
    for (provider, case) in CASES {
        let (body, case) = (body(provider, case), format!("{provider}/{case}"));
        group.throughput(Throughput::Bytes(body.len() as u64));
        group.bench_with_input(BenchmarkId::new("floor", &case), &body, |bench, body| {
            bench.iter(|| {
                floor::read(provider, black_box(body.as_bytes())).expect("the shape");
            });
        });
        group.bench_with_input(
            BenchmarkId::new("normalized", &case),
            &body,
            |bench, body| {
                let headers = RawHeaders::borrowed(headers(provider)).expect("headers");
                let mut arena = Arena::default();
                bench.iter(|| {
                    arena.reset();
                    drafts(&arena, &headers, black_box(body.as_bytes()), rules)
                        .expect("events")
                        .events
                        .len()
                });
            },
        );
        group.bench_with_input(BenchmarkId::new("encoded", &case), &body, |bench, body| {
            let mut arena = Arena::default();
            bench.iter(|| {
                arena.reset();
                let headers = RawHeaders::borrowed(black_box(headers(provider))).expect("headers");
                let drafts = drafts(&arena, &headers, black_box(body.as_bytes()), rules);
                for event in &drafts.expect("events").events {
                    black_box(encoder.encode(event).expect("fits its schema"));
                }
            });
        });
    }
    group.finish();

    let (provider, case) = CASES[0];
    let headers = RawHeaders::from_pairs(headers(provider)).expect("headers");
    let events = normalize(&headers, body(provider, case).as_bytes(), rules).expect("events");
    codecs::bench(criterion, events.events.first().expect("an event"));
}

criterion_group!(benches, bench);
criterion_main!(benches);
