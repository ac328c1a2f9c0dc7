-- Runs of tap workers that followed another run of the same worker, begun in [`start`, `end`): the relay, the worker,
-- when the run before was last heard of, when this one began, whether the one before ended in order. A worker that began
-- within a minute of the first one of its host is left out: they were restarted together. Workers of host n are numbered
-- from n * 64 on.
WITH runs AS (
    SELECT source, relay, worker, started_at,
           lag(newest_at) OVER earlier AS newest_before, lag(ended) OVER earlier AS in_order
    FROM ingest_runs
    WHERE worker IS NOT NULL AND started_at IS NOT NULL
    WINDOW earlier AS (PARTITION BY relay, worker ORDER BY started_at, number)
)
SELECT source, relay, worker %% 64, least(newest_before, started_at), started_at, in_order
FROM runs
WHERE started_at >= %(start)s AND started_at < %(end)s AND newest_before IS NOT NULL
  AND (worker %% 64 = 0 OR NOT EXISTS (
        SELECT FROM ingest_runs first
        WHERE first.relay = runs.relay AND first.worker = runs.worker / 64 * 64
          AND first.started_at BETWEEN runs.started_at - interval '1 minute' AND runs.started_at + interval '1 minute'))
ORDER BY started_at, source
