-- Projections are built when parts merge and not at each insert, where they cost a third of its time. Until
-- then sums read the rows of young parts themselves, which are few.
ALTER TABLE {database}.events_log MODIFY SETTING
    materialize_projections_on_insert = 0, materialize_projections_on_merge = 1;

ALTER TABLE {database}.receipts_log MODIFY SETTING
    materialize_projections_on_insert = 0, materialize_projections_on_merge = 1;
