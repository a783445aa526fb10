-- Event-time order as the enricher has it: time, rank of the status (of the kind where the event
-- bears none), receipt, id. The ranks are those of Status::rank and Kind::rank; a test compares them.
CREATE OR REPLACE VIEW {database}.order_timeline
SQL SECURITY INVOKER
AS SELECT
    t.tenant_id AS tenant_id,
    t.provider AS provider,
    t.order_id AS order_id,
    row_number() OVER history AS position,
    (toUnixTimestamp64Micro(t.occurred_at) - lagInFrame(toNullable(toUnixTimestamp64Micro(t.occurred_at)))
        OVER (history ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)) / 1e6
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
) AS t
WINDOW history AS (
    PARTITION BY t.tenant_id, t.provider, t.order_id
    ORDER BY t.occurred_at, t.rank, t.received_at, t.event_id
)
COMMENT 'The events of each order in the order in which they occurred';
