//! What a worker does, in a process of its own.

use std::{path::Path, sync::Arc};

use enricher::{
    Metrics,
    service::{DiskShelves, Enricher, KafkaChangelog, MemoryShelves, SchemaIds},
};
use runtime::{clock::SystemClock, kafka::exactly_once::Options, settings::KafkaSettings};
use schemas::{avro::Record, topics::Topic};
use stage_bench::{
    Done,
    worker::{self, Copying},
};

use crate::{kafka, orders::rules};

const IDS: SchemaIds = SchemaIds {
    ordered_event: 11,
    order: 12,
    set_aside: 13,
};

/// What a worker is to do.
pub(crate) struct Work<'a> {
    /// `copying`, `enricher-memory` or `enricher-disk`; names the group as well.
    pub(crate) what: &'a str,
    pub(crate) prefix: &'a str,
    pub(crate) brokers: &'a str,
    pub(crate) events: usize,
    pub(crate) folder: &'a Path,
}

/// Starts this program anew to do the work.
pub(crate) fn start(work: &Work<'_>) -> Done {
    let events = work.events.to_string();
    let folder = work.folder.to_str().unwrap();
    worker::start(&[work.what, work.prefix, work.brokers, &events, folder])
}

/// The other side of [`start`].
pub(crate) fn run(words: &[String]) {
    let [what, prefix, brokers, events, folder] = <&[String; 5]>::try_from(words).unwrap();
    let (kafka, events) = (kafka(brokers), events.parse().unwrap());
    let copies = what == "copying";
    let options = Options {
        name: if copies { "copying" } else { "enricher" },
        kafka: kafka.clone(),
        group: format!("{prefix}{what}"),
        instance: "0".into(),
        primary: Topic::Canonical.name(prefix),
        companions: if copies {
            Vec::new()
        } else {
            vec![Topic::EnricherLinks.name(prefix)]
        },
        tracks_time: !copies,
        has_markers: true,
    };
    if copies {
        let to = Arc::from(format!("{prefix}copied"));
        worker::run(&options, Copying(to), events);
    } else {
        let folder = what.ends_with("disk").then_some(Path::new(folder));
        worker::run(&options, enricher(&kafka, prefix, folder), events);
    }
}

fn enricher(kafka: &KafkaSettings, prefix: &str, folder: Option<&Path>) -> Enricher {
    let metrics = Metrics::new(&prometheus::Registry::new()).unwrap();
    let log = Topic::EnricherChangelog.name(prefix);
    let clock = Arc::new(SystemClock);
    let stage = Enricher::new(prefix, IDS, rules(), metrics)
        .unwrap()
        .with_schemas(Box::new(|_| Ok(Record::DeliveryEvent.schema_text().into())))
        .with_changelog(Box::new(KafkaChangelog::new(kafka.clone(), log)));
    match folder {
        Some(folder) => stage.with_shelves(Box::new(DiskShelves(folder.to_owned())), clock),
        None => stage.with_shelves(Box::new(MemoryShelves), clock),
    }
}
