//! What the sink was moved past, or what Kafka deleted before the sink came to it.

use std::time::Duration;

use pipeline_tests::{Pipeline, Service, checks, model::History, offsets, raw, wait};
use rdkafka::producer::Producer as _;
use serde_json::Value;

use crate::audit::named;

#[tokio::test(flavor = "multi_thread")]
async fn receipts_that_the_sink_passes_over_are_named_with_the_range_where_they_stand() {
    let mut pipeline = Pipeline::start().await;
    let then = raw::ago(&pipeline, 3600).await;
    raw::history(&pipeline, &then, &History::delivered(1));
    pipeline.wait_count("SELECT count() FROM receipts", 4).await;

    pipeline.terminate(Service::Sink).await;
    let mut skipped = raw::history(&pipeline, &then, &History::delivered(2));
    offsets::skip(&pipeline, "raw", "sink-receipts").await;
    pipeline.launch(Service::Sink);
    pipeline.ready(Service::Sink).await;
    raw::history(&pipeline, &then, &History::delivered(3));
    skipped.sort_unstable();
    let are_named = |audit: &Value| {
        let rows = audit["unreceived"].as_array().unwrap();
        let mut found: Vec<&str> = rows
            .iter()
            .map(|row| row["receipt_id"].as_str().unwrap())
            .collect();
        found.sort_unstable();
        let gaps = audit["gaps"].as_array().unwrap();
        let passed: i64 = gaps
            .iter()
            .map(|gap| {
                let at = |name: &str| gap[name].as_i64().unwrap();
                at("last_offset") - at("first_offset") + 1
            })
            .sum();
        found == skipped && passed == 4
    };
    let what = "all of them, and where they stand";
    checks::audit_finds(&pipeline, what, are_named).await;
}

/// The causes of the gaps that an audit names, in any topic.
fn causes(audit: &Value) -> Vec<&str> {
    let gaps = audit["gaps"].as_array().unwrap().iter();
    let mut causes: Vec<&str> = gaps.map(|gap| gap["cause"].as_str().unwrap()).collect();
    causes.dedup();
    causes
}

