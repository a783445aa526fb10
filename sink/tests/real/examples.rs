//! Records made by hand.

use std::collections::BTreeMap;

use schemas::{
    Assurance, DeliveryEvent, EndpointId, EventId, Fulfilment, Kind, Micros, Money,
    OccurredAtSource, Order, OrderId, OrderedEvent, Provider, ReceiptId, Status, TenantId, Verdict,
    delivery_event::{Driver, Location, Milestone, PricePart, Proof, Stop},
    raw_webhook::RawHeaders,
    symbols::PiiRule,
};

/// 2026-01-02 03:04:05 UTC.
pub(crate) const START: i64 = 1_767_323_045;

pub(crate) fn at(seconds: i64) -> Micros {
    Micros::from_seconds(START + seconds)
}

pub(crate) fn money(text: &str) -> Money {
    Money::parse(text, "HKD").unwrap()
}

pub(crate) fn receipt(number: u32) -> ReceiptId {
    format!("01890a5d-ac96-774b-bcce-{number:012x}")
        .parse()
        .unwrap()
}

pub(crate) fn order_id(id: &str) -> OrderId {
    OrderId::new(id).unwrap()
}

pub(crate) fn stop() -> Stop {
    Stop {
        index: 1,
        id: Some("s1".into()),
        status: Some(Status::Delivered),
        provider_status: Some("DELIVERED".into()),
        latitude: Some(22.3),
        longitude: Some(114.1),
        address: Some("a road".into()),
        contact: Some("somebody".into()),
        phone: Some("p".into()),
        occurred_at: Some(at(9)),
        window_start: Some(at(1)),
        window_end: Some(at(2)),
        cash_on_delivery: Some(money("7.5")),
        failure_reason: Some("none".into()),
        tracking_id: Some("t".into()),
    }
}

fn proof() -> Proof {
    Proof {
        role: "delivery".into(),
        stop_index: Some(1),
        uri: "file:///p".into(),
        sha256: Some("00".into()),
        media_type: Some("image/png".into()),
        bytes: Some(12),
    }
}

fn driver() -> Driver {
    Driver {
        id: Some("79973".into()),
        name: Some("n".into()),
        phone: Some("p".into()),
        plate_number: Some("l".into()),
        photo_url: Some("u".into()),
    }
}

/// The part of a receipt that reports a status; little beyond it.
pub(crate) fn event(number: u32, order: &str, status: Status, seconds: i64) -> OrderedEvent {
    let receipt_id = receipt(number);
    OrderedEvent {
        event: DeliveryEvent {
            event_id: EventId::of([number.to_be_bytes().as_slice()]),
            receipt_id,
            part: 1,
            parts: 1,
            unit: "order".into(),
            tenant_id: TenantId::new("acme").unwrap(),
            provider: Provider::Lalamove,
            endpoint_id: EndpointId::new("acme-hk").unwrap(),
            order_id: Some(order_id(order)),
            parent_id: None,
            kind: Kind::OrderStatusChanged,
            status: Some(status),
            fulfilment: None,
            provider_event_type: "ORDER_STATUS_CHANGED".into(),
            provider_event_id: None,
            provider_status: None,
            provider_previous_status: None,
            occurred_at: at(seconds),
            occurred_at_source: OccurredAtSource::ProviderClock,
            occurred_at_uncertainty_ms: None,
            received_at: at(seconds + 1),
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
            attributes: BTreeMap::new(),
            verdict: Verdict::Verified,
            assurance: Assurance::BodySigned,
            mapping_version: "1".into(),
            replay_id: None,
        },
        sequence: i64::from(number),
        revision: 0,
        late: false,
        status_before: None,
        status_after: Some(status),
        root_order_id: Some(order_id(order)),
        generation: 0,
        order_first_received_at: Some(at(1)),
        released_at: at(seconds + 2),
    }
}

