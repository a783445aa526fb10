//! When a batch closes, which offsets it covers, what it is called. Pure: time comes in as a fact.
//!
//! A block is a function of its intent: the offset ranges and the time of loading, written down in
//! Kafka before the insert. Read again after a crash, the same ranges give the same bytes under the
//! same token, whatever else the topics hold by then.

mod intent;
mod recovery;

use std::{
    collections::{BTreeMap, HashSet},
    time::Duration,
};

use schemas::{Micros, SetAside};

pub use intent::{Intent, METADATA_BYTES_MAX, Partition, Span, UnreadableIntent};
pub use recovery::{Committed, Recovery, recover};

use crate::row::{LOADED_AT_BYTES, RowWriter};

/// What one partition keeps of its buffer from one batch to the next.
const KEPT_BYTES_MAX: usize = 256 * 1024;

/// When a batch closes.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    pub rows_max: usize,
    pub bytes_max: usize,
    /// After its first record.
    pub open_max: Duration,
}

/// One row of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    pub partition: Partition,
    pub offset: i64,
    /// Where it begins in the body; it ends where the next one begins.
    pub start: usize,
}

/// What is inserted at once, under one token.
#[derive(Clone, Debug, PartialEq)]
pub struct Block {
    pub intent: Intent,
    pub rows: Vec<Row>,
    pub body: Vec<u8>,
    /// Records that gave no row; written out before the offsets move.
    pub asides: Vec<SetAside>,
    /// How many records had nothing to keep.
    pub nothing: usize,
}

impl Block {
    /// The bytes of some neighbouring rows.
    pub fn bytes_of(&self, rows: std::ops::Range<usize>) -> &[u8] {
        let at = |index: usize| {
            self.rows
                .get(index)
                .map_or(self.body.len(), |row| row.start)
        };
        self.body
            .get(at(rows.start)..at(rows.end))
            .unwrap_or_default()
    }

    /// What remains when some of its rows are stored already.
    pub fn without(&self, there: &HashSet<(Partition, i64)>) -> Self {
        let mut rest = Self {
            intent: self.intent.clone(),
            rows: Vec::new(),
            body: Vec::new(),
            asides: self.asides.clone(),
            nothing: self.nothing,
        };
        for (index, row) in self.rows.iter().enumerate() {
            if !there.contains(&(row.partition, row.offset)) {
                rest.rows.push(Row {
                    start: rest.body.len(),
                    ..*row
                });
                rest.body.extend_from_slice(self.bytes_of(index..index + 1));
            }
        }
        rest
    }
}

#[derive(Debug, Default)]
struct Lane {
    offsets: Option<(i64, i64)>,
    writer: RowWriter,
    starts: Vec<(i64, usize)>,
}

/// What one record became.
#[derive(Debug)]
pub enum Written {
    Row,
    /// Nothing to keep, such as an order that was forgotten.
    Nothing,
    Aside(Box<SetAside>),
}

/// A batch that is still open. Rows stand by partition, so that their order in the block depends
/// on offsets alone and not on how fetches interleaved.
#[derive(Debug)]
pub struct Filling {
    limits: Limits,
    lanes: BTreeMap<Partition, Lane>,
    asides: Vec<SetAside>,
    nothing: usize,
    /// How many lanes hold something.
    partitions: usize,
    records: usize,
    bytes: usize,
    opened_ms: Option<i64>,
    adjusted: u64,
}

