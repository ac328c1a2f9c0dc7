-- The newest entry of each schedule.
SELECT DISTINCT ON (schedule_id)
       run_id, schedule_id, first_day, last_day, due_at, state, attempts, resends, error, detail, reached, started_at,
       finished_at
FROM schedule_runs
ORDER BY schedule_id, due_at DESC, run_id DESC
