-- How far the sink has loaded each partition, by its own knowledge: when a group's offset is moved by
-- hand, Kafka no longer says where it stood.
CREATE TABLE IF NOT EXISTS {database}.loads_log
(
    topic LowCardinality(String),
    partition Int32,
    next_offset Int64,
    written_at DateTime64(6, 'UTC')
)
ENGINE = ReplacingMergeTree(next_offset)
ORDER BY (topic, partition)
SETTINGS non_replicated_deduplication_window = 10000,
    replicated_deduplication_window = 10000;

-- Ranges that the sink was moved past (MOVED), or that Kafka deleted before it came to them (DELETED).
-- What a row that was never loaded leaves behind elsewhere names most of them too, but not a revision.
-- Closed once `waybill reload` has read what is left of the range.
CREATE TABLE IF NOT EXISTS {database}.gaps_log
(
    topic LowCardinality(String),
    partition Int32,
    first_offset Int64,
    last_offset Int64,
    cause LowCardinality(String),
    is_closed Bool,
    written_at DateTime64(6, 'UTC')
)
ENGINE = ReplacingMergeTree(written_at)
ORDER BY (topic, partition, first_offset, last_offset)
SETTINGS non_replicated_deduplication_window = 10000,
    replicated_deduplication_window = 10000;

-- As `raw_gaps`, for the topics whose offsets have gaps of their own.
CREATE OR REPLACE VIEW {database}.topic_gaps
SQL SECURITY INVOKER
AS SELECT
    g.topic AS topic,
    g.partition AS partition,
    g.first_offset AS first_offset,
    g.last_offset AS last_offset,
    g.cause AS cause,
    g.written_at AS found_at
FROM {database}.gaps_log AS g FINAL
WHERE NOT g.is_closed
COMMENT 'Offsets of the ordered, orders and set-aside topics that the sink passed over, not loaded again yet';
