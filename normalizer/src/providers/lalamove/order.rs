//! The order's own words, its driver, where he was, and what the tenant wrote on it.

use schemas::{
    Kind, Micros,
    delivery_event::{Draft, Driver, Location},
    ids::TEXT_BYTES_MAX,
    set_aside::Why,
};

use super::{
    Source,
    input::{Coordinates, Order},
    keep_raw, required,
};
use crate::{
    arena::Arena,
    json::Scalar,
    providers::snapshot::{cut, note},
};

/// Metadata names that mean the tenant's own order id, in lower case without `_` and `-`; the
/// first that is there wins.
const OWN_ORDER_ID: [&str; 12] = [
    "externalorderid",
    "merchantorderid",
    "restaurantorderid",
    "clientorderid",
    "orderid",
    "ordernumber",
    "orderno",
    "orderreference",
    "orderref",
    "externalid",
    "referenceid",
    "reference",
];
const METADATA_NAME_BYTES_MAX: usize = 64;

pub(super) fn fill<'a>(source: &Source<'_, 'a>, event: &mut Draft<'a>) -> Result<(), Why> {
    let data = source.data;
    let typed = |text: &'a str| cut(source.privacy.apply_within(text));
    event.edited_by = data.edit_party.word().map(cut);
    event.edit_reason = data.edit_reason.word().map(typed);
    if let Some(previous) = data.previous_data.get() {
        let stops = previous.stops.items.len();
        let stops = source.webhook.arena.text(format_args!("{stops}"));
        event.attributes.insert("previous_stops", stops);
    }
    event.driver = driver(source);
    if let Some(place) = data.location.get() {
        event.location = location(place);
        if event.location.is_none() {
            keep_raw(event, "raw.data.location.lat", &place.lat);
            keep_raw(event, "raw.data.location.lng", &place.lng);
        }
    }
    let Some(order) = source.order else {
        return Ok(());
    };
    status(order, event)?;
    event.canceled_by = order.cancel_party.word().map(cut);
    event.cancel_reason = order.cancel_reason.word().map(typed);
    let market = order.market.word().or_else(|| order.city.word());
    event.market = market.map(cut);
    dates(source, order, event);
    note(event, "quotation_id", order.quotation_id.word());
    if let Some(distance) = order.distance.get() {
        for (name, value) in [
            ("distance.value", &distance.value),
            ("distance.unit", &distance.unit),
        ] {
            note(event, name, value.word());
        }
    }
    metadata(source, order, event);
    Ok(())
}

/// The status words stand in their fields only where the event is about the status.
fn status<'a>(order: &Order<'a>, event: &mut Draft<'a>) -> Result<(), Why> {
    if event.kind == Kind::OrderStatusChanged {
        event.provider_status = Some(required(&order.status, "data.order.status")?);
        // An empty one says that this is the order's first status, which is more than nothing.
        let previous = &order.previous_status;
        event.provider_previous_status = match *previous {
            Scalar::Text(text) => Some(text),
            Scalar::Absent | Scalar::Number(_) | Scalar::Bool(_) | Scalar::Other(_) => {
                previous.word()
            }
        };
        return Ok(());
    }
    for (name, word) in [
        ("collateral_status", &order.status),
        ("collateral_previous_status", &order.previous_status),
    ] {
        note(event, name, word.word());
    }
    Ok(())
}

fn dates<'a>(source: &Source<'_, 'a>, order: &Order<'a>, event: &mut Draft<'a>) {
    event.created_at = source.times.instant(&order.created_at);
    keep_raw(event, "raw.data.order.createdAt", &order.created_at);
    event.scheduled_at = source.times.instant(&order.schedule_at);
    keep_raw(event, "raw.data.order.scheduleAt", &order.schedule_at);
    event.share_link = order.share_link.word();
    let arena = source.webhook.arena;
    let hidden = |link| hidden_creation_time(arena, link);
    if let Some(local) = event.share_link.and_then(hidden) {
        event.attributes.insert("derived.created_at_local", local);
    }
}

