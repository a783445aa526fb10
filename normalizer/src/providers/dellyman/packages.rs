//! `Packages[]`: each is a drop, counted from 1 by its place; 0 is the pickup, which is told, if at
//! all, on every package.

use schemas::{
    DeliveryEvent, Micros, Status,
    delivery_event::{Location, Stop},
    set_aside::Why,
};

use super::{Source, times::Times};
use crate::{
    json::malformed,
    providers::snapshot::{cut, keep_raw, note, place, prove, stop_status},
    tree::Tree,
};

const PACKAGES_MAX: usize = 200;

pub(super) fn fill(
    source: &Source<'_>,
    times: &Times,
    event: &mut DeliveryEvent,
) -> Result<(), Why> {
    let packages = source.order.at("Packages").items();
    if packages.len() > PACKAGES_MAX {
        return Err(malformed(
            "order.Packages",
            &format!("has more than {PACKAGES_MAX} entries"),
        ));
    }
    let delivered = packages
        .iter()
        .filter(|package| status(source, package) == Some(Status::Delivered));
    // One time for the whole order says nothing about one of several packages.
    let delivered_at = match delivered.count() {
        1 => times.delivered_at(),
        _ => None,
    };
    if let Some(first) = packages.first() {
        let pickup = pickup(source, first);
        if pickup != Stop::default() {
            event.stops.push(pickup);
        }
    }
    for (index, package) in (1..).zip(packages) {
        if package.is_object() {
            let stop = stop(source, (index, package), delivered_at, event);
            event.stops.push(stop);
        }
    }
    Ok(())
}

fn stop(
    source: &Source<'_>,
    (index, package): (i32, &Tree<'_>),
    delivered_at: Option<Micros>,
    event: &mut DeliveryEvent,
) -> Stop {
    let word = |name: &str| package.word(name).map(|word| cut(word).to_owned());
    let status = status(source, package);
    let occurred_at = delivered_at.filter(|_| status == Some(Status::Delivered));
    prove(event, Status::Delivered, occurred_at, Some(index));
    let path = format!("packages[{index}]");
    note(event, [&path, ".ref"].concat(), package.word("PackageRef"));
    if let Some(text) = package.word("DeliveryExpectedAt") {
        keep_raw(event, &format!("{path}.DeliveryExpectedAt"), text);
    }
    // Money is collected for the goods only where the order says so.
    let collects = source.order.flag("IsProductOrder") == Some(true);
    let amount = package.word("ProductAmount").filter(|_| collects);
    Stop {
        index,
        id: word("PackageID"),
        status,
        provider_status: word("PackageStatus"),
        address: source.personal(package.word("DeliveryGooglePlaceAddress")),
        contact: source.personal(package.word("DeliveryContactName")),
        phone: source.personal(package.word("DeliveryContactNumber")),
        occurred_at,
        cash_on_delivery: amount.and_then(|text| source.amount(text)),
        tracking_id: word("PackageTrackingID"),
        ..placed(place(package, "DeliveryLatitude", "DeliveryLongitude"))
    }
}

fn pickup(source: &Source<'_>, package: &Tree<'_>) -> Stop {
    Stop {
        address: source.personal(package.word("PickUpGooglePlaceAddress")),
        contact: source.personal(package.word("PickUpContactName")),
        phone: source.personal(package.word("PickUpContactNumber")),
        ..placed(
            // Spelled in two ways within one payload.
            place(package, "PickUpLatitude", "PickUpLongitude")
                .or_else(|| place(package, "PickupLatitude", "PickUpLongitude")),
        )
    }
}

fn placed(place: Option<Location>) -> Stop {
    Stop {
        latitude: place.map(|place| place.latitude),
        longitude: place.map(|place| place.longitude),
        ..Stop::default()
    }
}

/// By its word, else by its flag.
fn status(source: &Source<'_>, package: &Tree<'_>) -> Option<Status> {
    match package.word("PackageStatus") {
        Some(word) => Some(stop_status(source.webhook, "Packages[]", word)),
        None => (package.flag("IsDelivered") == Some(true)).then_some(Status::Delivered),
    }
}
