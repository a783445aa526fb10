//! ClickHouse's own Kafka engine on the same topic. Its table has the columns that such an engine fills
//! without further work: optional records and arrays of records are left out, which spares it work.

use std::time::Instant;

use super::{PATIENCE, report};
use crate::place::{DATABASE, Place};

/// Avro path, type, codec as in `events_log`.
const COLUMNS: &[(&str, &str)] = &[
    ("event.event_id", "String"),
    ("event.receipt_id", "String"),
    ("event.part", "Int32"),
    ("event.parts", "Int32"),
    ("event.unit", "String"),
    ("event.tenant_id", "String"),
    ("event.provider", "String"),
    ("event.endpoint_id", "String"),
    ("event.order_id", "Nullable(String)"),
    ("event.parent_id", "Nullable(String)"),
    ("event.kind", "String"),
    ("event.provider_event_type", "String"),
    ("event.provider_event_id", "Nullable(String)"),
    ("event.provider_status", "Nullable(String)"),
    ("event.occurred_at", "DateTime64(6, 'UTC')"),
    ("event.occurred_at_source", "String"),
    ("event.received_at", "DateTime64(6, 'UTC')"),
    ("event.created_at", "Nullable(DateTime64(6, 'UTC'))"),
    ("event.replaces_order_id", "Nullable(String)"),
    ("event.canceled_by", "Nullable(String)"),
    ("event.cancel_reason", "Nullable(String)"),
    ("event.share_link", "Nullable(String)"),
    ("event.external_order_id", "Nullable(String)"),
    ("event.market", "Nullable(String)"),
    ("event.attributes", "Map(String, String)"),
    ("event.verdict", "String"),
    ("event.assurance", "String"),
    ("event.mapping_version", "String"),
    ("sequence", "Int64"),
    ("revision", "Int32"),
    ("late", "Bool"),
    ("root_order_id", "Nullable(String)"),
    ("generation", "Int32"),
    ("order_first_received_at", "Nullable(DateTime64(6, 'UTC'))"),
    ("released_at", "DateTime64(6, 'UTC')"),
];

pub(crate) async fn run(place: &Place, rows: u64, prefix: &str) -> anyhow::Result<()> {
    for table in ["engine_view", "engine", "engine_rows"] {
        let drop = format!("DROP TABLE IF EXISTS {DATABASE}.{table} SYNC");
        place.run(&drop).await?;
    }
    let columns: Vec<String> = COLUMNS
        .iter()
        .map(|(name, kind)| format!("`{name}` {kind}"))
        .collect();
    let columns = columns.join(", ");
    place
        .run(&format!(
            "CREATE TABLE {DATABASE}.engine_rows ({columns}) ENGINE = ReplacingMergeTree(revision) \
             ORDER BY (`event.tenant_id`, `event.provider`, `event.event_id`)"
        ))
        .await?;
    place
        .run(&format!(
            "CREATE TABLE {DATABASE}.engine ({columns}) ENGINE = Kafka SETTINGS \
             kafka_broker_list = '{}', kafka_topic_list = '{prefix}ordered', \
             kafka_group_name = '{prefix}engine', kafka_format = 'AvroConfluent', \
             format_avro_schema_registry_url = '{}', kafka_num_consumers = 2, \
             kafka_thread_per_consumer = 1, kafka_flush_interval_ms = 500",
            place.stack.kafka_bootstrap(),
            place.stack.registry_url()
        ))
        .await?;
    let (server, began) = (place.cpu_seconds()?, Instant::now());
    place
        .run(&format!(
            "CREATE MATERIALIZED VIEW {DATABASE}.engine_view TO {DATABASE}.engine_rows \
             AS SELECT * FROM {DATABASE}.engine"
        ))
        .await?;
    let first = place.until("engine_rows", 1, PATIENCE).await?;
    place.until("engine_rows", rows, PATIENCE).await?;
    let took = began.elapsed();
    let spent = place.cpu_seconds()? - server;
    place
        .run(&format!("DROP TABLE {DATABASE}.engine_view SYNC"))
        .await?;
    report(
        "Kafka engine, at least once",
        rows,
        (took, first),
        (0.0, spent),
    )
}
