-- The entry of a period in the ledger, unless it is there: each period has one. One that was superseded comes to life.
INSERT INTO schedule_runs (schedule_id, first_day, last_day, due_at, state, error)
VALUES (%(schedule_id)s, %(first)s, %(last)s, %(due_at)s, %(state)s, %(error)s)
ON CONFLICT (schedule_id, first_day, last_day) DO UPDATE
SET state = excluded.state, due_at = excluded.due_at, error = excluded.error, attempts = 0, reached = '{}',
    resends = schedule_runs.resends + 1
WHERE schedule_runs.state = 'superseded' AND excluded.state = 'waiting'
RETURNING run_id
