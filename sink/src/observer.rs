//! Asks Kafka how far each consumer has come and writes it to `frontiers_log`, so that a receipt
//! without an outcome can be told from one whose outcome is on its way.
//!
//! Every sink process does this on its own; they write the same facts. What fails is tried at the
//! next look, and delays nothing else.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    time::{Duration, Instant},
};

use rdkafka::{
    Message, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer as _},
    error::KafkaError,
};
use runtime::{
    clock::SharedClock, kafka::config::assigned_consumer_config, settings::KafkaSettings,
    shutdown::Shutdown,
};
use schemas::{clickhouse::literal, topics::Topic};
use tokio::runtime::Handle;

use crate::{
    batch::Partition,
    clickhouse::Store,
    frontier::{Consumer, Ends, Mark, Need},
};

const LOOK_EVERY: Duration = Duration::from_secs(5);
/// What has not changed is written again so often: another store, or an older copy of it, may have taken the
/// place of the one that knew it.
const TELL_ALL_EVERY_MS: u64 = 60_000;
const ANSWER_TIME_MAX: Duration = Duration::from_secs(5);
/// For the question whether anything but commit markers stands between two offsets.
const READ_TIME_MAX: Duration = Duration::from_secs(2);
const SETTLED: &str = "settled";

pub(crate) struct Observer {
    pub(crate) kafka: KafkaSettings,
    pub(crate) prefix: String,
    pub(crate) store: Store,
    pub(crate) clock: SharedClock,
    pub(crate) shutdown: Shutdown,
    pub(crate) handle: Handle,
}

/// What is kept from one look to the next.
#[derive(Default)]
struct Known {
    clients: BTreeMap<Consumer, BaseConsumer>,
    uncommitted: Option<BaseConsumer>,
    committed: BTreeMap<(Consumer, Partition), i64>,
    mark: Option<Mark>,
    settled: Ends,
    all_told_at_ms: Option<i64>,
}

impl Known {
    fn tell_all(&mut self) {
        self.committed.clear();
        self.settled.clear();
    }

    /// A clock that was set back makes it due too.
    fn tell_all_if_due(&mut self, now_ms: i64) {
        let told = |at: i64| now_ms.abs_diff(at) < TELL_ALL_EVERY_MS;
        if !self.all_told_at_ms.is_some_and(told) {
            self.tell_all();
            self.all_told_at_ms = Some(now_ms);
        }
    }
}

impl Observer {
    /// Runs until shutdown is requested.
    pub(crate) fn run(self) -> anyhow::Result<()> {
        let mut known = Known::default();
        while !self.shutdown.is_requested() {
            if let Err(error) = self.look(&mut known) {
                tracing::debug!(
                    error = format!("{error:#}"),
                    "frontiers not known this time"
                );
            }
            self.handle.block_on(async {
                tokio::select! {
                    () = self.shutdown.requested() => {}
                    () = tokio::time::sleep(LOOK_EVERY) => {}
                }
            });
        }
        Ok(())
    }

    fn look(&self, known: &mut Known) -> anyhow::Result<()> {
        known.tell_all_if_due(self.now_ms());
        let mut changed: Vec<(String, Partition, i64)> = Vec::new();
        for consumer in Consumer::ALL {
            for (partition, offset) in self.committed(known, *consumer)? {
                if known.committed.insert((*consumer, partition), offset) != Some(offset) {
                    changed.push((consumer.name(), partition, offset));
                }
            }
        }
        if let Some(settled) = self.follow_mark(known)? {
            let rows = settled
                .iter()
                .map(|(partition, end)| (SETTLED.into(), *partition, *end));
            changed.extend(rows);
            known.settled = settled;
        }
        let written = self.write(&changed);
        if written.is_err() {
            // all of them again next time
            known.tell_all();
        }
        written
    }

    fn now_ms(&self) -> i64 {
        self.clock.now_ms()
    }

    /// Takes the mark as far as it comes now; one stage rarely needs a second look.
    fn follow_mark(&self, known: &mut Known) -> anyhow::Result<Option<Ends>> {
        let Some(mut mark) = known.mark.take() else {
            let raw = self.ends(known, &Mark::START)?;
            // nothing new came in since the last mark
            known.mark = (raw != known.settled).then(|| Mark::begin(raw, self.now_ms()));
            return Ok(None);
        };
        loop {
            match mark.need(self.now_ms()) {
                Need::Settled(ends) => return Ok(Some(ends)),
                Need::Ends(topics) => {
                    let ends = match self.ends(known, &topics) {
                        Ok(ends) => ends,
                        Err(error) => {
                            known.mark = Some(mark);
                            return Err(error);
                        }
                    };
                    mark.enter(&ends, self.now_ms());
                }
                Need::Patience => break,
                Need::Passed(waiting) => {
                    let before = waiting.len();
                    for (consumer, partition, end) in &waiting {
                        if self.has_passed(known, *consumer, *partition, *end) {
                            mark.passed(*consumer, *partition);
                        }
                    }
                    let now_ms = self.now_ms();
                    if matches!(mark.need(now_ms), Need::Passed(left) if left.len() == before) {
                        break;
                    }
                }
            }
        }
        known.mark = Some(mark);
        Ok(None)
    }

