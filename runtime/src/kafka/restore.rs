//! Reads a changelog partition up to its end.
//!
//! The end is the high watermark at the start of the restore, seen read-uncommitted: a
//! predecessor's transaction may be decided and not yet visible, and stopping at the last stable
//! offset would lose it. The reader itself is read_committed, so it stops for such a transaction
//! until it is decided.

use std::{
    fmt,
    time::{Duration, Instant},
};

use rdkafka::{
    Message, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer},
    error::{KafkaError, RDKafkaErrorCode},
};

use super::config::{TRANSACTION_TIMEOUT_MS, assigned_consumer_config};
use crate::settings::KafkaSettings;

/// How long a question to the brokers may take.
const ASK: Duration = Duration::from_secs(10);

/// Without a record for this long, an open transaction that should have timed out did not.
const STALL: Duration = Duration::from_millis(4 * TRANSACTION_TIMEOUT_MS as u64);

/// How often the log says how far a restore has come.
const TELL_EVERY: Duration = Duration::from_secs(2);

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
    #[error("changelog record not taken: {0}")]
    Record(String),
}

/// Takes offset, key and value (`None`: tombstone), or says why it can't.
pub type OnRecord<'a> = dyn FnMut(i64, &[u8], Option<&[u8]>) -> Result<(), String> + 'a;

/// Two clients: one sees where a partition ends, the other reads what is decided.
pub struct ChangelogReader {
    topic: String,
    uncommitted: BaseConsumer,
    reader: BaseConsumer,
}

impl fmt::Debug for ChangelogReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChangelogReader")
            .field("topic", &self.topic)
            .finish_non_exhaustive()
    }
}

impl ChangelogReader {
    /// Connects.
    ///
    /// # Errors
    /// If the clients can't be made.
    pub fn connect(settings: &KafkaSettings, topic: &str) -> Result<Self, RestoreError> {
        let uncommitted = assigned_consumer_config(settings, "waybill-restore")
            .set("isolation.level", "read_uncommitted")
            .create()?;
        let reader = assigned_consumer_config(settings, "waybill-restore")
            .set("fetch.wait.max.ms", "50")
            .create()?;
        Ok(Self {
            topic: topic.to_owned(),
            uncommitted,
            reader,
        })
    }

    fn assign(&self, partition: i32, offset: Offset) -> Result<(), KafkaError> {
        let mut assignment = TopicPartitionList::new();
        assignment.add_partition_offset(&self.topic, partition, offset)?;
        self.reader.assign(&assignment)
    }

    /// Offsets between which the partition lies: of its first record, and behind its last.
    ///
    /// # Errors
    /// [`RestoreError::Kafka`].
    pub fn ends(&self, partition: i32) -> Result<(i64, i64), RestoreError> {
        Ok(self
            .uncommitted
            .fetch_watermarks(&self.topic, partition, ASK)?)
    }

    /// Calls `on_record` with the record at this very offset, if there is one.
    ///
    /// # Errors
    /// [`RestoreError`].
    pub fn record_at(
        &self,
        partition: i32,
        offset: i64,
        on_record: &mut OnRecord<'_>,
    ) -> Result<(), RestoreError> {
        let (begin, end) = self.ends(partition)?;
        if offset < begin || offset >= end {
            return Ok(());
        }
        self.assign(partition, Offset::Offset(offset))?;
        let started = Instant::now();
        while started.elapsed() < ASK {
            match self.reader.poll(Duration::from_millis(100)) {
                Some(Ok(message)) if message.offset() == offset => {
                    let key = message.key().unwrap_or_default();
                    return on_record(offset, key, message.payload()).map_err(RestoreError::Record);
                }
                Some(Ok(_) | Err(KafkaError::PartitionEOF(_))) => return Ok(()),
                Some(Err(error)) if is_out_of_range(&error) => return Ok(()),
                Some(Err(error)) => tracing::warn!(%error, "changelog reader"),
                None => {}
            }
        }
        Err(RestoreError::Stalled { read: offset, end })
    }

    /// Calls `on_record` with each committed record from `from` on (none: from the beginning), in
    /// order. Returns the offset at which the next restore may begin.
    ///
    /// # Errors
    /// [`RestoreError`]; the state built so far is then behind, or must be dropped.
    pub fn read(
        &self,
        partition: i32,
        from: Option<i64>,
        on_record: &mut OnRecord<'_>,
    ) -> Result<i64, RestoreError> {
        let (begin, end) = self.ends(partition)?;
        let from = from.unwrap_or(begin).max(begin);
        if from >= end {
            return Ok(from);
        }
        self.wait_until_decided(partition, end)?;
        self.assign(partition, Offset::Offset(from))?;
        let (mut read, mut progress, mut told) = (from, Instant::now(), Instant::now());
        while read < end {
            match self.reader.poll(Duration::from_millis(100)) {
                Some(Ok(message)) => {
                    read = message.offset() + 1;
                    progress = Instant::now();
                    if let Some(key) = message.key() {
                        let taken = on_record(message.offset(), key, message.payload());
                        taken.map_err(RestoreError::Record)?;
                    }
                }
                Some(Err(KafkaError::PartitionEOF(at))) if at == partition => break,
                Some(Err(KafkaError::PartitionEOF(_))) => {}
                Some(Err(error)) => tracing::warn!(%error, "changelog reader"),
                None => {}
            }
            if told.elapsed() > TELL_EVERY {
                told = Instant::now();
                let percent = 100 * (read - from) / (end - from).max(1);
                tracing::info!(partition, read, end, percent, "state is being restored");
            }
            if progress.elapsed() > STALL {
                return Err(RestoreError::Stalled { read, end });
            }
        }
        self.reader.unassign()?;
        Ok(read)
    }

    /// Only then may fetching start: the first end of partition that the reader meets lies at or
    /// behind the wanted end.
    fn wait_until_decided(&self, partition: i32, end: i64) -> Result<(), RestoreError> {
        let waiting = Instant::now();
        loop {
            let (_, stable) = self.reader.fetch_watermarks(&self.topic, partition, ASK)?;
            if stable >= end {
                return Ok(());
            }
            if waiting.elapsed() > STALL {
                return Err(RestoreError::Stalled { read: stable, end });
            }
            std::thread::park_timeout(Duration::from_millis(50));
        }
    }
}

fn is_out_of_range(error: &KafkaError) -> bool {
    matches!(
        error.rdkafka_error_code(),
        Some(RDKafkaErrorCode::AutoOffsetReset | RDKafkaErrorCode::OffsetOutOfRange)
    )
}
