//! `Packages[]`: each is a drop, counted from 1 by its place; 0 is the pickup, which is told, if at
//! all, on every package.

use schemas::{
    Micros, Status,
    delivery_event::{Draft, Location, Stop},
    set_aside::Why,
};

use super::{Source, input::Package, times::Times};
use crate::{
    json::malformed,
    providers::snapshot::{cut, note, place, prove, stop_status},
};

const PACKAGES_MAX: usize = 200;

pub(super) fn fill<'a>(
    source: &Source<'a>,
    times: &Times,
    event: &mut Draft<'a>,
) -> Result<(), Why> {
    let trees = source.order.packages.items();
    if trees.len() > PACKAGES_MAX {
        return Err(malformed(
            "order.Packages",
            &format!("has more than {PACKAGES_MAX} entries"),
        ));
    }
    let packages: Vec<Package<'a>> = trees.iter().map(Package::of).collect();
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
    for (index, (tree, package)) in (1..).zip(trees.iter().zip(&packages)) {
        if tree.is_object() {
            let stop = stop(source, (index, package), delivered_at, event);
            event.stops.push(stop);
        }
    }
    Ok(())
}

fn stop<'a>(
    source: &Source<'a>,
    (index, package): (i32, &Package<'a>),
    delivered_at: Option<Micros>,
    event: &mut Draft<'a>,
) -> Stop<&'a str> {
    let status = status(source, package);
    let occurred_at = delivered_at.filter(|_| status == Some(Status::Delivered));
    prove(event, Status::Delivered, occurred_at, Some(index));
    let arena = source.webhook.arena;
    if let Some(own) = package.package_ref.word() {
        let name = arena.text(format_args!("packages[{index}].ref"));
        note(event, name, Some(own));
    }
    if let Some(text) = package.delivery_expected_at.word() {
        let place = index - 1;
        let name = arena.text(format_args!(
            "raw.order.Packages[{place}].DeliveryExpectedAt"
        ));
        note(event, name, Some(text));
    }
    // Money is collected for the goods only where the order says so.
    let collects = source.order.is_product_order.flag() == Some(true);
    let amount = collects.then_some(package.product_amount);
    Stop {
        index,
        id: package.package_id.word().map(cut),
        status,
        provider_status: package.package_status.word().map(cut),
        address: source.personal(package.delivery_address),
        contact: source.personal(package.delivery_contact_name),
        phone: source.personal(package.delivery_contact_number),
        occurred_at,
        cash_on_delivery: amount.and_then(|field| source.amount(field)),
        tracking_id: package.package_tracking_id.word().map(cut),
        ..placed(place(package.delivery_latitude, package.delivery_longitude))
    }
}

fn pickup<'a>(source: &Source<'a>, package: &Package<'a>) -> Stop<&'a str> {
    Stop {
        address: source.personal(package.pick_up_address),
        contact: source.personal(package.pick_up_contact_name),
        phone: source.personal(package.pick_up_contact_number),
        ..placed(
            // Spelled in two ways within one payload.
            place(package.pick_up_latitude, package.pick_up_longitude)
                .or_else(|| place(package.pickup_latitude, package.pick_up_longitude)),
        )
    }
}

fn placed<'a>(place: Option<Location>) -> Stop<&'a str> {
    Stop {
        latitude: place.map(|place| place.latitude),
        longitude: place.map(|place| place.longitude),
        ..Stop::default()
    }
}

/// By its word, else by its flag.
fn status(source: &Source<'_>, package: &Package<'_>) -> Option<Status> {
    match package.package_status.word() {
        Some(word) => Some(stop_status(source.webhook, "Packages[]", word)),
        None => (package.is_delivered.flag() == Some(true)).then_some(Status::Delivered),
    }
}
