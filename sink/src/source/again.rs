//! Reading records again that were passed before, outside of the group.

use std::{
    ops::ControlFlow,
    time::{Duration, Instant},
};

use rdkafka::{
    Message, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer},
    error::KafkaError,
    message::BorrowedMessage,
};
use runtime::kafka::config::assigned_consumer_config;

use super::Member;
use crate::batch::{Partition, Span};

/// Without a record or the end of the partition for so long, reading again has failed.
const SILENCE_MAX: Duration = Duration::from_secs(30);

impl Member {
    /// Whether a range has any record: offsets of transactions' ends have none, nor have those that were
    /// compacted away.
    pub(crate) fn has_records(&self, span: Span) -> anyhow::Result<bool> {
        let mut any = false;
        self.read_again(&[span], |_, _| {
            any = true;
            Ok(ControlFlow::Break(()))
        })?;
        Ok(any)
    }

    /// Reads the records of some ranges again, one range after the other, outside of the group. `each` may
    /// say that it has seen enough of its range.
    pub(crate) fn read_again(
        &self,
        spans: &[Span],
        mut each: impl FnMut(Partition, &BorrowedMessage<'_>) -> anyhow::Result<ControlFlow<()>>,
    ) -> anyhow::Result<()> {
        // a reader each topic: an end of partition is reported without its topic
        for topic in spans.chunk_by(|a, b| a.partition.topic == b.partition.topic) {
            let group = format!("{}-again", self.group);
            let mut config = assigned_consumer_config(&self.kafka, &group);
            config.set("auto.offset.reset", "earliest");
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
        let mut list = TopicPartitionList::new();
        let start = Offset::Offset(first);
        list.add_partition_offset(self.name(partition.topic), partition.number, start)?;
        reader.assign(&list)?;
        let mut heard_at = Instant::now();
        loop {
            match reader.poll(Duration::from_millis(100)) {
                Some(Ok(record)) if record.partition() == partition.number => {
                    heard_at = Instant::now();
                    let is_in = record.offset() <= last;
                    let enough = is_in && each(partition, &record)?.is_break();
                    if enough || record.offset() >= last {
                        return Ok(());
                    }
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
                "no records of a pending range"
            );
        }
    }
}
