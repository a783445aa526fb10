//! The member of a table's consumer group. Rebalances are only noted inside librdkafka's callback;
//! the loop takes partitions up and gives them up afterwards, with its pending block in hand.

use std::{
    borrow::Cow,
    collections::{BTreeMap, VecDeque},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
    time::Duration,
};

use rdkafka::{
    ClientContext, Message, Offset, Statistics, TopicPartitionList,
    consumer::{BaseConsumer, CommitMode, Consumer, ConsumerContext},
    error::{KafkaError, KafkaResult},
    message::BorrowedMessage,
    types::{RDKafkaErrorCode, RDKafkaRespErr},
    util::Timeout,
};
use runtime::{
    kafka::{consumer_config, reach::Reach},
    settings::KafkaSettings,
};
use schemas::topics::Topic;

use crate::{
    again::Again,
    batch::{Committed, Intent, Partition, settled_metadata},
    table::Table,
};

const ANSWER_TIME_MAX: Duration = Duration::from_secs(10);

/// What librdkafka told us while it was polled.
#[derive(Debug)]
pub(crate) enum Event {
    Assigned(Vec<Partition>),
    Revoked,
}

pub(crate) struct Context {
    topics: Vec<(Topic, String)>,
    events: Mutex<VecDeque<Event>>,
    lag: AtomicI64,
    reach: Reach,
    closing: AtomicBool,
}

impl Context {
    fn push(&self, event: Event) {
        self.events
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push_back(event);
    }

    fn topic(&self, name: &str) -> Option<Topic> {
        self.topics
            .iter()
            .find(|(_, known)| known == name)
            .map(|(topic, _)| *topic)
    }
}

impl ClientContext for Context {
    fn stats(&self, statistics: Statistics) {
        self.reach.heard(&statistics);
        let partitions = statistics
            .topics
            .values()
            .flat_map(|topic| topic.partitions.values());
        let lag = partitions
            .filter(|p| p.partition >= 0)
            .map(|p| p.consumer_lag.max(0))
            .sum();
        self.lag.store(lag, Ordering::Relaxed);
    }
}

impl ConsumerContext for Context {
    fn rebalance(
        &self,
        consumer: &BaseConsumer<Self>,
        error: RDKafkaRespErr,
        partitions: &mut TopicPartitionList,
    ) {
        if self.closing.load(Ordering::Acquire) {
            // Nobody polls for us any more: answer at once, or closing never ends.
            if let Err(error) = consumer.unassign() {
                tracing::warn!(%error, "partitions not given up while closing");
            }
        } else if error == RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS {
            let elements = partitions.elements();
            let ours = elements.iter().filter_map(|element| {
                let topic = self.topic(element.topic())?;
                Some(Partition {
                    topic,
                    number: element.partition(),
                })
            });
            self.push(Event::Assigned(ours.collect()));
        } else {
            self.push(Event::Revoked);
        }
    }

    fn main_queue_min_poll_interval(&self) -> Timeout {
        Timeout::After(Duration::from_millis(50))
    }
}

/// Why a commit did not happen.
#[derive(Debug)]
pub(crate) enum NotCommitted {
    /// The group has moved on without us: what we hold belongs to somebody else.
    Fenced,
    /// Whether it happened is unknown; the same commit may be tried again.
    Unknown(KafkaError),
    /// Another process has our instance id.
    Stop(KafkaError),
}

pub(crate) struct Member {
    consumer: BaseConsumer<Context>,
    group: String,
    again: Again,
}

impl Member {
    pub(crate) fn join(
        kafka: &KafkaSettings,
        prefix: &str,
        table: Table,
        instance: &str,
    ) -> anyhow::Result<Self> {
        let group = table.group(prefix);
        let mut config = consumer_config(kafka, &group, &format!("{group}-{instance}"));
        config
            .set("statistics.interval.ms", "1000")
            // what retention took while nobody read is gone; stopping would not bring it back
            .set("auto.offset.reset", "earliest");
        let topics: Vec<(Topic, String)> = table
            .topics()
            .iter()
            .map(|topic| (*topic, topic.name(prefix)))
            .collect();
        let names: Vec<String> = topics.iter().map(|(_, name)| name.clone()).collect();
        let context = Context {
            topics,
            events: Mutex::default(),
            lag: AtomicI64::new(0),
            reach: Reach::default(),
            closing: AtomicBool::new(false),
        };
        let consumer: BaseConsumer<Context> = config.create_with_context(context)?;
        consumer.subscribe(&names.iter().map(String::as_str).collect::<Vec<_>>())?;
        Ok(Self {
            consumer,
            again: Again::new(kafka, &group, prefix),
            group,
        })
    }

    fn context(&self) -> &Context {
        self.consumer.client().context()
    }

    pub(crate) fn take_event(&self) -> Option<Event> {
        self.context()
            .events
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop_front()
    }

    pub(crate) fn lag(&self) -> i64 {
        self.context().lag.load(Ordering::Relaxed)
    }

