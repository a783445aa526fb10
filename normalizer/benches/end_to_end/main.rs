//! On a real Kafka, in one run: webhooks a second and CPU of the normalizer with exactly once, beside a
//! loop that only copies the same records with the same transactions, and beside Kafka Streams where
//! `WAYBILL_PEER_JARS` says where its jars lie.
//!
//! `make bench-normalizer`, or `cargo bench -p normalizer --bench end_to_end -- WEBHOOKS`.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a bench may panic and print, as a test may"
)]

mod filling;
#[path = "../normalize/webhooks.rs"]
mod webhooks;

use std::{path::Path, sync::Arc};

use local_stack::{Options as StackOptions, Silent, Stack};
use normalizer::{Metrics, Normalizer, Privacy, SchemaIds};
use runtime::{kafka::exactly_once::Options, settings::KafkaSettings};
use schemas::{mapping::Mapping, topics::Topic};
use stage_bench::{
    peer::{self, Peer},
    report, settings, topics,
    worker::{self, Copying, WORKER},
};

/// The service's own.
#[global_allocator]
static MEMORY: mimalloc::MiMalloc = mimalloc::MiMalloc;

const PARTITIONS: i32 = 12;
const PREFIX: &str = "speed.";
const COPIED: &str = "speed.copied";
const STREAMS: &str = "speed.streams";

fn kafka(brokers: &str) -> KafkaSettings {
    let given = [
        ("WAYBILL__KAFKA__BOOTSTRAP_SERVERS", brokers),
        ("WAYBILL__PRIVACY__KEY", "0123456789abcdef0123456789abcdef"),
    ];
    let settings: normalizer::Settings = settings(normalizer::settings::DEFAULTS, &given);
    settings.common.kafka
}

fn stage() -> Normalizer {
    let ids = SchemaIds {
        delivery_event: 10,
        set_aside: 13,
    };
    let mapping = Arc::new(Mapping::embedded().clone());
    let metrics = Metrics::new(&prometheus::Registry::new()).unwrap();
    Normalizer::new(PREFIX, ids, mapping, Privacy::new(b"bench"), metrics).unwrap()
}

/// The other side of [`worker::start`].
fn work(words: &[String]) {
    let [what, brokers, webhooks] = <&[String; 3]>::try_from(words).unwrap();
    let webhooks = webhooks.parse().unwrap();
    let copies = what == "copying";
    let options = Options {
        name: if copies { "copying" } else { "normalizer" },
        kafka: kafka(brokers),
        group: format!("{PREFIX}{what}"),
        instance: "0".into(),
        primary: Topic::Raw.name(PREFIX),
        companions: Vec::new(),
        tracks_time: false,
        has_markers: false,
    };
    if copies {
        worker::run(&options, Copying(Arc::from(COPIED)), webhooks);
    } else {
        worker::run(&options, stage(), webhooks);
    }
}

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if words.first().is_some_and(|word| word == WORKER) {
        return work(&words[1..]);
    }
    let number = words.iter().find_map(|word| word.parse().ok());
    let webhooks: usize = number.unwrap_or(200_000);
    filling::check();
    let folder = tempfile::tempdir().unwrap();
    let stack = Stack::start(StackOptions::new(folder.path().join("stack")), &Silent).unwrap();
    let brokers = stack.kafka_bootstrap();
    let kafka = kafka(&brokers);
    let [raw, canonical, set_aside] =
        [Topic::Raw, Topic::Canonical, Topic::SetAside].map(|topic| topic.name(PREFIX));
    let names = [raw.as_str(), &canonical, &set_aside, COPIED, STREAMS];
    topics::create(&kafka, &names, PARTITIONS);
    topics::produce(&kafka, &raw, filling::records(webhooks, PARTITIONS));
    println!("{webhooks} webhooks, {PARTITIONS} partitions");
    for what in ["copying", "normalizer"] {
        let done = worker::start(&[what, &brokers, &webhooks.to_string()]);
        report(what, webhooks, done);
    }
    if let Some(jars) = std::env::var_os("WAYBILL_PEER_JARS") {
        peer::run(&Peer {
            sources: &["Normalize", "Run", "Carriers", "Event", "Headers"],
            jars: Path::new(&jars),
            brokers: &brokers,
            topics: [&raw, STREAMS],
            records: webhooks,
            folder: folder.path(),
        });
    }
}
