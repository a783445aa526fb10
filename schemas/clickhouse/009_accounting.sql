-- The outcome of part n of a receipt is an event, else a duplicate, else a set-aside. Everything is
-- grouped by receipt from the base tables, with the time of receipt in the key: a filter on it then
-- prunes all three tables, and a row that somebody deletes by hand is missed.
CREATE OR REPLACE VIEW {database}.unaccounted
SQL SECURITY INVOKER
AS SELECT
    a.tenant_id AS tenant_id,
    a.provider AS provider,
    a.endpoint_id AS endpoint_id,
    a.receipt_id AS receipt_id,
    a.received_at AS received_at,
    a.parts AS parts,
    a.outcomes AS outcomes,
    if(f.next_offset IS NULL OR a.place.3 >= f.next_offset, 'waiting', 'lost') AS state,
    multiIf(
        a.outcomes > 0, 'canonical',
        n.next_offset IS NULL OR a.place.3 >= n.next_offset, 'raw',
        'normalizer'
    ) AS last_seen,
    a.place.1 AS _topic,
    a.place.2 AS _partition,
    a.place.3 AS _offset
FROM
(
    SELECT
        u.tenant_id AS tenant_id,
        u.received_at AS received_at,
        u.receipt_id AS receipt_id,
        anyIf(u.provider, u.is_receipt) AS provider,
        anyIf(u.endpoint_id, u.is_receipt) AS endpoint_id,
        max(u.is_receipt) AS received,
        greatest(max(u.parts), 1) AS parts,
        length(groupUniqArrayIf(u.part, u.part > 0)) AS outcomes,
        argMaxIf((u._topic, u._partition, u._offset), (u.loaded_at, u._offset), u.is_receipt) AS place
    FROM
    (
        SELECT
            r.tenant_id AS tenant_id, r.received_at AS received_at, r.receipt_id AS receipt_id,
            r.provider AS provider, r.endpoint_id AS endpoint_id,
            true AS is_receipt, 0 AS part, 0 AS parts,
            r._topic AS _topic, r._partition AS _partition, r._offset AS _offset,
            r.loaded_at AS loaded_at
        FROM {database}.receipts_log AS r
        UNION ALL
        SELECT
            e.tenant_id, e.received_at, e.receipt_id, '', '',
            false, e.part, e.parts, '', 0, 0, toDateTime64(0, 6, 'UTC')
        FROM {database}.events_log AS e
        UNION ALL
        SELECT
            s.tenant_id, s.received_at, s.receipt_id, '', '',
            false, s.part, s.parts, '', 0, 0, toDateTime64(0, 6, 'UTC')
        FROM {database}.set_aside_log AS s
    ) AS u
    WHERE u.received_at < now64(6, 'UTC') - INTERVAL 5 MINUTE
    GROUP BY u.tenant_id, u.received_at, u.receipt_id
    HAVING received AND outcomes < parts
) AS a
LEFT JOIN
(
    SELECT l.topic AS topic, l.partition AS partition, toNullable(l.next_offset) AS next_offset
    FROM {database}.frontiers_log AS l FINAL
    WHERE l.consumer = 'settled'
) AS f ON a.place.1 = f.topic AND a.place.2 = f.partition
LEFT JOIN
(
    SELECT l.topic AS topic, l.partition AS partition, toNullable(l.next_offset) AS next_offset
    FROM {database}.frontiers_log AS l FINAL
    WHERE l.consumer IN ('normalizer', 'normalizer-overflow')
) AS n ON a.place.1 = n.topic AND a.place.2 = n.partition
COMMENT 'Receipts older than 5 minutes with fewer outcomes than parts; lost: every stage has passed it';

CREATE OR REPLACE VIEW {database}.completeness
SQL SECURITY INVOKER
AS SELECT
    g.tenant_id AS tenant_id,
    g.provider AS provider,
    toStartOfMinute(g.received_at) AS minute,
    sum(g.received_parts) AS received,
    sum(g.event_parts) AS in_events,
    sum(g.outcome_parts - g.settled_parts) AS set_aside,
    sum(g.settled_parts - g.event_parts) AS duplicates,
    sumIf(g.received_parts - g.outcome_parts,
        g.received_at >= now64(6, 'UTC') - INTERVAL 5 MINUTE) AS pending,
    sumIf(g.received_parts - g.outcome_parts,
        g.received_at < now64(6, 'UTC') - INTERVAL 5 MINUTE) AS unaccounted
FROM
(
    SELECT
        u.tenant_id AS tenant_id,
        u.received_at AS received_at,
        u.receipt_id AS receipt_id,
        any(u.provider) AS provider,
        toInt64(length(groupUniqArrayIf(u.part, u.rank = 1))) AS event_parts,
        toInt64(length(groupUniqArrayIf(u.part, u.rank IN (1, 2)))) AS settled_parts,
        toInt64(length(groupUniqArrayIf(u.part, u.rank IN (1, 2, 3)))) AS outcome_parts,
        greatest(toInt64(max(u.parts)), outcome_parts, 1) AS received_parts
    FROM
    (
        SELECT
            r.tenant_id AS tenant_id, r.received_at AS received_at, r.receipt_id AS receipt_id,
            r.provider AS provider, 4 AS rank, 0 AS part, 0 AS parts
        FROM {database}.receipts_log AS r
        UNION ALL
        SELECT e.tenant_id, e.received_at, e.receipt_id, e.provider, 1, e.part, e.parts
        FROM {database}.events_log AS e
        UNION ALL
        SELECT
            s.tenant_id, s.received_at, s.receipt_id, s.provider,
            if(s.reason = 'DUPLICATE', 2, 3), s.part, s.parts
        FROM {database}.set_aside_log AS s
    ) AS u
    GROUP BY u.tenant_id, u.received_at, u.receipt_id
) AS g
GROUP BY g.tenant_id, g.provider, toStartOfMinute(g.received_at)
COMMENT 'What became of the parts received in each minute; received is the sum of the others';

-- The first load of an event counts; a correction is not a slow event.
CREATE OR REPLACE VIEW {database}.freshness
SQL SECURITY INVOKER
AS SELECT
    l.tenant_id AS tenant_id,
    l.provider AS provider,
    toStartOfMinute(l.received_at) AS minute,
    count() AS events,
    quantileExactInclusive(0.5)(l.seconds) AS p50_seconds,
    quantileExactInclusive(0.95)(l.seconds) AS p95_seconds,
    quantileExactInclusive(0.99)(l.seconds) AS p99_seconds,
    max(l.seconds) AS max_seconds
FROM
(
    SELECT
        e.tenant_id AS tenant_id, e.provider AS provider, e.received_at AS received_at,
        (toUnixTimestamp64Micro(min(e.loaded_at)) - toUnixTimestamp64Micro(e.received_at)) / 1e6
            AS seconds
    FROM {database}.events_log AS e
    WHERE e.revision = 0
    GROUP BY e.tenant_id, e.provider, e.received_at, e.event_id
) AS l
GROUP BY l.tenant_id, l.provider, toStartOfMinute(l.received_at)
COMMENT 'Seconds from receipt to first loaded, by minute of receipt';
