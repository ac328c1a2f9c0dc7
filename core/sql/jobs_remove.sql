-- Remove the jobs that ended before a time, for good or not.
DELETE FROM procrastinate_jobs job
WHERE job.status NOT IN ('todo', 'doing')
  AND NOT EXISTS (SELECT FROM procrastinate_events e WHERE e.job_id = job.id AND e.at >= %(before)s)
