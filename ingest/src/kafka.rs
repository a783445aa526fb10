//! The raw topics: a producer that confirms a record once all in-sync replicas have it.

mod link;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use anyhow::Context as _;
use rdkafka::{
    config::FromClientConfigAndContext,
    message::{Header, OwnedHeaders},
    producer::{BaseRecord, Producer, ThreadedProducer},
};
use runtime::{clock::SharedClock, health::Part, settings::KafkaSettings, shutdown::Shutdown};
use schemas::topics::Topic;
use tokio::sync::oneshot;

use self::link::{Link, Reports};
use crate::{
    order_hint,
    raw_log::{Confirmation, Lane, RawLog, Record, Refused},
};

/// Partitions can be added to a topic while we run.
const LOOK_EVERY: Duration = Duration::from_secs(60);
const LOOK_AGAIN_AFTER: Duration = Duration::from_secs(1);
const METADATA_WITHIN: Duration = Duration::from_secs(2);

/// One lane's topic.
#[derive(Debug)]
struct Target {
    topic: String,
    /// 0 until the topic was seen.
    partitions: AtomicU32,
}

impl Target {
    fn new(topic: Topic, prefix: &str) -> Self {
        Self {
            topic: topic.name(prefix),
            partitions: AtomicU32::new(0),
        }
    }
}

/// The raw topics of one cluster. Clones share the producer.
#[derive(Clone)]
pub struct KafkaLog {
    producer: Arc<ThreadedProducer<Reports>>,
    normal: Arc<Target>,
    overflow: Arc<Target>,
    link: Arc<Link>,
    clock: SharedClock,
}

/// What a log is made with.
#[derive(Debug)]
pub struct Options<'a> {
    /// Of the topics' names.
    pub prefix: &'a str,
    /// A record that is not confirmed within this time is given up.
    pub within: Duration,
    /// Told whether Kafka takes records.
    pub part: Part,
    /// Brokers refuse records from the future.
    pub clock: SharedClock,
    /// Webhooks that Kafka does not take are safe elsewhere: its absence is reported, and is no
    /// reason to take none.
    pub has_spool: bool,
}

impl KafkaLog {
    /// Makes the producer; nothing is connected yet.
    ///
    /// # Errors
    /// When librdkafka refuses the configuration.
    pub fn new(kafka: &KafkaSettings, options: Options<'_>) -> anyhow::Result<Self> {
        let link = Arc::new(Link::new(options.part, options.has_spool));
        let mut config = runtime::kafka::producer_config(kafka);
        config
            .set("message.timeout.ms", options.within.as_millis().to_string())
            // An idempotent producer has five messages of a partition under way, and while others wait
            // for those, librdkafka's thread spins: twice the CPU. What a resent request writes twice
            // is known by its receipt, as is what went by the disk too.
            .set("enable.idempotence", "false")
            // Batches are small: starting zstd costs more than it saves.
            .set("compression.codec", "lz4")
            // A carrier waits for every record; under load batches fill by themselves.
            .set("linger.ms", "1")
            // What waits here is what requests in flight hold once more.
            .set("queue.buffering.max.messages", "20000")
            .set("queue.buffering.max.kbytes", "65536");
        let reports = Reports(Arc::clone(&link));
        let producer = ThreadedProducer::from_config_and_context(&config, reports)
            .context("the Kafka producer can't be made")?;
        Ok(Self {
            producer: Arc::new(producer),
            normal: Arc::new(Target::new(Topic::Raw, options.prefix)),
            overflow: Arc::new(Target::new(Topic::RawOverflow, options.prefix)),
            link,
            clock: options.clock,
        })
    }

    /// Keeps the number of partitions, and whether the cluster can be reached, until shutdown.
    ///
    /// # Errors
    /// When the producer can't be used any more: only a new process gets a new one.
    pub async fn follow(self, shutdown: Shutdown) -> anyhow::Result<()> {
        loop {
            let log = self.clone();
            let look = tokio::task::spawn_blocking(move || log.look()).await?;
            if let Some((code, reason)) = self.producer.client().fatal_error() {
                anyhow::bail!("the Kafka producer is broken ({code}): {reason}");
            }
            let again_after = match look {
                Ok(()) => {
                    self.link.up();
                    LOOK_EVERY
                }
                Err(why) => {
                    self.link.down(&why);
                    LOOK_AGAIN_AFTER
                }
            };
            tokio::select! {
                () = shutdown.requested() => return Ok(()),
                () = tokio::time::sleep(again_after) => {}
                // Not at once: brokers answer while replicas are still missing.
                () = self.link.fell() => tokio::select! {
                    () = shutdown.requested() => return Ok(()),
                    () = tokio::time::sleep(LOOK_AGAIN_AFTER) => {}
                },
            }
        }
    }

    fn look(&self) -> Result<(), String> {
        for target in [&self.normal, &self.overflow] {
            let partitions = self.count(&target.topic)?;
            target.partitions.store(partitions, Ordering::Relaxed);
        }
        Ok(())
    }

    fn count(&self, topic: &str) -> Result<u32, String> {
        let metadata = self
            .producer
            .client()
            .fetch_metadata(Some(topic), METADATA_WITHIN)
            .map_err(|error| format!("no answer from the brokers ({error})"))?;
        let topics = metadata.topics();
        let found = topics.iter().find(|found| found.name() == topic);
        let partitions = found
            .filter(|t| t.error().is_none())
            .map_or(&[][..], |t| t.partitions());
        if !partitions.iter().any(|partition| partition.leader() >= 0) {
            return Err(format!(
                "topic {topic} is not there (`waybill topics apply`)"
            ));
        }
        u32::try_from(partitions.len()).map_err(|_| "too many partitions".to_owned())
    }

    /// Waits until nothing is on its way any more, at most this long.
    ///
    /// # Errors
    /// When something still is.
    pub fn flush(&self, within: Duration) -> anyhow::Result<()> {
        self.producer
            .flush(within)
            .context("records were still on their way to Kafka")
    }
}

impl std::fmt::Debug for KafkaLog {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KafkaLog")
            .field("topic", &self.normal.topic)
            .finish_non_exhaustive()
    }
}

impl RawLog for KafkaLog {
    fn append(&self, record: &Record<'_>) -> Result<Confirmation, Refused> {
        let target = match record.lane {
            Lane::Normal => &self.normal,
            Lane::Overflow => &self.overflow,
        };
        let partitions = target.partitions.load(Ordering::Relaxed);
        if partitions == 0 {
            return Err(Refused::Unplaced);
        }
        let partition = order_hint::partition_of(record.placement, partitions);
        let key = record.headers.receipt_id.to_string();
        let pairs = record.headers.to_pairs();
        let headers = pairs.iter().fold(
            OwnedHeaders::new_with_capacity(pairs.len()),
            |headers, (key, value)| {
                headers.insert(Header {
                    key,
                    value: Some(value.as_bytes()),
                })
            },
        );
        let (confirm, confirmation) = oneshot::channel();
        let message = BaseRecord::with_opaque_to(&target.topic, Box::new(confirm))
            .partition(i32::try_from(partition).unwrap_or_default())
            .key(key.as_bytes())
            .payload(record.body)
            .timestamp(record.headers.received_at.millis().min(self.clock.now_ms()))
            .headers(headers);
        match self.producer.send(message) {
            Ok(()) => Ok(confirmation),
            Err((error, _)) => Err(self.link.failed(&error)),
        }
    }

    fn is_up(&self) -> bool {
        self.link.is_up()
    }
}
