//! What the core wants done: written, set aside, counted.

use std::sync::Arc;

use schemas::{
    DeliveryEvent, OrderedEvent, Provider, Reason,
    set_aside::{About, Why},
};

use crate::{outcome::Outcome, reorder::release::Cause};

/// One event that left a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Released {
    pub cause: Cause,
    pub provider: Provider,
}

/// The effects of one step. The buffers are used again and again.
#[derive(Debug, Default)]
pub struct Effects {
    /// Key of the order at hand.
    pub(crate) key: Option<Arc<str>>,
    pub ordered: Vec<(Arc<str>, OrderedEvent)>,
    pub set_aside: Vec<(About, Why)>,
    pub outcomes: Vec<Outcome>,
    pub releases: Vec<Released>,
    /// Ids of an account that were given up so that newer ones have room.
    pub ids_dropped: u64,
}

impl Effects {
    pub fn clear(&mut self) {
        self.key = None;
        self.ordered.clear();
        self.set_aside.clear();
        self.outcomes.clear();
        self.releases.clear();
        self.ids_dropped = 0;
    }

    pub(crate) fn order(&mut self, ordered: OrderedEvent) {
        let late = ordered.late && ordered.revision == 0;
        self.outcomes.push(match (ordered.revision, late) {
            (0, false) => Outcome::Released,
            (0, true) => Outcome::ReleasedLate(ordered.event.provider),
            _ => Outcome::Revised,
        });
        if let Some(key) = self.key.clone() {
            self.ordered.push((key, ordered));
        }
    }

    /// Sets an event aside that gets no other outcome.
    pub(crate) fn refuse(&mut self, event: &DeliveryEvent, reason: Reason, detail: String) {
        self.outcomes.push(Outcome::SetAside(reason));
        self.set_aside
            .push((About::event(event), Why { reason, detail }));
    }

    pub(crate) fn refuse_duplicate(&mut self, event: &DeliveryEvent) {
        let detail = "event_id: another receipt brought the same event";
        self.refuse(event, Reason::Duplicate, detail.into());
    }

    /// Sets something aside beside the event, which goes its way.
    pub(crate) fn remark(&mut self, about: About, reason: Reason, detail: String) {
        self.outcomes.push(Outcome::Remarked(reason));
        self.set_aside.push((about, Why { reason, detail }));
    }
}
