//! `path[]`: 0 is the pickup, the others are drops.

use schemas::{
    DeliveryEvent, Money, Status,
    delivery_event::{Location, Stop},
    set_aside::Why,
};

use super::{
    Source,
    order::amount,
    times::{STOP_TIMES, instant, keep_written},
};
use crate::{
    json::malformed,
    providers::snapshot::{cut, images, keep_raw, note, place, prove, stop_status},
    tree::Tree,
};

/// An order has a handful of drops.
const STOPS_MAX: usize = 200;

/// What became of the goods, as far as the drops say it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Drops {
    AllDelivered,
    SomeDelivered,
    /// None delivered, at least one failed.
    Failed,
    Unknown,
}

pub(super) fn drops(source: &Source<'_>) -> Result<Drops, Why> {
    let stops = source.tree.at("path").items();
    if stops.len() > STOPS_MAX {
        return Err(malformed(
            "path",
            &format!("has more than {STOPS_MAX} entries"),
        ));
    }
    let (mut all, mut delivered, mut failed) = (0, 0, 0);
    for stop in stops.iter().skip(1) {
        all += 1;
        match status(source, 1, stop) {
            Some(Status::Delivered) => delivered += 1,
            Some(Status::Failed | Status::Returning | Status::Returned) => failed += 1,
            Some(_) | None => {}
        }
    }
    Ok(match (delivered, failed) {
        (0, 0) => Drops::Unknown,
        (0, _) => Drops::Failed,
        (delivered, _) if delivered == all => Drops::AllDelivered,
        _ => Drops::SomeDelivered,
    })
}

pub(super) fn fill(source: &Source<'_>, event: &mut DeliveryEvent) {
    for (index, stop) in (0..).zip(source.tree.at("path").items()) {
        if stop.is_object() {
            let partial = partial(source, index, stop, event);
            event.stops.push(partial);
        }
    }
}

fn partial(source: &Source<'_>, index: i32, stop: &Tree<'_>, event: &mut DeliveryEvent) -> Stop {
    let path = format!("path[{index}].");
    let status = status(source, index, stop);
    let at = match status {
        Some(Status::Returned) => instant(stop, "return_time"),
        Some(Status::Failed) => instant(stop, "fail_time"),
        Some(_) => instant(stop, "complete_time"),
        None => None,
    };
    let place = location(stop, status);
    for name in STOP_TIMES {
        keep_written(event, stop, &path, name);
    }
    let handed_over = if index == 0 {
        Status::PickedUp
    } else {
        Status::Delivered
    };
    let proofs = [
        (handed_over, "complete_time"),
        (Status::Failed, "fail_time"),
        (Status::Returned, "return_time"),
    ];
    for (status, name) in proofs {
        prove(event, status, instant(stop, name), Some(index));
    }
    images(event, stop.at("pod_info"), "delivery", Some(index));
    images(event, stop.at("por_info"), "return", Some(index));
    if let Some(remarks) = source.personal(stop.word("remarks")) {
        note(event, [&path, "remarks"].concat(), Some(&remarks));
    }
    Stop {
        index,
        status,
        provider_status: stop.word("status").map(|word| cut(word).to_owned()),
        latitude: place.map(|place| place.latitude),
        longitude: place.map(|place| place.longitude),
        address: source.personal(stop.word("address")),
        contact: source.personal(stop.word("name")),
        phone: source.personal(stop.word("mobile")),
        occurred_at: at,
        cash_on_delivery: cash(source, stop, &path, event),
        failure_reason: stop.word("fail_comment").map(|text| cut(text).to_owned()),
        tracking_id: stop.word("tracking_number").map(|id| cut(id).to_owned()),
        ..Stop::default()
    }
}

/// By its word, else by its times; goods that came back are more than failed.
fn status(source: &Source<'_>, index: i32, stop: &Tree<'_>) -> Option<Status> {
    let is_set = |name: &str| instant(stop, name).is_some();
    let event_type = if index == 0 { "path[0]" } else { "path[]" };
    let said = match stop.word("status") {
        Some(word) => Some(stop_status(source.webhook, event_type, word)),
        None if index == 0 => None,
        None if is_set("fail_time") => Some(Status::Failed),
        None if is_set("complete_time") => Some(Status::Delivered),
        None => None,
    };
    match said {
        None | Some(Status::Failed) if index > 0 && is_set("return_time") => Some(Status::Returned),
        said => said,
    }
}

/// The stop's own place if it is told, else where it was served.
fn location(stop: &Tree<'_>, status: Option<Status>) -> Option<Location> {
    let completed = || place(stop, "complete_lat", "complete_lng");
    let failed = || place(stop, "fail_lat", "fail_lng");
    place(stop, "lat", "lng").or_else(|| match status {
        Some(Status::Failed | Status::Returned) => failed().or_else(completed),
        Some(_) | None => completed().or_else(failed),
    })
}

fn cash(
    source: &Source<'_>,
    stop: &Tree<'_>,
    path: &str,
    event: &mut DeliveryEvent,
) -> Option<Money> {
    let text = stop.word("cod")?;
    let money = amount(source, text);
    if money.is_none() {
        keep_raw(event, &[path, "cod"].concat(), text);
    }
    money
}
