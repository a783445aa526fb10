//! Dellyman's times: a clock's reading without a zone. In one and the same order some were seen in
//! Lagos time and others in UTC, so each may be an hour off, whatever zone the endpoint names.

use schemas::{Kind, Micros, OccurredAtSource, Status, delivery_event::Draft, mapping::Meaning};

use super::Source;
use crate::{
    event_time::{Occurred, Written, claimed, occurred, plausible, zone},
    providers::snapshot::{note, prove},
    tree::Tree,
};

const UNCERTAINTY_MS: i64 = 3_600_000;
pub(super) struct Times {
    pub(super) occurred: Occurred,
    /// By the field that belongs to the status, right or wrong.
    is_exact: bool,
    instants: Instants,
}

/// The order's times, each read once; perhaps far in the future.
struct Instants {
    created: Option<Micros>,
    assigned: Option<Micros>,
    picked_up: Option<Micros>,
    delivered: Option<Micros>,
    cancelled: Option<Micros>,
    rejected: Option<Micros>,
}

impl Instants {
    fn new(source: &Source<'_>) -> Self {
        let order = &source.order;
        let zone = zone(source.webhook.headers.timezone);
        let instant = |field: &Tree<'_>| match Written::read(field.word()?)? {
            Written::Instant(instant) => claimed(instant),
            Written::Clock(reading) => claimed(zone.instant(reading)?),
        };
        Self {
            // By either name.
            created: instant(order.ordered_at).or_else(|| instant(order.order_date)),
            assigned: instant(order.assigned_at),
            picked_up: instant(order.picked_up_at),
            delivered: instant(order.delivered_at),
            cancelled: instant(order.cancelled_at),
            rejected: instant(order.rejected_at),
        }
    }
}

impl Times {
    pub(super) fn new(source: &Source<'_>, kind: Kind) -> Self {
        let headers = source.webhook.headers;
        let instants = Instants::new(source);
        let exact = match source.status {
            _ if kind == Kind::OrderCreated => instants.created,
            "ASSIGNED" => instants.assigned,
            "INTRANSIT" => instants.picked_up,
            "COMPLETED" => instants.delivered,
            "CANCELLED" => instants.cancelled,
            "REJECTED" => instants.rejected,
            _ => None,
        };
        // Without it by the receipt: which of the others came last nobody can tell.
        Self {
            occurred: occurred(exact, OccurredAtSource::ProviderField, headers.received_at),
            is_exact: exact.is_some(),
            instants,
        }
    }

    pub(super) fn delivered_at(&self) -> Option<Micros> {
        self.instants.delivered.and_then(plausible)
    }

    /// The event's times and what they prove.
    pub(super) fn fill<'a>(&self, source: &Source<'a>, meaning: Meaning, event: &mut Draft<'a>) {
        let (order, at) = (&source.order, &self.instants);
        event.occurred_at_uncertainty_ms = self.is_exact.then_some(UNCERTAINTY_MS);
        event.created_at = at.created.and_then(plausible);
        for (name, field) in [
            ("raw.order.AssignedAt", order.assigned_at),
            ("raw.order.CancelledAt", order.cancelled_at),
            ("raw.order.DeliveredAt", order.delivered_at),
            ("raw.order.OrderDate", order.order_date),
            ("raw.order.OrderedAt", order.ordered_at),
            ("raw.order.PickedUpAt", order.picked_up_at),
            ("raw.order.RejectedAt", order.rejected_at),
        ] {
            note(event, name, field.word());
        }
        prove(event, Status::Created, event.created_at, None);
        prove(
            event,
            Status::Assigned,
            at.assigned.and_then(plausible),
            None,
        );
        prove(
            event,
            Status::PickedUp,
            at.picked_up.and_then(plausible),
            None,
        );
        if event.status == Some(Status::Delivered) {
            prove(
                event,
                Status::Delivered,
                at.delivered.and_then(plausible),
                None,
            );
        }
        prove(
            event,
            Status::Canceled,
            at.cancelled.and_then(plausible),
            None,
        );
        prove(
            event,
            Status::Rejected,
            at.rejected.and_then(plausible),
            None,
        );
        if let Some(status) = meaning.milestone
            && self.is_exact
        {
            prove(event, status, Some(event.occurred_at), None);
        }
    }
}
