//! Events for tests.

use std::sync::Arc;

use schemas::{
    Assurance, DeliveryEvent, EndpointId, EventId, Kind, Micros, OccurredAtSource, OrderId,
    OrderKey, Provider, ReceiptId, Status, TenantId, Verdict, delivery_event::Driver,
};

use crate::{
    codec::CodecError,
    effects::Effects,
    partition::{Appended, Partition, Rules, Snapshot},
    reorder::Holds,
    store::Store,
};

/// 2022-04-21T14:00:00Z, in milliseconds.
pub(crate) const START_MS: i64 = 1_650_549_600_000;
pub(crate) const HOLD_MS: i64 = 5_000;

pub(crate) fn id(text: &str) -> EventId {
    EventId::of([text.as_bytes()])
}

pub(crate) fn receipt(text: &str) -> ReceiptId {
    ReceiptId::from_bytes(*id(text).as_bytes())
}

pub(crate) fn at(seconds: i64) -> Micros {
    Micros::from_millis(START_MS + seconds * 1_000)
}

pub(crate) fn order_id(text: &str) -> OrderId {
    OrderId::new(text).unwrap()
}

/// An event named `name` of order `A`, without a status, `seconds` after the start.
pub(crate) fn event(name: &str, kind: Kind, seconds: i64) -> DeliveryEvent {
    DeliveryEvent {
        event_id: id(name),
        receipt_id: receipt(name),
        part: 1,
        parts: 1,
        unit: "order".into(),
        tenant_id: TenantId::new("acme").unwrap(),
        provider: Provider::Lalamove,
        endpoint_id: EndpointId::new("acme-lalamove-hk").unwrap(),
        order_id: Some(order_id("A")),
        parent_id: None,
        kind,
        status: None,
        fulfilment: None,
        provider_event_type: "SOME_TYPE".into(),
        provider_event_id: None,
        provider_status: None,
        provider_previous_status: None,
        occurred_at: at(seconds),
        occurred_at_source: OccurredAtSource::ProviderClock,
        occurred_at_uncertainty_ms: None,
        received_at: at(seconds),
        created_at: None,
        scheduled_at: None,
        milestones: Vec::new(),
        replaces_order_id: None,
        replaced_by_order_id: None,
        driver: None,
        location: None,
        price: None,
        price_parts: Vec::new(),
        balance: None,
        refund: None,
        refund_partner: None,
        refund_id: None,
        canceled_by: None,
        cancel_reason: None,
        edited_by: None,
        edit_reason: None,
        attempt: None,
        stops: Vec::new(),
        proofs: Vec::new(),
        share_link: None,
        external_order_id: None,
        market: None,
        store_id: None,
        attributes: std::collections::BTreeMap::new(),
        verdict: Verdict::Verified,
        assurance: Assurance::BodySigned,
        mapping_version: "1".into(),
        replay_id: None,
    }
}

/// What Lalamove's words mean.
pub(crate) fn meaning(word: &str) -> Status {
    match word {
        "ASSIGNING_DRIVER" => Status::Assigning,
        "ON_GOING" => Status::EnRouteToPickup,
        "PICKED_UP" => Status::PickedUp,
        "COMPLETED" => Status::Delivered,
        "CANCELED" => Status::Canceled,
        "EXPIRED" => Status::Expired,
        _ => Status::Unknown,
    }
}

/// A status event named after its word.
pub(crate) fn status(word: &str, previous: &str, seconds: i64) -> DeliveryEvent {
    DeliveryEvent {
        status: Some(meaning(word)),
        provider_status: Some(word.into()),
        provider_previous_status: Some(previous.into()),
        ..event(word, Kind::OrderStatusChanged, seconds)
    }
}

/// Every status of an order that goes well.
pub(crate) fn happy() -> Vec<DeliveryEvent> {
    vec![
        status("ASSIGNING_DRIVER", "", 0),
        status("ON_GOING", "ASSIGNING_DRIVER", 10),
        status("PICKED_UP", "ON_GOING", 20),
        status("COMPLETED", "PICKED_UP", 30),
    ]
}

