-- A part with a projection and one without are never merged. Built at merges only (016), a block that
-- stood alone between merged parts, as a large one does after an outage, stayed there for ever, and
-- nothing merged across it. Each insert builds them now; what was written without gets them.
ALTER TABLE {database}.events_log MODIFY SETTING
    materialize_projections_on_insert = 1, materialize_projections_on_merge = 1;

ALTER TABLE {database}.events_log MATERIALIZE PROJECTION ten_minute_balance;

ALTER TABLE {database}.receipts_log MODIFY SETTING
    materialize_projections_on_insert = 1, materialize_projections_on_merge = 1;

ALTER TABLE {database}.receipts_log MATERIALIZE PROJECTION ten_minutes;
