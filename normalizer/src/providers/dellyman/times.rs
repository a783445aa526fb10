//! Dellyman's times: a clock's reading without a zone. In one and the same order some were seen in
//! Lagos time and others in UTC, so each may be an hour off, whatever zone the endpoint names.

use schemas::{DeliveryEvent, Kind, Micros, OccurredAtSource, Status, mapping::Meaning};

use super::Source;
use crate::{
    event_time::{Occurred, Written, occurred, on_clock_of, plausible, zone},
    providers::snapshot::{keep_raw, prove},
};

const UNCERTAINTY_MS: i64 = 3_600_000;
/// Creation, by either name.
const CREATED: [&str; 2] = ["OrderedAt", "OrderDate"];
const OTHERS: [&str; 5] = [
    "AssignedAt",
    "PickedUpAt",
    "DeliveredAt",
    "CancelledAt",
    "RejectedAt",
];

pub(super) struct Times {
    pub(super) occurred: Occurred,
    /// Said by one of the carrier's fields, right or wrong.
    is_claimed: bool,
    /// By the field that belongs to the status.
    is_exact: bool,
    instants: Instants,
}

/// The order's times, each read once: creation by either name, then the others.
struct Instants {
    created: [Option<Micros>; CREATED.len()],
    others: [Option<Micros>; OTHERS.len()],
}

impl Instants {
    fn new(source: &Source<'_>) -> Self {
        let zone = zone(source.webhook.headers.timezone.as_deref());
        let instant = |name: &str| match Written::read(source.order.word(name)?)? {
            Written::Instant(instant) => plausible(instant),
            Written::Clock(reading) => plausible(on_clock_of(&zone, reading)?),
        };
        Self {
            created: CREATED.map(instant),
            others: OTHERS.map(instant),
        }
    }

    fn created(&self) -> Option<Micros> {
        self.created.into_iter().flatten().next()
    }

    fn at(&self, name: &str) -> Option<Micros> {
        let mut others = OTHERS.iter().zip(self.others);
        others.find(|(other, _)| **other == name)?.1
    }
}

impl Times {
    pub(super) fn new(source: &Source<'_>, kind: Kind) -> Self {
        let headers = source.webhook.headers;
        let instants = Instants::new(source);
        let at = |name: &str| instants.at(name);
        let exact = match source.status {
            _ if kind == Kind::OrderCreated => instants.created(),
            "ASSIGNED" => at("AssignedAt"),
            "INTRANSIT" => at("PickedUpAt"),
            "COMPLETED" => at("DeliveredAt"),
            "CANCELLED" => at("CancelledAt"),
            "REJECTED" => at("RejectedAt"),
            _ => None,
        };
        let claim = exact.or_else(|| instants.others.into_iter().flatten().max());
        Self {
            occurred: occurred(claim, OccurredAtSource::ProviderField, headers.received_at),
            is_claimed: claim.is_some(),
            is_exact: exact.is_some(),
            instants,
        }
    }

    pub(super) fn delivered_at(&self) -> Option<Micros> {
        self.instants.at("DeliveredAt")
    }

    /// The event's times and what they prove.
    pub(super) fn fill(&self, source: &Source<'_>, meaning: Meaning, event: &mut DeliveryEvent) {
        let at = |name: &str| self.instants.at(name);
        event.occurred_at_uncertainty_ms = self.is_claimed.then_some(UNCERTAINTY_MS);
        event.created_at = self.instants.created();
        for name in CREATED.into_iter().chain(OTHERS) {
            if let Some(text) = source.order.word(name) {
                keep_raw(event, &["order.", name].concat(), text);
            }
        }
        prove(event, Status::Created, event.created_at, None);
        prove(event, Status::Assigned, at("AssignedAt"), None);
        prove(event, Status::PickedUp, at("PickedUpAt"), None);
        if event.status == Some(Status::Delivered) {
            prove(event, Status::Delivered, at("DeliveredAt"), None);
        }
        prove(event, Status::Canceled, at("CancelledAt"), None);
        prove(event, Status::Rejected, at("RejectedAt"), None);
        if let Some(status) = meaning.milestone
            && self.is_exact
        {
            prove(event, status, Some(event.occurred_at), None);
        }
    }
}
