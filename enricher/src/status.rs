//! The fold: an order's status from its facts in event-time order. Pure.
//!
//! The last status wins, also where it is a step back, except: UNKNOWN changes nothing; where times
//! overlap within their uncertainty the mapping's rank decides; a CANCELED of a superseded order is
//! its replacement; times that are not the carrier's can't undo a final status; a kitchen does not
//! speak for the rider.
//!
//! Overlap is not transitive: of three facts the first and the last may be certain while both
//! overlap the second. So a fact is judged against all that sort before it, and not only against the
//! one that stands: it counts only where none of them, whether it counted or not, overlaps it and
//! ranks higher. That depends on the facts alone, so the order in which they arrived changes nothing.

use schemas::{Kind, Micros, OccurredAtSource, Provider, Status};
use smallvec::SmallVec;

use crate::{
    fact::Fact,
    place::Span,
    snapshot::stops::{Drops, drops},
};

/// A way back that failed comes after it: carriers without a time for either give both the same.
const LAST_RANK: u8 = Status::Returned.rank() + 1;

/// What stands after some facts.
#[derive(Clone, Debug, Default)]
pub struct Fold {
    current: Option<Standing>,
    reached: Reached,
    /// When the order was first said to be superseded.
    superseded_at: Option<Micros>,
    /// Of Lalamove: whether a stop was ever said to have failed. Else there is nothing to ask the stops.
    stop_failed: bool,
}

/// Until when which ranks may have been reached. What another one outlasts and outranks is left
/// out, so there are never more than ranks, and mostly one.
#[derive(Clone, Debug, Default)]
struct Reached(SmallVec<[(Micros, u8); 1]>);

impl Reached {
    /// Whether an earlier fact overlaps the next one and ranks higher. It began no later than the
    /// next one may have ended, so only its own end matters.
    fn outranks(&self, span: Span, rank: u8) -> bool {
        let outranks = |(latest, other): &(Micros, u8)| *latest >= span.earliest && *other > rank;
        self.0.iter().any(outranks)
    }

    fn add(&mut self, span: Span, rank: u8) {
        let added = (span.latest, rank);
        let covers = |one: (Micros, u8), other: (Micros, u8)| one.0 >= other.0 && one.1 >= other.1;
        if self.0.iter().any(|known| covers(*known, added)) {
            return;
        }
        self.0.retain(|known| !covers(added, *known));
        self.0.push(added);
    }
}

#[derive(Clone, Copy, Debug)]
struct Standing {
    status: Status,
    /// By the carrier's clock, at which the status was reported. A time that stands among the fields of a
    /// snapshot, each set for its own reason, does not say in which order things were reported.
    clock_dated: bool,
    ends: bool,
}

/// An order's status with what follows from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    pub status: Status,
    pub is_final: bool,
}

impl Fold {
    /// Adds the next fact in place order; says whether the order's status is now this fact's.
    pub fn step(&mut self, provider: Provider, fact: &Fact) -> bool {
        if fact.kind == Kind::OrderSuperseded && self.superseded_at.is_none() {
            self.superseded_at = Some(fact.place.occurred_at);
        }
        if provider == Provider::Lalamove && !self.stop_failed {
            self.stop_failed = says_that_a_stop_failed(fact);
        }
        let Some(said) = fact.says() else {
            return false;
        };
        let status = match (said, self.superseded_at) {
            (Status::Canceled, Some(_)) => Status::Replaced,
            (said, _) => said,
        };
        let next = Standing {
            status,
            clock_dated: fact.source == OccurredAtSource::ProviderClock,
            ends: fact.ends,
        };
        let span = fact.span();
        let rank = if fact.ends_last {
            LAST_RANK.max(status.rank())
        } else {
            status.rank()
        };
        let outranked = self.reached.outranks(span, rank);
        self.reached.add(span, rank);
        let yields = !outranked
            && self
                .current
                .is_none_or(|current| current.yields_to(provider, next));
        if yields {
            self.current = Some(next);
        }
        yields
    }

    pub fn superseded_at(&self) -> Option<Micros> {
        self.superseded_at
    }

    /// The status before anything is known of stops; `None` where no fact said one.
    fn standing(&self) -> Option<Outcome> {
        self.current.map(|current| Outcome {
            status: current.status,
            is_final: current.status.is_final() || current.ends,
        })
    }

    /// The order's status: Lalamove's COMPLETED says that the order is over, the stops say how.
    pub fn outcome<'a>(
        &self,
        provider: Provider,
        facts: impl Iterator<Item = &'a Fact>,
    ) -> Option<Outcome> {
        let standing = self.standing()?;
        let is_closed = provider == Provider::Lalamove && standing.status == Status::Delivered;
        if !is_closed || !self.stop_failed {
            return Some(standing);
        }
        let status = match drops(facts) {
            Drops::NoneFailed => Status::Delivered,
            Drops::SomeFailed => Status::PartiallyDelivered,
            Drops::AllFailed => Status::Failed,
        };
        Some(Outcome {
            status,
            is_final: true,
        })
    }
}

impl Standing {
    fn yields_to(self, provider: Provider, next: Standing) -> bool {
        if provider == Provider::Ordatic && is_kitchen(next.status) && is_riders(self.status) {
            return false;
        }
        let is_final = self.status.is_final() || self.ends;
        if is_final && !(self.clock_dated && next.clock_dated) {
            return next.status.is_final()
                || next.ends
                || matches!(next.status, Status::Returning | Status::Replaced);
        }
        true
    }
}

fn says_that_a_stop_failed(fact: &Fact) -> bool {
    let extras = fact.extras.as_deref();
    let mut stops = extras.into_iter().flat_map(|extras| &extras.stops);
    stops.any(|stop| stop.status == Some(Status::Failed))
}

fn is_kitchen(status: Status) -> bool {
    matches!(status, Status::Created | Status::ReadyForPickup)
}

fn is_riders(status: Status) -> bool {
    status.rank() >= Status::Assigned.rank() && !is_kitchen(status)
}

#[cfg(test)]
mod tests;
