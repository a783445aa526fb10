-- Where webhooks stood in the raw topics, of each that the sink has read: a range that nobody read is a
-- gap. Offsets of raw follow each other, since nothing there is written in transactions. The receipts'
-- own table can't tell: of a webhook that came twice it keeps one place. What is older than this table
-- is not in it.
CREATE TABLE IF NOT EXISTS {database}.places_log
(
    topic LowCardinality(String),
    partition Int32 CODEC(ZSTD(1)),
    offset Int64 CODEC(Delta, ZSTD(1))
)
ENGINE = ReplacingMergeTree
ORDER BY (topic, partition, offset)
SETTINGS non_replicated_deduplication_window = 10000,
    replicated_deduplication_window = 10000;

-- Filled by each insert into receipts_log, under the same token.
CREATE MATERIALIZED VIEW IF NOT EXISTS {database}.places_of_receipts TO {database}.places_log
SQL SECURITY NONE
AS SELECT r._topic AS topic, r._partition AS partition, r._offset AS offset
FROM {database}.receipts_log AS r;

-- A record of raw whose headers can't be read has no receipt; it was set aside from its place.
CREATE MATERIALIZED VIEW IF NOT EXISTS {database}.places_of_set_aside TO {database}.places_log
SQL SECURITY NONE
AS SELECT s.source_topic AS topic, s.source_partition AS partition, s.source_offset AS offset
FROM {database}.set_aside_log AS s
WHERE match(s.source_topic, '(^|[.])raw(-overflow)?$');

-- Ranges of the raw topics that lie between webhooks that were read, below what is settled.
CREATE OR REPLACE VIEW {database}.raw_gaps
SQL SECURITY INVOKER
AS SELECT
    g.topic AS topic,
    g.partition AS partition,
    g.before + 1 AS first_offset,
    g.offset - 1 AS last_offset
FROM
(
    SELECT
        p.topic AS topic, p.partition AS partition, p.offset AS offset,
        lagInFrame(p.offset, 1, p.offset) OVER (
            PARTITION BY p.topic, p.partition ORDER BY p.offset
            ROWS BETWEEN 1 PRECEDING AND CURRENT ROW
        ) AS before
    FROM {database}.places_log AS p
) AS g
INNER JOIN
(
    SELECT l.topic AS topic, l.partition AS partition, l.next_offset AS next_offset
    FROM {database}.frontiers_log AS l FINAL
    WHERE l.consumer = 'settled'
) AS f
ON g.topic = f.topic AND g.partition = f.partition
WHERE g.offset > g.before + 1 AND g.offset <= f.next_offset
COMMENT 'Offsets of the raw topics that the sink passed over';

-- The other half of `unaccounted`: outcomes whose receipt is not here, because somebody deleted its row
-- or the sink passed over its place. Looked for only where sums do not meet, as there.
CREATE OR REPLACE VIEW {database}.unreceived
SQL SECURITY INVOKER
AS SELECT
    u.tenant_id AS tenant_id,
    u.provider AS provider,
    u.endpoint_id AS endpoint_id,
    u.receipt_id AS receipt_id,
    u.received_at AS received_at,
    uniqExact(u.part) AS outcomes
FROM
(
    SELECT e.tenant_id AS tenant_id, e.provider AS provider, e.endpoint_id AS endpoint_id,
        e.receipt_id AS receipt_id, e.received_at AS received_at, e.part AS part
    FROM {database}.events_log AS e
    UNION ALL
    SELECT s.tenant_id, s.provider, s.endpoint_id, s.receipt_id, s.received_at, s.part
    FROM {database}.set_aside_log AS s
    WHERE toUUIDOrNull(s.receipt_id) IS NOT NULL
) AS u
INNER JOIN
(
    SELECT o.tenant_id AS tenant_id, o.bucket AS bucket
    FROM
    (
        SELECT
            r.tenant_id AS tenant_id, toStartOfTenMinutes(r.received_at) AS bucket,
            toInt64(sum(cityHash64(r.receipt_id))) * -658812288346769719 AS balance
        FROM {database}.receipts_log AS r
        GROUP BY r.tenant_id, toStartOfTenMinutes(r.received_at)
        UNION ALL
        SELECT
            e.tenant_id, toStartOfTenMinutes(e.received_at),
            sum(toInt64(cityHash64(e.receipt_id)) * ((e.part = 1) * (658812288346769719
                    + e.parts * (1597334677 + (e.parts + 1) * (268582165736249 + 19349663017 * (2 * e.parts + 1))))
                - 1597334677 - e.part * (537164331472498 + 116097978102 * e.part)))
        FROM {database}.events_log AS e
        GROUP BY e.tenant_id, toStartOfTenMinutes(e.received_at)
        UNION ALL
        SELECT
            s.tenant_id, toStartOfTenMinutes(s.received_at),
            sum(toInt64(cityHash64(s.receipt_id)) * ((s.part = 1) * (658812288346769719
                    + s.parts * (1597334677 + (s.parts + 1) * (268582165736249 + 19349663017 * (2 * s.parts + 1))))
                - 1597334677 - s.part * (537164331472498 + 116097978102 * s.part)))
        FROM {database}.set_aside_log AS s
        GROUP BY s.tenant_id, toStartOfTenMinutes(s.received_at)
    ) AS o
    GROUP BY o.tenant_id, o.bucket
    HAVING sum(o.balance) != 0
) AS odd
ON u.tenant_id = odd.tenant_id AND toStartOfTenMinutes(u.received_at) = odd.bucket
LEFT ANTI JOIN {database}.receipts_log AS r
ON u.tenant_id = r.tenant_id AND u.received_at = r.received_at AND u.receipt_id = r.receipt_id
WHERE u.received_at < now64(6, 'UTC') - INTERVAL 5 MINUTE
GROUP BY u.tenant_id, u.provider, u.endpoint_id, u.receipt_id, u.received_at
COMMENT 'Outcomes older than 5 minutes whose receipt is missing';
