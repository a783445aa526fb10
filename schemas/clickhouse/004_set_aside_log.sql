-- One row for each outcome that is not an event. receipt_id is text here: a record whose receipt
-- can't be read has the place where it stands instead. Without an event_id it is the whole receipt.
CREATE TABLE IF NOT EXISTS {database}.set_aside_log
(
    tenant_id LowCardinality(String),
    received_at DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    receipt_id String CODEC(ZSTD(1)),
    part Int32 CODEC(ZSTD(1)),
    event_id Nullable(String) CODEC(ZSTD(1)),
    stage LowCardinality(String),
    set_aside_id String CODEC(ZSTD(1)),
    parts Int32 CODEC(ZSTD(1)),
    provider LowCardinality(String),
    endpoint_id LowCardinality(String),
    order_id Nullable(String) CODEC(ZSTD(1)),
    reason LowCardinality(String),
    detail String CODEC(ZSTD(1)),
    replayable Bool,
    set_aside_at DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    source_topic LowCardinality(String),
    source_partition Int32 CODEC(ZSTD(1)),
    source_offset Int64 CODEC(Delta, ZSTD(1)),
    _topic LowCardinality(String),
    _partition Int32 CODEC(ZSTD(1)),
    _offset Int64 CODEC(Delta, ZSTD(1)),
    loaded_at DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    INDEX offset_range _offset TYPE minmax GRANULARITY 1
)
ENGINE = ReplacingMergeTree(set_aside_at)
PARTITION BY toYYYYMM(received_at)
ORDER BY (tenant_id, received_at, receipt_id, part, event_id, stage)
SETTINGS allow_nullable_key = 1,
    non_replicated_deduplication_window = 10000,
    replicated_deduplication_window = 10000;
