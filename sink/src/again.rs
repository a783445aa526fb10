//! Reading outside of the group: ranges that were passed before, and what Kafka has.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::ControlFlow,
    time::{Duration, Instant},
};

use rdkafka::{
    Message, Offset, TopicPartitionList,
    config::ClientConfig,
    consumer::{BaseConsumer, Consumer, ConsumerContext},
    error::{KafkaError, KafkaResult},
    message::BorrowedMessage,
};
use runtime::{kafka::config::assigned_consumer_config, settings::KafkaSettings};

use crate::batch::{Gap, Kept, Partition, Span};

const ANSWER_TIME_MAX: Duration = Duration::from_secs(10);
/// Without a record or the end of the partition for so long, the brokers are not answering.
const SILENCE_MAX: Duration = Duration::from_secs(30);

/// A reader that joins no group and moves no offset.
pub(crate) struct Again {
    config: ClientConfig,
    /// Of topics.
    prefix: String,
}

impl Again {
    /// `group` only names the client.
    pub(crate) fn new(kafka: &KafkaSettings, group: &str, prefix: &str) -> Self {
        let mut config = assigned_consumer_config(kafka, &format!("{group}-again"));
        // what retention deletes while we read is no error
        config.set("auto.offset.reset", "earliest");
        Self {
            config,
            prefix: prefix.to_owned(),
        }
    }

    /// Reads the committed records of some ranges, one range after the other. `each` may say that it has
    /// seen enough of its range.
    pub(crate) fn read(
        &self,
        spans: &[Span],
        each: impl FnMut(Partition, &BorrowedMessage<'_>) -> anyhow::Result<ControlFlow<()>>,
    ) -> anyhow::Result<()> {
        self.read_as(&self.config, spans, each)
    }

    fn read_as(
        &self,
        config: &ClientConfig,
        spans: &[Span],
        mut each: impl FnMut(Partition, &BorrowedMessage<'_>) -> anyhow::Result<ControlFlow<()>>,
    ) -> anyhow::Result<()> {
        // a reader each topic: an end of partition is reported without its topic
        for topic in spans.chunk_by(|a, b| a.partition.topic == b.partition.topic) {
            let reader: BaseConsumer = config.create()?;
            for span in topic {
                self.read_span(&reader, *span, &mut each)?;
            }
        }
        Ok(())
    }

    fn read_span(
        &self,
        reader: &BaseConsumer,
        Span {
            partition,
            first,
            last,
        }: Span,
        each: &mut impl FnMut(Partition, &BorrowedMessage<'_>) -> anyhow::Result<ControlFlow<()>>,
    ) -> anyhow::Result<()> {
        let name = partition.topic.name(&self.prefix);
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(&name, partition.number, Offset::Offset(first))?;
        reader.assign(&list)?;
        let mut heard_at = Instant::now();
        loop {
            match reader.poll(Duration::from_millis(100)) {
                Some(Ok(record)) if record.partition() == partition.number => {
                    let is_in = record.offset() <= last;
                    let enough = is_in && each(partition, &record)?.is_break();
                    if enough || record.offset() >= last {
                        return Ok(());
                    }
                    // whatever `each` took is not the brokers' silence
                    heard_at = Instant::now();
                }
                // the last records of the range may have been compacted away
                Some(Err(KafkaError::PartitionEOF(number))) if number == partition.number => {
                    return Ok(());
                }
                Some(Err(error)) => tracing::debug!(%error, "while reading again"),
                Some(Ok(_)) | None => {}
            }
            anyhow::ensure!(
                heard_at.elapsed() < SILENCE_MAX,
                "{name} gives no records: is Kafka well?"
            );
        }
    }

    /// What Kafka has of each. Records of a transaction that has not ended count.
    pub(crate) fn kept(&self, partitions: &[Partition]) -> KafkaResult<Kept> {
        let client: BaseConsumer = self.of_any_transaction().create()?;
        let first = self.offsets(&client, partitions, Offset::Beginning)?;
        let mut ends = self.offsets(&client, partitions, Offset::End)?;
        let both = first.into_iter().filter_map(|(partition, first)| {
            let end = ends.remove(&partition)?;
            Some((partition, (first, end)))
        });
        Ok(both.collect())
    }

    /// The first or the last of them, in place of a time as in Kafka's own protocol.
    pub(crate) fn offsets(
        &self,
        client: &BaseConsumer<impl ConsumerContext>,
        partitions: &[Partition],
        which: Offset,
    ) -> KafkaResult<BTreeMap<Partition, i64>> {
        let mut list = TopicPartitionList::new();
        for partition in partitions {
            let name = partition.topic.name(&self.prefix);
            list.add_partition_offset(&name, partition.number, which)?;
        }
        let list = client.offsets_for_times(list, ANSWER_TIME_MAX)?;
        let mut offsets = BTreeMap::new();
        for partition in partitions {
            let name = partition.topic.name(&self.prefix);
            let Some(element) = list.find_partition(&name, partition.number) else {
                continue;
            };
            element.error()?;
            offsets.extend(element.offset().to_raw().map(|offset| (*partition, offset)));
        }
        Ok(offsets)
    }

    /// Those that have any record: offsets of transactions' ends have none, nor have those that were
    /// compacted away. Whether a transaction was committed is not asked: it may be under way still.
    pub(crate) fn with_records(&self, gaps: Vec<Gap>) -> anyhow::Result<Vec<Gap>> {
        let spans: Vec<Span> = gaps.iter().map(|gap| gap.span).collect();
        let mut found = BTreeSet::new();
        self.read_as(&self.of_any_transaction(), &spans, |partition, _| {
            found.insert(partition);
            Ok(ControlFlow::Break(()))
        })?;
        let mut gaps = gaps;
        gaps.retain(|gap| found.contains(&gap.span.partition));
        Ok(gaps)
    }

    fn of_any_transaction(&self) -> ClientConfig {
        let mut config = self.config.clone();
        config.set("isolation.level", "read_uncommitted");
        config
    }
}
