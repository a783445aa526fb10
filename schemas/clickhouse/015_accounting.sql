-- Whether receipts and outcomes meet is told by one sum. A receipt puts in -Z; the first part of its
-- outcomes Z and what all parts from 1 to n are worth; and each part p takes A + 2Bp + 6Cp² out, times
-- the hash of the receipt. So a sum of zero means: each receipt once, its first part once, and of the
-- others as many, with the same sum and the same sum of squares as there should be. (Counting them
-- alone, as before, let a part that stood twice hide one that was missing.)
ALTER TABLE {database}.events_log ADD PROJECTION IF NOT EXISTS ten_minute_balance
(
    SELECT
        tenant_id, toStartOfTenMinutes(received_at),
        sum(toInt64(cityHash64(receipt_id)) * ((part = 1) * (658812288346769719
                + parts * (1597334677 + (parts + 1) * (268582165736249 + 19349663017 * (2 * parts + 1))))
            - 1597334677 - part * (537164331472498 + 116097978102 * part)))
    GROUP BY tenant_id, toStartOfTenMinutes(received_at)
);

ALTER TABLE {database}.events_log MATERIALIZE PROJECTION ten_minute_balance;

-- A receipt's outcomes are counted by its id, from the base tables: a row that somebody deletes by
-- hand is missed. To group every receipt takes long, so sums come first (projections, which follow
-- what is deleted). Whatever does not add up, be it a part that is missing, or stored twice, or has
-- two outcomes, makes its tenant's ten minutes odd, and only these are counted receipt by receipt. Parts
-- are collected as bits, a state of fixed size; more than 64 parts, in arrays. A place is overflow,
-- partition and offset in one number.
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

-- The outcome of part n of a receipt is an event, else a duplicate, else a set-aside. One pass over the
-- rows of each minute, without duplicates (FINAL): their sum, their counts, and each as one number (hash
-- of the receipt, parts, part, rank of the outcome, and whether it is young). Where the sum is zero the
-- counts are right; in the other minutes the numbers are sorted, cut into receipts and counted by
-- part. A receipt that was sent through again has two outcomes, and its minute does not meet.
CREATE OR REPLACE VIEW {database}.completeness
SQL SECURITY INVOKER
AS SELECT
    c.tenant_id AS tenant_id,
    c.provider AS provider,
    c.minute AS minute,
    c.event_parts + c.aside_parts + c.duplicate_parts + c.young_parts + c.missing_parts AS received,
    c.event_parts AS in_events,
    c.aside_parts AS set_aside,
    c.duplicate_parts AS duplicates,
    c.young_parts AS pending,
    c.missing_parts AS unaccounted
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
            toStartOfMinute(u.received_at) AS minute,
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
        GROUP BY u.tenant_id, u.provider, toStartOfMinute(u.received_at)
    ) AS m
) AS c
COMMENT 'What became of the parts received in each minute; received is the sum of the others';

-- The sums of before, which no view reads any more.
ALTER TABLE {database}.events_log DROP PROJECTION IF EXISTS ten_minutes;
