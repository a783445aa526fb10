-- As before (019), and more of what a row that is not here leaves behind. An order's events are numbered
-- without a gap, so that a missing number is a missing event, unless the store refused it and it stands in
-- set_aside. A chain has one root, and the root's own row says so: an order whose root is none was told of
-- its new root in a snapshot that is not here. An order that the enricher had forgotten by then was not.
CREATE OR REPLACE VIEW {database}.orders_behind
SQL SECURITY INVOKER
AS SELECT
    e.tenant_id AS tenant_id,
    e.provider AS provider,
    e.order_id AS order_id,
    e.endpoint_id AS endpoint_id,
    e.first_received_at AS first_received_at,
    e.sequence AS sequence,
    maxIf(o.version, o.first_received_at = e.first_received_at) AS version,
    multiIf(max(o.version) = 0, 'NO_ROW', version < e.sequence, 'OLDER_ROW', 'MISSING_EVENTS') AS cause
FROM
(
    SELECT
        l.tenant_id AS tenant_id,
        l.provider AS provider,
        assumeNotNull(l.order_id) AS order_id,
        l.order_first_received_at AS first_received_at,
        any(l.endpoint_id) AS endpoint_id,
        maxIf(l.sequence, l.loaded_at < now64(6, 'UTC') - INTERVAL 5 MINUTE) AS sequence,
        least(max(l.sequence), 256) > bitCount(groupBitOr(if(l.sequence <= 64, bitShiftLeft(1::UInt64, (l.sequence + 63) % 64), 0)))
            + bitCount(groupBitOr(if(l.sequence BETWEEN 65 AND 128, bitShiftLeft(1::UInt64, (l.sequence + 63) % 64), 0)))
            + bitCount(groupBitOr(if(l.sequence BETWEEN 129 AND 192, bitShiftLeft(1::UInt64, (l.sequence + 63) % 64), 0)))
            + bitCount(groupBitOr(if(l.sequence BETWEEN 193 AND 256, bitShiftLeft(1::UInt64, (l.sequence + 63) % 64), 0)))
            AS has_gap
    FROM {database}.events_log AS l
    WHERE l.order_id IS NOT NULL
    GROUP BY l.tenant_id, l.provider, l.order_id, l.order_first_received_at
    HAVING sequence > 0
) AS e
LEFT JOIN
(
    SELECT
        s.tenant_id AS tenant_id, s.provider AS provider, s.order_id AS order_id,
        s.first_received_at AS first_received_at, max(s.version) AS version
    FROM {database}.orders_log AS s
    GROUP BY s.tenant_id, s.provider, s.order_id, s.first_received_at
) AS o
ON e.tenant_id = o.tenant_id AND e.provider = o.provider AND e.order_id = o.order_id
GROUP BY e.tenant_id, e.provider, e.order_id, e.endpoint_id, e.first_received_at, e.sequence, e.has_gap
HAVING max(o.version) = 0
    OR (version < e.sequence AND max(o.first_received_at = e.first_received_at))
    OR (
        e.has_gap
        AND (e.tenant_id, e.provider, e.order_id) NOT IN
        (
            SELECT r.tenant_id, r.provider, assumeNotNull(r.order_id)
            FROM {database}.set_aside_log AS r
            WHERE r.reason = 'REJECTED_BY_STORE' AND r.order_id IS NOT NULL
        )
    )
UNION ALL
SELECT
    c.tenant_id, c.provider, c.order_id, c.endpoint_id, c.first_received_at, c.version, c.version, 'OLDER_ROOT'
FROM
(
    SELECT s.tenant_id AS tenant_id, s.provider AS provider, s.order_id AS order_id, s.endpoint_id AS endpoint_id,
        s.first_received_at AS first_received_at, s.version AS version, s.root_order_id AS root_order_id,
        s.loaded_at AS loaded_at
    FROM {database}.orders_log AS s FINAL
    WHERE s.chained
) AS c
INNER JOIN
(
    SELECT s.tenant_id AS tenant_id, s.provider AS provider, s.order_id AS order_id, s.loaded_at AS loaded_at
    FROM {database}.orders_log AS s FINAL
    WHERE s.chained AND s.root_order_id != s.order_id
) AS n
ON c.tenant_id = n.tenant_id AND c.provider = n.provider AND c.root_order_id = n.order_id
WHERE greatest(c.loaded_at, n.loaded_at) < now64(6, 'UTC') - INTERVAL 5 MINUTE
    AND n.loaded_at < c.loaded_at + INTERVAL 16 DAY
COMMENT 'Orders of which a snapshot or an event of more than 5 minutes ago is not here, and by what that shows';

-- As before (014), but the newest balance is the newest also where its amount does not fit the column.
CREATE OR REPLACE VIEW {database}.balances
SQL SECURITY INVOKER
AS SELECT
    b.tenant_id AS tenant_id,
    b.provider AS provider,
    b.endpoint_id AS endpoint_id,
    b.balance_currency AS balance_currency,
    argMax(tuple(b.balance_amount), (b.occurred_at, b.received_at, b.event_id)).1 AS balance_amount,
    max(b.occurred_at) AS occurred_at,
    argMax(b.event_id, (b.occurred_at, b.received_at, b.event_id)) AS event_id
FROM {database}.events_log AS b FINAL
WHERE b.balance_currency IS NOT NULL
GROUP BY b.tenant_id, b.provider, b.endpoint_id, b.balance_currency
SETTINGS do_not_merge_across_partitions_select_final = 1
COMMENT 'Newest known balance of each endpoint and currency';