/// Every field set.
pub(crate) fn full_event() -> OrderedEvent {
    let mut ordered = event(1, "A", Status::PickedUp, 10);
    ordered.status_before = Some(Status::Assigned);
    let e = &mut ordered.event;
    e.parent_id = Some("parent".into());
    e.fulfilment = Some(Fulfilment::Courier);
    e.provider_event_id = Some("pe".into());
    e.provider_status = Some("PICKED_UP".into());
    e.provider_previous_status = Some("ON_GOING".into());
    e.occurred_at_uncertainty_ms = Some(999);
    e.created_at = Some(at(0));
    e.scheduled_at = Some(at(100));
    e.milestones = vec![Milestone {
        status: Status::Created,
        at: at(0),
        stop_index: Some(0),
    }];
    e.replaces_order_id = Some(order_id("Z"));
    e.replaced_by_order_id = Some(order_id("B"));
    e.driver = Some(driver());
    e.location = Some(Location {
        latitude: 22.5,
        longitude: 114.5,
    });
    e.price = Some(money("12.30"));
    e.price_parts = vec![PricePart {
        name: "base".into(),
        money: money("10"),
    }];
    e.balance = Some(money("1000.001"));
    e.refund = Some(money("-1"));
    e.refund_partner = Some(money("2"));
    e.refund_id = Some("r".into());
    e.canceled_by = Some("c".into());
    e.cancel_reason = Some("cr".into());
    e.edited_by = Some("eb".into());
    e.edit_reason = Some("er".into());
    e.attempt = Some(2);
    e.stops = vec![
        stop(),
        Stop {
            index: 2,
            ..Stop::default()
        },
    ];
    e.proofs = vec![proof()];
    e.share_link = Some("s".into());
    e.external_order_id = Some("ext".into());
    e.market = Some("HK".into());
    e.store_id = Some("st".into());
    e.attributes = BTreeMap::from([("raw.at".into(), "x".repeat(300)), ("ä".into(), "".into())]);
    e.replay_id = Some("rp".into());
    ordered
}

/// A snapshot with every optional field left out.
pub(crate) fn order(id: &str, status: Status) -> Order {
    Order {
        tenant_id: TenantId::new("acme").unwrap(),
        provider: Provider::Lalamove,
        order_id: order_id(id),
        revision: 1,
        version: 1,
        status,
        provider_status: None,
        is_final: status.is_final(),
        provisional_until: None,
        fulfilment: None,
        created_at: None,
        assigned_at: None,
        first_assigned_at: None,
        picked_up_at: None,
        delivered_at: None,
        canceled_at: None,
        ended_at: None,
        last_event_at: at(0),
        driver: None,
        price: None,
        refund: None,
        stops: Vec::new(),
        proofs: Vec::new(),
        event_count: 1,
        late_count: 0,
        reassignment_count: 0,
        failed_attempts: 0,
        canceled_by: None,
        cancel_reason: None,
        scheduled_at: None,
        replaces_order_id: None,
        replaced_by_order_id: None,
        root_order_id: order_id(id),
        generation: 0,
        chained: false,
        first_received_at: at(1),
        endpoint_id: EndpointId::new("acme-hk").unwrap(),
        external_order_id: None,
        parent_id: None,
        assurance: Assurance::BodySigned,
    }
}

/// A link of the chain that begins at A.
pub(crate) fn link(id: &str, status: Status, generation: i32, created: i64) -> Order {
    Order {
        chained: true,
        generation,
        root_order_id: order_id("A"),
        created_at: Some(at(created)),
        ..order(id, status)
    }
}

/// Every field set.
pub(crate) fn full_order() -> Order {
    Order {
        provider_status: Some("COMPLETED".into()),
        provisional_until: Some(at(1)),
        fulfilment: Some(Fulfilment::Courier),
        created_at: Some(at(0)),
        assigned_at: Some(at(60)),
        first_assigned_at: Some(at(30)),
        picked_up_at: Some(at(90)),
        delivered_at: Some(at(210)),
        canceled_at: Some(at(211)),
        ended_at: Some(at(240)),
        driver: Some(driver()),
        price: Some(money("12.30")),
        refund: Some(money("1")),
        stops: vec![stop()],
        proofs: vec![proof()],
        canceled_by: Some("c".into()),
        cancel_reason: Some("cr".into()),
        scheduled_at: Some(at(5)),
        replaces_order_id: Some(order_id("Y")),
        replaced_by_order_id: Some(order_id("Z")),
        external_order_id: Some("ext".into()),
        parent_id: Some("parent".into()),
        ..order("full", Status::Delivered)
    }
}

pub(crate) fn headers(number: u32, seconds: i64) -> RawHeaders {
    RawHeaders {
        receipt_id: receipt(number),
        tenant: TenantId::new("acme").unwrap(),
        provider: Provider::Lalamove,
        endpoint: EndpointId::new("acme-hk").unwrap(),
        received_at: at(seconds),
        verdict: Verdict::Verified,
        assurance: Assurance::BodySigned,
        signature_scheme: Some("data-raw".into()),
        secret_id: Some("2026-01".into()),
        content_type: Some("application/json".into()),
        timezone: None,
        currency: None,
        service: None,
        pii: PiiRule::Keep,
        body_sha256: "ab".repeat(32),
        body_bytes: 1234,
        spooled: false,
        body_ref: None,
        traceparent: None,
        replay_id: None,
        http: Vec::new(),
    }
}
