-- The rows of an event stand in one partition: its key has the day of what partitions are made of. The
-- server can't see that by itself, and FINAL would merge what is merged already; so it is told.
CREATE OR REPLACE VIEW {database}.events
SQL SECURITY INVOKER
AS SELECT *
FROM {database}.events_log FINAL
SETTINGS do_not_merge_across_partitions_select_final = 1
COMMENT 'One row for each event, newest revision; root_order_id and generation as known at release';

CREATE OR REPLACE VIEW {database}.delivery_events
SQL SECURITY INVOKER
AS SELECT
    e.* EXCEPT (root_order_id, generation),
    coalesce(o.known_root_order_id, e.root_order_id) AS root_order_id,
    coalesce(o.known_generation, e.generation) AS generation,
    o.known_status AS order_status
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
SETTINGS do_not_merge_across_partitions_select_final = 1
COMMENT 'Newest known balance of each endpoint and currency';

-- Event-time order as the enricher has it: time, rank of the status (of the kind where the event
-- bears none), receipt, id. The ranks are those of Status::rank and Kind::rank; a test compares them.
-- One window for both columns: two frames would be two passes.
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
