//! The order's own words: who drives, what it costs, why it was called off.

use schemas::{
    DeliveryEvent, Money, PiiRule, Status,
    delivery_event::{Driver, PricePart},
};

use super::Source;
use crate::{
    providers::snapshot::{cut, images, keep_raw, note},
    tree::{Tree, plain_number},
};

/// The price is the first that is there.
const TOTALS: [&str; 2] = ["total_pay", "total_price"];
const PRICE_PARTS: [&str; 7] = [
    "distance_price",
    "stoppoint_price",
    "special_request_price",
    "vat",
    "voucher_discount",
    "subtotal_price",
    "total_price",
];
/// Kept as they are. `surcharge` is a multiplier, equal to `surge_rate`, and no money.
const NOTES: [&str; 9] = [
    "service_id",
    "payment_method",
    "partner",
    "app",
    "promo_code",
    "surcharge",
    "surge_rate",
    "distance",
    "cancel_code",
];
/// The account is named by its owner's phone.
const PERSONAL_NOTES: [&str; 2] = ["user_id", "user_name"];
const CURRENCY: &str = "VND";
const CURRENCY_BYTES_MAX: usize = 8;

pub(super) fn fill(source: &Source<'_>, event: &mut DeliveryEvent) {
    let tree = source.tree;
    event.driver = driver(source);
    event.market = tree.word("city_id").map(|city| cut(city).to_owned());
    event.store_id = tree
        .word("store_id")
        .filter(|id| *id != "0")
        .map(|id| cut(id).to_owned());
    event.attempt = source
        .status
        .strip_prefix("FAILED_")
        .filter(|_| !source.is_instant())
        .and_then(|digits| digits.parse().ok())
        .filter(|attempt| *attempt > 0);
    money(source, event);
    canceled(source, event);
    link(source, event);
    for name in NOTES {
        note(event, name, tree.word(name));
    }
    for name in PERSONAL_NOTES {
        note(event, name, source.personal(tree.word(name)).as_deref());
    }
}

/// Drivers are often known by their phone.
fn driver(source: &Source<'_>) -> Option<Driver> {
    let id = source.tree.word("supplier_id");
    let driver = Driver {
        id: match id {
            Some(id) if is_phone(id) => source.privacy.apply(id),
            Some(id) => Some(cut(id).to_owned()),
            None => None,
        },
        name: source.personal(source.tree.word("supplier_name")),
        ..Driver::default()
    };
    (driver != Driver::default()).then_some(driver)
}

/// A number as Vietnam writes them, with or without its country's prefix.
fn is_phone(text: &str) -> bool {
    let digits = text.strip_prefix('+').unwrap_or(text);
    (10..=12).contains(&digits.len())
        && (digits.starts_with("84") || digits.starts_with('0'))
        && digits.bytes().all(|b| b.is_ascii_digit())
}

fn money(source: &Source<'_>, event: &mut DeliveryEvent) {
    let tree = source.tree;
    for name in TOTALS.into_iter().chain(PRICE_PARTS) {
        let Some(text) = tree.word(name) else {
            continue;
        };
        match amount(source, text) {
            None => keep_raw(event, name, text),
            Some(money) if TOTALS.contains(&name) && event.price.is_none() => {
                event.price = Some(money);
            }
            Some(money) if event.price_parts.iter().all(|part| part.name != name) => {
                event.price_parts.push(PricePart {
                    name: name.to_owned(),
                    money,
                });
            }
            Some(_) => {}
        }
    }
}

/// The order's currency: its own, else the endpoint's.
pub(super) fn currency<'a>(tree: &'a Tree<'_>, of_endpoint: Option<&'a str>) -> &'a str {
    tree.word("currency")
        .filter(|code| code.len() <= CURRENCY_BYTES_MAX)
        .or(of_endpoint)
        .unwrap_or(CURRENCY)
}

/// An amount of the order's currency. The dong has no minor unit, so `33000.0` is 33000.
pub(super) fn amount(source: &Source<'_>, text: &str) -> Option<Money> {
    let text = if source.currency == CURRENCY {
        plain_number(text)
    } else {
        text.into()
    };
    Money::parse(&text, source.currency).ok()
}

fn canceled(source: &Source<'_>, event: &mut DeliveryEvent) {
    let tree = source.tree;
    images(event, tree.at("cancel_image_url"), "cancellation", None);
    event.cancel_reason = tree.word("cancel_comment").map(|text| cut(text).to_owned());
    let by_user = tree.flag("cancel_by_user");
    event.canceled_by = match (event.status, by_user) {
        (Some(Status::Expired), _) => Some("system".to_owned()),
        (Some(Status::Canceled), Some(true)) => Some("user".to_owned()),
        (Some(Status::Canceled), Some(false)) => Some("driver_or_system".to_owned()),
        (_, _) => None,
    };
}

/// Whether the comment is the carrier's own for an order that no driver took in time.
pub(super) fn nobody_accepted(tree: &Tree<'_>) -> bool {
    let Some(comment) = tree.word("cancel_comment") else {
        return false;
    };
    if tree.flag("cancel_by_user") == Some(true) {
        return false;
    }
    let comment = comment.to_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| comment.contains(word));
    says(&["no driver", "không có tài xế", "không tìm thấy tài xế"])
        && says(&["auto", "accept", "tự động", "nhận"])
}

/// The tail of the shared link is a phone, and so is a part of the other one's query.
fn link(source: &Source<'_>, event: &mut DeliveryEvent) {
    let keep = source.webhook.headers.pii == PiiRule::Keep;
    event.share_link = match source.tree.word("shared_link") {
        Some(link) if keep => Some(link.to_owned()),
        Some(link) => without_tail(link),
        None => None,
    };
    if keep {
        let portal = source.tree.word("insurance_portal_url");
        note(event, "insurance_portal_url", portal);
    }
}

/// A link without its last segment and its query; none where nothing but the host is left.
fn without_tail(link: &str) -> Option<String> {
    let link = link.split(['?', '#']).next()?.trim_end_matches('/');
    let (host, _) = link
        .split_once("://")
        .map(|(_, rest)| rest)?
        .split_once('/')?;
    let (head, _) = link.rsplit_once('/')?;
    (!head.ends_with(host)).then(|| head.to_owned())
}
