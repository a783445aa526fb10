//! The newest state of an order, folded over its facts in event-time order. Pure.

pub mod assignment;
pub mod proofs;
pub mod refunds;
pub mod stops;
pub mod times;

use std::time::Duration;

use schemas::{
    Assurance, Fulfilment, Micros, Order, OrderId, OrderKey, Provider, Status, ids::Subject,
};

use crate::{
    fact::{Extras, Fact},
    lineage::Lineage,
    order::OrderState,
    status::{Fold, Outcome},
};
use assignment::Assignments;
use proofs::Proofs;
use refunds::Refunds;
use stops::Stops;
use times::{Proven, Source, When};

/// How long a cancellation by Lalamove's support may still turn out to be a replacement.
const PROVISIONAL: Duration = Duration::from_secs(10 * 60);
const LALAMOVE_SUPPORT: &str = "LALAMOVE_CUSTOMER_SUPPORT";

/// The snapshot of an order, none where no event of it was released yet.
pub fn order(key: &OrderKey, state: &OrderState) -> Option<Order> {
    let (Subject::Order(order_id), Some(origin), Some(last)) =
        (&key.subject, state.origin(), state.facts().next_back())
    else {
        return None;
    };
    let folded = Folded::of(key.provider, state);
    let outcome = folded
        .fold
        .outcome(key.provider, state.facts())
        .unwrap_or(Outcome {
            status: Status::Unknown,
            is_final: false,
        });
    let ends = Ends::of(key.provider, outcome, &folded);
    let lineage = state.lineage();
    let Folded {
        decided,
        assignments,
        newest,
        stops,
        proofs,
        refunds,
        attempts,
        proven,
        ..
    } = folded;
    let owned = |text: &&str| (*text).to_owned();
    Some(Order {
        tenant_id: key.tenant.clone(),
        provider: key.provider,
        order_id: order_id.clone(),
        revision: state.snapshots(),
        version: state.sequence(),
        status: outcome.status,
        provider_status: decided.provider_status.map(str::to_owned),
        is_final: outcome.is_final,
        provisional_until: ends.provisional_until,
        fulfilment: newest.fulfilment,
        created_at: newest.created_at.or(newest.creation_received_at),
        assigned_at: assignments.at(),
        first_assigned_at: assignments.first_at(),
        picked_up_at: assignments.picked_up_at(),
        delivered_at: ends.delivered_at,
        canceled_at: ends.canceled_at,
        ended_at: ends.ended_at,
        last_event_at: last.place.occurred_at,
        reassignment_count: assignments.reassignments(),
        driver: assignments.driver.map(|driver| driver.map(owned)),
        price: newest.price.cloned(),
        refund: refunds.sum(),
        stops: stops.all(&proven),
        proofs: proofs.all(),
        event_count: count(state.facts().count()),
        late_count: count(state.facts().filter(|fact| fact.late).count()),
        failed_attempts: attempts.count(),
        canceled_by: ends.canceled_by.map(str::to_owned),
        cancel_reason: ends.cancel_reason.map(str::to_owned),
        scheduled_at: newest.scheduled_at,
        replaces_order_id: lineage.replaces().cloned(),
        replaced_by_order_id: lineage.replaced_by().cloned(),
        root_order_id: root(lineage, order_id),
        generation: lineage.generation(),
        chained: lineage.is_chained(),
        first_received_at: origin.first_received_at,
        endpoint_id: origin.endpoint_id.clone(),
        external_order_id: newest.external_order_id.map(str::to_owned),
        parent_id: newest.parent_id.map(str::to_owned),
        assurance: folded.assurance,
    })
}

fn root(lineage: &Lineage, own: &OrderId) -> OrderId {
    lineage.root().unwrap_or(own).clone()
}

fn count(n: usize) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

