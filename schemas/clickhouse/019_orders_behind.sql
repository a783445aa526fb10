-- Orders whose newest snapshot is older than their events say, or is not here at all: somebody deleted
-- its row, the sink passed over its place, or the store refused it. An order's version is the sequence
-- of its last event. Both tables speak of the same order where they have the same first receipt: an
-- order that was forgotten and is named again begins anew.
CREATE OR REPLACE VIEW {database}.orders_behind
SQL SECURITY INVOKER
AS SELECT
    e.tenant_id AS tenant_id,
    e.provider AS provider,
    e.order_id AS order_id,
    e.endpoint_id AS endpoint_id,
    e.first_received_at AS first_received_at,
    e.sequence AS sequence,
    maxIf(o.version, o.first_received_at = e.first_received_at) AS version
FROM
(
    SELECT
        l.tenant_id AS tenant_id,
        l.provider AS provider,
        assumeNotNull(l.order_id) AS order_id,
        l.order_first_received_at AS first_received_at,
        any(l.endpoint_id) AS endpoint_id,
        max(l.sequence) AS sequence
    FROM {database}.events_log AS l
    WHERE l.order_id IS NOT NULL AND l.loaded_at < now64(6, 'UTC') - INTERVAL 5 MINUTE
    GROUP BY l.tenant_id, l.provider, l.order_id, l.order_first_received_at
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
GROUP BY e.tenant_id, e.provider, e.order_id, e.endpoint_id, e.first_received_at, e.sequence
HAVING max(o.version) = 0
    OR (version < e.sequence AND max(o.first_received_at = e.first_received_at))
COMMENT 'Orders whose snapshot is missing or older than their events of more than 5 minutes ago';
