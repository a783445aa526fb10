-- `raw_gaps` with what lies before the first webhook that was read, since offsets begin at 0; and without
-- what is known to be gone: a range that Kafka deleted before anybody read it never closes by itself, and
-- an audit that can't become clean again tells nobody anything. `waybill reload` closes it in `gaps_log`,
-- under exactly this range. Of webhooks older than `places_log` (018) it does the same.
CREATE OR REPLACE VIEW {database}.raw_gaps
SQL SECURITY INVOKER
AS SELECT
    g.topic AS topic,
    g.partition AS partition,
    g.before + 1 AS first_offset,
    g.offset - 1 AS last_offset
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
    AND (g.topic, g.partition, g.before + 1, g.offset - 1) NOT IN
    (
        SELECT c.topic, c.partition, c.first_offset, c.last_offset
        FROM {database}.gaps_log AS c FINAL
        WHERE c.is_closed
    )
COMMENT 'Offsets of the raw topics that the sink passed over, and that Kafka may still have';
