-- A run of a job begins.
UPDATE jobs SET started_at = %(now)s, finished_at = NULL, outcome = 'running', runs = runs + 1 WHERE name = %(name)s
