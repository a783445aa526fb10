//! The webhooks that carriers document, and what must become of them.

use std::collections::BTreeMap;

use serde::Deserialize;

/// One webhook, as the carrier shows it, without what proves its origin.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Webhook {
    pub(crate) name: &'static str,
    pub(crate) body: &'static str,
}

macro_rules! webhook {
    ($name:literal) => {
        Webhook {
            name: $name,
            body: include_str!(concat!("../demo/lalamove/", $name, ".json")),
        }
    };
}

/// In the order in which they are posted, which is not the order in which they happened: the
/// replacement comes before the orders that it joins, and some come twice.
pub(crate) const LALAMOVE: &[Webhook] = &[
    webhook!("replaced-3-replaced"),
    webhook!("delivered-4-picked-up"),
    webhook!("delivered-2-ongoing"),
    webhook!("rejected-2-rejected"),
    webhook!("wallet"),
    webhook!("replaced-2-assigning"),
    webhook!("delivered-1-assigning"),
    webhook!("delivered-4-picked-up"),
    webhook!("expired"),
    webhook!("delivered-5-completed"),
    webhook!("canceled"),
    webhook!("replaced-1-canceled"),
    webhook!("delivered-3-driver"),
    webhook!("rejected-1-amount"),
    webhook!("replaced-3-replaced"),
    webhook!("canceled"),
];

/// The order whose history is shown.
pub(crate) const SHOWN_ORDER: &str = "153590306286";
/// An order of the chain that is shown.
pub(crate) const CHAINED_ORDER: &str = "154890304296";

/// What the view `orders` must say of one order.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Expected {
    order_id: &'static str,
    /// Column and text; `None` for null.
    columns: &'static [(&'static str, Option<&'static str>)],
}