    /// Whether no broker answers.
    pub(crate) fn is_away(&self) -> bool {
        self.context().reach.is_away()
    }

    pub(crate) fn poll(&self, timeout: Duration) -> Option<KafkaResult<BorrowedMessage<'_>>> {
        self.consumer.poll(timeout)
    }

    pub(crate) fn partition<M: Message>(&self, record: &M) -> Option<Partition> {
        let topic = self.context().topic(record.topic())?;
        Some(Partition {
            topic,
            number: record.partition(),
        })
    }

    pub(crate) fn name(&self, topic: Topic) -> &str {
        let names = &self.context().topics;
        names
            .iter()
            .find(|(known, _)| *known == topic)
            .map_or("", |(_, name)| name)
    }

    /// Reads beside the group.
    pub(crate) const fn again(&self) -> &Again {
        &self.again
    }

    /// The first offset that Kafka has of each.
    pub(crate) fn kept_from(
        &self,
        partitions: &[Partition],
    ) -> KafkaResult<BTreeMap<Partition, i64>> {
        self.again
            .offsets(&self.consumer, partitions, Offset::Beginning)
    }

    /// What the group has committed for these partitions.
    pub(crate) fn committed(&self, partitions: &[Partition]) -> KafkaResult<Vec<Committed>> {
        let mut list = TopicPartitionList::new();
        for partition in partitions {
            list.add_partition(self.name(partition.topic), partition.number);
        }
        let list = self.consumer.committed_offsets(list, ANSWER_TIME_MAX)?;
        list.elements()
            .iter()
            .map(|element| {
                element.error()?;
                let topic = self.context().topic(element.topic()).ok_or_else(|| {
                    KafkaError::OffsetFetch(RDKafkaErrorCode::UnknownTopicOrPartition)
                })?;
                let offset = element.offset().to_raw().filter(|offset| *offset >= 0);
                Ok(Committed {
                    partition: Partition {
                        topic,
                        number: element.partition(),
                    },
                    offset,
                    metadata: element.metadata().to_owned(),
                })
            })
            .collect()
    }

    pub(crate) fn assign(&self, starts: &[(Partition, Option<i64>)]) -> KafkaResult<()> {
        let mut list = TopicPartitionList::new();
        for (partition, start) in starts {
            let offset = start.map_or(Offset::Beginning, Offset::Offset);
            list.add_partition_offset(self.name(partition.topic), partition.number, offset)?;
        }
        self.consumer.assign(&list)
    }

    pub(crate) fn unassign(&self) {
        if let Err(error) = self.consumer.unassign() {
            tracing::warn!(%error, group = self.group, "partitions not given up");
        }
    }

    pub(crate) fn is_lost(&self) -> bool {
        self.consumer.assignment_lost()
    }

    /// Stops fetching, or goes on; polling serves the group in either case.
    pub(crate) fn pause(&self, pause: bool) {
        let result = self.consumer.assignment().and_then(|all| {
            if pause {
                self.consumer.pause(&all)
            } else {
                self.consumer.resume(&all)
            }
        });
        if let Err(error) = result {
            tracing::warn!(%error, group = self.group, pause, "fetching goes on as before");
        }
    }

    /// Moves offsets past what is settled and writes down what is about to be inserted, in one
    /// call. The broker refuses it from a member of an older generation.
    pub(crate) fn commit(
        &self,
        settled: &BTreeMap<Partition, i64>,
        next: Option<&Intent>,
    ) -> Result<(), NotCommitted> {
        let mut offsets: BTreeMap<Partition, (i64, Cow<'_, str>)> = settled
            .iter()
            .map(|(partition, offset)| (*partition, (*offset, settled_metadata(*offset).into())))
            .collect();
        let metadata = next.map(Intent::metadata).unwrap_or_default();
        for span in next.iter().flat_map(|intent| &intent.spans) {
            let pending = (span.first, Cow::Borrowed(metadata.as_str()));
            offsets.insert(span.partition, pending);
        }
        let mut list = TopicPartitionList::new();
        for (partition, (offset, metadata)) in offsets {
            let name = self.name(partition.topic);
            list.add_partition_offset(name, partition.number, Offset::Offset(offset))
                .map_err(NotCommitted::Unknown)?;
            if let Some(mut element) = list.find_partition(name, partition.number) {
                element.set_metadata(&*metadata);
            }
        }
        self.consumer
            .commit(&list, CommitMode::Sync)
            .map_err(|error| match error.rdkafka_error_code() {
                Some(
                    RDKafkaErrorCode::IllegalGeneration
                    | RDKafkaErrorCode::UnknownMemberId
                    | RDKafkaErrorCode::AssignmentLost,
                ) => NotCommitted::Fenced,
                Some(RDKafkaErrorCode::FencedInstanceId | RDKafkaErrorCode::Fatal) => {
                    NotCommitted::Stop(error)
                }
                _ => NotCommitted::Unknown(error),
            })
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        self.context().closing.store(true, Ordering::Release);
        // A rebalance that was noted and never answered would keep the group waiting.
        self.unassign();
    }
}
