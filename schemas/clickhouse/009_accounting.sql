-- The outcome of part n of a receipt is an event, else a duplicate, else a set-aside. Everything is
-- grouped by receipt from the base tables, with the time of receipt in the key: a filter on it then
-- prunes all three tables, and a row that somebody deletes by hand is missed. Parts are collected as
-- bits, since a state of fixed size is cheap in millions of groups; more than 64 parts, in arrays.
-- A place is overflow, partition and offset in one number.
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
    if(f.next_place IS NULL OR a.place >= f.next_place, 'waiting', 'lost') AS state,
    multiIf(
        a.outcomes > 0, 'canonical',
        n.next_place IS NULL OR a.place >= n.next_place, 'raw',
        'normalizer'
    ) AS last_seen,
    bitShiftRight(a.place, 62) = 1 AS overflow,
    toInt32(bitAnd(bitShiftRight(a.place, 44), 262143)) AS _partition,
    toInt64(bitAnd(a.place, 17592186044415)) AS _offset
FROM
(
    SELECT
        u.tenant_id AS tenant_id,
        u.provider AS provider,
        u.endpoint_id AS endpoint_id,
        u.received_at AS received_at,
        u.receipt_id AS receipt_id,
        max(u.is_receipt) AS received,
        max(u.place) AS place,
        greatest(max(u.parts), 1) AS parts,
        if(
            max(u.parts) <= 64,
            toInt32(bitCount(groupBitOr(u.part_bit))),
            toInt32(length(groupUniqArrayIf(u.part, u.parts > 64)))
        ) AS outcomes
    FROM
    (
        SELECT
            r.tenant_id AS tenant_id, r.provider AS provider, r.endpoint_id AS endpoint_id,
            r.received_at AS received_at, r.receipt_id AS receipt_id, true AS is_receipt,
            bitShiftLeft(toUInt64(r.overflow), 62) + bitShiftLeft(toUInt64(r._partition), 44)
                + toUInt64(r._offset) AS place,
            0 AS part, 0 AS parts, toUInt64(0) AS part_bit
        FROM {database}.receipts_log AS r
        UNION ALL
        SELECT
            e.tenant_id, e.provider, e.endpoint_id, e.received_at, e.receipt_id, false, toUInt64(0),
            e.part, e.parts, bitShiftLeft(toUInt64(1), toUInt8(bitAnd(e.part + 63, 63)))
        FROM {database}.events_log AS e
        UNION ALL
        SELECT
            s.tenant_id, s.provider, s.endpoint_id, s.received_at, s.receipt_id, false, toUInt64(0),
            s.part, s.parts, bitShiftLeft(toUInt64(1), toUInt8(bitAnd(s.part + 63, 63)))
        FROM {database}.set_aside_log AS s
    ) AS u
    WHERE u.received_at < now64(6, 'UTC') - INTERVAL 5 MINUTE
    GROUP BY u.tenant_id, u.provider, u.endpoint_id, u.received_at, u.receipt_id
    HAVING received AND outcomes < parts
) AS a
LEFT JOIN
(
    SELECT
        bitShiftLeft(toUInt64(endsWith(l.topic, 'raw-overflow')), 18) + toUInt64(l.partition) AS partition,
        toNullable(bitShiftLeft(partition, 44) + toUInt64(l.next_offset)) AS next_place
    FROM {database}.frontiers_log AS l FINAL
    WHERE l.consumer = 'settled'
) AS f ON bitShiftRight(a.place, 44) = f.partition
LEFT JOIN
(
    SELECT
        bitShiftLeft(toUInt64(endsWith(l.topic, 'raw-overflow')), 18) + toUInt64(l.partition) AS partition,
        toNullable(bitShiftLeft(partition, 44) + toUInt64(l.next_offset)) AS next_place
    FROM {database}.frontiers_log AS l FINAL
    WHERE l.consumer IN ('normalizer', 'normalizer-overflow')
) AS n ON bitShiftRight(a.place, 44) = n.partition
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
        u.provider AS provider,
        u.received_at AS received_at,
        u.receipt_id AS receipt_id,
        max(u.parts) <= 64 AS few,
        toInt64(if(few, bitCount(groupBitOr(u.event_bit)),
            length(groupUniqArrayIf(u.part, u.parts > 64 AND u.rank = 1)))) AS event_parts,
        toInt64(if(few, bitCount(groupBitOr(u.settled_bit)),
            length(groupUniqArrayIf(u.part, u.parts > 64 AND u.rank <= 2)))) AS settled_parts,
        toInt64(if(few, bitCount(groupBitOr(u.outcome_bit)),
            length(groupUniqArrayIf(u.part, u.parts > 64)))) AS outcome_parts,
        greatest(toInt64(max(u.parts)), outcome_parts, 1) AS received_parts
    FROM
    (
        SELECT
            r.tenant_id AS tenant_id, r.provider AS provider, r.received_at AS received_at,
            r.receipt_id AS receipt_id, 4 AS rank, 0 AS part, 0 AS parts,
            toUInt64(0) AS event_bit, toUInt64(0) AS settled_bit, toUInt64(0) AS outcome_bit
        FROM {database}.receipts_log AS r
        UNION ALL
        SELECT
            e.tenant_id, e.provider, e.received_at, e.receipt_id, 1, e.part, e.parts,
            bitShiftLeft(toUInt64(1), toUInt8(bitAnd(e.part + 63, 63))) AS bit, bit, bit
        FROM {database}.events_log AS e
        UNION ALL
        SELECT
            s.tenant_id, s.provider, s.received_at, s.receipt_id,
            if(s.reason = 'DUPLICATE', 2, 3) AS outcome, s.part, s.parts, toUInt64(0),
            if(outcome = 2, bitShiftLeft(toUInt64(1), toUInt8(bitAnd(s.part + 63, 63))), toUInt64(0)),
            bitShiftLeft(toUInt64(1), toUInt8(bitAnd(s.part + 63, 63)))
        FROM {database}.set_aside_log AS s
    ) AS u
    GROUP BY u.tenant_id, u.provider, u.received_at, u.receipt_id
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
