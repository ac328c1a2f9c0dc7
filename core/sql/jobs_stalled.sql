-- Jobs that a worker was doing which was not heard of for %(seconds)s seconds: number, task, attempts before.
SELECT job.id, job.task_name, job.attempts
FROM procrastinate_jobs job LEFT JOIN procrastinate_workers worker ON worker.id = job.worker_id
WHERE job.status = 'doing'
  AND (worker.id IS NULL OR worker.last_heartbeat < now() - make_interval(secs => %(seconds)s))
ORDER BY job.id
