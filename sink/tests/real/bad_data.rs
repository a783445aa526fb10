//! Values that no column holds, and rows that a table refuses: neither stops a partition.

use schemas::{Micros, Money, Status};
use serde_json::json;
use sink::batch::settled_metadata;

use crate::{
    case::{COUNT, Case, n},
    examples::{at, event, full_order, order},
    stack::{rows, until},
};

/// First instants of these years, UTC.
const YEAR_1900: Micros = Micros(-2_208_988_800_000_000);
const YEAR_2200: Micros = Micros(7_258_118_400_000_000);

#[tokio::test(flavor = "multi_thread")]
async fn impossible_times_amounts_and_lengths_are_stored_as_far_as_a_column_goes() {
    let case = Case::new().await;
    let times = [
        YEAR_1900,
        YEAR_2200,
        Micros(i64::MIN),
        Micros(i64::MAX),
        at(0),
    ];
    for (number, time) in (1..).zip(times) {
        let mut odd = event(number, "A", Status::Delivered, 0);
        odd.event.occurred_at = time;
        odd.event.created_at = Some(time);
        odd.event.price = Some(Money {
            amount: i64::MAX,
            scale: 0,
            currency: "H".repeat(1000),
        });
        odd.event.attempt = Some(i32::MIN);
        odd.event.location = Some(schemas::delivery_event::Location {
            latitude: f64::NAN,
            longitude: f64::INFINITY,
        });
        case.send_event(0, &odd);
        let mut delivery = order(&format!("o{number}"), Status::Delivered);
        delivery.created_at = Some(time);
        delivery.late_count = -1;
        case.send_order(&delivery);
    }
    let mut long = event(6, "A", Status::Delivered, 0);
    let text = "x".repeat(1_000_000);
    long.event.attributes.insert("raw.text".into(), text);
    case.send_event(0, &long);
    case.send_event(0, &event(7, "A", Status::Delivered, 0));
    case.flush();
    case.while_running(async |_| {
        until(&case.store, COUNT, &n(7)).await;
        let sql = "SELECT count() AS n FROM {db}.orders";
        until(&case.store, sql, &n(5)).await;
    })
    .await;
    let sql = "SELECT countIf(price_amount IS NULL) AS no_price, \
               max(length(attributes['raw.text'])) AS longest, \
               toString(min(occurred_at)) AS first, toString(max(occurred_at)) AS last \
               FROM {db}.order_timeline";
    let expected = json!({
        "no_price": 7, "longest": 1_000_000, "first": "1900-01-01 00:00:00.000000",
        "last": "2299-12-31 23:59:59.999999",
    });
    assert_eq!(rows(&case.store, sql).await, [expected]);
    let sql = "SELECT toString(day) AS day, deliveries FROM {db}.provider_daily ORDER BY day";
    let day = |day: &str, deliveries: u8| json!({"day": day, "deliveries": deliveries});
    let expected = [
        day("1900-01-01", 2),
        day("2026-01-02", 1),
        day("2200-01-01", 1),
        day("2299-12-31", 1),
    ];
    assert_eq!(rows(&case.store, sql).await, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_block_of_nothing_but_refused_rows_is_set_aside_and_the_next_is_loaded() {
    let case = Case::new().await;
    let check = format!(
        "ALTER TABLE {} ADD CONSTRAINT c CHECK unit != 'refused'",
        case.store.table("events_log")
    );
    case.store.execute(&check).await.unwrap();
    for number in 1..=3 {
        let mut refused = event(number, "A", Status::Assigned, 1);
        refused.event.unit = "refused".into();
        case.send_event(0, &refused);
    }
    case.flush();
    let aside = "SELECT count() AS n FROM {db}.set_aside WHERE reason = 'REJECTED_BY_STORE'";
    case.while_running(async |_| {
        until(&case.store, aside, &n(3)).await;
        case.send_events(0, 4..5);
        case.flush();
        until(&case.store, COUNT, &n(1)).await;
    })
    .await;
    assert_eq!(case.committed()[0], (4, settled_metadata(4)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_snapshot_of_an_order_is_set_aside_and_no_part_of_a_webhook() {
    let case = Case::new().await;
    let check = format!(
        "ALTER TABLE {} ADD CONSTRAINT c CHECK order_id = ''",
        case.store.table("orders_log")
    );
    case.store.execute(&check).await.unwrap();
    case.send_order(&full_order());
    case.send_receipt(1, "");
    case.flush();
    case.while_running(async |_| {
        let aside = "SELECT reason, replayable, resolved_at FROM {db}.set_aside";
        let refused =
            json!({"reason": "REJECTED_BY_STORE", "replayable": false, "resolved_at": null});
        until(&case.store, aside, &[refused]).await;
        let parts =
            "SELECT sum(received) AS received, sum(set_aside) AS set_aside FROM {db}.completeness";
        let one = json!({"received": 1, "set_aside": 0});
        until(&case.store, parts, &[one]).await;
    })
    .await;
}

/// One by one they would take longer to find again than the group waits for its member.
#[tokio::test(flavor = "multi_thread")]
async fn many_refused_rows_among_good_ones_are_set_aside_each_once() {
    let case = Case::new().await;
    let check = format!(
        "ALTER TABLE {} ADD CONSTRAINT c CHECK unit != 'refused'",
        case.store.table("events_log")
    );
    case.store.execute(&check).await.unwrap();
    for number in 1..=90 {
        let mut one = event(number, "A", Status::Assigned, i64::from(number));
        if number % 9 == 0 {
            one.event.unit = "refused".into();
        }
        case.send_event(i32::from(number > 45), &one);
    }
    case.flush();
    let aside = "SELECT count() AS n, uniqExact(receipt_id) AS receipts FROM {db}.set_aside_log \
                 WHERE reason = 'REJECTED_BY_STORE'";
    case.while_running(async |_| {
        until(&case.store, COUNT, &n(80)).await;
        let all = json!({"n": 10, "receipts": 10});
        until(&case.store, aside, &[all]).await;
    })
    .await;
}
