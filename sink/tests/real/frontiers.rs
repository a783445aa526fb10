//! How far the pipeline has come, as Kafka tells.

use std::sync::Arc;

use runtime::clock::ManualClock;
use schemas::topics::Topic;
use serde_json::json;

use crate::{
    case::Case,
    stack::{rows, until, until_after},
};

const SETTLED: &str = "SELECT sum(next_offset) AS n FROM {db}.frontiers_log FINAL \
                       WHERE consumer = 'settled' AND endsWith(topic, 'raw-overflow')";

#[tokio::test(flavor = "multi_thread")]
async fn a_receipt_is_settled_once_every_stage_has_passed_it_and_the_longest_hold_is_over() {
    let mut case = Case::new().await;
    let clock = Arc::new(ManualClock::at_micros(
        jiff::Timestamp::now().as_microsecond(),
    ));
    case.clock = Some(clock.clone());
    case.send_receipt(1, "");
    case.send_receipt(2, "");
    case.send_events(0, 0..10);
    case.flush();
    // both partitions as far as their records go, whichever the key chose
    case.pretend("normalizer-overflow", Topic::RawOverflow, [2, 2])
        .await;
    let seen =
        "SELECT DISTINCT consumer FROM {db}.frontiers_log WHERE consumer != 'settled' ORDER BY ALL";
    case.while_running(async |_| {
        let consumer = |name: &str| json!({ "consumer": name });
        until(
            &case.store,
            seen,
            &[
                consumer("normalizer-overflow"),
                consumer("sink-events"),
                consumer("sink-receipts"),
            ],
        )
        .await;
        assert_eq!(rows(&case.store, SETTLED).await, [json!({"n": 0})]);
        // A hold begins when its stage was seen to be passed, which may be after any step of the clock.
        until_after(&case.store, SETTLED, &[json!({"n": 2})], || {
            clock.advance_ms(61_000);
        })
        .await;
        // another store takes the place of the one that was told
        let emptied = format!("TRUNCATE TABLE {}", case.store.table("frontiers_log"));
        case.store.execute(&emptied).await.unwrap();
        until_after(&case.store, SETTLED, &[json!({"n": 2})], || {
            clock.advance_ms(61_000);
        })
        .await;
    })
    .await;
}
