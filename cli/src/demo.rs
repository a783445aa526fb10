//! The webhooks that carriers document, and what must become of them.

use std::collections::BTreeMap;

use schemas::Provider;
use serde::Deserialize;

macro_rules! webhook {
    ($carrier:literal, $name:literal) => {
        Webhook {
            name: $name,
            body: include_str!(concat!("../../demo/", $carrier, "/", $name, ".json")),
        }
    };
}

mod ahamove;
mod dellyman;
mod lalamove;
mod ordatic;
mod sendstack;

/// One webhook, as the carrier shows it, without what proves its origin.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Webhook {
    pub(crate) name: &'static str,
    pub(crate) body: &'static str,
}

/// What the view `orders` must say of one order.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Expected {
    order_id: &'static str,
    /// Column and text; `None` for null.
    columns: &'static [(&'static str, Option<&'static str>)],
}

/// What the view `deliveries` must say: root order, its orders, status.
type Delivery = (&'static str, &'static [&'static str], &'static str);

/// What one carrier sends.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Carrier {
    /// In the order in which they are posted, which is not the order in which they happened; some come
    /// twice.
    pub(crate) webhooks: &'static [Webhook],
    orders: &'static [Expected],
    deliveries: &'static [Delivery],
}

pub(crate) const fn of(provider: Provider) -> Carrier {
    match provider {
        Provider::Lalamove => lalamove::CARRIER,
        Provider::Ahamove => ahamove::CARRIER,
        Provider::Ordatic => ordatic::CARRIER,
        Provider::Sendstack => sendstack::CARRIER,
        Provider::Dellyman => dellyman::CARRIER,
    }
}

/// The order whose history is shown.
pub(crate) const SHOWN_ORDER: (Provider, &str) = (Provider::Lalamove, "153590306286");
/// An order of the chain that is shown.
pub(crate) const CHAINED_ORDER: (Provider, &str) = (Provider::Lalamove, "154890304296");

/// Each order's columns as text, `None` for null.
pub(crate) type Found = BTreeMap<(String, String), BTreeMap<String, Option<String>>>;

/// The columns that are compared, as a query gives them.
pub(crate) const ORDERS_QUERY: &str = "SELECT provider, order_id, map( \
    'status', status, 'provider_status', provider_status, 'is_final', toString(toUInt8(is_final)), \
    'created_at', toString(toDateTime(created_at)), \
    'picked_up_at', toString(toDateTime(picked_up_at)), \
    'delivered_at', toString(toDateTime(delivered_at)), \
    'canceled_at', toString(toDateTime(canceled_at)), \
    'ended_at', toString(toDateTime(ended_at)), 'driver_id', driver_id, \
    'canceled_by', canceled_by, 'cancel_reason', cancel_reason, \
    'price', concat(toString(price_amount), ' ', price_currency), \
    'refund', concat(toString(refund_amount), ' ', refund_currency), \
    'proof', proofs.media_type[1], 'fulfilment', fulfilment, \
    'parent_id', parent_id, 'external_order_id', external_order_id, \
    'replaces_order_id', replaces_order_id, 'replaced_by_order_id', replaced_by_order_id, \
    'root_order_id', root_order_id, 'generation', toString(generation), \
    'event_count', toString(event_count))::Map(String, Nullable(String)) AS columns \
    FROM {database}.orders WHERE tenant_id = {tenant:String}";

/// A row of [`ORDERS_QUERY`].
#[derive(Debug, Deserialize)]
pub(crate) struct OrderRow {
    pub(crate) provider: String,
    pub(crate) order_id: String,
    pub(crate) columns: BTreeMap<String, Option<String>>,
}

/// A row of the view `deliveries`, as far as it is compared.
#[derive(Debug, Deserialize)]
pub(crate) struct DeliveryRow {
    pub(crate) provider: String,
    pub(crate) root_order_id: String,
    pub(crate) order_ids: Vec<String>,
    pub(crate) status: String,
}

/// What is missing or wrong, in words; empty when all is right.
pub(crate) fn wrong_orders(provider: Provider, found: &Found) -> Vec<String> {
    let mut wrong = Vec::new();
    for order in of(provider).orders {
        let id = order.order_id;
        let Some(row) = found.get(&(provider.as_str().to_owned(), id.to_owned())) else {
            wrong.push(format!("{provider} order {id} is missing"));
            continue;
        };
        for (column, expected) in order.columns {
            let value = row.get(*column).and_then(Option::as_deref);
            if value != *expected {
                let (found, expected) = (value.unwrap_or("null"), expected.unwrap_or("null"));
                wrong.push(format!(
                    "{provider} order {id}: {column} is {found}, not {expected}"
                ));
            }
        }
    }
    wrong
}

/// The same of deliveries.
pub(crate) fn wrong_deliveries(provider: Provider, found: &[DeliveryRow]) -> Vec<String> {
    let carrier = of(provider);
    let own = |row: &&DeliveryRow| row.provider == provider.as_str();
    let mut wrong = Vec::new();
    for (root, orders, status) in carrier.deliveries {
        let row = found.iter().filter(own);
        match row.into_iter().find(|row| row.root_order_id == *root) {
            None => wrong.push(format!("{provider} delivery {root} is missing")),
            Some(row) if row.order_ids != *orders => {
                wrong.push(format!(
                    "{provider} delivery {root} has the orders {:?}, not {orders:?}",
                    row.order_ids
                ));
            }
            Some(row) if row.status != *status => {
                wrong.push(format!(
                    "{provider} delivery {root} is {}, not {status}",
                    row.status
                ));
            }
            Some(_) => {}
        }
    }
    let is_expected = |row: &DeliveryRow| {
        let mut expected = carrier.deliveries.iter();
        expected.any(|(root, ..)| *root == row.root_order_id)
    };
    let is_of_an_order = |row: &DeliveryRow| {
        let mut orders = carrier.orders.iter();
        orders.any(|order| row.order_ids.iter().any(|id| id == order.order_id))
    };
    let strays = found.iter().filter(own);
    for row in strays.filter(|row| is_of_an_order(row) && !is_expected(row)) {
        let root = &row.root_order_id;
        wrong.push(format!("{provider} order {root} is a delivery of its own"));
    }
    wrong
}

#[cfg(test)]
mod tests;
