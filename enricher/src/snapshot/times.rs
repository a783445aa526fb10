//! When something was reached, by who says so; and what snapshots prove beside their own status. A
//! proof fills in what missed webhooks would have said; it never says how an order stands. Pure.

use schemas::{
    Micros, Status,
    delivery_event::{Milestone, Stop},
};

use crate::fact::Fact;

/// One moment in an order's life, as several sources date it: of each the earliest.
#[derive(Clone, Copy, Debug, Default)]
pub struct When {
    /// An event that says just this, dated by the carrier.
    carrier: Option<Micros>,
    /// Such an event, dated by our receipt.
    receipt: Option<Micros>,
    /// A snapshot that tells it of the past.
    proven: Option<Micros>,
}

/// Which source dates a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    Carrier,
    Receipt,
    Proof,
}

impl Source {
    pub fn of(fact: &Fact) -> Self {
        if fact.is_carrier_dated() {
            Self::Carrier
        } else {
            Self::Receipt
        }
    }
}

impl When {
    pub fn is_known(&self) -> bool {
        self.at().is_some()
    }

    pub fn note(&mut self, at: Micros, source: Source) {
        let known = match source {
            Source::Carrier => &mut self.carrier,
            Source::Receipt => &mut self.receipt,
            Source::Proof => &mut self.proven,
        };
        *known = Some(known.map_or(at, |known| known.min(at)));
    }

    /// The carrier's time of its own event. Without one the proof, which our receipt bounds: what we
    /// were told of had happened.
    pub fn at(&self) -> Option<Micros> {
        self.carrier.or(match (self.proven, self.receipt) {
            (Some(proven), Some(receipt)) => Some(proven.min(receipt)),
            (proven, receipt) => proven.or(receipt),
        })
    }
}

/// Proofs of how an order ended, and of what happened at its stops.
#[derive(Clone, Debug, Default)]
pub struct Proven {
    pub delivered_at: Option<Micros>,
    pub canceled_at: Option<Micros>,
    stops: Vec<(i32, Status, Micros)>,
}

impl Proven {
    /// Adds the next one in event time; carriers correct what they told before.
    pub fn add(&mut self, milestone: &Milestone) {
        let Milestone {
            status,
            at,
            stop_index,
        } = *milestone;
        if let Some(index) = stop_index {
            let same = |known: &&mut (i32, Status, Micros)| (known.0, known.1) == (index, status);
            match self.stops.iter_mut().find(same) {
                Some(known) => known.2 = at,
                None => self.stops.push((index, status, at)),
            }
        } else if status == Status::Delivered {
            self.delivered_at = Some(at);
        } else if status == Status::Canceled {
            self.canceled_at = Some(at);
        }
    }

    /// Fills in what the stops themselves do not say.
    pub fn fill(&self, stops: &mut Vec<Stop<&str>>) {
        let mut proofs = self.stops.clone();
        // the last thing that happened at a stop comes first, as a stop without a status takes it
        proofs.sort_by_key(|(_, status, at)| std::cmp::Reverse((*at, status.rank())));
        for (index, status, at) in proofs {
            match stops.iter_mut().find(|stop| stop.index == index) {
                Some(stop) => {
                    if *stop.status.get_or_insert(status) == status {
                        stop.occurred_at.get_or_insert(at);
                    }
                }
                None => stops.push(Stop {
                    index,
                    status: Some(status),
                    occurred_at: Some(at),
                    ..Stop::default()
                }),
            }
        }
    }
}
