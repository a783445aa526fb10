//! Sendstack of Nigeria: one delivery with many drops. Each drop is an order of its own here, the
//! delivery its parent, and a webhook that tells of several gives an event for each.
//!
//! The signature is a constant of the subscription and so is `webhookId`: neither tells events
//! apart. `pickupOtp` and `dropoffOtp` open doors: they are never read, and count for nothing. Only
//! a few event names are documented, so the names are open words.

mod drops;
mod times;

use schemas::{DeliveryEvent, Kind, Micros, mapping::Words, set_aside::Why};

use self::{drops::Drop, times::Times};
use super::snapshot::{self, cut, note};
use crate::{
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
/// What a tracker's alert says of itself, at the top, in `data` or in `config`.
const TRACKER: [(&str, &str); 5] = [
    ("trackerId", "tracker_id"),
    ("deviceId", "device_id"),
    ("speed", "speed"),
    ("speedLimit", "speed_limit"),
    ("minimumParkingDuration", "minimum_parking_duration"),
];

/// Everything that the events of a webhook are made from.
struct Source<'a> {
    webhook: &'a Webhook<'a>,
    tree: &'a Tree<'a>,
    event_type: &'a str,
    digest: String,
    /// Of the delivery.
    created_at: Option<Micros>,
    privacy: TenantPrivacy<'a>,
}

pub(crate) fn events(webhook: &Webhook<'_>) -> Result<Vec<DeliveryEvent>, Why> {
    let tree = Tree::read(webhook.body)?;
    let event_type = tree.required("eventType", "eventType")?;
    let headers = webhook.headers;
    let source = Source {
        webhook,
        tree: &tree,
        event_type,
        digest: tree.digest(&NOT_IDENTITY),
        created_at: times::instant(tree.at("createdAt").scalar()),
        privacy: webhook.rules.privacy.of(&headers.tenant, headers.pii),
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
        let list = self.tree.at("drops");
        let items = list.items();
        match kind {
            Kind::TelemetryAlert => return Ok(Vec::new()),
            Kind::Unknown if *list.scalar() == Scalar::Absent || is_empty(list) => {
                return Ok(Vec::new());
            }
            Kind::Unknown
            | Kind::OrderCreated
            | Kind::OrderStatusChanged
            | Kind::DriverAssigned
            | Kind::OrderAmountChanged
            | Kind::OrderEdited
            | Kind::OrderReplaced
            | Kind::OrderSuperseded
            | Kind::StopStatusChanged
            | Kind::ProofReceived
            | Kind::RefundIssued
            | Kind::BalanceChanged
            | Kind::HandoverCodeChanged
            | Kind::NoteAdded
            | Kind::ScheduleChanged => {}
        }
        if *list.scalar() == Scalar::Absent || is_empty(list) {
            return Err(missing("drops"));
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

    /// What concerns no order.
    fn account(&self, kind: Kind) -> DeliveryEvent {
        let times = Times::of_receipt(self.webhook.headers.received_at);
        let mut event = self.webhook.event(Essentials {
            order_id: None,
            unit: "account",
            kind,
            event_type: self.event_type,
            dedup_key: &[&self.digest],
            occurred: times.occurred,
        });
        event.parent_id = self.tree.word("id").map(|id| cut(id).to_owned());
        for place in [self.tree, self.tree.at("data"), self.tree.at("config")] {
            for (field, name) in TRACKER {
                note(&mut event, name, place.word(field));
            }
            let mut fences = Vec::new();
            place.at("geofenceIds").texts(&mut fences);
            if !fences.is_empty() {
                note(&mut event, "geofence_ids", Some(&fences.join(",")));
            }
        }
        event
    }

    fn personal(&self, tree: &Tree<'_>, name: &str) -> Option<String> {
        tree.word(name).and_then(|text| self.privacy.apply(text))
    }
}

fn is_empty(list: &Tree<'_>) -> bool {
    matches!(list, Tree::List(items) if items.is_empty())
}

#[cfg(test)]
mod tests;