/// A driver who is not named is not a driver who left: `""` gives none.
fn driver<'a>(source: &Source<'_, 'a>) -> Option<Driver<&'a str>> {
    let personal = |field: Scalar<'a>| field.word().and_then(|text| source.privacy.apply(text));
    let driver = match source.data.driver.get() {
        Some(driver) => Driver {
            id: driver.driver_id.word(),
            name: personal(driver.name),
            phone: personal(driver.phone),
            plate_number: personal(driver.plate_number),
            photo_url: personal(driver.photo),
        },
        None => Driver {
            id: source.order?.driver_id.word(),
            ..Driver::default()
        },
    };
    (driver != Driver::default()).then_some(driver)
}

/// Both degrees, or none. Whether they lie in the market says nothing.
pub(super) fn location(place: &Coordinates<'_>) -> Option<Location> {
    let degrees = |text: &str, most: f64| {
        text.parse::<f64>()
            .ok()
            .filter(|degrees| degrees.abs() <= most)
    };
    Some(Location {
        latitude: degrees(place.lat.word()?, 90.0)?,
        longitude: degrees(place.lng.word()?, 180.0)?,
    })
}

/// Digits 6 to 17 of a share link's token are the order's creation on the local clock: `HK100` and
/// then `yyMMddHHmmss`. Nobody documents it, so it stands apart from `created_at`.
fn hidden_creation_time<'a>(arena: &'a Arena, link: &str) -> Option<&'a str> {
    let token = link.split_once('?')?.1.split('&').next()?;
    let digits = token.get(5..17)?;
    if !token
        .get(2..5)?
        .bytes()
        .chain(digits.bytes())
        .all(|b| b.is_ascii_digit())
    {
        return None;
    }
    let mut time = *b"20yy-mm-ddThh:mm:ss";
    let places = time.get_mut(2..)?.chunks_mut(3);
    for (place, pair) in places.zip(digits.as_bytes().chunks_exact(2)) {
        place.get_mut(..2)?.copy_from_slice(pair);
    }
    Micros::of_clock(&time)?;
    // Sixty years on, and before there were carriers, two digits say nothing.
    ("10".."69")
        .contains(&digits.get(..2)?)
        .then_some(arena.copied(std::str::from_utf8(&time).ok()?))
}

/// Free words of the tenant: his own order id is taken out, the rest may be about people.
fn metadata<'a>(source: &Source<'_, 'a>, order: &Order<'a>, event: &mut Draft<'a>) {
    let pairs = &order.metadata;
    let folded = |name: &str| {
        name.bytes()
            .filter(|b| !matches!(b, b'_' | b'-'))
            .map(|b| b.to_ascii_lowercase())
            .collect::<Vec<u8>>()
    };
    let own = pairs
        .0
        .iter()
        .filter_map(|(name, value)| {
            let word = value.word().filter(|word| word.len() <= TEXT_BYTES_MAX)?;
            let rank = OWN_ORDER_ID
                .iter()
                .position(|own| own.as_bytes() == folded(name))?;
            Some((rank, *name, word))
        })
        .min();
    event.external_order_id = own.map(|(_, _, word)| word);
    for (name, value) in &pairs.0 {
        let named = name.len() <= METADATA_NAME_BYTES_MAX
            && name.bytes().next().is_some_and(|b| b.is_ascii_alphabetic())
            && name
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'));
        if !named || own.is_some_and(|(_, own, _)| own == *name) {
            continue;
        }
        let word = value.any_word().filter(|word| word.len() <= TEXT_BYTES_MAX);
        if let Some(word) = word.and_then(|word| source.privacy.apply(word)) {
            let name = source.webhook.arena.concat(&["metadata.", name]);
            event.attributes.insert(name, word);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_link_hides_the_local_creation_time() {
        let check = |link: &str, expected: Option<&str>| {
            let arena = Arena::default();
            assert_eq!(hidden_creation_time(&arena, link), expected, "{link}");
        };
        let base = "https://share.sandbox.lalamove.com/?";
        check(
            &format!("{base}HK100220421225917404910010098642208&lang=zh_HK"),
            Some("2022-04-21T22:59:17"),
        );
        check(
            &format!("{base}MY100250803154824&x=1"),
            Some("2025-08-03T15:48:24"),
        );
        check(&format!("{base}HK100221321225917"), None);
        check(&format!("{base}HK1"), None);
        check(&format!("{base}é€100220421225917"), None);
        check("https://share.lalamove.com/", None);
    }
}
