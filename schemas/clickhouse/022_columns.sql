-- Columns as their descriptions promise them: words as LowCardinality, and money inside a list named as
-- everywhere else. Its older names stay for those who read them.
CREATE OR REPLACE VIEW {database}.events
SQL SECURITY INVOKER
AS SELECT
    *,
    `price_parts.amount` AS `price_parts.money_amount`,
    `price_parts.currency` AS `price_parts.money_currency`
FROM {database}.events_log FINAL
SETTINGS do_not_merge_across_partitions_select_final = 1
COMMENT 'One row for each event, newest revision; root_order_id and generation as known at release';

CREATE OR REPLACE VIEW {database}.delivery_events
SQL SECURITY INVOKER
AS SELECT
    e.* EXCEPT (root_order_id, generation),
    coalesce(o.known_root_order_id, e.root_order_id) AS root_order_id,
    coalesce(o.known_generation, e.generation) AS generation,
    o.known_status AS order_status,
    e.`price_parts.amount` AS `price_parts.money_amount`,
    e.`price_parts.currency` AS `price_parts.money_currency`
FROM
(
    SELECT * FROM {database}.events_log FINAL
    SETTINGS do_not_merge_across_partitions_select_final = 1
) AS e
LEFT JOIN
(
    SELECT
        n.tenant_id AS tenant_id, n.provider AS provider, n.order_id AS order_id,
        toNullable(n.root_order_id) AS known_root_order_id,
        toNullable(n.generation) AS known_generation,
        CAST(n.status, 'LowCardinality(Nullable(String))') AS known_status
    FROM {database}.orders_log AS n FINAL
) AS o
ON e.tenant_id = o.tenant_id AND e.provider = o.provider AND e.order_id = o.order_id
COMMENT 'As events, with root_order_id, generation and order_status as known today';

-- As before (014), with the names of money above.
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
    PARTITION BY t.tenant_id, t.provider, t.order_id
    ORDER BY t.occurred_at, t.rank, t.received_at, t.event_id
    ROWS BETWEEN 1 PRECEDING AND CURRENT ROW
)
COMMENT 'The events of each order in the order in which they occurred';

-- As before (017): what travels in a tuple comes out of it as what it was.
CREATE OR REPLACE VIEW {database}.deliveries
SQL SECURITY INVOKER
AS SELECT
    o.tenant_id AS tenant_id,
    o.provider AS provider,
    o.endpoint_id AS endpoint_id,
    o.root_order_id AS root_order_id,
    o.order_id AS final_order_id,
    [o.order_id] AS order_ids,
    toUInt64(1) AS order_count,
    o.external_order_id AS external_order_id,
    o.status AS status,
    o.is_final AS is_final,
    o.created_at AS requested_at,
    o.scheduled_at AS scheduled_at,
    o.first_assigned_at AS first_assigned_at,
    o.assigned_at AS assigned_at,
    o.picked_up_at AS picked_up_at,
    o.delivered_at AS delivered_at,
    o.ended_at AS ended_at,
    if(o.first_assigned_at < o.created_at, NULL,
        (toUnixTimestamp64Micro(o.first_assigned_at) - toUnixTimestamp64Micro(o.created_at)) / 1e6) AS assign_seconds,
    if(o.picked_up_at < o.assigned_at, NULL,
        (toUnixTimestamp64Micro(o.picked_up_at) - toUnixTimestamp64Micro(o.assigned_at)) / 1e6) AS pickup_seconds,
    if(o.delivered_at < o.picked_up_at, NULL,
        (toUnixTimestamp64Micro(o.delivered_at) - toUnixTimestamp64Micro(o.picked_up_at)) / 1e6) AS delivery_seconds,
    if(o.ended_at < o.created_at, NULL,
        (toUnixTimestamp64Micro(o.ended_at) - toUnixTimestamp64Micro(o.created_at)) / 1e6) AS total_seconds,
    o.price_amount AS price_amount,
    o.price_currency AS price_currency,
    o.driver_id AS driver_id,
    o.canceled_by AS canceled_by,
    o.cancel_reason AS cancel_reason,
    o.late_count AS late_count,
    o.fulfilment AS fulfilment,
    o.first_received_at AS first_received_at
FROM {database}.orders_log AS o FINAL
WHERE NOT o.chained AND coalesce(o.fulfilment, '') NOT IN ('TAKEAWAY', 'DINE_IN')
UNION ALL
SELECT
    c.tenant_id,
    c.provider,
    CAST(c.last.1, 'LowCardinality(String)'),
    c.root_order_id,
    c.last.2,
    arrayMap(link -> link.2, arraySort(c.links)),
    length(c.links),
    coalesce(c.last.3, c.any_external_order_id),
    CAST(c.last.4, 'LowCardinality(String)'),
    c.last.5,
    c.first_created_at,
    c.last.6,
    c.last.7,
    c.last.8,
    c.last.9,
    c.last.10,
    c.last.11,
    if(c.last.7 < c.first_created_at, NULL,
        (toUnixTimestamp64Micro(c.last.7) - toUnixTimestamp64Micro(c.first_created_at)) / 1e6),
    if(c.last.9 < c.last.8, NULL,
        (toUnixTimestamp64Micro(c.last.9) - toUnixTimestamp64Micro(c.last.8)) / 1e6),
    if(c.last.10 < c.last.9, NULL,
        (toUnixTimestamp64Micro(c.last.10) - toUnixTimestamp64Micro(c.last.9)) / 1e6),
    if(c.last.11 < c.first_created_at, NULL,
        (toUnixTimestamp64Micro(c.last.11) - toUnixTimestamp64Micro(c.first_created_at)) / 1e6),
    c.last.12,
    CAST(c.last.13, 'LowCardinality(Nullable(String))'),
    c.last.14,
    CAST(c.last.15, 'LowCardinality(Nullable(String))'),
    c.last.16,
    c.all_late_count,
    CAST(c.last.17, 'LowCardinality(Nullable(String))'),
    c.oldest_received_at
FROM
(
    SELECT
        o.tenant_id AS tenant_id,
        o.provider AS provider,
        o.root_order_id AS root_order_id,
        groupArray((o.generation, o.order_id)) AS links,
        argMin(
            (
                o.endpoint_id, o.order_id, o.external_order_id, o.status, o.is_final,
                o.scheduled_at, o.first_assigned_at, o.assigned_at, o.picked_up_at,
                o.delivered_at, o.ended_at, o.price_amount, o.price_currency, o.driver_id,
                o.canceled_by, o.cancel_reason, o.fulfilment
            ),
            (-o.generation, o.order_id)
        ) AS last,
        min(o.created_at) AS first_created_at,
        min(o.external_order_id) AS any_external_order_id,
        sum(o.late_count) AS all_late_count,
        min(o.first_received_at) AS oldest_received_at
    FROM {database}.orders_log AS o FINAL
    WHERE o.chained
    GROUP BY o.tenant_id, o.provider, o.root_order_id
) AS c
WHERE coalesce(c.last.17, '') NOT IN ('TAKEAWAY', 'DINE_IN')
COMMENT 'One row for each root order: a chain of replaced orders counts once. Until a link has reached the old order, both orders count';
