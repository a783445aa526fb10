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
    error::RDKafkaErrorCode,
    message::{Header, OwnedHeaders},
    producer::{BaseRecord, Producer, ThreadedProducer},
};
use runtime::{clock::SharedClock, health::Part, settings::KafkaSettings, shutdown::Shutdown};
use schemas::topics::Topic;
use tokio::sync::oneshot;

use self::link::{Absence, Cause, Link, Reports};
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
                Err((cause, why)) => {
                    self.link.down(cause, &why);
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

    fn look(&self) -> Result<(), Absence> {
        for target in [&self.normal, &self.overflow] {
            let partitions = self.count(&target.topic)?;
            target.partitions.store(partitions, Ordering::Relaxed);
        }
        Ok(())
    }

    fn count(&self, topic: &str) -> Result<u32, Absence> {
        let metadata = self
            .producer
            .client()
            .fetch_metadata(Some(topic), METADATA_WITHIN)
            .map_err(|error| {
                let why = format!("no answer from the brokers ({error})");
                (Cause::Brokers, why)
            })?;
        let topics = metadata.topics();
        let Some(found) = topics.iter().find(|found| found.name() == topic) else {
            return partitions(topic, None, &[]);
        };
        let leaders: Vec<i32> = found.partitions().iter().map(|one| one.leader()).collect();
        partitions(topic, found.error().map(Into::into), &leaders)
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

/// How many partitions a topic has, by what the brokers say of it and by the leader of each (-1: none).
fn partitions(
    topic: &str,
    error: Option<RDKafkaErrorCode>,
    leaders: &[i32],
) -> Result<u32, Absence> {
    let no_leader = || {
        let why = format!("topic {topic} has no leader: the brokers that have it are away");
        (Cause::Leader, why)
    };
    match error {
        None if leaders.iter().any(|leader| *leader >= 0) => {}
        None if !leaders.is_empty() => return Err(no_leader()),
        Some(RDKafkaErrorCode::LeaderNotAvailable) => return Err(no_leader()),
        None | Some(RDKafkaErrorCode::UnknownTopicOrPartition | RDKafkaErrorCode::UnknownTopic) => {
            let why = format!("topic {topic} is not there (`waybill topics apply`)");
            return Err((Cause::Topic, why));
        }
        Some(error) => {
            return Err((
                Cause::Topic,
                format!("topic {topic} can't be used ({error})"),
            ));
        }
    }
    let count = u32::try_from(leaders.len());
    count.map_err(|_| (Cause::Topic, "too many partitions".to_owned()))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_without_a_leader_is_told_from_one_that_is_not_there() {
        let told = |error, leaders: &[i32]| partitions("t", error, leaders).unwrap_err();
        let (cause, why) = told(None, &[-1, -1]);
        assert_eq!(cause, Cause::Leader);
        assert!(why.starts_with("topic t has no leader"), "{why}");
        for leaders in [&[][..], &[-1]] {
            let (cause, _) = told(Some(RDKafkaErrorCode::LeaderNotAvailable), leaders);
            assert_eq!(cause, Cause::Leader);
        }
        for error in [None, Some(RDKafkaErrorCode::UnknownTopicOrPartition)] {
            let (cause, why) = told(error, &[]);
            assert_eq!(cause, Cause::Topic);
            assert!(why.starts_with("topic t is not there"), "{why}");
        }
        let (_, why) = told(Some(RDKafkaErrorCode::TopicAuthorizationFailed), &[]);
        assert!(why.starts_with("topic t can't be used"), "{why}");
        // Records of the others wait for theirs.
        assert_eq!(partitions("t", None, &[-1, 4]), Ok(2));
    }
}
