//! What the records of the open transaction add to their traces, once it is in the log.

use super::{Incoming, Output};
use crate::{
    clock::SharedClock,
    traces::{self, Place, Span, SpanKind, Traces},
};

/// Those of one worker.
#[derive(Debug, Default)]
pub(super) struct Spans {
    name: &'static str,
    traces: Traces,
    open: Vec<Begun>,
}

#[derive(Debug)]
struct Begun {
    place: Place,
    from_micros: i64,
    topic: String,
    partition: i32,
    offset: i64,
}

impl Spans {
    pub(super) fn new(name: &'static str, traces: Traces) -> Self {
        Self {
            name,
            traces,
            open: Vec::new(),
        }
    }

    pub(super) fn are_on(&self) -> bool {
        self.traces.is_on()
    }

    /// Notes a traced record. What it wrote with its own place goes on with the new one.
    pub(super) fn record(
        &mut self,
        record: &Incoming<'_>,
        now_micros: i64,
        written: &mut [Output],
    ) {
        let header = record
            .headers
            .iter()
            .find(|(name, _)| *name == traces::HEADER);
        let header = header.map(|(_, value)| *value);
        let seed = (self.name, record.topic, record.partition, record.offset);
        let Some(place) = self.traces.continued(header, seed) else {
            return;
        };
        let told = written.iter_mut().flat_map(|output| &mut output.headers);
        for (_, value) in
            told.filter(|(name, value)| *name == traces::HEADER && Some(value.as_slice()) == header)
        {
            *value = place.to_string().into_bytes();
        }
        self.open.push(Begun {
            place,
            from_micros: now_micros,
            topic: record.topic.to_owned(),
            partition: record.partition,
            offset: record.offset,
        });
    }

    pub(super) fn committed(&mut self, clock: &SharedClock) {
        if self.open.is_empty() {
            return;
        }
        let to_micros = clock.now_micros();
        for begun in self.open.drain(..) {
            let Begun {
                place,
                from_micros,
                topic,
                partition,
                offset,
            } = begun;
            let span = Span {
                name: self.name,
                kind: SpanKind::Consumer,
                from_micros,
                to_micros,
                failed: false,
                attributes: traces::of_record(topic, partition, offset),
            };
            self.traces.ended(place, span);
        }
    }

    /// The input is read again, and gives the same spans.
    pub(super) fn discarded(&mut self) {
        self.open.clear();
    }
}
