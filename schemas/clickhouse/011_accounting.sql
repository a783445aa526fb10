-- A receipt's outcomes are counted by its id, from the base tables: a row that somebody deletes by
-- hand is missed. To group every receipt takes long, so sums come first (projections of 010, which
-- follow what is deleted). In each tenant's ten minutes the hashes of all receipts must meet those of
-- all first parts, and each first part as many other parts as it announces. Whatever does not add up,
-- be it a part that is missing, or stored twice, or has two outcomes, makes its ten minutes odd, and
-- only these are counted receipt by receipt. Parts are collected as bits, a state of fixed size; more
-- than 64 parts, in arrays. A place is overflow, partition and offset in one number.
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
        r.tenant_id AS tenant_id, r.provider AS provider, r.endpoint_id AS endpoint_id,
        r.received_at AS received_at, r.receipt_id AS receipt_id,
        max(bitShiftLeft(toUInt64(r.overflow), 62) + bitShiftLeft(toUInt64(r._partition), 44)
            + toUInt64(r._offset)) AS place,
        any(i.parts) AS parts, any(i.outcomes) AS outcomes
    FROM {database}.receipts_log AS r
    INNER JOIN
    (
        SELECT
            u.tenant_id AS tenant_id, u.received_at AS received_at, u.receipt_hash AS receipt_hash,
            max(u.parts) AS most_parts, greatest(most_parts, 1) AS parts,
            if(
                most_parts <= 64,
                toInt32(bitCount(groupBitOr(u.part_bit))),
                toInt32(arrayUniq(groupArrayIf(u.part, u.parts > 64)))
            ) AS outcomes
        FROM
        (
            SELECT
                r.tenant_id AS tenant_id, r.received_at AS received_at,
                cityHash64(r.receipt_id) AS receipt_hash, 0 AS part, 0 AS parts,
                toUInt64(0) AS part_bit
            FROM {database}.receipts_log AS r
            UNION ALL
            SELECT
                e.tenant_id, e.received_at, cityHash64(e.receipt_id), e.part, e.parts,
                bitShiftLeft(toUInt64(1), toUInt8(bitAnd(e.part + 63, 63)))
            FROM {database}.events_log AS e
            UNION ALL
            SELECT
                s.tenant_id, s.received_at, cityHash64(s.receipt_id), s.part, s.parts,
                bitShiftLeft(toUInt64(1), toUInt8(bitAnd(s.part + 63, 63)))
            FROM {database}.set_aside_log AS s
        ) AS u
        INNER JOIN
        (
            SELECT o.tenant_id AS tenant_id, o.bucket AS bucket
            FROM
            (
                SELECT
                    r.tenant_id AS tenant_id, toStartOfTenMinutes(r.received_at) AS bucket,
                    sum(cityHash64(r.receipt_id)) AS receipts, toUInt64(0) AS first_parts,
                    toInt64(0) AS other_parts
                FROM {database}.receipts_log AS r
                GROUP BY r.tenant_id, toStartOfTenMinutes(r.received_at)
                UNION ALL
                SELECT
                    e.tenant_id, toStartOfTenMinutes(e.received_at), 0,
                    sum((e.part = 1) * cityHash64(e.receipt_id)),
                    sum((e.parts * (e.part = 1) - 1) * toInt64(bitShiftRight(cityHash64(e.receipt_id), 1)))
                FROM {database}.events_log AS e
                GROUP BY e.tenant_id, toStartOfTenMinutes(e.received_at)
                UNION ALL
                SELECT
                    s.tenant_id, toStartOfTenMinutes(s.received_at), 0,
                    sum((s.part = 1) * cityHash64(s.receipt_id)),
                    sum((s.parts * (s.part = 1) - 1) * toInt64(bitShiftRight(cityHash64(s.receipt_id), 1)))
                FROM {database}.set_aside_log AS s
                GROUP BY s.tenant_id, toStartOfTenMinutes(s.received_at)
            ) AS o
            GROUP BY o.tenant_id, o.bucket
            HAVING sum(o.receipts) != sum(o.first_parts) OR sum(o.other_parts) != 0
        ) AS odd
        ON u.tenant_id = odd.tenant_id AND toStartOfTenMinutes(u.received_at) = odd.bucket
        WHERE u.received_at < now64(6, 'UTC') - INTERVAL 5 MINUTE
        GROUP BY u.tenant_id, u.received_at, u.receipt_hash
        HAVING outcomes < parts
    ) AS i
    ON r.tenant_id = i.tenant_id AND r.received_at = i.received_at
        AND cityHash64(r.receipt_id) = i.receipt_hash
    GROUP BY r.tenant_id, r.provider, r.endpoint_id, r.received_at, r.receipt_id
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

