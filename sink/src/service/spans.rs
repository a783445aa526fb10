//! What the records of blocks add to their traces, once the block is stored.

use rdkafka::{
    Message,
    message::{Header, Headers},
};
use runtime::traces::{self, Taken, Traces};

use crate::batch::{Partition, Span};

/// Those of one table: of the block that fills and of the one on its way.
#[derive(Default)]
pub(super) struct Spans {
    traces: Traces,
    open: Vec<(Partition, i64, Taken)>,
}

impl Spans {
    pub(super) fn new(traces: Traces) -> Self {
        Self {
            traces,
            open: Vec::new(),
        }
    }

    /// Notes a traced record that is in a batch now.
    pub(super) fn taken<M: Message>(
        &mut self,
        partition: Partition,
        record: &M,
        now: impl FnOnce() -> i64,
    ) {
        if !self.traces.is_on() {
            return;
        }
        let is_ours = |header: &Header<'_, &[u8]>| header.key == traces::HEADER;
        let header = record
            .headers()
            .and_then(|headers| headers.iter().find(is_ours)?.value);
        let at = (record.topic(), record.partition(), record.offset());
        if let Some(taken) = self.traces.taken("sink", header, at, now) {
            self.open.push((partition, record.offset(), taken));
        }
    }

    /// The block of these ranges is stored.
    pub(super) fn settled(&mut self, table: &str, ranges: &[Span], to_micros: i64) {
        let is_stored = |(partition, offset, _): &mut (Partition, i64, Taken)| {
            let stored = |range: &Span| range.partition == *partition && *offset <= range.last;
            ranges.iter().any(stored)
        };
        for (_, _, taken) in self.open.extract_if(.., is_stored) {
            taken.done(&self.traces, to_micros, Some(("waybill.table", table)));
        }
    }

    /// The partitions are another's; a block that is read again after a crash adds nothing.
    pub(super) fn forget(&mut self) {
        self.open.clear();
    }
}
