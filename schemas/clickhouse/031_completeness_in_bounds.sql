-- As before (024), but a balance over a long history keeps its minutes on the server's disk once they take 1.5 GB:
-- four million of them took 4.2 GB.
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
            WHERE position(s.receipt_id, '/') = 0
                OR endsWith(s.source_topic, 'raw') OR endsWith(s.source_topic, 'raw-overflow')
        ) AS u
        GROUP BY u.tenant_id, u.provider, toStartOfInterval(u.received_at, toIntervalMicrosecond(60000000))
        SETTINGS max_bytes_before_external_group_by = 1500000000
    ) AS m
) AS c
COMMENT 'What became of the parts received in each minute; received is the sum of the others';
