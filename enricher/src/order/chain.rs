//! What an order and the others of its chain tell each other. Pure.

use schemas::{DeliveryEvent, OrderId, Reason, set_aside::About};

use super::OrderState;
use crate::{
    effects::Effects,
    fact::Fact,
    lineage::{ANCESTORS_MAX, Claim, Learned, Message},
};

impl OrderState {
    /// Takes up the links that an event names.
    pub(super) fn learn(&mut self, event: &DeliveryEvent, to: &mut Effects) {
        let Some(own) = &event.order_id else { return };
        let claim = |order_id: &OrderId| Claim {
            at: event.occurred_at,
            event_id: event.event_id,
            order_id: order_id.clone(),
        };
        if let Some(older) = &event.replaces_order_id
            && self.lineage.replaces_order(own, claim(older)).limit
        {
            to.remark(
                About::event(event),
                Reason::LineageLimit,
                over("replaces_order_id"),
            );
        }
        if let Some(newer) = &event.replaced_by_order_id
            && self.lineage.is_replaced_by(own, claim(newer)).limit
        {
            to.remark(
                About::event(event),
                Reason::LineageLimit,
                over("replaced_by_order_id"),
            );
        }
    }

    /// Takes up what another order of the chain says; says whether anything changed.
    pub(crate) fn hear(
        &mut self,
        (key, own): (&schemas::OrderKey, &OrderId),
        message: Message,
        to: &mut Effects,
    ) -> bool {
        let field = match &message {
            Message::Link(_) => "replaces_order_id",
            Message::Successor(_) => "replaced_by_order_id",
        };
        let names = |fact: &&Fact, other: Option<&OrderId>| {
            fact.extras.as_ref().is_some_and(|extras| match &message {
                Message::Link(_) => extras.replaces.is_some(),
                Message::Successor(_) => other.is_some() && extras.replaced_by.as_ref() == other,
            })
        };
        let sender = match &message {
            Message::Link(_) => None,
            Message::Successor(claim) => Some(&claim.order_id),
        };
        let evidence = self.facts().find(|fact| names(fact, sender));
        // An event of this order that names the sender was set aside when it came.
        let was_said = sender.is_some() && evidence.is_some();
        let evidence = evidence.or_else(|| self.facts().next());
        let about = evidence.and_then(|fact| self.about(key, own, fact));
        let Learned { changed, limit } = self.lineage.hear(own, message);
        if limit
            && !was_said
            && let Some(about) = about
        {
            to.remark(about, Reason::LineageLimit, over(field));
        }
        changed || limit
    }

    fn about(&self, key: &schemas::OrderKey, own: &OrderId, fact: &Fact) -> Option<About> {
        let origin = self.origin.as_ref()?;
        Some(About {
            receipt_id: fact.receipt_id.to_string(),
            event_id: Some(fact.place.event_id),
            part: fact.part,
            parts: fact.extras.as_ref().map_or(1, |extras| extras.parts),
            tenant_id: key.tenant.to_string(),
            provider: key.provider.to_string(),
            endpoint_id: origin.endpoint_id.to_string(),
            order_id: Some(own.to_string()),
            received_at: fact.place.received_at,
        })
    }

    /// What the orders around this one have not been told yet.
    pub(crate) fn untold(&mut self, own: &OrderId) -> Vec<(OrderId, Message)> {
        self.lineage.untold(own)
    }
}

fn over(field: &str) -> String {
    format!("{field}: over {ANCESTORS_MAX} orders are linked")
}
