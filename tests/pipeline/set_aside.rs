//! Webhooks that were set aside because of a secret that we had wrong, and come back once it is right.

use pipeline_tests::{
    Pipeline,
    carriers::Carrier,
    model::History,
    pipeline::{API_KEY, SECRET, TOKEN},
};

const NEW_SECRET: &str = "sk_that_the_carrier_had_all_along";

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_comes_back_once_its_secret_is_known_and_is_counted_once() {
    let pipeline = Pipeline::start().await;
    let history = History::delivered(1);
    let mut receipts = Vec::new();
    for webhook in &history.webhooks {
        let body = webhook.body(API_KEY, NEW_SECRET, &format!("/hooks/{TOKEN}"));
        let (status, answer) = pipeline.post_bytes(TOKEN, body).await;
        assert_eq!(status, 200);
        receipts.push(answer["receipt_id"].as_str().unwrap().to_owned());
    }
    let (_, answer) = pipeline.post_bytes(TOKEN, b"not json".to_vec()).await;
    let hopeless = answer["receipt_id"].as_str().unwrap();
    for view in ["set_aside", "receipts"] {
        pipeline
            .wait_count(&format!("SELECT count() FROM {view}"), 5)
            .await;
    }

    let listed = pipeline
        .waybill("set-aside list --reason signature_failed --json", &[])
        .json(0);
    assert_eq!(listed["groups"][0]["reason"], "SIGNATURE_FAILED");
    assert_eq!(listed["rows"].as_array().unwrap().len(), 5);
    let shown = pipeline.waybill(&format!("set-aside show {}", receipts[0]), &[]);
    assert_eq!(shown.code, Some(0), "{shown:?}");
    assert!(shown.text.contains("SIGNATURE_FAILED") && !shown.text.contains("79973"));
    let body = pipeline.waybill(&format!("set-aside show {} --body", receipts[1]), &[]);
    assert!(body.text.contains("ON_GOING"), "{body:?}");

    let still = pipeline.waybill("set-aside replay --json", &[]).json(1);
    assert_eq!(still["replayed"].as_array().unwrap().len(), 0, "{still}");

    let path = pipeline.folder().join("tenants.toml");
    let tenants = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, tenants.replace(SECRET, NEW_SECRET)).unwrap();
    let planned = pipeline
        .waybill("set-aside replay --dry-run --json", &[])
        .json(1);
    assert_eq!(
        planned["replayed"].as_array().unwrap().len(),
        4,
        "{planned}"
    );
    let done = pipeline
        .waybill("set-aside replay --tenant acme --since 1h --json", &[])
        .json(1);
    assert_eq!(done["replayed"].as_array().unwrap().len(), 4);
    assert!(done["left"].to_string().contains(hopeless), "{done}");

    let store = &pipeline.store;
    pipeline
        .wait_count("SELECT count() FROM events WHERE replay_id IS NOT NULL", 4)
        .await;
    pipeline
        .wait_count(
            "SELECT count() FROM orders WHERE status = 'DELIVERED' AND version = 4",
            1,
        )
        .await;
    pipeline
        .wait_count(
            "SELECT count() FROM set_aside WHERE resolved_at IS NOT NULL",
            4,
        )
        .await;
    pipeline
        .wait_count(
            "SELECT count() FROM receipts WHERE verdict = 'verified' AND secret_id = '2026-11'",
            4,
        )
        .await;
    pipeline.wait_count("SELECT count() FROM receipts", 5).await;
    let sums = "SELECT sum(received) AS received, sum(in_events) AS in_events, sum(set_aside) AS \
        set_aside, sum(duplicates) AS duplicates FROM completeness";
    let sums = store.rows(sums).await.unwrap().remove(0);
    let expected =
        serde_json::json!({"received": 5, "in_events": 4, "set_aside": 1, "duplicates": 0});
    assert_eq!(sums, expected);

    // nothing is left to do, for this command or for a replay of everything
    let again = pipeline
        .waybill("set-aside replay --reason SIGNATURE_FAILED --json", &[])
        .json(1);
    assert_eq!(again["replayed"].as_array().unwrap().len(), 0);
    let replayed = pipeline
        .waybill("replay --since 1h --dry-run --json", &[])
        .json(0);
    assert_eq!(
        (&replayed["found"]["revised"], &replayed["found"]["gained"]),
        (&0.into(), &0.into()),
        "{replayed}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_duplicate_is_final_and_an_unknown_receipt_is_wrong_use() {
    let pipeline = Pipeline::start().await;
    let body = include_str!("../../cli/demo/ahamove/delivered-2-accepted.json");
    for _ in 0..2 {
        Carrier::Ahamove.post(&pipeline, body).await;
    }
    pipeline
        .wait_count(
            "SELECT count() FROM set_aside WHERE reason = 'DUPLICATE'",
            1,
        )
        .await;
    let told = pipeline.waybill("set-aside replay --json", &[]).json(0);
    assert_eq!(told["replayed"].as_array().unwrap().len(), 0);
    assert_eq!(
        pipeline.waybill("set-aside show no-such-receipt", &[]).code,
        Some(2)
    );
}
