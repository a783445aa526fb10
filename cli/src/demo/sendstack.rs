//! The one payload that the carrier shows: each drop is an order, and the delivery its parent.

use super::{Carrier, Delivery, Expected, Webhook};

pub(super) const CARRIER: Carrier = Carrier {
    webhooks: WEBHOOKS,
    orders: ORDERS,
    deliveries: DELIVERIES,
};

const WEBHOOKS: &[Webhook] = &[
    webhook!("sendstack", "new-delivery"),
    webhook!("sendstack", "new-delivery"),
];

const ORDERS: &[Expected] = &[Expected {
    order_id: "64e4eb8e450a1b56879f8fa7",
    columns: &[
        ("status", Some("CREATED")),
        ("provider_status", Some("PENDING")),
        ("is_final", Some("0")),
        ("parent_id", Some("64e4eb8f450a1b56879f8fa9")),
        ("external_order_id", Some("X1688y")),
        ("event_count", Some("1")),
    ],
}];

const DELIVERIES: &[Delivery] = &[(
    "64e4eb8e450a1b56879f8fa7",
    &["64e4eb8e450a1b56879f8fa7"],
    "CREATED",
)];
