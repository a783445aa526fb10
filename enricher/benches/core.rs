//! The core alone: an event in, its effects out; no bytes. Beside its floor: the same event put into
//! a list under its key.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a bench may panic, as a test may"
)]

use std::{collections::HashMap, hint::black_box, sync::Arc};

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use enricher::{
    codec::CodecError,
    effects::Effects,
    partition::{Appended, Partition, Rules},
    reorder::Holds,
    store::Store,
};
use schemas::{DeliveryEvent, EventId, OrderId, avro, mapping::Mapping};

const ORDERS: usize = 1_000;
const STATUSES: [(&str, &str, &str); 4] = [
    ("ASSIGNING", "ASSIGNING_DRIVER", ""),
    ("EN_ROUTE_TO_PICKUP", "ON_GOING", "ASSIGNING_DRIVER"),
    ("PICKED_UP", "PICKED_UP", "ON_GOING"),
    ("DELIVERED", "COMPLETED", "PICKED_UP"),
];
/// One transaction under load.
const COMMIT_EVERY: usize = 2_000;

fn event(order: usize, step: usize) -> DeliveryEvent {
    let (status, word, previous) = STATUSES[step];
    let at = 1_650_549_600_000_000_i64 + i64::try_from(step).unwrap() * 60_000_000;
    let id = EventId::of([order.to_be_bytes().as_slice(), &step.to_be_bytes()]);
    serde_json::from_value(serde_json::json!({
        "event_id": id.to_string(),
        "receipt_id": "0180a5d3-7b1c-7000-8000-000000000001",
        "part": 1,
        "parts": 1,
        "unit": "order",
        "tenant_id": "acme",
        "provider": "lalamove",
        "endpoint_id": "acme-lalamove-hk",
        "order_id": format!("1471722666{order:09}"),
        "kind": "ORDER_STATUS_CHANGED",
        "status": status,
        "provider_event_type": "ORDER_STATUS_CHANGED",
        "provider_event_id": "9F8CFF06-27D1-F6E8-49CA-8A54E4317EDD",
        "provider_status": word,
        "provider_previous_status": previous,
        "occurred_at": at,
        "occurred_at_source": "PROVIDER_CLOCK",
        "received_at": at + 1_000_000,
        "created_at": 1_650_549_600_000_000_i64,
        "driver": {"id": "80557"},
        "share_link": "https://share.example.com/?HK100220421225917&lang=zh_HK&sign=0123456789abcdef",
        "market": "HK_HKG",
        "verdict": "verified",
        "assurance": "BODY_SIGNED",
        "mapping_version": "1",
    }))
    .unwrap()
}

/// Whole lives of orders, side by side; `swapped`: each pair of events comes the wrong way round.
fn events(swapped: bool) -> Vec<(String, DeliveryEvent)> {
    let step = |step: usize| if swapped { step ^ 1 } else { step };
    let steps = (0..STATUSES.len()).map(step);
    steps
        .flat_map(|step| (0..ORDERS).map(move |order| event(order, step)))
        .map(|event| (event.key().to_string(), event))
        .collect()
}

fn partition() -> Partition {
    let holds = Holds {
        default_ms: 5_000,
        by_provider: Vec::new(),
        waiting_max: 256,
        waiting_tenant_max: 20_000,
        waiting_all_max: 100_000,
    };
    let rules = Rules {
        holds,
        retain_ms: 384 * 3_600_000,
        abandon_ms: 2_160 * 3_600_000,
        mapping: Mapping::embedded().clone(),
    };
    Partition::new(Arc::new(rules), Store::default())
}

fn through_the_core(events: Vec<(String, DeliveryEvent)>) -> usize {
    let (mut partition, mut effects, mut left) = (partition(), Effects::default(), 0);
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
