//! One drop: an order with a pickup, which it shares with the others of its delivery, and one stop.

use schemas::{DeliveryEvent, Kind, Money, OrderId, Status, delivery_event::Stop, set_aside::Why};

use super::{
    super::snapshot::{self, cut, keep_raw, note},
    CURRENCY, Source,
    times::{self, Times},
};
use crate::{json::malformed, normalize::Essentials, tree::Tree};

/// Of the delivery; all its drops have them.
const DELIVERY: [(&str, &str); 4] = [
    ("batchId", "batch_id"),
    ("paymentStatus", "payment_status"),
    ("paymentSource", "payment_source"),
    ("customerId", "customer_id"),
];
/// Of a place: where it roughly is, in the carrier's words, whose case and spelling vary.
const PLACE: [(&str, &str, &str); 3] = [
    (
        "locationCode",
        "pickup_location_code",
        "dropoff_location_code",
    ),
    ("state", "pickup_state", "dropoff_state"),
    ("lga", "pickup_lga", "dropoff_lga"),
];

/// A drop whose id can name an order.
pub(super) struct Drop<'a> {
    index: usize,
    pub(super) id: OrderId,
    pub(super) tree: &'a Tree<'a>,
    pub(super) status: Option<&'a str>,
}

impl<'a> Drop<'a> {
    pub(super) fn new(index: usize, tree: &'a Tree<'a>) -> Result<Self, Why> {
        if !tree.is_object() {
            return Err(malformed(&format!("drops[{index}]"), "is not an object"));
        }
        let path = format!("drops[{index}].id");
        let id = tree.required("id", &path)?;
        let id = OrderId::new(id).map_err(|error| malformed(&path, &error.to_string()))?;
        let path = format!("drops[{index}].status");
        let status = match tree.at("status").scalar().is_empty() {
            true => None,
            false => Some(tree.required("status", &path)?),
        };
        Ok(Self {
            index,
            id,
            tree,
            status,
        })
    }

    pub(super) fn event(&self, source: &Source<'_>) -> DeliveryEvent {
        let webhook = source.webhook;
        let meaning = snapshot::meaning(webhook, source.words(self.status));
        let times = Times::new(source, self, meaning.kind);
        let mut event = webhook.event(Essentials {
            order_id: Some(&self.id),
            unit: &format!("drop:{}", self.id),
            kind: meaning.kind,
            event_type: source.event_type,
            dedup_key: &[&source.digest],
            occurred: times.occurred,
        });
        // A drop that came into being has been created, also where it has no word for it.
        event.status = match (&self.status, meaning.kind) {
            (None, Kind::OrderCreated) => Some(Status::Created),
            (None, _) => None,
            (Some(_), _) => Some(meaning.status.unwrap_or_default()),
        };
        event.provider_status = self.status.map(str::to_owned);
        let parent = source.tree.word("id");
        event.parent_id = parent.map(|id| cut(id).to_owned());
        let own = self.tree.word("externalOrderId");
        event.external_order_id = own.map(|id| cut(id).to_owned());
        event.share_link = self.tree.word("trackingUrl").map(str::to_owned);
        times.fill(source, self, &mut event);
        self.money(source, &mut event);
        self.notes(source, &mut event);
        event.stops = vec![
            self.pickup(source, &mut event),
            self.dropoff(source, &mut event),
        ];
        event
    }

    /// Its own amount is its price; the total is the delivery's. In naira as far as anybody knows.
    fn money(&self, source: &Source<'_>, event: &mut DeliveryEvent) {
        let currency = source.webhook.headers.currency.as_deref();
        if let Some(text) = self.tree.word("amount") {
            event.price = Money::parse(text, currency.unwrap_or(CURRENCY)).ok();
            if event.price.is_none() {
                keep_raw(event, "drops.amount", text);
            }
        }
        note(event, "total_amount", source.tree.word("totalAmount"));
    }

    fn notes(&self, source: &Source<'_>, event: &mut DeliveryEvent) {
        for (field, name) in DELIVERY {
            note(event, name, source.tree.word(field));
        }
        let pickup = source.tree.at("pickup");
        for (field, of_pickup, of_dropoff) in PLACE {
            note(event, of_pickup, pickup.word(field));
            note(event, of_dropoff, self.tree.word(field));
        }
        note(event, "drop_index", Some(&self.index.to_string()));
    }

    fn pickup(&self, source: &Source<'_>, event: &mut DeliveryEvent) -> Stop {
        let pickup = source.tree.at("pickup");
        if let Some(date) = pickup.word("pickupDate") {
            keep_raw(event, "pickup.pickupDate", date);
        }
        let window = self.tree.at("estimatedPickupWindow");
        let (window_start, window_end) = times::window(source, window, event, "PickupWindow");
        Stop {
            index: 0,
            address: source.personal(pickup, "address"),
            contact: source.personal(pickup, "pickupName"),
            phone: source.personal(pickup, "pickupNumber"),
            window_start,
            window_end,
            ..Stop::default()
        }
    }

    fn dropoff(&self, source: &Source<'_>, event: &mut DeliveryEvent) -> Stop {
        let window = self.tree.at("estimatedDropoffWindow");
        let (window_start, window_end) = times::window(source, window, event, "DropoffWindow");
        Stop {
            index: 1,
            address: source.personal(self.tree, "address"),
            contact: source.personal(self.tree, "recipientName"),
            phone: source.personal(self.tree, "recipientNumber"),
            tracking_id: self.tree.word("trackingId").map(|id| cut(id).to_owned()),
            window_start,
            window_end,
            ..Stop::default()
        }
    }
}
