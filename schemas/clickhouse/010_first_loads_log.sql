-- When each event was loaded first. A correction replaces its event's row and its time of loading
-- with it; here the smallest time stays, whatever is loaded again. The key is narrow: two events of
-- one carrier in the same microsecond are told apart by 32 bits of the event's id.
CREATE TABLE IF NOT EXISTS {database}.first_loads_log
(
    tenant_id LowCardinality(String),
    provider LowCardinality(String),
    received_at DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    event_hash UInt32 CODEC(NONE),
    loaded_at SimpleAggregateFunction(min, DateTime64(6, 'UTC')) CODEC(Delta, ZSTD(1))
)
ENGINE = AggregatingMergeTree
PARTITION BY toYYYYMM(received_at)
ORDER BY (tenant_id, provider, received_at, event_hash)
SETTINGS non_replicated_deduplication_window = 10000,
    replicated_deduplication_window = 10000;

-- Filled by each insert into events_log, under the same token. Corrections are not first loads.
CREATE MATERIALIZED VIEW IF NOT EXISTS {database}.first_loads TO {database}.first_loads_log
SQL SECURITY NONE
AS SELECT
    e.tenant_id AS tenant_id,
    e.provider AS provider,
    e.received_at AS received_at,
    toUInt32(cityHash64(e.event_id)) AS event_hash,
    e.loaded_at AS loaded_at
FROM {database}.events_log AS e
WHERE e.revision = 0;

-- What is there already. Again is harmless: the smallest time stays.
INSERT INTO {database}.first_loads_log (tenant_id, provider, received_at, event_hash, loaded_at)
SELECT
    e.tenant_id, e.provider, e.received_at, toUInt32(cityHash64(e.event_id)), e.loaded_at
FROM {database}.events_log AS e
WHERE e.revision = 0;

-- Sums for each tenant and ten minutes: of the hashes of receipts, and of those of first parts and of
-- what first parts announce. A projection is part of its table: what is deleted or merged leaves it too.
ALTER TABLE {database}.receipts_log MODIFY SETTING
    deduplicate_merge_projection_mode = 'rebuild', lightweight_mutation_projection_mode = 'rebuild';

ALTER TABLE {database}.receipts_log ADD PROJECTION IF NOT EXISTS ten_minutes
(
    SELECT tenant_id, toStartOfTenMinutes(received_at), sum(cityHash64(receipt_id))
    GROUP BY tenant_id, toStartOfTenMinutes(received_at)
);

ALTER TABLE {database}.receipts_log MATERIALIZE PROJECTION ten_minutes;

ALTER TABLE {database}.events_log MODIFY SETTING
    deduplicate_merge_projection_mode = 'rebuild', lightweight_mutation_projection_mode = 'rebuild';

ALTER TABLE {database}.events_log ADD PROJECTION IF NOT EXISTS ten_minutes
(
    SELECT
        tenant_id, toStartOfTenMinutes(received_at),
        sum((part = 1) * cityHash64(receipt_id)),
        sum((parts * (part = 1) - 1) * toInt64(bitShiftRight(cityHash64(receipt_id), 1)))
    GROUP BY tenant_id, toStartOfTenMinutes(received_at)
);

ALTER TABLE {database}.events_log MATERIALIZE PROJECTION ten_minutes;
