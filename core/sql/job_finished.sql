-- A run of a job has ended: its result, or why it failed.
UPDATE jobs SET
    finished_at = %(now)s,
    outcome = %(outcome)s,
    result = CASE WHEN %(error)s::text IS NULL THEN %(result)s ELSE result END,
    failures = failures + (%(error)s::text IS NOT NULL)::int,
    failed_at = CASE WHEN %(error)s::text IS NULL THEN failed_at ELSE %(now)s END,
    error = coalesce(%(error)s, error)
WHERE name = %(name)s
