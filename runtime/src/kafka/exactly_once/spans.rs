//! What the records of the open transaction add to their traces, once it is in the log.

use super::{Incoming, Output};
use crate::{
    clock::SharedClock,
    traces::{self, Taken, Traces},
};

/// Those of one worker.
#[derive(Debug, Default)]
pub(super) struct Spans {
    name: &'static str,
    traces: Traces,
    open: Vec<Taken>,
}

impl Spans {
    pub(super) fn new(name: &'static str, traces: Traces) -> Self {
        Self {
            name,
            traces,
            open: Vec::new(),
        }
    }

    /// Whether the record is a traced one; to be asked before the stage has it.
    pub(super) fn begin(&self, record: &Incoming<'_>, clock: &SharedClock) -> Option<Taken> {
        if !self.traces.is_on() {
            return None;
        }
        let at = (record.topic, record.partition, record.offset);
        let header = traces::header(record.headers);
        self.traces
            .taken(self.name, header, at, || clock.now_micros())
    }

    /// What the record wrote with its own place goes on with the new one.
    pub(super) fn pass_on(&mut self, taken: Taken, record: &Incoming<'_>, written: &mut [Output]) {
        let header = traces::header(record.headers);
        let told = written.iter_mut().flat_map(|output| &mut output.headers);
        for (_, value) in
            told.filter(|(name, value)| *name == traces::HEADER && Some(value.as_slice()) == header)
        {
            *value = taken.place.to_string().into_bytes();
        }
        self.open.push(taken);
    }

    pub(super) fn committed(&mut self, clock: &SharedClock) {
        if self.open.is_empty() {
            return;
        }
        let to_micros = clock.now_micros();
        for taken in self.open.drain(..) {
            taken.done(&self.traces, to_micros, None);
        }
    }

    /// The input is read again, and gives the same spans.
    pub(super) fn discarded(&mut self) {
        self.open.clear();
    }
}
