//! A mapping is corrected after the fact: the same events, told anew, and none twice.

use std::{
    io::{BufRead as _, BufReader},
    process::Stdio,
};

use pipeline_tests::{
    Pipeline,
    carriers::Carrier,
    checks::{everything_is_accounted_for, no_sequence_has_a_gap},
    model::{History, shuffled_with_duplicates},
    pipeline::Told,
    raw::{self, Came},
    wait,
};
use serde_json::Value;

const CORRECTED: &str = r#"
[[row]]
provider = "lalamove"
event_type = "ORDER_STATUS_CHANGED"
provider_status = "PICKED_UP"
kind = "ORDER_STATUS_CHANGED"
status = "IN_TRANSIT"
"#;

fn found(told: &Told) -> Value {
    told.json(0)["found"].clone()
}

async fn of_other_carriers(pipeline: &Pipeline) -> usize {
    let bodies = [
        (
            Carrier::Ahamove,
            include_str!("../../cli/demo/ahamove/delivered-2-accepted.json"),
        ),
        (
            Carrier::Ahamove,
            include_str!("../../cli/demo/ahamove/partial.json"),
        ),
        (
            Carrier::Sendstack,
            include_str!("../../cli/demo/sendstack/new-delivery.json"),
        ),
        (
            Carrier::Dellyman,
            include_str!("../../cli/demo/dellyman/delivered-3-in-transit.json"),
        ),
        (
            Carrier::Ordatic,
            include_str!("../../cli/demo/ordatic/refunded-4-rider-refund.json"),
        ),
        (
            Carrier::Ordatic,
            include_str!("../../cli/demo/ordatic/delivered-8-rider-proof-delivery.json"),
        ),
    ];
    for (carrier, body) in bodies {
        carrier.post(pipeline, body).await;
    }
    bodies.len()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_corrected_mapping_revises_what_it_changes_and_nothing_stands_twice() {
    let pipeline = Pipeline::start().await;
    let histories = History::mixed(6);
    let webhooks = shuffled_with_duplicates(&histories, 11);
    pipeline.post_all(&webhooks).await;
    let others = of_other_carriers(&pipeline).await;
    everything_is_accounted_for(&pipeline, webhooks.len() + others).await;
    let store = &pipeline.store;
    let events = store.count("SELECT count() FROM events").await.unwrap();
    let deliveries = store.count("SELECT count() FROM deliveries").await.unwrap();
    let picked_up =
        "SELECT count() FROM events WHERE provider = 'lalamove' AND provider_status = 'PICKED_UP'";
    let picked_up = store.count(picked_up).await.unwrap();
    assert!(picked_up > 2);

    // what was stored reads as it did, of every carrier and in every column
    let same = found(&pipeline.waybill("replay --since 1h --dry-run --json", &[]));
    assert_eq!(same["revised"], 0, "{same}");
    assert_eq!(
        (&same["gained"], &same["resent"], &same["foreign"]),
        (&0.into(), &0.into(), &0.into())
    );
    assert_eq!(same["receipts"], webhooks.len() + others);

    let path = pipeline.folder().join("mapping.toml");
    std::fs::write(&path, CORRECTED).unwrap();
    let path = path.display().to_string();
    let mapping = [("WAYBILL__MAPPING__PATH", path.as_str())];
    let planned = found(&pipeline.waybill("replay --since 1h --dry-run --json", &mapping));
    assert_eq!(planned["revised"], picked_up, "{planned}");
    assert_eq!(planned["written"], 0);
    let field = serde_json::json!({"provider": "lalamove", "field": "status", "before": "PICKED_UP", "now": "IN_TRANSIT", "events": picked_up});
    assert_eq!(planned["fields"], serde_json::json!([field]));
    assert_eq!(
        store
            .count("SELECT count() FROM events WHERE revision > 0")
            .await,
        Ok(0)
    );

    let told = pipeline.waybill("replay --since 1h --json", &mapping);
    assert_eq!(found(&told)["written"], picked_up, "{told:?}");
    let replay = told.json(0)["replay_id"].as_str().unwrap().to_owned();
    let revised = format!(
        "SELECT count() FROM events WHERE provider_status = 'PICKED_UP' AND status = 'IN_TRANSIT' \
         AND revision = 1 AND replay_id = '{replay}'"
    );
    pipeline.wait_count(&revised, picked_up).await;
    for (view, expected) in [("events", events), ("deliveries", deliveries)] {
        pipeline
            .wait_count(&format!("SELECT count() FROM {view}"), expected)
            .await;
    }
    no_sequence_has_a_gap(&pipeline).await;
    everything_is_accounted_for(&pipeline, webhooks.len() + others).await;

    // once more gives nothing, and the record tells of it
    let again = found(&pipeline.waybill("replay --since 1h --json", &mapping));
    assert_eq!(
        (&again["revised"], &again["written"]),
        (&0.into(), &0.into()),
        "{again}"
    );
    let noted =
        "SELECT count() FROM replays_log FINAL WHERE state = 'done' AND outcome LIKE '%revised%'";
    assert_eq!(store.count(noted).await, Ok(2));
    resumed(&pipeline, &replay, &mapping).await;
}

/// As after a crash that came before the last note.
async fn resumed(pipeline: &Pipeline, replay: &str, mapping: &[(&str, &str)]) {
    let resume = format!("replay --resume {replay} --json");
    assert_eq!(
        pipeline.waybill(&resume, mapping).code,
        Some(2),
        "it came to its end"
    );
    let left = format!(
        "INSERT INTO replays_log SELECT * REPLACE ('running' AS state, '[]' AS positions, \
         noted_at + 1 AS noted_at) FROM replays_log FINAL WHERE replay_id = '{replay}'"
    );
    pipeline.store.rows(&left).await.unwrap();
    assert_eq!(
        pipeline.waybill(&resume, &[]).code,
        Some(2),
        "another mapping"
    );
    let before = pipeline
        .store
        .count("SELECT max(revision) FROM events")
        .await;
    let told = pipeline.waybill(&resume, mapping);
    assert_eq!(told.json(0)["replay_id"], replay);
    assert_eq!(
        pipeline
            .store
            .count("SELECT max(revision) FROM events")
            .await,
        before
    );
    wait::until("its record says that it is done", || async {
        let state = format!("SELECT state FROM replays_log FINAL WHERE replay_id = '{replay}'");
        let state = pipeline.store.value(&state).await?;
        (state == "done").then_some(()).ok_or(state.to_string())
    })
    .await;
}

/// Runs a slow replay until it has written something, and kills it; returns its id.
fn killed(pipeline: &Pipeline, mapping: &[(&str, &str)]) -> String {
    let mut child = pipeline
        .command("replay --since 1h --rate 1", mapping)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut notes = BufReader::new(child.stderr.take().unwrap()).lines();
    let first = notes.next().unwrap().unwrap();
    let id = first.rsplit(' ').next().unwrap().to_owned();
    let written = |line: &str| !line.contains(" 0 events written");
    assert!(notes.map_while(Result::ok).any(|line| written(&line)));
    child.kill().unwrap();
    child.wait().unwrap();
    id
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_that_is_killed_goes_on_where_it_was_and_revises_each_event_once() {
    let pipeline = Pipeline::start().await;
    let histories: Vec<History> = (0..5).map(History::delivered).collect();
    let webhooks: Vec<_> = histories.iter().flat_map(|h| h.webhooks.clone()).collect();
    pipeline.post_all(&webhooks).await;
    everything_is_accounted_for(&pipeline, webhooks.len()).await;
    let path = pipeline.folder().join("mapping.toml");
    std::fs::write(&path, CORRECTED).unwrap();
    let path = path.display().to_string();
    let mapping = [("WAYBILL__MAPPING__PATH", path.as_str())];

    let id = killed(&pipeline, &mapping);
    let state = format!("SELECT state FROM replays_log FINAL WHERE replay_id = '{id}'");
    assert_eq!(pipeline.store.value(&state).await, Ok("running".into()));
    let told = pipeline.waybill(&format!("replay --resume {id} --json"), &mapping);
    assert_eq!(told.json(0)["replay_id"], id.as_str());
    assert_eq!(pipeline.store.value(&state).await, Ok("done".into()));
    let revised = "SELECT count() FROM events WHERE status = 'IN_TRANSIT' AND revision = 1";
    pipeline.wait_count(revised, 5).await;
    everything_is_accounted_for(&pipeline, webhooks.len()).await;
    let revisions = "SELECT max(revision) FROM events";
    assert_eq!(pipeline.store.count(revisions).await, Ok(1));
    no_sequence_has_a_gap(&pipeline).await;
}

const KITCHEN_IS_READY: &str = r#"
[[row]]
provider = "ordatic"
event_type = "order-in-kitchen"
kind = "ORDER_STATUS_CHANGED"
status = "READY_FOR_PICKUP"
"#;

/// Ordatic sends neither id nor time: the same words half an hour later are another event, with an
/// id of its own. A replay must find both again.
#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_equals_an_earlier_one_is_revised_under_the_id_that_it_was_given() {
    let pipeline = Pipeline::start().await;
    let body = r#"{"eventType":"order-in-kitchen","storeId":"store-1","data":{"orderId":"OD-9"}}"#;
    let mut came = Vec::new();
    for seconds in [7200, 7190, 5400] {
        came.push(Came::ordatic(&raw::ago(&pipeline, seconds).await, body));
    }
    raw::write(&pipeline, &came);
    pipeline.wait_count("SELECT count() FROM events", 2).await;
    pipeline
        .wait_count(
            "SELECT count() FROM set_aside WHERE reason = 'DUPLICATE'",
            1,
        )
        .await;
    let ids = "SELECT event_id FROM events ORDER BY received_at";
    let before = pipeline.store.rows(ids).await.unwrap();
    let same = found(&pipeline.waybill("replay --since 3h --dry-run --json", &[]));
    assert_eq!(
        (&same["unchanged"], &same["duplicates"]),
        (&2.into(), &1.into()),
        "{same}"
    );

    let path = pipeline.folder().join("mapping.toml");
    std::fs::write(&path, KITCHEN_IS_READY).unwrap();
    let path = path.display().to_string();
    let mapping = [("WAYBILL__MAPPING__PATH", path.as_str())];
    let done = found(&pipeline.waybill("replay --since 3h --json", &mapping));
    assert_eq!(
        (&done["revised"], &done["duplicates"]),
        (&2.into(), &1.into()),
        "{done}"
    );
    let revised = "SELECT count() FROM events WHERE status = 'READY_FOR_PICKUP' AND revision = 1";
    pipeline.wait_count(revised, 2).await;
    assert_eq!(pipeline.store.rows(ids).await.unwrap(), before);
    everything_is_accounted_for(&pipeline, 3).await;
    let again = found(&pipeline.waybill("replay --since 3h --dry-run --json", &mapping));
    assert_eq!(
        (&again["revised"], &again["gained"]),
        (&0.into(), &0.into()),
        "{again}"
    );
}

const RIDER_VANISHED: &str = r#"
[[row]]
provider = "ordatic"
event_type = "rider-vanished"
kind = "ORDER_STATUS_CHANGED"
status = "FAILED"
final = true
"#;

/// Whether a failure ends its order is the mapping's to say, and a replay's to correct: the enricher that
/// folds the order knows nothing of the row.
#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_ends_orders_ends_those_that_are_replayed() {
    let pipeline = Pipeline::start().await;
    let mut came = Vec::new();
    for (seconds, word) in [(600, "rider-created"), (300, "rider-vanished")] {
        let body =
            format!(r#"{{"eventType":"{word}","storeId":"s","data":{{"orderId":"OD-10"}}}}"#);
        came.push(Came::ordatic(&raw::ago(&pipeline, seconds).await, &body));
    }
    raw::write(&pipeline, &came);
    pipeline.wait_count("SELECT count() FROM events", 2).await;
    let open = "SELECT count() FROM orders WHERE version = 2 AND NOT is_final";
    pipeline.wait_count(open, 1).await;
    let path = pipeline.folder().join("mapping.toml");
    let path_text = path.display().to_string();
    let mapping = [("WAYBILL__MAPPING__PATH", path_text.as_str())];
    let attempt = RIDER_VANISHED.replace("final = true", "final = false");
    for (row, is_final) in [(attempt.as_str(), false), (RIDER_VANISHED, true)] {
        std::fs::write(&path, row).unwrap();
        let done = found(&pipeline.waybill("replay --since 1h --json", &mapping));
        assert_eq!(done["revised"], 1, "{done}");
        let ended =
            format!("SELECT count() FROM orders WHERE status = 'FAILED' AND is_final = {is_final}");
        pipeline.wait_count(&ended, 1).await;
    }
    let ended = "SELECT count() FROM orders WHERE ended_at IS NOT NULL";
    pipeline.wait_count(ended, 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_that_can_not_be_right_is_refused_before_it_reads() {
    let pipeline = Pipeline::start().await;
    let check = |words: &str, settings: &[(&str, &str)], says: &str| {
        let told = pipeline.waybill(words, settings);
        assert_eq!(told.code, Some(2), "{words}: {told:?}");
        assert!(told.notes.contains(says), "{words}: {told:?}");
    };
    check(
        "replay --since 1h",
        &[("WAYBILL__PRIVACY__KEY", "")],
        "privacy.key",
    );
    check(
        "replay --since 1h --until 2h",
        &[],
        "--since must be before",
    );
    check("replay --resume never-was", &[], "never-was");
    check("replay", &[], "--since");
}
