//! What analysts see, compared with an example worked out by hand.

use schemas::{Fulfilment, Kind, Order, Status};
use serde_json::json;
use sink::{
    row::{self},
    table::Table,
};

use crate::{
    examples::{at, event, full_order, link, money, order, order_id},
    inserts::{PLACE, Rows},
    stack::{migrated, rows},
};

#[tokio::test(flavor = "multi_thread")]
async fn a_chain_of_three_is_one_delivery_and_values_are_those_of_its_last_order() {
    let store = migrated().await;
    let mut a = link("A", Status::Replaced, 0, 0);
    a.price = Some(money("9"));
    a.external_order_id = Some("ext".into());
    a.late_count = 1;
    let b = link("B", Status::Replaced, 1, 300);
    let mut c = link("C", Status::Delivered, 2, 600);
    c.late_count = 2;
    c.first_assigned_at = Some(at(630));
    c.assigned_at = Some(at(660));
    c.picked_up_at = Some(at(720));
    c.delivered_at = Some(at(1000));
    c.ended_at = Some(at(1000));
    let mut takeaway = order("T", Status::Delivered);
    takeaway.fulfilment = Some(Fulfilment::Takeaway);
    let mut failed = order("F", Status::Failed);
    failed.created_at = Some(at(0));

    let mut orders = Rows::default();
    // the first snapshot of C came before its links, and is redelivered after the newest
    let stale = order("C", Status::Created);
    c.revision = 5;
    for snapshot in [&a, &b, &c, &stale, &takeaway, &failed, &full_order()] {
        orders.add(0, |w| row::order::write(w, snapshot, PLACE));
    }
    orders.insert(&store, Table::Orders, "one").await;
    orders
        .insert(&store, Table::Orders, "the same under another token")
        .await;

    let found = rows(
        &store,
        "SELECT root_order_id, final_order_id, order_ids, order_count, external_order_id, status, \
         is_final, toString(requested_at) AS requested, price_amount, total_seconds, assign_seconds, \
         pickup_seconds, delivery_seconds, late_count FROM {db}.deliveries ORDER BY root_order_id",
    )
    .await;
    let single = |id: &str| json!([id]);
    assert_eq!(found.len(), 3, "{found:?}");
    assert_eq!(
        found[0],
        json!({
            "root_order_id": "A", "final_order_id": "C", "order_ids": ["A", "B", "C"],
            "order_count": 3, "external_order_id": "ext", "status": "DELIVERED", "is_final": true,
            "requested": "2026-01-02 03:04:05.000000", "price_amount": null, "total_seconds": 1000,
            "assign_seconds": 630, "pickup_seconds": 60, "delivery_seconds": 280, "late_count": 3,
        })
    );
    assert_eq!(found[1]["order_ids"], single("F"));
    assert_eq!(found[2]["price_amount"], 12.3);

    let found = rows(&store, "SELECT * FROM {db}.provider_daily").await;
    let expected = json!({
        "tenant_id": "acme", "provider": "lalamove", "day": "2026-01-02", "deliveries": 3,
        "delivered": 2, "partially_delivered": 0, "failed": 0, "returned": 0, "canceled": 0,
        "rejected": 0, "expired": 0, "open": 1, "replaced": 1, "success_rate": 1,
        "p50_assign_minutes": 5.5, "late_events": 3,
    });
    for (column, value) in expected.as_object().unwrap() {
        assert_eq!(&found[0][column], value, "{column}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_orders_that_claim_one_predecessor_the_one_that_replaced_it_ends_the_delivery() {
    let store = migrated().await;
    let replaced_by = |mut order: Order, by: &str| {
        order.replaced_by_order_id = Some(order_id(by));
        order
    };
    let chain = [
        replaced_by(link("A", Status::Replaced, 0, 0), "Z"),
        link("Z", Status::Delivered, 1, 300),
        // a branch that nobody took, however long
        replaced_by(link("B", Status::Replaced, 1, 300), "C"),
        link("C", Status::Canceled, 2, 600),
    ];
    let mut orders = Rows::default();
    for order in &chain {
        orders.add(0, |w| row::order::write(w, order, PLACE));
    }
    orders.insert(&store, Table::Orders, "one").await;
    let sql = "SELECT final_order_id, order_ids, status FROM {db}.deliveries";
    let expected = json!({
        "final_order_id": "Z", "order_ids": ["A", "B", "Z", "C"], "status": "DELIVERED",
    });
    assert_eq!(rows(&store, sql).await, [expected]);
}

#[tokio::test(flavor = "multi_thread")]
async fn times_that_contradict_each_other_give_no_duration() {
    let store = migrated().await;
    let back = Order {
        created_at: Some(at(100)),
        first_assigned_at: Some(at(90)),
        assigned_at: Some(at(3_690)),
        picked_up_at: Some(at(102)),
        delivered_at: Some(at(101)),
        ended_at: Some(at(99)),
        ..order("X", Status::Delivered)
    };
    // nothing at all is a duration
    let at_once = Order {
        first_assigned_at: Some(at(100)),
        assigned_at: Some(at(102)),
        ..Order {
            order_id: order("Y", Status::Delivered).order_id,
            root_order_id: order("Y", Status::Delivered).order_id,
            ..back.clone()
        }
    };
    let chained = Order {
        ended_at: Some(at(-1)),
        delivered_at: Some(at(3)),
        picked_up_at: Some(at(4)),
        ..link("A", Status::Delivered, 0, 0)
    };
    let mut orders = Rows::default();
    for snapshot in [&back, &at_once, &chained] {
        orders.add(0, |w| row::order::write(w, snapshot, PLACE));
    }
    orders.insert(&store, Table::Orders, "one").await;

    const SECONDS: &str = "[assign_seconds, pickup_seconds, delivery_seconds, total_seconds]";
    let none = json!([null, null, null, null]);
    for (view, id) in [("orders", "order_id"), ("deliveries", "final_order_id")] {
        let asked = format!("SELECT {id} AS id, {SECONDS} AS s FROM {{db}}.{view} ORDER BY id");
        let found = rows(&store, &asked).await;
        assert_eq!(found[0], json!({"id": "A", "s": none}), "{view}");
        assert_eq!(found[1], json!({"id": "X", "s": none}), "{view}");
        assert_eq!(
            found[2],
            json!({"id": "Y", "s": [0, 0, null, null]}),
            "{view}"
        );
    }
    let asked = "SELECT p50_assign_minutes AS a, p50_pickup_minutes AS p, p50_delivery_minutes AS d \
                 FROM {db}.provider_daily";
    let found = rows(&store, asked).await;
    assert_eq!(found, [json!({"a": 0, "p": 0, "d": null})]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_correction_replaces_the_event_and_the_timeline_follows_event_time() {
    let store = migrated().await;
    let first = event(1, "A", Status::Assigning, 0);
    let moved = event(2, "A", Status::PickedUp, 50);
    let mut corrected = moved.clone();
    corrected.revision = 1;
    corrected.event.occurred_at = at(20);
    let mut same_time = event(3, "A", Status::Delivered, 20);
    same_time.late = true;
    let mut balance = event(4, "A", Status::Unknown, 70);
    balance.event.order_id = None;
    balance.event.status = None;
    balance.event.kind = Kind::BalanceChanged;
    balance.event.balance = Some(money("100.5"));
    balance.order_first_received_at = None;
    let mut events = Rows::default();
    for one in [&first, &corrected, &moved, &same_time, &balance] {
        events.add(10, |w| row::event::write(w, one, PLACE));
    }
    events.insert(&store, Table::Events, "one").await;
    events.insert(&store, Table::Events, "two").await;

    let count = rows(
        &store,
        "SELECT count() AS n, countIf(order_id IS NULL) AS account FROM {db}.events",
    )
    .await;
    assert_eq!(count, [json!({"n": 4, "account": 1})]);
    let timeline = rows(
        &store,
        "SELECT position, status, seconds_since_previous AS since, revision FROM {db}.order_timeline \
         WHERE tenant_id = 'acme' AND order_id = 'A' ORDER BY position",
    )
    .await;
    let expected = [
        json!({"position": 1, "status": "ASSIGNING", "since": null, "revision": 0}),
        json!({"position": 2, "status": "PICKED_UP", "since": 20, "revision": 1}),
        json!({"position": 3, "status": "DELIVERED", "since": 0, "revision": 0}),
    ];
    assert_eq!(timeline, expected);

    let mut newest = Rows::default();
    newest.add(0, |w| {
        row::order::write(w, &link("A", Status::Replaced, 3, 0), PLACE)
    });
    newest.insert(&store, Table::Orders, "one").await;
    let known = rows(
        &store,
        "SELECT DISTINCT order_id, root_order_id, generation, order_status FROM {db}.delivery_events ORDER BY 1",
    )
    .await;
    assert_eq!(
        known[0],
        json!({"order_id": "A", "root_order_id": "A", "generation": 3, "order_status": "REPLACED"})
    );
    assert_eq!(known[1]["order_status"], json!(null));

    let balances = rows(
        &store,
        "SELECT endpoint_id, balance_amount, balance_currency FROM {db}.balances",
    )
    .await;
    assert_eq!(
        balances,
        [json!({"endpoint_id": "acme-hk", "balance_amount": 100.5, "balance_currency": "HKD"})]
    );

    let fresh = rows(
        &store,
        "SELECT sum(events) AS n, min(max_seconds) AS least FROM {db}.freshness",
    )
    .await;
    // the corrected one counts with its first load
    assert_eq!(fresh, [json!({"n": 4, "least": -61})]);
}
