-- What operators replayed, for whom, by which mapping, and what came of it. A replay that was
-- interrupted goes on from its positions in raw. No view reads it: analysts don't see it.
CREATE TABLE IF NOT EXISTS {database}.replays_log
(
    replay_id String,
    command LowCardinality(String),
    state LowCardinality(String),
    tenant_id LowCardinality(String),
    since DateTime64(6, 'UTC'),
    until DateTime64(6, 'UTC'),
    mapping_version LowCardinality(String),
    started_by LowCardinality(String),
    started_at DateTime64(6, 'UTC'),
    noted_at DateTime64(6, 'UTC'),
    positions String CODEC(ZSTD(1)),
    outcome String CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree(noted_at)
ORDER BY replay_id
SETTINGS non_replicated_deduplication_window = 10000,
    replicated_deduplication_window = 10000;
