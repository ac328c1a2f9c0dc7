-- Put a job into the queue; its number, or no row when one with this key waits already.
INSERT INTO procrastinate_jobs (queue_name, task_name, lock, queueing_lock, args, scheduled_at)
VALUES (%(queue)s, %(name)s, %(lock)s, %(key)s, %(arguments)s, %(at)s)
ON CONFLICT (queueing_lock) WHERE status = 'todo' DO NOTHING
RETURNING id
