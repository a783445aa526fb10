//! Dellyman of Nigeria: the whole order each time, without an event's id, type or time, and at times
//! percent-encoded. Its clock texts name no zone, and not all are of the same one: two of them say
//! little about what came first, and nothing here compares them.
//!
//! The order lags behind its packages: a `DeliveredAt` under INTRANSIT is about the package. Ids
//! repeat across levels, so a package is known by its own id within its order.

mod body;
mod input;
mod packages;
mod times;

use schemas::{
    Money, OrderId,
    delivery_event::{Draft, Driver},
    mapping::Words,
    set_aside::Why,
};

use self::{
    input::{Body, Order},
    times::Times,
};
use super::snapshot::{self, cut, note};
use crate::{
    amount,
    json::{malformed, missing},
    normalize::{Essentials, Webhook},
    privacy::TenantPrivacy,
    tree::Tree,
};

/// What hands the goods over to whoever knows it is no part of an order's state.
const NOT_IDENTITY: [&str; 1] = ["DeliveryCode"];
const CURRENCY: &str = "NGN";

/// Everything that the parts of an event are made from.
struct Source<'a> {
    webhook: Webhook<'a>,
    order: Order<'a>,
    status: &'a str,
    privacy: TenantPrivacy<'a>,
}

pub(crate) fn events(webhook: Webhook<'_>) -> Result<Vec<Draft<'_>>, Why> {
    let body = body::decoded(webhook.arena, webhook.body)?;
    let tree = Tree::read(webhook.arena, body)?;
    let order = Body::of(&tree).order;
    if !order.is_object() {
        return Err(if order.is_empty() {
            missing("order")
        } else {
            malformed("order", "is not an object")
        });
    }
    let order = Order::of(order);
    let id = order.order_id.required("order.OrderID")?;
    let order_id =
        OrderId::borrowed(id).map_err(|error| malformed("order.OrderID", &error.to_string()))?;
    let status = order.order_status.required("order.OrderStatus")?;
    let source = Source {
        webhook,
        order,
        status,
        privacy: webhook.privacy(),
    };
    let words = Words {
        provider_status: Some(status),
        ..Words::default()
    };
    let meaning = snapshot::meaning(webhook, words);
    let times = Times::new(&source, meaning.kind);
    let mut event = webhook.event(Essentials {
        order_id: Some(order_id),
        unit: "order",
        kind: meaning.kind,
        event_type: "",
        dedup_key: &[tree.digest(&NOT_IDENTITY, webhook.arena)],
        occurred: times.occurred,
    });
    event.status = meaning.status;
    event.provider_status = Some(source.status);
    source.fill(&mut event);
    times.fill(&source, meaning, &mut event);
    packages::fill(&source, &times, &mut event)?;
    note(&mut event, "tracking_id", source.order.tracking_id.word());
    Ok(vec![event])
}

impl<'a> Source<'a> {
    fn fill(&self, event: &mut Draft<'a>) {
        let order = &self.order;
        if let Some(text) = order.order_price.word() {
            event.price = self.amount(order.order_price);
            if event.price.is_none() {
                note(event, "raw.order.OrderPrice", Some(text));
            }
        }
        let own = order.order_ref.word().or_else(|| order.reference.word());
        event.external_order_id = own.map(cut);
        event.driver = self.personal(order.rider_name).map(|name| Driver {
            name: Some(name),
            ..Driver::default()
        });
        event.location = snapshot::place(order.rider_latitude, order.rider_longitude);
        let flag = |field: &Tree<'_>| {
            let flag = field.flag();
            flag.map(|flag| if flag { "true" } else { "false" })
        };
        for (name, text) in [
            ("company_id", order.company_id.word()),
            ("customer_id", order.customer_id.word()),
            ("is_instant_delivery", flag(order.is_instant_delivery)),
            ("is_postpaid", flag(order.is_postpaid)),
            ("is_product_order", flag(order.is_product_order)),
            ("note", self.personal(order.note)),
            ("order_code", order.order_code.word()),
        ] {
            note(event, name, text);
        }
    }

    fn amount(&self, field: &Tree<'_>) -> Option<Money<&'a str>> {
        let currency = self.webhook.headers.currency;
        amount::amount(field.scalar(), currency.unwrap_or(CURRENCY))
    }

    fn personal(&self, field: &Tree<'a>) -> Option<&'a str> {
        field.word().and_then(|word| self.privacy.apply(word))
    }
}

#[cfg(test)]
mod tests;
