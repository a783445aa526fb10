-- As before (027), and what lies behind the last webhook that is here, up to where every stage has come. A
-- store that was lost, or restored from an older copy, begins again where the sink's groups stand in Kafka,
-- and until a webhook comes to a partition nothing in that partition has a place behind what is missing.
CREATE OR REPLACE VIEW {database}.raw_gaps
SQL SECURITY INVOKER
AS SELECT
    r.topic AS topic,
    r.partition AS partition,
    r.first_offset AS first_offset,
    r.last_offset AS last_offset
FROM
(
    SELECT
        g.topic AS topic, g.partition AS partition,
        g.before + 1 AS first_offset, g.offset - 1 AS last_offset
    FROM
    (
        SELECT
            p.topic AS topic, p.partition AS partition, p.offset AS offset,
            lagInFrame(p.offset, 1, toInt64(-1)) OVER (
                PARTITION BY p.topic, p.partition ORDER BY p.offset
                ROWS BETWEEN 1 PRECEDING AND CURRENT ROW
            ) AS before
        FROM {database}.places_log AS p
    ) AS g
    INNER JOIN
    (
        SELECT l.topic AS topic, l.partition AS partition, l.next_offset AS next_offset
        FROM {database}.frontiers_log AS l FINAL
        WHERE l.consumer = 'settled'
    ) AS f
    ON g.topic = f.topic AND g.partition = f.partition
    WHERE g.offset > g.before + 1 AND g.offset <= f.next_offset
    UNION ALL
    SELECT
        e.topic, e.partition, ifNull(m.next_place, 0) AS first_offset, e.next_offset - 1
    FROM {database}.frontiers_log AS e FINAL
    LEFT JOIN
    (
        SELECT p.topic AS topic, p.partition AS partition, toNullable(max(p.offset) + 1) AS next_place
        FROM {database}.places_log AS p
        GROUP BY p.topic, p.partition
    ) AS m
    ON e.topic = m.topic AND e.partition = m.partition
    WHERE e.consumer = 'settled' AND e.next_offset > ifNull(m.next_place, 0)
) AS r
WHERE (r.topic, r.partition, r.first_offset, r.last_offset) NOT IN
(
    SELECT c.topic, c.partition, c.first_offset, c.last_offset
    FROM {database}.gaps_log AS c FINAL
    WHERE c.is_closed
)
COMMENT 'Offsets of the raw topics that the store knows nothing of although every stage has passed them';
