-- An order without a link is its own delivery and needs no grouping; only chains are grouped.
-- The final order of a chain is the one of the highest generation, then of the smallest id. Its
-- values travel in one tuple: argMin of a nullable column would skip to another order's value.
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
    (toUnixTimestamp64Micro(o.first_assigned_at) - toUnixTimestamp64Micro(o.created_at)) / 1e6
        AS assign_seconds,
    (toUnixTimestamp64Micro(o.picked_up_at) - toUnixTimestamp64Micro(o.assigned_at)) / 1e6
        AS pickup_seconds,
    (toUnixTimestamp64Micro(o.delivered_at) - toUnixTimestamp64Micro(o.picked_up_at)) / 1e6
        AS delivery_seconds,
    (toUnixTimestamp64Micro(o.ended_at) - toUnixTimestamp64Micro(o.created_at)) / 1e6
        AS total_seconds,
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
    c.last.1,
    c.root_order_id,
    c.last.2,
    arrayMap(link -> link.2, arraySort(c.links)),
    length(c.links),
    coalesce(c.last.3, c.any_external_order_id),
    c.last.4,
    c.last.5,
    c.first_created_at,
    c.last.6,
    c.last.7,
    c.last.8,
    c.last.9,
    c.last.10,
    c.last.11,
    (toUnixTimestamp64Micro(c.last.7) - toUnixTimestamp64Micro(c.first_created_at)) / 1e6,
    (toUnixTimestamp64Micro(c.last.9) - toUnixTimestamp64Micro(c.last.8)) / 1e6,
    (toUnixTimestamp64Micro(c.last.10) - toUnixTimestamp64Micro(c.last.9)) / 1e6,
    (toUnixTimestamp64Micro(c.last.11) - toUnixTimestamp64Micro(c.first_created_at)) / 1e6,
    c.last.12,
    c.last.13,
    c.last.14,
    c.last.15,
    c.last.16,
    c.all_late_count,
    c.last.17,
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

-- A delivery whose creation nobody reported counts on the day of its first receipt.
CREATE OR REPLACE VIEW {database}.provider_daily
SQL SECURITY INVOKER
AS SELECT
    d.tenant_id AS tenant_id,
    d.provider AS provider,
    toDate(coalesce(d.requested_at, d.first_received_at)) AS day,
    count() AS deliveries,
    countIf(d.status = 'DELIVERED') AS delivered,
    countIf(d.status = 'PARTIALLY_DELIVERED') AS partially_delivered,
    countIf(d.status = 'FAILED' AND d.is_final) AS failed,
    countIf(d.status = 'RETURNED') AS returned,
    countIf(d.status = 'CANCELED') AS canceled,
    countIf(d.status = 'REJECTED') AS rejected,
    countIf(d.status = 'EXPIRED') AS expired,
    count() - countIf(d.status IN ('DELIVERED', 'PARTIALLY_DELIVERED', 'RETURNED', 'CANCELED', 'REJECTED', 'EXPIRED')
        OR (d.status = 'FAILED' AND d.is_final)) AS open,
    countIf(d.order_count > 1) AS replaced,
    if(count() = open, NULL, delivered / (count() - open)) AS success_rate,
    quantileExactInclusive(0.5)(d.assign_seconds) / 60 AS p50_assign_minutes,
    quantileExactInclusive(0.9)(d.assign_seconds) / 60 AS p90_assign_minutes,
    quantileExactInclusive(0.5)(d.pickup_seconds) / 60 AS p50_pickup_minutes,
    quantileExactInclusive(0.9)(d.pickup_seconds) / 60 AS p90_pickup_minutes,
    quantileExactInclusive(0.5)(d.delivery_seconds) / 60 AS p50_delivery_minutes,
    quantileExactInclusive(0.9)(d.delivery_seconds) / 60 AS p90_delivery_minutes,
    sum(d.late_count) AS late_events
FROM {database}.deliveries AS d
GROUP BY d.tenant_id, d.provider, toDate(coalesce(d.requested_at, d.first_received_at))
COMMENT 'Deliveries by carrier and UTC day of the request; the states add up to deliveries, replaced stands beside them';
