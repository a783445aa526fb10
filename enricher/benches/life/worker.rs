//! A worker that runs until it committed so many events, in a process of its own.

use std::{
    path::Path,
    process::Command,
    sync::Arc,
    time::{Duration, Instant},
};

use enricher::{
    Metrics,
    service::{DiskShelves, Enricher, KafkaChangelog, MemoryShelves, SchemaIds},
};
use runtime::{
    clock::SystemClock,
    health::Health,
    kafka::exactly_once::{self, Failure, Incoming, Options, Outgoing, Output, Stage},
    service::{Context, allocator::GIVES_BACK},
    settings::KafkaSettings,
    shutdown::Shutdown,
    tasks::Tasks,
};
use schemas::{avro::Record, topics::Topic};

use crate::{
    orders::rules,
    process::{cpu_ms, memory_mib},
    topics::settings,
};

const IDS: SchemaIds = SchemaIds {
    ordered_event: 11,
    order: 12,
    set_aside: 13,
};

/// Counts what a stage committed and stops the loop behind the last record.
struct Timed<S> {
    inner: S,
    wanted: u64,
    seen: u64,
    began: Option<(Instant, u64)>,
    took: (Duration, u64),
    /// When the last was committed.
    ended: Option<Instant>,
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
        self.began
            .get_or_insert_with(|| (Instant::now(), cpu_ms(std::process::id())));
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
            self.took = (at.elapsed(), cpu_ms(std::process::id()) - cpu);
            self.ended.get_or_insert_with(Instant::now);
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

/// What a worker is to do.
pub(crate) struct Work<'a> {
    /// `copying`, `enricher-memory` or `enricher-disk`; names the group as well.
    pub(crate) what: &'a str,
    pub(crate) prefix: &'a str,
    pub(crate) brokers: &'a str,
    pub(crate) events: usize,
    pub(crate) folder: &'a Path,
}

/// The word by which this program knows that it is a worker.
pub(crate) const WORKER: &str = "--worker";

/// What it did, from its first event on, and how long it took from its start on.
#[derive(Clone, Copy)]
pub(crate) struct Done {
    pub(crate) took: Duration,
    pub(crate) cpu_ms: u64,
    pub(crate) memory_mib: u64,
    pub(crate) since_start: Duration,
}

/// Starts this program anew to do the work.
pub(crate) fn start(work: &Work<'_>) -> Done {
    let started = Instant::now();
    let output = Command::new(std::env::current_exe().unwrap())
        .args([WORKER, work.what, work.prefix, work.brokers])
        .arg(work.events.to_string())
        .arg(work.folder)
        .env(GIVES_BACK.0, GIVES_BACK.1)
        .stderr(std::process::Stdio::inherit())
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let numbers: Vec<u64> = text
        .split_whitespace()
        .map(|n| n.parse().unwrap())
        .collect();
    let [took, cpu_ms, memory_mib, closing] = numbers.try_into().unwrap();
    Done {
        took: Duration::from_millis(took),
        cpu_ms,
        memory_mib,
        since_start: started.elapsed() - Duration::from_millis(closing),
    }
}

/// The other side of [`start`].
pub(crate) fn run(words: &[String]) {
    let [what, prefix, brokers, events, folder] = <&[String; 5]>::try_from(words).unwrap();
    let kafka = settings(brokers.clone());
    let folder = Path::new(folder);
    let (events, own) = (events.parse().unwrap(), format!("{prefix}{what}"));
    match what.as_str() {
        "copying" => {
            let copying = Copying(Arc::from(format!("{prefix}copied")));
            through(&kafka, (prefix, &own), copying, events);
        }
        _ => {
            let stage = enricher(&kafka, prefix, what.ends_with("disk").then_some(folder));
            through(&kafka, (prefix, &own), stage, events);
        }
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

/// Prints what [`Done`] says.
fn through<S: Stage>(kafka: &KafkaSettings, (prefix, own): (&str, &str), stage: S, events: usize) {
    let shutdown = Shutdown::new();
    let context = Context {
        shutdown: shutdown.clone(),
        health: Health::default(),
        tasks: Tasks::new(shutdown.clone()),
        metrics: prometheus::Registry::new(),
        clock: Arc::new(SystemClock),
    };
    let copies = own.ends_with("copying");
    let options = Options {
        name: if copies { "copying" } else { "enricher" },
        kafka: kafka.clone(),
        group: own.to_owned(),
        instance: "0".into(),
        primary: Topic::Canonical.name(prefix),
        companions: if copies {
            Vec::new()
        } else {
            vec![Topic::EnricherLinks.name(prefix)]
        },
        tracks_time: !copies,
    };
    let mut timed = Timed {
        inner: stage,
        wanted: events as u64,
        seen: 0,
        began: None,
        took: (Duration::ZERO, 0),
        ended: None,
        shutdown,
    };
    exactly_once::run(&options, &mut timed, &context).unwrap();
    let (took, cpu) = timed.took;
    let closing = timed.ended.map_or(Duration::ZERO, |at| at.elapsed());
    let memory = memory_mib(std::process::id());
    println!(
        "{} {cpu} {memory} {}",
        took.as_millis(),
        closing.as_millis()
    );
}
