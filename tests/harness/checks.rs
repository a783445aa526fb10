//! The oracle: what the views must say of histories that were posted.

use serde_json::{Value, json};

use crate::{Pipeline, model::History, wait};

/// Statuses in `orders` and `deliveries` are those of the model.
pub async fn every_order_ends_as_told(pipeline: &Pipeline, histories: &[History]) {
    let mut expected: Vec<Value> = histories
        .iter()
        .map(|h| json!({"order_id": h.order, "status": h.status, "version": h.webhooks.len()}))
        .collect();
    expected.sort_by_key(|row| row["order_id"].as_str().unwrap().to_owned());
    wait::until("every order ends as told", || async {
        let found = pipeline
            .store
            .rows("SELECT order_id, status, version FROM orders ORDER BY order_id")
            .await?;
        if found == expected {
            return Ok(());
        }
        let odd = found
            .iter()
            .zip(&expected)
            .find(|(found, expected)| found != expected);
        Err(format!(
            "{} orders of {}; first that differs: {odd:?}",
            found.len(),
            expected.len()
        ))
    })
    .await;
    assert_eq!(
        pipeline.store.count("SELECT count() FROM deliveries").await,
        Ok(i64::try_from(histories.len()).unwrap())
    );
}

/// Every webhook has its receipt, every receipt all its outcomes, and no row stands twice.
pub async fn everything_is_accounted_for(pipeline: &Pipeline, webhooks: usize) {
    pipeline
        .wait_count(
            "SELECT count() FROM receipts",
            i64::try_from(webhooks).unwrap(),
        )
        .await;
    every_receipt_has_its_outcomes(pipeline).await;
}

/// The same without a number: for runs in which an answer may be lost and a webhook come again.
pub async fn every_receipt_has_its_outcomes(pipeline: &Pipeline) {
    let missing = "SELECT count() FROM (SELECT toString(receipt_id) AS id FROM receipts WHERE id NOT IN (SELECT toString(receipt_id) FROM events) AND id NOT IN (SELECT toString(receipt_id) FROM set_aside))";
    pipeline.wait_count(missing, 0).await;
    assert_eq!(
        pipeline
            .store
            .count("SELECT count() FROM unaccounted")
            .await,
        Ok(0)
    );
    for view in ["events", "receipts"] {
        let id = if view == "events" {
            "event_id"
        } else {
            "receipt_id"
        };
        let twice = format!("SELECT count() - uniqExact({id}) FROM {view}");
        assert_eq!(pipeline.store.count(&twice).await, Ok(0), "{view}");
    }
}

/// Sequences are 1, 2, 3 for every order.
pub async fn no_sequence_has_a_gap(pipeline: &Pipeline) {
    let gaps = "SELECT count() FROM (SELECT order_id FROM events GROUP BY order_id HAVING max(sequence) != count() OR uniqExact(sequence) != count())";
    pipeline.wait_count(gaps, 0).await;
}

/// The table behind `events` holds each row once: the view's deduplication has nothing to do.
pub async fn no_row_was_written_twice(pipeline: &Pipeline, events: usize) {
    let rows = pipeline.store.count("SELECT count() FROM events_log").await;
    assert_eq!(rows, Ok(i64::try_from(events).expect("small")));
}

/// What `waybill audit` finds, once it finds something and that is what is looked for.
pub async fn audit_finds(pipeline: &Pipeline, what: &str, is_it: impl Fn(&Value) -> bool) -> Value {
    wait::until(what, || async {
        let told = pipeline.waybill("audit --json", &[]);
        let audit = serde_json::from_str(&told.text).unwrap_or_default();
        let fits = told.code == Some(1) && is_it(&audit);
        fits.then_some(audit).ok_or(told.text)
    })
    .await
}
