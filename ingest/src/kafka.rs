//! The raw topic: an idempotent producer that confirms a record once all in-sync replicas have it.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use anyhow::Context as _;
use rdkafka::{
    ClientContext,
    config::FromClientConfigAndContext,
    error::{KafkaError, RDKafkaErrorCode},
    message::{Header, OwnedHeaders},
    producer::{BaseRecord, DeliveryResult, Producer, ProducerContext, ThreadedProducer},
};
use runtime::{health::Part, settings::KafkaSettings, shutdown::Shutdown};
use tokio::sync::{Notify, oneshot};

use crate::{
    order_hint,
    raw_log::{Confirmation, RawLog, Record, Refused},
};

/// Partitions can be added to a topic while we run.
const LOOK_EVERY: Duration = Duration::from_secs(60);
const LOOK_AGAIN_AFTER: Duration = Duration::from_secs(1);
const METADATA_WITHIN: Duration = Duration::from_secs(2);

/// The raw topic of one cluster. Clones share the producer.
#[derive(Clone)]
pub struct KafkaLog {
    producer: Arc<ThreadedProducer<Reports>>,
    topic: Arc<str>,
    /// 0 until the topic was seen.
    partitions: Arc<AtomicU32>,
    link: Arc<Link>,
}

impl KafkaLog {
    /// Makes the producer; nothing is connected yet. A record that is not confirmed `within` is given
    /// up.
    ///
    /// # Errors
    /// When librdkafka refuses the configuration.
    pub fn new(
        kafka: &KafkaSettings,
        topic: &str,
        within: Duration,
        part: Part,
    ) -> anyhow::Result<Self> {
        part.not_ready("no broker seen yet");
        let link = Arc::new(Link {
            part,
            is_down: Mutex::new(true),
            fell: Notify::new(),
        });
        let mut config = runtime::kafka::producer_config(kafka);
        config
            .set("message.timeout.ms", within.as_millis().to_string())
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
            topic: topic.into(),
            partitions: Arc::default(),
            link,
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
                Ok(partitions) => {
                    self.partitions.store(partitions, Ordering::Relaxed);
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
                () = self.link.fell.notified() => tokio::select! {
                    () = shutdown.requested() => return Ok(()),
                    () = tokio::time::sleep(LOOK_AGAIN_AFTER) => {}
                },
            }
        }
    }

    fn look(&self) -> Result<u32, String> {
        let topic: &str = &self.topic;
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
            .field("topic", &self.topic)
            .finish_non_exhaustive()
    }
}

impl RawLog for KafkaLog {
    fn append(&self, record: &Record<'_>) -> Result<Confirmation, Refused> {
        let partitions = self.partitions.load(Ordering::Relaxed);
        if partitions == 0 {
            return Err(Refused::Unplaced);
        }
        let partition = order_hint::partition(record.beside, partitions);
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
        let message = BaseRecord::with_opaque_to(&self.topic, Box::new(confirm))
            .partition(i32::try_from(partition).unwrap_or_default())
            .key(key.as_bytes())
            .payload(record.body)
            .timestamp(record.headers.received_at.millis())
            .headers(headers);
        match self.producer.send(message) {
            Ok(()) => Ok(confirmation),
            Err((error, _)) => Err(self.link.failed(&error)),
        }
    }
}

/// Whether records get through.
struct Link {
    part: Part,
    is_down: Mutex<bool>,
    fell: Notify,
}

impl Link {
    fn up(&self) {
        let mut is_down = self.is_down.lock().unwrap_or_else(PoisonError::into_inner);
        if std::mem::replace(&mut *is_down, false) {
            self.part.ready();
            tracing::info!("kafka is reachable");
        }
    }

    fn down(&self, why: &str) {
        let mut is_down = self.is_down.lock().unwrap_or_else(PoisonError::into_inner);
        self.part.not_ready(why);
        if !std::mem::replace(&mut *is_down, true) {
            self.fell.notify_one();
            tracing::warn!(why, "kafka takes no records");
        }
    }

    /// What a failed record says about the link, and to whoever waits for it.
    fn failed(&self, error: &KafkaError) -> Refused {
        match error.rdkafka_error_code() {
            Some(RDKafkaErrorCode::QueueFull) => return Refused::Full,
            // The record's own fault: one sender must not take the instance out of service.
            Some(RDKafkaErrorCode::MessageSizeTooLarge | RDKafkaErrorCode::InvalidRecord) => {}
            Some(_) | None => self.down(&error.to_string()),
        }
        Refused::Failed(error.to_string())
    }
}

/// Passes delivery reports on to whoever waits for them.
struct Reports(Arc<Link>);

impl ClientContext for Reports {
    fn error(&self, error: KafkaError, reason: &str) {
        // Known long before the first record has waited in vain.
        if error.rdkafka_error_code() == Some(RDKafkaErrorCode::AllBrokersDown) {
            self.0.down("no broker can be reached");
        }
        tracing::debug!(%error, reason, "kafka client");
    }
}

impl ProducerContext for Reports {
    type DeliveryOpaque = Box<oneshot::Sender<Result<(), Refused>>>;

    fn delivery(&self, result: &DeliveryResult<'_>, confirm: Self::DeliveryOpaque) {
        let outcome = match result {
            Ok(_) => {
                self.0.up();
                Ok(())
            }
            Err((error, _)) => Err(self.0.failed(error)),
        };
        // Nobody waits any more when the carrier went away or the wait ended.
        drop(confirm.send(outcome));
    }
}
