-- As before (015), but a frontier is that of the receipt's own topic: after a change of the topics' prefix
-- there are two with one number.
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
    CAST(if(f.next_offset IS NULL OR a.place.3 >= f.next_offset, 'waiting', 'lost'),
        'LowCardinality(String)') AS state,
    CAST(
        multiIf(
            a.outcomes > 0, 'canonical',
            n.next_offset IS NULL OR a.place.3 >= n.next_offset, 'raw',
            'normalizer'
        ),
        'LowCardinality(String)'
    ) AS last_seen,
    a.place.1 AS overflow,
    a.place.2 AS _partition,
    a.place.3 AS _offset
FROM
(
    SELECT
        r.tenant_id AS tenant_id, r.provider AS provider, r.endpoint_id AS endpoint_id,
        r.received_at AS received_at, r.receipt_id AS receipt_id,
        max((r.overflow, r._partition, r._offset, toString(r._topic))) AS place,
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
        toString(l.topic) AS topic, l.partition AS partition,
        toNullable(l.next_offset) AS next_offset
    FROM {database}.frontiers_log AS l FINAL
    WHERE l.consumer = 'settled'
) AS f ON a.place.4 = f.topic AND a.place.2 = f.partition
LEFT JOIN
(
    SELECT
        toString(l.topic) AS topic, l.partition AS partition,
        toNullable(l.next_offset) AS next_offset
    FROM {database}.frontiers_log AS l FINAL
    WHERE l.consumer IN ('normalizer', 'normalizer-overflow')
) AS n ON a.place.4 = n.topic AND a.place.2 = n.partition
COMMENT 'Receipts older than 5 minutes with fewer outcomes than parts; lost: every stage has passed it';

-- As before (015). A minute is cut out of microseconds: a DateTime ends in 2106, and what is beyond begins
-- anew.
CREATE OR REPLACE VIEW {database}.completeness
SQL SECURITY INVOKER
AS SELECT
    c.tenant_id AS tenant_id,
    c.provider AS provider,
    c.minute AS minute,
    in_events + set_aside + duplicates + pending + unaccounted AS received,
    c.event_parts AS in_events,
    c.aside_parts AS set_aside,
    c.duplicate_parts AS duplicates,
    toInt64(c.young_parts) AS pending,
    toInt64(c.missing_parts) AS unaccounted
