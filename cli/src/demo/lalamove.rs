//! Two orders that replace each other, one that goes well, and three ways in which orders end.

use super::{Carrier, Delivery, Expected, Webhook};

pub(super) const CARRIER: Carrier = Carrier {
    webhooks: WEBHOOKS,
    orders: ORDERS,
    deliveries: DELIVERIES,
};

/// The replacement comes before the orders that it joins.
const WEBHOOKS: &[Webhook] = &[
    webhook!("lalamove", "replaced-3-replaced"),
    webhook!("lalamove", "delivered-4-picked-up"),
    webhook!("lalamove", "delivered-2-ongoing"),
    webhook!("lalamove", "rejected-2-rejected"),
    webhook!("lalamove", "wallet"),
    webhook!("lalamove", "replaced-2-assigning"),
    webhook!("lalamove", "delivered-1-assigning"),
    webhook!("lalamove", "delivered-4-picked-up"),
    webhook!("lalamove", "expired"),
    webhook!("lalamove", "delivered-5-completed"),
    webhook!("lalamove", "canceled"),
    webhook!("lalamove", "replaced-1-canceled"),
    webhook!("lalamove", "delivered-3-driver"),
    webhook!("lalamove", "rejected-1-amount"),
    webhook!("lalamove", "replaced-3-replaced"),
    webhook!("lalamove", "canceled"),
];

/// Times are those of the carrier's clock, not of its mislabelled local texts; creation times have the
/// minute's precision that the carrier gives.
const ORDERS: &[Expected] = &[
    Expected {
        order_id: "153590306286",
        columns: &[
            ("status", Some("DELIVERED")),
            ("provider_status", Some("COMPLETED")),
            ("is_final", Some("1")),
            ("picked_up_at", Some("2022-04-21 15:06:25")),
            ("delivered_at", Some("2022-04-21 15:06:29")),
            ("ended_at", Some("2022-04-21 15:06:29")),
            ("driver_id", Some("79973")),
            ("event_count", Some("5")),
            ("root_order_id", Some("153590306286")),
        ],
    },
    Expected {
        order_id: "155490308236",
        columns: &[
            ("status", Some("EXPIRED")),
            ("is_final", Some("1")),
            ("ended_at", Some("2022-04-21 08:49:09")),
            ("delivered_at", None),
            ("event_count", Some("1")),
        ],
    },
    Expected {
        order_id: "159690308216",
        columns: &[
            ("status", Some("CANCELED")),
            ("canceled_at", Some("2022-04-21 17:04:04")),
            ("canceled_by", Some("USER")),
            ("cancel_reason", Some("other")),
            ("event_count", Some("1")),
        ],
    },
    Expected {
        order_id: "157690302216",
        columns: &[
            ("status", Some("REJECTED")),
            ("is_final", Some("1")),
            ("price", Some("123 HKD")),
            ("event_count", Some("2")),
        ],
    },
    Expected {
        order_id: "151890303296",
        columns: &[
            ("status", Some("REPLACED")),
            ("is_final", Some("1")),
            ("canceled_at", Some("2022-04-22 06:45:23")),
            ("ended_at", Some("2022-04-22 06:45:23")),
            ("canceled_by", Some("LALAMOVE_CUSTOMER_SUPPORT")),
            ("replaced_by_order_id", Some("154890304296")),
            ("root_order_id", Some("151890303296")),
            ("generation", Some("0")),
            ("event_count", Some("2")),
        ],
    },
    Expected {
        order_id: "154890304296",
        columns: &[
            ("status", Some("ASSIGNING")),
            ("is_final", Some("0")),
            ("replaces_order_id", Some("151890303296")),
            ("root_order_id", Some("151890303296")),
            ("generation", Some("1")),
            ("event_count", Some("2")),
        ],
    },
];

const DELIVERIES: &[Delivery] = &[
    (
        "151890303296",
        &["151890303296", "154890304296"],
        "ASSIGNING",
    ),
    ("153590306286", &["153590306286"], "DELIVERED"),
    ("155490308236", &["155490308236"], "EXPIRED"),
    ("157690302216", &["157690302216"], "REJECTED"),
    ("159690308216", &["159690308216"], "CANCELED"),
];
