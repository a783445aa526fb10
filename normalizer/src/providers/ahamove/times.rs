//! When it happened: the time that belongs to the status, else the newest one that is set. All are
//! seconds since 1970, as whole numbers or with a fraction.

use schemas::{DeliveryEvent, Kind, Micros, OccurredAtSource, Status, mapping::Meaning};

use super::Source;
use crate::{
    event_time::{Occurred, epoch, occurred, plausible},
    providers::snapshot::{keep_raw, prove},
    tree::{Tree, plain_number},
};

/// The order's times, but for its creation, which dates nothing else.
const ORDER_TIMES: [&str; 6] = [
    "order_time",
    "accept_time",
    "board_time",
    "pickup_time",
    "complete_time",
    "cancel_time",
];
const CREATE_TIME: &str = "create_time";
pub(super) const STOP_TIMES: [&str; 3] = ["complete_time", "fail_time", "return_time"];

pub(super) struct Times {
    pub(super) occurred: Occurred,
    /// It is the time of the status itself.
    is_exact: bool,
}

impl Times {
    pub(super) fn new(source: &Source<'_>, kind: Kind) -> Self {
        let received_at = source.webhook.headers.received_at;
        let exact = exact(source, kind);
        let claim = exact.or_else(|| newest(source, kind, received_at));
        Self {
            occurred: occurred(claim, OccurredAtSource::ProviderField, received_at),
            is_exact: exact.is_some(),
        }
    }

    /// The event's times and what they prove.
    pub(super) fn fill(&self, source: &Source<'_>, meaning: Meaning, event: &mut DeliveryEvent) {
        let at = |name: &str| instant(source.tree, name);
        event.created_at = at(CREATE_TIME);
        let ordered = at("order_time");
        event.scheduled_at = ordered
            .filter(|ordered| event.created_at.is_some_and(|created| *ordered > created))
            .or_else(|| at("idle_until"));
        for name in ORDER_TIMES.into_iter().chain([CREATE_TIME, "idle_until"]) {
            keep_written(event, source.tree, "", name);
        }

        prove(event, Status::Created, event.created_at, None);
        prove(event, Status::Assigned, at("accept_time"), None);
        if source.is_instant() {
            prove(event, Status::EnRouteToPickup, at("accept_time"), None);
            prove(event, Status::AtPickup, at("board_time"), None);
            prove(event, Status::PickedUp, at("pickup_time"), None);
            prove(event, Status::InTransit, at("pickup_time"), None);
        } else {
            prove(event, Status::PickedUp, at("pickup_time"), None);
        }
        prove_end(source, event);
        if let Some(status) = meaning.milestone
            && self.is_exact
        {
            prove(event, status, Some(event.occurred_at), None);
        }
    }
}

fn prove_end(source: &Source<'_>, event: &mut DeliveryEvent) {
    let closed = match event.status {
        Some(status @ (Status::Delivered | Status::PartiallyDelivered)) => Some(status),
        Some(Status::Failed | Status::Returning | Status::Returned)
            if source.is_instant() && source.status == "COMPLETED" =>
        {
            Some(Status::Failed)
        }
        Some(_) | None => None,
    };
    if let Some(status) = closed {
        prove(event, status, instant(source.tree, "complete_time"), None);
    }
    if event.status == Some(Status::Returned) {
        prove(
            event,
            Status::Returned,
            newest_of_stops(source, "return_time"),
            None,
        );
    }
    let called_off = match event.status {
        Some(Status::Expired) => Status::Expired,
        Some(_) | None => Status::Canceled,
    };
    prove(event, called_off, instant(source.tree, "cancel_time"), None);
}

/// The time that belongs to the carrier's word.
fn exact(source: &Source<'_>, kind: Kind) -> Option<Micros> {
    let at = |name: &str| instant(source.tree, name);
    match (source.status, source.sub_status) {
        _ if kind == Kind::OrderCreated => at(CREATE_TIME),
        ("ASSIGNING", _) => at("order_time"),
        ("ACCEPTED", Some("BOARDED")) if source.is_instant() => at("board_time"),
        ("ACCEPTED", _) => at("accept_time"),
        // Near a drop: later than the pickup, perhaps also than an earlier drop.
        ("IN PROCESS", Some("COMPLETING")) if source.is_instant() => None,
        ("IN PROCESS" | "PICKED_UP", _) => at("pickup_time"),
        ("COMPLETED", Some("RETURNED")) if source.is_instant() => {
            newest_of_stops(source, "return_time").or_else(|| at("complete_time"))
        }
        ("RETURNED", _) => newest_of_stops(source, "return_time"),
        ("FAILED_1" | "FAILED_2" | "FAILED_3", _) => newest_of_stops(source, "fail_time"),
        ("COMPLETED", _) => at("complete_time"),
        ("CANCELLED", _) => at("cancel_time"),
        _ => None,
    }
}

/// The newest time that is set and not in the future; an order may be scheduled.
fn newest(source: &Source<'_>, kind: Kind, received_at: Micros) -> Option<Micros> {
    let created = (kind == Kind::OrderCreated).then_some(CREATE_TIME);
    let of_order = ORDER_TIMES.into_iter().chain(created);
    let of_order = of_order.filter_map(|name| instant(source.tree, name));
    let of_stops = STOP_TIMES
        .into_iter()
        .filter_map(|name| newest_of_stops(source, name));
    of_order
        .chain(of_stops)
        .filter(|at| occurred(Some(*at), OccurredAtSource::ProviderField, received_at).at == *at)
        .max()
}

fn newest_of_stops(source: &Source<'_>, name: &str) -> Option<Micros> {
    let stops = source.tree.at("path").items().iter();
    stops.filter_map(|stop| instant(stop, name)).max()
}

pub(super) fn instant(tree: &Tree<'_>, name: &str) -> Option<Micros> {
    let text = tree.word(name)?;
    let seconds = if text.contains(['e', 'E']) {
        epoch(&plain_number(text))
    } else {
        epoch(text)
    };
    seconds.and_then(plausible)
}

/// Keeps a time as written, unless it says that there is none; `path` is that of its object.
pub(super) fn keep_written(event: &mut DeliveryEvent, tree: &Tree<'_>, path: &str, name: &str) {
    if let Some(text) = tree.word(name).filter(|text| plain_number(text) != "0") {
        keep_raw(event, &[path, name].concat(), text);
    }
}
