//! Snapshots of the instant service. COMPLETED alone does not say that anything was delivered.

use super::{Carrier, Delivery, Expected, Webhook};

pub(super) const CARRIER: Carrier = Carrier {
    webhooks: WEBHOOKS,
    orders: ORDERS,
    deliveries: DELIVERIES,
};

const WEBHOOKS: &[Webhook] = &[
    webhook!("ahamove", "delivered-3-in-process"),
    webhook!("ahamove", "partial"),
    webhook!("ahamove", "delivered-4-completed"),
    webhook!("ahamove", "delivered-1-assigning"),
    webhook!("ahamove", "canceled"),
    webhook!("ahamove", "delivered-3-in-process"),
    webhook!("ahamove", "delivered-2-accepted"),
    webhook!("ahamove", "canceled"),
];

const ORDERS: &[Expected] = &[
    Expected {
        order_id: "22VMV54W",
        columns: &[
            ("status", Some("DELIVERED")),
            ("provider_status", Some("COMPLETED")),
            ("is_final", Some("1")),
            ("created_at", Some("2022-10-14 10:11:45")),
            ("picked_up_at", Some("2022-10-14 10:22:57")),
            ("delivered_at", Some("2022-10-14 10:45:05")),
            ("ended_at", Some("2022-10-14 10:45:05")),
            ("price", Some("33000 VND")),
            ("event_count", Some("4")),
        ],
    },
    Expected {
        order_id: "22K8QD3N",
        columns: &[
            ("status", Some("CANCELED")),
            ("is_final", Some("1")),
            ("canceled_at", Some("2022-09-23 09:26:33")),
            ("event_count", Some("1")),
        ],
    },
    Expected {
        order_id: "22XTR7B2",
        columns: &[
            ("status", Some("PARTIALLY_DELIVERED")),
            ("provider_status", Some("COMPLETED")),
            ("is_final", Some("1")),
            ("picked_up_at", Some("2022-10-14 10:55:50")),
            ("event_count", Some("1")),
        ],
    },
];

const DELIVERIES: &[Delivery] = &[
    ("22VMV54W", &["22VMV54W"], "DELIVERED"),
    ("22K8QD3N", &["22K8QD3N"], "CANCELED"),
    ("22XTR7B2", &["22XTR7B2"], "PARTIALLY_DELIVERED"),
];
