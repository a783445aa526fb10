//! Events and a core for the benches.

use std::sync::{Arc, LazyLock};

use enricher::{
    partition::{Partition, Rules},
    reorder::Holds,
    store::Store,
};
use schemas::{DeliveryEvent, EventId, Micros, OrderId};

/// Canonical word, carrier's word, the one before: the life of an order.
pub(crate) const STATUSES: [(&str, &str, &str); 4] = [
    ("ASSIGNING", "ASSIGNING_DRIVER", ""),
    ("EN_ROUTE_TO_PICKUP", "ON_GOING", "ASSIGNING_DRIVER"),
    ("PICKED_UP", "PICKED_UP", "ON_GOING"),
    ("DELIVERED", "COMPLETED", "PICKED_UP"),
];

pub(crate) const START_MICROS: i64 = 1_650_549_600_000_000;

/// One step in the life of an order, a minute behind the one before.
pub(crate) fn event(order: usize, step: usize) -> DeliveryEvent {
    let at = START_MICROS + i64::try_from(step).unwrap() * 60_000_000;
    event_at(order, step, Micros(at))
}

/// The same at another time.
pub(crate) fn event_at(order: usize, step: usize, at: Micros) -> DeliveryEvent {
    static EVENTS: LazyLock<[DeliveryEvent; 4]> = LazyLock::new(|| [0, 1, 2, 3].map(template));
    let order_id = OrderId::new(format!("1471722666{order:09}")).unwrap();
    DeliveryEvent {
        event_id: EventId::of([order.to_be_bytes().as_slice(), &step.to_be_bytes()]),
        order_id: Some(order_id),
        occurred_at: at,
        received_at: Micros(at.0 + 1_000_000),
        ..EVENTS[step].clone()
    }
}

fn template(step: usize) -> DeliveryEvent {
    let (status, word, previous) = STATUSES[step];
    serde_json::from_value(serde_json::json!({
        "event_id": EventId::of([b"template".as_slice()]).to_string(),
        "receipt_id": "0180a5d3-7b1c-7000-8000-000000000001",
        "part": 1,
        "parts": 1,
        "unit": "order",
        "tenant_id": "acme",
        "provider": "lalamove",
        "endpoint_id": "acme-lalamove-hk",
        "kind": "ORDER_STATUS_CHANGED",
        "status": status,
        "provider_event_type": "ORDER_STATUS_CHANGED",
        "provider_event_id": "9F8CFF06-27D1-F6E8-49CA-8A54E4317EDD",
        "provider_status": word,
        "provider_previous_status": previous,
        "occurred_at": START_MICROS,
        "occurred_at_source": "PROVIDER_CLOCK",
        "received_at": START_MICROS,
        "created_at": START_MICROS,
        "driver": {"id": "80557"},
        "share_link": "https://share.example.com/?HK100220421225917&lang=zh_HK&sign=0123456789abcdef",
        "market": "HK_HKG",
        "verdict": "verified",
        "assurance": "BODY_SIGNED",
        "mapping_version": "1",
    }))
    .unwrap()
}

pub(crate) fn rules() -> Arc<Rules> {
    let holds = Holds {
        default_ms: 5_000,
        by_provider: Vec::new(),
        waiting_max: 256,
        waiting_tenant_max: 20_000,
        waiting_all_max: 100_000,
    };
    Arc::new(Rules {
        holds,
        retain_ms: 384 * 3_600_000,
        abandon_ms: 2_160 * 3_600_000,
    })
}

pub(crate) fn partition(store: Store) -> Partition {
    Partition::new(rules(), store)
}
