//! One drop: an order with a pickup, which it shares with the others of its delivery, and one stop.

use schemas::{
    Kind, OrderId, Status,
    delivery_event::{Draft, Stop},
    set_aside::Why,
};

use super::{
    super::snapshot::{self, cut, note},
    CURRENCY, Source,
    input::Dropoff,
    times::{self, Times},
};
use crate::{amount, json::malformed, normalize::Essentials, tree::Tree};

/// Where the first drop's fields stand.
const FIRST: &str = "raw.drops[0]";

/// A drop whose id can name an order.
pub(super) struct Drop<'a> {
    index: usize,
    pub(super) id: OrderId<&'a str>,
    pub(super) fields: Dropoff<'a>,
    pub(super) status: Option<&'a str>,
}

impl<'a> Drop<'a> {
    pub(super) fn new(index: usize, tree: &Tree<'a>) -> Result<Self, Why> {
        if !tree.is_object() {
            return Err(malformed(&format!("drops[{index}]"), "is not an object"));
        }
        let fields = Dropoff::of(tree);
        // A path is made where it is told.
        let told = |name: &str| format!("drops[{index}].{name}");
        let id = fields.id.required_at(|| told("id"))?;
        let id = OrderId::borrowed(id);
        let id = id.map_err(|error| malformed(&told("id"), &error.to_string()))?;
        let status = fields.status.optional_at(|| told("status"))?;
        Ok(Self {
            index,
            id,
            fields,
            status,
        })
    }

    pub(super) fn event(&self, source: &Source<'a>) -> Draft<'a> {
        let webhook = source.webhook;
        let meaning = snapshot::meaning(webhook, source.words(self.status));
        let times = Times::new(source, self, meaning.kind);
        let mut event = webhook.event(Essentials {
            order_id: Some(self.id),
            unit: webhook.arena.concat(&["drop:", self.id.text()]),
            kind: meaning.kind,
            event_type: source.event_type,
            dedup_key: &[source.digest],
            occurred: times.occurred,
        });
        event.status = match (self.status, meaning.status) {
            // A drop that came into being has been created, also where it has no word for it.
            (None, None | Some(Status::Unknown)) if meaning.kind == Kind::OrderCreated => {
                Some(Status::Created)
            }
            (None, mapped) => mapped,
            (Some(_), mapped) => Some(mapped.unwrap_or_default()),
        };
        event.provider_status = self.status;
        event.parent_id = source.delivery.id.word().map(cut);
        event.external_order_id = self.fields.external_order_id.word().map(cut);
        event.share_link = self.fields.tracking_url.word();
        self.notes(source, &mut event);
        self.price(source, &mut event);
        times.fill(source, self, meaning, &mut event);
        let dropoff = self.dropoff(source, &mut event);
        event.stops = vec![self.pickup(source, &mut event), dropoff];
        let date = source.pickup.pickup_date.word();
        note(&mut event, "raw.pickup.pickupDate", date);
        let total = source.delivery.total_amount.word();
        note(&mut event, "total_amount", total);
        event
    }

    /// The path of a field of this drop, of that of the first, which is alone in most deliveries.
    pub(super) fn path(&self, source: &Source<'a>, of_first: &'a str) -> &'a str {
        match (self.index, of_first.strip_prefix(FIRST)) {
            (0, _) | (_, None) => of_first,
            (index, Some(field)) => {
                let arena = source.webhook.arena;
                arena.text(format_args!("raw.drops[{index}]{field}"))
            }
        }
    }

    /// Its own amount is its price; the total is the delivery's. In naira as far as anybody knows.
    fn price(&self, source: &Source<'a>, event: &mut Draft<'a>) {
        let currency = source.webhook.headers.currency;
        if let Some(text) = self.fields.amount.word() {
            event.price = amount::amount(self.fields.amount.scalar(), currency.unwrap_or(CURRENCY));
            if event.price.is_none() {
                note(event, self.path(source, "raw.drops[0].amount"), Some(text));
            }
        }
    }

    /// Where a place roughly is stands in the carrier's words, whose case and spelling vary.
    fn notes(&self, source: &Source<'a>, event: &mut Draft<'a>) {
        let (delivery, pickup) = (&source.delivery, &source.pickup);
        let index = match self.index {
            0 => "0",
            index => source.webhook.arena.text(format_args!("{index}")),
        };
        for (name, text) in [
            ("batch_id", delivery.batch_id.word()),
            // a word such as `admin`, or perhaps a customer's phone
            (
                "customer_id",
                (delivery.customer_id.word()).map(|id| source.privacy.apply_within(id)),
            ),
            ("drop_index", Some(index)),
            ("dropoff_lga", self.fields.lga.word()),
            ("dropoff_location_code", self.fields.location_code.word()),
            ("dropoff_state", self.fields.state.word()),
            ("payment_source", delivery.payment_source.word()),
            ("payment_status", delivery.payment_status.word()),
            ("pickup_lga", pickup.lga.word()),
            ("pickup_location_code", pickup.location_code.word()),
            ("pickup_state", pickup.state.word()),
        ] {
            note(event, name, text);
        }
    }

    fn pickup(&self, source: &Source<'a>, event: &mut Draft<'a>) -> Stop<&'a str> {
        const NAMES: times::WindowNames = times::WindowNames {
            date: "raw.drops[0].estimatedPickupWindow.date",
            end: "raw.drops[0].estimatedPickupWindow.end",
            start: "raw.drops[0].estimatedPickupWindow.start",
        };
        let pickup = &source.pickup;
        let window = self.fields.estimated_pickup_window;
        let (window_start, window_end) = times::window(source, self, window, event, &NAMES);
        Stop {
            index: 0,
            address: source.personal(pickup.address),
            contact: source.personal(pickup.pickup_name),
            phone: source.personal(pickup.pickup_number),
            window_start,
            window_end,
            ..Stop::default()
        }
    }

    fn dropoff(&self, source: &Source<'a>, event: &mut Draft<'a>) -> Stop<&'a str> {
        const NAMES: times::WindowNames = times::WindowNames {
            date: "raw.drops[0].estimatedDropoffWindow.date",
            end: "raw.drops[0].estimatedDropoffWindow.end",
            start: "raw.drops[0].estimatedDropoffWindow.start",
        };
        let drop = &self.fields;
        let window = drop.estimated_dropoff_window;
        let (window_start, window_end) = times::window(source, self, window, event, &NAMES);
        Stop {
            index: 1,
            address: source.personal(drop.address),
            contact: source.personal(drop.recipient_name),
            phone: source.personal(drop.recipient_number),
            tracking_id: drop.tracking_id.word().map(cut),
            window_start,
            window_end,
            ..Stop::default()
        }
    }
}
