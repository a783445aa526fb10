//! Completeness by identity: what is taken away by hand or skipped is named.

use pipeline_tests::{Pipeline, Service, model::History, offsets, raw, wait};
use serde_json::Value;

/// The receipts that an audit names, each with its state.
pub(crate) fn named(audit: &Value) -> Vec<(&str, &str)> {
    let mut named: Vec<(&str, &str)> = audit["receipts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| {
            (
                row["receipt_id"].as_str().unwrap(),
                row["state"].as_str().unwrap(),
            )
        })
        .collect();
    named.sort_unstable();
    named
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_is_deleted_by_hand_and_a_range_that_is_skipped_are_named() {
    let mut pipeline = Pipeline::start().await;
    let then = raw::ago(&pipeline, 3600).await;
    let receipts = raw::history(&pipeline, &then, &History::delivered(1));
    for view in ["events", "receipts"] {
        pipeline
            .wait_count(&format!("SELECT count() FROM {view}"), 4)
            .await;
    }
    let whole = pipeline.waybill("audit --json", &[]).json(0);
    assert_eq!(whole["unaccounted"], 0);
    assert_eq!(whole["unreceived"], serde_json::json!([]));
    assert_eq!(whole["gaps"], serde_json::json!([]));

    let deleted = format!(
        "ALTER TABLE events_log DELETE WHERE toString(receipt_id) = '{}' SETTINGS mutations_sync = 2",
        receipts[2]
    );
    pipeline.store.rows(&deleted).await.unwrap();
    let audit = pipeline.waybill("audit --json", &[]).json(1);
    assert_eq!(named(&audit).len(), 1);
    assert_eq!(named(&audit)[0].0, receipts[2]);

    pipeline.terminate(Service::Normalizer).await;
    let skipped = raw::history(&pipeline, &then, &History::expired(2));
    offsets::skip(&pipeline, "raw", "normalizer").await;
    pipeline.launch(Service::Normalizer);
    pipeline.ready(Service::Normalizer).await;
    // what comes behind the range shows that the normalizer has passed it
    raw::history(&pipeline, &then, &History::delivered(3));
    pipeline.wait_count("SELECT count() FROM events", 7).await;
    let mut expected: Vec<&str> = skipped
        .iter()
        .chain([&receipts[2]])
        .map(String::as_str)
        .collect();
    expected.sort_unstable();
    wait::until("all three are named", || async {
        let audit = pipeline.waybill("audit --tenant acme --json", &[]).json(1);
        let found: Vec<&str> = named(&audit).into_iter().map(|(id, _)| id).collect();
        (found == expected)
            .then_some(())
            .ok_or(format!("{found:?}"))
    })
    .await;
    let nobody = pipeline.waybill("audit --tenant somebody-else --json", &[]);
    assert_eq!(nobody.code, Some(2), "{nobody:?}");
    for refused in ["audit --older-than 1m", "audit --limit 0"] {
        assert_eq!(pipeline.waybill(refused, &[]).code, Some(2), "{refused}");
    }

    // What was never read comes back from raw. A row that is gone from the store alone does not: the
    // enricher knows that its event was told.
    let replayed = pipeline.waybill("replay --since 2h --json", &[]).json(0);
    assert_eq!(replayed["found"]["gained"], 3, "{replayed}");
    wait::until("only the deleted row is missing", || async {
        let audit = pipeline.waybill("audit --json", &[]).json(1);
        let found: Vec<&str> = named(&audit).into_iter().map(|(id, _)| id).collect();
        (found == [receipts[2].as_str()])
            .then_some(())
            .ok_or(format!("{found:?}"))
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_place_that_is_deleted_by_hand_is_noted_again() {
    let pipeline = Pipeline::start().await;
    let then = raw::ago(&pipeline, 3600).await;
    raw::history(&pipeline, &then, &History::delivered(1));
    pipeline.wait_count("SELECT count() FROM receipts", 4).await;
    let reload = || async {
        let reloaded = pipeline
            .waybill("reload --since 2h --table receipts --json", &[])
            .json(0);
        assert_eq!(reloaded["receipts"]["loaded"], 0, "{reloaded}");
        (reloaded["receipts"]["there"] == 4)
            .then_some(())
            .ok_or(reloaded.to_string())
    };
    wait::until("the group has passed all", reload).await;
    // twice: what was noted once must not count as noted
    for _ in 0..2 {
        let emptied = "ALTER TABLE places_log DELETE WHERE true SETTINGS mutations_sync = 2";
        pipeline.store.rows(emptied).await.unwrap();
        wait::until("they are noted", reload).await;
        let places = "SELECT count() FROM places_log FINAL";
        pipeline.wait_count(places, 4).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_whose_row_is_deleted_or_older_than_its_events_is_named() {
    let pipeline = Pipeline::start().await;
    let then = raw::ago(&pipeline, 3600).await;
    let histories = [1, 2, 3].map(History::delivered);
    for history in &histories {
        raw::history(&pipeline, &then, history);
    }
    pipeline
        .wait_count("SELECT count() FROM orders WHERE event_count = 4", 3)
        .await;
    let store = &pipeline.store;
    for view in ["events", "receipts"] {
        pipeline
            .wait_count(&format!("SELECT count() FROM {view}"), 12)
            .await;
    }
    // as if all of it had been loaded a while ago
    let sync = "SETTINGS mutations_sync = 2";
    let long_ago = format!(
        "ALTER TABLE events_log UPDATE loaded_at = loaded_at - INTERVAL 1 HOUR WHERE true {sync}"
    );
    store.rows(&long_ago).await.unwrap();
    let audit = pipeline.waybill("audit --json", &[]).json(0);
    assert_eq!(audit["orders_behind"], serde_json::json!([]));

    let [deleted, old, _] = histories.map(|history| history.order);
    let delete = format!("ALTER TABLE orders_log DELETE WHERE order_id = '{deleted}' {sync}");
    let older =
        format!("ALTER TABLE orders_log UPDATE version = 3 WHERE order_id = '{old}' {sync}");
    for change in [delete, older] {
        store.rows(&change).await.unwrap();
    }
    let audit = pipeline.waybill("audit --json", &[]).json(1);
    let mut found: Vec<(&str, u64, u64)> = audit["orders_behind"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| {
            let number = |name: &str| row[name].as_u64().unwrap();
            let order = row["order_id"].as_str().unwrap();
            (order, number("sequence"), number("version"))
        })
        .collect();
    found.sort_unstable();
    let mut expected = [(deleted.as_str(), 4, 0), (old.as_str(), 4, 3)];
    expected.sort_unstable();
    assert_eq!(found, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_is_deleted_with_its_receipt_leaves_a_gap_in_its_order() {
    let pipeline = Pipeline::start().await;
    let then = raw::ago(&pipeline, 3600).await;
    let history = History::delivered(1);
    let receipts = raw::history(&pipeline, &then, &history);
    raw::history(&pipeline, &then, &History::delivered(2));
    for view in ["events", "receipts"] {
        pipeline
            .wait_count(&format!("SELECT count() FROM {view}"), 8)
            .await;
    }
    pipeline
        .wait_count("SELECT count() FROM orders WHERE event_count = 4", 2)
        .await;
    let sync = "SETTINGS mutations_sync = 2";
    let one = format!("WHERE receipt_id = '{}' {sync}", receipts[1]);
    for change in [
        format!(
            "ALTER TABLE events_log UPDATE loaded_at = loaded_at - INTERVAL 1 HOUR WHERE true {sync}"
        ),
        format!("ALTER TABLE events_log DELETE {one}"),
        format!("ALTER TABLE receipts_log DELETE {one}"),
    ] {
        pipeline.store.rows(&change).await.unwrap();
    }
    let audit = pipeline.waybill("audit --json", &[]).json(1);
    let behind = audit["orders_behind"].as_array().unwrap();
    assert_eq!(behind.len(), 1, "{audit}");
    assert_eq!(behind[0]["order_id"], history.order.as_str());
    assert_eq!(behind[0]["cause"], "MISSING_EVENTS");
    let reload = || async {
        let reloaded = pipeline.waybill("reload --since 2h --json", &[]).json(0);
        let loaded = ["events", "receipts"].map(|table| reloaded[table]["loaded"] == 1);
        (loaded == [true, true])
            .then_some(())
            .ok_or(reloaded.to_string())
    };
    wait::until("both are loaded again", reload).await;
    pipeline.waybill("audit --json", &[]).json(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_are_gone_are_loaded_again_beside_a_running_sink() {
    let pipeline = Pipeline::start().await;
    let then = raw::ago(&pipeline, 3600).await;
    raw::history(&pipeline, &then, &History::delivered(1));
    let second = History::delivered(2);
    raw::history(&pipeline, &then, &second);
    // set aside: it says the same again
    raw::history(&pipeline, &then, &second);
    let whole = [
        ("events_log", 8),
        ("receipts_log", 12),
        ("set_aside_log", 4),
        ("orders_log", 2),
    ];
    let stands = async || {
        for (table, rows) in whole {
            let rows_of = format!("SELECT count() FROM {table} FINAL");
            pipeline.wait_count(&rows_of, rows).await;
        }
        let newest = "SELECT count() FROM orders WHERE event_count = 4";
        pipeline.wait_count(newest, 2).await;
    };
    stands().await;
    // a group's offset moves a moment after its rows are there
    wait::until("the groups have passed all", || async {
        let nothing = pipeline.waybill("reload --since 2h --json", &[]).json(0);
        let read = [("events", 8), ("receipts", 12), ("set-aside", 4)];
        let passed = read.iter().all(|(table, count)| {
            assert_eq!(nothing[*table]["loaded"], 0, "{nothing}");
            nothing[*table]["records"] == *count
        });
        passed.then_some(()).ok_or(nothing.to_string())
    })
    .await;

    for (table, _) in whole {
        let emptied = format!("ALTER TABLE {table} DELETE WHERE true SETTINGS mutations_sync = 2");
        pipeline.store.rows(&emptied).await.unwrap();
    }
    let events = pipeline
        .waybill("reload --since 2h --table events --json", &[])
        .json(0);
    assert_eq!(events["events"]["loaded"], 8, "{events}");
    assert!(events.get("receipts").is_none(), "{events}");
    let audit = pipeline.waybill("audit --json", &[]).json(1);
    assert_eq!(audit["unreceived"].as_array().unwrap().len(), 8, "{audit}");

    let rest = pipeline.waybill("reload --since 2h --json", &[]).json(0);
    assert_eq!(rest["events"]["there"], 8, "{rest}");
    assert_eq!(rest["receipts"]["loaded"], 12, "{rest}");
    stands().await;
    let audit = pipeline.waybill("audit --json", &[]).json(0);
    assert_eq!(audit["unaccounted"], 0, "{audit}");
}