/// Everything that the facts say, so far. Its texts lie in the facts: most are said again by a later one.
#[derive(Default)]
struct Folded<'a> {
    fold: Fold,
    decided: Decided<'a>,
    assignments: Assignments<'a>,
    newest: Newest<'a>,
    stops: Stops<'a>,
    proofs: Proofs<'a>,
    /// The weakest of all: the order rests on each of its events.
    assurance: Assurance,
    attempts: Attempts,
    refunds: Refunds<'a>,
    proven: Proven,
}

/// Handovers that failed.
#[derive(Default)]
struct Attempts {
    said: i32,
    /// The highest that the carrier numbers.
    numbered: i32,
    last_at: Option<Micros>,
}

impl Attempts {
    /// A snapshot repeats a failure with the same time.
    fn add(&mut self, at: Micros, number: Option<i32>) {
        self.numbered = self.numbered.max(number.unwrap_or(0));
        if self.last_at.replace(at) != Some(at) {
            self.said = self.said.saturating_add(1);
        }
    }

    /// Where the carrier numbers them, a failure without a number is none of them: that of a return.
    fn count(&self) -> i32 {
        if self.numbered > 0 {
            self.numbered
        } else {
            self.said
        }
    }
}

/// What the fact said that gave the order its status.
#[derive(Default)]
struct Decided<'a> {
    at: Option<Micros>,
    /// When, with how far that can be trusted.
    when: When,
    provider_status: Option<&'a str>,
    canceled: When,
}

impl Decided<'_> {
    /// A snapshot may know better when it was than our receipt does.
    fn at_or(&self, proven: Option<Micros>) -> Option<Micros> {
        at_or(self.when, proven)
    }
}

fn at_or(mut when: When, proven: Option<Micros>) -> Option<Micros> {
    if let Some(proven) = proven {
        when.note(proven, Source::Proof);
    }
    when.at()
}

/// Of each, the newest that was said.
#[derive(Default)]
struct Newest<'a> {
    fulfilment: Option<Fulfilment>,
    /// The earliest: several events repeat it, with less precision or none.
    created_at: Option<Micros>,
    /// What stands for it where the carrier sends no times.
    creation_received_at: Option<Micros>,
    scheduled_at: Option<Micros>,
    price: Option<&'a schemas::Money>,
    canceled_by: Option<&'a str>,
    cancel_reason: Option<&'a str>,
    external_order_id: Option<&'a str>,
    parent_id: Option<&'a str>,
}

impl<'a> Folded<'a> {
    fn of(provider: Provider, state: &'a OrderState) -> Self {
        let mut folded = Self::default();
        for fact in state.facts() {
            folded.add(provider, fact);
        }
        folded
    }

    fn add(&mut self, provider: Provider, fact: &'a Fact) {
        let counts = self.fold.step(provider, fact);
        if counts {
            self.decide(fact);
        }
        self.assignments.add(fact, counts);
        self.assurance = self.assurance.max(fact.assurance);
        if fact.kind == schemas::Kind::OrderCreated {
            self.newest
                .created(fact.place.occurred_at, Source::of(fact));
        }
        if fact.says() == Some(Status::Failed) {
            let number = fact.extras.as_ref().and_then(|extras| extras.attempt);
            self.attempts.add(fact.place.occurred_at, number);
        }
        if let Some(extras) = fact.extras.as_deref() {
            self.newest.lay_over(extras);
            if let Some(refund) = &extras.refund {
                self.refunds.add(extras.refund_id.as_deref(), refund);
            }
            for milestone in &extras.milestones {
                self.proven.add(milestone);
            }
            for stop in &extras.stops {
                self.stops.merge(stop);
            }
            for proof in &extras.proofs {
                self.proofs.add(proof);
            }
        }
    }

    fn decide(&mut self, fact: &'a Fact) {
        let at = fact.place.occurred_at;
        let mut when = When::default();
        when.note(at, Source::of(fact));
        self.decided.at = Some(at);
        self.decided.when = when;
        if let Some(word) = &fact.provider_status {
            self.decided.provider_status = Some(word);
        }
        if fact.says() == Some(Status::Canceled) {
            self.decided.canceled = when;
        }
    }
}

