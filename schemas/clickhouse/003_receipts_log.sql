-- One row for each webhook that was answered with 200, from the headers of the raw topics. The same
-- receipt may come twice (spool, replay): the one that was loaded last stays.
CREATE TABLE IF NOT EXISTS {database}.receipts_log
(
    tenant_id LowCardinality(String),
    received_at DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    receipt_id String CODEC(ZSTD(1)),
    provider LowCardinality(String),
    endpoint_id LowCardinality(String),
    verdict LowCardinality(String),
    assurance LowCardinality(String),
    signature_scheme LowCardinality(Nullable(String)),
    secret_id LowCardinality(Nullable(String)),
    content_type LowCardinality(Nullable(String)),
    body_bytes UInt64 CODEC(T64, ZSTD(1)),
    body_sha256 String CODEC(ZSTD(1)),
    body_ref Nullable(String) CODEC(ZSTD(1)),
    overflow Bool,
    spooled Bool,
    replay_id Nullable(String) CODEC(ZSTD(1)),
    _topic LowCardinality(String),
    _partition Int32 CODEC(ZSTD(1)),
    _offset Int64 CODEC(Delta, ZSTD(1)),
    loaded_at DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    INDEX offset_range _offset TYPE minmax GRANULARITY 1
)
ENGINE = ReplacingMergeTree(loaded_at)
PARTITION BY toYYYYMM(received_at)
ORDER BY (tenant_id, received_at, receipt_id)
SETTINGS non_replicated_deduplication_window = 10000,
    replicated_deduplication_window = 10000;
