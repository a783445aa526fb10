//! Consume, transform, produce, commit: one Kafka transaction over input offsets, outputs and state.
//!
//! One OS thread owns the consumer and its transactional producer; the stage runs on it and needs
//! no lock. A transaction is closed when the input is idle, by time, by number or by bytes, and
//! before partitions are given up. Its effects live in the stage's overlay until the commit
//! succeeded: an abort drops the overlay and reads the same input again; an outcome that nobody
//! knows (a broken connection at commit) throws the producer away and loads the state anew.

mod pace;
mod readiness;
mod spans;
mod transaction;
mod worker;

#[cfg(test)]
mod fake;
#[cfg(test)]
mod tests;

use std::{sync::Arc, time::Duration};

pub use worker::run;

use crate::settings::KafkaSettings;

/// How a worker is set up.
#[derive(Clone, Debug)]
pub struct Options {
    /// Names metrics, threads and health: `normalizer`.
    pub name: &'static str,
    /// Brokers.
    pub kafka: KafkaSettings,
    /// Consumer group.
    pub group: String,
    /// Stable slot name; names the static member and the transactional id.
    pub instance: String,
    /// The topic whose partitions the group shares out.
    pub primary: String,
    /// Topics with as many partitions, read along with the primary's.
    pub companions: Vec<String>,
    /// The stage wants [`Stage::advance`]; costs statistics ten times a second.
    pub tracks_time: bool,
    /// The topics are written in transactions, so that the last offset that stands in one is no record's.
    pub has_markers: bool,
}

/// One record of an input topic.
#[derive(Clone, Copy, Debug)]
pub struct Incoming<'a> {
    /// Full topic name.
    pub topic: &'a str,
    /// Partition.
    pub partition: i32,
    /// Offset.
    pub offset: i64,
    /// The record's timestamp (creation or log append, as the topic is set up), milliseconds.
    pub timestamp_ms: i64,
    /// Key, if it has one.
    pub key: Option<&'a [u8]>,
    /// Value; `None` is a tombstone.
    pub value: Option<&'a [u8]>,
    /// Headers in order.
    pub headers: &'a [(&'a str, &'a [u8])],
}

/// One record to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    /// Full topic name.
    pub topic: Arc<str>,
    /// Where it must go; `None` leaves it to murmur2 of the key.
    pub partition: Option<i32>,
    /// Key.
    pub key: Vec<u8>,
    /// Value; `None` writes a tombstone.
    pub value: Option<Vec<u8>>,
    /// Headers in order.
    pub headers: Vec<(String, Vec<u8>)>,
}

/// Collects what a stage wants written in the current transaction.
#[derive(Debug, Default)]
pub struct Outgoing {
    pending: Vec<Output>,
    /// Of their values.
    bytes: usize,
}

impl Outgoing {
    /// Adds a record to the transaction.
    pub fn send(&mut self, output: Output) {
        self.bytes += output.value.as_ref().map_or(0, Vec::len);
        self.pending.push(output);
    }

    /// What was added and not yet taken; for tests of stages.
    pub fn take(&mut self) -> Vec<Output> {
        self.bytes = 0;
        std::mem::take(&mut self.pending)
    }

    fn clear(&mut self) {
        self.bytes = 0;
        self.pending.clear();
    }
}

/// Why a stage can't go on with a record.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// Temporary: abort, rewind, wait, come again.
    #[error("{0}")]
    Retry(String),
    /// The stage can't trust its state any more: abort, and load positions and state anew.
    #[error("{0}")]
    Reload(String),
    /// We are wrong or misconfigured: end the process.
    #[error(transparent)]
    Stop(anyhow::Error),
}

/// What a service does with its records. All calls come from one thread.
pub trait Stage {
    /// These are now all the partitions of this worker; load their state. May block.
    ///
    /// # Errors
    /// [`Failure`].
    fn assigned(&mut self, partitions: &[i32]) -> Result<(), Failure>;

    /// They belong to somebody else from now on; forget their state, committed or not.
    fn revoked(&mut self, partitions: &[i32]);

