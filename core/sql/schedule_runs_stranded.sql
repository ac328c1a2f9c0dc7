-- Entries whose job is gone: given up after it ended its worker several times.
UPDATE schedule_runs r
SET state = 'failed', finished_at = %(now)s, error = coalesce(r.error, 'Its worker ended in the middle of it, repeatedly.')
WHERE r.state IN ('waiting', 'running')
  AND NOT EXISTS (
    SELECT 1 FROM procrastinate_jobs j
    WHERE j.task_name = %(task)s AND j.status IN ('todo', 'doing') AND (j.args ->> 'run_id')::bigint = r.run_id)
RETURNING r.run_id