impl<'a> Newest<'a> {
    fn created(&mut self, at: Micros, source: Source) {
        let known = match source {
            Source::Carrier | Source::Proof => &mut self.created_at,
            Source::Receipt => &mut self.creation_received_at,
        };
        *known = Some(known.map_or(at, |known| known.min(at)));
    }

    fn lay_over(&mut self, extras: &'a Extras) {
        fn over<T>(known: &mut Option<T>, said: Option<T>) {
            *known = said.or(known.take());
        }
        let milestones = extras.milestones.iter();
        let created = milestones.filter(|milestone| {
            milestone.status == Status::Created && milestone.stop_index.is_none()
        });
        for at in extras
            .created_at
            .into_iter()
            .chain(created.map(|milestone| milestone.at))
        {
            self.created(at, Source::Proof);
        }
        // A customer who fetched the goods or ate them there is no courier's, whatever is told later.
        if !matches!(
            self.fulfilment,
            Some(Fulfilment::Takeaway | Fulfilment::DineIn)
        ) || extras.fulfilment != Some(Fulfilment::Courier)
        {
            over(&mut self.fulfilment, extras.fulfilment);
        }
        over(&mut self.scheduled_at, extras.scheduled_at);
        over(&mut self.price, extras.price.as_ref());
        over(&mut self.canceled_by, extras.canceled_by.as_deref());
        over(&mut self.cancel_reason, extras.cancel_reason.as_deref());
        over(
            &mut self.external_order_id,
            extras.external_order_id.as_deref(),
        );
        over(&mut self.parent_id, extras.parent_id.as_deref());
    }
}

/// What an order has only because of how it ended.
#[derive(Default)]
struct Ends<'a> {
    delivered_at: Option<Micros>,
    canceled_at: Option<Micros>,
    ended_at: Option<Micros>,
    provisional_until: Option<Micros>,
    canceled_by: Option<&'a str>,
    cancel_reason: Option<&'a str>,
}

impl<'a> Ends<'a> {
    fn of(provider: Provider, outcome: Outcome, folded: &Folded<'a>) -> Self {
        let decided = &folded.decided;
        let called_off = || Self {
            ended_at: decided.at,
            canceled_by: folded.newest.canceled_by,
            cancel_reason: folded.newest.cancel_reason,
            ..Self::default()
        };
        match outcome.status {
            Status::Delivered | Status::PartiallyDelivered => {
                let delivered_at = decided.at_or(folded.proven.delivered_at);
                Self {
                    delivered_at,
                    ended_at: delivered_at,
                    ..Self::default()
                }
            }
            Status::Canceled => {
                let by = folded.newest.canceled_by;
                let may_turn = provider == Provider::Lalamove && by == Some(LALAMOVE_SUPPORT);
                let canceled_at = decided.at_or(folded.proven.canceled_at);
                let until = canceled_at
                    .filter(|_| may_turn)
                    .map(|at| at.plus(PROVISIONAL));
                Self {
                    canceled_at,
                    ended_at: canceled_at,
                    provisional_until: until,
                    ..called_off()
                }
            }
            Status::Replaced => {
                let canceled_at = at_or(decided.canceled, folded.proven.canceled_at);
                let ended_at = canceled_at.or(folded.fold.superseded_at()).or(decided.at);
                Self {
                    canceled_at,
                    ended_at,
                    ..called_off()
                }
            }
            Status::Rejected | Status::Expired => called_off(),
            Status::Returned | Status::Failed => {
                let ended_at = decided.at.filter(|_| outcome.is_final);
                Self {
                    ended_at,
                    ..called_off()
                }
            }
            Status::Unknown
            | Status::Created
            | Status::ReadyForPickup
            | Status::Assigning
            | Status::Assigned
            | Status::EnRouteToPickup
            | Status::AtPickup
            | Status::PickedUp
            | Status::InTransit
            | Status::AtDropoff
            | Status::Returning => Self::default(),
        }
    }
}

#[cfg(test)]
mod tests;
