//! Events that are only written: made of texts that lie in a webhook's body, its headers, or beside
//! them, and gone with these.

use serde::{Serialize, Serializer};

use super::{DeliveryEvent, Draft};

/// Most events have fewer.
const USUAL: usize = 16;

/// Names and values; of a name that comes twice the last value holds. Written by name, as a map.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attributes<'a>(Vec<(&'a str, &'a str)>);

impl<'a> Attributes<'a> {
    /// Sets one.
    pub fn insert(&mut self, name: &'a str, value: &'a str) {
        if self.0.capacity() == 0 {
            self.0.reserve(USUAL);
        }
        // Many come in their order.
        if self.0.last().is_none_or(|(last, _)| *last < name) {
            return self.0.push((name, value));
        }
        match self.0.binary_search_by(|(known, _)| (*known).cmp(name)) {
            Ok(at) => {
                if let Some(place) = self.0.get_mut(at) {
                    place.1 = value;
                }
            }
            Err(at) => self.0.insert(at, (name, value)),
        }
    }

    /// The value of one.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&'a str> {
        let found = self.0.binary_search_by(|(known, _)| (*known).cmp(name));
        self.0.get(found.ok()?).map(|(_, value)| *value)
    }

    /// Puts another value in the place of each.
    pub fn change(&mut self, mut value: impl FnMut(&'a str, &'a str) -> &'a str) {
        for (name, known) in &mut self.0 {
            *known = value(name, known);
        }
    }

    /// By name.
    pub fn iter(&self) -> impl Iterator<Item = (&'a str, &'a str)> + '_ {
        self.0.iter().copied()
    }
}

impl Serialize for Attributes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

fn owned(text: &&str) -> String {
    (*text).to_owned()
}

fn optional(text: &Option<&str>) -> Option<String> {
    text.map(str::to_owned)
}

impl Draft<'_> {
    /// The same event with texts of its own.
    #[must_use]
    pub fn owned(&self) -> DeliveryEvent {
        DeliveryEvent {
            event_id: self.event_id,
            receipt_id: self.receipt_id,
            part: self.part,
            parts: self.parts,
            unit: owned(&self.unit),
            tenant_id: self.tenant_id.map(owned),
            provider: self.provider,
            endpoint_id: self.endpoint_id.map(owned),
            order_id: self.order_id.map(|id| id.map(owned)),
            parent_id: optional(&self.parent_id),
            kind: self.kind,
            status: self.status,
            fulfilment: self.fulfilment,
            provider_event_type: owned(&self.provider_event_type),
            provider_event_id: optional(&self.provider_event_id),
            provider_status: optional(&self.provider_status),
            provider_previous_status: optional(&self.provider_previous_status),
            occurred_at: self.occurred_at,
            occurred_at_source: self.occurred_at_source,
            occurred_at_uncertainty_ms: self.occurred_at_uncertainty_ms,
            received_at: self.received_at,
            created_at: self.created_at,
            scheduled_at: self.scheduled_at,
            milestones: self.milestones.clone(),
            replaces_order_id: self.replaces_order_id.map(|id| id.map(owned)),
            replaced_by_order_id: self.replaced_by_order_id.map(|id| id.map(owned)),
            driver: self.driver.as_ref().map(|driver| driver.map(owned)),
            location: self.location,
            price: self.price.map(|money| money.map(owned)),
            price_parts: self
                .price_parts
                .iter()
                .map(|part| part.map(owned))
                .collect(),
            balance: self.balance.map(|money| money.map(owned)),
            refund: self.refund.map(|money| money.map(owned)),
            refund_partner: self.refund_partner.map(|money| money.map(owned)),
            refund_id: optional(&self.refund_id),
            canceled_by: optional(&self.canceled_by),
            cancel_reason: optional(&self.cancel_reason),
            edited_by: optional(&self.edited_by),
            edit_reason: optional(&self.edit_reason),
            attempt: self.attempt,
            stops: self.stops.iter().map(|stop| stop.map(owned)).collect(),
            proofs: self.proofs.iter().map(|proof| proof.map(owned)).collect(),
            share_link: optional(&self.share_link),
            external_order_id: optional(&self.external_order_id),
            market: optional(&self.market),
            store_id: optional(&self.store_id),
            attributes: self
                .attributes
                .iter()
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
            verdict: self.verdict,
            assurance: self.assurance,
            mapping_version: owned(&self.mapping_version),
            replay_id: optional(&self.replay_id),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn attributes_are_a_map(pairs in prop::collection::vec(("[a-c]{0,3}", "[x-z]{0,2}"), 0..24)) {
            let mut ours = Attributes::default();
            let mut map = BTreeMap::new();
            for (name, value) in &pairs {
                ours.insert(name, value);
                map.insert(name.as_str(), value.as_str());
            }
            prop_assert_eq!(ours.iter().collect::<Vec<_>>(), map.clone().into_iter().collect::<Vec<_>>());
            prop_assert_eq!(serde_json::to_string(&ours).unwrap(), serde_json::to_string(&map).unwrap());
        }
    }
}
