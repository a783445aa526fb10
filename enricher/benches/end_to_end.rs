//! On a real Kafka, in one run: events a second and CPU of the enricher with exactly once, beside a
//! loop that only copies the same records with the same transactions; and how long the state of many
//! open orders takes to come back.
//!
//! `cargo bench -p enricher --bench end_to_end -- EVENTS ORDERS`; 0 leaves a part out.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a bench may panic and print, as a test may"
)]

#[path = "life/orders.rs"]
mod orders;

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use enricher::{
    Metrics,
    codec::{IDENTITY_KEY, encode_identity},
    effects::Effects,
    partition::Appended,
    service::{DiskShelves, Enricher, KafkaChangelog, MemoryShelves, SchemaIds, Shelves},
    store::Store,
};
use local_stack::{Options as StackOptions, Silent, Stack};
use orders::{STATUSES, event, partition, rules};
use rdkafka::{
    admin::{AdminClient, AdminOptions, NewTopic, TopicReplication},
    client::DefaultClientContext,
    producer::{BaseProducer, BaseRecord, Producer},
};
use runtime::{
    clock::SystemClock,
    health::Health,
    kafka::{
        connection,
        exactly_once::{self, Failure, Incoming, Options, Outgoing, Output, Stage},
        producer_config,
    },
    service::Context,
    settings::{KafkaSettings, Sources},
    shutdown::Shutdown,
    tasks::Tasks,
};
use schemas::avro::{Encoder, Record};

const IDS: SchemaIds = SchemaIds {
    ordered_event: 11,
    order: 12,
    set_aside: 13,
};
const PARTITIONS: i32 = 12;

/// Counts what a stage committed and stops the loop behind the last record.
struct Timed<S> {
    inner: S,
    wanted: u64,
    seen: u64,
    began: Option<(Instant, u64)>,
    took: (Duration, u64),
    shutdown: Shutdown,
}

impl<S: Stage> Stage for Timed<S> {
    fn assigned(&mut self, partitions: &[i32]) -> Result<(), Failure> {
        self.inner.assigned(partitions)
    }

    fn revoked(&mut self, partitions: &[i32]) {
        self.inner.revoked(partitions);
    }

    fn record(&mut self, record: &Incoming<'_>, out: &mut Outgoing) -> Result<(), Failure> {
        self.began.get_or_insert_with(|| (Instant::now(), cpu_ms()));
        self.seen += 1;
        self.inner.record(record, out)
    }

    fn advance(&mut self, partition: i32, now_ms: i64, out: &mut Outgoing) -> Result<(), Failure> {
        self.inner.advance(partition, now_ms, out)
    }

    fn deadline_ms(&self, partition: i32) -> Option<i64> {
        self.inner.deadline_ms(partition)
    }

    fn before_commit(&mut self, out: &mut Outgoing) -> Result<(), Failure> {
        self.inner.before_commit(out)
    }

    fn watched_topic(&self) -> Option<Arc<str>> {
        self.inner.watched_topic()
    }

    fn written(&mut self, partition: i32, offset: i64) {
        self.inner.written(partition, offset);
    }

    fn committed(&mut self) {
        self.inner.committed();
        if let Some((at, cpu)) = self.began.filter(|_| self.seen >= self.wanted) {
            self.took = (at.elapsed(), cpu_ms() - cpu);
            self.shutdown.request();
        }
    }

    fn discarded(&mut self) {
        self.inner.discarded();
    }
}

/// The floor: the same bytes to another topic.
struct Copying(Arc<str>);

impl Stage for Copying {
    fn assigned(&mut self, _: &[i32]) -> Result<(), Failure> {
        Ok(())
    }

    fn revoked(&mut self, _: &[i32]) {}

    fn record(&mut self, record: &Incoming<'_>, out: &mut Outgoing) -> Result<(), Failure> {
        out.send(Output {
            topic: Arc::clone(&self.0),
            partition: Some(record.partition),
            key: record.key.unwrap_or_default().to_vec(),
            value: record.value.map(<[u8]>::to_vec),
            headers: Vec::new(),
        });
        Ok(())
    }
}

fn cpu_ms() -> u64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat
        .rsplit(')')
        .next()
        .unwrap()
        .split_whitespace()
        .collect();
    10 * (fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap())
}

fn memory_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("RssAnon"))
        .unwrap();
    let kib = line.split_whitespace().nth(1).unwrap();
    kib.parse::<u64>().unwrap() / 1024
}

fn create(kafka: &KafkaSettings, names: &[&str], partitions: i32) {
    let admin: AdminClient<DefaultClientContext> = connection(kafka).create().unwrap();
    let topics: Vec<_> = names
        .iter()
        .map(|name| {
            let topic = NewTopic::new(name, partitions, TopicReplication::Fixed(1));
            topic.set("message.timestamp.type", "LogAppendTime")
        })
        .collect();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let made = runtime.block_on(admin.create_topics(&topics, &AdminOptions::new()));
    assert!(made.unwrap().iter().all(Result::is_ok));
}

fn produce(kafka: &KafkaSettings, records: impl Iterator<Item = (String, i32, String, Vec<u8>)>) {
    let producer: BaseProducer = producer_config(kafka).create().unwrap();
    for (topic, partition, key, value) in records {
        let mut record = BaseRecord::to(&topic)
            .partition(partition)
            .key(&key)
            .payload(&value);
        while let Err((_, back)) = producer.send(record) {
            producer.poll(Duration::from_millis(5));
            record = back;
        }
        producer.poll(Duration::ZERO);
    }
    producer.flush(Duration::from_secs(60)).unwrap();
}

