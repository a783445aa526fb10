//! What the records of blocks add to their traces, once the block is stored.

use rdkafka::{
    Message,
    message::{Header, Headers},
};
use runtime::traces::{self, Place, SpanKind, Traces};

use crate::batch::{Partition, Span};

/// Those of one table: of the block that fills and of the one on its way.
#[derive(Default)]
pub(super) struct Spans {
    traces: Traces,
    open: Vec<Begun>,
}

struct Begun {
    place: Place,
    from_micros: i64,
    partition: Partition,
    offset: i64,
    topic: String,
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
        let seed = ("sink", record.topic(), record.partition(), record.offset());
        if let Some(place) = self.traces.continued(header, seed) {
            self.open.push(Begun {
                place,
                from_micros: now(),
                partition,
                offset: record.offset(),
                topic: record.topic().to_owned(),
            });
        }
    }

    /// The block of these ranges is stored.
    pub(super) fn settled(&mut self, table: &str, ranges: &[Span], to_micros: i64) {
        let is_stored = |begun: &mut Begun| {
            let stored =
                |range: &Span| range.partition == begun.partition && begun.offset <= range.last;
            ranges.iter().any(stored)
        };
        for begun in self.open.extract_if(.., is_stored) {
            let mut attributes =
                traces::of_record(begun.topic, begun.partition.number, begun.offset);
            attributes.push(("waybill.table", table.to_owned()));
            let span = traces::Span {
                name: "sink",
                kind: SpanKind::Consumer,
                from_micros: begun.from_micros,
                to_micros,
                failed: false,
                attributes,
            };
            self.traces.ended(begun.place, span);
        }
    }

    /// The partitions are another's; a block that is read again after a crash adds nothing.
    pub(super) fn forget(&mut self) {
        self.open.clear();
    }
}
