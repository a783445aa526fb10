//! On a real Kafka, in one run: events a second and CPU of the enricher with exactly once, beside a
//! loop that only copies the same records with the same transactions, and beside Kafka Streams where
//! `WAYBILL_PEER_JARS` says where its jars lie; and how long it takes with many open orders until a
//! worker that starts has committed its first events.
//!
//! `make bench-enricher`, or `cargo bench -p enricher --bench end_to_end -- EVENTS ORDERS`; 0 leaves a
//! part out.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a bench may panic and print, as a test may"
)]

#[path = "life/arrivals.rs"]
mod arrivals;
#[path = "life/orders.rs"]
mod orders;
#[path = "life/worker.rs"]
mod worker;

use std::path::Path;

use arrivals::{Arrival, arrivals, out_of_order};
use enricher::{
    codec::{IDENTITY_KEY, encode_identity},
    effects::Effects,
    partition::Appended,
    store::Store,
};
use local_stack::{Options as StackOptions, Silent, Stack};
use orders::{event, event_at, partition};
use runtime::settings::KafkaSettings;
use schemas::{
    DeliveryEvent,
    avro::{Encoder, Record},
    topics::Topic,
};
use stage_bench::{
    peer::{self, Peer},
    report, settings,
    topics::{Filling, create, produce},
    worker::WORKER,
};
use worker::Work;

/// The service's own.
#[global_allocator]
static MEMORY: mimalloc::MiMalloc = mimalloc::MiMalloc;

const PARTITIONS: i32 = 12;
/// Of the topics of the first part, and of the second.
const SPEED: &str = "speed.";
const RESTART: &str = "restart.";

fn kafka(brokers: &str) -> KafkaSettings {
    let given = [("WAYBILL__KAFKA__BOOTSTRAP_SERVERS", brokers)];
    let settings: enricher::Settings = settings(enricher::settings::DEFAULTS, &given);
    settings.common.kafka
}

fn stage_topics(prefix: &str) -> Vec<String> {
    let of_the_stage = [
        Topic::Canonical,
        Topic::EnricherLinks,
        Topic::EnricherChangelog,
        Topic::Ordered,
        Topic::Orders,
        Topic::SetAside,
    ];
    of_the_stage
        .iter()
        .map(|topic| topic.name(prefix))
        .collect()
}

fn partition_of(order: usize) -> i32 {
    i32::try_from(order).unwrap() % PARTITIONS
}

fn filling(order: usize, key: String, value: Vec<u8>) -> Filling {
    Filling {
        partition: partition_of(order),
        key,
        value,
        headers: Vec::new(),
    }
}

/// Fills canonical.
fn fill(kafka: &KafkaSettings, prefix: &str, events: impl Iterator<Item = (usize, DeliveryEvent)>) {
    let encoder = Encoder::new(Record::DeliveryEvent, 10).unwrap();
    let records = events.map(|(order, event)| {
        let value = encoder.encode(&event).unwrap();
        filling(order, event.key().to_string(), value)
    });
    produce(kafka, &Topic::Canonical.name(prefix), records);
}

/// Makes the topics of a part.
fn make(kafka: &KafkaSettings, topics: &[String]) {
    let names: Vec<&str> = topics.iter().map(String::as_str).collect();
    create(kafka, &names, PARTITIONS);
}

fn speed(kafka: &KafkaSettings, events: usize, folder: &Path) {
    let mut topics = stage_topics(SPEED);
    topics.extend(["copied", "streams"].map(|name| format!("{SPEED}{name}")));
    make(kafka, &topics);
    let arrivals = arrivals(events);
    println!(
        "{events} events, {:.1} % behind a later one of their order, {PARTITIONS} partitions",
        100.0 * out_of_order(&arrivals) as f64 / events as f64
    );
    let event = |at: &Arrival| (at.order, event_at(at.order, at.step, at.occurred_at));
    fill(kafka, SPEED, arrivals.iter().map(event));
    let brokers = &kafka.bootstrap_servers;
    for what in ["copying", "enricher-disk"] {
        let done = worker::start(&Work {
            what,
            prefix: SPEED,
            brokers,
            events,
            folder: &folder.join("speed"),
        });
        report(what, events, done);
    }
    if let Some(jars) = std::env::var_os("WAYBILL_PEER_JARS") {
        let [from, to] = [Topic::Canonical.name(SPEED), format!("{SPEED}streams")];
        peer::run(&Peer {
            sources: &["Reorder", "Run"],
            jars: Path::new(&jars),
            brokers,
            topics: [&from, &to],
            records: events,
            folder,
        });
    }
}

/// The state of an open order of two events.
fn open_order() -> Vec<u8> {
    let mut one = partition(Store::default());
    let mut effects = Effects::default();
    for step in 0..2 {
        let event = event(0, step);
        let appended = Appended {
            at_ms: 1_650_549_600_000,
            bytes: 500,
        };
        one.event(&event.key().to_string(), event, appended, &mut effects);
    }
    let key = event(0, 0).key().to_string();
    one.store_mut().record(&key).unwrap().encode().unwrap()
}

fn restart(kafka: &KafkaSettings, orders: usize, folder: &Path) {
    make(kafka, &stage_topics(RESTART));
    let topic = Topic::EnricherChangelog.name(RESTART);
    let value = open_order();
    let identity = |partition: i32| {
        let id = encode_identity([u8::try_from(partition).unwrap(); 16]).unwrap();
        Filling {
            partition,
            key: IDENTITY_KEY.to_owned(),
            value: id,
            headers: Vec::new(),
        }
    };
    let state = |order: usize| {
        let key = event(order, 0).key().to_string();
        filling(order, key, value.clone())
    };
    let identities = (0..PARTITIONS).map(identity);
    produce(kafka, &topic, identities.chain((0..orders).map(state)));
    let cases = [
        ("enricher-disk", "disk lost"),
        ("enricher-disk", "disk there"),
        ("enricher-memory", "in memory"),
    ];
    for (round, (what, case)) in cases.into_iter().enumerate() {
        // Two of each partition, of orders that no round had before.
        let first = round * 24;
        let next = (first..first + 24).map(|order| (order, event(order, 2)));
        fill(kafka, RESTART, next);
        let done = worker::start(&Work {
            what,
            prefix: RESTART,
            brokers: &kafka.bootstrap_servers,
            // whoever was not there yet reads from the beginning
            events: if what == "enricher-memory" {
                first + 24
            } else {
                24
            },
            folder: &folder.join("restart"),
        });
        println!(
            "{orders} open orders, {case}: first events committed {:.2} s after the start, {} MiB",
            done.since_start.as_secs_f64(),
            done.memory_mib,
        );
    }
}

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if words.first().is_some_and(|word| word == WORKER) {
        return worker::run(&words[1..]);
    }
    let numbers: Vec<usize> = words.iter().filter_map(|word| word.parse().ok()).collect();
    let events = numbers.first().copied().unwrap_or(200_000);
    let orders = numbers.get(1).copied().unwrap_or(100_000);
    let folder = tempfile::tempdir().unwrap();
    let stack = Stack::start(StackOptions::new(folder.path().join("stack")), &Silent).unwrap();
    let kafka = kafka(&stack.kafka_bootstrap());
    if events > 0 {
        speed(&kafka, events, folder.path());
    }
    if orders > 0 {
        restart(&kafka, orders, folder.path());
    }
}
