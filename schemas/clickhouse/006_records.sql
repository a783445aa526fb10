-- Views of single records. Every view runs with the rights of whoever asks (INVOKER): a definer's
-- rights would pass by the row policies that keep tenants apart. FINAL stands inside each.
CREATE OR REPLACE VIEW {database}.events
SQL SECURITY INVOKER
AS SELECT *
FROM {database}.events_log FINAL
COMMENT 'One row for each event, newest revision; root_order_id and generation as known at release';

CREATE OR REPLACE VIEW {database}.orders
SQL SECURITY INVOKER
AS SELECT
    o.*,
    (toUnixTimestamp64Micro(o.first_assigned_at) - toUnixTimestamp64Micro(o.created_at)) / 1e6
        AS assign_seconds,
    (toUnixTimestamp64Micro(o.picked_up_at) - toUnixTimestamp64Micro(o.assigned_at)) / 1e6
        AS pickup_seconds,
    (toUnixTimestamp64Micro(o.delivered_at) - toUnixTimestamp64Micro(o.picked_up_at)) / 1e6
        AS delivery_seconds,
    (toUnixTimestamp64Micro(o.ended_at) - toUnixTimestamp64Micro(o.created_at)) / 1e6
        AS total_seconds
FROM {database}.orders_log AS o FINAL
COMMENT 'One row for each order, newest state';

CREATE OR REPLACE VIEW {database}.receipts
SQL SECURITY INVOKER
AS SELECT
    r.receipt_id, r.tenant_id, r.provider, r.endpoint_id, r.received_at, r.verdict, r.assurance,
    r.signature_scheme, r.secret_id, r.content_type, r.body_bytes, r.body_sha256, r.body_ref,
    r.overflow, r.spooled, r.replay_id, r._topic, r._partition, r._offset, r.loaded_at
FROM {database}.receipts_log AS r FINAL
COMMENT 'One row for each webhook that was received and kept';

-- A duplicate is never resolved; leaving it out keeps the search for events small.
CREATE OR REPLACE VIEW {database}.set_aside
SQL SECURITY INVOKER
AS SELECT
    s.set_aside_id, s.receipt_id, s.event_id, s.part, s.parts, s.tenant_id, s.provider,
    s.endpoint_id, s.order_id, s.stage, s.reason, s.detail, s.replayable, s.set_aside_at,
    s.source_topic, s.source_partition, s.source_offset, s.received_at,
    if(s.reason = 'DUPLICATE', NULL, e.first_released_at) AS resolved_at,
    s._topic, s._partition, s._offset, s.loaded_at
FROM {database}.set_aside_log AS s FINAL
LEFT JOIN
(
    SELECT
        l.tenant_id AS tenant_id, l.received_at AS received_at, l.receipt_id AS receipt_id,
        l.part AS part, toNullable(min(l.released_at)) AS first_released_at
    FROM {database}.events_log AS l
    WHERE (l.tenant_id, l.received_at, l.receipt_id) IN
    (
        SELECT d.tenant_id, d.received_at, d.receipt_id
        FROM {database}.set_aside_log AS d
        WHERE d.reason != 'DUPLICATE'
    )
    GROUP BY l.tenant_id, l.received_at, l.receipt_id, l.part
) AS e
ON s.tenant_id = e.tenant_id AND s.received_at = e.received_at
    AND s.receipt_id = e.receipt_id AND s.part = e.part
COMMENT 'One row for each outcome set aside; resolved_at: when a replay made an event of it';

CREATE OR REPLACE VIEW {database}.delivery_events
SQL SECURITY INVOKER
AS SELECT
    e.* EXCEPT (root_order_id, generation),
    coalesce(o.known_root_order_id, e.root_order_id) AS root_order_id,
    coalesce(o.known_generation, e.generation) AS generation,
    o.known_status AS order_status
FROM {database}.events_log AS e FINAL
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

CREATE OR REPLACE VIEW {database}.balances
SQL SECURITY INVOKER
AS SELECT
    b.tenant_id AS tenant_id,
    b.provider AS provider,
    b.endpoint_id AS endpoint_id,
    b.balance_currency AS balance_currency,
    argMax(b.balance_amount, (b.occurred_at, b.received_at, b.event_id)) AS balance_amount,
    max(b.occurred_at) AS occurred_at,
    argMax(b.event_id, (b.occurred_at, b.received_at, b.event_id)) AS event_id
FROM {database}.events_log AS b FINAL
WHERE b.balance_amount IS NOT NULL
GROUP BY b.tenant_id, b.provider, b.endpoint_id, b.balance_currency
COMMENT 'Newest known balance of each endpoint and currency';

CREATE OR REPLACE VIEW {database}.secret_use
SQL SECURITY INVOKER
AS SELECT
    r.tenant_id AS tenant_id,
    r.endpoint_id AS endpoint_id,
    r.secret_id AS secret_id,
    toDate(r.received_at) AS day,
    countIf(r.verdict = 'verified') AS verified
FROM {database}.receipts_log AS r FINAL
WHERE r.secret_id IS NOT NULL
GROUP BY r.tenant_id, r.endpoint_id, r.secret_id, toDate(r.received_at)
COMMENT 'How often each secret proved a webhook: tells when an old one can go';
