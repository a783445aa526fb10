//! Ahamove of Vietnam, instant and warehouse: the whole order each time, without an event's id, type
//! or time. The endpoint says which service it is; the order's id does not.
//!
//! COMPLETED means that the order is closed; what became of the goods is said by the stops. Zero is
//! no time, no place; an empty text is none. The partner's key and whoever's phone stand in several
//! fields: what is not named here does not pass.

mod comment;
mod input;
mod order;
mod stops;
mod times;

use schemas::{
    OrderId, Status,
    delivery_event::Draft,
    mapping::{Meaning, Words},
    set_aside::Why,
};

use self::{
    input::{Order, Stop},
    stops::Drops,
    times::Times,
};
use super::snapshot;
use crate::{
    json::malformed,
    normalize::{Essentials, Webhook},
    privacy::TenantPrivacy,
    tree::Tree,
};

const WAREHOUSE: &str = "warehouse";
const INSTANT: &str = "instant";
/// Not state: the partner's secret, which he may change.
const NOT_IDENTITY: [&str; 1] = ["api_key"];
/// The mapping's name for a cancellation because nobody took the order.
const NO_DRIVER: &str = "no driver accepted";

/// Everything that the parts of an event are made from.
struct Source<'a> {
    webhook: Webhook<'a>,
    order: Order<'a>,
    stops: Vec<Stop<'a>>,
    service: &'static str,
    status: &'a str,
    sub_status: Option<&'a str>,
    currency: &'a str,
    /// Of all that is said.
    digest: &'a str,
    privacy: TenantPrivacy<'a>,
}

pub(crate) fn events(webhook: Webhook<'_>) -> Result<Vec<Draft<'_>>, Why> {
    let tree = Tree::read(webhook.arena, webhook.body)?;
    let order = Order::of(&tree);
    let id = order.id.required("_id")?;
    let order_id = OrderId::borrowed(id).map_err(|error| malformed("_id", &error.to_string()))?;
    let headers = webhook.headers;
    let source = Source {
        webhook,
        service: match headers.service {
            Some(WAREHOUSE) => WAREHOUSE,
            Some(_) | None => INSTANT,
        },
        status: order.status.required("status")?,
        sub_status: order.sub_status.word().map(snapshot::cut),
        currency: order::currency(&order, headers.currency),
        stops: stops::read(&order)?,
        order,
        digest: tree.digest(&NOT_IDENTITY, webhook.arena),
        privacy: webhook.privacy(),
    };
    Ok(vec![source.event(order_id)])
}

impl<'a> Source<'a> {
    fn event(&self, order_id: OrderId<&'a str>) -> Draft<'a> {
        let meaning = self.meaning(stops::drops(self));
        let times = Times::new(self, meaning.kind);
        let mut event = self.webhook.event(Essentials {
            order_id: Some(order_id),
            unit: "order",
            kind: meaning.kind,
            event_type: "",
            dedup_key: &[self.digest],
            occurred: times.occurred,
        });
        event.status = meaning.status;
        event.provider_status = Some(self.status);
        order::fill(self, &mut event);
        times.fill(self, meaning, &mut event);
        order::describe(self, &mut event);
        stops::fill(self, &mut event);
        event
    }

    fn is_instant(&self) -> bool {
        self.service == INSTANT
    }

    fn meaning(&self, drops: Drops) -> Meaning {
        let sub_status = if self.status == "CANCELLED" && order::nobody_accepted(&self.order) {
            Some(NO_DRIVER)
        } else {
            self.sub_status
        };
        let words = Words {
            service: Some(self.service),
            event_type: "",
            provider_status: Some(self.status),
            sub_status,
        };
        let mut meaning = snapshot::meaning(self.webhook, words);
        if self.is_instant() && self.status == "COMPLETED" {
            meaning.status = meaning.status.map(|mapped| closed(mapped, drops));
        }
        meaning
    }

    fn personal(&self, field: &Tree<'a>) -> Option<&'a str> {
        field.word().and_then(|word| self.privacy.apply(word))
    }
}

/// How a closed order ended. Goods on their way back are failed ones, so a drop that has its goods
/// outweighs a return.
fn closed(mapped: Status, drops: Drops) -> Status {
    match (drops, mapped) {
        (Drops::AllDelivered, Status::Delivered | Status::Returning | Status::Returned) => {
            Status::Delivered
        }
        (Drops::SomeDelivered, Status::Delivered | Status::Returning | Status::Returned) => {
            Status::PartiallyDelivered
        }
        (Drops::Failed, Status::Delivered) => Status::Failed,
        (Drops::Unknown, Status::Delivered) => Status::Unknown,
        (_, mapped) => mapped,
    }
}

#[cfg(test)]
mod tests;
