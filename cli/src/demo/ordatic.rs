//! Events with neither time nor id: their order is that in which they come, so they come in order. The
//! kitchen and the rider report side by side.

use super::{Carrier, Delivery, Expected, Webhook};

pub(super) const CARRIER: Carrier = Carrier {
    webhooks: WEBHOOKS,
    orders: ORDERS,
    deliveries: DELIVERIES,
};

const WEBHOOKS: &[Webhook] = &[
    webhook!("ordatic", "delivered-1-order-accepted"),
    webhook!("ordatic", "takeaway-1-order-in-kitchen"),
    webhook!("ordatic", "delivered-2-rider-created"),
    webhook!("ordatic", "delivered-3-order-in-kitchen"),
    webhook!("ordatic", "refunded-1-order-in-kitchen"),
    webhook!("ordatic", "delivered-4-rider-picking"),
    webhook!("ordatic", "delivered-5-order-ready-to-pick-up"),
    webhook!("ordatic", "refunded-2-rider-created"),
    webhook!("ordatic", "delivered-6-rider-delivering"),
    webhook!("ordatic", "delivered-6-rider-delivering"),
    webhook!("ordatic", "takeaway-2-order-picked-up"),
    webhook!("ordatic", "delivered-7-rider-completed"),
    webhook!("ordatic", "refunded-3-rider-error"),
    webhook!("ordatic", "delivered-8-rider-proof-delivery"),
    webhook!("ordatic", "refunded-4-rider-refund"),
    webhook!("ordatic", "delivered-7-rider-completed"),
];

/// No times, which are those of their receipt, and no counts: ten minutes later the same is a new event.
const ORDERS: &[Expected] = &[
    Expected {
        order_id: "651a7c52b1f4a90012ab0001",
        columns: &[
            ("status", Some("DELIVERED")),
            ("is_final", Some("1")),
            ("canceled_at", None),
            ("proof", Some("image/png")),
        ],
    },
    Expected {
        order_id: "651a7d10b1f4a90012ab0002",
        columns: &[
            ("status", Some("DELIVERED")),
            ("is_final", Some("1")),
            ("fulfilment", Some("TAKEAWAY")),
        ],
    },
    Expected {
        order_id: "651a7e85b1f4a90012ab0003",
        columns: &[
            ("status", Some("FAILED")),
            ("is_final", Some("0")),
            ("refund", Some("3.5 EUR")),
        ],
    },
];

/// What the customer collects is none.
const DELIVERIES: &[Delivery] = &[
    (
        "651a7c52b1f4a90012ab0001",
        &["651a7c52b1f4a90012ab0001"],
        "DELIVERED",
    ),
    (
        "651a7e85b1f4a90012ab0003",
        &["651a7e85b1f4a90012ab0003"],
        "FAILED",
    ),
];