    /// One input record.
    ///
    /// # Errors
    /// [`Failure`]; a bad record is not a failure but an output to the set-aside topic.
    fn record(&mut self, record: &Incoming<'_>, out: &mut Outgoing) -> Result<(), Failure>;

    /// Everything appended to the partition before `now_ms` was handed out.
    ///
    /// # Errors
    /// [`Failure`].
    fn advance(
        &mut self,
        _partition: i32,
        _now_ms: i64,
        _out: &mut Outgoing,
    ) -> Result<(), Failure> {
        Ok(())
    }

    /// About how many bytes [`Stage::before_commit`] would write by now, beside what was sent already: a
    /// transaction must end before they are too many.
    fn to_write(&self) -> usize {
        0
    }

    /// When [`Stage::advance`] is next wanted, in the time of the partition's records.
    fn deadline_ms(&self, _partition: i32) -> Option<i64> {
        None
    }

    /// The last outputs of the transaction.
    ///
    /// # Errors
    /// [`Failure`].
    fn before_commit(&mut self, _out: &mut Outgoing) -> Result<(), Failure> {
        Ok(())
    }

    /// A topic of which the stage wants to be told by [`Stage::written`].
    fn watched_topic(&self) -> Option<Arc<str>> {
        None
    }

    /// The last record that the transaction wrote to a partition of the watched topic has this
    /// offset. Comes before [`Stage::committed`], and not at all where the broker did not say it.
    fn written(&mut self, _partition: i32, _offset: i64) {}

    /// The transaction is in the log: merge the overlay.
    fn committed(&mut self) {}

    /// The transaction never happened: drop the overlay.
    fn discarded(&mut self) {}
}

/// Next offset to read, by topic and partition.
pub(crate) type Positions = std::collections::BTreeMap<(Arc<str>, i32), i64>;

/// What a poll brought.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Polled {
    /// A record was handed to the callback.
    Record,
    /// Nothing within the wait.
    Idle,
    /// Something without effect, such as an end of partition.
    Event,
    /// The group gives us these partitions, and only these.
    Assigned(Vec<i32>),
    /// The group takes all partitions; `lost` means that it has done so already.
    Revoked { lost: bool },
}

/// Why a call to Kafka did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LogError {
    /// The transaction can be aborted and the input read again.
    #[error("{0}")]
    Abort(String),
    /// Nobody knows whether the transaction happened.
    #[error("{0}")]
    Unknown(String),
    /// Another process took our place, or the cluster refuses us.
    #[error("{0}")]
    Stop(String),
}

/// Kafka as narrow as the loop needs it, so that a fake can fail at each call.
pub(crate) trait Log {
    /// Hands at most one record to `on_record`, or reports what else happened.
    fn poll(
        &mut self,
        wait: Duration,
        on_record: &mut dyn FnMut(&Incoming<'_>),
    ) -> Result<Polled, LogError>;

    /// Reads the committed positions of the partitions about to be taken up; waits for transactions
    /// that still hold some of them. Must come before state is loaded.
    fn load_positions(&mut self, partitions: &[i32]) -> Result<(), LogError>;

    /// Starts fetching at the loaded positions.
    fn take_up(&mut self) -> Result<(), LogError>;

    /// Stops fetching and lets the group go on.
    fn give_up(&mut self) -> Result<(), LogError>;

    /// Whether no broker answers.
    fn is_away(&self) -> bool {
        false
    }

    /// Opens a transaction.
    fn begin(&mut self) -> Result<(), LogError>;

    /// Queues one record of the open transaction.
    fn send(&mut self, output: &Output) -> Result<(), LogError>;

    /// From now on [`Log::written`] tells of this topic.
    fn watch(&mut self, _topic: Arc<str>) {}

    /// The last offset in each partition of the watched topic that the last commit wrote.
    fn written(&self) -> Vec<(i32, i64)> {
        Vec::new()
    }

    /// Waits until all is delivered, adds the positions, commits.
    fn commit(&mut self, positions: &Positions) -> Result<(), LogError>;

    /// Aborts the open transaction.
    fn abort(&mut self) -> Result<(), LogError>;

    /// Moves fetching back to the committed positions.
    fn rewind(&mut self) -> Result<(), LogError>;

    /// Throws the producer away and makes a new one; what was open is then decided.
    fn renew(&mut self) -> Result<(), LogError>;

    /// The primary topic's position that a commit on behalf of a partition must repeat.
    fn position(&self, partition: i32) -> Option<((Arc<str>, i32), i64)>;

    /// Whether everything appended to the partition before some instant at or after `wanted_ms`
    /// was handed out; then that instant.
    fn caught_up(&mut self, partition: i32, wanted_ms: i64) -> Result<Option<i64>, LogError>;

    /// How long a failing caller should wait is its own matter; this is how long a call may last.
    fn close(&mut self);
}
