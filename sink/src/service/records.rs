//! Records from Kafka into the open batch.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use rdkafka::{Message, error::KafkaError};
use schemas::topics::Cleanup;

use crate::{
    batch::{Filling, Jump, Partition},
    decode::Decode,
    row::Rows,
    table::Table,
};

use super::{Parts, TURN, Worker};

/// How long Kafka is waited for while a block is being inserted.
const SHORT_TURN: Duration = Duration::from_millis(5);
/// Records taken before the insert is looked at again.
const TURN_RECORDS: usize = 2000;
/// A pause throws away what was fetched, so a short wait goes without.
const PAUSE_AFTER: Duration = Duration::from_secs(1);
/// A member that was fenced hears of its new assignment sooner, or never.
const FENCED_TIME_MAX: Duration = Duration::from_secs(60);

/// How often trouble of reading is told, at most.
const WARN_EVERY: Duration = Duration::from_secs(5);

/// Why a record is not in the batch.
enum NotTaken {
    /// The batch must close first.
    NoRoom,
    /// Its schema is not known yet.
    Waiting(String),
}

impl Worker {
    /// Whether nothing can be taken until a batch closes or the registry answers.
    pub(super) fn is_blocked(&self) -> bool {
        !self.held.is_empty() || self.filling.is_full()
    }

    pub(super) fn take_records(&mut self) -> anyhow::Result<()> {
        self.parts
            .metrics
            .lag(self.parts.table, self.parts.member.lag());
        if self.fenced_since.is_some() {
            return self.let_pass();
        }
        if self.may_try() && !self.filling.is_full() {
            self.take_held();
        }
        if self.is_blocked() {
            self.stand_by();
            return Ok(());
        }
        self.blocked_since = None;
        if std::mem::take(&mut self.paused) {
            self.parts.member.pause(false);
        }
        self.poll_records()
    }

    fn poll_records(&mut self) -> anyhow::Result<()> {
        let now_ms = self.now_ms();
        let mut wait = match self.filling.closes_in(now_ms) {
            _ if self.in_flight.is_some() => SHORT_TURN,
            Some(left) => left.min(TURN),
            None => TURN,
        };
        let mut not_taken = None;
        for _ in 0..TURN_RECORDS {
            let Parts {
                member,
                decode,
                metrics,
                table,
                clock,
                ..
            } = &mut self.parts;
            let record = match member.poll(wait) {
                None | Some(Err(KafkaError::PartitionEOF(_))) => break,
                Some(Err(error @ KafkaError::MessageConsumptionFatal(_))) => {
                    return Err(error.into());
                }
                // told once, as long as nobody answers, and not for each of the client's tries
                Some(Err(error))
                    if self.silent.is_some()
                        || self.warned.is_some_and(|at| at.elapsed() < WARN_EVERY) =>
                {
                    tracing::debug!(table = table.label(), %error, "reading goes on");
                    break;
                }
                Some(Err(error)) => {
                    self.warned = Some(Instant::now());
                    tracing::warn!(table = table.label(), %error, "reading goes on");
                    break;
                }
                Some(Ok(record)) => record,
            };
            wait = Duration::ZERO;
            let Some(partition) = member.partition(&record) else {
                continue;
            };
            metrics.received(*table, 1);
            let offset = record.offset();
            let jump = stepped(&mut self.expected, *table, partition, offset);
            self.jumps.extend(jump);
            let taken = take(&mut self.filling, decode, partition, &record, now_ms);
            if taken.is_ok() {
                self.spans.taken(partition, &record, || clock.now_micros());
            }
            match taken {
                Ok(()) if self.filling.is_full() => break,
                Ok(()) => {}
                Err(why) => {
                    self.held.push_back(record.detach());
                    not_taken = Some(why);
                    break;
                }
            }
        }
        if let Some(NotTaken::Waiting(why)) = not_taken {
            self.try_later("a schema is not known yet", &why);
        }
        Ok(())
    }

    fn take_held(&mut self) {
        let now_ms = self.now_ms();
        while let Some(record) = self.held.front() {
            let Parts {
                member,
                decode,
                clock,
                ..
            } = &mut self.parts;
            let taken = match member.partition(record) {
                Some(partition) => take(&mut self.filling, decode, partition, record, now_ms)
                    .inspect(|()| self.spans.taken(partition, record, || clock.now_micros())),
                None => Ok(()),
            };
            match taken {
                Ok(()) => {
                    self.held.pop_front();
                    self.succeeded();
                }
                Err(NotTaken::NoRoom) => return,
                Err(NotTaken::Waiting(why)) => {
                    self.try_later("a schema is not known yet", &why);
                    return;
                }
            }
        }
    }

    /// Serves the group while nothing can be taken.
    fn stand_by(&mut self) {
        let since = *self.blocked_since.get_or_insert_with(Instant::now);
        if !self.paused && since.elapsed() < PAUSE_AFTER {
            if self.in_flight.is_none() {
                self.wait(TURN);
            }
            return;
        }
        if !self.paused {
            self.paused = true;
            self.parts.member.pause(true);
        }
        // what was on its way when fetching was paused
        let Parts {
            member,
            metrics,
            table,
            ..
        } = &self.parts;
        if let Some(Ok(record)) = member.poll(TURN)
            && let Some(partition) = member.partition(&record)
        {
            metrics.received(*table, 1);
            let offset = record.offset();
            let jump = stepped(&mut self.expected, *table, partition, offset);
            self.jumps.extend(jump);
            self.held.push_back(record.detach());
        }
    }

    /// What arrives for a member that was fenced is read again by the next owner.
    fn let_pass(&mut self) -> anyhow::Result<()> {
        let since = self
            .fenced_since
            .map(|since| since.elapsed())
            .unwrap_or_default();
        anyhow::ensure!(
            since < FENCED_TIME_MAX,
            "fenced from the group and not taken back"
        );
        drop(self.parts.member.poll(TURN));
        Ok(())
    }
}

/// What a record shows to be missing before it. The raw topics have a table of places instead, and
/// what is compacted away is not lost.
fn stepped(
    expected: &mut BTreeMap<Partition, i64>,
    table: Table,
    partition: Partition,
    offset: i64,
) -> Option<Jump> {
    let from = expected.insert(partition, offset + 1)?;
    let tells = partition.topic.cleanup() == Cleanup::Delete && table != Table::Receipts;
    tells
        .then(|| Jump::between(partition, from, offset))
        .flatten()
}

fn take<M: Message>(
    filling: &mut Filling,
    decode: &mut Decode,
    partition: Partition,
    record: &M,
    now_ms: i64,
) -> Result<(), NotTaken> {
    if !filling.admits(partition) {
        return Err(NotTaken::NoRoom);
    }
    let write = |to: &mut Rows| decode.write(partition, record, now_ms, to);
    filling
        .record(partition, record.offset(), now_ms, write)
        .map_err(|waiting| NotTaken::Waiting(waiting.to_string()))
}
