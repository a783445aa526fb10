//! A block that a sink of an earlier release stored, which wrote RowBinary.

use schemas::{Micros, topics::Topic};
use serde_json::json;
use sink::{
    batch::{Intent, Partition, Span},
    table::Table,
};

use crate::{
    case::{COUNT, Case, n},
    stack::{stack, until},
};

/// What that release said with every insert.
const SETTINGS: [(&str, &str); 8] = [
    ("async_insert", "0"),
    ("insert_deduplicate", "1"),
    ("deduplicate_blocks_in_dependent_materialized_views", "1"),
    ("max_insert_threads", "1"),
    ("max_insert_block_size", "1048576"),
    ("min_insert_block_size_rows", "1048576"),
    ("min_insert_block_size_bytes", "268435456"),
    ("deduplicate_insert", "enable"),
];

async fn post(parameters: &[(&str, &str)], body: Vec<u8>) -> Vec<u8> {
    let url = reqwest::Url::parse_with_params(&stack().clickhouse_url(), parameters).unwrap();
    let answer = reqwest::Client::new().post(url).body(body).send().await;
    let answer = answer.unwrap();
    let status = answer.status();
    let body = answer.bytes().await.unwrap();
    assert!(status.is_success(), "{}", String::from_utf8_lossy(&body));
    body.to_vec()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_block_that_an_older_sink_stored_is_not_stored_again_in_the_newer_form() {
    let case = Case::new().await;
    case.stop_merges().await;
    case.send_events(0, 0..50);
    case.send_events(1, 50..80);
    case.flush();
    case.while_running(async |_| until(&case.store, COUNT, &n(80)).await)
        .await;
    let table = case.store.table("events_log");
    let columns = Table::Events.columns();
    let columns: Vec<String> = columns.iter().map(|name| format!("`{name}`")).collect();
    let columns = columns.join(", ");
    let select =
        format!("SELECT {columns} FROM {table} ORDER BY _partition, _offset FORMAT RowBinary");
    let body = post(&[], select.into_bytes()).await;
    let truncate = format!("TRUNCATE TABLE {table} SYNC");
    case.store.execute(&truncate).await.unwrap();

    let span = |number, last| Span {
        partition: Partition {
            topic: Topic::Ordered,
            number,
        },
        first: 0,
        last,
    };
    let intent = Intent {
        loaded_at: Micros(jiff::Timestamp::now().as_microsecond()),
        spans: vec![span(0, 49), span(1, 29)],
    };
    let token = intent.token(Table::Events);
    let insert = format!("INSERT INTO {table} ({columns}) FORMAT RowBinary");
    let mut parameters = SETTINGS.to_vec();
    parameters.extend([
        ("query", insert.as_str()),
        ("insert_deduplication_token", &token),
    ]);
    post(&parameters, body).await;

    // the older one died before its offsets moved
    case.commit(&intent, &[0, 1]).await;
    case.send_events(0, 80..81);
    case.flush();
    case.while_running(async |_| until(&case.store, COUNT, &n(81)).await)
        .await;
    let base = case.base().await;
    assert_eq!(
        (&base["rows"], &base["events"]),
        (&json!(81), &json!(81)),
        "{base}"
    );
}