pub(crate) fn of_order(order: &str, mut event: DeliveryEvent) -> DeliveryEvent {
    event.event_id = id(&format!("{order} {}", event.event_id));
    event.receipt_id = receipt(&event.event_id.to_string());
    event.order_id = Some(order_id(order));
    event
}

pub(crate) fn driver(name: &str) -> Driver {
    Driver {
        id: Some(name.into()),
        name: Some(name.to_uppercase()),
        ..Driver::default()
    }
}

/// `newer` says that it replaces `older`.
pub(crate) fn replaces(newer: &str, older: &str, seconds: i64) -> DeliveryEvent {
    let mut event = event(
        &format!("{newer} replaces {older}"),
        Kind::OrderReplaced,
        seconds,
    );
    event.order_id = Some(order_id(newer));
    event.replaces_order_id = Some(order_id(older));
    event
}

/// `older` says that `newer` replaces it.
pub(crate) fn superseded(older: &str, newer: &str, seconds: i64) -> DeliveryEvent {
    let mut event = event(
        &format!("{older} yields to {newer}"),
        Kind::OrderSuperseded,
        seconds,
    );
    event.order_id = Some(order_id(older));
    event.status = Some(Status::Replaced);
    event.replaced_by_order_id = Some(order_id(newer));
    event
}

pub(crate) fn key(order: &str) -> OrderKey {
    DeliveryEvent {
        order_id: Some(order_id(order)),
        ..event("", Kind::Unknown, 0)
    }
    .key()
}

pub(crate) fn rules() -> Arc<Rules> {
    let holds = Holds {
        default_ms: HOLD_MS,
        by_provider: Vec::new(),
        waiting_max: 8,
        waiting_tenant_max: 1_000,
        waiting_all_max: 1_000,
    };
    Arc::new(Rules {
        holds,
        retain_ms: 24 * 3_600_000,
        abandon_ms: 72 * 3_600_000,
    })
}

/// A partition with what it wrote so far.
#[derive(Debug)]
pub(crate) struct Bench {
    pub(crate) partition: Partition,
    pub(crate) effects: Effects,
}

impl Default for Bench {
    fn default() -> Self {
        Self {
            partition: Partition::new(rules(), Store::default()),
            effects: Effects::default(),
        }
    }
}

impl Bench {
    /// Appends an event `seconds` after the start.
    pub(crate) fn append(&mut self, event: DeliveryEvent, seconds: i64) {
        let key = event.key().to_string();
        let appended = Appended {
            at_ms: START_MS + seconds * 1_000,
            bytes: 300,
        };
        self.partition
            .event(&key, event, appended, &mut self.effects);
    }

    pub(crate) fn advance(&mut self, seconds: i64) {
        self.partition
            .advance(START_MS + seconds * 1_000, &mut self.effects);
    }

    /// Words or names of what left so far, with their sequences.
    pub(crate) fn left(&self) -> Vec<(i64, String)> {
        let word = |event: &DeliveryEvent| {
            event
                .provider_status
                .clone()
                .unwrap_or_else(|| event.kind.to_string())
        };
        self.effects
            .ordered
            .iter()
            .map(|(_, o)| (o.sequence, word(&o.event)))
            .collect()
    }

    pub(crate) fn words(&self) -> Vec<String> {
        self.left().into_iter().map(|(_, word)| word).collect()
    }

    /// The snapshots of a commit.
    pub(crate) fn commit(&mut self) -> Vec<schemas::Order> {
        let mut orders = Vec::new();
        self.partition
            .settle(|settled| {
                if let Snapshot::Is(order) = settled.snapshot {
                    orders.push(*order);
                }
                Ok::<_, CodecError>(())
            })
            .unwrap();
        self.partition.committed(None);
        orders
    }
}

/// The snapshot after these events, in this order of arrival and without any waiting.
pub(crate) fn folded(events: impl IntoIterator<Item = DeliveryEvent>) -> schemas::Order {
    let mut bench = Bench::default();
    let mut seconds = 0;
    for event in events {
        seconds += 60;
        bench.append(event, seconds);
    }
    bench.advance(seconds + 60);
    bench.commit().pop().unwrap()
}
