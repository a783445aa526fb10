//! What an analyst sees after ordinary and disorderly days.

use pipeline_tests::{
    Pipeline, Webhook,
    checks::{every_order_ends_as_told, everything_is_accounted_for, no_sequence_has_a_gap},
    model::{History, START, shuffled_with_duplicates},
};
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread")]
async fn an_order_reported_in_order_becomes_one_delivery_with_its_timeline() {
    let pipeline = Pipeline::start().await;
    let history = History::delivered(1);
    pipeline.post_all(&history.webhooks).await;

    let order = &history.order;
    pipeline
        .wait_count(
            &format!("SELECT count() FROM orders WHERE order_id = '{order}' AND version = 4"),
            1,
        )
        .await;
    let delivery = &pipeline.store.rows("SELECT status, is_final, order_count, toUnixTimestamp(delivered_at) AS delivered, toUnixTimestamp(picked_up_at) AS picked, price_currency FROM deliveries").await.unwrap()[0];
    assert_eq!(delivery["status"], "DELIVERED");
    assert_eq!(delivery["order_count"], 1);
    assert_eq!(delivery["delivered"], START + 432);
    assert_eq!(delivery["picked"], START + 428);

    pipeline.wait_count("SELECT count() FROM events", 4).await;
    let timeline = pipeline
        .store
        .rows("SELECT position, status, status_after FROM order_timeline ORDER BY position")
        .await
        .unwrap();
    let expected: Vec<Value> = ["ASSIGNING", "EN_ROUTE_TO_PICKUP", "PICKED_UP", "DELIVERED"]
        .iter()
        .zip(1..)
        .map(|(status, position)| json!({"position": position, "status": status, "status_after": status}))
        .collect();
    assert_eq!(timeline, expected);
    assert_eq!(
        pipeline
            .store
            .count("SELECT count() FROM events WHERE late")
            .await,
        Ok(0)
    );
    everything_is_accounted_for(&pipeline, 4).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn shuffled_and_repeated_webhooks_give_each_order_its_one_true_end() {
    let pipeline = Pipeline::start().await;
    let histories = History::mixed(30);
    let webhooks = shuffled_with_duplicates(&histories, 7);
    pipeline.post_all(&webhooks).await;

    let distinct: usize = histories.iter().map(|h| h.webhooks.len()).sum();
    let duplicates = webhooks.len() - distinct;
    pipeline
        .wait_count(
            "SELECT count() FROM events",
            i64::try_from(distinct).unwrap(),
        )
        .await;
    every_order_ends_as_told(&pipeline, &histories).await;
    pipeline
        .wait_count(
            "SELECT count() FROM set_aside WHERE reason = 'DUPLICATE'",
            i64::try_from(duplicates).unwrap(),
        )
        .await;
    no_sequence_has_a_gap(&pipeline).await;
    everything_is_accounted_for(&pipeline, webhooks.len()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chain_of_replaced_orders_is_one_delivery_even_when_the_links_come_first() {
    let pipeline = Pipeline::start().await;
    let (a, b, c) = ("41000001", "41000002", "41000003");
    let links = [
        Webhook::replaced(b, c, START + 600),
        Webhook::replaced(a, b, START + 300),
    ];
    pipeline.post_all(&links).await;
    pipeline
        .wait_count(
            "SELECT count() FROM events WHERE kind IN ('ORDER_REPLACED', 'ORDER_SUPERSEDED')",
            4,
        )
        .await;

    let status = |order, after, before, now| Webhook::status(order, START + after, before, now);
    pipeline
        .post_all(&[
            status(c, 560, "", "ASSIGNING_DRIVER"),
            status(b, 500, "ON_GOING", "CANCELED"),
            status(a, 0, "", "ASSIGNING_DRIVER"),
            status(a, 200, "ASSIGNING_DRIVER", "CANCELED"),
            status(b, 250, "", "ASSIGNING_DRIVER"),
            status(b, 400, "ASSIGNING_DRIVER", "ON_GOING"),
            status(c, 700, "ASSIGNING_DRIVER", "ON_GOING"),
            status(c, 900, "ON_GOING", "PICKED_UP"),
            status(c, 1000, "PICKED_UP", "COMPLETED"),
        ])
        .await;
    pipeline.wait_count("SELECT count() FROM events", 13).await;
    pipeline.wait_count(&format!("SELECT count() FROM orders WHERE order_id = '{c}' AND status = 'DELIVERED' AND generation = 2"), 1).await;

    let orders = pipeline
        .store
        .rows("SELECT order_id, status, root_order_id, generation, chained FROM orders ORDER BY order_id")
        .await
        .unwrap();
    let expected = |id: &str, status: &str, generation: i64| json!({"order_id": id, "status": status, "root_order_id": a, "generation": generation, "chained": true});
    assert_eq!(
        orders,
        [
            expected(a, "REPLACED", 0),
            expected(b, "REPLACED", 1),
            expected(c, "DELIVERED", 2)
        ]
    );
    let deliveries = pipeline
        .store
        .rows("SELECT root_order_id, final_order_id, order_ids, order_count, status, toUnixTimestamp(assumeNotNull(ended_at)) AS ended FROM deliveries")
        .await
        .unwrap();
    assert_eq!(
        deliveries,
        [json!({
            "root_order_id": a, "final_order_id": c, "order_ids": [a, b, c], "order_count": 3,
            "status": "DELIVERED", "ended": START + 1000,
        })]
    );
    everything_is_accounted_for(&pipeline, 11).await;
}