FROM
(
    SELECT
        m.tenant_id AS tenant_id, m.provider AS provider, m.minute AS minute,
        arrayMap(
            receipt -> (
                toInt64(arrayUniq(arrayMap(code -> intDiv(bitAnd(code, 4294967295), 8),
                    arrayFilter(code -> bitAnd(code, 6) = 2, receipt)))) AS events,
                toInt64(arrayUniq(arrayMap(code -> intDiv(bitAnd(code, 4294967295), 8),
                    arrayFilter(code -> bitAnd(code, 6) IN (2, 4), receipt)))) AS settled,
                toInt64(arrayUniq(arrayMap(code -> intDiv(bitAnd(code, 4294967295), 8),
                    arrayFilter(code -> bitAnd(code, 6) > 0, receipt)))) AS outcomes,
                greatest(outcomes, 1, toInt64(arrayMax(arrayMap(code -> bitAnd(bitShiftRight(code, 32),
                    4294967295), receipt)))) - outcomes AS missing,
                bitAnd(receipt[1], 1) AS young
            ),
            m.receipts
        ) AS exact,
        if(m.meets, m.counts.1, arraySum(x -> x.1, exact)) AS event_parts,
        if(m.meets, m.counts.2, arraySum(x -> x.2 - x.1, exact)) AS duplicate_parts,
        if(m.meets, m.counts.3, arraySum(x -> x.3 - x.2, exact)) AS aside_parts,
        arraySum(x -> x.4 * x.5, exact) AS young_parts,
        arraySum(x -> x.4 * (1 - x.5), exact) AS missing_parts
    FROM
    (
        SELECT
            u.tenant_id AS tenant_id,
            u.provider AS provider,
            toStartOfInterval(u.received_at, toIntervalMicrosecond(60000000)) AS minute,
            sum(u.balance) = 0 AS meets,
            sum(u.one) AS packed,
            (
                toInt64(bitAnd(packed, 1099511627775)),
                toInt64(bitAnd(bitShiftRight(packed, 40), 1099511627775)),
                toInt64(bitShiftRight(packed, 80))
            ) AS counts,
            arraySort(if(meets, [], groupArray(u.outcome))) AS odd,
            arrayMap(o -> bitShiftRight(o, 64), odd) AS hashes,
            arraySplit((o, hash, before) -> hash != before, odd, hashes,
                arrayPopBack(arrayPushFront(hashes, bitNot(hashes[1])))) AS receipts
        FROM
        (
            SELECT
                r.tenant_id AS tenant_id, r.provider AS provider, r.received_at AS received_at,
                cityHash64(r.receipt_id) AS receipt_hash, toUInt128(0) AS one,
                bitShiftLeft(toUInt128(receipt_hash), 64)
                    + toUInt64(r.received_at >= now64(6, 'UTC') - INTERVAL 5 MINUTE) AS outcome,
                toInt64(receipt_hash) * -658812288346769719 AS balance
            FROM {database}.receipts_log AS r FINAL
            UNION ALL
            SELECT
                e.tenant_id, e.provider, e.received_at, cityHash64(e.receipt_id) AS receipt_hash, 1,
                bitShiftLeft(toUInt128(receipt_hash), 64) + bitShiftLeft(toUInt64(e.parts), 32)
                    + toUInt64(e.part) * 8 + 2
                    + (e.received_at >= now64(6, 'UTC') - INTERVAL 5 MINUTE),
                toInt64(receipt_hash) * ((e.part = 1) * (658812288346769719
                        + e.parts * (1597334677 + (e.parts + 1) * (268582165736249 + 19349663017 * (2 * e.parts + 1))))
                    - 1597334677 - e.part * (537164331472498 + 116097978102 * e.part))
            FROM {database}.events_log AS e FINAL
            SETTINGS do_not_merge_across_partitions_select_final = 1,
                use_skip_indexes_if_final_exact_mode = 0
            UNION ALL
            SELECT
                s.tenant_id, s.provider, s.received_at, cityHash64(s.receipt_id) AS receipt_hash,
                bitShiftLeft(toUInt128(1), if(s.reason = 'DUPLICATE', 40, 80)),
                bitShiftLeft(toUInt128(receipt_hash), 64) + bitShiftLeft(toUInt64(s.parts), 32)
                    + toUInt64(s.part) * 8 + if(s.reason = 'DUPLICATE', 4, 6)
                    + (s.received_at >= now64(6, 'UTC') - INTERVAL 5 MINUTE),
                toInt64(receipt_hash) * ((s.part = 1) * (658812288346769719
                        + s.parts * (1597334677 + (s.parts + 1) * (268582165736249 + 19349663017 * (2 * s.parts + 1))))
                    - 1597334677 - s.part * (537164331472498 + 116097978102 * s.part))
            FROM {database}.set_aside_log AS s FINAL
        ) AS u
        GROUP BY u.tenant_id, u.provider, toStartOfInterval(u.received_at, toIntervalMicrosecond(60000000))
    ) AS m
) AS c
COMMENT 'What became of the parts received in each minute; received is the sum of the others';

-- As before (011), with such minutes.
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
        toStartOfInterval(f.received_at, toIntervalMicrosecond(60000000)) AS minute,
        count() AS events,
        quantilesExactInclusive(0.5, 0.95, 0.99)(
            (toUnixTimestamp64Micro(f.loaded_at) - toUnixTimestamp64Micro(f.received_at)) / 1e6
        ) AS quantiles,
        max((toUnixTimestamp64Micro(f.loaded_at) - toUnixTimestamp64Micro(f.received_at)) / 1e6)
            AS max_seconds
    FROM {database}.first_loads_log AS f FINAL
    GROUP BY f.tenant_id, f.provider, toStartOfInterval(f.received_at, toIntervalMicrosecond(60000000))
) AS l
COMMENT 'Seconds from receipt to first loaded, by minute of receipt';

-- A prefix may end in anything, and no other topic's name ends like these.
ALTER TABLE {database}.places_of_set_aside MODIFY QUERY
SELECT s.source_topic AS topic, s.source_partition AS partition, s.source_offset AS offset
FROM {database}.set_aside_log AS s
WHERE endsWith(s.source_topic, 'raw') OR endsWith(s.source_topic, 'raw-overflow');
