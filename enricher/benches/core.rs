//! The core alone: an event in, its effects out; no bytes. Beside its floor: the same event put into
//! a list under its key.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a bench may panic, as a test may"
)]

#[path = "life/orders.rs"]
mod orders;

use std::{collections::HashMap, hint::black_box};

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use enricher::{codec::CodecError, effects::Effects, partition::Appended, store::Store};
use schemas::{DeliveryEvent, OrderId, avro};

use orders::{STATUSES, event, partition};

const ORDERS: usize = 1_000;
/// One transaction under load.
const COMMIT_EVERY: usize = 2_000;

/// Whole lives of orders, side by side; `swapped`: each pair of events comes the wrong way round.
fn events(swapped: bool) -> Vec<(String, DeliveryEvent)> {
    let step = |step: usize| if swapped { step ^ 1 } else { step };
    let steps = (0..STATUSES.len()).map(step);
    steps
        .flat_map(|step| (0..ORDERS).map(move |order| event(order, step)))
        .map(|event| (event.key().to_string(), event))
        .collect()
}

fn through_the_core(events: Vec<(String, DeliveryEvent)>) -> usize {
    let (mut partition, mut effects, mut left) =
        (partition(Store::default()), Effects::default(), 0);
    for (n, (key, event)) in events.into_iter().enumerate() {
        let appended = Appended {
            at_ms: 1_650_549_600_000,
            bytes: 500,
        };
        partition.event(&key, event, appended, &mut effects);
        left += effects.ordered.len();
        effects.clear();
        if (n + 1) % COMMIT_EVERY == 0 {
            let settled = partition.settle(|settled| {
                black_box(&settled.snapshot);
                black_box(settled.record);
                Ok::<_, CodecError>(())
            });
            settled.unwrap();
            partition.committed(None);
        }
    }
    left
}

fn into_a_map(events: Vec<(String, DeliveryEvent)>) -> usize {
    let mut map: HashMap<String, Vec<DeliveryEvent>> = HashMap::new();
    for (key, event) in events {
        map.entry(key).or_default().push(event.clone());
    }
    map.len()
}

fn core(criterion: &mut Criterion) {
    let in_order = events(false);
    let swapped = events(true);
    assert_eq!(through_the_core(in_order.clone()), in_order.len());
    assert_eq!(through_the_core(swapped.clone()), in_order.len());
    let mut group = criterion.benchmark_group("enricher");
    group.throughput(Throughput::Elements(in_order.len() as u64));
    let mut bench = |name: &str, events: &Vec<_>, run: &dyn Fn(Vec<_>) -> usize| {
        group.bench_function(name, |b| {
            b.iter_batched(
                || events.clone(),
                |events| black_box(run(events)),
                BatchSize::LargeInput,
            );
        });
    };
    bench("floor: cloned into a map", &in_order, &into_a_map);
    bench("core, in order", &in_order, &|events| {
        through_the_core(events)
    });
    bench("core, pairs swapped", &swapped, &|events| {
        through_the_core(events)
    });
    group.finish();
}

/// For the scale: what Avro costs around the core.
fn bytes(criterion: &mut Criterion) {
    let event = event(1, 1);
    assert_eq!(event.order_id, OrderId::new("1471722666000000001").ok());
    let encoder = avro::Encoder::new(avro::Record::DeliveryEvent, 1).unwrap();
    let value = encoder.encode(&event).unwrap();
    let mut decoder = avro::Decoder::new();
    decoder
        .learn(1, avro::Record::DeliveryEvent.schema_text())
        .unwrap();
    let mut group = criterion.benchmark_group("avro");
    group.bench_function("decode", |b| {
        b.iter(|| decoder.decode::<DeliveryEvent>(black_box(&value)).unwrap());
    });
    group.bench_function("encode", |b| {
        b.iter(|| encoder.encode(black_box(&event)).unwrap())
    });
    group.finish();
}

criterion_group!(benches, core, bytes);
criterion_main!(benches);
