//! When a batch closes, which offsets it covers, what it is called. Pure: time comes in as a fact.
//!
//! A block is a function of its intent: the offset ranges and the time of loading, written down in
//! Kafka before the insert. Read again after a crash, the same ranges give the same bytes under the
//! same token, whatever else the topics hold by then.

mod gap;
mod intent;
mod recovery;

use std::{
    collections::{BTreeMap, HashSet},
    ops::Range,
    sync::Arc,
    time::Duration,
};

use schemas::{Micros, SetAside};

pub(crate) use gap::{Cause, Gap, Jump, Kept, gaps};
pub use intent::{Intent, METADATA_BYTES_MAX, Partition, Span, UnreadableIntent, settled_metadata};
pub(crate) use recovery::{Committed, Recovery, recover};

use crate::{native, row::Rows, table::Table};

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
    /// Its place among all rows that came, in whatever order partitions were fetched.
    place: usize,
}

/// What is inserted at once, under one token. Rows stand by partition and offset.
#[derive(Clone, Debug)]
pub struct Block {
    pub intent: Intent,
    pub rows: Vec<Row>,
    values: Arc<Rows>,
    /// Records that gave no row; written out before the offsets move.
    pub asides: Vec<SetAside>,
    /// How many records had nothing to keep.
    pub nothing: usize,
}

impl Block {
    /// What is sent for some neighbouring rows: always the same bytes for the same rows.
    pub fn body(&self, rows: Range<usize>) -> Vec<u8> {
        let rows = self.rows.get(rows).unwrap_or_default();
        self.values
            .block(&native::runs(rows.iter().map(|row| row.place)))
    }

    /// What remains when some of its rows are stored already.
    pub fn without(&self, there: &HashSet<(Partition, i64)>) -> Self {
        let mut rest = self.clone();
        rest.rows
            .retain(|row| !there.contains(&(row.partition, row.offset)));
        rest
    }
}

#[derive(Debug, Default)]
struct Lane {
    offsets: Option<(i64, i64)>,
    /// Offset, and place among the rows.
    rows: Vec<(i64, usize)>,
}

/// What one record became.
#[derive(Debug)]
pub enum Written {
    Row,
    /// Nothing to keep, such as an order that was forgotten.
    Nothing,
    Aside(Box<SetAside>),
}

/// A batch that is still open. Which rows are whose is told by partition, so that their order in the
/// block depends on offsets alone and not on how fetches interleaved.
#[derive(Debug)]
pub struct Filling {
    table: Table,
    limits: Limits,
    values: Rows,
    rows: usize,
    lanes: BTreeMap<Partition, Lane>,
    asides: Vec<SetAside>,
    nothing: usize,
    /// How many lanes hold something.
    partitions: usize,
    records: usize,
    bytes: usize,
    opened_ms: Option<i64>,
}

impl Filling {
    pub fn new(table: Table, limits: Limits) -> Self {
        Self {
            table,
            limits,
            values: Rows::of(table),
            rows: 0,
            lanes: BTreeMap::new(),
            asides: Vec::new(),
            nothing: 0,
            partitions: 0,
            records: 0,
            bytes: 0,
            opened_ms: None,
        }
    }

    /// Whether the ranges of one more partition fit what a commit may carry.
    pub fn admits(&self, partition: Partition) -> bool {
        let is_in = |lane: &Lane| lane.offsets.is_some();
        self.lanes.get(&partition).is_some_and(is_in) || Intent::admits(self.partitions + 1)
    }

    /// Takes the next record of a partition. `write` adds a row exactly if it says so; where it fails it
    /// leaves no trace.
    pub fn record<E>(
        &mut self,
        partition: Partition,
        offset: i64,
        now_ms: i64,
        write: impl FnOnce(&mut Rows) -> Result<Written, E>,
    ) -> Result<(), E> {
        let written = write(&mut self.values)?;
        let lane = self.lanes.entry(partition).or_default();
        match written {
            Written::Row => {
                lane.rows.push((offset, self.rows));
                self.rows += 1;
                self.bytes = self.values.bytes();
            }
            Written::Nothing => self.nothing += 1,
            Written::Aside(aside) => self.asides.push(*aside),
        }
        self.partitions += usize::from(lane.offsets.is_none());
        let first = lane.offsets.map_or(offset, |(first, _)| first);
        lane.offsets = Some((first, offset));
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
        self.values.take_adjusted()
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
        let mut rows = Vec::with_capacity(self.rows);
        for (partition, lane) in &mut self.lanes {
            rows.extend(lane.rows.drain(..).map(|(offset, place)| Row {
                partition: *partition,
                offset,
                place,
            }));
            lane.offsets = None;
        }
        let mut values = self.values.take();
        values.stamp(intent.loaded_at);
        self.rows = 0;
        self.partitions = 0;
        self.records = 0;
        self.bytes = 0;
        self.opened_ms = None;
        Block {
            intent,
            rows,
            values: Arc::new(values),
            asides: std::mem::take(&mut self.asides),
            nothing: std::mem::take(&mut self.nothing),
        }
    }

    /// Forgets everything: after partitions were taken away.
    pub fn clear(&mut self) {
        *self = Self::new(self.table, self.limits);
    }
}

#[cfg(test)]
mod tests;
