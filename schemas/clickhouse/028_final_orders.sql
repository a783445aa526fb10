-- As before (022), with the order that ends a chain found by following from each order the one that
-- replaced it: where two orders claim one predecessor, both are of the highest generation, and one of them
-- alone took its place. Where that ends at an order that was replaced (a circle, or a link not told yet)
-- the last of the highest generation stands for the chain.
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
    c.order_ids,
    length(c.order_ids),
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
        g.* EXCEPT (links),
        arrayMap(link -> link.2, g.links) AS order_ids,
        arrayFold(
            (at, link, place) -> if(link.2 = at.2 AND link.1 > at.3, (place, link.3, link.1), at),
            g.links, arrayEnumerate(g.links), (toUInt32(1), g.links[1].3, g.links[1].1)
        ).1 AS followed,
        g.links[if(g.links[followed].4.4 = 'REPLACED', -1, toInt64(followed))].4 AS last
    FROM
    (
        SELECT
            o.tenant_id AS tenant_id,
            o.provider AS provider,
            o.root_order_id AS root_order_id,
            arraySort(link -> (link.1, link.2), groupArray((
                o.generation,
                o.order_id,
                coalesce(o.replaced_by_order_id, ''),
                (
                    o.endpoint_id, o.order_id, o.external_order_id, o.status, o.is_final,
                    o.scheduled_at, o.first_assigned_at, o.assigned_at, o.picked_up_at,
                    o.delivered_at, o.ended_at, o.price_amount, o.price_currency, o.driver_id,
                    o.canceled_by, o.cancel_reason, o.fulfilment
                )
            ))) AS links,
            min(o.created_at) AS first_created_at,
            min(o.external_order_id) AS any_external_order_id,
            sum(o.late_count) AS all_late_count,
            min(o.first_received_at) AS oldest_received_at
        FROM {database}.orders_log AS o FINAL
        WHERE o.chained
        GROUP BY o.tenant_id, o.provider, o.root_order_id
    ) AS g
) AS c
WHERE coalesce(c.last.17, '') NOT IN ('TAKEAWAY', 'DINE_IN')
COMMENT 'One row for each root order: a chain of replaced orders counts once. Until a link has reached the old order, both orders count';
