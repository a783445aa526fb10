//! Lalamove's times. `timestamp` is true; `updatedAt` is the same moment on a local clock, cut to
//! the minute, under a false `Z`. The two together tell that clock's offset, and the offset
//! corrects the other texts. No table of markets: which zone a market's texts use is not known.

use schemas::{Micros, OccurredAtSource, delivery_event::Draft};

use super::{
    Source,
    input::{Data, Envelope},
    keep_raw,
};
use crate::{
    event_time::{ClockOffset, Occurred, Written, epoch, occurred, plausible},
    json::Scalar,
};

pub(super) struct Times {
    pub(super) occurred: Occurred,
    offset: Option<ClockOffset>,
    /// `timestamp` was missing, unreadable or beyond belief.
    timestamp_refused: bool,
}

impl Times {
    pub(super) fn new(envelope: &Envelope<'_>, data: &Data<'_>, received_at: Micros) -> Self {
        let claim = envelope.timestamp.word().and_then(epoch);
        let occurred = occurred(claim, OccurredAtSource::ProviderClock, received_at);
        let updated_at = updated_at(data).1.word().and_then(Written::read);
        let offset = match (claim.and_then(plausible), updated_at) {
            (Some(instant), Some(Written::Clock(reading))) => {
                plausible(reading).and_then(|reading| ClockOffset::between(reading, instant))
            }
            (None, _) | (_, None | Some(Written::Instant(_))) => None,
        };
        Self {
            occurred,
            offset,
            timestamp_refused: claim != Some(occurred.at),
        }
    }

    /// The instant behind one of the carrier's texts, if it can be known.
    pub(super) fn instant(&self, text: &Scalar<'_>) -> Option<Micros> {
        match Written::read(text.word()?)? {
            Written::Instant(instant) => plausible(instant),
            Written::Clock(reading) => plausible(self.offset?.correct(plausible(reading)?)),
        }
    }

    /// Keeps the envelope's texts as written, so that a better rule can be applied later.
    pub(super) fn keep_texts<'a>(&self, source: &Source<'_, 'a>, event: &mut Draft<'a>) {
        let (path, text) = updated_at(source.data);
        keep_raw(event, path, text);
        if self.timestamp_refused {
            keep_raw(event, "raw.timestamp", &source.envelope.timestamp);
        }
    }
}

fn updated_at<'a, 'b>(data: &'b Data<'a>) -> (&'static str, &'b Scalar<'a>) {
    match data.order.get() {
        Some(order) if data.updated_at.is_empty() => {
            ("raw.data.order.updatedAt", &order.updated_at)
        }
        Some(_) | None => ("raw.data.updatedAt", &data.updated_at),
    }
}
