//! ClickHouse's own Kafka engine on the same topic, into a table like `events_log`: the same columns,
//! codecs, indexes and projections, and the same view on its inserts. It reads the fields that such an
//! engine fills without further work: optional records and arrays of records stay empty, which spares it
//! work.

use std::time::Instant;

use super::{PATIENCE, report};
use crate::place::{DATABASE, Place};

/// Avro path and type.
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
    for table in ["engine_view", "engine_first_loads", "engine", "engine_rows"] {
        let drop = format!("DROP TABLE IF EXISTS {DATABASE}.{table} SYNC");
        place.run(&drop).await?;
    }
    place
        .run(&format!(
            "CREATE TABLE {DATABASE}.engine_rows AS {DATABASE}.events_log"
        ))
        .await?;
    place
        .run(&format!(
            "CREATE MATERIALIZED VIEW {DATABASE}.engine_first_loads TO {DATABASE}.first_loads_log AS \
             SELECT tenant_id, provider, received_at, toUInt32(cityHash64(event_id)) AS event_hash, \
             loaded_at FROM {DATABASE}.engine_rows WHERE revision = 0"
        ))
        .await?;
    let columns: Vec<String> = COLUMNS
        .iter()
        .map(|(name, kind)| format!("`{name}` {kind}"))
        .collect();
    place
        .run(&format!(
            "CREATE TABLE {DATABASE}.engine ({}) ENGINE = Kafka SETTINGS \
             kafka_broker_list = '{}', kafka_topic_list = '{prefix}ordered', \
             kafka_group_name = '{prefix}engine', kafka_format = 'AvroConfluent', \
             format_avro_schema_registry_url = '{}', kafka_num_consumers = 2, \
             kafka_thread_per_consumer = 1, kafka_flush_interval_ms = 500",
            columns.join(", "),
            place.stack.kafka_bootstrap(),
            place.stack.registry_url()
        ))
        .await?;
    let (server, began) = (place.cpu_seconds()?, Instant::now());
    place.run(&view()).await?;
    let first = place.until("engine_rows", 1, PATIENCE).await?;
    place.until("engine_rows", rows, PATIENCE).await?;
    let took = began.elapsed();
    let spent = place.cpu_seconds()? - server;
    for table in ["engine_view", "engine_first_loads"] {
        place
            .run(&format!("DROP TABLE {DATABASE}.{table} SYNC"))
            .await?;
    }
    report(
        "Kafka engine, at least once",
        rows,
        (took, first),
        (0.0, spent),
    )
}

/// From what the engine reads to the columns of `events_log`.
fn view() -> String {
    let columns: Vec<String> = COLUMNS
        .iter()
        .map(|(path, _)| match path.trim_start_matches("event.") {
            "order_first_received_at" => "coalesce(k.`order_first_received_at`, \
                 k.`event.received_at`) AS order_first_received_at"
                .to_owned(),
            name => format!("`{path}` AS `{name}`"),
        })
        .collect();
    format!(
        "CREATE MATERIALIZED VIEW {DATABASE}.engine_view TO {DATABASE}.engine_rows AS \
         SELECT {}, _topic, toInt32(_partition) AS _partition, toInt64(_offset) AS _offset, \
         now64(6, 'UTC') AS loaded_at FROM {DATABASE}.engine AS k",
        columns.join(", ")
    )
}
