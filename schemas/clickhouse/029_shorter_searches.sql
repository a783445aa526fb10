-- As before (024), found sooner. A tenant's events are looked through for a few webhooks: first by the time
-- of receipt alone, a number, and only where that fits by the id.
CREATE OR REPLACE VIEW {database}.set_aside
SQL SECURITY INVOKER
AS SELECT
    s.set_aside_id AS set_aside_id, s.receipt_id AS receipt_id, s.event_id AS event_id, s.part AS part,
    s.parts AS parts, s.tenant_id AS tenant_id, s.provider AS provider, s.endpoint_id AS endpoint_id,
    s.order_id AS order_id, s.stage AS stage, s.reason AS reason, s.detail AS detail,
    s.replayable AS replayable, s.set_aside_at AS set_aside_at, s.source_topic AS source_topic,
    s.source_partition AS source_partition, s.source_offset AS source_offset, s.received_at AS received_at,
    multiIf(
        s.reason IN ('DUPLICATE', 'LINEAGE_LIMIT'), NULL,
        s.reason = 'REJECTED_BY_STORE'
            AND (endsWith(s.source_topic, 'raw') OR endsWith(s.source_topic, 'raw-overflow')), r.stored_at,
        b.better_at
    ) AS resolved_at,
    s._topic AS _topic, s._partition AS _partition, s._offset AS _offset, s.loaded_at AS loaded_at
FROM {database}.set_aside_log AS s FINAL
LEFT JOIN
(
    SELECT
        l.tenant_id AS tenant_id, l.received_at AS received_at, l.receipt_id AS receipt_id,
        l.part AS part, toNullable(min(l.better_at)) AS better_at
    FROM
    (
        SELECT
            e.tenant_id AS tenant_id, e.received_at AS received_at, e.receipt_id AS receipt_id,
            e.part AS part,
            if(toUnixTimestamp64Micro(f.first_loaded_at) = 0, e.released_at, f.first_loaded_at) AS better_at
        FROM {database}.events_log AS e
        LEFT JOIN
        (
            SELECT
                n.tenant_id AS tenant_id, n.received_at AS received_at, n.event_hash AS event_hash,
                min(n.loaded_at) AS first_loaded_at
            FROM {database}.first_loads_log AS n
            PREWHERE n.received_at IN
            (
                SELECT o.received_at
                FROM {database}.set_aside_log AS o
                WHERE o.reason NOT IN ('DUPLICATE', 'LINEAGE_LIMIT')
            )
            WHERE (n.tenant_id, n.provider, n.received_at) IN
            (
                SELECT o.tenant_id, o.provider, o.received_at
                FROM {database}.set_aside_log AS o
                WHERE o.reason NOT IN ('DUPLICATE', 'LINEAGE_LIMIT')
            )
            GROUP BY n.tenant_id, n.received_at, n.event_hash
        ) AS f
        ON e.tenant_id = f.tenant_id AND e.received_at = f.received_at
            AND toUInt32(cityHash64(e.event_id)) = f.event_hash
        PREWHERE e.received_at IN
        (
            SELECT o.received_at
            FROM {database}.set_aside_log AS o
            WHERE o.reason NOT IN ('DUPLICATE', 'LINEAGE_LIMIT')
        )
        WHERE (e.tenant_id, e.received_at, e.receipt_id) IN
        (
            SELECT o.tenant_id, o.received_at, o.receipt_id
            FROM {database}.set_aside_log AS o
            WHERE o.reason NOT IN ('DUPLICATE', 'LINEAGE_LIMIT')
        )
        UNION ALL
        SELECT d.tenant_id, d.received_at, d.receipt_id, d.part, d.set_aside_at
        FROM {database}.set_aside_log AS d
        WHERE d.reason = 'DUPLICATE'
    ) AS l
    GROUP BY l.tenant_id, l.received_at, l.receipt_id, l.part
) AS b
ON s.tenant_id = b.tenant_id AND s.received_at = b.received_at
    AND s.receipt_id = b.receipt_id AND s.part = b.part
LEFT JOIN
(
    SELECT
        l.tenant_id AS tenant_id, l.received_at AS received_at, l.receipt_id AS receipt_id,
        toNullable(min(l.loaded_at)) AS stored_at
    FROM {database}.receipts_log AS l
    WHERE (l.tenant_id, l.received_at, l.receipt_id) IN
    (
        SELECT o.tenant_id, o.received_at, o.receipt_id
        FROM {database}.set_aside_log AS o
        WHERE o.reason = 'REJECTED_BY_STORE'
    )
    GROUP BY l.tenant_id, l.received_at, l.receipt_id
) AS r
ON s.tenant_id = r.tenant_id AND s.received_at = r.received_at AND s.receipt_id = r.receipt_id
COMMENT 'One row for each outcome set aside; resolved_at: when its part became an event, or proved to repeat one';

-- As before (022), but what makes up an order's history is what the rows are sorted by, so that a sort has
-- only to order each history by itself. The day adds nothing: an order's first receipt is the same in all
-- its rows. Should a carrier use an id again long after the enricher has forgotten its order, that is another
-- order, with numbers and a history of its own.
CREATE OR REPLACE VIEW {database}.order_timeline
SQL SECURITY INVOKER
AS SELECT
    t.tenant_id AS tenant_id,
    t.provider AS provider,
    t.order_id AS order_id,
    row_number() OVER history AS position,
    (toUnixTimestamp64Micro(t.occurred_at) - lagInFrame(toNullable(toUnixTimestamp64Micro(t.occurred_at)))
        OVER history) / 1e6
        AS seconds_since_previous,
    t.* EXCEPT (tenant_id, provider, order_id, rank)
FROM
(
    SELECT
        e.*,
        e.`price_parts.amount` AS `price_parts.money_amount`,
        e.`price_parts.currency` AS `price_parts.money_currency`,
        if(
            e.status IS NOT NULL,
            transform(
                assumeNotNull(e.status),
                [
                    'UNKNOWN', 'CREATED', 'ASSIGNING', 'ASSIGNED', 'READY_FOR_PICKUP',
                    'EN_ROUTE_TO_PICKUP', 'AT_PICKUP', 'PICKED_UP', 'IN_TRANSIT', 'AT_DROPOFF',
                    'FAILED', 'RETURNING', 'RETURNED', 'EXPIRED', 'REJECTED', 'CANCELED',
                    'PARTIALLY_DELIVERED', 'DELIVERED', 'REPLACED'
                ],
                [
                    0, 10, 20, 30, 35,
                    40, 50, 60, 70, 80,
                    90, 100, 110, 120, 130, 140,
                    150, 160, 170
                ],
                0
            ),
            transform(
                e.kind,
                ['ORDER_REPLACED', 'ORDER_CREATED', 'DRIVER_ASSIGNED', 'ORDER_SUPERSEDED'],
                [1, 10, 30, 170],
                85
            )
        ) AS rank
    FROM {database}.events_log AS e FINAL
    WHERE e.order_id IS NOT NULL
    SETTINGS do_not_merge_across_partitions_select_final = 1
) AS t
WINDOW history AS (
    PARTITION BY t.tenant_id, toDate(t.order_first_received_at), t.provider, t.order_id
    ORDER BY t.occurred_at, t.rank, t.received_at, t.event_id
    ROWS BETWEEN 1 PRECEDING AND CURRENT ROW
)
COMMENT 'The events of each order in the order in which they occurred';
