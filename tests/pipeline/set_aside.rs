//! Webhooks that were set aside because of a secret that we had wrong, and come back once it is right.

use pipeline_tests::{
    Pipeline, Webhook,
    carriers::Carrier,
    model::{History, START},
    pipeline::{API_KEY, SECRET, TOKEN},
    raw::{self, Came},
};

const NEW_SECRET: &str = "sk_that_the_carrier_had_all_along";

/// Four webhooks signed with a secret that we don't know, and one of nobody.
async fn refused(pipeline: &Pipeline) -> (Vec<String>, String) {
    let history = History::delivered(1);
    let mut receipts = Vec::new();
    for webhook in &history.webhooks {
        let body = webhook.body(API_KEY, NEW_SECRET, &format!("/hooks/{TOKEN}"));
        let (status, answer) = pipeline.post_bytes(TOKEN, body).await;
        assert_eq!(status, 200);
        receipts.push(answer["receipt_id"].as_str().unwrap().to_owned());
    }
    let (_, answer) = pipeline.post_bytes(TOKEN, b"not json".to_vec()).await;
    let hopeless = answer["receipt_id"].as_str().unwrap().to_owned();
    for view in ["set_aside", "receipts"] {
        pipeline
            .wait_count(&format!("SELECT count() FROM {view}"), 5)
            .await;
    }
    (receipts, hopeless)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_comes_back_once_its_secret_is_known_and_is_counted_once() {
    let pipeline = Pipeline::start().await;
    let (receipts, hopeless) = refused(&pipeline).await;

    let listed = pipeline
        .waybill("set-aside list --reason signature_failed --json", &[])
        .json(0);
    assert_eq!(listed["groups"][0]["reason"], "SIGNATURE_FAILED");
    assert_eq!(listed["rows"].as_array().unwrap().len(), 5);
    let shown = pipeline.waybill(&format!("set-aside show {}", receipts[0]), &[]);
    let same = pipeline.waybill(&format!("set-aside show --receipt {}", receipts[0]), &[]);
    assert_eq!((same.code, &same.text), (Some(0), &shown.text));
    let many = pipeline.waybill("set-aside show --reason SIGNATURE_FAILED", &[]);
    assert_eq!(many.code, Some(2), "{many:?}");
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
    assert!(done["left"].to_string().contains(&hopeless), "{done}");

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
    it_is_counted_once(&pipeline).await;

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

/// Sent the other way round each would be late behind the one before it, and the order's first receipt
/// would be its last one.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_set_aside_comes_back_in_the_order_in_which_it_was_received() {
    let pipeline = Pipeline::start().await;
    refused(&pipeline).await;
    let path = pipeline.folder().join("tenants.toml");
    let tenants = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, tenants.replace(SECRET, NEW_SECRET)).unwrap();
    let done = pipeline.waybill("set-aside replay --json", &[]).json(1);
    assert_eq!(done["replayed"].as_array().unwrap().len(), 4, "{done}");
    pipeline
        .wait_count(
            "SELECT count() FROM orders WHERE status = 'DELIVERED' AND version = 4 AND late_count = 0",
            1,
        )
        .await;
    let first = "SELECT count() FROM orders WHERE first_received_at = (SELECT min(received_at) FROM events)";
    pipeline.wait_count(first, 1).await;
    let in_order = "SELECT count() FROM (SELECT sequence, row_number() OVER (ORDER BY received_at) AS n \
        FROM events) WHERE sequence = n";
    pipeline.wait_count(in_order, 4).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_filter_that_names_nobody_is_wrong_use() {
    let pipeline = Pipeline::start().await;
    for words in [
        "set-aside list --reason NOSUCH",
        "set-aside list --tenant nosuch",
        "set-aside replay --tenant nosuch",
        "audit --tenant nosuch",
        "replay --since 1h --tenant nosuch --dry-run",
    ] {
        let told = pipeline.waybill(words, &[]);
        assert_eq!(told.code, Some(2), "{words}: {told:?}");
        let names_one = told.notes.contains("acme") || told.notes.contains("SIGNATURE_FAILED");
        assert!(names_one, "{words}: {told:?}");
    }
    let told = pipeline.waybill("audit --tenant acme", &[]);
    assert_eq!(told.code, Some(0), "{told:?}");
}

async fn it_is_counted_once(pipeline: &Pipeline) {
    let sums = "SELECT sum(received) AS received, sum(in_events) AS in_events, sum(set_aside) AS \
        set_aside, sum(duplicates) AS duplicates FROM completeness";
    let sums = pipeline.store.rows(sums).await.unwrap().remove(0);
    let expected =
        serde_json::json!({"received": 5, "in_events": 4, "set_aside": 1, "duplicates": 0});
    assert_eq!(sums, expected);
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

/// An amount without a currency, of an endpoint that had none then and has one now.
#[tokio::test(flavor = "multi_thread")]
async fn what_an_endpoint_lacked_is_taken_from_todays_tenants_file() {
    let pipeline = Pipeline::start().await;
    let data = serde_json::json!({
        "order": {"orderId": "61000001", "price": {"totalPrice": "120"}},
        "updatedAt": "2022-04-21T22:22.00Z",
    });
    let webhook = Webhook::new("ORDER_AMOUNT_CHANGED", START, &data);
    let came = Came {
        currency: None,
        ..Came::lalamove(&raw::ago(&pipeline, 600).await, &webhook)
    };
    raw::write(&pipeline, &[came]);
    pipeline
        .wait_count(
            "SELECT count() FROM set_aside WHERE reason = 'MISSING_FIELD'",
            1,
        )
        .await;
    pipeline.wait_count("SELECT count() FROM receipts", 1).await;
    let done = pipeline.waybill("set-aside replay --json", &[]).json(0);
    assert_eq!(done["replayed"].as_array().unwrap().len(), 1, "{done}");
    let priced = "SELECT count() FROM events WHERE price_amount = 120 AND price_currency = 'HKD'";
    pipeline.wait_count(priced, 1).await;
    pipeline
        .wait_count(
            "SELECT count() FROM set_aside WHERE resolved_at IS NOT NULL",
            1,
        )
        .await;
    let resent = "SELECT count() FROM receipts_log FINAL WHERE replay_id IS NOT NULL";
    pipeline.wait_count(resent, 1).await;
    pipeline.wait_count("SELECT count() FROM receipts", 1).await;
    // its first record still reads as it did, and is no reason to refuse the receipt
    let replayed = pipeline.waybill("replay --since 1h --json", &[]).json(0);
    let found = &replayed["found"];
    assert_eq!(
        (&found["superseded"], &found["unchanged"]),
        (&1.into(), &1.into()),
        "{replayed}"
    );
    assert_eq!(found["refused"], serde_json::json!([]), "{replayed}");
}
