-- What was set aside is resolved once its part has a better outcome: an event, or one that repeats a
-- known event. A duplicate is final itself, and an event beyond the limit of a chain was released all
-- the same. Leaving both out keeps the search small.
CREATE OR REPLACE VIEW {database}.set_aside
SQL SECURITY INVOKER
AS SELECT
    s.set_aside_id, s.receipt_id, s.event_id, s.part, s.parts, s.tenant_id, s.provider,
    s.endpoint_id, s.order_id, s.stage, s.reason, s.detail, s.replayable, s.set_aside_at,
    s.source_topic, s.source_partition, s.source_offset, s.received_at,
    if(s.reason IN ('DUPLICATE', 'LINEAGE_LIMIT'), NULL, b.better_at) AS resolved_at,
    s._topic, s._partition, s._offset, s.loaded_at
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
            e.part AS part, e.released_at AS better_at
        FROM {database}.events_log AS e
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
COMMENT 'One row for each outcome set aside; resolved_at: when its part became an event, or proved to repeat one';

-- A delivery whose creation nobody reported counts on the day of its first receipt. Date32, since a
-- carrier's clock may say 1900 or 2200.
CREATE OR REPLACE VIEW {database}.provider_daily
SQL SECURITY INVOKER
AS SELECT
    d.tenant_id AS tenant_id,
    d.provider AS provider,
    toDate32(coalesce(d.requested_at, d.first_received_at)) AS day,
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
GROUP BY d.tenant_id, d.provider, toDate32(coalesce(d.requested_at, d.first_received_at))
COMMENT 'Deliveries by carrier and UTC day of the request; the states add up to deliveries, replaced stands beside them';
