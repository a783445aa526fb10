//! Everything in a spool, to Kafka.

use std::{
    path::Path,
    sync::{Arc, Condvar, Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};
use ingest::{
    order_hint,
    spool::{self, Entry, Options, Sequence, Spool},
};
use rdkafka::{
    ClientContext,
    config::FromClientConfigAndContext as _,
    error::{KafkaError, RDKafkaErrorCode},
    message::{Header, OwnedHeaders},
    producer::{BaseRecord, DeliveryResult, Producer as _, ProducerContext, ThreadedProducer},
};
use runtime::clock::SystemClock;
use schemas::topics::Topic;
use serde_json::json;

use crate::{Verdict, output, settings::Settings};

/// As much is on its way to Kafka at once.
const READ_BYTES: usize = 4 * 1024 * 1024;
const SEGMENT_BYTES: u64 = 64 * 1024 * 1024;
const ANSWER_WITHIN: Duration = Duration::from_secs(10);
const DELIVERED_WITHIN: Duration = Duration::from_secs(60);
const ROOM_AGAIN_AFTER: Duration = Duration::from_millis(10);
const TELL_EVERY: Duration = Duration::from_secs(1);

pub(super) fn run(folder: &Path, json: bool, settings: &Settings) -> anyhow::Result<Verdict> {
    let options = Options {
        dir: folder.to_owned(),
        segment_bytes: SEGMENT_BYTES,
        bytes_max: u64::MAX,
        free_bytes_min: 0,
    };
    let (spool, opened) = spool::open(options, Arc::new(SystemClock))?;
    let mut sent = 0;
    let drained = if opened.records > 0 {
        Kafka::new(settings).and_then(|kafka| drain(&spool, &kafka, opened.records, &mut sent))
    } else {
        Ok(())
    };
    let stats = spool.stats();
    spool.close();
    drained.with_context(|| {
        format!(
            "{sent} of {} records were sent, {} are still in the spool; mend the cause and run this again",
            opened.records, stats.records
        )
    })?;
    let is_sound = stats.quarantined == 0 && opened.missing == 0;
    if json {
        output::json(&json!({
            "sent": sent,
            "left": stats.records,
            "torn_bytes": opened.torn_bytes,
            "quarantined": stats.quarantined,
            "missing": opened.missing,
        }))?;
    } else {
        output::line(format_args!("{sent} records sent, none left"));
        if !is_sound {
            output::line(format_args!(
                "{} damaged files are kept and {} records are missing: see `waybill spool verify`",
                stats.quarantined, opened.missing
            ));
        }
    }
    Ok(if is_sound {
        Verdict::Good
    } else {
        Verdict::Bad
    })
}

fn drain(spool: &Spool, kafka: &Kafka, all: u64, sent: &mut u64) -> anyhow::Result<()> {
    let mut told = Instant::now();
    loop {
        let entries = spool.read(None, READ_BYTES)?;
        // What is damaged is found by reading, and then less waits.
        if entries.is_empty() && spool.is_empty() {
            return Ok(());
        }
        let (through, result) = kafka.deliver(&entries);
        let delivered = entries
            .iter()
            .filter(|(sequence, _)| Some(*sequence) <= through);
        let delivered = delivered.count() as u64;
        if let Some(through) = through {
            spool.settle(through)?;
            *sent += delivered;
        }
        result?;
        if told.elapsed() >= TELL_EVERY {
            told = Instant::now();
            output::note(format_args!("{sent} of {all} sent"));
        }
    }
}

/// Both raw topics.
struct Kafka {
    producer: ThreadedProducer<Reports>,
    reports: Reports,
    /// Name and number of partitions: raw, raw-overflow.
    topics: [(String, u32); 2],
}

impl Kafka {
    fn new(settings: &Settings) -> anyhow::Result<Self> {
        let mut config = runtime::kafka::producer_config(settings.kafka());
        config.set(
            "message.timeout.ms",
            DELIVERED_WITHIN.as_millis().to_string(),
        );
        let reports = Reports::default();
        let producer = ThreadedProducer::from_config_and_context(&config, reports.clone())
            .context("making a Kafka client")?;
        let topic = |topic: Topic| {
            let name = topic.name(&settings.topology().prefix);
            let partitions = partitions(&producer, &name)?;
            anyhow::Ok((name, partitions))
        };
        let topics = [topic(Topic::Raw)?, topic(Topic::RawOverflow)?];
        Ok(Self {
            producer,
            reports,
            topics,
        })
    }

    /// Sends all, and waits for all reports. Gives the last one up to which none failed.
    fn deliver(&self, entries: &[(Sequence, Entry)]) -> (Option<Sequence>, anyhow::Result<()>) {
        let mut failed = None;
        for (sequence, entry) in entries {
            self.reports.expect();
            if let Err(error) = self.send(*sequence, entry) {
                self.reports.failed(*sequence, &error);
                break;
            }
        }
        let all = entries.last().map(|(sequence, _)| *sequence);
        if let Some((sequence, why)) = self.reports.wait() {
            failed = Some((sequence, why));
        }
        let Some((sequence, why)) = failed else {
            return (all, Ok(()));
        };
        let before = entries.iter().take_while(|(one, _)| *one < sequence).last();
        let why = anyhow::anyhow!("record {} was not delivered: {why}", sequence.0);
        (before.map(|(one, _)| *one), Err(why))
    }

    fn send(&self, sequence: Sequence, entry: &Entry) -> Result<(), KafkaError> {
        let [raw, overflow] = &self.topics;
        let (topic, partitions) = if entry.overflow { overflow } else { raw };
        let partition = order_hint::partition_of(entry.placement, *partitions);
        let mut marked = entry.clone();
        marked.mark_spooled();
        let headers = marked.headers.iter().fold(
            OwnedHeaders::new_with_capacity(marked.headers.len()),
            |headers, (key, value)| {
                headers.insert(Header {
                    key,
                    value: Some(value.as_slice()),
                })
            },
        );
        let mut record = BaseRecord::with_opaque_to(topic, Box::new(sequence))
            .partition(i32::try_from(partition).unwrap_or_default())
            .key(entry.receipt_id().unwrap_or_default())
            .payload(&entry.body[..])
            .headers(headers);
        if let Some(received_at) = entry.received_at() {
            record = record.timestamp(received_at.millis());
        }
        loop {
            match self.producer.send(record) {
                Ok(()) => return Ok(()),
                Err((error, back))
                    if error.rdkafka_error_code() == Some(RDKafkaErrorCode::QueueFull) =>
                {
                    record = back;
                    thread::sleep(ROOM_AGAIN_AFTER);
                }
                Err((error, _)) => return Err(error),
            }
        }
    }
}

fn partitions(producer: &ThreadedProducer<Reports>, topic: &str) -> anyhow::Result<u32> {
    let metadata = producer
        .client()
        .fetch_metadata(Some(topic), ANSWER_WITHIN)
        .context("asking Kafka for its topics (WAYBILL__KAFKA__BOOTSTRAP_SERVERS)")?;
    let found = metadata.topics().iter().find(|found| found.name() == topic);
    let partitions = found
        .filter(|t| t.error().is_none())
        .map_or(0, |t| t.partitions().len());
    if partitions == 0 {
        bail!(
            "topic {topic} is not there: run `waybill topics apply`, or set WAYBILL__TOPICS__PREFIX"
        );
    }
    Ok(u32::try_from(partitions)?)
}

/// What Kafka has said of the records on their way.
#[derive(Clone, Default)]
struct Reports(Arc<(Mutex<Said>, Condvar)>);

#[derive(Default)]
struct Said {
    expected: usize,
    /// The first that failed, and why.
    failed: Option<(Sequence, String)>,
}

impl Reports {
    fn expect(&self) {
        let (said, _) = &*self.0;
        said.lock().unwrap_or_else(PoisonError::into_inner).expected += 1;
    }

    fn delivered(&self) {
        self.end(None);
    }

    fn failed(&self, sequence: Sequence, error: &KafkaError) {
        self.end(Some((sequence, error.to_string())));
    }

    fn end(&self, failed: Option<(Sequence, String)>) {
        let (said, changed) = &*self.0;
        let mut said = said.lock().unwrap_or_else(PoisonError::into_inner);
        said.expected = said.expected.saturating_sub(1);
        if let Some(new) = failed {
            let is_first = said.failed.as_ref().is_none_or(|(first, _)| new.0 < *first);
            if is_first {
                said.failed = Some(new);
            }
        }
        changed.notify_all();
    }

    /// Returns once there is a report on everything; librdkafka gives up by itself in time.
    fn wait(&self) -> Option<(Sequence, String)> {
        let (said, changed) = &*self.0;
        let mut said = said.lock().unwrap_or_else(PoisonError::into_inner);
        while said.expected > 0 {
            said = changed.wait(said).unwrap_or_else(PoisonError::into_inner);
        }
        said.failed.take()
    }
}

impl ClientContext for Reports {}

impl ProducerContext for Reports {
    type DeliveryOpaque = Box<Sequence>;

    fn delivery(&self, result: &DeliveryResult<'_>, sequence: Self::DeliveryOpaque) {
        match result {
            Ok(_) => self.delivered(),
            Err((error, _)) => self.failed(*sequence, error),
        }
    }
}