/// Lives of orders side by side, a thousand at a time.
fn canonical(events: usize) -> impl Iterator<Item = (String, i32, String, Vec<u8>)> {
    let encoder = Encoder::new(Record::DeliveryEvent, 10).unwrap();
    (0..events).map(move |n| {
        let (block, within) = (n / 4_000, n % 4_000);
        let event = event(
            block * 1_000 + within % 1_000,
            within / 1_000 % STATUSES.len(),
        );
        let value = encoder.encode(&event).unwrap();
        ("b.canonical".to_owned(), 0, event.key().to_string(), value)
    })
}

fn through<S: Stage>(kafka: &KafkaSettings, name: &'static str, stage: S, events: usize) -> S {
    let shutdown = Shutdown::new();
    let context = Context {
        shutdown: shutdown.clone(),
        health: Health::default(),
        tasks: Tasks::new(shutdown.clone()),
        metrics: prometheus::Registry::new(),
        clock: Arc::new(SystemClock),
    };
    let options = Options {
        name,
        kafka: kafka.clone(),
        group: format!("b.{name}"),
        instance: "0".into(),
        primary: "b.canonical".into(),
        companions: Vec::new(),
        tracks_time: name != "copying",
    };
    let mut timed = Timed {
        inner: stage,
        wanted: events as u64,
        seen: 0,
        began: None,
        took: (Duration::ZERO, 0),
        shutdown,
    };
    exactly_once::run(&options, &mut timed, &context).unwrap();
    let (took, cpu) = timed.took;
    println!(
        "{name:<18} {:>7.0} events/s, {:>5.1} s of CPU a million events",
        events as f64 / took.as_secs_f64(),
        cpu as f64 * 1_000.0 / events as f64,
    );
    timed.inner
}

fn enricher(kafka: &KafkaSettings, changelog: &str, shelves: Box<dyn Shelves>) -> Enricher {
    let metrics = Metrics::new(&prometheus::Registry::new()).unwrap();
    Enricher::new("b.", IDS, rules(), metrics)
        .unwrap()
        .with_schemas(Box::new(|_| Ok(Record::DeliveryEvent.schema_text().into())))
        .with_changelog(Box::new(KafkaChangelog::new(
            kafka.clone(),
            changelog.into(),
        )))
        .with_shelves(shelves, Arc::new(SystemClock))
}

fn speed(kafka: &KafkaSettings, events: usize, folder: &Path) {
    let topics = [
        "b.canonical",
        "b.enricher-links",
        "b.ordered",
        "b.orders",
        "b.set-aside",
        "b.enricher-changelog",
        "b.copied",
        "b.empty",
    ];
    create(kafka, &topics, 1);
    produce(kafka, canonical(events));
    through(kafka, "copying", Copying(Arc::from("b.copied")), events);
    let memory = enricher(kafka, "b.empty", Box::new(MemoryShelves));
    through(kafka, "enricher-memory", memory, events);
    let disk = Box::new(DiskShelves(folder.join("speed")));
    through(
        kafka,
        "enricher-disk",
        enricher(kafka, "b.empty", disk),
        events,
    );
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

fn restore(kafka: &KafkaSettings, orders: usize, folder: &Path) {
    let topic = "b.restored-changelog";
    create(kafka, &[topic], PARTITIONS);
    let value = open_order();
    let identity = |partition: i32| {
        let id = encode_identity([u8::try_from(partition).unwrap(); 16]).unwrap();
        (topic.to_owned(), partition, IDENTITY_KEY.to_owned(), id)
    };
    let state = |order: usize| {
        let partition = i32::try_from(order % 12).unwrap();
        let key = format!("acme/lalamove/1471722666{order:09}");
        (topic.to_owned(), partition, key, value.clone())
    };
    produce(
        kafka,
        (0..PARTITIONS).map(identity).chain((0..orders).map(state)),
    );
    let all: Vec<i32> = (0..PARTITIONS).collect();
    let come_back = |what: &str, shelves: Box<dyn Shelves>| {
        let mut stage = enricher(kafka, topic, shelves);
        let began = Instant::now();
        stage.assigned(&all).unwrap();
        let took = began.elapsed().as_secs_f64();
        println!(
            "{orders} open orders, {what}: {took:.2} s, {} MiB",
            memory_mib()
        );
    };
    let disk = || Box::new(DiskShelves(folder.join("restore")));
    come_back("disk lost, filled from the changelog", disk());
    come_back("disk there", disk());
    come_back("in memory", Box::new(MemoryShelves));
}

fn kafka(bootstrap: String) -> KafkaSettings {
    let variable = ("WAYBILL__KAFKA__BOOTSTRAP_SERVERS".to_owned(), bootstrap);
    let sources = Sources {
        defaults: enricher::settings::DEFAULTS,
        environment: [variable].into_iter().collect(),
        ..Sources::default()
    };
    let settings: enricher::Settings = runtime::settings::load(&sources).unwrap();
    settings.common.kafka
}

fn main() {
    let words: Vec<usize> = std::env::args()
        .filter_map(|word| word.parse().ok())
        .collect();
    let events = words.first().copied().unwrap_or(100_000);
    let orders = words.get(1).copied().unwrap_or(100_000);
    let folder = tempfile::tempdir().unwrap();
    let stack = Stack::start(StackOptions::new(folder.path().join("stack")), &Silent).unwrap();
    let kafka = kafka(stack.kafka_bootstrap());
    if events > 0 {
        speed(&kafka, events, folder.path());
    }
    if orders > 0 {
        restore(&kafka, orders, folder.path());
    }
}
