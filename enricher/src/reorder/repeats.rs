//! Equal events that are not duplicates. Pure.
//!
//! Where a carrier sends neither an id nor a time, two equal webhooks are one event or two. Only our
//! times of receipt tell them apart: those of one event and its duplicates make a run. What starts
//! another run is an event of its own: its id is made of the equal id and its receipt, and our
//! receipt dates it. Whatever was received within a run stays a duplicate, so a replay of a receipt
//! is judged as the receipt was.
//!
//! Whether an Ahamove order had a driver in between is not known before what tells it had its time to
//! come. So such a one waits like any event, as the one that it may be, and it is decided when its
//! turn comes.

use std::time::Duration;

use schemas::{DeliveryEvent, EventId, Micros, OccurredAtSource, Provider, Status};
use serde::{Deserialize, Serialize};

use crate::codec::bytes16;

/// Equal ones of Ordatic belong to one event while none is further from the next than this.
const SLIDING: Duration = Duration::from_secs(10 * 60);
/// Ahamove looks for a driver again no sooner than this.
const REBROADCAST: Duration = Duration::from_secs(60);

/// When an equal event is another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// Once none came for a while.
    Sliding,
    /// Once the driver who was found may have let go of the order.
    Rebroadcast,
}

impl Rule {
    pub fn of(event: &DeliveryEvent) -> Option<Self> {
        match event.provider {
            Provider::Ordatic => Some(Self::Sliding),
            Provider::Ahamove
                if event.status == Some(Status::Assigning) && event.order_id.is_some() =>
            {
                Some(Self::Rebroadcast)
            }
            Provider::Ahamove | Provider::Lalamove | Provider::Sendstack | Provider::Dellyman => {
                None
            }
        }
    }
}

/// The runs of an order's equal events. One that has had neither duplicates nor another run has no
/// entry: it follows from the event.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Runs(Vec<Run>);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Run {
    #[serde(rename = "e", with = "bytes16")]
    equal: EventId,
    #[serde(rename = "a")]
    from: Micros,
    #[serde(rename = "z")]
    until: Micros,
}

/// One more receipt of what an order has seen.
#[derive(Clone, Copy, Debug)]
pub struct Equal {
    pub event_id: EventId,
    /// When the first one that was taken in had been received.
    pub first: Micros,
    pub received_at: Micros,
}

/// What a receipt is to the runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Duplicate,
    /// A duplicate by which the run that begins here gets longer.
    Prolongs(Micros),
    Another,
    /// Another if the order had a driver, else it prolongs the run that begins here.
    Open(Micros),
    /// Received before all others.
    Precedes,
}

impl Run {
    fn at(equal: EventId, at: Micros) -> Self {
        Self {
            equal,
            from: at,
            until: at,
        }
    }

    fn holds(&self, at: Micros) -> bool {
        self.from <= at && at <= self.until
    }
}

impl Runs {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn judge(&self, rule: Rule, equal: Equal) -> Verdict {
        let of_equal = self.0.iter().filter(|run| run.equal == equal.event_id);
        let mut runs: Vec<Run> = of_equal.copied().collect();
        if runs.is_empty() {
            runs.push(Run::at(equal.event_id, equal.first));
        }
        let at = equal.received_at;
        if runs.iter().any(|run| run.holds(at)) {
            return Verdict::Duplicate;
        }
        match rule {
            Rule::Sliding => {
                let near =
                    |run: &&Run| run.from.minus(SLIDING) <= at && at <= run.until.plus(SLIDING);
                let run = runs.iter().find(near);
                run.map_or(Verdict::Another, |run| Verdict::Prolongs(run.from))
            }
            Rule::Rebroadcast => {
                let before = runs.iter().map(|run| run.from).filter(|from| *from <= at);
                match before.max() {
                    Some(from) if from.plus(REBROADCAST) < at => Verdict::Open(from),
                    Some(from) => Verdict::Prolongs(from),
                    None => Verdict::Precedes,
                }
            }
        }
    }

    /// Nothing is known any more of what equals this event.
    pub fn forget(&mut self, equal: EventId) {
        self.0.retain(|run| run.equal != equal);
    }

    pub fn note(&mut self, equal: Equal, verdict: Verdict) {
        if !self.0.iter().any(|run| run.equal == equal.event_id) {
            self.0.push(Run::at(equal.event_id, equal.first));
        }
        match verdict {
            Verdict::Duplicate | Verdict::Open(_) | Verdict::Precedes => {}
            Verdict::Another => self.0.push(Run::at(equal.event_id, equal.received_at)),
            Verdict::Prolongs(from) => {
                let same = |run: &&mut Run| run.equal == equal.event_id && run.from == from;
                if let Some(run) = self.0.iter_mut().find(same) {
                    run.from = run.from.min(equal.received_at);
                    run.until = run.until.max(equal.received_at);
                }
            }
        }
    }
}

/// What an order is while its driver has not yet picked up: Ahamove's ACCEPTED, near the pickup too.
pub fn has_driver(status: Status) -> bool {
    matches!(
        status,
        Status::Assigned | Status::EnRouteToPickup | Status::AtPickup
    )
}

/// Makes an event that equals an earlier one an event of its own.
pub fn rewrite(event: &mut DeliveryEvent) {
    event.event_id = event.event_id.repeated(event.receipt_id);
    event.occurred_at = event.received_at;
    event.occurred_at_source = OccurredAtSource::Receipt;
    event.occurred_at_uncertainty_ms = None;
}

#[cfg(test)]
mod tests;
