//! Dellyman of Nigeria: the whole order each time, without an event's id, type or time, and at times
//! percent-encoded. Its clock texts name no zone, and not all are of the same one: two of them say
//! little about what came first, and nothing here compares them.
//!
//! The order lags behind its packages: a `DeliveredAt` under INTRANSIT is about the package. Ids
//! repeat across levels, so a package is known by its own id within its order.

mod body;
mod packages;
mod times;

use schemas::{
    DeliveryEvent, Money, OrderId, delivery_event::Driver, mapping::Words, set_aside::Why,
};

use self::times::Times;
use super::snapshot::{self, cut, keep_raw, note};
use crate::{
    json::{malformed, missing},
    normalize::{Essentials, Webhook},
    privacy::TenantPrivacy,
    tree::Tree,
};

/// What hands the goods over to whoever knows it is no part of an order's state.
const NOT_IDENTITY: [&str; 1] = ["DeliveryCode"];
const CURRENCY: &str = "NGN";
/// Kept as they are.
const NOTES: [(&str, &str); 4] = [
    ("OrderCode", "order_code"),
    ("TrackingID", "tracking_id"),
    ("CustomerID", "customer_id"),
    ("CompanyID", "company_id"),
];
const FLAGS: [(&str, &str); 3] = [
    ("IsInstantDelivery", "is_instant_delivery"),
    ("IsProductOrder", "is_product_order"),
    ("IsPostpaid", "is_postpaid"),
];

/// Everything that the parts of an event are made from.
struct Source<'a> {
    webhook: &'a Webhook<'a>,
    order: &'a Tree<'a>,
    status: &'a str,
    privacy: TenantPrivacy<'a>,
}

pub(crate) fn events(webhook: &Webhook<'_>) -> Result<Vec<DeliveryEvent>, Why> {
    let body = body::decoded(webhook.body)?;
    let tree = Tree::read(&body)?;
    let order = tree.at("order");
    if !order.is_object() {
        return Err(if order.scalar().is_empty() {
            missing("order")
        } else {
            malformed("order", "is not an object")
        });
    }
    let id = order.required("OrderID", "order.OrderID")?;
    let order_id =
        OrderId::new(id).map_err(|error| malformed("order.OrderID", &error.to_string()))?;
    let status = order.required("OrderStatus", "order.OrderStatus")?;
    let headers = webhook.headers;
    let source = Source {
        webhook,
        order,
        status,
        privacy: webhook.rules.privacy.of(&headers.tenant, headers.pii),
    };
    let words = Words {
        provider_status: Some(status),
        ..Words::default()
    };
    let meaning = snapshot::meaning(webhook, words);
    let times = Times::new(&source, meaning.kind);
    let mut event = webhook.event(Essentials {
        order_id: Some(&order_id),
        unit: "order",
        kind: meaning.kind,
        event_type: "",
        dedup_key: &[&tree.digest(&NOT_IDENTITY)],
        occurred: times.occurred,
    });
    event.status = meaning.status;
    event.provider_status = Some(source.status.to_owned());
    times.fill(&source, meaning, &mut event);
    source.fill(&mut event);
    packages::fill(&source, &times, &mut event)?;
    Ok(vec![event])
}

impl Source<'_> {
    fn fill(&self, event: &mut DeliveryEvent) {
        let order = self.order;
        if let Some(text) = order.word("OrderPrice") {
            event.price = self.amount(text);
            if event.price.is_none() {
                keep_raw(event, "order.OrderPrice", text);
            }
        }
        let own = ["OrderRef", "Reference"];
        let own = own.iter().find_map(|name| order.word(name));
        event.external_order_id = own.map(|id| cut(id).to_owned());
        let rider = self.personal(order.word("RiderName"));
        event.driver = rider.map(|name| Driver {
            name: Some(name),
            ..Driver::default()
        });
        event.location = snapshot::place(order, "RiderLatitude", "RiderLongitude");
        for (field, name) in NOTES {
            note(event, name, order.word(field));
        }
        for (field, name) in FLAGS {
            let flag = order
                .flag(field)
                .map(|flag| if flag { "true" } else { "false" });
            note(event, name, flag);
        }
        note(event, "note", self.personal(order.word("Note")).as_deref());
    }

    fn amount(&self, text: &str) -> Option<Money> {
        let currency = self.webhook.headers.currency.as_deref();
        Money::parse(text, currency.unwrap_or(CURRENCY)).ok()
    }

    fn personal(&self, word: Option<&str>) -> Option<String> {
        word.and_then(|word| self.privacy.apply(word))
    }
}

#[cfg(test)]
mod tests;
