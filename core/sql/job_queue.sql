-- How the queue is: jobs that are due and wait, since when the oldest does, jobs that run, jobs that failed for good, and
-- workers that were heard of in the last %(seconds)s seconds.
SELECT
    count(*) FILTER (WHERE due),
    (SELECT min(coalesce(j.scheduled_at, e.at))
     FROM procrastinate_jobs j JOIN procrastinate_events e ON e.job_id = j.id AND e.type = 'deferred'
     WHERE j.status = 'todo' AND (j.scheduled_at IS NULL OR j.scheduled_at <= now())),
    count(*) FILTER (WHERE status = 'doing'),
    count(*) FILTER (WHERE status = 'failed'),
    (SELECT count(*) FROM procrastinate_workers WHERE last_heartbeat > now() - make_interval(secs => %(seconds)s))
FROM (
    SELECT status, status = 'todo' AND (scheduled_at IS NULL OR scheduled_at <= now()) AS due FROM procrastinate_jobs
) jobs
