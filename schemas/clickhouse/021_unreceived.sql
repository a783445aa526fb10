-- As before (018), counted by hashes like `unaccounted` and without a table of all receipts in memory:
-- of the ten minutes whose sums do not meet, the receipts that have outcomes and no row of their own.
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
    SELECT v.tenant_id AS tenant_id, v.received_at AS received_at, v.receipt_hash AS receipt_hash
    FROM
    (
        SELECT r.tenant_id AS tenant_id, r.received_at AS received_at,
            cityHash64(r.receipt_id) AS receipt_hash, 1 AS is_receipt
        FROM {database}.receipts_log AS r
        UNION ALL
        SELECT e.tenant_id, e.received_at, cityHash64(e.receipt_id), 0
        FROM {database}.events_log AS e
        UNION ALL
        SELECT s.tenant_id, s.received_at, cityHash64(s.receipt_id), 0
        FROM {database}.set_aside_log AS s
    ) AS v
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
    ON v.tenant_id = odd.tenant_id AND toStartOfTenMinutes(v.received_at) = odd.bucket
    WHERE v.received_at < now64(6, 'UTC') - INTERVAL 5 MINUTE
    GROUP BY v.tenant_id, v.received_at, v.receipt_hash
    HAVING max(v.is_receipt) = 0
) AS i
ON u.tenant_id = i.tenant_id AND u.received_at = i.received_at
    AND cityHash64(u.receipt_id) = i.receipt_hash
GROUP BY u.tenant_id, u.provider, u.endpoint_id, u.receipt_id, u.received_at
COMMENT 'Outcomes older than 5 minutes whose receipt is missing';
