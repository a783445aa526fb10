//! What an order and the others of its chain tell each other. Pure.

use schemas::{DeliveryEvent, EventId, OrderId, OrderKey, Reason, set_aside::About};

use super::OrderState;
use crate::{
    effects::Effects,
    fact::Fact,
    lineage::{ANCESTORS_MAX, Claim, Evidence, Learned, Limit, Message},
};

const REPLACES: &str = "replaces_order_id";
const REPLACED_BY: &str = "replaced_by_order_id";

impl OrderState {
    /// Takes up the links that an event names.
    pub(super) fn learn(&mut self, event: &DeliveryEvent, to: &mut Effects) {
        let Some(own) = &event.order_id else { return };
        let claim = |order_id: &OrderId| Claim {
            at: event.occurred_at,
            event_id: event.event_id,
            order_id: order_id.clone(),
        };
        if let Some(older) = &event.replaces_order_id {
            let learned = self.lineage.replaces_order(own, claim(older));
            if learned.limit.is_some() {
                to.remark(About::event(event), Reason::LineageLimit, over(REPLACES));
            }
        }
        if let Some(newer) = &event.replaced_by_order_id {
            let learned = self.lineage.is_replaced_by(own, claim(newer));
            if learned.limit.is_some() {
                to.remark(About::event(event), Reason::LineageLimit, over(REPLACED_BY));
            }
        }
    }

    /// Takes up what another order of the chain says; says whether anything changed.
    pub(crate) fn hear(
        &mut self,
        (key, own): (&OrderKey, &OrderId),
        message: Message,
        to: &mut Effects,
    ) -> bool {
        let said = message.clone();
        let Learned { changed, limit } = self.lineage.hear(own, message);
        let Some(limit) = limit else { return changed };
        if let Some((about, field)) = self.left_out(limit, (key, own), &said) {
            to.remark(about, Reason::LineageLimit, over(field));
        }
        changed
    }

    /// The event that names a link which was left out, and in which field. None where that event says
    /// so itself, when it leaves its window or because it did.
    fn left_out(
        &self,
        limit: Limit,
        (key, own): (&OrderKey, &OrderId),
        said: &Message,
    ) -> Option<(About, &'static str)> {
        let other = &said.claim().order_id;
        let (here, there) = match said {
            Message::Link(_) => (REPLACES, REPLACED_BY),
            Message::Successor(_) => (REPLACED_BY, REPLACES),
        };
        let mut waiting = self.window.iter().map(|waiting| &waiting.event);
        if waiting.any(|event| match said {
            Message::Link(_) => event.replaces_order_id.as_ref() == Some(other),
            Message::Successor(_) => event.replaced_by_order_id.as_ref() == Some(other),
        }) {
            return None;
        }
        let own_event = self.facts().find(|fact| {
            let extras = fact.extras.as_deref();
            extras.is_some_and(|extras| match said {
                Message::Link(_) => extras.replaces.as_ref() == Some(other),
                Message::Successor(_) => extras.replaced_by.as_ref() == Some(other),
            })
        });
        match (limit, own_event) {
            (Limit::NoRoom, Some(_)) => None,
            (Limit::PathTooLong, Some(fact)) => Some((self.about(key, own, fact)?, here)),
            (Limit::NoRoom | Limit::PathTooLong, None) => Some((abroad(limit, key, said)?, there)),
        }
    }

    fn about(&self, key: &OrderKey, own: &OrderId, fact: &Fact) -> Option<About> {
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
        let mut untold = self.lineage.untold(own);
        for (_, message) in &mut untold {
            let evidence = self.evidence(message.claim().event_id);
            message.set_evidence(evidence);
        }
        untold
    }

    fn evidence(&self, event_id: EventId) -> Option<Evidence> {
        let mut facts = self.facts();
        let fact = facts.find(|fact| fact.place.event_id == event_id)?;
        Some(Evidence {
            receipt_id: fact.receipt_id,
            part: fact.part,
            parts: fact.extras.as_ref().map_or(1, |extras| extras.parts),
            endpoint_id: self.origin.as_ref()?.endpoint_id.clone(),
            received_at: fact.place.received_at,
        })
    }
}

/// The event of another order on which its message rests; a path is told again and again, the link
/// it is part of is left out once.
fn abroad(limit: Limit, key: &OrderKey, said: &Message) -> Option<About> {
    let (evidence, again) = match said {
        Message::Link(link) => (link.evidence.as_ref()?, link.again),
        Message::Successor(successor) => (successor.evidence.as_ref()?, false),
    };
    let claim = said.claim();
    let is_first = limit == Limit::PathTooLong || !again;
    is_first.then(|| About {
        receipt_id: evidence.receipt_id.to_string(),
        event_id: Some(claim.event_id),
        part: evidence.part,
        parts: evidence.parts,
        tenant_id: key.tenant.to_string(),
        provider: key.provider.to_string(),
        endpoint_id: evidence.endpoint_id.to_string(),
        order_id: Some(claim.order_id.to_string()),
        received_at: evidence.received_at,
    })
}

fn over(field: &str) -> String {
    format!("{field}: over {ANCESTORS_MAX} orders are linked")
}
