//! `path[]`: 0 is the pickup, the others are drops.

use schemas::{
    Money, Status,
    delivery_event::{self, Draft, Location},
    set_aside::Why,
};

use super::{
    Source,
    input::{Order, Stop},
    order::{amount, typed},
    times::instant,
};
use crate::{
    json::malformed,
    providers::snapshot::{cut, images, note, place, prove, stop_status},
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

pub(super) fn read<'a>(order: &Order<'a>) -> Result<Vec<Stop<'a>>, Why> {
    let stops = order.path.items();
    if stops.len() > STOPS_MAX {
        return Err(malformed(
            "path",
            &format!("has more than {STOPS_MAX} entries"),
        ));
    }
    Ok(stops.iter().map(Stop::of).collect())
}

pub(super) fn drops(source: &Source<'_>) -> Drops {
    let (mut all, mut delivered, mut failed) = (0, 0, 0);
    for stop in source.stops.iter().skip(1) {
        all += 1;
        match status(source, 1, stop) {
            Some(Status::Delivered) => delivered += 1,
            Some(Status::Failed | Status::Returning | Status::Returned) => failed += 1,
            Some(_) | None => {}
        }
    }
    match (delivered, failed) {
        (0, 0) => Drops::Unknown,
        (0, _) => Drops::Failed,
        (delivered, _) if delivered == all => Drops::AllDelivered,
        _ => Drops::SomeDelivered,
    }
}

pub(super) fn fill<'a>(source: &Source<'a>, event: &mut Draft<'a>) {
    event.stops.reserve(source.stops.len());
    let stops = source.order.path.items().iter().zip(&source.stops);
    for (index, (_, stop)) in (0..).zip(stops).filter(|(_, (tree, _))| tree.is_object()) {
        let partial = partial(source, index, stop, event);
        event.stops.push(partial);
    }
}

fn partial<'a>(
    source: &Source<'a>,
    index: i32,
    stop: &Stop<'a>,
    event: &mut Draft<'a>,
) -> delivery_event::Stop<&'a str> {
    let status = status(source, index, stop);
    let at = match status {
        Some(Status::Returned) => instant(stop.return_time),
        Some(Status::Failed) => instant(stop.fail_time),
        Some(_) => instant(stop.complete_time),
        None => None,
    };
    let place = location(stop, status);
    let handed_over = if index == 0 {
        Status::PickedUp
    } else {
        Status::Delivered
    };
    for (status, name, field) in [
        (handed_over, "complete_time", stop.complete_time),
        (Status::Failed, "fail_time", stop.fail_time),
        (Status::Returned, "return_time", stop.return_time),
    ] {
        if let Some(text) = super::times::written(field) {
            keep_raw(source, event, (index, name), text);
            prove(event, status, instant(field), Some(index));
        }
    }
    images(event, stop.pod_info, "delivery", Some(index));
    images(event, stop.por_info, "return", Some(index));
    if let Some(remarks) = source.personal(stop.remarks) {
        let arena = source.webhook.arena;
        let name = arena.text(format_args!("path[{index}].remarks"));
        note(event, name, Some(remarks));
    }
    delivery_event::Stop {
        index,
        status,
        provider_status: stop.status.word().map(cut),
        latitude: place.map(|place| place.latitude),
        longitude: place.map(|place| place.longitude),
        address: source.personal(stop.address),
        contact: source.personal(stop.name),
        phone: source.personal(stop.mobile),
        occurred_at: at,
        cash_on_delivery: cash(source, index, stop.cod, event),
        failure_reason: stop.fail_comment.word().map(|text| typed(source, text)),
        tracking_id: stop.tracking_number.word().map(cut),
        ..delivery_event::Stop::default()
    }
}

/// Keeps one of a stop's fields as it was written.
fn keep_raw<'a>(
    source: &Source<'a>,
    event: &mut Draft<'a>,
    (index, field): (i32, &str),
    text: &'a str,
) {
    let arena = source.webhook.arena;
    let name = arena.text(format_args!("raw.path[{index}].{field}"));
    note(event, name, Some(text));
}

/// By its word, else by its times; goods that came back are more than failed.
fn status(source: &Source<'_>, index: i32, stop: &Stop<'_>) -> Option<Status> {
    let is_set = |field: &Tree<'_>| instant(field).is_some();
    let event_type = if index == 0 { "path[0]" } else { "path[]" };
    let said = match stop.status.word() {
        Some(word) => Some(stop_status(source.webhook, event_type, word)),
        None if index == 0 => None,
        None if is_set(stop.fail_time) => Some(Status::Failed),
        None if is_set(stop.complete_time) => Some(Status::Delivered),
        None => None,
    };
    match said {
        None | Some(Status::Failed) if index > 0 && is_set(stop.return_time) => {
            Some(Status::Returned)
        }
        said => said,
    }
}

/// The stop's own place if it is told, else where it was served.
fn location(stop: &Stop<'_>, status: Option<Status>) -> Option<Location> {
    let completed = || place(stop.complete_lat, stop.complete_lng);
    let failed = || place(stop.fail_lat, stop.fail_lng);
    place(stop.lat, stop.lng).or_else(|| match status {
        Some(Status::Failed | Status::Returned) => failed().or_else(completed),
        Some(_) | None => completed().or_else(failed),
    })
}

fn cash<'a>(
    source: &Source<'a>,
    index: i32,
    field: &Tree<'a>,
    event: &mut Draft<'a>,
) -> Option<Money<&'a str>> {
    let text = field.word()?;
    let money = amount(source, text);
    if money.is_none() {
        keep_raw(source, event, (index, "cod"), text);
    }
    money
}
