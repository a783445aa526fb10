//! What an earlier process left in the overflow lane: whose it is stands in the records alone.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use rdkafka::{
    Message, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer},
    error::KafkaError,
    message::{BorrowedMessage, Headers as _},
};
use schemas::TenantId;

use super::{ANSWER_WITHIN, Progress};
use crate::{raw_log::Placed, tenants::Current};

/// Longer than that nothing comes only while Kafka is away.
const SILENCE_MAX: Duration = Duration::from_secs(10);

/// Whether somebody has a rate, and so may have been in the overflow lane.
pub(super) fn is_needed(tenants: &Current) -> bool {
    let tenants = tenants.load();
    let mut all = tenants.iter().flat_map(|tenants| tenants.all());
    all.any(|tenant| tenant.traffic().rate.is_limited())
}

/// Reads what the normalizer has not read of the overflow topic, to where it ended at the beginning, and
/// puts the tenants that it meets into that lane. Gives how many records there were.
///
/// # Errors
/// When Kafka does not answer; asking again is safe.
pub(super) fn inherit(progress: &Progress, tenants: &Current) -> anyhow::Result<u64> {
    let Progress { consumer, topic } = progress;
    let metadata = consumer.fetch_metadata(Some(topic), ANSWER_WITHIN)?;
    let found = metadata.topics().iter().find(|found| found.name() == topic);
    let partitions: Vec<i32> = found
        .into_iter()
        .flat_map(|found| found.partitions())
        .map(|partition| partition.id())
        .collect();
    let read = progress.ask(&partitions).map_err(anyhow::Error::msg)?;
    let mut records = 0;
    for partition in partitions {
        let (first, end) = consumer.fetch_watermarks(topic, partition, ANSWER_WITHIN)?;
        let next = read.get(&partition).copied().unwrap_or(first).max(first);
        if next < end {
            let mut list = TopicPartitionList::new();
            list.add_partition_offset(topic, partition, Offset::Offset(next))?;
            consumer.assign(&list)?;
            let read = to_the_end(consumer, (partition, end), tenants);
            consumer.unassign()?;
            records += read?;
        }
    }
    Ok(records)
}

fn to_the_end(
    consumer: &BaseConsumer,
    (partition, end): (i32, i64),
    tenants: &Current,
) -> anyhow::Result<u64> {
    let mut records = 0;
    let mut heard = Instant::now();
    loop {
        match consumer.poll(Duration::from_millis(100)) {
            Some(Ok(record)) if record.partition() == partition => {
                heard = Instant::now();
                records += 1;
                meet(&record, tenants);
                if record.offset() + 1 >= end {
                    return Ok(records);
                }
            }
            Some(Err(KafkaError::PartitionEOF(at))) if at == partition => return Ok(records),
            Some(Err(error)) => return Err(error).context("reading the overflow topic"),
            Some(Ok(_)) | None => {}
        }
        if heard.elapsed() > SILENCE_MAX {
            anyhow::bail!("the overflow topic gives no records");
        }
    }
}

fn meet(record: &BorrowedMessage<'_>, tenants: &Current) {
    let headers = record.headers();
    let mut named = headers.into_iter().flat_map(|headers| headers.iter());
    let tenant = named
        .find(|header| header.key == "tenant")
        .and_then(|header| std::str::from_utf8(header.value?).ok())
        .and_then(|text| TenantId::new(text).ok());
    let tenants = tenants.load();
    let known = tenants.as_deref().zip(tenant.as_ref());
    if let Some(tenant) = known.and_then(|(all, tenant)| all.tenant(tenant)) {
        let placed = Placed {
            partition: record.partition(),
            offset: record.offset(),
        };
        tenant.traffic().usage.drained(placed, false);
    }
}