/// Times are those of the carrier's clock, not of its mislabelled local texts; creation times have the
/// minute's precision that the carrier gives.
pub(crate) const ORDERS: &[Expected] = &[
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

/// What the view `deliveries` must say: root order, its orders, status.
pub(crate) const DELIVERIES: &[(&str, &[&str], &str)] = &[
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

/// Each order's columns as text, `None` for null.
pub(crate) type Found = BTreeMap<String, BTreeMap<String, Option<String>>>;

/// The columns that are compared, as a query gives them.
pub(crate) const ORDERS_QUERY: &str = "SELECT order_id, map( \
    'status', status, 'provider_status', provider_status, 'is_final', toString(toUInt8(is_final)), \
    'picked_up_at', toString(toDateTime(picked_up_at)), \
    'delivered_at', toString(toDateTime(delivered_at)), \
    'canceled_at', toString(toDateTime(canceled_at)), \
    'ended_at', toString(toDateTime(ended_at)), 'driver_id', driver_id, \
    'canceled_by', canceled_by, 'cancel_reason', cancel_reason, \
    'price', concat(toString(price_amount), ' ', price_currency), \
    'replaces_order_id', replaces_order_id, 'replaced_by_order_id', replaced_by_order_id, \
    'root_order_id', root_order_id, 'generation', toString(generation), \
    'event_count', toString(event_count))::Map(String, Nullable(String)) AS columns \
    FROM {database}.orders WHERE tenant_id = {tenant:String} AND provider = 'lalamove'";

/// A row of [`ORDERS_QUERY`].
#[derive(Debug, Deserialize)]
pub(crate) struct OrderRow {
    pub(crate) order_id: String,
    pub(crate) columns: BTreeMap<String, Option<String>>,
}

/// A row of the view `deliveries`, as far as it is compared.
#[derive(Debug, Deserialize)]
pub(crate) struct DeliveryRow {
    pub(crate) root_order_id: String,
    pub(crate) order_ids: Vec<String>,
    pub(crate) status: String,
}

/// What is missing or wrong, in words; empty when all is right.
pub(crate) fn wrong_orders(found: &Found) -> Vec<String> {
    let mut wrong = Vec::new();
    for order in ORDERS {
        let Some(row) = found.get(order.order_id) else {
            wrong.push(format!("order {} is missing", order.order_id));
            continue;
        };
        for (column, expected) in order.columns {
            let value = row.get(*column).and_then(Option::as_deref);
            if value != *expected {
                let (found, expected) = (value.unwrap_or("null"), expected.unwrap_or("null"));
                let id = order.order_id;
                wrong.push(format!("order {id}: {column} is {found}, not {expected}"));
            }
        }
    }
    wrong
}

/// The same of deliveries.
pub(crate) fn wrong_deliveries(found: &[DeliveryRow]) -> Vec<String> {
    let mut wrong = Vec::new();
    for (root, orders, status) in DELIVERIES {
        match found.iter().find(|row| row.root_order_id == *root) {
            None => wrong.push(format!("delivery {root} is missing")),
            Some(row) if row.order_ids != *orders => {
                wrong.push(format!(
                    "delivery {root} has the orders {:?}, not {orders:?}",
                    row.order_ids
                ));
            }
            Some(row) if row.status != *status => {
                wrong.push(format!("delivery {root} is {}, not {status}", row.status));
            }
            Some(_) => {}
        }
    }
    let known = |row: &&DeliveryRow| {
        !DELIVERIES
            .iter()
            .any(|(root, ..)| *root == row.root_order_id)
    };
    let inside = |row: &&DeliveryRow| {
        let orders = DELIVERIES.iter().flat_map(|(_, orders, _)| orders.iter());
        orders
            .into_iter()
            .any(|order| row.order_ids.iter().any(|id| id == order))
    };
    for row in found.iter().filter(known).filter(inside) {
        wrong.push(format!("{} is a delivery of its own", row.root_order_id));
    }
    wrong
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::*;

    fn bodies() -> Vec<Value> {
        LALAMOVE
            .iter()
            .map(|webhook| serde_json::from_str(webhook.body).unwrap())
            .collect()
    }

    #[test]
    fn thirteen_webhooks_are_posted_some_twice_and_none_in_order() {
        let names: BTreeSet<&str> = LALAMOVE.iter().map(|webhook| webhook.name).collect();
        assert_eq!((names.len(), LALAMOVE.len()), (13, 16));
        let times: Vec<i64> = bodies()
            .iter()
            .map(|body| body["timestamp"].as_i64().unwrap())
            .collect();
        assert!(!times.is_sorted());
        assert_eq!(LALAMOVE[0].name, "replaced-3-replaced");
    }

    #[test]
    fn no_body_holds_a_key_or_a_signature() {
        for body in bodies() {
            assert!(
                body.get("apiKey").is_none() && body.get("signature").is_none(),
                "{body}"
            );
            assert!(body["data"].is_object());
        }
    }

    #[test]
    fn every_order_of_the_webhooks_has_an_expectation() {
        let order = |body: &Value| Some(body["data"]["order"]["orderId"].as_str()?.to_owned());
        let posted: BTreeSet<String> = bodies().iter().filter_map(order).collect();
        let expected: BTreeSet<String> = ORDERS
            .iter()
            .map(|order| order.order_id.to_owned())
            .collect();
        let last: BTreeSet<String> = expected.difference(&posted).cloned().collect();
        assert!(last.is_empty(), "{last:?}");
        assert_eq!(posted.len(), expected.len());
    }

    #[test]
    fn nothing_found_means_that_everything_is_missing() {
        assert_eq!(wrong_orders(&Found::new()).len(), ORDERS.len());
        assert_eq!(wrong_deliveries(&[]).len(), DELIVERIES.len());
    }

    #[test]
    fn an_order_of_a_chain_that_stands_alone_is_wrong() {
        let row = |root: &str, orders: &[&str], status: &str| DeliveryRow {
            root_order_id: root.into(),
            order_ids: orders.iter().map(|order| (*order).to_owned()).collect(),
            status: status.into(),
        };
        let mut rows: Vec<_> = DELIVERIES.iter().map(|(r, o, s)| row(r, o, s)).collect();
        assert!(wrong_deliveries(&rows).is_empty());
        rows.push(row("154890304296", &["154890304296"], "ASSIGNING"));
        assert_eq!(wrong_deliveries(&rows).len(), 1);
    }
}
