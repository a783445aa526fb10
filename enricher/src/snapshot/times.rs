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
    /// By stop and status.
    stops: Vec<((i32, Status), Micros)>,
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
            let what = (index, status);
            match self.stops.binary_search_by_key(&what, |known| known.0) {
                Ok(known) => {
                    if let Some(known) = self.stops.get_mut(known) {
                        known.1 = at;
                    }
                }
                Err(place) => self.stops.insert(place, (what, at)),
            }
        } else if status == Status::Delivered {
            self.delivered_at = Some(at);
        } else if status == Status::Canceled {
            self.canceled_at = Some(at);
        }
    }

    /// Fills in what the stops themselves do not say.
    pub fn fill(&self, stops: &mut Vec<Stop<&str>>) {
        if self.stops.is_empty() {
            return;
        }
        // the first of each index
        let mut places: Vec<(i32, usize)> = (stops.iter().enumerate())
            .map(|(at, stop)| (stop.index, at))
            .collect();
        places.sort_unstable();
        places.dedup_by_key(|(index, _)| *index);
        let mut proofs = self.stops.clone();
        // the last thing that happened at a stop comes first, as a stop without a status takes it
        proofs.sort_by_key(|((_, status), at)| std::cmp::Reverse((*at, status.rank())));
        for ((index, status), at) in proofs {
            let place = places.binary_search_by_key(&index, |(index, _)| *index);
            let known = place.ok().and_then(|place| places.get(place));
            match known.and_then(|(_, at)| stops.get_mut(*at)) {
                Some(stop) => {
                    if *stop.status.get_or_insert(status) == status {
                        stop.occurred_at.get_or_insert(at);
                    }
                }
                None => {
                    if let Err(place) = place {
                        places.insert(place, (index, stops.len()));
                    }
                    stops.push(Stop {
                        index,
                        status: Some(status),
                        occurred_at: Some(at),
                        ..Stop::default()
                    });
                }
            }
        }
    }
}
