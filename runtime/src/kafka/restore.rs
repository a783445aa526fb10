//! Reads a changelog partition from its beginning to its end.
//!
//! The end is the high watermark at the start of the restore, seen read-uncommitted: a
//! predecessor's transaction may be decided and not yet visible, and stopping at the last stable
//! offset would lose it. The reader itself is read_committed, so it stops for such a transaction
//! until it is decided.

use std::time::{Duration, Instant};

use rdkafka::{
    Message,
    consumer::{BaseConsumer, Consumer},
    error::KafkaError,
    topic_partition_list::{Offset, TopicPartitionList},
};

use super::config::{TRANSACTION_TIMEOUT_MS, assigned_consumer_config};
use crate::settings::KafkaSettings;

/// How long a question to the brokers may take.
const ASK: Duration = Duration::from_secs(10);

/// Without a record for this long, an open transaction that should have timed out did not.
const STALL: Duration = Duration::from_millis(4 * TRANSACTION_TIMEOUT_MS as u64);

/// Why a restore did not reach the end.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// Kafka refused or was away.
    #[error("changelog not read: {0}")]
    Kafka(#[from] KafkaError),
    /// No progress for a minute.
    #[error("changelog stalled at {read} of {end} offsets")]
    Stalled {
        /// Offset reached.
        read: i64,
        /// Offset wanted.
        end: i64,
    },
    /// The callback refused a record.
    #[error("changelog record not understood: {0}")]
    Record(String),
}

/// Takes key and value (`None`: tombstone), or says why it can't.
pub type OnRecord<'a> = dyn FnMut(&[u8], Option<&[u8]>) -> Result<(), String> + 'a;

/// Calls `on_record` with key and value (`None`: tombstone) of each committed record, in order.
/// Returns how many there were.
///
/// # Errors
/// [`RestoreError`]; the state built so far must then be dropped.
pub fn read_changelog(
    settings: &KafkaSettings,
    topic: &str,
    partition: i32,
    on_record: &mut OnRecord<'_>,
) -> Result<u64, RestoreError> {
    let uncommitted: BaseConsumer = assigned_consumer_config(settings, "waybill-restore")
        .set("isolation.level", "read_uncommitted")
        .create()?;
    let (begin, end) = uncommitted.fetch_watermarks(topic, partition, ASK)?;
    drop(uncommitted);
    if begin >= end {
        return Ok(0);
    }
    let reader: BaseConsumer = assigned_consumer_config(settings, "waybill-restore")
        .set("fetch.wait.max.ms", "50")
        .create()?;
    // Wait until everything below the end is decided, and only then start to fetch: the first end
    // of partition that this reader meets then lies at or behind the wanted end.
    let waiting = Instant::now();
    loop {
        let (_, stable) = reader.fetch_watermarks(topic, partition, ASK)?;
        if stable >= end {
            break;
        }
        if waiting.elapsed() > STALL {
            return Err(RestoreError::Stalled { read: stable, end });
        }
        std::thread::park_timeout(Duration::from_millis(50));
    }
    let mut assignment = TopicPartitionList::new();
    assignment.add_partition_offset(topic, partition, Offset::Beginning)?;
    reader.assign(&assignment)?;
    let (mut records, mut read, mut progress) = (0, begin, Instant::now());
    loop {
        match reader.poll(Duration::from_millis(100)) {
            Some(Ok(message)) => {
                read = message.offset() + 1;
                progress = Instant::now();
                if let Some(key) = message.key() {
                    on_record(key, message.payload()).map_err(RestoreError::Record)?;
                    records += 1;
                }
                if read >= end {
                    return Ok(records);
                }
            }
            Some(Err(KafkaError::PartitionEOF(_))) => return Ok(records),
            Some(Err(error)) => tracing::warn!(%error, "changelog reader"),
            None => {}
        }
        if progress.elapsed() > STALL {
            return Err(RestoreError::Stalled { read, end });
        }
    }
}
