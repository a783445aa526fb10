//! Topics in, tables out, through the real service: crashes, bad records, another owner.

use schemas::{Micros, Status, topics::Topic};
use serde_json::json;
use sink::batch::{Intent, Partition, Span, settled_metadata};

use crate::{
    case::{COUNT, Case, n},
    examples::{event, full_order, headers},
    stack::{eventually, rows, until},
};

#[tokio::test(flavor = "multi_thread")]
async fn every_topic_reaches_its_table_and_bad_records_do_not_hold_up_good_ones() {
    let case = Case::new().await;
    let check = format!(
        "ALTER TABLE {} ADD CONSTRAINT c CHECK unit != 'refused'",
        case.store.table("events_log")
    );
    case.store.execute(&check).await.unwrap();
    case.send_events(0, 1..40);
    let mut refused = event(40, "A", Status::Assigned, 1);
    refused.event.unit = "refused".into();
    case.send_event(0, &refused);
    case.send(Topic::Ordered, 0, "acme/lalamove/A", Some(b"no frame"));
    case.send(
        Topic::Ordered,
        0,
        "acme/lalamove/A",
        Some(&[0, 0, 0, 255, 255, 1]),
    );
    case.send_events(0, 41..81);
    let order = case.encoders["orders"].encode(&full_order()).unwrap();
    case.send(Topic::Orders, 1, "k", Some(&order));
    case.send(Topic::Orders, 1, "k", None);
    case.send(Topic::SetAside, 1, "k", Some(b"no frame either"));
    case.send_receipt(1, "");
    case.send_receipt(2, "tenant");
    case.flush();
    case.while_running(async |_| {
        until(&case.store, COUNT, &n(79)).await;
        let sql = "SELECT count() AS n FROM {db}.orders";
        until(&case.store, sql, &n(1)).await;
        let sql = "SELECT receipt_id, overflow FROM {db}.receipts";
        let receipt = json!({"receipt_id": headers(1, 0).receipt_id.to_string(), "overflow": true});
        until(&case.store, sql, &[receipt]).await;
        let sql = "SELECT reason, tenant_id, order_id, part, count() AS n FROM {db}.set_aside \
                   GROUP BY ALL ORDER BY ALL";
        let undecodable = |tenant: &str, order: Option<&str>, n: u64| {
            json!({
                "reason": "UNDECODABLE", "tenant_id": tenant, "order_id": order, "part": 1, "n": n,
            })
        };
        let rejected = json!({
            "reason": "REJECTED_BY_STORE", "tenant_id": "acme", "order_id": "A", "part": 1, "n": 1,
        });
        let expected = [
            rejected,
            undecodable("", None, 1),
            undecodable("acme", Some("A"), 2),
        ];
        until(&case.store, sql, &expected).await;
    })
    .await;
    assert_eq!(case.committed()[0], (82, settled_metadata(82)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_block_pending_after_a_crash_is_loaded_once_whether_it_was_stored_or_not() {
    let case = Case::new().await;
    case.send_events(0, 0..50);
    case.send_events(1, 50..80);
    case.flush();
    let span = |number, last| Span {
        partition: Partition {
            topic: Topic::Ordered,
            number,
        },
        first: 0,
        last,
    };
    let intent = Intent {
        loaded_at: Micros(1_767_323_045_000_000),
        spans: vec![span(0, 39), span(1, 29)],
    };

    // written down, not stored: loaded under the time that was written down
    case.commit(&intent, &[0, 1]).await;
    case.while_running(async |_| until(&case.store, COUNT, &n(80)).await)
        .await;
    let loads = "SELECT count() AS n FROM {db}.events_log WHERE loaded_at = '2026-01-02 03:04:05'";
    assert_eq!(rows(&case.store, loads).await, n(70));
    assert_eq!(
        case.base().await,
        json!({"rows": 80, "events": 80, "loads": 2})
    );
    assert_eq!(
        case.committed(),
        [(50, settled_metadata(50)), (30, settled_metadata(30))]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_block_that_was_stored_just_before_a_crash_is_not_stored_again() {
    let case = Case::new().await;
    case.stop_merges().await;
    case.send_events(0, 0..50);
    case.send_events(1, 50..80);
    case.flush();
    let span = |number, last| Span {
        partition: Partition {
            topic: Topic::Ordered,
            number,
        },
        first: 0,
        last,
    };
    let now = jiff::Timestamp::now().as_microsecond();
    let intent = Intent {
        loaded_at: Micros(now),
        spans: vec![span(0, 49), span(1, 29)],
    };
    case.commit(&intent, &[0, 1]).await;
    case.while_running(async |_| until(&case.store, COUNT, &n(80)).await)
        .await;
    let before = case.base().await;

    // the same owner: the token is known
    case.commit(&intent, &[0, 1]).await;
    case.send_events(0, 80..81);
    case.flush();
    case.while_running(async |_| until(&case.store, COUNT, &n(81)).await)
        .await;
    assert_eq!(before, json!({"rows": 80, "events": 80, "loads": 1}));
    assert_eq!(
        case.base().await,
        json!({"rows": 81, "events": 81, "loads": 2})
    );

    // owners were split: the rest of the block is somebody else's; what is missing is inserted
    // deleting is a kind of merge
    let start = format!("SYSTEM START MERGES {}", case.store.table("events_log"));
    case.store.execute(&start).await.unwrap();
    let delete = format!(
        "DELETE FROM {} WHERE _partition = 1 AND _offset IN (3, 4)",
        case.store.table("events_log")
    );
    case.store.execute(&delete).await.unwrap();
    case.commit(&intent, &[1]).await;
    case.while_running(async |_| until(&case.store, COUNT, &n(81)).await)
        .await;
    assert_eq!(
        case.base().await,
        json!({"rows": 81, "events": 81, "loads": 2})
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sink_that_is_moved_before_it_ever_loaded_names_what_it_passes_over() {
    let case = Case::new().await;
    case.send_events(0, 0..5);
    case.send_events(1, 5..9);
    case.flush();
    case.pretend("sink-events", Topic::Ordered, [3, 0]).await;
    let gaps = "SELECT partition, first_offset, last_offset, cause FROM {db}.topic_gaps";
    let expected = json!({"partition": 0, "first_offset": 0, "last_offset": 2, "cause": "MOVED"});
    case.while_running(async |_| {
        until(&case.store, COUNT, &n(6)).await;
        until(&case.store, gaps, std::slice::from_ref(&expected)).await;
    })
    .await;

    // an older sink wrote down nothing of what it had loaded
    let forgotten = format!("TRUNCATE TABLE {}", case.store.table("loads_log"));
    case.store.execute(&forgotten).await.unwrap();
    case.send_events(0, 9..12);
    case.flush();
    eventually("moved", || {
        case.moved("sink-events", Topic::Ordered, [6, 4])
    })
    .await;
    case.while_running(async |_| until(&case.store, COUNT, &n(8)).await)
        .await;
    assert_eq!(rows(&case.store, gaps).await, [expected]);
}