#[tokio::test(flavor = "multi_thread")]
async fn snapshots_that_the_sink_is_moved_past_are_named_until_they_are_read_again() {
    let mut pipeline = Pipeline::start().await;
    let then = raw::ago(&pipeline, 3600).await;
    raw::history(&pipeline, &then, &History::delivered(1));
    let newest = "SELECT count() FROM orders WHERE event_count = 4";
    pipeline.wait_count(newest, 1).await;

    // moved to where it stands already: nothing is passed over
    pipeline.terminate(Service::Sink).await;
    offsets::skip(&pipeline, "orders", "sink-orders").await;
    pipeline.launch(Service::Sink);
    pipeline.ready(Service::Sink).await;
    raw::history(&pipeline, &then, &History::delivered(2));
    pipeline.wait_count(newest, 2).await;
    let audit = pipeline.waybill("audit --json", &[]);
    assert_eq!(causes(&serde_json::from_str(&audit.text).unwrap()), [""; 0]);

    pipeline.terminate(Service::Sink).await;
    raw::history(&pipeline, &then, &History::delivered(3));
    let told = "every snapshot of the third order is told";
    wait::until(told, || async {
        // in the transaction that told the event
        let told = offsets::records(&pipeline, "ordered");
        (told == 12).then_some(()).ok_or(told.to_string())
    })
    .await;
    offsets::skip(&pipeline, "orders", "sink-orders").await;
    pipeline.launch(Service::Sink);
    let is_named = |audit: &Value| causes(audit) == ["MOVED"];
    checks::audit_finds(&pipeline, "the range", is_named).await;
    pipeline.wait_count(newest, 2).await;

    // the offset moves a moment after the range is written down
    wait::until("it is read again", || async {
        let reloaded = pipeline
            .waybill("reload --since 2h --table orders --json", &[])
            .json(0);
        (reloaded["orders"]["gaps_closed"] == 1)
            .then_some(())
            .ok_or(reloaded.to_string())
    })
    .await;
    pipeline.wait_count(newest, 3).await;
    for view in ["events", "receipts"] {
        pipeline
            .wait_count(&format!("SELECT count() FROM {view}"), 12)
            .await;
    }
    let audit = pipeline.waybill("audit --json", &[]).json(0);
    assert_eq!(causes(&audit), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn events_that_kafka_deletes_before_the_sink_reads_them_are_named() {
    let mut pipeline = Pipeline::start().await;
    let then = raw::ago(&pipeline, 3600).await;
    raw::history(&pipeline, &then, &History::delivered(1));
    pipeline.wait_count("SELECT count() FROM events", 4).await;
    // what was loaded goes, and the end of the last transaction, which nobody loads
    offsets::delete(&pipeline, "ordered").await;

    pipeline.terminate(Service::Sink).await;
    pipeline.launch(Service::Sink);
    pipeline.ready(Service::Sink).await;
    raw::history(&pipeline, &then, &History::delivered(20));
    pipeline.wait_count("SELECT count() FROM events", 8).await;
    let audit = pipeline.waybill("audit --json", &[]);
    assert_eq!(causes(&serde_json::from_str(&audit.text).unwrap()), [""; 0]);

    pipeline.terminate(Service::Sink).await;
    let lost = raw::history(&pipeline, &then, &History::delivered(2));
    wait::until("all events are told", || async {
        let told = offsets::records(&pipeline, "ordered");
        (told == 4 + lost.len())
            .then_some(())
            .ok_or(told.to_string())
    })
    .await;
    offsets::delete(&pipeline, "ordered").await;
    pipeline.launch(Service::Sink);
    // what comes behind them shows that they are gone
    for order in 3..15 {
        raw::history(&pipeline, &then, &History::delivered(order));
    }
    let are_named =
        |audit: &Value| causes(audit) == ["DELETED"] && named(audit).len() == lost.len();
    checks::audit_finds(&pipeline, "the range and the receipts", are_named).await;
    // told once, and again only where more is deleted
    pipeline.terminate(Service::Sink).await;
    pipeline.launch(Service::Sink);
    pipeline.ready(Service::Sink).await;
    let reloaded = pipeline
        .waybill("reload --since 2h --table events --json", &[])
        .json(0);
    assert_eq!(reloaded["events"]["loaded"], 0, "{reloaded}");
    pipeline.terminate(Service::Sink).await;
    pipeline.launch(Service::Sink);
    pipeline.ready(Service::Sink).await;
    let audit = pipeline.waybill("audit --json", &[]).json(1);
    assert_eq!(causes(&audit), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn webhooks_that_kafka_deletes_before_they_are_read_are_named_until_it_is_known() {
    let mut pipeline = Pipeline::start().await;
    let then = raw::ago(&pipeline, 3600).await;
    raw::history(&pipeline, &then, &History::delivered(1));
    pipeline.wait_count("SELECT count() FROM receipts", 4).await;

    for service in [Service::Normalizer, Service::Sink] {
        pipeline.terminate(service).await;
    }
    raw::history(&pipeline, &then, &History::delivered(2));
    offsets::delete(&pipeline, "raw").await;
    // it goes on behind what is deleted when it is told to, and not before
    offsets::skip(&pipeline, "raw", "normalizer").await;
    for service in [Service::Normalizer, Service::Sink] {
        pipeline.launch(service);
        pipeline.ready(service).await;
    }
    raw::history(&pipeline, &then, &History::delivered(3));
    let is_named = |audit: &Value| {
        let gap = &audit["gaps"][0];
        let found = [&gap["first_offset"], &gap["last_offset"]];
        found == [4, 7] && causes(audit) == ["UNREAD"]
    };
    checks::audit_finds(&pipeline, "the range", is_named).await;

    let reloaded = pipeline
        .waybill("reload --since 2h --table receipts --json", &[])
        .json(0);
    assert_eq!(reloaded["receipts"]["gaps_closed"], 1, "{reloaded}");
    pipeline.wait_count("SELECT count() FROM events", 8).await;
    let audit = pipeline.waybill("audit --json", &[]).json(0);
    assert_eq!(causes(&audit), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_under_way_that_the_sink_is_moved_past_is_named_until_it_is_read_or_set_aside() {
    let mut pipeline = Pipeline::start().await;
    let then = raw::ago(&pipeline, 3600).await;
    raw::history(&pipeline, &then, &History::delivered(1));
    let newest = "SELECT count() FROM orders WHERE event_count = 4";
    pipeline.wait_count(newest, 1).await;

    pipeline.terminate(Service::Sink).await;
    let producer = offsets::unreadable(&pipeline, "orders");
    for order in 20..26 {
        raw::history(&pipeline, &then, &History::delivered(order));
    }
    wait::until("all events are told", || async {
        let told = offsets::records(&pipeline, "ordered");
        (told == 28).then_some(()).ok_or(told.to_string())
    })
    .await;
    offsets::skip(&pipeline, "orders", "sink-orders").await;
    pipeline.launch(Service::Sink);
    pipeline.ready(Service::Sink).await;
    producer
        .commit_transaction(Duration::from_secs(30))
        .unwrap();
    for order in 2..20 {
        raw::history(&pipeline, &then, &History::delivered(order));
    }
    let is_named = |audit: &Value| causes(audit) == ["MOVED"];
    checks::audit_finds(&pipeline, "what was passed over", is_named).await;
    pipeline.wait_count(newest, 19).await;
    let gaps = |audit: &Value| audit["gaps"].as_array().unwrap().len();
    let all = gaps(&pipeline.waybill("audit --json", &[]).json(1));
    assert!(all > 1, "one partition alone");
    let reloaded = pipeline
        .waybill("reload --since 2h --table orders --json", &[])
        .json(1);
    let found = ["unreadable", "gaps_closed", "gaps_open"].map(|name| &reloaded["orders"][name]);
    assert_eq!(found, [1, all - 1, 1], "{reloaded}");
    pipeline.wait_count(newest, 25).await;
    let audit = pipeline.waybill("audit --json", &[]).json(1);
    assert_eq!((gaps(&audit), causes(&audit)), (1, vec!["MOVED"]));

    let reloaded = pipeline
        .waybill("reload --since 2h --table orders --set-aside --json", &[])
        .json(0);
    let found = ["set_aside", "gaps_closed", "gaps_open"].map(|name| &reloaded["orders"][name]);
    assert_eq!(found, [1, 1, 0], "{reloaded}");
    let undecodable =
        "SELECT count() FROM set_aside WHERE reason = 'UNDECODABLE' AND stage = 'sink'";
    pipeline.wait_count(undecodable, 1).await;
    let audit = pipeline.waybill("audit --json", &[]).json(0);
    assert_eq!(causes(&audit), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_lost_its_rows_is_named_and_filled_again_from_kafka() {
    let mut pipeline = Pipeline::start().await;
    let then = raw::ago(&pipeline, 3600).await;
    let count = "SELECT count() FROM events";
    for order in 1..9 {
        raw::history(&pipeline, &then, &History::delivered(order));
    }
    pipeline.wait_count(count, 32).await;

    pipeline.terminate(Service::Sink).await;
    let tables = "SELECT name FROM system.tables WHERE database = currentDatabase() AND endsWith(name, '_log')";
    for table in pipeline.store.rows(tables).await.unwrap() {
        let sql = format!("TRUNCATE TABLE {}", table["name"].as_str().unwrap());
        pipeline.store.rows(&sql).await.unwrap();
    }
    pipeline.launch(Service::Sink);
    pipeline.ready(Service::Sink).await;
    let passed = |audit: &Value| -> i64 {
        let of = |gap: &Value, name: &str| gap[name].as_i64().unwrap();
        let gaps = audit["gaps"].as_array().unwrap().iter();
        gaps.map(|gap| of(gap, "last_offset") - of(gap, "first_offset") + 1)
            .sum()
    };
    let all_is_named = |audit: &Value| passed(audit) == 32 && causes(audit) == ["UNREAD"];
    checks::audit_finds(&pipeline, "all webhooks, and none came since", all_is_named).await;
    let status = pipeline.waybill("status --json", &[]).json(1);
    assert!(status["gaps"].as_u64() > Some(0), "{status}");

    let reloaded = pipeline.waybill("reload --since 2h --json", &[]).json(0);
    let loaded = ["events", "receipts"].map(|table| &reloaded[table]["loaded"]);
    assert_eq!(loaded, [32, 32], "{reloaded}");
    pipeline.wait_count(count, 32).await;
    let whole = "SELECT count() FROM orders WHERE event_count = 4";
    pipeline.wait_count(whole, 8).await;
    let audit = pipeline.waybill("audit --json", &[]).json(0);
    assert_eq!(causes(&audit), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_can_read_of_the_set_aside_topic_is_loaded_again_only_when_asked_for() {
    let pipeline = Pipeline::start().await;
    let producer = offsets::unreadable(&pipeline, "set-aside");
    let time_max = Duration::from_secs(30);
    producer.commit_transaction(time_max).unwrap();
    let undecodable = "SELECT count() FROM set_aside WHERE reason = 'UNDECODABLE'";
    pipeline.wait_count(undecodable, 1).await;
    let emptied = "ALTER TABLE set_aside_log DELETE WHERE true SETTINGS mutations_sync = 2";
    pipeline.store.rows(emptied).await.unwrap();

    let reload = "reload --since 1h --table set-aside --json";
    wait::until("the group has passed it", || async {
        let told = pipeline.waybill(reload, &[]);
        (told.code == Some(1)).then_some(()).ok_or(told.text)
    })
    .await;
    let told = pipeline.waybill(reload, &[]).json(1);
    let found = ["unreadable", "loaded"].map(|name| &told["set-aside"][name]);
    assert_eq!(found, [1, 0], "{told}");

    let told = pipeline
        .waybill(&format!("{reload} --set-aside"), &[])
        .json(0);
    assert_eq!(told["set-aside"]["loaded"], 1, "{told}");
    pipeline.wait_count(undecodable, 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_could_not_be_read_of_the_set_aside_topic_is_loaded_once_it_can_be() {
    let pipeline = Pipeline::start().await;
    let then = raw::ago(&pipeline, 3600).await;
    let history = History::delivered(1);
    raw::history(&pipeline, &then, &history);
    // set aside: it says the same again
    raw::history(&pipeline, &then, &history);
    let count = "SELECT count() FROM set_aside WHERE reason = 'DUPLICATE'";
    pipeline.wait_count(count, 4).await;
    // as a reload by a registry that knows no schema left it
    for sql in [
        "INSERT INTO set_aside_log SELECT * REPLACE (concat('set-aside/', toString(_partition), '/', \
         toString(_offset)) AS receipt_id, 'UNDECODABLE' AS reason, 'sink' AS stage) FROM set_aside_log",
        "ALTER TABLE set_aside_log DELETE WHERE reason = 'DUPLICATE' SETTINGS mutations_sync = 2",
    ] {
        pipeline.store.rows(sql).await.unwrap();
    }
    pipeline.wait_count(count, 0).await;
    wait::until("all are loaded", || async {
        let told = pipeline
            .waybill("reload --since 2h --table set-aside --json", &[])
            .json(0);
        let there = pipeline.store.count(count).await;
        (there == Ok(4)).then_some(()).ok_or(told.to_string())
    })
    .await;
}
