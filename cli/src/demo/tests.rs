use std::collections::BTreeSet;

use serde_json::Value;

use super::*;

fn bodies(provider: Provider) -> Vec<Value> {
    let webhooks = of(provider).webhooks.iter();
    webhooks
        .map(|webhook| serde_json::from_str(webhook.body).unwrap())
        .collect()
}

fn order_of(provider: Provider, body: &Value) -> Option<String> {
    let id = match provider {
        Provider::Lalamove => &body["data"]["order"]["orderId"],
        Provider::Ahamove => &body["_id"],
        Provider::Ordatic => &body["data"]["orderId"],
        Provider::Sendstack => &body["drops"][0]["id"],
        Provider::Dellyman => &body["order"]["OrderID"],
    };
    id.as_str().map(str::to_owned)
}

fn row((root, orders, status): &Delivery, provider: Provider) -> DeliveryRow {
    DeliveryRow {
        provider: provider.as_str().to_owned(),
        root_order_id: (*root).to_owned(),
        order_ids: orders.iter().map(|order| (*order).to_owned()).collect(),
        status: (*status).to_owned(),
    }
}

#[test]
fn every_carrier_sends_something_twice() {
    for provider in Provider::ALL.iter().copied() {
        let webhooks = of(provider).webhooks;
        let names: BTreeSet<&str> = webhooks.iter().map(|webhook| webhook.name).collect();
        assert!(names.len() < webhooks.len(), "{provider}");
    }
}

#[test]
fn webhooks_come_out_of_order_where_their_carrier_says_when_things_happened() {
    for provider in [Provider::Lalamove, Provider::Ahamove, Provider::Dellyman] {
        let names: Vec<&str> = of(provider).webhooks.iter().map(|w| w.name).collect();
        assert!(!names.is_sorted(), "{provider}");
    }
    let mut seen = BTreeSet::new();
    let firsts: Vec<&str> = of(Provider::Ordatic)
        .webhooks
        .iter()
        .map(|webhook| webhook.name)
        .filter(|name| name.starts_with("delivered-") && seen.insert(*name))
        .collect();
    assert!(firsts.is_sorted(), "{firsts:?}");
}

#[test]
fn no_lalamove_body_holds_a_key_or_a_signature() {
    for body in bodies(Provider::Lalamove) {
        assert!(
            body.get("apiKey").is_none() && body.get("signature").is_none(),
            "{body}"
        );
        assert!(body["data"].is_object());
    }
}

#[test]
fn every_order_of_the_webhooks_has_an_expectation() {
    for provider in Provider::ALL.iter().copied() {
        let bodies = bodies(provider);
        let posted: BTreeSet<String> = bodies
            .iter()
            .filter_map(|body| order_of(provider, body))
            .collect();
        let expected: BTreeSet<String> = of(provider)
            .orders
            .iter()
            .map(|order| order.order_id.to_owned())
            .collect();
        let replaced =
            |order: &&String| bodies.iter().any(|b| b["data"]["prevOrderId"] == ***order);
        let never: Vec<&String> = expected
            .difference(&posted)
            .filter(|order| !replaced(order))
            .collect();
        assert!(never.is_empty(), "{never:?}");
        assert!(posted.is_subset(&expected), "{posted:?}");
    }
}

#[test]
fn nothing_found_means_that_everything_is_missing() {
    for provider in Provider::ALL.iter().copied() {
        let carrier = of(provider);
        let orders = wrong_orders(provider, &Found::new());
        assert_eq!(orders.len(), carrier.orders.len());
        let deliveries = wrong_deliveries(provider, &[]);
        assert_eq!(deliveries.len(), carrier.deliveries.len());
    }
}

#[test]
fn an_order_that_should_be_no_delivery_is_wrong_as_one() {
    for (provider, order) in [
        (Provider::Lalamove, "154890304296"),
        (Provider::Ordatic, "651a7d10b1f4a90012ab0002"),
    ] {
        let expected = of(provider).deliveries.iter();
        let mut rows: Vec<_> = expected.map(|delivery| row(delivery, provider)).collect();
        assert!(wrong_deliveries(provider, &rows).is_empty());
        rows.push(DeliveryRow {
            provider: provider.as_str().to_owned(),
            root_order_id: order.to_owned(),
            order_ids: vec![order.to_owned()],
            status: "DELIVERED".to_owned(),
        });
        assert_eq!(wrong_deliveries(provider, &rows).len(), 1);
    }
}

#[test]
fn an_order_of_another_carrier_with_the_same_id_is_not_the_one() {
    let carrier = of(Provider::Dellyman);
    let rows: Vec<_> = carrier
        .deliveries
        .iter()
        .map(|delivery| row(delivery, Provider::Ahamove))
        .collect();
    let wrong = wrong_deliveries(Provider::Dellyman, &rows);
    assert_eq!(wrong.len(), carrier.deliveries.len());
}
