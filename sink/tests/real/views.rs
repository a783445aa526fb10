//! What analysts see, compared with an example worked out by hand.

use schemas::{Fulfilment, Kind, Order, Reason, SetAside, Status, set_aside, topics::Topic};
use serde_json::json;
use sink::{
    clickhouse::Store,
    row::{self, Place},
    table::Table,
};

use crate::{
    examples::{at, event, full_order, headers, link, money, order, order_id},
    stack::{migrated, rows},
};

const PLACE: Place<'_> = Place {
    topic: "raw",
    partition: 0,
    offset: 1,
};

/// Rows of one insert, each with its own time of loading.
#[derive(Default)]
pub(crate) struct Rows(Vec<u8>);

/// The columns of a table.
pub(crate) trait OfTable: Default {
    fn rows(self) -> row::Rows;
}

macro_rules! of_table {
    ($($table:ident => $columns:ty;)+) => {$(
        impl OfTable for $columns {
            fn rows(self) -> row::Rows {
                row::Rows::$table(Box::new(self))
            }
        }
    )+};
}

of_table! {
    Events => row::event::Columns;
    Orders => row::order::Columns;
    Receipts => row::receipt::Columns;
    SetAside => row::set_aside::Columns;
}

/// One row, and how many of its values were brought into range.
pub(crate) fn one_row<C: OfTable>(loaded: i64, write: impl FnOnce(&mut C)) -> (Vec<u8>, u64) {
    let mut columns = C::default();
    write(&mut columns);
    let mut rows = columns.rows();
    rows.stamp(at(loaded));
    let adjusted = rows.take_adjusted();
    let only = 0..1;
    (rows.block(std::slice::from_ref(&only)), adjusted)
}

impl Rows {
    pub(crate) fn add<C: OfTable>(&mut self, loaded: i64, write: impl FnOnce(&mut C)) -> &mut Self {
        // the server makes one block of those that come in one insert
        self.0.extend(one_row(loaded, write).0);
        self
    }

