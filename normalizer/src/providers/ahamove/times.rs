//! When it happened: the time that belongs to the status, else the newest one that is set. All are
//! seconds since 1970, as whole numbers or with a fraction.

use schemas::{Kind, Micros, OccurredAtSource, Status, delivery_event::Draft, mapping::Meaning};

use super::{Source, input::Stop};
use crate::{
    event_time::{Occurred, claimed, epoch, occurred, plausible},
    providers::snapshot::{note, prove},
    tree::{Tree, plain_number},
};

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
    pub(super) fn fill<'a>(&self, source: &Source<'a>, meaning: Meaning, event: &mut Draft<'a>) {
        let order = &source.order;
        event.created_at = instant(order.create_time);
        let ordered = instant(order.order_time);
        event.scheduled_at = ordered
            .filter(|ordered| event.created_at.is_some_and(|created| *ordered > created))
            .or_else(|| instant(order.idle_until));
        for (name, field) in [
            ("raw.accept_time", order.accept_time),
            ("raw.board_time", order.board_time),
            ("raw.cancel_time", order.cancel_time),
            ("raw.complete_time", order.complete_time),
            ("raw.create_time", order.create_time),
            ("raw.idle_until", order.idle_until),
            ("raw.order_time", order.order_time),
            ("raw.pickup_time", order.pickup_time),
        ] {
            note(event, name, written(field));
        }

        prove(event, Status::Created, event.created_at, None);
        prove(event, Status::Assigned, instant(order.accept_time), None);
        if source.is_instant() {
            prove(
                event,
                Status::EnRouteToPickup,
                instant(order.accept_time),
                None,
            );
            prove(event, Status::AtPickup, instant(order.board_time), None);
            prove(event, Status::PickedUp, instant(order.pickup_time), None);
            prove(event, Status::InTransit, instant(order.pickup_time), None);
        } else {
            prove(event, Status::PickedUp, instant(order.pickup_time), None);
        }
        prove_end(source, event);
        if let Some(status) = meaning.milestone
            && self.is_exact
        {
            prove(event, status, Some(event.occurred_at), None);
        }
    }
}

fn prove_end(source: &Source<'_>, event: &mut Draft<'_>) {
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
        prove(event, status, instant(source.order.complete_time), None);
    }
    if event.status == Some(Status::Returned) {
        prove(
            event,
            Status::Returned,
            newest_of_stops(source, |stop| stop.return_time),
            None,
        );
    }
    let called_off = match event.status {
        Some(Status::Expired) => Status::Expired,
        Some(_) | None => Status::Canceled,
    };
    prove(event, called_off, instant(source.order.cancel_time), None);
}

/// The time that belongs to the carrier's word.
fn exact(source: &Source<'_>, kind: Kind) -> Option<Micros> {
    let order = &source.order;
    match (source.status, source.sub_status) {
        _ if kind == Kind::OrderCreated => claim(order.create_time),
        ("ASSIGNING", _) => claim(order.order_time),
        ("ACCEPTED", Some("BOARDED")) if source.is_instant() => claim(order.board_time),
        ("ACCEPTED", _) => claim(order.accept_time),
        // Near a drop: later than the pickup, perhaps also than an earlier drop.
        ("IN PROCESS", Some("COMPLETING")) if source.is_instant() => None,
        ("PICKED_UP", _) if source.is_instant() => claim(order.pickup_time),
        // It leaves the warehouse, after it came there and after the last mile was accepted.
        ("PICKED_UP", _) => claim(order.pickup_time).max(claim(order.accept_time)),
        ("IN PROCESS", _) => claim(order.pickup_time),
        ("COMPLETED", Some("RETURNED")) if source.is_instant() => {
            newest_of_stops(source, |stop| stop.return_time).or_else(|| claim(order.complete_time))
        }
        ("RETURNED", _) => newest_of_stops(source, |stop| stop.return_time),
        ("FAILED_1" | "FAILED_2" | "FAILED_3", _) => newest_of_stops(source, |stop| stop.fail_time),
        ("COMPLETED", _) => claim(order.complete_time),
        ("CANCELLED", _) => claim(order.cancel_time),
        _ => None,
    }
}

/// The newest time that is set and not in the future; an order may be scheduled. Its creation dates
/// nothing else, also where an order for now repeats it as `order_time`.
fn newest(source: &Source<'_>, kind: Kind, received_at: Micros) -> Option<Micros> {
    let order = &source.order;
    let created = (kind == Kind::OrderCreated).then_some(order.create_time);
    let scheduled =
        (instant(order.order_time) != instant(order.create_time)).then_some(order.order_time);
    let of_order = [
        order.accept_time,
        order.board_time,
        order.pickup_time,
        order.complete_time,
        order.cancel_time,
    ];
    let stops = source.stops.iter();
    let of_stops = stops.flat_map(|stop| [stop.complete_time, stop.fail_time, stop.return_time]);
    of_order
        .into_iter()
        .chain(scheduled)
        .chain(created)
        .chain(of_stops)
        .filter_map(instant)
        .filter(|at| occurred(Some(*at), OccurredAtSource::ProviderField, received_at).at == *at)
        .max()
}

fn newest_of_stops<'a>(
    source: &Source<'a>,
    time: impl Fn(&Stop<'a>) -> &'a Tree<'a>,
) -> Option<Micros> {
    let stops = source.stops.iter();
    stops.filter_map(|stop| instant(time(stop))).max()
}

pub(super) fn instant(field: &Tree<'_>) -> Option<Micros> {
    claim(field).and_then(plausible)
}

/// The same, however far in the future.
fn claim(field: &Tree<'_>) -> Option<Micros> {
    let text = field.word().filter(|text| *text != "0")?;
    let seconds = if text.bytes().any(|byte| matches!(byte, b'e' | b'E')) {
        epoch(&plain_number(text))
    } else {
        epoch(text)
    };
    seconds.and_then(claimed)
}

/// A time as written, unless it says that there is none.
pub(super) fn written<'a>(field: &Tree<'a>) -> Option<&'a str> {
    /// So short a fraction is not rounded to zero.
    const SHORT: usize = 32;
    let text = field.word().filter(|text| *text != "0")?;
    let has = |wanted: fn(&u8) -> bool| text.as_bytes().iter().any(wanted);
    let is_plainly_some = text.len() <= SHORT
        && has(|byte| matches!(byte, b'1'..=b'9'))
        && !has(|byte| matches!(byte, b'e' | b'E'));
    (is_plainly_some || plain_number(text) != "0").then_some(text)
}
