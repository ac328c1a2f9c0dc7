-- Entries of the ledger, the newest first; of one schedule, or one entry.
SELECT run_id, schedule_id, first_day, last_day, due_at, state, attempts, resends, error, detail, reached, started_at,
       finished_at
FROM schedule_runs
WHERE (%(schedule_id)s::integer IS NULL OR schedule_id = %(schedule_id)s)
  AND (%(run_id)s::bigint IS NULL OR run_id = %(run_id)s)
ORDER BY due_at DESC, run_id DESC
LIMIT %(limit)s