    fn client<'a>(
        &self,
        known: &'a mut Known,
        consumer: Consumer,
    ) -> anyhow::Result<&'a BaseConsumer> {
        match known.clients.entry(consumer) {
            Entry::Occupied(client) => Ok(client.into_mut()),
            Entry::Vacant(place) => {
                let group = format!("{}{}", self.prefix, consumer.name());
                let mut config = assigned_consumer_config(&self.kafka, &group);
                config.set("auto.offset.reset", "earliest");
                Ok(place.insert(config.create()?))
            }
        }
    }

    fn partitions(&self, client: &BaseConsumer, topic: Topic) -> anyhow::Result<Vec<Partition>> {
        let name = topic.name(&self.prefix);
        let metadata = client.fetch_metadata(Some(&name), ANSWER_TIME_MAX)?;
        let found = metadata.topics().iter().find(|found| found.name() == name);
        let numbers = found.into_iter().flat_map(|found| found.partitions());
        Ok(numbers
            .map(|partition| Partition {
                topic,
                number: partition.id(),
            })
            .collect())
    }

    /// Offsets that the consumer's group has committed; absent where it has none.
    fn committed(
        &self,
        known: &mut Known,
        consumer: Consumer,
    ) -> anyhow::Result<Vec<(Partition, i64)>> {
        let client = self.client(known, consumer)?;
        let topic = consumer.topic();
        let mut list = TopicPartitionList::new();
        for partition in self.partitions(client, topic)? {
            list.add_partition(&topic.name(&self.prefix), partition.number);
        }
        let list = client.committed_offsets(list, ANSWER_TIME_MAX)?;
        let elements = list.elements();
        let committed = elements.iter().filter_map(|element| {
            let offset = element.offset().to_raw().filter(|offset| *offset >= 0)?;
            Some((
                Partition {
                    topic,
                    number: element.partition(),
                },
                offset,
            ))
        });
        Ok(committed.collect())
    }

    /// One past the last record of each partition, of open transactions too: a transaction that
    /// moved its group's offset may not have reached all of its partitions yet.
    fn ends(&self, known: &mut Known, topics: &[Topic]) -> anyhow::Result<Ends> {
        if known.uncommitted.is_none() {
            let group = format!("{}observer", self.prefix);
            let mut config = assigned_consumer_config(&self.kafka, &group);
            config.set("isolation.level", "read_uncommitted");
            known.uncommitted = Some(config.create()?);
        }
        let Some(client) = &known.uncommitted else {
            anyhow::bail!("no client")
        };
        let mut ends = Ends::new();
        for topic in topics {
            let name = topic.name(&self.prefix);
            for partition in self.partitions(client, *topic)? {
                let (_, end) = client.fetch_watermarks(&name, partition.number, ANSWER_TIME_MAX)?;
                ends.insert(partition, end);
            }
        }
        Ok(ends)
    }

    /// Whether the group's offset is there, or only commit markers lie before it: a consumer's
    /// position never passes a marker that no record follows.
    fn has_passed(
        &self,
        known: &mut Known,
        consumer: Consumer,
        partition: Partition,
        end: i64,
    ) -> bool {
        let committed = known.committed.get(&(consumer, partition)).copied();
        if end == 0 || committed.is_some_and(|offset| offset >= end) {
            return true;
        }
        let start = committed.map_or(Offset::Beginning, Offset::Offset);
        let Ok(client) = self.client(known, consumer) else {
            return false;
        };
        let nothing = self.nothing_between(client, partition, start, end);
        client.unassign().ok();
        nothing.unwrap_or(false)
    }

    fn nothing_between(
        &self,
        client: &BaseConsumer,
        partition: Partition,
        start: Offset,
        end: i64,
    ) -> anyhow::Result<bool> {
        let mut list = TopicPartitionList::new();
        let topic = partition.topic.name(&self.prefix);
        // the end that such a reader meets is the last stable one
        let (_, stable) = client.fetch_watermarks(&topic, partition.number, ANSWER_TIME_MAX)?;
        if stable < end {
            return Ok(false);
        }
        list.add_partition_offset(&topic, partition.number, start)?;
        client.assign(&list)?;
        let deadline = Instant::now() + READ_TIME_MAX;
        while Instant::now() < deadline {
            match client.poll(Duration::from_millis(100)) {
                Some(Ok(record)) if record.partition() == partition.number => {
                    return Ok(record.offset() >= end);
                }
                Some(Err(KafkaError::PartitionEOF(number))) if number == partition.number => {
                    return Ok(true);
                }
                Some(_) | None => {}
            }
        }
        Ok(false)
    }

    fn write(&self, rows: &[(String, Partition, i64)]) -> anyhow::Result<()> {
        if rows.is_empty() {
            return Ok(());
        }
        let observed_at = self.clock.now_micros();
        let values: Vec<String> = rows
            .iter()
            .map(|(consumer, partition, offset)| {
                let topic = literal(&partition.topic.name(&self.prefix));
                let number = partition.number;
                format!(
                    "('{consumer}', {topic}, {number}, {offset}, \
                     fromUnixTimestamp64Micro({observed_at}, 'UTC'))"
                )
            })
            .collect();
        let table = self.store.table("frontiers_log");
        let sql = format!(
            "INSERT INTO {table} (consumer, topic, partition, next_offset, observed_at) \
             SETTINGS async_insert = 0 VALUES {}",
            values.join(", ")
        );
        Ok(self.handle.block_on(self.store.execute(&sql))?)
    }
}