impl Filling {
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            lanes: BTreeMap::new(),
            asides: Vec::new(),
            nothing: 0,
            partitions: 0,
            records: 0,
            bytes: 0,
            opened_ms: None,
            adjusted: 0,
        }
    }

    /// Whether the ranges of one more partition fit what a commit may carry.
    pub fn admits(&self, partition: Partition) -> bool {
        let is_in = |lane: &Lane| lane.offsets.is_some();
        self.lanes.get(&partition).is_some_and(is_in) || Intent::admits(self.partitions + 1)
    }

    /// Takes the next record of a partition; `write` may fail and then leaves no trace.
    pub fn record<E>(
        &mut self,
        partition: Partition,
        offset: i64,
        now_ms: i64,
        write: impl FnOnce(&mut RowWriter) -> Result<Written, E>,
    ) -> Result<(), E> {
        let lane = self.lanes.entry(partition).or_default();
        let start = lane.writer.bytes().len();
        let written = write(&mut lane.writer);
        self.adjusted += lane.writer.take_adjusted();
        match written {
            Ok(Written::Row) => lane.starts.push((offset, start)),
            Ok(Written::Nothing) => {
                lane.writer.truncate(start);
                self.nothing += 1;
            }
            Ok(Written::Aside(aside)) => {
                lane.writer.truncate(start);
                self.asides.push(*aside);
            }
            Err(error) => {
                lane.writer.truncate(start);
                return Err(error);
            }
        }
        self.partitions += usize::from(lane.offsets.is_none());
        let first = lane.offsets.map_or(offset, |(first, _)| first);
        lane.offsets = Some((first, offset));
        self.bytes += lane.writer.bytes().len() - start;
        self.records += 1;
        self.opened_ms.get_or_insert(now_ms);
        Ok(())
    }

    pub fn is_empty(&self) -> bool {
        self.records == 0
    }

    pub fn records(&self) -> usize {
        self.records
    }

    /// No further record may be taken before it is closed.
    pub fn is_full(&self) -> bool {
        self.records >= self.limits.rows_max || self.bytes >= self.limits.bytes_max
    }

    /// How long until it closes by time; zero if it is time, none while it is empty.
    pub fn closes_in(&self, now_ms: i64) -> Option<Duration> {
        let open_ms = u64::try_from(now_ms.saturating_sub(self.opened_ms?)).unwrap_or(0);
        Some(
            self.limits
                .open_max
                .saturating_sub(Duration::from_millis(open_ms)),
        )
    }

    pub fn is_due(&self, now_ms: i64) -> bool {
        self.is_full() || self.closes_in(now_ms).is_some_and(|left| left.is_zero())
    }

    /// How many values did not fit their column, since the last call.
    pub fn take_adjusted(&mut self) -> u64 {
        std::mem::take(&mut self.adjusted)
    }

    fn spans(&self) -> Vec<Span> {
        self.lanes
            .iter()
            .filter_map(|(partition, lane)| {
                let (first, last) = lane.offsets?;
                Some(Span {
                    partition: *partition,
                    first,
                    last,
                })
            })
            .collect()
    }

    /// What will be inserted, if anything.
    pub fn intent(&self, loaded_at: Micros) -> Option<Intent> {
        let spans = self.spans();
        (!spans.is_empty()).then_some(Intent { loaded_at, spans })
    }

    /// Closes the batch under an intent: its own, or the one that it was read again for.
    pub fn close(&mut self, intent: Intent) -> Block {
        let mut rows = Vec::with_capacity(self.records);
        let mut body = Vec::with_capacity(self.bytes);
        let time = intent.loaded_at.0.to_le_bytes();
        for (partition, lane) in &mut self.lanes {
            let base = body.len();
            body.extend_from_slice(lane.writer.bytes());
            for (offset, start) in lane.starts.drain(..) {
                let start = base + start;
                if let Some(loaded_at) = body.get_mut(start..start + LOADED_AT_BYTES) {
                    loaded_at.copy_from_slice(&time);
                }
                rows.push(Row {
                    partition: *partition,
                    offset,
                    start,
                });
            }
            lane.offsets = None;
            lane.writer.clear();
            lane.writer.shrink_to(KEPT_BYTES_MAX);
        }
        self.partitions = 0;
        self.records = 0;
        self.bytes = 0;
        self.opened_ms = None;
        Block {
            intent,
            rows,
            body,
            asides: std::mem::take(&mut self.asides),
            nothing: std::mem::take(&mut self.nothing),
        }
    }

    /// Forgets everything: after partitions were taken away.
    pub fn clear(&mut self) {
        *self = Self::new(self.limits);
    }
}

#[cfg(test)]
mod tests;
