//! Snapshots whose clock texts name no zone: one is said to be assigned an hour after the pickup.

use super::{Carrier, Delivery, Expected, Webhook};

pub(super) const CARRIER: Carrier = Carrier {
    webhooks: WEBHOOKS,
    orders: ORDERS,
    deliveries: DELIVERIES,
};

const WEBHOOKS: &[Webhook] = &[
    webhook!("dellyman", "delivered-3-in-transit"),
    webhook!("dellyman", "delivered-1-pending"),
    webhook!("dellyman", "delivered-4-completed"),
    webhook!("dellyman", "canceled"),
    webhook!("dellyman", "delivered-3-in-transit"),
    webhook!("dellyman", "delivered-2-assigned"),
];

/// Read as Lagos time, which is what the endpoint says.
const ORDERS: &[Expected] = &[
    Expected {
        order_id: "88601",
        columns: &[
            ("status", Some("DELIVERED")),
            ("provider_status", Some("COMPLETED")),
            ("is_final", Some("1")),
            ("created_at", Some("2022-12-08 08:04:46")),
            ("picked_up_at", Some("2022-12-08 13:45:30")),
            ("delivered_at", Some("2022-12-08 13:45:30")),
            ("price", Some("1000 NGN")),
            ("event_count", Some("4")),
        ],
    },
    Expected {
        order_id: "88614",
        columns: &[
            ("status", Some("CANCELED")),
            ("provider_status", Some("CANCELLED")),
            ("is_final", Some("1")),
            ("canceled_at", Some("2022-12-08 11:40:02")),
            ("event_count", Some("1")),
        ],
    },
];

const DELIVERIES: &[Delivery] = &[
    ("88601", &["88601"], "DELIVERED"),
    ("88614", &["88614"], "CANCELED"),
];