    pub(crate) fn join(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    pub(crate) async fn insert(&self, store: &Store, table: Table, token: &str) {
        store
            .insert(table.name(), &table.columns(), token, self.0.clone())
            .await
            .unwrap();
    }
}

fn aside(number: u32, reason: Reason, seconds: i64) -> SetAside {
    let source = set_aside::Source {
        topic: "raw",
        partition: 0,
        offset: 0,
        appended_at: at(seconds),
    };
    let about = set_aside::About::receipt(&headers(number, seconds));
    let why = set_aside::Why {
        reason,
        detail: "d".into(),
    };
    SetAside::new(set_aside::Stage::Normalizer, about, why, source)
}

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

/// Receipts 1 to 8: event; duplicate; set aside; set aside and replayed; two parts of which one is
/// missing; nothing and settled; nothing and still in raw; event of a receipt that came twice.
async fn accounts(store: &Store) {
    let mut receipts = Rows::default();
    for number in 1..=8 {
        let offset = i64::from(number);
        receipts.add(0, |w| {
            row::receipt::write(
                w,
                &headers(number, 1),
                Topic::Raw,
                Place { offset, ..PLACE },
            );
        });
    }
    receipts.add(5, |w| {
        row::receipt::write(w, &headers(8, 1), Topic::Raw, Place { offset: 9, ..PLACE })
    });
    receipts.insert(store, Table::Receipts, "one").await;
    let mut events = Rows::default();
    for number in [1, 4, 5, 8] {
        let mut one = event(number, "A", Status::Created, 0);
        one.event.parts = if number == 5 { 2 } else { 1 };
        events.add(0, |w| row::event::write(w, &one, PLACE));
    }
    events.insert(store, Table::Events, "one").await;
    let mut asides = Rows::default();
    for (number, reason) in [
        (2, Reason::Duplicate),
        (3, Reason::Malformed),
        (4, Reason::SignatureFailed),
    ] {
        asides.add(0, |w| {
            row::set_aside::write(w, &aside(number, reason, 1), PLACE)
        });
    }
    asides.insert(store, Table::SetAside, "one").await;
    let frontier = format!(
        "INSERT INTO {} VALUES ('settled', 'raw', 0, 7, now64(6)), ('normalizer', 'raw', 0, 7, now64(6))",
        store.table("frontiers_log")
    );
    store.execute(&frontier).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn every_receipt_is_accounted_for_or_named() {
    let store = migrated().await;
    accounts(&store).await;
    let missing = rows(
        &store,
        "SELECT toUInt8(substring(receipt_id, 36)) AS receipt, parts, outcomes, state, last_seen, provider \
         FROM {db}.unaccounted ORDER BY receipt",
    )
    .await;
    let expected = |receipt: u8, parts: u8, outcomes: u8, state: &str, seen: &str| {
        json!({
            "receipt": receipt, "parts": parts, "outcomes": outcomes, "state": state,
            "last_seen": seen, "provider": "lalamove",
        })
    };
    assert_eq!(
        missing,
        [
            expected(5, 2, 1, "lost", "canonical"),
            expected(6, 1, 0, "lost", "normalizer"),
            expected(7, 1, 0, "waiting", "raw"),
        ]
    );
    let complete = rows(
        &store,
        "SELECT tenant_id, provider, received, in_events, set_aside, duplicates, pending, unaccounted \
         FROM {db}.completeness",
    )
    .await;
    assert_eq!(
        complete,
        [json!({
            "tenant_id": "acme", "provider": "lalamove", "received": 9, "in_events": 4,
            "set_aside": 1, "duplicates": 1, "pending": 0, "unaccounted": 3,
        })]
    );
    let resolved = rows(
        &store,
        "SELECT reason, resolved_at IS NOT NULL AS yes FROM {db}.set_aside ORDER BY reason",
    )
    .await;
    let row = |reason: &str, yes: u8| json!({"reason": reason, "yes": yes});
    assert_eq!(
        resolved,
        [
            row("DUPLICATE", 0),
            row("MALFORMED", 0),
            row("SIGNATURE_FAILED", 1)
        ]
    );
    let twice = rows(&store, "SELECT count() AS n FROM {db}.receipts").await;
    assert_eq!(twice, [json!({"n": 8})]);
    let secrets = rows(
        &store,
        "SELECT secret_id, verified, toString(day) AS day FROM {db}.secret_use",
    )
    .await;
    assert_eq!(
        secrets,
        [json!({"secret_id": "2026-01", "verified": 8, "day": "2026-01-02"})]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_deleted_by_hand_is_missed_whichever_way_it_was_deleted() {
    let store = migrated().await;
    accounts(&store).await;
    let missing = "SELECT toUInt8(substring(receipt_id, 36)) AS receipt FROM {db}.unaccounted \
                   ORDER BY receipt";
    let expected = |receipts: &[u8]| -> Vec<serde_json::Value> {
        receipts.iter().map(|n| json!({"receipt": n})).collect()
    };
    assert_eq!(rows(&store, missing).await, expected(&[5, 6, 7]));
    let event = |number: u32| schemas::EventId::of([number.to_be_bytes().as_slice()]);
    let table = store.table("events_log");
    let light = format!("DELETE FROM {table} WHERE event_id = '{}'", event(1));
    store.execute(&light).await.unwrap();
    assert_eq!(rows(&store, missing).await, expected(&[1, 5, 6, 7]));
    let heavy = format!(
        "ALTER TABLE {table} DELETE WHERE event_id = '{}' SETTINGS mutations_sync = 2",
        event(8)
    );
    store.execute(&heavy).await.unwrap();
    assert_eq!(rows(&store, missing).await, expected(&[1, 5, 6, 7, 8]));
    let sums = "SELECT sum(received) AS received, sum(in_events) AS events, \
                sum(unaccounted) AS unaccounted FROM {db}.completeness";
    let expected = json!({"received": 9, "events": 2, "unaccounted": 5});
    assert_eq!(rows(&store, sums).await, [expected]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receipt_that_is_missing_and_a_range_that_was_passed_over_are_named() {
    let store = migrated().await;
    let mut receipts = Rows::default();
    // 3 has an outcome, 4 and 5 were never seen, at 6 stands what nobody could read, 7 came twice
    for (number, offset) in [(1, 1), (2, 2), (7, 7), (7, 8), (8, 9), (9, 12)] {
        receipts.add(offset, |w| {
            let place = Place { offset, ..PLACE };
            row::receipt::write(w, &headers(number, 1), Topic::Raw, place);
        });
    }
    receipts.insert(&store, Table::Receipts, "one").await;
    let mut events = Rows::default();
    for number in [1, 2, 3, 7, 8] {
        events.add(0, |w| {
            row::event::write(w, &event(number, "A", Status::Created, 0), PLACE);
        });
    }
    events.insert(&store, Table::Events, "one").await;
    let mut asides = Rows::default();
    asides.add(0, |w| {
        let mut unread = aside(6, Reason::Undecodable, 1);
        unread.receipt_id = "raw/0/6".into();
        unread.source_offset = 6;
        row::set_aside::write(w, &unread, PLACE);
    });
    asides.insert(&store, Table::SetAside, "one").await;
    let gaps = "SELECT partition, first_offset AS first, last_offset AS last FROM {db}.raw_gaps ORDER BY first";
    // nothing is a gap before everything below has been through all stages
    assert!(rows(&store, gaps).await.is_empty());
    let frontier = format!(
        "INSERT INTO {} VALUES ('settled', 'raw', 0, 10, now64(6))",
        store.table("frontiers_log")
    );
    store.execute(&frontier).await.unwrap();
    let passed_over = rows(&store, gaps).await;
    let gap = |first: i64, last: i64| json!({"partition": 0, "first": first, "last": last});
    assert_eq!(passed_over, [gap(0, 0), gap(3, 5)]);
    let closed = format!(
        "INSERT INTO {} VALUES ('raw', 0, 3, 5, 'DELETED', true, now64(6))",
        store.table("gaps_log")
    );
    store.execute(&closed).await.unwrap();
    assert_eq!(rows(&store, gaps).await, [gap(0, 0)]);
    let missing = rows(
        &store,
        "SELECT toUInt8(substring(receipt_id, 36)) AS receipt, tenant_id, outcomes FROM {db}.unreceived",
    )
    .await;
    assert_eq!(
        missing,
        [json!({"receipt": 3, "tenant_id": "acme", "outcomes": 1})]
    );

    let deleted = format!(
        "ALTER TABLE {} DELETE WHERE endsWith(receipt_id, '8') SETTINGS mutations_sync = 2",
        store.table("receipts_log")
    );
    store.execute(&deleted).await.unwrap();
    let missing = rows(
        &store,
        "SELECT toUInt8(substring(receipt_id, 36)) AS receipt FROM {db}.unreceived ORDER BY 1",
    )
    .await;
    assert_eq!(missing, [json!({"receipt": 3}), json!({"receipt": 8})]);
}
