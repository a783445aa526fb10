//! Sendstack of Nigeria: one delivery with many drops. Each drop is an order of its own here, the
//! delivery its parent, and a webhook that tells of several gives an event for each.
//!
//! The signature is a constant of the subscription and so is `webhookId`: neither tells events
//! apart. `pickupOtp` and `dropoffOtp` open doors: they are never read, and count for nothing. Only
//! a few event names are documented, so the names are open words.

mod drops;
mod input;
mod times;

use schemas::{Kind, Micros, delivery_event::Draft, mapping::Words, set_aside::Why};

use self::{
    drops::Drop,
    input::{Delivery, Pickup, Tracker},
    times::Times,
};
use super::snapshot::{self, cut, note};
use crate::{
    event_time::{Zone, zone},
    json::{Scalar, malformed, missing},
    normalize::{Essentials, Webhook},
    privacy::TenantPrivacy,
    tree::Tree,
};

/// What changes without anything having happened, and what nobody may know.
const NOT_IDENTITY: [&str; 4] = ["webhookId", "pickupOtp", "dropoffOtp", "otp"];
/// The largest booking is far below.
const DROPS_MAX: usize = 1000;
/// Where the endpoint names no other.
const CURRENCY: &str = "NGN";
/// Everything that the events of a webhook are made from.
struct Source<'a> {
    webhook: Webhook<'a>,
    tree: Tree<'a>,
    delivery: Delivery<'a>,
    pickup: Pickup<'a>,
    event_type: &'a str,
    digest: &'a str,
    zone: Zone,
    /// Of the delivery.
    created_at: Option<Micros>,
    privacy: TenantPrivacy<'a>,
}

pub(crate) fn events(webhook: Webhook<'_>) -> Result<Vec<Draft<'_>>, Why> {
    let tree = Tree::read(webhook.arena, webhook.body)?;
    let delivery = Delivery::of(&tree);
    let event_type = delivery.event_type.required("eventType")?;
    let source = Source {
        webhook,
        tree,
        delivery,
        pickup: Pickup::of(delivery.pickup),
        event_type,
        digest: tree.digest(&NOT_IDENTITY, webhook.arena),
        zone: zone(webhook.headers.timezone),
        created_at: times::instant(delivery.created_at),
        privacy: webhook.privacy(),
    };
    // Without a drop's word: what the name alone means.
    let kind = snapshot::meaning(webhook, source.words(None)).kind;
    let drops = source.drops(kind)?;
    if drops.is_empty() {
        return Ok(vec![source.account(kind)]);
    }
    Ok(drops.iter().map(|drop| drop.event(&source)).collect())
}

impl<'a> Source<'a> {
    fn words<'b>(&'b self, status: Option<&'b str>) -> Words<'b> {
        Words {
            event_type: self.event_type,
            provider_status: status,
            ..Words::default()
        }
    }

    /// The drops, each with an id of its own. An alert of a tracker has none, and a new kind of
    /// event may have none.
    fn drops(&self, kind: Kind) -> Result<Vec<Drop<'a>>, Why> {
        let list = self.delivery.drops;
        let items = list.items();
        if kind == Kind::TelemetryAlert {
            return Ok(Vec::new());
        }
        if is_nothing(list) {
            let is_ours = kind != Kind::Unknown || self.is_ours();
            return if is_ours && snapshot::may_lack_order(kind) {
                Ok(Vec::new())
            } else {
                Err(missing("drops"))
            };
        }
        if items.is_empty() {
            return Err(malformed("drops", "is not a list"));
        }
        if items.len() > DROPS_MAX {
            return Err(malformed(
                "drops",
                &format!("has more than {DROPS_MAX} entries"),
            ));
        }
        let mut drops: Vec<Drop<'a>> = Vec::with_capacity(items.len());
        for (index, item) in items.iter().enumerate() {
            let drop = Drop::new(index, item)?;
            if drops.iter().any(|known| known.id == drop.id) {
                let path = format!("drops[{index}].id");
                return Err(malformed(&path, "is the id of an earlier drop"));
            }
            drops.push(drop);
        }
        Ok(drops)
    }

    /// Whether a body of an unknown type without drops has a field that no other carrier's has.
    fn is_ours(&self) -> bool {
        let delivery = &self.delivery;
        let of_delivery = [delivery.id, delivery.batch_id, delivery.webhook_id];
        let is_tracker = |place: &Tree<'a>| {
            let tracker = Tracker::of(place);
            let fields = [tracker.device_id, tracker.geofence_ids, tracker.tracker_id];
            fields.into_iter().any(|field| !field.is_empty())
        };
        of_delivery.into_iter().any(|field| !field.is_empty())
            || [&self.tree, delivery.data, delivery.config]
                .into_iter()
                .any(is_tracker)
    }

    /// What concerns no order.
    fn account(&self, kind: Kind) -> Draft<'a> {
        let times = Times::of_receipt(self.webhook.headers.received_at);
        let mut event = self.webhook.event(Essentials {
            order_id: None,
            unit: "account",
            kind,
            event_type: self.event_type,
            dedup_key: &[self.digest],
            occurred: times.occurred,
        });
        event.parent_id = self.delivery.id.word().map(cut);
        for place in [&self.tree, self.delivery.data, self.delivery.config] {
            let tracker = Tracker::of(place);
            for (name, field) in [
                ("device_id", tracker.device_id),
                ("minimum_parking_duration", tracker.minimum_parking_duration),
                ("speed", tracker.speed),
                ("speed_limit", tracker.speed_limit),
                ("tracker_id", tracker.tracker_id),
            ] {
                note(&mut event, name, field.word());
            }
            let mut fences = Vec::new();
            tracker.geofence_ids.texts(&mut fences);
            if !fences.is_empty() {
                let fences = self.webhook.arena.copied(&fences.join(","));
                note(&mut event, "geofence_ids", Some(fences));
            }
        }
        event
    }

    fn personal(&self, field: &Tree<'a>) -> Option<&'a str> {
        field.word().and_then(|text| self.privacy.apply(text))
    }
}

/// Absent, or an empty list.
fn is_nothing(list: &Tree<'_>) -> bool {
    matches!(list, Tree::Leaf(Scalar::Absent) | Tree::List([]))
}

#[cfg(test)]
mod tests;
