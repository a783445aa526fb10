//! The order's own words: who drives, what it costs, why it was called off.

use schemas::{
    Money, PiiRule, Status,
    delivery_event::{Draft, Driver, PricePart},
};

use super::{Source, comment::says_nobody_accepted, input::Order};
use crate::{
    amount,
    providers::snapshot::{cut, images, note},
};

/// So many of the amounts are totals.
const TOTALS: usize = 2;
const CURRENCY: &str = "VND";
const CURRENCY_BYTES_MAX: usize = 8;

pub(super) fn fill<'a>(source: &Source<'a>, event: &mut Draft<'a>) {
    let order = &source.order;
    event.driver = driver(source);
    event.market = order.city_id.word().map(cut);
    event.store_id = order.store_id.word().filter(|id| *id != "0").map(cut);
    event.attempt = source
        .status
        .strip_prefix("FAILED_")
        .filter(|_| !source.is_instant())
        .and_then(|digits| digits.parse().ok())
        .filter(|attempt| *attempt > 0);
    money(source, event);
    canceled(source, event);
    link(source, event);
    for (name, field) in [
        ("app", order.app),
        ("cancel_code", order.cancel_code),
        ("distance", order.distance),
        ("partner", order.partner),
        ("payment_method", order.payment_method),
        ("promo_code", order.promo_code),
    ] {
        note(event, name, field.word());
    }
}

/// The attributes that stand after the times, by name.
pub(super) fn describe<'a>(source: &Source<'a>, event: &mut Draft<'a>) {
    let order = &source.order;
    for (name, text) in [
        ("service", Some(source.service)),
        ("service_id", order.service_id.word()),
        ("sub_status", source.sub_status),
        // A multiplier, equal to `surge_rate`, and no money.
        ("surcharge", order.surcharge.word()),
        ("surge_rate", order.surge_rate.word()),
        // The account is named by its owner's phone.
        ("user_id", source.personal(order.user_id)),
        ("user_name", source.personal(order.user_name)),
    ] {
        note(event, name, text);
    }
}

/// Drivers are often known by their phone.
fn driver<'a>(source: &Source<'a>) -> Option<Driver<&'a str>> {
    let driver = Driver {
        id: match source.order.supplier_id.word() {
            Some(id) if is_phone(id) => source.privacy.apply(id),
            Some(id) => Some(cut(id)),
            None => None,
        },
        name: source.personal(source.order.supplier_name),
        ..Driver::default()
    };
    (driver.id.is_some() || driver.name.is_some()).then_some(driver)
}

/// A number as Vietnam writes them, with or without its country's prefix, grouped or not.
fn is_phone(text: &str) -> bool {
    let (mut count, mut first) = (0, ['0'; 2]);
    for c in text.chars() {
        if c.is_ascii_digit() {
            if let Some(place) = first.get_mut(count) {
                *place = c;
            }
            count += 1;
        } else if c.is_alphanumeric() {
            return false;
        }
    }
    (10..=12).contains(&count) && (first == ['8', '4'] || first[0] == '0')
}

/// The price is the first total that is there; every other amount is a part.
fn money<'a>(source: &Source<'a>, event: &mut Draft<'a>) {
    let order = &source.order;
    let amounts = [
        ("total_pay", "raw.total_pay", order.total_pay),
        ("total_price", "raw.total_price", order.total_price),
        ("distance_price", "raw.distance_price", order.distance_price),
        (
            "stoppoint_price",
            "raw.stoppoint_price",
            order.stoppoint_price,
        ),
        (
            "special_request_price",
            "raw.special_request_price",
            order.special_request_price,
        ),
        ("vat", "raw.vat", order.vat),
        (
            "voucher_discount",
            "raw.voucher_discount",
            order.voucher_discount,
        ),
        ("subtotal_price", "raw.subtotal_price", order.subtotal_price),
        // Also where it is the price.
        ("total_price", "raw.total_price", order.total_price),
    ];
    event.price_parts.reserve(amounts.len());
    for (place, (name, raw, field)) in amounts.into_iter().enumerate() {
        let Some(text) = field.word() else {
            continue;
        };
        match amount(source, text) {
            None => note(event, raw, Some(text)),
            Some(money) if place < TOTALS && event.price.is_none() => event.price = Some(money),
            Some(money) if event.price_parts.iter().all(|part| part.name != name) => {
                event.price_parts.push(PricePart { name, money });
            }
            Some(_) => {}
        }
    }
}

/// The order's currency: its own, else the endpoint's.
pub(super) fn currency<'a>(order: &Order<'a>, of_endpoint: Option<&'a str>) -> &'a str {
    let own = order.currency.word();
    own.filter(|code| code.len() <= CURRENCY_BYTES_MAX)
        .or(of_endpoint)
        .unwrap_or(CURRENCY)
}

/// An amount of the order's currency. The dong has no minor unit, so `33000.0` is 33000.
pub(super) fn amount<'a>(source: &Source<'a>, text: &str) -> Option<Money<&'a str>> {
    let money = amount::spelled(text, source.currency)?;
    Some(if source.currency == CURRENCY {
        amount::shortest(money)
    } else {
        money
    })
}

fn canceled<'a>(source: &Source<'a>, event: &mut Draft<'a>) {
    let order = &source.order;
    images(event, order.cancel_image_url, "cancellation", None);
    event.cancel_reason = order.cancel_comment.word().map(|text| typed(source, text));
    event.canceled_by = match (event.status, order.cancel_by_user.flag()) {
        (Some(Status::Expired), _) => Some("system"),
        (Some(Status::Canceled), Some(true)) => Some("user"),
        (Some(Status::Canceled), Some(false)) => Some("driver_or_system"),
        (_, _) => None,
    };
}

/// What somebody typed.
pub(super) fn typed<'a>(source: &Source<'a>, text: &'a str) -> &'a str {
    cut(source.privacy.apply_within(text))
}

/// Whether the carrier called the order off because no driver took it in time; what the customer
/// says of it is his own reason.
pub(super) fn nobody_accepted(order: &Order<'_>) -> bool {
    let comment = order.cancel_comment.word();
    order.cancel_by_user.flag() != Some(true) && comment.is_some_and(says_nobody_accepted)
}

/// The tail of the shared link is a phone, and so is a part of the other one's query.
fn link<'a>(source: &Source<'a>, event: &mut Draft<'a>) {
    let keep = source.webhook.headers.pii == PiiRule::Keep;
    event.share_link = match source.order.shared_link.word() {
        Some(link) if keep => Some(link),
        Some(link) => without_tail(link),
        None => None,
    };
    if keep {
        let portal = source.order.insurance_portal_url.word();
        note(event, "insurance_portal_url", portal);
    }
}

/// A link without its last segment and its query; none where nothing but the host is left.
fn without_tail(link: &str) -> Option<&str> {
    let link = link.split(['?', '#']).next()?.trim_end_matches('/');
    let (host, _) = link
        .split_once("://")
        .map(|(_, rest)| rest)?
        .split_once('/')?;
    let (head, _) = link.rsplit_once('/')?;
    (!head.ends_with(host)).then_some(head)
}
