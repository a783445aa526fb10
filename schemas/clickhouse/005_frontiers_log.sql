-- How far each consumer has come, as the sink sees it in Kafka. The consumer `settled` is the whole
-- pipeline: what stands in a raw partition below next_offset has all its outcomes in this database.
CREATE TABLE IF NOT EXISTS {database}.frontiers_log
(
    consumer LowCardinality(String),
    topic LowCardinality(String),
    partition Int32,
    next_offset Int64,
    observed_at DateTime64(6, 'UTC')
)
ENGINE = ReplacingMergeTree(observed_at)
ORDER BY (consumer, topic, partition)
SETTINGS non_replicated_deduplication_window = 10000,
    replicated_deduplication_window = 10000;