-- The outcome of part n of a receipt is an event, else a duplicate, else a set-aside. Rows are counted
-- as they stand, which is right wherever the sums add up and no receipt stands twice: one that was
-- sent through again, as a replay of set-asides does, has two rows and two outcomes, and its sums
-- meet. In odd minutes each receipt is counted by its parts, less what its rows were counted for.
CREATE OR REPLACE VIEW {database}.completeness
SQL SECURITY INVOKER
AS SELECT
    c.tenant_id AS tenant_id,
    c.provider AS provider,
    c.minute AS minute,
    sum(c.event_parts) + sum(c.aside_parts) + sum(c.duplicate_parts) + sum(c.young_parts)
        + sum(c.missing_parts) AS received,
    sum(c.event_parts) AS in_events,
    sum(c.aside_parts) AS set_aside,
    sum(c.duplicate_parts) AS duplicates,
    sum(c.young_parts) AS pending,
    sum(c.missing_parts) AS unaccounted
FROM
(
    SELECT
        e.tenant_id AS tenant_id, e.provider AS provider,
        toStartOfMinute(e.received_at) AS minute, toInt64(1) AS event_parts,
        toInt64(0) AS aside_parts, toInt64(0) AS duplicate_parts, toInt64(0) AS young_parts,
        toInt64(0) AS missing_parts
    FROM {database}.events_log AS e
    UNION ALL
    SELECT
        s.tenant_id, s.provider, toStartOfMinute(s.received_at), 0,
        toInt64(s.reason != 'DUPLICATE'), toInt64(s.reason = 'DUPLICATE'), 0, 0
    FROM {database}.set_aside_log AS s
    UNION ALL
    SELECT
        g.tenant_id, g.provider, toStartOfMinute(g.received_at),
        g.events - g.event_rows,
        g.outcomes - g.settled - g.aside_rows,
        g.settled - g.events - g.duplicate_rows,
        if(g.received_at >= now64(6, 'UTC') - INTERVAL 5 MINUTE, g.missing, 0),
        if(g.received_at < now64(6, 'UTC') - INTERVAL 5 MINUTE, g.missing, 0)
    FROM
    (
        SELECT
            u.tenant_id AS tenant_id, u.provider AS provider, u.received_at AS received_at,
            u.receipt_hash AS receipt_hash,
            max(u.parts) <= 64 AS few,
            groupArrayIf((u.part, u.rank), u.parts > 64) AS many,
            toInt64(if(few, bitCount(groupBitOr(u.event_bit)),
                arrayUniq(arrayMap(o -> o.1, arrayFilter(o -> o.2 = 1, many))))) AS events,
            toInt64(if(few, bitCount(groupBitOr(u.settled_bit)),
                arrayUniq(arrayMap(o -> o.1, arrayFilter(o -> o.2 <= 2, many))))) AS settled,
            toInt64(if(few, bitCount(groupBitOr(u.outcome_bit)),
                arrayUniq(arrayMap(o -> o.1, many)))) AS outcomes,
            greatest(toInt64(max(u.parts)), outcomes, 1) - outcomes AS missing,
            toInt64(countIf(u.rank = 1)) AS event_rows,
            toInt64(countIf(u.rank = 2)) AS duplicate_rows,
            toInt64(countIf(u.rank = 3)) AS aside_rows
        FROM
        (
            SELECT
                r.tenant_id AS tenant_id, r.provider AS provider, r.received_at AS received_at,
                cityHash64(r.receipt_id) AS receipt_hash, 4 AS rank, 0 AS part, 0 AS parts,
                toUInt64(0) AS event_bit, toUInt64(0) AS settled_bit, toUInt64(0) AS outcome_bit
            FROM {database}.receipts_log AS r
            UNION ALL
            SELECT
                e.tenant_id, e.provider, e.received_at, cityHash64(e.receipt_id), 1, e.part, e.parts,
                bitShiftLeft(toUInt64(1), toUInt8(bitAnd(e.part + 63, 63))) AS bit, bit, bit
            FROM {database}.events_log AS e
            UNION ALL
            SELECT
                s.tenant_id, s.provider, s.received_at, cityHash64(s.receipt_id),
                if(s.reason = 'DUPLICATE', 2, 3) AS outcome, s.part, s.parts, toUInt64(0),
                if(outcome = 2, bitShiftLeft(toUInt64(1), toUInt8(bitAnd(s.part + 63, 63))),
                    toUInt64(0)),
                bitShiftLeft(toUInt64(1), toUInt8(bitAnd(s.part + 63, 63)))
            FROM {database}.set_aside_log AS s
        ) AS u
        INNER JOIN
        (
            SELECT o.tenant_id AS tenant_id, o.bucket AS bucket
            FROM
            (
                SELECT
                    r.tenant_id AS tenant_id, toStartOfTenMinutes(r.received_at) AS bucket,
                    sum(cityHash64(r.receipt_id)) AS receipts, toUInt64(0) AS first_parts,
                    toInt64(0) AS other_parts, toInt64(0) AS again
                FROM {database}.receipts_log AS r
                GROUP BY r.tenant_id, toStartOfTenMinutes(r.received_at)
                UNION ALL
                SELECT
                    r.tenant_id, toStartOfTenMinutes(r.received_at), 0, 0, 0,
                    toInt64(count() - uniqExact(r.receipt_id))
                FROM {database}.receipts_log AS r
                GROUP BY r.tenant_id, toStartOfTenMinutes(r.received_at)
                UNION ALL
                SELECT
                    e.tenant_id, toStartOfTenMinutes(e.received_at), 0,
                    sum((e.part = 1) * cityHash64(e.receipt_id)),
                    sum((e.parts * (e.part = 1) - 1) * toInt64(bitShiftRight(cityHash64(e.receipt_id), 1))),
                    0
                FROM {database}.events_log AS e
                GROUP BY e.tenant_id, toStartOfTenMinutes(e.received_at)
                UNION ALL
                SELECT
                    s.tenant_id, toStartOfTenMinutes(s.received_at), 0,
                    sum((s.part = 1) * cityHash64(s.receipt_id)),
                    sum((s.parts * (s.part = 1) - 1) * toInt64(bitShiftRight(cityHash64(s.receipt_id), 1))),
                    0
                FROM {database}.set_aside_log AS s
                GROUP BY s.tenant_id, toStartOfTenMinutes(s.received_at)
            ) AS o
            GROUP BY o.tenant_id, o.bucket
            HAVING sum(o.receipts) != sum(o.first_parts) OR sum(o.other_parts) != 0 OR sum(o.again) > 0
        ) AS odd
        ON u.tenant_id = odd.tenant_id AND toStartOfTenMinutes(u.received_at) = odd.bucket
        GROUP BY u.tenant_id, u.provider, u.received_at, u.receipt_hash
    ) AS g
) AS c
GROUP BY c.tenant_id, c.provider, c.minute
COMMENT 'What became of the parts received in each minute; received is the sum of the others';

-- The first load of an event counts; a correction is not a slow event.
CREATE OR REPLACE VIEW {database}.freshness
SQL SECURITY INVOKER
AS SELECT
    l.tenant_id AS tenant_id,
    l.provider AS provider,
    l.minute AS minute,
    l.events AS events,
    l.quantiles[1] AS p50_seconds,
    l.quantiles[2] AS p95_seconds,
    l.quantiles[3] AS p99_seconds,
    l.max_seconds AS max_seconds
FROM
(
    SELECT
        f.tenant_id AS tenant_id,
        f.provider AS provider,
        toStartOfMinute(f.received_at) AS minute,
        count() AS events,
        quantilesExactInclusive(0.5, 0.95, 0.99)(
            (toUnixTimestamp64Micro(f.loaded_at) - toUnixTimestamp64Micro(f.received_at)) / 1e6
        ) AS quantiles,
        max((toUnixTimestamp64Micro(f.loaded_at) - toUnixTimestamp64Micro(f.received_at)) / 1e6)
            AS max_seconds
    FROM {database}.first_loads_log AS f FINAL
    GROUP BY f.tenant_id, f.provider, toStartOfMinute(f.received_at)
) AS l
COMMENT 'Seconds from receipt to first loaded, by minute of receipt';
