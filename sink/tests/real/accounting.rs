//! What is missing is named: receipts against outcomes, and places against offsets.

use schemas::{Reason, SetAside, Status, set_aside, topics::Topic};
use serde_json::json;
use sink::{
    clickhouse::Store,
    row::{self, Place},
    table::Table,
};

use crate::{
    examples::{at, event, headers},
    inserts::{PLACE, Rows},
    stack::{migrated, rows},
};

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
    let gaps = "SELECT partition, first_offset AS first, last_offset AS last FROM {db}.raw_gaps ORDER BY first, partition";
    // nothing is a gap before everything below has been through all stages
    assert!(rows(&store, gaps).await.is_empty());
    let all_stages_come_to = |partition: i32, offset: i64| {
        let row = format!("('settled', 'raw', {partition}, {offset}, now64(6))");
        let insert = format!("INSERT INTO {} VALUES {row}", store.table("frontiers_log"));
        async { store.execute(&{ insert }).await.unwrap() }
    };
    all_stages_come_to(0, 9).await;
    let passed_over = rows(&store, gaps).await;
    let gap = |first: i64, last: i64| json!({"partition": 0, "first": first, "last": last});
    assert_eq!(passed_over, [gap(0, 0), gap(3, 5)]);
    let closed = format!(
        "INSERT INTO {} VALUES ('raw', 0, 3, 5, 'DELETED', true, now64(6))",
        store.table("gaps_log")
    );
    store.execute(&closed).await.unwrap();
    assert_eq!(rows(&store, gaps).await, [gap(0, 0)]);
    // a store that was restored from an older copy knows nothing of what came last
    all_stages_come_to(0, 12).await;
    all_stages_come_to(1, 3).await;
    let of_another = json!({"partition": 1, "first": 0, "last": 2});
    assert_eq!(
        rows(&store, gaps).await,
        [gap(0, 0), of_another, gap(10, 11)]
    );
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
