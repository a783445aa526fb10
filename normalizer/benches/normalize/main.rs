//! The pure path, bytes and headers to encoded canonical events as the service does it, beside its
//! floor: serde_json reading the same bytes into a struct. The goal is at most twice the floor.

#![expect(clippy::expect_used, reason = "a bench that can't go on has failed")]

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use normalizer::{Arena, Privacy, Rules, drafts, normalize};
use schemas::{
    Provider,
    avro::{Encoder, Record},
    mapping::Mapping,
    raw_webhook::RawHeaders,
};
use webhooks::{CASES, body, headers};

/// Of the thinnest carrier, what is less thin; the peer of the other bench does not know them.
const MORE: [(Provider, &str); 2] = [
    (Provider::Ordatic, "trap-02-rider-proof-delivery"),
    (Provider::Ordatic, "trap-03-rider-refund"),
];

/// The service's own.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

mod codecs;
mod floor;
mod webhooks;

fn bench(criterion: &mut Criterion) {
    let encoder = Encoder::new(Record::DeliveryEvent, 1).expect("the embedded schema");
    let privacy = Privacy::new(b"bench");
    let rules = Rules {
        mapping: Mapping::embedded(),
        privacy: &privacy,
        blobs_url: Some("file:///blobs"),
    };
    let mut group = criterion.benchmark_group("normalize");
    for (provider, case) in CASES.into_iter().chain(MORE) {
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
